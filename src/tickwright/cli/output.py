"""How commands speak: results on stdout, one JSON object a line with ``--json``; everything else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Columns where nobody can see how wide the window is.
WIDTH = 120


def print_json(value: object) -> None:
    """One object on one line, flushed: whoever reads a pipe sees it at once. Decimals are numbers, exact to the last place."""
    encoded = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode(value)
    sys.stdout.write(encoded.decode() + "\n")
    sys.stdout.flush()


def print_rich(*parts: RenderableType) -> None:
    """Tables and the like, for people."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    for part in parts:
        console.print(part)


def note(text: str) -> None:
    """A line for whoever is watching."""
    print(text, file=sys.stderr, flush=True)
