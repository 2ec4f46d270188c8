"""The process is killed, or power lost, at chosen calls of the disk, one after another through a run: started again, it knows everything.

The real kills are in tests/crash. Here the disk forgets what it had not synced, in each of the ways in which disks do.
"""

from __future__ import annotations

import msgspec
import pytest

from tickwright.run.world.seed import run_seed
from tickwright.run.world.swarm import CrashCall, Draw
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.world import DiskFaults, Survival

#: A killed process closes nothing: what it had open is no leak.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SECONDS = 12.0
#: Points of each scenario in a pull request; by night every one.
POINTS, POINTS_NIGHTLY = 5, 100_000
SCENARIOS = {
    "plain": Draw(seed=3, seconds=SECONDS),
    "small files": Draw(seed=4, seconds=SECONDS, segment_bytes=20_000),
    "answers are lost": Draw(
        seed=5,
        seconds=SECONDS,
        stand=(
            Fault(kind=FaultKind.LOST_REPLY, on="order", probability=0.3),
            Fault(kind=FaultKind.DROP, on="order", probability=0.2),
        ),
    ),
    "the account's stream breaks": Draw(
        seed=6, seconds=SECONDS, stand=(Fault(kind=FaultKind.DISCONNECT, on="/ws-api", at_s=5.0),)
    ),
}


def _points(drawn: Draw, most: int) -> list[int]:
    """Calls of the disk, spread over the time in which things go wrong; the first ones, before anything is on record, are among
    them. What comes after that time is the judging, where nobody is there to start the run again.
    """
    calls = run_seed(drawn).disk_calls * 35 // 100
    step = max(1, calls // most)
    return sorted({*range(1, calls, step), 2, 5, 9})[: most + 3]


def _crash_everywhere(name: str, survival: Survival, most: int) -> None:
    drawn = SCENARIOS[name]
    power = survival is not Survival.EVERYTHING
    for call in _points(drawn, most):
        for midway in (False, True):
            changed = {
                "disk": DiskFaults(survivals=(survival,)),
                "crash_calls": (CrashCall(call, power, midway),),
            }
            result = run_seed(_with(drawn, changed))
            assert result.violations == [], f"{name}, {survival.value}, call {call}, midway {midway}"


def _with(drawn: Draw, changed: dict) -> Draw:

    return msgspec.structs.replace(drawn, **changed)


@pytest.mark.parametrize(
    "survival", [Survival.NOTHING, Survival.TORN, Survival.REORDERED, Survival.EVERYTHING], ids=lambda kind: kind.value
)
@pytest.mark.parametrize("name", SCENARIOS)
def test_given_a_crash_at_a_call_of_the_disk_when_started_again_then_both_sides_agree(name: str, survival: Survival) -> None:
    """EVERYTHING stands for a killed process; the others for a loss of power."""
    _crash_everywhere(name, survival, POINTS)


@pytest.mark.nightly
@pytest.mark.parametrize("survival", list(Survival), ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", SCENARIOS)
def test_given_a_crash_at_every_call_of_the_disk_when_started_again_then_both_sides_agree(name: str, survival: Survival) -> None:
    """The long form."""
    _crash_everywhere(name, survival, POINTS_NIGHTLY)
