"""Account and order events: fold them into the store and the ledger, and draw the consequences.

The engine is the only writer of both. Whatever a venue says arrives here, whether by stream, answer or snapshot.
"""

from __future__ import annotations

from tickwright.base.ids import made_here
from tickwright.base.numbers import MONEY_EXP, to_decimal
from tickwright.engine import control
from tickwright.engine.act import RECANCEL_NS, bound_price, owe, withdraw
from tickwright.engine.plugin import call
from tickwright.engine.state import Runtime, State
from tickwright.engine.view import FillView
from tickwright.model.account import Balance, Position, Transfer
from tickwright.model.effect import Level, Notice, TakeSnapshot
from tickwright.model.event import AmendOutcome, CancelOutcome, FindOutcome, SubmitOutcome
from tickwright.model.order import Fill, OrderReport, Rejected, Unknown
from tickwright.model.reason import Reason
from tickwright.orders.store import Change, ChangeKind, Order
from tickwright.risk.halts import HaltLevel


def on_report(state: State, event: OrderReport) -> None:
    """The venue's word on an order."""
    _heard(state, event.key, event.recv_ns)
    apply(state, state.orders.on_report(event))


def on_fill(state: State, event: Fill) -> None:
    """An execution."""
    _heard(state, event.key, event.recv_ns)
    apply(state, state.orders.on_fill(event))


def on_balance(state: State, event: Balance) -> None:
    """The venue's word on an asset: kept beside ours, never instead of it."""
    state.venues[event.venue].account_event_ns = event.recv_ns
    state.ledger.on_balance(event)


def on_transfer(state: State, event: Transfer) -> None:
    """A deposit, a withdrawal, or a payment that no order explains."""
    state.venues[event.venue].account_event_ns = event.recv_ns
    state.ledger.post_transfer(event)
    rate = state.price_between(event.asset, state.config.currency)
    if rate is not None:
        state.watch.on_transfer(event.amount * rate // 10**18)  # what was paid in or out is neither profit nor loss


def on_position(state: State, event: Position) -> None:
    """The venue's word on a derivative position."""
    _heard(state, event.key, event.recv_ns)
    state.ledger.on_position(event)


def on_submit(state: State, event: SubmitOutcome) -> None:
    """The answer to a submit."""
    apply(state, state.orders.on_submit(event.client_id, event.outcome, state.now_ns))
    _after_outcome(state, event.client_id, event.outcome)


def on_cancel(state: State, event: CancelOutcome) -> None:
    """The answer to a cancel."""
    apply(state, state.orders.on_cancel(event.client_id, event.outcome, state.now_ns))
    _after_outcome(state, event.client_id, event.outcome)


def on_amend(state: State, event: AmendOutcome) -> None:
    """The answer to an amend."""
    apply(state, state.orders.on_amend(event.client_id, event.outcome, state.now_ns))
    _after_outcome(state, event.client_id, event.outcome)


def on_finding(state: State, event: FindOutcome) -> None:
    """The answer to a question about an order in doubt."""
    apply(state, state.orders.on_finding(event.ref, event.finding, state.now_ns))


def _heard(state: State, key: str, recv_ns: int) -> None:
    state.venue_of(key).account_event_ns = recv_ns


def _after_outcome(state: State, client_id: str, outcome: object) -> None:
    """Rejections count towards the streak; a banned address or a dead key stops the run from knocking on."""
    if isinstance(outcome, Rejected):
        if outcome.reason in _NOT_NOW:
            _hold_off(state, client_id)
        text = f"{outcome.reason.sentence} {outcome.code} {outcome.text}".strip()
        state.effects.append(Notice(Level.WARNING, outcome.reason.value, f"{client_id}: {text}"))
        if outcome.reason is Reason.VENUE_BANNED:
            control.raise_halt(state, "account", HaltLevel.PAUSE, Reason.HALT_BANNED, text)
        elif outcome.reason is Reason.VENUE_KEY:
            control.raise_halt(state, "account", HaltLevel.PAUSE, Reason.HALT_KEY_INVALID, text)
    elif isinstance(outcome, Unknown):
        state.effects.append(
            Notice(Level.WARNING, "order.doubt", f"{client_id}: outcome unknown ({outcome.why}); asking the venue")
        )


def _hold_off(state: State, client_id: str) -> None:
    """What is refused for the time being is asked again after a while, not at once: nobody is helped by a thousand requests."""
    order = state.orders.get(client_id)
    runtime = state.by_name.get(order.order.strategy) if order is not None else None
    if runtime is not None:
        runtime.replan_ns = state.now_ns + state.config.replan_ns


def apply(state: State, changes: list[Change]) -> None:
    """Draw the consequences of what happened to orders, in the order it happened."""
    for change in changes:
        order = change.order
        if change.fill is not None:  # an execution is real whatever else the change says
            state.ledger.post_fill(change.fill, order.client_id)
        _CONSEQUENCE.get(change.kind, _told)(state, change)
        runtime = state.by_name.get(order.order.strategy)
        if runtime is not None:
            runtime.strategy._dirty = True
            handle = runtime.handles.get(order.client_id)
            if handle is not None and change.kind is not ChangeKind.DUPLICATE:
                call(state, runtime, runtime.strategy.on_order, handle)
            if not order.working:
                runtime.handles.pop(order.client_id, None)


def _filled(state: State, change: Change) -> None:
    fill = change.fill
    assert fill is not None
    state.counters.fills += 1
    order = change.order
    _resize(state, order)
    runtime = state.by_name.get(order.order.strategy)
    if runtime is not None:
        call(state, runtime, runtime.strategy.on_fill, _fill_view(state, runtime, order, fill))


def _fill_view(state: State, runtime: Runtime, order: Order, fill: Fill) -> FillView:
    instrument = state.instruments[fill.key]
    return FillView(
        symbol=instrument.symbol,
        side=fill.side,
        price=instrument.price_decimal(fill.price),
        qty=instrument.qty_decimal(fill.qty),
        fee=to_decimal(fill.fee, MONEY_EXP),
        fee_asset=fill.fee_asset,
        maker=fill.maker,
        order=runtime.handles.get(order.client_id),
    )


def _resize(state: State, order: Order) -> None:
    """The reservation of an order is a function of the order: what is left of it at the worst price it can trade at."""
    if not order.working:
        state.ledger.release(order.client_id)
        return
    instrument = state.instruments[order.key]
    price = order.worst_price
    if price is None:
        price = bound_price(state, order.order, instrument)
    if price is not None:
        state.ledger.resize(order.client_id, order.worst_left, price)


def _told(state: State, change: Change) -> None:
    _resize(state, change.order)
    order = change.order
    if order.can_cancel and order.client_id in state.withdrawing:
        withdraw(state, order.client_id)


def _rejected(state: State, change: Change) -> None:
    state.ledger.release(change.order.client_id)
    if change.reason is Reason.VENUE_WOULD_TAKE:
        return  # a maker's order that came too late: its everyday life, and no sign that something is wrong
    for halt in state.watch.on_reject(state.now_ns):
        control.raise_halt(state, *halt)


def _accepted(state: State, change: Change) -> None:
    state.watch.on_accept()
    _told(state, change)


def _not_canceled(state: State, change: Change) -> None:
    """A cancel that was asked for is owed: one that is refused for the time being is asked again after a while."""
    if change.reason in _NOT_NOW:
        state.recancel_ns[change.order.client_id] = state.now_ns + RECANCEL_NS
        owe(state, change.order.client_id)
    _told(state, change)


def _foreign(state: State, change: Change) -> None:
    order = change.order
    if change.fill is None:
        adopted(state, order)
    else:
        _say_foreign(state, order)


def _say_foreign(state: State, order: Order) -> None:
    whose = "an earlier run of ours" if made_here(order.client_id) else "someone else"
    text = f"order {order.client_id} of {whose} on this account: left alone"
    state.effects.append(Notice(Level.WARNING, "order.foreign", text, order.key))


def adopted(state: State, order: Order) -> None:
    """An order that was open at start. It is known, its funds are reserved, and it is left alone."""
    instrument = state.instruments.get(order.key)
    if instrument is not None:
        price = order.price if order.price is not None else bound_price(state, order.order, instrument)
        if price is not None:
            state.ledger.hold(order.client_id, order.key, order.side, order.left, price)
    _say_foreign(state, order)


def _missing_fills(state: State, change: Change) -> None:
    venue = state.venue_of(change.order.key)
    if not venue.snapshot_asked:
        venue.snapshot_asked = True
        venue.asked_why = "the venue reports more filled than arrived as fills"
        since = control.fills_since(state, change.order.created_ns)  # it cannot have traded before
        state.effects.append(TakeSnapshot(venue.caps.venue, since, venue.asked_why))


def _impossible(state: State, change: Change) -> None:
    text = f"order {change.order.client_id}: {change.text}"
    control.raise_halt(state, "account", HaltLevel.PAUSE, Reason.HALT_IMPOSSIBLE_EVENT, text)


def _overfill(state: State, change: Change) -> None:
    control.raise_halt(state, "account", HaltLevel.PULL, Reason.HALT_OVERFILL, f"order {change.order.client_id}")


def _fence_wrong(state: State, change: Change) -> None:
    """It was given up and its reservation released: it works, so its funds are held again."""
    order = change.order
    if order.working and not state.ledger.held(order.client_id):
        instrument = state.instruments[order.key]
        price = order.worst_price if order.worst_price is not None else bound_price(state, order.order, instrument)
        state.ledger.hold(order.client_id, order.key, order.side, order.worst_left, price or 0)
    control.raise_halt(state, "account", HaltLevel.PULL, Reason.HALT_FENCE_WRONG, f"order {change.order.client_id}")


#: Refusals that say nothing of the request itself: the same one may pass later.
_NOT_NOW = frozenset(
    {
        Reason.NOT_SENT,
        Reason.VENUE_BANNED,
        Reason.VENUE_RATE_LIMIT,
        Reason.VENUE_ORDER_LIMIT,
        Reason.VENUE_OVERLOADED,
        Reason.VENUE_TIMESTAMP,
    }
)

_CONSEQUENCE = {
    ChangeKind.ACCEPTED: _accepted,
    ChangeKind.REJECTED: _rejected,
    ChangeKind.NOT_CANCELED: _not_canceled,
    ChangeKind.FILLED_PART: _filled,
    ChangeKind.FILLED: _filled,
    ChangeKind.FOREIGN: _foreign,
    ChangeKind.MISSING_FILLS: _missing_fills,
    ChangeKind.IMPOSSIBLE: _impossible,
    ChangeKind.OVERFILL: _overfill,
    ChangeKind.FENCE_WRONG: _fence_wrong,
}
