"""Frames: the right rows and columns in both libraries, and no work before somebody looks."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest

from tickwright.model.market import SELL, Channel
from tickwright.transforms.expr import bars, join, quotes, trades
from tickwright.transforms.frame import frame
from tickwright.transforms.indicators import bollinger
from unit.transforms.makers import KEY, S, graph, push, quote, trade

ENDS = [dt.datetime(1970, 1, 1, 0, 1, second, tzinfo=dt.UTC) for second in (42, 43)]
COLUMNS = ["open", "high", "low", "close", "volume", "notional", "trades", "buy_volume"]


def four_bars(g):
    for second in range(4):
        push(g, trade(10.0 + second, at_ns=(100 + second) * S, qty=2.0))
    return g.cells["f"]


def test_given_a_frame_of_bars_when_it_is_full_then_pandas_has_the_last_by_their_end():
    """Index in UTC, counts as whole numbers."""
    rows = four_bars(graph(f=bars("1s") >> frame(2))).value
    assert list(rows.columns) == COLUMNS
    assert list(rows["close"]) == [11.0, 12.0]
    assert list(rows["notional"]) == [22.0, 24.0]
    assert (rows.index.name, str(rows.index.tz)) == ("end", "UTC")
    assert list(rows.index.to_pydatetime()) == ENDS
    assert str(rows["trades"].dtype) == "int64"


def test_given_a_frame_of_bars_when_it_is_full_then_polars_has_the_same():
    """The end is a column."""
    rows = four_bars(graph(f=bars("1s") >> frame(2, "polars"))).value
    assert rows.columns == ["end", *COLUMNS]
    assert rows["close"].to_list() == [11.0, 12.0]
    assert rows["end"].to_list() == ENDS
    assert str(rows["end"].dtype) == "Datetime(time_unit='ns', time_zone='UTC')"


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_given_other_values_when_framed_then_their_parts_are_columns(kind):
    """Trades, numbers, named and plain tuples."""
    g = graph(
        trades=trades() >> frame(2, kind),
        prices=trades().price >> frame(2, kind),
        bands=trades().price >> bollinger(2) >> frame(1, kind),
        pairs=join(trades().price, quotes().bid) >> frame(1, kind),
    )
    push(g, quote(9.0, 11.0), trade(1.0, 1, at_ns=S), trade(3.0, 2, at_ns=2 * S, side=SELL))
    assert g.ready
    shown = {name: cell.value for name, cell in g.cells.items()}
    time = ["time"] if kind == "polars" else []
    assert list(shown["trades"].columns) == [*time, "price", "qty", "side", "trade_id", "recv_ns"]
    assert list(shown["trades"]["side"]) == ["buy", "sell"]
    assert list(shown["prices"]["value"]) == [1.0, 3.0]
    assert list(shown["bands"].columns) == ["upper", "middle", "lower"]
    assert list(shown["pairs"].columns) == ["value_0", "value_1"]


def test_given_a_frame_when_nobody_looks_then_it_is_not_made_and_then_made_once():
    """The same object until there is another value."""
    cell = four_bars(g := graph(f=bars("1s") >> frame(2)))
    first = cell.value
    assert cell.value is first
    push(g, trade(1.0, at_ns=104 * S))
    assert cell.value is not first
    assert list(first["close"]) == [11.0, 12.0]
    assert repr(cell).startswith("<")


def test_given_stages_after_a_frame_when_it_is_full_then_they_are_given_it():
    """It is a value like any other."""
    g = graph(mean=bars("1s") >> frame(2) >> (lambda rows: float(rows["close"].mean())), f=bars("1s") >> frame(2))
    four_bars(g)
    assert g.cells["mean"].value == 11.5


def test_given_a_gap_when_it_is_told_then_the_frame_is_empty_again():
    """No frame across a gap."""
    cell = four_bars(g := graph(f=bars("1s") >> frame(2)))
    g.reset(KEY, Channel.TRADES)
    assert (cell.ready, cell.value, repr(cell)) == (False, None, "<not ready>")
    push(g, *(trade(1.0, at_ns=n * S) for n in (200, 201)))
    assert not cell.ready
    push(g, trade(1.0, at_ns=202 * S))
    assert len(cell.value) == 2


def test_given_a_library_that_is_not_there_when_a_frame_is_written_then_the_extra_is_named():
    """In an interpreter that finds neither: told where it is written, not at the first bar."""
    script = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name in ('pandas', 'polars') else super().find_spec(name, path, target)\n"
        "sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]\n"
        "from tickwright import frame\n"
        "from tickwright.base.errors import StrategyError\n"
        "for kind in ('pandas', 'polars'):\n"
        "    try:\n"
        "        frame(5, kind)\n"
        "    except StrategyError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.count("tickwright[research]") == 2
    assert "frame() needs polars" in done.stdout


def test_given_the_package_when_imported_then_no_column_library_is():
    """Start-up time: numpy, pandas and polars come with the first use."""
    script = "import sys, tickwright; print([m for m in ('numpy', 'pandas', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_given_a_library_that_makes_no_frames_when_written_then_it_is_refused():
    """Two do."""
    with pytest.raises(ValueError, match="pandas or polars"):
        frame(5, "excel")
