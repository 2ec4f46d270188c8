"""Clearing an account from outside, in virtual time: nothing is called gone that the venue has not been asked about again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tickwright.base.clock import NS_PER_S
from tickwright.model.order import Accepted, OrderReport, OrderType, Rejected, Unknown
from tickwright.model.reason import Reason
from tickwright.run.sweep import CANCELS_AT_ONCE, Cleared, Line, Sweep, key_trouble, probe
from tickwright.sim.world import Node, World
from unit.run.accountkit import BAD_KEY, ETH_KEY, FOREIGN, GONE, OURS, OURS_TOO, Account, Desk, order, ways_to
from unit.sim.simkit import BTC

SETTLE_S = 5.0


class Story:
    """A sweep over an account, and what it said on the way."""

    def __init__(self, node: Node, account: Account, **options: Any) -> None:
        self.node = node
        self.account = account
        self.ways, self.desks = ways_to(account, node.clock)
        self.said: list[str] = []
        self.wanted: Callable[[OrderReport], bool] = lambda one: one.client_id.startswith("tw")
        self.options = options

    @property
    def now_s(self) -> float:
        return self.node.clock.mono_ns() / NS_PER_S

    async def swept(self, within_s: float | None = None) -> tuple[Cleared, float]:
        """The account of it, and how long it took."""
        began = self.now_s
        settled = self.options.pop("settle_s", SETTLE_S)
        sweep = Sweep(
            self.ways,
            self.wanted,
            self.node.clock,
            self.node.chance,
            settled_ns=self.node.clock.mono_ns() + int(settled * NS_PER_S),
            say=self.said.append,
            **self.options,
        )
        await sweep.run(None if within_s is None else self.node.clock.mono_ns() + int(within_s * NS_PER_S))
        took = self.now_s - began
        cleared = await sweep.cleared()
        for way in self.ways:
            await way.close()
        assert all(desk.closed for desk in self.desks)
        return cleared, took


def told(account: Account, story: Callable[[Story], Any], **options: Any) -> Any:
    """In a world of its own."""
    with World(5) as world:
        node = world.node("outside")
        return world.run(node, story(Story(node, account, **options)), limit_s=20_000)


def ids(lines: list[Line]) -> list[str]:
    return sorted(line.client_id for line in lines)


def test_given_orders_of_ours_and_of_others_when_cleared_then_ours_are_gone_and_theirs_stay() -> None:
    """It is done once a listing after the settling is empty, and says what it did."""
    account = Account(order(OURS, filled=2), order(OURS_TOO, price=None, stop=80_00, type=OrderType.STOP), order(FOREIGN))

    async def story(one: Story) -> None:
        cleared, took = await one.swept()
        assert account.ids() == [FOREIGN]
        assert ids(cleared.cancelled) == [OURS, OURS_TOO]
        assert (cleared.ended, cleared.working, cleared.confirmed, cleared.listed) == ([], [], True, True)
        assert SETTLE_S <= took < SETTLE_S + 3
        assert all(at - account.cancels[0][0] < 0.1 for at, _ in account.cancels)
        first, second = sorted(cleared.cancelled, key=lambda line: line.client_id)
        assert str(first) == f"BUY 0.005 BTC/USDT at 90 ({OURS}, filled 0.002): done.canceled"
        assert (second.price, second.type, second.filled) == ("80", "stop", "0")

    told(account, story)


def test_given_an_order_that_arrives_late_when_nothing_was_open_before_then_it_is_caught() -> None:
    """What the dead run sent last may still be on its way; an empty list before that counts for nothing."""
    account = Account()

    async def story(one: Story) -> None:
        async def arrive() -> None:
            await asyncio.sleep(SETTLE_S - 1)
            account.open["late"] = order(OURS, "late")

        late = asyncio.create_task(arrive())
        cleared, _ = await one.swept()
        await late
        assert account.ids() == []
        assert ids(cleared.cancelled) == [OURS]
        assert cleared.confirmed
        assert sum("still be on its way" in line for line in one.said) == 1

    told(account, story)


def test_given_a_venue_that_does_not_answer_when_cleared_then_an_empty_list_is_not_taken_for_granted() -> None:
    """It is asked for as long as it takes, ever less often, over both ways; a time that is up is no success."""
    account = Account(order(OURS))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles[""] = "down"
        cleared, took = await one.swept(within_s=3_600)
        assert (cleared.confirmed, cleared.listed, cleared.working) == (False, False, [])
        assert "no answer" in cleared.trouble
        assert 3_600 <= took < 3_650
        assert account.ids() == [OURS]
        tries = [desk.calls.count("snapshot") for desk in one.desks]
        assert abs(tries[0] - tries[1]) <= 1
        assert 3_600 / 15 / 2 < sum(tries) < 1_500

    told(account, story)


def test_given_a_network_that_comes_back_when_cleared_then_it_is_done_all_the_same() -> None:
    """An hour without it, then everything works."""
    account = Account(order(OURS))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles[""] = "down"

        async def mend() -> None:
            await asyncio.sleep(3_600)
            for desk in one.desks:
                desk.troubles.clear()

        mending = asyncio.create_task(mend())
        cleared, took = await one.swept()
        await mending
        assert cleared.confirmed
        assert ids(cleared.cancelled) == [OURS]
        assert took < 3_600 + 30

    told(account, story)


@pytest.mark.parametrize("trouble", ["down", "hangs"])
@pytest.mark.parametrize("broken", ["first", "second"])
def test_given_one_way_that_does_not_work_when_cleared_then_the_other_does(trouble: str, broken: str) -> None:
    """REST may be down where the websocket is not, and the other way round."""
    account = Account(order(OURS))

    async def story(one: Story) -> None:
        one.desks[0 if broken == "first" else 1].troubles[""] = trouble
        cleared, took = await one.swept()
        assert cleared.confirmed
        assert ids(cleared.cancelled) == [OURS]
        assert took < 25

    told(account, story)


def test_given_a_list_of_instruments_that_cannot_be_loaded_when_cleared_then_orders_go_without_it() -> None:
    """Only the amounts are not told."""
    account = Account(order(OURS))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles |= {"open": "down", "instruments": "down"}
        cleared, _ = await one.swept()
        assert cleared.confirmed
        (line,) = cleared.cancelled
        assert (line.qty, line.price) == ("", "")
        assert str(line) == f"BUY BTC/USDT ({OURS}): done.canceled"

    told(account, story)


def test_given_cancels_whose_answers_are_lost_when_cleared_then_the_list_decides() -> None:
    """The venue did it and did not say so: that it is gone is seen, how it ended is asked."""
    account = Account(order(OURS), order(OURS_TOO))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles["cancel"] = "silent"
        cleared, _ = await one.swept()
        assert cleared.confirmed
        assert ids(cleared.cancelled) == [OURS, OURS_TOO]

    told(account, story)


def test_given_an_order_that_is_filled_first_when_cleared_then_it_is_not_called_cancelled() -> None:
    """The venue knows how it ended; where it cannot be asked nobody makes something up."""

    def filled(one: Story) -> Any:
        async def cancel(ref: Any) -> Any:
            if ref.venue_id in one.account.open:
                one.account.end(ref.venue_id, Reason.FILLED)
            return GONE

        for desk in one.desks:
            desk.cancel = cancel  # type: ignore[method-assign]  # the race that a real venue has
        return one.swept()

    async def story(one: Story) -> None:
        cleared, _ = await filled(one)
        assert cleared.confirmed
        assert cleared.cancelled == []
        (line,) = cleared.ended
        assert (line.how, line.filled) == ("done.filled", "0.005")

    told(Account(order(OURS)), story)

    async def blind(one: Story) -> None:
        for desk in one.desks:
            desk.troubles["find"] = "down"
        cleared, _ = await filled(one)
        (line,) = cleared.ended
        assert line.how == "unknown"

    told(Account(order(OURS)), blind)


def test_given_a_venue_that_refuses_when_the_time_is_up_then_it_is_said_which_still_work_and_why() -> None:
    """In the venue's words."""
    account = Account(order(OURS), order(FOREIGN))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles["cancel"] = "refuses"
        cleared, _ = await one.swept(within_s=20)
        assert not cleared.confirmed
        assert cleared.listed
        (line,) = cleared.working
        assert line.client_id == OURS
        assert "overloaded" in line.why
        assert cleared.cancelled == cleared.ended == []

    told(account, story)


def test_given_more_orders_than_a_batch_when_it_is_not_wanted_any_more_then_the_rest_is_left_alone() -> None:
    """The run turns out to live between two batches."""
    account = Account(*(order(f"tw0abcde00-{number}", f"v{number}") for number in range(3 * CANCELS_AT_ONCE)))

    async def story(one: Story) -> None:
        one.options["may"] = lambda: not account.cancels
        cleared, _ = await one.swept()
        assert len(account.cancels) == CANCELS_AT_ONCE
        assert not cleared.confirmed
        assert len(cleared.cancelled) == CANCELS_AT_ONCE

    told(account, story)


def test_given_everything_when_cleared_then_orders_go_at_once_whoever_made_them() -> None:
    """By one request for each instrument, sent before any list has come, over both ways."""
    account = Account(order(OURS), order(FOREIGN), order("other", key=ETH_KEY))

    async def story(one: Story) -> None:
        one.wanted = lambda found: found.key == BTC.key
        for desk in one.desks:
            desk.troubles["snapshot"] = "hangs"

        async def mend() -> None:
            await asyncio.sleep(1)
            assert account.ids() == ["other"], "they are gone although nothing could be listed"
            for desk in one.desks:
                desk.troubles.clear()

        mending = asyncio.create_task(mend())
        cleared, _ = await one.swept()
        await mending
        assert all(desk.calls.count("cancel_all") for desk in one.desks)
        assert cleared.confirmed
        assert ids(cleared.cancelled) == [FOREIGN, OURS]

    told(account, story, everything=True, keys=(BTC.key,))


def test_given_the_whole_account_when_cleared_then_every_instrument_that_has_orders_is_asked_for() -> None:
    """One request each; an order that stays after that is asked for by its name."""
    account = Account(order(OURS), order(FOREIGN), order("other", key=ETH_KEY))

    async def story(one: Story) -> None:
        one.wanted = lambda _: True
        for desk in one.desks:
            desk.reports = False
            desk.listed = [BTC, msgspec.structs.replace(BTC, symbol="ETH/USDT", native="ETHUSDT", base="ETH")]
        cleared, _ = await one.swept()
        assert one.desks[0].calls.count("cancel_all") == 2
        assert account.ids() == []
        assert ids(cleared.cancelled) == [FOREIGN, "other", OURS]

    told(account, story, everything=True)
    stubborn = Account(order(FOREIGN, "v1"))

    async def again(one: Story) -> None:
        one.wanted = lambda _: True

        async def nothing(_key: str) -> Any:
            return Accepted(venue_id="", at_ns=1)

        for desk in one.desks:
            desk.cancel_all = nothing  # type: ignore[method-assign]  # a venue whose cancel of all leaves some
        cleared, _ = await one.swept()
        assert cleared.confirmed
        assert stubborn.ids() == []

    told(stubborn, again, everything=True)


def test_given_a_symbol_that_the_venue_does_not_have_when_cleared_then_an_empty_list_is_no_success() -> None:
    """A slip of the pen, and the orders that were meant still work."""
    account = Account(order(FOREIGN))

    async def story(one: Story) -> None:
        one.wanted = lambda found: found.key == "sim:BTC/USD"
        cleared, _ = await one.swept()
        assert not cleared.confirmed
        assert cleared.unknown_symbols == ["BTC/USD"]
        assert account.ids() == [FOREIGN]

    told(account, story, everything=True, keys=("sim:BTC/USD",))


def test_given_a_key_that_is_refused_when_there_is_no_point_then_it_ends_soon() -> None:
    """With give_up; else it goes on, because keys are mended while somebody waits."""
    account = Account(order(FOREIGN))

    async def story(one: Story) -> None:
        for desk in one.desks:
            desk.troubles |= {"cancel_all": "key", "cancel": "key", "snapshot": "down"}
        cleared, took = await one.swept(within_s=60)
        assert "-2015" in cleared.key_refused
        assert not cleared.confirmed
        assert took < 5 if one.options["give_up"] else took >= 60

    for give_up in (True, False):
        told(account, story, everything=True, keys=(BTC.key,), give_up=give_up)


def test_given_a_key_when_it_is_tried_then_only_the_key_is_judged_and_nothing_is_changed() -> None:
    """A cancel of an order that there is not: the answer shows what the key may do."""
    account = Account(order(OURS))

    async def story(one: Story) -> None:
        desk: Desk = one.desks[0]
        assert key_trouble(await probe(one.ways[0], [BTC.key], "nobody")) == ""
        desk.troubles["cancel"] = "down"
        assert key_trouble(await probe(one.ways[0], [BTC.key], "nobody")) == ""
        desk.troubles["cancel"] = "hangs"
        ((_, outcome),) = await probe(one.ways[0], [BTC.key], "nobody")
        assert isinstance(outcome, Unknown)
        desk.troubles["cancel"] = "key"
        assert "-2015" in key_trouble(await probe(one.ways[0], [BTC.key], "nobody"))
        assert account.ids() == [OURS]
        for way in one.ways:
            await way.close()

    told(account, story)
    assert key_trouble([(BTC.key, Rejected(reason=Reason.VENUE_SIGNATURE)), (BTC.key, BAD_KEY)]).startswith(
        Reason.VENUE_SIGNATURE.sentence
    )
