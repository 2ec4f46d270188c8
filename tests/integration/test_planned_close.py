"""A venue says that it will close a connection: another takes over, and nothing is lost or told twice. Over real sockets."""

from __future__ import annotations

import asyncio

from integration.rig import ACCOUNT, MARKET, trading
from tickwright.sim.faults import FaultKind


def test_given_a_market_connection_that_the_venue_will_close_when_it_says_so_then_another_takes_over_and_nothing_is_lost() -> (
    None
):
    """``serverShutdown``: a new connection is made before the old one goes; no feed is down, no gap is told, the quote stays."""

    async def story() -> None:
        async with trading() as rig:
            quote = await rig.resting()
            await rig.strike(FaultKind.SHUTDOWN, MARKET)
            await rig.until(lambda: rig.counters("market").rotations == 1, "the connection to be replaced")
            await rig.same_book()
            assert rig.said("feed.down") == rig.said("feed.gap") == 0
            assert rig.counters("market").reconnects == 0
            assert quote.state == "working"

    asyncio.run(story())


def test_given_an_account_connection_that_the_venue_will_close_when_it_says_so_then_another_takes_over() -> None:
    """``serverShutdown`` on the account's connection: replaced in order; a fill right after is heard, once."""

    async def story() -> None:
        async with trading() as rig:
            order = await rig.resting()
            await rig.strike(FaultKind.SHUTDOWN, ACCOUNT)
            await rig.until(lambda: rig.counters("account").rotations == 1, "the connection to be replaced")
            rig.trade_through(order)
            await rig.until(lambda: order.state == "done", "the fill to be heard")
            assert rig.state.counters.fills == 1
            assert rig.said("account.down") == 0

    asyncio.run(story())
