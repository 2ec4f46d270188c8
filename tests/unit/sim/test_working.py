"""A frozen order says of every field what the living one says."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.model.market import BUY, SELL
from tickwright.model.order import OrderType, Stp
from tickwright.sim.records import NO_ID, Expiry, SimFill, SimOrder, SimStatus
from tickwright.sim.working import Working
from unit.sim.simkit import BTC, new_order


def test_given_an_order_when_frozen_then_every_field_carries_its_own_value() -> None:
    """Fields are filled positionally, so each is set to something that no other has."""
    order = Working("me", new_order("x", BUY, 5, 100), 7, Stp.NONE, 11)
    numbers = [name for name in msgspec.structs.fields(SimOrder) if name.type is int and not name.name.startswith("last_")]
    for value, name in enumerate([one.name for one in numbers], 1_000):
        setattr(order, name, value)
    order.orig_client_id, order.list_client_id, order.price, order.stop = "o", "l", 501, 502
    order.status, order.expiry, order.on_book, order.post_only = SimStatus.EXPIRED, Expiry.OCO, True, True
    order.last_prevented_qty = 77
    frozen = order.freeze()
    for one in msgspec.structs.fields(SimOrder):
        if not one.name.startswith("last_") or one.name == "last_prevented_qty":
            assert getattr(frozen, one.name) == getattr(order, one.name), one.name
    assert (
        frozen.last_qty,
        frozen.last_price,
        frozen.last_trade_id,
        frozen.last_fee,
        frozen.last_fee_asset,
        frozen.last_maker,
    ) == (0, 0, NO_ID, 0, "", False)
    assert frozen.remaining == order.remaining == frozen.qty - frozen.filled - frozen.prevented_qty


def test_given_a_fill_when_an_order_is_frozen_with_it_then_it_carries_the_fill() -> None:
    """The event of a trade says what was traded."""
    order = Working("me", new_order("x", BUY, 5, 100), 7, Stp.NONE, 11)
    fill = SimFill(
        key=BTC.key,
        trade_id=3,
        venue_id=7,
        client_id="x",
        list_id=NO_ID,
        side=BUY,
        price=99,
        qty=2,
        quote=4,
        fee=5,
        fee_asset="BTC",
        maker=True,
        at_ns=6,
    )
    frozen = order.freeze(fill)
    told = (frozen.last_trade_id, frozen.last_price, frozen.last_qty, frozen.last_fee, frozen.last_fee_asset, frozen.last_maker)
    assert told == (3, 99, 2, 5, "BTC", True)


@pytest.mark.parametrize(
    ("kind", "side", "low", "high", "touched"),
    [
        (OrderType.STOP, BUY, 90, 99, False),
        (OrderType.STOP, BUY, 90, 100, True),
        (OrderType.STOP, SELL, 101, 110, False),
        (OrderType.STOP, SELL, 100, 110, True),
        (OrderType.TAKE_PROFIT, BUY, 101, 110, False),
        (OrderType.TAKE_PROFIT, BUY, 100, 110, True),
        (OrderType.TAKE_PROFIT, SELL, 90, 99, False),
        (OrderType.TAKE_PROFIT, SELL, 90, 100, True),
    ],
)
def test_given_a_range_of_prices_when_it_reaches_the_stop_then_it_is_touched(kind, side, low, high, touched) -> None:
    """Which end of the range counts depends on side and type."""
    order = Working("me", new_order("x", side, 5, type=kind, stop=100), 7, Stp.NONE, 11)
    assert order.touched_by(low, high) is touched
    assert not order.triggered
