"""The matrix says what the capabilities say."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from tickwright.run.matrix import capabilities, plain, render
from tickwright.venues import VENUES
from tickwright.venues.binance_spot.rules import CAPS


def test_given_every_venue_when_listed_then_it_is_a_column_with_every_row() -> None:
    """Nothing is left out, and it can be JSON."""
    matrix = capabilities()
    assert set(matrix) == set(VENUES)
    assert len({tuple(column) for column in matrix.values()}) == 1
    msgspec.json.encode(matrix)


def test_given_capabilities_when_shown_then_patterns_and_absences_survive() -> None:
    """A pattern in brackets is no markup; bars are in order of length; what there is not is none."""
    text = io.StringIO()
    Console(file=text, width=200).print(render({"binance_spot": plain(CAPS)}))
    assert CAPS.client_id_pattern in text.getvalue()
    assert "1s, 1m, 3m, 5m, 15m, 30m, 1h" in text.getvalue()
    assert plain(CAPS)["dead-man's switch, s"] is None
    odd = msgspec.structs.replace(CAPS, bar_spans=frozenset({"1M", "1m", "month", ""}))
    assert plain(odd)["bars"] == ["1m", "", "1M", "month"]
