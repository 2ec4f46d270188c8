"""A recorded effect, applied to a state that has no strategy to decide it anew.

Only what the fold did not do by itself comes here: a question to the venue or a withdrawal by a halt happens again when its event
is folded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.engine.act import bound_price
from tickwright.engine.state import State
from tickwright.model.effect import Amend, Cancel, CancelOwed, Effect, HaltChanged, Protected, Submit, SubmitPair
from tickwright.model.order import NewOrder
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel
from tickwright.strategy.intents import ProtectWant


def redo(state: State, effect: Effect) -> None:
    """Do to the account what the effect meant when it was recorded."""
    apply = _REDO.get(type(effect))
    if apply is not None:
        apply(state, effect)


def _submit(state: State, effect: Submit) -> None:
    if state.orders.get(effect.order.client_id) is None:
        _hold(state, effect.order)
        state.orders.add(effect.order, state.now_ns)


def _submit_pair(state: State, effect: SubmitPair) -> None:
    if state.orders.get(effect.limit.client_id) is not None:
        return
    for order in (effect.limit, effect.stop):
        _hold(state, order)
        state.orders.add(order, state.now_ns)
    state.ledger.pair(effect.limit.client_id, effect.stop.client_id)


def _hold(state: State, order: NewOrder) -> None:
    bound = bound_price(state, order, state.instruments[order.key])
    assert bound is not None, "what was sent had a price bound"
    state.ledger.hold(order.client_id, order.key, order.side, order.qty, bound)


def _cancel(state: State, effect: Cancel) -> None:
    order = state.orders.get(effect.ref.client_id)
    if order is None or not order.can_cancel:
        return
    if not order.doubt:
        state.withdrawing.discard(order.client_id)
    state.orders.ask_cancel(order.client_id, state.now_ns)


def _owe(state: State, effect: CancelOwed) -> None:
    state.withdrawing.add(effect.client_id)


def _amend(state: State, effect: Amend) -> None:
    order = state.orders.get(effect.ref.client_id)
    if order is None or not order.can_amend:
        return
    terms = effect.terms
    if not terms.client_id:
        state.orders.ask_amend(order.client_id, terms, state.now_ns)
        worst = (
            order.worst_price if order.worst_price is not None else bound_price(state, order.order, state.instruments[order.key])
        )
        assert worst is not None, "what was sent had a price bound"
        state.ledger.resize(order.client_id, order.worst_left, worst)
        return
    deadline_ns = state.venue_of(order.key).caps.deadline_ns
    state.orders.ask_amend(order.client_id, terms, state.now_ns, state.now_ns + deadline_ns if deadline_ns else 0)
    second = state.orders.get(terms.client_id)
    assert second is not None, "a replacement is in the store"
    _hold(state, second.order)


def _protect(state: State, effect: Protected) -> None:
    if effect.stop:
        want = ProtectWant(key=effect.key, stop=effect.stop, limit=effect.limit)
        state.protections[effect.strategy, effect.key] = want
    else:
        state.protections.pop((effect.strategy, effect.key), None)


def _halt(state: State, effect: HaltChanged) -> None:
    level = HaltLevel[effect.level]
    if effect.condition:
        return
    if effect.by:
        state.halts.lower(effect.scope, level, effect.by)
    elif level is not HaltLevel.RUN:
        state.halts.raise_(effect.scope, level, Reason(effect.reason), state.now_ns, effect.text)


_REDO: dict[type, Callable[[State, Any], None]] = {
    Submit: _submit,
    SubmitPair: _submit_pair,
    Cancel: _cancel,
    CancelOwed: _owe,
    Amend: _amend,
    HaltChanged: _halt,
    Protected: _protect,
}
