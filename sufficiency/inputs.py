"""Input of ``fit`` and ``predict`` as finite arrays of matching shapes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from sufficiency.rows import Rows

__all__ = ["as_floating", "check_fit_input", "check_targets"]

Array = npt.NDArray


def check_fit_input(
    estimator: BaseEstimator, X: Any, y: Any, groups: Any, X_unseen: Any, y_unseen: Any
) -> tuple[Array, Array, Array | None, tuple[Array, Array] | None]:
    """
    Everything given to ``fit``, as arrays.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_``.
    X, y, groups, X_unseen, y_unseen
        As the user gave them.

    Returns
    -------
    tuple
        X, y, groups (or None) and the pair of unseen data (or None).

    Raises
    ------
    ValueError, TypeError
        For NaN, infinity, sparse X, lengths or shapes that do not match.
    """
    if y is None:
        raise ValueError(
            "LandscapeSufficiencyEstimator requires y to be passed, but the target y is None"
        )
    X = _in_its_file(X, validate_data(estimator, X, allow_nd=True, ensure_min_samples=2))
    y = check_targets(y, "y")
    check_consistent_length(X, y)
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (len(y),):
            raise ValueError(
                f"`groups` must have one entry for each of {len(y)} samples, got {groups.shape}"
            )
    if (X_unseen is None) != (y_unseen is None):
        raise ValueError("`X_unseen` and `y_unseen` must be given together, got one of them")
    if X_unseen is None:
        return X, y, groups, None
    X_unseen = _in_its_file(
        X_unseen, validate_data(estimator, X_unseen, allow_nd=True, reset=False)
    )
    y_unseen = check_targets(y_unseen, "y_unseen")
    check_consistent_length(X_unseen, y_unseen)
    if X_unseen.shape[1:] != X.shape[1:] or y_unseen.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"`X_unseen` and `y_unseen` must be shaped like X and y, got {X_unseen.shape} and "
            f"{y_unseen.shape} for {X.shape} and {y.shape}"
        )
    return X, y, groups, (X_unseen, y_unseen)


def _in_its_file(given: Any, checked: Array) -> Any:
    """Rows of a memory map instead of an array that would be copied for every training."""
    whole = isinstance(given, np.memmap) and np.shares_memory(given, checked)
    return Rows(given) if whole and given.dtype == checked.dtype else checked


def as_floating(X: Array) -> Array:
    """Integers and booleans as float64, for the default net, which computes with its inputs."""
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def check_targets(y: Any, name: str) -> Array:
    """Finite targets of any kind, at least 1-D."""
    return check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name=name)
