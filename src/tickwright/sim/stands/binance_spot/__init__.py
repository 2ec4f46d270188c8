"""A stand that speaks Binance Spot: REST, market streams and the WebSocket API, on localhost.

Written from the venue's public documentation. It shares no code with the adapter.
"""

from collections.abc import Callable

from tickwright.sim.stands.binance_spot.config import StandConfig, demo_tape
from tickwright.sim.stands.binance_spot.listing import spot_instrument
from tickwright.sim.stands.binance_spot.stand import BinanceSpotStand
from tickwright.sim.stands.server import run_stand as _run

__all__ = ["BinanceSpotStand", "StandConfig", "demo_tape", "run_stand", "spot_instrument"]


async def run_stand(config: StandConfig, port: int, emit: Callable[[str], None]) -> None:
    """Serve until cancelled; ``emit`` is given one line of JSON: the URLs and a test account's keys."""
    await _run(BinanceSpotStand(config), port, emit)
