"""`tickwright doctor`: whether this machine, this configuration and this key can trade, and what to do where not.

Each check is one line: ``ok``, ``warn`` (it will do) or ``fail`` (it will not), and a thing to do for the last two. A failed
check does not stop those that do not need it. Nothing is sent that could change the account.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS, SystemClock
from tickwright.base.errors import ExitCode, TickwrightError, VenueError
from tickwright.base.suggest import near_or_list
from tickwright.model.account import Snapshot
from tickwright.model.instrument import Instrument
from tickwright.model.market import Channel, FeedDown, FeedUp, MarketEvent, Subscription
from tickwright.ports import MarketSink, Streaming, Venue
from tickwright.run.build import is_file, load_venue_file, make_venue, venue_section
from tickwright.run.config import DEFAULT_FILE, Config, load_config
from tickwright.run.secrets import Credentials, find_credentials

OPTIONAL: Mapping[str, str] = {
    "pandas": "frame(n)",
    "polars": 'frame(n, "polars")',
    "pyarrow": "Parquet files",
    "uvloop": "speed",
}
PYTHON_MIN = (3, 11)
DISK_FREE_WARN_BYTES = 1_000_000_000
DISK_FREE_FAIL_BYTES = 100_000_000
#: A clock that is farther off than this gets a warning; ``[risk] clock_skew_ms`` fails, as it halts a run.
SKEW_WARN_NS = 250 * NS_PER_MS
STEP_DEADLINE_S = 20.0
FIRST_EVENT_DEADLINE_S = 15.0


class Check(msgspec.Struct, frozen=True):
    """One finding. ``todo`` says what to do about it; ``code`` is what the command ends with when it is the first that fails."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    detail: str
    todo: str = ""
    code: ExitCode = ExitCode.OK


def examine(
    config_path: Path | None, venue_name: str, *, testnet: bool = False, symbols: Sequence[str] = (), offline: bool = False
) -> list[Check]:
    """Every check, in order."""
    checks = [check_python(sys.version_info[:3]), *check_libraries(), check_disk(Path.cwd())]
    try:
        config = load_config(config_path)
    except TickwrightError as error:
        return [*checks, _failed("configuration", error)]
    found = str(config_path or (DEFAULT_FILE if DEFAULT_FILE.exists() else "no file: defaults and environment"))
    checks += [Check("configuration", "ok", found), check_limits(config)]
    name = venue_name or config.run.venue
    if is_file(name):
        return [*checks, *([] if offline else _own_venue(Path(name), config, symbols))]
    section = venue_section(config, name)
    environment = "testnet" if testnet else section.environment
    try:
        credentials = find_credentials(name, section, environment=environment)
        checks.append(_key(credentials, environment))
    except TickwrightError as error:
        checks.append(_failed("API key", error))
        credentials = None
    if offline:
        return checks
    try:
        venue = make_venue(name, section, credentials, SystemClock(), Chance(None), environment=environment)
    except TickwrightError as error:
        return [*checks, _failed("venue", error)]
    asked = tuple(symbols) or config.run.symbols
    return [*checks, *asyncio.run(check_venue(venue, config, asked, with_key=credentials is not None))]


def _own_venue(path: Path, config: Config, symbols: Sequence[str]) -> list[Check]:
    """A venue from a user's file brings its own keys."""
    try:
        venue = load_venue_file(path)
    except TickwrightError as error:
        return [_failed("venue", error)]
    return asyncio.run(check_venue(venue, config, tuple(symbols) or config.run.symbols, with_key=True))


def first_failure(checks: Sequence[Check]) -> ExitCode:
    """What the command ends with."""
    return next((check.code for check in checks if check.verdict == "fail"), ExitCode.OK)


def _failed(name: str, error: TickwrightError) -> Check:
    what = f"{error.where}: {error.what}" if error.where else error.what
    return Check(name, "fail", what, error.hint, error.exit_code)


# -- this machine ----------------------------------------------------------------------------------------------------------


def check_python(version: tuple[int, int, int]) -> Check:
    """The interpreter is new enough."""
    text = ".".join(map(str, version))
    if version[:2] < PYTHON_MIN:
        return Check("python", "fail", text, f"install Python {'.'.join(map(str, PYTHON_MIN))} or newer", ExitCode.CONFIG)
    return Check("python", "ok", text)


def check_libraries(have: Callable[[str], bool] = lambda name: importlib.util.find_spec(name) is not None) -> list[Check]:
    """Libraries that some strategies want, and that can be done without."""
    return [
        Check(name, "ok", f"for {use}")
        if have(name)
        else Check(
            name, "warn", f"not installed: {use} cannot be used" if name != "uvloop" else "not installed", f"pip install {name}"
        )
        for name, use in OPTIONAL.items()
    ]


def check_disk(folder: Path, free_bytes: int | None = None) -> Check:
    """There is room for what a run writes."""
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    detail = f"{free / 1e9:.1f} GB free in {folder}"
    if free < DISK_FREE_FAIL_BYTES:
        return Check("disk", "fail", detail, "make room, or run from another disk", ExitCode.CONFIG)
    if free < DISK_FREE_WARN_BYTES:
        return Check("disk", "warn", detail, "make room")
    return Check("disk", "ok", detail)


# -- the configuration -----------------------------------------------------------------------------------------------------


def check_limits(config: Config) -> Check:
    """The limits without which nothing may be sent where money is real."""
    missing = [name for name in ("max_order_value", "max_order_qty") if getattr(config.risk, name) is None]
    if missing:
        todo = f"set [risk] {' and '.join(missing)} before you trade real money: a live run refuses to start without"
        return Check("risk limits", "warn", f"{' and '.join(missing)} not configured", todo)
    return Check("risk limits", "ok", f"version {config.risk.version}")


def _key(credentials: Credentials | None, environment: str) -> Check:
    if credentials is None:
        return Check(
            "API key", "warn", f"none for {environment}: enough for paper runs", "docs/configuration.md says where keys go"
        )
    return Check("API key", "ok", f"ends in …{credentials.key[-4:]}, for {environment}, from {credentials.source}")


# -- the venue -------------------------------------------------------------------------------------------------------------


async def check_venue(venue: Venue, config: Config, symbols: Sequence[str], *, with_key: bool) -> list[Check]:
    """Everything that has to be asked there. Closes the venue."""
    checks: list[Check] = []
    try:
        async with asyncio.timeout(STEP_DEADLINE_S):
            await venue.open()
        checks.append(Check("connection", "ok", f"{venue.caps.venue} answers"))
        checks.append(await _clock(venue, config))
        listed = await venue.instruments()
        checks += check_instruments(listed, symbols)
        if with_key:
            checks += await _account(venue)
        checks.append(await _market(venue, listed, symbols))
    except (TickwrightError, TimeoutError, OSError) as error:
        checks.append(_unreachable(error))
    finally:
        await venue.close()
    return checks


def _unreachable(error: Exception) -> Check:
    if isinstance(error, TickwrightError):
        return _failed("connection", error)
    what = "no answer" if isinstance(error, TimeoutError) else str(error)
    return Check("connection", "fail", what, "check the network, a proxy, and the venue's status page", ExitCode.VENUE)


async def _clock(venue: Venue, config: Config) -> Check:
    async with asyncio.timeout(STEP_DEADLINE_S):
        offset, bound = await venue.clock()
    return check_clock(offset, bound, config.risk.clock_skew_ms * NS_PER_MS)


def check_clock(offset_ns: int, bound_ns: int, halt_ns: int) -> Check:
    """The local clock against the venue's, as far as it can be known."""
    detail = f"{offset_ns / NS_PER_MS:+.0f} ms from the venue's, give or take {bound_ns / NS_PER_MS:.0f}"
    sure = max(0, abs(offset_ns) - bound_ns)
    todo = "let the system keep its time by NTP (timedatectl set-ntp true)"
    if sure > halt_ns:
        return Check("clock", "fail", detail, todo, ExitCode.VENUE)
    return Check("clock", "warn", detail, todo) if sure > SKEW_WARN_NS else Check("clock", "ok", detail)


def check_instruments(listed: Sequence[Instrument], symbols: Sequence[str]) -> list[Check]:
    """What is to be traded is listed, open, and has a grid."""
    if not listed:
        return [Check("instruments", "fail", "none listed", "the venue's answer is empty: try again later", ExitCode.VENUE)]
    trading = sum(item.trading for item in listed)
    checks = [Check("instruments", "ok", f"{len(listed)} listed, {trading} trading")]
    for symbol in symbols:
        item = next((one for one in listed if symbol in (one.symbol, one.key)), None)
        if item is None:
            hint = near_or_list(symbol, [one.symbol for one in listed])
            checks.append(Check(symbol, "fail", "not listed", hint, ExitCode.USAGE))
        elif not item.trading:
            checks.append(Check(symbol, "fail", "listed, but not open for trading", "wait, or choose another", ExitCode.VENUE))
        else:
            tick, lot = item.price_decimal(item.tick_units).normalize(), item.qty_decimal(item.lot_units).normalize()
            checks.append(Check(symbol, "ok", f"tick {tick:f} {item.quote}, lot {lot:f} {item.base}"))
    return checks


async def _account(venue: Venue) -> list[Check]:
    try:
        async with asyncio.timeout(STEP_DEADLINE_S):
            allowed = await venue.permissions()
            snapshot = await venue.snapshot([], 0)
    except VenueError as error:
        return [_failed("permissions", error)]
    checks = []
    if allowed.can_withdraw:
        todo = "make a key that can only read and trade: no run starts with this one"
        checks.append(Check("permissions", "fail", "the key can withdraw", todo, ExitCode.REFUSED))
    elif not allowed.can_trade:
        checks.append(Check("permissions", "warn", "the key cannot trade", "allow it at the venue, if it should"))
    elif allowed.address_bound is False:
        detail = "can trade, cannot withdraw, works from any address"
        checks.append(Check("permissions", "warn", detail, "bind the key to this machine's address at the venue"))
    else:
        checks.append(Check("permissions", "ok", "can trade, cannot withdraw"))
    if isinstance(snapshot, Snapshot):
        held = f"{len(snapshot.balances)} balances, {len(snapshot.orders)} open orders"
        checks.append(Check("account", "ok", held))
    else:
        checks.append(Check("account", "fail", snapshot.why, "try again", ExitCode.VENUE))
    return checks


async def _market(venue: Venue, listed: Sequence[Instrument], symbols: Sequence[str]) -> Check:
    """The stream delivers: REST may be reachable where the websocket is not."""
    known = {item.symbol: item for item in listed if item.trading}
    chosen = next((symbol for symbol in (*symbols, "BTC/USDT", *known) if symbol in known), "")
    if not chosen or Channel.QUOTES not in venue.caps.channels:
        return Check("market data", "warn", "nothing to subscribe to")
    first = _First()
    stream = asyncio.create_task(_deliver(venue, [Subscription(chosen, Channel.QUOTES)], first))
    waiting = asyncio.create_task(first.came.wait())
    try:
        await asyncio.wait((stream, waiting), timeout=FIRST_EVENT_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stream.cancel()
        waiting.cancel()
        ended, _ = await asyncio.gather(stream, waiting, return_exceptions=True)
    if first.came.is_set():
        return Check("market data", "ok", f"{chosen} delivers")
    why = first.trouble or (str(ended) if isinstance(ended, Exception) else f"nothing came in {FIRST_EVENT_DEADLINE_S:.0f} s")
    return Check("market data", "fail", f"{chosen}: {why}", "check that websockets get through", ExitCode.VENUE)


class _First:
    """A sink that waits for the first event with content, and keeps what was said against it."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.trouble = ""

    def __call__(self, event: MarketEvent) -> None:
        if isinstance(event, FeedDown):
            self.trouble = event.why
        elif not isinstance(event, FeedUp):
            self.came.set()


async def _deliver(venue: Venue, subs: Sequence[Subscription], sink: MarketSink) -> None:
    if isinstance(venue, Streaming):
        await venue.run_market(subs, sink)
        return
    async for event in venue.market(subs):
        sink(event)
