"""The constants of the bounds: largest loss, gradient and Hessian norm over samples."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skorch import NeuralNet

from sufficiency._random import RandomState, seed_from
from sufficiency._types import Floats
from sufficiency._validation import check_integer
from sufficiency.curvature.derivatives import LossDerivatives
from sufficiency.curvature.eigenspace import MAX_STEPS, spectral_norms
from sufficiency.data.rows import take_rows


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


def _largest(
    measure: Callable[[LossDerivatives, int], Iterable[Floats]],
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    n_samples: int | None,
    random_state: RandomState,
    parameters: Sequence[str] | None = None,
) -> SampledMaximum:
    """Maximum over the samples examined of what `measure` gives, block by block."""
    seed = seed_from(random_state)
    examined = np.arange(len(y))
    if n_samples is not None and check_integer("n_samples", n_samples, 1) < len(y):
        examined = np.sort(np.random.default_rng(seed).choice(len(y), n_samples, replace=False))
    singles = LossDerivatives(net, take_rows(X, examined), y[examined], parameters=parameters)
    values = np.concatenate(list(measure(singles, seed)))
    best = int(values.argmax())
    return SampledMaximum(float(values[best]), int(examined[best]), len(examined), len(y))


def _losses(singles: LossDerivatives, _: int) -> Iterator[Floats]:
    return (np.abs(block.losses) for block in singles.each())


def _gradient_norms(singles: LossDerivatives, _: int) -> Iterator[Floats]:
    return (np.linalg.norm(block.gradients, axis=1) for block in singles.each())


def _hessian_norms(singles: LossDerivatives, seed: int) -> Iterator[Floats]:
    for where, multiply in singles.each_hessian(MAX_STEPS):
        shape = (where.stop - where.start, singles.n_parameters)
        yield spectral_norms(multiply, shape, seed=seed)


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
    return _largest(_losses, net, X, y, n_samples, random_state)


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
        Restrict derivatives to named parameters.

    Returns
    -------
    SampledMaximum
        In loss per unit of weight.
    """
    return _largest(_gradient_norms, net, X, y, n_samples, random_state, parameters)


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
    net, X, y, n_samples, random_state, parameters
        As in :func:`max_gradient_norm`.

    Returns
    -------
    SampledMaximum
        In loss per squared unit of weight. A lower estimate of Assumption 3's constant: other
        samples and other subsets' centers may have larger ones.
    """
    return _largest(_hessian_norms, net, X, y, n_samples, random_state, parameters)
