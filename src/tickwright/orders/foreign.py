"""Orders that this run did not make, as far as the venue's word tells of them. Pure: nothing is kept here."""

from __future__ import annotations

from tickwright.base.ids import made_here
from tickwright.model.order import Fill, NewOrder, OrderReport, OrderType, Tif
from tickwright.model.reason import Reason
from tickwright.orders.machine import Request, Status
from tickwright.orders.order import Order


def order_of(report: OrderReport, now_ns: int) -> Order:
    """The order that a report is about; foreign unless some run of ours made its id."""
    new = NewOrder(
        key=report.key,
        client_id=report.client_id,
        side=report.side,
        type=report.type,
        qty=report.qty,
        price=report.price,
        stop=report.stop,
        tif=report.tif,
        post_only=False,
        reduce_only=False,
    )
    return Order(new, now_ns, foreign=not made_here(report.client_id))


def guess_from(fill: Fill) -> Order:
    """The order that a fill must have come from: ended, and no larger than what was filled, until a report says more."""
    new = NewOrder(
        key=fill.key,
        client_id=fill.client_id,
        side=fill.side,
        type=OrderType.MARKET,
        qty=fill.qty,
        price=None,
        stop=None,
        tif=Tif.GTC,
        post_only=False,
        reduce_only=False,
    )
    order = Order(new, fill.recv_ns, foreign=True)
    order.guessed = True
    order.filled = order.reported = fill.qty
    order.value_units = fill.price * fill.qty
    order.status, order.request, order.reason = Status.DONE, Request.NONE, Reason.FILLED
    return order
