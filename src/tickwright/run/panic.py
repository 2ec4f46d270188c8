"""`tickwright panic`: every order of the account goes, now, whoever made it and whether or not anything of ours runs.

Guarantees: where instruments are named their orders are cancelled before anything else is asked, over every way to the account at
once; it is called done only when the venue, asked again after whatever was on its way has arrived, lists nothing more; what could
not be cancelled is said, with the venue's words. It needs no strategy, no run, no list of instruments and no state directory.

Does not: stop a run that is alive (it says that there is one), or sell anything: on spot there is no position that could be
closed without deciding what of the balances is meant to be kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock, SystemClock
from tickwright.base.errors import ConfigError, RefusedError, UsageError, VenueError
from tickwright.run.build import venue_section
from tickwright.run.config import Config, load_config
from tickwright.run.guard import PROBE_ID, PROFILE, account_of, fence_ns, keys_of, seconds_since, ways_of
from tickwright.run.heartbeat import FILE_NAME, Reading, read
from tickwright.run.logs import Redactor, setup_logs
from tickwright.run.runner import fast_loop
from tickwright.run.secrets import Credentials, find_credentials
from tickwright.run.state_dir import state_dir
from tickwright.run.sweep import Cleared, Line, Sweep, Way, key_trouble, probe

#: How long it goes on at most, unless told otherwise.
WITHIN_S = 120.0
#: A run whose last beat is not older than this is taken for alive.
ALIVE_S = 5.0


class PanicOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of `tickwright panic`."""

    venue: str = ""
    testnet: bool = False
    live: bool = False
    symbols: tuple[str, ...] = ()
    all_symbols: bool = False
    within_s: float = WITHIN_S
    settle_s: float | None = None  # None: as long as the venue may take
    profile: str = ""
    confirmed: bool = False
    config: Path | None = None


class Panicked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``confirmed``: nothing works any more, by the venue's word. ``working`` counts only where ``listed``."""

    venue: str
    environment: str
    symbols: list[str]  # none: all of them
    confirmed: bool
    cancelled: list[Line]
    ended: list[Line]
    working: list[Line]
    listed: bool
    unknown_symbols: list[str]
    rounds: int
    seconds: float
    trouble: str
    warnings: list[str]


def panic(options: PanicOptions, say: Callable[[str], None]) -> Panicked:
    """Ask, cancel, ask again. ``say`` is told how it goes."""
    for flag, value in (("--within", options.within_s), ("--settle", options.settle_s)):
        if value is not None and not 0 <= value < 1e6:
            raise UsageError(f"{flag} must not be negative")
    config = load_config(options.config)
    redactor = setup_logs("error", "console")
    name, environment = account_of(config, options.venue, testnet=options.testnet, live=options.live)
    symbols = () if options.all_symbols else options.symbols or config.run.symbols
    if options.all_symbols and options.symbols:
        raise UsageError("--symbol and --all-symbols exclude one another")
    if not symbols and not options.all_symbols:
        raise UsageError("on which instruments?", hint="add --symbol BTC/USDT, or --all-symbols")
    credentials = _keys(config, name, environment, options.profile, redactor)
    clock, chance = SystemClock(), Chance(None)
    run = _Run(config, name, environment)
    for line in run.warnings(clock):
        say(line)
    if not options.confirmed:
        _confirm(f"{name} {environment}", symbols)
    with fast_loop() as runner:
        ways = ways_of(config, name, environment, credentials, clock, chance)
        began_ns = clock.mono_ns()
        cleared: Cleared = runner.run(_clear(ways, name, symbols, options, clock, chance, say))
    if cleared.key_refused and not cleared.listed:
        raise VenueError(
            f"the venue refuses the key: {cleared.key_refused}", where=name, hint=f"nothing was cancelled ({credentials.source})"
        )
    return Panicked(
        venue=name,
        environment=environment,
        symbols=list(symbols),
        confirmed=cleared.confirmed,
        cancelled=cleared.cancelled,
        ended=cleared.ended,
        working=cleared.working,
        listed=cleared.listed,
        unknown_symbols=cleared.unknown_symbols,
        rounds=cleared.rounds,
        seconds=round((clock.mono_ns() - began_ns) / NS_PER_S, 3),
        trouble="" if cleared.confirmed else cleared.trouble,
        warnings=run.warnings(clock),
    )


async def _clear(
    ways: Sequence[Way],
    name: str,
    symbols: Sequence[str],
    options: PanicOptions,
    clock: Clock,
    chance: Chance,
    say: Callable[[str], None],
) -> Cleared:
    keys = tuple(f"{name}:{symbol}" for symbol in symbols)
    settle_ns = fence_ns(ways[0].venue.caps) if options.settle_s is None else int(options.settle_s * NS_PER_S)
    now_ns = clock.mono_ns()
    sweep = Sweep(
        ways,
        lambda order: not keys or order.key in keys,
        clock,
        chance,
        settled_ns=now_ns + settle_ns,
        keys=keys,
        everything=True,
        give_up=True,
        say=say,
    )
    trying = asyncio.create_task(_try_key(sweep, ways[0], keys or (f"{name}:BTC/USDT",)))
    try:
        with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C: what has come of it so far is told all the same
            await sweep.run(now_ns + int(options.within_s * NS_PER_S))
        return await sweep.cleared()
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        for way in ways:
            await way.close()


async def _try_key(sweep: Sweep, way: Way, keys: Sequence[str]) -> None:
    """A key that is refused is told apart from a venue that does not answer."""
    wrong = key_trouble(await probe(way, keys[:1], PROBE_ID))
    if wrong:
        sweep.key_refused = wrong


def _keys(config: Config, name: str, environment: str, profile: str, redactor: Redactor) -> Credentials:
    """The guard's keys where there are any, else those that runs trade with: here it matters only that it is done."""
    if profile:
        return keys_of(config, name, environment, profile, redactor)
    section = venue_section(config, name)
    try:
        found = find_credentials(name, section, environment=environment, profile=PROFILE)
    except ConfigError:  # a key file of the run's alone
        found = None
    if found is None:
        return keys_of(config, name, environment, "run", redactor)
    redactor.learn(found.secret)
    return found


class _Run:
    """The run on this account, as far as it can be seen from here; a state directory that is of no use is no hindrance."""

    def __init__(self, config: Config, name: str, environment: str) -> None:
        self._path: Path | None = None
        try:
            self._path = state_dir(config, name, environment) / FILE_NAME
        except ConfigError:
            self._path = None

    def warnings(self, clock: Clock) -> list[str]:
        """That it seems to be alive, and may place orders again."""
        found: Reading | None = read(self._path) if self._path is not None else None
        if found is None or found.beat is None or found.beat.life.is_over:
            return []
        beat = found.beat
        ago_s = seconds_since(beat, clock)
        if ago_s > ALIVE_S:
            return []
        return [
            f"a run is alive (process {beat.pid}, {beat.life.value}, {ago_s:.1f} s ago) and may place orders again: stop it too"
        ]


def _confirm(account: str, symbols: Sequence[str]) -> None:
    if not sys.stdin.isatty():
        raise RefusedError("this needs a confirmation", hint="run it at a terminal, or add --yes")
    what = f"every open order on {', '.join(symbols)}" if symbols else "every open order of the account"
    sys.stderr.write(f"This cancels {what} on {account}, whoever made it. Type 'panic' to do it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "panic":
        raise RefusedError("not confirmed: nothing was cancelled")
