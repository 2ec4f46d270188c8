"""`tickwright venues`: what each venue can do, from its ``Caps``."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from tickwright.base.clock import NS_PER_MS, NS_PER_S
from tickwright.model.caps import Caps
from tickwright.venues import VENUES, load

Value = bool | int | str | list[str] | None

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def capabilities() -> dict[str, dict[str, Value]]:
    """Venue to capability to value, in plain words and numbers."""
    return {name: plain(load(name).CAPS) for name in VENUES}


def plain(caps: Caps) -> dict[str, Value]:
    """One venue's capabilities. None: there is no such thing."""
    return {
        "channels": _names(item.value for item in caps.channels),
        "bars": sorted(caps.bar_spans, key=_seconds),
        "orders": _names(item.value for item in caps.order_types),
        "time in force": _names(item.value for item in caps.tifs),
        "self-trade prevention": _names(item.value for item in caps.stps),
        "post-only": caps.post_only,
        "reduce-only": caps.reduce_only,
        "order lists (OCO)": caps.order_lists,
        "amend": caps.amend.value,
        "cancel all": caps.cancel_all,
        "client id": caps.client_id_pattern,
        "client id unique": caps.client_id_scope.value,
        "request deadline, ms": caps.deadline_ns // NS_PER_MS or None,
        "dead-man's switch, s": caps.dead_man_ns // NS_PER_S or None,
        "trade history": caps.trade_history,
        "test network": caps.sandbox,
        "notes": caps.notes,
    }


def _names(values: Iterable[str]) -> list[str]:
    return sorted(values)


def _seconds(span: str) -> tuple[int, str]:
    """How long a bar is; a span of another form comes last."""
    count, unit = span[:-1], span[-1:]
    return (int(count) * _UNITS_S[unit] if count.isdigit() and unit in _UNITS_S else 2**62, span)


def render(matrix: dict[str, dict[str, Value]]) -> Table:
    """One row a capability, one column a venue."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in matrix:
        table.add_column(name, overflow="fold")
    for row in next(iter(matrix.values()), {}):
        table.add_row(row, *(Text(_cell(columns[row])) for columns in matrix.values()))  # Text: a pattern is no markup
    return table


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value is None else str(value)
