"""Which call a path or a WebSocket API method means, what it weighs, what it reads, and whether it needs a signature."""

from __future__ import annotations

import msgspec


class Call(msgspec.Struct, frozen=True):
    """``name`` is the call's name within the stand; ``orders`` says that it changes orders (and is free when it succeeds)."""

    name: str
    weight: int
    reads: frozenset[str]
    signed: bool = False
    orders: bool = False


_SIGNING = ("timestamp", "recvWindow", "signature", "apiKey")
_NEW_ORDER = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice trailingDelta "
    "icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetType pegOffsetValue"
)
_LEG = (
    "Type ClientOrderId IcebergQty Price StopPrice TrailingDelta TimeInForce StrategyId StrategyType PegPriceType PegOffsetType "
    "PegOffsetValue"
)
_OCO = "symbol listClientOrderId side quantity newOrderRespType selfTradePreventionMode " + " ".join(
    f"{leg}{name}" for leg in ("above", "below") for name in _LEG.split()
)
_OLD_OCO = (
    "symbol listClientOrderId side quantity limitClientOrderId price limitStrategyId limitStrategyType limitIcebergQty "
    "trailingDelta stopClientOrderId stopPrice stopStrategyId stopStrategyType stopLimitPrice stopIcebergQty stopLimitTimeInForce "
    "newOrderRespType selfTradePreventionMode"
)
_SPAN = "symbol fromId startTime endTime limit"
_SYMBOLS = "symbol symbols symbolStatus"
_ONE = "symbol orderId origClientOrderId"


def _open(name: str, weight: int, reads: str = "") -> Call:
    return Call(name, weight, frozenset(reads.split()))


def _signed(name: str, weight: int, reads: str = "") -> Call:
    return Call(name, weight, frozenset((*reads.split(), *_SIGNING)), signed=True)


def _order(name: str, weight: int, reads: str) -> Call:
    return Call(name, weight, frozenset((*reads.split(), *_SIGNING)), signed=True, orders=True)


_PING = _open("ping", 1)
_TIME = _open("time", 1)
_INFO = _open("exchange_info", 20, "symbol symbols permissions showPermissionSets symbolStatus")
_RULES = _open("execution_rules", 2, _SYMBOLS)
_REFERENCE = _open("reference_price", 2, "symbol")
_DEPTH = _open("depth", 5, "symbol limit symbolStatus")
_TRADES = _open("trades", 25, "symbol limit")
_OLD_TRADES = _open("trades", 25, "symbol limit fromId")
_AGG_TRADES = _open("agg_trades", 4, _SPAN)
_KLINES = _open("klines", 2, "symbol interval startTime endTime timeZone limit")
_AVERAGE = _open("average", 2, "symbol")
_DAY = _open("day", 2, f"{_SYMBOLS} type")
_TRADING_DAY = _open("day", 4, f"{_SYMBOLS} type timeZone")
_WINDOW = _open("window", 4, f"{_SYMBOLS} windowSize type")
_PRICE = _open("price", 2, _SYMBOLS)
_BOOK_TICKER = _open("book_ticker", 2, _SYMBOLS)
_PLACE = _order("place", 1, _NEW_ORDER)
_TEST = _signed("test", 1, f"{_NEW_ORDER} computeCommissionRates")
_QUERY = _signed("query", 4, _ONE)
_CANCEL = _order("cancel", 1, f"{_ONE} newClientOrderId cancelRestrictions")
_CANCEL_ALL = _order("cancel_all", 1, "symbol")
_OPEN_ORDERS = _signed("open_orders", 6, "symbol")
_ALL_ORDERS = _signed("all_orders", 20, "symbol orderId startTime endTime limit")
_REPLACE = _order(
    "cancel_replace", 1,
    f"{_NEW_ORDER} cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId cancelRestrictions "
    "orderRateLimitExceededMode",
)  # fmt: skip
_AMEND = _order("amend", 4, f"{_ONE} newQty newClientOrderId")
_AMENDMENTS = _signed("amendments", 4, "symbol orderId fromExecutionId limit")
_OCO_CALL = _order("oco", 1, _OCO)
_OLD_OCO_CALL = _order("old_oco", 1, _OLD_OCO)
_CANCEL_LIST = _order("cancel_list", 1, "symbol orderListId listClientOrderId newClientOrderId")
_QUERY_LIST = _signed("query_list", 4, "orderListId origClientOrderId")
_OPEN_LISTS = _signed("open_lists", 6)
_ALL_LISTS = _signed("all_lists", 20, "fromId startTime endTime limit")
_ACCOUNT = _signed("account", 20, "omitZeroBalances")
_COMMISSION = _signed("commission", 20, "symbol")
_MY_TRADES = _signed("my_trades", 20, "symbol orderId startTime endTime fromId limit")
_ORDER_COUNTS = _signed("order_counts", 40)
_MY_FILTERS = _signed("my_filters", 40, "symbol")
_PREVENTED = _signed("prevented", 2, "symbol preventedMatchId orderId fromPreventedMatchId limit")
_ALLOCATIONS = _signed("nothing", 20, "symbol startTime endTime fromAllocationId limit orderId")

_API: dict[tuple[str, str], Call] = {
    ("GET", "ping"): _PING,
    ("GET", "time"): _TIME,
    ("GET", "exchangeInfo"): _INFO,
    ("GET", "executionRules"): _RULES,
    ("GET", "referencePrice"): _REFERENCE,
    ("GET", "depth"): _DEPTH,
    ("GET", "trades"): _TRADES,
    ("GET", "historicalTrades"): _OLD_TRADES,
    ("GET", "aggTrades"): _AGG_TRADES,
    ("GET", "klines"): _KLINES,
    ("GET", "uiKlines"): _KLINES,
    ("GET", "avgPrice"): _AVERAGE,
    ("GET", "ticker/24hr"): _DAY,
    ("GET", "ticker/tradingDay"): _TRADING_DAY,
    ("GET", "ticker"): _WINDOW,
    ("GET", "ticker/price"): _PRICE,
    ("GET", "ticker/bookTicker"): _BOOK_TICKER,
    ("POST", "order"): _PLACE,
    ("POST", "order/test"): _TEST,
    ("GET", "order"): _QUERY,
    ("DELETE", "order"): _CANCEL,
    ("DELETE", "openOrders"): _CANCEL_ALL,
    ("GET", "openOrders"): _OPEN_ORDERS,
    ("GET", "allOrders"): _ALL_ORDERS,
    ("POST", "order/cancelReplace"): _REPLACE,
    ("PUT", "order/amend/keepPriority"): _AMEND,
    ("GET", "order/amendments"): _AMENDMENTS,
    ("POST", "order/oco"): _OLD_OCO_CALL,
    ("POST", "orderList/oco"): _OCO_CALL,
    ("GET", "orderList"): _QUERY_LIST,
    ("DELETE", "orderList"): _CANCEL_LIST,
    ("GET", "openOrderList"): _OPEN_LISTS,
    ("GET", "allOrderList"): _ALL_LISTS,
    ("GET", "account"): _ACCOUNT,
    ("GET", "account/commission"): _COMMISSION,
    ("GET", "myTrades"): _MY_TRADES,
    ("GET", "rateLimit/order"): _ORDER_COUNTS,
    ("GET", "myFilters"): _MY_FILTERS,
    ("GET", "myPreventedMatches"): _PREVENTED,
    ("GET", "myAllocations"): _ALLOCATIONS,
    ("POST", "userDataStream"): _open("gone", 2, "listenKey"),
    ("PUT", "userDataStream"): _open("gone", 2, "listenKey"),
    ("DELETE", "userDataStream"): _open("gone", 2, "listenKey"),
}

#: What clients ask of the wallet when they start. Only what says something about the account; the rest is empty lists.
_WALLET: dict[tuple[str, str], Call] = {
    ("GET", "v1/system/status"): _open("system_status", 1),
    ("GET", "v1/account/apiRestrictions"): _signed("restrictions", 1),
    ("GET", "v1/account/status"): _signed("account_status", 1),
    ("GET", "v1/account/apiTradingStatus"): _signed("trading_status", 1),
    ("GET", "v1/account/info"): _signed("account_info", 1),
    ("GET", "v1/capital/config/getall"): _signed("currencies", 10),
    ("GET", "v1/asset/tradeFee"): _signed("trade_fees", 1, "symbol"),
    ("GET", "v1/bnbBurn"): _signed("bnb_burn", 1),
    ("POST", "v3/asset/getUserAsset"): _signed("assets", 5, "asset needBtcValuation"),
    ("POST", "v1/asset/get-funding-asset"): _signed("nothing", 1, "asset needBtcValuation"),
    ("GET", "v1/capital/deposit/hisrec"): _signed("nothing", 1, "coin status startTime endTime offset limit txId includeSource"),
    ("GET", "v1/capital/withdraw/history"): _signed(
        "nothing", 1, "coin withdrawOrderId status offset limit idList startTime endTime"
    ),
    ("GET", "v1/margin/allAssets"): _open("nothing", 1, "asset"),
    ("GET", "v1/margin/allPairs"): _open("nothing", 1, "symbol"),
    ("GET", "v1/margin/isolated/allPairs"): _open("nothing", 1, "symbol timestamp recvWindow signature"),
}

WS_METHODS: dict[str, Call] = {
    "ping": _PING,
    "time": _TIME,
    "exchangeInfo": _INFO,
    "executionRules": _RULES,
    "referencePrice": _REFERENCE,
    "depth": _DEPTH,
    "trades.recent": _TRADES,
    "trades.historical": _OLD_TRADES,
    "trades.aggregate": _AGG_TRADES,
    "klines": _KLINES,
    "uiKlines": _KLINES,
    "avgPrice": _AVERAGE,
    "ticker.24hr": _DAY,
    "ticker.tradingDay": _TRADING_DAY,
    "ticker": _WINDOW,
    "ticker.price": _PRICE,
    "ticker.book": _BOOK_TICKER,
    "order.place": _PLACE,
    "order.test": _TEST,
    "order.status": _QUERY,
    "order.cancel": _CANCEL,
    "order.cancelReplace": _REPLACE,
    "order.amend.keepPriority": _AMEND,
    "order.amendments": _AMENDMENTS,
    "openOrders.status": _OPEN_ORDERS,
    "openOrders.cancelAll": _CANCEL_ALL,
    "allOrders": _ALL_ORDERS,
    "orderList.place": _OLD_OCO_CALL,
    "orderList.place.oco": _OCO_CALL,
    "orderList.status": _QUERY_LIST,
    "orderList.cancel": _CANCEL_LIST,
    "openOrderLists.status": _OPEN_LISTS,
    "allOrderLists": _ALL_LISTS,
    "account.status": _ACCOUNT,
    "account.commission": _COMMISSION,
    "account.rateLimits.orders": _ORDER_COUNTS,
    "myTrades": _MY_TRADES,
    "myFilters": _MY_FILTERS,
    "myPreventedMatches": _PREVENTED,
    "myAllocations": _ALLOCATIONS,
}


def rest_call(method: str, path: str) -> Call | None:
    """The call behind a path, or None."""
    if path.startswith("/api/v3/"):
        return _API.get((method, path.removeprefix("/api/v3/").rstrip("/")))
    if path.startswith("/sapi/"):
        return _WALLET.get((method, path.removeprefix("/sapi/").rstrip("/")))
    return None
