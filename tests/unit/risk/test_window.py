"""The sliding maximum against a list of everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.risk.window import HighestWithin

STEPS = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 400)), max_size=60)


@given(STEPS)
def test_given_any_values_when_asked_then_the_highest_of_the_window_is_never_missed(steps: list[tuple[int, int]]) -> None:
    """At least the window is looked at, at most one slot more."""
    window_ns, slots = 1_000, 10
    kept, seen, now = HighestWithin(window_ns, slots), list[tuple[int, int]](), 0
    for value, later in steps:
        now += later
        kept.add(value, now)
        seen.append((now, value))
        inside = max(v for at, v in seen if now - at <= window_ns)
        around = max(v for at, v in seen if now - at <= window_ns + window_ns // slots)
        highest = kept.highest(now)
        assert highest is not None
        assert inside <= highest <= around


def test_given_a_thousand_falling_values_within_the_window_when_kept_then_memory_is_bounded_by_slots() -> None:
    """However fast values come, there is one entry a slot."""
    kept = HighestWithin(1_000_000, 10)
    for number in range(1_000):
        kept.add(-number, number * 1_000)
    assert len(kept._falling) <= 12


def test_given_values_when_shifted_then_the_highest_is_too() -> None:
    """A deposit moves what equity is compared with."""
    kept = HighestWithin(1_000)
    assert kept.highest(0) is None
    kept.add(5, 0)
    kept.shift(10)
    assert kept.highest(500) == 15
    assert kept.highest(5_000) is None
