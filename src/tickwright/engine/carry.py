"""What one run leaves to the next: kept from a state, rebuilt from a journal, put into a new state.

Guarantees: rebuilding folds the recorded events through the same ``step`` that recorded them, without strategies, and the
recorded effects where a strategy had decided them; what comes out equals what :func:`keep` gave at any checkpoint on the
way. Nothing is invented: requests whose answers died with the program are in doubt afterwards, and the venue is asked.

Does not: keep market data, transforms or what a strategy remembered: those begin anew. Streaks and rate windows as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tickwright.account import kept as ledgers
from tickwright.base.errors import RecoveryError
from tickwright.engine import account
from tickwright.engine.redo import redo
from tickwright.engine.state import State
from tickwright.engine.step import step
from tickwright.model.effect import Effect, HaltChanged, Level, Notice, Protected
from tickwright.model.event import Event
from tickwright.model.instrument import Instrument
from tickwright.model.market import BookUpdate
from tickwright.model.reason import Reason
from tickwright.orders import kept as stores
from tickwright.risk.halts import Halt, HaltLevel, Halts
from tickwright.risk.watch import KeptWatch
from tickwright.strategy.intents import Handle
from tickwright.transforms.book import Book


class KeptVenue(msgspec.Struct, frozen=True):
    """What is kept of a venue: whether its balances are known, and when the account was last heard of."""

    loaded: bool
    account_event_ns: int
    agreed_ns: int = 0


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """Orders, money, halts and the references of losses, as they stood at ``at_ns``."""

    at_ns: int
    orders: stores.KeptStore
    ledger: ledgers.KeptLedger
    halts: tuple[Halt, ...]
    watch: KeptWatch
    venues: dict[str, KeptVenue]
    instruments: tuple[Instrument, ...]
    owed: tuple[str, ...] = ()  # client ids of orders that are to be cancelled as soon as they can be
    recancel: dict[str, int] = {}  # of those: not before this time
    protections: tuple[Protected, ...] = ()  # positions that are to have a stop at the venue


def keep(state: State) -> Carried:
    """The state as it stands, between two steps."""
    orders = stores.keep(state.orders)
    ledger = ledgers.keep(state.ledger)
    working = {item.client_id for item in orders.open}
    concerned = {item.key for item in (*orders.open, *orders.ended)} | {item.key for item in ledger.positions}
    return Carried(
        at_ns=state.now_ns,
        orders=orders,
        ledger=ledger,
        halts=tuple(sorted(state.halts.all(), key=lambda halt: halt.scope)),
        watch=state.watch.keep(),
        venues={
            name: KeptVenue(venue.loaded, venue.account_event_ns, venue.agreed_ns) for name, venue in sorted(state.venues.items())
        },
        instruments=tuple(state.instruments[key] for key in sorted(concerned) if key in state.instruments),
        owed=tuple(sorted(state.withdrawing & working)),
        protections=tuple(
            Protected(name, key, want.stop, want.limit) for (name, key), want in sorted(state.protections.items()) if want.stop
        ),
        recancel={client_id: at_ns for client_id, at_ns in sorted(state.recancel_ns.items()) if client_id in working},
    )


def encode(carried: Carried) -> bytes:
    """The bytes of a checkpoint: equal for equal states."""
    return msgspec.json.encode(carried)


def decode(raw: bytes) -> Carried:
    """The other way; ``RecoveryError`` for anything else."""
    try:
        return msgspec.json.decode(raw, type=Carried)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecoveryError(f"the kept state cannot be read: {error}") from None


def restore(state: State, carried: Carried) -> None:
    """Put an earlier run's account into a state that nothing has happened to."""
    for instrument in carried.instruments:
        known = state.instruments.get(instrument.key)
        if known is None:
            state.instruments[instrument.key] = instrument
            state.ledger.learn(instrument)
        elif (known.price_exp, known.qty_exp) != (instrument.price_exp, instrument.qty_exp):
            raise RecoveryError(
                f"{instrument.key} counts in other units than when the journal was written",
                hint="adopt the venue's state: tickwright adopt",
            )
    stores.restore(state.orders, carried.orders)
    ledgers.restore(state.ledger, carried.ledger)
    state.halts = Halts(carried.halts)
    state.watch.restore(carried.watch)
    state.withdrawing.update(carried.owed)
    state.recancel_ns.update(carried.recancel)
    for protection in carried.protections:
        redo(state, protection)
    for name, kept in carried.venues.items():
        venue = state.venues.get(name)
        if venue is None:
            raise RecoveryError(f"the journal is about {name}, which is not a venue of this run")
        venue.loaded, venue.account_event_ns, venue.agreed_ns = kept.loaded, kept.account_event_ns, kept.agreed_ns


def fold(state: State, event: Event, effects: Iterable[Effect]) -> None:
    """One recorded step, on a state without strategies."""
    if type(event) is BookUpdate and event.key not in state.books:
        state.books[event.key] = Book(event.key)
    done = step(state, event)
    for effect in effects:
        if effect not in done:  # what the fold itself did has been done
            redo(state, effect)


def take_over(state: State, now_ns: int, *, strategy_changed: bool) -> None:
    """Called once on a state that was restored, before it is given events, strategies attached: what was under way when the
    program ended is in doubt, the strategies' own orders are handed to them, and a halt that a strategy's own defect had
    caused is over if the strategy is another one now.
    """
    state.now_ns = max(state.now_ns, now_ns)
    account.apply(state, stores.interrupt(state.orders, state.now_ns))
    for order in state.orders.open_orders():
        runtime = state.by_name.get(order.order.strategy)
        if runtime is None or order.foreign:
            continue
        handle = runtime.handles.get(order.replaces)  # one handle stands for an order and what takes its place
        if handle is None:
            handle = Handle(state.instruments[order.key], order.side, order.order.name)
        handle.attach(order.client_id, order)
        runtime.handles[order.client_id] = handle
    for name, _ in state.protections:
        if name in state.by_name:
            state.by_name[name].replan_ns = state.now_ns  # looked at from the first tick on, whether it decides or not
    for halt in state.halts.all():
        _again(state, halt, strategy_changed)


def _again(state: State, halt: Halt, strategy_changed: bool) -> None:
    """A halt of the run before: it stands, unless it was a strategy's own and the strategy is another one now."""
    kind, _, name = halt.scope.partition(":")
    if kind == "strategy" and halt.reason is Reason.HALT_STRATEGY_RAISED and strategy_changed:
        who = "the strategy was changed"
        state.halts.lower(halt.scope, HaltLevel.RUN, who)
        state.effects.append(HaltChanged(halt.scope, HaltLevel.RUN.name, halt.reason.value, "", by=who))
        return
    runtime = state.by_name.get(name) if kind == "strategy" else None
    if runtime is not None:
        runtime.halted = True
    text = f"{halt.scope} is at {halt.level.name} since an earlier run: {halt.reason.sentence} {halt.text}".strip()
    state.effects.append(Notice(Level.ALERT, halt.reason.value, text))


def interrupted(carried: Carried) -> Sequence[str]:
    """The client ids of the orders that were open when the run ended."""
    return [order.client_id for order in carried.orders.open]
