"""The command line. Thin: each command reads its flags, calls one function of ``run/``, prints what it returns.

Results go to stdout, everything else to stderr. ``--json`` prints one object on one line. Exit codes: docs/cli.md.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickwright import __version__
from tickwright.base.errors import ExitCode, MismatchError, TickwrightError, UsageError, VenueError

if TYPE_CHECKING:
    from tickwright.run.summary import Summary

app = typer.Typer(
    name="tickwright",
    help="Run a trading strategy against crypto exchanges: the same class on paper, on a test network, and live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
strategies = typer.Typer(help="Strategy files.", no_args_is_help=True)
tape = typer.Typer(help="Recordings of market data.", no_args_is_help=True)
app.add_typer(strategies, name="strategies")
app.add_typer(tape, name="tape")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Configuration file (default: tickwright.toml here, if there is one).")
]


@app.command()
def run(
    strategy: Annotated[Path, typer.Argument(help="Python file with a Strategy class.")],
    venue: Annotated[str, typer.Option(help="Venue to trade on, or a Python file that makes one.")] = "",
    symbol: Annotated[list[str] | None, typer.Option(help="Instrument, such as BTC/USDT. May be given several times.")] = None,
    name: Annotated[str, typer.Option(help="Which strategy, where the file has several.")] = "",
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the strategy: name=value. May be given several times.")
    ] = None,
    testnet: Annotated[bool, typer.Option("--testnet", help="Trade on the venue's test network.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Trade real money. Starts disarmed and asks first.")] = False,
    stand: Annotated[
        bool, typer.Option("--stand", help="Start a local exchange that replays a recorded market, and trade on it.")
    ] = False,
    tape_file: Annotated[Path | None, typer.Option("--tape", help="With --stand: the recording to replay.")] = None,
    speed: Annotated[float, typer.Option(help="With --stand: how many times as fast as recorded.")] = 1.0,
    seconds: Annotated[float | None, typer.Option(help="Stop after this long (default: until a signal).")] = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Run a strategy: on paper unless told otherwise."""
    from tickwright.run.options import RunOptions
    from tickwright.run.runner import run_strategy

    options = RunOptions(
        strategy=strategy, venue=venue, symbols=tuple(symbol or ()), name=name, params=_params(param or []), testnet=testnet, live=live,
        stand=stand, tape=tape_file, speed=speed, seconds=seconds, config=config, quiet=json,
    )  # fmt: skip
    _finish(run_strategy(options), json=json)


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(help="How long it should take.")] = 25.0,
    json: Json = False,
) -> None:
    """Watch a strategy trade on a recorded Binance feed, through sockets: no keys, no network."""
    from tickwright.run.demo import run_demo

    _finish(run_demo(seconds, quiet=json, say=lambda text: print(text, file=sys.stderr)), json=json)


def _finish(summary: Summary, *, json: bool) -> None:
    if json:
        _print_json(summary)
    else:
        from rich.console import Console

        from tickwright.run.summary import render

        Console().print(render(summary))
    if not summary.reconciled:
        raise MismatchError(
            "the run did not end in agreement with the venue", hint="; ".join(summary.differences) or summary.stopped
        )


@app.command()
def stand(
    name: Annotated[str, typer.Argument(help="Which exchange to be.")],
    port: Annotated[int, typer.Option(help="Port on localhost; 0 for any free one.")] = 0,
    tape_file: Annotated[Path | None, typer.Option("--tape", help="Recording to replay (default: a generated market).")] = None,
    speed: Annotated[float, typer.Option(help="How many times as fast as recorded; 0: as fast as clients take it.")] = 1.0,
    faults: Annotated[Path | None, typer.Option(help="TOML or JSON file of faults to show.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of keys, faults and the generated market.")] = 1,
    start_on: Annotated[str, typer.Option(help="When the market starts: now, or at the first subscriber.")] = "now",
    json: Json = False,
) -> None:
    """Serve a local exchange until stopped. Prints its addresses and a test key pair."""
    from tickwright.run.standrun import StandOptions, run_stand

    if start_on not in ("now", "subscriber"):
        raise UsageError(f"--start-on {start_on!r}", hint="now or subscriber")

    def emit(info: dict[str, Any]) -> None:
        if json:
            _print_json(info)
            return
        for key in ("rest_url", "ws_url", "ws_api_url", "api_key", "api_secret"):
            print(f"{key:>12}  {info[key]}")
        print("Serving until Ctrl-C.", flush=True)

    run_stand(StandOptions(name=name, port=port, tape=tape_file, speed=speed, seed=seed, faults=faults, start_on=start_on), emit)


@app.command()
def venues(json: Json = False) -> None:
    """What each venue can do."""
    from tickwright.run.matrix import capabilities, render

    found = capabilities()
    if json:
        _print_json({"venues": found})
        return
    from rich.console import Console

    Console().print(render(found))


@app.command()
def doctor(
    venue: Annotated[str, typer.Option(help="Venue to look at (default: the configured one).")] = "",
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Check keys, permissions, clock, instruments, connection and disk."""
    from tickwright.run.doctor import examine

    checks = examine(config, venue)
    if json:
        _print_json({"checks": checks, "ok": all(check.verdict != "fail" for check in checks)})
    else:
        for check in checks:
            print(f"{check.verdict:>5}  {check.name}: {check.detail}")
    if any(check.verdict == "fail" for check in checks):
        raise VenueError("something needs attention", hint="see the lines marked fail")


@app.command()
def conformance(
    venue: Annotated[str, typer.Argument(help="Venue, or a Python file that makes one.")],
    json: Json = False,
) -> None:
    """Check a venue against the suite that defines what a venue is."""
    import asyncio

    from tickwright.run.conformance import Result, run_all
    from tickwright.run.subjects import subject

    def told(result: Result) -> None:
        print(
            f"{result.verdict:>12}  {result.check.replace('_', ' ')}{': ' + result.detail if result.detail else ''}",
            file=sys.stderr,
        )

    results = asyncio.run(run_all(subject(venue), told))
    failed = [result for result in results if result.verdict == "failed"]
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in ("passed", "failed", "not offered")}
    if json:
        _print_json({"venue": venue, **counts, "checks": results})
    else:
        print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
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
    print(f"Wrote {path}. Try: tickwright run {path} --stand --seconds 30")


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
        _print_json(report)
    else:
        print(describe(report))


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    if json:
        _print_json({"version": __version__})
    else:
        print(__version__)


def _params(given: list[str]) -> dict[str, str]:
    params = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--param {item!r}", hint="write name=value")
        params[key] = value
    return params


def _print_json(value: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Entry point: errors become one line and an exit code, never a traceback (unless TICKWRIGHT_DEBUG is set)."""
    debug = bool(os.environ.get("TICKWRIGHT_DEBUG"))
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else ExitCode.OK)
    except TickwrightError as error:
        if debug:
            traceback.print_exc()
        _die(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _die("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 (top of the command line: one line, not a traceback)
        format_message = getattr(error, "format_message", None)
        if format_message is not None:
            _die(format_message(), ExitCode.USAGE)
        if debug:
            traceback.print_exc()
        _die(f"{type(error).__name__}: {error}. This is a defect; TICKWRIGHT_DEBUG=1 shows where", ExitCode.INTERNAL)


def _die(line: str, code: int) -> None:
    print(f"error: {line}".replace("\n", " "), file=sys.stderr)
    sys.exit(int(code))


if __name__ == "__main__":
    main()
