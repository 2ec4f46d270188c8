"""Where a simulated venue's market comes from: another venue's streams, a sequence of recorded events, or the generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from tickwright.base.clock import NS_PER_MS, NS_PER_S, Clock
from tickwright.model.instrument import Instrument
from tickwright.model.market import (
    Bar,
    BookUpdate,
    Channel,
    FeedDown,
    FeedUp,
    Funding,
    Gap,
    Mark,
    MarketEvent,
    Quote,
    Subscription,
    Ticker,
    Trade,
)
from tickwright.ports import MarketSink
from tickwright.sim.generator import GeneratedMarket, UnitDepth, UnitEvent, UnitQuote, UnitTrade

T = TypeVar("T")

#: Events delivered without letting anything else run.
_BATCH = 256


class MarketSource(Protocol):
    """The market half of :class:`~tickwright.ports.Streaming`: any streaming venue is one."""

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None: ...


class Replay:
    """Delivers events at the pace of their receive times, ``speed`` times as fast; 0 is as fast as they can be taken.

    They are given as they are, with the times that they were recorded at. When they are at an end ``ended`` is set, and the
    stream stays silent until it is cancelled. It can be run once.
    """

    def __init__(
        self, venue: str, events: Iterable[MarketEvent] | AsyncIterable[MarketEvent], clock: Clock, *, speed: float
    ) -> None:
        assert speed >= 0, "time does not run backwards"
        self.ended = asyncio.Event()
        self._venue = venue
        self._events = events
        self._clock = clock
        self._speed = speed

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        for sub in subs:
            sink(FeedUp(f"{self._venue}:{sub.symbol}", sub.channel, self._clock.wall_ns()))
        origin: tuple[int, int] | None = None
        count = 0
        async for event in _walk(self._events):
            if origin is None:
                origin = (event.recv_ns, self._clock.mono_ns())
            if self._speed:
                due_ns = origin[1] + round((event.recv_ns - origin[0]) / self._speed)
                wait_ns = due_ns - self._clock.mono_ns()
                if wait_ns > NS_PER_MS // 2:
                    await asyncio.sleep(wait_ns / NS_PER_S)
            count += 1
            if count % _BATCH == 0:
                await asyncio.sleep(0)
            sink(event)
        self.ended.set()
        await asyncio.Event().wait()


class Generated:
    """A generated market as events of one instrument, paced by the clock; each book stream begins with a snapshot."""

    def __init__(self, instrument: Instrument, market: GeneratedMarket, clock: Clock, *, speed: float = 1.0) -> None:
        assert speed > 0, "a market stands still at speed 0"
        self._instrument = instrument
        self._market = market
        self._clock = clock
        self._speed = speed

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        wanted = {sub.channel for sub in subs if sub.symbol == self._instrument.symbol}
        key = self._instrument.key
        now_ns = self._clock.wall_ns()
        for channel in sorted(wanted, key=lambda one: one.value):
            sink(FeedUp(key, channel, now_ns))
        if Channel.BOOK in wanted:
            book = self._market.book()
            bids, asks = float_levels(self._instrument, book.bids), float_levels(self._instrument, book.asks)
            sink(BookUpdate(key, bids, asks, 0, book.seq, True, now_ns, now_ns))
        started = (self._market.now_ns, self._clock.mono_ns())
        while True:
            events = self._market.step()
            due_ns = started[1] + round((self._market.now_ns - started[0]) / self._speed)
            await asyncio.sleep(max(0, due_ns - self._clock.mono_ns()) / NS_PER_S)
            now_ns = self._clock.wall_ns()
            for event in events:
                if _CHANNELS[type(event)] in wanted:
                    sink(model_event(self._instrument, event, now_ns))


_CHANNELS: Mapping[type, Channel] = {UnitTrade: Channel.TRADES, UnitQuote: Channel.QUOTES, UnitDepth: Channel.BOOK}


def model_event(instrument: Instrument, event: UnitEvent, now_ns: int) -> MarketEvent:
    """A generated event as strategies see it, happened and received at ``now_ns``."""
    key, price, qty = instrument.key, instrument.price_float, instrument.qty_float
    if isinstance(event, UnitTrade):
        return Trade(key, price(event.price), qty(event.qty), event.side, event.trade_id, now_ns, now_ns)
    if isinstance(event, UnitQuote):
        return Quote(key, price(event.bid), qty(event.bid_qty), price(event.ask), qty(event.ask_qty), event.seq, now_ns, now_ns)
    bids, asks = float_levels(instrument, event.bids), float_levels(instrument, event.asks)
    return BookUpdate(key, bids, asks, event.prev_seq, event.seq, False, now_ns, now_ns)


def float_levels(instrument: Instrument, levels: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    return [(instrument.price_float(price), instrument.qty_float(qty)) for price, qty in levels]


async def _walk(events: Iterable[MarketEvent] | AsyncIterable[MarketEvent]) -> AsyncIterator[MarketEvent]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
    else:
        for event in events:
            yield event


def channel_of(event: MarketEvent) -> Channel:
    """The stream that an event belongs to."""
    channel = _STREAMS.get(type(event))
    if channel is not None:
        return channel
    assert isinstance(event, (FeedUp, FeedDown, Gap)), f"no stream carries {event}"
    return event.channel


_STREAMS: Mapping[type, Channel] = {
    Trade: Channel.TRADES,
    Quote: Channel.QUOTES,
    BookUpdate: Channel.BOOK,
    Bar: Channel.BARS,
    Ticker: Channel.TICKER,
    Mark: Channel.MARKS,
    Funding: Channel.FUNDING,
}
