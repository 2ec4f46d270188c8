"""What a run came to: one struct, for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tickwright.base.numbers import MONEY_EXP, NEAREST, POW10, money_text, round_units, to_text
from tickwright.engine.state import State
from tickwright.model.instrument import Instrument
from tickwright.model.reason import Reason
from tickwright.run.replay import Replay
from tickwright.run.shell import Shell


class Latency(msgspec.Struct, frozen=True):
    """Microseconds from the receipt of an event to the order's bytes handed to the socket."""

    p50: float | None
    p99: float | None
    samples: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Balances, positions and fees are exact, as decimal text. ``pnl`` is realised and unrealised profit after fees in
    ``currency``, to eight places; None where something has no price. ``seconds`` are of wall time.
    """

    strategy: str
    venue: str
    symbols: list[str]
    seconds: float
    messages: int
    bars: int
    decisions: int
    orders: int
    fills: int
    refusals: dict[str, int]
    reconnects: int
    reconciled: bool
    differences: list[str]
    halts: list[str]
    currency: str
    pnl: Decimal | None
    fees: dict[str, str]
    position: dict[str, str]
    position_at_venue: dict[str, str]
    balances: dict[str, str]
    balances_at_venue: dict[str, str]
    open_orders: int
    tick_to_order_us: Latency
    stopped: str
    journal: str = ""  # the folder of this run's record; "" where it was not recorded
    replay: Replay | None = None  # where the record was replayed at once


def percentile(values: list[float], share: float) -> float | None:
    """The value below which ``share`` of them lie (nearest rank); None of none."""
    if not values:
        return None
    rank = math.ceil(share * len(values))
    return round(sorted(values)[max(0, rank - 1)], 1)


def run_pnl(state: State) -> int | None:
    """Profit of the run in its currency (10**-18): what the instruments' positions made, less fees; None while unpriced."""
    total = 0
    currency = state.config.currency
    for key in state.traded:
        instrument = state.instruments[key]
        position = state.ledger.position(key)
        mid = state.market(key).mid
        if mid is None:
            if position.qty or position.realised:
                return None
            continue
        made = position.realised + state.ledger.unrealised(key, mid)
        rate = state.price_between(instrument.quote, currency)
        if rate is None:
            return None
        total += made * rate // 10**18
    for asset, fee in state.ledger.fees().items():
        rate = state.price_between(asset, currency)
        if rate is None:
            return None
        total -= fee * rate // 10**18
    return total


def summarise(
    state: State,
    shell: Shell,
    instruments: list[Instrument],
    *,
    strategy: str,
    seconds: float,
    connections: Mapping[str, Any],
    journal: str = "",
) -> Summary:
    """The summary of a run that has ended."""
    last = state.reconciliation
    pnl = run_pnl(state)
    samples = list(shell.tick_to_order_us)
    held = last.ours if last else {}
    theirs = last.theirs if last else {}
    return Summary(
        strategy=strategy,
        venue=instruments[0].venue,
        symbols=[item.symbol for item in instruments],
        seconds=round(seconds, 2),
        messages=sum(counters.frames for counters in connections.values()),
        bars=sum(runtime.graph.bars for runtime in state.runtimes),
        decisions=sum(runtime.decisions for runtime in state.runtimes),
        orders=state.counters.orders,
        fills=state.counters.fills,
        refusals=dict(sorted(state.counters.refusals.items())),
        reconnects=sum(counters.reconnects for counters in connections.values()),
        reconciled=bool(last and last.agrees and shell.stopped and shell.stopped.clean),
        differences=[f"{item.kind.value} {item.subject}" for item in last.differences] if last else ["never compared"],
        halts=state.counters.halts,
        currency=state.config.currency,
        pnl=None if pnl is None else _profit(pnl),
        fees={asset: money_text(amount) for asset, amount in state.ledger.fees().items()},
        position={item.symbol: str(item.qty_decimal(state.position_units(item.key)).normalize() + 0) for item in instruments},
        position_at_venue={item.symbol: _change(theirs.get(item.base), state, item) for item in instruments},
        balances={asset: money_text(amount) for asset, amount in held.items()},
        balances_at_venue={asset: money_text(amount) for asset, amount in theirs.items()},
        open_orders=len([order for order in state.orders.open_orders() if not order.foreign]),
        tick_to_order_us=Latency(percentile(samples, 0.5), percentile(samples, 0.99), len(samples)),
        stopped=shell.stopped.why if shell.stopped else "cut short",
        journal=journal,
    )


def _change(theirs: int | None, state: State, instrument: Instrument) -> str:
    """The position by the venue's own figures: what it holds of the base asset now, less what it held at the start."""
    if theirs is None:
        return "unknown"
    opening = state.ledger.opening(instrument.base, instrument.venue)
    return money_text(theirs - opening)


def _profit(amount: int) -> Decimal:
    places = 8
    step = POW10[MONEY_EXP - places]
    return Decimal(to_text(round_units(amount, step, NEAREST) // step, places))


def render(summary: Summary) -> Group:
    """For a terminal."""
    facts = Table.grid(padding=(0, 2))
    for _ in range(2):
        facts.add_column(style="dim", justify="right")
        facts.add_column()
    latency = summary.tick_to_order_us
    refused = sum(summary.refusals.values())
    profit = "unknown" if summary.pnl is None else f"{summary.pnl:,f} {summary.currency}"
    rows = [
        ("messages", f"{summary.messages:,}", "orders", str(summary.orders)),
        ("bars", f"{summary.bars:,}", "fills", str(summary.fills)),
        ("decisions", f"{summary.decisions:,}", "refused", str(refused)),
        ("reconnects", str(summary.reconnects), "profit after fees", profit),
        (
            "tick to order",
            f"{latency.p50} µs median, {latency.p99} µs p99" if latency.samples else "no order",
            "seconds",
            f"{summary.seconds:.1f}",
        ),
    ]
    for row in rows:
        facts.add_row(*row)
    parts: list[Table | Text] = [facts]
    if summary.refusals:
        why = Table.grid(padding=(0, 2))
        why.add_column(style="dim", justify="right")
        why.add_column()
        for name, count in summary.refusals.items():
            why.add_row(f"{count} ×", Reason(name).sentence)
        parts += [Text("\nrefused before sending", style="bold"), why]
    both = Table(title_justify="left", box=None, padding=(0, 2))
    for heading in ("", "here", "at the venue"):
        both.add_column(heading, justify="right" if heading else "left")
    for symbol, amount in summary.position.items():
        both.add_row(f"position {symbol}", amount, summary.position_at_venue.get(symbol, "unknown"))
    for asset, amount in summary.balances.items():
        both.add_row(asset, amount, summary.balances_at_venue.get(asset, "0"))
    parts += [Text(""), both]
    if summary.reconciled:
        parts.append(Text("\nBoth sides agree to the last unit.", style="bold green"))
    else:
        parts.append(Text(f"\nThe two sides do not agree: {'; '.join(summary.differences) or summary.stopped}", style="bold red"))
    if summary.replay is not None:
        parts.append(_replayed(summary.replay))
    return Group(*parts)


def _replayed(result: Replay) -> Text:
    pace = f"{result.steps:,} events through a fresh engine in {result.seconds:.2f} s"
    if result.identical:
        return Text(f"Replayed from its journal: {pace}, every effect the same.", style="bold green")
    return Text(f"Replayed from its journal: {pace}, and something differs: see tickwright replay.", style="bold red")
