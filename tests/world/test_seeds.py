"""Seeds of the simulated world: the whole engine through everything that goes wrong, each seed in two processes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tickwright.run.world.command import WorldOptions, describe, run_world
from tickwright.run.world.seed import run_seed
from tickwright.run.world.swarm import Draw
from tickwright.run.world.worker import run_one

#: A killed process closes nothing: what it had open is no leak.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

FOUND = sorted((Path(__file__).parent / "seeds").glob("*.json"))
#: A night's seeds are run by `make nightly` through the command itself.
SEEDS = 200


def test_given_two_hundred_seeds_when_run_then_nothing_is_violated_and_they_have_met_what_there_is() -> None:
    """No order lost, none sent twice, none orphaned; every effect replayed the same, both runs of each seed equal. Every fault and
    every row of the order table was met, but what is rarer than that; thousands of orders, hundreds of crashes.

    One test, so that the seeds are run once however the tests are spread.
    """
    report = run_world(WorldOptions(seeds=SEEDS))
    assert report.failures == [], describe(report)
    assert (report.violations, report.divergences) == (0, 0)
    assert (report.duplicated, report.lost, report.orphaned) == (0, 0, 0)
    assert set(report.not_met) <= RARE, report.not_met
    assert report.submissions > 10_000
    assert report.crashes > 100
    assert report.lives > report.seeds


#: Rows and faults that two hundred seeds may miss; the nightly seeds meet them.
RARE = {"row 20", "row 21", "row 28", "row 29", "disk sync_fails"}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_given_a_seed_that_once_failed_when_run_again_then_it_does_not(path: Path) -> None:
    """Seeds that found something are kept."""
    drawn = msgspec.json.decode(path.read_bytes(), type=Draw)
    assert run_seed(drawn).violations == []


def test_given_a_strategy_of_ones_own_when_run_in_the_world_then_it_is_judged_the_same(tmp_path: Path) -> None:
    """Any file with a strategy will do."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from tickwright import Strategy, bars, ema\n"
        "class Mine(Strategy):\n"
        "    fast = bars('10 ticks').close >> ema(3)\n"
        "    slow = bars('10 ticks').close >> ema(8)\n"
        "    def decide(self):\n"
        "        self.target('0.002' if self.fast.value > self.slow.value else 0)\n"
    )
    result = run_one(Draw(seed=5, seconds=60), str(file))
    assert result.violations == []
    assert result.submissions > 2
