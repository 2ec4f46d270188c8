"""What was traded, by the second and by the minute: bars of every span, day tickers and average prices are made of these. Exact.

Seconds are kept for as long as ``SECONDS_KEPT`` of them have trades, minutes for a day and more, days for ever.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice

_S = 1_000
_M = 60 * _S
_H = 60 * _M
_D = 24 * _H
#: 1970-01-05 was the first Monday.
_FIRST_MONDAY_MS = 4 * _D

SPAN_MS = {
    "1s": _S, "1m": _M, "3m": 3 * _M, "5m": 5 * _M, "15m": 15 * _M, "30m": 30 * _M, "1h": _H, "2h": 2 * _H, "4h": 4 * _H,
    "6h": 6 * _H, "8h": 8 * _H, "12h": 12 * _H, "1d": _D, "3d": 3 * _D, "1w": 7 * _D, "1M": 31 * _D,
}  # fmt: skip
SECONDS_KEPT = 20_000
MINUTES_KEPT = 20_000


class Bar:
    """Prices and amounts of the trades from ``start_ms`` on. Prices and quantities in 10**-8, ``quote`` in 10**-16."""

    __slots__ = (
        "buy_qty", "buy_quote", "close", "count", "first_id", "high", "last_id", "low", "open", "qty", "quote", "start_ms",
    )  # fmt: skip

    def __init__(self, start_ms: int, price: int, trade_id: int) -> None:
        self.start_ms = start_ms
        self.open = self.high = self.low = self.close = price
        self.qty = self.quote = self.buy_qty = self.buy_quote = self.count = 0
        self.first_id = self.last_id = trade_id

    def trade(self, price: int, qty: int, trade_id: int, *, buyer_took: bool) -> None:
        """Take in one trade."""
        value = price * qty
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.qty += qty
        self.quote += value
        if buyer_took:
            self.buy_qty += qty
            self.buy_quote += value
        self.count += 1
        self.last_id = trade_id

    def add(self, later: Bar) -> None:
        """Take in a later one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.qty += later.qty
        self.quote += later.quote
        self.buy_qty += later.buy_qty
        self.buy_quote += later.buy_quote
        self.count += later.count
        self.last_id = later.last_id


class BarStore:
    """The trades of one symbol. Only spans with trades have bars."""

    def __init__(self) -> None:
        self._seconds: deque[Bar] = deque(maxlen=SECONDS_KEPT)
        self._minutes: deque[Bar] = deque(maxlen=MINUTES_KEPT)

    def trade(self, at_ms: int, price: int, qty: int, trade_id: int, *, buyer_took: bool) -> None:
        for kept, width in ((self._seconds, _S), (self._minutes, _M)):
            start = at_ms - at_ms % width
            if not kept or kept[-1].start_ms < start:
                kept.append(Bar(start, price, trade_id))
            kept[-1].trade(price, qty, trade_id, buyer_took=buyer_took)

    def backfill(self, minutes: Iterable[Bar]) -> None:
        """Minutes before anything that was traded."""
        assert not self._minutes, "the past comes first"
        self._minutes.extend(minutes)

    @property
    def last(self) -> Bar | None:
        """The latest second with trades."""
        return self._seconds[-1] if self._seconds else None

    def bars(self, span: str, start_ms: int | None, end_ms: int | None, limit: int, zone_ms: int = 0) -> list[Bar]:
        """Bars of a span that start within the bounds, oldest first: from the start where one is given, else the latest."""
        first_of = _starts(span, zone_ms)
        kept = self._seconds if span == "1s" else self._minutes
        if start_ms is None:
            return self._latest(kept, first_of, end_ms, limit)
        begin = bisect_left(kept, first_of(start_ms), key=_start)
        made: list[Bar] = []
        for one in islice(kept, begin, None):
            start = first_of(one.start_ms)
            if start < start_ms:
                continue
            if end_ms is not None and start > end_ms:
                break
            if made and made[-1].start_ms == start:
                made[-1].add(one)
            elif len(made) == limit:
                break
            else:
                made.append(_sum(start, (one,)))
        return made

    @staticmethod
    def _latest(kept: deque[Bar], first_of: Callable[[int], int], end_ms: int | None, limit: int) -> list[Bar]:
        groups: list[tuple[int, list[Bar]]] = []
        for one in reversed(kept):
            start = first_of(one.start_ms)
            if end_ms is not None and start > end_ms:
                continue
            if not groups or groups[-1][0] != start:
                if len(groups) == limit:
                    break
                groups.append((start, []))
            groups[-1][1].append(one)
        return [_sum(start, reversed(parts)) for start, parts in reversed(groups)]

    def window(self, now_ms: int, width_ms: int) -> Bar | None:
        """Everything traded within the last ``width_ms``, to the minute; None when nothing was."""
        parts: list[Bar] = []
        for one in reversed(self._minutes):
            if one.start_ms <= now_ms - width_ms - _M:
                break
            parts.append(one)
        return _sum(parts[-1].start_ms, reversed(parts)) if parts else None


def _start(bar: Bar) -> int:
    return bar.start_ms


def _sum(start_ms: int, parts: Iterable[Bar]) -> Bar:
    whole: Bar | None = None
    for part in parts:
        if whole is None:
            whole = Bar(start_ms, part.open, part.first_id)
        whole.add(part)
    assert whole is not None, "a bar has trades"
    return whole


def bar_end(start_ms: int, span: str) -> int:
    """The last millisecond of a bar."""
    if span != "1M":
        return start_ms + SPAN_MS[span] - 1
    return _starts(span, 0)(start_ms + 35 * _D) - 1 if start_ms % _D == 0 else start_ms + SPAN_MS[span] - 1


def _starts(span: str, zone_ms: int) -> Callable[[int], int]:
    """Where the bar starts that a moment belongs to: weeks on Mondays, months on their first day, by the time of ``zone_ms``."""
    if span == "1M":

        def month(at_ms: int) -> int:
            day = datetime.fromtimestamp((at_ms + zone_ms) / 1_000, UTC)
            first = day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return int(first.timestamp()) * 1_000 - zone_ms

        return month
    width = SPAN_MS[span]
    shift = zone_ms - (_FIRST_MONDAY_MS if span == "1w" else 0)

    def plain(at_ms: int) -> int:
        return at_ms - (at_ms + shift) % width

    return plain
