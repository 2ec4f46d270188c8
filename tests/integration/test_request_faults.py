"""What goes wrong with single requests, over real sockets: answers lost or untrue, refusals, bans. No order is ever made twice.

Orders go over the WebSocket API (``api``) or over REST (``rest``). Every story ends with the audit of ``rig.Rig.audit``.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from integration.rig import ACCOUNT, KEY, TIMING, trading
from tickwright.model.market import BUY
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel
from tickwright.sim.faults import FaultKind

PLACE = {"api": "order.place", "rest": "POST /api/v3/order"}
CANCEL = {"api": "order.cancel", "rest": "DELETE /api/v3/order"}

ways = pytest.mark.parametrize("way", ["api", "rest"])


def kinds(*listed: FaultKind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", listed, ids=lambda kind: kind.value)


# -- placing -------------------------------------------------------------------------------------------------------------


@ways
@kinds(FaultKind.UNKNOWN_EXECUTED, FaultKind.LOST_REPLY)
def test_given_an_order_when_it_is_executed_but_the_answer_does_not_say_so_then_it_is_known_and_not_repeated(
    way: str, kind: FaultKind
) -> None:
    """5xx although executed, or no answer at all: what became of the order is found out, and it exists once."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            await rig.fault(kind, PLACE[way], count=2)
            order = await rig.resting()
            rig.hand.target("0.01")
            await rig.until(lambda: rig.state.position_units(KEY) > 900_000, "the position")
            await rig.settled()
            assert rig.happened(kind) == 2
            assert order.state == "working"
            assert len(rig.placed()) == 2
            assert len(rig.stand.state()["orders"]) == 2

    asyncio.run(story())


@ways
@kinds(FaultKind.UNKNOWN_NOT_EXECUTED, FaultKind.DROP)
def test_given_a_target_when_its_order_never_arrives_then_nothing_is_sent_until_that_is_certain(
    way: str, kind: FaultKind
) -> None:
    """5xx and not executed, or a request that vanished: the doubt holds its funds until the fence, then one other order is sent."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            await rig.fault(kind, PLACE[way])
            rig.hand.target("0.01")
            await rig.until(rig.state.orders.in_doubt, "the doubt")
            doubtful = rig.state.orders.in_doubt()[0]
            assert rig.state.ledger.reserved("USDT") > 0
            await rig.until(lambda: not doubtful.working, "the doubt to end")
            assert doubtful.reason is Reason.NEVER_REACHED
            fence_ns = doubtful.order.dead_after_ns + TIMING.processing_ns + TIMING.find_lag_ns
            assert doubtful.updated_ns >= fence_ns
            await rig.until(lambda: rig.state.position_units(KEY) > 900_000, "the position")
            await rig.settled()
            orders = rig.stand.state()["orders"]
            assert [item["executedQty"] for item in orders] == ["0.01000000"]
            assert doubtful.client_id not in rig.placed()
            assert rig.stand.state()["requests"][0]["at_ms"] >= fence_ns // 1_000_000

    asyncio.run(story())


@ways
@kinds(FaultKind.OVERLOADED, FaultKind.TOO_MANY)
def test_given_a_target_when_its_order_is_refused_for_load_then_it_is_sent_again_later(way: str, kind: FaultKind) -> None:
    """503 "not executed" and 429 are definite: no doubt, the pause is kept, the target is met in the end."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            await rig.fault(kind, PLACE[way])
            rig.hand.target("0.01")
            await rig.until(lambda: rig.happened(kind), "the refusal")
            assert not rig.state.orders.in_doubt()
            await rig.until(lambda: rig.state.position_units(KEY) > 900_000, "the position")
            assert rig.state.counters.halts == []
            assert len(rig.stand.state()["orders"]) == 1

    asyncio.run(story())


@ways
def test_given_a_working_order_when_the_venue_bans_the_address_then_everything_pauses_and_the_run_still_ends_in_order(
    way: str,
) -> None:
    """418: trading is paused and says why; nothing more is asked while the ban lasts; the order is cancelled at the end."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            order = await rig.resting()
            await rig.strike_with_order(FaultKind.BANNED, PLACE[way], value=1.5)
            await rig.until(lambda: rig.state.counters.halts, "the halt")
            assert rig.state.counters.halts == [Reason.HALT_BANNED.value]
            assert rig.state.halts.level_for("Hand", KEY, "binance_spot") is HaltLevel.PAUSE
            refused = rig.hand.buy("0.01", limit=rig.price(BUY, 0.02))
            await rig.until(lambda: refused.state == "refused", "the refusal")
            assert refused.reason is Reason.HALTED_PAUSE
            assert order.state == "working"

    asyncio.run(story())


@ways
def test_given_an_order_when_the_answer_comes_after_its_deadline_then_the_order_is_known_once(way: str) -> None:
    """An answer that is late is no answer; the order is found all the same, and the late answer changes nothing."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            await rig.fault(FaultKind.DELAY, PLACE[way], value=1.0)
            order = await rig.resting()
            await rig.settled()
            assert order.state == "working"
            assert len(rig.placed()) == 1

    asyncio.run(story())


# -- cancelling ----------------------------------------------------------------------------------------------------------


@ways
@kinds(
    FaultKind.UNKNOWN_EXECUTED, FaultKind.LOST_REPLY, FaultKind.UNKNOWN_NOT_EXECUTED, FaultKind.DROP, FaultKind.OVERLOADED,
    FaultKind.TOO_MANY,
)  # fmt: skip
def test_given_a_working_order_when_its_cancel_goes_wrong_then_it_ends_cancelled_all_the_same(way: str, kind: FaultKind) -> None:
    """Whatever becomes of the cancel or of its answer, the order is cancelled at the venue, and here, and its funds are free."""

    async def story() -> None:
        async with trading(use_rest_orders=way == "rest") as rig:
            rig.hand.quote("bid", BUY, rig.price(BUY, 0.01), "0.01")
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to work")
            order = rig.state.orders.open_orders()[0]
            await rig.until(lambda: order.can_cancel, "the quote to be known")
            await rig.fault(kind, CANCEL[way])
            rig.hand.unquote("bid")
            await rig.until(lambda: not order.working, "the quote to end")
            assert rig.happened(kind) == 1
            assert order.reason is Reason.CANCELED
            assert rig.stand.state()["open_orders"] == []
            assert rig.state.ledger.reserved("USDT") == 0
            assert len(rig.placed()) == 1
            assert rig.said("venue.not_sent") <= 5, "a refused cancel is not knocked with"

    asyncio.run(story())


@kinds(FaultKind.OVERLOADED, FaultKind.TOO_MANY)
def test_given_a_quote_when_its_new_price_is_refused_for_load_then_it_is_asked_for_again_after_a_while(kind: FaultKind) -> None:
    """The old terms stand meanwhile; the venue is not knocked at, and the quote is at its new price in the end."""

    async def story() -> None:
        async with trading() as rig:
            rig.hand.quote("bid", BUY, rig.price(BUY, 0.01), "0.01")
            await rig.until(lambda: len(rig.stand.state()["open_orders"]) == 1, "the quote to work")
            await rig.until(lambda: rig.state.orders.open_orders()[0].can_amend, "the quote to be known")
            await rig.fault(kind, "order.cancelReplace")
            price = rig.price(BUY, 0.012)
            rig.hand.quote("bid", BUY, price, "0.01")
            await rig.until(lambda: rig.happened(kind), "the refusal")
            await rig.until(
                lambda: [Decimal(item["price"]) for item in rig.stand.state()["open_orders"]] == [price], "the new price"
            )
            await rig.settled()
            assert rig.said("venue.not_sent") <= 5
            assert rig.state.counters.halts == []

    asyncio.run(story())


# -- asking --------------------------------------------------------------------------------------------------------------


@kinds(FaultKind.TOO_MANY, FaultKind.BANNED, FaultKind.OVERLOADED, FaultKind.DROP, FaultKind.LOST_REPLY)
@pytest.mark.parametrize("path", ["GET /api/v3/account", "GET /api/v3/openOrders", "GET /api/v3/myTrades"])
def test_given_a_lost_account_when_what_it_asks_is_refused_then_it_asks_until_it_knows(path: str, kind: FaultKind) -> None:
    """After a reconnect the questions fail at first: it asks again, and the fill of the pause is found in the end."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await rig.fault(kind, path, value=1.0)
            await rig.strike(FaultKind.DISCONNECT, ACCOUNT)
            rig.trade_through(order)
            await rig.until(lambda: rig.happened(kind), "the question to fail")
            await rig.settled()
            assert order.filled == Decimal("0.01")

    asyncio.run(story())


def test_given_a_lost_book_when_the_snapshot_is_refused_then_it_is_asked_for_again() -> None:
    """429 on the depth snapshot: the pause is kept, then the book is whole."""

    async def story() -> None:
        async with trading() as rig:
            await rig.fault(FaultKind.TOO_MANY, "/depth")
            await rig.strike(FaultKind.GAP, "@depth")
            await rig.until(lambda: rig.happened(FaultKind.TOO_MANY), "the snapshot to be refused")
            await rig.settled()
            await rig.same_book()

    asyncio.run(story())
