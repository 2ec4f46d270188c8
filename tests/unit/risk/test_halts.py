"""The ladder: up by itself, down by a person, conditions that come and go."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.reason import Reason
from tickwright.risk.halts import ACCOUNT, Halt, HaltLevel, Halts

BY_PERSON = Reason.HALT_BY_PERSON
SCOPES = [ACCOUNT, "venue:sim", "instrument:sim:BTC/USDT", "strategy:s"]


def level(halts: Halts) -> HaltLevel:
    """What concerns an order of strategy ``s`` for BTC/USDT on ``sim``."""
    return halts.level_for("s", "sim:BTC/USDT", "sim")


def test_given_nothing_when_asked_then_the_level_is_run() -> None:
    """An empty ladder forbids nothing."""
    assert level(Halts()) is HaltLevel.RUN


@pytest.mark.parametrize("scope", SCOPES)
def test_given_a_halt_in_a_scope_of_the_order_when_asked_then_it_holds(scope: str) -> None:
    """Each scope that an order lies in concerns it."""
    halts = Halts()
    assert halts.raise_(scope, HaltLevel.PAUSE, Reason.HALT_REJECT_STREAK, 7, "5 in a row")
    assert level(halts) is HaltLevel.PAUSE
    assert halts.all() == (Halt(scope, HaltLevel.PAUSE, Reason.HALT_REJECT_STREAK, 7, "5 in a row"),)


@pytest.mark.parametrize("scope", ["venue:other", "instrument:sim:ETH/USDT", "strategy:t"])
def test_given_a_halt_elsewhere_when_asked_then_it_does_not_hold(scope: str) -> None:
    """A scope holds what is in it and nothing beside it."""
    halts = Halts()
    halts.raise_(scope, HaltLevel.PULL, Reason.HALT_OVERFILL, 0, "")
    assert level(halts) is HaltLevel.RUN


def test_given_a_halt_when_a_lower_or_equal_one_is_raised_then_nothing_changes_and_the_first_reason_stays() -> None:
    """The ladder is told once: the repeat of a guard is no news."""
    halts = Halts()
    halts.raise_(ACCOUNT, HaltLevel.PULL, Reason.HALT_DAILY_LOSS, 1, "a")
    assert not halts.raise_(ACCOUNT, HaltLevel.PULL, Reason.HALT_DRAWDOWN, 2, "b")
    assert not halts.raise_(ACCOUNT, HaltLevel.REDUCE, Reason.HALT_DOUBT_AGE, 3, "c")
    assert not Halts().raise_(ACCOUNT, HaltLevel.RUN, BY_PERSON, 0, "")
    assert [halt.reason for halt in halts.all()] == [Reason.HALT_DAILY_LOSS]


def test_given_a_person_when_they_lower_a_halt_then_it_is_lower_and_says_by_whom() -> None:
    """Down is a person's decision, by as much as they say."""
    halts = Halts()
    halts.raise_(ACCOUNT, HaltLevel.PULL, Reason.HALT_DAILY_LOSS, 1, "a")
    assert halts.lower(ACCOUNT, HaltLevel.REDUCE, "ann")
    assert halts.all() == (Halt(ACCOUNT, HaltLevel.REDUCE, Reason.HALT_DAILY_LOSS, 1, "a", "ann"),)
    assert not halts.lower(ACCOUNT, HaltLevel.PAUSE, "ann"), "lower does not raise"
    assert halts.lower(ACCOUNT, HaltLevel.RUN, "ann")
    assert (level(halts), halts.all()) == (HaltLevel.RUN, ())


def test_given_nobody_when_a_halt_is_lowered_then_it_is_a_bug() -> None:
    """A halt does not lower itself."""
    halts = Halts()
    halts.raise_(ACCOUNT, HaltLevel.PULL, Reason.HALT_DAILY_LOSS, 1, "a")
    with pytest.raises(AssertionError, match="lowered by somebody"):
        halts.lower(ACCOUNT, HaltLevel.RUN, "")


def test_given_a_guard_when_it_flattens_then_it_is_a_bug() -> None:
    """Closing positions by machine is a person's choice."""
    with pytest.raises(AssertionError, match="only a person flattens"):
        Halts().raise_(ACCOUNT, HaltLevel.FLATTEN, Reason.HALT_DAILY_LOSS, 1, "a")
    assert Halts().raise_(ACCOUNT, HaltLevel.FLATTEN, BY_PERSON, 1, "enough")


def test_given_a_condition_when_it_is_over_then_only_it_is_gone() -> None:
    """Conditions are told apart by reason, and never lower a halt."""
    halts = Halts()
    halts.raise_("venue:sim", HaltLevel.REDUCE, Reason.HALT_DOUBT_AGE, 0, "")
    assert halts.hold("venue:sim", HaltLevel.PAUSE, Reason.HALT_BANNED)
    assert not halts.hold("venue:sim", HaltLevel.PAUSE, Reason.HALT_BANNED), "it goes on"
    assert halts.hold("venue:sim", HaltLevel.PULL, Reason.HALT_STALE_ACCOUNT)
    assert level(halts) is HaltLevel.PULL
    assert halts.clear("venue:sim", Reason.HALT_STALE_ACCOUNT)
    assert not halts.clear("venue:sim", Reason.HALT_STALE_ACCOUNT)
    assert (level(halts), halts.conditions()) == (HaltLevel.PAUSE, [("venue:sim", Reason.HALT_BANNED, HaltLevel.PAUSE)])
    halts.clear("venue:sim", Reason.HALT_BANNED)
    assert level(halts) is HaltLevel.REDUCE


def test_given_a_ladder_when_written_and_read_back_then_it_holds_the_same() -> None:
    """A halt survives a restart."""
    halts = Halts()
    halts.raise_("strategy:s", HaltLevel.PAUSE, Reason.HALT_STRATEGY_RAISED, 5, "KeyError")
    again = Halts(msgspec.json.decode(msgspec.json.encode(halts.all()), type=tuple[Halt, ...]))
    assert (again.all(), level(again)) == (halts.all(), HaltLevel.PAUSE)


AUTOMATIC = [item for item in HaltLevel if item is not HaltLevel.FLATTEN]
RAISES = st.tuples(st.just("raise"), st.sampled_from(SCOPES), st.sampled_from(AUTOMATIC))
HOLDS = st.tuples(st.sampled_from(["hold", "clear"]), st.sampled_from(SCOPES), st.sampled_from(AUTOMATIC))


@given(st.lists(RAISES | HOLDS, max_size=30))
def test_given_anything_but_a_person_when_it_happens_then_no_halt_goes_down(steps: list[tuple[str, str, HaltLevel]]) -> None:
    """The halt is absorbing until a person acts, and the level asked for is the highest of all that stand."""
    halts, reference, conditions = Halts(), HaltLevel.RUN, dict[str, HaltLevel]()
    for what, scope, wanted in steps:
        if what == "raise":
            halts.raise_(scope, wanted, Reason.HALT_OVERFILL, 0, "")
            reference = max(reference, wanted)
        elif what == "hold":
            halts.hold(scope, wanted, Reason.HALT_BANNED)
            conditions[scope] = wanted
        else:
            halts.clear(scope, Reason.HALT_BANNED)
            conditions.pop(scope, None)
        assert level(halts) == max([reference, *conditions.values()])
        assert max((halt.level for halt in halts.all()), default=HaltLevel.RUN) == reference
