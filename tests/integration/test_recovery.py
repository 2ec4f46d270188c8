"""A run that goes on from what the one before left, on one stand and one account, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from integration.rig import KEY, NATIVE, STORY_S, Rig, make_session, running
from tickwright import Strategy, bars, book, ema, trades
from tickwright.base.numbers import money
from tickwright.journal.reader import run_names
from tickwright.journal.writer import Durability
from tickwright.model.effect import Notice
from tickwright.model.event import Verb
from tickwright.model.market import BUY
from tickwright.model.reason import Reason
from tickwright.run.record import Recording
from tickwright.run.replay import replay
from tickwright.run.whatif import what_if
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import serve


class Account:
    """One account on one stand, and the folder in which its runs are recorded."""

    def __init__(self, stand: BinanceSpotStand, base: str, folder: Path) -> None:
        self.stand = stand
        self.base = base
        self.folder = folder

    @contextlib.asynccontextmanager
    async def run(self, *, halted: bool = False, durability: Durability = Durability.PROCESS, **plan: Any) -> AsyncIterator[Rig]:
        """A run on it, from start to end."""
        notices: list[Notice] = []
        recording = Recording(self.folder, "story", durability)
        session = make_session(self.stand, self.base, notices, recording=recording, **plan)
        async with running(session, self.stand, notices, halted=halted) as rig:
            yield rig

    async def killed(self, rig: Rig) -> None:
        """End a run as a kill does, as far as the venue can see: nothing is said, nothing is cancelled."""
        journal = rig.session.journal
        assert journal is not None
        journal._lock.release()  # type: ignore[attr-defined]  # the system does it when a process is gone
        rig.session.shell._busy = True
        await rig.session.plan.venue.close()


@contextlib.asynccontextmanager
async def account(folder: Path) -> AsyncIterator[Account]:
    stand = BinanceSpotStand(StandConfig(symbols=(NATIVE,), seed=11))
    async with serve(stand) as server, asyncio.timeout(STORY_S):
        yield Account(stand, server.base, folder)


def same(rig: Rig) -> None:
    """Both sides hold the same and nothing is foreign."""
    venue = rig.stand.state()
    assert {item["clientOrderId"] for item in venue["open_orders"]} == {item.client_id for item in rig.state.orders.open_orders()}
    assert all(not item.foreign for item in rig.state.orders.open_orders())
    for asset, (free, locked) in venue["balances"].items():
        assert rig.state.ledger.total(asset) == money(free) + money(locked), asset


def test_given_an_order_left_working_when_the_next_run_starts_then_it_is_its_own(tmp_path: Path) -> None:
    """Its funds are held, it can be cancelled, and it is filled as any other."""

    async def story() -> None:
        async with account(tmp_path) as one:
            async with one.run(cancel_on_stop=False) as rig:
                first = await rig.resting()
                second = await rig.resting(away=0.02)
            async with one.run() as rig:
                await rig.settled()
                same(rig)
                handles = {handle.client_id: handle for handle in rig.hand.orders}
                assert set(handles) == {first.client_id, second.client_id}
                rig.hand.cancel(handles[second.client_id])
                await rig.until(lambda: not handles[second.client_id].is_open, "the cancel")
                rig.trade_through(handles[first.client_id])
                await rig.until(lambda: handles[first.client_id].filled == Decimal("0.01"), "the fill")
            rig.audit()

    asyncio.run(story())


def test_given_a_fill_while_nobody_ran_when_the_next_run_starts_then_it_is_found_and_both_sides_agree(tmp_path: Path) -> None:
    """The trade history has it; the position is the run's own."""

    async def story() -> None:
        async with account(tmp_path) as one:
            async with one.run(cancel_on_stop=False) as rig:
                handle = await rig.resting()
            rig.trade_through(handle)
            async with one.run() as rig:
                await rig.settled()
                same(rig)
                assert rig.state.ledger.position(KEY).qty == rig.instrument.exact_qty_units("0.01")
                assert rig.said(Reason.HALT_UNEXPLAINED.value) == 0
            rig.audit()

    asyncio.run(story())


def test_given_a_run_that_was_killed_with_an_order_at_work_when_the_next_starts_then_nothing_is_lost(tmp_path: Path) -> None:
    """No end on record, no goodbye to the venue."""

    async def story() -> None:
        async with account(tmp_path) as one:
            notices: list[Notice] = []
            session = make_session(one.stand, one.base, notices, recording=Recording(tmp_path, "story", Durability.PROCESS))
            await session.prepare()
            task = asyncio.create_task(session.run())
            rig = Rig(session, one.stand, notices)
            await rig.until(lambda: rig.state.armed and rig.state.market(KEY).quoted_ns, "the session to trade")
            handle = await rig.resting()
            await one.killed(rig)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with one.run() as rig:
                await rig.settled()
                same(rig)
                assert [item.client_id for item in rig.hand.orders] == [handle.client_id]
            rig.audit()

    asyncio.run(story())


def test_given_a_halt_when_the_next_run_starts_then_it_stands_until_it_is_resumed(tmp_path: Path) -> None:
    """The second run may not trade; the third was started with a person's word."""

    async def story() -> None:
        async with account(tmp_path) as one:
            async with one.run() as rig:
                rig.session.shell.command(Verb.PAUSE, "enough")
            async with one.run() as rig:
                handle = rig.hand.buy("0.01", limit=rig.price(BUY, 0.01))
                await rig.until(lambda: handle.state == "refused", "the refusal")
                assert handle.reason is Reason.HALTED_PAUSE
            async with one.run(resume="seen to") as rig:
                await rig.resting()
            rig.audit()

    asyncio.run(story())


def test_given_money_that_went_while_nobody_ran_when_the_next_run_starts_then_it_may_not_trade(tmp_path: Path) -> None:
    """Nothing is invented to make the numbers agree: a person takes it over, or nobody trades."""

    async def story() -> None:
        async with account(tmp_path) as one:
            async with one.run() as rig:
                await rig.settled()
            one.stand.exchange.transfer("main", "USDT", -money(100))
            async with one.run(halted=True) as rig:
                await rig.until(lambda: rig.said(Reason.HALT_UNEXPLAINED.value), "the difference to be told")
                assert not rig.state.armed
                rig.session.shell.command(Verb.ADOPT, "a withdrawal")
                await rig.until(lambda: rig.state.armed, "both sides to agree")
                await rig.resting()
            rig.audit()

    asyncio.run(story())


class Cross(Strategy):
    """Decides by itself, so its run can be replayed."""

    fast = trades() >> (lambda trade: trade.price) >> ema(3)
    slow = bars("1s").close >> ema(2)
    depth = book() >> (lambda found: found.bid)

    def decide(self) -> None:
        self.target("0.01" if self.fast.value > self.slow.value else "0")


async def _some_orders(rig: Rig, not_before_s: float) -> None:
    await rig.until(lambda: time.monotonic() > not_before_s and rig.state.counters.orders > 1, "some orders")


def test_given_runs_of_a_strategy_when_replayed_then_every_effect_is_the_same(tmp_path: Path) -> None:
    """The first from nothing, the second from what the first left."""

    async def story() -> None:
        async with account(tmp_path) as one:
            for _ in range(2):
                async with one.run(strategy=Cross, halted=True) as rig:
                    await _some_orders(rig, time.monotonic() + 3)

    asyncio.run(story())
    names = run_names(tmp_path, Recording(tmp_path, "", Durability.NONE).disk)
    assert len(names) == 2
    for name in names:
        result = replay(tmp_path / name, strategy=Cross)
        assert result.divergence is None
        assert result.complete
        assert result.effects > 4
        assert result.run_seconds > 2
    _other_versions(tmp_path / names[0])


class Slower(Cross):
    """Another version."""

    fast = trades() >> (lambda trade: trade.price) >> ema(40)


def _other_versions(path: Path) -> None:
    """The same one sends the same orders and comes to the same; another one does not send the same."""
    same = what_if(path, Cross)
    assert (same.only_recorded, same.only_other) == (0, 0)
    assert same.same > 1
    assert all(line.recorded == line.other for line in same.orders[:1])
    other = what_if(path, Slower)
    assert other.only_recorded + other.only_other > 0
    assert other.same + other.only_recorded == same.same


def test_given_a_protected_position_when_its_stop_was_cancelled_meanwhile_then_the_next_run_places_it_again(
    tmp_path: Path,
) -> None:
    """The strategy of the next run says nothing: what the last one wanted is on record."""

    async def story() -> None:
        async with account(tmp_path) as one:
            async with one.run() as rig:
                rig.hand.target("0.01")
                await rig.until(lambda: rig.state.position_units(KEY) > 0, "the position")
                held = rig.state.position_units(KEY)
                rig.hand.protect(stop=rig.price(BUY, 0.03))
                await rig.until(
                    lambda: any(one.name == "protect" and one.state == "working" for one in rig.hand.orders), "a stop"
                )
            assert rig.stand.state()["open_orders"] == []  # the end of a run cancels what works
            async with one.run() as rig:
                await rig.until(
                    lambda: any(one.name == "protect" and one.state == "working" for one in rig.hand.orders), "a stop"
                )
                same(rig)
                (stop,) = rig.hand.orders
                assert stop.qty == rig.instrument.qty_decimal(held)

    asyncio.run(story())
