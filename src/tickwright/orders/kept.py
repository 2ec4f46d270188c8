"""The order store as a plain value, and back: what a journal keeps of it and a restart begins with.

Guarantees: a store that is kept and restored answers every question as the first did, but for ended orders beyond the last
``ENDED_KEPT``; keeping it again gives an equal value. Does not: know why the program ended; see :func:`interrupt` for what
that does to requests whose answers nobody will hear.
"""

from __future__ import annotations

import msgspec

from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, NewOrder, Unknown
from tickwright.model.reason import Reason
from tickwright.orders.change import Change
from tickwright.orders.machine import Request, Status
from tickwright.orders.order import Order
from tickwright.orders.store import OrderStore

#: Of ended orders so many are kept, the latest: late fills and repeated reports still find them after a restart.
ENDED_KEPT = 1_000


class KeptOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every field of an :class:`Order`, by the same names."""

    order: NewOrder
    client_id: str
    key: str
    side: Side
    status: Status
    request: Request
    qty: int
    price: int | None
    created_ns: int
    updated_ns: int
    doubt: bool = False
    foreign: bool = False
    venue_id: str = ""
    former_ids: tuple[str, ...] = ()
    filled: int = 0
    value_units: int = 0
    reported: int = 0
    reason: Reason | None = None
    cause: Reason | None = None
    ending: Reason | None = None
    pending: AmendTerms | None = None
    prior: int = 0
    guessed: bool = False
    replaced_by: str = ""
    replaces: str = ""
    triggered: bool = True
    asked_ns: int = 0
    fence_from_ns: int = 0
    terms_ns: int = 0
    doubt_since_ns: int = 0
    short_since_ns: int = 0
    fence_ns: int = 0
    absents: int = 0
    absent_ns: int = 0
    asks: int = 0
    finding: bool = False
    find_asked_ns: int = 0
    next_ask_ns: int = 0


class KeptStore(msgspec.Struct, frozen=True, kw_only=True):
    """Orders in the order in which they are held; fill ids as ``(instrument, trade id)``, oldest first."""

    open: tuple[KeptOrder, ...] = ()
    ended: tuple[KeptOrder, ...] = ()
    fills: tuple[tuple[str, str], ...] = ()
    filled_ns: int = 0


def keep(store: OrderStore) -> KeptStore:
    """The store as it stands."""
    shelf = store._shelf
    ended = [order for order in shelf.ended() if order.status is Status.DONE]
    return KeptStore(
        open=tuple(_keep(order) for order in shelf.open(None)),
        ended=tuple(_keep(order) for order in ended[-ENDED_KEPT:]),
        fills=store._fills.all(),
        filled_ns=store.filled_ns,
    )


def restore(store: OrderStore, kept: KeptStore) -> None:
    """Fill an empty store."""
    assert not store.open_orders(), "only an empty store is restored into"
    store.filled_ns = kept.filled_ns
    store._fills.learn(kept.fills)
    for item in (*kept.ended, *kept.open):
        store._shelf.restore(_order(item))


def interrupt(store: OrderStore, now_ns: int) -> list[Change]:
    """The program had ended: whoever was to hear the answers that were outstanding is gone, so each of them is unknown, and
    questions that were under way are asked anew.
    """
    changes: list[Change] = []
    gone = Unknown(why="the program ended before the answer")
    for order in store.open_orders():
        order.forget_questions()
        if order.request is Request.SUBMIT and not order.doubt and not order.replaces:
            changes += store.on_submit(order.client_id, gone, now_ns)
        elif order.request is Request.CANCEL and not order.doubt:
            changes += store.on_cancel(order.client_id, gone, now_ns)
        elif order.request is Request.AMEND and not order.doubt:
            changes += store.on_amend(order.client_id, gone, now_ns)
    for order in store.open_orders():  # a replacement whose original has ended meanwhile
        if order.request is Request.SUBMIT and not order.doubt:
            changes += store.on_submit(order.client_id, gone, now_ns)
    for order in store.short_of_fills():
        order.forget_questions()
    return changes


def _keep(order: Order) -> KeptOrder:
    return KeptOrder(**{name: getattr(order, name) for name in KeptOrder.__struct_fields__})


def _order(kept: KeptOrder) -> Order:
    order = Order(kept.order, kept.created_ns)
    for name in KeptOrder.__struct_fields__:
        setattr(order, name, getattr(kept, name))
    return order
