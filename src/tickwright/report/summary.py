"""A result in the terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from tickwright.report.statistics import Statistics
from tickwright.run.backtest.result import Result

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Values as a line of blocks, lowest to highest."""
    if not values:
        return ""
    count = min(width, len(values))
    picked = [values[place * (len(values) - 1) // max(1, count - 1)] for place in range(count)]
    low, high = min(picked), max(picked)
    if high == low:
        return _BLOCKS[0] * len(picked)
    return "".join(_BLOCKS[int((item - low) / (high - low) * (len(_BLOCKS) - 1))] for item in picked)


def percent(value: float | None, places: int = 2) -> str:
    """A share, with its sign."""
    return "–" if value is None else f"{value * 100:+,.{places}f} %"


def plain(value: float | None, places: int = 2) -> str:
    """A figure."""
    return "–" if value is None else f"{value:,.{places}f}"


def span(seconds: float | None) -> str:
    """A time that something took."""
    if seconds is None:
        return "–"
    return str(dt.timedelta(seconds=round(seconds)))


def rows(result: Result, found: Statistics) -> list[tuple[str, str]]:
    """The figures worth a line, in order."""
    error = "" if found.sharpe_error is None else f" ± {found.sharpe_error:.2f}"
    return [
        ("profit after fees", f"{result.pnl:,.2f} {result.currency} ({percent(found.total_return)})"),
        ("buy and hold", percent(found.buy_and_hold)),
        ("by the year (CAGR)", percent(found.cagr)),
        ("volatility by the year", percent(found.volatility)),
        ("Sharpe", f"{plain(found.sharpe)}{error} (of returns by the {found.period})"),
        ("Sortino", plain(found.sortino)),
        ("Calmar", plain(found.calmar)),
        ("deepest drawdown", f"{percent(-found.max_drawdown)}, longest {span(found.drawdown_s)}"),
        ("trips", f"{found.trips}, {percent(found.win_rate)} won, mean {plain(found.expectancy)} {result.currency}"),
        ("profit factor", plain(found.profit_factor)),
        ("mean time held", span(found.holding_s)),
        ("exposure", percent(found.exposure)),
        ("turnover", f"{found.turnover:,.1f} times equity"),
        ("fees", f"{found.fees:,.2f} {result.currency}"),
        ("orders, fills", f"{len(result.orders)}, {len(result.fills)}"),
        ("refused", ", ".join(f"{name} {count}" for name, count in result.refusals.items()) or "none"),
        ("events", f"{result.events:,} in {result.seconds:.1f} s, {result.bars:,} bars, {result.decisions:,} decisions"),
    ]


def summary(result: Result, found: Statistics) -> Group:
    """For the terminal."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in rows(result, found):
        table.add_row(Text(name, style="dim"), value)
    when = f"{_day(result.start_ns)} to {_day(result.end_ns)} UTC"
    return Group(
        Text(f"{result.stamp.strategy} on {', '.join(result.symbols)}, {when}", style="bold"),
        Text(sparkline([point.equity for point in result.curve])),
        table,
        Text(f"digest {result.stamp.digest}, seed {result.stamp.seed}, data {result.stamp.data_checksum[:12]}", style="dim"),
    )


def _day(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns // 10**9, dt.UTC).strftime("%Y-%m-%d %H:%M")
