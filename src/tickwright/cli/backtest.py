"""`tickwright backtest`."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.base.errors import UsageError
from tickwright.cli.output import note, print_json, print_rich


def backtest(
    strategy: Annotated[Path, typer.Argument(help="Python file with a Strategy class.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="A recording of frames, or a CSV (plain, gzip, zip) or Parquet file of bars or trades "
            "(default: ten recorded minutes of BTC/USDT that are in the package)."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    venue: Annotated[str, typer.Option(help="Whose frames a recording holds.")] = "binance_spot",
    symbol: Annotated[str, typer.Option(help="Instrument, such as BTC/USDT.")] = "BTC/USDT",
    start: Annotated[str, typer.Option("--from", help="Trade from here on; what is before it warms up. ISO 8601, UTC.")] = "",
    end: Annotated[str, typer.Option("--to", help="Up to here.")] = "",
    param: Annotated[list[str] | None, typer.Option(help="A parameter: name=value. May be given several times.")] = None,
    column: Annotated[list[str] | None, typer.Option("--map", help="Which column is what: time=ts. Several times.")] = None,
    time_unit: Annotated[
        str, typer.Option(help="Of a numeric time column: s, ms, us or ns; told by its size unless given.")
    ] = "",
    balance: Annotated[list[str] | None, typer.Option(help="What the account starts with: USDT=10000. Several times.")] = None,
    fees_bps: Annotated[str, typer.Option(help="Maker and taker fee in basis points.")] = "10,10",
    latency_ms: Annotated[str, typer.Option(help="To the exchange and back.")] = "5,5",
    queue: Annotated[str, typer.Option(help="Queue of a resting order: pessimistic, proportional or drawn.")] = "pessimistic",
    spread_ticks: Annotated[int, typer.Option(help="Half the spread, where the data has no quotes.")] = 1,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 1,
    tick: Annotated[str, typer.Option(help="Price step; as fine as the data unless given.")] = "",
    lot: Annotated[str, typer.Option(help="Quantity step, the same.")] = "",
    min_notional: Annotated[str, typer.Option(help="Least value of an order.")] = "5",
    report: Annotated[Path | None, typer.Option(help="Write a page with charts here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Run a strategy on history: the same class and the same engine as live, against a simulated exchange."""
    from tickwright.run.backtest.command import BacktestOptions, run_backtest

    options = BacktestOptions(
        strategy=strategy, data=data, name=name, venue=venue, symbol=symbol, start=start, end=end,
        params=pairs(param, "--param"), columns=pairs(column, "--map"), time_unit=time_unit,
        balances=pairs(balance, "--balance"), fees_bps=fees_bps, latency_ms=latency_ms, queue=queue,
        spread_ticks=spread_ticks, seed=seed, tick=tick, lot=lot, min_notional=min_notional,
    )  # fmt: skip
    with _progress() as tell:
        result = run_backtest(options, tell)
    _show(result, report, as_json=json)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A line on stderr: the simulated date, and how fast it goes."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading")

        def tell(events: int, at_ns: int) -> None:
            elapsed = bar.tasks[0].elapsed or 1e-9
            when = dt.datetime.fromtimestamp(at_ns // 10**9, dt.UTC)
            bar.update(task, description=f"{when:%Y-%m-%d %H:%M}  {events:,} events  {events / elapsed:,.0f}/s")

        yield tell


def _show(result: Any, report: Path | None, *, as_json: bool) -> None:
    from tickwright.report.page import page
    from tickwright.report.statistics import statistics
    from tickwright.report.summary import summary

    found = statistics(result)
    if report is not None:
        text = page([result])
        try:
            report.write_text(text, "utf-8")
        except OSError as error:
            raise UsageError(f"the report cannot be written: {error.strerror}", where=str(report)) from None
        note(f"report: {report}")
    if as_json:
        print_json(_plain(result, found))
    else:
        note(f"data: {result.stamp.data}")
        print_rich(summary(result, found))


def _plain(result: Any, found: Any) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(result), "pnl": str(result.pnl), "statistics": msgspec.to_builtins(found)}


def pairs(given: list[str] | None, flag: str) -> dict[str, str]:
    """What a flag that takes name=value was given."""
    found = {}
    for item in given or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag} {item!r}", hint="write name=value")
        found[key] = value
    return found
