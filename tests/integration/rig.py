"""A whole session on a stand, in one process: the adapter, the engine and a strategy that does what the test says.

Everything between them is real: sockets, signatures, frames. Only patience is short, so that what waits for a deadline does not
take minutes. At the end of every story :func:`trading` stops the session and holds both sides' books against each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tickwright import Strategy, book, trades
from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.numbers import DOWN, UP, money
from tickwright.base.secret import Secret
from tickwright.engine import carry
from tickwright.journal.writer import Durability
from tickwright.model.effect import Notice
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Side
from tickwright.net.ws import WsCounters, WsPolicy
from tickwright.risk.limits import Limits
from tickwright.run.record import Recording, recover
from tickwright.run.session import Plan, Session
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import serve
from tickwright.strategy.intents import Handle
from tickwright.transforms.book import Book
from tickwright.venues.binance_spot import Binance
from tickwright.venues.binance_spot.timing import Timing
from tickwright.venues.kit import VenueConfig

KEY = "binance_spot:BTC/USDT"
NATIVE = "BTCUSDT"
MARKET, ACCOUNT = "/stream", "/ws-api"
DEADLINE_S = 15.0
STORY_S = 45.0

_API = WsPolicy(
    ping_every_s=0.3,
    pong_deadline_s=1.0,
    silence_floor_s=1.0,
    silence_ceiling_s=2.0,
    check_every_s=0.05,
    backoff_floor_s=0.02,
    backoff_ceiling_s=0.2,
    ready_deadline_s=5.0,
    sends_per_s=1_000,
    sends_burst=500,
)
TIMING = Timing(
    market=msgspec.structs.replace(_API, sends_per_s=4, sends_burst=4),
    api=_API,
    order_deadline_s=0.5,
    question_deadline_s=2.0,
    probe_every_s=0.5,
    probe_deadline_s=1.0,
    processing_ns=200_000_000,
    find_lag_ns=100_000_000,
)
LIMITS = Limits(max_order_value=Decimal(10_000), max_order_qty=Decimal(1), max_position=Decimal(1), submits_per_second=50)


class Hand(Strategy):
    """Decides nothing: the test calls ``buy``, ``quote`` and the rest on it, and the engine's next tick carries them out."""

    timer_s = 0.05
    depth = book()
    last = trades()


class Rig:
    """One story's session and stand."""

    def __init__(self, session: Session, stand: BinanceSpotStand, notices: list[Notice]) -> None:
        self.session = session
        self.stand = stand
        self.notices = notices

    @property
    def state(self) -> Any:
        return self.session.state

    @property
    def hand(self) -> Strategy:
        found: Strategy = self.state.runtimes[0].strategy
        return found

    @property
    def instrument(self) -> Instrument:
        return self.session.instruments[0]

    @property
    def book(self) -> Book:
        found: Book = self.state.books[KEY]
        return found

    def counters(self, name: str) -> WsCounters:
        """Of the connection whose name begins so: ``market`` or ``account``."""
        venue: Any = self.session.plan.venue
        found: WsCounters = next(item for key, item in venue.connections.items() if key.startswith(name))
        return found

    def said(self, what: str) -> int:
        """How often the engine has told people of ``what``."""
        return sum(item.what == what for item in self.notices)

    def happened(self, kind: FaultKind) -> int:
        return self.stand.faults.happened.get(kind.value, 0)

    async def until(self, test: Callable[[], Any], what: str) -> None:
        """Wait for something to be so; the test fails if it is not within the deadline, or if the session ends with a defect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                while not test():
                    assert self.session.shell.failure is None, repr(self.session.shell.failure)
                    await asyncio.sleep(0.005)
                return
        told = [f"{item.what}: {item.text}" for item in self.notices[-10:]]
        orders = [repr(item) for item in self.state.orders.open_orders()]
        raise AssertionError(f"waited {DEADLINE_S:g} s for {what}; orders {orders}; told {told}")

    async def fault(self, kind: FaultKind, on: str = "", **more: Any) -> None:
        """Have a fault lie in wait."""
        self.stand.inject(Fault(kind=kind, on=on, **more))

    async def strike(self, kind: FaultKind, on: str = "", **more: Any) -> None:
        """Have a fault happen, and wait until it has."""
        before = self.happened(kind)
        await self.fault(kind, on, **more)
        await self.until(lambda: self.happened(kind) > before, f"{kind.value} to happen")

    async def strike_with_order(self, kind: FaultKind, on: str, **more: Any) -> Handle:
        """The same with a fault of order requests: an order is asked for that meets it."""
        await self.fault(kind, on, **more)
        handle = self.hand.buy("0.01", limit=self.price(BUY, 0.02))
        await self.until(lambda: self.happened(kind), f"{kind.value} to happen")
        return handle

    async def settled(self) -> None:
        """Reconciled after whatever it was, feeds up, nothing in doubt."""

        def calm() -> bool:
            venue = self.state.venues["binance_spot"]
            return venue.account_up and venue.reconciled and not self.state.market(KEY).down and not self.state.orders.in_doubt()

        await self.until(calm, "the session to be in order again")

    async def same_book(self) -> None:
        """Wait until the book is at the venue's update and has its levels, every one of them."""
        market = self.stand.markets[NATIVE]

        def same() -> bool:
            if not self.book.ready or self.book.seq != market.book_id:
                return False
            ours = [{round(p * 1e8): round(q * 1e8) for p, q in side(10_000)} for side in (self.book.bids, self.book.asks)]
            assert ours == [market.bids, market.asks], f"the book at {self.book.seq} is not the venue's"
            return True

        await self.until(same, "the book to be the venue's")

    def price(self, side: Side, away: float) -> Decimal:
        """A price on the grid, ``away`` from the market as the stand has it: further out if positive."""
        market = self.stand.markets[NATIVE]
        best = (max(market.bids) if side is BUY else min(market.asks)) / 1e8
        instrument = self.instrument
        units = instrument.price_units(best * (1 - side.sign * away), DOWN if side is BUY else UP)
        return instrument.price_decimal(units)

    async def resting(self, side: Side = BUY, qty: str = "0.01", away: float = 0.01) -> Handle:
        """A limit order that works at the venue."""
        handle = self.hand.order(side, qty, limit=self.price(side, away))
        await self.until(lambda: handle.state == "working", "the order to work")
        return handle

    def trade_through(self, handle: Handle) -> None:
        """At the venue, somebody trades beyond an order's price: it is filled, whether its owner can hear of it or not."""
        price = handle.price
        assert price is not None
        units = self.instrument.exact_price_units(price)
        beyond = units - handle.side.sign * self.instrument.tick_units
        taker = SELL if handle.side is BUY else BUY
        self.stand.exchange.on_trade(KEY, beyond, 10**8, taker, time.time_ns())

    def at_venue(self, handle: Handle) -> dict[str, Any] | None:
        """The order as the venue has it."""
        orders = self.stand.state()["orders"]
        return next((item for item in orders if item["clientOrderId"] == handle.client_id), None)

    def placed(self) -> list[str]:
        """Client ids of the orders that the venue was asked to place, in order, as often as it was asked."""
        return [item["params"]["newClientOrderId"] for item in self.stand.state()["requests"] if item["call"] == "place"]

    # -- the end -------------------------------------------------------------------------------------------------------------

    def audit(self) -> None:
        """After the end: both sides hold the same, nothing works any more, and no order was sent twice."""
        shell, state = self.session.shell, self.state
        assert shell.stopped is not None
        assert shell.stopped.clean, shell.stopped.why
        assert state.reconciliation is not None
        assert state.reconciliation.agrees, state.reconciliation
        venue = self.stand.state()
        for asset, (free, locked) in venue["balances"].items():
            assert state.ledger.total(asset) == money(free) + money(locked), asset
            assert state.ledger.reserved(asset) == money(locked) == 0, asset
        assert venue["open_orders"] == []
        assert state.orders.open_orders() == []
        repeated = [name for name, count in Counter(self.placed()).items() if count > 1]
        assert repeated == [], "an order was sent twice"
        listed = Counter(item["clientOrderId"] for item in venue["orders"])
        assert all(count == 1 for count in listed.values()), "an id names two orders"
        for item in venue["orders"]:
            known = state.orders.get(item["clientOrderId"])
            assert known is not None, "the venue has an order that we do not know"
            assert known.filled == self.instrument.exact_qty_units(item["executedQty"]), known
        assert state.counters.fills == len(venue["fills"])


def make_session(
    stand: BinanceSpotStand,
    base: str,
    notices: list[Notice],
    *,
    key_kind: str = "hmac",
    use_rest_orders: bool = False,
    recording: Recording | None = None,
    **plan: Any,
) -> Session:
    """A session on a stand that is served at ``base``; not prepared yet."""
    given = stand.given[key_kind]
    config = VenueConfig(
        rest_url=f"http://{base}",
        ws_url=f"ws://{base}",
        ws_api_url=f"ws://{base}/ws-api/v3",
        key=given.api_key,
        secret=Secret(given.secret.encode()),
        key_kind=key_kind,
        recv_window_ms=1_000,
        use_rest_orders=use_rest_orders,
    )
    clock = SystemClock()
    venue = Binance(config, clock, Chance(5), TIMING)
    asked = {"strategy": Hand, "params": {}, "limits": LIMITS} | plan
    return Session(Plan(venue=venue, symbols=["BTC/USDT"], recording=recording, **asked), clock, notices.append)


@contextlib.asynccontextmanager
async def running(
    session: Session, stand: BinanceSpotStand, notices: list[Notice], *, halted: bool = False
) -> AsyncIterator[Rig]:
    """The session from its start to its orderly end."""
    await session.prepare()
    task = asyncio.create_task(session.run())
    rig = Rig(session, stand, notices)
    try:
        await rig.until(
            lambda: (halted or rig.state.armed) and rig.book.ready and rig.state.market(KEY).quoted_ns, "the session to trade"
        )
        yield rig
        session.stop("the story is told")
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def trading(*, key_kind: str = "hmac", use_rest_orders: bool = False, **stand_options: Any) -> AsyncIterator[Rig]:
    """A session that trades on a fresh stand and is recorded; it is stopped and audited at the end, and so is its record."""
    stand = BinanceSpotStand(StandConfig(symbols=(NATIVE,), seed=11, **stand_options))
    notices: list[Notice] = []
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(Path(folder), "story", Durability.PROCESS)
        async with serve(stand) as server, asyncio.timeout(STORY_S):
            session = make_session(
                stand, server.base, notices, key_kind=key_kind, use_rest_orders=use_rest_orders, recording=recording
            )
            async with running(session, stand, notices) as rig:
                yield rig
            rig.audit()
        left = recover(Path(folder), recording.disk, "story")
        assert left is not None
        assert left.carried == carry.keep(rig.state), "the record tells another story"
