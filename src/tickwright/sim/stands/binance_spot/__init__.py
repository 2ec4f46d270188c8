"""A stand that speaks Binance Spot: REST, market streams and the WebSocket API, on localhost.

Written from the venue's public documentation (see docs/venues/binance_spot.md). It shares no code with the adapter.
"""

from tickwright.sim.stands.binance_spot.config import StandConfig, spot_instrument
from tickwright.sim.stands.binance_spot.stand import BinanceSpotStand

__all__ = ["BinanceSpotStand", "StandConfig", "spot_instrument"]
