"""The market that a stand shows: a recorded tape or a generator, played by the clock, and everything derived from it.

The tape's frames are sent as they were recorded. What a client may ask for besides (trades, bars, tickers, depth) is worked out from
the same frames, at the tape's own times.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from tickwright.base.chance import Chance
from tickwright.base.errors import DataError
from tickwright.base.numbers import Inexact, parse_units
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL
from tickwright.sim.exchange import Exchange
from tickwright.sim.generator import GeneratedMarket, MarketShape, UnitDepth, UnitTrade
from tickwright.sim.stands.binance_spot.config import EXP, ONE, StandConfig
from tickwright.sim.stands.binance_spot.render import amount, text
from tickwright.sim.tape import Tape

Json = dict[str, Any]
Frame = tuple[str, str]  # stream name, payload

SPAN_MS = {
    "1s": 1_000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000, "3d": 259_200_000, "1w": 604_800_000,
    "1M": 2_592_000_000,
}  # fmt: skip
TRADES_KEPT = 50_000
SECONDS_KEPT = 100_000
LINES_AT_ONCE = 2_000
#: How much market a generator has behind it when it starts.
PAST_NS = 60 * 1_000_000_000


class Second:
    """What was traded within one second: bars of any span are made of these."""

    __slots__ = (
        "buy_qty",
        "buy_quote",
        "close",
        "count",
        "first_id",
        "high",
        "last_id",
        "low",
        "open",
        "qty",
        "quote",
        "start_ms",
    )

    def __init__(self, start_ms: int, price: int, trade_id: int) -> None:
        self.start_ms = start_ms
        self.open = self.high = self.low = self.close = price
        self.qty = self.quote = self.buy_qty = self.buy_quote = self.count = 0
        self.first_id = self.last_id = trade_id

    def add(self, other: Second) -> None:
        """Take in a later one."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.qty += other.qty
        self.quote += other.quote
        self.buy_qty += other.buy_qty
        self.buy_quote += other.buy_quote
        self.count += other.count
        self.last_id = other.last_id

    def copy(self, start_ms: int) -> Second:
        same = Second(start_ms, self.open, self.first_id)
        same.high, same.low, same.close = self.open, self.open, self.open
        same.add(self)
        return same


class SymbolMarket:
    """One symbol's recorded market."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.native = instrument.native
        self.lower = instrument.native.lower()
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.book_id = 0
        self.trades: deque[Json] = deque(maxlen=TRADES_KEPT)
        self.seconds: deque[Second] = deque(maxlen=SECONDS_KEPT)
        self.quote: Json = {}
        self.old_depth: Json | None = None
        self._diffs: list[Json] = []  # of the second under way, for the slow depth stream

    # -- playing -----------------------------------------------------------------------------------------------------------

    def snapshot(self, data: Json) -> None:
        """The recorded REST snapshot."""
        self.bids = {_units(price): _units(qty) for price, qty in data["bids"]}
        self.asks = {_units(price): _units(qty) for price, qty in data["asks"]}
        self.book_id = int(data["lastUpdateId"])

    def depth_update(self, data: Json) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """One recorded diff; the changes in units."""
        bids = [(_units(price), _units(qty)) for price, qty in data["b"]]
        asks = [(_units(price), _units(qty)) for price, qty in data["a"]]
        if data["u"] > self.book_id:
            for levels, changes in ((self.bids, bids), (self.asks, asks)):
                for price, qty in changes:
                    if qty:
                        levels[price] = qty
                    else:
                        levels.pop(price, None)
            self.book_id = data["u"]
        self._diffs.append(data)
        return bids, asks

    def trade(self, data: Json, price: int, qty: int) -> None:
        """One recorded trade."""
        self.trades.append(data)
        start = data["T"] - data["T"] % 1_000
        if not self.seconds or self.seconds[-1].start_ms < start:
            self.seconds.append(Second(start, price, data["t"]))
        one = self.seconds[-1]
        value = price * qty
        one.high, one.low, one.close = max(one.high, price), min(one.low, price), price
        one.qty += qty
        one.quote += value
        if not data["m"]:
            one.buy_qty += qty
            one.buy_quote += value
        one.count += 1
        one.last_id = data["t"]

    # -- telling -----------------------------------------------------------------------------------------------------------

    def levels(self, n: int) -> tuple[list[list[str]], list[list[str]]]:
        """Best ``n`` of each side as recorded."""
        bids = sorted(self.bids, reverse=True)[:n]
        asks = sorted(self.asks)[:n]
        return [[text(p), text(self.bids[p])] for p in bids], [[text(p), text(self.asks[p])] for p in asks]

    def depth(self, n: int) -> Json:
        bids, asks = self.levels(n)
        return {"lastUpdateId": self.book_id, "bids": bids, "asks": asks}

    @property
    def last(self) -> int:
        """Last traded price, or the middle of the book."""
        if self.seconds:
            return self.seconds[-1].close
        return (max(self.bids) + min(self.asks)) // 2 if self.bids and self.asks else 0

    def bars(self, span: str, start_ms: int | None, end_ms: int | None, limit: int) -> list[Second]:
        """Bars of a span, oldest first."""
        width = SPAN_MS[span]
        made: list[Second] = []
        for one in self.seconds:
            start = one.start_ms - one.start_ms % width
            if made and made[-1].start_ms == start:
                made[-1].add(one)
            else:
                made.append(one.copy(start))
        chosen = [
            bar for bar in made if (start_ms is None or bar.start_ms >= start_ms) and (end_ms is None or bar.start_ms <= end_ms)
        ]
        return chosen[:limit] if start_ms is not None else chosen[-limit:]

    def bar_row(self, bar: Second, span: str) -> list[Any]:
        return [
            bar.start_ms, text(bar.open), text(bar.high), text(bar.low), text(bar.close), text(bar.qty),
            bar.start_ms + SPAN_MS[span] - 1, amount(bar.quote * 100), bar.count, text(bar.buy_qty), amount(bar.buy_quote * 100), "0",
        ]  # fmt: skip

    def kline(self, span: str, now_ms: int, bar: Second | None = None) -> Json | None:
        """The kline event of the bar under way (or of ``bar``)."""
        found = [bar] if bar is not None else self.bars(span, None, None, 1)
        if not found or found[0] is None:
            return None
        one = found[0]
        end = one.start_ms + SPAN_MS[span] - 1
        return {
            "e": "kline", "E": now_ms, "s": self.native,
            "k": {
                "t": one.start_ms, "T": end, "s": self.native, "i": span, "f": one.first_id, "L": one.last_id, "o": text(one.open),
                "c": text(one.close), "h": text(one.high), "l": text(one.low), "v": text(one.qty), "n": one.count, "x": now_ms > end,
                "q": amount(one.quote * 100), "V": text(one.buy_qty), "Q": amount(one.buy_quote * 100), "B": "0",
            },
        }  # fmt: skip

    def day(self) -> Json:
        """The 24 h ticker as REST shows it."""
        total: Second | None = None
        for one in self.seconds:
            if total is None:
                total = one.copy(one.start_ms)
            else:
                total.add(one)
        bid, bid_qty, ask, ask_qty = self.top()
        price = self.last
        opened = total.open if total else price
        change = price - opened
        qty = total.qty if total else 0
        end = (self.seconds[-1].start_ms + 999) if self.seconds else 0
        return {
            "symbol": self.native, "priceChange": text(change), "priceChangePercent": f"{100 * change / opened if opened else 0:.3f}",
            "weightedAvgPrice": text(total.quote // qty if total and qty else price), "prevClosePrice": text(opened), "lastPrice": text(price),
            "lastQty": self.trades[-1]["q"] if self.trades else text(0), "bidPrice": bid, "bidQty": bid_qty, "askPrice": ask,
            "askQty": ask_qty, "openPrice": text(opened), "highPrice": text(total.high if total else price),
            "lowPrice": text(total.low if total else price), "volume": text(qty), "quoteVolume": amount((total.quote if total else 0) * 100),
            "openTime": max(0, end - 86_400_000), "closeTime": end, "firstId": total.first_id if total else -1,
            "lastId": total.last_id if total else -1, "count": total.count if total else 0,
        }  # fmt: skip

    def top(self) -> tuple[str, str, str, str]:
        """Best bid and ask with quantities."""
        if self.quote:
            return self.quote["b"], self.quote["B"], self.quote["a"], self.quote["A"]
        bids, asks = self.levels(1)
        bid = bids[0] if bids else [text(0), text(0)]
        ask = asks[0] if asks else [text(0), text(0)]
        return bid[0], bid[1], ask[0], ask[1]

    def ticker_event(self, now_ms: int) -> Json:
        day = self.day()
        return {
            "e": "24hrTicker", "E": now_ms, "s": self.native, "p": day["priceChange"], "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"], "x": day["prevClosePrice"], "c": day["lastPrice"], "Q": day["lastQty"], "b": day["bidPrice"],
            "B": day["bidQty"], "a": day["askPrice"], "A": day["askQty"], "o": day["openPrice"], "h": day["highPrice"],
            "l": day["lowPrice"], "v": day["volume"], "q": day["quoteVolume"], "O": day["openTime"], "C": day["closeTime"],
            "F": day["firstId"], "L": day["lastId"], "n": day["count"],
        }  # fmt: skip

    def mini_event(self, now_ms: int) -> Json:
        day = self.day()
        return {
            "e": "24hrMiniTicker", "E": now_ms, "s": self.native, "c": day["lastPrice"], "o": day["openPrice"], "h": day["highPrice"],
            "l": day["lowPrice"], "v": day["volume"], "q": day["quoteVolume"],
        }  # fmt: skip

    def slow_depth(self) -> Json | None:
        """The diffs since the last call as one."""
        diffs, self._diffs = self._diffs, []
        if not diffs:
            return None
        bids = {price: qty for diff in diffs for price, qty in diff["b"]}
        asks = {price: qty for diff in diffs for price, qty in diff["a"]}
        last = diffs[-1]
        return {**last, "U": diffs[0]["U"], "b": [[p, q] for p, q in bids.items()], "a": [[p, q] for p, q in asks.items()]}


def _units(value: str) -> int:
    return parse_units(value, EXP)


def agg_trade(data: Json) -> Json:
    """A trade as an aggregate of one."""
    return {
        "e": "aggTrade", "E": data["E"], "s": data["s"], "a": data["t"], "p": data["p"], "q": data["q"], "f": data["t"], "l": data["t"],
        "T": data["T"], "m": data["m"], "M": True,
    }  # fmt: skip


class Player:
    """Moves the market on to a moment: gives the frames that are due, and shows each to the exchange."""

    def __init__(self, config: StandConfig, exchange: Exchange, markets: dict[str, SymbolMarket]) -> None:
        self.config = config
        self.exchange = exchange
        self.markets = markets
        self.started_ns = 0
        self.tape_start_ns = 0
        self.now_ms = 0  # the market's own time
        self.ended = False
        self.frames = 0
        self._lines: Iterator[tuple[int, Json]] | None = None
        self._next: tuple[int, Json] | None = None
        self._generated: dict[str, GeneratedMarket] = {}
        if config.tape is not None:
            self._seed_books(config)

    def _seed_books(self, config: StandConfig) -> None:
        """The book as of the recorded snapshot, wherever in the tape it stands near the start."""
        assert config.tape is not None
        missing = set(self.markets)
        for count, line in enumerate(Tape(config.tape)):
            data = json.loads(line.payload)
            if "lastUpdateId" in data and "stream" not in data and missing:
                native = missing.pop() if len(missing) == 1 else str(data.get("symbol", min(missing)))
                market = self.markets[native]
                market.snapshot(data)
                key = market.instrument.key
                bids, asks = list(market.bids.items()), list(market.asks.items())
                self.exchange.on_book(key, bids, asks, True, 0, seq=market.book_id)
            if not missing or count > 5_000:
                break
        self._lines = self._read()
        self._next = next(self._lines, None)
        if self._next is None:
            raise DataError("the tape is empty", where=str(config.tape))
        self.tape_start_ns = self._next[0]

    def _read(self) -> Iterator[tuple[int, Json]]:
        assert self.config.tape is not None
        for line in Tape(self.config.tape):
            data = json.loads(line.payload)
            yield line.recv_ns, data

    def start(self, at_ns: int) -> None:
        """The clock of the market starts."""
        self.started_ns = at_ns
        if self._lines is None:
            for number, market in enumerate(self.markets.values()):
                self._generate(market, at_ns - PAST_NS, number)
            self._play_generated(at_ns, limit=1 << 62)  # so that there is a past to ask for

    def _generate(self, market: SymbolMarket, at_ns: int, number: int) -> None:
        mids = {"BTC": 60_000, "ETH": 3_000, "BNB": 500}
        mid = mids.get(market.instrument.base, 100) * ONE
        shape = MarketShape(mid=mid, tick=ONE // 100, lot=ONE // 100_000, level_qty=max(ONE // 10, 20_000 * ONE * ONE // mid))
        generated = GeneratedMarket(shape, Chance(f"{self.config.seed}:{market.native}:{number}"), at_ns)
        self._generated[market.native] = generated
        book = generated.book()
        market.bids, market.asks, market.book_id = dict(book.bids), dict(book.asks), book.seq
        self.exchange.on_book(market.instrument.key, book.bids, book.asks, True, at_ns, seq=book.seq)

    def play(self, at_ns: int) -> list[Frame]:
        """Frames due by now, in order."""
        if not self.started_ns:
            return []
        return self._play_tape(at_ns) if self._lines is not None else self._play_generated(at_ns)

    def _play_tape(self, at_ns: int) -> list[Frame]:
        frames: list[Frame] = []
        speed = self.config.speed
        until = self.tape_start_ns + int((at_ns - self.started_ns) * speed) if speed else 1 << 63
        while self._next is not None and self._next[0] <= until and len(frames) < LINES_AT_ONCE:
            _, data = self._next
            self._show(data.get("data", data), data.get("stream", ""), at_ns, frames)
            assert self._lines is not None
            self._next = next(self._lines, None)
        if self._next is None and not self.ended:
            self.ended = True
        return frames

    def _show(self, data: Json, stream: str, at_ns: int, frames: list[Frame]) -> None:
        native = data.get("s", "")
        market = self.markets.get(native)
        if market is None:
            return
        if market.book_id == 0 and not market.bids and data.get("e") == "depthUpdate":
            market.book_id = data["U"] - 1  # a tape without a snapshot: the book is what has been seen since
        try:
            self._show_exchange(market, data, at_ns)
        except (Inexact, KeyError, ValueError, TypeError):
            return  # a line that is not of the venue's form is not shown to anyone
        self.frames += 1
        kind = data.get("e", "bookTicker")
        self.now_ms = max(self.now_ms, data.get("E", 0))
        name = stream or f"{market.lower}@{ {'depthUpdate': 'depth@100ms'}.get(kind, kind) }"
        frames.append((name, json.dumps(data, separators=(",", ":"))))

    def _show_exchange(self, market: SymbolMarket, data: Json, at_ns: int) -> None:
        key = market.instrument.key
        kind = data.get("e")
        if kind == "depthUpdate":
            bids, asks = market.depth_update(data)
            self.exchange.on_book(key, bids, asks, False, at_ns, seq=data["u"])
        elif kind == "trade":
            price, qty = _units(data["p"]), _units(data["q"])
            market.trade(data, price, qty)
            self.exchange.on_trade(key, price, qty, SELL if data["m"] else BUY, at_ns, data["t"])
        elif kind is None and "u" in data:
            market.quote = data
            self.exchange.on_quote(
                key, _units(data["b"]), _units(data["B"]), _units(data["a"]), _units(data["A"]), at_ns, seq=data["u"]
            )

    def _play_generated(self, at_ns: int, limit: int = LINES_AT_ONCE) -> list[Frame]:
        frames: list[Frame] = []
        for native, generated in self._generated.items():
            market = self.markets[native]
            for event in generated.events(at_ns):
                self._show(_as_frame(event, market), "", at_ns, frames)
                if len(frames) > limit:
                    break
        return frames


def _as_frame(event: Any, market: SymbolMarket) -> Json:
    at_ms = event.at_ns // 1_000_000
    if isinstance(event, UnitTrade):
        return {
            "e": "trade", "E": at_ms, "s": market.native, "t": event.trade_id, "p": text(event.price), "q": text(event.qty), "T": at_ms,
            "m": event.side is SELL, "M": True,
        }  # fmt: skip
    if isinstance(event, UnitDepth):
        return {
            "e": "depthUpdate", "E": at_ms, "s": market.native, "U": event.prev_seq + 1, "u": event.seq,
            "b": [[text(p), text(q)] for p, q in event.bids], "a": [[text(p), text(q)] for p, q in event.asks],
        }  # fmt: skip
    return {
        "u": event.seq, "s": market.native, "b": text(event.bid), "B": text(event.bid_qty), "a": text(event.ask), "A": text(event.ask_qty),
    }  # fmt: skip
