"""A run is killed with SIGKILL, at every named point and at random times, and started again: nothing is lost, nothing is sent twice.

The audit looks at the venue's own log and at the journal: every order that the venue was asked to place has an intent on record,
none was asked for twice, both sides count the same fills, and at the end nothing works any more and the balances are equal.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crash.points import POINTS
from integration.rig import NATIVE
from tickwright.base.numbers import money
from tickwright.journal.disk import RealDisk
from tickwright.journal.reader import read_run, run_names
from tickwright.journal.record import Steps
from tickwright.model.effect import Amend, Submit
from tickwright.run.record import recover
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import serve

TESTS = Path(__file__).parents[1]
#: How long the run that may be killed goes on if nothing kills it, and the one after it.
LIFE_S, AFTER_S = 2.5, 1.2
DEADLINE_S = 40.0
#: From the start of a run to its arming: five seconds and the fence (recvWindow, processing and lag of the rig's timing, clock bound).
ARMED_WITHIN_S = 5.0 + 2.0
RANDOM_KILLS = 176


class Story:
    """One stand, one account, several lives of one engine."""

    def __init__(self, stand: BinanceSpotStand, base: str, folder: Path) -> None:
        self.stand = stand
        self.base = base
        self.folder = folder
        self.lives = 0

    async def live(
        self, *, point: str = "", nth: int = 1, seconds: float = LIFE_S, kill_after_s: float = 0.0
    ) -> tuple[int, list[Any]]:
        """One life; its exit code and what it printed."""
        self.lives += 1
        given = self.stand.given["hmac"]
        options = {
            "base": self.base, "key": given.api_key, "secret": given.secret, "folder": str(self.folder / "journal"),
            "point": point, "nth": nth, "seconds": seconds, "seed": self.lives, "durability": "power",
            "segment": 20_000 if "file" in point or "rotation" in point else 10**8,
            "pull_after_s": 1.0 if "pulling" in point else 0.0,
        }  # fmt: skip
        file = self.folder / f"life-{self.lives}.json"
        file.write_text(json.dumps(options))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crash.driver", str(file), cwd=TESTS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
        if kill_after_s:
            await asyncio.sleep(kill_after_s)
            if process.returncode is None:
                process.kill()
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        lines = [json.loads(line) for line in out.splitlines()]
        assert process.returncode in (0, -signal.SIGKILL), err.decode()[-2_000:]
        return process.returncode, lines

    def audit(self, last: list[Any]) -> None:
        """After a life that ended in order."""
        assert last[-1]["clean"], last
        assert last[-1]["halts"] == [], last
        assert last[0]["armed_after_s"] < ARMED_WITHIN_S
        venue = self.stand.state()
        intents: set[str] = set()
        disk = RealDisk()
        for run in run_names(self.folder / "journal", disk):
            for record in read_run(self.folder / "journal", run, disk):
                if isinstance(record, Steps):
                    for _, effects in record.steps:
                        intents |= {effect.order.client_id for effect in effects if isinstance(effect, Submit)}
                        intents |= {effect.terms.client_id for effect in effects if isinstance(effect, Amend)}
        placed = [item["params"]["newClientOrderId"] for item in venue["requests"] if item["call"] in ("place", "replace")]
        assert placed, "the run sent nothing, so nothing was tested"
        assert set(placed) <= intents, "the venue was asked for an order that is not on record"
        assert [name for name, count in Counter(placed).items() if count > 1] == [], "an order was sent twice"
        assert venue["open_orders"] == []
        left = recover(self.folder / "journal", disk, "crash")
        assert left is not None
        assert left.carried.orders.open == ()
        known = {item.client_id: item for item in left.carried.orders.ended}
        (instrument,) = left.carried.instruments
        for item in venue["orders"]:
            ours = known[item["clientOrderId"]]
            assert not ours.foreign
            assert ours.filled == instrument.exact_qty_units(item["executedQty"]), (ours, item)
        held = {purse.asset: purse.ours for purse in left.carried.ledger.purses}
        for asset, (free, locked) in venue["balances"].items():
            assert held.get(asset, 0) == money(free) + money(locked), asset
        assert left.carried.ledger.holds == ()


async def story(folder: Path, first: dict[str, Any]) -> int:
    """A life that is killed, one that finds out, and one more after an orderly end."""
    stand = BinanceSpotStand(StandConfig(symbols=(NATIVE,), seed=11))
    async with serve(stand) as server:
        one = Story(stand, server.base, folder)
        if first.get("point") == "in the middle of reading the last run":
            await one.live(seconds=1.0)
        elif first.get("point") == "in the middle of asking about a doubt":
            await one.live(point="sent, no reply", nth=3)
        code, _ = await one.live(**first)
        _, lines = await one.live(seconds=AFTER_S)
        one.audit(lines)
    return code


@pytest.mark.parametrize("point", POINTS)
def test_given_a_run_killed_at_a_named_point_when_it_starts_again_then_both_sides_agree(tmp_path: Path, point: str) -> None:
    """Each point is really reached: the first life ends by SIGKILL."""
    nth = {"in the middle of asking about a doubt": 1, "in the middle of comparing": 1, "in the middle of arming": 1}.get(
        point, 3
    )
    nth = {"in the middle of a snapshot": 1, "in the middle of pulling orders": 1, "in the middle of stopping": 1}.get(point, nth)
    nth = 1 if "file" in point or "rotation" in point or "reading" in point else nth
    code = asyncio.run(story(tmp_path, {"point": point, "nth": nth}))
    assert code == -signal.SIGKILL, "the point was not reached"


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(RANDOM_KILLS))
def test_given_a_run_killed_at_any_time_when_it_starts_again_then_both_sides_agree(tmp_path: Path, number: int) -> None:
    """The moment is drawn; how far the run got is up to the machine."""
    asyncio.run(story(tmp_path, {"kill_after_s": random.Random(number).uniform(0.5, LIFE_S)}))
