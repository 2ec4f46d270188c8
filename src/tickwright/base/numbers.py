"""Exact numbers: scaled integers inside, ``Decimal`` at the edges, named rounding in between.

A price or a quantity is an ``int`` count of ``10**-exp`` units, where ``exp`` belongs to the instrument. An amount of an
asset (a balance, a fee, a notional) is an ``int`` count of ``10**-MONEY_EXP`` units whatever the asset, so that amounts
add without knowing where they came from. Nothing here rounds unless the caller names how.
"""

from __future__ import annotations

import enum
import math
from decimal import Context, Decimal, InvalidOperation
from decimal import Inexact as _Rounded

#: Decimal places of every asset amount. Price places plus quantity places of an instrument may not exceed it.
MONEY_EXP = 18

#: Wide enough for any amount: 40 whole digits plus MONEY_EXP places. The ambient decimal context is never used, and this one
#: raises rather than round.
_CONTEXT = Context(prec=60, traps=[InvalidOperation, _Rounded])
_WHOLE_DIGITS_MAX = 40
_TEXT_CHARS_MAX = 64
#: Of a value that is about to be rounded: any float, written out exactly.
_ADJUSTED_MAX = 330

POW10: tuple[int, ...] = tuple(10**n for n in range(2 * MONEY_EXP + 1))


class Rounding(enum.Enum):
    """How a number that lies between two grid points is moved onto one."""

    DOWN = "down"  # towards minus infinity
    UP = "up"  # towards plus infinity
    NEAREST = "nearest"  # to the closer one, ties to the even one


DOWN = Rounding.DOWN
UP = Rounding.UP
NEAREST = Rounding.NEAREST


class Inexact(ValueError):  # noqa: N818 (reads as what it is)
    """A value has more decimal places than its unit can hold, or is not a finite number."""


def to_units(value: Decimal | int | str, exp: int) -> int:
    """Count of ``10**-exp`` in ``value``; raises :class:`Inexact` rather than round. Floats are refused by type."""
    if isinstance(value, str):
        return parse_units(value, exp)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        msg = f"{value!r} is a {type(value).__name__}: give a Decimal, an int or a text such as '0.05'"
        raise Inexact(msg)
    if isinstance(value, int):
        return value * POW10[exp]
    if not value.is_finite():
        msg = f"{value} is not a finite number"
        raise Inexact(msg)
    if value and value.adjusted() >= _WHOLE_DIGITS_MAX:
        msg = f"{value:.3e} is larger than any amount"
        raise Inexact(msg)
    try:
        scaled = value.scaleb(exp, _CONTEXT)
    except _Rounded:
        scaled = None
    if scaled is None or (units := int(scaled)) != scaled:
        msg = f"{value} has more than {exp} decimal places"
        raise Inexact(msg)
    return units


def parse_units(text: str, exp: int) -> int:
    """The same for plain decimal text such as ``61250.10`` (the common case on the wire), without building a Decimal."""
    whole, dot, frac = text.partition(".")
    if dot:
        if len(frac) > exp:
            if frac[exp:].strip("0"):
                return _parse_slow(text, exp)
            frac = frac[:exp]
        digits = whole + frac
        places = exp - len(frac)
    else:
        digits = whole
        places = exp
    # isdecimal() alone admits other scripts' digits; a sign is only taken in front.
    body = digits[1:] if digits[:1] == "-" else digits
    if not (len(text) <= _TEXT_CHARS_MAX and body.isascii() and body.isdigit() and whole not in ("", "-") and (frac or not dot)):
        return _parse_slow(text, exp)
    return int(digits) * POW10[places]


def _parse_slow(text: str, exp: int) -> int:
    return to_units(parse_decimal(text), exp)


def parse_decimal(text: str) -> Decimal:
    """The number that ``text`` stands for, within what the system can hold; raises :class:`Inexact` for anything else."""
    # Decimal() would also take other scripts' digits, underscores and megabytes.
    if len(text) > _TEXT_CHARS_MAX or not text.isascii() or "_" in text:
        msg = f"{text[:_TEXT_CHARS_MAX]!r} is not a decimal number"
        raise Inexact(msg)
    try:
        value = Decimal(text)
    except InvalidOperation:
        msg = f"{text!r} is not a decimal number"
        raise Inexact(msg) from None
    if not value.is_finite() or (value and abs(value.adjusted()) > _WHOLE_DIGITS_MAX):
        msg = f"{text!r} is not a number this system can hold"
        raise Inexact(msg)
    return value


def to_decimal(units: int, exp: int) -> Decimal:
    """The ``Decimal`` that ``units`` of ``10**-exp`` stand for, trailing zeros kept."""
    return Decimal(units).scaleb(-exp, _CONTEXT)


def to_text(units: int, exp: int) -> str:
    """Plain decimal text, never an exponent (venues refuse ``1E-8``), trailing zeros dropped, ``-0`` impossible."""
    sign = "-" if units < 0 else ""
    whole, frac = divmod(abs(units), POW10[exp])
    if not frac:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{str(frac).zfill(exp).rstrip('0')}"


def to_float(units: int, exp: int) -> float:
    """The nearest ``float``: for signals and display, never back into money."""
    return units / POW10[exp]


def float_to_units(value: float, exp: int, step: int, rounding: Rounding) -> int:
    """The multiple of ``step`` units that ``value`` rounds to. The float is read by its shortest text (0.1 means 0.1)."""
    if not math.isfinite(value):
        msg = f"{value!r} is not a finite number"
        raise Inexact(msg)
    return decimal_to_units(Decimal(repr(value)), exp, step, rounding)


def decimal_to_units(value: Decimal, exp: int, step: int, rounding: Rounding) -> int:
    """The multiple of ``step`` units that ``value`` rounds to, from its exact value however many places it has."""
    if not value.is_finite() or (value and abs(value.adjusted()) > _ADJUSTED_MAX):
        msg = f"{value} is not a number this system can hold"
        raise Inexact(msg)
    numerator, denominator = value.as_integer_ratio()
    return _round_ratio(numerator * POW10[exp], denominator * step, rounding) * step


def round_units(units: int, step: int, rounding: Rounding) -> int:
    """The multiple of ``step`` that ``units`` rounds to."""
    return _round_ratio(units, step, rounding) * step


def _round_ratio(numerator: int, denominator: int, rounding: Rounding) -> int:
    """The whole number that a fraction (denominator above 0) rounds to."""
    whole, rest = divmod(numerator, denominator)
    if rest == 0 or rounding is DOWN:
        return whole
    if rounding is UP:
        return whole + 1
    twice = 2 * rest
    if twice == denominator:
        return whole + whole % 2
    return whole if twice < denominator else whole + 1


def rescale(units: int, from_exp: int, to_exp: int, rounding: Rounding) -> int:
    """``units`` of ``10**-from_exp`` expressed in ``10**-to_exp``."""
    if to_exp >= from_exp:
        return units * POW10[to_exp - from_exp]
    return _round_ratio(units, POW10[from_exp - to_exp], rounding)


def money_text(amount: int) -> str:
    """Text of an asset amount (units of ``10**-MONEY_EXP``)."""
    return to_text(amount, MONEY_EXP)


def money(value: Decimal | int | str) -> int:
    """An asset amount in units of ``10**-MONEY_EXP``; raises :class:`Inexact` rather than round."""
    return to_units(value, MONEY_EXP)
