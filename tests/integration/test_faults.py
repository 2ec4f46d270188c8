"""What goes wrong between a session and its venue, over real sockets: what both hold afterwards.

Every story ends with an audit (``rig.Rig.audit``): balances, reservations, orders and fills are the same on both sides to the
last unit, nothing works any more, no client id was used twice, the last reconciliation agrees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from integration.rig import ACCOUNT, MARKET, Rig, trading
from tickwright.model.market import BUY
from tickwright.model.reason import Reason
from tickwright.sim.faults import FaultKind


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


# -- the market's connection ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.HALF_OPEN, FaultKind.MUTE, FaultKind.DISCONNECT], ids=lambda kind: kind.value)
def test_given_a_quote_when_the_market_connection_is_lost_then_it_is_pulled_and_put_back_on_a_whole_book(kind: FaultKind) -> None:
    """A socket that is cut, answers nothing, or answers pings only: noticed, quotes withdrawn, the book whole again after."""

    async def story() -> None:
        async with trading() as rig:
            rig.hand.quote("bid", BUY, rig.price(BUY, 0.01), "0.01")
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to work")
            first = rig.stand.state()["open_orders"][0]["clientOrderId"]
            await rig.strike(kind, MARKET)
            await rig.until(lambda: rig.said("feed.down"), "the loss to be noticed")
            await rig.until(lambda: rig.state.orders.get(first).reason is Reason.CANCELED, "the quote to be pulled")
            await rig.settled()
            await rig.same_book()
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to be put back")
            assert rig.stand.state()["open_orders"][0]["clientOrderId"] != first
            assert rig.counters("market").reconnects >= 1
            assert rig.counters("account").reconnects == 0

    play(story())


# -- frames of the market ------------------------------------------------------------------------------------------------


async def _frame_fault(rig: Rig, kind: FaultKind, stream: str) -> None:
    """A fault of one frame, after which frames go on and the book is the venue's."""
    await rig.strike(kind, stream)
    seq = rig.stand.markets["BTCUSDT"].book_id
    await rig.until(lambda: rig.stand.markets["BTCUSDT"].book_id > seq, "the market to go on")
    await rig.settled()
    await rig.same_book()


@pytest.mark.parametrize("kind", [FaultKind.GAP, FaultKind.OUT_OF_ORDER], ids=lambda kind: kind.value)
def test_given_a_book_when_a_change_is_missing_or_late_then_it_is_made_anew_from_a_snapshot(kind: FaultKind) -> None:
    """A change that does not join: the gap is told, quotes are pulled, and the book is whole again by a fresh snapshot."""

    async def story() -> None:
        async with trading() as rig:
            rig.hand.quote("bid", BUY, rig.price(BUY, 0.01), "0.01")
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to work")
            first = rig.stand.state()["open_orders"][0]["clientOrderId"]
            await _frame_fault(rig, kind, "@depth")
            assert rig.said("feed.gap") + rig.said("feed.down") >= 1
            await rig.until(lambda: rig.state.orders.get(first).reason is Reason.CANCELED, "the quote to be pulled")
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to be put back")
            assert rig.counters("market").reconnects == 0

    play(story())


@pytest.mark.parametrize("stream", ["@depth", "@trade", "@bookTicker"])
def test_given_a_market_when_a_frame_comes_twice_then_it_counts_once(stream: str) -> None:
    """A repeated frame changes nothing: no gap, no reconnect, the order that works is left alone."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await _frame_fault(rig, FaultKind.DUPLICATE, stream)
            assert rig.said("feed.gap") == rig.said("feed.down") == 0
            assert rig.counters("market").reconnects == 0
            assert order.state == "working"

    play(story())


def test_given_a_market_when_a_trade_is_missing_then_the_gap_is_told_and_the_book_is_left_alone() -> None:
    """Trade ids have a hole: what is made of trades starts again, what is not goes on."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await _frame_fault(rig, FaultKind.GAP, "@trade")
            await rig.until(lambda: rig.said("feed.gap"), "the gap to be told")
            assert rig.book.ready
            assert order.state == "working"

    play(story())


def test_given_a_market_when_bytes_come_that_are_no_message_then_they_are_counted_and_the_rest_goes_on() -> None:
    """Half a message between two whole ones: one more in the count of garbage, and nothing else."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await _frame_fault(rig, FaultKind.GARBAGE, "@depth")
            await rig.until(lambda: rig.counters("market").garbage >= 1, "the garbage to be counted")
            assert rig.said("feed.gap") == rig.said("feed.down") == 0
            assert rig.counters("market").reconnects == 0
            assert order.state == "working"

    play(story())


def test_given_a_lost_book_when_the_snapshot_is_an_old_one_then_it_is_refused_and_another_is_asked_for() -> None:
    """A snapshot from before the buffered changes does not join them: the book waits for one that does."""

    async def story() -> None:
        async with trading() as rig:
            await rig.fault(FaultKind.STALE_SNAPSHOT, "/depth", count=2)
            await _frame_fault(rig, FaultKind.GAP, "@depth")
            assert rig.happened(FaultKind.STALE_SNAPSHOT) == 2

    play(story())


# -- the account's connection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_kind", ["hmac", "ed25519"])
@pytest.mark.parametrize("kind", [FaultKind.HALF_OPEN, FaultKind.DISCONNECT], ids=lambda kind: kind.value)
def test_given_a_working_order_when_it_fills_while_the_account_is_not_heard_then_the_fill_is_found(
    kind: FaultKind, key_kind: str
) -> None:
    """The fill happens behind a dead socket: noticed, nothing sent meanwhile, and taken from trade history after."""

    async def story() -> None:
        async with trading(key_kind=key_kind) as rig:
            filled, left = await rig.resting(), await rig.resting(qty="0.02")
            await rig.strike(kind, ACCOUNT)
            rig.trade_through(filled)
            await rig.until(lambda: rig.said("account.down"), "the loss to be noticed")
            early = rig.hand.buy("0.01", limit=rig.price(BUY, 0.015))
            await rig.settled()
            assert (filled.state, str(filled.filled)) == ("done", "0.01000000")
            there = rig.at_venue(left)  # a trade beyond its price fills it too
            assert there is not None
            assert left.state == ("working" if there["status"] == "NEW" else "done")
            await rig.until(lambda: early.state in ("refused", "working"), "the early order to be dealt with")
            assert rig.counters("account").reconnects >= 1
            assert rig.counters("market").reconnects == 0
            more = await rig.resting(away=0.012)
            assert rig.at_venue(more) is not None

    play(story())


def test_given_an_order_that_ends_unheard_when_the_account_is_back_then_how_it_ended_is_asked() -> None:
    """Cancelled by another hand behind a dead socket: not listed any more, asked about, ended as cancelled, funds free."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await rig.strike(FaultKind.HALF_OPEN, ACCOUNT)
            rig.stand.exchange.cancel_all("main", rig.instrument.key, rig.state.now_ns)
            await rig.until(lambda: rig.said("account.down"), "the loss to be noticed")
            await rig.settled()
            await rig.until(lambda: order.reason is Reason.CANCELED, "the end to be known")
            assert rig.state.ledger.reserved("USDT") == 0

    play(story())


def test_given_a_fill_when_its_event_is_lost_then_the_account_is_found_to_differ_and_put_right() -> None:
    """The stream goes on but the event was dropped: the final comparison takes the fill from history before it agrees."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            rig.trade_through(order)
            rig.stand.exchange.drain()  # the venue tells nobody
            assert order.state == "working"

    play(story())
