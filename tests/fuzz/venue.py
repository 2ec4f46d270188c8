"""Targets: everything that reads bytes of Binance Spot.

Whatever the bytes, there are events, or one ``WireError``; what is decoded can be believed: numbers are finite, times fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from fuzz.mutate import headed, json_wire
from fuzz.target import FIXTURES, Target, compact, is_json
from fuzz.tree import Object, parse, slots
from tickwright.base.errors import WireError
from tickwright.base.numbers import to_units
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, Bar, BookUpdate, Gap, Quote, Ticker, Trade
from tickwright.model.order import Absent, Accepted, CouldNotAsk, Found, NewOrder, OrderRef, OrderType, Rejected, Tif, Unknown
from tickwright.venues.binance_spot import answers, catalog, requests
from tickwright.venues.binance_spot.account import AccountDecoder, Answer
from tickwright.venues.binance_spot.market import Ack, MarketDecoder, Shutdown
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.kit import Request, SymbolMap

AT = 1_788_249_600_500_000_000
KEY = "binance_spot:BTC/USDT"
QUOTES = ("USDT", "BTC")


def _folder(name: str) -> tuple[bytes, ...]:
    return tuple(compact(path) for path in sorted((FIXTURES / name).glob("*.json")))


# -- market frames ---------------------------------------------------------------------------------------------------------

_TRADE = b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1788249600402,"s":"BTCUSDT","t":4410023,"p":"61250.00000000","q":"0.01000000","T":1788249600401,"m":false,"M":true}}'
_QUOTE = b'{"stream":"btcusdt@bookTicker","data":{"u":70500131,"s":"BTCUSDT","b":"61249.99000000","B":"1.19000000","a":"61250.00000000","A":"0.81500000"}}'
_DEPTH = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1788249600000,"s":"BTCUSDT","U":70500119,"u":70500124,"b":[["61249.99000000","1.19000000"]],"a":[]}}'
_COMBINED = (
    b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":70500131,"bids":[["61249.99","1.19"]],"asks":[["61250.0","0.815"]]}}'
)
_BARS = b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1788249600000,"T":1788249659999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"9","n":278,"x":true,"q":"5","V":"5","Q":"3","B":"0"}}}'

_MARKET = (*_folder("ws_public"), compact(FIXTURES / "rest/depth_snapshot.json"), _TRADE, _QUOTE, _DEPTH, _COMBINED, _BARS)


def _decoder() -> MarketDecoder:
    return MarketDecoder(SymbolMap(NAME, QUOTES))


#: It has seen every stream, so it takes the short way where there is one.
_learned = _decoder()
for _frame in (_TRADE, _QUOTE, _DEPTH):
    _learned.read(_frame, AT)


def check_market(frame: bytes) -> object:
    """A frame by the long way, by the short way, and as a snapshot over REST."""
    read = _either(lambda: _decoder().read(frame, AT))
    short = _either(lambda: _learned.read(frame, AT))
    for item in (read, short, _either(lambda: _learned.snapshot(frame, KEY, AT))):
        believable(item)
    if isinstance(read, _LEARNT) and isinstance(short, _LEARNT) and read.key == short.key and not _repeats(frame):
        assert short == read, f"one way makes it {short!r}, the other {read!r}"
    assert len(_learned.ignored) <= 65
    return read


#: What there is a short way to.
_LEARNT = (Trade, Quote, BookUpdate)


def _repeats(frame: bytes) -> bool:
    """Whether a field is there twice: the two ways may believe different ones, and the venue's never is. (Bytes that are no text
    pass where a decoder skips a field.)
    """
    frame = frame.decode("utf-8", "replace").encode()
    return any(type(where) is Object and len({name for name, _ in where}) < len(where) for where, _ in slots(parse(frame)))


def _either(read: Callable[[], object]) -> object:
    try:
        return read()
    except WireError as error:
        found = error
    assert len(str(found)) < 400, "the bytes are repeated in the error"
    return found


def believable(item: object) -> None:
    """What the rest of the system takes for granted of market data."""
    if isinstance(item, Trade | Quote | Bar | Ticker) or (isinstance(item, BookUpdate) and not item.snapshot):
        assert item.key.partition(":")[2], f"of no instrument: {item!r}"
    match item:
        case Trade():
            _numbers(item.price, item.qty)
            _times(item.venue_ns)
            assert item.price > 0
        case Quote():
            _numbers(item.bid, item.bid_qty, item.ask, item.ask_qty)
            assert item.bid > 0
            assert item.ask > 0
        case BookUpdate():
            for price, qty in (*item.bids, *item.asks):
                _numbers(price, qty)
                assert price > 0
            _times(item.venue_ns)
        case Bar():
            _numbers(item.open, item.high, item.low, item.close, item.volume)
            _times(item.start_ns, item.end_ns)
        case Ticker():
            _numbers(item.last or 1, item.volume)
            _times(item.venue_ns)
        case _:
            assert item is None or isinstance(item, Ack | Shutdown | Gap | WireError), f"an item of no known kind: {item!r}"


def _numbers(*values: float) -> None:
    for value in values:
        assert isinstance(value, float | int), repr(value)
        assert math.isfinite(value), value
        assert value >= 0, value


def _times(*values: int) -> None:
    for value in values:
        assert 0 <= value < 2**63, value


MARKET = Target("market", "frames of the market streams, and depth snapshots", _MARKET, json_wire, check_market, is_json)


# -- account frames --------------------------------------------------------------------------------------------------------

_PRIVATE = _folder("ws_private")
_WS_TRADE = _folder("ws_trade")


def check_account(frame: bytes) -> object:
    """An event of the account, or an answer."""
    decoder = AccountDecoder(SymbolMap(NAME, QUOTES))
    item = _either(lambda: decoder.read(frame, AT))
    if isinstance(item, list):
        for event in item:
            _as_recorded(event)
    else:
        assert isinstance(item, Answer | Shutdown | WireError), f"no known kind: {item!r}"
    return item


def _as_recorded(event: object) -> None:
    """Events are written to the journal and read back."""
    kind = type(event)
    assert msgspec.json.decode(msgspec.json.encode(event), type=kind) == event, f"{event!r} does not survive the journal"
    for name in ("venue_ns", "recv_ns"):
        _times(getattr(event, name, 0))


ACCOUNT = Target(
    "account", "frames of the account stream and of the session", _PRIVATE + _WS_TRADE, json_wire, check_account, is_json
)


# -- answers ---------------------------------------------------------------------------------------------------------------


def _order(client_id: str, price: str) -> NewOrder:
    return NewOrder(
        key=KEY,
        client_id=client_id,
        side=BUY,
        type=OrderType.LIMIT,
        qty=to_units("0.015", 8),
        price=to_units(price, 8),
        stop=None,
        tif=Tif.GTC,
        post_only=False,
        reduce_only=False,
    )


_REF = OrderRef(KEY, "steer-000017", "9001001")
_ORDER = _order("steer-000017", "61250.1")
_BELOW = _order("steer-000018", "61000")
#: What may have been asked, by the word that stands in the first line of a wire.
REQUESTS: dict[str, Request] = {
    "submit": requests.submit(_ORDER, "BTCUSDT"),
    "cancel": requests.cancel(_REF, "BTCUSDT"),
    "cancel_all": requests.cancel_all(KEY, "BTCUSDT"),
    "amend": requests.amend_qty(_REF, 1, "BTCUSDT"),
    "replace": requests.replace(_REF, _order("tw1-2", "61300"), "BTCUSDT", only_new=True),
    "oco": requests.oco(_ORDER, _BELOW, "pair-1", "BTCUSDT"),
    "find": requests.find(_REF, "BTCUSDT"),
}
_STATUSES = (None, 200, 204, 301, 400, 401, 403, 404, 409, 418, 429, 500, 503)
_ANSWER_HEADS = tuple(f"{kind} {status}".encode() for kind in REQUESTS for status in _STATUSES)
_SYMBOLS = SymbolMap(NAME, QUOTES)


def check_answer(wire: bytes) -> object:
    """``<kind> <status>``, then the body: what became of a request, whatever the venue (or something before it) says."""
    head, _, body = wire.partition(b"\n")
    kind, _, word = head.decode("latin-1").partition(" ")
    request = REQUESTS.get(kind, REQUESTS["submit"])
    status = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else None
    if kind == "find":
        return _finding(answers.classify_find(request, status, body, AT, _SYMBOLS))
    return _outcome(answers.classify(request, status, body, AT, _SYMBOLS), status, body)


def _finding(found: object) -> object:
    assert isinstance(found, Found | Absent | CouldNotAsk), repr(found)
    if isinstance(found, Found):
        _as_recorded(found.order)
    return found


def _outcome(outcome: object, status: int | None, body: bytes) -> object:
    """A rejection needs a 4xx, or the venue's word that nothing was executed; an acceptance what was accepted."""
    assert isinstance(outcome, Accepted | Rejected | Unknown), repr(outcome)
    if isinstance(outcome, Rejected):
        error = answers.read_error(body)
        assert (status is not None and 400 <= status < 500) or (error is not None and error.code == -1008)
        assert outcome.retry_after_ns >= 0
    if isinstance(outcome, Accepted):
        for report in outcome.reports:
            _as_recorded(report)
    return outcome


def _answer_samples() -> tuple[bytes, ...]:
    """Every body under a request that it may answer, and what the two halves of a replacement look like."""
    rest = {path.stem: compact(path) for path in sorted((FIXTURES / "rest").glob("*.json"))}
    found = [f"submit {status}\n".encode() + rest[name] for name in rest if name.startswith("error_") for status in (400, 429)]
    for kind, name in (
        ("submit", "order_ack"),
        ("submit", "order_result_new"),
        ("submit", "order_full_market_filled"),
        ("cancel", "cancel_order"),
        ("cancel_all", "cancel_all"),
        ("amend", "amend_keep_priority"),
        ("find", "query_order_partially_filled"),
        ("find", "query_order_expired_fok"),
    ):
        found.append(f"{kind} 200\n".encode() + rest[name])
    found.append(b"find 400\n" + rest["error_query_unknown_order"])
    found.append(b"replace 409\n" + rest["cancel_replace_partial_failure"])
    halves = (rest["cancel_order"], rest["order_full_market_filled"])
    found.append(
        b'replace 200\n{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":%s,"newOrderResponse":%s}' % halves
    )
    pair = (rest["cancel_order"], rest["order_result_new"])
    listed = b'{"orderListId":1,"contingencyType":"OCO","transactionTime":1,"orderReports":[%s,%s]}' % pair
    found += [head % listed for head in (b"oco 200\n%s", b"cancel 200\n%s", b"cancel_all 200\n[%s]")]
    return tuple(found)


ANSWERS = Target(
    "answers",
    "answers to requests about orders, refusals and failures included",
    _answer_samples(),
    headed(_ANSWER_HEADS),
    check_answer,
    lambda wire: is_json(wire.partition(b"\n")[2]),
)


def check_ws_answer(frame: bytes) -> object:
    """A frame of the WebSocket API all the way to what became of each request that it might answer."""
    item = _either(lambda: AccountDecoder(_SYMBOLS).read(frame, AT))
    if not isinstance(item, Answer):
        return item
    for kind, request in REQUESTS.items():
        if kind == "find":
            _finding(answers.classify_find(request, item.status, item.body, AT, _SYMBOLS))
        else:
            _outcome(answers.classify(request, item.status, item.body, AT, _SYMBOLS), item.status, item.body)
    return item


def _ws_answer_samples() -> tuple[bytes, ...]:
    """The sample answers, and every body of REST as the WebSocket API would wrap it."""
    wrapped = [
        b'{"id":7,"status":%d,"%s":%s,"rateLimits":[]}'
        % (*((200, b"result") if not path.stem.startswith("error") else (400, b"error")), compact(path))
        for path in sorted((FIXTURES / "rest").glob("*.json"))
        if path.stem.startswith(("error", "order", "cancel", "amend", "query"))
    ]
    return _WS_TRADE + tuple(wrapped)


WS_ANSWERS = Target(
    "ws_answers",
    "answers of the WebSocket API, to what became of a request",
    _ws_answer_samples(),
    json_wire,
    check_ws_answer,
    is_json,
)


# -- bodies ----------------------------------------------------------------------------------------------------------------


def _instruments(body: bytes) -> object:
    found = catalog.instruments(body)
    for one in found:
        assert isinstance(one, Instrument)
        assert msgspec.json.decode(msgspec.json.encode(one), type=Instrument) == one
        bounds = (
            one.price_min_units,
            one.price_max_units,
            one.qty_min_units,
            one.qty_max_units,
            one.notional_min,
            one.notional_max,
        )
        assert min(*bounds, one.market_lot_units, one.open_orders_max, one.open_stops_max) >= 0, f"a bound below zero: {one}"
        if one.price_band is not None:
            for multiple in msgspec.structs.astuple(one.price_band):
                assert multiple.is_finite(), one.price_band
                assert multiple >= 0, one.price_band
    return found


def _bars(body: bytes) -> object:
    found = catalog.bars(body, KEY, "1m", AT)
    for bar in found:
        believable(bar)
    return found


def _trades(body: bytes) -> object:
    found = catalog.trades(body, KEY, AT)
    for trade in found:
        believable(trade)
    if found:
        assert isinstance(catalog.last_agg_id(body), int)
    return found


def _recorded(events: list[object]) -> object:
    for event in events:
        _as_recorded(event)
    return events


#: What reads a body, by the word in the first line of a wire.
BODIES: dict[str, Callable[[bytes], object]] = {
    "instruments": _instruments,
    "time": catalog.server_time_ns,
    "bars": _bars,
    "trades": _trades,
    "balances": lambda body: _recorded(list(catalog.balances(catalog.account(body), AT))),
    "fees": catalog.fee_rates,
    "permissions": catalog.permissions,
    "orders": lambda body: _recorded(list(answers.orders_of(body, AT, _SYMBOLS))),
    "among": lambda body: answers.find_among(body, "steer-000017", "9001001", AT, _SYMBOLS),
    "terms": lambda body: answers.terms_of(body, "steer-000017", _SYMBOLS),
    "executions": lambda body: _recorded(
        list(answers.fills_of_trades(answers.my_trades(body), lambda *_: "steer-000017", AT, _SYMBOLS))
    ),
}
_BODY_SAMPLES = {
    "exchange_info_btcusdt": ("instruments",),
    "time": ("time",),
    "klines_1m": ("bars",),
    "recent_trades": ("trades",),
    "account": ("balances", "permissions"),
    "account_commission": ("fees",),
    "open_orders": ("orders", "among"),
    "query_order_partially_filled": ("terms",),
    "my_trades": ("executions",),
}
_AGGREGATED = b'trades\n[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}]'
_RESTRICTIONS = b'permissions\n{"ipRestrict":false,"createTime":1698645219000,"enableReading":true,"enableWithdrawals":false,"enableInternalTransfer":true,"enableMargin":false,"enableFutures":false,"permitsUniversalTransfer":true,"enableSpotAndMarginTrading":true}'


def check_body(wire: bytes) -> object:
    """``<reader>``, then the body of a good answer: what was asked for, or one ``WireError``."""
    head, _, body = wire.partition(b"\n")
    read = BODIES.get(head.decode("latin-1"), _instruments)
    return _either(lambda: read(body))


def _body_samples() -> tuple[bytes, ...]:
    found = [
        reader.encode() + b"\n" + compact(FIXTURES / "rest" / f"{name}.json")
        for name, readers in _BODY_SAMPLES.items()
        for reader in readers
    ]
    return (*found, _AGGREGATED, _RESTRICTIONS)


BODY = Target(
    "bodies",
    "bodies of good answers over REST",
    _body_samples(),
    headed(tuple(name.encode() for name in BODIES)),
    check_body,
    lambda wire: is_json(wire.partition(b"\n")[2]),
)
TARGETS = (MARKET, ACCOUNT, ANSWERS, WS_ANSWERS, BODY)
