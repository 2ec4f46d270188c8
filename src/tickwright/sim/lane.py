"""Carries messages one way with delay, in order: what was sent first arrives first, however the delays are drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from tickwright.base.clock import NS_PER_S, NS_PER_US, Clock
from tickwright.base.limits import INBOX_EVENTS_MAX
from tickwright.sim.latency import LatencyModel

T = TypeVar("T")


class Timer(Protocol):
    """What a scheduler gives back."""

    def cancel(self) -> None: ...


class Scheduler(Protocol):
    """The part of an event loop that is needed here: ``loop.call_later``, real or virtual."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Lane(Generic[T]):
    """One direction of one connection. A message without delay and with nothing before it is delivered within :meth:`send`.
    ``deliver`` is given the message and how long it was under way (0 in that case).

    Bounded: more than ``INBOX_EVENTS_MAX`` messages under way is a defect of the set-up and asserts.
    """

    def __init__(self, deliver: Callable[[T, int], None], latency: LatencyModel, clock: Clock, schedule: Scheduler) -> None:
        self._deliver = deliver
        self._latency = latency
        self._clock = clock
        self._schedule = schedule
        self._under_way: deque[tuple[int, int, T]] = deque()
        self._timer: Timer | None = None
        self.closed = False

    def send(self, message: T) -> None:
        """Deliver ``message`` after its delay; nothing once closed."""
        if self.closed:
            return
        delay_ns = self._latency.delay_ns(self._clock.wall_ns())
        if delay_ns == 0 and not self._under_way:
            self._deliver(message, 0)
            return
        assert len(self._under_way) < INBOX_EVENTS_MAX, "too many messages under way"
        sent_ns = self._clock.mono_ns()
        due_ns = sent_ns + delay_ns
        self._under_way.append((due_ns, sent_ns, message))
        if self._timer is None:
            self._arm(delay_ns)

    def close(self) -> None:
        """Lose what is under way."""
        self.closed = True
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, delay_ns: int) -> None:
        self._timer = self._schedule.call_later(delay_ns / NS_PER_S, self._fire)

    def _fire(self) -> None:
        self._timer = None
        # A timer counts in float seconds and may come a hair early; a microsecond is nobody's latency.
        horizon_ns = self._clock.mono_ns() + NS_PER_US
        while self._under_way and self._under_way[0][0] <= horizon_ns:
            _, sent_ns, message = self._under_way.popleft()
            self._deliver(message, self._clock.mono_ns() - sent_ns)
        if self._under_way and self._timer is None:
            self._arm(max(0, self._under_way[0][0] - self._clock.mono_ns()))
