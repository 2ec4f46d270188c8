"""Planted bugs: the seeds of the simulated world catch each of them. A test that finds nothing proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tickwright.run.world.swarm import draw
from tickwright.run.world.worker import run_one
from world.canaries import CANARIES

#: A killed process closes nothing: what it had open is no leak.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

#: Seeds within which each is caught. Without a bug none of these seeds finds anything: see test_seeds.py.
SEEDS = 200
#: Where one that few of them catch is looked for first: an order has to arrive between two questions and its deadline.
FIRST = {"no_fence": 160}


@pytest.mark.parametrize("plant", CANARIES, ids=lambda plant: plant.__name__)
def test_given_a_planted_bug_when_seeds_are_run_then_one_of_them_catches_it(plant: Callable[[], Any]) -> None:
    """By an invariant, by the audit, by a replay, or because the run does not come to rest."""
    with plant():
        first = FIRST.get(plant.__name__, 0)
        assert any(run_one(draw(seed), "").violations for seed in range(first, SEEDS)), plant.__doc__


def test_given_the_bugs_when_counted_then_there_are_at_least_twelve_and_each_says_what_it_is() -> None:
    """And no two are the same function."""
    assert len(CANARIES) >= 12
    assert len({plant.__doc__ for plant in CANARIES}) == len(CANARIES)
