"""Indicators: step equals batch, both equal TA-Lib after warm-up, a reset stage is a fresh one."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import Bar, BookUpdate
from tickwright.transforms import indicators as ind
from tickwright.transforms.book import Book, BookView
from tickwright.transforms.stage import SKIP
from unit.transforms.makers import quote, run, trade


def bar(high, low, close, volume=1.0):
    return Bar("k", 0, 1, close, high, low, close, volume, close * volume, 1, 0.5, 1)


#: Stages over numbers, with lengths short enough for short series to say something.
NUMBERS = {
    "sma": ind.sma(5),
    "sma 1": ind.sma(1),
    "ema": ind.ema(5),
    "ema 1": ind.ema(1),
    "stdev": ind.stdev(5),
    "zscore": ind.zscore(5),
    "rsi": ind.rsi(5),
    "macd": ind.macd(3, 6, 4),
    "bollinger": ind.bollinger(5, 1.5),
    "highest": ind.highest(5),
    "lowest": ind.lowest(5),
    "returns": ind.returns(),
    "log returns": ind.returns(log=True),
}
#: Prices on a grid, at any level, often equal: as a market makes them.
prices = st.tuples(st.sampled_from([1e-6, 0.01, 1.0, 1e4]), st.lists(st.integers(1, 50), max_size=60)).map(
    lambda drawn: [drawn[0] * step for step in drawn[1]]
)


def close_to(expected, scale):
    return pytest.approx(np.asarray(expected, dtype=float).ravel().tolist(), rel=1e-9, abs=1e-9 * scale)


def flat(values):
    return np.asarray(values, dtype=float).ravel().tolist()


@pytest.mark.parametrize("name", NUMBERS)
@given(xs=prices)
def test_given_any_prices_when_taken_one_by_one_then_batch_gives_the_same(name, xs):
    """``batch`` is ``step`` over the array, and leaves the stage as it was."""
    stage = NUMBERS[name].make({})
    batch = stage.batch(np.asarray(xs, dtype=np.float64))
    scale = 1.0 if name in ("zscore", "rsi", "returns", "log returns") else max(xs, default=1.0)
    assert flat(run(NUMBERS[name], xs)) == close_to(batch, scale)
    assert flat([y for y in map(stage.step, xs) if y is not SKIP]) == close_to(batch, scale)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20), st.integers(0, 20), st.integers(0, 9)), max_size=60))
def test_given_any_bars_when_taken_one_by_one_then_batch_of_their_columns_gives_the_same(rows):
    """Stages that need more than a number: columns in the order of the documents."""
    bars = [bar(close + up, close - down, float(close), float(qty)) for close, up, down, qty in rows]
    ranges = np.array([(b.high, b.low, b.close) for b in bars], dtype=float).reshape(-1, 3)
    assert run(ind.atr(5), bars) == close_to(ind.atr(5).make({}).batch(ranges), 1.0)
    weights = np.array([(b.close, b.volume) for b in bars], dtype=float).reshape(-1, 2)
    assert run(ind.vwap(5), bars) == close_to(ind.vwap(5).make({}).batch(weights), 1.0)
    assert run(ind.vwap(5), bars) == run(ind.vwap(5), [trade(b.close, qty=b.volume) for b in bars])


@pytest.mark.parametrize("name", NUMBERS)
@given(xs=prices, ys=prices)
def test_given_a_used_stage_when_reset_then_it_is_a_fresh_one(name, xs, ys):
    """Nothing from before a gap is left, to the last bit."""
    stage = NUMBERS[name].make({})
    for x in xs:
        stage.step(x)
    stage.reset()
    assert [y for y in map(stage.step, ys) if y is not SKIP] == run(NUMBERS[name], ys)


@pytest.mark.parametrize("spec", [ind.atr(3), ind.vwap(3)], ids=["atr", "vwap"])
def test_given_a_used_stage_of_bars_when_reset_then_it_is_a_fresh_one(spec):
    """The same for stages that take bars."""
    bars = [bar(10.0 + n, 8.0 - n, 9.0 + n, 1.0 + n) for n in range(9)]
    stage = spec.make({})
    for item in reversed(bars):
        stage.step(item)
    stage.reset()
    assert [y for y in map(stage.step, bars) if y is not SKIP] == run(spec, bars)


@pytest.mark.parametrize("name", [*NUMBERS, "atr", "vwap"])
def test_given_its_warm_up_when_values_come_then_the_first_result_is_at_that_value(name):
    """``warmup`` says how many values go in until the first comes out."""
    spec = {**NUMBERS, "atr": ind.atr(4), "vwap": ind.vwap(4)}[name]
    xs = [100.0, 101.0, 99.5, 102.0, 98.0, 103.0, 97.0, 104.0, 105.0, 101.5, 99.0, 98.5]
    values = [bar(x + 1, x - 1, x) for x in xs] if name in ("atr", "vwap") else xs
    stage = spec.make({})
    first = next(number for number, x in enumerate(values, 1) if stage.step(x) is not SKIP)
    assert first == stage.warmup


def walk(start, deviation, n=2_000):
    return start + np.cumsum(np.random.default_rng(7).normal(0, deviation, n))


#: TA-Lib takes its deviations from a difference of large squares: near 100 it has the digits to be compared, at 60,000 not.
LEVELS = {"near 100": walk(100, 0.05), "near 60000": walk(60_000, 25)}
TALIB = {
    "sma": (ind.sma(20), lambda xs: [talib.SMA(xs, 20)]),
    "ema": (ind.ema(20), lambda xs: [talib.EMA(xs, 20)]),
    "rsi": (ind.rsi(14), lambda xs: [talib.RSI(xs, 14)]),
    "highest": (ind.highest(20), lambda xs: [talib.MAX(xs, 20)]),
    "lowest": (ind.lowest(20), lambda xs: [talib.MIN(xs, 20)]),
    "macd": (ind.macd(12, 26, 9), lambda xs: talib.MACD(xs, 12, 26, 9)),
    "returns": (ind.returns(), lambda xs: [talib.ROCP(xs, 1)]),
}
TALIB_SQUARES = {
    "stdev": (ind.stdev(20), lambda xs: [talib.STDDEV(xs, 20)]),
    "bollinger": (ind.bollinger(20, 2.5), lambda xs: talib.BBANDS(xs, 20, 2.5, 2.5)),
}


def compare(spec, reference, xs):
    """Every figure of every result, the first one included."""
    theirs = np.column_stack(reference(xs))
    theirs = theirs[~np.isnan(theirs).any(axis=1)]
    ours = np.array(run(spec, xs.tolist()), dtype=float).reshape(-1, theirs.shape[1])
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", TALIB)
def test_given_a_random_walk_when_compared_with_ta_lib_then_they_agree(name, level):
    """To 1e-9, from the first result on."""
    compare(*TALIB[name], LEVELS[level])


@pytest.mark.parametrize("name", TALIB_SQUARES)
def test_given_a_random_walk_near_100_when_its_deviations_are_compared_with_ta_lib_then_they_agree(name):
    """To 1e-9 where TA-Lib has the digits; elsewhere the definition is the reference (test_rolling.py)."""
    compare(*TALIB_SQUARES[name], LEVELS["near 100"])


def test_given_bars_when_their_true_range_is_averaged_then_ta_lib_says_the_same():
    """Wilder's average, started with the mean of the first n; gaps between bars count."""
    xs = walk(60_000, 25, 500)
    rng = np.random.default_rng(3)
    high, low = xs + rng.uniform(0, 30, 500), xs - rng.uniform(0, 30, 500)
    theirs = talib.ATR(high, low, xs, 14)
    ours = run(ind.atr(14), [bar(*row) for row in zip(high.tolist(), low.tolist(), xs.tolist(), strict=True)])
    np.testing.assert_allclose(ours, theirs[~np.isnan(theirs)], rtol=1e-9)


def test_given_equal_prices_when_scored_then_there_is_no_score_and_small_prices_are_no_equal_ones():
    """A spread of nothing is told from the spread of a cheap coin."""
    assert run(ind.zscore(3), [0.1] * 9) == []
    assert run(ind.zscore(2), [1e-13, 1.0001e-13]) == pytest.approx([1.0], rel=1e-6)
    assert run(ind.rsi(3), [5.0] * 9) == [0.0] * 6  # as TA-Lib


def test_given_a_price_of_nothing_when_returns_are_taken_then_there_is_none():
    """A fraction of zero does not exist, nor the logarithm of what is not above it."""
    assert run(ind.returns(), [2.0, 0.0, 3.0, 6.0]) == [-1.0, 1.0]
    assert run(ind.returns(log=True), [2.0, -1.0, 1.0, 1.0]) == [0.0]


def test_given_trades_without_quantity_when_weighted_then_there_is_no_mean():
    """A venue's zero-quantity trade weighs nothing."""
    assert run(ind.vwap(2), [trade(1.0, qty=0.0), trade(2.0, qty=0.0), trade(4.0, qty=1.0)]) == [4.0]


def test_given_a_quote_when_looked_at_then_mid_spread_microprice_and_imbalance_are_by_definition():
    """The price leans towards the thinner side."""
    top = quote(99.0, 101.0, bid_qty=3.0)
    assert run(ind.mid(), [top]) == [100.0]
    assert run(ind.spread(), [top]) == [2.0]
    assert run(ind.microprice(), [top]) == [(99.0 * 1.0 + 101.0 * 3.0) / 4.0]
    assert run(ind.imbalance(), [top]) == [0.5]
    assert run(ind.microprice(), [quote(99.0, 101.0, bid_qty=0.0, ask_qty=0.0)]) == [100.0]
    assert run(ind.imbalance(), [quote(99.0, 101.0, bid_qty=0.0, ask_qty=0.0)]) == []


def test_given_a_book_when_looked_at_then_the_figures_are_those_of_its_best_levels():
    """And deeper ones for an imbalance of several; nothing while a side is empty."""
    book = Book("k")
    book.apply(BookUpdate("k", [(99.0, 3.0), (98.0, 1.0)], [(101.0, 1.0), (102.0, 5.0)], 0, 1, True, 0, 0))
    for seen in (book, BookView(book, 1)):
        assert run(ind.mid(), [seen]) == [100.0]
        assert run(ind.spread(), [seen]) == [2.0]
        assert run(ind.imbalance(), [seen]) == [0.5]
        assert run(ind.imbalance(2), [seen]) == [-0.2]
    book.apply(BookUpdate("k", [(99.0, 0.0), (98.0, 0.0)], [], 1, 2, False, 0, 0))
    for spec in (ind.mid(), ind.spread(), ind.microprice(), ind.imbalance()):
        assert run(spec, [book]) == []
