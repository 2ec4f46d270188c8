"""The last n values as a frame, for those who think in columns. Built when it is looked at, not at every value."""

from __future__ import annotations

from collections import deque
from typing import Any

from tickwright.base.errors import StrategyError
from tickwright.model.market import Bar
from tickwright.transforms.stage import SKIP, Spec, as_spec

COLUMNS = ("open", "high", "low", "close", "volume", "notional", "trades", "buy_volume")
KINDS = ("pandas", "polars")


class Frame:
    """Bars become rows indexed by their end (UTC); plain numbers a column ``value``. Emits from the n-th value on."""

    __slots__ = ("_kind", "_n", "_rows", "warmup")

    def __init__(self, n: int, kind: str = "pandas") -> None:
        if n < 1:
            raise ValueError(f"a frame of {n} rows does not exist")
        if kind not in KINDS:
            raise ValueError(f"a frame is made by pandas or polars, not {kind!r}")
        self._n = int(n)
        self._kind = kind
        self.warmup = self._n
        self._rows: deque[Any] = deque(maxlen=self._n)

    def reset(self) -> None:
        self._rows.clear()

    def step(self, x: Any) -> Any:
        self._rows.append(x)
        if len(self._rows) < self._n:
            return SKIP
        return to_pandas(self._rows) if self._kind == "pandas" else to_polars(self._rows)


def to_pandas(rows: Any) -> Any:
    """A ``pandas.DataFrame``; of bars with a UTC ``DatetimeIndex`` named ``end``."""
    try:
        import pandas as pd  # noqa: PLC0415 (an optional library, and a slow import)
    except ImportError:
        raise _missing("pandas") from None
    if isinstance(rows[0], Bar):
        index = pd.to_datetime([bar.end_ns for bar in rows], utc=True, unit="ns").rename("end")
        return pd.DataFrame({name: [getattr(bar, name) for bar in rows] for name in COLUMNS}, index=index)
    return pd.DataFrame({"value": list(rows)})


def to_polars(rows: Any) -> Any:
    """A ``polars.DataFrame``; of bars with a UTC column ``end``."""
    try:
        import polars as pl  # noqa: PLC0415 (the same)
    except ImportError:
        raise _missing("polars") from None
    if isinstance(rows[0], Bar):
        ends = pl.Series("end", [bar.end_ns for bar in rows], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
        return pl.DataFrame([ends, *(pl.Series(name, [getattr(bar, name) for bar in rows]) for name in COLUMNS)])
    return pl.DataFrame({"value": list(rows)})


def _missing(library: str) -> StrategyError:
    return StrategyError(f"frame() needs {library}, which is not installed", hint="install tickwright[research]")


class Each:
    """One stage for each instrument; gives the latest result of all of them, by key."""

    __slots__ = ("_latest", "_spec", "_stages", "warmup")

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.warmup = 1
        self.reset()

    def reset(self) -> None:
        self._stages: dict[str, Any] = {}
        self._latest: dict[str, Any] = {}

    def step(self, event: Any) -> Any:
        stage = self._stages.get(event.key)
        if stage is None:
            stage = self._stages[event.key] = self._spec.make({})
        result = stage.step(event)
        if result is SKIP:
            return SKIP
        self._latest = {**self._latest, event.key: result}
        return self._latest


class Chain:
    """Several stages in a row as one."""

    __slots__ = ("_stages", "warmup")

    def __init__(self, *specs: Spec) -> None:
        self._stages = [spec.make({}) for spec in specs]
        self.warmup = sum(stage.warmup for stage in self._stages) - len(specs) + 1

    def reset(self) -> None:
        for stage in self._stages:
            stage.reset()

    def step(self, x: Any) -> Any:
        for stage in self._stages:
            x = stage.step(x)
            if x is SKIP:
                return SKIP
        return x


def frame(n: int, kind: str = "pandas") -> Spec:
    """Stage: the last ``n`` values as a pandas or polars frame."""
    Frame(n, kind)  # a wrong argument is told where it is written
    return Spec(Frame, (n, kind))


def each(*stages: object) -> Spec:
    """Stage: events of several instruments through ``stages``, one set of them for each; results by key."""
    specs = tuple(as_spec(stage) for stage in stages)
    return Spec(Each, (Spec(Chain, specs),))
