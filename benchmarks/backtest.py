"""History: events a second through the whole engine, beside a loop written by hand that decides the same.

    python benchmarks/backtest.py [--rounds 5] [--json]

The market is drawn once. The loop knows bars, two averages and a position, and nothing of orders in flight, risk, fees or an
account: it is the floor, and its decisions must be the engine's.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from tickwright import BUY, SELL, Strategy, bars, ema, param, trades
from tickwright.base.numbers import money
from tickwright.model.instrument import Instrument
from tickwright.model.market import MarketEvent, Trade
from tickwright.run.backtest import Assumptions, backtest

TRADES = 300_000
START_NS, EVERY_NS, SPAN_NS = 1_700_000_040 * 10**9, 100_000_000, 5 * 10**9
BTC = Instrument(
    venue="sim", symbol="BTC/USDT", native="BTCUSDT", base="BTC", quote="USDT", price_exp=2, qty_exp=5, tick_units=1, lot_units=1,
    qty_min_units=1, notional_min=money(5),
)  # fmt: skip


class Null(Strategy):
    """Looks at every trade and does nothing."""

    last = trades()

    def decide(self) -> None:
        """Nothing."""


class Cross(Strategy):
    """Trades at the crossing of two averages of five-second bars."""

    fast = bars("5s").close >> ema(10)
    slow = bars("5s").close >> ema(30)
    size = param("0.01")

    def decide(self) -> None:
        self.target(self.size if self.fast.value > self.slow.value else 0)


class Drawn:
    """A market out of one seed."""

    kind, name = "trades", "drawn"

    def __init__(self, count: int) -> None:
        chance, price = random.Random(1), 60_000.0
        self.rows: list[tuple[int, float]] = []
        for n in range(count):
            price = round(price + chance.gauss(0, 2), 2)
            self.rows.append((START_NS + n * EVERY_NS, price))

    def describe(self) -> str:
        return f"{len(self.rows)} trades"

    def checksum(self) -> str:
        return "1"

    def events(self) -> Iterator[MarketEvent]:
        key = BTC.key
        for number, (at_ns, price) in enumerate(self.rows, 1):
            yield Trade(key, price, 0.01, BUY if number & 1 else SELL, number, at_ns, at_ns)


def by_hand(market: Drawn, *, deciding: bool) -> int:
    """The same events, and how often the position would change."""
    flips, held, fast, slow, count, end, close = 0, False, 0.0, 0.0, 0, 0, 0.0
    fast_sum: list[float] = []
    for event in market.events():
        if not deciding:
            continue
        at_ns, price = event.recv_ns, event.price  # type: ignore[union-attr]  # trades
        if at_ns >= end:
            if end:
                count += 1
                if count <= 30:
                    fast_sum.append(close)
                fast = sum(fast_sum[:10]) / 10 if count == 10 else fast + (close - fast) * 2 / 11 if count > 10 else 0.0
                slow = sum(fast_sum) / 30 if count == 30 else slow + (close - slow) * 2 / 31 if count > 30 else 0.0
                if count >= 30 and (fast > slow) != held:
                    held = not held
                    flips += 1
            end = at_ns - at_ns % SPAN_NS + SPAN_NS
        close = price
    return flips


def timed(call: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = call()
    return TRADES / (time.perf_counter() - began), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    market, free = Drawn(TRADES), Assumptions(maker_bps=0, taker_bps=0)
    rates: dict[str, list[float]] = {"loop, null": [], "null": [], "loop, cross": [], "cross": []}
    flips = fills = 0
    for _ in range(given.rounds):
        for name, call in (
            ("loop, null", lambda: by_hand(market, deciding=False)),
            ("null", lambda: backtest(Null, market, BTC, assumptions=free)),
            ("loop, cross", lambda: by_hand(market, deciding=True)),
            ("cross", lambda: backtest(Cross, market, BTC, assumptions=free)),
        ):
            rate, found = timed(call)
            rates[name].append(rate)
            flips = found if name == "loop, cross" else flips
            fills = len(found.fills) if name == "cross" else fills
    if flips != fills:
        raise SystemExit(f"the loop changes its position {flips} times, the engine trades {fills} times: not the same work")
    result = {
        "events_per_s": {name: round(statistics.median(found)) for name, found in rates.items()},
        "null_of_loop": round(statistics.median(a / b for a, b in zip(rates["null"], rates["loop, null"], strict=True)), 3),
        "cross_of_loop": round(statistics.median(a / b for a, b in zip(rates["cross"], rates["loop, cross"], strict=True)), 3),
        "orders": fills,
        "rounds": given.rounds,
    }
    if given.json:
        print(json.dumps(result))
        return
    print(f"history, {TRADES:,} trades, medians of {given.rounds} interleaved rounds, {fills} orders on either side")
    for name, rate in result["events_per_s"].items():  # type: ignore[attr-defined]  # a table
        print(f"{name:>14} {rate:>12,} events/s")
    print(f"{'':>14} null is {result['null_of_loop']} of the loop, cross {result['cross_of_loop']}")


if __name__ == "__main__":
    main()
