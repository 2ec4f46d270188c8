"""Delays: constant, drawn within bounds, or as measured."""

from __future__ import annotations

import pytest

from tickwright.base.chance import Chance
from tickwright.sim.latency import ConstantLatency, LognormalLatency, RecordedLatency, no_latency


def test_given_a_lognormal_when_drawn_often_then_half_are_below_the_median_and_all_within_the_bounds() -> None:
    """The median is the median, floor and ceiling hold, and a seed repeats."""
    draws = [LognormalLatency(1_000_000, 0.5, Chance(3), floor_ns=500_000, ceiling_ns=4_000_000) for _ in range(2)]
    first, second = ([model.delay_ns(0) for _ in range(2_000)] for model in draws)
    assert first == second
    assert 900 < sum(delay < 1_000_000 for delay in first) < 1_100
    assert min(first) == 500_000
    assert max(first) <= 4_000_000


@pytest.mark.parametrize(("at_ns", "delay_ns"), [(0, 7), (10, 7), (19, 7), (20, 9), (99, 9)])
def test_given_samples_when_asked_then_the_latest_one_holds(at_ns, delay_ns) -> None:
    """Before the first sample, the first."""
    assert RecordedLatency([(10, 7), (20, 9)]).delay_ns(at_ns) == delay_ns


def test_given_nonsense_when_a_model_is_made_then_it_is_refused() -> None:
    """Negative delays, no samples and samples out of order are bugs of the caller."""
    for make in (lambda: ConstantLatency(-1), lambda: RecordedLatency([]), lambda: RecordedLatency([(2, 1), (1, 1)])):
        with pytest.raises(AssertionError):
            make()
    assert [model.delay_ns(5) for model in no_latency()] == [0, 0, 0]
