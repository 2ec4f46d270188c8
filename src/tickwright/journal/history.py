"""What happened, as tables: an SQLite projection of the journal that is made again from it at any time.

Guarantees: reading the same journal twice gives the same rows as reading it once; a run that has grown since is read from where
it was left. Amounts, prices and quantities are decimal text, exact; times are nanoseconds since the epoch. Does not: hold
anything that the journal does not, or serve as a record of its own: deleting it loses nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from tickwright.base.errors import JournalError
from tickwright.base.numbers import MONEY_EXP, to_text
from tickwright.journal.record import Record, Steps
from tickwright.model.account import Balance
from tickwright.model.effect import Amend, Effect, HaltChanged, Reconciled, Valued, submitted
from tickwright.model.event import (
    AmendOutcome,
    CancelOutcome,
    Event,
    FindOutcome,
    SnapshotOutcome,
    SubmitOutcome,
)
from tickwright.model.instrument import Instrument
from tickwright.model.order import Accepted, Fill, Found, NewOrder, OrderReport, Rejected, ReportStatus, Unknown

#: Raised with the schema: a file of another version is made anew.
VERSION = 1

_SCHEMA = """
create table runs (
  run text primary key, place text, strategy text, started_ns integer, last_ns integer, seq integer, ended integer, clean integer
);
create table orders (
  run text, client_id text primary key, at_ns integer, key text, side text, type text, qty text, price text, stop text, tif text,
  strategy text, name text, status text, reason text, filled text, venue_id text, updated_ns integer
);
create table fills (
  key text, trade_id text, run text, at_ns integer, client_id text, venue_id text, side text, qty text, price text, fee text,
  fee_asset text, maker integer, primary key (key, trade_id)
);
create table balances (
  run text, seq integer, at_ns integer, venue text, asset text, free text, locked text, primary key (run, seq, venue, asset)
);
create table equity (run text, seq integer, at_ns integer, currency text, equity text, primary key (run, seq));
create table halts (
  run text, seq integer, nth integer, at_ns integer, scope text, level text, reason text, text text, by text,
  primary key (run, seq, nth)
);
create table reconciliations (
  run text, seq integer, at_ns integer, venue text, why text, agrees integer, differences text, primary key (run, seq, venue)
);
"""

#: What can be asked for.
TABLES = ("orders", "fills", "balances", "equity", "halts", "reconciliations", "runs")


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """How an order stood at the end of what was read."""

    client_id: str
    status: str
    reason: str
    filled: str


class History:
    """The projection, in a file or in memory (``None``)."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._db = sqlite3.connect(str(path) if path is not None else ":memory:")
            self._prepare()
        except sqlite3.Error as error:
            hint = "it holds nothing that the journal does not: delete it"
            raise JournalError(f"the history cannot be opened: {error}", where=str(path), hint=hint) from None

    def _prepare(self) -> None:
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version != VERSION:
            for (name,) in self._db.execute("select name from sqlite_master where type = 'table'").fetchall():
                self._db.execute(f"drop table {name}")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"pragma user_version = {VERSION}")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seen(self, run: str) -> int:
        """The number of the last step of a run that has been read; 0 of none."""
        row = self._db.execute("select seq from runs where run = ?", (run,)).fetchone()
        return int(row[0]) if row else 0

    def is_finished(self, run: str) -> bool:
        """Whether a run was read to its end."""
        row = self._db.execute("select ended from runs where run = ?", (run,)).fetchone()
        return bool(row and row[0])

    def begin(self, run: str, place: str, strategy: str, started_ns: int) -> None:
        """A run is about to be read."""
        self._db.execute(
            "insert or ignore into runs values (?, ?, ?, ?, ?, 0, 0, 0)", (run, place, strategy, started_ns, started_ns)
        )

    def take(self, run: str, record: Record, instruments: Mapping[str, Instrument]) -> None:
        """The next record of a run; what was read before changes nothing."""
        if not isinstance(record, Steps):
            return
        seen = self.seen(run)
        at_ns = 0
        for place, (event, effects) in enumerate(record.steps):
            seq = record.first + place
            at_ns = event.recv_ns
            if seq > seen:
                _Step(self._db, run, seq, at_ns, instruments).take(event, effects)
        last = record.first + len(record.steps) - 1
        if last > seen:
            self._db.execute("update runs set seq = ?, last_ns = ? where run = ?", (last, at_ns, run))

    def end(self, run: str, *, ended: bool, clean: bool, orders: Iterable[OrderRow]) -> None:
        """All that there is of a run has been read; how its orders stand then."""
        self._db.executemany(
            "update orders set status = ?, reason = ?, filled = ? where client_id = ?",
            [(row.status, row.reason, row.filled, row.client_id) for row in orders],
        )
        self._db.execute("update runs set ended = ?, clean = ? where run = ?", (ended, clean, run))
        self._db.commit()

    def rows(
        self,
        table: str,
        *,
        since_ns: int = 0,
        until_ns: int = 0,
        key: str = "",
        strategy: str = "",
        run: str = "",
        limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Rows of a table, oldest first; a filter that a table has no column for is an error of the caller."""
        assert table in TABLES, f"{table} is not a table"
        time = "started_ns" if table == "runs" else "at_ns"
        tests: list[tuple[str, Any]] = [(f"{time} >= ?", since_ns)]
        for column, value in (("key", key), ("strategy", strategy), ("run", run)):
            if value:
                tests.append((f"{column} = ?", value))
        if until_ns:
            tests.append((f"{time} < ?", until_ns))
        where = " and ".join(test for test, _ in tests)
        order = f"order by {time} desc, rowid desc limit {limit or -1}"
        query = f"select * from {table} where {where} {order}"  # noqa: S608 (names from above, values bound)
        found = self._db.execute(query, [value for _, value in tests])
        columns = [item[0] for item in found.description]
        return [dict(zip(columns, row, strict=True)) for row in reversed(found.fetchall())]


class _Step:
    """One step on its way into the tables."""

    def __init__(self, db: sqlite3.Connection, run: str, seq: int, at_ns: int, instruments: Mapping[str, Instrument]) -> None:
        self.db = db
        self.run = run
        self.seq = seq
        self.at_ns = at_ns
        self.instruments = instruments

    def take(self, event: Event, effects: Iterable[Effect]) -> None:
        fold = _EVENTS.get(type(event))
        if fold is not None:
            fold(self, event)
        for nth, effect in enumerate(effects):
            for order in submitted(effect):
                self.submit(order)
            if isinstance(effect, Amend) and effect.terms.client_id:
                self.replace(effect)
            elif isinstance(effect, Valued):
                row = (self.run, self.seq, self.at_ns, effect.currency, to_text(effect.equity, MONEY_EXP))
                self.db.execute("insert or ignore into equity values (?, ?, ?, ?, ?)", row)
            elif isinstance(effect, HaltChanged):
                halt = (self.run, self.seq, nth, self.at_ns, effect.scope, effect.level, effect.reason, effect.text, effect.by)
                self.db.execute("insert or ignore into halts values (?, ?, ?, ?, ?, ?, ?, ?, ?)", halt)
            elif isinstance(effect, Reconciled):
                lines = msgspec.json.encode(effect.differences).decode()
                told = (self.run, self.seq, self.at_ns, effect.venue, effect.why, not effect.differences, lines)
                self.db.execute("insert or ignore into reconciliations values (?, ?, ?, ?, ?, ?, ?)", told)

    def submit(self, order: NewOrder) -> None:
        row = (
            self.run, order.client_id, self.at_ns, order.key, order.side.value, order.type.value, self.qty(order.key, order.qty),
            self.price(order.key, order.price), self.price(order.key, order.stop), order.tif.value, order.strategy, order.name,
            "sent", "", "0", "", self.at_ns,
        )  # fmt: skip
        self.db.execute(f"insert or ignore into orders values ({', '.join('?' * len(row))})", row)  # noqa: S608 (as many marks as values)

    def replace(self, effect: Amend) -> None:
        """A second order takes the place of the first, with its own id."""
        terms, key = effect.terms, effect.ref.key
        query = """
            insert or ignore into orders
            select ?, ?, ?, key, side, type, coalesce(?, qty), coalesce(?, price), stop, tif, strategy, name,
              'sent', '', '0', '', ?
            from orders where client_id = ?
        """
        qty = None if terms.qty is None else self.qty(key, terms.qty)
        row = (self.run, terms.client_id, self.at_ns, qty, self.price(key, terms.price), self.at_ns, effect.ref.client_id)
        self.db.execute(query, row)

    def submitted(self, event: SubmitOutcome) -> None:
        outcome = event.outcome
        if isinstance(outcome, Accepted):
            self.status(event.client_id, "working", "", outcome.venue_id)
        elif isinstance(outcome, Rejected):
            self.status(event.client_id, "rejected", outcome.reason.value)
        else:
            self.status(event.client_id, "in doubt", "")
        self.answer(event)

    def answer(self, event: SubmitOutcome | CancelOutcome | AmendOutcome) -> None:
        if isinstance(event.outcome, Accepted):
            for item in event.outcome.reports:
                if isinstance(item, Fill):
                    self.fill(item)
                else:
                    self.report(item)
        elif isinstance(event.outcome, Unknown):
            self.status(event.client_id, "in doubt", "")

    def found(self, event: FindOutcome) -> None:
        if isinstance(event.finding, Found):
            for fill in event.finding.fills:
                self.fill(fill)
            self.report(event.finding.order)

    def report(self, report: OrderReport) -> None:
        done = report.status is ReportStatus.DONE
        reason = report.reason.value if report.reason is not None else ""
        self.status(report.client_id, "done" if done else "working", reason, report.venue_id)
        filled = self.qty(report.key, report.filled)
        self.db.execute("update orders set filled = ? where client_id = ?", (filled, report.client_id))

    def status(self, client_id: str, status: str, reason: str, venue_id: str = "") -> None:
        row = (status, reason, venue_id, venue_id, self.at_ns, client_id)
        query = (
            "update orders set status = ?, reason = ?, venue_id = iif(? = '', venue_id, ?), updated_ns = ? where client_id = ?"
        )
        self.db.execute(query, row)

    def fill(self, fill: Fill) -> None:
        row = (
            fill.key, fill.trade_id, self.run, fill.venue_ns or fill.recv_ns, fill.client_id, fill.venue_id, fill.side.value,
            self.qty(fill.key, fill.qty), self.price(fill.key, fill.price), to_text(fill.fee, MONEY_EXP), fill.fee_asset,
            fill.maker,
        )  # fmt: skip
        self.db.execute(f"insert or ignore into fills values ({', '.join('?' * len(row))})", row)  # noqa: S608 (as many marks as values)

    def balance(self, balance: Balance) -> None:
        free, locked = to_text(balance.free, MONEY_EXP), to_text(balance.locked, MONEY_EXP)
        row = (self.run, self.seq, self.at_ns, balance.venue, balance.asset, free, locked)
        self.db.execute("insert or ignore into balances values (?, ?, ?, ?, ?, ?, ?)", row)

    def snapshot(self, event: SnapshotOutcome) -> None:
        answer = event.answer
        for balance in getattr(answer, "balances", ()):
            self.balance(balance)
        for fill in getattr(answer, "fills", ()):
            self.fill(fill)
        for report in getattr(answer, "orders", ()):
            self.report(report)

    def qty(self, key: str, units: int) -> str:
        instrument = self.instruments.get(key)
        return to_text(units, instrument.qty_exp) if instrument is not None else str(units)

    def price(self, key: str, units: int | None) -> str | None:
        instrument = self.instruments.get(key)
        if units is None or instrument is None:
            return None if units is None else str(units)
        return to_text(units, instrument.price_exp)


_EVENTS: dict[type, Callable[[_Step, Any], None]] = {
    SubmitOutcome: _Step.submitted,
    CancelOutcome: _Step.answer,
    AmendOutcome: _Step.answer,
    FindOutcome: _Step.found,
    OrderReport: _Step.report,
    Fill: _Step.fill,
    Balance: _Step.balance,
    SnapshotOutcome: _Step.snapshot,
}
