"""The highest of the values seen within a sliding window of time, in constant time a value.

Values that came later and are higher make an earlier one irrelevant, so only a falling sequence is kept. Values of one slot of
time share an entry (the highest of them), which bounds the memory: at most ``slots`` + 1 entries, however many values come. An
entry may therefore live one slot longer than the window: never shorter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

_SLOTS = 300


class HighestWithin:
    """Give it negated values for the lowest."""

    __slots__ = ("_falling", "_slot_ns", "_slots")

    def __init__(self, window_ns: int, slots: int = _SLOTS) -> None:
        assert window_ns > 0, "a window has a length"
        self._slots = slots
        self._slot_ns = max(1, -(-window_ns // slots))
        self._falling: deque[tuple[int, int]] = deque()  # (slot, value), values falling from left to right

    def add(self, value: int, now_ns: int) -> None:
        """Take a value in."""
        falling = self._falling
        slot = now_ns // self._slot_ns
        while falling and falling[-1][1] <= value:
            falling.pop()
        if falling and falling[-1][0] >= slot:
            return  # a higher one of the same slot stands for both
        falling.append((slot, value))

    def highest(self, now_ns: int) -> int | None:
        """The highest value within the window; None when there is none."""
        falling = self._falling
        oldest = now_ns // self._slot_ns - self._slots
        while falling and falling[0][0] < oldest:
            falling.popleft()
        return falling[0][1] if falling else None

    def entries(self) -> tuple[tuple[int, int], ...]:
        """What it remembers, as ``(slot, value)``."""
        return tuple(self._falling)

    def learn(self, entries: Iterable[tuple[int, int]]) -> None:
        """What another window of the same length remembered."""
        self._falling = deque(entries)

    def shift(self, by: int) -> None:
        """Move every value: what was compared has been redefined, such as equity by a deposit."""
        self._falling = deque((slot, value + by) for slot, value in self._falling)
