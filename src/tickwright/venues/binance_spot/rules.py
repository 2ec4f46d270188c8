"""What Binance Spot can do and what it asks of a client, as data. Facts as of July 2026; bounds that were measured say when.

No bound here was measured against the venue yet: the fence that uses them doubles what was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tickwright.base.clock import NS_PER_S
from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.market import Channel
from tickwright.model.order import OrderType, Stp, Tif
from tickwright.model.reason import Reason
from tickwright.venues.kit import VenueUrls

NAME = "binance_spot"

#: Every price and quantity of the venue has at most eight places; one unit for all instruments keeps decoding free of look-ups.
PRICE_EXP = 8
QTY_EXP = 8

URLS: Mapping[str, VenueUrls] = MappingProxyType(
    {
        "mainnet": VenueUrls(
            rest_url="https://api.binance.com",
            ws_url="wss://stream.binance.com:9443",
            ws_api_url="wss://ws-api.binance.com:443/ws-api/v3",
            sandbox=False,
        ),
        "testnet": VenueUrls(
            rest_url="https://testnet.binance.vision",
            ws_url="wss://stream.testnet.binance.vision",
            ws_api_url="wss://ws-api.testnet.binance.vision/ws-api/v3",
            sandbox=True,
        ),
        "demo": VenueUrls(
            rest_url="https://demo-api.binance.com",
            ws_url="wss://demo-stream.binance.com",
            ws_api_url="wss://demo-ws-api.binance.com/ws-api/v3",
            sandbox=True,
        ),
    }
)

#: Bar spans that the venue makes itself. "1M" is left out: a month has no fixed length.
SPANS_NS: Mapping[str, int] = MappingProxyType(
    {
        "1s": NS_PER_S,
        "1m": 60 * NS_PER_S,
        "3m": 180 * NS_PER_S,
        "5m": 300 * NS_PER_S,
        "15m": 900 * NS_PER_S,
        "30m": 1_800 * NS_PER_S,
        "1h": 3_600 * NS_PER_S,
        "2h": 7_200 * NS_PER_S,
        "4h": 14_400 * NS_PER_S,
        "6h": 21_600 * NS_PER_S,
        "8h": 28_800 * NS_PER_S,
        "12h": 43_200 * NS_PER_S,
        "1d": 86_400 * NS_PER_S,
        "3d": 259_200 * NS_PER_S,
        "1w": 604_800 * NS_PER_S,
    }
)

CAPS = Caps(
    venue=NAME,
    channels=frozenset({Channel.TRADES, Channel.QUOTES, Channel.BOOK, Channel.BARS, Channel.TICKER}),
    bar_spans=frozenset(SPANS_NS),
    order_types=frozenset(OrderType),
    tifs=frozenset(Tif),
    stps=frozenset(Stp),
    post_only=True,
    reduce_only=False,
    order_lists=True,
    amend=AmendKind.QTY_DOWN,
    cancel_all=True,
    client_id_pattern=r"[a-zA-Z0-9\-_]{1,36}",
    client_id_scope=IdScope.OPEN,
    deadline_ns=5 * NS_PER_S,
    clock_ahead_ns=NS_PER_S,
    processing_ns=10 * NS_PER_S,
    find_lag_ns=2 * NS_PER_S,
    dead_man_ns=0,
    trade_history=True,
    sandbox=True,
    notes="no cancel timer and no cancel on disconnect: orders outlive the connection",
)

# Connections (per connection unless said otherwise)
MESSAGES_PER_S_MAX = 5
STREAMS_MAX = 1_024
#: Streams named in one SUBSCRIBE. The venue sets no figure; this keeps a frame under 8 KiB.
SUBSCRIBE_BATCH = 200
CONNECTS_PER_5_MIN_MAX = 300  # per address
CONNECTION_AGE_S_MAX = 24 * 3_600
PING_EVERY_S = 20
PONG_WITHIN_S = 60

# Requests (per address)
WEIGHT_PER_MINUTE = 6_000
RECV_WINDOW_MS_MAX = 60_000
#: Levels a side that a snapshot may have, deepest first, and what it weighs.
DEPTH_WEIGHTS: Mapping[int, int] = MappingProxyType({5_000: 250, 1_000: 50, 500: 25, 100: 5})
HISTORY_PAGE = 1_000


class Endpoint(NamedTuple):
    """Where a kind of request goes: REST method and path, method of the WebSocket API ("": none), weight, signed or not."""

    method: str
    path: str
    ws_method: str
    weight: int
    signed: bool


#: Every kind of request. Those from "submit" to "oco" change the account.
ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        "submit": Endpoint("POST", "/api/v3/order", "order.place", 1, True),
        "cancel": Endpoint("DELETE", "/api/v3/order", "order.cancel", 1, True),
        "cancel_all": Endpoint("DELETE", "/api/v3/openOrders", "openOrders.cancelAll", 1, True),
        "amend": Endpoint("PUT", "/api/v3/order/amend/keepPriority", "order.amend.keepPriority", 4, True),
        "replace": Endpoint("POST", "/api/v3/order/cancelReplace", "order.cancelReplace", 1, True),
        "oco": Endpoint("POST", "/api/v3/orderList/oco", "orderList.place.oco", 1, True),
        "find": Endpoint("GET", "/api/v3/order", "order.status", 4, True),
        "open_orders": Endpoint("GET", "/api/v3/openOrders", "openOrders.status", 6, True),
        "open_orders_all": Endpoint("GET", "/api/v3/openOrders", "openOrders.status", 80, True),
        "all_orders": Endpoint("GET", "/api/v3/allOrders", "allOrders", 20, True),
        "account": Endpoint("GET", "/api/v3/account", "account.status", 20, True),
        "my_trades": Endpoint("GET", "/api/v3/myTrades", "myTrades", 20, True),
        "my_trades_of_order": Endpoint("GET", "/api/v3/myTrades", "myTrades", 5, True),
        "commission": Endpoint("GET", "/api/v3/account/commission", "account.commission", 20, True),
        "key_restrictions": Endpoint("GET", "/sapi/v1/account/apiRestrictions", "", 1, True),
        "time": Endpoint("GET", "/api/v3/time", "time", 1, False),
        "instruments": Endpoint("GET", "/api/v3/exchangeInfo", "exchangeInfo", 20, False),
        "depth": Endpoint("GET", "/api/v3/depth", "depth", 5, False),
        "bars": Endpoint("GET", "/api/v3/klines", "klines", 2, False),
        "trades": Endpoint("GET", "/api/v3/aggTrades", "trades.aggregate", 4, False),
    }
)
ORDER_KINDS = frozenset({"submit", "cancel", "cancel_all", "amend", "replace", "oco"})

#: Codes after which nobody knows whether the request was executed.
UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007})

#: Codes that tell the reason by themselves.
REASONS: Mapping[int, Reason] = MappingProxyType(
    {
        -1002: Reason.VENUE_KEY,
        -1003: Reason.VENUE_RATE_LIMIT,
        -1008: Reason.VENUE_OVERLOADED,
        -1013: Reason.VENUE_FILTER,
        -1014: Reason.VENUE_MALFORMED,
        -1015: Reason.VENUE_ORDER_LIMIT,
        -1020: Reason.VENUE_NOT_PERMITTED,
        -1021: Reason.VENUE_TIMESTAMP,
        -1022: Reason.VENUE_SIGNATURE,
        -1034: Reason.VENUE_RATE_LIMIT,
        -1100: Reason.VENUE_MALFORMED,
        -1101: Reason.VENUE_MALFORMED,
        -1102: Reason.VENUE_MALFORMED,
        -1103: Reason.VENUE_MALFORMED,
        -1104: Reason.VENUE_MALFORMED,
        -1105: Reason.VENUE_MALFORMED,
        -1106: Reason.VENUE_MALFORMED,
        -1111: Reason.VENUE_FILTER,
        -1112: Reason.VENUE_MARKET_CLOSED,
        -1114: Reason.VENUE_MALFORMED,
        -1115: Reason.VENUE_MALFORMED,
        -1116: Reason.VENUE_MALFORMED,
        -1117: Reason.VENUE_MALFORMED,
        -1121: Reason.VENUE_UNKNOWN_SYMBOL,
        -1130: Reason.VENUE_MALFORMED,
        -2011: Reason.VENUE_UNKNOWN_ORDER,
        -2013: Reason.VENUE_UNKNOWN_ORDER,
        -2014: Reason.VENUE_KEY,
        -2015: Reason.VENUE_KEY,
        -2026: Reason.VENUE_UNKNOWN_ORDER,
        -2038: Reason.VENUE_NO_CHANGE,
        -2039: Reason.VENUE_UNKNOWN_ORDER,
    }
)

#: Codes under which the venue files several cases, told apart by a part of the text (lower case).
REASONS_BY_TEXT: Mapping[int, tuple[tuple[str, Reason], ...]] = MappingProxyType(
    {
        -1013: (
            ("does not allow the specified self-trade", Reason.VENUE_NOT_PERMITTED),
            ("market is closed", Reason.VENUE_MARKET_CLOSED),
        ),
        -1003: (("banned", Reason.VENUE_BANNED),),
        -2010: (
            ("insufficient balance", Reason.VENUE_FUNDS),
            ("duplicate order", Reason.VENUE_DUPLICATE_ID),
            ("immediately match", Reason.VENUE_WOULD_TAKE),
            ("trigger immediately", Reason.VENUE_WOULD_TRIGGER),
            ("market is closed", Reason.VENUE_MARKET_CLOSED),
            ("not permitted", Reason.VENUE_NOT_PERMITTED),
            ("too many", Reason.VENUE_ORDER_LIMIT),
        ),
        -2011: (("cancel restrictions", Reason.VENUE_CANCEL_RESTRICTED),),
        -2038: (("quantity increase", Reason.VENUE_NOT_PERMITTED),),
    }
)
