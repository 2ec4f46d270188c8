"""The independent auditor: reads the venue's own log and the journal, and nothing else, and decides whether they are one story.

It shares no code with the account, the orders or the engine: amounts are decimals, orders are dictionaries, and what it believes
of the engine is what the journal says that the engine did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tickwright.model.effect import Amend, Effect, submitted
from tickwright.model.event import AmendOutcome, CancelOutcome, Event, FindOutcome, SnapshotOutcome, SubmitOutcome
from tickwright.model.instrument import Instrument
from tickwright.model.order import Accepted, Fill, Found, NewOrder

#: Client ids of orders that somebody places by hand.
BY_HAND = "hand-"
#: Calls of the venue that make a new order, by how their names begin.
_MAKES_ORDERS = ("place", "cancel_replace", "oco")


class Violation(msgspec.Struct, frozen=True):
    """What is not as it must be."""

    what: str
    text: str


class Fate(msgspec.Struct, frozen=True):
    """How the engine believes that an order of ours ended: whether it is over, and whether it ever existed at the venue."""

    over: bool
    existed: bool
    filled: int


class Record:
    """What the journal says: intents with their terms, fills that were heard of."""

    def __init__(self) -> None:
        self.intents: dict[str, NewOrder | None] = {}
        self.amended: set[str] = set()
        self.fills: Counter[str] = Counter()
        self.violations: list[Violation] = []

    def read(self, steps: Iterable[tuple[Event, tuple[Effect, ...]]]) -> None:
        """The steps of one run."""
        for event, effects in steps:
            for effect in effects:
                for order in submitted(effect):
                    self._intent(order.client_id, order)
                if isinstance(effect, Amend):
                    self.amended.add(effect.ref.client_id)
                    if effect.terms.client_id:
                        self._intent(effect.terms.client_id, None)
            for fill in _fills(event):
                self.fills[fill.trade_id] += 1

    def _intent(self, client_id: str, order: NewOrder | None) -> None:
        if client_id in self.intents:
            self.violations.append(Violation("duplicated", f"{client_id} has two intents on record"))
        self.intents[client_id] = order


def _fills(event: Event) -> tuple[Fill, ...]:
    """Every execution that an event tells of."""
    if isinstance(event, Fill):
        return (event,)
    if isinstance(event, FindOutcome):
        return event.finding.fills if isinstance(event.finding, Found) else ()
    if isinstance(event, SnapshotOutcome):
        return tuple(getattr(event.answer, "fills", ()))
    if isinstance(event, SubmitOutcome | CancelOutcome | AmendOutcome) and isinstance(event.outcome, Accepted):
        return tuple(item for item in event.outcome.reports if isinstance(item, Fill))
    return ()


def audit(
    venue: Mapping[str, Any],
    record: Record,
    instrument: Instrument,
    fates: Mapping[str, Fate],
    ours: Mapping[str, Decimal],
    opening: Mapping[str, Decimal],
) -> list[Violation]:
    """``venue`` is the stand's own state at the end; ``fates`` and ``ours`` (totals by asset) what the engine believes then;
    ``opening`` what the account began with.
    """
    found = list(record.violations)
    orders = {item["clientOrderId"]: item for item in venue["orders"]}
    found += _requests(venue, record)
    found += _existence(venue, orders, record, fates, instrument)
    for item in venue["open_orders"]:
        if not item["clientOrderId"].startswith(BY_HAND):
            found.append(Violation("orphaned", f"{item['clientOrderId']} works at the end"))
    found += _money(venue, instrument, ours, opening)
    missed = [fill["id"] for fill in venue["fills"] if not record.fills[str(fill["id"])]]
    if missed:
        found.append(Violation("lost", f"executions {missed[:5]} are in no event on record"))
    return found


def _requests(venue: Mapping[str, Any], record: Record) -> list[Violation]:
    """What the venue was asked for, by the ids of the orders."""
    asked: Counter[str] = Counter()
    for item in venue["requests"]:
        params = item["params"]
        if not item["call"].startswith(_MAKES_ORDERS):
            continue  # a cancel and an amend may name an order as often as they like
        for name in ("newClientOrderId", "aboveClientOrderId", "belowClientOrderId"):
            if params.get(name):
                asked[params[name]] += 1
    found = [Violation("duplicated", f"{name} was asked for {count} times") for name, count in asked.items() if count > 1]
    unknown = [name for name in asked if name not in record.intents and not name.startswith(BY_HAND)]
    return found + [Violation("orphaned", f"{name} was asked for and is not on record") for name in unknown]


def _existence(
    venue: Mapping[str, Any],
    orders: Mapping[str, Any],
    record: Record,
    fates: Mapping[str, Fate],
    instrument: Instrument,
) -> list[Violation]:
    """Every intent became exactly one order or definitely none, and the engine knows which, with the quantity filled."""
    found = []
    qty_unit, price_unit = Decimal(10) ** -instrument.qty_exp, Decimal(10) ** -instrument.price_exp
    for name, intent in record.intents.items():
        item, fate = orders.get(name), fates.get(name)
        if fate is None:
            found.append(Violation("lost", f"{name} is on record and the engine does not know it"))
            continue
        if not fate.over:
            found.append(Violation("unresolved", f"{name} is not over"))
        if item is None:
            if fate.existed:
                found.append(Violation("invented", f"{name} never existed at the venue"))
            continue
        forgotten = not Decimal(item["executedQty"]) and "archived" in venue["faults"]  # it was nothing, and nobody can ask
        if not fate.existed and not forgotten:
            found.append(Violation("lost", f"{name} existed at the venue, the engine believes that it never did"))
        if Decimal(item["executedQty"]) != fate.filled * qty_unit:
            found.append(Violation("lost", f"{name}: {item['executedQty']} filled there, {fate.filled * qty_unit} here"))
        if intent is None or name in record.amended:
            continue
        same_qty = Decimal(item["origQty"]) == intent.qty * qty_unit
        same_price = intent.price is None or Decimal(item["price"]) == intent.price * price_unit
        if not (same_qty and same_price and item["side"].lower() == intent.side.value):
            found.append(Violation("changed", f"{name}: {intent} became {item}"))
    unknown = [name for name in orders if name not in record.intents and not name.startswith(BY_HAND)]
    return found + [Violation("orphaned", f"{name} is an order at the venue and not on record") for name in unknown]


def _money(
    venue: Mapping[str, Any], instrument: Instrument, ours: Mapping[str, Decimal], opening: Mapping[str, Decimal]
) -> list[Violation]:
    """Balances: the venue's, the engine's, and what follows from the opening and the venue's executions."""
    expected = dict(opening)
    for fill in venue["fills"]:
        sign = 1 if fill["isBuyer"] else -1
        expected[instrument.base] = expected.get(instrument.base, Decimal(0)) + sign * Decimal(fill["qty"])
        expected[instrument.quote] = expected.get(instrument.quote, Decimal(0)) - sign * Decimal(fill["price"]) * Decimal(
            fill["qty"]
        )
        asset = fill["commissionAsset"]
        expected[asset] = expected.get(asset, Decimal(0)) - Decimal(fill["commission"])
    found = []
    for asset, (free, locked) in venue["balances"].items():
        there = Decimal(free) + Decimal(locked)
        here = ours.get(asset, Decimal(0))
        if not there == here == expected.get(asset, Decimal(0)):
            found.append(Violation("money", f"{asset}: venue {there}, engine {here}, by executions {expected.get(asset)}"))
    return found
