"""What a person can meet is in the documents: reasons, exit codes, kinds of event and effect, limits, dependencies, settings."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tickwright.base.errors import ExitCode
from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.model.reason import Reason
from tickwright.risk.limits import Limits
from tidy.source import ROOT, report

DOCS = ROOT / "docs"


def _all_docs() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md")))


def _missing(names: list[str], text: str) -> list[str]:
    return [name for name in names if f"`{name}`" not in text]


def test_given_every_reason_when_looked_up_then_the_documents_have_it() -> None:
    """Journals, JSON and notices show these names."""
    found = _missing([reason.value for reason in Reason], _all_docs())
    assert not found, report("Add the reason to model/reason.py only with its sentence, then run: make docs", found)


def test_given_every_kind_of_event_and_effect_when_looked_up_then_the_documents_have_it() -> None:
    """They are the whole of what goes into the core and comes out of it."""
    kinds = [kind.__name__ for kind in (*get_args(Event), *get_args(Effect))]
    found = _missing(kinds, _all_docs())
    assert not found, report("Run: make docs", found)


def test_given_every_exit_code_when_looked_up_then_the_page_of_the_command_line_has_it() -> None:
    """Scripts rely on the numbers."""
    text = (DOCS / "cli.md").read_text("utf-8")
    found = [f"{code.value} {code.name}" for code in ExitCode if not re.search(rf"^\| `?{code.value}`? \|", text, re.MULTILINE)]
    assert not found, report("Add a row `| number | meaning |` to the table of exit codes in docs/cli.md.", found)


def test_given_every_limit_when_looked_up_then_the_page_on_risk_has_it() -> None:
    """Name and meaning; the default is checked where the page states one."""
    text = (DOCS / "risk.md").read_text("utf-8")
    names = [field.name for field in msgspec.structs.fields(Limits)]
    assert not (found := _missing(names, text)), report("Add the limit to the table in docs/risk.md.", found)
    wrong = []
    for field in msgspec.structs.fields(Limits):
        row = re.search(rf"^\| `{field.name}` \| ([^|]*) \|", text, re.MULTILINE)
        stated = row.group(1).strip().replace(",", "") if row else ""
        default = "none" if field.default is None else f"{field.default:g}"
        if stated != default:
            wrong.append(f"{field.name}: the page says {stated!r}, the code {default!r}")
    assert not wrong, report("Make docs/risk.md and risk/limits.py agree.", wrong)


def test_given_every_dependency_when_looked_up_then_the_table_says_why_it_is_here() -> None:
    """Why, who maintains it, what it can reach."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    text = (DOCS / "dependencies.md").read_text("utf-8")
    names = [match.group() for item in wanted if (match := re.match(r"[A-Za-z0-9_.-]+", item))]
    found = [name for name in names if not re.search(rf"^\| \[?`?{re.escape(name)}`?\b", text, re.MULTILINE | re.IGNORECASE)]
    assert not found, report("Add a row to docs/dependencies.md, or do without the dependency.", found)


def test_given_every_link_between_documents_when_followed_then_there_is_a_page() -> None:
    """Relative links only; the rest of the world is not tested here."""
    found = []
    for page in [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]:
        found += [
            f"{page.relative_to(ROOT)} -> {target}"
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
        ]
    assert not found, report("Mend the link, or write the page.", found)


DRAWN = [path for path in sorted(DOCS.glob("make_*.py")) if "def draw() -> str:" in path.read_text("utf-8")]


@pytest.mark.parametrize("script", DRAWN, ids=lambda path: path.name)
def test_given_a_generated_document_when_drawn_again_then_nothing_changes(script: Path) -> None:
    """A script with ``draw()`` draws from the code alone; others record a run, and are not compared."""
    made = runpy.run_path(str(script))
    assert made["TARGET"].read_text("utf-8") == made["draw"](), f"{made['TARGET'].name} is not current. Run: make docs"
