"""Data sets that come with an installed library."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets as sklearn_datasets

from sufficiency.datasets.optional import needs_extra

__all__ = ["load_digits", "load_randhie"]


def load_digits(*, flat: bool = False) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
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
    with needs_extra("load_randhie"):
        from statsmodels.datasets import randhie
    data = randhie.load_pandas()
    X, visits = data.exog.astype(np.float32), data.endog
    y = (np.log1p(visits).rename("log1p_mdvis") if log else visits.rename("mdvis")).astype(
        np.float32
    )
    return (X, y) if as_frame else (X.to_numpy(), y.to_numpy())
