"""Δ of the quadratic model in closed form, for Gaussian probes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_integer
from sufficiency.curvature.derivatives import LossDerivatives, displacements, flatten
from sufficiency.curvature.taylor import taylor_terms
from sufficiency.curvature.traces import pseudo_values, sign_vectors
from sufficiency.deltas.monte_carlo import (
    DeltaStatistics,
    crossed_variance,
    monte_carlo_delta,
    top_share,
)
from sufficiency.probes import GaussianSampler, Sampler

# Hessian products of one candidate that are held at once, in bytes.
_CHUNK = 64 * 2**20


@dataclass(frozen=True, eq=False)
class GaussianMoment:
    """
    Closed-form Δ of one cell.

    Attributes
    ----------
    statistics : DeltaStatistics
        As from Monte Carlo; its `stderr` contains candidates and trace estimates.
    trace_stderr : float
        Standard error of Δ from the trace estimates alone; 0 where the traces are exact.
    n_probes : int
        Hessian products per candidate.
    exact : bool
        Whether all directions of the probe were taken, rather than random combinations.
    means_sq, variances : (rows, J) float64
        Both parts of every candidate's mean squared increment, in loss², from every random vector.
    """

    statistics: DeltaStatistics
    trace_stderr: float
    n_probes: int
    exact: bool
    means_sq: Floats
    variances: Floats

    @property
    def by_candidate(self) -> Floats:
        """(J,) mean squared increments, whose mean is Δ."""
        return np.asarray((self.means_sq + self.variances).mean(axis=0))

    def of(self, which: Integers | slice, point_sq: float) -> DeltaStatistics:
        """
        Of some of the candidates alone, whose Δ at the center is `point_sq`.

        Gap and spread are NaN: they need the Hessian products of these candidates' average.
        """
        means_sq, variances = self.means_sq[:, which], self.variances[:, which]
        return _statistics(means_sq, variances, point_sq)


@dataclass(frozen=True, eq=False)
class _Form:
    """w = center + μ + Sε as flat arrays, S = [diag(s) | F]; see GaussianSampler."""

    shift: Floats
    deviation: Floats | None
    factor: Floats

    def columns(self, n_probes: int, seed: int) -> tuple[Floats, bool]:
        """S itself where it has few columns, else S times random signs."""
        n, dim = self.factor.shape
        if self.deviation is None or n + dim <= n_probes:
            noise = [] if self.deviation is None else [np.diag(self.deviation)]
            return np.hstack([*noise, self.factor]), True
        signs = sign_vectors(n + dim, n_probes, seed)
        return self.deviation[:, None] * signs[:n] + self.factor @ signs[n:], False

    def pulled_back_sq(self, vectors: Floats) -> Floats:
        """‖Sᵀu‖² of vectors (…, N)."""
        total: Floats = ((vectors @ self.factor) ** 2).sum(-1)
        if self.deviation is not None:
            total = total + ((vectors * self.deviation) ** 2).sum(-1)
        return total


def gaussian_moment_delta(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    X_candidates: npt.NDArray,
    y_candidates: npt.NDArray,
    sampler: Sampler,
    *,
    n_probes: int = 32,
    random_state: RandomState = 0,
) -> GaussianMoment:
    """
    Δ_{k+1} of the quadratic model around a center, averaged over candidates (order 2).

    With a = (ℓ_j − L_k)/(k+1), c = Sᵀg, M = SᵀAS for w = w* + Sε, ε ~ N(0, I):

        E (a + cᵀε + ½εᵀMε)² = a² + a Tr M + ‖c‖² + ¼(Tr²M + 2 Tr M²).

    The paper's section 4.2 has the last term only. A probe of few dimensions is evaluated exactly.
    In the full space traces are estimated without bias from random sign vectors, the same ones
    for all candidates: Tr M by vᵀMv, Tr M² by ‖Mv‖², Tr²M by products of distinct vectors.

    Parameters
    ----------
    net : NeuralNet
        Initialized, at the center; nothing of it is changed.
    X, y : arrays
        The k training samples, encoded.
    X_candidates, y_candidates : arrays
        J unseen samples.
    sampler : GaussianSampler
        What a Gaussian probe's `prepare` returns.
    n_probes : int, default=32
        Random vectors for the traces, at least 3; each costs a Hessian product per sample.
    random_state : int, RandomState instance or None, default=0
        Of these vectors.

    Returns
    -------
    GaussianMoment
        Δ is a second-order approximation: see
        :func:`sufficiency.curvature.validate_quadratic` for where it holds. As an unbiased
        estimate it can be negative if the traces dominate and `n_probes` is small.

    Raises
    ------
    TypeError
        If the sampler is not a GaussianSampler, with the remedy.
    """
    n_probes = check_integer("n_probes", n_probes, 3)
    if not isinstance(sampler, GaussianSampler):
        raise TypeError(
            "`probe` must be Gaussian for method='gaussian_moment', got one whose `prepare` "
            f"returns a {type(sampler).__name__}; use method='monte_carlo', or a probe whose "
            "`prepare` returns a sufficiency.probes.GaussianSampler"
        )
    names = list(sampler.mean)
    train = LossDerivatives(net, X, y, parameters=names)
    candidates = LossDerivatives(net, X_candidates, y_candidates, parameters=names)
    form = _flat_form(sampler, train)
    vectors, exact = form.columns(n_probes, seed_from(random_state))
    values, slope_sq = _first_order(train, candidates, form)
    forms, norms = _second_order(train, candidates, form, vectors)
    moments = _moments(values, slope_sq, forms, norms, exact)
    return _reduce(values, moments, train.n_samples, vectors.shape[1], exact)


def _flat_form(sampler: GaussianSampler, train: LossDerivatives) -> _Form:
    center = train.center
    shift = flatten(sampler.mean, center) - flatten(center, center)
    deviation = None
    if sampler.deviation is not None:
        spread = {n: s.expand(center[n].shape) for n, s in sampler.deviation.items()}
        deviation = flatten(spread, center)
    if sampler.factor is None:
        return _Form(shift, deviation, np.empty((len(shift), 0)))
    rank = len(next(iter(sampler.factor.values())))
    rows = {
        n: sampler.factor[n] if n in sampler.factor else w.new_zeros((rank, *w.shape))
        for n, w in center.items()
    }
    parts = [part.detach().double().cpu().numpy().reshape(rank, -1) for part in rows.values()]
    return _Form(shift, deviation, np.hstack(parts).T)


def _second_order(
    train: LossDerivatives, candidates: LossDerivatives, form: _Form, vectors: Floats
) -> tuple[Floats, Floats]:
    """(m, J + 1) vᵀMv and ‖Mv‖² of ℓ_j − L_k for m vectors v, and last of the average candidate."""
    n_vectors, n_candidates = vectors.shape[1], candidates.n_samples
    forms = np.empty((n_vectors, n_candidates + 1))
    norms = np.empty_like(forms)
    step = max(1, _CHUNK // (8 * train.n_parameters))
    for start in range(0, n_vectors, step):
        part = slice(start, start + step)
        U = vectors[:, part]
        base = train.mean(U)[2].T
        total = np.zeros_like(base)
        for block in candidates.each(U):
            products = block.products - base  # (b, m, N): (H_j − H_k) u
            forms[part, block.where] = np.einsum("bmn,nm->mb", products, U)
            norms[part, block.where] = form.pulled_back_sq(products).T
            total += products.sum(0)
        average = total / n_candidates
        forms[part, -1] = np.einsum("mn,nm->m", average, U)
        norms[part, -1] = form.pulled_back_sq(average)
    return forms, norms


def _first_order(
    train: LossDerivatives, candidates: LossDerivatives, form: _Form
) -> tuple[Floats, Floats]:
    """ℓ_j − L_k and ‖Sᵀ∇(ℓ_j − L_k)‖² at the probe's mean, and last of the average candidate."""
    shift = form.shift[:, None] if form.shift.any() else None
    loss, gradient, moved = train.mean(shift)
    n_candidates = candidates.n_samples
    values, slope_sq = np.empty(n_candidates + 1), np.empty(n_candidates + 1)
    total = np.zeros(train.n_parameters)
    for block in candidates.each(shift):
        value, slope = block.losses - loss, block.gradients - gradient
        if shift is not None:
            change = block.products[:, 0] - moved[:, 0]
            value = value + slope @ form.shift + change @ form.shift / 2
            slope = slope + change
        values[block.where] = value
        slope_sq[block.where] = form.pulled_back_sq(slope)
        total += slope.sum(0)
    values[-1] = values[:-1].mean()
    slope_sq[-1] = form.pulled_back_sq(total / n_candidates)
    return values, slope_sq


def _moments(
    values: Floats, slope_sq: Floats, forms: Floats, norms: Floats, exact: bool
) -> tuple[Floats, Floats]:
    """
    (E_p D)² and var_p D of the quadratic model, unbiased in every row of a (rows, J + 1) table.

    D = a + cᵀε + ½εᵀMε has mean a + ½Tr M and variance ‖c‖² + ½Tr M².
    """
    if exact:
        trace, trace_of_square = forms.sum(0), norms.sum(0)
        return ((values + trace / 2) ** 2)[None], (slope_sq + trace_of_square / 2)[None]
    mean_sq = values**2 + values * forms + pseudo_values(forms) / 4
    return mean_sq, slope_sq + norms / 2


def _reduce(
    values: Floats, moments: tuple[Floats, Floats], size: int, n_probes: int, exact: bool
) -> GaussianMoment:
    of_average = float(sum(part[:, -1].mean() for part in moments))
    means_sq, variances = (np.delete(part, -1, axis=1) for part in moments)
    # rows: probes, columns: candidates
    means_sq, variances = means_sq / (size + 1) ** 2, variances / (size + 1) ** 2
    rows = (means_sq + variances).mean(1)
    n_candidates = means_sq.shape[1]
    gap_sq = spread = math.nan
    if n_candidates > 1:
        # E D̄² is gap² of the average candidate; what is left of E D² is between candidates
        whole = float(rows.mean()) * (size + 1) ** 2
        spread = n_candidates / (n_candidates - 1) * (whole - of_average)
        gap_sq = of_average - spread / n_candidates
    point_sq = float((values[:-1] ** 2).mean()) / (size + 1) ** 2
    statistics = replace(_statistics(means_sq, variances, point_sq), gap_sq=gap_sq, spread=spread)
    stderr = float(rows.std(ddof=1)) / math.sqrt(len(rows)) if len(rows) > 1 else 0.0
    return GaussianMoment(statistics, stderr, n_probes, exact, means_sq, variances)


def _statistics(means_sq: Floats, variances: Floats, point_sq: float) -> DeltaStatistics:
    """What follows from the table of these candidates alone."""
    table = means_sq + variances
    return DeltaStatistics(
        delta=float(table.mean(1).mean()),
        stderr=math.sqrt(crossed_variance(table)),
        delta_point=point_sq,
        gap_sq=math.nan,
        spread=math.nan,
        top1pct_share=top_share(np.maximum(table.mean(0), 0.0)),
        delta_mean_sq=float(means_sq.mean()),
        delta_variance=float(variances.mean()),
    )


def quadratic_monte_carlo_delta(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    X_candidates: npt.NDArray,
    y_candidates: npt.NDArray,
    weights: Mapping[str, npt.ArrayLike],
) -> DeltaStatistics:
    """
    Δ_{k+1} of the quadratic model by Monte Carlo: a check of the closed form, for any probe.

    Parameters
    ----------
    net, X, y, X_candidates, y_candidates
        As in :func:`gaussian_moment_delta`.
    weights : dict of {str: array}
        B weight draws by parameter name, each ``(B, *shape)``; with those of the true Monte
        Carlo, the difference is the model's error.

    Returns
    -------
    DeltaStatistics
    """
    draws = {name: torch.as_tensor(values) for name, values in weights.items()}
    train = LossDerivatives(net, X, y, parameters=list(draws))
    candidates = LossDerivatives(net, X_candidates, y_candidates, parameters=list(draws))
    terms = taylor_terms(train, candidates, displacements(draws, train.center))
    differences = terms.differences()
    zero = np.zeros(len(differences))  # only differences matter, so that L_k may be called zero
    return monte_carlo_delta(differences, zero, terms.values, 0.0, size=len(y), order=2)
