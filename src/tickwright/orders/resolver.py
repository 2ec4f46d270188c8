"""When to ask a venue about an order, and when its "no such order" may be believed: the fence.

A request whose answer was lost may still be on its way. Until the venue can no longer accept it, its absence proves nothing:
asking early and sending anew is how bots buy twice. The fence is the moment after which it cannot arrive any more.

Guarantees: every order in doubt, every order short of fills and every cancel whose report is overdue is asked about, for
ever, with growing pauses; an answer "absent" counts only if its question was asked after the fence.

Asking before the fence is allowed and done: a find that shows the order settles the doubt at once, and one that does not
is not counted. Does not: send anything, believe that a question without an answer has been answered, or end an order (the
store does, after two absences).
"""

from __future__ import annotations

from tickwright.model.caps import Caps
from tickwright.model.order import OrderRef
from tickwright.orders.machine import Request, Status
from tickwright.orders.order import Order
from tickwright.orders.store import OrderStore

ASK_PAUSE_NS = 1_000_000_000
#: The pause doubles from ASK_PAUSE_NS this many times: 32 s at most.
ASK_DOUBLINGS_MAX = 5
#: A question that has had no answer at all for so long (not even "could not ask") is taken for lost.
QUESTION_LOST_NS = 60_000_000_000


def fence_ns(order: Order, caps: Caps, skew_bound_ns: int) -> int | None:
    """When the request that is in doubt can no longer be accepted, by the local clock; None where the venue sets no deadline.

    ``skew_bound_ns`` bounds how far the local clock may be ahead of the venue's: that much later does the deadline come.
    """
    lag_ns = max(skew_bound_ns, 0) + caps.processing_ns + caps.find_lag_ns
    if order.status is Status.NEW:
        dead_after_ns = order.order.dead_after_ns
        return dead_after_ns + lag_ns if dead_after_ns else None
    if order.pending is not None and not caps.deadline_ns:
        return None
    if order.request is Request.NONE:  # nothing was asked: only the venue's own lag stands between it and the truth
        return order.doubt_since_ns + lag_ns
    return order.fence_from_ns + caps.deadline_ns + lag_ns


def due(store: OrderStore, now_ns: int, caps: Caps, skew_bound_ns: int) -> list[OrderRef]:
    """The orders of this venue to ask about now. Each is asked about once until `OrderStore.on_finding` brings the answer."""
    asks: list[OrderRef] = []
    for order in _questionable(store):
        if order.key.partition(":")[0] != caps.venue:
            continue
        fence = fence_ns(order, caps, skew_bound_ns)
        order.fence_ns = fence or 0
        if order.finding and now_ns - order.find_asked_ns < QUESTION_LOST_NS:
            continue
        if now_ns < _next_ask_ns(order, caps, fence):
            continue
        if fence is not None and order.find_asked_ns < fence <= now_ns:
            order.asks = 0  # from here on the answers count: begin again with short pauses
        pause_ns = ASK_PAUSE_NS << min(order.asks, ASK_DOUBLINGS_MAX)
        order.next_ask_ns = now_ns + pause_ns
        if fence is not None and now_ns < fence < order.next_ask_ns:
            order.next_ask_ns = fence
        order.asks += 1
        order.finding = True
        order.find_asked_ns = now_ns
        asks.append(order.ref)
    return asks


def doubt_age_ns(order: Order, caps: Caps, skew_bound_ns: int, now_ns: int) -> int:
    """How long an order has been in doubt beyond its fence, or at a venue without deadlines beyond its beginning; 0 before."""
    if not order.doubt:
        return 0
    fence = fence_ns(order, caps, skew_bound_ns)
    return max(0, now_ns - (order.doubt_since_ns if fence is None else fence))


def _questionable(store: OrderStore) -> list[Order]:
    orders = store.in_doubt()
    orders += [order for order in store.short_of_fills() if not order.doubt]
    orders += [order for order in store.canceling() if not order.doubt and not order.missing]
    return orders


def _next_ask_ns(order: Order, caps: Caps, fence: int | None) -> int:
    if order.next_ask_ns:
        return order.next_ask_ns
    if order.doubt:
        return order.doubt_since_ns + caps.find_lag_ns
    if order.missing:
        return order.short_since_ns + caps.find_lag_ns
    # A cancel that was accepted: its report is overdue only when the request could not even arrive any more.
    return fence if fence is not None else order.fence_from_ns + caps.processing_ns + caps.find_lag_ns
