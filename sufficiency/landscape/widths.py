"""How wide a minimum is, in numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState, child_rng, child_seed, seed_from
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_integer, check_number
from sufficiency.curvature import hessian_operator
from sufficiency.curvature.traces import sign_vectors
from sufficiency.data.rows import take_rows
from sufficiency.deltas.monte_carlo import crossed_variance
from sufficiency.engine.loss_matrix import loss_matrix
from sufficiency.landscape.directions import (
    RandomDirections,
    check_random,
    inner_product,
    random_direction,
    top_curvature,
)
from sufficiency.landscape.fitted_nets import Data, net_and_samples
from sufficiency.landscape.planes import MeanLoss, SubspaceDraws
from sufficiency.nets.losses import Weights
from sufficiency.probes import select_parameters

Folds = list[Integers]


@dataclass(frozen=True)
class WidthMeasures:
    """
    Loss rise and curvature around w*: the larger, the narrower.

    Every standard error is that of the number as an estimate for all data of this kind and all
    directions: the samples are random, and so are directions and trace vectors.

    Attributes
    ----------
    radius : float
        r, relative to the norm of the moved weights.
    rise, rise_stderr : float
        Mean over directions d of ½ L(w* + r·d) + ½ L(w* − r·d) − L(w*), with the norms of w*, in
        units of the loss. With filter-normalized directions it does not change when a layer of a
        ReLU net is rescaled and the next layer undoes it.
    top_eigenvalue, top_eigenvalue_stderr : float
        λ of largest magnitude of the Hessian of L at w*, in loss per squared unit of weight, and
        to first order its standard error. *Not* invariant under rescaling: compare nets of one
        architecture and one scale only. NaN without curvature.
    trace, trace_stderr : float
        Of that Hessian; not invariant either. NaN without curvature.
    loss : float
        L(w*).
    norm : float
        ‖w*‖ over the weights that the directions move.
    n_directions, n_probes, n_folds : int
        Random directions (each in both senses), trace vectors, and folds of samples.
    """

    radius: float
    rise: float
    rise_stderr: float
    top_eigenvalue: float
    top_eigenvalue_stderr: float
    trace: float
    trace_stderr: float
    loss: float
    norm: float
    n_directions: int
    n_probes: int
    n_folds: int

    def __str__(self) -> str:
        """One sentence."""
        text = (
            f"at a relative distance of {self.radius:g} the loss rises from {self.loss:.3g} by "
            f"{self.rise:.3g} ± {self.rise_stderr:.1g}"
        )
        if math.isnan(self.trace):
            return text
        return (
            f"{text}; the largest eigenvalue is {self.top_eigenvalue:.3g} ± "
            f"{self.top_eigenvalue_stderr:.1g}, the trace {self.trace:.3g} ± "
            f"{self.trace_stderr:.1g}"
        )


def width_measures(
    estimator: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    radius: float = 0.1,
    n_directions: int = 32,
    directions: RandomDirections | None = None,
    curvature: bool = True,
    n_probes: int = 32,
    n_folds: int = 20,
    random_state: RandomState = 0,
) -> WidthMeasures:
    """
    Measure how narrow the landscape of a fitted net is.

    Parameters
    ----------
    estimator : LandscapeSufficiencyEstimator or NeuralNet
        Fitted.
    X, y : array-like
        n samples, as in :func:`landscape_slice`.
    radius : float, default=0.1
        r > 0: distance from w* as a share of ‖w*‖.
    n_directions : int, default=32
        Number of random directions, at least 2. Both senses of each are taken, which cancels the
        slope; one direction is held in memory at a time.
    directions : RandomDirections, optional
        How they are drawn; its `norm` must be None, for `radius` sets the distance. Its
        `parameters` restrict the Hessian to their block as well, in which biases are included.
        None: ``RandomDirections()``.
    curvature : bool, default=True
        Whether eigenvalue and trace are wanted, for which the loss must have second derivatives.
    n_probes : int, default=32
        Random sign vectors for the trace (Hutchinson), at least 2; with no more parameters than
        that it is exact.
    n_folds : int, default=20
        Random folds of the samples, at least 2, whose spread gives the samples' part of the
        standard errors.
    random_state : int, RandomState instance or None, default=0
        Seed of directions, vectors and folds.

    Returns
    -------
    WidthMeasures

    Raises
    ------
    ValueError
        If an argument does not fit, or a loss is not finite.
    UnsupportedNetError
        If the loss has no second derivatives and `curvature` is wanted.

    Notes
    -----
    Rows (directions, vectors) and columns (folds) of a table of contributions are both random;
    the variance of its mean is that of crossed factors. The eigenvalue has one row: where H moves
    by δH, λ moves by vᵀδHv to first order, so that its spread is that of vᵀH_f v over folds f.

    Losses of training samples are those of a net that has seen them: they show the landscape
    that was descended, and are lower than those of unseen samples.

    References
    ----------
    Dinh, Pascanu, Bengio, Bengio 2017: Sharp Minima Can Generalize for Deep Nets.
    """
    radius = check_number("radius", radius, above=0.0)
    n_directions = check_integer("n_directions", n_directions, 2)
    n_probes, n_folds = check_integer("n_probes", n_probes, 2), check_integer("n_folds", n_folds, 2)
    root, how = seed_from(random_state), check_random(directions)
    if how.norm is not None:
        raise ValueError(
            f"`directions` must have no norm of their own, got {how.norm:g}; set `radius`, as a "
            "share of the norm of the weights"
        )
    data = net_and_samples(estimator, X, y)
    n = len(data[2])
    if n < n_folds:
        raise ValueError(
            f"`n_folds` must be <= {n}, the number of samples, got {n_folds}; take fewer folds"
        )
    folds = np.array_split(child_rng(root, "order").permutation(n), n_folds)
    losses = MeanLoss(*data)
    drawn = (random_direction(how, losses.center, root, i) for i in range(n_directions))
    rises, loss, norm = _rises(losses, data, drawn, folds, radius)
    eigenvalue = trace = (math.nan, math.nan)
    if curvature:
        names = select_parameters(losses.center, how.parameters)
        eigenvalue, trace = _curvature(data, names, folds, n_probes, root)
    return WidthMeasures(
        radius, *_estimate(rises, folds), *eigenvalue, *trace, loss, norm,
        n_directions, n_probes if curvature else 0, n_folds,
    )  # fmt: skip


def _rises(
    losses: MeanLoss, data: Data, directions: Iterable[Weights], folds: Folds, radius: float
) -> tuple[Floats, float, float]:
    """(directions, folds) mean rises, the loss at the center and the norm of a direction."""
    net, X, y = data
    table = []
    for direction in directions:
        moved = {name: losses.center[name] for name in direction}
        # both senses, and the center, which is evaluated alike so that rounding cancels
        draws = SubspaceDraws(moved, [direction], np.array([[radius], [-radius], [0.0]]))
        plus, minus, at_center = loss_matrix(net, draws, X, y, losses.plan(draws, X, y))
        bad = ~(np.isfinite(plus) & np.isfinite(minus) & np.isfinite(at_center))
        if bad.any():
            raise ValueError(
                f"`radius` must be so small that losses are finite, got {radius:g}, where those "
                f"of {int(bad.sum())} of {len(bad)} samples are not; take a smaller one"
            )
        rise = (plus + minus) / 2 - at_center
        table.append([rise[fold].mean() for fold in folds])
    return np.array(table), float(at_center.mean()), inner_product(moved, moved) ** 0.5


def _curvature(
    data: Data, names: list[str], folds: Folds, n_probes: int, root: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Top eigenvalue and trace, each with its standard error."""
    net, X, y = data
    pairs = top_curvature(data, 1, names, seed=root, instead="`curvature=False`")
    n = len(pairs.vectors)
    exact = n <= n_probes
    vectors = np.eye(n) if exact else sign_vectors(n, n_probes, child_seed(root, "probe"))
    columns = np.hstack([pairs.vectors, vectors])
    forms = np.empty((columns.shape[1], len(folds)))
    for f, fold in enumerate(folds):
        operator = hessian_operator(net, take_rows(X, fold), y[fold], parameters=names)
        products = operator @ columns.astype(operator.dtype)
        forms[:, f] = (columns * np.asarray(products, dtype=np.float64)).sum(0)
    of_trace = forms[1:].sum(0, keepdims=True) if exact else forms[1:]
    _, stderr = _estimate(forms[:1], folds)
    return (float(pairs.values[0]), stderr), _estimate(of_trace, folds)


def _estimate(table: Floats, folds: Folds) -> tuple[float, float]:
    """Mean of a (rows, folds) table, folds by their samples, and its standard error."""
    weights = [len(fold) for fold in folds]
    mean = float(np.average(table.mean(axis=0), weights=weights))
    return mean, math.sqrt(crossed_variance(table))
