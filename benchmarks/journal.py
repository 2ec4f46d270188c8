"""What the journal takes by itself: steps a second on the real disk, and what one intent costs at each durability.

    python benchmarks/journal.py [--json]

Steps that cause nothing are recorded trades; every hundredth step is a tick, as in a run. An intent is a step with one order.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tickwright.journal.disk import RealDisk
from tickwright.journal.writer import Durability, open_run
from tickwright.model.effect import Submit
from tickwright.model.event import Tick
from tickwright.model.market import BUY, Trade
from tickwright.model.order import NewOrder, OrderType, Tif

STEPS = 300_000
INTENTS = 2_000
KEY = "binance_spot:BTC/USDT"


def trade(n: int) -> Trade:
    return Trade(KEY, 61_000.5 + n % 100, 0.125, BUY, n, 1_723_075_200_000_000_000 + n, 1_723_075_200_000_000_000 + n)


def intent(n: int) -> Submit:
    order = NewOrder(
        key=KEY,
        client_id=f"twbench00-{n}",
        side=BUY,
        type=OrderType.LIMIT,
        qty=100_000,
        price=6_100_000,
        stop=None,
        tif=Tif.GTC,
        post_only=False,
        reduce_only=False,
    )
    return Submit("binance_spot", order, "r")


def steps_per_s(durability: Durability) -> float:
    """Recorded steps a second, nothing sent."""
    events = [Tick(n) if n % 100 == 0 else trade(n) for n in range(STEPS)]
    with tempfile.TemporaryDirectory() as folder:
        journal = open_run(Path(folder), "twbench00-", b"{}", durability, disk=RealDisk(), checkpoint=lambda: b"{}")
        began = time.perf_counter()
        for seq, event in enumerate(events, 1):
            journal.write(seq, event, ())
        took = time.perf_counter() - began
        journal.close()
    return STEPS / took


def intent_us(durability: Durability) -> dict[str, float]:
    """What one order's record takes before it may be sent, in microseconds."""
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        journal = open_run(Path(folder), "twbench00-", b"{}", durability, disk=RealDisk(), checkpoint=lambda: b"{}")
        for n in range(1, INTENTS + 1):
            event, effects = trade(n), (intent(n),)
            began = time.perf_counter_ns()
            journal.write(n, event, effects)
            samples.append((time.perf_counter_ns() - began) / 1_000)
        journal.close()
    samples.sort()
    return {"p50": round(statistics.median(samples), 1), "p99": round(samples[len(samples) * 99 // 100], 1)}


def main() -> None:
    result: dict[str, Any] = {
        "steps_per_s": {item.value: round(steps_per_s(item)) for item in Durability},
        "intent_us": {item.value: intent_us(item) for item in Durability},
    }
    print(json.dumps(result) if "--json" in sys.argv else json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
