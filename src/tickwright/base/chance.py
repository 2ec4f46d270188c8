"""The one source of chance. Everything that is random takes a :class:`Chance`, so that one seed explains a run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A seeded stream of choices. ``Chance(None)`` seeds itself from the operating system."""

    __slots__ = ("_random",)

    def __init__(self, seed: int | str | None) -> None:
        # Not for secrets: jitter, simulated faults and generated markets only.
        self._random = random.Random(seed)  # noqa: S311 (see the line above)

    def unit(self) -> float:
        """A float in [0, 1)."""
        return self._random.random()

    def between(self, low: float, high: float) -> float:
        """A float in [low, high]."""
        return low + (high - low) * self._random.random()

    def below(self, bound: int) -> int:
        """An int in [0, bound)."""
        return self._random.randrange(bound)

    def happens(self, probability: float) -> bool:
        """True with the given probability; draws even for 0 and 1 so that rates do not shift the stream."""
        return self._random.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items`` (not empty)."""
        return items[self._random.randrange(len(items))]

    def normal(self, mean: float, deviation: float) -> float:
        return self._random.gauss(mean, deviation)

    def lognormal(self, mu: float, sigma: float) -> float:
        return self._random.lognormvariate(mu, sigma)

    def exponential(self, mean: float) -> float:
        return self._random.expovariate(1.0 / mean)

    def fork(self, name: str) -> Chance:
        """An independent stream for a named part, so that adding a draw in one part does not disturb another."""
        return Chance(f"{name}:{self._random.getrandbits(64):x}")
