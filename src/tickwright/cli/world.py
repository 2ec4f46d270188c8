"""`tickwright world`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tickwright.base.errors import MismatchError
from tickwright.cli.output import note, print_json, say


def world(
    seeds: Annotated[int, typer.Option(help="How many.")] = 200,
    first: Annotated[int, typer.Option(help="The first one.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long faults are on in each, in virtual time.")] = 90.0,
    strategy: Annotated[Path | None, typer.Option(help="A strategy of your own instead of the restless one.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes at a time; 0: one a core.")] = 0,
    shrink: Annotated[bool, typer.Option("--shrink", help="Make a seed that fails smaller.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Run the whole engine in simulated worlds, in which everything goes wrong, and judge what came of it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tickwright.run.world.command import WorldOptions, describe, run_world

    options = WorldOptions(seeds=seeds, first=first, seconds=seconds, strategy=strategy, jobs=jobs, shrink=shrink)
    options.check()
    columns = (TextColumn("seeds, each twice"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=2 * seeds)
        report = run_world(options, lambda count: bar.advance(task, count), note)
    if json:
        print_json(report)
    else:
        say(describe(report))
    if report.failures:
        worst = report.failures[0]
        raise MismatchError(f"seed {worst.seed}: {worst.what}", hint=worst.reproduce)
