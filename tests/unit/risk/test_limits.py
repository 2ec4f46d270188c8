"""Limits: what makes no sense cannot be built, and the version follows the content."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tickwright.risk.limits import Limits


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"max_order_value": Decimal(-1)}, "max_order_value must be at least 0, not -1"),
        ({"max_order_qty": Decimal("NaN")}, "max_order_qty must be a finite number"),
        ({"stale_book_s": float("nan")}, "stale_book_s must be a finite number"),
        ({"stale_book_s": float("inf")}, "stale_book_s must be a finite number"),
        ({"stale_book_s": 0.0}, "stale_book_s must be above 0"),
        ({"submits_per_second": 0}, "submits_per_second must be above 0"),
        ({"duplicate_window_s": 61.0}, "duplicate_window_s must be at most 60"),
        ({"max_position": Decimal("1e-19")}, "decimal places"),
    ],
)
def test_given_a_limit_that_makes_no_sense_when_built_then_it_is_refused_by_name(given: dict[str, Any], text: str) -> None:
    """A limit that compares as neither more nor less would admit everything."""
    with pytest.raises(ValueError, match=text):
        Limits(**given)


def test_given_an_unknown_name_when_read_from_configuration_then_it_is_an_error() -> None:
    """A misspelt limit is not a limit."""
    with pytest.raises(msgspec.ValidationError, match="max_order_vlaue"):
        msgspec.convert({"max_order_vlaue": "5"}, Limits)


def test_given_two_sets_of_limits_when_compared_then_the_version_tells_them_apart_and_is_stable() -> None:
    """The version is a digest of the content."""
    wide, tight = Limits(max_order_value=Decimal(10)), Limits(max_order_value=Decimal(9))
    assert wide.version != tight.version
    assert wide.version == Limits(max_order_value=Decimal(10)).version
