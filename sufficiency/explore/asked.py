"""What the page asks: numbers from a query, checked, and the code that asks the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sufficiency._validation import check_choice
from sufficiency.curves.families import FAMILIES
from sufficiency.exceptions import InvalidParameterError
from sufficiency.sizing.beyond import check_prior
from sufficiency.sizing.questions import TARGET_KINDS

QUANTITIES = ("delta", *TARGET_KINDS)


@dataclass(frozen=True)
class Basis:
    """What every answer rests on."""

    family: str
    prior: str | None = "bank"
    confidence: float = 0.95


@dataclass(frozen=True)
class Query:
    """The values of a request, by name."""

    values: Mapping[str, str]

    def number(self, name: str, default: float | None = None) -> float | None:
        """A number; the default where nothing was given."""
        text = self.values.get(name, "").strip()
        if not text:
            return default
        try:
            return float(text)
        except ValueError:
            raise InvalidParameterError(name, f"must be a number, got {text!r}") from None

    def required(self, name: str) -> float:
        """A number that has to be there."""
        number = self.number(name)
        if number is None:
            raise InvalidParameterError(name, "must be a number, got nothing; type one")
        return number

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number; the default where nothing was given."""
        text = self.values.get(name, "").strip()
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise InvalidParameterError(name, f"must be a whole number, got {text!r}") from None

    def growth(self) -> float | None:
        """Samples (a whole number) or a share; None: one sample."""
        text = self.values.get("growth", "").strip()
        return self.integer("growth") if text.lstrip("+").isdigit() else self.number("growth")

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.values.get(name) == "1"

    def quantity(self) -> str:
        """Of a target."""
        quantity = self.values.get("quantity", "")
        check_choice("quantity", quantity, QUANTITIES)
        return quantity

    def basis(self, family: str) -> Basis:
        """Family, prior and confidence; those of the result, and the usual ones, by default."""
        chosen = self.values.get("family") or family
        check_choice("family", chosen, ("auto", *FAMILIES))
        prior = None if self.values.get("prior") == "none" else self.values.get("prior") or "bank"
        check_prior(prior)
        return Basis(chosen, prior, self.number("confidence", 0.95) or 0.0)

    def plan(self) -> dict[str, Any]:
        """How to plan, as in :meth:`SufficiencyResult.plan`."""
        return {
            "rounds": self.integer("rounds", 3),
            "risk": self.number("risk", 0.05),
            "limit": self.integer("limit"),
            "cost_per_sample": self.number("cost_per_sample"),
            "cost_of_missing": self.number("cost_of_missing"),
        }


@dataclass(frozen=True)
class Place:
    """Where the result is, for code that asks the same."""

    path: str = ""  # of a saved result; empty: it is at hand as `result`
    family: str = "auto"  # that it was made with

    def python(self, call: str, basis: Basis) -> str:
        """Lines that print what a method of the result returns."""
        lines, other = [], basis.family != self.family
        if other:
            lines.append("from dataclasses import replace")
        if self.path:
            lines += ["from sufficiency import SufficiencyResult", ""]
            lines.append(f"result = SufficiencyResult.load({self.path!r})")
        if other:
            lines.append(f"result = replace(result, family={basis.family!r})")
        return "\n".join([*lines, f"print(result.{call})"])

    def command(self, name: str, basis: Basis, options: Mapping[str, Any]) -> str:
        """The command line; empty where nothing is saved."""
        if not self.path:
            return ""
        given = dict(options) | {"--prior": "none" if basis.prior is None else None}
        given |= {"--curve": basis.family if basis.family != self.family else None}
        words = ["sufficiency", name, self.path]
        for option, value in given.items():
            if value is True:
                words.append(option)
            elif value is not None and value is not False:
                words += [option, _word(option, value)]
        return shlex.join(words)


def _word(option: str, value: Any) -> str:
    """A value as the command line takes it, which keeps samples and shares apart."""
    if option == "--growth" and isinstance(value, float) and value >= 1:
        return f"x{value + 1!r}"
    return value if isinstance(value, str) else repr(value)


def call_of(method: str, *values: Any, **options: Any) -> str:
    """A call in Python, without the options that have their default."""
    usual = {"relative": False, "growth": None, "confidence": 0.95, "prior": "bank", "rounds": 3}
    usual |= {"risk": 0.05, "limit": None, "cost_per_sample": None, "cost_of_missing": None}
    told = [repr(value) for value in values]
    told += [f"{name}={value!r}" for name, value in options.items() if value != usual[name]]
    return f"{method}({', '.join(told)})"
