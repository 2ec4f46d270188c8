"""A strategy file that cannot be used is explained in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickwright.base.errors import StrategyError
from tickwright.run.load import load_strategy

GOOD = "from tickwright import Strategy, trades\n\nclass Mine(Strategy):\n    last = trades()\n"


def test_given_a_file_with_one_strategy_when_loaded_then_it_is_the_class(tmp_path: Path) -> None:
    """The class is found without being named."""
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    assert load_strategy(path).__name__ == "Mine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "no subclass"),
        ("def broken(:\n", "line 1"),
        ("1 / 0\n", "line 1: ZeroDivisionError"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        (GOOD + "    def on_fil(self, fill): ...\n", "did you mean 'on_fill'"),
    ],
)
def test_given_a_file_that_cannot_be_used_when_loaded_then_the_error_says_why(tmp_path: Path, text: str, expected: str) -> None:
    """What is wrong and where, as a StrategyError."""
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(StrategyError) as caught:
        load_strategy(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_given_a_misspelt_path_when_loaded_then_the_near_file_is_suggested(tmp_path: Path) -> None:
    """A near miss among the files beside it is named."""
    (tmp_path / "cross.py").write_text(GOOD)
    with pytest.raises(StrategyError, match=r"did you mean 'cross.py'"):
        load_strategy(tmp_path / "cros.py")


def test_given_a_misspelt_class_when_loaded_then_the_near_one_is_suggested(tmp_path: Path) -> None:
    """The same for the name of the class."""
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    with pytest.raises(StrategyError, match=r"did you mean 'Mine'"):
        load_strategy(path, "Min")
