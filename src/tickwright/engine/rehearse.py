"""An order that is made and not sent, so that what one takes is in the processor's caches when a real one comes.

Between two orders a market may be quiet for long enough that the way of an order has been pushed out of every cache: it then
takes several times as long as right after another one. A rehearsal walks it in between: the code in a state of its own, whose
strategy orders at every quote, and what is peculiar to the real state by looking at it. The real state is not changed, and its
strategies are asked nothing. What comes out is no intent: it may be encoded, and must be thrown away.
"""

from __future__ import annotations

import msgspec

from tickwright.base.clock import NS_PER_S
from tickwright.base.numbers import DOWN, MONEY_EXP, POW10
from tickwright.engine.act import view
from tickwright.engine.build import attach
from tickwright.engine.state import State
from tickwright.engine.step import step
from tickwright.model.account import AccountUp, Balance, Snapshot
from tickwright.model.effect import Submit
from tickwright.model.event import SnapshotOutcome, SubmitOutcome, Tick
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Quote
from tickwright.model.order import Rejected, Tif
from tickwright.model.reason import Reason
from tickwright.strategy.strategy import Strategy
from tickwright.transforms.expr import quotes

#: No run's ids begin like this.
PREFIX = "rehearsed-"
#: Between two rehearsals, by their own clock: longer than any guard against too many orders, or the same twice, looks back.
_APART_NS = 120 * NS_PER_S
_PLENTY = 10**9 * POW10[MONEY_EXP]


class Eager(Strategy):
    """Orders at every quote, buying and selling in turns."""

    top = quotes()
    _turn = 0

    def decide(self) -> None:
        self._turn += 1
        seen = self.top.value
        limit = self.instrument.price((seen.bid + seen.ask) / 2, DOWN)
        self.order(BUY if self._turn % 2 else SELL, self.instrument.qty(seen.bid_qty, DOWN), limit=limit, tif=Tif.IOC)


class Rehearsal:
    """Rehearses orders on the instruments of a state, in turns."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._turn = 0
        self._apart: dict[str, State] = {}

    def once(self) -> Submit | None:
        """The next one. None while there is no market to price an order by, or the gate would refuse it anyway."""
        state = self._state
        if not state.runtimes or not state.traded:
            return None
        self._turn += 1
        key = state.traded[self._turn // 2 % len(state.traded)]
        market = state.market(key)
        if market.bid is None or market.ask is None:
            return None
        instrument = state.instruments[key]
        apart = self._apart.get(key) or self._apart.setdefault(key, _apart(state, instrument))
        qty = instrument.qty_float(_enough(instrument, instrument.price_units(market.ask, DOWN)))
        now = apart.now_ns + _APART_NS
        apart.venue_of(key).account_event_ns = now
        effects = step(apart, Quote(key, market.bid, qty, market.ask, qty, 0, now, now))
        submit = next((effect for effect in effects if isinstance(effect, Submit)), None)
        if submit is None:
            return None
        order = submit.order
        step(apart, SubmitOutcome(order.client_id, Rejected(reason=Reason.VENUE_WOULD_TAKE, text=""), now))
        state.gate.weigh(order, view(state, state.runtimes[0], order, instrument), state.now_ns)
        return submit


def _apart(state: State, instrument: Instrument) -> State:
    """A state of the same configuration with one instrument, plenty of everything, and an eager strategy: connected and armed."""
    venue = state.venue_of(instrument.key).caps.venue
    config = msgspec.structs.replace(state.config, id_prefix=PREFIX, auto_arm=True)
    apart = State(config, [state.venue_of(instrument.key).caps], [instrument])
    apart.traded = [instrument.key]
    attach(apart, Eager())
    now = max(1, state.now_ns)
    balances = tuple(Balance(venue, asset, _PLENTY, 0, now, now) for asset in (instrument.base, instrument.quote))
    told = Snapshot(venue=venue, orders=(), balances=balances, positions=(), fills=(), asked_ns=now, recv_ns=now)
    for event in (AccountUp(venue, now), SnapshotOutcome(venue, told, now), Tick(now)):
        step(apart, event)
    return apart


def _enough(instrument: Instrument, price: int) -> int:
    """A quantity that the venue's filters would let pass, so that the gate goes on to what comes after them."""
    lot = max(1, instrument.lot_units)
    least = max(instrument.qty_min_units, lot)
    worth = instrument.notional(price, least)
    if worth and instrument.notional_min > worth:
        least *= instrument.notional_min // worth + 2
    return -(-least // lot) * lot
