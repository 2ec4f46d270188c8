"""What ``batch`` is made of: products of blocks are the recursion, windows are taken in parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.transforms.arrays import averaged, by_window


@given(st.integers(0, 400), st.integers(1, 40), st.floats(0.001, 1.0), st.sampled_from([0.0, 1.0, 1e6, -1e9]))
def test_given_any_length_when_averaged_in_blocks_then_it_is_the_recursion(size, n, alpha, offset):
    """Across the borders of blocks."""
    xs = offset + np.random.default_rng(size).normal(0, 1, size)
    expected = []
    if size >= n:
        expected.append(float(np.mean(xs[:n])))
        for x in xs[n:].tolist():
            expected.append(expected[-1] + (x - expected[-1]) * alpha)
    assert list(averaged(xs, n, alpha)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_given_more_windows_than_are_taken_together_when_mapped_then_none_is_lost():
    """The parts are put together in order."""
    xs = np.arange(300_000.0)
    np.testing.assert_array_equal(by_window(xs, 9, lambda rows: rows[:, 0]), xs[:-8])
    assert len(by_window(xs[:5], 9, lambda rows: rows[:, 0])) == 0
