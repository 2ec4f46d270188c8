"""Which column is what, and what a cell says. Guesses are shown to the user; what cannot be guessed is asked for.

Guarantees: a cell that is not a finite number, or not a time, is an error with the row and the column; nothing is repaired.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tickwright.base.errors import DataError
from tickwright.base.suggest import near_or_list

BARS, TRADES = "bars", "trades"
#: What each kind needs, and what it can do without.
NEEDED = {BARS: ("time", "open", "high", "low", "close", "volume"), TRADES: ("time", "price", "qty")}
OPTIONAL = {BARS: (), TRADES: ("side", "maker", "id")}

#: Names under which exports of venues and libraries have each column, in lower case.
_NAMES = {
    "time": (
        "timestamp",
        "time",
        "ts",
        "date",
        "datetime",
        "open_time",
        "opentime",
        "start",
        "t",
        "local_timestamp",
        "transact_time",
    ),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "base_volume"),
    "price": ("price", "px", "p"),
    "qty": ("qty", "quantity", "size", "amount", "volume", "q", "vol"),
    "side": ("side", "taker_side", "aggressor"),
    "maker": ("is_buyer_maker", "isbuyermaker", "buyer_maker", "m"),
    "id": ("trade_id", "id", "agg_trade_id", "a"),
}
#: Binance's public dumps without a header: by the number of columns.
_DUMPS: dict[int, tuple[str, dict[str, int]]] = {
    12: (BARS, {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}),
    8: (TRADES, {"id": 0, "price": 1, "qty": 2, "time": 5, "maker": 6}),
    7: (TRADES, {"id": 0, "price": 1, "qty": 2, "time": 4, "maker": 5}),
    6: (TRADES, {"id": 0, "price": 1, "qty": 2, "time": 4, "maker": 5}),
}
_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_BUYS = frozenset({"buy", "b", "bid", "1"})
_SELLS = frozenset({"sell", "s", "ask", "-1"})
_TRUE, _FALSE = frozenset({"true", "1", "t"}), frozenset({"false", "0", "f"})


class Layout(NamedTuple):
    """What a table holds: its kind, and where each column is."""

    kind: str
    columns: dict[str, int]
    names: tuple[str, ...]  # the table's own, for people

    def describe(self) -> str:
        """The mapping, in words."""
        return f"{self.kind}: " + ", ".join(f"{name} = {self.names[place]}" for name, place in self.columns.items())


def by_names(names: Sequence[str], where: str, given: Mapping[str, str] | None = None) -> Layout:
    """The layout of a table with a header. ``given`` says which column is what, before any guess."""
    low = [name.strip().lower() for name in names]
    chosen: dict[str, int] = {}
    for name, column in (given or {}).items():
        if name not in _NAMES:
            raise DataError(f"there is no {name!r} to map", where=where, hint=near_or_list(name, _NAMES))
        if column.lower() not in low:
            raise DataError(f"there is no column {column!r}", where=where, hint=near_or_list(column, names))
        chosen[name] = low.index(column.lower())
    for name, known in _NAMES.items():
        if name not in chosen:
            found = next((low.index(item) for item in known if item in low), None)
            if found is not None:
                chosen[name] = found
    for kind in (BARS, TRADES):
        if all(name in chosen for name in NEEDED[kind]):
            wanted = NEEDED[kind] + OPTIONAL[kind]
            return Layout(kind, {name: chosen[name] for name in wanted if name in chosen}, tuple(names))
    kind = BARS if "open" in chosen or "close" in chosen else TRADES
    missing = [name for name in NEEDED[kind] if name not in chosen]
    hint = f"its columns are {', '.join(names)}; say which is which with --map {missing[0]}=COLUMN"
    raise DataError(f"no column of {kind} for {', '.join(missing)}", where=where, hint=hint)


def by_count(row: Sequence[str], where: str) -> Layout:
    """The layout of a table without a header: the public dumps of Binance."""
    found = _DUMPS.get(len(row))
    if found is None:
        raise DataError(f"{len(row)} columns and no header", where=where, hint="add a header line, or give --map")
    kind, columns = found
    if len(row) == 7 and len(row[5].strip()) >= 13 and len(row[4].strip()) < 13:  # aggregate trades without the last column
        columns = {"id": 0, "price": 1, "qty": 2, "time": 5, "maker": 6}
    return Layout(kind, columns, tuple(f"column {place + 1}" for place in range(len(row))))


def is_header(row: Sequence[str]) -> bool:
    """Whether a first row names columns: none of its cells is a number."""
    return bool(row) and not any(_is_number(cell) for cell in row)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def clock(cell: Any, unit: str = "") -> Callable[[Any], int]:
    """What turns cells like this one into nanoseconds since the epoch. A number's unit is told by its size: seconds have ten
    digits until the year 2286, milliseconds thirteen. Text is ISO 8601, in UTC unless it says otherwise. Raises ``ValueError``.
    """
    if hasattr(cell, "timestamp") and not isinstance(cell, str):  # datetime and pandas' own
        return _of_datetime
    if isinstance(cell, str) and not _is_number(cell):
        _of_text(cell)
        return _of_text
    size = abs(float(cell))
    name = unit or ("s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns")
    if name not in _NS:
        raise ValueError(f"{unit!r} is no unit of time: {', '.join(_NS)}")
    scale = _NS[name]

    def of_number(value: Any) -> int:
        text = str(value)
        return int(text) * scale if text.isdigit() else round(float(value) * scale)

    return of_number


def _of_text(cell: Any) -> int:
    stamp = dt.datetime.fromisoformat(str(cell).strip())
    return _of_datetime(stamp)


def _of_datetime(stamp: Any) -> int:
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=dt.UTC)
    if hasattr(stamp, "nanosecond"):
        return int(stamp.value)
    since: dt.timedelta = stamp - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


def number(cell: Any) -> float:
    """A finite number; raises ``ValueError``."""
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is not a finite number")
    return value


def buys(cell: Any) -> bool:
    """Whether a side says that the aggressor bought; raises ``ValueError``."""
    text = str(cell).strip().lower()
    if text in _BUYS:
        return True
    if text in _SELLS:
        return False
    raise ValueError(f"{cell!r} is neither buy nor sell")


def truth(cell: Any) -> bool:
    """A flag; raises ``ValueError``."""
    text = str(cell).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{cell!r} is neither true nor false")
