"""Runs the demo and draws what it printed: docs/demo.svg, the picture in the README."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tickwright.run.demo import run_demo
from tickwright.run.summary import render


def main() -> None:
    """Record one demo."""
    console = Console(record=True, width=84, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make demo", style="bold"))
    summary = run_demo(quiet=True, say=lambda line: console.print(line, style="dim"))
    console.print(render(summary))
    if not summary.reconciled:
        raise SystemExit("the demo did not reconcile: no picture")
    picture = console.export_svg(title="tickwright", unique_id="demo")
    # The fonts would be fetched from elsewhere: the reader's own monospace does.
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")
    picture = re.sub(r"<!--.*?-->", "", picture, flags=re.DOTALL)
    Path(__file__).with_name("demo.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
