"""The picture in the documentation is drawn from the table."""

from __future__ import annotations

import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

DOCS = Path(__file__).parents[3] / "docs"


def test_given_the_table_when_drawn_then_the_file_in_the_documentation_is_current() -> None:
    """After a change of the table: ``python docs/make_order_states.py``."""
    drawn = runpy.run_path(str(DOCS / "make_order_states.py"))["draw"]()
    assert (DOCS / "order-states.svg").read_text(encoding="utf-8") == drawn
    assert ET.fromstring(drawn).tag.endswith("svg")
