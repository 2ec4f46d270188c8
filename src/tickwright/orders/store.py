"""Every order of the account, moved by evidence through the table of `machine`.

Guarantees: only evidence from the venue ends an order; a fill is counted once, whenever it comes (before the ack, after a
cancel, after the end); delivering an event twice is the same as delivering it once; what the table does not list changes
nothing and is reported as IMPOSSIBLE. Every fill leaves in exactly one change.

Does not: move money (the ledger does), send anything, or read a clock.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tickwright.model.order import (
    Absent,
    Accepted,
    AmendTerms,
    CouldNotAsk,
    Fill,
    Finding,
    Found,
    NewOrder,
    OrderRef,
    OrderReport,
    Outcome,
    Rejected,
    ReportStatus,
)
from tickwright.model.reason import Reason
from tickwright.orders.change import Change, ChangeKind
from tickwright.orders.foreign import guess_from, order_of
from tickwright.orders.judge import fill_evidence, is_stale, lives
from tickwright.orders.machine import TABLE, Evidence, Request, Row, Status, index
from tickwright.orders.order import Order
from tickwright.orders.shelf import FillIds, Shelf

__all__ = ["Change", "ChangeKind", "Order", "OrderStore", "Request", "Status"]

_NEW, _LIVE, _DONE = Status.NEW, Status.LIVE, Status.DONE
_E = Evidence
_K = ChangeKind
_OPEN = ReportStatus.OPEN

#: Least time between the two answers "no such order" that together end an order.
ABSENT_APART_NS = 1_000_000_000


class OrderStore:
    """The orders. Every ``on_*`` and ``ask_*`` returns what it changed, in order: nothing for an order long forgotten."""

    __slots__ = ("_fills", "_shelf", "filled_ns")

    def __init__(self) -> None:
        self.filled_ns = 0  # when the latest fill came in
        self._shelf = Shelf()
        self._fills = FillIds()

    # ---- finding -------------------------------------------------------------------------------------------------

    def get(self, client_id: str) -> Order | None:
        return self._shelf.get(client_id)

    def by_venue_id(self, key: str, venue_id: str) -> Order | None:
        return self._shelf.by_venue_id(key, venue_id)

    def find(self, key: str, client_id: str, venue_id: str) -> Order | None:
        """The order that a message is about."""
        return self._shelf.find(key, client_id, venue_id)

    def by_name(self, strategy: str, key: str, name: str) -> Order | None:
        """The order that occupies a name, in doubt or not; None when the name is free."""
        return self._shelf.by_name(strategy, key, name)

    def open_orders(self, key: str | None = None) -> list[Order]:
        """Orders that are not known to have ended, oldest first: in flight, working and in doubt."""
        return self._shelf.open(key)

    def in_doubt(self) -> list[Order]:
        return list(self._shelf.doubt.values())

    def short_of_fills(self) -> list[Order]:
        """Orders, ended or not, of which the venue counts more filled than the fills that have come."""
        return list(self._shelf.short.values())

    def canceling(self) -> list[Order]:
        """Working orders whose cancel has been asked for."""
        return [order for order in self._shelf.open(None) if order.request is Request.CANCEL]

    def has_seen(self, fill: Fill) -> bool:
        """Whether this execution has been counted."""
        return fill in self._fills

    # ---- entering ------------------------------------------------------------------------------------------------

    def add(self, new: NewOrder, now_ns: int) -> Order:
        """A new order of ours, before it is sent: NEW, SUBMIT."""
        assert not new.name or self._shelf.by_name(new.strategy, new.key, new.name) is None, f"INV-06 {new.name} is occupied"
        order = Order(new, now_ns)
        self._shelf.put(order)
        return order

    def adopt(self, report: OrderReport, now_ns: int) -> Order:
        """Take in an order from a snapshot at start. What it had filled by then is in the balances of that snapshot already:
        it is counted as filled, and no fill is missing.
        """
        known = self._shelf.find(report.key, report.client_id, report.venue_id)
        if known is not None:
            return known
        order = self._foreign(report, now_ns)
        order.filled = order.prior = report.filled
        self._fold_report(order, report, now_ns, [])
        return order

    def note_fills(self, fills: Iterable[Fill]) -> None:
        """Executions whose effect is in the starting balances: known, never to be counted again."""
        for fill in fills:
            self._fills.first_time(fill)

    def own(self, client_id: str) -> None:
        """A person says that an order of somebody else is ours from here on."""
        self._shelf.working(client_id).foreign = False

    # ---- asking --------------------------------------------------------------------------------------------------

    def ask_cancel(self, client_id: str, now_ns: int) -> list[Change]:
        """ASKED: send it. REFUSED: an answer is outstanding, or it has ended."""
        order = self._shelf.get(client_id)
        if order is None:
            return []
        if not order.can_cancel:
            return [_refused(order)]
        sure = not order.doubt
        row = self._row(order, _E.ASK_CANCEL)
        assert row is not None, "can_cancel follows the table"
        self._move(order, row, now_ns, None)
        order.asked_ns = now_ns
        if sure:  # sent again into a doubt, it must not push the fence away
            order.fence_from_ns = now_ns
            order.fence_ns = 0
        return [Change(order, _K.ASKED, None, None, row.number)]

    def ask_amend(self, client_id: str, terms: AmendTerms, now_ns: int, dead_after_ns: int = 0) -> list[Change]:
        """ASKED: send it. With ``terms.client_id`` a second order of that id takes the place of this one: it is here from now
        on, NEW, and has its own reservation; ``terms.qty`` is its own quantity (None: what this one has left).
        """
        order = self._shelf.get(client_id)
        if order is None:
            return []
        if not order.can_amend:
            return [_refused(order)]
        row = self._row(order, _E.ASK_AMEND)
        assert row is not None, "can_amend follows the table"
        self._move(order, row, now_ns, None)
        order.asked_ns = order.fence_from_ns = now_ns
        order.fence_ns = 0
        order.pending = terms
        order.replaced_by = ""  # an earlier replacement that came to nothing says nothing of this request
        if terms.client_id and terms.client_id != client_id:
            self._add_replacement(order, terms, now_ns, dead_after_ns)
        return [Change(order, _K.ASKED, None, None, row.number)]

    def _add_replacement(self, order: Order, terms: AmendTerms, now_ns: int, dead_after_ns: int) -> None:
        new = msgspec.structs.replace(
            order.order,
            client_id=terms.client_id,
            qty=order.left if terms.qty is None else terms.qty,
            price=order.price if terms.price is None else terms.price,
            dead_after_ns=dead_after_ns,
        )
        second = Order(new, now_ns)
        second.replaces = order.client_id
        order.replaced_by = terms.client_id
        self._shelf.put(second)

    # ---- evidence: answers -----------------------------------------------------------------------------------------

    def on_submit(self, client_id: str, outcome: Outcome, now_ns: int) -> list[Change]:
        """The answer to a submit. A rejected id that is in use is no rejection: ids are ours and used once, so it is there."""
        order = self._shelf.get(client_id)
        if order is None:
            return []
        changes: list[Change] = []
        if isinstance(outcome, Accepted):
            self._accept(order, outcome.venue_id, now_ns, changes)
            self._fold(outcome.reports, changes)
        elif isinstance(outcome, Rejected) and outcome.reason is not Reason.VENUE_DUPLICATE_ID:
            self._reject(order, outcome.reason, now_ns, changes)
        else:
            reason = outcome.reason if isinstance(outcome, Rejected) else None
            self._doubtful(order, _E.UNKNOWN, now_ns, changes, reason)
        return changes

    def on_cancel(self, client_id: str, outcome: Outcome, now_ns: int) -> list[Change]:
        """The answer to a cancel. Accepted ends nothing: the report does, which the answer may bring along."""
        order = self._shelf.get(client_id)
        if order is None:
            return []
        changes: list[Change] = []
        if isinstance(outcome, Accepted):
            self._apply(order, _E.CANCEL_ACCEPTED, now_ns, changes)
            self._fold(outcome.reports, changes)
        elif isinstance(outcome, Rejected):
            if outcome.reason is Reason.VENUE_UNKNOWN_ORDER:
                self._doubtful(order, _E.CANCEL_UNKNOWN_ORDER, now_ns, changes, outcome.reason)
            else:
                asked = order.request is Request.CANCEL
                row = self._apply(order, _E.CANCEL_REJECTED, now_ns, changes)
                if row is not None and asked and order.status is _LIVE:
                    changes.append(Change(order, _K.NOT_CANCELED, None, outcome.reason, row.number))
        else:
            self._doubtful(order, _E.CANCEL_UNKNOWN, now_ns, changes, None)
        return changes

    def on_amend(self, client_id: str, outcome: Outcome, now_ns: int) -> list[Change]:
        """The answer to an amend, and so to the submit of the replacement where one is made."""
        order = self._shelf.get(client_id)
        if order is None:
            return []
        changes: list[Change] = []
        second = self._shelf.get(order.replaced_by) if order.replaced_by else None
        if isinstance(outcome, Accepted):
            if second is None:
                self._amended(order, outcome.at_ns, now_ns, changes)
            else:
                self._apply(order, _E.AMEND_REPLACED, now_ns, changes)
                order.pending = None
                self._accept(second, outcome.venue_id, now_ns, changes)
            self._fold(outcome.reports, changes)
        elif isinstance(outcome, Rejected):
            self._not_amended(order, outcome.reason, now_ns, changes)
            if second is not None:
                self._reject(second, outcome.reason, now_ns, changes)
        else:
            self._doubtful(order, _E.AMEND_UNKNOWN, now_ns, changes, None)
            if second is not None:
                self._doubtful(second, _E.UNKNOWN, now_ns, changes, None)
        return changes

    def _accept(self, order: Order, venue_id: str, now_ns: int, changes: list[Change]) -> None:
        if venue_id and order.venue_id != venue_id:
            self._learn_venue_id(order, venue_id, now_ns, changes)
        row = self._apply(order, _E.ACCEPTED, now_ns, changes)
        if row is not None and row.number == 1:
            changes.append(Change(order, _K.ACCEPTED, None, None, 1))

    def _reject(self, order: Order, reason: Reason, now_ns: int, changes: list[Change]) -> None:
        row = self._apply(order, _E.CONTRADICTION if order.filled else _E.REJECTED, now_ns, changes)
        if row is not None and row.number == 2:
            order.cause = reason
            changes.append(Change(order, _K.REJECTED, None, reason, 2))

    def _doubtful(self, order: Order, evidence: Evidence, now_ns: int, changes: list[Change], reason: Reason | None) -> None:
        was = order.doubt
        row = self._apply(order, evidence, now_ns, changes)
        if row is not None and order.doubt and not was:
            changes.append(Change(order, _K.DOUBT, None, reason, row.number))

    def _amended(self, order: Order, at_ns: int, now_ns: int, changes: list[Change]) -> None:
        row = self._apply(order, _E.AMEND_ACCEPTED, now_ns, changes)
        terms, order.pending = order.pending, None
        if row is None or row.number != 16 or terms is None:
            return
        order.terms_ns = at_ns
        self._set_terms(order, terms, changes, row=row.number, now_ns=now_ns)
        self._settle(order, now_ns, changes)

    def _not_amended(self, order: Order, reason: Reason, now_ns: int, changes: list[Change]) -> None:
        was = order.doubt
        gone = reason is Reason.VENUE_UNKNOWN_ORDER
        row = self._apply(order, _E.AMEND_UNKNOWN_ORDER if gone else _E.AMEND_REJECTED, now_ns, changes)
        order.pending = None
        if row is None or order.status is not _LIVE:
            return
        changes.append(Change(order, _K.NOT_AMENDED, None, reason, row.number))
        if order.doubt and not was:
            changes.append(Change(order, _K.DOUBT, None, reason, row.number))
        self._settle(order, now_ns, changes)

    # ---- evidence: the venue's word --------------------------------------------------------------------------------

    def on_report(self, report: OrderReport) -> list[Change]:
        """The venue's word on one order, from wherever."""
        changes: list[Change] = []
        self._report(report, report.venue_ns or report.recv_ns, changes)
        return changes

    def on_fill(self, fill: Fill) -> list[Change]:
        """One execution, from wherever."""
        order = self._shelf.find(fill.key, fill.client_id, fill.venue_id)
        if not self._fills.first_time(fill):
            return [] if order is None else [Change(order, _K.DUPLICATE, None, None, 22)]
        self.filled_ns = max(self.filled_ns, fill.recv_ns)
        if order is None:
            return [self._foreign_fill(fill)]
        changes: list[Change] = []
        if fill.venue_id and not order.venue_id:
            self._learn_venue_id(order, fill.venue_id, fill.recv_ns, changes)
        if fill.side is not order.side:
            changes.append(_impossible(order, _E.CONTRADICTION, fill))
            return changes
        order.updated_ns = fill.recv_ns
        order.filled += fill.qty
        order.value_units += fill.price * fill.qty
        if order.guessed:
            order.qty = order.reported = order.filled
        self._count(order, fill, fill.recv_ns, changes)
        return changes

    def on_finding(self, ref: OrderRef, finding: Finding, now_ns: int) -> list[Change]:
        """The answer to a question of the resolver. Not having been able to ask says nothing, ever."""
        changes: list[Change] = []
        order = self._shelf.find(ref.key, ref.client_id, ref.venue_id)
        asked_ns = 0
        if order is not None:
            order.finding = False
            asked_ns = order.find_asked_ns
        if isinstance(finding, CouldNotAsk):
            return changes
        overdue = order is not None and order.request is Request.CANCEL and not order.doubt and 0 < order.fence_ns <= asked_ns
        if order is not None and overdue:  # a cancel whose report does not come: a doubt from here on, whatever the answer
            self._doubtful(order, _E.SILENCE, now_ns, changes, None)
        if isinstance(finding, Absent):
            if order is not None:
                self._absent(order, now_ns, changes)
            return changes
        self._found(finding, asked_ns, changes)
        return changes

    def on_missing(self, client_id: str, now_ns: int) -> list[Change]:
        """The venue's list of open orders should name this one and does not: find it. Says nothing while a submit or an amend
        is in flight.
        """
        order = self._shelf.get(client_id)
        changes: list[Change] = []
        if order is not None and order.status is _LIVE and order.request is not Request.AMEND:
            self._doubtful(order, _E.SILENCE, now_ns, changes, None)
        return changes

    def _found(self, found: Found, asked_ns: int, changes: list[Change]) -> None:
        report = found.order
        for fill in found.fills:
            changes += self.on_fill(fill)
        self._report(report, asked_ns, changes)
        order = self._shelf.find(report.key, report.client_id, report.venue_id)
        told = any(change.kind is _K.MISSING_FILLS and change.order is order for change in changes)
        if order is not None and order.missing and not told:
            changes.append(Change(order, _K.MISSING_FILLS))

    def _absent(self, order: Order, now_ns: int, changes: list[Change]) -> None:
        """Counts only answers to questions asked after the fence; two, some time apart, end an order that is in doubt."""
        if order.ending is not None or order.missing:
            changes.append(Change(order, _K.MISSING_FILLS))  # it was there, and traded: only the trade history helps
        if not order.doubt or order.ending is not None or not order.fence_ns or order.find_asked_ns < order.fence_ns:
            return
        if order.absents == 0:
            order.absents = 1
            order.absent_ns = now_ns
            order.next_ask_ns = now_ns + ABSENT_APART_NS
            return
        if order.find_asked_ns - order.absent_ns < ABSENT_APART_NS:
            return
        row = self._apply(order, _E.ABSENT_TWICE, now_ns, changes)
        if row is None:
            return
        changes.append(Change(order, _K.DONE, None, order.reason, row.number))
        if row.number == 23:  # it did exist, and may have traded
            changes.append(Change(order, _K.MISSING_FILLS, None, None, row.number))

    def _fold(self, reports: tuple[OrderReport | Fill, ...], changes: list[Change]) -> None:
        """What an answer brought along. Fills first: a report counts them."""
        for item in reports:
            if isinstance(item, Fill):
                changes += self.on_fill(item)
        for item in reports:
            if isinstance(item, OrderReport):
                changes += self.on_report(item)

    def _report(self, report: OrderReport, as_of_ns: int, changes: list[Change]) -> None:
        order = self._shelf.find(report.key, report.client_id, report.venue_id)
        if order is None or order.guessed:
            order = self._from_report(order, report, changes)
        self._fold_report(order, report, as_of_ns, changes)

    def _fold_report(self, order: Order, report: OrderReport, as_of_ns: int, changes: list[Change]) -> None:
        now_ns = report.recv_ns
        if report.venue_id and order.venue_id != report.venue_id:
            self._learn_venue_id(order, report.venue_id, now_ns, changes)
        if report.side is not order.side:
            changes.append(_impossible(order, _E.CONTRADICTION))
            return
        order.triggered = order.triggered or report.triggered
        news = report.filled > order.reported
        if news:
            order.reported = report.filled
            if report.filled > order.filled:
                self._lacks(order, now_ns)
        if report.status is _OPEN:
            self._fold_open(order, report, as_of_ns, changes)
        else:
            self._fold_done(order, report, changes)
        if news and order.missing:
            changes.append(Change(order, _K.MISSING_FILLS))

    def _fold_open(self, order: Order, report: OrderReport, as_of_ns: int, changes: list[Change]) -> None:
        evidence = _E.REPORT_STALE if is_stale(order, report, as_of_ns) else _E.REPORT_OPEN
        was = order.status
        row = self._apply(order, evidence, report.recv_ns, changes)
        if row is None:
            return
        if row.number == 19 or was is not order.status:
            changes.append(Change(order, _K.OPEN, None, None, row.number))
            order.pending = None
        else:
            changes.append(Change(order, _K.DUPLICATE, None, None, row.number))
        newer = report.venue_ns > order.terms_ns or not report.venue_ns or not order.terms_ns
        if evidence is _E.REPORT_OPEN and order.status is _LIVE and order.pending is None and newer:
            self._set_terms(order, report, changes, row=row.number, now_ns=report.recv_ns)
            self._settle(order, report.recv_ns, changes)

    def _fold_done(self, order: Order, report: OrderReport, changes: list[Change]) -> None:
        now_ns = report.recv_ns
        reason = report.reason or Reason.EXPIRED
        if order.status is not _DONE and report.filled < order.filled:
            changes.append(_impossible(order, _E.CONTRADICTION))  # a final count cannot be below the fills we hold
            return
        short = report.filled > order.filled
        was = order.status
        row = self._apply(order, _E.REPORT_DONE_SHORT if short else _E.REPORT_DONE, now_ns, changes, reason)
        if row is None:
            return
        if row.number == 22:
            changes.append(Change(order, _K.DUPLICATE, None, None, 22))
        elif short:
            kind = _K.OPEN if was is _NEW else _K.DOUBT if order.ending is None else _K.DUPLICATE
            order.ending = reason
            changes.append(Change(order, kind, None, None, row.number))
        else:
            changes.append(Change(order, _K.DONE, None, reason, row.number))

    def _count(self, order: Order, fill: Fill | None, now_ns: int, changes: list[Change]) -> None:
        """Judge what the order has filled by now; ``fill`` is the cause, or None where the quantity came another way."""
        if order.short_since_ns and not order.missing:
            order.short_since_ns = 0
            self._shelf.short.pop(order.client_id, None)
        ending = order.ending
        evidence = fill_evidence(order)
        row = self._apply(order, evidence, now_ns, changes, ending)
        if row is None:
            changes[-1] = _impossible(order, evidence, fill)
            return
        if row.number == 14:
            if fill is not None:
                changes.append(Change(order, _K.FILLED_PART, fill, None, 12))
            changes.append(Change(order, _K.DONE, None, ending, 14))
        elif fill is None:
            changes.append(Change(order, _K.DONE if row.to_status is _DONE else _K.TERMS, None, order.reason, row.number))
        else:
            kind = _K.FILLED if row.to_status is _DONE else _K.FILLED_PART
            changes.append(Change(order, kind, fill, order.reason, row.number))
        if row.halt:
            changes.append(Change(order, _K.OVERFILL, None, Reason.HALT_OVERFILL, row.number))

    def _settle(self, order: Order, now_ns: int, changes: list[Change]) -> None:
        """An order whose terms have become what it had filled already is complete."""
        if order.status is _LIVE and order.ending is None and order.pending is None and order.filled >= order.qty:
            row = self._apply(order, _E.FILL_ALL, now_ns, changes)
            if row is not None:
                changes.append(Change(order, _K.DONE, None, order.reason, row.number))

    def _set_terms(self, order: Order, terms: AmendTerms | OrderReport, changes: list[Change], *, row: int, now_ns: int) -> None:
        new_qty = terms.qty or order.qty
        new_price = terms.price if terms.price and order.price is not None else order.price
        if new_qty != order.qty or new_price != order.price:
            order.qty = new_qty
            order.price = new_price
            order.updated_ns = now_ns
            if isinstance(terms, OrderReport):
                order.terms_ns = terms.venue_ns
            changes.append(Change(order, _K.TERMS, None, None, row))

    # ---- orders of others ------------------------------------------------------------------------------------------

    def _foreign(self, report: OrderReport, now_ns: int) -> Order:
        order = order_of(report, now_ns)
        order.client_id = self._free_id(report.key, report.client_id, report.venue_id)
        self._shelf.put(order)
        return order

    def _free_id(self, key: str, client_id: str, venue_id: str) -> str:
        """The id under which a foreign order is held here: its own where it has one that nobody else holds."""
        held = self._shelf.get(client_id)
        return client_id if client_id and (held is None or (held.foreign and not held.working)) else f"{key}#{venue_id}"

    def _from_report(self, guess: Order | None, report: OrderReport, changes: list[Change]) -> Order:
        """An order that we hear of by its report; ``guess`` is what its fills had told of it before."""
        if guess is not None:
            self._shelf.drop(guess)
        order = self._foreign(report, report.recv_ns)
        if guess is not None:
            order.filled = guess.filled
            order.value_units = guess.value_units
        changes.append(Change(order, _K.FOREIGN))
        return order

    def _foreign_fill(self, fill: Fill) -> Change:
        """A fill of an order that we have never heard of: the order is guessed from it, as ended, until a report comes."""
        order = guess_from(fill)
        order.client_id = self._free_id(fill.key, fill.client_id, fill.venue_id)
        self._shelf.put(order)
        self._shelf.end(order)
        if fill.venue_id:
            self._shelf.name_venue_id(order, fill.venue_id)
        return Change(order, _K.FOREIGN, fill)

    def _learn_venue_id(self, order: Order, venue_id: str, now_ns: int, changes: list[Change]) -> None:
        """Fills that named only the venue's id were taken for a foreign order's until now: they are this one's."""
        if venue_id in order.former_ids:
            return  # old news
        guess = self._shelf.name_venue_id(order, venue_id)
        if guess is None or not guess.guessed:
            return
        self._shelf.drop(guess)
        order.filled += guess.filled
        order.value_units += guess.value_units
        self._count(order, None, now_ns, changes)

    # ---- the table -------------------------------------------------------------------------------------------------

    def _row(self, order: Order, evidence: Evidence) -> Row | None:
        return TABLE[index(order.status, order.request, order.doubt, evidence)]

    def _apply(
        self, order: Order, evidence: Evidence, now_ns: int, changes: list[Change], reason: Reason | None = None
    ) -> Row | None:
        """Move the order; None and IMPOSSIBLE where there is no row. The last row that applied is returned."""
        if order.status is _DONE and lives(order, evidence):
            row = self._row(order, _E.LIFE)
            assert row is not None, "row 21 is in the table"
            self._move(order, row, now_ns, None)
            changes.append(Change(order, _K.FENCE_WRONG, None, Reason.HALT_FENCE_WRONG, row.number))
        row = self._row(order, evidence)
        if row is None:
            changes.append(_impossible(order, evidence))
            return None
        self._move(order, row, now_ns, reason)
        if not row.again:
            return row
        changes.append(Change(order, _K.OPEN, None, None, row.number))
        return self._apply(order, evidence, now_ns, changes, reason)

    def _move(self, order: Order, row: Row, now_ns: int, reason: Reason | None) -> None:
        if row.to_request is not None and row.to_request is not order.request:
            order.request = row.to_request
            order.updated_ns = now_ns
        if row.to_doubt is not None and row.to_doubt is not order.doubt:
            self._set_doubt(order, row.to_doubt, now_ns)
        status = row.to_status
        if status is None or status is order.status:
            return
        was, order.status = order.status, status
        order.updated_ns = now_ns
        if status is _DONE:
            order.reason = row.reason or reason
            order.ending = order.pending = None
            self._shelf.end(order)
        elif was is _DONE:
            order.reason = None
            self._shelf.reopen(order)

    def _set_doubt(self, order: Order, doubt: bool, now_ns: int) -> None:
        order.doubt = doubt
        order.updated_ns = now_ns
        if doubt:
            self._shelf.doubt[order.client_id] = order
            order.doubt_since_ns = now_ns
        else:
            del self._shelf.doubt[order.client_id]
            order.doubt_since_ns = 0
        order.forget_questions()

    def _lacks(self, order: Order, now_ns: int) -> None:
        if not order.short_since_ns:
            order.short_since_ns = now_ns
            order.forget_questions()
            self._shelf.short[order.client_id] = order


def _refused(order: Order) -> Change:
    ended = order.status is _DONE or order.ending is not None
    return Change(order, _K.REFUSED, None, Reason.NO_SUCH_ORDER if ended else Reason.ORDER_BUSY)


def _impossible(order: Order, evidence: Evidence, fill: Fill | None = None) -> Change:
    return Change(order, _K.IMPOSSIBLE, fill, Reason.HALT_IMPOSSIBLE_EVENT, 0, f"{order!r}: {evidence.text}")
