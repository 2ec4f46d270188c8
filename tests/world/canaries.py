"""Bugs to plant in the running program, one at a time. Each is a way in which trading systems do go wrong.

The product has no switch for any of them: a canary replaces one function of one room for as long as it is planted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tickwright.engine import account, act, recover
from tickwright.journal import writer
from tickwright.model.effect import Submit
from tickwright.model.order import Absent, CouldNotAsk, Rejected, Unknown
from tickwright.net import pacing
from tickwright.orders import resolver, shelf, store
from tickwright.risk import gate, halts
from tickwright.venues import book_sync


@contextlib.contextmanager
def _instead(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """While it lasts ``owner.name`` is what ``make`` made of it."""
    before = getattr(owner, name)
    setattr(owner, name, make(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def skip_the_flush() -> Any:
    """The record of an intent stays in memory until later."""
    return _instead(writer.JournalWriter, "_with_effects", lambda _: _lazily)


def _lazily(self: Any, seq: int, effects: Any) -> None:
    self._seq = seq
    self._effects.append((len(self._events) - 1, tuple(effects)))


def skip_the_sync() -> Any:
    """What is written is said to be durable."""

    def make(_: Any) -> Any:
        def nothing(self: Any) -> None:
            self._unsynced = False
            self._kept = self._size

        return nothing

    return _instead(writer.JournalWriter, "_sync", make)


def absent_is_final() -> Any:
    """One answer "no such order" ends an order, whenever it was asked."""

    def make(inner: Any) -> Any:
        def on_finding(self: Any, ref: Any, finding: Any, now_ns: int) -> Any:
            order = self.find(ref.key, ref.client_id, ref.venue_id)
            if isinstance(finding, Absent | CouldNotAsk) and order is not None and order.doubt:
                order.absents, order.absent_ns, order.fence_ns = 1, -(10**12), 1
                return inner(self, ref, Absent(), now_ns)
            return inner(self, ref, finding, now_ns)

        return on_finding

    return _instead(store.OrderStore, "on_finding", make)


def no_fence() -> Any:
    """Absence counts from the moment at which the request was made."""
    return _instead(resolver, "fence_ns", lambda _: lambda order, caps, skew: order.doubt_since_ns)


def release_early() -> Any:
    """The reservation of an order in doubt is given back."""

    def make(inner: Any) -> Any:
        def on_submit(state: Any, event: Any) -> None:
            inner(state, event)
            if isinstance(event.outcome, Unknown):
                state.ledger.release(event.client_id)

        return on_submit

    return _instead_handler(account, "on_submit", make)


def forget_fills_after_the_end() -> Any:
    """An execution of an order that has ended is thrown away."""

    def make(inner: Any) -> Any:
        def on_fill(self: Any, fill: Any) -> Any:
            order = self.find(fill.key, fill.client_id, fill.venue_id)
            if order is not None and (not order.working or order.ending is not None):
                return []
            return inner(self, fill)

        return on_fill

    return _instead(store.OrderStore, "on_fill", make)


def count_twice() -> Any:
    """Every execution is new."""
    return _instead(shelf.FillIds, "first_time", lambda _: lambda self, fill: True)


def resend_under_a_new_id() -> Any:
    """An order whose answer was lost is sent again."""

    def make(inner: Any) -> Any:
        def on_submit(state: Any, event: Any) -> None:
            inner(state, event)
            order = state.orders.get(event.client_id)
            if isinstance(event.outcome, Unknown) and order is not None and order.working and not order.order.name:
                again = msgspec.structs.replace(order.order, client_id=state.ids.next())
                bound = act.bound_price(state, again, state.instruments[again.key])
                if bound is not None and not state.stopping_since_ns:
                    state.ledger.hold(again.client_id, again.key, again.side, again.qty, bound)
                    state.orders.add(again, state.now_ns)
                    state.effects.append(Submit(state.venue_of(again.key).caps.venue, again, ""))

        return on_submit

    return _instead_handler(account, "on_submit", make)


def arm_before_reconciling() -> Any:
    """The venue counts as agreed with as soon as its stream is up."""

    def make(inner: Any) -> Any:
        def on_up(state: Any, event: Any) -> None:
            inner(state, event)
            state.venues[event.venue].reconciled = True

        return on_up

    return _instead_handler(recover, "on_up", make)


def send_while_halted() -> Any:
    """The ladder is not looked at."""
    return _instead(halts.Halts, "level_for", lambda _: lambda self, strategy, key, venue: halts.HaltLevel.RUN)


def unknown_is_rejected() -> Any:
    """A lost answer means that nothing happened."""

    def make(inner: Any) -> Any:
        def on_submit(self: Any, client_id: str, outcome: Any, now_ns: int) -> Any:
            if isinstance(outcome, Unknown):
                outcome = Rejected(reason=store.Reason.VENUE_OVERLOADED)
            return inner(self, client_id, outcome, now_ns)

        return on_submit

    return _instead(store.OrderStore, "on_submit", make)


def backoff_starts_over() -> Any:
    """Every attempt to connect waits as short as the first."""

    def make(inner: Any) -> Any:
        def failed(self: Any) -> Any:
            self.stable()
            return inner(self)

        return failed

    return _instead(pacing.Backoff, "failed", make)


def ignore_a_gap() -> Any:
    """A book goes on over a hole in its updates."""

    def make(inner: Any) -> Any:
        def on_update(self: Any, update: Any) -> Any:
            if self.synced and update.prev_seq > self.seq:
                update = msgspec.structs.replace(update, prev_seq=self.seq)
            return inner(self, update)

        return on_update

    return _instead(book_sync.BookSync, "on_update", make)


def accept_an_old_snapshot() -> Any:
    """A book begins with a snapshot that does not reach the first update that is kept."""

    def make(inner: Any) -> Any:
        def on_snapshot(self: Any, snapshot: Any) -> Any:
            kept = self._kept
            if kept and kept[0].prev_seq > snapshot.seq:
                snapshot = msgspec.structs.replace(snapshot, seq=kept[0].prev_seq)
            return inner(self, snapshot)

        return on_snapshot

    return _instead(book_sync.BookSync, "on_snapshot", make)


def trust_old_data() -> Any:
    """Orders are priced by whatever was seen last."""

    def make(inner: Any) -> Any:
        def init(self: Any, limits: Any) -> None:
            inner(self, limits)
            self._stale_ns = 10**18

        return init

    return _instead(gate.Gate, "__init__", make)


def _instead_handler(module: Any, name: str, make: Callable[[Any], Any]) -> Any:
    """The same for a handler that the engine's table holds."""
    from tickwright.engine import step

    before = getattr(module, name)
    kind = next(kind for kind, handler in step._OTHER.items() if handler is before)

    @contextlib.contextmanager
    def planted() -> Iterator[None]:
        step._OTHER[kind] = make(before)
        try:
            yield
        finally:
            step._OTHER[kind] = before

    return planted()


#: Every planted bug, by the function that plants it.
CANARIES = (
    skip_the_flush,
    skip_the_sync,
    absent_is_final,
    no_fence,
    release_early,
    forget_fills_after_the_end,
    count_twice,
    resend_under_a_new_id,
    arm_before_reconciling,
    send_while_halted,
    unknown_is_rejected,
    backoff_starts_over,
    ignore_a_gap,
    accept_an_old_snapshot,
    trust_old_data,
)
