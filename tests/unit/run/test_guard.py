"""The guard, in virtual time: a run that lives is left alone whatever happens; one that is dead has nothing left at the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.clock import NS_PER_S
from tickwright.base.errors import ConfigError, RefusedError, TickwrightError, UsageError, VenueError
from tickwright.base.ids import made_here
from tickwright.run.config import Config, parse_config
from tickwright.run.guard import (
    PROBE_ID,
    SILENCE_S,
    Guard,
    Guarded,
    GuardOptions,
    Verdict,
    Watch,
    account_of,
    fence_ns,
    guard,
)
from tickwright.run.heartbeat import Life, Reading
from tickwright.sim.venue_rules import sim_caps
from tickwright.sim.world import Node, World
from unit.run.accountkit import ETH_KEY, FOREIGN, OURS, OURS_TOO, Account, Pulse, order, ways_to
from unit.sim.simkit import BTC

FENCE_S = fence_ns(sim_caps("sim")) / NS_PER_S
#: From the last beat to the cancel: the silence, a beat, a look, and a few round trips.
PROMPT_S = SILENCE_S + 1.0


class Story:
    """A guard over an account and a run, and what comes of it."""

    def __init__(self, world: World, node: Node, account: Account, **options: Any) -> None:
        self.world = world
        self.node = node
        self.account = account
        self.run = Pulse(node.clock)
        self.ways, self.desks = ways_to(account, node.clock)
        keys = options.get("keys", ())
        everything = options.get("everything", False)
        self.guard = Guard(
            self.ways,
            self.run.read,
            lambda one: (not keys or one.key in keys) and (everything or made_here(one.client_id)),
            node.clock,
            node.chance,
            **options,
        )
        self.task: asyncio.Task[None] | None = None
        self.may_fail = False

    @property
    def now_s(self) -> float:
        return self.node.clock.mono_ns() / NS_PER_S

    def trouble(self, what: str, call: str = "") -> None:
        for desk in self.desks:
            desk.troubles.clear()
            if what:
                desk.troubles[call] = what

    async def ended(self) -> Guarded:
        """Its report, after it was told to go."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        for way in self.ways:
            await way.close()
        return self.guard.report("testnet")


def told(story: Callable[[Story], Any], account: Account | None = None, **options: Any) -> Any:
    """The story, with the guard at work from the start."""
    with World(7) as world:
        node = world.node("guard")
        one = Story(world, node, account or Account(order(OURS), order(FOREIGN)), **options)

        async def whole() -> Any:
            one.task = asyncio.create_task(one.guard.run())
            try:
                return await story(one)
            finally:
                await one.ended()
                if not one.may_fail and not one.task.cancelled():
                    one.task.result()

        return world.run(node, whole(), limit_s=100_000)


# -- a run that lives ------------------------------------------------------------------------------------------------------


def test_given_a_run_that_lives_when_hours_pass_then_nothing_is_cancelled() -> None:
    """The venue hears of the guard only that its key is tried now and then."""

    async def story(one: Story) -> None:
        await asyncio.sleep(6 * 3_600)
        report = await one.ended()
        assert one.account.ids() == [FOREIGN, OURS]
        assert (report.acted, report.verdict, report.confirmed, report.run) == (0, "alive", True, "tw0abcde00-")
        calls = one.desks[0].calls
        assert set(calls) == {"open", "cancel", "permissions"}
        assert 30 < calls.count("cancel") < 40
        assert one.desks[1].calls == []

    told(story)


def test_given_an_orderly_end_when_orders_are_left_then_they_are_left() -> None:
    """``cancel_on_stop = false`` means it, also once the file is taken away."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.say(Life.ENDED)
        await asyncio.sleep(600)
        one.run.there = False
        await asyncio.sleep(600)
        assert (await one.ended()).acted == 0
        assert one.account.ids() == [FOREIGN, OURS]

    told(story)


def test_given_no_run_at_all_when_orders_of_ours_are_there_then_they_are_left() -> None:
    """Nobody has been here: nothing is known, nothing is done."""

    async def story(one: Story) -> None:
        await asyncio.sleep(600)
        report = await one.ended()
        assert (report.acted, report.verdict, report.run) == (0, "nobody", "")
        assert one.account.ids() == [FOREIGN, OURS]

    def without(one: Story) -> Any:
        one.run.there = False
        return story(one)

    told(without)


def test_given_a_file_that_may_not_be_read_when_time_passes_then_nothing_is_cancelled() -> None:
    """Whether it moves is not known. When it can be read again and has stopped, the silence begins then."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.blind = True
        await asyncio.sleep(600)
        assert one.guard.verdict is Verdict.BLIND
        assert one.account.ids() == [FOREIGN, OURS]
        one.run.stop()
        one.run.blind = False
        await asyncio.sleep(SILENCE_S - 1)
        assert one.account.ids() == [FOREIGN, OURS]
        await asyncio.sleep(2)
        assert one.account.ids() == [FOREIGN]

    told(story)


def test_given_a_machine_that_slept_when_it_wakes_then_that_was_no_silence() -> None:
    """Guard and run stood still together; the guard wakes first."""
    with World(7) as world:
        node = world.node("guard")
        one = Story(world, node, Account(order(OURS)))
        node.start(one.guard.run())
        world.advance(10)
        for _ in range(20):
            one.run.stop()
            node.freeze(30)
            world.advance(30)
            world.advance(1)  # the run needs a moment longer
            one.run.go_on()
            world.advance(3)
        assert one.account.ids() == [OURS]
        one.run.stop()
        world.advance(PROMPT_S)
        assert one.account.ids() == []


def test_given_a_run_that_stumbles_when_it_goes_on_in_time_then_nothing_is_cancelled() -> None:
    """Silence is counted from the last beat, each time anew."""

    async def story(one: Story) -> None:
        for _ in range(50):
            one.run.stop()
            await asyncio.sleep(SILENCE_S - 1)
            one.run.go_on()
            await asyncio.sleep(1)
        assert (await one.ended()).acted == 0
        assert one.account.ids() == [FOREIGN, OURS]

    told(story)


# -- a run that is dead ----------------------------------------------------------------------------------------------------


def test_given_a_run_that_falls_silent_when_the_bound_is_over_then_its_orders_go_and_nobody_elses() -> None:
    """Within the bound and a second; done is said only once the fence is over."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.stop()
        at = one.now_s
        await asyncio.sleep(PROMPT_S)
        assert one.account.ids() == [FOREIGN]
        ((when, what),) = one.account.cancels
        assert what == OURS
        assert SILENCE_S - 1 < when - at < PROMPT_S
        await asyncio.sleep(FENCE_S + 3)
        report = await one.ended()
        assert (report.acted, report.verdict, report.confirmed, report.working) == (1, "dead", True, [])
        assert [line.client_id for line in report.cancelled] == [OURS]

    told(story)


def test_given_a_run_that_says_it_is_dead_when_it_is_heard_then_nothing_is_waited_for() -> None:
    """A defect, a cut: the file says so."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.say(Life.DEAD)
        await asyncio.sleep(1)
        assert one.account.ids() == [FOREIGN]

    told(story)


@pytest.mark.parametrize("how", ["spoilt", "gone"])
def test_given_a_file_that_is_spoilt_or_gone_when_it_does_not_move_then_the_run_is_dead(how: str) -> None:
    """As after a power failure, or with a state directory that was wiped under a run."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.stop()
        one.run.spoilt, one.run.there = how == "spoilt", how != "gone"
        await asyncio.sleep(SILENCE_S - 1)
        assert one.account.ids() == [FOREIGN, OURS]
        await asyncio.sleep(2)
        assert one.account.ids() == [FOREIGN]

    told(story)


def test_given_a_guard_that_starts_after_the_death_when_it_has_listened_long_enough_then_it_acts() -> None:
    """It was rebooted with the machine; the file is of before."""

    async def story(one: Story) -> None:
        await asyncio.sleep(SILENCE_S - 1)
        assert one.account.ids() == [FOREIGN, OURS]
        await asyncio.sleep(2)
        assert one.account.ids() == [FOREIGN]

    def dead(one: Story) -> Any:
        one.run.stop()
        return story(one)

    told(dead)


def test_given_an_order_that_was_under_way_when_it_arrives_late_then_it_is_cancelled_too() -> None:
    """A request may be taken until its deadline has passed, and be listed later still."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.stop()
        await asyncio.sleep(FENCE_S - 0.5)
        one.account.open["late"] = order(OURS_TOO, "late")
        await asyncio.sleep(FENCE_S + 5)
        report = await one.ended()
        assert one.account.ids() == [FOREIGN]
        assert report.confirmed
        assert sorted(line.client_id for line in report.cancelled) == [OURS, OURS_TOO]

    told(story)


def test_given_all_when_a_run_is_dead_then_everybodys_orders_on_the_symbols_go() -> None:
    """And on other symbols they stay."""
    account = Account(order(OURS), order(FOREIGN), order("other", key=ETH_KEY))

    async def story(one: Story) -> None:
        one.run.say(Life.DEAD)
        await asyncio.sleep(1)
        assert account.ids() == ["other"]

    told(story, account, everything=True, keys=(BTC.key,))


def test_given_symbols_when_a_run_is_dead_then_ours_on_others_stay() -> None:
    """Only what was asked for."""
    account = Account(order(OURS), order(OURS_TOO, key=ETH_KEY))

    async def story(one: Story) -> None:
        one.run.say(Life.DEAD)
        await asyncio.sleep(1)
        assert account.ids() == [OURS_TOO]

    told(story, account, keys=(BTC.key,))


def test_given_no_network_when_a_run_is_dead_then_it_is_tried_until_it_is_done() -> None:
    """Six hours of it."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.trouble("down")
        one.run.stop()
        await asyncio.sleep(6 * 3_600)
        assert one.account.ids() == [FOREIGN, OURS]
        one.trouble("")
        await asyncio.sleep(30)
        assert one.account.ids() == [FOREIGN]
        report = await one.ended()
        assert (report.acted, report.confirmed) == (1, True)
        assert sum(desk.calls.count("snapshot") for desk in one.desks) < 6 * 3_600

    told(story)


def test_given_a_run_that_comes_back_when_the_guard_is_trying_then_it_stops_and_begins_anew_with_the_next_silence() -> None:
    """What lives has its orders to itself."""

    async def story(one: Story) -> None:
        one.trouble("down")
        one.run.stop()
        await asyncio.sleep(60)
        one.run.go_on()
        await asyncio.sleep(60)
        one.trouble("")
        await asyncio.sleep(600)
        assert one.account.ids() == [FOREIGN, OURS]
        assert one.guard.report("testnet").confirmed
        one.run.stop()
        await asyncio.sleep(PROMPT_S)
        assert one.account.ids() == [FOREIGN]
        await asyncio.sleep(2 * FENCE_S)
        report = await one.ended()
        assert (report.acted, report.confirmed) == (2, True)

    told(story)


def test_given_a_run_that_was_dealt_with_when_time_passes_then_the_venue_is_left_in_peace() -> None:
    """Until the next run dies."""

    async def story(one: Story) -> None:
        one.run.stop()
        await asyncio.sleep(60)
        asked = one.desks[0].calls.count("snapshot")
        await asyncio.sleep(3_600)
        assert one.desks[0].calls.count("snapshot") == asked
        one.run.go_on()
        one.account.open["next"] = order(OURS_TOO, "next")
        await asyncio.sleep(60)
        one.run.stop()
        await asyncio.sleep(PROMPT_S)
        assert one.account.ids() == [FOREIGN]

    told(story)


def test_given_a_guard_that_is_ended_in_the_middle_when_it_reports_then_it_is_not_confirmed() -> None:
    """What it knows to be left is named."""

    async def story(one: Story) -> None:
        one.run.say(Life.DEAD)
        await asyncio.sleep(0)
        one.trouble("refuses", "cancel")
        await asyncio.sleep(10)
        report = await one.ended()
        assert not report.confirmed
        assert [line.client_id for line in report.working] == [OURS]
        assert "overloaded" in report.trouble

    told(story)


@pytest.mark.parametrize(("life", "acted"), [(Life.ENDED, 0), (Life.DEAD, 1)])
def test_given_once_when_a_run_is_over_then_the_guard_is_too(life: Life, acted: int) -> None:
    """After an orderly end at once, else once it is dealt with."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.run.say(life)
        assert one.task is not None
        await one.task
        report = one.guard.report("testnet")
        assert (report.acted, report.confirmed) == (acted, True)

    told(story, once=True)


# -- the guard's own key ---------------------------------------------------------------------------------------------------


def test_given_a_key_that_cannot_cancel_when_the_guard_starts_then_it_ends_with_an_error() -> None:
    """A guard that could do nothing is told now, not when it is needed."""

    async def story(one: Story) -> None:
        one.trouble("key", "cancel")
        assert one.task is not None
        one.may_fail = True
        with pytest.raises(VenueError, match="-2015"):
            await one.task

    told(story)


def test_given_a_key_that_can_withdraw_when_the_guard_starts_then_it_is_refused() -> None:
    """As for a run."""

    async def story(one: Story) -> None:
        one.desks[0].withdraws = True
        assert one.task is not None
        one.may_fail = True
        with pytest.raises(RefusedError, match="withdraw"):
            await one.task

    told(story)


def test_given_a_symbol_that_the_venue_does_not_have_when_the_guard_starts_then_it_ends_with_an_error() -> None:
    """It would watch over nothing."""

    async def story(one: Story) -> None:
        async def cancel(_ref: Any) -> Any:
            return await one.desks[0].cancel_all("sim:BTC/USD")

        one.desks[0].cancel = cancel  # type: ignore[method-assign]  # how a venue answers for a symbol that it has not
        assert one.task is not None
        one.may_fail = True
        with pytest.raises(UsageError, match="'BTC/USD'"):
            await one.task

    told(story, keys=("sim:BTC/USD",))


def test_given_a_key_that_lapses_later_when_it_is_tried_then_the_guard_goes_on() -> None:
    """It is said; the run may live for weeks, and the key be mended."""

    async def story(one: Story) -> None:
        await asyncio.sleep(10)
        one.trouble("key", "cancel")
        await asyncio.sleep(3_600)
        assert one.task is not None
        assert not one.task.done()
        one.trouble("")
        one.run.stop()
        await asyncio.sleep(PROMPT_S)
        assert one.account.ids() == [FOREIGN]

    told(story)


def test_given_no_network_at_the_start_when_it_comes_then_the_key_is_tried_then() -> None:
    """Starting before the network is up is what machines do."""

    async def story(one: Story) -> None:
        one.trouble("down")
        await asyncio.sleep(300)
        assert one.task is not None
        assert not one.task.done()
        one.trouble("key", "cancel")
        one.may_fail = True
        with pytest.raises(VenueError, match="-2015"):
            await asyncio.wait_for(one.task, 60)

    told(story)


def test_given_the_id_that_keys_are_tried_with_when_it_is_looked_at_then_no_order_can_have_it() -> None:
    """It is none of ours, and within every venue's bounds."""
    assert not made_here(PROBE_ID)
    assert len(PROBE_ID) <= 24


# -- judging ---------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=200))
def test_given_any_looks_when_judged_then_death_is_exactly_a_silence_that_the_guard_was_awake_for(
    looks: list[tuple[float, bool]],
) -> None:
    """A late look adds half a second at most; a beat starts anew."""
    watch, now, count, awake = Watch(SILENCE_S), 10**12, 1, 0
    assert watch.look(Reading((count,), None), now) is Verdict.ALIVE
    for waited, moves in looks:
        now += int(waited * NS_PER_S)
        count += moves
        awake = 0 if moves else awake + min(int(waited * NS_PER_S), NS_PER_S // 2)
        verdict = watch.look(Reading((count,), None), now)
        assert (verdict is Verdict.DEAD) == (awake >= SILENCE_S * NS_PER_S)
        assert watch.mark == (count,)


# -- flags -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (GuardOptions(venue="binance_spot"), UsageError, "--testnet or --live"),
        (GuardOptions(venue="binance_spot", testnet=True, live=True), UsageError, "exclude"),
        (GuardOptions(venue="binance_spot", testnet=True, silence_s=1), UsageError, "at least 2"),
        (GuardOptions(venue="binance_spot", testnet=True, silence_s=float("nan")), UsageError, "at least 2"),
        (GuardOptions(venue="binance_spot", testnet=True, everybodys=True), UsageError, "--symbol"),
        (GuardOptions(venue="binance_spot", testnet=True, profile="boss"), UsageError, "guard"),
        (GuardOptions(venue="mine.py", testnet=True), UsageError, "by name"),
        (GuardOptions(venue="binance_spot", testnet=True), ConfigError, "no API key for binance_spot (testnet, guard)"),
    ],
)
def test_given_flags_that_make_no_sense_when_a_guard_is_asked_for_then_it_is_said(
    options: GuardOptions, error: type[TickwrightError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is connected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(error) as caught:
        guard(options)
    assert said in str(caught.value)


def test_given_an_account_when_it_is_named_then_it_is_the_same_that_a_run_would_trade_on() -> None:
    """Including an address of one's own."""
    assert account_of(Config(), "", testnet=True, live=False) == ("binance_spot", "testnet")
    assert account_of(Config(), "binance_spot", testnet=False, live=True) == ("binance_spot", "mainnet")
    demo = parse_config({"venues": {"binance_spot": {"environment": "demo"}}}, "test")
    assert account_of(demo, "", testnet=True, live=False) == ("binance_spot", "demo")
    with pytest.raises(ConfigError):
        account_of(demo, "", testnet=False, live=True)
