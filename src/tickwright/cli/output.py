"""How commands speak: results on stdout, one JSON object a line with ``--json``; everything else on stderr."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Columns where nobody can see how wide the window is.
WIDTH = 120


class ReaderGone(Exception):  # noqa: N818 (nothing went wrong)
    """Whoever read our output has had enough."""


def say(text: str) -> None:
    """A line of the result, flushed: whoever reads a pipe sees it at once."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer must go somewhere, or the interpreter complains as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGone from None


def print_json(value: object) -> None:
    """One object on one line. Decimals are numbers, exact to the last place."""
    say(msgspec.json.Encoder(decimal_format="number", order="deterministic").encode(value).decode())


def print_rich(*parts: RenderableType) -> None:
    """Tables and the like, for people."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    with console.capture() as captured:  # rich would end the process itself when a reader goes away
        for part in parts:
            console.print(part)
    say(captured.get().rstrip("\n"))


def note(text: str) -> None:
    """A line for whoever is watching."""
    print(text, file=sys.stderr, flush=True)
