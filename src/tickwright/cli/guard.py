"""`tickwright guard` and `tickwright panic`: stopping from outside of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tickwright.base.errors import ExitCode, UsageError, VenueError
from tickwright.cli.output import note, print_json, say

Venue = Annotated[str, typer.Option(help="Venue of the account (default: the configured one).")]
Testnet = Annotated[bool, typer.Option("--testnet", help="The account on the venue's test network.")]
Live = Annotated[bool, typer.Option("--live", help="The account with real money.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", envvar="TICKWRIGHT_CONFIG", help="Configuration file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout at the end.")]


def guard(
    venue: Venue = "",
    symbol: Annotated[list[str] | None, typer.Option(help="Only orders on this instrument (default: on every one).")] = None,
    testnet: Testnet = False,
    live: Live = False,
    silence: Annotated[float, typer.Option(help="Seconds without a heartbeat after which a run is dead.")] = 5.0,
    everybodys: Annotated[
        bool, typer.Option("--all", help="Every order on the instruments, not only those made by Tickwright.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when a run has ended (0), or was found dead and dealt with (10).")
    ] = False,
    profile: Annotated[str, typer.Option(help="Whose keys: guard, or run for those that runs trade with.")] = "guard",
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Watch a run from outside, and cancel its orders when it is dead."""
    from tickwright.run.guard import GuardOptions
    from tickwright.run.guard import guard as watch

    options = GuardOptions(
        venue=venue,
        testnet=testnet,
        live=live,
        symbols=tuple(symbol or ()),
        everybodys=everybodys,
        silence_s=silence,
        once=once,
        profile=profile,
        config=config,
        quiet=json,
    )
    report, code = watch(options)
    if json:
        print_json(report)
    else:
        say(f"Found dead: {report.acted}; orders cancelled: {len(report.cancelled)}, ended otherwise: {len(report.ended)}.")
    if code is ExitCode.VENUE:
        what = f"{len(report.working)} orders may still work" if report.working else "it is not confirmed that no order is left"
        raise VenueError(f"ended before it was done: {what}", where=report.venue, hint=report.trouble)
    raise typer.Exit(code)


def panic(
    venue: Venue = "",
    symbol: Annotated[list[str] | None, typer.Option(help="An instrument (default: the configured ones).")] = None,
    all_symbols: Annotated[bool, typer.Option("--all-symbols", help="Every order of the account.")] = False,
    testnet: Testnet = False,
    live: Live = False,
    within: Annotated[float, typer.Option(help="Seconds after which it gives up.")] = 120.0,
    settle: Annotated[
        float | None, typer.Option(help="Seconds to look on for orders still on their way (default: the venue's bound).")
    ] = None,
    profile: Annotated[str, typer.Option(help="Whose keys: guard or run (default: guard's where there are any).")] = "",
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    """Cancel every open order, whoever made it, and see that none is left. Needs no run."""
    from tickwright.run.panic import PanicOptions
    from tickwright.run.panic import panic as clear

    options = PanicOptions(
        venue=venue,
        testnet=testnet,
        live=live,
        symbols=tuple(symbol or ()),
        all_symbols=all_symbols,
        within_s=within,
        settle_s=settle,
        profile=profile,
        confirmed=confirmed,
        config=config,
    )
    result = clear(options, note)
    if json:
        print_json(result)
    else:
        for title, lines in (("cancelled", result.cancelled), ("ended", result.ended), ("STILL WORKING", result.working)):
            for line in lines:
                say(f"{title}: {line}")
        left = f"{len(result.working)} still working" if result.listed else "the venue did not say what still works"
        say(f"{len(result.cancelled)} cancelled, {len(result.ended)} ended otherwise, {left}.")
    for warning in result.warnings:
        note(f"warning: {warning}")
    if result.unknown_symbols:
        raise UsageError(f"{result.venue} does not list {result.unknown_symbols[0]!r}", hint="the rest was dealt with; see above")
    if not result.confirmed:
        what = f"{len(result.working)} orders still work" if result.working else "it is not confirmed that nothing works any more"
        raise VenueError(what, where=result.venue, hint=result.trouble)
