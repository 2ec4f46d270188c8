"""Where orders are found again: by client id, by venue id, by name, and the sets of those that want attention.

Guarantees: an order that works is never forgotten; of ended ones the last ``DONE_ORDERS_KEPT`` are kept, of fill ids the
last ``FILL_IDS_REMEMBERED``. Does not: change an order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tickwright.base.limits import DONE_ORDERS_KEPT, FILL_IDS_REMEMBERED
from tickwright.model.order import Fill
from tickwright.orders.machine import Status
from tickwright.orders.order import Order


class FillIds:
    """The venue trade ids that have been counted, the oldest forgotten first."""

    __slots__ = ("_bound", "_ids")

    def __init__(self, bound: int = FILL_IDS_REMEMBERED) -> None:
        self._ids: dict[tuple[str, str], None] = {}
        self._bound = bound

    def first_time(self, fill: Fill) -> bool:
        """Whether this execution has not been seen; it has from now on."""
        ids = self._ids
        name = (fill.key, fill.trade_id)
        if name in ids:
            return False
        ids[name] = None
        if len(ids) > self._bound:
            del ids[next(iter(ids))]
        return True

    def all(self) -> tuple[tuple[str, str], ...]:
        """``(instrument, trade id)`` of each, oldest first."""
        return tuple(self._ids)

    def learn(self, ids: Iterable[tuple[str, str]]) -> None:
        """Ids that were counted by an earlier run."""
        self._ids.update(dict.fromkeys(ids))

    def __contains__(self, fill: Fill) -> bool:
        return (fill.key, fill.trade_id) in self._ids

    def __len__(self) -> int:
        return len(self._ids)


class Shelf:
    """The indices. ``doubt`` and ``short`` hold the orders in doubt and those that lack fills, oldest first."""

    __slots__ = ("_bound", "_by_client", "_by_name", "_by_venue", "_ended", "_open", "_open_by_key", "doubt", "short")

    def __init__(self, bound: int = DONE_ORDERS_KEPT) -> None:
        self._bound = bound
        self._by_client: dict[str, Order] = {}
        self._by_venue: dict[tuple[str, str], Order] = {}
        self._by_name: dict[tuple[str, str, str], Order] = {}
        self._open: dict[str, Order] = {}
        self._open_by_key: dict[str, dict[str, Order]] = {}
        self._ended: deque[Order] = deque()
        self.doubt: dict[str, Order] = {}
        self.short: dict[str, Order] = {}

    def put(self, order: Order) -> None:
        """Shelve an order that works."""
        held = self._by_client.get(order.client_id)
        assert held is None or (held.foreign and not held.working), f"INV-05 client id {order.client_id} is used twice"
        self._by_client[order.client_id] = order
        self.reopen(order)

    def reopen(self, order: Order) -> None:
        """Into the sets of working orders: a new one, or one that had been given up."""
        self._open[order.client_id] = order
        self._open_by_key.setdefault(order.key, {})[order.client_id] = order
        new = order.order
        if new.name:
            name = (new.strategy, new.key, new.name)
            holder = self._by_name.get(name)
            if holder is None or holder.client_id == order.replaces:
                self._by_name[name] = order

    def end(self, order: Order) -> None:
        """Out of the sets of working orders."""
        if self._open.pop(order.client_id, None) is None:
            return
        del self._open_by_key[order.key][order.client_id]
        new = order.order
        if new.name:
            self._free_name(order, (new.strategy, new.key, new.name))
        self._ended.append(order)
        if len(self._ended) > self._bound:
            self._forget(self._ended.popleft())

    def name_venue_id(self, order: Order, venue_id: str) -> Order | None:
        """Let the order be found by the venue's id; returns another order that was found by it until now."""
        place = (order.key, venue_id)
        held = self._by_venue.get(place)
        self._by_venue[place] = order
        if order.venue_id:
            order.former_ids += (order.venue_id,)
        order.venue_id = venue_id
        return None if held is order else held

    def find(self, key: str, client_id: str, venue_id: str) -> Order | None:
        """The order that a message is about. A foreign client id may be used again, then the venue's id decides."""
        order = self._by_client.get(client_id)
        if order is not None and order.key == key and (not order.foreign or order.venue_id in ("", venue_id) or not venue_id):
            return order
        return self._by_venue.get((key, venue_id)) if venue_id else None

    def get(self, client_id: str) -> Order | None:
        return self._by_client.get(client_id)

    def working(self, client_id: str) -> Order:
        """An order that is known to work."""
        return self._open[client_id]

    def by_venue_id(self, key: str, venue_id: str) -> Order | None:
        return self._by_venue.get((key, venue_id))

    def by_name(self, strategy: str, key: str, name: str) -> Order | None:
        return self._by_name.get((strategy, key, name))

    def open(self, key: str | None) -> list[Order]:
        """Working orders, oldest first."""
        if key is None:
            return list(self._open.values())
        held = self._open_by_key.get(key)
        return list(held.values()) if held else []

    def ended(self) -> list[Order]:
        """Orders that have ended and are not forgotten, oldest first."""
        return list(self._ended)

    def restore(self, order: Order) -> None:
        """Shelve an order of an earlier run, as it was: working or ended."""
        self._by_client[order.client_id] = order
        for venue_id in (*order.former_ids, order.venue_id):
            if venue_id:
                self._by_venue[order.key, venue_id] = order
        if order.working:
            self.reopen(order)
        else:
            self._ended.append(order)
        if order.doubt:
            self.doubt[order.client_id] = order
        if order.short_since_ns:
            self.short[order.client_id] = order

    def drop(self, order: Order) -> None:
        """Forget an order that turned out to be another one."""
        self.end(order)
        self._forget(order)

    def _free_name(self, order: Order, name: tuple[str, str, str]) -> None:
        """To the newest order that works under it all the same: of a line of replacements several may not have ended yet."""
        if self._by_name.get(name) is not order:
            return
        for other in reversed(self._open_by_key[order.key].values()):
            if other.order.name == name[2] and other.order.strategy == name[0]:
                self._by_name[name] = other
                return
        del self._by_name[name]

    def _forget(self, order: Order) -> None:
        if order.status is not Status.DONE:
            return  # it came back to life after it had ended
        if self._by_client.get(order.client_id) is order:
            del self._by_client[order.client_id]
        for venue_id in (order.venue_id, *order.former_ids):
            place = (order.key, venue_id)
            if self._by_venue.get(place) is order:
                del self._by_venue[place]
        self.short.pop(order.client_id, None)
