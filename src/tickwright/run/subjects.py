"""What the conformance suite runs against: the in-process venue, the Binance adapter on its stand, or a user's own file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.errors import UsageError
from tickwright.base.numbers import money
from tickwright.base.secret import Secret
from tickwright.base.suggest import near_or_list
from tickwright.ports import Venue
from tickwright.run.build import is_file, load_venue_file
from tickwright.run.conformance import Subject
from tickwright.sim.exchange import Exchange
from tickwright.sim.fees import FlatFees
from tickwright.sim.generator import GeneratedMarket, MarketShape
from tickwright.sim.latency import no_latency
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.source import Generated
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig, spot_instrument
from tickwright.sim.stands.server import serve
from tickwright.sim.venue import SimVenue
from tickwright.sim.venue_rules import sim_caps
from tickwright.venues.binance_spot import Binance
from tickwright.venues.kit import VenueConfig


class StandSubject:
    """The Binance adapter on a fresh stand with a generated market."""

    name = "binance_spot"
    symbol = "BTC/USDT"

    def __init__(self, key_kind: str = "hmac") -> None:
        self._kind = key_kind
        self._stacks: dict[int, contextlib.AsyncExitStack] = {}

    async def open(self) -> Venue:
        stand = BinanceSpotStand(StandConfig(symbols=("BTCUSDT",), seed=3))
        stack = contextlib.AsyncExitStack()
        server = await stack.enter_async_context(serve(stand))
        given = stand.given[self._kind]
        config = VenueConfig(
            rest_url=f"http://{server.base}",
            ws_url=f"ws://{server.base}",
            ws_api_url=f"ws://{server.base}/ws-api/v3",
            key=given.api_key,
            secret=Secret(given.secret.encode()),
            key_kind=self._kind,
        )
        venue = Binance(config, SystemClock(), Chance(7))
        self._stacks[id(venue)] = stack
        await venue.open()
        return venue

    async def close(self, venue: Venue) -> None:
        await venue.close()
        await self._stacks.pop(id(venue)).aclose()


class SimSubject:
    """The in-process venue with a generated market."""

    name = "sim"
    symbol = "BTC/USDT"

    async def open(self) -> Venue:
        clock = SystemClock()
        instrument = spot_instrument("BTCUSDT")
        chance = Chance(3)
        exchange = Exchange([instrument], FlatFees(maker_ppm=1_000, taker_ppm=1_000), PessimisticQueue(), chance.fork("exchange"))
        exchange.add_account("main", {"BTC": money(1), "USDT": money(100_000)})
        shape = MarketShape(
            mid=60_000 * 10**instrument.price_exp,
            tick=instrument.tick_units,
            lot=instrument.lot_units,
            level_qty=10**instrument.qty_exp,
        )
        market = GeneratedMarket(shape, chance.fork("market"), clock.wall_ns())
        source = Generated(instrument, market, clock)
        caps = sim_caps("binance_spot")
        venue = SimVenue(exchange, "main", [instrument], source, clock=clock, latencies=no_latency(), caps=caps)
        await venue.open()
        return venue

    async def close(self, venue: Venue) -> None:
        await venue.close()


class FileSubject:
    """A user's own venue."""

    symbol = "BTC/USDT"

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path

    async def open(self) -> Venue:
        venue = load_venue_file(self._path)
        await venue.open()
        listed = await venue.instruments()
        if listed:
            self.symbol = listed[0].symbol
        return venue

    async def close(self, venue: Venue) -> None:
        await venue.close()


_NATIVE: dict[str, Any] = {"binance_spot": StandSubject, "sim": SimSubject}
SUBJECTS = tuple(_NATIVE)


def subject(name: str) -> Subject:
    """The subject of that name, or of that file."""
    if is_file(name):
        return FileSubject(Path(name))
    if name not in _NATIVE:
        raise UsageError(f"there is no venue {name!r} to check", hint=near_or_list(name, _NATIVE))
    made: Subject = _NATIVE[name]()
    return made
