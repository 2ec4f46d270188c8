"""The generated market: its streams agree with each other, and a seed is a market."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S
from tickwright.model.market import BUY
from tickwright.sim.generator import GeneratedMarket, MarketShape, UnitDepth, UnitQuote, UnitTrade

shapes = st.builds(
    MarketShape,
    mid=st.integers(1_000, 50_000).map(lambda ticks: ticks * 10),
    tick=st.just(10),
    lot=st.integers(1, 5),
    level_qty=st.integers(10, 200),
    levels=st.integers(2, 20),
    spread_ticks_max=st.integers(1, 5),
    volatility_ticks=st.floats(0, 10),
    trade_share=st.floats(0, 1),
)


@settings(max_examples=40)
@given(shapes, st.integers(0, 1_000))
def test_given_any_shape_when_deltas_are_applied_then_the_book_has_the_top_of_the_quotes(shape: MarketShape, seed: int) -> None:
    """Snapshot plus deltas give every quote's top; never crossed; trades are at the best price; times and numbers only grow."""
    market = GeneratedMarket(shape, Chance(seed), 1_000)
    start = market.book()
    bids, asks = dict(start.bids), dict(start.asks)
    seq, last_ns, trade_id = start.seq, 1_000, 0
    top: UnitQuote | None = None
    for event in market.events(20 * NS_PER_S):
        assert event.at_ns >= last_ns
        last_ns = event.at_ns
        if isinstance(event, UnitQuote):
            assert 0 < event.bid < event.ask
            assert min(event.bid_qty, event.ask_qty) > 0
            top = event
        elif isinstance(event, UnitTrade):
            assert event.trade_id == trade_id + 1
            trade_id += 1
            if top is not None:
                price, there = (top.ask, top.ask_qty) if event.side is BUY else (top.bid, top.bid_qty)
                assert event.price == price
                assert 0 < event.qty <= there
        else:
            assert event.prev_seq == seq < event.seq
            seq = event.seq
            for side, levels in ((bids, event.bids), (asks, event.asks)):
                side.update(levels)
                for price in [price for price, qty in side.items() if qty == 0]:
                    del side[price]
            assert top is not None
            assert top.seq <= seq
            best_bid, best_ask = max(bids), min(asks)
            assert (best_bid, bids[best_bid], best_ask, asks[best_ask]) == (top.bid, top.bid_qty, top.ask, top.ask_qty)
            assert all(price % shape.tick == 0 and price > 0 for price in (*bids, *asks))


def test_given_a_seed_when_the_market_is_made_twice_then_it_is_the_same_market() -> None:
    """Equal seeds, equal events; other seeds, others."""
    shape = MarketShape(mid=6_000_000, tick=1, lot=1, level_qty=1_000)
    first, second, third = (list(GeneratedMarket(shape, Chance(seed), 0).events(5 * NS_PER_S)) for seed in (1, 1, 2))
    assert first == second
    assert first != third
    kinds = {type(event) for event in first}
    assert kinds == {UnitTrade, UnitQuote, UnitDepth}


def test_given_the_book_when_asked_in_the_middle_then_the_next_delta_joins_it() -> None:
    """A snapshot taken at any time is at or before the end of the delta that follows."""
    market = GeneratedMarket(MarketShape(mid=100_000, tick=1, lot=1, level_qty=100), Chance(4), 0)
    for _ in range(200):
        market.step()
    book = market.book()
    deltas = [event for event in market.events(market.now_ns + NS_PER_S) if isinstance(event, UnitDepth)]
    assert deltas[0].prev_seq <= book.seq <= deltas[0].seq
