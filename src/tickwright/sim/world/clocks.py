"""A node's clocks: how far each is from true time, how fast it runs, and when somebody sets it.

Wall and monotonic time run at one rate, as they do where one quartz drives both; only wall time can be set. Monotonic time never
goes back. Does not: stop while the node is frozen, because a real one does not either.
"""

from __future__ import annotations

from typing import Protocol

from tickwright.base.clock import MonoNs, WallNs

_MILLION = 1_000_000


class TrueTime(Protocol):
    """Where true time is read."""

    now_ns: int


class WorldClock:
    """One node's clock. Implements ``base.clock.Clock``."""

    __slots__ = ("_base_ns", "_drift_ppm", "_shift_ns", "_since_ns", "_time")

    def __init__(self, time: TrueTime, wall_ns: int, mono_ns: int, drift_ppm: int = 0) -> None:
        self._time = time
        self._since_ns = time.now_ns
        self._base_ns = mono_ns  # the monotonic clock at that moment
        self._shift_ns = wall_ns - mono_ns
        self._drift_ppm = drift_ppm

    def mono_ns(self) -> MonoNs:
        elapsed_ns = self._time.now_ns - self._since_ns
        if self._drift_ppm:
            elapsed_ns += elapsed_ns * self._drift_ppm // _MILLION
        return MonoNs(self._base_ns + elapsed_ns)

    def wall_ns(self) -> WallNs:
        elapsed_ns = self._time.now_ns - self._since_ns
        if self._drift_ppm:
            elapsed_ns += elapsed_ns * self._drift_ppm // _MILLION
        return WallNs(self._base_ns + elapsed_ns + self._shift_ns)

    def step(self, ns: int) -> None:
        """Somebody sets the wall clock forward, or back if negative."""
        self._shift_ns += ns

    def drift(self, ppm: int) -> None:
        """From now on it runs this many parts per million too fast, or too slow if negative."""
        assert abs(ppm) < _MILLION, "a clock runs forward"
        self._base_ns = int(self.mono_ns())
        self._since_ns = self._time.now_ns
        self._drift_ppm = ppm

    def reboot(self, mono_ns: int) -> None:
        """The monotonic clock starts over, as it does with a machine; the wall clock does not."""
        wall_ns = int(self.wall_ns())
        self._since_ns = self._time.now_ns
        self._base_ns = mono_ns
        self._shift_ns = wall_ns - mono_ns

    def true_ns(self, mono_ns: int) -> int:
        """The first true moment at which the monotonic clock will show ``mono_ns``, if its rate stays as it is."""
        elapsed_ns = mono_ns - self._base_ns
        if self._drift_ppm:
            elapsed_ns = -(-elapsed_ns * _MILLION // (_MILLION + self._drift_ppm))
        return self._since_ns + elapsed_ns
