"""Floats become exactly the units that they came from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.chance import Chance
from tickwright.base.numbers import NEAREST
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, BookUpdate, Channel, FeedDown, Gap, Quote, Trade
from tickwright.sim.exchange import Exchange
from tickwright.sim.feed import Feed, _converter
from tickwright.sim.fees import FlatFees
from tickwright.sim.queue import PessimisticQueue


def instrument(price_exp: int = 2, tick: int = 1, qty_exp: int = 5) -> Instrument:
    return Instrument(
        venue="sim",
        symbol="BTC/USDT",
        native="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_exp=price_exp,
        qty_exp=qty_exp,
        tick_units=tick,
        lot_units=1,
    )


@given(st.integers(0, 8), st.sampled_from([1, 5, 10, 25, 1_000]), st.integers(-(10**12), 10**13))
def test_given_any_grid_value_when_it_comes_as_a_float_then_its_units_come_back(exp, step, multiple) -> None:
    """The round trip through a float is exact, and the fast way agrees with the slow one."""
    grid = instrument(exp, step, 0)
    units = multiple * step
    value = float(grid.price_decimal(units))
    expected = grid.price_units(value, NEAREST)
    assert _converter(exp, step, lambda x: grid.price_units(x, NEAREST))(value) == expected
    if abs(units) < 10**15:
        assert expected == units


@given(st.integers(0, 8), st.sampled_from([1, 5, 25]), st.floats(-1e12, 1e12))
def test_given_any_float_when_converted_then_it_is_as_the_instrument_says(exp, step, value) -> None:
    """Off the grid the instrument's own rounding decides."""
    grid = instrument(exp, step, 0)
    assert _converter(exp, step, lambda x: grid.price_units(x, NEAREST))(value) == grid.price_units(value, NEAREST)


def test_given_market_events_when_shown_then_the_exchange_has_the_book_and_the_last_price() -> None:
    """Quotes, trades and book updates arrive; strangers and dust pass by; a gap empties the book."""
    btc = instrument()
    exchange = Exchange([btc], FlatFees(maker_ppm=0, taker_ppm=0), PessimisticQueue(), Chance(1))
    feed = Feed(exchange, {btc.key: btc})
    feed.show(BookUpdate(btc.key, [(100.01, 0.5)], [(100.03, 0.25)], 0, 5, True, 1, 1), 1)
    feed.show(Quote(btc.key, 100.02, 1.5, 100.03, 0.25, 6, 2, 2), 2)
    feed.show(Trade(btc.key, 100.03, 0.1, BUY, 77, 3, 3), 3)
    feed.show(Trade(btc.key, 5.0, 1e-9, BUY, 78, 3, 3), 3)
    feed.show(Trade("sim:X/Y", 100.03, 0.1, BUY, 77, 3, 3), 3)
    assert exchange.depth(btc.key, 5) == ([(10002, 150_000), (10001, 50_000)], [(10003, 25_000)])
    assert exchange.last_price(btc.key) == 10003
    feed.show(FeedDown(btc.key, Channel.TRADES, "why", 4), 4)
    assert exchange.depth(btc.key, 1)[0]
    feed.show(Gap(btc.key, Channel.BOOK, 7, 9, 4), 4)
    assert exchange.depth(btc.key, 1) == ([], [])
