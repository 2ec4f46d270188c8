"""The documents know every command, flag, exit code, setting and variable, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from tickwright.base.errors import ExitCode
from tickwright.cli.main import app
from tickwright.run.config import settings

DOCS = Path(__file__).parents[3] / "docs"
CLI = (DOCS / "cli.md").read_text("utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text("utf-8")


def commands(command: Any, path: str = "tickwright") -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""
    for name, inner in getattr(command, "commands", {}).items():
        yield f"{path} {name}", inner
        yield from commands(inner, f"{path} {name}")


def flags(command: Any) -> set[str]:
    """What it takes, in its long form."""
    return {name for one in command.params for name in getattr(one, "opts", ()) if name.startswith("--")} - {"--help"}


def sections() -> dict[str, str]:
    """Title to text of every second-level section of the page."""
    parts = re.split(r"^## ", CLI, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts[1:]} | {"": parts[0]}


TREE = typer.main.get_command(app)


def test_given_every_command_when_looked_up_then_its_section_has_every_flag_of_it() -> None:
    """A flag is described where its command is."""
    pages = sections()
    assert flags(TREE) == set(re.findall(r"`(--[a-z-]+)`", pages[""])) - {"--json", "--help"}
    for path, command in commands(TREE):
        page = pages.get(path) or pages.get(path.rpartition(" ")[0], "")
        assert f"{path}" in page, path
        missing = {flag for flag in flags(command) if f"`{flag}`" not in page}
        assert not missing, (path, missing)


def test_given_every_section_when_read_then_it_mentions_no_flag_that_is_not_there() -> None:
    """A flag that was removed must go from the page too."""
    known = flags(TREE) | {"--help"} | {flag for _, command in commands(TREE) for flag in flags(command)}
    mentioned = set(re.findall(r"`(--[a-z-]+)", CLI + CONFIGURATION))
    assert mentioned <= known


def test_given_every_exit_code_when_looked_up_then_it_is_in_the_table() -> None:
    """And the table has no other."""
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)}
    assert listed == {code.value for code in ExitCode}


def test_given_every_setting_when_looked_up_then_its_section_has_it() -> None:
    """Each key in the section of its table."""
    parts = re.split(r"^## ", CONFIGURATION, flags=re.MULTILINE)
    pages = {match[1]: part for part in parts if (match := re.match(r"`\[(.*?)\]`", part))}
    for section, key in settings():
        assert f"`{key}`" in pages[section], (section, key)
    assert "params" in pages


def test_given_every_key_in_a_table_when_looked_up_then_it_is_a_setting() -> None:
    """A key that was removed must go from the page too."""
    known = {key for _, key in settings()}
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", CONFIGURATION, re.MULTILINE)
    listed = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    assert listed <= known
    assert len(listed) > 15
