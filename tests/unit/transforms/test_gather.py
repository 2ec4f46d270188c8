"""``join``: a tuple once all inputs have a value, one an event, never of values that do not belong together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import Channel, Quote, Trade
from tickwright.transforms.bars import ticks
from tickwright.transforms.expr import bars, join, merge, quotes, trades
from tickwright.transforms.indicators import mid, sma
from unit.transforms.makers import KEY, OTHER, S, graph, push, quote, trade


def test_given_a_join_when_an_input_is_missing_then_it_waits_and_then_follows_each():
    """Never a value without all of its inputs."""
    seen = []
    g = graph(both=join(trades().price, quotes() >> mid()) >> (lambda pair: seen.append(pair) or pair))
    push(g, trade(10.0))
    assert not g.ready
    push(g, quote(9.0, 11.0), trade(12.0))
    assert seen == [(10.0, 10.0), (12.0, 10.0)]
    assert g.cells["both"].value == (12.0, 10.0)


def test_given_inputs_of_one_stream_when_an_event_changes_several_then_there_is_one_tuple_of_new_values():
    """No close of this bar beside the volume of the last."""
    seen = []
    graph_of_pair = graph(x=join(bars(ticks(1)).close, bars(ticks(1)).volume) >> seen.append)
    push(graph_of_pair, trade(10.0, qty=1.0), trade(20.0, qty=2.0))
    assert seen == [(10.0, 1.0), (20.0, 2.0)]


def test_given_inputs_of_streams_apart_when_joined_then_nothing_waits_for_the_end_of_the_event():
    """The common join costs no second call for each event."""
    apart = graph(x=join(trades().price, quotes() >> mid()))
    shared = graph(x=join(trades().price, trades().qty))
    assert [len(apart.routes[kind][KEY]) for kind in (Trade, Quote)] == [1, 1]
    assert len(shared.routes[Trade][KEY]) == 3


def test_given_joins_of_joins_when_an_event_reaches_all_then_inner_ones_go_first_and_each_goes_once():
    """Down to the outermost."""
    seen = []
    inner = join(trades().price, trades().qty)
    outer = join(inner, trades() >> (lambda event: event.trade_id), inner >> (lambda pair: pair[0] * pair[1]))
    g = graph(x=outer >> seen.append)
    push(g, trade(10.0, 1, qty=2.0), trade(20.0, 2, qty=3.0))
    assert seen == [((10.0, 2.0), 1, 20.0), ((20.0, 3.0), 2, 60.0)]


def test_given_an_expression_joined_with_itself_when_it_changes_then_both_places_are_new():
    """The least pair of inputs that share a source."""
    seen = []
    g = graph(x=join(trades().price, trades().price) >> seen.append)
    push(g, trade(1.0), trade(2.0))
    assert seen == [(1.0, 1.0), (2.0, 2.0)]


def test_given_bars_of_two_spans_when_the_clock_closes_both_then_there_is_one_tuple():
    """Closing by the clock is an event like any other."""
    seen = []
    g = graph(x=join(bars("1s").end_ns, bars("2s").end_ns) >> seen.append)
    push(g, trade(1.0, at_ns=100 * S), trade(1.0, at_ns=101 * S))
    assert seen == []
    g.on_time(103 * S)
    assert seen == [(102 * S, 102 * S)]


def test_given_a_gap_in_one_input_when_it_is_told_then_only_that_one_is_waited_for():
    """A rare input of another stream keeps its value, as it would outside a join."""
    g = graph(both=join(trades().price, quotes() >> mid()))
    push(g, trade(10.0), quote(9.0, 11.0))
    g.reset(KEY, Channel.QUOTES)
    assert not g.ready
    push(g, trade(13.0))
    assert not g.ready  # the quote from before the gap is not used
    push(g, quote(10.0, 12.0))
    assert g.cells["both"].value == (13.0, 11.0)


def test_given_a_gap_when_a_stage_is_below_the_join_then_it_forgets():
    """A gap in any input is a gap for what follows."""
    g = graph(x=join(trades().price, trades("C/D").price) >> (lambda pair: pair[0] - pair[1]) >> sma(2))
    push(g, trade(5.0), trade(1.0, key=OTHER), trade(6.0))
    assert g.cells["x"].value == 4.5
    g.reset(OTHER, Channel.TRADES)
    push(g, trade(1.0, key=OTHER))
    assert not g.ready
    push(g, trade(2.0, key=OTHER))
    assert g.cells["x"].value == 4.5


def test_given_merged_streams_when_events_come_then_each_is_passed_on():
    """As they come."""
    seen = []
    g = graph(x=merge(trades(), trades("C/D")) >> (lambda event: seen.append(event.price)))
    push(g, trade(1.0), trade(2.0, key=OTHER), trade(3.0))
    assert seen == [1.0, 2.0, 3.0]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "gap a", "gap b"]), st.integers(0, 99)), max_size=40))
def test_given_any_order_of_events_when_joined_then_it_is_the_latest_of_each_since_its_gap(steps):
    """Against two variables."""
    seen = []
    g = graph(x=join(trades().price, trades("C/D").price) >> seen.append)
    latest, expected = {KEY: None, OTHER: None}, []
    for what, value in steps:
        key = KEY if what.endswith("a") else OTHER
        if what.startswith("gap"):
            g.reset(key, Channel.TRADES)
            latest[key] = None
            continue
        push(g, trade(value, key=key))
        latest[key] = value
        if None not in latest.values():
            expected.append((latest[KEY], latest[OTHER]))
    assert seen == expected
