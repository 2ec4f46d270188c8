"""What the simulated venue refuses before matching."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.model.market import BUY
from tickwright.model.order import OrderType, Tif
from tickwright.model.reason import Reason
from tickwright.sim.venue_rules import broken_filter, refusal, sim_caps
from unit.sim.simkit import BTC, new_order

RULED = msgspec.structs.replace(
    BTC, tick_units=5, lot_units=2, price_min_units=10, price_max_units=1_000, qty_min_units=4, qty_max_units=100,
    market_lot_units=4, market_qty_min_units=8, market_qty_max_units=40, notional_min=BTC.notional(100, 10), notional_max=BTC.notional(100, 90),
)  # fmt: skip


@pytest.mark.parametrize(
    ("qty", "price", "broken"),
    [
        (20, 100, ""), (20, 102, "PRICE_FILTER"), (20, 5, "PRICE_FILTER"), (20, 1_005, "PRICE_FILTER"), (20, -5, "PRICE_FILTER"),
        (21, 100, "LOT_SIZE"), (2, 100, "LOT_SIZE"), (102, 100, "LOT_SIZE"), (0, 100, "LOT_SIZE"),
        (8, 100, "NOTIONAL"), (92, 100, "NOTIONAL"),
        (12, None, ""), (10, None, "MARKET_LOT_SIZE"), (4, None, "MARKET_LOT_SIZE"), (44, None, "MARKET_LOT_SIZE"), (8, None, "NOTIONAL"),
    ],
)  # fmt: skip
def test_given_terms_when_checked_then_the_first_broken_filter_is_named(qty, price, broken) -> None:
    """One case for each rule; market orders are valued at the last price."""
    assert broken_filter(RULED, qty, price, None, 100) == broken
    assert broken_filter(RULED, 20, 100, 7, 100) == "PRICE_FILTER"


def test_given_no_last_price_when_a_market_order_is_checked_then_its_value_is_not() -> None:
    """What cannot be valued is not refused for its value."""
    assert broken_filter(RULED, 8, None, None, None) == ""


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (new_order("x", BUY, 20, 100), None),
        (new_order("x", BUY, 20, 101), Reason.VENUE_FILTER),
        (msgspec.structs.replace(new_order("x", BUY, 20, 100), dead_after_ns=49), Reason.VENUE_TIMESTAMP),
        (msgspec.structs.replace(new_order("x", BUY, 20, 100), reduce_only=True), Reason.VENUE_MALFORMED),
        (msgspec.structs.replace(new_order("x", BUY, 20, 100), price=None), Reason.VENUE_MALFORMED),
        (msgspec.structs.replace(new_order("x", BUY, 20, 100), stop=100), Reason.VENUE_MALFORMED),
    ],
)
def test_given_an_order_when_the_venue_looks_at_it_then_it_is_refused_with_a_reason_or_passed_on(order, reason) -> None:
    """Deadline, shape and filters."""
    refused = refusal(order, RULED, sim_caps("sim"), 100, 50)
    assert (None if refused is None else refused.reason) is reason


def test_given_narrower_capabilities_when_an_order_needs_more_then_it_is_refused() -> None:
    """What caps do not offer is malformed."""
    narrow = msgspec.structs.replace(
        sim_caps("sim"), order_types=frozenset({OrderType.LIMIT}), tifs=frozenset({Tif.GTC}), post_only=False
    )
    for order in (
        new_order("x", BUY, 20),
        new_order("x", BUY, 20, 100, tif=Tif.IOC),
        new_order("x", BUY, 20, 100, post_only=True),
    ):
        refused = refusal(order, RULED, narrow, 100, 50)
        assert refused is not None
        assert refused.reason is Reason.VENUE_MALFORMED
