"""A stand that speaks Binance Spot: REST, market streams and the WebSocket API, on localhost.

Written from the venue's public documentation. It shares no code with the adapter.
"""

from tickwright.sim.stands.binance_spot.config import StandConfig, demo_tape
from tickwright.sim.stands.binance_spot.listing import spot_instrument
from tickwright.sim.stands.binance_spot.stand import BinanceSpotStand

__all__ = ["BinanceSpotStand", "StandConfig", "demo_tape", "spot_instrument"]
