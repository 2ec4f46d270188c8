"""A strategy that was written for a user can be loaded as it is; theirs are never touched, and found without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickwright.base.errors import UsageError
from tickwright.run.load import load_strategy
from tickwright.run.scaffold import list_strategies, new_strategy
from tickwright.strategy.strategy import describe


@pytest.mark.parametrize(("name", "file", "title"), [("mine", "mine.py", "Mine"), ("ema_cross", "ema_cross.py", "EmaCross")])
def test_given_a_name_when_written_then_the_file_can_be_loaded(tmp_path: Path, name: str, file: str, title: str) -> None:
    """With its parameter; and it compiles without a warning."""
    path = new_strategy(name, tmp_path)
    assert path == tmp_path / file
    strategy = load_strategy(path)
    assert strategy.__name__ == title
    assert set(describe(strategy)) == {"size"}
    strategy(size="0.02")


@pytest.mark.parametrize("name", ["", "3x", "a-b", "a/b", "../x", "class", "Strategy", "x" * 65, "ä"])
def test_given_a_name_that_cannot_be_one_when_written_then_it_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written."""
    with pytest.raises(UsageError):
        new_strategy(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_given_a_file_that_is_there_when_written_then_it_is_left_alone(tmp_path: Path) -> None:
    """Also one that is a link to nowhere."""
    (tmp_path / "mine.py").write_text("x = 1\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "nowhere.py")
    for name in ("mine", "Mine", "link"):
        with pytest.raises(UsageError, match="there already"):
            new_strategy(name, tmp_path)
    assert (tmp_path / "mine.py").read_text() == "x = 1\n"
    assert not (tmp_path / "nowhere.py").exists()
    with pytest.raises(UsageError, match="cannot be written"):
        new_strategy("mine", tmp_path / "no folder")


def test_given_a_folder_when_listed_then_strategies_are_found_and_nothing_is_run(tmp_path: Path) -> None:
    """Files that could not be loaded have none."""
    (tmp_path / "a.py").write_text(
        'raise SystemExit\nclass A(Strategy):\n    """First.\n\n    More."""\nclass B(tickwright.Strategy): ...\nclass C: ...\n'
    )
    (tmp_path / "broken.py").write_text("class D(Strategy\n")
    (tmp_path / "binary.py").write_bytes(b"\x00\xff")
    (tmp_path / "folder.py").mkdir()
    found = [(Path(item.file).name, item.name, item.says) for item in list_strategies(tmp_path)]
    assert found == [("a.py", "A", "First."), ("a.py", "B", "")]
    with pytest.raises(UsageError, match="no such folder"):
        list_strategies(tmp_path / "none")
