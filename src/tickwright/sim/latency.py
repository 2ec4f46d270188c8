"""How long messages take between the client and the simulated venue, in each direction.

A model answers with a delay in nanoseconds, never negative. It says nothing of order: who carries the messages keeps those of
one connection in order, as TCP does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import log
from typing import NamedTuple, Protocol

from tickwright.base.chance import Chance


class LatencyModel(Protocol):
    """One direction."""

    def delay_ns(self, now_ns: int) -> int:
        """Delay of a message sent at ``now_ns`` (wall time)."""


class ConstantLatency:
    """Always the same."""

    __slots__ = ("_ns",)

    def __init__(self, ns: int) -> None:
        assert ns >= 0, "a delay cannot be negative"
        self._ns = ns

    def delay_ns(self, now_ns: int) -> int:  # noqa: ARG002 (the protocol's; this delay never changes)
        return self._ns


class LognormalLatency:
    """Half the messages are faster than ``median_ns``; ``sigma`` 0.3 makes one in a thousand 2.5 times slower than that.
    Bounded by ``floor_ns`` and ``ceiling_ns``, because no wire is faster than light and no test waits for ever.
    """

    __slots__ = ("_ceiling_ns", "_chance", "_floor_ns", "_mu", "_sigma")

    def __init__(
        self, median_ns: int, sigma: float, chance: Chance, *, floor_ns: int = 0, ceiling_ns: int = 60_000_000_000
    ) -> None:
        assert 0 <= floor_ns <= median_ns <= ceiling_ns, "floor, median and ceiling are out of order"
        assert median_ns > 0, "a lognormal delay needs a median above zero"
        assert sigma >= 0, "a spread cannot be negative"
        self._mu = log(median_ns)
        self._sigma = sigma
        self._chance = chance
        self._floor_ns = floor_ns
        self._ceiling_ns = ceiling_ns

    def delay_ns(self, now_ns: int) -> int:  # noqa: ARG002 (the protocol's; the same at all times)
        return min(self._ceiling_ns, max(self._floor_ns, round(self._chance.lognormal(self._mu, self._sigma))))


class RecordedLatency:
    """What was measured: the sample taken last at or before the message's time, or the first one before there was any."""

    __slots__ = ("_delays_ns", "_times_ns")

    def __init__(self, samples: Sequence[tuple[int, int]]) -> None:
        """``samples`` are (wall time, delay) in nanoseconds, in order of time, at least one."""
        assert samples, "no samples"
        self._times_ns = [at_ns for at_ns, _ in samples]
        self._delays_ns = [delay_ns for _, delay_ns in samples]
        assert self._times_ns == sorted(self._times_ns), "samples are out of order"
        assert min(self._delays_ns) >= 0, "a delay cannot be negative"

    def delay_ns(self, now_ns: int) -> int:
        return self._delays_ns[max(0, bisect_right(self._times_ns, now_ns) - 1)]


class Latencies(NamedTuple):
    """The three ways of a venue: its market data to us, our requests to it, its answers and account events to us."""

    feed: LatencyModel
    up: LatencyModel
    down: LatencyModel


def no_latency() -> Latencies:
    """Everything arrives at once."""
    none = ConstantLatency(0)
    return Latencies(none, none, none)
