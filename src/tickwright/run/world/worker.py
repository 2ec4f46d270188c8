"""A process that runs seeds and prints one JSON object a line for each.

    python -m tickwright.run.world.worker FIRST COUNT SECONDS [STRATEGY]

Each seed is run by two of these, with another hash seed, folder and time zone: what comes out must be equal.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import msgspec

from tickwright.run.load import load_strategy
from tickwright.run.world.audit import Violation
from tickwright.run.world.seed import SeedResult, run_seed
from tickwright.run.world.swarm import Draw, draw


def run_one(drawn: Draw, strategy: str) -> SeedResult:
    """A seed's result; a defect of the simulation itself is a violation as well."""
    chosen = load_strategy(Path(strategy)) if strategy else None
    try:
        return run_seed(drawn, chosen)
    except Exception as error:  # noqa: BLE001 (top of a process: whatever it is belongs to this seed, and the next one goes on)
        where = traceback.format_exc(limit=-3)
        return SeedResult(
            seed=drawn.seed,
            violations=[Violation("defect", f"{type(error).__name__}: {error}\n{where}")],
            digest="",
            submissions=0,
            fills=0,
            lives=0,
            crashes=0,
            disk_calls=0,
            steps=0,
            simulated_s=0.0,
            marks={},
        )


def main(arguments: list[str]) -> None:
    """Run the seeds that are asked for."""
    first, count, seconds = int(arguments[0]), int(arguments[1]), float(arguments[2])
    strategy = arguments[3] if len(arguments) > 3 else ""
    for seed in range(first, first + count):
        sys.stdout.write(msgspec.json.encode(run_one(draw(seed, seconds), strategy)).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
