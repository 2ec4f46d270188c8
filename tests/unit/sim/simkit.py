"""What the tests of the simulated exchange share: one instrument, a desk of accounts, and short ways to place orders."""

from __future__ import annotations

from typing import Any

from tickwright.base.chance import Chance
from tickwright.base.numbers import money
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import NewOrder, OrderType, Rejected, Tif
from tickwright.sim.exchange import Exchange
from tickwright.sim.fees import FeeModel, FlatFees
from tickwright.sim.queue import PessimisticQueue, QueueModel
from tickwright.sim.records import SimEvent, SimEventKind, SimOrder

#: Prices are whole units and quantities whole units too: 100 means 1.00 USDT, 5 means 0.005 BTC.
BTC = Instrument(
    venue="sim",
    symbol="BTC/USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_exp=2,
    qty_exp=3,
    tick_units=1,
    lot_units=1,
)
KEY = BTC.key
FREE = FlatFees(maker_ppm=0, taker_ppm=0)
FUNDS = {"BTC": money(1_000_000), "USDT": money(1_000_000)}


def new_order(client_id: str, side: Side, qty: int, price: int | None = None, **terms: Any) -> NewOrder:
    """A limit order with a price, a market order without one, unless ``type`` says otherwise."""
    kind = terms.pop("type", OrderType.MARKET if price is None else OrderType.LIMIT)
    return NewOrder(
        key=KEY,
        client_id=client_id,
        side=side,
        type=kind,
        qty=qty,
        price=price,
        stop=terms.pop("stop", None),
        tif=terms.pop("tif", Tif.GTC),
        post_only=terms.pop("post_only", False),
        reduce_only=False,
        **terms,
    )


class Floor:
    """An exchange with accounts "me" and "other", and a clock that ticks with every call."""

    def __init__(self, *, queue: QueueModel | None = None, fees: FeeModel = FREE, funds: dict[str, int] | None = None) -> None:
        self.exchange = Exchange([BTC], fees, queue or PessimisticQueue(), Chance(1))
        for name in ("me", "other"):
            self.exchange.add_account(name, FUNDS if funds is None else funds)
        self.now_ns = 0
        self._told = 0

    def tick(self) -> int:
        self.now_ns += 1
        return self.now_ns

    def book(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], *, snapshot: bool = True, seq: int = 0) -> None:
        self.exchange.on_book(KEY, bids, asks, snapshot, self.tick(), seq=seq)

    def quote(self, bid: int, bid_qty: int, ask: int, ask_qty: int, *, seq: int = 0) -> None:
        self.exchange.on_quote(KEY, bid, bid_qty, ask, ask_qty, self.tick(), seq=seq)

    def trade(self, price: int, qty: int, side: Side) -> None:
        self.exchange.on_trade(KEY, price, qty, side, self.tick())

    def submit(self, client_id: str, side: Side, qty: int, price: int | None = None, **terms: Any) -> SimOrder | Rejected:
        account = terms.pop("account", "me")
        quote_qty = terms.pop("quote_qty", 0)
        return self.exchange.submit(account, new_order(client_id, side, qty, price, **terms), self.tick(), quote_qty=quote_qty)

    def place(self, client_id: str, side: Side, qty: int, price: int | None = None, **terms: Any) -> SimOrder:
        answer = self.submit(client_id, side, qty, price, **terms)
        assert isinstance(answer, SimOrder), answer
        return answer

    def order(self, client_id: str, account: str = "me") -> SimOrder:
        order = self.exchange.order(account, KEY, client_id)
        assert order is not None
        return order

    def filled(self, client_id: str, account: str = "me") -> int:
        return self.order(client_id, account).filled

    def events(self) -> list[SimEvent]:
        return [event for _, event in self.exchange.drain()]

    def story(self) -> list[tuple[str, str]]:
        """(client id, what happened) since the last call."""
        return [(event.order.client_id, event.kind.value) for event in self.events()]

    def trades(self) -> list[tuple[str, int, int]]:
        """(client id, price, quantity) of the fills since the last call."""
        return [
            (event.order.client_id, event.order.last_price, event.order.last_qty)
            for event in self.events()
            if event.kind is SimEventKind.TRADE
        ]
