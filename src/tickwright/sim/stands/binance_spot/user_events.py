"""What happened to an account, as its user stream tells it, in the engine's order."""

from __future__ import annotations

from typing import NamedTuple

from tickwright.sim.records import SimEvent, SimEventKind
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.account import AccountDesk
from tickwright.sim.stands.binance_spot.floor import Floor
from tickwright.sim.stands.binance_spot.lists import Lists
from tickwright.sim.stands.binance_spot.shapes import Json


class UserEvent(NamedTuple):
    """One event for everyone who listens to ``account``; ``name`` is its type."""

    account: str
    name: str
    body: Json


class UserEvents:
    """Turns what the exchange says into the venue's events, and counts what they change."""

    def __init__(self, floor: Floor, lists: Lists, desk: AccountDesk) -> None:
        self._floor = floor
        self._lists = lists
        self._desk = desk
        self._told: dict[int, int] = {}  # legs of a list told to be new so far
        self._ended: dict[int, int] = {}  # and to have ended
        self._waiting: list[UserEvent] = []

    def transfer(self, account: str, asset: str, amount: int, at_ns: int) -> bool:
        """Money comes from outside or goes there; False when there is not enough of it."""
        exchange = self._floor.exchange
        if not exchange.transfer(account, asset, amount):
            return False
        self._waiting.append(UserEvent(account, "balanceUpdate", render.transfer(asset, amount, at_ns)))
        free, locked = exchange.balances(account)[asset]
        row = {"a": asset, "f": render.money_text(free), "l": render.money_text(locked)}
        now = render.ms(at_ns)
        self._waiting.append(
            UserEvent(account, "outboundAccountPosition", {"e": "outboundAccountPosition", "E": now, "u": now, "B": [row]})
        )
        self._desk.note_update(at_ns)
        return True

    def collect(self) -> list[UserEvent]:
        """Everything since the last time."""
        told: list[UserEvent] = []
        for account, event in self._floor.exchange.drain():
            self._tell(account, event, told)
        if self._waiting:
            told += self._waiting
            self._waiting = []
        return told

    def _tell(self, account: str, event: SimEvent, told: list[UserEvent]) -> None:
        floor, order = self._floor, event.order
        one = floor.by_key[order.key]
        floor.executions += 1
        report = render.execution_report(event, one, floor.executions, floor.extras(order.venue_id))
        told.append(UserEvent(account, "executionReport", report))
        if event.balances:
            self._desk.note_update(event.at_ns)
            told.append(UserEvent(account, "outboundAccountPosition", render.position(event.balances, event.at_ns)))
        if event.kind is SimEventKind.TRADE and order.filled == order.last_qty:
            floor.meter.note_first_fill(account, event.at_ns, maker=order.last_maker)
        if order.list_id > 0:
            self._tell_list(account, event, told)

    def _tell_list(self, account: str, event: SimEvent, told: list[UserEvent]) -> None:
        """A list is told when both its legs have been, and again when both have ended."""
        made = self._lists.made(event.order.list_id)
        if made is None:
            return
        new = event.kind is SimEventKind.NEW
        if not new and event.order.status.is_open:
            return
        counts = self._told if new else self._ended
        counts[made.list_id] = counts.get(made.list_id, 0) + 1
        if counts[made.list_id] < len(made.orders):
            return
        del counts[made.list_id]
        one = self._floor.by_key[made.key]
        body = render.list_status(made.list_id, made.client_id, one, made.orders, event.at_ns, going=new)
        told.append(UserEvent(account, "listStatus", body))
