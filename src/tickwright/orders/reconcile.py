"""Our orders and totals compared with what the venue holds.

Guarantees: looks at the union of both sides, so nothing is missed that only one side has; changes nothing and invents
nothing. A difference with a ``cause`` is one that time or an answer under way may settle; one without is unexplained.

Does not: compare what cannot be compared yet. An order that changed after the snapshot was asked for, or that is still on its
way, is left out; its own evidence settles it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from tickwright.base.numbers import money_text
from tickwright.model.account import Snapshot
from tickwright.model.order import OrderReport
from tickwright.orders.machine import Status
from tickwright.orders.order import Order
from tickwright.orders.store import OrderStore


class DifferenceKind(enum.StrEnum):
    """What differs."""

    ORDER_NOT_THERE = "order we hold open is not open there"
    ORDER_UNKNOWN = "order open there is not known here"
    ORDER_ENDED = "order open there has ended here"
    ORDER_FILLED = "filled quantity of order"
    ORDER_TERMS = "terms of order"
    FILL_UNKNOWN = "fill there is not known here"
    BALANCE = "balance of"
    POSITION = "position in"


class Cause(enum.StrEnum):
    """Why a difference may be no more than a matter of time."""

    IN_DOUBT = "in doubt: the venue is being asked"
    ON_THE_WAY = "fills have come in since the venue was asked"
    FILLS_MISSING = "fills are missing: fetch the trade history"


class Difference(msgspec.Struct, frozen=True):
    """``subject`` is a client id, an asset, an instrument or a trade id; both sides in words that fit it."""

    kind: DifferenceKind
    subject: str
    ours: str
    theirs: str
    cause: Cause | None = None


def reconcile(
    store: OrderStore, totals: Mapping[str, int], snapshot: Snapshot, positions: Mapping[str, int] | None = None
) -> list[Difference]:
    """Every difference. ``totals`` are our amounts by asset, ``positions`` our derivative positions by instrument."""
    unknown_fills = [fill for fill in snapshot.fills if not store.has_seen(fill)]
    found = [
        Difference(DifferenceKind.FILL_UNKNOWN, fill.trade_id, "none", f"{fill.qty} at {fill.price}", Cause.FILLS_MISSING)
        for fill in unknown_fills
    ]
    found += _orders(store, snapshot)
    if unknown_fills or store.short_of_fills():
        cause: Cause | None = Cause.FILLS_MISSING
    else:
        cause = Cause.ON_THE_WAY if store.filled_ns >= snapshot.asked_ns else None
    theirs = {balance.asset: balance.total for balance in snapshot.balances}
    for asset in sorted({*totals, *theirs}):
        here, there = totals.get(asset, 0), theirs.get(asset, 0)
        if here != there:
            found.append(Difference(DifferenceKind.BALANCE, asset, money_text(here), money_text(there), cause))
    held = {position.key: position.qty for position in snapshot.positions}
    mine = positions or {}
    for key in sorted({*mine, *held}):
        here, there = mine.get(key, 0), held.get(key, 0)
        if here != there:
            found.append(Difference(DifferenceKind.POSITION, key, str(here), str(there), cause))
    return found


def _orders(store: OrderStore, snapshot: Snapshot) -> list[Difference]:
    found: list[Difference] = []
    listed: set[str] = set()
    for report in snapshot.orders:
        order = store.find(report.key, report.client_id, report.venue_id)
        if order is None:
            found.append(Difference(DifferenceKind.ORDER_UNKNOWN, report.client_id, "none", _words(report)))
            continue
        listed.add(order.client_id)
        if order.updated_ns < snapshot.asked_ns:
            found += _order(order, report)
    for order in store.open_orders():
        comparable = order.status is Status.LIVE and (order.doubt or order.updated_ns < snapshot.asked_ns)
        if comparable and order.client_id not in listed and order.key.partition(":")[0] == snapshot.venue:
            cause = Cause.IN_DOUBT if order.doubt else None
            found.append(Difference(DifferenceKind.ORDER_NOT_THERE, order.client_id, _words(order), "none", cause))
    return found


def _order(order: Order, report: OrderReport) -> list[Difference]:
    cause = Cause.IN_DOUBT if order.doubt else None
    if not order.working:
        ended = order.reason.value if order.reason is not None else "ended"
        return [Difference(DifferenceKind.ORDER_ENDED, order.client_id, ended, _words(report), cause)]
    found: list[Difference] = []
    if order.filled != report.filled:
        why = Cause.FILLS_MISSING if order.missing else cause
        found.append(Difference(DifferenceKind.ORDER_FILLED, order.client_id, str(order.filled), str(report.filled), why))
    if order.pending is None and (order.qty != report.qty or (order.price is not None and order.price != report.price)):
        found.append(Difference(DifferenceKind.ORDER_TERMS, order.client_id, _words(order), _words(report), cause))
    return found


def _words(order: Order | OrderReport) -> str:
    price = "" if order.price is None else f" at {order.price}"
    return f"{order.side.value} {order.qty}{price}, {order.filled} filled"
