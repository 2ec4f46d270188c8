"""`tickwright optimise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tickwright.cli.backtest import pairs
from tickwright.cli.output import note, print_json, say


def optimise(
    strategy: Annotated[Path, typer.Argument(help="Python file with a Strategy class.")],
    param: Annotated[
        list[str] | None, typer.Option(help="name=5:50, name=0.1:0.5, name=a|b|c, or a plain value. Several times.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="As for backtest.")] = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    venue: Annotated[str, typer.Option(help="Whose frames a recording holds.")] = "binance_spot",
    symbol: Annotated[str, typer.Option(help="Instrument, such as BTC/USDT.")] = "BTC/USDT",
    column: Annotated[list[str] | None, typer.Option("--map", help="Which column is what: time=ts. Several times.")] = None,
    balance: Annotated[list[str] | None, typer.Option(help="What the account starts with: USDT=10000. Several times.")] = None,
    fees_bps: Annotated[str, typer.Option(help="Maker and taker fee in basis points.")] = "10,10",
    objective: Annotated[str, typer.Option(help="A figure of the report to make as large as can be.")] = "sharpe",
    trials: Annotated[int, typer.Option(help="Until the study has so many.")] = 100,
    jobs: Annotated[int, typer.Option(help="Processes at a time; 0: one a core.")] = 0,
    split: Annotated[float, typer.Option(help="Share of the data that is searched; the rest judges the best.")] = 0.7,
    study: Annotated[Path, typer.Option(help="File of the study: a search that was stopped goes on from it.")] = Path(
        "study.sqlite"
    ),
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Search over parameters on one part of the data, and judge the best on the other."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tickwright.report.search import read_choice, search
    from tickwright.run.backtest.command import BacktestOptions

    given = pairs(param, "--param")
    space = {key: choice for key, text in given.items() if (choice := read_choice(key, text)) is not None}
    options = BacktestOptions(
        strategy=strategy, data=data, name=name, venue=venue, symbol=symbol, columns=pairs(column, "--map"),
        balances=pairs(balance, "--balance"), fees_bps=fees_bps, seed=seed,
        params={key: text for key, text in given.items() if key not in space},
    )  # fmt: skip
    columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=trials)
        report = search(
            options, space, objective=objective, trials=trials, jobs=jobs, study=study, split=split,
            on_progress=lambda done, _: bar.update(task, completed=done),
        )  # fmt: skip
    note(f"study: {study}")
    if json:
        import msgspec

        print_json(msgspec.to_builtins(report))
    else:
        _print(report)


def _print(report: Any) -> None:
    from tickwright.report.summary import percent, plain

    say(f"{report.trials} trials in {report.seconds:.1f} s, {report.resumed} of them from before; best {report.objective}:")
    for trial in report.best:
        say(f"  {plain(trial.value):>12}  " + ", ".join(f"{name}={value}" for name, value in trial.params.items()))
    say(f"the best one, on what was searched and on what comes after {report.split}:")
    for what in ("total_return", "max_drawdown"):
        say(f"  {what:>14}  {percent(getattr(report.seen, what))}  {percent(getattr(report.unseen, what))}")
    for what in ("sharpe", "profit_factor", "trips"):
        say(f"  {what:>14}  {plain(getattr(report.seen, what))}  {plain(getattr(report.unseen, what))}")
