"""Client order ids: deterministic, within every venue's charset and length, never twice."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.ids import IdCounter, base36, made_here, run_prefix

START = st.integers(1_600_000_000 * 10**9, 4_000_000_000 * 10**9)


@given(st.integers(0, 10**30))
def test_given_any_number_when_in_base_36_then_int_reads_it_back(number: int) -> None:
    """Lower case, no sign, no padding."""
    assert int(base36(number), 36) == number
    assert base36(number) == base36(number).lower()


@given(START, st.integers(0, 10_000), st.integers(0, 10**9))
def test_given_any_run_when_an_id_is_issued_then_venues_take_it_and_it_is_recognised(start: int, salt: int, issued: int) -> None:
    """Letters, digits and a dash; at most 24 characters."""
    ids = IdCounter(run_prefix(start, salt), issued)
    client_id = ids.next()
    assert re.fullmatch(r"[a-z0-9-]{1,24}", client_id)
    assert ids.is_ours(client_id)
    assert made_here(client_id)


@given(START, st.integers(1, 300))
def test_given_a_run_when_it_issues_ids_then_none_comes_twice_and_a_restarted_counter_goes_on(start: int, count: int) -> None:
    """The counter is all the state there is."""
    ids = IdCounter(run_prefix(start))
    first = [ids.next() for _ in range(count)]
    again = IdCounter(ids.prefix, ids.issued)
    assert len({*first, again.next()}) == count + 1


@given(START, START)
def test_given_runs_of_different_seconds_when_they_issue_ids_then_these_differ(one: int, other: int) -> None:
    """Neither takes the other's for its own."""
    if one // 10**9 == other // 10**9:
        return
    first, second = IdCounter(run_prefix(one)), IdCounter(run_prefix(other))
    assert not second.is_ours(first.next())


def test_given_two_runs_of_the_same_second_when_salted_then_they_differ() -> None:
    """The salt tells them apart."""
    assert run_prefix(10**18, 1) != run_prefix(10**18, 2)


def test_given_ids_of_others_when_looked_at_then_they_are_not_ours() -> None:
    """A person's order is not touched."""
    assert [made_here(text) for text in ("", "x-1", "web_123", "tw-1", "tw", "twitter-1", "twabcdef")] == [False] * 7
