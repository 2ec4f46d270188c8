"""Every call of the venue by its name, whichever way it came; and what a call costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tickwright.sim.stands.binance_spot.account import AccountDesk
from tickwright.sim.stands.binance_spot.auth import Key, bad_key
from tickwright.sim.stands.binance_spot.lists import Lists
from tickwright.sim.stands.binance_spot.meter import Meter, weight_of
from tickwright.sim.stands.binance_spot.orders import Orders
from tickwright.sim.stands.binance_spot.params import check_names
from tickwright.sim.stands.binance_spot.public import Public
from tickwright.sim.stands.binance_spot.routes import Call
from tickwright.sim.stands.binance_spot.shapes import Ask, JsonValue, Refusal

Handler: TypeAlias = Callable[[Ask], JsonValue]


class Calls:
    """Answers a call, or raises the venue's refusal of it."""

    def __init__(self, public: Public, orders: Orders, lists: Lists, desk: AccountDesk, meter: Meter) -> None:
        self._meter = meter
        handlers: tuple[Handler, ...] = (
            public.ping, public.time, public.exchange_info, public.execution_rules, public.reference_price, public.depth,
            public.trades, public.agg_trades, public.klines, public.average, public.day, public.window, public.price,
            public.book_ticker,
            orders.place, orders.test, orders.query, orders.cancel, orders.cancel_all, orders.open_orders, orders.all_orders,
            orders.cancel_replace, orders.amend, orders.amendments, orders.my_trades,
            lists.oco, lists.old_oco, lists.cancel_list, lists.query_list, lists.open_lists, lists.all_lists,
            desk.account, desk.commission, desk.order_counts, desk.my_filters, desk.restrictions, desk.currencies, desk.assets,
            desk.trade_fees, desk.system_status, desk.account_status, desk.trading_status, desk.account_info, desk.bnb_burn,
            desk.nothing,
        )  # fmt: skip
        self._handlers: dict[str, Handler] = {handler.__name__: handler for handler in handlers}
        self._handlers |= {"gone": _gone, "prevented": desk.nothing, "stale_depth": public.stale_depth}

    def charge(self, call: Call, params: dict[str, str], address: str, at_ns: int) -> int:
        """Count a request before anything else about it is looked at; what it weighed."""
        weight = weight_of(call.weight, call.name, params)
        self._meter.spend(address, weight, at_ns)
        return weight

    def answer(self, call: Call, params: dict[str, str], key: Key | None, at_ns: int, *, stale: bool = False) -> JsonValue:
        """Carry a genuine request out."""
        check_names(params, call.reads)
        if key is not None and (call.orders or call.name == "test") and not key.can_trade:
            raise bad_key()
        name = "stale_depth" if stale and call.name == "depth" else call.name
        return self._handlers[name](Ask(params, key.account if key is not None else "", at_ns))


def _gone(_: Ask) -> JsonValue:
    raise Refusal(-1000, "This endpoint has been removed. Subscribe to the user data stream on the WebSocket API.", 410)
