"""Your own venue: all that Tickwright needs to trade on it, in about a hundred lines.

The toy exchange lives in this file: a price that wanders, market orders that fill at the touch, limit orders that rest until
the price comes to them. A real one would translate to and from bytes; what the engine sees is the same.

    tickwright conformance examples/07_custom_venue.py
    tickwright run examples/02_ema_cross.py --venue examples/07_custom_venue.py --symbol BTC/USDT --seconds 20
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from tickwright.base.chance import Chance
from tickwright.base.numbers import money
from tickwright.model.account import AccountEvent, AccountUp, Balance, FeeRates, Permissions, Snapshot
from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Bar, Channel, FeedUp, MarketEvent, Quote, Subscription, Trade
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
    OrderType,
    Outcome,
    Rejected,
    ReportStatus,
    Stp,
    Tif,
)
from tickwright.model.reason import Reason

BTC = Instrument(
    venue="toy", symbol="BTC/USDT", native="BTC-USDT", base="BTC", quote="USDT", price_exp=2, qty_exp=5,
    tick_units=1, lot_units=1, qty_min_units=10,
)  # fmt: skip


class ToyVenue:
    """One instrument, one account, no network."""

    caps = Caps(
        venue="toy", channels=frozenset({Channel.TRADES, Channel.QUOTES}), bar_spans=frozenset(),
        order_types=frozenset({OrderType.LIMIT, OrderType.MARKET}), tifs=frozenset({Tif.GTC, Tif.IOC}),
        stps=frozenset({Stp.VENUE}),
        post_only=False, reduce_only=False, order_lists=False, amend=AmendKind.NONE, cancel_all=True,
        client_id_pattern=r"[a-z0-9-]{1,32}", client_id_scope=IdScope.EVER, deadline_ns=0, clock_ahead_ns=0, processing_ns=0,
        find_lag_ns=0, dead_man_ns=0, trade_history=True, sandbox=True,
    )  # fmt: skip

    def __init__(self) -> None:
        self.chance = Chance(7)
        self.mid = 6_000_000
        self.held = {"BTC": money(10), "USDT": money(1_000_000)}
        self.orders: dict[str, OrderReport] = {}
        self.done: list[Fill] = []
        self.told: asyncio.Queue[AccountEvent] = asyncio.Queue()

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to disconnect."""

    async def instruments(self) -> list[Instrument]:
        return [BTC]

    async def permissions(self) -> Permissions:
        return Permissions(can_trade=True, can_withdraw=False)

    async def fee_rates(self, key: str) -> FeeRates:
        return FeeRates(maker_ppm=1_000, taker_ppm=1_000)

    async def clock(self) -> tuple[int, int]:
        return 0, 0

    async def keep_alive(self, ttl_s: float) -> bool:
        return False

    async def market(self, subs: Sequence[Subscription]) -> AsyncIterator[MarketEvent]:
        for sub in subs:
            yield FeedUp(BTC.key, sub.channel, time.time_ns())
        number = 0
        while True:
            self.mid = max(100, self.mid + self.chance.below(401) - 200)
            number += 1
            now, side = time.time_ns(), self.chance.pick((BUY, SELL))
            yield Quote(BTC.key, (self.mid - 1) / 100, 1.0, (self.mid + 1) / 100, 1.0, number, now, now)
            yield Trade(BTC.key, (self.mid + side.sign) / 100, 0.01, side, number, now, now)
            for order in [item for item in self.orders.values() if item.status is ReportStatus.OPEN]:
                if order.price is not None and (order.price - self.mid - order.side.sign) * order.side.sign >= 0:
                    self.fill(order, order.price)
            await asyncio.sleep(0.005)

    async def account(self) -> AsyncIterator[AccountEvent]:
        yield AccountUp("toy", time.time_ns())
        while True:
            yield await self.told.get()

    async def submit(self, order: NewOrder) -> Outcome:
        if order.client_id in self.orders:
            return Rejected(reason=Reason.VENUE_DUPLICATE_ID)
        touch = self.mid + order.side.sign
        price = touch if order.price is None else order.price
        crosses = (price - touch) * order.side.sign >= 0
        pays, cost = ("USDT", BTC.notional(price, order.qty)) if order.side is BUY else ("BTC", BTC.base_amount(order.qty))
        if self.free(pays) < cost:
            return Rejected(reason=Reason.VENUE_FUNDS)
        report = self.report(order.client_id, order.side, order.type, order.qty, order.price, tif=order.tif)
        if crosses:
            self.fill(report, touch)
        elif order.tif is Tif.IOC:
            self.end(report, Reason.EXPIRED)
        return Accepted(venue_id=report.venue_id, at_ns=time.time_ns())

    async def cancel(self, ref: OrderRef) -> Outcome:
        order = self.orders.get(ref.client_id)
        if order is None or order.status is ReportStatus.DONE:
            return Rejected(reason=Reason.VENUE_UNKNOWN_ORDER)
        self.end(order, Reason.CANCELED)
        return Accepted(venue_id=order.venue_id, at_ns=time.time_ns())

    async def amend(self, ref: OrderRef, terms: AmendTerms) -> Outcome:
        return Rejected(reason=Reason.UNSUPPORTED)

    async def cancel_all(self, key: str) -> Outcome:
        for order in [item for item in self.orders.values() if item.status is ReportStatus.OPEN]:
            self.end(order, Reason.CANCELED)
        return Accepted(venue_id="", at_ns=time.time_ns())

    async def find(self, ref: OrderRef) -> Finding:
        order = self.orders.get(ref.client_id)
        fills = tuple(item for item in self.done if item.client_id == ref.client_id)
        return Absent() if order is None else Found(order=order, fills=fills, fills_complete=True)

    async def fills(self, key: str, since_ns: int) -> list[Fill] | CouldNotAsk:
        return [item for item in self.done if item.venue_ns >= since_ns]

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]:
        return []

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]:
        return []

    async def snapshot(self, keys: Sequence[str], fills_since_ns: int) -> Snapshot | CouldNotAsk:
        now = time.time_ns()
        return Snapshot(
            venue="toy",
            orders=tuple(item for item in self.orders.values() if item.status is ReportStatus.OPEN),
            balances=tuple(self.balance(asset) for asset in self.held),
            positions=(),
            fills=tuple(item for item in self.done if item.venue_ns >= fills_since_ns) if fills_since_ns else (),
            asked_ns=now,
            recv_ns=now,
        )

    # -- the exchange itself -------------------------------------------------------------------------------------------------

    def locked(self, asset: str) -> int:
        """What open orders hold of ``asset``."""
        working = [item for item in self.orders.values() if item.status is ReportStatus.OPEN and item.price is not None]
        if asset == "BTC":
            return sum(BTC.base_amount(item.qty) for item in working if item.side is SELL)
        return sum(BTC.notional(item.price or 0, item.qty) for item in working if item.side is BUY)

    def free(self, asset: str) -> int:
        return self.held[asset] - self.locked(asset)

    def balance(self, asset: str) -> Balance:
        now = time.time_ns()
        return Balance("toy", asset, self.free(asset), self.locked(asset), now, now)

    def report(
        self, client_id: str, side: object, kind: OrderType, qty: int, price: int | None,
        reason: Reason | None = None, filled: int = 0, tif: Tif = Tif.GTC,
    ) -> OrderReport:  # fmt: skip
        """Record the order's state and tell it."""
        assert side in (BUY, SELL)
        now = time.time_ns()
        report = OrderReport(
            key=BTC.key, client_id=client_id, venue_id=f"v{client_id}", side=BUY if side is BUY else SELL, type=kind, qty=qty,
            status=ReportStatus.DONE if reason else ReportStatus.OPEN, filled=filled, price=price, stop=None, reason=reason,
            venue_ns=now, recv_ns=now, tif=tif,
        )  # fmt: skip
        self.orders[client_id] = report
        self.told.put_nowait(report)
        return report

    def end(self, order: OrderReport, reason: Reason, filled: int = 0) -> None:
        self.report(order.client_id, order.side, order.type, order.qty, order.price, reason, filled, order.tif)
        for asset in self.held:
            self.told.put_nowait(self.balance(asset))

    def fill(self, order: OrderReport, price: int) -> None:
        """The whole order at ``price``, a tenth of a percent of it as the fee in quote."""
        value, now = BTC.notional(price, order.qty), time.time_ns()
        sign, fee = order.side.sign, value // 1_000
        self.held["BTC"] += sign * BTC.base_amount(order.qty)
        self.held["USDT"] -= sign * value + fee
        fill = Fill(
            key=BTC.key, client_id=order.client_id, venue_id=order.venue_id, trade_id=str(len(self.done) + 1), side=order.side,
            price=price, qty=order.qty, fee=fee, fee_asset="USDT", maker=False, venue_ns=now, recv_ns=now,
        )  # fmt: skip
        self.done.append(fill)
        self.told.put_nowait(fill)
        self.end(order, Reason.FILLED, order.qty)


def make() -> ToyVenue:
    """What ``--venue examples/07_custom_venue.py`` calls."""
    return ToyVenue()
