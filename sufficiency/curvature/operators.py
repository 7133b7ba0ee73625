"""Curvature of a net's loss as SciPy linear operators over its flattened parameters."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator
from skorch import NeuralNet

from sufficiency._types import Floats
from sufficiency.curvature.derivatives import LossDerivatives


def linear_operator(
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    multiply: Callable[[Floats], Floats],
    multiply_transposed: Callable[[Floats], Floats] | None = None,
) -> LinearOperator:
    """Operator from functions of float64 columns; symmetric without `multiply_transposed`."""

    def rounded(product: Callable[[Floats], Floats], vectors: npt.NDArray) -> npt.NDArray:
        columns = np.asarray(vectors, dtype=np.float64).reshape(len(vectors), -1)
        return product(columns).astype(dtype, copy=False)

    forward, back = partial(rounded, multiply), partial(rounded, multiply_transposed or multiply)
    return LinearOperator(
        shape, matvec=forward, rmatvec=back, matmat=forward, rmatmat=back, dtype=dtype
    )


def hessian_operator(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    parameters: Sequence[str] | None = None,
    block_size: int | None = None,
) -> LinearOperator:
    """
    Hessian of the mean loss, H = (1/n) Σ_i ∇²ℓ_i, at the net's weights in evaluation mode.

    Differentiated twice in reverse mode, since forward-over-reverse products as in ``curvlinops``
    have no rule for group norm and for the attention of ``nn.TransformerEncoder``.

    Parameters
    ----------
    net : NeuralNet
        Initialized. Its weights of now are used; nothing of it is changed.
    X, y : arrays
        n samples, encoded.
    parameters : sequence of str, optional
        Names of the parameters to differentiate by, the others held fixed; None: all trainable.
    block_size : int, optional
        Samples at once; None: as many as fit into memory. Blocks of unequal length weigh what
        they hold.

    Returns
    -------
    LinearOperator
        (N, N), symmetric, in the net's dtype, in loss per squared unit of weight. Vectors run
        over the parameters in the order of ``named_parameters()``, each tensor flattened.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetRegressor
    >>> net = NeuralNetRegressor(torch.nn.Linear, module__in_features=2, module__out_features=1,
    ...                          module__bias=False, module__dtype=torch.float64).initialize()
    >>> X = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> hessian_operator(net, X, np.zeros((2, 1))) @ np.eye(2)  # 2 XᵀX / n
    array([[1., 0.],
           [0., 4.]])
    """
    derivatives = LossDerivatives(net, X, y, parameters=parameters, block_size=block_size)
    n = derivatives.n_parameters
    return linear_operator((n, n), derivatives.dtype, lambda V: derivatives.mean(V)[2])


def gradient_operator(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    *,
    parameters: Sequence[str] | None = None,
    block_size: int | None = None,
) -> LinearOperator:
    """
    Per-sample gradients as the rows of an operator G; parameters as in :func:`hessian_operator`.

    ``G @ v`` are the directional derivatives of all losses, ``G.T @ u`` is Σ_i u_i ∇ℓ_i (the mean
    gradient for u = 1/n), and ``G.T @ G / n`` the second moment of the gradients (the empirical
    Fisher matrix).

    Returns
    -------
    LinearOperator
        (n, N), in the net's dtype.
    """
    derivatives = LossDerivatives(net, X, y, parameters=parameters, block_size=block_size)
    shape = (derivatives.n_samples, derivatives.n_parameters)

    def along(V: Floats) -> Floats:
        return np.concatenate([block.gradients @ V for block in derivatives.each()])

    def summed(U: Floats) -> Floats:
        total = np.zeros((shape[1], U.shape[1]))
        for block in derivatives.each():
            total += block.gradients.T @ U[block.where]
        return total

    return linear_operator(shape, derivatives.dtype, along, summed)


def difference_operator(
    net: NeuralNet,
    X: npt.NDArray,
    y: npt.NDArray,
    x_new: npt.NDArray,
    y_new: npt.NDArray,
    *,
    parameters: Sequence[str] | None = None,
    block_size: int | None = None,
) -> LinearOperator:
    """
    Hessian difference of one new sample, A = (H_{k+1} − (1/k) Σ_{i≤k} H_i)/(k+1), section 4.4.

    Parameters
    ----------
    net, parameters, block_size
        As in :func:`hessian_operator`.
    X, y : arrays
        The k samples of the subset, encoded.
    x_new, y_new : arrays
        The (k+1)-th sample, as arrays of length 1.

    Returns
    -------
    LinearOperator
        (N, N), symmetric.

    Raises
    ------
    ValueError
        If there is not exactly one new sample.
    """
    if len(x_new) != 1 or len(y_new) != 1:
        raise ValueError(
            f"`x_new` and `y_new` must hold one sample, got {len(x_new)} and {len(y_new)}; "
            "slice with [j : j + 1]"
        )
    train = LossDerivatives(net, X, y, parameters=parameters, block_size=block_size)
    new = LossDerivatives(net, x_new, y_new, parameters=parameters)
    n, k = train.n_parameters, train.n_samples
    return linear_operator(
        (n, n), train.dtype, lambda V: (new.mean(V)[2] - train.mean(V)[2]) / (k + 1)
    )
