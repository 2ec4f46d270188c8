"""Answers about the past from the trades that passed by: a venue's candle and trade history, as far back as was seen."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from tickwright.base.errors import VenueError
from tickwright.base.suggest import near
from tickwright.model.market import BUY, Bar, Trade
from tickwright.sim.venue_rules import SPANS_NS

#: Trades remembered for each instrument.
SEEN_TRADES_MAX = 100_000


class History(Protocol):
    """The history half of a venue: any venue is one."""

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]: ...

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]: ...


class SeenTrades:
    """The latest ``SEEN_TRADES_MAX`` trades of each instrument. Bars of spans without a trade do not exist, and the bar that is
    still running at the last trade is not told.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[Trade]] = {}

    def note(self, trade: Trade) -> None:
        seen = self._seen.get(trade.key)
        if seen is None:
            seen = self._seen[trade.key] = deque(maxlen=SEEN_TRADES_MAX)
        seen.append(trade)

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]:
        """Trades of [start, end), oldest first."""
        seen = list(self._seen.get(key, ()))
        first = bisect_left(seen, start_ns, key=_when)
        return seen[first : bisect_left(seen, end_ns, key=_when)]

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]:
        """Closed bars that start within [start, end), oldest first."""
        span_ns = SPANS_NS.get(span)
        if span_ns is None:
            raise VenueError(f"there are no bars of span {span!r}", hint=near(span, SPANS_NS))
        seen = self._seen.get(key)
        if not seen:
            return []
        closed_ns = _when(seen[-1]) // span_ns * span_ns
        end_ns = min(end_ns, closed_ns)
        trades = await self.trades(key, -(-start_ns // span_ns) * span_ns, -(-end_ns // span_ns) * span_ns)
        return list(_bars(key, span, span_ns, trades))


def _when(trade: Trade) -> int:
    return trade.venue_ns or trade.recv_ns


def _bars(key: str, span: str, span_ns: int, trades: Iterable[Trade]) -> Iterable[Bar]:
    group: list[Trade] = []
    for trade in trades:
        if group and _when(trade) // span_ns != _when(group[0]) // span_ns:
            yield _bar(key, span, span_ns, group)
            group = []
        group.append(trade)
    if group:
        yield _bar(key, span, span_ns, group)


def _bar(key: str, span: str, span_ns: int, trades: list[Trade]) -> Bar:
    start_ns = _when(trades[0]) // span_ns * span_ns
    prices = [trade.price for trade in trades]
    volume = sum(trade.qty for trade in trades)
    notional = sum(trade.price * trade.qty for trade in trades)
    bought = sum(trade.qty for trade in trades if trade.side is BUY)
    return Bar(
        key,
        start_ns,
        start_ns + span_ns,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        volume,
        notional,
        len(trades),
        bought,
        trades[-1].recv_ns,
        span,
    )
