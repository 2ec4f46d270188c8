"""`tickwright run`: choose the venue by mode, say what will happen, run, sum up."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock, SystemClock
from tickwright.base.errors import ConfigError, RefusedError, UsageError
from tickwright.journal.writer import Bounds, Durability
from tickwright.model.effect import Level, Notice
from tickwright.ports import Venue
from tickwright.run.build import PaperVenue, is_file, limits_for, load_venue_file, make_venue, venue_section
from tickwright.run.config import Config, load_config
from tickwright.run.dead_man import dead_man
from tickwright.run.heartbeat import Heart
from tickwright.run.load import load_strategy
from tickwright.run.logs import Redactor, setup_logs
from tickwright.run.options import RunOptions
from tickwright.run.record import Left, Recording
from tickwright.run.rehearsal import rehearsal
from tickwright.run.secrets import require_credentials
from tickwright.run.session import Plan, Session
from tickwright.run.standrun import StandProcess
from tickwright.run.state_dir import state_dir
from tickwright.run.summary import Summary, summarise
from tickwright.run.table import look, show


def run_strategy(options: RunOptions) -> Summary:
    """Run a strategy until its time is up or a signal comes."""
    options.check()
    config = load_config(options.config, flags=options.layer())
    redactor = setup_logs("warning" if options.quiet and not options.log_level else config.log.level, config.log.format)
    with fast_loop() as runner:
        summary: Summary = runner.run(_run(options, config, redactor))
        return summary


@contextlib.contextmanager
def fast_loop() -> Any:
    """An event loop by uvloop where it exists."""
    try:
        import uvloop  # noqa: PLC0415 (not on every platform)
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner


async def _run(options: RunOptions, config: Config, redactor: Redactor) -> Summary:
    clock, chance = SystemClock(), Chance(None)
    if options.strategy is None and not config.run.strategy:
        raise UsageError("no strategy was given", hint="tickwright run STRATEGY.py, or [run] strategy in the configuration")
    strategy = load_strategy(options.strategy or Path(config.run.strategy), options.name or config.run.name)
    params = config.params
    strategy(**params)  # a wrong parameter is told before anything is connected
    name = options.venue or config.run.venue
    symbols = options.symbols or config.run.symbols or (("BTC/USDT",) if options.stand or is_file(name) else ())
    if not symbols:
        raise UsageError("no instrument was given", hint="add --symbol BTC/USDT, or [run] symbols in the configuration")
    limits, starter = limits_for(config, real_money=options.live)
    async with contextlib.AsyncExitStack() as stack:
        recording = recording_for(options, config, name)
        left = recording.left() if recording is not None else None
        venue, source = await _choose(options, config, name, symbols, clock, chance, redactor, stack, left)
        if starter:
            _say(f"no [risk] limits configured: at most {limits.max_order_value} an order, {limits.max_position} held")
        if options.live and not options.confirmed:
            _confirm(config, name, symbols)
        heart = heart_for(options, config, name, clock)
        if heart is not None:
            stack.callback(heart.close)
        plan = Plan(
            strategy=strategy,
            params=params,
            venue=venue,
            symbols=list(symbols),
            limits=limits,
            currency=config.run.currency,
            seconds=config.run.seconds if options.seconds is None else options.seconds,
            cancel_on_stop=config.run.cancel_on_stop,
            also_close=[source] if source is not None else [],
            recording=recording,
            resume=options.resume,
            reconcile_every_s=config.run.reconcile_s,
            keepers=[
                *([heart.keep] if heart is not None else []),
                *dead_man(venue, config.run.dead_man_s),
                *rehearsal(config.run.rehearse_ms),
            ],
        )
        return await run_plan(plan, clock, connections_of(source or venue), quiet=options.quiet)


def recording_for(options: RunOptions, config: Config, name: str) -> Recording | None:
    """Where the run is recorded. An account that is made anew for each run (a stand's, a user's own venue's) is recorded only
    where a folder is given: there is nothing to go on from.
    """
    environment = environment_of(options, config, name)
    given = options.journal or (Path(config.journal.folder) if config.journal.folder else None)
    if given is None and (options.stand or is_file(name)):
        return None
    folder = given or state_dir(config, name, environment) / "journal"
    durability = config.journal.durability
    if durability == "auto":
        durability = "power" if options.live else "process"
    mb = 1024 * 1024
    return Recording(
        folder,
        f"{name} {environment}",
        Durability(durability),
        go_on=not (options.fresh or options.stand),
        bounds=Bounds(config.journal.segment_mb * mb, config.journal.keep_mb * mb),
        say=structlog.get_logger().warning,
    )


def heart_for(options: RunOptions, config: Config, name: str, clock: Clock) -> Heart | None:
    """What shows from outside that the run lives; nothing where the account ends with the run."""
    if options.stand or is_file(name):
        return None
    environment = environment_of(options, config, name)
    folder = state_dir(config, name, environment)
    heart = Heart(folder, name, environment, clock, structlog.get_logger().warning)
    if heart.claim():
        return heart
    if environment == "paper":
        _say(f"another run keeps the heartbeat in {folder}: this one has none")
        return None
    raise RefusedError(
        "another run is on this account", where=str(folder), hint="stop it first; or give each account its own [run] state_dir"
    )


def environment_of(options: RunOptions, config: Config, name: str) -> str:
    """Which of a venue's accounts it is."""
    if options.stand:
        return "stand"
    if is_file(name):
        return "own"
    if not (options.testnet or options.live):
        return "paper"
    section = venue_section(config, name)
    if section.rest_url:
        return section.environment  # of another address: what it is configured to be
    if options.testnet:
        return "testnet" if section.environment == "mainnet" else section.environment
    if section.environment != "mainnet":
        raise ConfigError(
            f"[venues.{name}] environment is {section.environment!r}, and --live trades real money",
            hint="use --testnet, or take the setting out",
        )
    return "mainnet"


async def run_plan(plan: Plan, clock: Clock, connections: Mapping[str, Any], *, quiet: bool) -> Summary:
    """Prepare, run with the live table, and sum up."""
    session = Session(plan, clock, log_notice)
    try:
        await session.prepare()
    except BaseException:
        await session.close()
        raise
    shown = asyncio.create_task(show(lambda: look(session.state, session.shell, connections), quiet=quiet))
    try:
        await session.run()
    finally:
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)
    return summarise(
        session.state,
        session.shell,
        session.instruments,
        strategy=plan.strategy.__name__,
        seconds=(clock.wall_ns() - session.started_ns) / NS_PER_S,
        connections=connections,
        journal=session.recorded_in,
    )


def connections_of(venue: Venue) -> Mapping[str, Any]:
    """The counters of a venue's connections, where it keeps any."""
    found: Mapping[str, Any] = getattr(venue, "connections", {})
    return found


async def _choose(
    options: RunOptions,
    config: Config,
    name: str,
    symbols: tuple[str, ...],
    clock: Clock,
    chance: Chance,
    redactor: Redactor,
    stack: contextlib.AsyncExitStack,
    left: Left | None,
) -> tuple[Venue, Venue | None]:
    """The venue to trade on, and the one its market data comes from if that is another."""
    if is_file(name):
        return load_venue_file(Path(name)), None
    section = venue_section(config, name)
    if options.stand:
        stand = await stack.enter_async_context(
            StandProcess(
                name,
                tape=options.tape,
                speed=1.0 if options.speed is None else options.speed,
                seed=options.seed or 1,
                faults=options.faults,
            )
        )
        return make_venue(name, stand.section(), stand.credentials(), clock, chance), None
    if options.testnet or options.live:
        environment = environment_of(options, config, name)
        credentials = require_credentials(name, section, environment=environment)
        redactor.learn(credentials.secret)
        return make_venue(name, section, credentials, clock, chance, environment=environment), None
    source = make_venue(name, section, None, clock, chance)
    try:
        return await PaperVenue(source, config.paper, symbols, clock, chance, _held(left, name)).make(), source
    except BaseException:
        await source.close()
        raise


def _held(left: Left | None, venue: str) -> dict[str, int]:
    """What the paper account held when the last run ended: it goes on from there."""
    if left is None:
        return {}
    return {purse.asset: purse.ours for purse in left.carried.ledger.purses if purse.venue == venue}


def _confirm(config: Config, venue: str, symbols: tuple[str, ...]) -> None:
    """Live trading starts disarmed: a person types the word, or has configured that none is needed."""
    if config.run.confirm_live:
        return
    if not sys.stdin.isatty():
        raise RefusedError("live trading needs a confirmation", hint="run it at a terminal, or set [run] confirm_live = true")
    # Not a log line: it has to be seen whatever the log level.
    sys.stderr.write(f"This trades real money on {venue}: {', '.join(symbols)}. Type 'live' to arm it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "live":
        raise RefusedError("not confirmed: nothing was sent")


def _say(text: str) -> None:
    structlog.get_logger().info(text)


def log_notice(notice: Notice) -> None:
    """A notice of the engine as a log line."""
    log = structlog.get_logger()
    fields = {name: value for name, value in (("key", notice.key), ("strategy", notice.strategy)) if value}
    write = {Level.INFO: log.info, Level.WARNING: log.warning, Level.ALERT: log.error}[notice.level]
    write(notice.text, what=notice.what, **fields)
