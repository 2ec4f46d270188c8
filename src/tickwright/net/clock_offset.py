"""How far the local clock is from a venue's: the median of a few samples, held within what every one of them allows. Pure.

A sample says: the venue's clock read ``venue_ns`` at some moment between ``sent_ns`` and ``recv_ns``. So the offset (local minus
venue) lies within half a round trip of the middle. All samples together leave one interval that they agree on, no wider than the
best round trip; the median is moved into it if it must be, and the bound is the way to its farther end, plus drift since.

Guarantees: the true offset is within ``bound_ns`` of ``offset_ns``, if the clocks drift by no more than is allowed for.
Samples that contradict each other (a clock was set in between) are not averaged: only the latest is kept.
Does not: ask anybody, or set a clock.
"""

from __future__ import annotations

from collections import deque

from tickwright.base.limits import CLOCK_SAMPLES

#: How long a measurement is good for, and how much a cheap quartz may drift meanwhile (50 parts per million).
GOOD_FOR_NS = 60 * 1_000_000_000
DRIFT_PPM = 50
_UNLIMITED_NS = 1 << 62


class ClockOffset:
    """Samples and what follows from them. ``offset_ns`` is 0 with an unlimited bound until there is a sample."""

    __slots__ = ("_bound_ns", "_measured_ns", "_samples", "offset_ns", "resyncs")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=CLOCK_SAMPLES)
        self._measured_ns = 0
        self._bound_ns = _UNLIMITED_NS
        #: Local clock minus the venue's.
        self.offset_ns = 0
        self.resyncs = 0

    def sample(self, sent_ns: int, venue_ns: int, recv_ns: int, venue_step_ns: int = 1_000_000) -> None:
        """Take in one answer. ``venue_step_ns`` is the resolution of the venue's clock: it told the start of its step."""
        assert recv_ns >= sent_ns, "an answer does not come before its question"
        # The venue read its clock no earlier than venue_ns and before the step was over, and no earlier than we asked.
        self._samples.append((sent_ns - venue_ns - venue_step_ns, recv_ns - venue_ns, recv_ns))
        self._measured_ns = recv_ns
        low, high = self._agreed()
        if low > high:
            while len(self._samples) > 1:
                self._samples.popleft()
            low, high = self._agreed()
        middles = sorted((first + last) // 2 for first, last, _ in self._samples)
        self.offset_ns = min(max(middles[len(middles) // 2], low), high)
        self._bound_ns = max(high - self.offset_ns, self.offset_ns - low)

    def _agreed(self) -> tuple[int, int]:
        """What all samples allow, each widened by the drift since it was taken."""
        low, high = -_UNLIMITED_NS, _UNLIMITED_NS
        for first, last, at_ns in self._samples:
            drift = _drift_ns(self._measured_ns - at_ns)
            low, high = max(low, first - drift), min(high, last + drift)
        return low, high

    def bound_ns(self, now_ns: int) -> int:
        """How far the offset may be off: what the samples leave open, and drift since."""
        if not self._samples:
            return _UNLIMITED_NS
        return self._bound_ns + _drift_ns(now_ns - self._measured_ns)

    def needs_measure(self, now_ns: int) -> bool:
        """Whether there is no measurement, or it is old or of a time to come (the clock was set back)."""
        return not self._samples or not 0 <= now_ns - self._measured_ns < GOOD_FOR_NS

    def distrust(self) -> None:
        """The venue refused a time stamp: what was measured is not so any more."""
        self._samples.clear()
        self._bound_ns = _UNLIMITED_NS
        self.resyncs += 1

    def venue_ns(self, local_ns: int) -> int:
        """The venue's time at a local time."""
        return local_ns - self.offset_ns


def _drift_ns(elapsed_ns: int) -> int:
    return max(0, elapsed_ns) * DRIFT_PPM // 1_000_000
