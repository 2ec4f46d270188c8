"""Every queue model is bounded and keeps the order of those who wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.sim.queue import DrawnQueue, PessimisticQueue, ProportionalQueue


@pytest.mark.parametrize("model", [PessimisticQueue(), ProportionalQueue(), DrawnQueue()])
@given(data=st.data())
def test_given_a_shrinking_level_when_asked_then_no_one_overtakes_and_no_one_gains_more_than_is_gone(model, data) -> None:
    """0 <= after <= ahead, at most ``gone`` less, and monotone in ``ahead``."""
    before = data.draw(st.integers(1, 10**6))
    gone = data.draw(st.integers(1, before))
    draw = data.draw(st.floats(0, 1, exclude_max=True))
    front = data.draw(st.integers(0, before))
    back = data.draw(st.integers(front, before))
    first, second = (model.ahead_after(ahead, before, gone, draw) for ahead in (front, back))
    assert 0 <= first <= second
    assert front - gone <= first <= front
    assert back - gone <= second <= back


def test_given_half_the_level_ahead_when_it_shrinks_then_proportional_moves_half_and_pessimistic_not() -> None:
    """The two models that do not draw, in figures."""
    assert ProportionalQueue().ahead_after(50, 100, 11, 0.0) == 45
    assert PessimisticQueue().ahead_after(50, 100, 11, 0.0) == 50
