"""The live table: what a run is doing, twice a second at a terminal, one log line now and then elsewhere. On stderr.

Drawing takes about four milliseconds of the loop that trades, which is why it is not done more often. What a strategy wants shown
is shown as it is: nothing in it is taken for markup.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tickwright.base.numbers import money_text
from tickwright.engine.state import State
from tickwright.model.reason import Reason
from tickwright.run.shell import Shell

REFRESH_S = 0.5
LINE_EVERY_S = 10.0
#: Rows of orders, refusals, halts and watched values that are shown.
ROWS_MAX = 8


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a run. ``ages_s`` is the age of the last quote or trade; None: down, or nothing has come yet."""

    strategy: str
    prices: dict[str, str]
    positions: dict[str, str]
    ages_s: dict[str, float | None]
    equity: str
    armed: bool
    orders: list[str]
    sent: int
    fills: int
    refusals: dict[str, int]
    reconnects: int
    frames: int
    accounts_down: list[str]
    halts: list[str]
    watched: dict[str, str]


def look(state: State, shell: Shell, connections: Mapping[str, Any]) -> Status:
    """The run as it is now."""
    prices: dict[str, str] = {}
    positions: dict[str, str] = {}
    ages: dict[str, float | None] = {}
    for key in state.traded:
        market = state.market(key)
        instrument = state.instruments[key]
        mid = market.mid
        prices[instrument.symbol] = "none yet" if mid is None else f"{mid:,.8g}"
        positions[instrument.symbol] = f"{instrument.qty_decimal(state.position_units(key)).normalize() + 0:f}"
        newest = max(market.quoted_ns, market.traded_ns)
        ages[instrument.symbol] = None if market.down or not newest else (shell.clock.wall_ns() - newest) / 1e9
    equity = state.equity()
    listed = [order for order in state.orders.open_orders() if not order.foreign]
    halts = [f"{halt.scope} {halt.level.name}: {halt.reason.sentence}" for halt in state.halts.all()]
    halts += [f"{scope} {level.name}: {reason.sentence}" for scope, reason, level in state.halts.conditions()]
    return Status(
        strategy=", ".join(runtime.name for runtime in state.runtimes),
        prices=prices,
        positions=positions,
        ages_s=ages,
        equity="unknown" if equity is None else f"{float(money_text(equity)):,.2f} {state.config.currency}",
        armed=state.armed,
        orders=[repr(order) for order in listed],
        sent=state.counters.orders,
        fills=state.counters.fills,
        refusals=dict(state.counters.refusals),
        reconnects=sum(counters.reconnects for counters in connections.values()),
        frames=sum(counters.frames for counters in connections.values()),
        accounts_down=[name for name, venue in state.venues.items() if not venue.account_up],
        halts=halts,
        watched={name: value for values in shell.watched.values() for name, value in values.items()},
    )


def render(status: Status) -> Group:
    """The table of one look."""
    market = Table(box=None, padding=(0, 2))
    for heading in ("instrument", "price", "position", "age"):
        market.add_column(heading, justify="left" if heading == "instrument" else "right")
    for symbol, price in status.prices.items():
        age = status.ages_s[symbol]
        shown = Text("down", "red") if age is None else Text(f"{age:.1f} s")
        market.add_row(Text(symbol), price, status.positions[symbol], shown)
    facts = Table.grid(padding=(0, 2))
    refused = sum(status.refusals.values())
    facts.add_row("  equity", status.equity)
    facts.add_row("  orders", f"{status.sent} sent, {len(status.orders)} open, {status.fills} fills, {refused} refused")
    facts.add_row("  connections", f"{status.frames:,} messages, {status.reconnects} reconnects")
    for name, value in list(status.watched.items())[:ROWS_MAX]:
        facts.add_row(Text(f"  {name}", "cyan"), Text(value))
    head = Text(f"{status.strategy}: ", "bold")
    head.append("armed" if status.armed else "not armed", "green" if status.armed else "yellow")
    alarms = [Text(f"  the account of {name} is not connected", "yellow") for name in status.accounts_down]
    alarms += [Text(f"  {halt}", "red") for halt in status.halts[:ROWS_MAX]]
    alarms += [Text(f"  refused {count} ×: {Reason(name).sentence}", "yellow") for name, count in _most(status.refusals)]
    return Group(head, market, facts, *alarms)


def _most(refusals: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(refusals.items(), key=lambda item: (-item[1], item[0]))[:ROWS_MAX]


async def show(take: Callable[[], Status], *, quiet: bool) -> None:
    """Show the run until cancelled; ``quiet`` shows nothing."""
    if quiet:
        await asyncio.Event().wait()
    elif sys.stderr.isatty():
        await _table(take)
    else:
        await _lines(take)


async def _table(take: Callable[[], Status]) -> None:
    # Log lines that are written meanwhile appear above it: it stands in for stderr while it is there.
    with Live(render(take()), console=Console(stderr=True), auto_refresh=False, transient=True) as shown:
        while True:
            shown.update(render(take()), refresh=True)
            await asyncio.sleep(REFRESH_S)


async def _lines(take: Callable[[], Status]) -> None:
    log = structlog.get_logger()
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        status = take()
        log.info(
            "status",
            price=status.prices,
            position=status.positions,
            equity=status.equity,
            sent=status.sent,
            fills=status.fills,
            refused=sum(status.refusals.values()),
            reconnects=status.reconnects,
            halts=status.halts,
        )
