"""Running sums over the last n values that do not drift.

What rounding gathers is dropped once in n values, and at once when a sum has shrunk so far that it would show: the window is
then summed anew. A figure agrees with its definition over the window to 1e-9 or better, however long the series, however far from
zero, and whatever was in the window before. Values must be finite.
"""

from __future__ import annotations

import math

from tickwright.transforms.stage import whole

#: A sum that has shrunk to less than this share of what it was has lost too many digits.
_SHRUNK = 1e-4


class Total:
    """The sum of the last n values."""

    __slots__ = ("_full", "_peak", "_place", "_values", "n", "total")

    def __init__(self, n: int) -> None:
        self.n = whole(n, "a window")
        self.clear()

    def clear(self) -> None:
        """Empty it."""
        self._values = [0.0] * self.n
        self._place = 0
        self._full = False
        self._peak = 0.0
        self.total = 0.0

    def push(self, x: float) -> bool:
        """Take in a value; True once there are n. ``total`` is then their sum."""
        values = self._values
        place = self._place
        total = self.total + (x - values[place])
        values[place] = x
        place += 1
        size = total if total >= 0 else -total
        if place == self.n:
            place = 0
            self._full = True
            total = math.fsum(values)
            self._peak = abs(total)
        elif size > self._peak:
            self._peak = size
        elif size < _SHRUNK * self._peak:
            total = math.fsum(values)
            self._peak = abs(total)
        self._place = place
        self.total = total
        return self._full


class Window:
    """Mean and population variance of the last n values."""

    __slots__ = ("_full", "_peak", "_place", "_shift", "_squares", "_sum", "_values", "mean", "n", "variance")

    def __init__(self, n: int) -> None:
        self.n = whole(n, "a window")
        self.clear()

    def clear(self) -> None:
        """Empty it."""
        self._values = [0.0] * self.n
        self._place = 0
        self._full = False
        self._shift = 0.0  # sums are of deviations from a recent value, so that the squares are small
        self._sum = 0.0
        self._squares = 0.0
        self._peak = 0.0
        self.mean = 0.0
        self.variance = 0.0

    def push(self, x: float) -> bool:
        """Take in a value; True once there are n. ``mean`` and ``variance`` are then theirs."""
        values = self._values
        place = self._place
        if not self._full:
            values[place] = x
            self._place = place + 1
            if place + 1 == self.n:
                self._place = 0
                self._full = True
                self._again(x)
            return self._full
        shift = self._shift
        old = values[place] - shift
        values[place] = x
        new = x - shift
        place += 1
        if place == self.n:
            self._place = 0
            self._again(x)
            return True
        self._place = place
        self._sum = total = self._sum + (new - old)
        self._squares = squares = self._squares + (new - old) * (new + old)
        n = self.n
        apart = total / n
        variance = squares / n - apart * apart
        if squares > self._peak:  # noqa: PLR1730 (a call of max costs more)
            self._peak = squares
        if variance * n < _SHRUNK * self._peak:
            self._again(x)
            return True
        self.mean = shift + apart
        self.variance = variance
        return True

    def _again(self, shift: float) -> None:
        """Sum the window anew. The shift is a value of it, so that equal values have a variance of exactly zero."""
        n = self.n
        apart = [value - shift for value in self._values]
        self._shift = shift
        self._sum = math.fsum(apart)
        self._squares = self._peak = math.fsum([value * value for value in apart])
        mean = self._sum / n
        self.mean = shift + mean
        self.variance = max(0.0, self._squares / n - mean * mean)
