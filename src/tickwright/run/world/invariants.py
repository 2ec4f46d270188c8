"""What must hold after every step of every seed. Numbers are those of docs/world.md.

Reads the state and never writes it. Does not: compare with the venue; the audit does, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from tickwright.base.numbers import MONEY_EXP
from tickwright.engine.guard import DOUBT_AGE_MAX_NS
from tickwright.engine.state import State
from tickwright.model.account import AccountDown, AccountUp
from tickwright.model.effect import Amend, Effect, HaltChanged, Reconciled, Submit, SubmitPair, submitted
from tickwright.model.event import Event, Tick
from tickwright.model.order import NewOrder
from tickwright.model.reason import Reason
from tickwright.orders import resolver
from tickwright.orders.order import Order
from tickwright.risk.halts import HaltLevel

#: Doubts are looked at with each tick; a pause of the process is no doubt's fault.
DOUBT_SLACK_NS = 35 * 1_000_000_000


class BrokenError(AssertionError):
    """An invariant does not hold."""


#: Halts that only a venue that breaks its word, or a defect of ours, can cause.
_NEVER = frozenset({Reason.HALT_IMPOSSIBLE_EVENT.value, Reason.HALT_OVERFILL.value})


class Watchman:
    """Looks after each step. One for all lives of the engine in a world: ids are never used twice, whoever draws them.

    ``trusting`` is False in a world whose venue takes what it has no right to take any more.
    """

    def __init__(self, *, trusting: bool = True) -> None:
        self.sent: set[str] = set()
        self.submissions = 0
        self._trusting = trusting
        self._agreed = False  # in this life, since the account's stream came up

    def begin(self) -> None:
        """Another life begins."""
        self._agreed = False

    def look(self, state: State, event: Event, effects: Sequence[Effect]) -> None:
        """Raise :class:`BrokenError` where something does not hold after a step."""
        if isinstance(event, AccountUp | AccountDown):
            self._agreed = False
        for effect in effects:
            for order in submitted(effect):
                self._sent(order.client_id)
                if not self._agreed:
                    raise BrokenError(f"INV-24 {order.client_id} is sent before both sides were found to agree")
                _may_send(state, order, effect.rules if isinstance(effect, Submit | SubmitPair) else "")
            if isinstance(effect, Amend) and effect.terms.client_id:
                self._sent(effect.terms.client_id)
            elif isinstance(effect, Reconciled):
                self._agreed = not effect.differences or (self._agreed and state.venues[effect.venue].reconciled)
            elif isinstance(effect, HaltChanged) and not effect.by:
                self._halted(effect)
        if effects or isinstance(event, Tick):
            _money(state)
            if self._trusting:
                _orders(state)
        if isinstance(event, Tick):
            _doubts(state)

    def _sent(self, client_id: str) -> None:
        self.submissions += 1
        if client_id in self.sent:
            raise BrokenError(f"INV-05 client id {client_id} is sent for two orders")
        self.sent.add(client_id)

    def _halted(self, effect: HaltChanged) -> None:
        if effect.reason in _NEVER or (self._trusting and effect.reason == Reason.HALT_FENCE_WRONG.value):
            raise BrokenError(f"{effect.reason}: {effect.text}, and the venue keeps its word")


def _may_send(state: State, order: NewOrder, rules: str) -> None:
    venue = state.venue_of(order.key)
    if not state.armed or not venue.reconciled:
        raise BrokenError(f"INV-24 {order.client_id} is sent while disarmed or not reconciled")
    if state.stopping_since_ns:
        raise BrokenError(f"INV-24 {order.client_id} is sent by a run that is stopping")
    level = state.halts.level_for(order.strategy, order.key, venue.caps.venue)
    if level in (HaltLevel.PAUSE, HaltLevel.PULL):
        raise BrokenError(f"INV-15 {order.client_id} is sent at {level.name}")
    if not rules:
        raise BrokenError(f"INV-16 {order.client_id} names no rules that approved it")
    market = state.market(order.key)
    age_ns = state.now_ns - max(market.quoted_ns, market.traded_ns)
    if age_ns > int(state.config.limits.stale_book_s * 1e9):
        raise BrokenError(f"INV-21 {order.client_id} is priced by data {age_ns / 1e9:.1f} s old")
    instrument = state.instruments[order.key]
    if order.qty % instrument.lot_units or (order.price is not None and order.price % instrument.tick_units):
        raise BrokenError(f"INV-13 {order.client_id} is off the grid")


def _money(state: State) -> None:
    try:
        state.ledger.check()
    except AssertionError as error:
        raise BrokenError(str(error)) from None
    if not state.orders.open_orders():
        for asset in state.ledger.assets():
            reserved = state.ledger.reserved(asset)
            if reserved:
                raise BrokenError(f"INV-07 {reserved / 10**MONEY_EXP} {asset} is reserved with no order open")


def _held(state: State, order: Order) -> None:
    """A working order binds what is left of it at the worse of its terms."""
    price = order.worst_price
    if price is None:
        return  # at the market: bound by a price that moves
    _, needed = state.ledger.needed(order.key, order.side, order.worst_left, price)
    held = state.ledger.held(order.client_id)
    if held < needed:
        raise BrokenError(f"INV-07 {order!r} may cost {needed}, {held} is reserved")


def _orders(state: State) -> None:
    names: dict[tuple[str, str, str], list[Order]] = {}
    halted = bool(state.halts.all())
    for order in state.orders.open_orders():
        if order.filled > order.qty and not halted:
            raise BrokenError(f"INV-09 {order!r} filled more than its quantity")
        if not order.foreign:
            _held(state, order)
        if not order.foreign and order.order.name:
            names.setdefault((order.order.strategy, order.key, order.order.name), []).append(order)
    for name, orders in names.items():
        # One that takes the place of another may be known before the other's end is: a line of these is one order at the venue.
        lines = {order.client_id: _before(state, order) for order in orders}
        for number, order in enumerate(orders):
            for other in orders[number + 1 :]:
                if order.client_id not in lines[other.client_id] and other.client_id not in lines[order.client_id]:
                    raise BrokenError(f"INV-06 {name}: {order!r} and {other!r}")


def _before(state: State, order: Order) -> set[str]:
    """The orders whose place it took, one after another."""
    found: set[str] = set()
    place = order.replaces
    while place and place not in found:
        found.add(place)
        before = state.orders.get(place)
        place = before.replaces if before is not None else ""
    return found


def _doubts(state: State) -> None:
    """After a tick, which is when the guard looks at them."""
    for order in state.orders.in_doubt():
        venue = state.venue_of(order.key)
        skew = abs(venue.clock_offset_ns) + venue.clock_bound_ns
        age = resolver.doubt_age_ns(order, venue.caps, skew, state.now_ns)
        level = state.halts.level_for(order.order.strategy, order.key, venue.caps.venue)
        if age > DOUBT_AGE_MAX_NS + DOUBT_SLACK_NS and level < HaltLevel.REDUCE:
            raise BrokenError(f"INV-18 {order!r} is in doubt for {age / 1e9:.0f} s beyond its fence without a halt")
