"""Where a mutator's choices come from: an integer, or bytes (which a tool may then vary, cut and keep)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A stream of choices. The same stream makes the same mutations."""

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""

    def pick(self, items: Sequence[T]) -> T: ...

    def one_in(self, count: int) -> bool: ...

    def raw(self, count: int) -> bytes: ...


class Seeded:
    """Endless choices out of one integer."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._random.random() * len(items))]

    def one_in(self, count: int) -> bool:
        return self._random.random() * count < 1

    def raw(self, count: int) -> bytes:
        return self._random.randbytes(count)


class FromBytes:
    """Choices out of bytes; after their end every choice is the first, which leaves things as they are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        width = 1 if bound <= 256 else 2 if bound <= 65_536 else 4
        return int.from_bytes(self.raw(width), "little") % bound

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def one_in(self, count: int) -> bool:
        return self.below(count) == count - 1

    def raw(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken.ljust(count, b"\0")
