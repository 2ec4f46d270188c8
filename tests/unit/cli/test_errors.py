"""Whatever goes wrong is one line and a code."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.errors import ConfigError, ExitCode, TickwrightError
from tickwright.cli.errors import LINE_CHARS_MAX, explain


def every(kind: type[TickwrightError]) -> list[type[TickwrightError]]:
    """A class of errors and all below it."""
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in every(below))]


@pytest.mark.parametrize("kind", every(TickwrightError))
def test_given_any_error_of_ours_when_explained_then_it_has_its_own_code(kind: type[TickwrightError]) -> None:
    """What, where and what to do in one line."""
    assert explain(kind("what", where="where", hint="hint")) == ("where: what. hint", kind.exit_code)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_given_an_interruption_when_explained_then_it_is_130(error: BaseException) -> None:
    """As shells expect."""
    assert explain(error) == ("interrupted", ExitCode.INTERRUPTED)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), RuntimeError(), MemoryError()])
def test_given_anything_else_when_explained_then_it_is_a_defect_and_says_how_to_see_more(error: Exception) -> None:
    """With the name of the exception, which may have no text."""
    line, code = explain(error)
    assert line.startswith(type(error).__name__)
    assert "--debug" in line
    assert code is ExitCode.INTERNAL


@given(st.text(st.characters(), max_size=50), st.integers(1, 100))
def test_given_any_text_when_explained_then_it_is_one_line_that_can_be_read(text: str, times: int) -> None:
    """Names of files and keys may hold anything."""
    line, _ = explain(ConfigError(text * times))
    assert len(line.splitlines()) <= 1
    assert len(line) <= LINE_CHARS_MAX
    assert all(character == " " or not character.isspace() for character in line)
