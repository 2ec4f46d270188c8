"""The command line. Thin: each command reads its flags, calls one function of ``run/``, prints what it returns.

Guarantees: results go to stdout, everything else to stderr; ``--json`` prints one object on one line; every error is one line and
an exit code, never a traceback unless asked for. Every command, flag and code is in docs/cli.md.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tickwright import __version__
from tickwright.base.errors import DataError, ExitCode, MismatchError, UsageError, VenueError
from tickwright.cli import adopt as adopting
from tickwright.cli import backtest as backtests
from tickwright.cli import check as checks
from tickwright.cli import guard as guarding
from tickwright.cli import journal as journals
from tickwright.cli import optimise as optimising
from tickwright.cli import world as worlds
from tickwright.cli.errors import explain
from tickwright.cli.output import ReaderGone, note, print_json, print_rich, say

if TYPE_CHECKING:
    from tickwright.run.conformance import Result
    from tickwright.run.summary import Summary

#: Set to anything, or ``--debug`` before the command: errors come with their traceback.
DEBUG = "TICKWRIGHT_DEBUG"

app = typer.Typer(name="tickwright", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
strategies = typer.Typer(help="Strategy files.", no_args_is_help=False)
tape = typer.Typer(help="Recordings of market data.", no_args_is_help=False)
app.add_typer(strategies, name="strategies")
app.add_typer(tape, name="tape")
app.add_typer(journals.journal, name="journal")
app.command("adopt")(adopting.adopt)
app.command("backtest")(backtests.backtest)
app.command("check")(checks.check)
app.command("optimise")(optimising.optimise)
app.command("guard")(guarding.guard)
app.command("panic")(guarding.panic)
app.command("world")(worlds.world)
app.command("history")(journals.history)
app.command("replay")(journals.replay)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", envvar="TICKWRIGHT_CONFIG", help="Configuration file (default: tickwright.toml here, if there is one)."
    ),
]
Symbols = Annotated[list[str] | None, typer.Option(help="Instrument, such as BTC/USDT. May be given several times.")]


@app.callback(invoke_without_command=True)
def tickwright(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version_asked: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Run a trading strategy against crypto exchanges: the same class on paper, on a test network, and live."""
    if debug:
        os.environ[DEBUG] = "1"
    if version_asked:
        say(__version__)
        raise typer.Exit
    _needs_command(context)


@strategies.callback(invoke_without_command=True)
def strategies_alone(context: typer.Context) -> None:
    """Strategy files."""
    _needs_command(context)


@tape.callback(invoke_without_command=True)
def tape_alone(context: typer.Context) -> None:
    """Recordings of market data."""
    _needs_command(context)


def _needs_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        note(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


@app.command()
def run(
    strategy: Annotated[Path | None, typer.Argument(help="Python file with a Strategy class.")] = None,
    venue: Annotated[str, typer.Option(help="Venue to trade on, or a Python file that makes one.")] = "",
    symbol: Symbols = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the strategy: name=value. May be given several times.")
    ] = None,
    testnet: Annotated[bool, typer.Option("--testnet", help="Trade on the venue's test network.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Trade real money. Starts disarmed and asks first.")] = False,
    confirmed: Annotated[bool, typer.Option("--yes-really", help="With --live: do not ask.")] = False,
    stand: Annotated[
        bool, typer.Option("--stand", help="Start a local exchange that replays a recording, and trade there.")
    ] = False,
    tape_file: Annotated[Path | None, typer.Option("--tape", help="With --stand: the recording.")] = None,
    speed: Annotated[float | None, typer.Option(help="With --stand: how many times as fast as recorded (default: 1).")] = None,
    faults: Annotated[Path | None, typer.Option(help="With --stand: TOML or JSON file of faults to show.")] = None,
    seed: Annotated[int | None, typer.Option(help="With --stand: seed of keys and faults (default: 1).")] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this long (default: until a signal).")] = None,
    journal: Annotated[Path | None, typer.Option(help="Folder in which this account's runs are recorded.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on from what the last run left.")] = False,
    resume: Annotated[str, typer.Option(help="Lift the halts that the last run left, and say why.")] = "",
    config: ConfigFile = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "",
    log_format: Annotated[str, typer.Option(help="auto, console or json.")] = "",
    json: Json = False,
) -> None:
    """Run a strategy: on paper unless told otherwise."""
    from tickwright.run.options import RunOptions
    from tickwright.run.runner import run_strategy

    options = RunOptions(
        strategy=strategy,
        name=name,
        venue=venue,
        symbols=tuple(symbol or ()),
        params=_params(param or []),
        testnet=testnet,
        live=live,
        confirmed=confirmed,
        stand=stand,
        tape=tape_file,
        speed=speed,
        faults=faults,
        seed=seed,
        seconds=seconds,
        journal=journal,
        fresh=fresh,
        resume=resume,
        config=config,
        log_level=log_level,
        log_format=log_format,
        quiet=json,
    )
    _finish(run_strategy(options), json=json)


@app.command()
def demo(seconds: Annotated[float, typer.Option(help="How long it should take.")] = 25.0, json: Json = False) -> None:
    """Watch a strategy trade on a recorded Binance feed, through sockets: no keys, no network."""
    from tickwright.run.demo import run_demo

    _finish(run_demo(seconds, quiet=json, say=note), json=json)


def _finish(summary: Summary, *, json: bool) -> None:
    if json:
        print_json(summary)
    else:
        from tickwright.run.summary import render

        print_rich(render(summary))
    if not summary.reconciled:
        why = "; ".join(summary.differences) or summary.stopped
        raise MismatchError("the run did not end in agreement with the venue", hint=why)
    if summary.replay is not None and not summary.replay.identical:
        raise MismatchError("the replay of the run's journal did not do what the run had done")


@app.command()
def stand(
    name: Annotated[str, typer.Argument(help="Which exchange to be.")],
    port: Annotated[int, typer.Option(help="Port on localhost; 0 for any free one.", min=0, max=65_535)] = 0,
    tape_file: Annotated[Path | None, typer.Option("--tape", help="Recording to replay (default: a generated market).")] = None,
    speed: Annotated[float, typer.Option(help="How many times as fast as recorded; 0: as fast as clients take it.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin the recording again when it ends.")] = False,
    faults: Annotated[Path | None, typer.Option(help="TOML or JSON file of faults to show.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of keys, faults and the generated market.")] = 1,
    start_on: Annotated[str, typer.Option(help="When the market starts: now, or at the first subscriber.")] = "now",
    until_eof: Annotated[bool, typer.Option("--until-eof", help="Stop when stdin closes, as when its parent dies.")] = False,
    json: Json = False,
) -> None:
    """Serve a local exchange until stopped. Prints its addresses and a test key pair."""
    from tickwright.run.standrun import StandOptions, run_stand

    def emit(info: dict[str, Any]) -> None:
        if json:
            print_json(info)
            return
        for key in ("rest_url", "ws_url", "ws_api_url", "api_key", "api_secret"):
            say(f"{key:>12}  {info[key]}")
        say("Serving until Ctrl-C.")

    options = StandOptions(
        name=name,
        port=port,
        tape=tape_file,
        speed=speed,
        loop=loop,
        seed=seed,
        faults=faults,
        start_on=start_on,
        until_eof=until_eof,
    )
    run_stand(options, emit)


@app.command()
def venues(json: Json = False) -> None:
    """What each venue can do."""
    from tickwright.run.matrix import capabilities, render

    found = capabilities()
    if json:
        print_json({"venues": found})
    else:
        print_rich(render(found))


@app.command()
def doctor(
    venue: Annotated[str, typer.Option(help="Venue to look at (default: the configured one).")] = "",
    symbol: Symbols = None,
    testnet: Annotated[bool, typer.Option("--testnet", help="Look at the venue's test network.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Only what can be checked without the venue.")] = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Check keys, permissions, clock, instruments, connection and disk."""
    from tickwright.run.doctor import examine, first_failure

    checks = examine(config, venue, testnet=testnet, symbols=symbol or (), offline=offline)
    code = first_failure(checks)
    if json:
        print_json({"ok": code is ExitCode.OK, "checks": checks})
    else:
        for check in checks:
            say(f"{check.verdict:>4}  {check.name}: {check.detail}{f'. {check.todo}' if check.todo else ''}")
    failed = [check.name for check in checks if check.verdict == "fail"]
    if failed:
        note(f"error: {len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")
        raise typer.Exit(code)


@app.command()
def conformance(
    venue: Annotated[str, typer.Argument(help="Venue, or a Python file that makes one.")], json: Json = False
) -> None:
    """Check a venue against the suite that defines what a venue is."""
    import asyncio

    from tickwright.run.conformance import run_all
    from tickwright.run.subjects import subject

    def told(result: Result) -> None:
        note(f"{result.verdict:>12}  {result.check.replace('_', ' ')}{f': {result.detail}' if result.detail else ''}")

    results = asyncio.run(run_all(subject(venue), told))
    failed = [result for result in results if result.verdict == "failed"]
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in ("passed", "failed", "not offered")}
    if json:
        print_json({"venue": venue, **counts, "checks": results})
    else:
        say(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if failed:
        raise VenueError(f"{len(failed)} checks failed", where=venue, hint=f"{failed[0].check}: {failed[0].detail}")


@strategies.command("new")
def strategies_new(
    name: Annotated[str, typer.Argument(help="Name of the strategy.")],
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
) -> None:
    """Write a starting point."""
    from tickwright.run.scaffold import new_strategy

    path = new_strategy(name, folder)
    say(f"Wrote {path}. Try: tickwright run {path} --stand --seconds 30")


@strategies.command("list")
def strategies_list(
    folder: Annotated[Path, typer.Argument(help="Where to look.")] = Path(),
    json: Json = False,
) -> None:
    """The strategies that are defined in a folder's Python files. Nothing is run."""
    from tickwright.run.scaffold import list_strategies, render

    found = list_strategies(folder)
    if json:
        print_json({"strategies": found})
    elif found:
        print_rich(render(found))
    else:
        note(f"no strategies in {folder}. Write one: tickwright strategies new NAME")


@tape.command("check")
def tape_check(
    file: Annotated[Path, typer.Argument(help="Recording: '<receive ns> <json>' a line, plain or gzip.")],
    venue: Annotated[str, typer.Option(help="Whose messages they are.")] = "binance_spot",
    json: Json = False,
) -> None:
    """Read a recording through the venue's own decoder and compare its book with its quotes."""
    from tickwright.run.tapecheck import check_file, describe
    from tickwright.venues import load

    report = check_file(file, load(venue).Decoder())
    if json:
        print_json(report)
    else:
        say(describe(report))
    if not report.frames:
        what = "no line of it is a message" if report.garbage else "it holds nothing"
        raise DataError(what, where=str(file), hint="a line is '<receive ns> <json>', plain or gzip")


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    if json:
        print_json({"version": __version__})
    else:
        say(__version__)


def _params(given: list[str]) -> dict[str, str]:
    params = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--param {item!r}", hint="write name=value")
        params[key] = value
    return params


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: every way to end is an exit code, and every error a line. ``arguments`` None: those of the process."""
    try:
        code = app(None if arguments is None else list(arguments), prog_name="tickwright", standalone_mode=False)
    except ReaderGone:
        code = ExitCode.OK
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (top of the command line: one line, not a traceback)
        if os.environ.get(DEBUG):
            traceback.print_exception(error)
        line, failed = explain(error)
        note(f"error: {line}")
        sys.exit(failed)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


if __name__ == "__main__":
    main()
