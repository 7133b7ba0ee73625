"""Checks of the estimator's parameters, one by one and together."""

import os
from collections.abc import Mapping
from typing import Any

from sufficiency._validation import check_choice, check_integer
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import InvalidParameterError
from sufficiency.probes import Probe
from sufficiency.probes.resolve import resolve_probe

__all__ = ["check_parameters"]

_MONTE_CARLO = ("monte_carlo", "each_size")


def check_parameters(given: Mapping[str, Any]) -> Probe:
    """Refuse invalid values, and combinations that have no formula."""
    check_integer("n_repeats", given["n_repeats"], 1)
    if given["n_draws"] != "auto":
        check_integer("n_draws", given["n_draws"], 1)
    if given["n_eval"] is not None:
        check_integer("n_eval", given["n_eval"], 2)
    check_integer("min_steps", given["min_steps"], 0)
    if given["n_candidates"] is not None:
        check_integer("n_candidates", given["n_candidates"], 1)
    order = given["order"]
    if isinstance(order, bool) or order not in (1, 2):
        raise InvalidParameterError(
            "order", f"must be 1 (mean absolute) or 2 (mean square), got {order!r}"
        )
    check_choice("method", given["method"], ("monte_carlo", "gaussian_moment"))
    check_choice("train", given["train"], ("each_size", "once"))
    check_choice("center", given["center"], ("last", "best"))
    check_choice("curve", given["curve"], ("auto", *FAMILIES))
    store = given["store"]
    if store is not None and not isinstance(store, (str, os.PathLike)):
        raise InvalidParameterError(
            "store", f"must be the path of a directory or None, got {store!r}"
        )
    if store is not None and not os.fspath(store):
        raise InvalidParameterError("store", "must be the path of a directory or None, got ''")
    _check_combination(given)
    return resolve_probe(given["probe"], given["sigma"])


def _check_combination(given: Mapping[str, Any]) -> None:
    order, method, train = given["order"], given["method"], given["train"]
    if order == 1 and method == "gaussian_moment":
        raise InvalidParameterError(
            "order",
            "must be 2 with method 'gaussian_moment', got 1; the mean absolute value has "
            "no closed form: use method 'monte_carlo'",
        )
    if order == 1 and train == "once":
        raise InvalidParameterError(
            "order",
            "must be 2 with train 'once', got 1; the mean absolute value over orders of "
            "the data has no closed form: use train 'each_size'",
        )
    if method == "gaussian_moment" and train == "once":
        raise InvalidParameterError(
            "method",
            "must be 'monte_carlo' with train 'once', got 'gaussian_moment'; the variance "
            "over samples is taken at weight draws",
        )
    if given["n_draws"] == "auto" and (method, train) != _MONTE_CARLO:
        raise InvalidParameterError(
            "n_draws",
            "must be an integer with method 'gaussian_moment' or train 'once', got "
            "'auto'; it is about the draws of a Monte Carlo mean at every size",
        )
    if given["n_eval"] is not None and (order, method, train) != (2, *_MONTE_CARLO):
        raise InvalidParameterError(
            "n_eval",
            "must be None with order 1, method 'gaussian_moment' or train 'once', got "
            f"{given['n_eval']}; only the Monte Carlo mean square has an exact correction for it",
        )
