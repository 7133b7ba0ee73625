"""The constants of the bounds: largest loss, gradient and Hessian norm over samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skorch import NeuralNet

from sufficiency._validation import check_integer
from sufficiency.curvature.derivatives import LossDerivatives
from sufficiency.curvature.eigenspace import spectral_norms
from sufficiency.data.rows import take_rows

__all__ = ["SampledMaximum", "max_gradient_norm", "max_hessian_norm", "max_loss"]


_STEPS = 60


@dataclass(frozen=True)
class SampledMaximum:
    """
    The largest value over some of the samples: a lower estimate of the largest over all.

    Attributes
    ----------
    value : float
        The maximum found.
    index : int
        The sample that has it.
    n_examined : int
        Samples that were looked at.
    n_samples : int
        Samples that there are. A bound made of `value` is only sure if all were looked at, and
        then for these samples only.
    """

    value: float
    index: int
    n_examined: int
    n_samples: int

    def __str__(self) -> str:
        """The number with what it is worth."""
        return (
            f"{self.value:.6g} (largest of {self.n_examined:,} samples looked at, of "
            f"{self.n_samples:,}: a lower estimate)"
        )


def _choose(n: int, n_samples: int | None, seed: int) -> npt.NDArray[np.int64]:
    if n_samples is None or check_integer("n_samples", n_samples, 1) >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, n_samples, replace=False))


def _largest(
    values: npt.NDArray[np.float64], looked_at: npt.NDArray[np.int64], n: int
) -> SampledMaximum:
    best = int(values.argmax())
    return SampledMaximum(float(values[best]), int(looked_at[best]), len(looked_at), n)


def max_loss(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = None,
    seed: int = 0,
) -> SampledMaximum:
    """
    M_ℓ: the largest ``|ℓ_i|`` at the net's weights, over samples that are looked at.

    Parameters
    ----------
    net : NeuralNet
        Initialized; nothing of it is changed.
    X, y : arrays
        Samples, encoded.
    n_samples : int, optional
        Look at a random subset of so many; None: all.
    seed : int, default=0
        Of the subset.

    Returns
    -------
    SampledMaximum
        In units of the loss.
    """
    return _max_of_singles(net, X, y, n_samples, seed, None)[0]


def max_gradient_norm(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = None,
    seed: int = 0,
    parameters: Sequence[str] | None = None,
) -> SampledMaximum:
    """
    M_g: the largest ‖∇ℓ_i‖₂ at the net's weights; parameters as in :func:`max_loss`.

    `parameters` restricts the gradient to named parameters.

    Returns
    -------
    SampledMaximum
        In loss per unit of weight.
    """
    return _max_of_singles(net, X, y, n_samples, seed, parameters)[1]


def _max_of_singles(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    n_samples: int | None,
    seed: int,
    parameters: Sequence[str] | None,
) -> tuple[SampledMaximum, SampledMaximum]:
    looked_at = _choose(len(y), n_samples, seed)
    blocks = [
        (np.abs(block.losses), np.linalg.norm(block.gradients, axis=1))
        for block in LossDerivatives(
            net, take_rows(X, looked_at), y[looked_at], parameters=parameters
        ).each()
    ]
    losses, norms = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return _largest(losses, looked_at, len(y)), _largest(norms, looked_at, len(y))


def max_hessian_norm(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = 100,
    seed: int = 0,
    parameters: Sequence[str] | None = None,
) -> SampledMaximum:
    """
    M_H: the largest ‖∇²ℓ_i‖₂ at the net's weights, over samples that are looked at.

    Lanczos for a block of samples at once: a few dozen Hessian products of each.

    Parameters
    ----------
    net, X, y, seed
        As in :func:`max_loss`.
    n_samples : int, optional
        Look at a random subset of so many; None: all.
    parameters : sequence of str, optional
        Restrict the Hessian to named parameters.

    Returns
    -------
    SampledMaximum
        In loss per squared unit of weight. A lower estimate of Assumption 3's constant: other
        samples and other subsets' centers may have larger ones.
    """
    looked_at = _choose(len(y), n_samples, seed)
    singles = LossDerivatives(net, take_rows(X, looked_at), y[looked_at], parameters=parameters)
    norms = [
        spectral_norms(
            multiply, (where.stop - where.start, singles.n_parameters), seed=seed, max_steps=_STEPS
        )
        for where, multiply in singles.each_hessian(_STEPS)
    ]
    return _largest(np.concatenate(norms), looked_at, len(y))
