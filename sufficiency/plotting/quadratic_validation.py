"""Error of the quadratic model against the scale of the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sufficiency.curvature import QuadraticValidation
from sufficiency.plotting.lines import CurveDisplay, bars_on_log_axis, plot_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["QuadraticValidationDisplay"]


class QuadraticValidationDisplay(CurveDisplay):
    """
    Relative error of the quadratic increment over σ, and the largest valid σ.

    Parameters
    ----------
    validation : QuadraticValidation
        From :func:`sufficiency.curvature.validate_quadratic`.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        After :meth:`plot`.
    errors_ : matplotlib ErrorbarContainer
        Errors and their standard errors.
    tolerance_ : matplotlib Line2D
        The largest error that counts as valid.
    largest_ : matplotlib Line2D
        The largest valid σ; None if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from sufficiency.curvature import QuadraticValidation
    >>> from sufficiency.plotting import QuadraticValidationDisplay
    >>> validation = QuadraticValidation(
    ...     sigmas=np.array([0.01, 0.1]), relative_error=np.array([0.001, 0.5]),
    ...     stderr=np.array([1e-4, 0.05]), delta_ratio=np.array([1.0, 1.6]), tolerance=0.1,
    ...     n_draws=16, n_candidates=100)
    >>> display = QuadraticValidationDisplay(validation).plot()
    >>> print(display.ax_.get_title())
    the quadratic model is within 10% up to a scale of 0.01
    """

    def __init__(self, validation: QuadraticValidation) -> None:
        self.validation = validation

    @classmethod
    def from_validation(
        cls, validation: QuadraticValidation, *, ax: Axes | None = None
    ) -> QuadraticValidationDisplay:
        """
        Draw a validation.

        Parameters
        ----------
        validation, ax
            As in the class and in :meth:`plot`.

        Returns
        -------
        QuadraticValidationDisplay
            Drawn.
        """
        return cls(validation).plot(ax=ax)

    def _draw(self, ax: Axes) -> None:
        found = self.validation
        self.errors_ = plot_points(
            ax,
            found.sigmas,
            found.relative_error,
            bars_on_log_axis(found.relative_error, found.stderr),
            fmt="o-",
            color="C0",
            label=f"error ± s.e., {found.n_draws} draws, {found.n_candidates} candidates",
        )
        self.tolerance_ = ax.axhline(
            found.tolerance, color="C3", linewidth=1, label=f"tolerance {found.tolerance:.2g}"
        )
        self.largest_ = None
        if np.isfinite(found.largest_valid):
            label = f"largest valid: {found.largest_valid:.3g}"
            self.largest_ = ax.axvline(
                found.largest_valid, color="C2", linewidth=1, linestyle=":", label=label
            )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="scale σ of the probe",
            ylabel="relative error of the quadratic increment (rms)",
            title=str(found),
        )
        ax.legend()
