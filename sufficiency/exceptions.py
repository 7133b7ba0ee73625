"""Warnings and errors that callers may want to tell apart."""

__all__ = [
    "CellFailedWarning",
    "DivergedTrainingError",
    "ExtrapolationWarning",
    "HeavyTailWarning",
    "InertProbeWarning",
    "InvalidParameterError",
    "NotIdentifiableError",
    "NotSettledWarning",
    "QuadraticModelWarning",
    "StoreWarning",
    "SufficiencyWarning",
    "UnreachableTargetError",
    "UnsupportedNetError",
]


class SufficiencyWarning(UserWarning):
    """Base class of every warning of this package."""


class NotSettledWarning(SufficiencyWarning):
    """Some centers are not settled: Δ around them says little about the landscape's minima."""


class InertProbeWarning(SufficiencyWarning):
    """The probe hardly moves Δ away from its value at the center itself."""


class HeavyTailWarning(SufficiencyWarning):
    """A few candidates carry most of Δ."""


class QuadraticModelWarning(SufficiencyWarning):
    """The closed form is used at a scale where the quadratic model no longer holds."""


class CellFailedWarning(SufficiencyWarning):
    """A (repeat, size) cell failed and is left out of the curve."""


class ExtrapolationWarning(SufficiencyWarning):
    """The answer lies beyond the measured sizes."""


class StoreWarning(SufficiencyWarning):
    """Something in the store could not be used, or could not be kept; the results are complete."""


class InvalidParameterError(ValueError, TypeError):
    """
    A parameter cannot have the value that it was given.

    Of both kinds, as scikit-learn's error of this name.

    Parameters
    ----------
    parameter : str
        Name.
    problem : str
        What goes on from there: what the parameter must be, what it is, and what to change.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(parameter, problem)
        self.parameter = parameter
        self.problem = problem

    def __str__(self) -> str:
        return f"`{self.parameter}` {self.problem}"


class DivergedTrainingError(ArithmeticError):
    """A training ended in weights that are not finite."""


class NotIdentifiableError(ValueError):
    """The measured curve does not determine the size that was asked for."""


class UnreachableTargetError(ValueError):
    """No number of samples reaches the target with this network and training."""


class UnsupportedNetError(ValueError):
    """The network cannot be measured as it is; the message says why and what to change."""
