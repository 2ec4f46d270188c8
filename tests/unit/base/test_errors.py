"""The error tree: one line for a person, one exit code for a script."""

from __future__ import annotations

import pytest

from tickwright.base import errors
from tickwright.base.errors import ExitCode, TickwrightError, WireError


def test_given_what_where_and_hint_when_shown_then_they_make_one_line() -> None:
    """Where it was, what was wrong, what to do."""
    assert str(TickwrightError("no such key 'a'", where="run.toml", hint="did you mean 'b'?")) == (
        "run.toml: no such key 'a'. did you mean 'b'?"
    )
    assert str(TickwrightError("boom")) == "boom"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", ExitCode.USAGE),
        ("ConfigError", ExitCode.CONFIG),
        ("StrategyError", ExitCode.STRATEGY),
        ("VenueError", ExitCode.VENUE),
        ("WireError", ExitCode.VENUE),
        ("RefusedError", ExitCode.REFUSED),
        ("DataError", ExitCode.DATA),
        ("MismatchError", ExitCode.MISMATCH),
    ],
)
def test_given_an_error_when_it_ends_a_command_then_its_exit_code_is_the_documented_one(name: str, code: ExitCode) -> None:
    """Scripts rely on these numbers: they do not change."""
    kind = getattr(errors, name)
    assert issubclass(kind, TickwrightError)
    assert kind("x").exit_code is code


def test_given_a_wire_error_when_caught_as_a_venues_then_it_is_one() -> None:
    """A venue that sends nonsense is a venue in trouble."""
    with pytest.raises(errors.VenueError):
        raise WireError("garbage")


def test_given_the_exit_codes_when_listed_then_no_two_are_equal() -> None:
    """Each number says one thing."""
    assert len({code.value for code in ExitCode}) == len(ExitCode.__members__)
