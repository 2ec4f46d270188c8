"""One side of the market as recorded: exact price levels, and how much of each our own takers have already used up.

A recording does not know that we took from it, so what was taken is remembered per level until the recording next changes
that level; the same recorded size is never taken twice.

Levels are filed under ``key = price * sign`` with sign +1 for bids and -1 for asks, so that "better" is "greater" on both
sides and one code serves both.
"""

from __future__ import annotations

from bisect import bisect_left, insort


class Ladder:
    """Recorded levels of one side. ``keys`` is ascending: the best level is last."""

    __slots__ = ("keys", "qty", "sign", "taken")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.qty: dict[int, int] = {}
        self.taken: dict[int, int] = {}

    def put(self, key: int, qty: int) -> int:
        """Set the recorded quantity of a level (0 removes it); the quantity before. An unchanged level keeps its memory."""
        before = self.qty.get(key, 0)
        if before == qty:
            return before
        if self.taken:
            self.taken.pop(key, None)
        if qty == 0:
            del self.qty[key]
            keys = self.keys
            if keys[-1] == key:
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]
            return before
        self.qty[key] = qty
        if before == 0:
            keys = self.keys
            if not keys or keys[-1] < key:
                keys.append(key)
            else:
                insort(keys, key)
        return before

    def load(self, levels: dict[int, int]) -> None:
        """Replace everything. Levels that did not change keep what was taken from them."""
        self.taken = {key: used for key, used in self.taken.items() if levels.get(key) == self.qty.get(key)}
        self.qty = levels
        self.keys = sorted(levels)

    def keep_from(self, key: int) -> None:
        """Forget levels worse than ``key``."""
        worse = bisect_left(self.keys, key)
        for one in self.keys[:worse]:
            del self.qty[one]
            self.taken.pop(one, None)
        del self.keys[:worse]

    def available(self, key: int) -> int:
        """What can still be taken at a level."""
        qty = self.qty.get(key, 0)
        if self.taken:
            return qty - self.taken.get(key, 0)
        return qty

    def take(self, key: int, qty: int) -> None:
        """Remember that ``qty`` (at most what is available) was taken."""
        used = self.taken.get(key, 0) + qty
        assert qty > 0 and used <= self.qty[key], "INV-SIM-1 taken beyond what the level shows"  # noqa: PT018 (one invariant)
        self.taken[key] = used

    def best(self) -> int | None:
        """Key of the best level that still has something to take."""
        if not self.taken:
            return self.keys[-1] if self.keys else None
        for key in reversed(self.keys):
            if self.qty[key] > self.taken.get(key, 0):
                return key
        return None

    def crosses(self, other: Ladder) -> bool:
        """Whether the best recorded prices of the two sides meet or overlap."""
        return bool(self.keys) and bool(other.keys) and self.keys[-1] >= -other.keys[-1]
