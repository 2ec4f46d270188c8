"""Orders that are rehearsed while a session trades on a stand: none of them leaves, and the real ones are what they would be."""

from __future__ import annotations

import asyncio

from integration.rig import trading
from tickwright.engine.rehearse import PREFIX, Rehearsal
from tickwright.model.effect import Submit
from tickwright.run.rehearsal import rehearse


def test_given_a_session_when_orders_are_rehearsed_then_the_venue_sees_only_real_ones() -> None:
    async def story() -> None:
        async with trading() as rig:
            shell = rig.session.shell
            made: list[Submit] = []
            venue = rig.session.plan.venue
            kept = venue.rehearse  # type: ignore[attr-defined]  # Binance has it

            def seen(submit: Submit) -> None:
                made.append(submit)
                kept(submit)

            venue.rehearse = seen  # type: ignore[attr-defined]  # watched, not replaced
            rehearsed = Rehearsal(shell.state)
            for _ in range(100):
                rehearse(shell, rehearsed)
            order = await rig.resting()
            for _ in range(100):
                rehearse(shell, rehearsed)
            await rig.settled()
            assert len(made) > 150
            assert all(submit.order.client_id.startswith(PREFIX) for submit in made)
            assert [item["clientOrderId"] for item in rig.stand.state()["orders"]] == [order.client_id]
            assert len(rig.placed()) == 1

    asyncio.run(story())
