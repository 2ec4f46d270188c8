"""The source as the tidy tests read it: every file once, with its tree."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tickwright"


class Module(NamedTuple):
    """One file of the package."""

    name: str  # tickwright.risk.gate
    room: str  # risk; "" for the modules at the top
    path: str  # risk/gate.py
    text: str
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """Where to look."""
        return f"src/tickwright/{self.path}:{getattr(node, 'lineno', 1)}"


@functools.cache
def modules() -> tuple[Module, ...]:
    """All of them, in order."""
    return tuple(_read(path) for path in sorted(PACKAGE.rglob("*.py")))


def _read(path: Path) -> Module:
    inside = path.relative_to(PACKAGE)
    parts = ["tickwright", *inside.with_suffix("").parts]
    if parts[-1] == "__init__":
        parts.pop()
    text = path.read_text("utf-8")
    return Module(".".join(parts), inside.parts[0] if len(inside.parts) > 1 else "", str(inside), text, ast.parse(text))


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """The constants that are docstrings, of modules, classes and functions, and the texts that stand alone under a field."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, however deep."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def scripts() -> list[Path]:
    """Every Python file of the repository."""
    places = ("src", "tests", "docs", "examples", "benchmarks", ".ci")
    return [path for place in places for path in sorted((ROOT / place).rglob("*.py"))]


def report(rule: str, found: list[str]) -> str:
    """What a failing rule says: the rule with what to do instead, then each place."""
    return "\n  ".join([rule, *found])
