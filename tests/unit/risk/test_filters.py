"""The venue's filters, each at its edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tickwright.base.numbers import money
from tickwright.model.instrument import PriceBand
from tickwright.model.market import SELL
from tickwright.model.order import OrderType, Stp, Tif
from tickwright.model.reason import Reason
from tickwright.risk.filters import check_caps, check_filters
from unit.risk.makers import BTC, CAPS, order

STRICT = msgspec.structs.replace(
    BTC,
    tick_units=10,
    lot_units=10,
    price_min_units=1_000,
    price_max_units=100_000_00,
    qty_min_units=20,
    qty_max_units=1_000_000,
    market_lot_units=100,
    market_qty_min_units=100,
    market_qty_max_units=500_000,
    notional_min=money(5),
    notional_max=money(90_000),
    price_band=PriceBand(bid_up=Decimal("1.2"), bid_down=Decimal("0.2"), ask_up=Decimal(5), ask_down=Decimal("0.8")),
)
MARKET = {"type": OrderType.MARKET, "price": None, "tif": Tif.IOC}
MID = 60_000_00


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"price": 60_000_05}, Reason.OFF_TICK),
        ({"price": 0}, Reason.BAD_NUMBER),
        ({"price": -10}, Reason.BAD_NUMBER),
        ({"type": OrderType.STOP_LIMIT, "stop": 60_000_01}, Reason.OFF_TICK),
        ({"type": OrderType.STOP_LIMIT, "stop": 0}, Reason.BAD_NUMBER),
        ({"price": 990}, Reason.PRICE_OUT_OF_BAND),
        ({"price": 100_000_10}, Reason.PRICE_OUT_OF_BAND),
        ({"price": 72_000_00}, None),
        ({"price": 72_000_10}, Reason.PRICE_OUT_OF_BAND),
        ({"price": 12_000_00}, None),
        ({"price": 11_999_90}, Reason.PRICE_OUT_OF_BAND),
        ({"side": SELL, "price": 48_000_00}, None),
        ({"side": SELL, "price": 47_999_90}, Reason.PRICE_OUT_OF_BAND),
        ({"qty": 0}, Reason.BAD_NUMBER),
        ({"qty": 10_005}, Reason.OFF_LOT),
        ({"qty": 10}, Reason.QTY_TOO_SMALL),
        ({"qty": 1_000_010}, Reason.QTY_TOO_LARGE),
        ({"qty": 150_000}, None),
        ({"qty": 150_010}, Reason.NOTIONAL_TOO_LARGE),
        ({"price": 20_000_00, "qty": 20}, Reason.NOTIONAL_TOO_SMALL),
        ({**MARKET, "qty": 10_010}, Reason.OFF_LOT),
        ({**MARKET, "qty": 500_100}, Reason.QTY_TOO_LARGE),
        ({**MARKET, "qty": 500_000}, None),  # the maximum of value does not hold for orders at the market
    ],
)
def test_given_an_order_when_the_venues_filters_are_applied_then_the_first_that_it_breaks_is_named(
    change: dict[str, Any], reason: Reason | None
) -> None:
    """Each filter refuses just beyond its edge and passes at it."""
    answer = check_filters(order(**change), STRICT, MID)
    assert (answer and answer[0]) == reason


def test_given_an_instrument_that_is_closed_when_checked_then_nothing_else_matters() -> None:
    """A halted market is said first."""
    closed = msgspec.structs.replace(STRICT, trading=False)
    assert check_filters(order(price=1), closed, MID) == (Reason.NOT_TRADING, "sim:BTC/USDT is not open for trading.")


def test_given_a_market_order_and_a_venue_that_exempts_it_when_small_then_it_passes() -> None:
    """Whether a minimum of value holds for market orders is the venue's choice."""
    small = order(**MARKET, qty=100)
    low = 1_000_00
    assert check_filters(small, STRICT, low) is not None
    assert check_filters(small, msgspec.structs.replace(STRICT, notional_min_on_market=False), low) is None


@pytest.mark.parametrize(
    ("change", "caps", "text"),
    [
        ({}, {"order_types": frozenset()}, "orders of type limit"),
        ({"tif": Tif.FOK}, {"tifs": frozenset({Tif.GTC})}, "time in force fok"),
        ({"post_only": True}, {"post_only": False}, "post-only orders"),
        ({"stp": Stp.EXPIRE_BOTH}, {"stps": frozenset()}, "self-trade prevention expire_both"),
        ({"post_only": True, "tif": Tif.IOC}, {}, "Only a plain GTC limit order"),
    ],
)
def test_given_what_a_venue_does_not_offer_when_asked_for_then_the_text_names_it(
    change: dict[str, Any], caps: dict[str, Any], text: str
) -> None:
    """One sentence says what is missing."""
    answer = check_caps(order(**change), msgspec.structs.replace(CAPS, **caps))
    assert answer is not None
    assert (answer[0], text in answer[1]) == (Reason.UNSUPPORTED, True)
