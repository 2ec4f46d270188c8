"""Wall time and monotonic time, as different types, so that one cannot be subtracted from the other by accident.

The core never reads a clock; the shell owns one and stamps events with it. Wall time is nanoseconds since the epoch,
UTC; it can step. Monotonic time is nanoseconds from an arbitrary start; it cannot go back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NewType, Protocol, cast

WallNs = NewType("WallNs", int)
MonoNs = NewType("MonoNs", int)

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000


class Clock(Protocol):
    """What the shell and the net layer read time from; the simulated world supplies its own."""

    def wall_ns(self) -> WallNs: ...

    def mono_ns(self) -> MonoNs: ...


class SystemClock:
    """The machine's clocks: the functions of ``time`` themselves, because every message that comes in is stamped."""

    wall_ns: Callable[[], WallNs] = staticmethod(cast("Callable[[], WallNs]", time.time_ns))
    mono_ns: Callable[[], MonoNs] = staticmethod(cast("Callable[[], MonoNs]", time.monotonic_ns))


class ManualClock:
    """A clock that moves only when told: for tests, tapes and virtual time."""

    def __init__(self, wall_ns: int = 0, mono_ns: int = 0) -> None:
        self.wall = wall_ns
        self.mono = mono_ns

    def wall_ns(self) -> WallNs:
        return WallNs(self.wall)

    def mono_ns(self) -> MonoNs:
        return MonoNs(self.mono)

    def advance(self, ns: int) -> None:
        """Move both clocks forward by ``ns`` (not negative)."""
        assert ns >= 0, "a monotonic clock cannot go back"
        self.wall += ns
        self.mono += ns
