"""What can be traded, and the grid its prices and quantities live on."""

from __future__ import annotations

import enum
from decimal import Decimal

import msgspec

from tickwright.base.numbers import (
    MONEY_EXP,
    POW10,
    Rounding,
    decimal_to_units,
    float_to_units,
    parse_decimal,
    to_decimal,
    to_units,
)


class Kind(enum.Enum):
    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


class PriceBand(msgspec.Struct, frozen=True):
    """Multiples of the venue's average price between which an order's price must lie, for each side."""

    bid_up: Decimal
    bid_down: Decimal
    ask_up: Decimal
    ask_down: Decimal


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of one venue. Fields named ``*_units`` count ``10**-price_exp`` or ``10**-qty_exp``; money fields
    count ``10**-MONEY_EXP`` of the quote asset. A bound of 0 means that the venue sets none.
    """

    venue: str
    symbol: str  # as users write it: "BTC/USDT"
    native: str  # as the venue writes it: "BTCUSDT"
    base: str
    quote: str
    price_exp: int
    qty_exp: int
    tick_units: int
    lot_units: int
    price_min_units: int = 0
    price_max_units: int = 0
    qty_min_units: int = 0
    qty_max_units: int = 0
    market_lot_units: int = 0  # 0: as lot_units
    market_qty_min_units: int = 0
    market_qty_max_units: int = 0
    notional_min: int = 0
    notional_max: int = 0
    notional_min_on_market: bool = True
    notional_max_on_market: bool = False
    price_band: PriceBand | None = None
    open_orders_max: int = 0
    open_stops_max: int = 0
    trading: bool = True
    kind: Kind = Kind.SPOT
    contract_size: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.tick_units <= 0 or self.lot_units <= 0:
            msg = f"{self.key}: tick and lot must be positive"
            raise ValueError(msg)
        if not 0 <= self.price_exp + self.qty_exp <= MONEY_EXP:
            msg = f"{self.key}: price and quantity have {self.price_exp + self.qty_exp} places, more than {MONEY_EXP}"
            raise ValueError(msg)

    @property
    def key(self) -> str:
        """``venue:SYMBOL``, the name under which events and orders carry the instrument."""
        return f"{self.venue}:{self.symbol}"

    def price(self, value: float | Decimal | int | str, rounding: Rounding) -> Decimal:
        """``value`` moved onto the tick grid. The only way from a float to a price."""
        return to_decimal(self.price_units(value, rounding), self.price_exp)

    def qty(self, value: float | Decimal | int | str, rounding: Rounding) -> Decimal:
        """``value`` moved onto the lot grid. The only way from a float to a quantity."""
        return to_decimal(self.qty_units(value, rounding), self.qty_exp)

    def price_units(self, value: float | Decimal | int | str, rounding: Rounding) -> int:
        """The same as units."""
        return _on_grid(value, self.price_exp, self.tick_units, rounding)

    def qty_units(self, value: float | Decimal | int | str, rounding: Rounding) -> int:
        """The same as units."""
        return _on_grid(value, self.qty_exp, self.lot_units, rounding)

    def exact_price_units(self, value: Decimal | int | str) -> int:
        """Units of an exact value; raises ``Inexact`` for a float or for too many places. Does not check the tick."""
        return to_units(value, self.price_exp)

    def exact_qty_units(self, value: Decimal | int | str) -> int:
        """Units of an exact value; raises ``Inexact`` for a float or for too many places. Does not check the lot."""
        return to_units(value, self.qty_exp)

    def price_decimal(self, units: int) -> Decimal:
        return to_decimal(units, self.price_exp)

    def qty_decimal(self, units: int) -> Decimal:
        return to_decimal(units, self.qty_exp)

    def price_float(self, units: int) -> float:
        return units / POW10[self.price_exp]

    def qty_float(self, units: int) -> float:
        return units / POW10[self.qty_exp]

    def notional(self, price_units: int, qty_units: int) -> int:
        """Price times quantity as an amount of the quote asset (linear and spot), exact."""
        return price_units * qty_units * POW10[MONEY_EXP - self.price_exp - self.qty_exp]

    def base_amount(self, qty_units: int) -> int:
        """A quantity as an amount of the base asset, exact."""
        return qty_units * POW10[MONEY_EXP - self.qty_exp]


def _on_grid(value: float | Decimal | int | str, exp: int, step: int, rounding: Rounding) -> int:
    if isinstance(value, float):
        return float_to_units(value, exp, step, rounding)
    exact = parse_decimal(value) if isinstance(value, str) else Decimal(value)
    return decimal_to_units(exact, exp, step, rounding)
