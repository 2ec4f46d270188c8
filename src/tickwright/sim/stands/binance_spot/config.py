"""What a stand is started with, and the instruments it lists."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from pathlib import Path

import msgspec

from tickwright.base.numbers import money
from tickwright.model.instrument import Instrument, PriceBand
from tickwright.sim.faults import Faults

#: Eight decimal places, as the venue prints everything.
EXP = 8
ONE = 10**EXP

_BASES = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT"), "BNBUSDT": ("BNB", "USDT"), "ETHBTC": ("ETH", "BTC")}
_QUOTES = ("USDT", "FDUSD", "USDC", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")


class StandConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``tape`` None uses the seeded generator. ``speed`` multiplies the tape's pace; 0 is as fast as clients take it."""

    tape: Path | None = None
    speed: float = 1.0
    loop: bool = False
    start_on: str = "now"  # or "subscriber": the tape waits for the first market subscription
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
    seed: int = 1
    faults: Faults = Faults()
    balances: dict[str, str] = msgspec.field(default_factory=lambda: {"BTC": "1", "USDT": "100000", "ETH": "10", "BNB": "10"})
    maker_ppm: int = 1_000
    taker_ppm: int = 1_000
    weight_limit: int = 6_000
    orders_per_10s: int = 100
    frames_per_s: int = 5
    streams_max: int = 1_024
    life_s: float = 24 * 3600.0
    ping_s: float = 20.0
    pong_deadline_s: float = 60.0
    can_withdraw: bool = False
    clock_offset_ms: int = 0


def demo_tape() -> Path:
    """The recorded tape that is carried in the package."""
    return Path(str(resources.files("tickwright.sim.stands") / "data" / "binance_spot_btcusdt_20240808.gz"))


def split(native: str) -> tuple[str, str]:
    """``BTCUSDT`` as base and quote asset."""
    if native in _BASES:
        return _BASES[native]
    for quote in _QUOTES:
        if native.endswith(quote) and len(native) > len(quote):
            return native[: -len(quote)], quote
    return native[:-4], native[-4:]


def spot_instrument(native: str) -> Instrument:
    """An instrument with the filters of the venue's sample ``exchangeInfo``."""
    base, quote = split(native)
    return Instrument(
        venue="binance_spot",
        symbol=f"{base}/{quote}",
        native=native,
        base=base,
        quote=quote,
        price_exp=EXP,
        qty_exp=EXP,
        tick_units=ONE // 100,
        lot_units=ONE // 100_000,
        price_min_units=ONE // 100,
        price_max_units=1_000_000 * ONE,
        qty_min_units=ONE // 100_000,
        qty_max_units=9_000 * ONE,
        market_qty_max_units=81_52740000,
        notional_min=money("5"),
        notional_max=money("9000000"),
        price_band=PriceBand(Decimal(5), Decimal("0.2"), Decimal(5), Decimal("0.2")),
        open_orders_max=200,
        open_stops_max=5,
    )
