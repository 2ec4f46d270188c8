"""`tickwright demo`: a strategy on ten recorded minutes of Binance, through real sockets, with one disconnect on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from tickwright import Strategy, bars, ema, param, trades
from tickwright.base.chance import Chance
from tickwright.base.clock import Clock, SystemClock
from tickwright.base.errors import UsageError
from tickwright.journal.writer import Durability
from tickwright.run.build import STARTER_LIMITS, make_venue
from tickwright.run.logs import setup_logs
from tickwright.run.record import Recording
from tickwright.run.replay import replay
from tickwright.run.runner import connections_of, fast_loop, run_plan
from tickwright.run.session import Plan
from tickwright.run.standrun import StandProcess
from tickwright.run.summary import Summary

#: The tape is about this long.
TAPE_S = 641.0
SECONDS = 25.0
SECONDS_MIN = 5.0
#: Left at the end for the last orders to be cancelled and the two sides to be compared.
TAIL_S = 1.5


class DemoCross(Strategy):
    """Long while the fast average is above the slow one, flat otherwise; and once it asks for far too much."""

    fast = bars("5s").close >> ema(4)
    slow = bars("5s").close >> ema(12)
    last = trades()
    size = param("0.01", unit="BTC")
    greedy = False

    def decide(self) -> None:
        self.watch(fast=self.fast.value, slow=self.slow.value)
        if not self.greedy:
            self.greedy = True
            self.buy("5")  # the gate refuses it, and the run goes on
        self.target(self.size if self.fast.value > self.slow.value else 0)


def run_demo(seconds: float = SECONDS, *, quiet: bool = False, say: Callable[[str], None] = lambda _: None) -> Summary:
    """Play the tape in about ``seconds`` and trade on it."""
    if not SECONDS_MIN <= seconds <= TAPE_S:
        raise UsageError(f"the demo takes {SECONDS_MIN:.0f} to {TAPE_S:.0f} seconds, not {seconds:g}")
    setup_logs("error" if quiet else "info", "console")
    with fast_loop() as runner:
        summary: Summary = runner.run(_demo(seconds, quiet, say))
        return summary


async def _demo(seconds: float, quiet: bool, say: Callable[[str], None]) -> Summary:
    clock, chance = SystemClock(), Chance(1)
    speed = TAPE_S / (seconds - TAIL_S)
    say(f"Starting a local Binance: ten recorded minutes of BTC/USDT (8 August 2024), {speed:.0f} times as fast.")
    with tempfile.TemporaryDirectory(prefix="tickwright-demo-") as folder:
        summary = await _trade(seconds, speed, Recording(Path(folder), "demo", Durability.PROCESS), clock, chance, quiet, say)
        say("Replaying the run from its journal.")
        return msgspec.structs.replace(summary, journal="", replay=replay(Path(folder), strategy=DemoCross))


async def _trade(
    seconds: float, speed: float, recording: Recording, clock: Clock, chance: Chance, quiet: bool, say: Callable[[str], None]
) -> Summary:
    async with StandProcess("binance_spot", tape=None, speed=speed) as stand:
        venue = make_venue("binance_spot", stand.section(), stand.credentials(), clock, chance)
        plan = Plan(
            strategy=DemoCross,
            params={},
            venue=venue,
            symbols=["BTC/USDT"],
            limits=STARTER_LIMITS,
            seconds=seconds,
            recording=recording,
        )
        say("Trading on it through sockets, with signed orders. Half way the connection is cut, on purpose.")
        breaker = asyncio.create_task(_cut(stand, seconds / 2))
        try:
            return await run_plan(plan, clock, connections_of(venue), quiet=quiet)
        finally:
            breaker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await breaker


async def _cut(stand: StandProcess, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await stand.inject({"kind": "disconnect"})
