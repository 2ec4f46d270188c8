"""Expressions as running graphs: sharing, warm-up, joins, gaps, bars that exist only once closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import BUY, SELL, BookUpdate, Channel, Quote, Trade
from tickwright.transforms.bars import tick_bars, ticks, volume
from tickwright.transforms.book import Book
from tickwright.transforms.expr import bars, book, join, merge, quotes, trades
from tickwright.transforms.frame import each, frame
from tickwright.transforms.graph import Graph
from tickwright.transforms.indicators import bollinger, ema, mid, sma

KEY = "v:A/B"
S = 1_000_000_000


def trade(price, n=0, *, at_ns=0, qty=1.0, side=BUY, key=KEY):
    return Trade(key, price, qty, side, n, at_ns, at_ns)


def graph(books=None, **outputs):
    return Graph(outputs, lambda name: name or KEY, books or {})


def push(target, event):
    for sink in target.routes[type(event)].get(event.key, []):
        sink(event)


def test_given_equal_expressions_when_built_then_the_stage_is_made_once():
    """Two averages over the same bars share the bars."""
    made = []

    class Counted:
        warmup = 1

        def __init__(self):
            made.append(1)

        def __deepcopy__(self, memo):
            return Counted()

        def step(self, x):
            return x

        def reset(self):
            pass

    stage = trades() >> Counted()
    before = len(made)
    graph(a=stage >> ema(2), b=stage >> ema(3))
    assert len(made) == before + 1
    assert (bars("1m").close >> ema(3)) == (bars("1m").close >> ema(3))
    assert hash(bars("1m").close) == hash(bars("1m").close)
    assert (bars("1m").close >> ema(3)) != (bars("1m").close >> ema(4))


def test_given_a_time_bar_when_its_span_is_not_over_then_it_does_not_exist():
    """Only the trade after its end, or the clock well after it, closes it."""
    g = graph(bar=bars("1s"))
    push(g, trade(10.0, at_ns=100 * S))
    push(g, trade(12.0, at_ns=100 * S + S // 2))
    assert not g.cells["bar"].ready
    push(g, trade(11.0, at_ns=101 * S))
    bar = g.cells["bar"].value
    assert (bar.open, bar.high, bar.low, bar.close, bar.trades) == (10.0, 12.0, 10.0, 12.0, 2)
    assert (bar.start_ns, bar.end_ns) == (100 * S, 101 * S)


def test_given_a_quiet_market_when_the_clock_passes_the_end_then_the_bar_closes_late_and_never_early():
    """Half a second of grace after its end by the clock."""
    g = graph(bar=bars("1s"))
    push(g, trade(10.0, at_ns=100 * S))
    g.on_time(101 * S)
    assert not g.cells["bar"].ready
    g.on_time(101 * S + S // 2)
    assert g.cells["bar"].ready
    push(g, trade(9.0, at_ns=100 * S + S // 2))  # late: what is closed stays as it was
    assert g.cells["bar"].value.low == 10.0


@given(st.lists(st.floats(0.1, 5.0), min_size=1, max_size=50), st.integers(1, 7))
def test_given_trades_when_made_into_bars_by_count_then_every_trade_is_in_one(qtys, size):
    """Volume is conserved, whole bars only."""
    made = []
    g = Graph({"x": trades() >> tick_bars(size) >> made.append}, lambda _: KEY, {})
    for n, qty in enumerate(qtys):
        push(g, trade(10.0 + n, n, qty=qty))
    assert len(made) == len(qtys) // size
    assert sum(bar.volume for bar in made) == pytest.approx(sum(qtys[: len(made) * size]))


def test_given_bars_by_amount_when_it_is_reached_then_the_bar_closes_with_that_trade():
    """Volume and ticks as functions or as text."""
    g = graph(v=bars(volume(3)), t=bars("2 ticks"), same=bars(ticks(2)))
    for n in range(2):
        push(g, trade(10.0, n, qty=1.0, side=SELL))
    assert not g.cells["v"].ready
    assert g.cells["t"].ready
    push(g, trade(10.0, 3, qty=5.0))
    assert g.cells["v"].value.volume == 7.0
    assert g.cells["v"].value.buy_volume == 5.0
    assert g.cells["t"].value == g.cells["same"].value


def test_given_a_gap_when_it_is_told_then_everything_below_the_stream_forgets():
    """And nothing below another stream does."""
    g = graph(average=trades() >> (lambda t: t.price) >> sma(2), top=quotes() >> mid())
    push(g, trade(10.0))
    push(g, trade(20.0))
    push(g, Quote(KEY, 9.0, 1.0, 11.0, 1.0, 0, 0, 0))
    assert g.ready
    g.reset(KEY, Channel.TRADES)
    assert not g.ready
    assert not g.cells["average"].ready
    assert g.cells["top"].ready
    push(g, trade(30.0))
    assert not g.cells["average"].ready  # not averaged with what was before
    push(g, trade(50.0))
    assert g.cells["average"].value == 40.0


def test_given_a_join_when_one_input_is_missing_then_it_waits_and_a_gap_makes_it_wait_again():
    """Never a value without all of its inputs."""
    g = graph(both=join(trades() >> (lambda t: t.price), quotes() >> mid()))
    push(g, trade(10.0))
    assert not g.ready
    push(g, Quote(KEY, 9.0, 1.0, 11.0, 1.0, 0, 0, 0))
    assert g.cells["both"].value == (10.0, 10.0)
    push(g, trade(12.0))
    assert g.cells["both"].value == (12.0, 10.0)
    g.reset(KEY, Channel.QUOTES)
    push(g, trade(13.0))
    assert not g.ready


def test_given_several_instruments_when_each_has_its_own_stage_then_they_do_not_mix():
    """Results by key."""
    g = graph(x=merge(trades("v:A/B"), trades("v:C/D")) >> each(lambda t: t.price, sma(2)))
    for price, key in ((10.0, "v:A/B"), (1.0, "v:C/D"), (20.0, "v:A/B"), (3.0, "v:C/D")):
        push(g, trade(price, key=key))
    assert g.cells["x"].value == {"v:A/B": 15.0, "v:C/D": 2.0}


def test_given_a_book_source_when_updates_come_then_the_live_book_is_shown():
    """The engine folds, the graph shows."""
    shown = Book(KEY)
    g = graph({KEY: shown}, b=book(depth=20))
    assert g.subscriptions() == {(KEY, Channel.BOOK, "")}
    update = BookUpdate(KEY, [(9.0, 1.0)], [(11.0, 2.0)], 0, 5, True, 0, 0)
    push(g, update)
    assert not g.ready
    shown.apply(update)
    push(g, update)
    assert g.cells["b"].value.mid == 10.0


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_given_a_frame_when_it_is_full_then_it_has_the_last_bars(kind):
    """Rows by the end of the bar, UTC."""
    g = graph(f=bars("1s") >> frame(2, kind))
    for second in range(4):
        push(g, trade(10.0 + second, at_ns=(100 + second) * S))
    rows = g.cells["f"].value
    assert list(rows["close"]) == [11.0, 12.0]
    assert rows.shape[0] == 2


def test_given_a_misspelt_field_when_written_then_the_near_one_is_suggested():
    """Where it is written, not while it runs."""
    with pytest.raises(AttributeError, match="did you mean 'close'"):
        bars("1m").clos  # noqa: B018 (the attribute is the test)
    assert (bars("1m").close >> bollinger(5)).upper
    with pytest.raises(ValueError, match="write a span"):
        bars("a minute")


levels = st.lists(st.tuples(st.integers(1, 30).map(float), st.integers(0, 3).map(float)), max_size=8)


@given(st.lists(st.tuples(levels, levels), max_size=20))
def test_given_any_updates_when_applied_then_the_book_is_that_of_two_dictionaries(updates):
    """Best prices, quantities and every level."""
    kept = Book(KEY)
    kept.apply(BookUpdate(KEY, [(10.0, 1.0)], [(20.0, 1.0)], 0, 1, True, 0, 0))
    bids, asks = {10.0: 1.0}, {20.0: 1.0}
    for seq, (new_bids, new_asks) in enumerate(updates, 2):
        assert kept.apply(BookUpdate(KEY, new_bids, new_asks, seq - 1, seq, False, 0, 0))
        for side, changes in ((bids, new_bids), (asks, new_asks)):
            for price, qty in changes:
                side[price] = qty
                if not qty:
                    del side[price]
    assert kept.bids() == sorted(bids.items(), reverse=True)
    assert kept.asks() == sorted(asks.items())
    assert kept.bid == max(bids, default=None)
    assert kept.ask == min(asks, default=None)
    assert kept.bid_qty == (bids[max(bids)] if bids else None)


def test_given_a_gap_an_old_update_and_a_crossed_book_when_applied_then_each_is_told():
    """Refused, dropped and counted, visible."""
    kept = Book(KEY)
    assert not kept.apply(BookUpdate(KEY, [], [], 0, 1, False, 0, 0))
    kept.apply(BookUpdate(KEY, [(10.0, 1.0)], [(11.0, 1.0)], 0, 5, True, 0, 0))
    assert not kept.apply(BookUpdate(KEY, [(9.0, 1.0)], [], 7, 8, False, 0, 0))
    assert kept.apply(BookUpdate(KEY, [(9.0, 1.0)], [], 3, 4, False, 0, 0))
    assert (kept.stale, len(kept)) == (1, 2)
    kept.apply(BookUpdate(KEY, [(12.0, 1.0)], [], 5, 6, False, 0, 0))
    assert kept.crossed
