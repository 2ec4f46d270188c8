"""What the adapter remembers of orders: their terms, for replacing them, and which id of ours goes with which of the venue's.

Bounded; the oldest are forgotten first. Not a record of orders: that is the engine's.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tickwright.model.order import Fill, NewOrder, OrderReport, ReportStatus


class Known(NamedTuple):
    """The terms of an open order and how much of it was filled when last heard of."""

    order: NewOrder
    filled: int


class KnownOrders:
    """Orders sent by this adapter, until they end, and the names of all that it has heard of."""

    def __init__(self, orders_max: int, names_max: int) -> None:
        self._orders: dict[str, Known] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._orders_max = orders_max
        self._names_max = names_max

    def sent(self, order: NewOrder) -> None:
        """An order is about to be sent."""
        if len(self._orders) >= self._orders_max:
            del self._orders[next(iter(self._orders))]
        self._orders[order.client_id] = Known(order, 0)

    def forget(self, client_id: str) -> None:
        """The venue has refused an order."""
        self._orders.pop(client_id, None)

    def learn(self, event: OrderReport | Fill) -> None:
        """The venue's word on an order."""
        self.name(event.key, event.venue_id, event.client_id)
        if not isinstance(event, OrderReport):
            return
        known = self._orders.get(event.client_id)
        if known is None:
            return
        if event.status is ReportStatus.DONE:
            del self._orders[event.client_id]
        elif event.qty and (event.qty != known.order.qty or event.filled > known.filled):
            order = known.order if event.qty == known.order.qty else msgspec.structs.replace(known.order, qty=event.qty)
            self._orders[event.client_id] = Known(order, max(known.filled, event.filled))

    def name(self, key: str, venue_id: str, client_id: str) -> None:
        """The venue's id (unique within ``key``) and ours are of the same order."""
        if venue_id and client_id and (key, venue_id) not in self._names:
            if len(self._names) >= self._names_max:
                del self._names[next(iter(self._names))]
            self._names[key, venue_id] = client_id

    def get(self, client_id: str) -> Known | None:
        return self._orders.get(client_id)

    def client_id(self, key: str, venue_id: str) -> str:
        """Ours for the venue's id; "" if it was never told."""
        return self._names.get((key, venue_id), "")
