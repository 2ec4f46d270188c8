"""What it means to be a venue: one suite of checks, run against any implementation of ``ports.Venue``.

Each check is a function with a sentence. It is given a fresh, opened venue with its account and market streams running
(:class:`Bench`) and fails by raising :class:`Failed`. What a venue's ``Caps`` do not claim is not checked but reported as
``not offered``. A check never sleeps for a fixed time: it waits for an event, within a deadline.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

from tickwright.base.clock import Clock, SystemClock
from tickwright.base.errors import VenueError
from tickwright.base.ids import IdCounter, run_prefix
from tickwright.base.numbers import DOWN, UP
from tickwright.model.account import AccountUp, Balance, Snapshot
from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, BookUpdate, Channel, FeedUp, Quote, Side, Subscription, Trade
from tickwright.model.order import (
    Absent,
    Accepted,
    AmendTerms,
    Fill,
    Found,
    NewOrder,
    OrderRef,
    OrderReport,
    OrderType,
    Rejected,
    ReportStatus,
    Tif,
)
from tickwright.model.reason import Reason
from tickwright.ports import Streaming, Venue

T = TypeVar("T")

#: How long a check may wait for an event before the venue has failed it.
DEADLINE_S = 10.0


class Failed(Exception):  # noqa: N818 (a verdict, not an error)
    """The venue does not do what the check asks for."""


class NotOffered(Exception):  # noqa: N818 (a verdict, not an error)
    """The venue's ``Caps`` do not claim what the check is about."""


class Subject(Protocol):
    """A way to make fresh venues of one kind, and what is needed to trade a little on them."""

    name: str

    async def open(self) -> Venue:
        """A new venue, opened, whose account can buy and sell a few minimum orders of :meth:`symbol`."""

    async def close(self, venue: Venue) -> None: ...

    @property
    def symbol(self) -> str: ...


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one check: ``passed``, ``failed`` or ``not offered``."""

    check: str
    sentence: str
    verdict: str
    detail: str = ""


class Bench:
    """One venue under test with everything it has said so far."""

    def __init__(self, venue: Venue, symbol: str, clock: Clock) -> None:
        self.venue = venue
        self.symbol = symbol
        self.clock = clock
        self.market: list[Any] = []
        self.account: list[Any] = []
        self.instrument: Instrument
        self.ids = IdCounter(run_prefix(clock.wall_ns(), clock.mono_ns() % 1296))
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Find the instrument and let both streams run."""
        listed = await self.venue.instruments()
        matches = [item for item in listed if item.symbol == self.symbol]
        check(bool(matches), f"{self.symbol} is not among {len(listed)} instruments")
        self.instrument = matches[0]
        offered = self.caps.channels & {Channel.TRADES, Channel.QUOTES, Channel.BOOK}
        subs = [Subscription(self.symbol, channel) for channel in sorted(offered, key=lambda item: item.value)]
        self._tasks = [asyncio.create_task(self._run_market(subs)), asyncio.create_task(self._run_account())]
        await self.until(lambda: _first(self.account, AccountUp), "AccountUp")
        await self.until(lambda: self._quote(), "a best bid and ask")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_market(self, subs: list[Subscription]) -> None:
        if isinstance(self.venue, Streaming):
            await self.venue.run_market(subs, self._on_market)
            return
        async for event in self.venue.market(subs):
            self._on_market(event)

    async def _run_account(self) -> None:
        if isinstance(self.venue, Streaming):
            await self.venue.run_account(self._on_account)
            return
        async for event in self.venue.account():
            self._on_account(event)

    def _on_market(self, event: Any) -> None:
        self.market.append(event)
        self._news.set()

    def _on_account(self, event: Any) -> None:
        self.account.append(event)
        self._news.set()

    @property
    def caps(self) -> Caps:
        return self.venue.caps

    async def until(self, test: Callable[[], T | None], what: str) -> T:
        """The first truthy value of ``test``, looked at after every event; fails after the deadline."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    found = test()
                    if found:
                        return found
                    for task in self._tasks:
                        if task.done() and task.exception():
                            raise Failed(f"a stream ended with {task.exception()!r} while waiting for {what}")
                    self._news.clear()
                    await asyncio.wait_for(self._news.wait(), DEADLINE_S)
        except TimeoutError:
            raise Failed(f"waited {DEADLINE_S:.0f} s for {what}") from None

    def _quote(self) -> tuple[float, float] | None:
        for event in reversed(self.market):
            if isinstance(event, Quote):
                return event.bid, event.ask
            if isinstance(event, BookUpdate) and event.snapshot and event.bids and event.asks:
                return event.bids[0][0], event.asks[0][0]
        return None

    def prices(self) -> tuple[float, float]:
        """Best bid and ask now."""
        found = self._quote()
        if found is None:
            raise Failed("no quote")
        return found

    def order(self, side: Side, kind: OrderType, *, away: float = 0.0, qty: int = 0, **terms: Any) -> NewOrder:
        """An order a fraction ``away`` from the market: below the bid for a buy, above the ask for a sell, if positive."""
        bid, ask = self.prices()
        price = None
        if kind not in (OrderType.MARKET, OrderType.STOP, OrderType.TAKE_PROFIT):
            price = (
                self.instrument.price_units(bid * (1 - away), DOWN)
                if side is BUY
                else self.instrument.price_units(ask * (1 + away), UP)
            )
        terms.setdefault("tif", Tif.IOC if kind is OrderType.MARKET else Tif.GTC)
        return NewOrder(
            key=self.instrument.key,
            client_id=terms.pop("client_id", "") or self.ids.next(),
            side=side,
            type=kind,
            qty=qty or self.small_qty(bid * (1 - abs(away))),
            price=price,
            stop=terms.pop("stop", None),
            post_only=terms.pop("post_only", False),
            reduce_only=False,
            **terms,
        )

    def small_qty(self, price: float) -> int:
        """Twice the smallest quantity that the venue takes at ``price``."""
        instrument = self.instrument
        least = max(instrument.qty_min_units, instrument.market_qty_min_units, instrument.lot_units)
        if instrument.notional_min:
            unit_value = instrument.notional(instrument.price_units(price, DOWN), 1)
            least = max(least, -(-instrument.notional_min // unit_value))
        lot = instrument.lot_units
        return -(-2 * least // lot) * lot

    async def place(self, order: NewOrder) -> Accepted:
        """Submit and insist on acceptance."""
        outcome = await self.venue.submit(order)
        if not isinstance(outcome, Accepted):
            raise Failed(f"{order.side.value} {order.type.value} was not accepted: {outcome}")
        return outcome

    async def rejected(self, answer: Awaitable[Any], *reasons: Reason) -> None:
        """Insist on a definite rejection for one of ``reasons``."""
        outcome = await answer
        if not isinstance(outcome, Rejected):
            raise Failed(f"expected a rejection, got {outcome}")
        check(outcome.reason in reasons, f"expected {reasons[0].value}, got {outcome.reason.value}: {outcome.text}")

    def reports(self, client_id: str) -> list[OrderReport]:
        return [item for item in self.account if isinstance(item, OrderReport) and item.client_id == client_id]

    def fills(self, client_id: str) -> list[Fill]:
        return [item for item in self.account if isinstance(item, Fill) and item.client_id == client_id]

    async def report(self, client_id: str, status: ReportStatus) -> OrderReport:
        def there() -> OrderReport | None:
            return next((item for item in self.reports(client_id) if item.status is status), None)

        return await self.until(there, f"a report that {client_id} is {status.value}")

    async def filled(self, order: NewOrder) -> list[Fill]:
        def whole() -> list[Fill] | None:
            fills = self.fills(order.client_id)
            return fills if sum(fill.qty for fill in fills) >= order.qty else None

        return await self.until(whole, f"fills of {order.client_id}")

    async def ask(self) -> Snapshot:
        answer = await self.venue.snapshot([self.instrument.key], 0)
        if not isinstance(answer, Snapshot):
            raise Failed(f"no snapshot: {answer}")
        return answer


def check(condition: bool, what: str) -> None:
    """Raise :class:`Failed` unless ``condition``."""
    if not condition:
        raise Failed(what)


def offered(condition: bool) -> None:
    """Raise :class:`NotOffered` unless ``condition``."""
    if not condition:
        raise NotOffered


def _first(events: list[Any], kind: type[T]) -> T | None:
    return next((item for item in events if isinstance(item, kind)), None)


def _ref(order: NewOrder, venue_id: str = "") -> OrderRef:
    return OrderRef(order.key, order.client_id, venue_id)


# -- the checks ----------------------------------------------------------------------------------------------------------


async def caps_are_sane(bench: Bench) -> None:
    """The capabilities are complete, and client ids of ours fit the venue's pattern."""
    caps = bench.caps
    check(bool(caps.order_types and caps.tifs and caps.channels), "order types, times in force or channels are empty")
    check(re.fullmatch(caps.client_id_pattern, bench.ids.next()) is not None, f"our ids do not match {caps.client_id_pattern}")
    check(caps.processing_ns >= 0 and caps.find_lag_ns >= 0, "negative bounds")
    check(bench.instrument.venue == caps.venue, "instruments carry another venue's name")


async def instruments_have_a_grid(bench: Bench) -> None:
    """Every instrument has a positive tick and lot, and its key names the venue and the symbol."""
    for item in await bench.venue.instruments():
        check(item.tick_units > 0 and item.lot_units > 0, f"{item.key}: no grid")
        check(item.key == f"{bench.caps.venue}:{item.base}/{item.quote}", f"{item.key} is not venue:BASE/QUOTE")


async def market_streams_come_up_whole(bench: Bench) -> None:
    """Each channel says FeedUp, then delivers; times are set; a book starts with a snapshot and joins without a gap."""
    key = bench.instrument.key
    kinds = {Channel.TRADES: Trade, Channel.QUOTES: Quote, Channel.BOOK: BookUpdate}
    for channel in bench.caps.channels & set(kinds):
        kind = kinds[channel]
        await bench.until(
            lambda channel=channel: any(isinstance(e, FeedUp) and e.channel is channel for e in bench.market),  # type: ignore[misc]  # a default argument binds the loop variable
            f"FeedUp of {channel.value}",
        )
        event = await bench.until(lambda kind=kind: _first(bench.market, kind), f"a {kind.__name__}")  # type: ignore[misc]  # the same
        check(event.key == key, f"{event.key} is not {key}")
        check(event.recv_ns > 0, "no receive time")
    if Channel.BOOK in bench.caps.channels:
        await bench.until(lambda: sum(isinstance(e, BookUpdate) for e in bench.market) > 5, "more than five book updates")
        _book_joins([item for item in bench.market if isinstance(item, BookUpdate)])


def _book_joins(updates: list[BookUpdate]) -> None:
    seq = None
    for update in updates:
        if update.snapshot:
            seq = update.seq
            continue
        check(seq is not None, "a delta came before any snapshot")
        assert seq is not None
        check(update.prev_seq <= seq or update.seq <= seq, f"gap: the book is at {seq}, the update joins {update.prev_seq}")
        seq = max(seq, update.seq)


async def account_is_told(bench: Bench) -> None:
    """The snapshot holds the balances that pay for trading, and nothing is open."""
    snapshot = await bench.ask()
    held = {item.asset: item.total for item in snapshot.balances}
    check(held.get(bench.instrument.base, 0) > 0, f"no {bench.instrument.base} to sell")
    check(held.get(bench.instrument.quote, 0) > 0, f"no {bench.instrument.quote} to buy with")
    check(all(item.free >= 0 and item.locked >= 0 for item in snapshot.balances), "a negative balance")


async def limit_order_rests_and_is_cancelled(bench: Bench) -> None:
    """A limit order away from the market is accepted, reported, listed, found, cancelled, and then gone."""
    order = bench.order(BUY, OrderType.LIMIT, away=0.02)
    accepted = await bench.place(order)
    report = await bench.report(order.client_id, ReportStatus.OPEN)
    check((report.qty, report.filled, report.price) == (order.qty, 0, order.price), f"reported as {report}")
    listed = [item.client_id for item in (await bench.ask()).orders]
    check(order.client_id in listed, "not among the open orders")
    found = await bench.venue.find(_ref(order))
    check(isinstance(found, Found) and found.order.status is ReportStatus.OPEN, f"find says {found}")
    check(isinstance(await bench.venue.cancel(_ref(order, accepted.venue_id)), Accepted), "the cancel was not accepted")
    done = await bench.report(order.client_id, ReportStatus.DONE)
    check(done.reason is Reason.CANCELED and done.client_id == order.client_id, f"ended as {done}")
    check(order.client_id not in [item.client_id for item in (await bench.ask()).orders], "still listed after the cancel")


async def funds_are_locked_and_released(bench: Bench) -> None:
    """A resting buy locks price times quantity of the quote asset, to the last unit, and its cancel frees it."""
    quote = bench.instrument.quote

    async def held() -> tuple[int, int]:
        balance = next(item for item in (await bench.ask()).balances if item.asset == quote)
        return balance.free, balance.locked

    free, locked = await held()
    order = bench.order(BUY, OrderType.LIMIT, away=0.02)
    assert order.price is not None
    cost = bench.instrument.notional(order.price, order.qty)
    await bench.place(order)
    check(await held() == (free - cost, locked + cost), "the lock is not price times quantity")
    await bench.venue.cancel(_ref(order))
    await bench.report(order.client_id, ReportStatus.DONE)
    check(await held() == (free, locked), "the cancel did not free what was locked")


async def market_order_fills(bench: Bench) -> None:
    """A market order fills wholly; its fills have their own trade ids, a fee, and move the balances exactly."""
    offered(OrderType.MARKET in bench.caps.order_types)
    for side in (BUY, SELL):
        before = {item.asset: item.total for item in (await bench.ask()).balances}
        order = bench.order(side, OrderType.MARKET)
        await bench.place(order)
        fills = await bench.filled(order)
        check(sum(item.qty for item in fills) == order.qty, "filled more than was ordered")
        check(len({item.trade_id for item in fills}) == len(fills), "trade ids repeat")
        check(all(item.side is side and item.fee_asset for item in fills if item.fee), "a fee without an asset")
        done = await bench.report(order.client_id, ReportStatus.DONE)
        check(done.reason is Reason.FILLED and done.filled == order.qty, f"ended as {done}")
        expected = dict(before)
        _move(expected, bench.instrument, fills)
        after = {item.asset: item.total for item in (await bench.ask()).balances}
        for asset in sorted({*expected, *after}):
            check(
                expected.get(asset, 0) == after.get(asset, 0),
                f"{asset}: fills explain {expected.get(asset, 0)}, venue has {after.get(asset, 0)}",
            )
        await bench.until(lambda: _first(bench.account, Balance), "a balance event")


def _move(held: dict[str, int], instrument: Instrument, fills: list[Fill]) -> None:
    for fill in fills:
        sign = fill.side.sign
        held[instrument.base] = held.get(instrument.base, 0) + sign * instrument.base_amount(fill.qty)
        held[instrument.quote] = held.get(instrument.quote, 0) - sign * instrument.notional(fill.price, fill.qty)
        if fill.fee:
            held[fill.fee_asset] = held.get(fill.fee_asset, 0) - fill.fee


async def marketable_limit_trades_no_worse(bench: Bench) -> None:
    """A limit order through the market trades at its price or better."""
    order = bench.order(BUY, OrderType.LIMIT, away=-0.01, tif=Tif.IOC)
    await bench.place(order)
    fills = await bench.filled(order)
    check(all(order.price is not None and item.price <= order.price for item in fills), "a fill worse than the limit")


async def post_only_never_takes(bench: Bench) -> None:
    """A post-only order that would trade is rejected, and one that would not rests."""
    offered(bench.caps.post_only)
    taking = bench.order(BUY, OrderType.LIMIT, away=-0.01, post_only=True)
    await bench.rejected(bench.venue.submit(taking), Reason.VENUE_WOULD_TAKE)
    resting = bench.order(BUY, OrderType.LIMIT, away=0.02, post_only=True)
    await bench.place(resting)
    await bench.venue.cancel(_ref(resting))
    await bench.report(resting.client_id, ReportStatus.DONE)


async def unaffordable_order_is_rejected(bench: Bench) -> None:
    """An order that the balance does not cover is a definite rejection for lack of funds."""
    held = {item.asset: item.free for item in (await bench.ask()).balances}
    bid, _ = bench.prices()
    instrument = bench.instrument
    price = instrument.price_units(bid * 0.98, DOWN)
    lots = 2 * held.get(instrument.quote, 0) // instrument.notional(price, instrument.lot_units) + 1
    order = bench.order(BUY, OrderType.LIMIT, away=0.02, qty=lots * instrument.lot_units)
    if instrument.qty_max_units and order.qty > instrument.qty_max_units:
        raise NotOffered
    await bench.rejected(bench.venue.submit(order), Reason.VENUE_FUNDS)


async def duplicate_id_is_rejected(bench: Bench) -> None:
    """A second order under the id of an open one is rejected, and the first is untouched."""
    offered(bench.caps.client_id_scope is not IdScope.NOT_CHECKED)
    order = bench.order(BUY, OrderType.LIMIT, away=0.02)
    await bench.place(order)
    await bench.rejected(bench.venue.submit(order), Reason.VENUE_DUPLICATE_ID)
    check(
        [item.client_id for item in (await bench.ask()).orders].count(order.client_id) == 1, "the id is open twice or not at all"
    )
    await bench.venue.cancel(_ref(order))
    await bench.report(order.client_id, ReportStatus.DONE)


async def unknown_order_is_said_so(bench: Bench) -> None:
    """Cancelling an order that never was is rejected as unknown; finding it gives Absent."""
    ghost = OrderRef(bench.instrument.key, bench.ids.next())
    await bench.rejected(bench.venue.cancel(ghost), Reason.VENUE_UNKNOWN_ORDER)
    finding = await bench.venue.find(ghost)
    check(isinstance(finding, Absent), f"find says {finding}")


async def finished_order_is_found(bench: Bench) -> None:
    """An order that has ended is still found, with how it ended."""
    offered(OrderType.MARKET in bench.caps.order_types)
    order = bench.order(BUY, OrderType.MARKET)
    await bench.place(order)
    await bench.filled(order)
    found = await bench.venue.find(_ref(order))
    check(isinstance(found, Found) and found.order.filled == order.qty, f"find says {found}")


async def ioc_leaves_nothing_open(bench: Bench) -> None:
    """An IOC order that cannot trade ends as expired and is not listed."""
    offered(Tif.IOC in bench.caps.tifs)
    order = bench.order(BUY, OrderType.LIMIT, away=0.02, tif=Tif.IOC)
    await bench.place(order)
    done = await bench.report(order.client_id, ReportStatus.DONE)
    check(done.reason is Reason.EXPIRED and done.filled == 0, f"ended as {done}")


async def fok_is_all_or_nothing(bench: Bench) -> None:
    """A FOK order that cannot fill wholly ends without a fill."""
    offered(Tif.FOK in bench.caps.tifs)
    order = bench.order(BUY, OrderType.LIMIT, away=0.02, tif=Tif.FOK)
    outcome = await bench.venue.submit(order)
    if isinstance(outcome, Accepted):
        done = await bench.report(order.client_id, ReportStatus.DONE)
        check(done.reason is Reason.EXPIRED and done.filled == 0, f"ended as {done}")


async def amend_changes_the_order(bench: Bench) -> None:
    """A smaller quantity is taken over; the order stays open under one id and the funds follow."""
    offered(bench.caps.amend is not AmendKind.NONE)
    order = bench.order(BUY, OrderType.LIMIT, away=0.02)
    order = msgspec.structs.replace(order, qty=2 * order.qty)
    await bench.place(order)
    terms = AmendTerms(qty=order.qty // 2, price=None, client_id=bench.ids.next())
    check(isinstance(await bench.venue.amend(_ref(order), terms), Accepted), "the amend was not accepted")
    open_now = [item for item in (await bench.ask()).orders if item.client_id in (order.client_id, terms.client_id)]
    check([item.qty for item in open_now] == [terms.qty], f"open after the amend: {open_now}")
    await bench.venue.cancel(OrderRef(order.key, open_now[0].client_id, open_now[0].venue_id))
    await bench.report(open_now[0].client_id, ReportStatus.DONE)


async def cancel_all_leaves_nothing(bench: Bench) -> None:
    """Cancel-all ends every order of the instrument."""
    offered(bench.caps.cancel_all)
    orders = [bench.order(BUY, OrderType.LIMIT, away=away) for away in (0.02, 0.03, 0.04)]
    for order in orders:
        await bench.place(order)
    check(isinstance(await bench.venue.cancel_all(bench.instrument.key), Accepted), "not accepted")
    for order in orders:
        await bench.report(order.client_id, ReportStatus.DONE)
    check(not (await bench.ask()).orders, "orders are left")


async def stop_waits(bench: Bench) -> None:
    """A stop below the market is accepted, reported as not triggered, and can be cancelled."""
    offered(OrderType.STOP_LIMIT in bench.caps.order_types)
    bid, _ = bench.prices()
    stop = bench.instrument.price_units(bid * 0.97, DOWN)
    order = bench.order(SELL, OrderType.STOP_LIMIT, stop=stop)
    order = msgspec.structs.replace(order, price=bench.instrument.price_units(bid * 0.96, DOWN))
    await bench.place(order)
    report = await bench.report(order.client_id, ReportStatus.OPEN)
    check(report.stop == stop and not report.triggered, f"reported as {report}")
    await bench.venue.cancel(_ref(order))
    await bench.report(order.client_id, ReportStatus.DONE)


async def fills_are_in_history(bench: Bench) -> None:
    """Trade history has the fills that the stream told, under the same trade ids."""
    offered(bench.caps.trade_history and OrderType.MARKET in bench.caps.order_types)
    order = bench.order(BUY, OrderType.MARKET)
    await bench.place(order)
    told = {item.trade_id for item in await bench.filled(order)}
    history = await bench.venue.fills(bench.instrument.key, 0)
    check(isinstance(history, list), f"no history: {history}")
    assert isinstance(history, list)
    check(told <= {item.trade_id for item in history}, "a fill of the stream is not in the history")


async def clock_is_measured(bench: Bench) -> None:
    """The clock offset has a bound that is not negative."""
    _, bound = await bench.venue.clock()
    check(bound >= 0, f"bound {bound}")


async def permissions_are_told(bench: Bench) -> None:
    """The venue says what the key may do."""
    permissions = await bench.venue.permissions()
    check(permissions.can_trade, "the key cannot trade")


CHECKS: tuple[Callable[[Bench], Awaitable[None]], ...] = (
    caps_are_sane,
    instruments_have_a_grid,
    permissions_are_told,
    clock_is_measured,
    market_streams_come_up_whole,
    account_is_told,
    limit_order_rests_and_is_cancelled,
    funds_are_locked_and_released,
    market_order_fills,
    marketable_limit_trades_no_worse,
    post_only_never_takes,
    unaffordable_order_is_rejected,
    duplicate_id_is_rejected,
    unknown_order_is_said_so,
    finished_order_is_found,
    ioc_leaves_nothing_open,
    fok_is_all_or_nothing,
    amend_changes_the_order,
    cancel_all_leaves_nothing,
    stop_waits,
    fills_are_in_history,
)


async def run_check(subject: Subject, function: Callable[[Bench], Awaitable[None]], clock: Clock | None = None) -> Result:
    """One check on a fresh venue of the subject."""
    name = function.__name__
    sentence = (function.__doc__ or "").strip()
    venue = await subject.open()
    bench = Bench(venue, subject.symbol, clock or SystemClock())
    try:
        await bench.start()
        await function(bench)
    except Failed as verdict:
        return Result(check=name, sentence=sentence, verdict="failed", detail=str(verdict))
    except NotOffered:
        return Result(check=name, sentence=sentence, verdict="not offered")
    except VenueError as error:
        return Result(check=name, sentence=sentence, verdict="failed", detail=str(error))
    finally:
        await bench.stop()
        await subject.close(venue)
    return Result(check=name, sentence=sentence, verdict="passed")


async def run_all(subject: Subject, on_result: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Every check in order; ``on_result`` is told of each as it ends."""
    results = []
    for function in CHECKS:
        result = await run_check(subject, function)
        on_result(result)
        results.append(result)
    return results
