"""Running sums agree with the definition, however long the series, far from zero, or suddenly elsewhere."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.transforms.rolling import Total, Window

#: Levels between which a series jumps, with noise that is small beside them.
jumps = st.lists(
    st.tuples(st.sampled_from([0.0, 1e-6, 1.0, 1e3, 1e9, -1e6]), st.integers(-1000, 1000)), min_size=1, max_size=120
).map(lambda pairs: [level + noise * max(abs(level), 1e-3) * 1e-9 for level, noise in pairs])


def feed(window, xs):
    return [window.push(x) for x in xs]


@given(jumps, st.integers(1, 12))
def test_given_any_levels_when_summed_then_total_and_mean_are_by_definition(xs, n):
    """To the last digits of the largest value in the window, or of the sum that left no trace of them."""
    total, window = Total(n), Window(n)
    for place, x in enumerate(xs, 1):
        full = total.push(x)
        assert full == window.push(x) == (place >= n)
        if full:
            last = xs[place - n : place]
            exact = math.fsum(last)
            reach = 1e-9 * max(abs(exact), *map(abs, last))
            assert total.total == pytest.approx(exact, abs=reach, rel=1e-12)
            assert window.mean == pytest.approx(exact / n, abs=reach, rel=1e-12)


@given(st.lists(st.sampled_from([1e-3, 1.0, 1e3, 1e6]), min_size=1, max_size=8), st.integers(3, 12), st.integers(0, 2**32))
def test_given_a_series_that_jumps_between_levels_when_its_variance_is_taken_then_it_is_by_definition(levels, n, seed):
    """To 1e-9, with noise of 1e-6 of each level: next to nothing beside what was in the window just before."""
    rng = np.random.default_rng(seed)
    xs = np.concatenate([level * (1 + 1e-6 * rng.standard_normal(n + 5)) for level in levels]).tolist()
    window = Window(n)
    for place, x in enumerate(xs, 1):
        if window.push(x):
            exact = statistics.pvariance(xs[place - n : place])
            assert window.variance == pytest.approx(exact, rel=1e-9)


def test_given_a_hundred_thousand_values_far_from_zero_when_rolled_then_no_window_has_drifted():
    """All of them against numpy's two passes: the mean to the last digit, the deviation to 1e-9 of what the values can carry."""
    rng = np.random.default_rng(1)
    for offset in (0.0, 1e5, 1e9):
        xs = offset + rng.normal(0, 1, 100_000)
        window, total = Window(50), Total(50)
        got = [(window.mean, window.variance, total.total) for x in xs.tolist() if window.push(x) & total.push(x)]
        rows = np.lib.stride_tricks.sliding_window_view(xs, 50)
        mean, variance, sums = np.array(got).T
        np.testing.assert_allclose(mean, rows.mean(axis=1), rtol=1e-14, atol=1e-13)
        np.testing.assert_allclose(variance, rows.var(axis=1), rtol=1e-9)
        np.testing.assert_allclose(sums, rows.sum(axis=1), rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-8, 61_250.1, 1e15 / 7])
def test_given_equal_values_when_they_fill_the_window_then_the_variance_is_exactly_zero(value):
    """Whatever was there before."""
    window = Window(7)
    feed(window, [1.0, 1e9, -5.0, 3.0] * 3)
    feed(window, [value] * 7)
    assert (window.mean, window.variance) == (value, 0.0)


def test_given_a_flat_series_when_it_goes_on_then_the_window_is_not_summed_anew_each_time():
    """A market that does not move costs no more than one that does."""
    made = []

    class Watched(Window):
        def _again(self, shift):
            made.append(shift)
            super()._again(shift)

    feed(Watched(100), [0.1] * 1_000)
    assert len(made) == 10


def test_given_a_cleared_window_when_it_is_used_then_it_is_a_new_one():
    """Nothing is left."""
    for make in (Total, Window):
        used, fresh = make(3), make(3)
        feed(used, [5.0, 6.0, 7.0, 8.0])
        used.clear()
        assert feed(used, [1.0, 2.0, 3.0]) == feed(fresh, [1.0, 2.0, 3.0]) == [False, False, True]
        assert all(getattr(used, name) == getattr(fresh, name) for name in make.__slots__)
