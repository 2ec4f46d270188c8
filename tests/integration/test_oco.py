"""Pairs of orders of which one cancels the other, over real sockets: how they end, and what a lost answer leaves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from integration.rig import KEY, Rig, trading
from tickwright.base.numbers import money
from tickwright.model.market import SELL
from tickwright.model.reason import Reason
from tickwright.sim.faults import FaultKind
from tickwright.strategy.intents import Handle


async def _pair(rig: Rig, **more: Any) -> tuple[Handle, Handle]:
    """One that sells, one percent above the market and two below."""
    return rig.hand.oco(SELL, "0.01", limit=rig.price(SELL, 0.01), stop=rig.price(SELL, -0.02), **more)


async def _working(rig: Rig) -> tuple[Handle, Handle]:
    limit, stop = await _pair(rig)
    await rig.until(lambda: limit.state == stop.state == "working", "the pair to work")
    return limit, stop


def test_given_a_pair_when_its_limit_trades_then_the_stop_is_gone_and_nothing_is_reserved() -> None:
    async def story() -> None:
        async with trading() as rig:
            limit, stop = await _working(rig)
            assert rig.state.ledger.reserved("BTC") == money("0.01")
            rig.trade_through(limit)
            await rig.until(lambda: limit.state == stop.state == "done", "both to end")
            assert (limit.filled, stop.filled) == (limit.qty, 0)
            await rig.until(lambda: rig.state.ledger.reserved("BTC") == 0, "the reservation to end")
            assert rig.state.position_units(KEY) == -1_000_000

    asyncio.run(story())


def test_given_a_pair_when_its_stop_is_touched_then_it_trades_and_the_limit_is_gone() -> None:
    async def story() -> None:
        async with trading() as rig:
            limit, stop = await _working(rig)
            wakes = rig.state.orders.get(stop.client_id).stop
            rig.stand.exchange.on_trade(KEY, wakes - rig.instrument.tick_units, 10**8, SELL, time.time_ns())
            await rig.until(lambda: limit.state == stop.state == "done", "both to end")
            assert (limit.filled, stop.filled) == (0, stop.qty)
            await rig.until(lambda: rig.state.ledger.reserved("BTC") == 0, "the reservation to end")
            assert rig.state.position_units(KEY) == -1_000_000

    asyncio.run(story())


def test_given_a_pair_when_one_leg_is_cancelled_then_both_end() -> None:
    async def story() -> None:
        async with trading() as rig:
            limit, stop = await _working(rig)
            rig.hand.cancel(stop)
            await rig.until(lambda: limit.state == stop.state == "done", "both to end")
            assert rig.state.ledger.reserved("BTC") == 0

    asyncio.run(story())


def test_given_a_pair_whose_answer_is_lost_then_both_legs_are_found_and_exist_once() -> None:
    async def story() -> None:
        async with trading() as rig:
            await rig.fault(FaultKind.LOST_REPLY, "orderList.place.oco")
            limit, stop = await _pair(rig)
            await rig.until(lambda: limit.state == stop.state == "in doubt" or rig.happened(FaultKind.LOST_REPLY), "the loss")
            await rig.settled()
            await rig.until(lambda: limit.state == stop.state == "working", "both to be known")
            assert sorted(item["clientOrderId"] for item in rig.stand.state()["orders"]) == [limit.client_id, stop.client_id]

    asyncio.run(story())


def test_given_a_pair_whose_answer_is_lost_when_one_leg_trades_meanwhile_then_both_sides_agree() -> None:
    async def story() -> None:
        async with trading() as rig:
            await rig.fault(FaultKind.LOST_REPLY, "orderList.place.oco")
            limit, stop = await _pair(rig)
            await rig.until(lambda: rig.happened(FaultKind.LOST_REPLY) and limit.price, "the loss")
            rig.trade_through(limit)
            await rig.until(lambda: limit.state == stop.state == "done", "both to end")
            assert (limit.filled, stop.filled) == (limit.qty, 0)

    asyncio.run(story())


def test_given_a_pair_that_never_arrives_then_neither_leg_exists_and_nothing_is_sent_again() -> None:
    async def story() -> None:
        async with trading() as rig:
            await rig.fault(FaultKind.DROP, "orderList.place.oco")
            limit, stop = await _pair(rig)
            await rig.until(lambda: rig.happened(FaultKind.DROP), "the loss")
            await rig.until(lambda: limit.state == stop.state == "done", "both to be known to be absent")
            assert rig.state.ledger.reserved("BTC") == 0
            assert rig.stand.state()["orders"] == []
            assert rig.happened(FaultKind.DROP) == 1

    asyncio.run(story())


def test_given_a_pair_that_the_venue_refuses_then_both_legs_end_and_nothing_is_reserved() -> None:
    """The stop of a pair that sells must be below the market; ours is above it."""

    async def story() -> None:
        async with trading() as rig:
            limit, stop = rig.hand.oco(SELL, "0.01", limit=rig.price(SELL, 0.02), stop=rig.price(SELL, 0.01))
            await rig.until(lambda: limit.state == stop.state == "done", "the refusal")
            legs = [rig.state.orders.get(leg.client_id) for leg in (limit, stop)]
            assert [(leg.reason, leg.cause) for leg in legs] == [(Reason.REJECTED, Reason.VENUE_WOULD_TRIGGER)] * 2
            assert rig.state.ledger.reserved("BTC") == 0
            assert rig.stand.state()["orders"] == []

    asyncio.run(story())


def test_given_a_pair_that_works_when_the_run_stops_then_nothing_is_left() -> None:
    async def story() -> None:
        async with trading() as rig:
            await _working(rig)

    asyncio.run(story())
