"""Second-order Taylor expansion of losses along directions, and how far it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.curvature.derivatives import LossDerivatives, displacements, flatten, unflatten
from sufficiency.data.rows import take_rows
from sufficiency.engine.blocks import BlockPlan, plan_blocks
from sufficiency.engine.loss_matrix import StackedWeights, loss_matrix, mean_losses
from sufficiency.nets.losses import LossFunction
from sufficiency.nets.skorch_nets import skorch_net


@dataclass(frozen=True, eq=False)
class TaylorTerms:
    """ℓ_j − L_k around a center, along m directions δ, for J candidates."""

    values: Floats  # (J,), at the center
    slopes: Floats  # (J, m), (∇ℓ_j − ∇L_k)ᵀδ
    curvatures: Floats  # (J, m), δᵀ(H_j − H_k)δ

    def differences(self, step: float = 1.0) -> Floats:
        """The model's ℓ_j − L_k at the center plus ``step·δ``."""
        return (self.values[:, None] + step * self.slopes + step**2 / 2 * self.curvatures).T


def taylor_terms(
    train: LossDerivatives, candidates: LossDerivatives, directions: Floats
) -> TaylorTerms:
    """Expand the difference between the candidates' losses and the training loss."""
    loss, gradient, products = train.mean(directions)
    slope, curvature = gradient @ directions, (directions * products).sum(0)
    values, slopes, curvatures = [], [], []
    for block in candidates.each(directions):
        values.append(block.losses - loss)
        slopes.append(block.gradients @ directions - slope)
        curvatures.append(np.einsum("bmn,nm->bm", block.products, directions) - curvature)
    return TaylorTerms(np.concatenate(values), np.concatenate(slopes), np.concatenate(curvatures))


@dataclass(frozen=True, eq=False)
class QuadraticValidation:
    """
    How well the quadratic model predicts the increments, over the scale of the probe.

    Attributes
    ----------
    sigmas : (S,) float64
        Scales, increasing.
    relative_error : (S,) float64
        √(mean_tj (true − quadratic)² / mean_tj true²) of the increments ℓ_j − L_k.
    stderr : (S,) float64
        Its standard error over the draws (jackknife).
    delta_ratio : (S,) float64
        Quadratic Δ over true Δ, of the same draws.
    tolerance : float
        Largest relative error that counts as valid.
    n_draws, n_candidates : int
        What the means run over.
    """

    sigmas: Floats
    relative_error: Floats
    stderr: Floats
    delta_ratio: Floats
    tolerance: float
    n_draws: int
    n_candidates: int

    @property
    def largest_valid(self) -> float:
        """The largest scale up to which no error exceeds the tolerance; NaN if there is none."""
        bad = ~(self.relative_error <= self.tolerance)
        count = int(bad.argmax()) if bad.any() else len(self.sigmas)
        return float(self.sigmas[count - 1]) if count else float("nan")

    def __str__(self) -> str:
        """One sentence."""
        limit = self.largest_valid
        if np.isnan(limit):
            return (
                f"the quadratic model is off by more than {self.tolerance:.0%} at every scale "
                f"from {self.sigmas[0]:g}"
            )
        return f"the quadratic model is within {self.tolerance:.0%} up to a scale of {limit:g}"


def quadratic_validation(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    X_candidates: npt.NDArray,
    y_candidates: npt.NDArray,
    sigmas: npt.ArrayLike,
    *,
    scale: str = "layer",
    directions: Floats | None = None,
    parameters: Sequence[str] | None = None,
    n_draws: int = 16,
    tolerance: float = 0.1,
    random_state: RandomState = 0,
) -> QuadraticValidation:
    """
    Relative error of the Taylor increment against the true one, over a grid of scales.

    All scales share their directions, so that the error is a smooth function of σ.

    Parameters
    ----------
    net : NeuralNet
        Initialized, at a center; nothing of it is changed.
    X, y : arrays
        The k samples the center was trained on, encoded.
    X_candidates, y_candidates : arrays
        J unseen samples.
    sigmas : array-like
        σ > 0; sorted.
    scale : {"layer", "absolute"}, default="layer"
        Directions are standard normal, times the root mean square of each parameter tensor or
        times 1, as in :class:`sufficiency.probes.IsotropicGaussian`.
    directions : (N, m) float64, optional
        Other displacements of the weights at σ = 1, for other probes; then `scale`, `n_draws`
        and `random_state` are not used.
    parameters : sequence of str, optional
        Names of the parameters that move; None: all trainable.
    n_draws : int, default=16
        Directions, at least 2.
    tolerance : float, default=0.1
        Largest relative error that counts as valid.
    random_state : int, RandomState instance or None, default=0
        Of the directions.

    Returns
    -------
    QuadraticValidation
        Drawn by :class:`sufficiency.plotting.QuadraticValidationDisplay`.

    Raises
    ------
    ValueError
        If a scale is not a number > 0, or `directions` do not fit.
    """
    grid = np.unique([check_number("sigmas", float(s), above=0.0) for s in np.ravel(sigmas)])
    tolerance = check_number("tolerance", tolerance, above=0.0)
    train = LossDerivatives(net, X, y, parameters=parameters)
    candidates = LossDerivatives(net, X_candidates, y_candidates, parameters=parameters)
    if directions is None:
        n_draws = check_integer("n_draws", n_draws, 2)
        check_choice("scale", scale, ("layer", "absolute"))
        directions = _normal_directions(train, scale, n_draws, seed_from(random_state))
    elif directions.ndim != 2 or len(directions) != train.n_parameters or directions.shape[1] < 2:
        raise ValueError(
            f"`directions` must have shape ({train.n_parameters}, m) with m >= 2, got "
            f"{directions.shape}"
        )
    terms = taylor_terms(train, candidates, directions)
    rows = []
    for sigma in grid:
        true = true_differences(train, candidates, sigma * directions)
        model = terms.differences(float(sigma))
        rows.append([*_relative_error(true, model), (model**2).mean() / (true**2).mean()])
    errors, stderrs, ratios = np.array(rows).T
    counts = directions.shape[1], candidates.n_samples
    return QuadraticValidation(grid, errors, stderrs, ratios, tolerance, *counts)


def validate_quadratic(
    est: Any,
    sigmas: npt.ArrayLike,
    *,
    n_draws: int = 16,
    tolerance: float = 0.1,
    random_state: RandomState = 0,
) -> QuadraticValidation:
    """
    :func:`quadratic_validation` at the net of a fitted estimator, along draws of its own probe.

    Parameters
    ----------
    est : LandscapeSufficiencyEstimator
        Fitted, with ``refit=True``. Half of the 64 samples that it keeps stand for L_k, the
        other half for candidates: the model's error is about the loss, not about who has seen
        which sample.
    sigmas : array-like
        Scales, in the probe's own unit of `sigma`; for a probe without one, multiples of it.
    n_draws, tolerance, random_state
        As in :func:`quadratic_validation`.

    Returns
    -------
    QuadraticValidation
        Drawn by :class:`sufficiency.plotting.QuadraticValidationDisplay`.

    Raises
    ------
    NotFittedError
        Without a ``net_``.
    """
    check_is_fitted(est, "net_")
    net, some = skorch_net(est.net_), est._some_samples
    half = len(some.y) // 2
    draws, unit = est.unit_draws(check_integer("n_draws", n_draws, 2), random_state)
    center = {n: w for n, w in LossFunction(net).center().items() if n in draws}
    return quadratic_validation(
        net,
        take_rows(some.X, slice(half)),
        some.encoded[:half],
        take_rows(some.X, slice(half, None)),
        some.encoded[half:],
        sigmas,
        directions=displacements(draws, center) / unit,
        parameters=list(center),
        tolerance=tolerance,
    )


def _normal_directions(train: LossDerivatives, scale: str, n_draws: int, seed: int) -> Floats:
    sizes = {
        name: tensor.double().square().mean().sqrt().expand(tensor.shape)
        for name, tensor in train.center.items()
    }
    normal = np.random.default_rng(seed).standard_normal((n_draws, train.n_parameters)).T
    return normal * flatten(sizes, train.center)[:, None] if scale == "layer" else normal


def true_differences(train: LossDerivatives, candidates: LossDerivatives, steps: Floats) -> Floats:
    """ℓ_j − L_k at weights that are so many steps away, by forward passes."""
    flat = flatten(train.center, train.center)
    draws = StackedWeights(unflatten(flat + steps.T, train.center))
    net = train.net
    samples = plan_blocks(net, train.X, train.y, n_draws=1, vectorize=False).samples
    plan = BlockPlan(1, samples, vectorize=False)
    unseen = loss_matrix(net, draws, candidates.X, candidates.y, plan)
    return unseen - mean_losses(net, draws, train.X, train.y, plan)[:, None]


def _relative_error(true: Floats, model: Floats) -> tuple[float, float]:
    """√(Σ(true − model)²/Σtrue²), and its jackknife standard error over the rows."""
    errors, sizes = ((true - model) ** 2).sum(1), (true**2).sum(1)
    ratio = float(np.sqrt(errors.sum() / sizes.sum()))
    left_out = np.sqrt((errors.sum() - errors) / (sizes.sum() - sizes))
    m = len(true)
    return ratio, float(np.sqrt((m - 1) / m * ((left_out - left_out.mean()) ** 2).sum()))
