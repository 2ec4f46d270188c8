"""A state with one instrument and one strategy, and short ways to make events. No mocks: the real store, ledger and gate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tickwright.base.numbers import money
from tickwright.engine.build import attach
from tickwright.engine.state import EngineConfig, State
from tickwright.engine.step import step
from tickwright.model.account import AccountUp, Balance, Snapshot
from tickwright.model.effect import Effect
from tickwright.model.event import Event, SnapshotOutcome, SubmitOutcome, Tick
from tickwright.model.instrument import Instrument
from tickwright.model.market import Quote
from tickwright.model.order import Accepted, Fill, NewOrder, OrderReport, Outcome, ReportStatus
from tickwright.model.reason import Reason
from tickwright.risk.limits import Limits
from tickwright.sim.venue_rules import sim_caps
from tickwright.strategy.strategy import Strategy

S = 1_000_000_000
BTC = Instrument(
    venue="sim", symbol="BTC/USDT", native="BTCUSDT", base="BTC", quote="USDT", price_exp=2, qty_exp=5, tick_units=1, lot_units=10,
    qty_min_units=10, notional_min=money(5),
)  # fmt: skip
LIMITS = Limits(max_order_value=Decimal(10_000), max_order_qty=Decimal(1), max_position=Decimal("0.5"))


class World:
    """One run, fed by hand."""

    def __init__(self, strategy: Strategy, *, limits: Limits = LIMITS, usdt: int = 50_000, btc: int = 1) -> None:
        config = EngineConfig(currency="USDT", limits=limits, id_prefix="twtest00-", auto_arm=True)
        self.state = State(config, [sim_caps("sim")], [BTC])
        self.state.traded = [BTC.key]
        self.strategy = strategy
        self.held = {"USDT": money(usdt), "BTC": money(btc)}
        self.now = 1_700_000_000 * S
        self.trade_id = 0
        self.effects: list[Effect] = []
        attach(self.state, strategy)

    def feed(self, event: Event) -> list[Effect]:
        """One event; what it caused."""
        effects = list(step(self.state, event))
        self.effects += effects
        return effects

    def tick(self, seconds: float = 0.1) -> list[Effect]:
        self.now += int(seconds * S)
        return self.feed(Tick(self.now))

    def quote(self, bid: float = 60_000.0, ask: float = 60_000.01, qty: float = 5.0) -> list[Effect]:
        self.now += S // 100
        return self.feed(Quote(BTC.key, bid, qty, ask, qty, 0, self.now, self.now))

    def snapshot(self, *orders: OrderReport, fills: tuple[Fill, ...] = ()) -> list[Effect]:
        """The venue's answer, from what it holds."""
        balances = tuple(Balance("sim", asset, amount, 0, self.now, self.now) for asset, amount in self.held.items())
        answer = Snapshot(
            venue="sim", orders=orders, balances=balances, positions=(), fills=fills, asked_ns=self.now, recv_ns=self.now
        )
        return self.feed(SnapshotOutcome("sim", answer, self.now))

    def start(self) -> None:
        """Connected, compared, armed, with a market."""
        self.start_with()

    def start_with(self, *orders: OrderReport, bid: float = 60_000.0, ask: float = 60_000.01) -> None:
        """The same after a restart: the venue lists these orders."""
        self.quote(bid, ask)
        self.feed(AccountUp("sim", self.now))
        self.snapshot(*orders)
        self.tick()
        self.quote(bid, ask)

    def answer(self, order: NewOrder, outcome: Outcome) -> list[Effect]:
        self.now += S // 1000
        return self.feed(SubmitOutcome(order.client_id, outcome, self.now))

    def accept(self, order: NewOrder) -> list[Effect]:
        return self.answer(order, Accepted(venue_id=f"v{order.client_id}", at_ns=self.now))

    def fill(self, order: NewOrder, qty: int | None = None, price: int = 6_000_001, fee: int = 0) -> list[Effect]:
        """An execution, and the venue's balances moved by it."""
        self.now += S // 1000
        self.trade_id += 1
        size = order.qty if qty is None else qty
        sign = order.side.sign
        self.held["BTC"] += sign * BTC.base_amount(size)
        self.held["USDT"] -= sign * BTC.notional(price, size) + fee
        return self.feed(
            Fill(
                key=BTC.key, client_id=order.client_id, venue_id=f"v{order.client_id}", trade_id=str(self.trade_id), side=order.side,
                price=price, qty=size, fee=fee, fee_asset="USDT", maker=False, venue_ns=self.now, recv_ns=self.now,
            )
        )  # fmt: skip

    def report(self, order: NewOrder, status: ReportStatus, reason: Reason | None = None, filled: int = 0) -> list[Effect]:
        self.now += S // 1000
        return self.feed(self.report_of(order, status, reason, filled))

    def report_of(self, order: NewOrder, status: ReportStatus, reason: Reason | None = None, filled: int = 0) -> OrderReport:
        return OrderReport(
            key=BTC.key, client_id=order.client_id, venue_id=f"v{order.client_id}", side=order.side, type=order.type, status=status,
            qty=order.qty, filled=filled, price=order.price, stop=order.stop, reason=reason, venue_ns=self.now, recv_ns=self.now,
        )  # fmt: skip


def of(effects: list[Effect], kind: type[Any]) -> list[Any]:
    """Those of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]
