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
    if event.recv_ns > state.now_ns:  # noqa: PLR1730 (a call of max costs more) # the wall clock may step back; the run's time does not
        state.now_ns = event.recv_ns
    kind = type(event)
    fold = _MARKET.get(kind)
    if fold is not None:
        fold(state, event)
        for runtime, sinks in state.sinks[kind].get(event.key, ()):  # type: ignore[union-attr]  # every event in _MARKET has a key
            try:
                for sink in sinks:
                    sink(event)
            except Exception as error:  # noqa: BLE001 (a plugin call: a stage may be the user's own)
                raised(state, runtime, error)
            if runtime.graph.changed:
                _decide(state, runtime)
    else:
        _OTHER[kind](state, event)
        for runtime in state.runtimes:
            if runtime.graph.changed:  # a bar that the clock closed
                _decide(state, runtime)
            elif runtime.strategy._dirty:
                act(state, runtime)
    if state.effects:
        effects, state.effects = state.effects, []
        return effects
    return _NOTHING


_NOTHING: list[Effect] = []


def _decide(state: State, runtime: Runtime) -> None:
    """Steps 5 to 9 for one strategy."""
    graph = runtime.graph
    graph.changed = False
    if not runtime.active or not graph.ready:
        return
    runtime.decisions += 1
    try:
        runtime.decide()
    except Exception as error:  # noqa: BLE001 (a plugin call: what it raises halts this strategy and nothing else)
        raised(state, runtime, error)
    if runtime.strategy._dirty:
        act(state, runtime)


def _fold_trade(state: State, event: Trade) -> None:
    market = state.markets.get(event.key) or state.market(event.key)
    market.last = event.price
    market.traded_ns = event.recv_ns


def _fold_quote(state: State, event: Quote) -> None:
    market = state.markets.get(event.key) or state.market(event.key)
    market.bid = event.bid
    market.ask = event.ask
    market.bid_qty = event.bid_qty
    market.ask_qty = event.ask_qty
    market.quoted_ns = event.recv_ns


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
    if book.bid is not None and book.ask is not None:
        market.bid = book.bid
        market.ask = book.ask
        market.bid_qty = book.bid_qty or 0.0
        market.ask_qty = book.ask_qty or 0.0
        market.quoted_ns = event.recv_ns


def _fold_nothing(_state: State, _event: Event) -> None:
    """Bars, tickers, marks and funding concern only the strategies that asked for them."""


def _listed(state: State, event: Listed) -> None:
    for instrument in event.instruments:
        state.instruments[instrument.key] = instrument
        state.ledger.learn(instrument)


def _clock(state: State, event: ClockMeasured) -> None:
    venue = state.venues[event.venue]
    venue.clock_offset_ns = event.offset_ns
    venue.clock_bound_ns = event.bound_ns
    guard.clock(state, event)


_MARKET: dict[type, Callable[[State, Any], None]] = {
    Trade: _fold_trade,
    Quote: _fold_quote,
    BookUpdate: _fold_book,
    Bar: _fold_nothing,
    Ticker: _fold_nothing,
    Mark: _fold_nothing,
    Funding: _fold_nothing,
}

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
