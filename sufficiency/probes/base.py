"""What a probe is, how the engine gets its draws, and how a probe is kept to some parameters."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from sufficiency._validation import check_choice

__all__ = [
    "AntitheticDraws",
    "BaseProbe",
    "Parameters",
    "Probe",
    "ProbeDraws",
    "Sampler",
    "layer_scales",
    "needs_hessian",
    "normal_like",
    "prepare_probe",
    "seeded_generator",
    "select_parameters",
]

Weights = dict[str, Tensor]
Sampler = Callable[[torch.Generator], Weights]
Parameters = str | Sequence[str] | Callable[[str], bool] | None


@runtime_checkable
class Probe(Protocol):
    """
    A distribution over weights around a center.

    A probe is a small immutable object. It is prepared once for a center and then asked for
    draws, each with a generator of its own, so that a draw depends on nothing but its seed.
    Any object with a `prepare` method will do; :func:`sufficiency.probes.check_probe` tells what
    is wrong with one, and :class:`sufficiency.probes.BaseProbe` adds ``parameters=`` to it.

    A probe that wants the Hessian has an attribute ``needs_hessian = True``; it is not made
    otherwise, for it costs.

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

    def prepare(self, center: Weights, hessian: Any = None, seed: int = 0) -> Sampler:
        """
        Adapt to a center.

        Parameters
        ----------
        center : dict of tensors
            The trained parameters by name, on the net's device. Not to be changed.
        hessian : scipy LinearOperator or None
            (N, N), of the training loss at the center, over all its parameters flattened in the
            center's order; None unless the probe needs it. May be left out of the signature.
        seed : int
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


def needs_hessian(probe: Probe) -> bool:
    """Whether the probe asks for the Hessian at the center."""
    return bool(getattr(probe, "needs_hessian", False))


def prepare_probe(probe: Probe, center: Weights, hessian: Any = None, seed: int = 0) -> Sampler:
    """Call ``probe.prepare`` with as much of (center, hessian, seed) as its signature takes."""
    taken = inspect.signature(probe.prepare).parameters
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    offered = {"hessian": hessian, "seed": seed}
    context = {name: v for name, v in offered.items() if open_ended or name in taken}
    return probe.prepare(center, **context)


@dataclass(frozen=True, eq=False)
class ProbeDraws:
    """
    The draws of one cell, for the engine.

    Parameters
    ----------
    sampler : callable
        From :meth:`Probe.prepare`.
    seeds : sequence of int
        One for each draw: blocks of any size give the same draws.
    device : torch.device
        Where the center is.
    """

    sampler: Sampler
    seeds: Sequence[int]
    device: torch.device

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.seeds)

    @property
    def bytes_per_draw(self) -> int:
        """Size of one draw: of the parameters that are disturbed. Makes one to find out."""
        draw = self._draw(self.seeds[0])
        return sum(tensor.numel() * tensor.element_size() for tensor in draw.values())

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1, stacked along a new first axis."""
        draws = [self._draw(seed) for seed in self.seeds[start:stop]]
        return {name: torch.stack([draw[name] for draw in draws]) for name in draws[0]}

    def _draw(self, seed: int) -> Weights:
        return self.sampler(seeded_generator(seed, self.device))


@dataclass(frozen=True, eq=False)
class AntitheticDraws:
    """
    Draws in pairs, each with its mirror image at the mean: 2·mean − w beside w.

    What is odd around the mean cancels within a pair, so that a pair is worth more than two
    draws; it counts as one for standard errors. For symmetric distributions only.

    Parameters
    ----------
    sampler : callable
        From :meth:`Probe.prepare`.
    mean : dict of tensors
        Of the distribution, with the names of its draws.
    seeds : sequence of int
        One for each pair.
    device : torch.device
        Where the center is.
    """

    sampler: Sampler
    mean: Weights
    seeds: Sequence[int]
    device: torch.device

    @property
    def n_draws(self) -> int:
        """Number of draws, two a pair."""
        return 2 * len(self.seeds)

    @property
    def bytes_per_draw(self) -> int:
        """Size of one draw."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.mean.values())

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1, stacked: even ones as drawn, odd ones their mirror images."""
        rows = [self._draw(t) for t in range(start, stop)]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _draw(self, t: int) -> Weights:
        drawn = self.sampler(seeded_generator(self.seeds[t // 2], self.device))
        return {n: 2 * self.mean[n] - w for n, w in drawn.items()} if t % 2 else drawn


def seeded_generator(seed: int, device: torch.device) -> torch.Generator:
    """Make a generator on the device that is nobody else's."""
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    return generator


def normal_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Draw independent standard normal numbers of the tensor's shape, dtype and device."""
    return torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)


SCALES = ("layer", "absolute")


def check_scale(scale: object) -> str:
    """Return `scale` if it is "layer" or "absolute"."""
    return check_choice("scale", scale, SCALES)


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
    if callable(parameters):
        chosen = [name for name in available if parameters(name)]
        if not chosen:
            raise ValueError(
                f"`parameters` must be true of some name, got {parameters!r}, which is false of "
                f"all of {available}; choose some of these"
            )
        return chosen
    patterns = [parameters] if isinstance(parameters, str) else list(parameters)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in available):
            raise ValueError(
                f"`parameters` must match some of {available}, got {pattern!r}, which matches "
                "none; choose among these names"
            )
    return [name for name in available if any(fnmatchcase(name, p) for p in patterns)]


@dataclass(frozen=True, repr=False)
class BaseProbe(ABC):
    """
    A probe that can be kept to some of the parameters.

    Subclasses are frozen dataclasses and implement ``_prepare``; see
    :class:`sufficiency.probes.Probe` for what a probe is.

    Parameters
    ----------
    parameters : str, sequence of str or callable, optional
        Which parameters are disturbed: glob patterns of their names ("head.*"), or a function
        from name to bool. The others stay at the center exactly, and are not copied, so that the
        last layer of a large model is cheap to probe. None: all.

    Raises
    ------
    TypeError
        If `parameters` is of another kind.
    """

    parameters: Parameters = field(default=None, kw_only=True)

    # Whether w and its mirror image at the mean are equally likely; own probes have to say so.
    symmetric: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check `parameters`; the names are known in `prepare` only."""
        given = self.parameters
        if given is None or callable(given) or isinstance(given, str):
            return
        listed = isinstance(given, Sequence) and all(isinstance(p, str) for p in given)
        if not listed or not given:
            raise TypeError(
                "`parameters` must be a glob pattern, some of them or a callable from name to "
                f"bool, got {given!r}; leave it out to disturb all parameters"
            )

    def prepare(self, center: Weights, hessian: Any = None, seed: int = 0) -> Sampler:
        """
        Adapt to a center (see :meth:`sufficiency.probes.Probe.prepare`).

        Parameters
        ----------
        center : dict of tensors
            All trained parameters by name.
        hessian : scipy LinearOperator, optional
            Over all of them, flattened; for probes that need it.
        seed : int, default=0
            For directions that all draws share.

        Returns
        -------
        callable
            ``sampler(generator)`` gives one draw of the parameters that are disturbed.

        Raises
        ------
        ValueError
            If `parameters` or tables of numbers do not fit the center.
        """
        chosen = {name: center[name] for name in select_parameters(center, self.parameters)}
        return self._prepare(chosen, center=center, hessian=hessian, seed=seed)

    @abstractmethod
    def _prepare(self, chosen: Weights, *, center: Weights, hessian: Any, seed: int) -> Sampler:
        """Sampler for the chosen parameters of the center."""

    def __repr__(self) -> str:
        """As a dataclass has it, without tables of numbers and what is not restricted."""
        own = [item for item in fields(self) if item.name != "parameters"]
        shown = [f"{item.name}={_summary(getattr(self, item.name))}" for item in own]
        if self.parameters is not None:
            shown.append(f"parameters={self.parameters!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _summary(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {_summary(part)}" for name, part in value.items()) + "}"
    shape = getattr(value, "shape", ())
    return f"array{tuple(shape)}" if shape else repr(value)
