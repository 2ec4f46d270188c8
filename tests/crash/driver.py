"""One run against a stand, in a process of its own, that may be killed at a named point: ``python driver.py OPTIONS.json``.

Trades restlessly: several orders a step, amends, cancels, market orders. Prints one JSON line when armed and one at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from crash.points import Bomb, BombDisk, plant
from integration.rig import LIMITS, TIMING
from tickwright import BUY, DOWN, SELL, UP, Strategy, quotes
from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.secret import Secret
from tickwright.journal.writer import Bounds, Durability
from tickwright.model.event import Verb
from tickwright.run.record import Recording
from tickwright.run.session import Plan, Session
from tickwright.venues.binance_spot import Binance
from tickwright.venues.kit import VenueConfig

#: A run that is not armed by then is stopped all the same; the audit will not like it.
ARMED_DEADLINE_S = 15.0


class Restless(Strategy):
    """Quotes both sides close to the market, changes its mind, takes now and then."""

    top = quotes()
    timer_s = 0.05
    turn = 0

    def on_timer(self) -> None:
        bid, ask = self.top.value.bid, self.top.value.ask
        if not bid or not ask:
            return
        self.turn += 1
        away = 0.001 * (1 + self.turn % 3)
        size = Decimal("0.002") if self.turn % 2 else Decimal("0.003")
        price = self.instrument.price
        self.quote("bid", BUY, price(bid * (1 - away), DOWN), size)
        self.quote("ask", SELL, price(ask * (1 + away), UP), size)
        if self.turn % 4 == 0:
            self.buy(size, limit=price(ask * 1.002, UP))
            self.sell(size, limit=price(bid * 0.998, DOWN))
        if self.turn % 5 == 0:
            for order in self.orders[:1]:
                self.cancel(order)


async def main(options: dict[str, Any]) -> None:
    bomb = Bomb(options["point"], options["nth"])
    clock = SystemClock()
    venue = Binance(
        VenueConfig(
            rest_url=f"http://{options['base']}",
            ws_url=f"ws://{options['base']}",
            ws_api_url=f"ws://{options['base']}/ws-api/v3",
            key=options["key"],
            secret=Secret(options["secret"].encode()),
            key_kind="hmac",
            recv_window_ms=1_000,
            use_rest_orders=False,
        ),
        clock,
        Chance(options["seed"]),
        TIMING,
    )
    recording = Recording(
        Path(options["folder"]),
        "crash",
        Durability(options["durability"]),
        disk=BombDisk(bomb),
        bounds=Bounds(segment=options["segment"], free=0),
    )
    plan = Plan(
        strategy=Restless,
        params={},
        venue=venue,
        symbols=["BTC/USDT"],
        limits=LIMITS,
        recording=recording,
    )
    session = Session(plan, clock)
    began = clock.mono_ns()
    await session.prepare()
    plant(session, bomb)
    pull = asyncio.create_task(_pull(session, options["pull_after_s"]))
    telling = asyncio.create_task(_life(session, clock, began, options["seconds"]))
    try:
        await session.run()
    finally:
        pull.cancel()
        telling.cancel()
    stopped = session.shell.stopped
    tell({"clean": bool(stopped and stopped.clean), "why": stopped.why if stopped else "", "halts": session.state.counters.halts})


def tell(line: dict[str, Any]) -> None:
    """A line for whoever started this process."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _pull(session: Session, after_s: float) -> None:
    """A person pulls the orders, and later lets the run go on."""
    if after_s:
        await asyncio.sleep(after_s)
        session.shell.command(Verb.PULL, "a test")
        await asyncio.sleep(0.3)
        session.shell.command(Verb.RESUME, "a test")


async def _life(session: Session, clock: SystemClock, began: int, seconds: float) -> None:
    """So long, counted from the arming."""
    while not session.state.armed and (clock.mono_ns() - began) / 1e9 < ARMED_DEADLINE_S:  # noqa: ASYNC110 (the engine tells nobody)
        await asyncio.sleep(0.01)
    tell({"armed_after_s": (clock.mono_ns() - began) / 1e9})
    await asyncio.sleep(seconds)
    session.stop("the life is over")


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
