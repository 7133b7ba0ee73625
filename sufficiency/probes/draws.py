"""The weight draws of one cell, in blocks for the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sufficiency.probes.base import Sampler, Weights, seeded_generator


@dataclass(frozen=True, eq=False)
class ProbeDraws:
    """Draws of a prepared probe, each from a seed of its own: blocks of any size are the same."""

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
        return sum(tensor.numel() * tensor.element_size() for tensor in self._draw(0).values())

    def block(self, start: int, stop: int) -> Weights:
        """Draws start … stop−1, stacked along a new first axis."""
        draws = [self._draw(t) for t in range(start, stop)]
        return {name: torch.stack([draw[name] for draw in draws]) for name in draws[0]}

    def _draw(self, t: int) -> Weights:
        return self.sampler(seeded_generator(self.seeds[t], self.device))


@dataclass(frozen=True, eq=False)
class AntitheticDraws(ProbeDraws):
    """Draws w and 2·mean − w in turn; such a pair has one seed and counts as one in errors."""

    mean: Weights

    @property
    def n_draws(self) -> int:
        """Number of draws, two a pair."""
        return 2 * len(self.seeds)

    def _draw(self, t: int) -> Weights:
        drawn = super()._draw(t // 2)
        return {n: 2 * self.mean[n] - w for n, w in drawn.items()} if t % 2 else drawn
