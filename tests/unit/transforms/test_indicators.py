"""Indicators: step equals batch, both equal TA-Lib after warm-up, a reset stage is a fresh one, and sums do not drift."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import Bar, Quote
from tickwright.transforms import indicators as ind
from tickwright.transforms.stage import SKIP, Spec

WITH_BATCH = {
    "sma": ind.sma(5),
    "ema": ind.ema(5),
    "stdev": ind.stdev(5),
    "rsi": ind.rsi(5),
    "highest": ind.highest(5),
    "lowest": ind.lowest(5),
}
STAGES = {
    **WITH_BATCH,
    "zscore": ind.zscore(5),
    "macd": ind.macd(3, 6, 4),
    "bollinger": ind.bollinger(5),
    "returns": ind.returns(),
}
prices = st.lists(st.floats(0.01, 1e6, allow_nan=False), max_size=60)


def run(spec: Spec, xs):
    """Every result of a fresh stage."""
    stage = spec.make({})
    return [y for y in map(stage.step, xs) if y is not SKIP]


@pytest.mark.parametrize("name", WITH_BATCH)
@given(xs=prices)
def test_given_any_values_when_taken_one_by_one_then_batch_gives_the_same(name, xs):
    """``batch`` is ``step`` over the array."""
    spec = WITH_BATCH[name]
    batch = spec.make({}).batch(np.asarray(xs, dtype=np.float64))
    scale = max([1.0, *xs])
    assert run(spec, xs) == pytest.approx(list(batch), rel=1e-9, abs=1e-7 * scale)


@pytest.mark.parametrize("name", STAGES)
@given(xs=prices, ys=prices)
def test_given_a_used_stage_when_reset_then_it_is_a_fresh_one(name, xs, ys):
    """Nothing from before a gap is left."""
    stage = STAGES[name].make({})
    for x in xs:
        stage.step(x)
    stage.reset()
    assert [y for y in map(stage.step, ys) if y is not SKIP] == run(STAGES[name], ys)


@pytest.mark.parametrize("name", STAGES)
def test_given_its_warm_up_when_values_come_then_the_first_result_is_at_that_value(name):
    """``warmup`` says how many values go in until the first comes out."""
    stage = STAGES[name].make({})
    xs = [100.0, 101.0, 99.5, 102.0, 98.0, 103.0, 97.0, 104.0, 105.0, 101.5, 99.0, 98.5]
    first = next(number for number, x in enumerate(xs, 1) if stage.step(x) is not SKIP)
    assert first == stage.warmup


def walk(n=2_000):
    rng = np.random.default_rng(7)
    return 60_000 + np.cumsum(rng.normal(0, 25, n))


def after(values, warm):
    return np.asarray(values)[~np.isnan(values)][warm:]


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (ind.sma(20), lambda xs: talib.SMA(xs, 20)),
        (ind.ema(20), lambda xs: talib.EMA(xs, 20)),
        (ind.stdev(20), lambda xs: talib.STDDEV(xs, 20)),
        (ind.rsi(14), lambda xs: talib.RSI(xs, 14)),
        (ind.highest(20), lambda xs: talib.MAX(xs, 20)),
        (ind.lowest(20), lambda xs: talib.MIN(xs, 20)),
        (ind.macd(12, 26, 9) , lambda xs: talib.MACD(xs, 12, 26, 9)[0]),
        (ind.bollinger(20, 2.0), lambda xs: talib.BBANDS(xs, 20, 2.0, 2.0)[0]),
    ],
    ids=["sma", "ema", "stdev", "rsi", "highest", "lowest", "macd", "bollinger"],
)  # fmt: skip
def test_given_a_random_walk_when_compared_with_ta_lib_then_they_agree(spec, reference):
    """To 1e-9 of the value after warm-up (the standard deviation by its definition: TA-Lib's own loses digits there)."""
    xs = walk()
    ours = run(spec, xs.tolist())
    ours = [y[0] if isinstance(y, tuple) else y for y in ours]
    theirs = after(reference(xs), 0)
    tolerance = 1e-6 if spec in (ind.stdev(20), ind.bollinger(20, 2.0)) else 1e-9
    assert len(ours) == len(theirs)
    assert ours == pytest.approx(list(theirs), rel=tolerance, abs=1e-9)


def test_given_bars_when_their_true_range_is_averaged_then_ta_lib_says_the_same():
    """Wilder's average, started with the mean of the first n."""
    xs = walk(500)
    rng = np.random.default_rng(3)
    high, low = xs + rng.uniform(0, 30, 500), xs - rng.uniform(0, 30, 500)
    bars = [Bar("k", i, i + 1, x, h, lo, x, 1.0, x, 1, 0.5, i) for i, (x, h, lo) in enumerate(zip(xs, high, low, strict=True))]
    assert run(ind.atr(14), bars) == pytest.approx(list(after(talib.ATR(high, low, xs, 14), 0)), rel=1e-9)


def test_given_a_standard_deviation_when_compared_with_its_definition_then_it_is_exact():
    """Numpy's two-pass figure, to 1e-9."""
    xs = walk()
    expected = np.lib.stride_tricks.sliding_window_view(xs, 20).std(axis=1)
    assert run(ind.stdev(20), xs.tolist()) == pytest.approx(list(expected), rel=1e-9)


def test_given_a_hundred_thousand_values_far_from_zero_when_averaged_then_the_sums_have_not_drifted():
    """The last window by running sums is the last window by definition."""
    rng = np.random.default_rng(1)
    xs = 1e9 + rng.normal(0, 1, 100_000)
    assert run(ind.sma(50), xs.tolist())[-1] == pytest.approx(xs[-50:].mean(), rel=1e-14)
    assert run(ind.stdev(50), xs.tolist())[-1] == pytest.approx(xs[-50:].std(), rel=1e-6)


def test_given_a_quote_when_looked_at_then_mid_spread_microprice_and_imbalance_are_by_definition():
    """The price leans towards the thinner side."""
    quote = Quote("k", 99.0, 3.0, 101.0, 1.0, 0, 0, 0)
    assert run(ind.mid(), [quote]) == [100.0]
    assert run(ind.spread(), [quote]) == [2.0]
    assert run(ind.microprice(), [quote]) == [(99.0 * 1.0 + 101.0 * 3.0) / 4.0]
    assert run(ind.imbalance(), [quote]) == [0.5]
