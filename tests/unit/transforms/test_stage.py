"""Stages as users give them, and specs: equal ones are one, wrong ones are told where they are written."""

from __future__ import annotations

import pytest

from tickwright.transforms import indicators as ind
from tickwright.transforms.expr import trades
from tickwright.transforms.frame import each, frame
from tickwright.transforms.stage import Placeholder, Stage, as_spec
from unit.transforms.makers import run


class Summed:
    """A user's stage."""

    warmup = 1

    def __init__(self):
        self.total = 0

    def step(self, x):
        self.total += x
        return self.total

    def reset(self):
        self.total = 0


class Named(Placeholder):
    """A strategy's parameter, as far as this room knows it."""

    def __init__(self, name):
        self.name = name


def test_given_a_users_instance_when_two_runs_are_made_then_each_has_its_own():
    """Neither sees what the other, or the original, was fed."""
    mine = Summed()
    spec = as_spec(mine)
    mine.step(100)
    assert run(spec, [1, 2]) == [1, 3]
    assert run(spec, [1, 2]) == [1, 3]
    assert isinstance(spec.make({}), Stage)


def test_given_a_function_when_it_is_a_stage_then_its_results_are_the_values():
    """Any callable."""
    assert run(as_spec(lambda x: x + 1), [1, 2]) == [2, 3]


def test_given_what_is_no_stage_when_it_is_written_then_it_is_told_what_is_missing():
    """A forgotten call, a class, a half of a stage, a number."""
    for wrong, words in (
        (ind.ema, r"write ema\(…\)"),
        (Summed, r"write Summed\(…\)"),
        (type("Half", (), {"step": lambda _, x: x})(), "has no reset and no warmup"),
        (5, "not a stage"),
    ):
        with pytest.raises(TypeError, match=words):
            trades() >> wrong


@pytest.mark.parametrize(
    "make",
    [ind.sma, ind.ema, ind.stdev, ind.zscore, ind.rsi, ind.atr, ind.bollinger, ind.highest, ind.lowest, ind.vwap, frame],
)
@pytest.mark.parametrize("n", [0, -1, 2.5, "10", float("nan")])
def test_given_a_length_that_is_none_when_it_is_written_then_it_is_refused_there(make, n):
    """Not when the run starts."""
    with pytest.raises(ValueError, match="takes a whole number"):
        make(n)


def test_given_macd_when_fast_is_not_shorter_then_it_is_refused():
    """The two averages cannot be the same."""
    with pytest.raises(ValueError, match="fast must be shorter"):
        ind.macd(26, 26, 9)


def test_given_a_parameter_as_an_argument_when_a_run_is_built_then_it_has_its_value():
    """However deep; and the spec stays open for the next run."""
    length = Named("length")
    assert run(ind.sma(length), [1.0, 2.0, 3.0], {"length": 3}) == [2.0]
    assert run(ind.sma(length), [1.0, 2.0, 3.0], {"length": 2}) == [1.5, 2.5]
    assert ind.sma(length) == ind.sma(length)
    assert ind.sma(length) != ind.sma(Named("length"))
    nested = each(lambda x: x.price, ind.sma(length))
    assert nested.open
    assert not nested.bound({"length": 2}).open


def test_given_specs_when_arguments_differ_in_type_then_they_are_not_the_same_stage():
    """1, 1.0 and True are equal to Python and may make different stages."""
    assert ind.returns(True) != ind.returns(1)
    assert ind.ema(10) == ind.ema(10)
    assert len({ind.ema(10), ind.ema(10), ind.ema(11)}) == 2
