"""The recorded ladder agrees with a plain dictionary, and remembers what was taken until a level changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.sim.book import Ladder

prices = st.integers(1, 12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), prices, st.integers(0, 5)),
        st.tuples(st.just("take"), prices, st.integers(1, 5)),
        st.tuples(st.just("load"), st.dictionaries(prices, st.integers(1, 5), max_size=6), st.none()),
        st.tuples(st.just("keep"), prices, st.none()),
    ),
    max_size=40,
)


@given(steps, st.sampled_from([1, -1]))
def test_given_any_updates_when_compared_with_a_dictionary_then_the_ladder_agrees(script, sign) -> None:
    """Quantities, what is left of them, the order of levels and the best one, after every step."""
    ladder = Ladder(sign)
    qty: dict[int, int] = {}
    left: dict[int, int] = {}
    for what, a, b in script:
        if what == "put":
            assert ladder.put(a * sign, b) == qty.get(a, 0)
            if qty.get(a, 0) != b:
                left[a] = b
                qty[a] = b
        elif what == "take":
            if left.get(a, 0) >= b:
                ladder.take(a * sign, b)
                left[a] -= b
        elif what == "load":
            ladder.load({price * sign: amount for price, amount in a.items()})
            left = {price: left[price] if qty.get(price) == amount else amount for price, amount in a.items()}
            qty = dict(a)
        else:
            ladder.keep_from(a * sign)
            gone = [price for price in qty if price * sign < a * sign]
            for price in gone:
                del qty[price]
                left.pop(price, None)
        qty = {price: amount for price, amount in qty.items() if amount}
        left = {price: left[price] for price in qty}
        assert {key * sign: amount for key, amount in ladder.qty.items()} == qty
        assert ladder.keys == sorted(price * sign for price in qty)
        assert {price: ladder.available(price * sign) for price in qty} == left
        assert ladder.best() == max((price * sign for price, amount in left.items() if amount), default=None)


def test_given_a_level_when_more_is_taken_than_it_shows_then_it_is_a_bug() -> None:
    """INV-SIM-1: the same recorded size is never taken twice."""
    ladder = Ladder(1)
    ladder.put(5, 3)
    ladder.take(5, 2)
    with pytest.raises(AssertionError, match="INV-SIM-1"):
        ladder.take(5, 2)


@pytest.mark.parametrize(("bid", "ask", "crosses"), [(99, 100, False), (100, 100, True), (101, 100, True)])
def test_given_both_sides_when_the_bid_reaches_the_ask_then_they_cross(bid, ask, crosses) -> None:
    """Locked counts as crossed; an empty side crosses nothing."""
    bids, asks = Ladder(1), Ladder(-1)
    bids.put(bid, 1)
    assert not bids.crosses(asks)
    asks.put(-ask, 1)
    assert bids.crosses(asks) is crosses
