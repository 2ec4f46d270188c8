"""`tickwright venues`: what each venue can do."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from tickwright.model.caps import Caps
from tickwright.venues import VENUES, load


def capabilities() -> dict[str, dict[str, Any]]:
    """Venue to capability to value, in plain words and numbers."""
    return {name: _plain(load(name).CAPS) for name in VENUES}


def _plain(caps: Caps) -> dict[str, Any]:
    def names(values: Any) -> list[str]:
        return sorted(item if isinstance(item, str) else item.value for item in values)

    return {
        "channels": names(caps.channels),
        "bars": names(caps.bar_spans),
        "orders": names(caps.order_types),
        "time in force": names(caps.tifs),
        "self-trade prevention": names(caps.stps),
        "post-only": caps.post_only,
        "reduce-only": caps.reduce_only,
        "order lists (OCO)": caps.order_lists,
        "amend": caps.amend.value,
        "cancel all": caps.cancel_all,
        "client id": caps.client_id_pattern,
        "client id unique": caps.client_id_scope.value,
        "request deadline, ms": caps.deadline_ns // 1_000_000,
        "dead-man's switch, s": caps.dead_man_ns // 1_000_000_000 or None,
        "trade history": caps.trade_history,
        "test network": caps.sandbox,
    }


def render(matrix: dict[str, dict[str, Any]]) -> Table:
    """One row a capability, one column a venue."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for name in matrix:
        table.add_column(name, overflow="fold")
    for row in next(iter(matrix.values()), {}):
        table.add_row(row, *(_cell(matrix[name][row]) for name in matrix))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value is None else str(value)
