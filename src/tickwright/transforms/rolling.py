"""Windows over numbers whose sums do not drift: each full turn of the window is summed anew."""

from __future__ import annotations

import math


class Window:
    """The last ``n`` values, with their sum and their sum of squared deviations to rounding error."""

    __slots__ = ("_shift", "_squares", "_sum", "count", "n", "place", "values")

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"a window of {n} values does not exist")
        self.n = n
        self.clear()

    def clear(self) -> None:
        """Empty it."""
        self.values = [0.0] * self.n
        self.count = 0
        self.place = 0
        self._shift = 0.0
        self._sum = 0.0
        self._squares = 0.0

    def push(self, x: float) -> bool:
        """Take in a value; True once the window is full."""
        place = self.place
        if self.count == self.n:
            old = self.values[place] - self._shift
            self._sum -= old
            self._squares -= old * old
        else:
            if self.count == 0:
                self._shift = x  # deviations from a value near the mean keep the squares small
            self.count += 1
        self.values[place] = x
        new = x - self._shift
        self._sum += new
        self._squares += new * new
        place += 1
        if place == self.n:
            place = 0
            self._again()
        self.place = place
        return self.count == self.n

    def _again(self) -> None:
        """Once in n values: drop what rounding has gathered."""
        values = self.values
        self._shift = math.fsum(values) / self.n
        self._sum = math.fsum(value - self._shift for value in values)
        self._squares = math.fsum((value - self._shift) ** 2 for value in values)

    @property
    def mean(self) -> float:
        return self._shift + self._sum / self.count

    @property
    def variance(self) -> float:
        """Population variance (divided by n)."""
        mean = self._sum / self.count
        return max(0.0, self._squares / self.count - mean * mean)
