"""Pacing: laws that hold for any history of asks, failures and answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S
from tickwright.net.pacing import RETRY_AFTER_S_MAX, Backoff, ConnectBudget, TokenBucket, WeightBudget, retry_after_s

gaps = st.lists(st.integers(0, 2 * NS_PER_S), max_size=200)


def busiest(times: list[int], window_ns: int) -> int:
    """The most that happened in any half-open window of that length."""
    return max((sum(start <= t < start + window_ns for t in times) for start in times), default=0)


@given(gaps, st.integers(1, 6), st.floats(0.05, 3.0))
def test_given_any_asks_when_tokens_are_taken_then_no_window_sees_more_than_the_bucket_holds(steps, most, window_s) -> None:
    """A bucket is never exceeded in any window, wherever it starts."""
    bucket = TokenBucket(most, window_s)
    now, taken = 0, []
    for step in steps:
        now += step
        if bucket.take(now):
            taken.append(now)
    assert busiest(taken, int(window_s * NS_PER_S)) <= most


@given(gaps, st.integers(1, 6), st.floats(0.05, 3.0))
def test_given_an_empty_bucket_when_its_wait_is_over_then_there_is_a_token_and_not_before(steps, most, window_s) -> None:
    """``wait_ns`` is exact: one nanosecond earlier there is nothing."""
    bucket = TokenBucket(most, window_s)
    now = 0
    for step in steps:
        now += step
        wait = bucket.wait_ns(now)
        if wait:
            assert bucket.wait_ns(now + wait - 1) == 1
            now += wait
        assert bucket.take(now)


def test_given_a_budget_of_connects_when_two_sessions_share_it_then_both_count() -> None:
    """The venue counts by address, not by session."""
    budget = ConnectBudget(2, 10.0)
    assert [budget.take(0), budget.take(1), budget.take(2)] == [True, True, False]
    assert budget.wait_ns(2) == 10 * NS_PER_S - 2


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 5), st.floats(0, 100), st.integers())
def test_given_any_failures_when_backing_off_then_each_delay_is_within_its_bounds(history, floor_s, more_s, seed) -> None:
    """floor <= delay <= min(ceiling, floor * 2**n), for any sequence of failures and stable times."""
    backoff = Backoff(floor_s, floor_s + more_s, Chance(seed))
    failures = 0
    for failed in history:
        if not failed:
            backoff.stable()
            failures = 0
            continue
        failures += 1
        delay = backoff.failed()
        # The last of a draw may round up by one bit.
        assert floor_s <= delay <= max(floor_s, min(floor_s + more_s, floor_s * 2.0**failures)) * (1 + 1e-12)


def test_given_many_clients_when_they_back_off_then_they_do_not_come_back_together() -> None:
    """Full jitter: the delays of equal failures are spread over the whole range."""
    delays = sorted(Backoff(0.25, 60.0, chance).failed() for chance in (Chance(seed) for seed in range(200)))
    assert delays[0] < 0.26
    assert delays[-1] > 0.49
    assert len(set(delays)) == 200


asks = st.lists(st.tuples(st.integers(0, 40 * NS_PER_S), st.integers(0, 60), st.booleans()), max_size=200)


@given(asks, st.integers(1, 300), st.floats(0, 0.9))
def test_given_any_asks_when_weight_is_spent_then_no_window_exceeds_the_limit_nor_reads_their_share(steps, limit, share) -> None:
    """A budget is never exceeded, and reads never touch the share of orders."""
    budget = WeightBudget(limit, 60.0, share)
    now, all_of, reads_of = 0, {}, {}
    for step, weight, is_order in steps:
        now += step
        if budget.take(weight, now, is_order=is_order):
            window = now // (60 * NS_PER_S)
            all_of[window] = all_of.get(window, 0) + weight
            if not is_order:
                reads_of[window] = reads_of.get(window, 0) + weight
    assert all(used <= limit for used in all_of.values())
    assert all(used <= int(limit * (1 - share)) for used in reads_of.values())


@given(asks)
def test_given_reads_that_ask_for_everything_when_an_order_comes_then_its_share_is_still_there(steps) -> None:
    """Whatever reads were made in a window, an order of the reserved weight goes through."""
    budget = WeightBudget(100, 60.0, 0.2)
    now = 0
    for step, weight, _ in steps:
        now += step
        budget.take(weight, now)
    assert budget.take(20, now, is_order=True)


def test_given_the_venue_counts_more_than_we_do_when_told_then_its_count_holds_for_that_window_only() -> None:
    """Others may share the address; a count of a window that is over says nothing about this one."""
    budget = WeightBudget(100, 60.0, 0.2)
    budget.take(10, 0)
    budget.told(95, 1)
    assert (budget.used, budget.take(5, 2), budget.take(5, 2, is_order=True)) == (95, False, True)
    budget.told(30, 3)
    assert budget.used == 100
    minute = 60 * NS_PER_S
    budget.told(99, minute + 1, sent_ns=minute - 1)
    assert budget.take(80, minute + 2)


def test_given_the_wall_clock_is_set_back_an_hour_when_a_minute_has_passed_then_the_budget_is_whole_again() -> None:
    """A clock that is set back neither frees what was spent nor locks the budget for an hour."""
    hour = 3600 * NS_PER_S
    budget = WeightBudget(100, 60.0, 0.0)
    budget.take(100, 2 * hour)
    assert not budget.take(1, hour)
    assert budget.take(100, hour + 60 * NS_PER_S)


def test_given_retry_after_headers_when_read_then_seconds_dates_and_nonsense_are_told_apart() -> None:
    """Seconds and dates are bounded; what cannot be read is None, never an exception."""
    now = 1_700_000_000 * NS_PER_S
    cases = {
        "3": 3.0,
        "0.5": 0.5,
        "99999999999": RETRY_AFTER_S_MAX,
        "inf": RETRY_AFTER_S_MAX,
        "Tue, 14 Nov 2023 22:13:30 GMT": 10.0,
        "Tue, 14 Nov 2000 22:13:30 GMT": 0.0,
        "": None,
        "-1": None,
        "nan": None,
        "soon": None,
        "²": None,
    }
    assert {text: retry_after_s(text, now) for text in cases} == cases


@given(st.text(max_size=40))
def test_given_any_text_when_read_as_retry_after_then_it_is_bounded_or_nothing(text) -> None:
    """The header comes from outside: any text is harmless."""
    found = retry_after_s(text, 0)
    assert found is None or 0 <= found <= RETRY_AFTER_S_MAX
