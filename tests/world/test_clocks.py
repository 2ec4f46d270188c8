"""Clocks that are wrong by 900 ms, either way, or jump while orders are out: nothing is sent twice, and it is noticed."""

from __future__ import annotations

import pytest

from tickwright.model.reason import Reason
from tickwright.run.world.seed import run_seed
from tickwright.run.world.swarm import ClockStep, Draw
from tickwright.sim.faults import Fault, FaultKind

#: A killed process closes nothing: what it had open is no leak.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

#: Answers get lost meanwhile, so that fences matter.
LOST = (Fault(kind=FaultKind.LOST_REPLY, on="order", probability=0.2), Fault(kind=FaultKind.DROP, on="order", probability=0.1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ahead_ms", [900, -900])
def test_given_a_clock_that_is_wrong_when_the_run_starts_then_it_is_paused_until_somebody_sets_it(
    ahead_ms: int, seed: int
) -> None:
    """A local clock 900 ms from the venue's is beyond the limit: no order leaves until it is right."""
    result = run_seed(Draw(seed=seed, seconds=40, ahead_ms=ahead_ms, stand=LOST))
    assert result.violations == []
    assert result.marks[f"halt {Reason.HALT_CLOCK_SKEW.value}"] >= 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ms", [900, -900, 300, -300])
def test_given_a_clock_that_jumps_when_answers_are_lost_then_nothing_is_sent_twice_and_the_jump_is_told(
    ms: int, seed: int
) -> None:
    """Fences are computed from clocks; a jump must not make an absence count too early."""
    result = run_seed(Draw(seed=seed, seconds=90, steps=(ClockStep(20.0, ms),), stand=LOST))
    assert result.violations == []
    told = sum(count for name, count in result.marks.items() if name.startswith("halt halt.clock"))
    assert told >= 1


@pytest.mark.parametrize("value", [0.9, -0.9])
def test_given_a_venue_whose_clock_jumps_when_answers_are_lost_then_nothing_is_sent_twice(value: float) -> None:
    """It is the venue's clock that judges a request's deadline."""
    result = run_seed(Draw(seed=4, seconds=90, stand=(*LOST, Fault(kind=FaultKind.CLOCK, at_s=20.0, value=value))))
    assert result.violations == []
