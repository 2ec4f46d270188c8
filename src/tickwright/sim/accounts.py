"""One account on the simulated exchange: what is free, what is locked, and which orders and fills it may ask about."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tickwright.base.limits import DONE_ORDERS_KEPT, FILL_IDS_REMEMBERED
from tickwright.sim.records import SimBalance, SimFill
from tickwright.sim.working import Working


class Account:
    """Amounts count 10**-18 of their asset and never go below zero."""

    __slots__ = ("_done", "fills", "free", "known", "locked", "name", "named", "open", "open_ids")

    def __init__(self, name: str, balances: Mapping[str, int]) -> None:
        assert all(amount >= 0 for amount in balances.values()), "INV-SIM-2 negative balance"
        self.name = name
        self.free: dict[str, int] = dict(balances)
        self.locked: dict[str, int] = dict.fromkeys(balances, 0)
        self.open: dict[int, Working] = {}  # by venue id, oldest first
        self.open_ids: set[str] = set()  # client ids in use
        self.known: dict[int, Working] = {}  # open and remembered, by venue id
        self.named: dict[tuple[str, str], Working] = {}  # the latest under (key, client id)
        self.fills: dict[str, deque[SimFill]] = {}
        self._done: deque[Working] = deque()

    # -- money -------------------------------------------------------------------------------------------------------

    def balance(self, asset: str) -> SimBalance:
        return SimBalance(asset, self.free.get(asset, 0), self.locked.get(asset, 0))

    def lock(self, order: Working, asset: str, amount: int) -> None:
        """Hold ``amount`` (covered by what is free) back for ``order``."""
        left = self.free.get(asset, 0) - amount
        assert amount >= 0, "INV-SIM-3 lock of a negative amount"
        assert left >= 0, "INV-SIM-2 negative balance"
        self.free[asset] = left
        self.locked[asset] = self.locked.get(asset, 0) + amount
        order.locked += amount

    def unlock(self, order: Working, asset: str, amount: int) -> None:
        """Give ``amount`` of what is held back for ``order`` free again."""
        assert 0 <= amount <= order.locked, "INV-SIM-3 unlock of more than is locked"
        self.locked[asset] -= amount
        self.free[asset] = self.free.get(asset, 0) + amount
        order.locked -= amount

    def pay(self, order: Working, asset: str, amount: int) -> None:
        """Spend ``amount`` of what is held back for ``order``."""
        assert 0 <= amount <= order.locked, "INV-SIM-3 payment of more than is locked"
        self.locked[asset] -= amount
        order.locked -= amount

    def receive(self, asset: str, amount: int) -> None:
        """Add to what is free; a fee is a negative amount and must be covered."""
        after = self.free.get(asset, 0) + amount
        assert after >= 0, "INV-SIM-2 negative balance"
        self.free[asset] = after
        self.locked.setdefault(asset, 0)

    # -- orders ------------------------------------------------------------------------------------------------------

    def enter(self, order: Working) -> None:
        """File an accepted order."""
        self.open[order.venue_id] = order
        self.open_ids.add(order.client_id)
        self.known[order.venue_id] = order
        self.named[order.key, order.client_id] = order

    def rename(self, order: Working, client_id: str) -> None:
        """Give an open order another client id; the old one no longer finds it."""
        self.open_ids.discard(order.client_id)
        self.named.pop((order.key, order.client_id), None)
        order.orig_client_id = order.client_id
        order.client_id = client_id
        self.open_ids.add(client_id)
        self.named[order.key, client_id] = order

    def leave(self, order: Working) -> None:
        """Move an ended order to the remembered ones, and forget the oldest beyond the bound."""
        del self.open[order.venue_id]
        self.open_ids.discard(order.client_id)
        self._done.append(order)
        if len(self._done) > DONE_ORDERS_KEPT:
            oldest = self._done.popleft()
            del self.known[oldest.venue_id]
            if self.named.get((oldest.key, oldest.client_id)) is oldest:
                del self.named[oldest.key, oldest.client_id]

    def note_fill(self, fill: SimFill) -> None:
        fills = self.fills.get(fill.key)
        if fills is None:
            fills = self.fills[fill.key] = deque(maxlen=FILL_IDS_REMEMBERED)
        fills.append(fill)
