"""Market sources: replayed at the recorded pace, generated, and turned from push to pull."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS, SystemClock
from tickwright.model.market import (
    BUY,
    Bar,
    BookUpdate,
    Channel,
    FeedUp,
    Funding,
    Mark,
    MarketEvent,
    Quote,
    Subscription,
    Ticker,
    Trade,
)
from tickwright.sim.generator import GeneratedMarket, MarketShape
from tickwright.sim.source import Generated, Replay, channel_of
from unit.sim.simkit import BTC, KEY

TRADES = Subscription("BTC/USDT", Channel.TRADES)
QUOTES = Subscription("BTC/USDT", Channel.QUOTES)
BOOK = Subscription("BTC/USDT", Channel.BOOK)


def trade(number: int) -> Trade:
    return Trade(KEY, 1.0, 1.0, BUY, number, 0, 1_000 + number * NS_PER_MS)


async def collect(source: Replay | Generated, subs: list[Subscription], until) -> list[MarketEvent]:
    events: list[MarketEvent] = []
    done = asyncio.Event()

    def sink(event: MarketEvent) -> None:
        events.append(event)
        if until(events):
            done.set()

    task = asyncio.create_task(source.run_market(subs, sink))
    await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return events


@pytest.mark.parametrize("pulls", [False, True])
def test_given_recorded_events_when_replayed_then_they_come_as_they_are_and_the_end_is_told(pulls) -> None:
    """FeedUp for each stream, then the events untouched, from any kind of iterable."""

    async def run() -> list[MarketEvent]:
        given_events = [trade(number) for number in range(600)]

        async def later() -> AsyncIterator[MarketEvent]:
            for event in given_events:
                yield event

        source = Replay("sim", later() if pulls else given_events, SystemClock(), speed=0)
        events = await collect(source, [TRADES], lambda seen: len(seen) == 601)
        assert isinstance(events[0], FeedUp)
        assert events[1:] == given_events
        return events

    asyncio.run(run())


def test_given_a_speed_when_replayed_then_the_gaps_between_events_are_kept() -> None:
    """At 10 times the speed 100 recorded milliseconds take at least 9."""

    async def run() -> int:
        clock = SystemClock()
        source = Replay("sim", [trade(0), trade(100)], clock, speed=10)
        started = clock.mono_ns()
        await collect(source, [TRADES], lambda seen: len(seen) == 3)
        return clock.mono_ns() - started

    assert asyncio.run(run()) >= 9 * NS_PER_MS


def test_given_a_generated_market_when_run_then_only_the_wanted_streams_come_and_the_book_starts_whole() -> None:
    """Snapshot first, deltas that join it, and nothing that was not asked for."""

    async def run() -> list[MarketEvent]:
        market = GeneratedMarket(MarketShape(mid=10_000, tick=1, lot=1, level_qty=50), Chance(1), 0)
        source = Generated(BTC, market, SystemClock(), speed=100_000)
        return await collect(source, [BOOK, QUOTES], lambda seen: len(seen) > 200)

    events = asyncio.run(run())
    assert {type(event) for event in events} == {FeedUp, BookUpdate, Quote}
    book = [event for event in events if isinstance(event, BookUpdate)]
    assert [update.snapshot for update in book[:2]] == [True, False]
    assert all(after.prev_seq <= before.seq for before, after in pairwise(book))


def test_given_any_market_event_when_asked_then_it_belongs_to_a_stream() -> None:
    """Every kind has its channel."""
    events = [
        trade(1), Quote(KEY, 1, 1, 2, 1, 0, 0, 0), BookUpdate(KEY, [], [], 0, 0, True, 0, 0), Bar(KEY, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0),
        Ticker(KEY, None, None, None, None, 0, 0, 0, 0), Mark(KEY, 1, None, 0, 0), Funding(KEY, 0, 0, 0, 0),
    ]  # fmt: skip
    plain = [Channel.TRADES, Channel.QUOTES, Channel.BOOK, Channel.BARS, Channel.TICKER, Channel.MARKS, Channel.FUNDING]
    assert [channel_of(event) for event in events] == plain
    assert channel_of(FeedUp(KEY, Channel.MARKS, 0)) is Channel.MARKS
