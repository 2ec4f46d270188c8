"""Bars and trades out of what was seen."""

from __future__ import annotations

import asyncio

import pytest

from tickwright.base.clock import NS_PER_S
from tickwright.base.errors import VenueError
from tickwright.model.market import BUY, SELL, Bar, Trade
from tickwright.sim.history import SeenTrades

S = NS_PER_S


def seen() -> SeenTrades:
    history = SeenTrades()
    for number, (at_s, price, qty, side) in enumerate(
        [(60, 10.0, 1.0, BUY), (90, 12.0, 2.0, SELL), (119, 9.0, 1.0, BUY), (240, 11.0, 1.0, BUY), (301, 7.0, 1.0, BUY)]
    ):
        history.note(Trade("sim:BTC/USDT", price, qty, side, number, at_s * S, at_s * S + 5))
    return history


def test_given_trades_when_bars_are_asked_for_then_closed_ones_with_trades_are_told() -> None:
    """An empty span has no bar, and the running one is not told."""
    bars = asyncio.run(seen().bars("sim:BTC/USDT", "1m", 0, 10**6 * S))
    assert bars == [
        Bar("sim:BTC/USDT", 60 * S, 120 * S, 10.0, 12.0, 9.0, 9.0, 4.0, 43.0, 3, 2.0, 119 * S + 5, "1m"),
        Bar("sim:BTC/USDT", 240 * S, 300 * S, 11.0, 11.0, 11.0, 11.0, 1.0, 11.0, 1, 1.0, 240 * S + 5, "1m"),
    ]


@pytest.mark.parametrize(("start_s", "end_s", "starts"), [(61, 900, [240]), (0, 240, [60]), (60, 241, [60, 240]), (500, 900, [])])
def test_given_a_range_when_bars_are_asked_for_then_those_that_start_in_it_are_told(start_s, end_s, starts) -> None:
    """The start is inclusive and the end is not."""
    bars = asyncio.run(seen().bars("sim:BTC/USDT", "1m", start_s * S, end_s * S))
    assert [bar.start_ns // S for bar in bars] == starts


def test_given_a_range_when_trades_are_asked_for_then_those_in_it_are_told() -> None:
    """Oldest first; nothing for a stranger."""
    trades = asyncio.run(seen().trades("sim:BTC/USDT", 90 * S, 240 * S))
    assert [trade.trade_id for trade in trades] == [1, 2]
    assert asyncio.run(seen().trades("sim:X/Y", 0, 900 * S)) == []
    assert asyncio.run(seen().bars("sim:X/Y", "1m", 0, 900 * S)) == []


def test_given_an_unknown_span_when_asked_then_the_error_suggests_one() -> None:
    """A near miss is named."""
    with pytest.raises(VenueError, match="did you mean '1m'"):
        asyncio.run(seen().bars("sim:BTC/USDT", "1min", 0, 1))
