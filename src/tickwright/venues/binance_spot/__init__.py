"""Binance Spot: ``CAPS`` says what it can do, ``URLS`` where it is; ``Decoder`` reads its tapes, ``Binance`` trades on it."""

from tickwright.venues.binance_spot.adapter import Binance
from tickwright.venues.binance_spot.rules import CAPS, NAME, URLS
from tickwright.venues.binance_spot.wire import Decoder

Adapter = Binance

__all__ = ["CAPS", "NAME", "URLS", "Adapter", "Binance", "Decoder"]
