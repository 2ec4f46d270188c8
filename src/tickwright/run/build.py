"""The composition root: from options and configuration to a venue that a session can run on."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import Clock
from tickwright.base.errors import ConfigError, UsageError
from tickwright.base.numbers import Inexact, money
from tickwright.base.suggest import near_or_list
from tickwright.model.caps import Caps
from tickwright.model.instrument import Instrument
from tickwright.ports import Streaming, Venue
from tickwright.risk.limits import Limits
from tickwright.run.config import Config, PaperSection, VenueSection
from tickwright.run.secrets import Credentials
from tickwright.sim.exchange import Exchange
from tickwright.sim.fees import FlatFees
from tickwright.sim.latency import ConstantLatency, Latencies
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.venue import SimVenue
from tickwright.sim.venue_rules import sim_caps
from tickwright.venues import VENUES, load
from tickwright.venues.kit import VenueConfig

#: What may be sent where money is not real and nothing is configured: said at the start of the run.
STARTER_LIMITS = Limits(max_order_value=Decimal(10_000), max_order_qty=Decimal(10), max_position=Decimal(10))


def limits_for(config: Config, *, real_money: bool) -> tuple[Limits, bool]:
    """The limits of a run, and whether they are the starter ones. Real money needs them configured."""
    limits = config.risk
    missing = [name for name in ("max_order_value", "max_order_qty") if getattr(limits, name) is None]
    if not missing:
        return limits, False
    if real_money:
        raise ConfigError(f"[risk] {missing[0]} is not configured", hint="live trading needs max_order_value and max_order_qty")
    filled = {
        name: getattr(STARTER_LIMITS, name)
        for name in ("max_order_value", "max_order_qty", "max_position")
        if getattr(limits, name) is None
    }
    return msgspec.structs.replace(limits, **filled), True


def venue_section(config: Config, name: str) -> VenueSection:
    return config.venues.get(name, VenueSection())


def make_venue(
    name: str, section: VenueSection, credentials: Credentials | None, clock: Clock, chance: Chance, *, environment: str = ""
) -> Venue:
    """An adapter of a native venue, not yet opened."""
    module = load(name)
    where = environment or section.environment
    urls = module.URLS.get(where)
    if urls is None:
        raise UsageError(f"{name} has no environment {where!r}", hint=near_or_list(where, module.URLS))
    venue: Venue = module.Adapter(
        VenueConfig(
            rest_url=section.rest_url or urls.rest_url,
            ws_url=section.ws_url or urls.ws_url,
            ws_api_url=section.ws_api_url or urls.ws_api_url,
            key=credentials.key if credentials else None,
            secret=credentials.secret if credentials else None,
            key_kind=section.key_kind,
            recv_window_ms=section.recv_window_ms,
            use_rest_orders=section.use_rest_orders,
            sandbox=urls.sandbox,
        ),
        clock,
        chance,
    )
    return venue


def load_venue_file(path: Path) -> Venue:
    """A user's own venue: a Python file whose ``make()`` returns it."""
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path), hint=near_or_list(str(path), VENUES))
    spec = importlib.util.spec_from_file_location(f"tickwright_venue_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError("it cannot be imported as Python", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        made = module.make()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin call: importing runs the user's code)
        raise UsageError(f"{type(error).__name__}: {error}", where=str(path)) from None
    if not isinstance(made, Venue):
        raise UsageError("make() does not return a venue", where=str(path), hint="see docs/adding-a-venue.md")
    return made


def is_file(name: str) -> bool:
    """Whether a venue is given as a file."""
    return name.endswith(".py") or os.sep in name


class PaperVenue:
    """Wraps making a simulated venue over a real one: the instruments are known only once the real one is open."""

    def __init__(
        self,
        source: Venue,
        section: PaperSection,
        symbols: tuple[str, ...],
        clock: Clock,
        chance: Chance,
        held: Mapping[str, int] | None = None,
    ) -> None:
        self.source = source
        self.section = section
        self.symbols = symbols
        self.clock = clock
        self.chance = chance
        self.held = held  # what an earlier run left on the account; None or nothing: it begins as configured

    async def make(self) -> Venue:
        """Open the real venue, and put an exchange of our own in front of its market data."""
        await self.source.open()
        known = await self.source.instruments()
        chosen = [item for item in known if item.symbol in self.symbols or item.key in self.symbols]
        listed = chosen if len(chosen) == len(self.symbols) else known  # a symbol that is not there is told by the session
        fees = FlatFees(maker_ppm=self.section.maker_ppm, taker_ppm=self.section.taker_ppm)
        exchange = Exchange(listed, fees, PessimisticQueue(), self.chance.fork("paper"))
        exchange.add_account("paper", self._balances(listed))
        delay = ConstantLatency(int(self.section.latency_ms * 1e6))
        caps: Caps = msgspec.structs.replace(sim_caps(self.source.caps.venue), channels=self.source.caps.channels)
        assert isinstance(self.source, Streaming)
        return SimVenue(
            exchange,
            "paper",
            listed,
            self.source,
            clock=self.clock,
            latencies=Latencies(ConstantLatency(0), delay, delay),
            caps=caps,
            history=self.source,
        )

    def _balances(self, listed: list[Instrument]) -> dict[str, int]:
        if self.held:
            return dict(self.held)
        held = dict(self.section.balances)
        for item in listed:
            if item.symbol in self.symbols or item.key in self.symbols:
                held.setdefault(item.quote, self.section.quote)
                held.setdefault(item.base, self.section.base)
        try:
            return {asset: money(amount) for asset, amount in held.items()}
        except Inexact as error:
            raise ConfigError(f"paper.balances: {error}") from None
