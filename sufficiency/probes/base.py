"""What a probe is, and how the engine gets its draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["Probe", "ProbeDraws", "Sampler"]

Weights = dict[str, Tensor]
Sampler = Callable[[torch.Generator], Weights]


@runtime_checkable
class Probe(Protocol):
    """
    A distribution over weights around a centre.

    A probe is a small immutable object. It is prepared once for a centre and then asked for
    draws, each with a generator of its own, so that a draw depends on nothing but its seed.
    """

    def prepare(self, center: Weights) -> Sampler:
        """
        Adapt to a centre.

        Parameters
        ----------
        center : dict of tensors
            The trained parameters by name, on the net's device. Not to be changed.

        Returns
        -------
        callable
            ``sampler(generator)`` returns one draw w: a dict with the centre's names and
            shapes, made of random numbers of `generator`, which lives on the centre's device.
        """
        ...


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
        Where the centre is.
    """

    sampler: Sampler
    seeds: Sequence[int]
    device: torch.device

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(self.seeds)

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1, stacked along a new first axis."""
        draws = [self._draw(seed) for seed in self.seeds[start:stop]]
        return {name: torch.stack([draw[name] for draw in draws]) for name in draws[0]}

    def _draw(self, seed: int) -> Weights:
        generator = torch.Generator(device=self.device)
        generator.manual_seed(seed)
        return self.sampler(generator)
