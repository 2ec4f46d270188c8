"""Expressions: equal when they describe the same, helpful when misspelt, without a value until a strategy runs."""

from __future__ import annotations

import pytest

from tickwright.transforms.bars import close, notional, price, ticks, time_bars, volume
from tickwright.transforms.expr import bars, book, join, merge, quotes, resolved, trades
from tickwright.transforms.indicators import bollinger, ema, macd, sma
from unit.transforms.makers import KEY


def test_given_the_same_words_when_compared_then_they_are_equal_and_others_are_not():
    """By structure, at any depth."""
    assert (bars("1m").close >> ema(3)) == (bars("1m").close >> ema(3))
    assert hash(bars("1m").close) == hash(bars("1m").close)
    assert (bars("1m").close >> ema(3)) != (bars("1m").close >> ema(4))
    assert bars("1m") != bars("5m")
    assert bars("1m") != bars("1m", "A/B")
    assert join(trades(), quotes()) != join(quotes(), trades())
    assert join(trades(), quotes()) != merge(trades(), quotes())


def test_given_two_ways_to_write_it_when_compared_then_they_are_one():
    """An attribute is a field stage; a text is a bar spec."""
    assert bars("1m").close == trades() >> time_bars("1m") >> close()
    assert bars("100 ticks") == bars(ticks(100))
    assert bars("50 volume") == bars(volume(50))
    assert bars("1000 notional") == bars(notional(1000))
    assert trades().price == trades() >> price()


def test_given_two_names_of_an_instrument_when_resolved_then_they_are_one():
    """The run's only instrument, its symbol and its key."""
    names = {None: KEY, "A/B": KEY, KEY: KEY}
    made = resolved({str(name): bars("1m", name).close for name in names}, names.__getitem__)
    assert len({id(expr) for expr in made.values()}) == 1


def test_given_deeply_shared_expressions_when_resolved_then_each_part_is_visited_once():
    """Forty levels of pairs would be 2**40 visits."""

    def deep():
        expr = trades().price
        for _ in range(40):
            expr = join(expr, expr)
        return expr

    made = resolved({"a": deep(), "b": deep()}, lambda _: KEY)
    assert made["a"] is made["b"]


def test_given_a_misspelt_field_when_written_then_the_near_one_is_suggested():
    """Where it is written, not while it runs."""
    for wrong, words in (
        (lambda: bars("1m").clos, "did you mean 'close'"),
        (lambda: (bars("1m").close >> bollinger(5)).uper, "did you mean 'upper'"),
        (lambda: (bars("1m").close >> macd()).histogramm, "did you mean 'histogram'"),
        (lambda: trades().prise, "did you mean 'price'"),
        (lambda: (bars("1m").close >> sma(5)).valu, "did you mean 'value'"),
    ):
        with pytest.raises(AttributeError, match=words):
            wrong()


def test_given_a_bar_that_is_none_when_written_then_the_ways_to_write_it_are_told():
    """Text, number, nothing."""
    for wrong in ("a minute", "", "1 fortnight", 60, None):
        with pytest.raises(ValueError, match="write a span"):
            bars(wrong)
    for wrong in ("0s", "1x"):
        with pytest.raises(ValueError):
            time_bars(wrong)
    with pytest.raises(ValueError, match="takes a whole number"):
        book(depth=-1)


def test_given_no_run_when_the_value_is_read_then_it_says_when_there_is_one():
    """A common first mistake."""
    for read in (lambda: trades().value, lambda: trades().ready):
        with pytest.raises(RuntimeError, match="inside decide"):
            read()


def test_given_an_expression_when_shown_then_it_reads_as_it_was_written():
    """It is what error messages carry."""
    assert repr(bars("1m", "A/B").close >> ema(10)) == "trades(A/B) >> bars(1m).close >> ema(10)"
    assert repr(join(trades(), quotes())) == "join(trades(), quotes())"


def test_given_no_input_when_joined_or_merged_then_it_is_refused():
    """There would never be a value."""
    for make in (join, merge):
        with pytest.raises(TypeError, match="at least one"):
            make()
