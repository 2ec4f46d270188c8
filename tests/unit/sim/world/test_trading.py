"""The real engine, shell, adapter and libraries in the world against the real stand: the first and the last test of all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unit.sim.world.worldkit import trade

TESTS = Path(__file__).resolve().parents[3]


def test_given_a_strategy_and_a_stand_when_a_minute_passes_then_it_trades_and_ends_reconciled() -> None:
    """Nothing in it knows that neither the network nor the minute is real."""
    outcome = trade(seed=3, seconds=60)
    assert len(outcome.fills) > 0
    assert outcome.clean
    assert outcome.notices.count("reconciled") >= 2


def _digest(what: str, hash_seed: str, folder: Path) -> str:
    code = f"from unit.sim.world.worldkit import hard_life, trade; print({what})"
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS), "TZ": f"UTC+{len(hash_seed)}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("what", ["trade(seed=5, seconds=60).digest", "hard_life(5)"])
def test_given_one_seed_when_run_in_two_processes_then_the_digests_are_equal(what: str, tmp_path: Path) -> None:
    """Another hash seed, another folder, another time zone (INV-41)."""
    first = _digest(what, "1", tmp_path)
    second = _digest(what, "4242", tmp_path.parent)
    assert len(first) == 32
    assert first == second


def test_given_one_seed_when_run_twice_in_one_process_then_the_digests_are_equal() -> None:
    """Nothing is left over from one world to the next; and another seed is another world."""
    assert trade(seed=6, seconds=20).digest == trade(seed=6, seconds=20).digest
    assert trade(seed=6, seconds=20).digest != trade(seed=7, seconds=20).digest
