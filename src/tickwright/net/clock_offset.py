"""How far the local clock is from a venue's: the median of a few samples, each bounded by its own round trip. Pure.

A sample says: the venue's clock read ``venue_ns`` at some moment between ``sent_ns`` and ``recv_ns``. The offset is local minus venue;
its error is at most half the round trip.
"""

from __future__ import annotations

from collections import deque

from tickwright.base.limits import CLOCK_SAMPLES

#: How long a measurement is good for, and how much a cheap quartz may drift meanwhile (50 parts per million).
GOOD_FOR_NS = 60 * 1_000_000_000
DRIFT_PPM = 50


class ClockOffset:
    """Samples and what follows from them. ``offset_ns`` is 0 with an unlimited bound until there is a sample."""

    __slots__ = ("_measured_ns", "_samples", "resyncs")

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=CLOCK_SAMPLES)
        self._measured_ns = 0
        self.resyncs = 0

    def sample(self, sent_ns: int, venue_ns: int, recv_ns: int, venue_step_ns: int = 1_000_000) -> None:
        """Take in one answer. ``venue_step_ns`` is the resolution of the venue's clock: it told the start of its step."""
        assert recv_ns >= sent_ns, "an answer does not come before its question"
        middle = (sent_ns + recv_ns) // 2
        self._samples.append((middle - venue_ns - venue_step_ns // 2, (recv_ns - sent_ns + venue_step_ns) // 2))
        self._measured_ns = recv_ns

    @property
    def offset_ns(self) -> int:
        """Local clock minus the venue's: the median of the samples."""
        if not self._samples:
            return 0
        ordered = sorted(offset for offset, _ in self._samples)
        return ordered[len(ordered) // 2]

    def bound_ns(self, now_ns: int) -> int:
        """How far the offset may be off: half the best round trip, and drift since."""
        if not self._samples:
            return 1 << 62
        return min(bound for _, bound in self._samples) + max(0, now_ns - self._measured_ns) * DRIFT_PPM // 1_000_000

    def needs_measure(self, now_ns: int) -> bool:
        """Whether there is no measurement or it is old."""
        return not self._samples or now_ns - self._measured_ns >= GOOD_FOR_NS

    def distrust(self) -> None:
        """The venue refused a time stamp: what was measured is not so any more."""
        self._samples.clear()
        self.resyncs += 1

    def venue_ns(self, local_ns: int) -> int:
        """The venue's time at a local time."""
        return local_ns - self.offset_ns
