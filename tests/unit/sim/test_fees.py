"""Fees round up on the commission grid and never cost more than what was received."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.numbers import money
from tickwright.sim.fees import DiscountFees, Fee, FlatFees


@pytest.mark.parametrize(
    ("received", "ppm", "fee"),
    [
        ("1", 1_000, "0.001"),
        ("0.00001", 1_000, "0.00000001"),
        ("0.000001", 1_000, "0.00000001"),
        ("100", 0, "0"),
        ("1", -250, "-0.00025"),
    ],
)
def test_given_a_rate_when_charged_then_it_is_rounded_up_to_eight_places(received, ppm, fee) -> None:
    """Never in the trader's favour."""
    fees = FlatFees(maker_ppm=ppm, taker_ppm=0)
    assert fees.fee("sim:BTC/USDT", "BTC", money(received), True, {}) == Fee("BTC", money(fee))


@given(st.integers(0, 10**24), st.integers(0, 1_000_000))
def test_given_any_amount_when_charged_then_the_fee_is_between_its_exact_value_and_the_amount(received, ppm) -> None:
    """At least the exact share, less than one grid step above it, never more than there is."""
    fee = FlatFees(maker_ppm=0, taker_ppm=ppm).fee("k", "X", received, False, {}).amount
    assert min(received, received * ppm // 1_000_000) <= fee <= received
    assert fee < received * ppm // 1_000_000 + 10**10 + 1


def test_given_a_discount_asset_when_it_is_received_or_unpriced_then_it_still_adds_up() -> None:
    """Received discount asset pays for itself; an asset without a price pays in itself, undiscounted."""
    fees = DiscountFees(maker_ppm=1_000, taker_ppm=1_000, asset="BNB", discount_ppm=750_000, worth={})
    assert fees.fee("k", "BNB", money(10), False, {}) == Fee("BNB", money("0.0075"))
    assert fees.fee("k", "BTC", money(10), False, {"BNB": money(1)}) == Fee("BTC", money("0.01"))
    assert fees.rates("k").taker_ppm == 1_000
