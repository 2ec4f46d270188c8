"""How much of the queue ahead of a resting order a shrinking level takes away.

A recording shows how large a price level is, not whose order left it. Trades at the price are known to come off the front;
what else disappeared was cancelled somewhere, and a model says how much of that was ahead.

Every model is monotone: of two orders at one level the one in front stays in front.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class QueueModel(Protocol):
    """Pure; quantities in units."""

    def ahead_after(self, ahead: int, before: int, gone: int, draw: float) -> int:
        """Quantity ahead once ``gone`` (1 … ``before``) was cancelled from a level that showed ``before``.

        ``ahead`` is at most ``before``. ``draw`` is uniform in [0, 1), one for each change of a level.
        The caller bounds the answer by what the level still shows.
        """


class PessimisticQueue(msgspec.Struct, frozen=True):
    """Everyone who cancels was behind us: only trades, and a level smaller than what is ahead, bring us forward."""

    def ahead_after(self, ahead: int, before: int, gone: int, draw: float) -> int:  # noqa: ARG002 (the protocol's)
        return ahead


class ProportionalQueue(msgspec.Struct, frozen=True):
    """Cancels are spread evenly over the level. Rounded so that we are never moved too far."""

    def ahead_after(self, ahead: int, before: int, gone: int, draw: float) -> int:  # noqa: ARG002 (the protocol's)
        return ahead - gone * ahead // before


class DrawnQueue(msgspec.Struct, frozen=True):
    """Each change is one order that left, from a place drawn evenly over the level: right on average, and lumpy as life is."""

    def ahead_after(self, ahead: int, before: int, gone: int, draw: float) -> int:
        start = int(draw * (before - gone + 1))  # the order that left stood at [start, start + gone)
        return ahead - max(0, min(ahead, start + gone) - start)
