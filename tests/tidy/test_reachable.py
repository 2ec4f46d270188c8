"""No dead modules, and nothing public without a word on what it does."""

from __future__ import annotations

import ast

from tidy.source import Module, modules, report

RECORD_FIELDS_MAX = 8
#: Where execution starts, or what users import.
ENTRIES = {"tickwright", "tickwright.cli.main", "tickwright.__main__", "tickwright.cli.__main__"}


def test_given_every_module_when_looked_for_then_something_imports_it() -> None:
    """A module that nothing imports is either missing from somewhere or should not be here."""
    used = set(ENTRIES)
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("tickwright."):
                names = [node.value]  # loaded by name, as venues are
            else:
                continue
            used.update(name for name in names if name != module.name)
    found = [module.path for module in modules() if module.name not in used and not module.path.endswith("__init__.py")]
    assert not found, report("Use the module or delete it.", found)


def test_given_everything_public_when_read_then_it_says_what_it_is() -> None:
    """Functions and classes at the top of a module; what a name says all of may stay silent."""
    found = []
    for module in modules():
        if not module.path.endswith("__init__.py") and ast.get_docstring(module.tree) is None:
            found.append(f"src/tickwright/{module.path}: the module")
        found += [
            f"{module.at(node)} {node.name}"
            for node in module.tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
            and not _says_all(module, node)
        ]
    assert not found, report("Add a sentence: what it guarantees, or what it is.", found)


def _says_all(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Functions of one statement; enums, errors and small records; the structs that spell a venue's messages."""
    if not isinstance(node, ast.ClassDef):
        return len(node.body) == 1
    bases = [ast.unparse(base) for base in node.bases]
    if any("Enum" in base or base.endswith("Error") for base in bases):
        return True
    return any("Struct" in base for base in bases) and (
        len(node.body) <= RECORD_FIELDS_MAX or module.path.endswith("/structs.py")
    )
