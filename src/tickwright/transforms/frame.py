"""The last n values as a frame, for those who think in columns.

Taking a value in costs no more than remembering it: the frame is made when it is looked at, at most once for each value. pandas
and polars are the extra ``research`` and are imported with the first frame.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import msgspec

from tickwright.base.errors import StrategyError
from tickwright.model.market import Bar
from tickwright.transforms.each import each as each  # noqa: PLC0414 (the package takes it from here)
from tickwright.transforms.stage import SKIP, Spec, spec, whole

COLUMNS = ("open", "high", "low", "close", "volume", "notional", "trades", "buy_volume")
KINDS = ("pandas", "polars")


class Frame:
    """Bars become rows indexed by their end (UTC), trades and quotes by the venue's time; tuples get a column for each part, and
    anything else the one column ``value``. There is a frame from the n-th value on.
    """

    __slots__ = ("_kind", "_made", "_n", "_rows", "warmup")

    def __init__(self, n: int, kind: str = "pandas") -> None:
        self._n = self.warmup = whole(n, "frame")
        if kind not in KINDS:
            raise ValueError(f"a frame is made by pandas or polars, not {kind!r}")
        if find_spec(kind) is None:
            raise StrategyError(
                f"frame() needs {kind}, which is not installed", hint="install the extra: pip install 'tickwright[research]'"
            )
        self._kind = kind
        self._rows: deque[Any] = deque(maxlen=self._n)
        self._made: Any = None

    def reset(self) -> None:
        self._rows.clear()
        self._made = None

    def take(self, x: Any) -> bool:
        """Remember a value; True once there are n."""
        self._rows.append(x)
        self._made = None
        return len(self._rows) == self._n

    def look(self) -> Any:
        """The frame of the last n values; the same object until there is another value."""
        if self._made is None:
            self._made = (to_pandas if self._kind == "pandas" else to_polars)(list(self._rows))
        return self._made

    def step(self, x: Any) -> Any:
        return self.look() if self.take(x) else SKIP


def to_pandas(rows: Sequence[Any]) -> Any:
    """A ``pandas.DataFrame``; of market events with a UTC ``DatetimeIndex``."""
    import numpy as np  # noqa: PLC0415 (slow imports, and pandas is optional)
    import pandas as pd  # noqa: PLC0415 (the same)

    index, names = _layout(rows[0])
    at = None
    if index:
        times = np.array([getattr(row, index) for row in rows], dtype="datetime64[ns]")
        at = pd.DatetimeIndex(times, tz="UTC", name=_label(index))
    return pd.DataFrame(dict(zip(names, _by_column(rows, names), strict=True)), index=at)


def to_polars(rows: Sequence[Any]) -> Any:
    """A ``polars.DataFrame``; of market events with a UTC column for the time."""
    import polars as pl  # noqa: PLC0415 (slow, and optional)

    index, names = _layout(rows[0])
    data = dict(zip(names, _by_column(rows, names), strict=True))
    if index:
        times = pl.Series([getattr(row, index) for row in rows], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
        return pl.DataFrame({_label(index): times, **data})
    return pl.DataFrame(data)


def _layout(row: object) -> tuple[str, tuple[str, ...]]:
    """Which attribute of such rows is their time ("" for none), and which are the columns."""
    if isinstance(row, Bar):
        return "end_ns", COLUMNS
    if isinstance(row, msgspec.Struct):
        fields = tuple(name for name in row.__struct_fields__ if name not in ("key", "venue_ns"))
        return ("venue_ns" if "venue_ns" in row.__struct_fields__ else ""), fields
    if isinstance(row, tuple):
        return "", getattr(row, "_fields", tuple(f"value_{place}" for place in range(len(row))))
    return "", ("value",)


def _by_column(rows: Sequence[Any], names: tuple[str, ...]) -> list[list[Any]]:
    if not isinstance(rows[0], (msgspec.Struct, tuple)):
        return [list(rows)]
    pick = operator.attrgetter(*names) if isinstance(rows[0], msgspec.Struct) else tuple
    columns = [list(column) for column in zip(*map(pick, rows), strict=True)]
    return [_texts(name, column) for name, column in zip(names, columns, strict=True)]


def _texts(name: str, column: list[Any]) -> list[Any]:
    """A side as ``buy`` or ``sell``: frames have no column type for an enumeration of ours."""
    return [item.value for item in column] if name == "side" else column


def _label(index: str) -> str:
    return "end" if index == "end_ns" else "time"


def frame(n: int, kind: str = "pandas") -> Spec:
    """Stage: the last ``n`` values as a pandas or polars frame."""
    return spec(Frame, n, kind)
