"""The process is killed, or power lost, at calls of the disk, one after another through a run: started again, it knows everything.

After each of them the judging of :mod:`tickwright.run.world.seed` asks: orders at the venue are the orders that are known, one a name; nothing
that had been acknowledged is lost; the run is armed again within its bound; the audit of the venue's log against the journal
finds nothing. The real kills are in tests/crash. Here the disk forgets what it had not synced, in each of the ways in which
disks do. A pull request runs points spread evenly over each scenario, the night every one.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import msgspec
import pytest

from tickwright.run.world.seed import run_seed
from tickwright.run.world.swarm import ClockStep, Crash, CrashCall, Draw, Hand, Pause
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.world import DiskFaults, NetFaults, Survival

#: A killed process closes nothing: what it had open is no leak.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SECONDS = 6.0
#: Points of a scenario and a way of forgetting: in a pull request, and by night (every one).
POINTS, POINTS_NIGHTLY = 4, 100_000
SURVIVALS = [Survival.NOTHING, Survival.TORN, Survival.REORDERED, Survival.EVERYTHING]


def _stand(kind: FaultKind, on: str = "order", **more: float) -> tuple[Fault, ...]:
    return (Fault(kind=kind, on=on, **more),)  # type: ignore[arg-type]  # numbers, by their names


SCENARIOS = {
    "plain": Draw(seed=3),
    "the book is kept": Draw(seed=8, book=True),
    "small files": Draw(seed=4, segment_bytes=20_000),
    "tiny files": Draw(seed=9, segment_bytes=6_000),
    "a connection is half open": Draw(seed=10, stand=_stand(FaultKind.HALF_OPEN, "/ws-api", at_s=2.0)),
    "answers are lost": Draw(seed=5, stand=_stand(FaultKind.LOST_REPLY, probability=0.4)),
    "orders are lost": Draw(seed=11, stand=_stand(FaultKind.DROP, probability=0.4)),
    "5xx although executed": Draw(seed=12, stand=_stand(FaultKind.UNKNOWN_EXECUTED, probability=0.4)),
    "5xx and not executed": Draw(seed=13, stand=_stand(FaultKind.UNKNOWN_NOT_EXECUTED, probability=0.4)),
    "orders arrive late": Draw(seed=14, stand=_stand(FaultKind.LATE, probability=0.4, value=1.5)),
    "answers come late": Draw(seed=15, stand=_stand(FaultKind.DELAY, probability=0.4, value=1.5)),
    "events come first": Draw(seed=16, stand=_stand(FaultKind.EVENTS_FIRST, probability=0.8)),
    "account events are missing": Draw(seed=17, stand=_stand(FaultKind.GAP, "user@", probability=0.3)),
    "account events come twice": Draw(seed=18, stand=_stand(FaultKind.DUPLICATE, "user@", probability=0.5)),
    "the account's stream breaks": Draw(seed=6, stand=_stand(FaultKind.DISCONNECT, "/ws-api", at_s=2.5)),
    "the network is slow and breaks": Draw(seed=19, net=NetFaults(reset_per_hour=1_200, spike_per_hour=1_200)),
    "somebody else trades": Draw(seed=20, hands=(Hand(2.0, "buy"), Hand(3.0, "rest"), Hand(4.5, "sell"))),
    "the clock jumps": Draw(seed=21, steps=(ClockStep(2.0, 900), ClockStep(4.0, -900))),
    "it had crashed before": Draw(seed=22, crashes=(Crash(2.0, power=True, down_s=1.0),)),
    "the strategy has a defect": Draw(seed=23, raises_at=6, pauses=(Pause(4.0, 1.0),)),
}


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> Iterator[None]:
    """A crash collects garbage, to have it at the same moment in every run: what is here already need not be walked each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _points(drawn: Draw, most: int) -> list[tuple[int, bool]]:
    """Calls of the disk while things go wrong, and whether in the middle of them; spread evenly where there are more than enough."""
    every = [(call, midway) for call in range(1, run_seed(drawn).disk_calls + 1) for midway in (False, True)]
    return every[:: max(1, len(every) // most)]


def _crash_everywhere(name: str, survival: Survival, most: int) -> int:
    drawn = msgspec.structs.replace(SCENARIOS[name], seconds=SECONDS, disk=DiskFaults(survivals=(survival,)))
    power = survival is not Survival.EVERYTHING
    points = _points(drawn, most)
    for call, midway in points:
        result = run_seed(msgspec.structs.replace(drawn, crash_calls=(CrashCall(call, power, midway),)))
        assert result.violations == [], f"{name}, {survival.value}, call {call}, midway {midway}"
    return len(points)


@pytest.mark.parametrize("survival", SURVIVALS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", SCENARIOS)
def test_given_a_crash_at_a_call_of_the_disk_when_started_again_then_both_sides_agree(name: str, survival: Survival) -> None:
    """EVERYTHING stands for a killed process; the others for a loss of power."""
    assert _crash_everywhere(name, survival, POINTS) >= POINTS


@pytest.mark.nightly
@pytest.mark.parametrize("survival", list(Survival), ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", SCENARIOS)
def test_given_a_crash_at_every_call_of_the_disk_when_started_again_then_both_sides_agree(name: str, survival: Survival) -> None:
    """The long form."""
    _crash_everywhere(name, survival, POINTS_NIGHTLY)
