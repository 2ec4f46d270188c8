"""The shell: trouble of a venue is an event or a notice, never the end of a run; a defect ends it with our orders cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal

import pytest

from tickwright import Strategy, quotes
from tickwright.base.clock import SystemClock
from tickwright.base.errors import JournalError, VenueError
from tickwright.engine.build import attach
from tickwright.engine.state import EngineConfig, State
from tickwright.model.effect import Effect, Level, Notice
from tickwright.model.event import ClockMeasured, Event, Verb
from tickwright.model.market import BUY, Quote, Subscription
from tickwright.model.order import Accepted, NewOrder, OrderRef, OrderReport, OrderType, Outcome, ReportStatus, Tif, Unknown
from tickwright.ports import AccountSink, Journal, MarketSink
from tickwright.risk.limits import Limits
from tickwright.run.shell import Shell
from tickwright.sim.venue_rules import sim_caps
from unit.engine.world import BTC

DEADLINE_S = 10.0


class Quiet:
    """A venue that says nothing, and of which each part can be made to fail. Only what the shell calls is here."""

    caps = sim_caps("sim")

    def __init__(self) -> None:
        self.clock_failures = 0
        self.clock_asked = 0
        self.cancelled: list[OrderRef] = []
        self.cancel_all_calls = 0
        self.answer: Outcome = Accepted(venue_id="", at_ns=0)

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        await asyncio.Event().wait()

    async def run_account(self, sink: AccountSink) -> None:
        await asyncio.Event().wait()

    async def clock(self) -> tuple[int, int]:
        self.clock_asked += 1
        if self.clock_asked <= self.clock_failures:
            raise VenueError("no answer")
        return 5, 1

    def cancel(self, ref: OrderRef) -> Awaitable[Outcome]:
        self.cancelled.append(ref)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(self.answer)
        return future

    async def cancel_all(self, key: str) -> Outcome:
        self.cancel_all_calls += 1
        return self.answer


class Watching(Strategy):
    top = quotes()


def make(venue: Quiet, notices: list[Notice], journal: Journal | None = None) -> Shell:
    """A shell over that venue, with one strategy."""
    limits = Limits(max_order_value=Decimal(1), max_order_qty=Decimal(1))
    state = State(EngineConfig(currency="USDT", limits=limits, id_prefix="twtest00-", auto_arm=True), [venue.caps], [BTC])
    state.traded = [BTC.key]
    attach(state, Watching())
    return Shell(state, {"sim": venue}, {}, SystemClock(), journal=journal, on_notice=notices.append, clock_again_s=0.0)  # type: ignore[dict-item]  # as much of a venue as is called


async def until(test) -> None:
    """Wait for a condition, a turn of the loop at a time."""
    async with asyncio.timeout(DEADLINE_S):
        while not test():  # noqa: ASYNC110 (the shell tells nobody)
            await asyncio.sleep(0)


def test_given_a_clock_that_does_not_answer_when_measured_then_the_run_goes_on_and_it_is_asked_again() -> None:
    """One lost question is no reason to stop trading."""
    venue, notices = Quiet(), []
    venue.clock_failures = 3

    async def story() -> Shell:
        shell = make(venue, notices)
        run = asyncio.create_task(shell.run())
        await until(lambda: shell.state.venues["sim"].clock_offset_ns == 5)
        assert not run.done()
        shell.command(Verb.STOP, "test")
        await until(run.done)
        run.result()
        return shell

    shell = asyncio.run(story())
    assert shell.failure is None
    assert [notice.what for notice in notices].count("clock.no_answer") == 3


def orders_of(shell: Shell) -> None:
    """One order of ours and one of somebody else, both open."""
    ours = NewOrder(
        key=BTC.key, client_id="twtest00-1", side=BUY, type=OrderType.LIMIT, qty=1_000, price=100, stop=None, tif=Tif.GTC, post_only=False,
        reduce_only=False,
    )  # fmt: skip
    shell.state.orders.add(ours, 1)
    shell.state.orders.adopt(
        OrderReport(
            key=BTC.key, client_id="by-hand", venue_id="v9", side=BUY, type=OrderType.LIMIT, status=ReportStatus.OPEN, qty=5, filled=0,
            price=100, stop=None, reason=None, venue_ns=1, recv_ns=1,
        ),
        1,
    )  # fmt: skip


@pytest.mark.parametrize(("answer", "loud"), [(Accepted(venue_id="", at_ns=0), False), (Unknown(why="timeout"), True)])
def test_given_a_defect_when_the_run_ends_then_our_orders_are_cancelled_nobody_elses_and_failures_are_said(
    answer: Outcome, loud: bool
) -> None:
    """The core cannot be trusted any more; what it had sent must not stay."""
    venue, notices = Quiet(), []
    venue.answer = answer

    async def story() -> None:
        shell = make(venue, notices)
        orders_of(shell)
        run = asyncio.create_task(shell.run())
        await asyncio.sleep(0)
        shell.put("no event")  # type: ignore[arg-type]  # the defect
        await run

    with pytest.raises(AttributeError):
        asyncio.run(story())
    assert [ref.client_id for ref in venue.cancelled] == ["twtest00-1"]
    assert venue.cancel_all_calls == 0
    assert [notice.what for notice in notices if notice.level is Level.ALERT] == (["not cancelled"] if loud else [])


def test_given_a_run_that_is_over_when_events_still_come_then_they_change_nothing() -> None:
    """What connections say as they close concerns nobody."""

    async def story() -> tuple[int, int]:
        shell = make(Quiet(), [])
        run = asyncio.create_task(shell.run())
        await asyncio.sleep(0)
        shell.command(Verb.STOP, "test")
        await run
        before = shell.state.seq
        shell.put(Quote(BTC.key, 1.0, 1.0, 2.0, 1.0, 0, 1, 1))
        shell.put(ClockMeasured("sim", 1, 1, 1))
        return before, shell.state.seq

    before, after = asyncio.run(story())
    assert before == after


class FullDisk:
    """A journal that cannot be written any more."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.tries = 0

    def write(self, _seq: int, _event: Event, _effects: Sequence[Effect]) -> None:
        self.tries += 1
        if self.tries > self.lines:
            raise JournalError("no space left on the device", where="000001.twj")

    def close(self) -> None:
        """Nothing is open."""


def test_given_a_journal_that_fails_when_the_next_event_comes_then_nothing_more_is_handled_and_our_orders_are_pulled() -> None:
    """What is not on record is not sent; what works is cancelled at the venue; the run ends with the journal's error."""
    venue, notices = Quiet(), []
    seen: list[int] = []

    async def story() -> None:
        shell = make(venue, notices, FullDisk(1))
        orders_of(shell)
        run = asyncio.create_task(shell.run())
        for second in range(1, 5):
            shell.put(ClockMeasured("sim", 1, 1, second))
            seen.append(shell.state.seq)
        await run

    with pytest.raises(JournalError, match="no space"):
        asyncio.run(story())
    assert seen == [1, 2, 2, 2]
    assert [ref.client_id for ref in venue.cancelled] == ["twtest00-1"]
