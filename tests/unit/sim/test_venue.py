"""The simulated venue as a venue: what is late is late, what is in order stays in order, and nothing raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS
from tickwright.model.account import AccountUp, Balance, Snapshot
from tickwright.model.caps import AmendKind, Caps
from tickwright.model.market import BUY, SELL, Channel, MarketEvent, Quote, Subscription, Trade
from tickwright.model.order import (
    Absent,
    Accepted,
    AmendTerms,
    CouldNotAsk,
    Fill,
    Found,
    OrderRef,
    OrderReport,
    OrderType,
    Rejected,
    ReportStatus,
    Tif,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.ports import MarketSink, Streaming, Venue
from tickwright.sim.exchange import Exchange
from tickwright.sim.latency import ConstantLatency, Latencies, no_latency
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.venue import SimVenue
from tickwright.sim.venue_rules import sim_caps
from unit.sim.manual import ManualSchedule
from unit.sim.simkit import BTC, FREE, FUNDS, KEY, new_order

MS = NS_PER_MS


class Tap:
    """A market source that delivers what the test pours into it."""

    def __init__(self) -> None:
        self.subs: list[Subscription] = []
        self.sink: MarketSink | None = None
        self.running = asyncio.Event()

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        self.subs, self.sink = list(subs), sink
        self.running.set()
        await asyncio.Event().wait()

    def pour(self, *events: MarketEvent) -> None:
        assert self.sink is not None
        for event in events:
            self.sink(event)


class Stage:
    """One venue, its tap, its clock, and everything that it told."""

    def __init__(self, latencies: Latencies | None = None, caps: Caps | None = None) -> None:
        self.time = ManualSchedule()
        self.tap = Tap()
        exchange = Exchange([BTC], FREE, PessimisticQueue(), Chance(1))
        exchange.add_account("me", FUNDS)
        self.venue = SimVenue(
            exchange,
            "me",
            [BTC],
            self.tap,
            clock=self.time.clock,
            latencies=latencies or no_latency(),
            caps=caps or sim_caps("sim"),
            schedule=self.time,
        )
        self.told: list[Any] = []
        self.market: list[Any] = []

    async def start(self) -> None:
        await self.venue.open()
        subs = [Subscription("BTC/USDT", Channel.QUOTES)]
        self.tasks = [
            asyncio.create_task(self.venue.run_account(self.told.append)),
            asyncio.create_task(self.venue.run_market(subs, self.market.append)),
        ]
        await asyncio.sleep(0)
        self.quote(0.99, 1.01)

    async def stop(self) -> None:
        await self.venue.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def quote(self, bid: float, ask: float, qty: float = 0.005) -> None:
        now = self.time.clock.wall_ns()
        self.tap.pour(Quote(KEY, bid, qty, ask, qty, 0, now, now))

    def reports(self) -> list[Any]:
        """What the account stream said, without balances."""
        return [event for event in self.told if not isinstance(event, Balance)]


def on_stage(story: Callable[[Stage], Awaitable[None]], **terms: Any) -> None:
    """Run a story on a fresh stage."""

    async def run() -> None:
        stage = Stage(**terms)
        await stage.start()
        try:
            await story(stage)
        finally:
            await stage.stop()

    asyncio.run(run())


LATE = Latencies(feed=ConstantLatency(3 * MS), up=ConstantLatency(5 * MS), down=ConstantLatency(2 * MS))


def test_given_a_simulated_venue_when_looked_at_then_it_is_a_venue() -> None:
    """It has every call of the protocols."""

    async def story(stage: Stage) -> None:
        assert isinstance(stage.venue, Venue)
        assert isinstance(stage.venue, Streaming)
        assert await stage.venue.clock() == (0, 0)
        assert (await stage.venue.permissions()).can_withdraw is False
        assert (await stage.venue.fee_rates(KEY)).maker_ppm == 0
        assert await stage.venue.instruments() == [BTC]

    on_stage(story)


def test_given_an_order_when_it_trades_then_the_stream_tells_open_fill_done_and_balances_in_order() -> None:
    """AccountUp first; then report, lock, fill, report, balances."""

    async def story(stage: Stage) -> None:
        assert isinstance(await stage.venue.submit(new_order("x", BUY, 5, 101)), Accepted)
        up, opened, locked, fill, done, *balances = stage.told
        assert isinstance(up, AccountUp)
        assert (opened.status, opened.filled, opened.client_id) == (ReportStatus.OPEN, 0, "x")
        assert (locked.asset, locked.locked) == ("USDT", BTC.notional(101, 5))
        assert isinstance(fill, Fill)
        assert (fill.price, fill.qty, fill.venue_id, fill.maker) == (101, 5, opened.venue_id, False)
        assert (done.status, done.reason, done.filled) == (ReportStatus.DONE, Reason.FILLED, 5)
        assert {item.asset: item.total for item in balances} == {
            "BTC": FUNDS["BTC"] + BTC.base_amount(5),
            "USDT": FUNDS["USDT"] - BTC.notional(101, 5),
        }

    on_stage(story)


def test_given_latency_when_an_order_is_sent_then_it_meets_the_market_of_its_arrival() -> None:
    """Five milliseconds up: the quote has moved by then. Two down: the answer and the events come after that."""

    async def story(stage: Stage) -> None:
        answer = stage.venue.submit(new_order("x", BUY, 5, 101, tif=Tif.IOC))
        stage.time.advance(4 * MS)
        stage.quote(1.05, 1.06)
        stage.time.advance(2 * MS)
        assert stage.reports()[1:] == []
        stage.time.advance(1 * MS)
        outcome = await answer
        assert isinstance(outcome, Accepted)
        opened, done = stage.reports()[1:]
        assert (done.reason, done.filled) == (Reason.EXPIRED, 0)
        assert done.recv_ns - done.venue_ns == 2 * MS
        assert outcome.at_ns == done.venue_ns == opened.venue_ns

    on_stage(story, latencies=LATE)


def test_given_feed_latency_when_the_market_moves_then_the_exchange_knows_before_the_client() -> None:
    """The client gets the event three milliseconds later, and its receive time says so."""

    async def story(stage: Stage) -> None:
        stage.time.advance(3 * MS)
        stage.market.clear()
        sent_ns = stage.time.clock.wall_ns()
        stage.quote(1.05, 1.06)
        assert stage.market == []
        assert stage.venue.exchange.depth(KEY, 1)[1] == [(106, 5)]
        stage.time.advance(3 * MS)
        assert [(event.bid, event.venue_ns, event.recv_ns) for event in stage.market] == [(1.05, sent_ns, sent_ns + 3 * MS)]

    on_stage(story, latencies=LATE)


def test_given_a_subscription_when_the_market_is_run_then_what_matching_needs_is_subscribed_too_but_not_delivered() -> None:
    """The client sees what it asked for; the exchange sees trades, quotes and book."""

    async def story(stage: Stage) -> None:
        assert {sub.channel for sub in stage.tap.subs} == {Channel.QUOTES, Channel.TRADES, Channel.BOOK}
        stage.tap.pour(Trade(KEY, 1.0, 0.001, BUY, 9, 5, 5))
        assert {type(event) for event in stage.market} == {Quote}
        assert stage.venue.exchange.last_price(KEY) == 100
        assert [trade.trade_id for trade in await stage.venue.trades(KEY, 0, 99)] == [9]
        assert await stage.venue.bars(KEY, "1s", 0, 99) == []

    on_stage(story)


def test_given_a_resting_order_when_a_trade_fills_it_then_the_account_is_told() -> None:
    """Fills come from the market without any request."""

    async def story(stage: Stage) -> None:
        await stage.venue.submit(new_order("x", BUY, 5, 100))
        stage.tap.pour(Trade(KEY, 1.0, 0.002, SELL, 1, 0, 0))
        fill, report = stage.reports()[-2:]
        assert (fill.qty, fill.maker, report.status, report.filled) == (2, True, ReportStatus.OPEN, 2)

    on_stage(story)


def test_given_orders_when_asked_about_then_find_snapshot_and_history_agree() -> None:
    """Found with all its fills, listed while open, absent when never sent."""

    async def story(stage: Stage) -> None:
        venue = stage.venue
        await venue.submit(new_order("done", BUY, 2, 101))
        accepted = await venue.submit(new_order("open", BUY, 5, 100))
        assert isinstance(accepted, Accepted)
        found = await venue.find(OrderRef(KEY, "done"))
        assert isinstance(found, Found)
        assert (found.order.reason, [fill.qty for fill in found.fills], found.fills_complete) == (Reason.FILLED, [2], True)
        by_id = await venue.find(OrderRef(KEY, "whatever", accepted.venue_id))
        assert isinstance(by_id, Found)
        assert by_id.order.client_id == "open"
        assert isinstance(await venue.find(OrderRef(KEY, "never")), Absent)
        snapshot = await venue.snapshot([KEY], 1)
        assert isinstance(snapshot, Snapshot)
        assert [order.client_id for order in snapshot.orders] == ["open"]
        assert [fill.client_id for fill in snapshot.fills] == ["done"]
        assert {item.asset: item.locked for item in snapshot.balances} == {"BTC": 0, "USDT": BTC.notional(100, 5)}
        empty = await venue.snapshot([KEY], 0)
        assert isinstance(empty, Snapshot)
        assert empty.fills == ()
        assert await venue.fills(KEY, 0) == list(snapshot.fills)
        assert await venue.fills(KEY, stage.time.clock.wall_ns() + 1) == []

    on_stage(story)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (new_order("x", BUY, 5, 10**12), Reason.VENUE_FUNDS),
        (new_order("x", BUY, 5, 101, post_only=True), Reason.VENUE_WOULD_TAKE),
        (msgspec.structs.replace(new_order("x", BUY, 5, 101), key="sim:X/Y"), Reason.VENUE_UNKNOWN_SYMBOL),
        (msgspec.structs.replace(new_order("x", BUY, 5, 101), dead_after_ns=1), Reason.VENUE_TIMESTAMP),
        (new_order("x", BUY, 0, 101), Reason.VENUE_FILTER),
        (new_order("x", BUY, 5, 101, type=OrderType.STOP), Reason.VENUE_MALFORMED),
    ],
)
def test_given_a_bad_order_when_sent_then_it_is_a_rejection_with_a_reason_and_nothing_happens(order, reason) -> None:
    """Definite, silent on the stream, never an exception."""

    async def story(stage: Stage) -> None:
        outcome = await stage.venue.submit(order)
        assert isinstance(outcome, Rejected)
        assert outcome.reason is reason
        assert stage.reports()[1:] == []

    on_stage(story)


def test_given_a_cancel_when_it_arrives_then_the_order_ends_and_a_second_one_is_unknown() -> None:
    """Cancel by either name; cancel-all takes the rest."""

    async def story(stage: Stage) -> None:
        venue = stage.venue
        await venue.submit(new_order("x", BUY, 1, 90))
        await venue.submit(new_order("y", BUY, 1, 91))
        assert isinstance(await venue.cancel(OrderRef(KEY, "x")), Accepted)
        assert stage.reports()[-1].reason is Reason.CANCELED
        again = await venue.cancel(OrderRef(KEY, "x", "1"))
        assert isinstance(again, Rejected)
        assert again.reason is Reason.VENUE_UNKNOWN_ORDER
        assert isinstance(await venue.cancel_all(KEY), Accepted)
        assert [(event.client_id, event.reason) for event in stage.reports()[-1:]] == [("y", Reason.CANCELED)]

    on_stage(story)


@pytest.mark.parametrize(
    ("kind", "terms", "names"),
    [
        (AmendKind.PRICE_AND_QTY, AmendTerms(qty=3, price=95, client_id="new"), ["x"]),
        (AmendKind.QTY_DOWN, AmendTerms(qty=3, price=None, client_id="new"), ["x"]),
        (AmendKind.QTY_DOWN, AmendTerms(qty=3, price=95, client_id="new"), ["new"]),
        (AmendKind.REPLACE, AmendTerms(qty=3, price=None, client_id="new"), ["new"]),
    ],
)
def test_given_a_kind_of_amend_when_asked_for_then_it_is_in_place_or_a_replacement(kind, terms, names) -> None:
    """The venue does what its capabilities say, and a replacement says what it replaces."""

    async def story(stage: Stage) -> None:
        await stage.venue.submit(new_order("x", BUY, 5, 90))
        assert isinstance(await stage.venue.amend(OrderRef(KEY, "x"), terms), Accepted)
        snapshot = await stage.venue.snapshot([], 0)
        assert isinstance(snapshot, Snapshot)
        assert [order.client_id for order in snapshot.orders] == names
        assert [(order.qty, order.price) for order in snapshot.orders] == [(3, terms.price or 90)]
        latest = [event for event in stage.told if isinstance(event, OrderReport)][-1]
        assert latest.replaces == ("x" if names == ["new"] else "")

    on_stage(story, caps=msgspec.structs.replace(sim_caps("sim"), amend=kind))


def test_given_terms_that_cannot_be_when_amended_then_it_is_rejected() -> None:
    """Filters, unknown orders, quantities already filled, and venues that cannot."""

    async def story(stage: Stage) -> None:
        venue = stage.venue
        await venue.submit(new_order("x", BUY, 8, 101))
        for ref, terms, reason in (
            (OrderRef(KEY, "nobody"), AmendTerms(qty=1, price=None), Reason.VENUE_UNKNOWN_ORDER),
            (OrderRef("sim:X/Y", "x"), AmendTerms(qty=1, price=None), Reason.VENUE_UNKNOWN_ORDER),
            (OrderRef(KEY, "x"), AmendTerms(qty=0, price=None), Reason.VENUE_FILTER),
            (OrderRef(KEY, "x"), AmendTerms(qty=5, price=100), Reason.VENUE_OTHER),
        ):
            outcome = await venue.amend(ref, terms)
            assert isinstance(outcome, Rejected)
            assert outcome.reason is reason

    for kind in (AmendKind.PRICE_AND_QTY, AmendKind.REPLACE):
        on_stage(story, caps=msgspec.structs.replace(sim_caps("sim"), amend=kind))

    async def rigid(stage: Stage) -> None:
        await stage.venue.submit(new_order("x", BUY, 5, 90))
        assert isinstance(await stage.venue.amend(OrderRef(KEY, "x"), AmendTerms(qty=3, price=None)), Rejected)

    on_stage(rigid, caps=msgspec.structs.replace(sim_caps("sim"), amend=AmendKind.NONE))


def test_given_a_dead_mans_switch_when_it_is_not_refreshed_then_everything_is_cancelled() -> None:
    """Refreshing puts it off, zero switches it off, silence sets it off."""

    async def story(stage: Stage) -> None:
        venue, time = stage.venue, stage.time
        await venue.submit(new_order("x", BUY, 1, 90))
        assert await venue.keep_alive(10)
        time.advance(9_000 * MS)
        assert await venue.keep_alive(10)
        time.advance(9_000 * MS)
        assert venue.exchange.open_orders("me")
        assert await venue.keep_alive(0)
        time.advance(60_000 * MS)
        assert venue.exchange.open_orders("me")
        assert await venue.keep_alive(10)
        time.advance(10_000 * MS)
        assert venue.exchange.open_orders("me") == []
        assert stage.reports()[-1].reason is Reason.CANCELED

    on_stage(story)

    async def without(stage: Stage) -> None:
        assert not await stage.venue.keep_alive(10)

    on_stage(without, caps=msgspec.structs.replace(sim_caps("sim"), dead_man_ns=0))


def test_given_requests_under_way_when_the_venue_is_closed_then_their_outcome_is_unknown() -> None:
    """Nobody waits for ever, and nobody is told that it failed."""

    async def story(stage: Stage) -> None:
        submit = stage.venue.submit(new_order("x", BUY, 1, 90))
        find = stage.venue.find(OrderRef(KEY, "x"))
        await stage.venue.close()
        assert isinstance(await submit, Unknown)
        assert isinstance(await find, CouldNotAsk)
        assert isinstance(await stage.venue.cancel(OrderRef(KEY, "x")), Unknown)
        assert isinstance(await stage.venue.fills(KEY, 0), CouldNotAsk)

    on_stage(story, latencies=LATE)


def test_given_the_pulled_streams_when_read_then_they_are_the_pushed_ones() -> None:
    """``market`` and ``account`` give the same events to those who would rather ask."""

    async def run() -> None:
        stage = Stage()
        await stage.venue.open()
        account = stage.venue.account()
        market = stage.venue.market([Subscription("BTC/USDT", Channel.QUOTES)])
        assert isinstance(await anext(account), AccountUp)
        pending = asyncio.ensure_future(anext(market))
        await stage.tap.running.wait()
        stage.quote(0.99, 1.01)
        assert isinstance(await pending, Quote)
        await stage.venue.submit(new_order("x", BUY, 1, 90))
        assert isinstance(await anext(account), OrderReport)
        for stream in (account, market):
            await stream.aclose()
        await stage.venue.close()

    asyncio.run(run())


def test_given_a_pair_when_its_limit_trades_then_the_stop_expires() -> None:
    """Both are taken in one request, and one of them trades."""

    async def story(stage: Stage) -> None:
        limit = msgspec.structs.replace(new_order("up", SELL, 5, 105), post_only=True)
        stop = msgspec.structs.replace(new_order("down", SELL, 5, None), type=OrderType.STOP, stop=95, price=None)
        answer = await stage.venue.submit_pair(limit, stop, "pair")
        assert isinstance(answer, Accepted)
        assert [report.client_id for report in answer.reports if isinstance(report, OrderReport)] == ["up", "down"]
        stage.quote(1.06, 1.08)
        ended = {
            report.client_id: report.reason for report in stage.reports() if getattr(report, "status", None) is ReportStatus.DONE
        }
        assert ended["up"] is Reason.FILLED
        assert set(ended) == {"up", "down"}
        lost = await stage.venue.submit_pair(limit, msgspec.structs.replace(stop, stop=200), "again")
        assert isinstance(lost, Rejected)

    on_stage(story)
