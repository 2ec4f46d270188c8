"""``each``: one chain an instrument, results by key."""

from __future__ import annotations

import pytest

from tickwright.transforms.bars import tick_bars, time_bars
from tickwright.transforms.each import each
from tickwright.transforms.expr import merge, trades
from tickwright.transforms.indicators import sma
from unit.transforms.makers import KEY, OTHER, S, graph, push, trade


def test_given_several_instruments_when_each_has_its_own_stages_then_they_do_not_mix():
    """And what was given before does not change under its reader."""
    g = graph(x=merge(trades(), trades("C/D")) >> each(lambda event: event.price, sma(2)))
    push(g, trade(10.0), trade(1.0, key=OTHER), trade(20.0))
    first = g.cells["x"].value
    assert first == {KEY: 15.0}
    push(g, trade(3.0, key=OTHER))
    assert g.cells["x"].value == {KEY: 15.0, OTHER: 2.0}
    assert first == {KEY: 15.0}


def test_given_time_bars_within_when_the_clock_passes_then_they_close_and_go_on():
    """The clock reaches into the chain."""
    g = graph(x=merge(trades(), trades("C/D")) >> each(time_bars("1s"), lambda bar: bar.close))
    push(g, trade(10.0, at_ns=100 * S), trade(1.0, at_ns=100 * S, key=OTHER))
    assert not g.ready
    g.on_time(101 * S + S // 2)
    assert g.cells["x"].value == {KEY: 10.0, OTHER: 1.0}
    assert g.bars == 2


def test_given_bars_within_when_there_is_a_gap_then_those_closed_before_it_were_closed():
    """A count that people see does not go back."""
    stage = each(tick_bars(2)).make({})
    for n in range(5):
        stage.step(trade(1.0, n))
    stage.reset()
    assert stage.closed == 2
    stage.step(trade(1.0))
    stage.step(trade(1.0))
    assert stage.closed == 3


def test_given_a_chain_when_it_is_made_then_its_warm_up_is_that_of_all_its_stages():
    """Two in a row need one value less than both alone."""
    assert each(sma(3), sma(4)).make({}).warmup == 6
    with pytest.raises(TypeError, match="at least one stage"):
        each()
