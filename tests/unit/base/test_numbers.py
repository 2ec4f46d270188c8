"""Exact numbers: nothing rounds unless told how, and every way in agrees with ``Decimal``."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.numbers import (
    DOWN,
    MONEY_EXP,
    NEAREST,
    UP,
    Inexact,
    Rounding,
    float_to_units,
    money,
    money_text,
    parse_units,
    rescale,
    round_units,
    to_decimal,
    to_float,
    to_text,
    to_units,
)

UNITS = st.integers(-(10**30), 10**30)
EXPS = st.integers(0, MONEY_EXP)


@given(UNITS, EXPS)
def test_given_any_units_when_written_and_read_back_then_they_are_the_same(units: int, exp: int) -> None:
    """Text, Decimal and units are three ways to say one number."""
    text = to_text(units, exp)
    assert parse_units(text, exp) == units
    assert to_units(text, exp) == units
    assert to_units(to_decimal(units, exp), exp) == units


@given(UNITS, EXPS)
def test_given_any_units_when_written_then_the_text_is_plain(units: int, exp: int) -> None:
    """No exponent, no trailing zero after the point, no minus zero: what every venue can read."""
    text = to_text(units, exp)
    assert set(text) <= set("-0123456789.")
    assert "." not in text or not text.endswith(("0", "."))
    assert text != "-0"
    assert Decimal(text) == Fraction(units, 10**exp)


@pytest.mark.parametrize(
    ("text", "exp", "units"),
    [
        ("61250.10", 2, 6125010),
        ("-0.00001", 5, -1),
        ("7", 3, 7000),
        ("1.5000", 1, 15),
        ("1e-3", 3, 1),
        ("+2", 0, 2),
        ("0", 18, 0),
        ("1.", 2, 100),
        (".5", 1, 5),
    ],
)
def test_given_decimal_text_when_parsed_then_the_units_are_exact(text: str, exp: int, units: int) -> None:
    """Trailing zeros beyond the unit are no precision; an exponent is read although it is never written."""
    assert parse_units(text, exp) == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        ".5.",
        "abc",
        "1_000",
        "٣",
        "1.²",
        "NaN",
        "Infinity",
        "-inf",
        "1e999",
        "1e-50",
        "0x10",
        "9" * 65,
        "9" * 5_000,
        "1.234",
        "--1",
    ],
)
def test_given_text_that_is_no_number_of_the_unit_when_parsed_then_it_is_inexact(text: str) -> None:
    """One error, whatever is wrong; nothing is guessed."""
    with pytest.raises(Inexact):
        parse_units(text, 2)


@given(st.text(max_size=70), EXPS)
def test_given_any_text_when_parsed_then_there_are_units_or_one_error(text: str, exp: int) -> None:
    """Wire data is read with this: nothing else may come out."""
    try:
        units = parse_units(text, exp)
    except Inexact:
        return
    assert Fraction(units, 10**exp) == Fraction(Decimal(text))


@pytest.mark.parametrize(
    "value", [1.5, True, None, "x", Decimal("NaN"), Decimal("0.001"), Decimal("1E+999999"), Decimal("1." + "0" * 70 + "1")]
)
def test_given_a_value_that_is_not_exact_when_made_units_then_it_is_refused(value: object) -> None:
    """Floats and booleans are refused by type: they are signals, not money."""
    with pytest.raises(Inexact):
        to_units(value, 2)  # type: ignore[arg-type]  # the point is to pass what the type forbids


def test_given_an_ambient_context_of_low_precision_when_computing_then_it_does_not_matter() -> None:
    """A library that sets the decimal context cannot change money."""
    with localcontext() as context:
        context.prec = 3
        assert float_to_units(12345.678, 3, 7, DOWN) == 12345676
        assert to_units(Decimal("12345678.123456789"), 9) == 12345678123456789
        assert str(to_decimal(12345678123456789, 9)) == "12345678.123456789"
    assert getcontext().prec == 28


@given(UNITS, st.integers(1, 10**12), st.sampled_from(Rounding))
def test_given_any_units_when_rounded_then_the_result_is_the_named_neighbour(units: int, step: int, rounding: Rounding) -> None:
    """Down is towards minus infinity, up towards plus, nearest at most half a step away with ties to even."""
    result = round_units(units, step, rounding)
    assert result % step == 0
    if rounding is DOWN:
        assert units - step < result <= units
    elif rounding is UP:
        assert units <= result < units + step
    else:
        assert 2 * abs(result - units) <= step
        if 2 * abs(result - units) == step:
            assert (result // step) % 2 == 0


@given(st.floats(-1e12, 1e12), st.integers(0, 10), st.integers(1, 1000), st.sampled_from(Rounding))
def test_given_any_float_when_made_units_then_it_is_the_rounding_of_its_shortest_text(
    value: float, exp: int, step: int, rounding: Rounding
) -> None:
    """0.1 means 0.1, not the binary fraction beside it."""
    exact = Fraction(repr(value)) * 10**exp / step
    expected = {DOWN: math.floor, UP: math.ceil, NEAREST: round}[rounding](exact) * step
    assert float_to_units(value, exp, step, rounding) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_given_a_float_that_is_no_number_when_made_units_then_it_is_inexact(value: float) -> None:
    """NaN never becomes a price."""
    with pytest.raises(Inexact, match="finite"):
        float_to_units(value, 2, 1, DOWN)


@given(UNITS, EXPS, EXPS, st.sampled_from(Rounding))
def test_given_units_when_rescaled_then_widening_is_exact_and_narrowing_is_rounded_as_named(
    units: int, from_exp: int, to_exp: int, rounding: Rounding
) -> None:
    """The value is the same where the new unit can hold it."""
    result = rescale(units, from_exp, to_exp, rounding)
    if to_exp >= from_exp:
        assert Fraction(result, 10**to_exp) == Fraction(units, 10**from_exp)
    else:
        assert result == round_units(units, 10 ** (from_exp - to_exp), rounding) // 10 ** (from_exp - to_exp)


@given(st.decimals(-(10**12), 10**12, places=MONEY_EXP))
def test_given_an_amount_when_made_money_and_written_then_it_is_the_same(amount: Decimal) -> None:
    """Eighteen places hold any amount exactly."""
    assert Decimal(money_text(money(amount))) == amount


def test_given_money_of_more_than_eighteen_places_when_made_then_it_is_inexact() -> None:
    """Rounding money is somebody's decision."""
    with pytest.raises(Inexact, match="18 decimal places"):
        money("0.0000000000000000001")


def test_given_units_when_made_a_float_then_it_is_the_nearest() -> None:
    """For signals and display."""
    assert to_float(6125010, 2) == 61250.1
