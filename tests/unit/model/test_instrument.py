"""The instrument: its grid is the only way from a float to money."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.numbers import DOWN, MONEY_EXP, NEAREST, UP, Inexact, Rounding
from tickwright.model.instrument import Instrument


def instrument(**changes: Any) -> Instrument:
    """BTC/USDT with a tick of 0.05 and a lot of 0.00010."""
    given: dict[str, Any] = {
        "venue": "sim",
        "symbol": "BTC/USDT",
        "native": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "price_exp": 2,
        "qty_exp": 5,
        "tick_units": 5,
        "lot_units": 10,
    }
    return Instrument(**(given | changes))


BTC = instrument()


def test_given_an_instrument_when_named_then_the_key_is_venue_and_symbol() -> None:
    """Events and orders carry it."""
    assert BTC.key == "sim:BTC/USDT"


@pytest.mark.parametrize("changes", [{"tick_units": 0}, {"lot_units": -1}, {"price_exp": 14, "qty_exp": 5}, {"price_exp": -6}])
def test_given_a_grid_that_cannot_be_when_built_then_it_is_refused(changes: dict[str, int]) -> None:
    """A tick of nothing, or more places than an amount can hold."""
    with pytest.raises(ValueError, match="sim:BTC/USDT"):
        instrument(**changes)


@pytest.mark.parametrize(
    ("value", "rounding", "price"),
    [
        (61250.13, DOWN, "61250.10"),
        (61250.13, UP, "61250.15"),
        (61250.13, NEAREST, "61250.15"),
        (0.1 + 0.2, DOWN, "0.30"),
        (Decimal("61250.10"), UP, "61250.10"),
        ("61250.1499999999999999999", DOWN, "61250.10"),
        (7, DOWN, "7.00"),
        (Decimal(0.1), UP, "0.15"),  # noqa: RUF032 (what users write; its exact value lies above 0.1)
        (1e-300, UP, "0.05"),
        ("1e-30", DOWN, "0.00"),
    ],
)
def test_given_a_value_when_made_a_price_then_it_lies_on_the_grid(value: Any, rounding: Rounding, price: str) -> None:
    """Whatever type it came in."""
    assert str(BTC.price(value, rounding)) == price


@pytest.mark.parametrize("value", ["abc", "1_0", "", float("nan"), Decimal("inf"), Decimal("1e999"), "1e50"])
def test_given_what_is_no_price_when_made_one_then_there_is_one_kind_of_error(value: Any) -> None:
    """Whatever the type, and whatever is wrong with it."""
    with pytest.raises(Inexact):
        BTC.price(value, DOWN)


@given(st.decimals(0, 10**9, places=9), st.sampled_from(Rounding))
def test_given_any_exact_value_when_put_on_the_grid_then_it_is_the_named_neighbour(value: Decimal, rounding: Rounding) -> None:
    """More places than the unit has are rounded, once, from the exact value."""
    units = BTC.price_units(value, rounding)
    assert units % BTC.tick_units == 0
    off = Fraction(units, 100) - Fraction(value)
    step = Fraction(BTC.tick_units, 100)
    assert {DOWN: -step < off <= 0, UP: 0 <= off < step, NEAREST: abs(off) * 2 <= step}[rounding]


def test_given_a_float_when_given_as_exact_then_it_is_refused() -> None:
    """Without a rounding there is no way in."""
    with pytest.raises(Inexact):
        BTC.exact_price_units(1.5)  # type: ignore[arg-type]  # the point is to pass what the type forbids
    assert BTC.exact_qty_units("0.00001") == 1, "on the unit, though not on the lot"


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_given_any_price_and_quantity_when_multiplied_then_the_value_is_exact(price: int, qty: int) -> None:
    """Money has places enough for every product."""
    exact = Fraction(price, 100) * Fraction(qty, 10**5)
    assert Fraction(BTC.notional(price, qty), 10**MONEY_EXP) == exact
    assert Fraction(BTC.base_amount(qty), 10**MONEY_EXP) == Fraction(qty, 10**5)


def test_given_an_instrument_when_written_and_read_back_then_it_is_equal() -> None:
    """Instruments travel in events."""
    assert msgspec.json.decode(msgspec.json.encode(BTC), type=Instrument) == BTC
