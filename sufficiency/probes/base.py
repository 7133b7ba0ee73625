"""What a probe is, and what the probes of this package share."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import BaseEstimator
from torch import Tensor

from sufficiency._random import RandomState, seed_from
from sufficiency._validation import check_choice, check_integer, check_number
from sufficiency.exceptions import InvalidParameterError

Weights = dict[str, Tensor]
Sampler = Callable[[torch.Generator], Weights]
Parameters = str | Sequence[str] | Callable[[str], bool] | None


@runtime_checkable
class Probe(Protocol):
    """
    A distribution over weights around a center.

    A probe is prepared for a center and then asked for draws, each with a generator of its own,
    so that a draw depends on nothing but its seed. Any object with a `prepare` method will do;
    :func:`sufficiency.probes.check_probe` checks one, and :class:`sufficiency.probes.BaseProbe`
    adds ``parameters=``, `get_params` and `set_params`.

    A probe that needs the Hessian has an attribute ``needs_hessian = True``; computing it is
    expensive, so that other probes do not get it.

    Examples
    --------
    Weights that are switched off at random:

    >>> import torch
    >>> from dataclasses import dataclass
    >>> from sufficiency.probes import check_probe
    >>> @dataclass(frozen=True)
    ... class Dropping:
    ...     rate: float = 0.1
    ...
    ...     def prepare(self, center):
    ...         def sample(generator):
    ...             return {
    ...                 name: w * (torch.rand(w.shape, generator=generator) >= self.rate)
    ...                 for name, w in center.items()
    ...             }
    ...
    ...         return sample
    >>> check_probe(Dropping(), {"weight": torch.ones(3, 2)})
    """

    def prepare(self, center: Weights, hessian: Any = None, random_state: int = 0) -> Sampler:
        """
        Adapt to a center.

        Parameters
        ----------
        center : dict of tensors
            The trained parameters by name, on the net's device. Not to be changed.
        hessian : scipy LinearOperator or None
            (N, N), of the training loss at the center, over all its parameters flattened in the
            center's order; None unless the probe needs it. May be left out of the signature.
        random_state : int
            For what is random but the same in all draws around this center, such as directions.
            May be left out of the signature.

        Returns
        -------
        callable
            ``sampler(generator)`` returns one draw w: a dict of tensors like the center's, made
            of random numbers of `generator`, which lives on the center's device. Names that are
            left out stay at the center; every draw has the same names.
        """
        ...


def prepare_probe(
    probe: Probe, center: Weights, make_hessian: Callable[[], Any] | None, random_state: int = 0
) -> Sampler:
    """Call ``probe.prepare`` with the arguments its signature has; the Hessian only if needed."""
    taken = inspect.signature(probe.prepare).parameters
    if "seed" in taken:
        raise InvalidParameterError(
            "probe",
            f"must take `random_state` in `prepare`, got {probe!r} with `seed`, which nothing "
            "sets; rename it",
        )
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    offered: dict[str, Any] = {"hessian": None, "random_state": random_state}
    if make_hessian is not None and getattr(probe, "needs_hessian", False):
        offered["hessian"] = make_hessian()
    context = {name: v for name, v in offered.items() if open_ended or name in taken}
    return probe.prepare(center, **context)


def seeded_generator(seed: int, device: torch.device) -> torch.Generator:
    """Make a generator on the device that is nobody else's."""
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    return generator


def normal_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Draw independent standard normal numbers of the tensor's shape, dtype and device."""
    return torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)


def _check_table(name: str, table: object, *, signed: bool) -> None:
    """Refuse anything but finite numbers by parameter name, and if none is < 0 one for all."""
    if not signed and isinstance(table, Real):
        check_number(name, table, at_least=0.0)
        return
    if not isinstance(table, Mapping):
        kinds = "a dict" if signed else "a number or a dict"
        raise TypeError(
            f"`{name}` must be {kinds} of arrays by parameter name, got {table!r}; take the names "
            "of net.module_.named_parameters()"
        )
    for key, value in table.items():
        numbers = value.detach().double().cpu() if isinstance(value, torch.Tensor) else value
        flat = np.asarray(numbers, dtype=np.float64).ravel()
        bad = flat[~np.isfinite(flat) | ((flat < 0) & (not signed))]
        if len(bad):
            rule = "finite" if signed else "finite and >= 0"
            raise ValueError(f"`{name}[{key!r}]` must be {rule}, got {bad[0]:g}")


_RULES: dict[str, Callable[[str, Any], object]] = {
    "dim": partial(check_integer, minimum=1),
    "sigma": partial(check_number, at_least=0.0),
    "radius": partial(check_number, at_least=0.0),
    "df": partial(check_number, above=2.0),
    "scale": partial(check_choice, choices=("layer", "absolute")),
    "normalization": partial(check_choice, choices=("filter", "layer", "none")),
    "norm": lambda name, value: value is None or check_number(name, value, above=0.0),
    "std": partial(_check_table, signed=False),
    "diagonal": partial(_check_table, signed=False),
    "factor": partial(_check_table, signed=True),
    "mean": lambda name, value: _check_table(name, {} if value is None else value, signed=True),
}


def layer_scales(center: Weights, scale: str) -> Weights:
    """Root mean square of each tensor for "layer", ones for "absolute"; 0-d, like the tensors."""
    if scale == "layer":
        return {name: tensor.square().mean().sqrt() for name, tensor in center.items()}
    return {name: tensor.new_ones(()) for name, tensor in center.items()}


def select_parameters(names: Iterable[str], parameters: Parameters) -> list[str]:
    """
    Names that `parameters` means, in the order of `names`.

    Parameters
    ----------
    names : iterable of str
        All there are.
    parameters : str, sequence of str, callable or None
        Glob patterns as in a shell, of which one has to match; or name → bool; None: all.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If a pattern, or the callable, selects none.
    """
    available = list(names)
    if parameters is None:
        return available
    single = callable(parameters) or isinstance(parameters, str)
    rules: Any = [parameters] if single else parameters
    selected: set[str] = set()
    for rule in rules:
        found = {n for n in available if (rule(n) if callable(rule) else fnmatchcase(n, rule))}
        if not found:
            raise ValueError(
                f"`parameters` must match some of {available}, got {rule!r}, which matches none; "
                "choose among these names"
            )
        selected |= found
    return [name for name in available if name in selected]


@dataclass(repr=False, eq=False)
class BaseProbe(BaseEstimator, ABC):
    """
    A probe that can be restricted to some of the parameters.

    It has scikit-learn's `get_params`, `set_params`, ``clone`` and `repr`. Subclasses are
    dataclasses (``@dataclass(repr=False)``) that implement ``_prepare`` and, if there is anything
    to check, ``check``; see :class:`sufficiency.probes.Probe` for what a probe is.

    Parameters
    ----------
    parameters : str, sequence of str or callable, optional
        Which parameters are disturbed: glob patterns of their names ("head.*"), or a function
        from name to bool. The others stay at the center exactly, and are not copied, so that the
        last layer of a large model is cheap to probe. None: all.
    """

    parameters: Parameters = field(default=None, kw_only=True)

    # Whether w and its mirror image at the mean are equally likely; own probes have to say so.
    symmetric: ClassVar[bool] = False
    # Parameters that a rule of this package checks.
    _checked: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """
        Check the parameters, as far as that is possible without a center.

        Raises
        ------
        TypeError, ValueError
            If one is of another kind or out of range.
        """
        given = self.parameters
        listed = isinstance(given, Sequence) and all(isinstance(p, str) for p in given)
        if not (given is None or callable(given) or isinstance(given, str) or (listed and given)):
            raise TypeError(
                "`parameters` must be a glob pattern, some of them or a callable from name to "
                f"bool, got {given!r}; leave it out to disturb all parameters"
            )
        for name in self._checked:
            _RULES[name](name, getattr(self, name))

    def prepare(
        self, center: Weights, hessian: Any = None, random_state: RandomState = 0
    ) -> Sampler:
        """
        Adapt to a center.

        Parameters
        ----------
        center, hessian, random_state
            As in :meth:`Probe.prepare`; `random_state` may also be a RandomState instance or None.

        Returns
        -------
        callable
            ``sampler(generator)`` gives one draw of the parameters that are disturbed.

        Raises
        ------
        TypeError, ValueError
            If a parameter is of another kind, out of range or does not fit the center.
        """
        self.check()
        chosen = {name: center[name] for name in select_parameters(center, self.parameters)}
        seed = seed_from(random_state)
        return self._prepare(chosen, center=center, hessian=hessian, seed=seed)

    @abstractmethod
    def _prepare(self, chosen: Weights, *, center: Weights, hessian: Any, seed: int) -> Sampler:
        """Sampler for the chosen parameters of the center."""

    def __eq__(self, other: object) -> bool:
        """Whether class and parameters are the same."""
        if not isinstance(other, BaseProbe) or type(self) is not type(other):
            return NotImplemented
        return _equal(self.get_params(deep=False), other.get_params(deep=False))

    def __hash__(self) -> int:
        """The same for all of a class, since parameters can be set."""
        return hash(type(self))

    def __repr__(self) -> str:
        """As scikit-learn prints: what differs from the defaults; tables by their shapes."""
        shown = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            text = _summary(getattr(self, name))
            if text != _summary(parameter.default) or not get_config()["print_changed_only"]:
                shown.append(f"{name}={text}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _summary(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_summary(part)}" for name, part in value.items()) + "}"
    shape = getattr(value, "shape", ())
    return f"array{tuple(shape)}" if shape else repr(value)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[name], b[name]) for name in a)
    return a is b or np.array_equal(a, b)
