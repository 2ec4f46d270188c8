"""`tickwright journal` and `tickwright history`: what is on record, whether it is whole, and what it says."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.clock import NS_PER_S
from tickwright.base.errors import JournalError, UsageError
from tickwright.base.numbers import to_text
from tickwright.engine.carry import Carried
from tickwright.journal.disk import Disk, RealDisk
from tickwright.journal.history import History, OrderRow
from tickwright.journal.reader import is_run_name, read_run, repair, run_names
from tickwright.journal.record import Checkpoint, End, Head, Steps, Torn
from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, BookUpdate, Funding, Mark, Quote, Ticker, Trade
from tickwright.orders.kept import KeptOrder
from tickwright.orders.machine import Status
from tickwright.run.record import Rebuilding, decode_head, find_run

_MARKET = (Trade, Quote, BookUpdate, Bar, Ticker, Mark, Funding)
HISTORY_NAME = "history.sqlite"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on record: a step, or a mark between steps."""

    seq: int
    at_ns: int
    kind: str
    item: Any
    effects: tuple[Any, ...] = ()


class RunCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying one run found. ``error`` is "" where everything is whole."""

    run: str
    steps: int
    effects: int
    checkpoints: int
    ended: bool
    clean: bool
    torn_bytes: int
    repaired: bool
    open_orders: int
    error: str


def show(path: Path, *, every: bool = False, disk: Disk | None = None) -> Iterator[Line]:
    """A run in order: every step that did something or was not market data; all steps with ``every``."""
    disk = disk if disk is not None else RealDisk()
    folder, run = find_run(path, disk)
    for record in read_run(folder, run, disk):
        if isinstance(record, Head):
            if record.number == 1:
                head = decode_head(record.raw, str(folder / run))
                yield Line(
                    seq=0, at_ns=head.started_ns, kind="head", item=msgspec.structs.replace(head, instruments=(), carried=None)
                )
        elif isinstance(record, Steps):
            for place, (event, effects) in enumerate(record.steps):
                if every or effects or not isinstance(event, _MARKET):
                    yield Line(
                        seq=record.first + place, at_ns=event.recv_ns, kind=_tag(event), item=event, effects=tuple(effects)
                    )
        elif isinstance(record, Checkpoint):
            yield Line(seq=record.seq, at_ns=0, kind="checkpoint", item={"bytes": len(record.raw)})
        elif isinstance(record, End):
            yield Line(seq=record.seq, at_ns=0, kind="end", item=record)
        elif isinstance(record, Torn):
            yield Line(seq=0, at_ns=0, kind="torn", item=record)


def describe(line: Line) -> str:
    """A line for people: time, number, event, and what it caused below it."""
    at = clock_text(line.at_ns) if line.at_ns else ""
    text = f"{at:>27} {line.seq:>9} {line.kind} {_json(line.item)}"
    return "\n".join([text, *(f"{'':>37} -> {_tag(effect)} {_json(effect)}" for effect in line.effects)])


def clock_text(at_ns: int) -> str:
    """UTC, to the microsecond."""
    return datetime.fromtimestamp(at_ns / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def verify(
    path: Path, *, mend: bool = False, disk: Disk | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[RunCheck]:
    """Read every run whole and rebuild the account from it: checksums, order of files, and the state at each checkpoint."""
    disk = disk if disk is not None else RealDisk()
    folder, runs = _runs(path, disk)
    found = []
    for run in runs:
        progress(run)
        repaired = False
        check = _verify(folder, run, disk)
        if mend and check.torn_bytes and not check.error:
            repair(folder, run, disk)
            repaired = True
        found.append(msgspec.structs.replace(check, repaired=repaired))
    return found


def _runs(path: Path, disk: Disk) -> tuple[Path, Sequence[str]]:
    if is_run_name(path.name):
        folder, run = find_run(path, disk)
        return folder, [run]
    if not path.is_dir():
        raise UsageError("there is no such folder", where=str(path), hint="give a journal's folder, or that of one run in it")
    runs = run_names(path, disk)
    if not runs:
        raise UsageError("no run is on record in it", where=str(path))
    return path, runs


def _verify(folder: Path, run: str, disk: Disk) -> RunCheck:
    rebuilding = Rebuilding(str(folder / run))
    steps = effects = checkpoints = torn = 0
    ended = False
    error = ""
    try:
        for record in read_run(folder, run, disk):
            rebuilding.take(record)
            ended = isinstance(record, End)
            if isinstance(record, Steps):
                steps += len(record.steps)
                effects += sum(len(item) for _, item in record.steps)
            elif isinstance(record, Checkpoint):
                checkpoints += 1
            elif isinstance(record, Torn):
                torn = record.size - record.whole
        still_open = len(rebuilding.state.orders.open_orders()) if steps else 0
    except JournalError as caught:
        error, still_open = str(caught), 0
    return RunCheck(
        run=run,
        steps=steps,
        effects=effects,
        checkpoints=checkpoints,
        ended=ended,
        clean=rebuilding.clean,
        torn_bytes=torn,
        repaired=False,
        open_orders=still_open,
        error=error,
    )


def export(path: Path, to: Path, *, every: bool = True, disk: Disk | None = None) -> int:
    """A run as JSON lines; how many were written."""
    count = 0
    try:
        with to.open("wb") as file:
            for line in show(path, every=every, disk=disk):
                file.write(msgspec.json.encode(line) + b"\n")
                count += 1
    except OSError as error:
        raise _cannot_write(error, to) from None
    return count


# -- history ---------------------------------------------------------------------------------------------------------------


def open_history(path: Path, *, disk: Disk | None = None, progress: Callable[[str], None] = lambda _: None) -> History:
    """The tables of a journal folder, brought up to date: kept beside the runs where that can be written, else in memory."""
    disk = disk if disk is not None else RealDisk()
    folder, runs = _runs(path, disk)
    try:
        history = History(folder / HISTORY_NAME)
    except JournalError:
        history = History(None)
    try:
        for run in runs:
            if not history.is_finished(run):
                progress(run)
                _read_into(history, folder, run, disk)
    except sqlite3.OperationalError:  # the folder cannot be written to: the tables are made in memory
        history.close()
        history = History(None)
        for run in runs:
            _read_into(history, folder, run, disk)
    except JournalError:
        history.close()
        raise
    return history


def _read_into(history: History, folder: Path, run: str, disk: Disk) -> None:
    where = str(folder / run)
    rebuilding = Rebuilding(where)
    instruments: dict[str, Instrument] = {}
    ended = False
    for record in read_run(folder, run, disk):
        rebuilding.take(record)
        if isinstance(record, Head) and not instruments:
            head = rebuilding.head
            instruments = {item.key: item for item in head.instruments}
            history.begin(run, head.place, head.strategy, head.started_ns)
        history.take(run, record, instruments)
        ended = isinstance(record, End)
    if instruments:
        history.end(run, ended=ended, clean=rebuilding.clean, orders=_order_rows(rebuilding.kept(), instruments))


def _order_rows(carried: Carried, instruments: dict[str, Instrument]) -> Iterator[OrderRow]:
    for kept in (*carried.orders.open, *carried.orders.ended):
        instrument = instruments.get(kept.key)
        filled = to_text(kept.filled, instrument.qty_exp) if instrument is not None else str(kept.filled)
        reason = kept.cause or kept.reason
        yield OrderRow(
            client_id=kept.client_id, status=_status(kept), reason=reason.value if reason is not None else "", filled=filled
        )


def _status(kept: KeptOrder) -> str:
    if kept.status is Status.DONE:
        return "rejected" if kept.cause is not None else "done"
    return "in doubt" if kept.doubt else "sent" if kept.status is Status.NEW else "working"


def write_csv(rows: Sequence[dict[str, Any]], to: Path) -> None:
    """Rows as CSV with a line of names."""
    try:
        with to.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise _cannot_write(error, to) from None


def write_parquet(rows: Sequence[dict[str, Any]], to: Path) -> None:
    """Rows as Parquet."""
    try:
        import pyarrow as pa  # noqa: PLC0415 (an extra: only who asks for Parquet needs it)
        import pyarrow.parquet as pq  # noqa: PLC0415 (the same)
    except ImportError:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'tickwright[research]', or use --csv") from None
    try:
        pq.write_table(pa.Table.from_pylist(list(rows)), to)
    except OSError as error:
        raise _cannot_write(error, to) from None


def _cannot_write(error: OSError, to: Path) -> UsageError:
    text = error.strerror or str(error)
    return UsageError(f"it cannot be written: {text[:1].lower()}{text[1:]}", where=str(to))


def _tag(item: Event | Effect) -> str:
    return str(type(item).__struct_config__.tag)


def _json(item: Any) -> str:
    return msgspec.json.encode(item).decode()
