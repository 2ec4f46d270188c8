"""The clock offset: sound whatever the delays were, within what the clocks may drift."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.net.clock_offset import DRIFT_PPM, GOOD_FOR_NS, ClockOffset

MS = 1_000_000
START = 1_700_000_000_000 * MS
trips = st.tuples(st.integers(0, 400 * MS), st.integers(0, 400 * MS), st.integers(0, 5_000 * MS))


def measured(offset: int, history: list[tuple[int, int, int]], step: int = MS) -> tuple[ClockOffset, int]:
    """An offset measured over round trips of (there, back, pause after), and the local time at the end."""
    clock, now = ClockOffset(), START
    for there, back, pause in history:
        venue = (now + there - offset) // step * step
        clock.sample(now, venue, now + there + back, step)
        now += there + back + pause
    return clock, now


@given(st.lists(trips, min_size=1, max_size=12), st.integers(-10_000 * MS, 10_000 * MS), st.sampled_from([1, MS]))
def test_given_any_delays_when_measured_then_the_true_offset_is_within_the_bound(history, offset, step) -> None:
    """Soundness: however lopsided the delays, the truth is where we say it can be."""
    clock, now = measured(offset, history, step)
    assert abs(clock.offset_ns - offset) <= clock.bound_ns(now)


@given(st.lists(trips, min_size=1, max_size=5), st.integers(-10_000 * MS, 10_000 * MS))
def test_given_any_delays_when_measured_then_the_bound_is_no_worse_than_the_best_round_trip(history, offset) -> None:
    """One good sample among bad ones is enough."""
    clock, now = measured(offset, history)
    drift = (now - START) * DRIFT_PPM // 10**6 + 1
    assert clock.bound_ns(now) <= min(there + back for there, back, _ in history) + MS + 3 * drift


def test_given_one_even_round_trip_when_measured_then_the_bound_is_half_of_it_and_half_a_step() -> None:
    """The usual case in figures."""
    clock, now = measured(250 * MS, [(10 * MS, 10 * MS, 0)])
    assert clock.bound_ns(now) == 10 * MS + MS // 2
    assert abs(clock.offset_ns - 250 * MS) <= MS


def test_given_one_slow_sample_among_fast_ones_when_measured_then_it_does_not_pull_the_offset() -> None:
    """The median, held within what the fast ones allow."""
    clock, _ = measured(0, [(5 * MS, 5 * MS, 0), (400 * MS, 2 * MS, 0), (5 * MS, 5 * MS, 0)])
    assert abs(clock.offset_ns) <= 5 * MS


def test_given_the_local_clock_was_set_when_a_sample_contradicts_the_others_then_it_alone_counts() -> None:
    """Averaging over a step would be wrong for minutes."""
    clock, now = measured(0, [(MS, MS, 0)] * 4)
    clock.sample(now + 500 * MS, (now + MS) // MS * MS, now + 502 * MS)
    assert abs(clock.offset_ns - 500 * MS) <= clock.bound_ns(now + 502 * MS) <= 3 * MS


def test_given_no_sample_when_asked_then_nothing_is_known_and_a_measurement_is_due() -> None:
    """An unlimited bound, so that nothing is built on it."""
    clock = ClockOffset()
    assert clock.needs_measure(START)
    assert clock.offset_ns == 0
    assert clock.bound_ns(START) >= 1 << 62


def test_given_a_measurement_when_it_is_old_or_of_the_future_then_another_is_due() -> None:
    """Good for a minute; a clock that was set back makes it worthless."""
    clock, now = measured(0, [(MS, MS, 0)])
    assert not clock.needs_measure(now)
    assert clock.needs_measure(now + GOOD_FOR_NS)
    assert clock.needs_measure(now - 10 * MS)


def test_given_time_passes_when_nothing_is_measured_then_the_bound_grows_with_the_drift() -> None:
    """Fifty parts per million: 50 microseconds a second."""
    clock, now = measured(0, [(MS, MS, 0)])
    assert clock.bound_ns(now + 10**9) - clock.bound_ns(now) == 50_000


def test_given_the_venue_refused_a_time_stamp_when_distrusted_then_a_measurement_is_due_and_counted() -> None:
    """One resync, seen."""
    clock, now = measured(0, [(MS, MS, 0)])
    clock.distrust()
    assert clock.needs_measure(now)
    assert clock.bound_ns(now) >= 1 << 62
    assert clock.resyncs == 1
    clock.sample(now, now // MS * MS, now + MS)
    assert not clock.needs_measure(now + MS)


def test_given_a_local_time_when_the_venue_s_is_asked_for_then_the_offset_is_taken_off() -> None:
    """Local minus venue."""
    clock, now = measured(100 * MS, [(0, 0, 0)], step=1)
    assert abs(clock.venue_ns(now) - (now - 100 * MS)) <= 1
