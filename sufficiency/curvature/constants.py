"""The constants of the bounds: largest loss, gradient and Hessian norm over samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skorch import NeuralNet

from sufficiency._random import RandomState, seed_from
from sufficiency._validation import check_integer
from sufficiency.curvature.derivatives import Array, LossDerivatives, SampleDerivatives
from sufficiency.curvature.eigenspace import spectral_norms
from sufficiency.data.rows import take_rows

__all__ = ["SampledMaximum", "max_gradient_norm", "max_hessian_norm", "max_loss"]

# Lanczos steps at most.
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
        Samples that were examined.
    n_samples : int
        Samples that there are. A bound made of `value` is only sure if all were examined, and
        then for these samples only.
    """

    value: float
    index: int
    n_examined: int
    n_samples: int

    def __str__(self) -> str:
        """The number, and that it is an estimate."""
        return (
            f"{self.value:.6g} (largest of {self.n_examined:,} samples examined, of "
            f"{self.n_samples:,}: a lower estimate)"
        )


def _choose(n: int, n_samples: int | None, seed: int) -> npt.NDArray[np.int64]:
    if n_samples is None or check_integer("n_samples", n_samples, 1) >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, n_samples, replace=False))


def _largest(values: Sequence[Array], examined: npt.NDArray[np.int64], n: int) -> SampledMaximum:
    whole = np.concatenate(values)
    best = int(whole.argmax())
    return SampledMaximum(float(whole[best]), int(examined[best]), len(examined), n)


def max_loss(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = None,
    random_state: RandomState = 0,
) -> SampledMaximum:
    """
    M_ℓ: the largest ``|ℓ_i|`` at the net's weights, over samples that are examined.

    Parameters
    ----------
    net : NeuralNet
        Initialized; it is not changed.
    X, y : arrays
        Samples, encoded.
    n_samples : int, optional
        Examine a random subset of this size; None: all.
    random_state : int, RandomState instance or None, default=0
        Of the subset.

    Returns
    -------
    SampledMaximum
        In units of the loss.
    """
    examined = _choose(len(y), n_samples, seed_from(random_state))
    return _largest_of_singles(
        net, X, y, examined, lambda block: np.abs(block.losses), parameters=None
    )


def max_gradient_norm(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = None,
    random_state: RandomState = 0,
    parameters: Sequence[str] | None = None,
) -> SampledMaximum:
    """
    M_g: the largest ‖∇ℓ_i‖₂ at the net's weights, over samples that are examined.

    Parameters
    ----------
    net, X, y, n_samples, random_state
        As in :func:`max_loss`.
    parameters : sequence of str, optional
        Restrict the gradient to named parameters.

    Returns
    -------
    SampledMaximum
        In loss per unit of weight.
    """
    examined = _choose(len(y), n_samples, seed_from(random_state))
    return _largest_of_singles(
        net, X, y, examined, lambda block: np.linalg.norm(block.gradients, axis=1), parameters
    )


def _largest_of_singles(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    examined: npt.NDArray[np.int64],
    measure: Callable[[SampleDerivatives], Array],
    parameters: Sequence[str] | None,
) -> SampledMaximum:
    singles = LossDerivatives(net, take_rows(X, examined), y[examined], parameters=parameters)
    return _largest([measure(block) for block in singles.each()], examined, len(y))


def max_hessian_norm(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    n_samples: int | None = 100,
    random_state: RandomState = 0,
    parameters: Sequence[str] | None = None,
) -> SampledMaximum:
    """
    M_H: the largest ‖∇²ℓ_i‖₂ at the net's weights, over samples that are examined.

    Lanczos for a block of samples at once: a few dozen Hessian products of each.

    Parameters
    ----------
    net, X, y, n_samples, random_state
        As in :func:`max_loss`.
    parameters : sequence of str, optional
        Restrict the Hessian to named parameters.

    Returns
    -------
    SampledMaximum
        In loss per squared unit of weight. A lower estimate of Assumption 3's constant: other
        samples and other subsets' centers may have larger ones.
    """
    seed = seed_from(random_state)
    examined = _choose(len(y), n_samples, seed)
    singles = LossDerivatives(net, take_rows(X, examined), y[examined], parameters=parameters)
    norms = [
        spectral_norms(
            multiply, (where.stop - where.start, singles.n_parameters), seed=seed, max_steps=_STEPS
        )
        for where, multiply in singles.each_hessian(_STEPS)
    ]
    return _largest(norms, examined, len(y))
