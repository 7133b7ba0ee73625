"""Ladders whose truth is known: from formulas, and from linear least squares on Gaussian data."""

from dataclasses import replace

import numpy as np

from sufficiency.curves import FittedCurve
from sufficiency.sizing.ladder import Ladder

SIZES = np.array([50, 82, 134, 221, 362, 595, 974, 1600])

# Over SIZES the transient falls from 2.8 to 1.02 times its limit.
TRUTHS = {
    "theory": {"C": 2.0},
    "power_law": {"C": 3.0, "alpha": 2.6},
    "transient": {"C": 0.5, "A": 100.0, "beta": 1.2},
}


def measured(sizes, delta, **given):
    """Measurements with the rest unknown."""
    values = {"stderr": np.nan, "delta_point": np.nan, "gap_sq": np.nan, "spread": np.nan}
    values |= {"top1pct_share": np.nan, "train_loss": np.nan, "unseen_loss": np.nan}
    values |= {"unseen_score": np.nan, "loss_drift": 0.0, "constant_loss": np.nan}
    values |= {"order": 2, "n_available": 2000, "n_candidates": 400, "n_pool": 2000}
    values |= {"disjoint_candidates": True, "sizes": np.asarray(sizes), "delta": delta}
    return Ladder(**(values | given))


def noisy(values, rng, repeats=4, level=0.3, single=0.1):
    """Repeats with a noise of their own level (shared candidates) and one for each cell."""
    shape = (repeats, len(values))
    logs = level * rng.standard_normal((repeats, 1)) + single * rng.standard_normal(shape)
    return values * np.exp(logs - (level**2 + single**2) / 2)


def true_curve(family):
    return FittedCurve(family, 2, TRUTHS[family], SIZES, np.full(len(SIZES), np.nan))


def ladder_of(family, rng, **noise):
    return measured(SIZES, noisy(true_curve(family).predict(SIZES), rng, **noise))


class LeastSquares:
    """
    y = noise of variance 1 on x ~ N(0, I_d); squared loss; centers by ordinary least squares.

    Around a center w* the loss of a sample is a quadratic in z, w = w* + z, z ~ N(0, σ²I), so every
    expectation over the probe is the Gaussian moment of math.md, exactly:
    E(a + cᵀz + ½zᵀMz)² = a² + aσ² Tr M + σ²‖c‖² + (σ⁴/4)(Tr²M + 2 Tr M²).
    """

    dim = 10
    sigma = 0.1

    def moment(self, a, c_sq, trace, trace_sq):
        s2 = self.sigma**2
        return a**2 + s2 * (a * trace + c_sq) + s2**2 / 4 * (trace**2 + 2 * trace_sq)

    def cell(self, X, y, X_new, y_new):
        """(k+1)²·Δ for every candidate, and E_t gap² (biased, as measured); of many data sets."""
        transposed = np.swapaxes(X, -1, -2)
        S = transposed @ X / X.shape[-2]
        w = np.linalg.solve(S, transposed @ y[..., None] / X.shape[-2])
        train_loss = np.mean((y - (X @ w)[..., 0]) ** 2, axis=-1)
        errors = y_new - (X_new @ w)[..., 0]
        a, c = errors**2 - train_loss[..., None], -2 * errors[..., None] * X_new
        norms, trace_S = (X_new**2).sum(axis=-1), np.trace(S, axis1=-2, axis2=-1)[..., None]
        S_sq = (S**2).sum(axis=(-2, -1))[..., None]
        trace_sq = 4 * (norms**2 - 2 * ((X_new @ S) * X_new).sum(axis=-1) + S_sq)
        each = self.moment(a, (c**2).sum(axis=-1), 2 * (norms - trace_S), trace_sq)
        M = 2 * (np.swapaxes(X_new, -1, -2) @ X_new / X_new.shape[-2] - S)
        trace_M, M_sq = np.trace(M, axis1=-2, axis2=-1), (M**2).sum(axis=(-2, -1))
        gap_sq = (c.mean(axis=-2) ** 2).sum(axis=-1)
        return each, self.moment(a.mean(axis=-1), gap_sq, trace_M, M_sq)

    def measure(self, rng, n, sizes, *, repeats=4, disjoint=True):
        """A ladder on n samples, J = n/5 candidates for each repeat."""
        n_candidates = n // 5
        X, y = rng.standard_normal((n, self.dim)), rng.standard_normal(n)
        folds = rng.permutation(n)
        orders, candidates = [], []
        for r in range(repeats):
            if not disjoint:
                folds = rng.permutation(n)
            first = r * n_candidates if disjoint else 0
            rest = np.sort(np.delete(folds, slice(first, first + n_candidates)))
            candidates.append(folds[first : first + n_candidates])
            orders.append(rng.permutation(rest))
        order, new = np.array(orders), np.array(candidates)
        delta, stderr, gap_sq, spread = np.empty((4, repeats, len(sizes)))
        for i, k in enumerate(sizes):
            each, gap = self.cell(X[order[:, :k]], y[order[:, :k]], X[new], y[new])
            mean = each.mean(axis=1)
            delta[:, i] = mean / (k + 1) ** 2
            stderr[:, i] = each.std(axis=1, ddof=1) / np.sqrt(n_candidates) / (k + 1) ** 2
            spread[:, i] = (mean - gap) * n_candidates / (n_candidates - 1)
            gap_sq[:, i] = gap - spread[:, i] / n_candidates
        return measured(
            sizes,
            delta,
            stderr=stderr,
            gap_sq=gap_sq,
            spread=spread,
            n_available=n,
            n_candidates=n_candidates,
            n_pool=n,
            disjoint_candidates=disjoint,
        )

    def sizes(self, n):
        return np.round(np.geomspace(max(n / 32, 20), n - n // 5, 8)).astype(int)

    def true_delta(self, rng, k, draws=20_000):
        """Δ over all data sets, and its standard error."""
        return self.true_change(rng, k, 1, draws)

    def true_change(self, rng, k, added, draws):
        """
        Mean squared change by `added` samples, by another way than `cell`: no data, no candidates.

        S is Wishart (Bartlett's decomposition), L_k is χ²_{k−d}/k and independent of it, the
        center is N(0, S⁻¹/k). The loss of a new sample at w is N(0, v)², v = 1 + ‖w‖², with mean v
        and variance 2v², so m = `added` of them integrate to (v − L_k(w))² + 2v²/m.
        """
        T = np.tril(rng.standard_normal((draws, self.dim, self.dim)), -1)
        index = np.arange(self.dim)
        T[:, index, index] = np.sqrt(rng.chisquare(k - index, size=(draws, self.dim)))
        S = T @ T.transpose(0, 2, 1) / k
        train_loss = rng.chisquare(k - self.dim, size=draws) / k
        z = rng.standard_normal((draws, self.dim, 1))
        norm = (np.linalg.solve(T.transpose(0, 2, 1), z) ** 2).sum(axis=(1, 2))
        M = 2 * (np.eye(self.dim) - S)
        trace = np.trace(M, axis1=1, axis2=2)
        gap = self.moment(1 + norm - train_loss, 4 * norm, trace, (M**2).sum(axis=(1, 2)))
        spread = 2 * self.moment(1 + norm, 4 * norm, 2 * self.dim, 4 * self.dim)
        values = (added / (k + added)) ** 2 * (gap + spread / added)
        return values.mean(), values.std() / np.sqrt(draws)


class Populations(LeastSquares):
    """Least squares on a mix of populations that differ in the standard deviation of the noise."""

    def __init__(self, shares, noise):
        self.shares, self.noise = np.array(shares), np.array(noise)

    def ladder(self, rng, n, repeats=4) -> Ladder:
        """A fit's ladder, with one for each population."""
        sizes, n_candidates = self.sizes(n), n // 5
        # as many of each as their shares, as in a stratified split
        codes = np.repeat(np.arange(len(self.shares)), np.round(self.shares * n).astype(int))
        X = rng.standard_normal((n, self.dim))
        y = self.noise[codes] * rng.standard_normal(n)
        within = np.argsort(rng.random(n))
        rank = np.empty(n)
        for code in range(len(self.shares)):
            of_code = within[codes[within] == code]
            rank[of_code] = (np.arange(len(of_code)) + rng.random()) / len(of_code)
        folds = np.argsort(rank)
        tables = np.empty((1 + len(self.shares), 2, repeats, len(sizes)))
        new = folds[: repeats * n_candidates].reshape(repeats, n_candidates)
        order = np.array([rng.permutation(np.setdiff1d(folds, some)) for some in new])
        parts = [np.ones_like(new, dtype=bool), *(codes[new] == i for i in range(len(self.shares)))]
        for i, k in enumerate(sizes):
            each, _ = self.cell(X[order[:, :k]], y[order[:, :k]], X[new], y[new])
            each /= (k + 1) ** 2
            for table, part in zip(tables, parts, strict=True):
                count = part.sum(axis=1)
                mean = each.sum(axis=1, where=part) / count
                rest = ((each - mean[:, None]) ** 2).sum(axis=1, where=part)
                table[:, :, i] = mean, np.sqrt(rest / (count - 1) / count)
        shape = {"n_available": n, "n_pool": n, "n_candidates": n_candidates}
        whole, *ladders = (measured(sizes, d, stderr=s, **shape) for d, s in tables)
        return replace(whole, slices={str(code): of for code, of in enumerate(ladders)})

    def true_delta_of(self, rng, code, k, draws=4000):
        """
        Δ of a population at centers of k samples, and its standard error.

        By another way than `cell`: the loss of its next sample at w is N(0, v)², v = s² + ‖w‖².
        """
        values = []
        for _ in range(draws // 200):
            X = rng.standard_normal((200, k, self.dim))
            y = rng.standard_normal((200, k)) * rng.choice(self.noise, (200, k), p=self.shares)
            S = X.transpose(0, 2, 1) @ X / k
            w = np.linalg.solve(S, X.transpose(0, 2, 1) @ y[..., None] / k)
            z = self.sigma * rng.standard_normal(w.shape)
            loss = ((y - (X @ (w + z))[..., 0]) ** 2).mean(axis=1)
            v = self.noise[code] ** 2 + ((w + z) ** 2).sum(axis=(1, 2))
            values.append((v - loss) ** 2 + 2 * v**2)
        values = np.concatenate(values) / (k + 1) ** 2
        return values.mean(), values.std() / np.sqrt(len(values))
