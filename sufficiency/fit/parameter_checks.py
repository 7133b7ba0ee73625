"""Checks of the estimator's parameters, one by one and together."""

import os
from collections.abc import Mapping
from typing import Any

from sufficiency._validation import check_choice, check_integer
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import InvalidParameterError
from sufficiency.probes import Probe
from sufficiency.probes.resolve import resolve_probe

# Name, smallest value, and what may be given in its place.
_INTEGERS = (
    ("n_repeats", 1, ()),
    ("n_draws", 1, ("auto",)),
    ("n_eval", 2, ("auto", None)),
    ("min_steps", 0, ()),
    ("n_candidates", 1, (None,)),
)
_CHOICES = {
    "method": ("monte_carlo", "gaussian_moment"),
    "train": ("each_size", "once"),
    "center": ("last", "best"),
}


def check_parameters(given: Mapping[str, Any]) -> Probe:
    """Refuse invalid values, and combinations that have no formula."""
    for name, least, others in _INTEGERS:
        if given[name] not in others:
            check_integer(name, given[name], least)
    order, store = given["order"], given["store"]
    if isinstance(order, bool) or order not in (1, 2):
        raise InvalidParameterError(
            "order", f"must be 1 (mean absolute) or 2 (mean square), got {order!r}"
        )
    for name, choices in _CHOICES.items():
        check_choice(name, given[name], choices)
    together = given["train_together"]
    if together is not False and not (isinstance(together, str) and together == "auto"):
        raise InvalidParameterError("train_together", f"must be 'auto' or False, got {together!r}")
    check_choice("curve", given["curve"], ("auto", *FAMILIES))
    if store is not None and not (isinstance(store, (str, os.PathLike)) and os.fspath(store)):
        raise InvalidParameterError(
            "store", f"must be the path of a directory or None, got {store!r}"
        )
    _check_combination(given)
    return resolve_probe(given["probe"], given["sigma"])


def _check_combination(given: Mapping[str, Any]) -> None:
    first_order, once = given["order"] == 1, given["train"] == "once"
    closed_form, n_eval = given["method"] == "gaussian_moment", given["n_eval"]
    for refused, parameter, problem in (
        (
            first_order and closed_form,
            "order",
            "must be 2 with method 'gaussian_moment', got 1; the mean absolute value has "
            "no closed form: use method 'monte_carlo'",
        ),
        (
            first_order and once,
            "order",
            "must be 2 with train 'once', got 1; the mean absolute value over orders of "
            "the data has no closed form: use train 'each_size'",
        ),
        (
            closed_form and once,
            "method",
            "must be 'monte_carlo' with train 'once', got 'gaussian_moment'; the variance "
            "over samples is taken at weight draws",
        ),
        (
            given["n_draws"] == "auto" and (closed_form or once),
            "n_draws",
            "must be an integer with method 'gaussian_moment' or train 'once', got "
            "'auto'; it is about the draws of a Monte Carlo mean at every size",
        ),
        (
            n_eval not in ("auto", None) and (first_order or closed_form or once),
            "n_eval",
            "must be 'auto' or None with order 1, method 'gaussian_moment' or train 'once', got "
            f"{n_eval}; only the Monte Carlo mean square has an exact correction for it",
        ),
    ):
        if refused:
            raise InvalidParameterError(parameter, problem)


def refuse_arguments(given: Mapping[str, Any]) -> None:
    """Arguments of ``fit`` that it does not have."""
    for name, value in given.items():
        if name != "sample_weight":
            raise TypeError(f"fit() got an unexpected keyword argument {name!r}")
        if value is not None:
            raise InvalidParameterError(
                name,
                "must be None: Δ is about a mean of losses in which every sample counts once, and "
                "the next sample as much as the others; keep each row with a probability "
                "proportional to its weight, and fit to the rows that are kept",
            )
