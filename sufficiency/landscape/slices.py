"""Slices of a landscape and of its change: what is drawn, and nothing that was needed for it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_number
from sufficiency.landscape.frame import Frame
from sufficiency.landscape.grids import centered_grid

__all__ = ["ChangeSlice", "LandscapeSlice", "LineSlices"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LandscapeSlice:
    """
    Mean losses f(α, β) = L_k(w* + αu + βv).

    Attributes
    ----------
    alphas : (A,) float64
        Coordinates along u; 0 is among them.
    betas : (B,) float64
        Coordinates along v; 0 is among them.
    losses : (A, B) float64
        In units of the loss; NaN or infinite where the loss is, but not at the center.
    size : int, optional
        k, samples in the mean.
    frame : Frame, optional
        What is known of u and v.
    center : str, default="trained weights"
        What w* is, for legends.

    Raises
    ------
    ValueError
        If grids or shapes do not fit, or the loss at the center is not finite.
    """

    alphas: Array
    betas: Array
    losses: Array
    size: int | None = None
    frame: Frame | None = None
    center: str = "trained weights"

    def __post_init__(self) -> None:
        """Check the data."""
        _check_plane("losses", self.losses, self.alphas, self.betas)


@dataclass(frozen=True, eq=False)
class ChangeSlice:
    """
    Change of the mean loss L_{k+m} − L_k over a plane, when m samples come to k.

    Attributes
    ----------
    alphas, betas : (A,) and (B,) float64
        As in :class:`LandscapeSlice`.
    change : (A, B) float64
        With its sign, in units of the loss.
    size, grow : int
        k and m, samples.
    sigma : float, default=0.1
        Of p(w), in units of the coordinates.
    frame, center
        As in :class:`LandscapeSlice`.

    Raises
    ------
    ValueError
        As for :class:`LandscapeSlice`.
    """

    alphas: Array
    betas: Array
    change: Array
    size: int
    grow: int = 1
    sigma: float = 0.1
    frame: Frame | None = None
    center: str = "trained weights"

    def __post_init__(self) -> None:
        """Check the data."""
        _check_plane("change", self.change, self.alphas, self.betas)
        check_number("sigma", self.sigma, above=0.0)

    @property
    def density(self) -> Array:
        """
        (A, B) density p(α, β) of independent normal coordinates of standard deviation `sigma`.

        That is how :class:`sufficiency.probes.RandomSubspace` with ``dim=2`` draws weights in the
        plane. Its integral over the plane is 1.
        """
        squares = self.alphas[:, None] ** 2 + self.betas**2
        variance = self.sigma**2
        return np.asarray(np.exp(-squares / (2 * variance)) / (2 * np.pi * variance))

    def values(self, *, squared: bool = False, weighted: bool = False) -> Array:
        """
        What figure 6 of the paper draws.

        Parameters
        ----------
        squared : bool, default=False
            (L_{k+m} − L_k)², as in the text of section 5.4; otherwise with its sign, as in the
            caption.
        weighted : bool, default=False
            Times p(w): squared, the integrand of Δ.

        Returns
        -------
        (A, B) float64
            In loss or loss², by area of the plane where weighted.
        """
        values = self.change**2 if squared else self.change
        return values * self.density if weighted else values


@dataclass(frozen=True, eq=False)
class LineSlices:
    """
    Mean losses f_i(α) = L_k(w* + αu_i) along several directions.

    Attributes
    ----------
    alphas : (A,) float64
        Coordinates; 0 is among them.
    losses : (D, A) float64
        A row for each direction, in units of the loss.
    size : int, optional
        k, samples in the mean.
    unit : str, default="u"
        What a coordinate of 1 is.
    center : str, default="trained weights"
        As in :class:`LandscapeSlice`.

    Raises
    ------
    ValueError
        As for :class:`LandscapeSlice`.
    """

    alphas: Array
    losses: Array
    size: int | None = None
    unit: str = "u"
    center: str = "trained weights"

    def __post_init__(self) -> None:
        """Check the data."""
        zero = centered_grid("alphas", self.alphas) == 0
        losses = np.asarray(self.losses)
        if losses.ndim != 2 or losses.shape[1] != len(zero) or not len(losses):
            raise ValueError(
                f"`losses` must have shape (directions, {len(zero)}), got {losses.shape}"
            )
        _check_center("losses", losses[:, zero])


def _check_plane(name: str, values: Array, alphas: Array, betas: Array) -> None:
    """Refuse a plane whose grid, shape or center cannot be drawn."""
    rows, columns = centered_grid("alphas", alphas) == 0, centered_grid("betas", betas) == 0
    if np.shape(values) != (len(rows), len(columns)):
        raise ValueError(
            f"`{name}` must have shape ({len(rows)}, {len(columns)}), got {np.shape(values)}"
        )
    _check_center(name, np.asarray(values)[np.ix_(rows, columns)])


def _check_center(name: str, at_center: Array) -> None:
    if not np.isfinite(at_center).all():
        raise ValueError(
            f"`{name}` must be finite at the center, got {at_center.flat[0]}; the training "
            "diverged, there is no landscape around its weights"
        )
