"""Agreeing with a venue: at start, after every reconnect of the account stream, and at the end.

Nothing new is sent to a venue between the loss of its account stream and the next agreement. Nothing is invented to make
numbers agree: missed fills are taken from trade history, orders that are gone are asked about, and what is left is a
difference, shown and halted on.
"""

from __future__ import annotations

from tickwright.engine import account, control
from tickwright.engine.state import Reconciliation, State, VenueState
from tickwright.model.account import AccountDown, AccountUp, Snapshot
from tickwright.model.effect import Disagreement, HaltChanged, Level, Notice, Reconciled, TakeSnapshot
from tickwright.model.event import SnapshotOutcome
from tickwright.model.order import CouldNotAsk
from tickwright.model.reason import Reason
from tickwright.orders.reconcile import Difference, reconcile
from tickwright.risk.halts import HaltLevel

#: A periodic comparison that finds no quiet moment is made anyway after this many of its intervals.
PUT_OFF_MAX = 5


def on_up(state: State, event: AccountUp) -> None:
    """The account stream delivers: find out what was missed."""
    venue = state.venues[event.venue]
    venue.account_up = True
    venue.tries = 0
    ask(state, venue, "account stream is up" if venue.loaded else "start")


def on_down(state: State, event: AccountDown) -> None:
    """Nothing is known of the account from here on; nothing new is sent until it is."""
    venue = state.venues[event.venue]
    venue.account_up = False
    venue.reconciled = False
    venue.snapshot_asked = False
    state.effects.append(Notice(Level.WARNING, "account.down", event.why, event.venue))
    if event.evicted:
        control.raise_halt(state, f"venue:{event.venue}", HaltLevel.PAUSE, Reason.HALT_EVICTED, event.why)


def ask(state: State, venue: VenueState, why: str) -> None:
    """Ask for a snapshot unless one is under way."""
    if venue.snapshot_asked:
        return
    venue.snapshot_asked = True
    venue.retry_ns = 0
    venue.asked_ns = state.now_ns
    venue.asked_why = why
    if venue.loaded:
        since = control.fills_since(state, venue.heard_until_ns)
    else:  # what is in the starting balances must be known, or a later look a little further back would count it again
        since = max(1, state.now_ns - 2 * state.config.fills_margin_ns)
    state.effects.append(TakeSnapshot(venue.caps.venue, since, why))


def on_time(state: State) -> None:
    """At each tick: ask again where the last answer was none, or too early to be compared; and now and then anyway."""
    for venue in state.venues.values():
        if not venue.account_up:
            continue
        if venue.retry_ns:
            if state.now_ns >= venue.retry_ns:
                ask(state, venue, "again")
        elif _is_due(state, venue):
            ask(state, venue, "periodic")


def _is_due(state: State, venue: VenueState) -> bool:
    """Whether it is time for the periodic comparison: in a quiet moment, but not put off for ever where there is none."""
    every = state.config.reconcile_every_ns
    age = state.now_ns - venue.asked_ns
    if not every or not venue.reconciled or state.stopping_since_ns or age < every:
        return False
    if age >= every * PUT_OFF_MAX:
        return True
    name = venue.caps.venue
    in_flight = any(not order.can_amend and order.key.partition(":")[0] == name for order in state.orders.open_orders())
    return not in_flight and state.now_ns - venue.account_event_ns >= state.config.reconcile_quiet_ns


def on_snapshot(state: State, event: SnapshotOutcome) -> None:
    """Compare with what the venue holds."""
    venue = state.venues[event.venue]
    venue.snapshot_asked = False
    answer = event.answer
    if isinstance(answer, CouldNotAsk):
        venue.retry_ns = state.now_ns + state.config.reconcile_retry_ns
        state.effects.append(Notice(Level.WARNING, "reconcile.no_answer", answer.why, event.venue))
        return
    if not venue.account_up:
        return  # the stream went down meanwhile; its next AccountUp asks again
    first = not venue.loaded
    if first:
        venue.loaded = True
        venue.account_event_ns = max(venue.account_event_ns, answer.asked_ns)  # what happens from here on can be missed
        state.ledger.load(answer)
        state.orders.note_fills(answer.fills)  # their effect is in the balances
        for report in answer.orders:
            account.adopted(state, state.orders.adopt(report, state.now_ns))
    else:
        for fill in answer.fills:
            account.apply(state, state.orders.on_fill(fill))
        for report in answer.orders:
            account.apply(state, state.orders.on_report(report))
    _ask_about_missing(state, answer)
    _compare(state, venue, answer)
    control.proceed(state)


def _ask_about_missing(state: State, answer: Snapshot) -> None:
    """Orders of ours that the venue no longer lists have ended: how, only the venue can say."""
    listed = {report.client_id for report in answer.orders}
    for order in state.orders.open_orders():
        mine = order.key.partition(":")[0] == answer.venue
        if mine and order.order.client_id not in listed and order.updated_ns < answer.asked_ns:
            account.apply(state, state.orders.on_missing(order.client_id, state.now_ns))


def _compare(state: State, venue: VenueState, answer: Snapshot) -> None:
    ours, theirs = _totals(state, answer)
    differences = reconcile(state.orders, ours, answer)
    state.counters.reconciliations += 1
    result = Reconciliation(venue=answer.venue, at_ns=state.now_ns, differences=tuple(differences), ours=ours, theirs=theirs)
    state.reconciliation = result
    lines = tuple(Disagreement(d.kind.value, d.subject, d.ours, d.theirs, d.cause.value if d.cause else "") for d in differences)
    state.effects.append(Reconciled(answer.venue, venue.asked_why, lines))
    venue.differs = None if result.agrees else answer
    if result.agrees:
        venue.reconciled = True
        venue.agreed_ns = answer.asked_ns
        venue.tries = 0
        _lift(state, answer.venue)
        state.effects.append(
            Notice(Level.INFO, "reconciled", f"{len(answer.orders)} orders, {len(theirs)} balances agree", answer.venue)
        )
        return
    if any(item.cause is None for item in differences):
        venue.tries += 1  # the others are a matter of time
    # Events may be on their way: an order in flight, a fill that the stream has not delivered yet.
    venue.retry_ns = state.now_ns + state.config.reconcile_retry_ns
    text = "; ".join(describe(item) for item in differences[:5])
    if venue.tries < state.config.reconcile_tries:
        state.effects.append(Notice(Level.INFO, "reconcile.differs", f"{text} (looking again)", answer.venue))
        return
    venue.reconciled = False
    scope = f"venue:{answer.venue}"
    if state.halts.hold(scope, HaltLevel.PAUSE, Reason.HALT_UNEXPLAINED):
        state.effects.append(HaltChanged(scope, HaltLevel.PAUSE.name, Reason.HALT_UNEXPLAINED.value, text, condition=True))
    state.effects.append(Notice(Level.ALERT, Reason.HALT_UNEXPLAINED.value, text, answer.venue))


def _lift(state: State, venue: str) -> None:
    """Both sides agree: what was unexplained is no more."""
    scope = f"venue:{venue}"
    if state.halts.clear(scope, Reason.HALT_UNEXPLAINED):
        text = "both sides agree"
        state.effects.append(HaltChanged(scope, HaltLevel.RUN.name, Reason.HALT_UNEXPLAINED.value, text, by=text, condition=True))


def _totals(state: State, answer: Snapshot) -> tuple[dict[str, int], dict[str, int]]:
    theirs = {balance.asset: balance.total for balance in answer.balances}
    held = state.ledger.totals(answer.venue)
    assets = sorted({*theirs, *(asset for asset, amount in held.items() if amount)})
    ours = {asset: held.get(asset, 0) for asset in assets}
    return ours, {asset: theirs.get(asset, 0) for asset in assets}


def describe(item: Difference) -> str:
    """One line for a person."""
    return f"{item.kind.value} {item.subject}: ours {item.ours}, theirs {item.theirs}"
