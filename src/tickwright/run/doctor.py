"""`tickwright doctor`: whether this machine and this configuration can trade, and what to do where not."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.errors import TickwrightError, VenueError
from tickwright.ports import Venue
from tickwright.run.build import make_venue, venue_section
from tickwright.run.config import Config, load_config
from tickwright.run.secrets import Credentials, find_credentials

OPTIONAL = {"pandas": "frame()", "polars": 'frame(n, "polars")', "pyarrow": "Parquet", "uvloop": "speed"}
DISK_FREE_WARN = 1_000_000_000


class Check(msgspec.Struct, frozen=True):
    """One finding: ``ok``, ``warn`` or ``fail``."""

    name: str
    verdict: str
    detail: str


def examine(config_path: Path | None, venue_name: str) -> list[Check]:
    """Every check, in order; a failed one does not stop the rest."""
    checks = [_python(), *_libraries(), _disk()]
    try:
        config = load_config(config_path)
    except TickwrightError as error:
        return [*checks, Check("configuration", "fail", str(error))]
    checks.append(Check("configuration", "ok", str(config_path or "defaults and environment")))
    checks.append(_limits(config))
    name = venue_name or config.run.venue
    section = venue_section(config, name)
    try:
        credentials = find_credentials(name, section)
        venue = make_venue(name, section, credentials, SystemClock(), Chance(None))
    except TickwrightError as error:
        return [*checks, Check("venue", "fail", str(error))]
    where = credentials.source if credentials else "none: paper runs need none"
    checks.append(Check("API key", "ok" if credentials else "warn", where))
    return [*checks, *asyncio.run(_venue(venue, credentials))]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok" if sys.version_info >= (3, 11) else "fail", found)


def _libraries() -> list[Check]:
    return [
        Check(
            name,
            "ok" if importlib.util.find_spec(name) else "warn",
            f"for {use}" if importlib.util.find_spec(name) else f"not installed; for {use}",
        )
        for name, use in OPTIONAL.items()
    ]


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    return Check("disk", "ok" if free > DISK_FREE_WARN else "warn", f"{free / 1e9:.1f} GB free here")


def _limits(config: Config) -> Check:
    missing = [name for name in ("max_order_value", "max_order_qty") if getattr(config.risk, name) is None]
    if missing:
        return Check("risk limits", "warn", f"[risk] {', '.join(missing)} not set: live runs refuse to start")
    return Check("risk limits", "ok", f"version {config.risk.version}")


async def _venue(venue: Venue, credentials: Credentials | None) -> list[Check]:
    checks: list[Check] = []
    try:
        try:
            await venue.open()
        except (VenueError, OSError) as error:
            return [Check("connection", "fail", str(error))]
        checks.append(Check("connection", "ok", venue.caps.venue))
        offset, bound = await venue.clock()
        verdict = "ok" if abs(offset) - bound < 250_000_000 else "fail"
        checks.append(Check("clock", verdict, f"{offset / 1e6:+.0f} ms from the venue's, give or take {bound / 1e6:.0f}"))
        listed = await venue.instruments()
        checks.append(
            Check(
                "instruments", "ok" if listed else "fail", f"{len(listed)} listed, {sum(item.trading for item in listed)} trading"
            )
        )
        if credentials is not None:
            checks.append(await _permissions(venue))
    finally:
        await venue.close()
    return checks


async def _permissions(venue: Venue) -> Check:
    try:
        allowed = await venue.permissions()
    except VenueError as error:
        return Check("permissions", "fail", str(error))
    if allowed.can_withdraw:
        return Check("permissions", "fail", "the key can withdraw: make one that cannot, runs refuse to start with this")
    if not allowed.can_trade:
        return Check("permissions", "warn", "the key cannot trade")
    bound = "" if allowed.address_bound is not False else "; it is not bound to an address: anybody who has it can use it"
    return Check("permissions", "warn" if bound else "ok", f"can trade, cannot withdraw{bound}")
