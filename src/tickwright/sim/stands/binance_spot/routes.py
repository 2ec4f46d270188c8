"""Which call a path or a method means, what it weighs, and whether it is signed."""

from __future__ import annotations

import msgspec


class Call(msgspec.Struct, frozen=True):
    """``name`` is a method of ``Public`` or, where signed, of ``Trading``."""

    name: str
    weight: int
    signed: bool = False


ORDER_CALLS = frozenset({"place", "cancel", "cancel_all", "cancel_replace", "amend", "oco", "cancel_list"})

_REST: dict[tuple[str, str], Call] = {
    ("GET", "ping"): Call("ping", 1),
    ("GET", "time"): Call("time", 1),
    ("GET", "exchangeInfo"): Call("exchange_info", 20),
    ("GET", "depth"): Call("depth", 5),
    ("GET", "trades"): Call("trades", 25),
    ("GET", "historicalTrades"): Call("trades", 25),
    ("GET", "aggTrades"): Call("agg_trades", 4),
    ("GET", "klines"): Call("klines", 2),
    ("GET", "uiKlines"): Call("klines", 2),
    ("GET", "avgPrice"): Call("average", 2),
    ("GET", "ticker/24hr"): Call("day", 2),
    ("GET", "ticker"): Call("day", 2),
    ("GET", "ticker/price"): Call("price", 2),
    ("GET", "ticker/bookTicker"): Call("book_ticker", 2),
    ("POST", "order"): Call("place", 1, True),
    ("POST", "order/test"): Call("test", 1, True),
    ("GET", "order"): Call("query", 4, True),
    ("DELETE", "order"): Call("cancel", 1, True),
    ("DELETE", "openOrders"): Call("cancel_all", 1, True),
    ("GET", "openOrders"): Call("open_orders", 6, True),
    ("GET", "allOrders"): Call("all_orders", 20, True),
    ("POST", "order/cancelReplace"): Call("cancel_replace", 1, True),
    ("PUT", "order/amend/keepPriority"): Call("amend", 4, True),
    ("POST", "order/oco"): Call("oco", 1, True),
    ("POST", "orderList/oco"): Call("oco", 1, True),
    ("DELETE", "orderList"): Call("cancel_list", 1, True),
    ("GET", "openOrderList"): Call("open_lists", 6, True),
    ("GET", "allOrderList"): Call("open_lists", 20, True),
    ("GET", "account"): Call("account", 20, True),
    ("GET", "account/commission"): Call("commission", 20, True),
    ("GET", "myTrades"): Call("my_trades", 20, True),
    ("GET", "rateLimit/order"): Call("order_counts", 40, True),
    ("POST", "userDataStream"): Call("gone", 2),
    ("PUT", "userDataStream"): Call("gone", 2),
    ("DELETE", "userDataStream"): Call("gone", 2),
}

_WALLET: dict[tuple[str, str], Call] = {
    ("GET", "account/apiRestrictions"): Call("restrictions", 1, True),
    ("GET", "capital/config/getall"): Call("currencies", 10, True),
    ("GET", "asset/tradeFee"): Call("trade_fees", 1, True),
}

WS_METHODS: dict[str, Call] = {
    "ping": Call("ping", 1),
    "time": Call("time", 1),
    "exchangeInfo": Call("exchange_info", 20),
    "depth": Call("depth", 5),
    "trades.recent": Call("trades", 25),
    "trades.historical": Call("trades", 25),
    "trades.aggregate": Call("agg_trades", 4),
    "klines": Call("klines", 2),
    "uiKlines": Call("klines", 2),
    "avgPrice": Call("average", 2),
    "ticker.24hr": Call("day", 2),
    "ticker.price": Call("price", 2),
    "ticker.book": Call("book_ticker", 2),
    "order.place": Call("place", 1, True),
    "order.test": Call("test", 1, True),
    "order.status": Call("query", 4, True),
    "order.cancel": Call("cancel", 1, True),
    "order.cancelReplace": Call("cancel_replace", 1, True),
    "order.amend.keepPriority": Call("amend", 4, True),
    "openOrders.status": Call("open_orders", 6, True),
    "openOrders.cancelAll": Call("cancel_all", 1, True),
    "allOrders": Call("all_orders", 20, True),
    "orderList.place.oco": Call("oco", 1, True),
    "orderList.cancel": Call("cancel_list", 1, True),
    "openOrderLists.status": Call("open_lists", 6, True),
    "account.status": Call("account", 20, True),
    "account.commission": Call("commission", 20, True),
    "account.rateLimits.orders": Call("order_counts", 40, True),
    "myTrades": Call("my_trades", 20, True),
}


def rest_call(method: str, path: str) -> Call | None:
    """The call behind a path, or None."""
    if path.startswith("/api/v3/"):
        return _REST.get((method, path.removeprefix("/api/v3/").rstrip("/")))
    if path.startswith("/sapi/v1/"):
        return _WALLET.get((method, path.removeprefix("/sapi/v1/").rstrip("/")))
    return None
