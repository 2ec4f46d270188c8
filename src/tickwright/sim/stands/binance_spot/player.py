"""Moves the market on to a moment: gives the frames that are due, in order, and shows each to the exchange.

A tape's frames are sent as they were recorded, byte for byte (in later rounds of a loop with their numbers and times carried on).
Whatever has been given is already in the books that are asked for: a depth answer joins the stream without a hole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.numbers import Inexact
from tickwright.model.market import BUY, SELL
from tickwright.sim.exchange import Exchange
from tickwright.sim.generator import GeneratedMarket, MarketShape, UnitDepth, UnitEvent, UnitTrade
from tickwright.sim.stands.binance_spot.bars import Bar
from tickwright.sim.stands.binance_spot.config import ONE, StandConfig
from tickwright.sim.stands.binance_spot.listing import text
from tickwright.sim.stands.binance_spot.market import DepthFrame, QuoteFrame, SnapshotFrame, SymbolMarket, TradeFrame, units
from tickwright.sim.stands.binance_spot.tape import MarketFrame, Recording

Frame = tuple[str, str]  # stream name, payload

#: Most lines played at one go.
LINES_AT_ONCE = 2_000
#: How much market a generator has behind it when it starts: trades, and before them bars only.
PAST_NS = 60 * 1_000_000_000
PAST_MINUTES = 1_440
_TRADES_A_MINUTE = 60
_MIDS = {"BTC": 60_000, "ETH": 3_000, "BNB": 500}
_NS_PER_MS = 1_000_000


class Stage:
    """The exchange and the markets, told of everything that happens."""

    def __init__(self, exchange: Exchange, markets: Mapping[str, SymbolMarket]) -> None:
        self.exchange = exchange
        self.markets = markets

    def load(self, native: str, snapshot: SnapshotFrame, server_ns: int) -> None:
        """A whole book."""
        market = self.markets[native]
        bids = [(units(price), units(qty)) for price, qty in snapshot.bids]
        asks = [(units(price), units(qty)) for price, qty in snapshot.asks]
        market.load(bids, asks, snapshot.lastUpdateId)
        self.exchange.on_book(market.instrument.key, bids, asks, True, server_ns, seq=snapshot.lastUpdateId)

    def show(self, frame: MarketFrame, server_ns: int) -> str | None:
        """One frame; the stream that it belongs to, or None when the symbol is not listed."""
        market = self.markets.get(frame.s)
        if market is None:
            return None
        key = market.instrument.key
        if isinstance(frame, TradeFrame):
            price, qty = market.trade(frame)
            self.exchange.on_trade(key, price, qty, SELL if frame.m else BUY, server_ns, frame.t)
            return f"{market.lower}@trade"
        if isinstance(frame, QuoteFrame):
            self.exchange.on_quote(key, *market.quote(frame), server_ns, seq=frame.u)
            return f"{market.lower}@bookTicker"
        changes = market.depth_update(frame)
        if changes is not None:
            self.exchange.on_book(key, *changes, False, server_ns, seq=frame.u)
        return f"{market.lower}@depth@100ms"


class TapePlayer:
    """Plays a recording."""

    def __init__(self, config: StandConfig, recording: Recording, stage: Stage) -> None:
        self._speed = config.speed
        self._loop = config.loop
        self._recording = recording
        self._stage = stage
        self._started_ns = 0
        self._lines: Iterator[tuple[int, MarketFrame | SnapshotFrame, str]] = recording.lines()
        self._next = next(self._lines, None)
        self._base_ns = recording.start_ns  # what started_ns stands for on the tape
        self._round = 0
        self.frames = 0
        self.ended = False
        self.now_ms = 0
        for native, snapshot in recording.snapshots.items():
            if native in stage.markets:
                with contextlib.suppress(Inexact):  # then the book is what its diffs say
                    stage.load(native, snapshot, 0)

    @property
    def started_ns(self) -> int:
        return self._started_ns

    def start(self, at_ns: int, server_ns: int) -> None:
        """The tape begins to move."""
        self._started_ns = at_ns

    def next_ns(self, at_ns: int) -> int:
        """When the next line is due."""
        if not self._started_ns or self._next is None:
            return at_ns + _NS_PER_MS * 1_000
        if not self._speed:
            return at_ns
        return self._started_ns + int((self._next[0] - self._base_ns) / self._speed)

    def play(self, at_ns: int, server_ns: int, room: int) -> list[Frame]:
        """What is due by now; at speed 0 as much as there is room for."""
        frames: list[Frame] = []
        if not self._started_ns:
            return frames
        until = self._base_ns + int((at_ns - self._started_ns) * self._speed) if self._speed else 1 << 63
        left = min(LINES_AT_ONCE, room) if not self._speed else LINES_AT_ONCE
        while left > 0 and self._next is not None and self._next[0] <= until:
            left -= 1
            _, frame, payload = self._next
            with contextlib.suppress(Inexact):  # a number that is none: the line is left out, whole
                self._play(frame, payload, server_ns, frames)
            self._next = next(self._lines, None)
            if self._next is None:
                self._end(frames, server_ns)
        return frames

    def _play(self, frame: MarketFrame | SnapshotFrame, payload: str, server_ns: int, frames: list[Frame]) -> None:
        if isinstance(frame, SnapshotFrame):
            native = self._recording.owner(frame)
            if native in self._stage.markets and frame.lastUpdateId > self._stage.markets[native].book_id:
                self._stage.load(native, frame, server_ns)
            return
        name = self._stage.show(frame, server_ns)
        if name is not None:
            self.frames += 1
            if not isinstance(frame, QuoteFrame):
                self.now_ms = max(self.now_ms, frame.E)
            frames.append((name, payload))

    def _end(self, frames: list[Frame], server_ns: int) -> None:
        """The tape has run out: stop, or go back to its start with numbers and times that go on."""
        if not self._loop:
            self.ended = True
            return
        self._round += 1
        for diff in self._recording.rewind(self._stage.markets, self.now_ms):
            name = self._stage.show(diff, server_ns)
            if name is not None:
                frames.append((name, _text(diff)))
        self._lines = self._recording.again()
        self._next = next(self._lines, None)


class GeneratedPlayer:
    """Plays markets out of the seed, at the pace of the clock."""

    def __init__(self, config: StandConfig, stage: Stage) -> None:
        self._stage = stage
        self._seed = config.seed
        self._pace_ns = int(config.pace_ms * _NS_PER_MS)
        self._generated: dict[str, GeneratedMarket] = {}
        self._started_ns = 0
        self.frames = 0
        self.ended = False
        self.now_ms = 0

    @property
    def started_ns(self) -> int:
        return self._started_ns

    def start(self, at_ns: int, server_ns: int) -> None:
        """Make the books, and a past to ask for."""
        self._started_ns = at_ns
        for native, market in self._stage.markets.items():
            self._generated[native] = self._make(market, server_ns - PAST_NS)
        self.play(at_ns, server_ns, 0)

    def _make(self, market: SymbolMarket, from_ns: int) -> GeneratedMarket:
        chance = Chance(f"{self._seed}:{market.native}")
        one = market.instrument
        tick, lot = one.tick_units, one.lot_units
        mid = _MIDS.get(one.base, 100) * ONE if one.quote not in ("BTC", "ETH", "BNB") else ONE // 20
        level = max(10 * lot, 20_000 * ONE * ONE // mid)
        level -= level % lot
        shape = MarketShape(mid=mid - mid % tick, tick=tick, lot=lot, level_qty=level, step_mean_ns=self._pace_ns)
        first_minute = from_ns // _NS_PER_MS // 60_000 - PAST_MINUTES
        market.bars.backfill(_past(chance.fork("past"), shape, first_minute))
        generated = GeneratedMarket(shape, chance, from_ns, first_trade_id=PAST_MINUTES * _TRADES_A_MINUTE + 1)
        book = generated.book()
        market.load(book.bids, book.asks, book.seq)
        self._stage.exchange.on_book(one.key, book.bids, book.asks, True, from_ns, seq=book.seq)
        return generated

    def next_ns(self, at_ns: int) -> int:
        return at_ns + 10 * _NS_PER_MS

    def play(self, at_ns: int, server_ns: int, room: int) -> list[Frame]:
        """Everything up to now. Times are the server's."""
        frames: list[Frame] = []
        for native, generated in self._generated.items():
            for event in generated.events(server_ns):
                frame = _frame(event, native)
                name = self._stage.show(frame, event.at_ns)
                assert name is not None, "a generated market is a listed one"
                frames.append((name, _text(frame)))
        self.frames += len(frames)
        if self._generated:
            self.now_ms = max(self.now_ms, server_ns // _NS_PER_MS)
        return frames


Player = TapePlayer | GeneratedPlayer


def _text(frame: MarketFrame) -> str:
    return msgspec.json.encode(frame).decode()


def _past(chance: Chance, shape: MarketShape, first_minute: int) -> list[Bar]:
    """Bars of the minutes before the market starts, walking to where it starts. Made from the last one backwards."""
    bars: list[Bar] = []
    close = shape.mid // shape.tick
    for number in range(PAST_MINUTES - 1, -1, -1):
        opened = max(10, close - round(chance.normal(0.0, close / 4_000)))
        bar = Bar((first_minute + number) * 60_000, opened * shape.tick, number * _TRADES_A_MINUTE + 1)
        bar.high = (max(opened, close) + chance.below(1 + close // 5_000)) * shape.tick
        bar.low = (min(opened, close) - chance.below(1 + min(opened, close) // 5_000)) * shape.tick
        bar.close = close * shape.tick
        bar.count = _TRADES_A_MINUTE
        bar.last_id = (number + 1) * _TRADES_A_MINUTE
        bar.qty = shape.lot * (1 + chance.below(max(1, 10 * shape.level_qty // shape.lot)))
        bar.buy_qty = shape.lot * chance.below(1 + bar.qty // shape.lot)
        middle = (bar.high + bar.low) // 2
        bar.quote, bar.buy_quote = bar.qty * middle, bar.buy_qty * middle
        bars.append(bar)
        close = opened
    return bars[::-1]


def _frame(event: UnitEvent, native: str) -> MarketFrame:
    at_ms = event.at_ns // _NS_PER_MS
    if isinstance(event, UnitTrade):
        return TradeFrame(
            E=at_ms, s=native, t=event.trade_id, p=text(event.price), q=text(event.qty), T=at_ms, m=event.side is SELL
        )
    if isinstance(event, UnitDepth):
        bids = [(text(price), text(qty)) for price, qty in event.bids]
        asks = [(text(price), text(qty)) for price, qty in event.asks]
        return DepthFrame(E=at_ms, s=native, U=event.prev_seq + 1, u=event.seq, b=bids, a=asks)
    return QuoteFrame(u=event.seq, s=native, b=text(event.bid), B=text(event.bid_qty), a=text(event.ask), A=text(event.ask_qty))
