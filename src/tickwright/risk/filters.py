"""What the venue itself would refuse: its grid, its minima and maxima, its price band, what it offers at all.

Checked before sending, so that a rejection by the venue is news. Each gives the reason and the figures, or None.
"""

from __future__ import annotations

from decimal import Decimal

from tickwright.base.numbers import MONEY_EXP, to_text
from tickwright.model.caps import Caps
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY
from tickwright.model.order import NewOrder, OrderType, Stp, Tif
from tickwright.model.reason import Reason

Verdict = tuple[Reason, str]

_MARKET_TYPES = frozenset({OrderType.MARKET, OrderType.STOP, OrderType.TAKE_PROFIT})


def check_caps(order: NewOrder, caps: Caps) -> Verdict | None:
    """Whether the venue has such orders at all."""
    wants = ""
    if order.type not in caps.order_types:
        wants = f"orders of type {order.type.value}"
    elif order.tif not in caps.tifs:
        wants = f"time in force {order.tif.value}"
    elif order.post_only and not caps.post_only:
        wants = "post-only orders"
    elif order.stp not in caps.stps and order.stp is not Stp.VENUE:
        wants = f"self-trade prevention {order.stp.value}"
    elif order.post_only and (order.type is not OrderType.LIMIT or order.tif is not Tif.GTC):
        return Reason.UNSUPPORTED, "Only a plain GTC limit order can be post-only."
    return (Reason.UNSUPPORTED, f"{caps.venue} does not offer {wants}.") if wants else None


def check_filters(order: NewOrder, instrument: Instrument, reference: int | None) -> Verdict | None:
    """The venue's filters. ``reference`` is the market's price in units, for orders without a price of their own."""
    if not instrument.trading:
        return Reason.NOT_TRADING, f"{instrument.key} is not open for trading."
    return (
        _check_price(order, instrument, reference) or _check_qty(order, instrument) or _check_value(order, instrument, reference)
    )


def _check_price(order: NewOrder, instrument: Instrument, reference: int | None) -> Verdict | None:
    for name, price in (("price", order.price), ("stop", order.stop)):
        if price is None:
            continue
        if price <= 0:
            return Reason.BAD_NUMBER, f"The {name} must be above 0."
        text = to_text(price, instrument.price_exp)
        if price % instrument.tick_units:
            return (
                Reason.OFF_TICK,
                f"The {name} {text} is not a multiple of the tick {to_text(instrument.tick_units, instrument.price_exp)}.",
            )
        low, high = instrument.price_min_units, instrument.price_max_units
        if (low and price < low) or (high and price > high):
            bounds = f"{to_text(low, instrument.price_exp)} to {to_text(high, instrument.price_exp)}"
            return Reason.PRICE_OUT_OF_BAND, f"The {name} {text} lies outside {bounds}."
    band = instrument.price_band
    if band is not None and reference is not None and order.price is not None:
        up, down = (band.bid_up, band.bid_down) if order.side is BUY else (band.ask_up, band.ask_down)
        if not reference * down <= order.price <= reference * up:
            return Reason.PRICE_OUT_OF_BAND, f"The price lies outside {down} to {up} times the market's price."
    return None


def _check_qty(order: NewOrder, instrument: Instrument) -> Verdict | None:
    at_market = order.type in _MARKET_TYPES
    if order.qty <= 0:
        return Reason.BAD_NUMBER, "The quantity must be above 0."
    text = to_text(order.qty, instrument.qty_exp)
    lot = (at_market and instrument.market_lot_units) or instrument.lot_units
    if order.qty % instrument.lot_units or order.qty % lot:
        return Reason.OFF_LOT, f"The quantity {text} is not a multiple of the lot {to_text(lot, instrument.qty_exp)}."
    least = max(instrument.qty_min_units, instrument.market_qty_min_units if at_market else 0)
    if order.qty < least:
        return Reason.QTY_TOO_SMALL, f"The quantity {text} is below the minimum {to_text(least, instrument.qty_exp)}."
    most = [top for top in (instrument.qty_max_units, instrument.market_qty_max_units if at_market else 0) if top]
    if most and order.qty > min(most):
        return Reason.QTY_TOO_LARGE, f"The quantity {text} is above the maximum {to_text(min(most), instrument.qty_exp)}."
    return None


def _check_value(order: NewOrder, instrument: Instrument, reference: int | None) -> Verdict | None:
    price = order.price if order.price is not None else reference
    if price is None:
        return None
    at_market = order.type in _MARKET_TYPES
    value = instrument.notional(price, order.qty)
    text = f"{_short(value)} {instrument.quote}"
    if instrument.notional_min and value < instrument.notional_min and (not at_market or instrument.notional_min_on_market):
        return Reason.NOTIONAL_TOO_SMALL, f"The order is worth {text}, below the minimum {_short(instrument.notional_min)}."
    if instrument.notional_max and value > instrument.notional_max and (not at_market or instrument.notional_max_on_market):
        return Reason.NOTIONAL_TOO_LARGE, f"The order is worth {text}, above the maximum {_short(instrument.notional_max)}."
    return None


def _short(amount: int) -> str:
    """An amount to the cent, for people."""
    return f"{Decimal(amount).scaleb(-MONEY_EXP):,.2f}"
