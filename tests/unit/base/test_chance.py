"""Chance: one seed explains a run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.chance import Chance


def draws(chance: Chance) -> list[object]:
    """One of each kind."""
    return [
        chance.unit(),
        chance.between(2, 3),
        chance.below(10),
        chance.happens(0.5),
        chance.pick("abc"),
        chance.normal(0, 1),
        chance.lognormal(0, 1),
        chance.exponential(2),
    ]


@given(st.integers() | st.text())
def test_given_the_same_seed_when_drawn_then_everything_is_the_same(seed: int | str) -> None:
    """Forks included."""
    first, second = Chance(seed), Chance(seed)
    assert draws(first) == draws(second)
    assert draws(first.fork("a")) == draws(second.fork("a"))


def test_given_two_forks_when_drawn_then_they_differ_and_neither_disturbs_the_other() -> None:
    """A part that draws more often does not change its neighbour."""
    root, again = Chance(1), Chance(1)
    one, other = root.fork("one"), root.fork("other")
    one_again, other_again = again.fork("one"), again.fork("other")
    one_again.unit()  # draws once more than its twin
    assert draws(other) == draws(other_again)
    assert draws(one) != draws(other)


@given(st.integers(), st.floats(0, 1))
def test_given_any_draw_when_made_then_it_is_within_its_bounds(seed: int, probability: float) -> None:
    """Bounds are part of the promise."""
    chance = Chance(seed)
    assert 0 <= chance.unit() < 1
    assert 2 <= chance.between(2, 3) <= 3
    assert 0 <= chance.below(3) < 3
    assert chance.happens(0.0) is False
    assert chance.happens(1.0) is True
    assert chance.happens(probability) in (True, False)
    assert chance.exponential(2) >= 0
    assert chance.lognormal(0, 1) > 0


def test_given_no_seed_when_two_are_made_then_they_differ() -> None:
    """Seeded by the operating system."""
    assert Chance(None).below(1 << 64) != Chance(None).below(1 << 64)
