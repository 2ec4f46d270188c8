"""Times in microseconds, for who asked for them: the stand's own are milliseconds throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tickwright.sim.stands.binance_spot.shapes import JsonValue, Refusal

_TIMES = frozenset(
    {
        "serverTime", "transactTime", "transactionTime", "time", "updateTime", "workingTime", "openTime", "closeTime", "E", "T",
        "O", "W", "C", "authorizedSince", "connectedSince", "retryAfter", "createTime",
    }
)  # fmt: skip
#: Cells of a kline row that are times.
_ROW_TIMES = frozenset({0, 6})


def wants_micros(value: str | None) -> bool:
    """Whether microseconds are asked for; refuses what is neither unit."""
    if not value or value.upper() == "MILLISECOND":
        return False
    if value.upper() != "MICROSECOND":
        raise Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return True


def micros(value: JsonValue) -> JsonValue:
    """The same with every time a thousand times as large."""
    if isinstance(value, Mapping):
        return {name: _field(name, item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [micros(item) for item in value]
    return value


def kline_micros(rows: JsonValue) -> JsonValue:
    """The same for the answer of ``klines``."""
    assert isinstance(rows, Sequence)
    return [
        [_scaled(cell) if place in _ROW_TIMES else cell for place, cell in enumerate(row)] if isinstance(row, Sequence) else row
        for row in rows
    ]


def _field(name: str, item: JsonValue) -> JsonValue:
    if name == "k" and isinstance(item, Mapping):
        return {**item, "t": _scaled(item.get("t")), "T": _scaled(item.get("T"))}
    return _scaled(item) if name in _TIMES and isinstance(item, int) else micros(item)


def _scaled(value: JsonValue) -> JsonValue:
    return value * 1_000 if isinstance(value, int) and not isinstance(value, bool) and value > 0 else value
