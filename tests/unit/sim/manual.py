"""A clock and a scheduler that move together, and only when told."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from tickwright.base.clock import NS_PER_S, ManualClock


class ManualTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualSchedule:
    """What :class:`tickwright.sim.lane.Scheduler` asks for, over a :class:`ManualClock`."""

    def __init__(self) -> None:
        self.clock = ManualClock(wall_ns=1_000 * NS_PER_S, mono_ns=50 * NS_PER_S)
        self._heap: list[tuple[int, int, ManualTimer]] = []
        self._count = 0

    def call_later(self, delay: float, callback: Callable[[], None], /) -> ManualTimer:
        timer = ManualTimer(callback)
        self._count += 1
        heapq.heappush(self._heap, (self.clock.mono + round(delay * NS_PER_S), self._count, timer))
        return timer

    def advance(self, ns: int) -> None:
        """Move time forward, stopping at every timer on the way."""
        until = self.clock.mono + ns
        while self._heap and self._heap[0][0] <= until:
            at, _, timer = heapq.heappop(self._heap)
            self.clock.advance(max(0, at - self.clock.mono))
            if timer.callback is not None:
                timer.callback()
        self.clock.advance(until - self.clock.mono)
