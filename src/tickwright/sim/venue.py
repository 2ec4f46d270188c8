"""A venue without a network: the simulated exchange behind the same protocol as a real one.

Its market is another venue's streams, a replay or the generator; its one account trades on an :class:`Exchange`. Market
events reach the exchange when the source delivers them, and the client a feed delay later; requests reach the exchange after
their own delay and answers and account events come back after theirs. What arrives late is late for real: an order is matched
against the market of the moment at which it arrives.

It keeps a venue's promises: the order calls send within the call and never raise, account events come in engine order, a
request that was under way when the venue was closed is Unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tickwright.base.clock import NS_PER_S, Clock
from tickwright.model.account import AccountEvent, AccountUp, Balance, FeeRates, Permissions, Snapshot
from tickwright.model.caps import AmendKind, Caps
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, Channel, MarketEvent, Subscription, Trade
from tickwright.model.order import (
    Absent,
    Accepted,
    AmendTerms,
    CouldNotAsk,
    Fill,
    Finding,
    Found,
    NewOrder,
    OrderRef,
    Outcome,
    Rejected,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.net.streaming import pump
from tickwright.ports import AccountSink, MarketSink
from tickwright.sim.exchange import Exchange, OrderName
from tickwright.sim.feed import Feed
from tickwright.sim.history import History, SeenTrades
from tickwright.sim.lane import Lane, Scheduler, Timer
from tickwright.sim.latency import Latencies
from tickwright.sim.records import SimEvent, SimOrder
from tickwright.sim.reports import account_events, fill_of, report_of
from tickwright.sim.source import MarketSource, channel_of
from tickwright.sim.venue_rules import broken_filter, refusal

T = TypeVar("T")

#: What the exchange needs to see to match by; the channels that the venue has of these are subscribed to in any case.
_MATCHED_BY = frozenset({Channel.TRADES, Channel.QUOTES, Channel.BOOK})
#: What becomes of a request that is under way when the venue is closed.
_LOST = Unknown(why="the venue was closed")
_NOT_ASKED = CouldNotAsk(why="the venue was closed")

_UNKNOWN_SYMBOL = Rejected(reason=Reason.VENUE_UNKNOWN_SYMBOL, text="no such instrument")
_NOT_CHANGEABLE = Rejected(reason=Reason.VENUE_MALFORMED, text="orders cannot be amended here")


class SimVenue:
    """One account on a simulated exchange, as a :class:`~tickwright.ports.Venue` and :class:`~tickwright.ports.Streaming`.

    ``schedule`` is where delays are waited for: an event loop, real or virtual (None: the running one, from :meth:`open` on).
    ``history`` answers for bars and trades from before; without one they are what passed by here. Instruments must be the
    exchange's and the account opened on it. The venue takes all events of the exchange, so it is the only one on it.
    """

    def __init__(
        self,
        exchange: Exchange,
        account: str,
        instruments: Sequence[Instrument],
        source: MarketSource,
        *,
        clock: Clock,
        latencies: Latencies,
        caps: Caps,
        schedule: Scheduler | None = None,
        history: History | None = None,
    ) -> None:
        assert all(one.venue == caps.venue for one in instruments), "instruments of another venue"
        self.exchange = exchange
        self._account = account
        self._instruments = {one.key: one for one in instruments}
        self._source = source
        self._clock = clock
        self._latencies = latencies
        self._caps = caps
        self._schedule = schedule
        self._seen = SeenTrades()
        self._history: History = history if history is not None else self._seen
        self._feed = Feed(exchange, self._instruments)
        self._lanes: _Lanes | None = None
        self._account_sink: AccountSink | None = None
        self._pending: dict[asyncio.Future[Any], object] = {}
        self._dead_man: Timer | None = None

    @property
    def caps(self) -> Caps:
        return self._caps

    # -- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        schedule: Scheduler = self._schedule if self._schedule is not None else asyncio.get_running_loop()
        self._schedule = schedule
        down = self._latencies.down
        self._lanes = _Lanes(
            Lane(_call, self._latencies.up, self._clock, schedule),
            Lane(_call, down, self._clock, schedule),
            Lane(self._tell, down, self._clock, schedule),
        )

    async def close(self) -> None:
        if self._lanes is not None:
            for lane in self._lanes:
                lane.close()
        if self._dead_man is not None:
            self._dead_man.cancel()
        for future, lost in list(self._pending.items()):
            if not future.done():
                future.set_result(lost)

    # -- what is there -----------------------------------------------------------------------------------------------

    async def instruments(self) -> list[Instrument]:
        return list(self._instruments.values())

    async def permissions(self) -> Permissions:
        return Permissions(can_trade=True, can_withdraw=False, note="simulated")

    async def fee_rates(self, key: str) -> FeeRates:
        return self.exchange.fee_rates(key)

    async def clock(self) -> tuple[int, int]:
        return 0, 0  # the venue's clock is ours

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]:
        return await self._history.bars(key, span, start_ns, end_ns)

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]:
        return await self._history.trades(key, start_ns, end_ns)

    # -- streams -----------------------------------------------------------------------------------------------------

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        assert self._schedule is not None, "the venue is not open"
        venue, clock = self._caps.venue, self._clock
        wanted = {(f"{venue}:{sub.symbol}", sub.channel) for sub in subs}

        def deliver(event: MarketEvent, waited_ns: int) -> None:
            sink(msgspec.structs.replace(event, recv_ns=event.recv_ns + waited_ns) if waited_ns else event)

        lane: Lane[MarketEvent] = Lane(deliver, self._latencies.feed, clock, self._schedule)

        def arrive(event: MarketEvent) -> None:
            if isinstance(event, Trade):
                self._seen.note(event)
            self._feed.show(event, clock.wall_ns())
            self._pass_on()
            if (event.key, channel_of(event)) in wanted:
                lane.send(event)

        have = {(sub.symbol, sub.channel) for sub in subs}
        need = {(sub.symbol, channel) for sub in subs for channel in _MATCHED_BY & self._caps.channels}
        extra = [Subscription(symbol, channel) for symbol, channel in sorted(need - have, key=lambda one: (one[0], one[1].value))]
        try:
            await self._source.run_market([*subs, *extra], arrive)
        finally:
            lane.close()

    async def run_account(self, sink: AccountSink) -> None:
        assert self._account_sink is None, "the account stream is running"
        self._account_sink = sink
        try:
            sink(AccountUp(self._caps.venue, self._clock.wall_ns()))
            await asyncio.Event().wait()
        finally:
            self._account_sink = None

    def market(self, subs: Sequence[Subscription]) -> AsyncIterator[MarketEvent]:
        return pump(lambda sink: self.run_market(subs, sink))

    def account(self) -> AsyncIterator[AccountEvent]:
        return pump(self.run_account)

    def _pass_on(self) -> None:
        """Send what the exchange has said about our account."""
        assert self._lanes is not None, "the venue is not open"
        for account, event in self.exchange.drain():
            if account == self._account:
                self._lanes.events.send(event)

    def _tell(self, event: SimEvent, _waited_ns: int) -> None:
        sink = self._account_sink
        if sink is None:
            return  # nobody listens; a snapshot will tell
        for told in account_events(self._caps.venue, event, self._clock.wall_ns()):
            sink(told)

    # -- orders ------------------------------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> Awaitable[Outcome]:
        return self._ask(lambda: self._submit(order), _LOST)

    def submit_pair(self, limit: NewOrder, stop: NewOrder, list_id: str) -> Awaitable[Outcome]:
        return self._ask(lambda: self._submit_pair(limit, stop, list_id), _LOST)

    def cancel(self, ref: OrderRef) -> Awaitable[Outcome]:
        def at_venue() -> Outcome:
            return self._outcome(self.exchange.cancel(self._account, ref.key, _name(ref), self._clock.wall_ns()))

        return self._ask(at_venue, _LOST)

    def amend(self, ref: OrderRef, terms: AmendTerms) -> Awaitable[Outcome]:
        return self._ask(lambda: self._amend(ref, terms), _LOST)

    def cancel_all(self, key: str) -> Awaitable[Outcome]:
        def at_venue() -> Outcome:
            now_ns = self._clock.wall_ns()
            self.exchange.cancel_all(self._account, key, now_ns)
            return Accepted(venue_id="", at_ns=now_ns)

        return self._ask(at_venue, _LOST)

    def find(self, ref: OrderRef) -> Awaitable[Finding]:
        def at_venue() -> Finding:
            order = self.exchange.order(self._account, ref.key, _name(ref))
            if order is None:
                return Absent(source="orders")
            now_ns = self._clock.wall_ns()
            fills = [fill for fill in self.exchange.fills(self._account, ref.key) if fill.venue_id == order.venue_id]
            return Found(order=report_of(order, now_ns), fills=tuple(fill_of(one, now_ns) for one in fills), fills_complete=True)

        return self._ask(at_venue, _NOT_ASKED)

    async def fills(self, key: str, since_ns: int) -> list[Fill] | CouldNotAsk:
        return await self._ask(lambda: self._fills(key, since_ns), _NOT_ASKED)

    async def snapshot(self, keys: Sequence[str], fills_since_ns: int) -> Snapshot | CouldNotAsk:
        asked_ns = self._clock.wall_ns()

        def at_venue() -> Snapshot | CouldNotAsk:
            now_ns = self._clock.wall_ns()
            venue, held = self._caps.venue, self.exchange.balances(self._account)
            fills = [fill for key in keys for fill in self._fills(key, fills_since_ns)] if fills_since_ns else []
            return Snapshot(
                venue=venue,
                orders=tuple(report_of(order, now_ns) for order in self.exchange.open_orders(self._account)),
                balances=tuple(
                    Balance(venue, asset, free, locked, now_ns, now_ns)
                    for asset, (free, locked) in held.items()
                    if free or locked
                ),
                positions=(),
                fills=tuple(sorted(fills, key=lambda fill: fill.venue_ns)),
                asked_ns=asked_ns,
                recv_ns=now_ns,
            )

        answer: Snapshot | CouldNotAsk = await self._ask(at_venue, _NOT_ASKED)
        return msgspec.structs.replace(answer, recv_ns=self._clock.wall_ns()) if isinstance(answer, Snapshot) else answer

    async def keep_alive(self, ttl_s: float) -> bool:
        if not self._caps.dead_man_ns:
            return False
        return await self._ask(lambda: self._wind(min(ttl_s, self._caps.dead_man_ns / NS_PER_S)), False)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _ask(self, at_venue: Callable[[], T], lost: T) -> asyncio.Future[T]:
        """Have ``at_venue`` called when the request arrives; what it said when the answer is back, or ``lost``."""
        lanes = self._lanes
        assert lanes is not None, "the venue is not open"
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if lanes.up.closed:
            future.set_result(lost)
            return future
        self._pending[future] = lost
        future.add_done_callback(self._settled)

        def arrive() -> None:
            answer = at_venue()
            self._pass_on()
            lanes.answers.send(lambda: None if future.done() else future.set_result(answer))

        lanes.up.send(arrive)
        return future

    def _settled(self, future: asyncio.Future[Any]) -> None:
        self._pending.pop(future, None)

    def _outcome(self, answer: SimOrder | Rejected) -> Outcome:
        if isinstance(answer, Rejected):
            return answer
        return Accepted(venue_id=str(answer.venue_id), at_ns=answer.updated_ns)

    def _submit(self, order: NewOrder) -> Outcome:
        now_ns = self._clock.wall_ns()
        return self._refusal(order, now_ns) or self._outcome(self.exchange.submit(self._account, order, now_ns))

    def _submit_pair(self, limit: NewOrder, stop: NewOrder, list_id: str) -> Outcome:
        now_ns = self._clock.wall_ns()
        refused = self._refusal(limit, now_ns, 2) or self._refusal(stop, now_ns, 2)
        if refused is not None:
            return refused
        made = self.exchange.submit_oco(self._account, limit, stop, now_ns, list_client_id=list_id)
        if isinstance(made, Rejected):
            return made
        reports = tuple(report_of(order, now_ns) for order in made.orders)
        return Accepted(venue_id=str(made.list_id), at_ns=made.at_ns, reports=reports)

    def _refusal(self, order: NewOrder, now_ns: int, more: int = 1) -> Rejected | None:
        """What is wrong with an order that would be one of ``more``; None for nothing."""
        instrument = self._instruments.get(order.key)
        if instrument is None:
            return _UNKNOWN_SYMBOL
        refused = refusal(order, instrument, self._caps, self.exchange.last_price(order.key), now_ns)
        if refused is None and instrument.open_orders_max:
            working = len(self.exchange.open_orders(self._account, order.key))
            if working + more > instrument.open_orders_max:
                refused = Rejected(reason=Reason.VENUE_FILTER, code="MAX_NUM_ORDERS", text="too many open orders")
        return refused

    def _amend(self, ref: OrderRef, terms: AmendTerms) -> Outcome:
        """In place where the venue can, by cancel and new where it cannot."""
        instrument = self._instruments.get(ref.key)
        order = self.exchange.order(self._account, ref.key, _name(ref)) if instrument is not None else None
        if instrument is None or order is None or not order.status.is_open:
            return Rejected(reason=Reason.VENUE_UNKNOWN_ORDER, text="no such open order")
        kind = self._caps.amend
        if kind is AmendKind.NONE:
            return _NOT_CHANGEABLE
        qty = order.qty if terms.qty is None else terms.qty
        price = order.price if terms.price is None else terms.price
        broken = broken_filter(instrument, qty, price, order.stop, self.exchange.last_price(ref.key))
        if broken:
            return Rejected(reason=Reason.VENUE_FILTER, code=broken, text=f"the new terms break {broken}")
        now_ns = self._clock.wall_ns()
        in_place = kind is AmendKind.PRICE_AND_QTY or (kind is AmendKind.QTY_DOWN and price == order.price and qty < order.qty)
        if in_place:
            kept = AmendTerms(qty=terms.qty, price=terms.price)
            return self._outcome(self.exchange.amend(self._account, ref.key, order.venue_id, kept, now_ns))
        if qty <= order.filled:
            return Rejected(reason=Reason.VENUE_OTHER, text="the quantity is not above what is filled")
        successor = _successor(order, qty - order.filled, price, terms.client_id)
        _, placed = self.exchange.replace(self._account, ref.key, order.venue_id, successor, now_ns)
        assert placed is not None, "an open order can be cancelled"
        return self._outcome(placed)

    def _fills(self, key: str, since_ns: int) -> list[Fill]:
        now_ns = self._clock.wall_ns()
        return [fill_of(fill, now_ns) for fill in self.exchange.fills(self._account, key) if fill.at_ns >= since_ns]

    def _wind(self, ttl_s: float) -> bool:
        """Set the dead-man's switch to go off in ``ttl_s``; 0 switches it off."""
        assert self._schedule is not None
        if self._dead_man is not None:
            self._dead_man.cancel()
        self._dead_man = self._schedule.call_later(ttl_s, self._pull) if ttl_s > 0 else None
        return True

    def _pull(self) -> None:
        self._dead_man = None
        for key in self._instruments:
            self.exchange.cancel_all(self._account, key, self._clock.wall_ns())
        self._pass_on()


class _Lanes(NamedTuple):
    """Requests to the venue; answers, and account events, from it. The two ways back race, as on a real venue."""

    up: Lane[Callable[[], None]]
    answers: Lane[Callable[[], None]]
    events: Lane[SimEvent]


def _call(arrive: Callable[[], None], _waited_ns: int) -> None:
    arrive()


def _name(ref: OrderRef) -> OrderName:
    """The venue's own id where we know it: a client id may have been used again."""
    return int(ref.venue_id) if ref.venue_id.isdecimal() else ref.client_id


def _successor(order: SimOrder, qty: int, price: int | None, client_id: str) -> NewOrder:
    return NewOrder(
        key=order.key,
        client_id=client_id or order.client_id,
        side=order.side,
        type=order.type,
        qty=qty,
        price=price,
        stop=order.stop,
        tif=order.tif,
        post_only=order.post_only,
        reduce_only=False,
        stp=order.stp,
    )
