"""Balances and positions as told by a venue."""

from __future__ import annotations

from tickwright.model.account import Balance


def test_given_a_balance_when_asked_for_its_total_then_locked_counts() -> None:
    """What an open order holds is still ours."""
    assert Balance(venue="sim", asset="BTC", free=3, locked=4, venue_ns=0, recv_ns=0).total == 7
