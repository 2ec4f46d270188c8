"""What is on record, whether it is whole, and the tables made from it."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tickwright import BUY
from tickwright.base.errors import UsageError
from tickwright.journal.disk import RealDisk
from tickwright.journal.reader import run_names
from tickwright.journal.writer import Bounds, Durability
from tickwright.model.event import Command, Verb
from tickwright.model.order import Rejected, ReportStatus, Unknown
from tickwright.model.reason import Reason
from tickwright.run.journals import describe, export, open_history, show, verify, write_csv, write_parquet
from tickwright.run.record import Recording
from tickwright.run.replay import replay
from unit.engine.test_carry import Busy, ready, sent
from unit.run.test_record import write


def lived():
    """A run with one order of each fate."""
    world = ready()
    world.tick()
    filled = sent(world.ask(lambda s: s.buy("0.01", limit="59900")))
    world.accept(filled)
    world.fill(filled, price=5_990_000, fee=10**15)
    world.report(filled, ReportStatus.DONE, Reason.FILLED, filled=filled.qty)
    refused = sent(world.ask(lambda s: s.buy("0.02", limit="59901")))
    world.answer(refused, Rejected(reason=Reason.VENUE_FUNDS))
    lost = sent(world.ask(lambda s: s.buy("0.03", limit="59902")))
    world.answer(lost, Unknown(why="no answer"))
    quoted = sent(world.ask(lambda s: s.quote("bid", BUY, "59950", "0.02")))
    world.accept(quoted)
    world.feed(Command(Verb.REDUCE, world.now, "account", "test"))
    return world


def recorded(folder: Path, **more):
    """Its journal, in a folder."""
    world = lived()
    write(Recording(folder, "sim", Durability.PROCESS, **more), world)
    return world


def rows_of(folder: Path, table: str):
    """One table of a folder."""
    with open_history(folder) as history:
        return history.rows(table)


def test_given_a_run_when_asked_for_its_orders_then_each_has_its_fate_in_exact_numbers(tmp_path: Path) -> None:
    """Filled, rejected, in doubt and working."""
    recorded(tmp_path)
    rows = rows_of(tmp_path, "orders")
    assert [(row["qty"], row["price"], row["status"], row["reason"], row["filled"]) for row in rows] == [
        ("0.01", "59900", "done", "done.filled", "0.01"),
        ("0.02", "59901", "rejected", Reason.VENUE_FUNDS.value, "0"),
        ("0.03", "59902", "in doubt", "", "0"),
        ("0.02", "59950", "working", "", "0"),
    ]
    assert rows[3]["name"] == "bid"


def test_given_a_run_when_asked_for_the_rest_then_it_is_what_the_events_said(tmp_path: Path) -> None:
    """Fills, balances, equity, halts, comparisons, runs."""
    recorded(tmp_path)
    with open_history(tmp_path) as history:
        (fill,) = history.rows("fills")
        assert (fill["side"], fill["qty"], fill["price"], fill["fee"], fill["fee_asset"]) == (
            "buy",
            "0.01",
            "59900",
            "0.001",
            "USDT",
        )
        assert {(row["asset"], row["free"]) for row in history.rows("balances")} == {("USDT", "50000"), ("BTC", "1")}
        assert [Decimal(row["equity"]) for row in history.rows("equity")] == [Decimal("110000.005")]
        assert [(row["scope"], row["level"], row["text"]) for row in history.rows("halts")] == [("account", "REDUCE", "test")]
        assert [row["agrees"] for row in history.rows("reconciliations")] == [1]
        (run,) = history.rows("runs")
        assert (run["strategy"], run["place"], run["ended"], run["clean"]) == ("Busy", "sim", 1, 0)


def test_given_tables_that_were_read_before_when_read_again_then_nothing_is_there_twice(tmp_path: Path) -> None:
    """And a second run is added to the first."""
    recorded(tmp_path)
    before = {table: rows_of(tmp_path, table) for table in ("orders", "fills", "halts", "equity", "balances")}
    assert before == {table: rows_of(tmp_path, table) for table in before}
    (tmp_path / "history.sqlite").unlink()
    assert before == {table: rows_of(tmp_path, table) for table in before}
    recorded(tmp_path)
    assert len(rows_of(tmp_path, "runs")) == 2


def test_given_filters_when_asked_for_rows_then_only_those_come(tmp_path: Path) -> None:
    """By time, instrument, strategy, and the latest of them."""
    recorded(tmp_path)
    with open_history(tmp_path) as history:
        rows = history.rows("orders")
        assert history.rows("orders", since_ns=rows[2]["at_ns"]) == rows[2:]
        assert history.rows("orders", until_ns=rows[2]["at_ns"]) == rows[:2]
        assert history.rows("orders", limit=1) == rows[-1:]
        assert history.rows("orders", key="sim:ETH/USDT") == []
        assert history.rows("orders", strategy="Busy") == rows


def test_given_rows_when_written_as_csv_and_parquet_then_they_read_back(tmp_path: Path) -> None:
    """Exact text stays exact text."""
    recorded(tmp_path / "j")
    rows = rows_of(tmp_path / "j", "fills")
    write_csv(rows, tmp_path / "fills.csv")
    with (tmp_path / "fills.csv").open() as file:
        assert [row["price"] for row in csv.DictReader(file)] == ["59900"]
    write_parquet(rows, tmp_path / "fills.parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(tmp_path / "fills.parquet").to_pylist() == rows
    with pytest.raises(UsageError, match="cannot be written"):
        write_csv(rows, tmp_path / "nowhere" / "fills.csv")


def test_given_a_whole_journal_when_verified_then_it_says_what_is_in_it(tmp_path: Path) -> None:
    """Each run of the folder, across files."""
    recorded(tmp_path, bounds=Bounds(segment=600, free=0))
    world = recorded(tmp_path)
    checks = verify(tmp_path)
    assert [check.error for check in checks] == ["", ""]
    assert checks[0].checkpoints > 1
    assert [check.steps for check in checks] == [len(world.record)] * 2
    assert [check.open_orders for check in checks] == [2, 2]
    assert verify(tmp_path / checks[1].run)[0] == checks[1]


def test_given_a_damaged_journal_when_verified_then_the_place_is_told_and_others_are_still_read(tmp_path: Path) -> None:
    """Corruption of one run says nothing of the next."""
    recorded(tmp_path)
    recorded(tmp_path)
    first, _ = run_names(tmp_path, RealDisk())
    path = tmp_path / first / "000001.twj"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    broken, whole = verify(tmp_path)
    assert "damaged at byte" in broken.error
    assert str(path) in broken.error
    assert whole.error == ""


def test_given_a_torn_end_when_verified_with_repair_then_it_is_cut_off_and_put_aside(tmp_path: Path) -> None:
    """After that nothing is torn."""
    recorded(tmp_path)
    (name,) = run_names(tmp_path, RealDisk())
    path = tmp_path / name / "000001.twj"
    path.write_bytes(path.read_bytes()[:-3])
    (torn,) = verify(tmp_path)
    assert torn.torn_bytes > 0
    assert not torn.repaired
    assert verify(tmp_path, mend=True)[0].repaired
    assert verify(tmp_path)[0].torn_bytes == 0
    assert path.with_name("000001.twj.torn").exists()


def test_given_a_run_when_shown_or_exported_then_every_line_is_there(tmp_path: Path) -> None:
    """For people and as JSON lines."""
    world = recorded(tmp_path / "j")
    lines = list(show(tmp_path / "j", every=True))
    assert (lines[0].kind, lines[-1].kind) == ("head", "end")
    assert len(lines) == len(world.record) + 2
    assert "-> submit" in "\n".join(map(describe, lines))
    assert export(tmp_path / "j", tmp_path / "out.jsonl") == len(lines)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert kinds == [line.kind for line in lines]


def test_given_no_journal_when_asked_for_then_it_is_one_line(tmp_path: Path) -> None:
    """An empty folder, and none."""
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            verify(path)
        with pytest.raises(UsageError):
            open_history(path)


def test_given_a_journal_whose_effects_were_changed_when_replayed_then_the_first_difference_is_shown(tmp_path: Path) -> None:
    """Both sides of it, and the step."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    write(Recording(tmp_path, "sim", Durability.PROCESS), world)
    result = replay(tmp_path, strategy=Busy)
    assert not result.identical
    assert result.divergence is not None
    assert any(order.client_id in line for line in result.divergence.recorded)
    assert result.divergence.replayed == ()
