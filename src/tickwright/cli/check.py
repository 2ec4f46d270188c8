"""`tickwright check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tickwright.base.errors import MismatchError
from tickwright.cli.backtest import pairs
from tickwright.cli.output import print_json, say


def check(
    strategy: Annotated[Path, typer.Argument(help="Python file with a Strategy class.")],
    data: Annotated[Path | None, typer.Option(help="As for backtest.")] = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    venue: Annotated[str, typer.Option(help="Whose frames a recording holds.")] = "binance_spot",
    symbol: Annotated[str, typer.Option(help="Instrument, such as BTC/USDT.")] = "BTC/USDT",
    param: Annotated[list[str] | None, typer.Option(help="A parameter: name=value. May be given several times.")] = None,
    column: Annotated[list[str] | None, typer.Option("--map", help="Which column is what: time=ts. Several times.")] = None,
    cuts: Annotated[int, typer.Option(help="Moments at which the future is exchanged for another.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the cuts and of the other futures.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Whether a backtest of a strategy can be believed: repeatable, causal, independent of where it begins."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tickwright.run.backtest.command import BacktestOptions, run_check

    options = BacktestOptions(
        strategy=strategy, data=data, name=name, venue=venue, symbol=symbol, params=pairs(param, "--param"),
        columns=pairs(column, "--map"), seed=seed,
    )  # fmt: skip
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        report = run_check(options, cuts, lambda done, total: bar.update(task, completed=done, total=total))
    if json:
        print_json({**_plain(report), "passed": report.passed})
    else:
        for finding in report.findings:
            say(f"{'ok  ' if finding.passed else 'FAIL'} {finding.name}: {finding.text}")
        say("profit: " + ", ".join(f"{what} {value:,.2f}" for what, value in report.costs.items()))
    if not report.passed:
        failed = [finding for finding in report.findings if not finding.passed]
        raise MismatchError(f"{failed[0].name}: {failed[0].text}", where=report.strategy)


def _plain(report: object) -> dict[str, object]:
    import msgspec

    found: dict[str, object] = msgspec.to_builtins(report)
    return found
