"""What a report or a fill says, given what is known of the order: the evidence that the table is asked with. Pure.

Guarantees: nothing here changes an order. Does not: know the table.
"""

from __future__ import annotations

from tickwright.model.order import OrderReport
from tickwright.model.reason import Reason
from tickwright.orders.machine import Evidence, Status
from tickwright.orders.order import Order

#: Evidence that shows an order alive that was given up as never received.
_SIGNS = frozenset(
    {
        Evidence.ACCEPTED,
        Evidence.REPORT_OPEN,
        Evidence.REPORT_DONE,
        Evidence.REPORT_DONE_SHORT,
        Evidence.FILL_PART,
        Evidence.FILL_ALL,
        Evidence.FILL_OVER,
        Evidence.CANCEL_ACCEPTED,
    }
)


def is_stale(order: Order, report: OrderReport, as_of_ns: int) -> bool:
    """Whether a report that says open tells of a time before what is known. An amend in doubt that may still arrive is
    not settled by the old terms.
    """
    if order.status is Status.NEW:
        return False
    if order.ending is not None or report.filled < order.filled:
        return True
    terms = order.pending
    if terms is None or not order.doubt:
        return False
    if not terms.client_id or terms.client_id == order.client_id:
        qty = order.qty if terms.qty is None else terms.qty
        price = order.price if terms.price is None else terms.price
        if report.qty == qty and report.price == price:
            return False
    return not order.fence_ns or as_of_ns < order.fence_ns


def fill_evidence(order: Order) -> Evidence:
    """What the quantity filled by now amounts to."""
    filled, qty = order.filled, order.qty
    if order.ending is not None and filled <= qty:
        return Evidence.FILL_PART if filled < order.reported else Evidence.FILLS_COMPLETE
    terms = order.pending
    if terms is not None and terms.qty is not None and terms.qty > qty and not order.replaced_by:
        qty = terms.qty  # the larger quantity may be in force by now
    if filled < qty:
        return Evidence.FILL_PART
    return Evidence.FILL_ALL if filled == qty else Evidence.FILL_OVER


def lives(order: Order, evidence: Evidence) -> bool:
    """Row 21: an order given up as never received shows any sign of life, or one given up as gone is open."""
    if order.reason is Reason.NEVER_REACHED:
        return evidence in _SIGNS
    return order.reason is Reason.GONE and evidence is Evidence.REPORT_OPEN
