"""Nothing is longer than a reader can hold."""

from __future__ import annotations

from tidy.source import functions, modules, report

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600


def test_given_every_function_when_measured_then_it_fits_on_a_screen() -> None:
    """Sixty lines, signature and docstring included."""
    found = []
    for module in modules():
        for node in functions(module):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"{module.at(node)} {node.name}: {lines} lines")
    assert not found, report(f"A function has at most {FUNCTION_LINES_MAX} lines: move the arithmetic into named leaves.", found)


def test_given_every_file_when_measured_then_it_holds_one_idea() -> None:
    """Six hundred lines is two files."""
    found = [
        f"src/tickwright/{module.path}: {lines} lines"
        for module in modules()
        if (lines := module.text.count("\n")) > FILE_LINES_MAX
    ]
    assert not found, report(f"A file has at most {FILE_LINES_MAX} lines: give the second idea in it a file of its own.", found)
