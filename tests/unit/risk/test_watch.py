"""Guards that remember, each from quiet to tripped."""

from __future__ import annotations

from decimal import Decimal

from tickwright.base.numbers import money
from tickwright.model.reason import Reason
from tickwright.risk.halts import ACCOUNT, HaltLevel
from tickwright.risk.watch import Raise, Watch
from unit.risk.makers import MS, S, limits

DAY = 86_400 * S
NOON = 19_000 * DAY + DAY // 2


def what(raised: list[Raise]) -> list[tuple[HaltLevel, Reason]]:
    """Level and reason of each; every one concerns the account and has figures."""
    assert all(scope == ACCOUNT and text for scope, _, _, text in raised)
    return [(level, reason) for _, level, reason, _ in raised]


def test_given_five_rejections_in_a_row_when_the_fifth_comes_then_it_pauses_and_an_acceptance_starts_again() -> None:
    """A streak is broken by one acceptance."""
    watch = Watch(limits())
    for _ in range(2):
        assert [what(watch.on_reject(0)) for _ in range(4)] == [[]] * 4
        watch.on_accept()
    for _ in range(4):
        watch.on_reject(0)
    assert what(watch.on_reject(0)) == [(HaltLevel.PAUSE, Reason.HALT_REJECT_STREAK)]


def test_given_a_clock_that_is_off_when_the_error_cannot_explain_it_then_it_pauses() -> None:
    """The bound of the measurement is taken off before the limit is looked at."""
    assert what(Watch(limits()).on_clock(800 * MS, 50 * MS, 0)) == []
    assert what(Watch(limits()).on_clock(801 * MS, 50 * MS, 0)) == [(HaltLevel.PAUSE, Reason.HALT_CLOCK_SKEW)]
    assert what(Watch(limits()).on_clock(-801 * MS, 50 * MS, 0)) == [(HaltLevel.PAUSE, Reason.HALT_CLOCK_SKEW)]


def test_given_two_measurements_when_the_clock_jumped_between_them_then_it_pauses() -> None:
    """The errors of both are taken off."""
    watch = Watch(limits())
    assert what(watch.on_clock(0, 10 * MS, 0)) == []
    assert what(watch.on_clock(120 * MS, 10 * MS, 0)) == []
    assert what(watch.on_clock(-1 * MS, 10 * MS, 0)) == [(HaltLevel.PAUSE, Reason.HALT_CLOCK_STEP)]


def test_given_a_daily_loss_when_it_is_reached_then_orders_are_pulled_and_midnight_starts_anew() -> None:
    """The day is counted from 00:00 UTC."""
    watch = Watch(limits(daily_loss=Decimal(100), loss_speed_s=1.0))
    assert what(watch.on_equity(money(1_000), NOON)) == []
    for step in range(1, 10):
        assert what(watch.on_equity(money(1_000 - 11 * step), NOON + step * 10 * S)) == []
    assert what(watch.on_equity(money(900), NOON + 600 * S)) == [(HaltLevel.PULL, Reason.HALT_DAILY_LOSS)]
    assert what(watch.on_equity(money(900), NOON + DAY)) == []
    assert what(watch.on_equity(money(801), NOON + DAY + 600 * S)) == []


def test_given_half_the_daily_loss_when_lost_within_five_minutes_then_it_pauses_and_slower_does_not() -> None:
    """Speed is measured from the highest equity within the window."""
    fast = Watch(limits(daily_loss=Decimal(100)))
    fast.on_equity(money(1_000), NOON)
    fast.on_equity(money(1_020), NOON + 100 * S)
    assert what(fast.on_equity(money(970), NOON + 390 * S)) == [(HaltLevel.PAUSE, Reason.HALT_LOSS_SPEED)]
    slow = Watch(limits(daily_loss=Decimal(100)))
    slow.on_equity(money(1_000), NOON)
    slow.on_equity(money(1_020), NOON + 100 * S)
    assert what(slow.on_equity(money(980), NOON + 300 * S)) == []
    assert what(slow.on_equity(money(970), NOON + 402 * S)) == []


def test_given_a_fall_from_the_peak_when_it_reaches_the_drawdown_then_orders_are_pulled() -> None:
    """The peak is of the run, whatever the day."""
    watch = Watch(limits(drawdown=Decimal(50)))
    assert what(watch.on_equity(money(-10), NOON)) == [], "an equity below zero is a peak too"
    assert what(watch.on_equity(money(1_000), NOON)) == []
    assert what(watch.on_equity(money("950.01"), NOON + 3 * DAY)) == []
    assert what(watch.on_equity(money(950), NOON + 3 * DAY)) == [(HaltLevel.PULL, Reason.HALT_DRAWDOWN)]


def test_given_a_deposit_or_a_withdrawal_when_told_of_then_it_is_neither_profit_nor_loss() -> None:
    """A deposit may not hide a loss, nor a withdrawal make one."""
    watch = Watch(limits(daily_loss=Decimal(100), drawdown=Decimal(100)))
    watch.on_equity(money(1_000), NOON)
    watch.on_transfer(money(-500))
    assert what(watch.on_equity(money(500), NOON + S)) == []
    watch.on_transfer(money(10_000))
    assert what(watch.on_equity(money(10_400), NOON + 2 * S)) == [
        (HaltLevel.PULL, Reason.HALT_DAILY_LOSS),
        (HaltLevel.PAUSE, Reason.HALT_LOSS_SPEED),
        (HaltLevel.PULL, Reason.HALT_DRAWDOWN),
    ]


def test_given_no_loss_limits_when_everything_is_lost_then_nothing_is_said() -> None:
    """What is not configured does not trip."""
    watch = Watch(limits())
    watch.on_equity(money(1_000), NOON)
    assert what(watch.on_equity(0, NOON + S)) == []


def test_given_limits_of_zero_when_nothing_is_lost_then_nothing_is_said_and_a_cent_trips() -> None:
    """Zero means no loss at all, not no trading at all."""
    watch = Watch(limits(daily_loss=Decimal(0), drawdown=Decimal(0)))
    assert what(watch.on_equity(money(1_000), NOON)) == []
    assert len(watch.on_equity(money("999.99"), NOON)) == 3
