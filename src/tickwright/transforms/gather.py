"""Several inputs made into one value: the running form of ``join``.

Never gives a value before every input has one, and never mixes the new value of one input with the old one of another that the
same event is about to change: where inputs share a source, the tuple is made once, when the event has been through all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.transforms.stage import SKIP

Push = Callable[[Any], None]


class Gather:
    """The latest value of each input as a tuple, once all are there."""

    __slots__ = ("_due", "_latest", "_missing", "_push")

    def __init__(self, size: int, push: Push) -> None:
        self._latest: list[Any] = [SKIP] * size
        self._missing = size
        self._push = push
        self._due = False

    def entry(self, place: int, *, at_once: bool) -> Push:
        """Where the values of an input go; without ``at_once`` they wait for :meth:`flush`."""

        def store(value: Any) -> None:
            latest = self._latest
            if latest[place] is SKIP:
                self._missing -= 1
            latest[place] = value
            self._due = True

        def store_and_push(value: Any) -> None:
            store(value)
            self.flush(value)

        return store_and_push if at_once else store

    def flush(self, _event: object = None) -> None:
        """The event has been everywhere: give what it changed."""
        if self._due:
            self._due = False
            if not self._missing:
                self._push(tuple(self._latest))

    def forget(self, place: int) -> None:
        """There was a gap in this input: nothing is joined with what came before it."""
        if self._latest[place] is not SKIP:
            self._latest[place] = SKIP
            self._missing += 1
        self._due = False
