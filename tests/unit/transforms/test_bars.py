"""Bars: nothing of a trade is lost or counted twice, a bar exists only once closed, and only of what was seen whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import SELL, Channel
from tickwright.transforms.bars import notional_bars, tick_bars, ticks, time_bars, volume, volume_bars
from tickwright.transforms.expr import bars, trades
from unit.transforms.makers import S, graph, push, run, trade

M = 60 * S


def test_given_a_time_bar_when_its_span_is_not_over_then_it_does_not_exist():
    """Only a trade after its end, or the clock well after it, closes it."""
    g = graph(bar=bars("1s"))
    push(g, trade(10.0, at_ns=100 * S), trade(12.0, at_ns=100 * S + S // 2, side=SELL, qty=3.0))
    assert not g.cells["bar"].ready
    push(g, trade(11.0, at_ns=101 * S))
    bar = g.cells["bar"].value
    assert (bar.open, bar.high, bar.low, bar.close, bar.trades) == (10.0, 12.0, 10.0, 12.0, 2)
    assert (bar.volume, bar.notional, bar.buy_volume) == (4.0, 46.0, 1.0)
    assert (bar.start_ns, bar.end_ns, bar.span) == (100 * S, 101 * S, "1s")
    assert g.bars == 1


def test_given_a_start_within_a_span_when_it_is_over_then_it_is_no_bar():
    """What was before the first trade was not seen: half a bar is not a bar."""
    assert [bar.start_ns for bar in run(time_bars("1m"), [trade(1.0, at_ns=M * n + 7) for n in range(5)])] == [M, 2 * M, 3 * M]


def test_given_a_gap_within_a_span_when_it_is_over_then_it_is_no_bar():
    """Neither its first part nor its second."""
    g = graph(bar=bars("1m"))
    push(g, trade(10.0, at_ns=2 * M), trade(11.0, at_ns=2 * M + 20 * S))
    g.reset("v:A/B", Channel.TRADES)
    push(g, trade(12.0, at_ns=2 * M + 40 * S), trade(13.0, at_ns=3 * M + S))
    assert not g.cells["bar"].ready
    push(g, trade(14.0, at_ns=4 * M))
    assert (g.cells["bar"].value.start_ns, g.cells["bar"].value.open) == (3 * M, 13.0)


def test_given_a_quiet_market_when_the_clock_passes_the_end_then_the_bar_closes_late_and_never_early():
    """Half a second after its end by the venue's time, which is the last trade's plus what has passed since."""
    g = graph(bar=bars("1m"))
    ahead = 1_000 * S  # of the venue's clock to ours: irrelevant
    push(g, trade(10.0, at_ns=2 * M, recv_ns=2 * M - ahead), trade(11.0, at_ns=3 * M - S, recv_ns=3 * M - S - ahead))
    g.on_time(3 * M + S // 2 - 1 - ahead)
    assert not g.cells["bar"].ready
    g.on_time(3 * M + S // 2 - ahead)
    assert g.cells["bar"].value.close == 11.0
    g.changed = False
    push(g, trade(9.0, at_ns=3 * M - S // 2, recv_ns=3 * M + S - ahead))  # late: what is closed stays as it was
    g.on_time(9 * M)
    assert not g.changed
    push(g, trade(8.0, at_ns=3 * M + S, recv_ns=3 * M + 2 * S - ahead), trade(8.0, at_ns=4 * M, recv_ns=4 * M - ahead))
    assert (g.cells["bar"].value.start_ns, g.cells["bar"].value.trades) == (3 * M, 1)


def test_given_a_tape_faster_than_time_when_the_clock_is_asked_then_no_bar_closes_early():
    """A minute of the tape passes in a millisecond of ours."""
    g = graph(bar=bars("1m"))
    for n in range(60):
        push(g, trade(10.0, at_ns=2 * M + n * S, recv_ns=5 * M + n * 16_000))
        g.on_time(5 * M + n * 16_000 + 8_000)
    assert not g.cells["bar"].ready
    push(g, trade(10.0, at_ns=3 * M, recv_ns=5 * M + S))
    assert g.cells["bar"].value.trades == 60


def test_given_a_venue_without_times_when_trades_come_then_ours_are_taken():
    """A ``venue_ns`` of 0 means that it sends none."""
    made = run(time_bars("1s"), [trade(1.0, at_ns=0, recv_ns=n * S // 4 + 8 * S) for n in range(9)])
    assert [(bar.start_ns, bar.trades) for bar in made] == [(8 * S, 4), (9 * S, 4)]


def test_given_spans_without_a_trade_when_the_market_wakes_then_they_made_no_bars():
    """One bar before the silence, the next after it."""
    made = run(time_bars("1s"), [trade(1.0, at_ns=n * S) for n in (100, 200, 300)])
    assert [bar.start_ns for bar in made] == [100 * S, 200 * S]


def test_given_a_trade_out_of_order_when_its_bar_is_closed_then_it_counts_into_the_one_under_way():
    """Conserved, and the past is not rewritten."""
    made = run(time_bars("1s"), [trade(p, at_ns=at) for p, at in ((1.0, 8 * S), (2.0, 9 * S), (7.0, 8 * S + 1), (3.0, 10 * S))])
    assert [(bar.high, bar.trades) for bar in made] == [(1.0, 1), (7.0, 2)]


amounts = st.lists(st.floats(0.1, 5.0), min_size=1, max_size=60)


@given(amounts, st.integers(1, 7))
def test_given_trades_when_made_into_bars_by_count_then_every_trade_is_in_one(qtys, size):
    """Volume is conserved, whole bars only."""
    made = run(tick_bars(size), [trade(10.0 + n, n, qty=qty) for n, qty in enumerate(qtys)])
    assert len(made) == len(qtys) // size
    assert sum(bar.volume for bar in made) == pytest.approx(sum(qtys[: len(made) * size]))
    assert [bar.open for bar in made] == [10.0 + n * size for n in range(len(made))]


@given(amounts, st.floats(0.5, 12.0), st.booleans())
def test_given_trades_when_made_into_bars_by_amount_then_each_is_full_with_its_last_trade_and_not_before(qtys, amount, by_value):
    """The amount is reached by the trade that closes the bar; nothing is lost between two."""
    step = notional_bars(amount) if by_value else volume_bars(amount)
    made = run(step, [trade(1.0, n, qty=qty) for n, qty in enumerate(qtys)])
    count = sum(bar.trades for bar in made)
    assert sum(bar.volume for bar in made) == pytest.approx(sum(qtys[:count]))
    place = 0
    for bar in made:
        assert bar.volume >= amount
        assert sum(qtys[place : place + bar.trades - 1]) < amount
        place += bar.trades


@given(st.lists(st.tuples(st.integers(0, 3_000_000_000), st.floats(1.0, 9.0)), min_size=1, max_size=60))
def test_given_trades_in_order_when_made_into_time_bars_then_each_is_in_the_bar_of_its_span(steps):
    """Against a dictionary of lists."""
    at, seen = 100 * S, [trade(5.0, at_ns=100 * S)]
    for wait, price in steps:
        at += wait
        seen.append(trade(price, at_ns=at))
    spans = {}
    for item in seen:
        spans.setdefault(item.venue_ns // S, []).append(item.price)
    last = seen[-1].venue_ns // S
    expected = [(n * S, p[0], max(p), min(p), p[-1], len(p)) for n, p in spans.items() if n != last]
    made = run(time_bars("1s"), seen)
    assert [(bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.trades) for bar in made] == expected


def test_given_bars_by_amount_when_written_as_text_then_they_are_the_same():
    """Volume and ticks as functions or as text."""
    g = graph(v=bars(volume(3)), t=bars("2 ticks"), same=bars(ticks(2)), buys=bars(volume(3)).buy_volume)
    for n in range(2):
        push(g, trade(10.0, n, side=SELL))
    assert not g.cells["v"].ready
    assert g.cells["t"].ready
    push(g, trade(10.0, 3, qty=5.0))
    assert g.cells["v"].value.volume == 7.0
    assert g.cells["buys"].value == 5.0
    assert g.cells["t"].value == g.cells["same"].value


def test_given_a_chain_of_stages_when_written_out_then_it_is_the_short_form():
    """``trades() >> volume_bars(2)`` has the attributes of ``bars``."""
    g = graph(x=(trades() >> volume_bars(2)).close)
    push(g, trade(10.0), trade(11.0))
    assert g.cells["x"].value == 11.0


@pytest.mark.parametrize("amount", [0, -1, float("nan"), float("inf")])
def test_given_an_amount_that_no_trade_can_reach_when_written_then_it_is_refused(amount):
    """Nor zero, which every trade would."""
    for make in (volume_bars, notional_bars):
        with pytest.raises(ValueError, match="does not exist"):
            make(amount)
