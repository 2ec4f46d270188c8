"""Binance Spot as a venue: the codec of ``wire.py`` over the sessions of ``net``.

Guarantees: an order request is written within the call, once, and resolves to one :data:`Outcome`; it goes over the WebSocket API
while that is connected and over REST while it is not, never over both. Nothing raises that the protocol says does not. Every
request is weighed against the venue's limits before it is sent.

It does not decide what to do about an unknown outcome, a gap or a difference.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS, NS_PER_S, Clock
from tickwright.base.errors import ConfigError, VenueError, WireError
from tickwright.base.limits import CLOCK_SAMPLES, DONE_ORDERS_KEPT, FILL_IDS_REMEMBERED
from tickwright.base.suggest import near_or_list
from tickwright.model.account import AccountEvent, FeeRates, Permissions, Snapshot
from tickwright.model.caps import Caps
from tickwright.model.effect import Submit
from tickwright.model.instrument import Instrument
from tickwright.model.market import SELL, Bar, MarketEvent, Subscription, Trade
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
    OrderReport,
    Outcome,
    Rejected,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.net.http import HttpAnswer, HttpSession, NotSent
from tickwright.net.pacing import Backoff, ConnectBudget, WeightBudget
from tickwright.net.streaming import pump
from tickwright.net.ws import WsCounters, WsSession
from tickwright.ports import AccountSink, MarketSink
from tickwright.venues.binance_spot import answers, catalog, history, requests
from tickwright.venues.binance_spot.api_session import ApiSession, Reply
from tickwright.venues.binance_spot.asking import Asker
from tickwright.venues.binance_spot.known import Known, KnownOrders
from tickwright.venues.binance_spot.market_feed import MarketFeed, Stream
from tickwright.venues.binance_spot.rules import (
    CAPS,
    CONNECTS_PER_5_MIN_MAX,
    HISTORY_PAGE,
    NAME,
    RECV_WINDOW_MS_MAX,
    SPANS_NS,
    STREAMS_MAX,
    WEIGHT_PER_MINUTE,
)
from tickwright.venues.binance_spot.timing import Timing
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.futures import mapped, settled
from tickwright.venues.kit import Request, VenueConfig, make_signer

E = TypeVar("E")

#: How far back a second look for an order goes.
FIND_BACK_NS = 24 * 3600 * NS_PER_S
#: Levels of a snapshot, and for how many books at once the budget of a minute has room for it.
_DEPTHS = ((5_000, 10), (1_000, 50))
_SHALLOWEST = 100
_TOO_LATE = "the order's deadline has passed"


class Binance:
    """One account on Binance Spot. Implements ``Venue`` and ``Streaming``."""

    def __init__(self, config: VenueConfig, clock: Clock, chance: Chance, timing: Timing = Timing()) -> None:  # noqa: B008 (frozen data)
        if (config.key is None) != (config.secret is None):
            raise ConfigError("an API key needs its secret, and a secret its key", where=NAME)
        if not 0 < config.recv_window_ms <= RECV_WINDOW_MS_MAX:
            raise ConfigError(f"recv_window_ms must be from 1 to {RECV_WINDOW_MS_MAX}", where=NAME)
        signer = make_signer(config.key_kind, config.secret) if config.secret is not None else None
        self._config = config
        self._clock = clock
        self._chance = chance
        self._timing = timing
        self.wire = Wire(config.key or "", signer, config.recv_window_ms)
        self._budget = WeightBudget(WEIGHT_PER_MINUTE, 60.0)
        self._http = HttpSession(config.rest_url, clock, chance, self._budget, used_header="x-mbx-used-weight-1m")
        self._connects = ConnectBudget(CONNECTS_PER_5_MIN_MAX // 2, 300.0)
        self._asker = Asker(self.wire, self._http, clock, timing.question_deadline_s)
        self._orders = KnownOrders(DONE_ORDERS_KEPT, FILL_IDS_REMEMBERED)
        self._absences: dict[str, int] = {}
        self._api: ApiSession | None = None
        self._feeds: list[MarketFeed] = []
        self.connections: dict[str, WsCounters] = {}  # by name of the session, for display
        self._tasks: set[asyncio.Task[Any]] = set()
        self._caps = msgspec.structs.replace(
            CAPS,
            deadline_ns=config.recv_window_ms * NS_PER_MS,
            processing_ns=timing.processing_ns,
            find_lag_ns=timing.find_lag_ns,
        )
        self._measuring = False

    @property
    def caps(self) -> Caps:
        return self._caps

    # -- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Measure the clock and learn the instruments."""
        await self._asker.measure(CLOCK_SAMPLES)
        await self.instruments()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def instruments(self) -> list[Instrument]:
        found = catalog.instruments(await self._asker.read(requests.instruments()))
        if not found:
            raise VenueError("the venue lists no instruments", where=NAME)
        self.wire.learn(found)
        return found

    async def permissions(self) -> Permissions:
        if self._config.key is None:
            return Permissions(can_trade=False, can_withdraw=False, can_read=False, note="no key: public data only")
        answer = await self._asker.ask(requests.key_restrictions())
        if isinstance(answer, HttpAnswer) and answer.status == 200:
            return catalog.permissions(answer.body)
        if isinstance(answer, HttpAnswer) and answer.status in (401, 403):
            raise self._asker.refused(requests.key_restrictions(), answer)
        found = catalog.account(await self._asker.read(requests.account()))
        if self._config.sandbox:
            note = "a test network that does not tell what a key may do; nothing of value is there to withdraw"
            return Permissions(can_trade=found.canTrade, can_withdraw=False, note=note)
        note = "the venue does not tell what the key may do: this is what the account may do"
        return Permissions(can_trade=found.canTrade, can_withdraw=found.canWithdraw, note=note)

    async def fee_rates(self, key: str) -> FeeRates:
        return catalog.fee_rates(await self._asker.read(requests.commission(self._native(key))))

    async def keep_alive(self, ttl_s: float) -> bool:
        """There is no cancel timer here."""
        del ttl_s
        return False

    # -- clock -------------------------------------------------------------------------------------------------------

    async def clock(self) -> tuple[int, int]:
        await self._asker.measure(1 if not self._asker.offset.needs_measure(self._clock.wall_ns()) else CLOCK_SAMPLES)
        return self._asker.offset.offset_ns, self._asker.offset.bound_ns(self._clock.wall_ns())

    def now_ns(self) -> int:
        """Local wall time."""
        return self._clock.wall_ns()

    def venue_ns(self) -> int:
        """The venue's time now, as far as it is known."""
        return self._asker.venue_ns()

    def clock_refused(self) -> None:
        """The venue refused a time stamp: measure anew, once at a time."""
        if not self._measuring:
            self._measuring = True
            self._spawn(self._remeasure())

    async def _remeasure(self) -> None:
        """Without an answer the old measurement stands: it is made again at the next refusal, and by whoever asks ``clock``."""
        try:
            with contextlib.suppress(VenueError):
                await self._asker.measure(CLOCK_SAMPLES)
        finally:
            self._measuring = False

    # -- market streams ----------------------------------------------------------------------------------------------

    def market(self, subs: Sequence[Subscription]) -> AsyncIterator[MarketEvent]:
        def run(sink: Callable[[MarketEvent], None]) -> Coroutine[Any, Any, None]:
            return self.run_market(subs, sink)

        return pump(run)

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        self._check(subs)
        wanted = sorted(set(subs))
        if not wanted:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(wanted), STREAMS_MAX):
                group.create_task(self._run_feed(wanted[start : start + STREAMS_MAX], sink, group))

    async def _run_feed(self, subs: Sequence[Subscription], sink: MarketSink, group: asyncio.TaskGroup) -> None:
        fetching: set[str] = set()

        def want(stream: Stream) -> None:
            if stream.name not in fetching:
                fetching.add(stream.name)
                group.create_task(self._fetch_book(feed, stream, fetching))

        policy = self._timing.market
        silence = (policy.silence_floor_s, policy.silence_ceiling_s)
        feed = MarketFeed(self.wire, subs, sink, want_snapshot=want, now_ns=self._clock.wall_ns, silence_s=silence)
        session = WsSession(f"{NAME} market", self._market_url, policy, feed, self._clock, self._chance, budget=self._connects)
        feed.session = session
        self.connections[f"market {len(self.connections)}"] = session.counters
        self._feeds.append(feed)
        try:
            await session.run()
        finally:
            feed.stop()
            self._feeds.remove(feed)

    def _market_url(self) -> str:
        url = self._config.ws_url.rstrip("/")
        return url if url.endswith("/stream") else f"{url}/stream"

    async def _fetch_book(self, feed: MarketFeed, stream: Stream, fetching: set[str]) -> None:
        """Snapshots until one joins. The book may be lost again meanwhile; then this goes on."""
        backoff = Backoff(0.1, 10.0, self._chance)
        levels = next((most for most, books in _DEPTHS if feed.books <= books), _SHALLOWEST)
        request = requests.depth(self._native(stream.key), levels)
        try:
            while stream.sync is not None and stream.sync.wants_snapshot and feed.connected:
                answer = await self._http.send(self._asker.http_request(request), self._timing.question_deadline_s)
                if isinstance(answer, HttpAnswer) and answer.status == 200:
                    try:
                        snapshot = self.wire.snapshot(answer.body, stream.key, self._clock.wall_ns())
                    except WireError as error:
                        feed.refused.append(str(error))
                    else:
                        feed.on_snapshot(stream, snapshot)
                if stream.sync.wants_snapshot:
                    await asyncio.sleep(backoff.failed())
        finally:
            fetching.discard(stream.name)

    def _check(self, subs: Sequence[Subscription]) -> None:
        for sub in subs:
            self._native(f"{NAME}:{sub.symbol}")
            try:
                self.wire.stream(sub)
            except ValueError as error:
                raise VenueError(str(error), where=NAME, hint=near_or_list(sub.detail, SPANS_NS)) from None

    def _native(self, key: str) -> str:
        """The venue's symbol of an instrument that it lists."""
        found = self.wire.symbols.instrument(key)
        if found is None:
            symbol = key.partition(":")[2]
            hint = near_or_list(symbol, [item.symbol for item in self.wire.symbols.instruments])
            raise VenueError(f"{symbol} is not listed on {NAME}", hint=hint)
        return found.native

    # -- account stream ----------------------------------------------------------------------------------------------

    def account(self) -> AsyncIterator[AccountEvent]:
        return pump(self.run_account)

    async def run_account(self, sink: AccountSink) -> None:
        if self._config.key is None:
            raise ConfigError("the account stream needs an API key", where=NAME)

        def heard(event: AccountEvent) -> None:
            if isinstance(event, (OrderReport, Fill)):
                self._orders.learn(event)
            sink(event)

        def late(request: Request, reply: Reply) -> None:
            outcome = self.wire.classify(request, reply.status, reply.body, reply.at_ns)
            for report in outcome.reports if isinstance(outcome, Accepted) else ():
                heard(report)

        api = ApiSession(self.wire, self, heard, can_log_on=self._config.key_kind == "ed25519", on_late=late, timing=self._timing)
        session = WsSession(
            f"{NAME} account",
            lambda: self._config.ws_api_url,
            self._timing.api,
            api,
            self._clock,
            self._chance,
            budget=self._connects,
        )
        self.connections["account"] = session.counters
        api.session = session
        self._api = api
        try:
            await session.run()
        finally:
            self._api = None
            api.stop()

    # -- orders ------------------------------------------------------------------------------------------------------

    def submit(self, order: NewOrder) -> Awaitable[Outcome]:
        why = requests.unsupported(order)
        if why:
            return settled(Rejected(reason=Reason.UNSUPPORTED, text=why))
        if self.wire.symbols.instrument(order.key) is None:
            return settled(Rejected(reason=Reason.UNKNOWN_INSTRUMENT, text=order.key))
        self._orders.sent(order)
        dead_after_ns = self._asker.offset.venue_ns(order.dead_after_ns) if order.dead_after_ns else 0
        return self._order(requests.submit(order, self.wire.symbols.native(order.key), dead_after_ns))

    def rehearse(self, submit: Submit) -> None:
        """The request of an order, encoded and signed, and thrown away: see :class:`tickwright.ports.Rehearsing`."""
        if self._api is not None:
            self._api.rehearse(submit.order)

    def submit_pair(self, limit: NewOrder, stop: NewOrder, list_id: str) -> Awaitable[Outcome]:
        above, below = (limit, stop) if limit.side is SELL else (stop, limit)
        why = requests.refuse_oco(above, below)
        if why:
            return settled(Rejected(reason=Reason.UNSUPPORTED, text=why))
        for order in (above, below):
            self._orders.sent(order)
        return self._order(requests.oco(above, below, list_id, self.wire.symbols.native(above.key)))

    def cancel(self, ref: OrderRef) -> Awaitable[Outcome]:
        return self._order(requests.cancel(ref, self.wire.symbols.native(ref.key)))

    def cancel_all(self, key: str) -> Awaitable[Outcome]:
        return self._order(requests.cancel_all(key, self.wire.symbols.native(key)))

    def amend(self, ref: OrderRef, terms: AmendTerms) -> Awaitable[Outcome]:
        """A smaller quantity alone is taken over in place; anything else makes a new order named ``terms.client_id``.

        ``terms`` give the new order's own quantity and price, whatever of the old one was filled.
        """
        native = self.wire.symbols.native(ref.key)
        known = self._orders.get(ref.client_id)
        if terms.price is None and terms.qty is not None and (known is None or terms.qty < known.order.qty):
            return self._order(requests.amend_qty(ref, terms.qty, native))
        if not terms.client_id:
            return settled(
                Rejected(reason=Reason.UNSUPPORTED, text="this change makes a new order, which needs an id of its own")
            )
        if known is None:
            return self._spawn(self._replace_unknown(ref, terms))
        return self._replace(ref, terms, known)

    def _replace(self, ref: OrderRef, terms: AmendTerms, known: Known) -> Awaitable[Outcome]:
        old = known.order
        new = msgspec.structs.replace(
            old,
            client_id=terms.client_id,
            qty=old.qty - known.filled if terms.qty is None else terms.qty,
            price=old.price if terms.price is None else terms.price,
            dead_after_ns=0,
        )
        why = requests.unsupported(new)
        if why:
            return settled(Rejected(reason=Reason.UNSUPPORTED, text=why))
        self._orders.sent(new)
        # An order that had not traded when the new quantity was worked out must not have traded when it is cancelled.
        request = requests.replace(ref, new, self.wire.symbols.native(ref.key), only_new=known.filled == 0)
        return self._order(request)

    async def _replace_unknown(self, ref: OrderRef, terms: AmendTerms) -> Outcome:
        """An order of another run: its terms are asked for before it is replaced, so that a maker order stays one."""
        request = requests.find(ref, self.wire.symbols.native(ref.key))
        reply = await self._question(request)
        if reply.status != 200:
            return Rejected(reason=Reason.NOT_SENT, text=f"the order's terms could not be asked for: {reply.why or reply.status}")
        try:
            order, filled = answers.terms_of(reply.body, ref.client_id, self.wire.symbols)
        except WireError as error:
            return Rejected(reason=Reason.NOT_SENT, text=f"the order's terms could not be read: {error}")
        return await self._replace(ref, terms, Known(order, filled))

    def _order(self, request: Request) -> Awaitable[Outcome]:
        """Send a request that changes the account, once, now."""
        if self._config.key is None:
            return settled(Rejected(reason=Reason.NOT_SENT, text="no API key"))
        api = self._api
        if api is None or not api.open_for_orders or self._config.use_rest_orders:
            return self._spawn(self._order_by_rest(request))
        # Both ways out share the address, its limits and its bans; the other one is checked by the HTTP session.
        now = self._clock.wall_ns()
        if self.wire.window_ms(request, self._asker.offset.venue_ns(now)) <= 0:
            return settled(Rejected(reason=Reason.NOT_SENT, text=_TOO_LATE))
        if now < self._http.paused_until_ns:
            return settled(Rejected(reason=Reason.NOT_SENT, text=self._http.pause_reason))
        if not self._budget.take(request.weight, now, is_order=True):
            return settled(Rejected(reason=Reason.NOT_SENT, text=f"the request budget of {self._budget.limit} is used up"))
        return mapped(api.send(request, self._timing.order_deadline_s), lambda reply: self._outcome(request, reply))

    async def _order_by_rest(self, request: Request) -> Outcome:
        if self.wire.window_ms(request, self.venue_ns()) <= 0:
            return Rejected(reason=Reason.NOT_SENT, text=_TOO_LATE)
        answer = await self._http.send(self._asker.http_request(request), self._timing.order_deadline_s)
        at_ns = self._clock.wall_ns()
        if isinstance(answer, NotSent):
            return self._outcome(request, Reply(None, b"", answer.why, at_ns, sent=False))
        if not isinstance(answer, HttpAnswer):
            return self._outcome(request, Reply(None, b"", answer.why, at_ns))
        return self._outcome(request, Reply(answer.status, answer.body, "", at_ns))

    def _outcome(self, request: Request, reply: Reply) -> Outcome:
        if not reply.sent:
            return Rejected(reason=Reason.NOT_SENT, text=reply.why)
        if reply.status is None:
            return Unknown(why=reply.why)
        outcome = self.wire.classify(request, reply.status, reply.body, reply.at_ns)
        if isinstance(outcome, Accepted):
            for report in outcome.reports:
                self._orders.learn(report)
        elif isinstance(outcome, Rejected):
            if request.kind == "submit" and request.ref is not None:
                self._orders.forget(request.ref.client_id)
            self._obey(outcome, reply)
        return outcome

    def _obey(self, rejected: Rejected, reply: Reply) -> None:
        """What a refusal says about everything else: the clock, the key, the limits."""
        if rejected.reason is Reason.VENUE_TIMESTAMP:
            self.clock_refused()
        elif reply.status in (418, 429) and rejected.reason in (Reason.VENUE_BANNED, Reason.VENUE_RATE_LIMIT):
            what = "banned by the venue" if reply.status == 418 else "told to slow down by the venue"
            wait_ns = rejected.retry_after_ns or (60 if reply.status == 418 else 1) * NS_PER_S
            self._http.pause(self._clock.wall_ns() + wait_ns, what)

    # -- questions about orders --------------------------------------------------------------------------------------

    def find(self, ref: OrderRef) -> Awaitable[Finding]:
        return self._spawn(self._find(ref))

    async def _find(self, ref: OrderRef) -> Finding:
        """By id first; once that has said no, the second time by the lists, which are kept elsewhere at the venue."""
        native = self.wire.symbols.native(ref.key)
        if self._absences.get(ref.client_id):
            return await self._find_listed(ref, native)
        request = requests.find(ref, native)
        reply = await self._question(request)
        if reply.status is None:
            return CouldNotAsk(why=reply.why)
        finding = self.wire.classify_find(request, reply.status, reply.body, reply.at_ns)
        if isinstance(finding, Absent):
            if len(self._absences) >= DONE_ORDERS_KEPT:
                del self._absences[next(iter(self._absences))]
            self._absences[ref.client_id] = 1
        if isinstance(finding, Found):
            return await self._with_fills(finding, native)
        return finding

    async def _find_listed(self, ref: OrderRef, native: str) -> Finding:
        start_ms = (self.venue_ns() - FIND_BACK_NS) // NS_PER_MS
        for request in (requests.open_orders(native), requests.all_orders(native, start_ms)):
            reply = await self._question(request)
            if reply.status != 200:
                return CouldNotAsk(why=reply.why or f"status {reply.status}")
            try:
                report = answers.find_among(reply.body, ref.client_id, ref.venue_id, reply.at_ns, self.wire.symbols)
            except WireError as error:
                return CouldNotAsk(why=str(error))
            if report is not None:
                self._absences.pop(ref.client_id, None)
                return await self._with_fills(Found(order=report, fills_complete=report.filled == 0), native)
        return Absent(source="openOrders, allOrders")

    async def _with_fills(self, found: Found, native: str) -> Found:
        """The same with its executions, if they can be had."""
        order = found.order
        self._orders.learn(order)
        if not order.filled:
            return found
        fills = await self._trades_of(order, native)
        complete = sum(fill.qty for fill in fills) == order.filled
        return Found(order=order, fills=tuple(fills), fills_complete=complete)

    async def _trades_of(self, order: OrderReport, native: str) -> list[Fill]:
        fills: list[Fill] = []
        from_id: int | None = None
        for _ in range(history.HISTORY_PAGES_MAX):
            reply = await self._question(requests.my_trades_of(native, int(order.venue_id), from_id=from_id))
            if reply.status != 200:
                return fills
            try:
                rows = answers.my_trades(reply.body)
                fills += answers.fills_of_trades(rows, lambda *_: order.client_id, reply.at_ns, self.wire.symbols)
            except WireError:
                return fills  # half a history: the caller sees that it does not add up
            if len(rows) < HISTORY_PAGE:
                return fills
            from_id = rows[-1].id + 1
        return fills

    # -- snapshot and history ----------------------------------------------------------------------------------------

    async def snapshot(self, keys: Sequence[str], fills_since_ns: int) -> Snapshot | CouldNotAsk:
        asked_ns = self._clock.wall_ns()
        try:
            listed = await self._asker.read(requests.open_orders(None), self._api)
            found = catalog.account(await self._asker.read(requests.account(), self._api))
            received_ns = self._clock.wall_ns()
            orders = answers.orders_of(listed, received_ns, self.wire.symbols)
            balances = catalog.balances(found, received_ns)
        except VenueError as error:
            return CouldNotAsk(why=str(error))
        for report in orders:
            self._orders.learn(report)
        fills: list[Fill] = []
        if fills_since_ns:
            for key in keys:
                own = await self.fills(key, fills_since_ns)
                if isinstance(own, CouldNotAsk):
                    return own
                fills += own
        fills.sort(key=lambda fill: fill.venue_ns)
        return Snapshot(
            venue=NAME,
            orders=tuple(orders),
            balances=balances,
            positions=(),
            fills=tuple(fills),
            asked_ns=asked_ns,
            recv_ns=self._clock.wall_ns(),
        )

    async def fills(self, key: str, since_ns: int) -> list[Fill] | CouldNotAsk:
        """Own executions since then, oldest first, page by page; with ``since_ns`` 0 the latest page."""
        try:
            native = self._native(key)
            start_ms = max(0, self._asker.offset.venue_ns(since_ns)) // NS_PER_MS if since_ns else None
            rows = await history.own_trades(self._asker.read, native, start_ms)
            if any(not self._orders.client_id(key, str(row.orderId)) for row in rows):
                await self._learn_ids(native, min(row.time for row in rows))
            return answers.fills_of_trades(rows, self._orders.client_id, self._clock.wall_ns(), self.wire.symbols)
        except VenueError as error:
            return CouldNotAsk(why=str(error))

    async def _learn_ids(self, native: str, first_ms: int) -> None:
        """Trade history names orders by the venue's id only: learn ours from the order history around it."""
        body = await self._asker.read(requests.all_orders(native, max(0, first_ms - FIND_BACK_NS // NS_PER_MS)))
        for report in answers.orders_of(body, self._clock.wall_ns(), self.wire.symbols):
            self._orders.name(report.key, report.venue_id, report.client_id)

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]:
        """Closed bars that lie within the time given, oldest first."""
        end_ns = min(end_ns, self.venue_ns())
        return await history.bars(
            self._asker.read, self.now_ns, key, self._native(key), span=span, start_ns=start_ns, end_ns=end_ns
        )

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]:
        """Trades of everybody within the time given, oldest first; those of one taker order at one price are one."""
        return await history.trades(self._asker.read, self.now_ns, key, self._native(key), start_ns=start_ns, end_ns=end_ns)

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _question(self, request: Request) -> Reply:
        """An answer about orders: over the WebSocket API while it is connected, else over REST."""
        api = self._api
        if api is not None and api.open_for_orders and self._budget.take(request.weight, self._clock.wall_ns(), is_order=True):
            reply = await api.send(request, self._timing.question_deadline_s)
            if reply.status is not None:
                return reply
        outcome = await self._asker.ask(request)
        at_ns = self._clock.wall_ns()
        if isinstance(outcome, HttpAnswer):
            return Reply(outcome.status, outcome.body, "", at_ns)
        return Reply(None, b"", outcome.why, at_ns)

    def _spawn(self, work: Coroutine[Any, Any, E]) -> asyncio.Task[E]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
