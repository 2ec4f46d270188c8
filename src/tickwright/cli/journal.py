"""`tickwright journal`, `tickwright history` and `tickwright replay`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickwright.base.clock import NS_PER_S
from tickwright.base.errors import JournalError, MismatchError, UsageError
from tickwright.cli.output import note, print_json, print_rich, say

if TYPE_CHECKING:
    from tickwright.strategy.strategy import Strategy

#: Rows that are printed unless more are asked for.
ROWS = 50

journal = typer.Typer(help="Records of runs.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Journal = Annotated[Path, typer.Argument(help="A journal's folder (its latest run), or the folder of one run in it.")]


@journal.command()
def show(
    path: Journal,
    every: Annotated[bool, typer.Option("--all", help="Market data that caused nothing as well.")] = False,
    last: Annotated[int, typer.Option(help="Only the last lines, this many; 0: all.", min=0)] = 0,
    json: Json = False,
) -> None:
    """What is on record of a run, in order."""
    from collections import deque

    from tickwright.run.journals import describe, show

    lines = show(path, every=every)
    chosen = deque(lines, maxlen=last) if last else lines
    if json:
        print_json({"lines": list(chosen)})
        return
    for line in chosen:
        say(describe(line))


@journal.command()
def verify(
    path: Journal,
    repair: Annotated[bool, typer.Option("--repair", help="Cut off an end that was torn, after putting it aside.")] = False,
    json: Json = False,
) -> None:
    """Read every run whole: checksums, order of files, and the account rebuilt at each checkpoint."""
    from tickwright.run.journals import verify

    checks = verify(path, mend=repair, progress=note)
    broken = [check for check in checks if check.error]
    if json:
        print_json({"runs": checks, "broken": len(broken)})
    else:
        for check in checks:
            torn = f", {check.torn_bytes} bytes torn{' and cut off' if check.repaired else ''}" if check.torn_bytes else ""
            end = "ended in order" if check.clean else "ended" if check.ended else "no end"
            say(f"{check.run}: {check.error or f'whole: {check.steps} steps, {check.effects} effects, {end}{torn}'}")
    if broken:
        raise JournalError(broken[0].error)


@journal.command()
def export(
    path: Journal,
    to: Annotated[Path, typer.Argument(help="File to write, one JSON object a line.")],
    decisions: Annotated[bool, typer.Option("--decisions", help="Without market data that caused nothing.")] = False,
    json: Json = False,
) -> None:
    """Write a run as JSON lines."""
    from tickwright.run.journals import export

    count = export(path, to, every=not decisions)
    if json:
        print_json({"file": str(to), "lines": count})
    else:
        say(f"{count} lines in {to}")


def history(
    path: Journal,
    table: Annotated[str, typer.Argument(help="orders, fills, balances, equity, halts, reconciliations or runs.")],
    since: Annotated[str, typer.Option(help="From this time on, UTC: 2026-11-25 or 2026-11-25T12:00.")] = "",
    until: Annotated[str, typer.Option(help="Before this time.")] = "",
    symbol: Annotated[str, typer.Option(help="Of one instrument: binance_spot:BTC/USDT.")] = "",
    strategy: Annotated[str, typer.Option(help="Of one strategy.")] = "",
    last: Annotated[int, typer.Option(help="At most this many rows, the latest; 0: all.", min=0)] = ROWS,
    csv: Annotated[Path | None, typer.Option(help="Write every row to a CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write every row to a Parquet file.")] = None,
    json: Json = False,
) -> None:
    """What happened on an account, from its journal: orders, fills, balances, equity, halts, reconciliations, runs."""
    from tickwright.base.suggest import near_or_list
    from tickwright.journal.history import TABLES
    from tickwright.run.journals import open_history, write_csv, write_parquet

    if table not in TABLES:
        raise UsageError(f"there is no table {table!r}", hint=near_or_list(table, TABLES))
    if symbol and table not in ("orders", "fills"):
        raise UsageError(f"--symbol: {table} are not of one instrument")
    if strategy and table not in ("orders", "runs"):
        raise UsageError(f"--strategy: {table} are not of one strategy")
    found = open_history(path, progress=lambda run: note(f"reading {run}"))
    limit = 0 if csv or parquet else last
    since_ns, until_ns = _time(since, "--since"), _time(until, "--until")
    rows = found.rows(table, since_ns=since_ns, until_ns=until_ns, key=symbol, strategy=strategy, limit=limit)
    found.close()
    for file, write in ((csv, write_csv), (parquet, write_parquet)):
        if file is not None:
            write(rows, file)
            note(f"{len(rows)} rows in {file}")
    if json:
        print_json({table: rows})
    elif not (csv or parquet):
        _print(table, rows)


def _print(table: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from tickwright.run.journals import clock_text

    if not rows:
        say(f"no {table}")
        return
    hidden = ("run", "seq", "nth", "updated_ns", "venue_id")
    shown = [name for name in rows[0] if name not in hidden and any(row[name] not in (None, "") for row in rows)]
    drawn = Table(*shown, box=None, header_style="bold")
    for row in rows:
        drawn.add_row(
            *(clock_text(row[name]) if name.endswith("_ns") else "" if row[name] is None else str(row[name]) for name in shown)
        )
    print_rich(drawn)


def _time(text: str, flag: str) -> int:
    """A time as people write it, in nanoseconds; "" is 0."""
    if not text:
        return 0
    if re.fullmatch(r"\d{19}", text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is not a time", hint="write 2026-11-25 or 2026-11-25T12:00, in UTC") from None
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * NS_PER_S)


def replay(
    path: Journal,
    strategy: Annotated[Path | None, typer.Option(help="Another version of the strategy, to see where it would differ.")] = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    json: Json = False,
) -> None:
    """Feed a run's events to a fresh engine and compare every effect with the one on record; or show another version's."""
    from tickwright.run.load import load_strategy
    from tickwright.run.replay import describe, replay

    if strategy is not None:
        _beside(path, load_strategy(strategy, name), json=json)
        return
    result = replay(path, progress=lambda steps: note(f"{steps:,} steps"))
    if json:
        print_json(result)
    else:
        say(describe(result))
    if not result.identical:
        raise MismatchError("the replay did not do what is on record", where=result.run)


def _beside(path: Path, strategy: type[Strategy], *, json: bool) -> None:
    from rich.table import Table

    from tickwright.run.journals import clock_text
    from tickwright.run.whatif import what_if

    result = what_if(path, strategy)
    if json:
        print_json(result)
        return
    drawn = Table("time", "instrument", "side", result.recorded_strategy, result.other_strategy, box=None, header_style="bold")
    for line in result.orders:
        drawn.add_row(clock_text(line.at_ns), line.key, line.side, line.recorded, line.other)
    print_rich(drawn)
    only = f"{result.only_recorded} only on record, {result.only_other} only by {result.other_strategy}"
    say(f"{result.same} orders by both, {only}")
    say(f"profit: {result.recorded_pnl} on record, {result.other_pnl} by {result.other_strategy}, {result.currency}")
