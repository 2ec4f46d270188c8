"""Sides."""

from __future__ import annotations

from tickwright.model.market import BUY, SELL


def test_given_a_side_when_turned_then_it_is_the_other_and_the_signs_cancel() -> None:
    """A buy adds, a sell takes away."""
    assert (BUY.opposite, SELL.opposite) == (SELL, BUY)
    assert BUY.sign + SELL.sign == 0
    assert BUY.sign == 1
