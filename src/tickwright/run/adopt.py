"""`tickwright adopt`: a person takes over what nothing explains, on record. It sends no order and cancels none.

It is a run without a strategy: what the last one left is read, the venue is asked, the differences are shown, and after a yes the
balances become ours as transfers and the orders that were named become ours. The next run goes on from there.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.errors import RefusedError, UsageError, VenueError
from tickwright.engine.recover import describe
from tickwright.engine.state import State, VenueState
from tickwright.model.event import Verb
from tickwright.run.build import STARTER_LIMITS, make_venue, venue_section
from tickwright.run.config import load_config
from tickwright.run.logs import setup_logs
from tickwright.run.options import RunOptions
from tickwright.run.runner import environment_of, fast_loop, log_notice, recording_for
from tickwright.run.secrets import require_credentials
from tickwright.run.session import Plan, Session
from tickwright.strategy.strategy import Strategy

#: How long the venue's answers are waited for.
DEADLINE_S = 30.0
#: Comparisons after which a difference is no longer taken for something on its way.
TRIES = 3


class Nobody(Strategy):
    """Wants no data and decides nothing."""


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, what was taken over, and whether both sides agree now."""

    venue: str
    differences: list[str]
    foreign: list[str]
    adopted: bool
    agrees: bool


def adopt(
    options: RunOptions, orders: tuple[str, ...], why: str, *, anew: bool, confirmed: bool, say: Callable[[str], None]
) -> Adopted:
    """Compare, ask, take over. ``anew`` begins a new record instead of going on from one that cannot be read."""
    config = load_config(options.config)
    name = options.venue or config.run.venue
    redactor = setup_logs("warning", "console")
    environment = environment_of(options, config, name)
    if environment == "paper":
        raise UsageError("a paper account has no other side", hint="add --testnet or --live; on paper: tickwright run --fresh")
    recording = recording_for(options, config, name)
    assert recording is not None, "only a stand's and a user's own account go unrecorded"
    if anew:
        recording.go_on = False
    left = recording.left()
    symbols = options.symbols or config.run.symbols
    if left is not None:
        symbols = symbols or tuple(key.partition(":")[2] for key in left.head.traded)
    if not symbols:
        raise UsageError("no instrument was given", hint="add --symbol BTC/USDT")
    section = venue_section(config, name)
    credentials = require_credentials(name, section, environment=environment)
    redactor.learn(credentials.secret)
    clock, chance = SystemClock(), Chance(None)
    plan = Plan(
        strategy=Nobody,
        params={},
        venue=make_venue(name, section, credentials, clock, chance, environment=environment),
        symbols=list(symbols),
        limits=left.head.config.limits if left is not None else STARTER_LIMITS,
        currency=left.head.config.currency if left is not None else config.run.currency,
        auto_arm=False,
        cancel_on_stop=False,
        recording=recording,
        strategy_digest=left.head.strategy_digest if left is not None else "",
    )
    with fast_loop() as runner:
        result: Adopted = runner.run(_adopt(Session(plan, clock, log_notice), orders, why, confirmed, anew, say))
        return result


async def _adopt(
    session: Session, orders: tuple[str, ...], why: str, confirmed: bool, anew: bool, say: Callable[[str], None]
) -> Adopted:
    try:
        await session.prepare()
        running = asyncio.create_task(session.shell.run())
        try:
            return await _take_over(session, orders, why, confirmed, anew, say)
        finally:
            session.stop("taken over")
            await running
    finally:
        await session.close()


async def _take_over(
    session: Session, orders: tuple[str, ...], why: str, confirmed: bool, anew: bool, say: Callable[[str], None]
) -> Adopted:
    state = session.state
    (venue,) = state.venues.values()
    await _until(lambda: venue.reconciled or venue.tries >= TRIES, "the venue's answer")
    differences = _differences(state, venue)
    foreign = [order.client_id for order in state.orders.open_orders() if order.foreign]
    for line in differences:
        say(line)
    for client_id in foreign:
        say(f"order {client_id} is not ours{': it will be' if client_id in orders else ''}")
    unknown = [client_id for client_id in orders if client_id not in foreign]
    if unknown:
        raise UsageError(
            f"no such order of somebody else's is open: {unknown[0]}", hint=f"there are {', '.join(foreign) or 'none'}"
        )
    wanted = bool(differences or orders)
    if wanted and not confirmed:
        _confirm()
    if differences:
        session.shell.command(Verb.ADOPT, why)
    for client_id in orders:
        session.shell.command(Verb.ADOPT, why, f"order:{client_id}")
    if anew:  # halts and losses of the record that was given up are not known: a person looks first
        session.shell.command(Verb.PAUSE, "begun anew by tickwright adopt: lift it with --resume")
    await _until(lambda: venue.reconciled or venue.tries >= 2 * TRIES, "both sides to agree")
    return Adopted(venue=venue.caps.venue, differences=differences, foreign=foreign, adopted=wanted, agrees=venue.reconciled)


def _differences(state: State, venue: VenueState) -> list[str]:
    if venue.reconciled or state.reconciliation is None:
        return []
    return [describe(item) for item in state.reconciliation.differences]


async def _until(test: Callable[[], bool], what: str) -> None:
    for _ in range(int(DEADLINE_S * 20)):
        if test():
            return
        await asyncio.sleep(0.05)
    raise VenueError(f"waited {DEADLINE_S:g} s for {what}: nothing was taken over")


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise RefusedError("taking over needs a confirmation", hint="run it at a terminal, or add --yes")
    sys.stderr.write("Type 'adopt' to take this over: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "adopt":
        raise RefusedError("not confirmed: nothing was taken over")
