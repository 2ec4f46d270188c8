"""The part that waits. It feeds events to ``step`` one at a time and performs the effects, in order, after journalling them.

It decides nothing: an answer that does not come, a connection that is lost and a signal from the terminal are all turned
into events. A defect in the core ends the run: working orders are cancelled at the venue and the error is raised.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from tickwright.base.clock import NS_PER_US, Clock
from tickwright.base.errors import VenueError
from tickwright.base.limits import INBOX_EVENTS_MAX
from tickwright.engine.state import State
from tickwright.engine.step import step
from tickwright.model.account import AccountEvent
from tickwright.model.effect import (
    Amend,
    Cancel,
    CancelOwed,
    Effect,
    Find,
    HaltChanged,
    Level,
    Notice,
    Protected,
    Reconciled,
    Stopped,
    Submit,
    SubmitPair,
    TakeSnapshot,
    Valued,
    Watched,
)
from tickwright.model.event import (
    AmendOutcome,
    CancelOutcome,
    ClockMeasured,
    Command,
    Event,
    FindOutcome,
    SnapshotOutcome,
    SubmitOutcome,
    Tick,
    Verb,
)
from tickwright.model.market import MarketEvent, Subscription
from tickwright.model.order import Accepted, CouldNotAsk, NewOrder, Rejected, Unknown
from tickwright.model.reason import Reason
from tickwright.ports import Journal, Pairing, Streaming, Venue

T = TypeVar("T")

#: How often the engine is told that time has passed.
TICK_S = 0.1
#: How often each venue's clock is measured again.
CLOCK_EVERY_S = 60.0
#: How soon it is tried again when there was no answer.
CLOCK_AGAIN_S = 5.0
#: Tick-to-order samples kept for percentiles.
LATENCY_SAMPLES_MAX = 100_000


class Shell:
    """One run: a state, the venues it talks to, and the loop between them."""

    def __init__(
        self,
        state: State,
        venues: Mapping[str, Venue],
        subscriptions: Mapping[str, Sequence[Subscription]],
        clock: Clock,
        *,
        journal: Journal | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        clock_again_s: float = CLOCK_AGAIN_S,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self.state = state
        self.venues = venues
        self.subscriptions = subscriptions
        self.clock = clock
        self.journal = journal
        self._record = journal.write if journal is not None else None
        self.on_notice = on_notice
        self._clock_again_s = clock_again_s
        self._also = tuple(keepers)
        self.tick_to_order_us: deque[float] = deque(maxlen=LATENCY_SAMPLES_MAX)
        self.watched: dict[str, dict[str, str]] = {}
        self.stopped: Stopped | None = None
        self.failure: BaseException | None = None
        self._inbox: deque[Event] = deque()
        self._busy = False
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._perform: dict[type, Callable[[Any, Event], None]] = {
            Submit: self._submit,
            SubmitPair: self._submit_pair,
            Cancel: self._cancel,
            Amend: self._amend,
            Find: self._find,
            TakeSnapshot: self._snapshot,
            Notice: self._notice,
            Watched: self._watch,
            Valued: _for_the_record,
            HaltChanged: _for_the_record,
            CancelOwed: _for_the_record,
            Protected: _for_the_record,
            Reconciled: _for_the_record,
            Stopped: self._stopped,
        }

    def put(self, event: Event) -> None:
        """Handle one event now, or after the one under way. Called from sinks: never blocks, never raises."""
        if self._busy:
            self._later(event)
            return
        self._busy = True
        try:
            effects = step(self.state, event)
            if effects:
                self._carry_out(event, effects)
            elif self._record is not None:
                self._record(self.state.seq, event, effects)
            while self._inbox:
                following = self._inbox.popleft()
                self._carry_out(following, step(self.state, following))
        except Exception as error:  # noqa: BLE001 (top of the core: a defect ends the run, it does not pass unseen)
            self._fail(error)
        finally:
            self._busy = self.failure is not None  # after a defect nothing more is handled, and so nothing more is sent

    def _later(self, event: Event) -> None:
        """An answer that came within the call that asked for it, or an event after the run was over, which concerns nobody."""
        if self._done.is_set() or self.failure is not None:
            return
        if len(self._inbox) >= INBOX_EVENTS_MAX:
            self._fail(RuntimeError(f"inbox holds {INBOX_EVENTS_MAX} events"))
            return
        self._inbox.append(event)

    def _carry_out(self, event: Event, effects: Sequence[Effect]) -> None:
        if self._record is not None:
            self._record(self.state.seq, event, effects)
        for effect in effects:
            self._perform[type(effect)](effect, event)

    def command(self, verb: Verb, why: str, scope: str = "account") -> None:
        """A person's or a signal's instruction."""
        self.put(Command(verb, self.clock.wall_ns(), scope, why))

    async def run(self) -> None:
        """Deliver and perform until the engine has stopped; raises what ended the run if it was a defect."""
        keepers = [asyncio.create_task(self._ticks(), name="ticks")]
        for name, venue in self.venues.items():
            keepers.append(asyncio.create_task(self._account(venue), name=f"{name} account"))
            keepers.append(asyncio.create_task(self._market(venue, self.subscriptions.get(name, ())), name=f"{name} market"))
            keepers.append(asyncio.create_task(self._clock(name, venue), name=f"{name} clock"))
        keepers += [asyncio.create_task(keep(self), name=getattr(keep, "__qualname__", "")) for keep in self._also]
        for task in keepers:
            task.add_done_callback(self._keeper_ended)
        try:
            await self._done.wait()
        finally:
            self._busy = True  # for good: nothing more is handled
            for task in [*keepers, *self._tasks]:
                task.cancel()
            await asyncio.gather(*keepers, *self._tasks, return_exceptions=True)
        if self.failure is not None:
            await self._pull_directly()
            raise self.failure

    def _keeper_ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and not self._done.is_set():
            self._fail(task.exception() or RuntimeError(f"{task.get_name()} ended by itself"))

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self._done.set()

    async def _pull_directly(self) -> None:
        """The core cannot be trusted any more: cancel our own orders at the venue without it, and say which could not be."""
        ours = [order for order in self.state.orders.open_orders() if not order.foreign]
        answers = [_awaited(self.venues[order.key.partition(":")[0]].cancel(order.ref)) for order in ours]
        for order, outcome in zip(ours, await asyncio.gather(*answers, return_exceptions=True), strict=True):
            gone = isinstance(outcome, Rejected) and outcome.reason is Reason.VENUE_UNKNOWN_ORDER
            if not (isinstance(outcome, Accepted) or gone):
                self._say(Level.ALERT, "not cancelled", f"order {order.client_id} may still work: {outcome}", order.key)

    # -- feeders -----------------------------------------------------------------------------------------------------

    async def _ticks(self) -> None:
        while True:
            self.put(Tick(self.clock.wall_ns()))
            await asyncio.sleep(TICK_S)

    async def _market(self, venue: Venue, subs: Sequence[Subscription]) -> None:
        if isinstance(venue, Streaming):
            await venue.run_market(subs, self.put)
        else:
            await _pump(venue.market(subs), self.put)

    async def _account(self, venue: Venue) -> None:
        if isinstance(venue, Streaming):
            await venue.run_account(self.put)
        else:
            await _pump(venue.account(), self.put)

    async def _clock(self, name: str, venue: Venue) -> None:
        """Measure for ever. A question without an answer is asked again soon: the last measurement still stands."""
        while True:
            try:
                offset, bound = await venue.clock()
            except VenueError as error:
                self._say(Level.WARNING, "clock.no_answer", str(error), name)
                await asyncio.sleep(self._clock_again_s)
                continue
            self.put(ClockMeasured(name, offset, bound, self.clock.wall_ns()))
            await asyncio.sleep(CLOCK_EVERY_S)

    # -- effects -----------------------------------------------------------------------------------------------------

    def _submit(self, effect: Submit, cause: Event) -> None:
        order = effect.order
        answer = self.venues[effect.venue].submit(order)
        self.tick_to_order_us.append((self.clock.wall_ns() - cause.recv_ns) / NS_PER_US)
        self._when(answer, partial(self._answered, SubmitOutcome, order.client_id))

    def _submit_pair(self, effect: SubmitPair, cause: Event) -> None:
        venue = self.venues[effect.venue]
        assert isinstance(venue, Pairing), "the gate lets no pair pass that the venue does not take"
        answer = venue.submit_pair(effect.limit, effect.stop, effect.list_id)
        self.tick_to_order_us.append((self.clock.wall_ns() - cause.recv_ns) / NS_PER_US)

        def answered(outcome: Any, error: BaseException | None) -> None:
            for order in (effect.limit, effect.stop):
                self._answered(SubmitOutcome, order.client_id, _of_leg(outcome, order), error)

        self._when(answer, answered)

    def _cancel(self, effect: Cancel, _cause: Event) -> None:
        self._when(self.venues[effect.venue].cancel(effect.ref), partial(self._answered, CancelOutcome, effect.ref.client_id))

    def _amend(self, effect: Amend, _cause: Event) -> None:
        answer = self.venues[effect.venue].amend(effect.ref, effect.terms)
        self._when(answer, partial(self._answered, AmendOutcome, effect.ref.client_id))

    def _answered(
        self, kind: Callable[[str, Any, int], Event], client_id: str, outcome: Any, error: BaseException | None
    ) -> None:
        if error is not None:  # a venue must not raise; if it does, nobody knows what became of the request
            outcome = Unknown(why=f"{type(error).__name__}: {error}")
        self.put(kind(client_id, outcome, self.clock.wall_ns()))

    def _find(self, effect: Find, _cause: Event) -> None:
        def found(finding: Any, error: BaseException | None) -> None:
            if error is not None:
                finding = CouldNotAsk(why=f"{type(error).__name__}: {error}")
            self.put(FindOutcome(effect.ref, finding, self.clock.wall_ns()))

        self._when(self.venues[effect.venue].find(effect.ref), found)

    def _snapshot(self, effect: TakeSnapshot, _cause: Event) -> None:
        def taken(answer: Any, error: BaseException | None) -> None:
            if error is not None:
                answer = CouldNotAsk(why=f"{type(error).__name__}: {error}")
            self.put(SnapshotOutcome(effect.venue, answer, self.clock.wall_ns()))

        # The run's instruments, and those of orders that an earlier run left.
        concerned = dict.fromkeys([*self.state.traded, *(order.key for order in self.state.orders.open_orders())])
        keys = [key for key in concerned if key.partition(":")[0] == effect.venue]
        self._when(self.venues[effect.venue].snapshot(keys, effect.fills_since_ns), taken)

    def _say(self, level: Level, what: str, text: str, key: str) -> None:
        """Something for people that is not the engine's to say."""
        if self.on_notice is not None:
            self.on_notice(Notice(level, what, text, key))

    def _notice(self, effect: Notice, _cause: Event) -> None:
        if self.on_notice is not None:
            self.on_notice(effect)

    def _watch(self, effect: Watched, _cause: Event) -> None:
        self.watched.setdefault(effect.strategy, {})[effect.name] = effect.value

    def _stopped(self, effect: Stopped, _cause: Event) -> None:
        self.stopped = effect
        self._done.set()

    def _when(
        self, answer: Awaitable[T] | Coroutine[Any, Any, T], then: Callable[[T | None, BaseException | None], None]
    ) -> None:
        """Call ``then`` with the result or the error, once there is one. Cancellation (the run is over) is no answer."""

        def done(future: asyncio.Future[T]) -> None:
            if isinstance(future, asyncio.Task):
                self._tasks.discard(future)
            if future.cancelled():
                return
            error = future.exception()
            then(None if error else future.result(), error)

        if asyncio.isfuture(answer):
            future: asyncio.Future[T] = answer
        else:
            task = asyncio.ensure_future(_awaited(answer))
            self._tasks.add(task)
            future = task
        future.add_done_callback(done)


#: What else goes on for as long as the shell runs: it ends only when it is cancelled.
Keeper = Callable[[Shell], Coroutine[Any, Any, None]]


def _of_leg(outcome: Any, order: NewOrder) -> Any:
    """The part of the answer to a pair that is about one of its orders."""
    if not isinstance(outcome, Accepted):
        return outcome
    reports = tuple(item for item in outcome.reports if item.client_id == order.client_id)
    venue_id = next((item.venue_id for item in reports), "")
    return Accepted(venue_id=venue_id, at_ns=outcome.at_ns, reports=reports)


def _for_the_record(_effect: Effect, _cause: Event) -> None:
    """Nothing to perform: it is in the journal."""


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer


async def _pump(events: AsyncIterator[MarketEvent] | AsyncIterator[AccountEvent], sink: Callable[[Any], None]) -> None:
    async for event in events:
        sink(event)
