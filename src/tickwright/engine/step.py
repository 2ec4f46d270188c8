"""One event in, the effects it should have out.

The order of a step:

1. stamp    the shell has given the event its time; here it gets its number. Nothing below reads a clock
2. fold     apply it to books, orders, ledger
3. guard    staleness, clock skew, losses, halts
4. derive   push it through the transforms
5. decide   ask the strategies it concerns
6. plan     the difference between what is wanted and what is working
7. approve  every proposed action through the gate, then the user's ``authorise``
8. reserve  the ledger holds the funds
9. emit     effects, in order, for the shell to journal and then perform

Market data takes a short way through 2, 4 and 5 that allocates nothing; everything else goes through the handlers below.
The same events give the same effects, always: there is no other input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright.engine import account, control, guard, recover
from tickwright.engine.act import act
from tickwright.engine.plugin import raised
from tickwright.engine.state import Runtime, State
from tickwright.model.account import AccountDown, AccountUp, Balance, Position, Transfer
from tickwright.model.effect import Effect
from tickwright.model.event import (
    AmendOutcome,
    CancelOutcome,
    ClockMeasured,
    Command,
    Event,
    FindOutcome,
    Listed,
    SnapshotOutcome,
    SubmitOutcome,
    Tick,
)
from tickwright.model.market import Bar, BookUpdate, Channel, FeedDown, FeedUp, Funding, Gap, Mark, Quote, Ticker, Trade
from tickwright.model.order import Fill, OrderReport


def step(state: State, event: Event) -> list[Effect]:
    """Apply ``event`` to ``state`` and return what should happen, in order."""
    state.seq += 1
    at_ns = event.recv_ns
    if at_ns > state.now_ns:  # noqa: PLR1730 (a call of max costs more) # the wall clock may step back; the time of the run does not
        state.now_ns = at_ns
    kind = type(event)
    if kind is Trade:
        trade: Trade = event  # type: ignore[assignment]  # type() is compared, which is cheaper than isinstance and tells mypy nothing
        market = state.markets.get(trade.key) or state.market(trade.key)
        market.last = trade.price
        market.traded_ns = at_ns
    elif kind is Quote:
        quote: Quote = event  # type: ignore[assignment]  # the same
        market = state.markets.get(quote.key) or state.market(quote.key)
        market.bid = quote.bid
        market.ask = quote.ask
        market.bid_qty = quote.bid_qty
        market.ask_qty = quote.ask_qty
        market.quoted_ns = at_ns
    elif kind is BookUpdate:
        _fold_book(state, event)  # type: ignore[arg-type]  # the same
    elif kind not in _SIGNALS:
        _OTHER[kind](state, event)
        _wake(state)
        return _taken(state) if state.effects else _NOTHING
    for runtime, push in state.sinks[kind].get(event.key, ()):  # type: ignore[union-attr]  # every market event has a key
        graph = runtime.graph
        try:
            push(event)
            if not graph.changed:
                continue
            graph.changed = False
            if graph.cold or not runtime.active:
                continue
            runtime.decisions += 1
            runtime.decide()
        except Exception as error:  # noqa: BLE001 (plugin calls: what a stage or a strategy raises halts this strategy and nothing else)
            raised(state, runtime, error)
        if runtime.strategy._dirty:
            act(state, runtime)
    return _taken(state) if state.effects else _NOTHING


_NOTHING: list[Effect] = []


def _taken(state: State) -> list[Effect]:
    effects, state.effects = state.effects, []
    return effects


def _wake(state: State) -> None:
    """Steps 5 to 9 after an event that is no market data: bars that the clock closed, wants that its handler woke."""
    for runtime in state.runtimes:
        if runtime.graph.changed:
            _decide(state, runtime)
        elif runtime.strategy._dirty:
            act(state, runtime)


def _decide(state: State, runtime: Runtime) -> None:
    """Steps 5 to 9 for one strategy."""
    graph = runtime.graph
    graph.changed = False
    if graph.cold or not runtime.active:
        return
    runtime.decisions += 1
    try:
        runtime.decide()
    except Exception as error:  # noqa: BLE001 (a plugin call: what it raises halts this strategy and nothing else)
        raised(state, runtime, error)
    if runtime.strategy._dirty:
        act(state, runtime)


def _fold_book(state: State, event: BookUpdate) -> None:
    book = state.books.get(event.key)
    if book is None:
        return
    market = state.markets.get(event.key) or state.market(event.key)
    if not book.apply(event):
        # The wire watches sequences too; a gap that reaches here means that it missed one, so nothing derived is trusted.
        book.clear()
        guard.lose(state, event.key, Channel.BOOK)
        return
    bid, ask = book.bid, book.ask
    if bid is not None and ask is not None:
        market.bid = bid
        market.ask = ask
        market.bid_qty = book.bid_qty or 0.0
        market.ask_qty = book.ask_qty or 0.0
        market.quoted_ns = event.recv_ns


def _listed(state: State, event: Listed) -> None:
    for instrument in event.instruments:
        state.instruments[instrument.key] = instrument
        state.ledger.learn(instrument)


def _clock(state: State, event: ClockMeasured) -> None:
    venue = state.venues[event.venue]
    venue.clock_offset_ns = event.offset_ns
    venue.clock_bound_ns = event.bound_ns
    guard.clock(state, event)


#: What concerns only the strategies that asked for it.
_SIGNALS = frozenset({Bar, Ticker, Mark, Funding})

_OTHER: dict[type, Callable[[State, Any], None]] = {
    FeedUp: guard.feed_up,
    FeedDown: guard.feed_down,
    Gap: guard.gap,
    OrderReport: account.on_report,
    Fill: account.on_fill,
    Balance: account.on_balance,
    Transfer: account.on_transfer,
    Position: account.on_position,
    AccountUp: recover.on_up,
    AccountDown: recover.on_down,
    SubmitOutcome: account.on_submit,
    CancelOutcome: account.on_cancel,
    AmendOutcome: account.on_amend,
    FindOutcome: account.on_finding,
    SnapshotOutcome: recover.on_snapshot,
    Listed: _listed,
    ClockMeasured: _clock,
    Tick: guard.on_tick,
    Command: control.on_command,
}
