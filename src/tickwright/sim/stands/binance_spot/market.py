"""One symbol's market as it was recorded or generated: its book, trades, bars and tickers, and how the venue shows them.

What a client asks for (depth, trades, bars, tickers) is worked out from the same frames that are streamed, at the frames' own
times, so the two always agree. The orders of clients are not in it: a recording does not know of them.
"""

from __future__ import annotations

import heapq
from collections import deque

import msgspec

from tickwright.base.numbers import Inexact, parse_units
from tickwright.model.instrument import Instrument
from tickwright.sim.stands.binance_spot.bars import Bar, BarStore, bar_end
from tickwright.sim.stands.binance_spot.config import EXP
from tickwright.sim.stands.binance_spot.listing import text
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue

TRADES_KEPT = 20_000
DAY_MS = 86_400_000
AVERAGE_MINS = 5
#: How old, by the market's time, the book of a stale answer is at the least.
STALE_MS = 2_000
#: Up to here the best levels are picked, above it sorted.
_PICK_MAX = 500

Levels = list[tuple[int, int]]


class TradeFrame(msgspec.Struct, tag_field="e", tag="trade", kw_only=True):
    """``<symbol>@trade``."""

    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    M: bool = True


class DepthFrame(msgspec.Struct, tag_field="e", tag="depthUpdate", kw_only=True):
    """``<symbol>@depth@100ms``: absolute quantities of the levels that changed by the updates ``U`` to ``u``."""

    E: int
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class QuoteFrame(msgspec.Struct, kw_only=True):
    """``<symbol>@bookTicker``: no type and no time."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class SnapshotFrame(msgspec.Struct, kw_only=True):
    """The answer of ``GET /depth``, as a recording has it."""

    lastUpdateId: int  # noqa: N815 (the venue's name)
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


def units(value: str) -> int:
    """Decimal text in 10**-8; raises ``Inexact``, also for a negative number: none of the venue's are."""
    found = parse_units(value, EXP)
    if found < 0:
        raise Inexact(f"{value!r} is negative")
    return found


def amount(value: int) -> str:
    """A product of price and quantity (10**-16), cut to eight places."""
    return text(value // 10**EXP)


class SymbolMarket:
    """The market of one symbol, moved on frame by frame."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.native = instrument.native
        self.lower = instrument.native.lower()
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.book_id = 0
        self.now_ms = 0
        self.trades: deque[TradeFrame] = deque(maxlen=TRADES_KEPT)
        self.bars = BarStore()
        self._quote: QuoteFrame | None = None
        self._diffs: list[DepthFrame] = []  # of the second under way, for the slow depth stream
        self._old: tuple[Json, int] | None = None  # an old answer of depth(), and when it was true
        self._older: Json | None = None

    # -- moving on ---------------------------------------------------------------------------------------------------

    def load(self, bids: Levels, asks: Levels, book_id: int) -> None:
        """The whole book anew."""
        self.bids, self.asks, self.book_id = dict(bids), dict(asks), book_id

    def depth_update(self, frame: DepthFrame) -> tuple[Levels, Levels] | None:
        """Apply one diff; the changes in units, or None when the book is already past it."""
        bids = [(units(price), units(qty)) for price, qty in frame.b]
        asks = [(units(price), units(qty)) for price, qty in frame.a]
        self.now_ms = max(self.now_ms, frame.E)
        self._diffs.append(frame)
        if frame.u <= self.book_id:
            return None
        for levels, changes in ((self.bids, bids), (self.asks, asks)):
            for price, qty in changes:
                if qty:
                    levels[price] = qty
                else:
                    levels.pop(price, None)
        self.book_id = frame.u
        self._age()
        return bids, asks

    def _age(self) -> None:
        """Keep two answers from the past, the older of which is what a stale answer shows."""
        if self._old is None or self.now_ms - self._old[1] >= STALE_MS:
            self._older = self._old[0] if self._old is not None else None
            self._old = (self.depth(1_000), self.now_ms)

    def trade(self, frame: TradeFrame) -> tuple[int, int]:
        """Note one trade; its price and quantity in units."""
        price, qty = units(frame.p), units(frame.q)
        self.now_ms = max(self.now_ms, frame.E)
        self.trades.append(frame)
        self.bars.trade(frame.T, price, qty, frame.t, buyer_took=not frame.m)
        return price, qty

    def quote(self, frame: QuoteFrame) -> tuple[int, int, int, int]:
        """Note the best bid and ask; in units."""
        found = units(frame.b), units(frame.B), units(frame.a), units(frame.A)
        self._quote = frame
        return found

    def slow_depth(self) -> DepthFrame | None:
        """The diffs since the last call as one."""
        diffs, self._diffs = self._diffs, []
        if not diffs:
            return None
        bids = {price: qty for diff in diffs for price, qty in diff.b}
        asks = {price: qty for diff in diffs for price, qty in diff.a}
        last = diffs[-1]
        return DepthFrame(E=last.E, s=last.s, U=diffs[0].U, u=last.u, b=list(bids.items()), a=list(asks.items()))

    # -- telling -----------------------------------------------------------------------------------------------------

    def depth(self, n: int) -> Json:
        """Best ``n`` of each side."""
        if n <= _PICK_MAX:
            bids, asks = heapq.nlargest(n, self.bids), heapq.nsmallest(n, self.asks)
        else:
            bids, asks = sorted(self.bids, reverse=True)[:n], sorted(self.asks)[:n]
        return {
            "lastUpdateId": self.book_id,
            "bids": [[text(price), text(self.bids[price])] for price in bids],
            "asks": [[text(price), text(self.asks[price])] for price in asks],
        }

    def stale_depth(self, n: int) -> Json:
        """What ``depth`` once was."""
        old = self._older or (self._old[0] if self._old is not None else self.depth(n))
        return {name: rows[:n] if isinstance(rows, list) else rows for name, rows in old.items()}

    @property
    def last(self) -> int:
        """Last traded price, or the middle of the book, or 0."""
        latest = self.bars.last
        if latest is not None:
            return latest.close
        return (max(self.bids) + min(self.asks)) // 2 if self.bids and self.asks else 0

    def average(self) -> int:
        """The average price over the last minutes, or the last price."""
        whole = self.bars.window(self.now_ms, AVERAGE_MINS * 60_000)
        return whole.quote // whole.qty if whole is not None and whole.qty else self.last

    def top(self) -> tuple[str, str, str, str]:
        """Best bid, its quantity, best ask, its quantity."""
        quote = self._quote
        if quote is not None and quote.u >= self.book_id:
            return quote.b, quote.B, quote.a, quote.A
        bid, ask = max(self.bids, default=0), min(self.asks, default=0)
        return text(bid), text(self.bids.get(bid, 0)), text(ask), text(self.asks.get(ask, 0))

    def kline_row(self, bar: Bar, span: str) -> list[JsonValue]:
        """One row of ``GET /klines``."""
        return [
            bar.start_ms, text(bar.open), text(bar.high), text(bar.low), text(bar.close), text(bar.qty),
            bar_end(bar.start_ms, span), amount(bar.quote), bar.count, text(bar.buy_qty), amount(bar.buy_quote), "0",
        ]  # fmt: skip

    def kline_event(self, bar: Bar, span: str, now_ms: int, *, closed: bool) -> Json:
        """One ``kline`` event."""
        return {
            "e": "kline", "E": now_ms, "s": self.native,
            "k": {
                "t": bar.start_ms, "T": bar_end(bar.start_ms, span), "s": self.native, "i": span, "f": bar.first_id,
                "L": bar.last_id, "o": text(bar.open), "c": text(bar.close), "h": text(bar.high), "l": text(bar.low), "v": text(bar.qty),
                "n": bar.count, "x": closed, "q": amount(bar.quote), "V": text(bar.buy_qty), "Q": amount(bar.buy_quote), "B": "0",
            },
        }  # fmt: skip

    def ticker(self, window_ms: int = DAY_MS) -> dict[str, JsonValue]:
        """What a rolling window held: the fields that every ticker has."""
        whole = self.bars.window(self.now_ms, window_ms)
        price = self.last
        opened = whole.open if whole is not None else price
        change = price - opened
        return {
            "symbol": self.native,
            "priceChange": text(change),
            "priceChangePercent": f"{100 * change / opened if opened else 0:.3f}",
            "weightedAvgPrice": text(whole.quote // whole.qty if whole is not None and whole.qty else price),
            "openPrice": text(opened),
            "highPrice": text(whole.high if whole is not None else price),
            "lowPrice": text(whole.low if whole is not None else price),
            "lastPrice": text(price),
            "volume": text(whole.qty if whole is not None else 0),
            "quoteVolume": amount(whole.quote if whole is not None else 0),
            "openTime": max(0, self.now_ms - window_ms),
            "closeTime": self.now_ms,
            "firstId": whole.first_id if whole is not None else -1,
            "lastId": whole.last_id if whole is not None else -1,
            "count": whole.count if whole is not None else 0,
        }

    def day_ticker(self) -> dict[str, JsonValue]:
        """``GET /ticker/24hr``."""
        bid, bid_qty, ask, ask_qty = self.top()
        shown = self.ticker()
        return {
            **shown,
            "prevClosePrice": shown["openPrice"],
            "lastQty": self.trades[-1].q if self.trades else text(0),
            "bidPrice": bid,
            "bidQty": bid_qty,
            "askPrice": ask,
            "askQty": ask_qty,
        }


def mini(shown: dict[str, JsonValue]) -> Json:
    """The short form of a ticker."""
    names = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
             "firstId", "lastId", "count")  # fmt: skip
    return {name: shown[name] for name in names}


def ticker_event(market: SymbolMarket, now_ms: int) -> Json:
    """``<symbol>@ticker``."""
    day = market.day_ticker()
    names = {
        "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice", "c": "lastPrice",
        "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "o": "openPrice", "h": "highPrice",
        "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId",
        "n": "count",
    }  # fmt: skip
    return {"e": "24hrTicker", "E": now_ms, "s": market.native, **{short: day[name] for short, name in names.items()}}


def window_event(market: SymbolMarket, window: str, window_ms: int, now_ms: int) -> Json:
    """``<symbol>@ticker_1h`` and the like."""
    shown = market.ticker(window_ms)
    names = {
        "p": "priceChange", "P": "priceChangePercent", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "c": "lastPrice",
        "w": "weightedAvgPrice", "v": "volume", "q": "quoteVolume", "O": "openTime", "C": "closeTime", "F": "firstId",
        "L": "lastId", "n": "count",
    }  # fmt: skip
    return {"e": f"{window}Ticker", "E": now_ms, "s": market.native, **{short: shown[name] for short, name in names.items()}}


def mini_event(market: SymbolMarket, now_ms: int) -> Json:
    """``<symbol>@miniTicker``."""
    shown = market.ticker()
    names = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume"}
    return {"e": "24hrMiniTicker", "E": now_ms, "s": market.native, **{short: shown[name] for short, name in names.items()}}


def agg_row(trade: TradeFrame) -> dict[str, JsonValue]:
    """A trade as an aggregate of one: ids and times are the trade's own."""
    return {"a": trade.t, "p": trade.p, "q": trade.q, "f": trade.t, "l": trade.t, "T": trade.T, "m": trade.m, "M": True}
