"""Data sets that need no files: they come with a library or with Python, or are generated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets as sklearn_datasets

from sufficiency._random import RandomState, isolated_rng, seed_from
from sufficiency._types import Integers
from sufficiency._validation import check_integer

_MNIST1D_CLASSES = 10


def load_digits(*, flat: bool = False) -> tuple[npt.NDArray[np.float32], Integers]:
    """
    Handwritten digits of 8 × 8 pixels, 1 797 of them, from scikit-learn.

    Parameters
    ----------
    flat : bool, default=False
        Whether a sample is a row of 64 pixels instead of an image.

    Returns
    -------
    X : (1797, 1, 8, 8) float32, or (1797, 64) if `flat`
        Shades of gray, from 0 to 1 (scikit-learn's numbers divided by 16).
    y : (1797,) int64
        Digits, 0 to 9.

    References
    ----------
    Alpaydin, Kaynak 1998: Optical recognition of handwritten digits. UCI Machine Learning
    Repository. It is that collection's test set.

    Examples
    --------
    >>> X, y = load_digits()
    >>> X.shape, X.max(), y[:5]
    ((1797, 1, 8, 8), np.float32(1.0), array([0, 1, 2, 3, 4]))
    """
    X, y = sklearn_datasets.load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return X if flat else X.reshape(-1, 1, 8, 8), y.astype(np.int64)


def load_randhie(*, log: bool = True, as_frame: bool = False) -> tuple[Any, Any]:
    """
    Visits to a doctor in the RAND Health Insurance Experiment, 20 190 person-years.

    A regression that has more than enough data: nine features explain a tenth of the variance,
    and the unseen error hardly moves after about a thousand samples. A person has a row for every
    year, all with much the same features, and nothing here says which rows belong together; so
    the rows are not quite independent.

    Parameters
    ----------
    log : bool, default=True
        Whether the target is ln(1 + visits), for squared errors, instead of the number of
        visits, for a count model. Squared errors of the counts themselves are heavy-tailed (the
        most is 77 visits, the mean 2.9), and without a net of yours scikit-learn's rules would
        take whole numbers for classes.
    as_frame : bool, default=False
        Whether `X` is a pandas DataFrame and `y` a Series, with their names.

    Returns
    -------
    X : (20190, 9) float32 array or DataFrame
        Not standardized, no NaN. Its columns:

        ========= ================================================================
        lncoins   ln(1 + coinsurance rate in percent)
        idp       1 for an individual deductible plan, else 0
        lpi       ln(annual participation incentive payment in dollars), at least 0
        fmde      logarithm of the maximum medical deductible expenditure, 0 to 8.3
        physlm    1 for a physical limitation, else 0; some values between are estimates
        disea     measure of chronic diseases, 0 to 58.6
        hlthg     1 if health is good by one's own judgement, else 0
        hlthf     1 if it is fair, else 0
        hlthp     1 if it is poor, else 0; all three are 0 if it is excellent
        ========= ================================================================
    y : (20190,) float32 array or Series
        Outpatient visits to a doctor in a year, as `log` says; the Series is called ``mdvis``
        or ``log1p_mdvis``.

    Raises
    ------
    ImportError
        If `statsmodels` is not installed.

    Notes
    -----
    statsmodels' description of two columns does not match the numbers: `fmde` is not 0 wherever
    `idp` is 1, and `disea` is no whole number of diseases.

    References
    ----------
    Cameron, Trivedi 2005: Microeconometrics. Cambridge University Press. The data are in the
    public domain and come from statsmodels, ``statsmodels.datasets.randhie``.

    Examples
    --------
    >>> X, y = load_randhie()
    >>> X.shape, y.mean()
    ((20190, 9), np.float32(0.96...))
    """
    with _needs_extra("load_randhie"):
        from statsmodels.datasets import randhie
    data = randhie.load_pandas()
    y = np.log1p(data.endog).rename("log1p_mdvis") if log else data.endog.rename("mdvis")
    X, y = data.exog.astype(np.float32), y.astype(np.float32)
    return (X, y) if as_frame else (X.to_numpy(), y.to_numpy())


def load_text(context: int = 64, *, step: int | None = None) -> tuple[Integers, Integers, str]:
    """
    Python's own help texts, cut into sequences of characters with the characters that follow.

    They come with every Python (``help("topics")``, in English) and **differ between its
    versions**: 465 000 characters with 3.11, 511 000 with 3.13. The topics are joined in the order
    of their names.

    Parameters
    ----------
    context : int, default=64
        Characters of a sequence.
    step : int, optional
        Characters between the beginnings of two sequences. None is `context`: sequences do not
        overlap, and every character is predicted at most once. A smaller step gives more samples,
        which share text, so that unseen ones have been seen in part.

    Returns
    -------
    X : (n, context) int64
        Characters, as positions in `vocabulary`. Neighbors in the text are neighbors here.
    y : (n, context) int64
        The character after each of `X`.
    vocabulary : str
        All characters that occur, sorted.

    Raises
    ------
    TypeError, ValueError
        If `context` or `step` is no integer or out of range.

    Examples
    --------
    >>> X, y, vocabulary = load_text(context=16)
    >>> X.shape == y.shape, X.shape[1], len(vocabulary) > 90
    (True, 16, True)
    >>> bool((X[:, 1:] == y[:, :-1]).all())
    True
    """
    context = check_integer("context", context, 1)
    step = context if step is None else check_integer("step", step, 1)
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    if context >= len(text):
        raise ValueError(
            f"`context` must be < {len(text)}, the length of the whole text, got {context}"
        )
    characters, codes = np.unique(np.array(list(text)), return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), context + 1)[::step]
    return windows[:, :-1].copy(), windows[:, 1:].copy(), "".join(characters)


def make_mnist1d(
    n_samples: int = 5000, *, random_state: RandomState = 0
) -> tuple[npt.NDArray[np.float32], Integers]:
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
    with _needs_extra("make_mnist1d"):
        from mnist1d.data import get_dataset_args, make_dataset
    settings = get_dataset_args()
    # it makes equally many of each class, shuffled; samples beyond `n_samples` are cut off below
    settings.num_samples = -(-n_samples // _MNIST1D_CLASSES) * _MNIST1D_CLASSES
    settings.train_split, settings.seed = 1.0, seed
    with isolated_rng(seed):  # it seeds Python's and NumPy's global generators
        data = make_dataset(settings)
    return data["x"][:n_samples].astype(np.float32), data["y"][:n_samples].astype(np.int64)


@contextmanager
def _needs_extra(loader: str) -> Iterator[None]:
    """Add to an import error how to install the extra ``datasets``, which has the library."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"`{loader}` needs a library that cannot be imported ({error}); install it with: "
            'pip install "sufficiency[datasets]"',
            name=error.name,
        ) from error
