"""Expressions as running graphs: sharing, warm-up, gaps, what is subscribed to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import BookUpdate, Channel
from tickwright.transforms.bars import price
from tickwright.transforms.book import Book
from tickwright.transforms.expr import bars, book, join, merge, quotes, trades
from tickwright.transforms.frame import each, frame
from tickwright.transforms.indicators import atr, bollinger, ema, highest, macd, mid, rsi, sma, zscore
from tickwright.transforms.stage import SKIP
from unit.transforms.makers import KEY, OTHER, S, graph, push, quote, trade


class Counted:
    """Counts how many stages are made of it, and how many values they are given."""

    warmup = 1

    def __init__(self, log):
        self.log = log

    def __deepcopy__(self, memo):
        self.log.append("made")
        return Counted(self.log)

    def step(self, x):
        self.log.append(x)
        return x

    def reset(self):
        self.log.append("reset")


def test_given_equal_expressions_when_built_then_the_stage_is_made_once_and_stepped_once():
    """Two averages over the same thing share it, under whatever name of the instrument."""
    log = []
    stage = Counted(log)
    shared = trades() >> price() >> stage
    log.clear()
    g = graph(a=shared >> ema(2), b=shared >> ema(3), c=shared)
    push(g, trade(10.0))
    assert log == ["made", 10.0]
    two = graph(a=bars("1m"), b=bars("1m", "A/B"), c=bars("1m", KEY).close)
    assert {kind.__name__: {key: len(sinks) for key, sinks in keys.items()} for kind, keys in two.routes.items()} == {
        "Trade": {KEY: 1}
    }


def test_given_several_readers_of_a_stream_when_an_event_comes_then_they_are_reached_in_the_order_of_writing():
    """A run is the same every time, and as it reads."""
    seen = []
    g = graph(a=trades() >> (lambda _: seen.append("a")), b=trades() >> (lambda _: seen.append("b")))
    push(g, trade(1.0))
    assert seen == ["a", "b"]


def test_given_outputs_when_all_are_warm_then_the_graph_is_ready_and_says_when_something_changed():
    """``changed`` is for the engine to clear."""
    g = graph(a=trades().price >> sma(2), b=quotes() >> mid())
    assert not g.ready
    push(g, trade(10.0))
    assert not g.changed
    push(g, trade(20.0))
    assert g.changed
    assert not g.ready
    push(g, quote(9.0, 11.0))
    assert g.ready
    assert (g.cells["a"].value, g.cells["b"].value) == (15.0, 10.0)


def test_given_a_gap_when_it_is_told_then_everything_below_the_stream_forgets():
    """And nothing below another stream, or another instrument's, does."""
    g = graph(average=trades().price >> sma(2), top=quotes() >> mid(), other=trades("C/D").price)
    push(g, trade(10.0), trade(20.0), quote(9.0, 11.0), trade(7.0, key=OTHER))
    assert g.ready
    g.reset(KEY, Channel.TRADES)
    assert not g.ready
    assert (g.cells["average"].ready, g.cells["average"].value) == (False, None)
    assert g.cells["top"].ready
    assert g.cells["other"].ready
    push(g, trade(30.0))
    assert not g.cells["average"].ready  # not averaged with what was before
    push(g, trade(50.0))
    assert g.cells["average"].value == 40.0
    g.reset(KEY, Channel.MARKS)  # nobody asked for it: nothing happens
    assert g.ready


EVERYTHING = {
    "last": trades(),
    "fast": bars("1s").close >> ema(2),
    "ticks": bars("3 ticks").close >> sma(2) >> highest(2),
    "range": bars("1s") >> atr(2),
    "rsi": trades().price >> rsi(3),
    "upper": (trades().price >> bollinger(3)).upper,
    "signal": (trades().price >> macd(2, 3, 2)).signal,
    "z": trades().price >> zscore(3),
    "both": join(bars("1s").close >> sma(2), quotes() >> mid()),
    "pair": join(trades().price >> sma(2), trades().price >> sma(3)),
    "each": merge(trades(), quotes()) >> each(lambda event: event.recv_ns),
    "frame": bars("1s") >> frame(2),
}
events = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(0, 2 * S), st.floats(1.0, 9.0)),
        st.tuples(st.just("quote"), st.integers(0, 2 * S), st.floats(1.0, 9.0)),
        st.tuples(st.just("clock"), st.integers(0, 2 * S), st.just(0.0)),
    ),
    max_size=40,
)


def feed(g, steps, at):
    """Push events, one after the other, and return the time of the last."""
    for what, wait, value in steps:
        at += wait
        if what == "trade":
            push(g, trade(value, at_ns=at))
        elif what == "quote":
            push(g, quote(value, value + 1.0))
        else:
            g.on_time(at)
    return at


def shown(g):
    """What a strategy would see."""
    values = {name: (cell.ready, cell.value) for name, cell in g.cells.items() if name != "frame"}
    cell = g.cells["frame"]
    return values | {"frame": cell.ready and cell.value.to_dict("list")}


@given(events, events)
def test_given_any_past_when_both_streams_have_a_gap_then_the_graph_is_as_new(before, after):
    """The law of gaps for every kind of node at once: reset equals fresh."""
    used, fresh = graph(**EVERYTHING), graph(**EVERYTHING)
    at = feed(used, before, 100 * S)
    used.reset(KEY, Channel.TRADES)
    used.reset(KEY, Channel.QUOTES)
    assert not any(cell.ready for cell in used.cells.values())
    feed(used, after, at)
    feed(fresh, after, at)
    assert shown(used) == shown(fresh)
    assert used.ready == fresh.ready == all(cell.ready for cell in fresh.cells.values())


def test_given_a_stage_that_skips_when_it_does_then_nothing_below_it_changes():
    """``SKIP`` stops the value there."""
    g = graph(big=trades().price >> (lambda x: x if x > 5 else SKIP))
    push(g, trade(3.0))
    assert not g.changed
    push(g, trade(7.0), trade(3.0))
    assert g.cells["big"].value == 7.0


def test_given_a_users_stage_with_names_of_ours_when_it_runs_then_it_is_not_taken_for_a_bar_maker():
    """Only bar makers are counted."""

    class Closer:
        warmup = 1
        closed = "yes"

        def step(self, x):
            return x

        def reset(self):
            pass

    g = graph(x=trades() >> Closer())
    push(g, trade(1.0))
    assert g.bars == 0


def test_given_a_book_source_when_updates_come_then_the_live_book_is_shown():
    """The engine folds, the graph shows; a book without a snapshot is not shown."""
    kept = Book(KEY)
    g = graph({KEY: kept}, whole=book(), top=book(depth=2), mid=book() >> mid())
    assert g.subscriptions() == {(KEY, Channel.BOOK, "")}
    update = BookUpdate(KEY, [(9.0, 1.0), (8.0, 1.0), (7.0, 1.0)], [(11.0, 2.0)], 0, 5, True, 0, 0)
    push(g, update)
    assert not any(cell.ready for cell in g.cells.values())
    kept.apply(update)
    push(g, update)
    assert g.cells["mid"].value == 10.0
    assert g.cells["whole"].value is kept
    top = g.cells["top"].value
    assert top.bids() == [(9.0, 1.0), (8.0, 1.0)]
    assert top.bids(3) == kept.bids()


def test_given_sources_when_asked_then_each_stream_is_subscribed_to_once():
    """Bars are made of trades."""
    g = graph(a=bars("1m"), b=trades(), c=quotes("C/D"))
    assert g.subscriptions() == {(KEY, Channel.TRADES, ""), (OTHER, Channel.QUOTES, "")}
