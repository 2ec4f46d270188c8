"""Clocks: the machine's, and the one that moves when told."""

from __future__ import annotations

import pytest

from tickwright.base.clock import NS_PER_S, ManualClock, SystemClock


def test_given_the_machines_clocks_when_read_twice_then_the_monotonic_one_does_not_go_back() -> None:
    """Wall time is of this century in nanoseconds."""
    clock = SystemClock()
    first = clock.mono_ns()
    assert clock.mono_ns() >= first
    assert 1_600_000_000 * NS_PER_S < clock.wall_ns() < 4_200_000_000 * NS_PER_S


def test_given_a_manual_clock_when_advanced_then_both_times_move_alike() -> None:
    """Virtual time has one speed."""
    clock = ManualClock(wall_ns=100, mono_ns=7)
    clock.advance(5)
    assert (clock.wall_ns(), clock.mono_ns()) == (105, 12)


def test_given_a_manual_clock_when_turned_back_then_it_is_a_bug() -> None:
    """A monotonic clock cannot go back, not even in a test."""
    with pytest.raises(AssertionError, match="cannot go back"):
        ManualClock().advance(-1)
