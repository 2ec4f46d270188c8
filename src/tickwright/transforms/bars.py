"""Bars made of trades: by time, number of trades, volume and notional. A bar exists only once it is closed.

Time bars are cut at multiples of their span since the epoch, by the venue's time of each trade (ours where it sends none).
Neither a span without a trade makes a bar, nor one that was not seen from its beginning: that in which the stream started, and
that in which it resumed after a gap. A trade that is older than the bar under way is counted into it: what is closed stays as
it was.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

from tickwright.model.market import BUY, Bar, Trade
from tickwright.transforms.stage import SKIP, Placeholder, Skip, Spec, spec, whole

BAR_FIELDS = frozenset(
    {"open", "high", "low", "close", "volume", "notional", "trades", "buy_volume", "start_ns", "end_ns", "recv_ns"}
)

_UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}
_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|ticks?|volume|notional)")

#: A time bar that no later trade has closed is closed by the clock this long after its end.
CLOSE_GRACE_NS = 500_000_000


class Field:
    """One attribute of what comes in."""

    __slots__ = ("step", "warmup")

    def __init__(self, name: str) -> None:
        self.step: Callable[[Any], Any] = operator.attrgetter(name)
        self.warmup = 1

    def reset(self) -> None:
        """Nothing to forget."""


class Builder:
    """The bar under way."""

    __slots__ = (
        "_buy",
        "_close",
        "_count",
        "_high",
        "_key",
        "_low",
        "_notional",
        "_open",
        "_recv",
        "_start",
        "_volume",
        "closed",
        "span",
        "warmup",
    )

    def __init__(self, span: str) -> None:
        self.span = span
        self.warmup = 1
        self.closed = 0  # bars made so far, for display
        self.reset()

    def reset(self) -> None:
        """Forget the bar under way: after a gap it would be half a bar."""
        self._count = 0
        self._key = ""
        self._start = self._recv = 0
        self._open = self._high = self._low = self._close = 0.0
        self._volume = self._notional = self._buy = 0.0

    def _first(self, trade: Trade, start_ns: int) -> None:
        price = trade.price
        qty = trade.qty
        self._key = trade.key
        self._start = start_ns
        self._open = self._high = self._low = self._close = price
        self._volume = qty
        self._notional = price * qty
        self._buy = qty if trade.side is BUY else 0.0
        self._count = 1
        self._recv = trade.recv_ns

    def _add(self, trade: Trade) -> None:
        price = trade.price
        qty = trade.qty
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume += qty
        self._notional += price * qty
        if trade.side is BUY:
            self._buy += qty
        self._count += 1
        self._recv = trade.recv_ns

    def _closed(self, end_ns: int) -> Bar:
        self.closed += 1
        return Bar(
            self._key, self._start, end_ns, self._open, self._high, self._low, self._close,
            self._volume, self._notional, self._count, self._buy, self._recv, self.span,
        )  # fmt: skip


class TimeBars(Builder):
    """Bars of a fixed span of the venue's time."""

    __slots__ = ("_at", "_end", "_span_ns")

    def __init__(self, span: str) -> None:
        match = _SPAN.fullmatch(str(span))
        if match is None or match[2] not in _UNIT_NS or int(match[1]) == 0:
            raise ValueError(f"{span!r} is not a time span such as '5s', '1m', '4h' or '1d'")
        self._span_ns = int(match[1]) * _UNIT_NS[match[2]]
        super().__init__(span)

    def reset(self) -> None:
        super().reset()
        self._at = 0
        self._end = 0

    def step(self, trade: Trade) -> Bar | Skip:
        """The bar that this trade shows to be over, or SKIP."""
        at = trade.venue_ns or trade.recv_ns
        if at < self._end:
            if self._count:  # else the span is closed already, or was not seen from its beginning
                self._at = at
                self._add(trade)
            return SKIP
        bar: Bar | Skip = self._closed(self._end) if self._count else SKIP
        start = at - at % self._span_ns
        if self._end or at == start:
            self._at = at
            self._first(trade, start)
        self._end = start + self._span_ns
        return bar

    def on_time(self, now_ns: int) -> Bar | Skip:
        """The bar under way once its end has passed by the clock. The venue's time now is the last trade's plus the time since
        it was received: on a tape that runs faster than time this is late, never early.
        """
        if not self._count or self._at + (now_ns - self._recv) < self._end + CLOSE_GRACE_NS:
            return SKIP
        bar = self._closed(self._end)
        self._count = 0
        return bar


class CountBars(Builder):
    """Bars of a fixed number of trades."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = whole(size, "a bar of trades")
        super().__init__(f"{self._size} ticks")
        self.warmup = self._size

    def step(self, trade: Trade) -> Bar | Skip:
        """The bar that this trade completes, or SKIP."""
        if self._count:
            self._add(trade)
        else:
            self._first(trade, trade.venue_ns)
        if self._count < self._size:
            return SKIP
        bar = self._closed(trade.venue_ns + 1)
        self._count = 0
        return bar


class AmountBars(Builder):
    """Bars that close with the trade that brings them to an amount of base (``volume``) or quote (``notional``) asset."""

    __slots__ = ("_amount", "_by_notional")

    def __init__(self, amount: float, unit: str) -> None:
        if not (math.isfinite(amount) and amount > 0):
            raise ValueError(f"a bar of {amount} {unit} does not exist")
        self._amount = float(amount)
        self._by_notional = unit == "notional"
        super().__init__(f"{amount:g} {unit}")

    def step(self, trade: Trade) -> Bar | Skip:
        """The bar that this trade completes, or SKIP."""
        if self._count:
            self._add(trade)
        else:
            self._first(trade, trade.venue_ns)
        if (self._notional if self._by_notional else self._volume) < self._amount:
            return SKIP
        bar = self._closed(trade.venue_ns + 1)
        self._count = 0
        return bar


def time_bars(span: str) -> Spec:
    """Stage: trades to bars of a time span (``"1m"``)."""
    return spec(TimeBars, span, output=BAR_FIELDS, name="bars")


def tick_bars(size: int) -> Spec:
    """Stage: trades to bars of ``size`` trades."""
    return spec(CountBars, size, output=BAR_FIELDS, name="tick_bars")


def volume_bars(amount: float) -> Spec:
    """Stage: trades to bars of at least ``amount`` of the base asset."""
    return spec(AmountBars, amount, "volume", output=BAR_FIELDS, name="bars")


def notional_bars(amount: float) -> Spec:
    """Stage: trades to bars of at least ``amount`` of the quote asset."""
    return spec(AmountBars, amount, "notional", output=BAR_FIELDS, name="bars")


ticks = tick_bars
volume = volume_bars
notional = notional_bars


def bar_spec(what: object) -> Spec:
    """``"1m"``, ``"100 ticks"``, ``"50 volume"``, ``"1000000 notional"``, or a spec made by one of the functions above."""
    if isinstance(what, Spec):
        return what
    if isinstance(what, Placeholder):
        return Spec(_from_text, (what,), BAR_FIELDS, "bars")
    match = _SPAN.fullmatch(what.strip()) if isinstance(what, str) else None
    if match is None:
        raise ValueError(f"bars of {what!r}: write a span ('1m'), a count ('100 ticks'), or ticks(n), volume(x), notional(x)")
    size, unit = int(match[1]), match[2]
    if unit in _UNIT_NS:
        return time_bars(f"{size}{unit}")
    if unit.startswith("tick"):
        return tick_bars(size)
    return volume_bars(size) if unit == "volume" else notional_bars(size)


def _from_text(what: object) -> Any:
    return bar_spec(what).make({})


def open_() -> Spec:
    """Stage: a bar's opening price."""
    return Spec(Field, ("open",))


def high() -> Spec:
    """Stage: a bar's highest price."""
    return Spec(Field, ("high",))


def low() -> Spec:
    """Stage: a bar's lowest price."""
    return Spec(Field, ("low",))


def close() -> Spec:
    """Stage: a bar's closing price."""
    return Spec(Field, ("close",))


def price() -> Spec:
    """Stage: a trade's price."""
    return Spec(Field, ("price",))
