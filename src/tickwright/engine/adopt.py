"""A person takes over what nothing explains: the venue's balances become ours, an order of somebody else's becomes ours.

Only on request, and on record: each balance that is taken over is a transfer, so the ledger still says where every unit came
from. Nothing is sent by it.
"""

from __future__ import annotations

from tickwright.engine.state import State, VenueState
from tickwright.model.account import Snapshot, Transfer
from tickwright.model.effect import Level, Notice
from tickwright.model.event import Command
from tickwright.orders.reconcile import DifferenceKind


def adopt(state: State, event: Command) -> None:
    """``scope`` names an order, a venue, or the account: then every venue that differs."""
    kind, _, name = event.scope.partition(":")
    if kind == "order":
        _order(state, name)
        return
    for venue in state.venues.values():
        if kind == "venue" and venue.caps.venue != name:
            continue
        if venue.differs is None:
            state.effects.append(Notice(Level.INFO, "adopt.nothing", "nothing differs", venue.caps.venue))
        else:
            _balances(state, venue, venue.differs, event.why)


def _balances(state: State, venue: VenueState, answer: Snapshot, why: str) -> None:
    """Every balance that nothing explains; what time or the trade history may explain is left to them."""
    result = state.reconciliation
    assert result is not None, "a venue that differs has been compared with"
    unexplained = [item.subject for item in result.differences if item.kind is DifferenceKind.BALANCE and item.cause is None]
    theirs = {balance.asset: balance.total for balance in answer.balances}
    for asset in unexplained:
        amount = theirs.get(asset, 0) - state.ledger.total(asset, answer.venue)
        if not amount:
            continue
        state.ledger.post_transfer(Transfer(answer.venue, asset, amount, state.now_ns, state.now_ns))
        rate = state.price_between(asset, state.config.currency)
        if rate is not None:
            state.watch.on_transfer(amount * rate // 10**18)
        text = f"{asset}: taken over as the venue has it. {why}".strip()
        state.effects.append(Notice(Level.WARNING, "adopted.balance", text, answer.venue))
    venue.retry_ns = state.now_ns  # both sides are compared again at once


def _order(state: State, client_id: str) -> None:
    order = state.orders.get(client_id)
    if order is None or not order.working or not order.foreign:
        why = "no such order is open" if order is None or not order.working else "it is ours already"
        state.effects.append(Notice(Level.WARNING, "adopt.nothing", f"order {client_id}: {why}"))
        return
    state.orders.own(client_id)
    state.effects.append(Notice(Level.WARNING, "adopted.order", f"order {client_id} is ours from here on", order.key))
