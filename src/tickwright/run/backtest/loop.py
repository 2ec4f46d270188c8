"""Runs a strategy on history: feeds ``step`` with events at the moments at which they would have been known, and performs its
effects against the simulated exchange after the time that they would have taken.

The order of time: the exchange sees a market event ``feed_ms`` before the strategy does; a request reaches the exchange
``up_ms`` after the step that made it, and what the exchange says of it is known ``down_ms`` after it happened. Neither side
sees what has not reached it. Same input, seed and version: same digest.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

import tickwright
from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS, NS_PER_S, SystemClock
from tickwright.base.errors import DataError, StrategyError, UsageError
from tickwright.base.numbers import MONEY_EXP, NEAREST, money, money_text, to_text
from tickwright.data.columns import BARS
from tickwright.data.source import Source
from tickwright.engine.build import attach
from tickwright.engine.state import EngineConfig, State
from tickwright.engine.step import step
from tickwright.model.account import AccountUp, Balance, Snapshot
from tickwright.model.caps import Caps
from tickwright.model.effect import Amend, Cancel, Effect, Find, Level, Notice, Submit, SubmitPair, TakeSnapshot
from tickwright.model.event import AmendOutcome, CancelOutcome, Event, FindOutcome, SnapshotOutcome, SubmitOutcome, Tick
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, Bar, BookUpdate, Channel, FeedUp, Gap, MarketEvent, Quote, Trade
from tickwright.model.order import Absent, Accepted, AmendTerms, Fill, Found, OrderRef, OrderReport, Outcome, Rejected
from tickwright.risk.limits import Limits
from tickwright.run.backtest.account import Books
from tickwright.run.backtest.result import Result, Stamp
from tickwright.run.record import build_digest, source_digest
from tickwright.sim.exchange import Exchange
from tickwright.sim.feed import Feed
from tickwright.sim.fees import FlatFees
from tickwright.sim.queue import DrawnQueue, PessimisticQueue, ProportionalQueue, QueueModel
from tickwright.sim.records import SimOrder
from tickwright.sim.reports import account_events, report_of
from tickwright.sim.venue_rules import sim_caps
from tickwright.strategy.strategy import Strategy

ACCOUNT = "backtest"
PREFIX = "twbacktest-"
#: How often the strategy's side is told that time has passed, while something is under way and while nothing is.
TICK_NS, IDLE_TICK_NS = NS_PER_S, 5 * NS_PER_S
#: After the last event what is under way is given so long.
_TAIL_NS = 3_600 * NS_PER_S
_PROGRESS_EVENTS = 20_000
#: Quantity shown at a price where the data says nothing of it: more than anybody asks for.
_PLENTY_UNITS = 1 << 60
_CURVE_EVERY_NS = NS_PER_S
QUEUES: dict[str, type] = {"pessimistic": PessimisticQueue, "proportional": ProportionalQueue, "drawn": DrawnQueue}
#: Risk limits of a backtest where none are given: nothing is too large, and data may be as old as its bars are long.
LIMITS = Limits(
    max_order_value=Decimal(10**12),
    max_order_qty=Decimal(10**12),
    max_position=Decimal(10**12),
    rolling_collar_ppm=None,
    submits_per_second=1_000,
    submits_per_minute=60_000,
    duplicate_window_s=0.0,
    stale_book_s=86_400.0,
)


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the data does not say and a result depends on. Printed in every report."""

    feed_ms: float = 0.0  # how much earlier the exchange sees a market event; recordings have it in them already
    up_ms: float = 5.0
    down_ms: float = 5.0
    maker_bps: float = 10.0
    taker_bps: float = 10.0
    queue: str = "pessimistic"
    half_spread_ticks: int = 1  # where the data has no quotes: what a taker pays beyond the last price
    seed: int = 1

    def words(self, kind: str) -> dict[str, str]:
        """For people."""
        found = {
            "latency": f"{self.up_ms:g} ms to the exchange, {self.down_ms:g} ms back, {self.feed_ms:g} ms for market data",
            "fees": f"maker {self.maker_bps:g} bp, taker {self.taker_bps:g} bp, in the asset received",
            "queue": f"{self.queue}: how much of what was ahead of a resting order is gone when its level shrinks",
            "impact": "the recorded market goes on as it was; what an order takes is gone until its level is shown anew",
        }
        if kind != "tape":
            found["spread"] = f"{self.half_spread_ticks} ticks beyond the last price, any quantity"
            found["resting orders"] = "filled once the price has gone through theirs"
        if kind == "bars":
            found["path of a bar"] = (
                "open, the extreme that is worse for the position held, the other, close: a stop is met before a profit is taken"
            )
        return found


def backtest(
    strategy: type[Strategy],
    source: Source,
    instrument: Instrument,
    *,
    params: Mapping[str, Any] | None = None,
    balances: Mapping[str, Decimal] | None = None,
    assumptions: Assumptions | None = None,
    limits: Limits | None = None,
    start_ns: int = 0,
    end_ns: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run ``strategy`` on ``source``. What comes before ``start_ns`` warms its data up; 0 is the whole. ``balances`` default to
    10,000 of the quote asset. ``on_progress`` is told of the number of events and the simulated time now and then.
    """
    run = _Run(strategy, params or {}, source, instrument, assumptions or Assumptions(), limits or LIMITS, balances)
    return run.result(start_ns, end_ns, on_progress)


class _Run:
    def __init__(
        self,
        strategy: type[Strategy],
        params: Mapping[str, Any],
        source: Source,
        instrument: Instrument,
        assumptions: Assumptions,
        limits: Limits,
        balances: Mapping[str, Decimal] | None,
    ) -> None:
        self.strategy = strategy
        self.source = source
        self.instrument = instrument
        self.key = instrument.key
        self.assumptions = assumptions
        self._up = int(assumptions.up_ms * NS_PER_MS)
        self._down = int(assumptions.down_ms * NS_PER_MS)
        self._lead = int(assumptions.feed_ms * NS_PER_MS)
        queue = QUEUES.get(assumptions.queue)
        if queue is None:
            raise UsageError(f"{assumptions.queue!r} is no queue model", hint=f"one of {', '.join(QUEUES)}")
        made: QueueModel = queue()
        fees = FlatFees(maker_ppm=round(assumptions.maker_bps * 100), taker_ppm=round(assumptions.taker_bps * 100))
        self.exchange = Exchange([instrument], fees, made, Chance(assumptions.seed))
        held = balances if balances is not None else {instrument.quote: Decimal(10_000)}
        self.exchange.add_account(ACCOUNT, {instrument.base: 0, instrument.quote: 0} | {k: money(v) for k, v in held.items()})
        caps: Caps = msgspec.structs.replace(sim_caps(instrument.venue), deadline_ns=0)
        config = EngineConfig(currency=instrument.quote, limits=limits, id_prefix=PREFIX, auto_arm=True, reconcile_every_ns=0)
        self.state = State(config, [caps], [instrument])
        self.state.traded = [instrument.key]
        self.made = strategy(**params)
        self.wanted = attach(self.state, self.made)
        self._check_wanted()
        self.books = Books({instrument.key: instrument})
        self.books.every_ns = _CURVE_EVERY_NS
        self._feed = Feed(self.exchange, {instrument.key: instrument})
        self._bare = source.kind != "tape"
        self._idle_ns = max(IDLE_TICK_NS, getattr(source, "span_ns", 0))
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._waiting: deque[MarketEvent] = deque()  # seen by the exchange, on its way to the strategy
        self._count = 0
        self._now = 0  # the exchange's time
        self._working = False
        self._unseen: MarketEvent | None = None
        self._timed = strategy.on_timer is not Strategy.on_timer
        self._next_tick = self._next_sample = 0
        self._trading = False  # nothing is before the start
        self._digest = hashlib.blake2b(digest_size=16)
        self._encode = msgspec.json.Encoder().encode
        self._calls: dict[type, Callable[[Any], None]] = {
            Submit: self._submit,
            SubmitPair: self._submit_pair,
            Cancel: self._cancel,
            Amend: self._amend,
            Find: self._find,
            TakeSnapshot: self._snapshot,
        }
        self.events = self.gaps = 0
        self.notes: list[str] = []

    def _check_wanted(self) -> None:
        offered = {Channel.TRADES} if self.source.kind != "tape" else {Channel.TRADES, Channel.QUOTES, Channel.BOOK}
        for _, channel, _ in self.wanted:
            if channel not in offered:
                raise StrategyError(
                    f"it wants {channel.value}, and {self.source.name} has {' and '.join(sorted(offered))}",
                    where=self.strategy.__name__,
                    hint="give a recording that has them (a tape)",
                )

    # -- time ----------------------------------------------------------------------------------------------------------

    def result(self, start_ns: int, end_ns: int, on_progress: Callable[[int, int], None] | None) -> Result:
        """All of it."""
        clock = SystemClock()
        began = clock.mono_ns()
        source = self._in_time(end_ns) if self.source.kind == BARS or end_ns else self.source.events()
        first, started, last = self._feed_all(source, start_ns, on_progress)
        if not started:
            raise DataError("it has nothing at or after the start", where=self.source.name)
        self._until(last + _TAIL_NS)
        self._sample(max(last, self.state.now_ns))
        return self._result(max(first, started), last, (clock.mono_ns() - began) / NS_PER_S)

    def _feed_all(
        self, source: Iterable[MarketEvent], start_ns: int, on_progress: Callable[[int, int], None] | None
    ) -> tuple[int, int, int]:
        """When the first event was known, when trading began, and when the last was known."""
        first = started = last = events = 0
        lead, heap, waiting, state = self._lead, self._heap, self._waiting, self.state
        for event in source:
            at = event.recv_ns
            last = max(last, at)
            if not started:
                first = first or at
                self._next_tick = self._next_tick or at
                if at >= start_ns:
                    started = at
                    self._begin(at)
            seen_ns = at - lead
            if waiting or (heap and heap[0][0] <= seen_ns):
                self._until(seen_ns)
            self._now = max(self._now, seen_ns)
            if self._working or type(event) is not Trade or state.books:
                self._show(event)
            else:
                self._unseen = event  # shown to the exchange once somebody trades there
            if lead:
                waiting.append(event)
            else:
                if at >= self._next_tick:
                    self._tick(at)
                effects = step(state, event)
                if effects:
                    self._perform_all(effects)
            events += 1
            if on_progress is not None and not events % _PROGRESS_EVENTS:
                on_progress(events, at)
        self.events = events
        return first, started, last

    def _in_time(self, end_ns: int) -> Iterable[MarketEvent]:
        """Events of the source, bars as trades along their path."""
        for event in self.source.events():
            if end_ns and (event.start_ns if isinstance(event, Bar) else event.recv_ns) >= end_ns:
                return
            if isinstance(event, Bar):
                yield from self._path(event)
            else:
                yield event

    def _path(self, bar: Bar) -> Iterable[Trade]:
        """Four trades: open, the extreme that is worse for what is held, the other, close. Flat: the nearer to the open first."""
        position = self.state.position_units(self.key)
        low_first = position > 0 if position else bar.open - bar.low <= bar.high - bar.open
        prices = (bar.open, bar.low, bar.high, bar.close) if low_first else (bar.open, bar.high, bar.low, bar.close)
        span, qty, before = bar.end_ns - bar.start_ns, bar.volume / 4, bar.open
        for place, price in enumerate(prices):
            at = bar.start_ns + (span - 1) * place // 3
            yield Trade(bar.key, price, qty, BUY if price >= before else BUY.opposite, 0, at, at)
            before = price

    def _until(self, at_ns: int) -> None:
        """Everything that happens until then, on either side, in order."""
        heap, waiting = self._heap, self._waiting
        while True:
            due = heap[0][0] if heap else at_ns + 1
            if waiting and waiting[0].recv_ns <= min(due, at_ns):
                self._deliver(waiting.popleft())
            elif due <= at_ns:
                when, _, call, argument = heapq.heappop(heap)
                self._now = max(self._now, when)
                call(argument)
            else:
                return

    def _later(self, at_ns: int, call: Callable[[Any], None], argument: Any) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_ns, self._count, call, argument))

    # -- the strategy's side -------------------------------------------------------------------------------------------

    def _begin(self, at_ns: int) -> None:
        """Trading begins: the account is connected and compared, which takes no time here."""
        up, down, self._up, self._down = self._up, self._down, 0, 0
        self._now = max(self._now, at_ns - self._lead)
        self._take(Tick(at_ns))
        self._take(AccountUp(self.instrument.venue, at_ns))
        while self._heap:
            _, _, call, argument = heapq.heappop(self._heap)
            call(argument)
        self._up, self._down = up, down
        self._trading = True

    def _deliver(self, event: MarketEvent) -> None:
        at = event.recv_ns
        if at >= self._next_tick:
            self._tick(at)
        effects = step(self.state, event)
        if effects:
            self._perform_all(effects)

    def _tick(self, at_ns: int) -> None:
        """Time passes for the strategy; in a gap once, unless it has a timer."""
        if self._timed:
            pace = max(1, int(min(1.0, self.made.timer_s) * NS_PER_S))
            while self._next_tick <= at_ns:
                self._take(Tick(self._next_tick))
                self._next_tick += pace
        else:
            self._take(Tick(at_ns))
            self._next_tick = at_ns + (TICK_NS if self._working or self._heap else self._idle_ns)
        if self._trading and at_ns >= self._next_sample:
            self._sample(at_ns)

    def _sample(self, at_ns: int) -> None:
        self._next_sample = at_ns + self.books.every_ns
        self.books.sample(at_ns, self.state.equity(), self.key, self.state.market(self.key).mid)

    def _take(self, event: Event) -> None:
        if isinstance(event, Fill):
            self.books.filled(event)
            self._digest.update(self._encode(event))
        elif isinstance(event, (OrderReport, SubmitOutcome)):
            self.books.heard(event)
        self._perform_all(step(self.state, event))

    def _perform_all(self, effects: Iterable[Effect]) -> None:
        at = self.state.now_ns + self._up
        for effect in effects:
            if isinstance(effect, Notice):
                if effect.level is not Level.INFO and len(self.notes) < 1_000:
                    self.notes.append(f"{effect.what}: {effect.text}")
                continue
            call = self._calls.get(type(effect))
            if call is None:
                continue
            if isinstance(effect, Submit):
                self.books.sent(effect.order, self.state.now_ns)
            elif isinstance(effect, SubmitPair):
                self.books.sent(effect.limit, self.state.now_ns)
                self.books.sent(effect.stop, self.state.now_ns)
            if not isinstance(effect, TakeSnapshot):
                self._digest.update(self._encode(effect))
            self._later(at, call, effect)

    # -- the exchange's side -------------------------------------------------------------------------------------------

    def _show(self, event: MarketEvent) -> None:
        """The exchange's market. As long as nothing of ours is there the last price is enough; the book is always kept."""
        kind = type(event)
        if kind is BookUpdate:
            self._feed.show(event, self._now)
            if self._working:
                self._hear()
        elif kind is FeedUp:
            return
        elif self._working and kind is not Gap:
            self._shown(event)
            self._hear()
        elif kind is Trade or kind is Quote:
            if not (self.state.books and kind is Trade):
                self._unseen = event
        else:
            self.gaps += kind is Gap
            self._feed.show(event, self._now)

    def _shown(self, event: MarketEvent) -> None:
        if not (self._bare and isinstance(event, Trade)):
            self._feed.show(event, self._now)
            return
        # No book is known: one of any size around the price, and a trade of nothing, which wakes stops and fills what it passes.
        price = self.instrument.price_units(event.price, NEAREST)
        away = self.assumptions.half_spread_ticks * self.instrument.tick_units
        self.exchange.on_quote(self.key, max(1, price - away), _PLENTY_UNITS, price + away, _PLENTY_UNITS, self._now)
        self.exchange.on_trade(self.key, price, 0, event.side, self._now)

    def _catch_up(self) -> None:
        if self._unseen is not None:
            event, self._unseen = self._unseen, None
            self._shown(event)

    def _answer(self, event: Event) -> None:
        self._later(event.recv_ns, self._take, event)

    def _hear(self) -> None:
        """What happened to our orders is on its way to the strategy."""
        known = self._now + self._down
        told = False
        for _, said in self.exchange.drain():
            told = True
            for event in account_events(self.instrument.venue, said, known):
                self._answer(event)
        if told:
            self._working = bool(self.exchange.open_orders(ACCOUNT))

    def _submit(self, effect: Submit) -> None:
        self._catch_up()
        made = self.exchange.submit(ACCOUNT, effect.order, self._now)
        self._answer(SubmitOutcome(effect.order.client_id, self._outcome(made), self._now + self._down))
        self._hear()

    def _submit_pair(self, effect: SubmitPair) -> None:
        self._catch_up()
        made = self.exchange.submit_oco(ACCOUNT, effect.limit, effect.stop, self._now, list_client_id=effect.list_id)
        for nth, order in enumerate((effect.limit, effect.stop)):
            answer = made if isinstance(made, Rejected) else made.orders[nth]
            self._answer(SubmitOutcome(order.client_id, self._outcome(answer), self._now + self._down))
        self._hear()

    def _cancel(self, effect: Cancel) -> None:
        gone = self.exchange.cancel(ACCOUNT, effect.ref.key, _name(effect.ref), self._now)
        self._answer(CancelOutcome(effect.ref.client_id, self._outcome(gone), self._now + self._down))
        self._hear()

    def _amend(self, effect: Amend) -> None:
        terms = AmendTerms(qty=effect.terms.qty, price=effect.terms.price)
        changed = self.exchange.amend(ACCOUNT, effect.ref.key, _name(effect.ref), terms, self._now)
        self._answer(AmendOutcome(effect.ref.client_id, self._outcome(changed), self._now + self._down))
        self._hear()

    def _find(self, effect: Find) -> None:
        order = self.exchange.order(ACCOUNT, effect.ref.key, _name(effect.ref))
        known = self._now + self._down
        finding = Absent(source="orders") if order is None else Found(order=report_of(order, known))
        self._answer(FindOutcome(effect.ref, finding, known))

    def _snapshot(self, effect: TakeSnapshot) -> None:
        now, known = self._now, self._now + self._down
        held = self.exchange.balances(ACCOUNT).items()
        answer = Snapshot(
            venue=effect.venue,
            orders=tuple(report_of(order, known) for order in self.exchange.open_orders(ACCOUNT)),
            balances=tuple(Balance(effect.venue, asset, free, locked, now, known) for asset, (free, locked) in held),
            positions=(),
            fills=(),
            asked_ns=now,
            recv_ns=known,
        )
        self._answer(SnapshotOutcome(effect.venue, answer, known))

    def _outcome(self, answer: SimOrder | Rejected) -> Outcome:
        return answer if isinstance(answer, Rejected) else Accepted(venue_id=str(answer.venue_id), at_ns=self._now)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _result(self, start_ns: int, end_ns: int, seconds: float) -> Result:
        state, item = self.state, self.instrument
        balances = {asset: money_text(free + locked) for asset, (free, locked) in sorted(self.exchange.balances(ACCOUNT).items())}
        self._digest.update(self._encode(balances))
        curve = self.books.curve
        if not curve:
            raise DataError("there is no price in it to value the account by", where=self.source.name)
        params = {name: str(getattr(self.made, name)) for name in sorted(self.made._params)}  # noqa: SLF001 (its own declaration)
        equity = state.equity()
        stamp = Stamp(
            version=tickwright.__version__,
            build=build_digest(),
            strategy=self.strategy.__name__,
            strategy_digest=source_digest(self.strategy),
            params=params,
            data=f"{self.source.name}: {self.source.describe()}",
            data_checksum=self.source.checksum(),
            seed=self.assumptions.seed,
            digest=self._digest.hexdigest(),
        )
        return Result(
            stamp=stamp,
            currency=item.quote,
            symbols=[item.symbol],
            start_ns=start_ns,
            end_ns=end_ns,
            events=self.events,
            bars=sum(runtime.graph.bars for runtime in state.runtimes),
            decisions=sum(runtime.decisions for runtime in state.runtimes),
            seconds=round(seconds, 3),
            start_equity=Decimal(str(round(curve[0].equity, 8))),
            end_equity=Decimal(to_text(equity, MONEY_EXP)) if equity is not None else Decimal(str(curve[-1].equity)),
            balances=balances,
            position={item.symbol: to_text(state.position_units(item.key), item.qty_exp)},
            fees=Decimal(str(round(self.books.fees, 8))),
            orders=self.books.orders(),
            fills=self.books.fills,
            trips=self.books.trips,
            curve=curve,
            refusals=dict(sorted(state.counters.refusals.items())),
            halts=list(state.counters.halts),
            gaps=self.gaps,
            assumptions=self.assumptions.words(self.source.kind),
            notes=self.notes,
        )


def _name(ref: OrderRef) -> int | str:
    return int(ref.venue_id) if ref.venue_id.isdigit() else ref.client_id
