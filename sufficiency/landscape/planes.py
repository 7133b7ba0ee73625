"""Mean losses on lines and planes through weight space, and grids of coordinates on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._types import Floats
from sufficiency._validation import check_integer
from sufficiency.data.rows import as_inputs, take_rows
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.engine.loss_matrix import can_vectorize, mean_losses
from sufficiency.landscape.directions import as_direction
from sufficiency.landscape.fitted_nets import fitted_net
from sufficiency.nets.losses import LossFunction, Weights, check_mean_of_losses

Direction = Mapping[str, Any]

_POINTS = 25
# np.linspace and np.arange miss a zero between their ends by some roundings of the larger end.
_ROUNDING = 1e-12
# Beyond the outermost point, as a share of the distance between the points.
_MARGIN = 0.25


@dataclass(frozen=True, eq=False)
class SubspaceDraws:
    """Weights w* + Σ_i c_i d_i for the engine, made block by block: no grid of them is kept."""

    center: Weights  # parameters that some direction moves
    directions: Sequence[Weights]
    coefficients: Floats  # (M, n), a row for each point

    @property
    def n_draws(self) -> int:
        """M."""
        return len(self.coefficients)

    @property
    def bytes_per_draw(self) -> int:
        """Size of one point's weights."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.center.values())

    def block(self, start: int, stop: int) -> Weights:
        """Points start … stop−1, stacked along a new first axis."""
        rows = torch.as_tensor(self.coefficients[start:stop])
        stacked = {}
        for name, w in self.center.items():
            moved = w.expand(len(rows), *w.shape).clone()
            for column, direction in zip(rows.unbind(1), self.directions, strict=True):
                if name in direction:
                    steps = column.to(w).reshape(-1, *(1 for _ in w.shape))
                    moved += steps * direction[name]
            stacked[name] = moved
        return stacked


class MeanLoss:
    """Mean losses of an initialized net around its weights, checked on all its samples first."""

    def __init__(self, net: NeuralNet, X: Any, y: npt.NDArray) -> None:
        check_mean_of_losses(net, X, y)
        self.net = net
        self.center = LossFunction(net).center()
        self.vectorize = can_vectorize(net, take_rows(X, slice(8)), y[:8])

    def draws(self, directions: Sequence[Direction], coefficients: Floats) -> SubspaceDraws:
        """Points at w* plus directions, which are given as arrays or tensors by name."""
        names = "uv" if len(directions) == 2 else ["u"] * len(directions)
        pairs = zip(names, directions, strict=True)
        checked = [as_direction(name, self.center, direction) for name, direction in pairs]
        moved = {n: w for n, w in self.center.items() if any(n in d for d in checked)}
        return SubspaceDraws(moved, checked, coefficients)

    def plane(self, u: Direction, v: Direction, *grids: Floats) -> SubspaceDraws:
        """Points of a plane's grid, the second axis running fastest."""
        points = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1)
        return self.draws([u, v], points.reshape(-1, 2))

    def plan(self, draws: SubspaceDraws, X: Any, y: npt.NDArray) -> BlockPlan:
        """How the engine goes through points and samples."""
        n, size = draws.n_draws, draws.bytes_per_draw
        return plan_blocks(self.net, X, y, n_draws=n, vectorize=self.vectorize, weight_bytes=size)

    def __call__(self, draws: SubspaceDraws, X: Any, y: npt.NDArray) -> Floats:
        """(M,) mean losses over some samples; not finite where the loss is not."""
        # losses that overflow are masked and counted by the displays
        with np.errstate(invalid="ignore", over="ignore"):
            return mean_losses(self.net, draws, X, y, self.plan(draws, X, y))


def loss_plane(
    net: Any,
    X: Any,
    y: npt.ArrayLike,
    u: Direction,
    v: Direction,
    alphas: npt.ArrayLike,
    betas: npt.ArrayLike,
) -> Floats:
    """
    Mean loss over a plane through a net's weights, f(α, β) = L(w* + αu + βv).

    Parameters
    ----------
    net : NeuralNet
        Fitted (or initialized); its weights are w*. Nothing of it is changed.
    X, y : array-like
        Samples of the mean loss, in the form in which the net itself is trained.
    u, v : dict of {str: array}
        Directions by parameter name, in units of weights; parameters that are left out stay.
        Those of :class:`Directions`, or your own.
    alphas, betas : array-like of shape (A,) and (B,)
        Coordinates: finite, strictly increasing, at least two each.

    Returns
    -------
    (A, B) float64
        In units of the loss; NaN or infinite where the loss is.

    Raises
    ------
    UnsupportedNetError
        If the net's loss is no mean over samples.
    ValueError
        If a direction or a grid does not fit.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging, section 5.1.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> from sufficiency.landscape import loss_plane
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=1, module__out_features=1)
    >>> _ = net.initialize().module_.load_state_dict(
    ...     {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
    >>> X = np.array([[1.0]], dtype="float32")
    >>> u, v = {"weight": np.array([[1.0]])}, {"bias": np.array([2.0])}
    >>> loss_plane(net, X, np.zeros_like(X), u, v, [0, 1], [0, 1, 2])  # (α + 2β)²
    array([[ 0.,  4., 16.],
           [ 1.,  9., 25.]])
    """
    alphas, betas = _check_grid("alphas", alphas), _check_grid("betas", betas)
    X, y = as_inputs(X), np.asarray(y)
    losses = MeanLoss(fitted_net(net), X, y)
    return losses(losses.plane(u, v, alphas, betas), X, y).reshape(len(alphas), len(betas))


def loss_line(net: Any, X: Any, y: npt.ArrayLike, u: Direction, alphas: npt.ArrayLike) -> Floats:
    """
    Mean loss along a line through a net's weights, f(α) = L(w* + αu).

    Parameters
    ----------
    net, X, y, u, alphas
        As in :func:`loss_plane`.

    Returns
    -------
    (A,) float64
        In units of the loss.
    """
    alphas = _check_grid("alphas", alphas)
    X, y = as_inputs(X), np.asarray(y)
    losses = MeanLoss(fitted_net(net), X, y)
    return losses(losses.draws([u], alphas[:, None]), X, y)


def change_plane(
    net: Any,
    X: Any,
    y: npt.ArrayLike,
    u: Direction,
    v: Direction,
    alphas: npt.ArrayLike,
    betas: npt.ArrayLike,
    *,
    size: int,
    grow: int = 1,
) -> Floats:
    """
    Change of the mean loss when `grow` samples come to `size`, over a plane: L_{k+m} − L_k.

    Computed as m/(k+m) · (mean loss of the new samples − L_k): subtracting two means that share
    k samples would lose its digits.

    Parameters
    ----------
    net, u, v, alphas, betas
        As in :func:`loss_plane`.
    X, y : array-like
        The first k samples are D_k, the next m the new ones; what comes after them is not used.
    size : int
        k ≥ 1.
    grow : int, default=1
        m ≥ 1; the paper's figures add one.

    Returns
    -------
    (A, B) float64
        With its sign, in units of the loss; NaN or infinite where a loss is.

    Raises
    ------
    ValueError
        As :func:`loss_plane`, and if there are fewer than k + m samples.
    """
    alphas, betas = _check_grid("alphas", alphas), _check_grid("betas", betas)
    size, grow = check_integer("size", size, 1), check_integer("grow", grow, 1)
    X, y = as_inputs(X), np.asarray(y)
    if len(y) < size + grow:
        raise ValueError(
            f"`X` must hold at least size + grow = {size + grow} samples, got {len(y)}"
        )
    losses = MeanLoss(fitted_net(net), X, y)
    draws, added = losses.plane(u, v, alphas, betas), slice(size, size + grow)
    old = losses(draws, take_rows(X, slice(size)), y[:size])
    new = losses(draws, take_rows(X, added), y[added])
    with np.errstate(invalid="ignore"):
        change = grow / (size + grow) * (new - old)
    return change.reshape(len(alphas), len(betas))


def _check_grid(name: str, grid: npt.ArrayLike) -> Floats:
    """Return `grid` as float64 if it is finite and strictly increasing."""
    values = np.asarray(grid)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"`{name}` must be a row of numbers, got shape {values.shape} and dtype "
            f"{values.dtype}; use np.linspace(-1, 1, 25)"
        )
    if len(values) < 2:
        raise ValueError(
            f"`{name}` must have at least 2 points, got {len(values)}; a slice needs a direction "
            "to go: use np.linspace(-1, 1, 25)"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be finite, got {values[~np.isfinite(values)][0]}")
    if (np.diff(values) <= 0).any():
        raise ValueError(
            f"`{name}` must be strictly increasing, got {values.tolist()[:5]}…; sort it and drop "
            "duplicates"
        )
    return values


def centered_grid(name: str, grid: npt.ArrayLike) -> Floats:
    """Return a grid that holds the center, 0, exactly."""
    values = _check_grid(name, grid)
    values = np.where(np.abs(values) <= _ROUNDING * np.abs(values).max(), 0.0, values)
    if not (values == 0).any():
        raise ValueError(
            f"`{name}` must contain 0, the center that the figure marks, got {len(values)} points "
            f"from {values[0]:g} to {values[-1]:g}; take an odd number of points around 0: "
            "np.linspace(-1, 1, 25)"
        )
    return values


def plane_grids(grid: Any) -> tuple[Floats, Floats] | None:
    """Grids of both axes from one grid, or from a pair of them; None stays None."""
    if grid is None:
        return None
    if isinstance(grid, (tuple, list)) and len(grid) == 2 and np.ndim(grid[0]) == 1:
        return centered_grid("grid[0]", grid[0]), centered_grid("grid[1]", grid[1])
    both = centered_grid("grid", grid)
    return both, both


def default_grid(reach: float, coordinates: Floats | None = None) -> Floats:
    """Points from −`reach` to `reach`; or over the center, some points, and a quarter beyond."""
    if coordinates is None:
        return reach * np.linspace(-1.0, 1.0, _POINTS)
    low, high = min(0.0, float(coordinates.min())), max(0.0, float(coordinates.max()))
    margin = _MARGIN * (high - low)
    return np.union1d(np.linspace(low - margin, high + margin, _POINTS), [0.0])
