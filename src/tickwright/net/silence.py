"""How old the data of each subscription is, and which of them has been silent for longer than it may be. Pure: time is handed in.

Guarantees: a subscription has an age from the moment it is armed, whether data ever came or not; only its own data makes it
younger; its limit is a multiple of its usual interval within a floor and a ceiling; a silence is told before its limit is over
(if that is eight looks or more), at most two looks early. Time during which nobody looked (the process slept, a strategy held the
loop) is no evidence against the other end.
Does not: do anything about a silence.
"""

from __future__ import annotations

from collections.abc import Mapping

from tickwright.base.clock import NS_PER_S


class Watch:
    """One subscription. ``seen`` counts its data; the rest is brought up to date when it is looked at."""

    __slots__ = ("_counted", "ceiling_ns", "floor_ns", "interval_ns", "nudged", "seen", "seen_ns")

    def __init__(self, floor_s: float, ceiling_s: float, now_ns: int) -> None:
        self.floor_ns = int(floor_s * NS_PER_S)
        self.ceiling_ns = int(ceiling_s * NS_PER_S)
        self.seen_ns = now_ns
        self.interval_ns = 0
        self.seen = 0
        self._counted = 0
        #: Whether something was done about the silence that goes on.
        self.nudged = False

    def look(self, now_ns: int) -> bool:
        """Take in what came since the last look; whether anything did."""
        if self.seen == self._counted:
            return False
        gap = now_ns - self.seen_ns
        # A burst is one arrival: what is learned is how long its pauses usually are.
        self.interval_ns = (7 * self.interval_ns + gap) // 8 if self._counted else gap
        self._counted = self.seen
        self.seen_ns = now_ns
        self.nudged = False
        return True

    def limit_ns(self, factor: float) -> int:
        """How old its data may become. Before any came the usual interval is not known, and the ceiling holds."""
        usual = int(self.interval_ns * factor) if self._counted else self.ceiling_ns
        return min(max(usual, self.floor_ns), self.ceiling_ns)

    def rearm(self, now_ns: int) -> None:
        """Something was done about a silence: one more period, then it counts for good."""
        self.nudged = True
        self.seen_ns = now_ns


class Watchdog:
    """All subscriptions of one connection. ``every_s`` is how often it means to be looked at."""

    def __init__(self, factor: float, every_s: float, now_ns: int) -> None:
        self.watches: dict[str, Watch] = {}
        self._factor = factor
        self._every_ns = int(every_s * NS_PER_S)
        self._looked_ns = now_ns

    def arm(self, name: str, floor_s: float, ceiling_s: float, now_ns: int) -> None:
        """From now on the data of a subscription has an age."""
        assert floor_s > 0
        self.watches[name] = Watch(floor_s, max(floor_s, ceiling_s), now_ns)

    def look(self, now_ns: int) -> list[str]:
        """The subscriptions that are silent. Call it every ``every_s``."""
        # After a look that comes late the socket may hold data that nobody has read yet.
        asleep_ns = now_ns - self._looked_ns - self._every_ns
        self._looked_ns = now_ns
        silent: list[str] = []
        for name, watch in self.watches.items():
            if watch.look(now_ns):
                continue
            if asleep_ns > self._every_ns:
                watch.seen_ns = min(now_ns, watch.seen_ns + asleep_ns)
            limit_ns = watch.limit_ns(self._factor)
            # Data is noted up to one look late, and the next look is one look away.
            if now_ns - watch.seen_ns >= limit_ns - min(2 * self._every_ns, limit_ns // 4):
                silent.append(name)
        return silent

    def ages_s(self, now_ns: int) -> Mapping[str, float]:
        """Seconds since each subscription last had data (or was armed), as of the latest look."""
        return {name: (now_ns - watch.seen_ns) / NS_PER_S for name, watch in self.watches.items()}
