"""`tickwright adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tickwright.base.errors import MismatchError
from tickwright.cli.output import note, print_json, say


def adopt(
    venue: Annotated[str, typer.Option(help="Venue of the account (default: the configured one).")] = "",
    symbol: Annotated[list[str] | None, typer.Option(help="Instrument (default: those of the last run).")] = None,
    testnet: Annotated[bool, typer.Option("--testnet", help="The account on the venue's test network.")] = False,
    live: Annotated[bool, typer.Option("--live", help="The account with real money.")] = False,
    order: Annotated[list[str] | None, typer.Option(help="Client id of an order that is not ours and shall be.")] = None,
    why: Annotated[str, typer.Option(help="What explains it: the text is on record.")] = "",
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Begin a new record where the old one is of no use. The account is left paused."),
    ] = False,
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    journal: Annotated[Path | None, typer.Option(help="Folder in which this account's runs are recorded.")] = None,
    config: Annotated[Path | None, typer.Option("--config", envvar="TICKWRIGHT_CONFIG", help="Configuration file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Take over what the venue holds and nothing explains. Sends no order and cancels none."""
    from tickwright.run.adopt import adopt
    from tickwright.run.options import RunOptions

    options = RunOptions(
        venue=venue, symbols=tuple(symbol or ()), testnet=testnet, live=live, journal=journal, config=config, quiet=json
    )
    options.check()
    result = adopt(options, tuple(order or ()), why, anew=anew, confirmed=confirmed, say=note)
    if json:
        print_json(result)
    elif not result.adopted:
        say("Nothing to take over.")
    else:
        say(f"Taken over: {len(result.differences)} differences, {len(order or ())} orders.")
    if not result.agrees:
        raise MismatchError("both sides do not agree", where=result.venue, hint="; ".join(result.differences))
