"""Data that are generated: any number of samples."""

import numpy as np
import numpy.typing as npt

from sufficiency._random import RandomState, isolated_rng, seed_from
from sufficiency._validation import check_integer
from sufficiency.datasets.optional import needs_extra

__all__ = ["make_mnist1d"]

_N_CLASSES = 10


def make_mnist1d(
    n_samples: int = 5000, *, random_state: RandomState = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """
    MNIST-1D: ten digit-like curves, randomly padded, scaled, shifted, sheared and made noisy.

    Made by the package `mnist1d` with its own settings. The same arguments give the same data;
    another number of samples gives other samples, not more of the same. The global random
    generators are left as they were.

    Parameters
    ----------
    n_samples : int, default=5000
        Samples; a multiple of 10 has the ten classes equally often.
    random_state : int, RandomState instance or None, default=0
        Seed of the samples.

    Returns
    -------
    X : (n_samples, 40) float32
        Heights along the curve, mean 0 and variance 1 over all of them.
    y : (n_samples,) int64
        Digits, 0 to 9.

    Raises
    ------
    ImportError
        If `mnist1d` is not installed.
    TypeError, ValueError
        If an argument is out of its range.

    References
    ----------
    Greydanus, Kobak 2024: Scaling down deep learning with MNIST-1D.
    https://github.com/greydanus/mnist1d

    Examples
    --------
    >>> X, y = make_mnist1d(1000)
    >>> X.shape, y[:5]
    ((1000, 40), array([2, 7, 8, 4, 2]))
    """
    n_samples = check_integer("n_samples", n_samples, 1)
    seed = seed_from(random_state)
    with needs_extra("make_mnist1d"):
        from mnist1d.data import get_dataset_args, make_dataset
    settings = get_dataset_args()
    # it makes equally many of each class, shuffled; samples beyond `n_samples` are cut off below
    settings.num_samples = -(-n_samples // _N_CLASSES) * _N_CLASSES
    settings.train_split, settings.seed = 1.0, seed
    with isolated_rng(seed):  # it seeds Python's and NumPy's global generators
        data = make_dataset(settings)
    return data["x"][:n_samples].astype(np.float32), data["y"][:n_samples].astype(np.int64)
