"""Named bounds: positive, and consistent with one another."""

from __future__ import annotations

from tickwright.base import limits


def test_given_the_bounds_when_looked_at_then_each_is_a_positive_number_with_its_unit_or_kind_in_the_name() -> None:
    """A bound of nothing, or of unknown unit, is a bug."""
    bounds = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert bounds
    assert all(isinstance(value, (int, float)) and value > 0 for value in bounds.values())


def test_given_floors_and_ceilings_when_compared_then_the_floor_is_lower() -> None:
    """Otherwise a back-off would never rise and a watchdog never bark."""
    assert limits.BACKOFF_FLOOR_S < limits.BACKOFF_CEILING_S
    assert limits.SILENCE_FLOOR_S < limits.SILENCE_CEILING_S
