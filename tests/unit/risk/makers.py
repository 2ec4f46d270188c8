"""An instrument, a market, limits and orders for the tests of this room."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tickwright.base.numbers import money
from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, Channel
from tickwright.model.order import NewOrder, OrderType, Stp, Tif
from tickwright.risk.gate import View
from tickwright.risk.halts import HaltLevel
from tickwright.risk.limits import Limits

S = 1_000_000_000
MS = 1_000_000
NOW = 1_700_000_000 * S

BTC = Instrument(
    venue="sim",
    symbol="BTC/USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_exp=2,
    qty_exp=5,
    tick_units=1,
    lot_units=1,
    notional_min=money(5),
)

CAPS = Caps(
    venue="sim",
    channels=frozenset(Channel),
    bar_spans=frozenset(),
    order_types=frozenset(OrderType),
    tifs=frozenset(Tif),
    stps=frozenset(Stp),
    post_only=True,
    reduce_only=False,
    order_lists=False,
    amend=AmendKind.PRICE_AND_QTY,
    cancel_all=True,
    client_id_pattern=".*",
    client_id_scope=IdScope.OPEN,
    deadline_ns=0,
    clock_ahead_ns=0,
    processing_ns=0,
    find_lag_ns=0,
    dead_man_ns=0,
    trade_history=True,
    sandbox=False,
)


def limits(**changes: Any) -> Limits:
    """Limits under which an ordinary order passes."""
    given: dict[str, Any] = {"max_order_value": Decimal(10_000), "max_order_qty": Decimal(1)}
    return Limits(**(given | changes))


def order(**changes: Any) -> NewOrder:
    """A buy of 0.1 BTC at 60,000.00, where the market is."""
    given: dict[str, Any] = {
        "key": BTC.key,
        "client_id": "tw-1",
        "side": BUY,
        "type": OrderType.LIMIT,
        "qty": 10_000,
        "price": 60_000_00,
        "stop": None,
        "tif": Tif.GTC,
        "post_only": False,
        "reduce_only": False,
        "strategy": "s",
    }
    return NewOrder(**(given | changes))


def view(**changes: Any) -> View:
    """A market at 59,999.00 / 60,000.00, an account that can pay, nothing held, nothing halted."""
    given: dict[str, Any] = {
        "instrument": BTC,
        "caps": CAPS,
        "bound_units": 60_000_00,
        "bid": 59_999.0,
        "ask": 60_000.0,
        "last": 60_000.0,
        "market_age_ns": 100 * MS,
        "visible_qty_units": 100_000,
        "position_units": 0,
        "working_buy_units": 0,
        "working_sell_units": 0,
        "free_amount": money(100_000),
        "needed_amount": money(6_000),
        "open_orders": 0,
        "open_stops": 0,
        "halt": HaltLevel.RUN,
        "clock_skew_ns": 0,
    }
    return View(**(given | changes))
