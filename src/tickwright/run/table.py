"""The live table: what a run is doing, a few times a second at a terminal, one line now and then elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tickwright.base.numbers import money_text
from tickwright.engine.state import State
from tickwright.run.shell import Shell

REFRESH_S = 0.25
LINE_EVERY_S = 10.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a run."""

    strategy: str
    prices: dict[str, str]
    positions: dict[str, str]
    ages_s: dict[str, float | None]
    equity: str
    armed: bool
    orders: list[str]
    sent: int
    fills: int
    refusals: int
    reconnects: int
    frames: int
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
        positions[instrument.symbol] = str(instrument.qty_decimal(state.position_units(key)).normalize() + 0)
        newest = max(market.quoted_ns, market.traded_ns)
        ages[instrument.symbol] = None if market.down or not newest else (shell.clock.wall_ns() - newest) / 1e9
    equity = state.equity()
    listed = [order for order in state.orders.open_orders() if not order.foreign]
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
        refusals=sum(state.counters.refusals.values()),
        reconnects=sum(counters.reconnects for counters in connections.values()),
        frames=sum(counters.frames for counters in connections.values()),
        halts=[f"{halt.scope} {halt.level.name}: {halt.reason.sentence}" for halt in state.halts.all()],
        watched={name: value for values in shell.watched.values() for name, value in values.items()},
    )


def render(status: Status) -> Table:
    """The table of one look."""
    table = Table(
        title=f"{status.strategy}: {'armed' if status.armed else 'not armed'}", title_justify="left", box=None, padding=(0, 2)
    )
    for heading in ("instrument", "price", "position", "age"):
        table.add_column(heading, justify="left" if heading == "instrument" else "right")
    for symbol, price in status.prices.items():
        age = status.ages_s[symbol]
        table.add_row(symbol, price, status.positions[symbol], "[red]down[/]" if age is None else f"{age:.1f} s")
    table.add_section()
    table.add_row("equity", status.equity, "", "")
    table.add_row("orders", f"{status.sent} sent", f"{len(status.orders)} open", "")
    table.add_row("fills", str(status.fills), f"{status.refusals} refused", "")
    table.add_row("connection", f"{status.frames:,} messages", f"{status.reconnects} reconnects", "")
    for name, value in status.watched.items():
        table.add_row(f"[dim]{name}[/]", value, "", "")
    for halt in status.halts:
        table.add_row(f"[red]{halt}[/]", "", "", "")
    return table


async def show(take: Callable[[], Status], *, quiet: bool) -> None:
    """Show the run until cancelled, on stderr."""
    if quiet:
        await asyncio.Event().wait()
    console = Console(stderr=True)
    if not sys.stderr.isatty():
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
            )
    with Live(render(take()), console=console, refresh_per_second=4, transient=True) as live:
        while True:
            await asyncio.sleep(REFRESH_S)
            live.update(render(take()))
