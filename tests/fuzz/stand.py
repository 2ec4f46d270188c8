"""Targets: the stand. Whatever a client sends, the answer is one that the venue might give; nothing raises, and afterwards it goes on.

A wire is a script, its parts divided by a line ``~~~``: what one request does is there for the next. ``@now``, ``@key`` and
``@sign`` stand for the time, the test account's key and the right signature, so that signed requests get past their signature.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import msgspec

from fuzz.mutate_more import NEXT, frames, request, script
from fuzz.target import Target
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.binance_spot.params import from_json, signed_form, signed_json
from tickwright.sim.stands.binance_spot.routes import WS_METHODS
from tickwright.sim.stands.server import Action, Close, Cut, HttpIn, HttpOut, Mute, Send

_TAPE = Path(__file__).parent / "market.tape"
_T0_NS = 1_788_249_600_000_000_000
_STEP_NS = 50_000_000
_HOST = "127.0.0.1"
_NO_JSON = object()


def _stand() -> BinanceSpotStand:
    """A stand that has been up for a second: there is a market, of six lines."""
    stand = BinanceSpotStand(StandConfig(tape=_TAPE, frames_per_s=1_000))
    for step in range(2):
        stand.on_time(_T0_NS + step * _STEP_NS * 20, 1_000)
    return stand


def _filled(part: bytes, stand: BinanceSpotStand, now_ns: int) -> bytes:
    stamp = str(now_ns // 1_000_000).encode()
    return part.replace(b"@now", stamp).replace(b"@key", stand.api_key.encode())


def _sound(stand: BinanceSpotStand, now_ns: int) -> None:
    """What holds after any request: no balance below zero, the state can be told, time can go on."""
    told = msgspec.json.decode(msgspec.json.encode(stand.state()))
    for free, locked in told["balances"].values():
        assert not free.startswith("-"), told["balances"]
        assert not locked.startswith("-"), told["balances"]
    _actions(stand.on_time(now_ns + _STEP_NS, 1_000))


def _actions(actions: list[Action]) -> None:
    for action in actions:
        assert isinstance(action, Send | Close | Cut | Mute), repr(action)
        if isinstance(action, Send):
            assert action.delay_s >= 0
            action.text.encode()


# -- HTTP ------------------------------------------------------------------------------------------------------------------


def check_http(wire: bytes) -> object:
    """A script of HTTP requests."""
    stand = _stand()
    now_ns = _T0_NS + 40 * _STEP_NS
    answers = []
    for part in wire.split(NEXT):
        now_ns += _STEP_NS
        asked = _http(_filled(part, stand, now_ns), stand)
        answer = stand.on_request(asked, now_ns)
        if answer.hold_s:
            answer = stand.on_request(msgspec.structs.replace(asked, held=True), now_ns)
        _like_a_venue(asked, answer)
        _actions(stand.drain())
        answers.append(answer)
    _sound(stand, now_ns)
    return answers


def _http(part: bytes, stand: BinanceSpotStand) -> HttpIn:
    """Text as a request, as far as it is one. The server hands on text for everything but the body."""
    head, _, body = part.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").split("\n")
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "@sign" in query:
        query = query.replace("@sign", "")
        payload, _ = signed_form(query, body.decode("utf-8", "replace"))
        query = f"{query}{hmac.new(stand.api_secret.encode(), payload, hashlib.sha256).hexdigest()}"
    return HttpIn(method, path, query, body, headers, _HOST)


def _like_a_venue(asked: HttpIn, answer: HttpOut) -> None:
    body = msgspec.json.decode(answer.body)
    assert 200 <= answer.status < 600, answer.status
    assert all(isinstance(value, str) for value in answer.headers.values()), answer.headers
    if answer.status >= 400 and not asked.path.startswith("/stand/"):
        assert isinstance(body["code"], int), body
        assert isinstance(body["msg"], str), body
    if answer.status >= 500:
        assert body["code"] in (-1000, -1001, -1006, -1007, -1008), body


_ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=59000&newClientOrderId=a-1"
_SIGNED = "timestamp=@now&signature=@sign"


def _asked(method: str, target: str, body: str = "") -> bytes:
    return f"{method} {target}\nx-mbx-apikey: @key\n\n{body}".encode()


def _signed(method: str, path: str, query: str = "") -> bytes:
    return _asked(method, f"{path}?{query}{'&' if query else ''}{_SIGNED}")


_PLACED = _signed("POST", "/api/v3/order", _ORDER)
_AT_MARKET = _signed("POST", "/api/v3/order", "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.02&newOrderRespType=FULL")
_OCO = (
    "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice=99000&belowType=STOP_LOSS_LIMIT&belowStopPrice=50000"
    "&belowPrice=49990&belowTimeInForce=GTC"
)
_STOP = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.01&price=50000&stopPrice=50010"
_REPLACE = f"{_ORDER}2&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=a-1"
_OPEN = (
    "/api/v3/ping", "/api/v3/time", "/api/v3/exchangeInfo", "/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]",
    "/api/v3/depth?symbol=BTCUSDT&limit=5", "/api/v3/trades?symbol=BTCUSDT&limit=5", "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1",
    "/api/v3/aggTrades?symbol=BTCUSDT&startTime=1&endTime=1788249600000", "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=3&timeZone=-1:00",
    "/api/v3/avgPrice?symbol=BTCUSDT", "/api/v3/ticker/24hr?symbol=BTCUSDT&type=MINI", "/api/v3/ticker/tradingDay?symbol=BTCUSDT",
    "/api/v3/ticker?symbol=BTCUSDT&windowSize=59m", "/api/v3/ticker/price", "/api/v3/ticker/bookTicker?symbols=[%22BTCUSDT%22]",
    "/api/v3/executionRules?symbol=BTCUSDT", "/api/v3/referencePrice?symbol=BTCUSDT", "/sapi/v1/system/status", "/nowhere",
)  # fmt: skip
_CLOSED = (
    ("GET", "/api/v3/account", "omitZeroBalances=true"), ("GET", "/api/v3/account/commission", "symbol=BTCUSDT"),
    ("GET", "/api/v3/myTrades", "symbol=BTCUSDT&limit=5"), ("GET", "/api/v3/openOrders", "symbol=BTCUSDT"),
    ("GET", "/api/v3/allOrders", "symbol=BTCUSDT&startTime=1&endTime=1788249700000"), ("GET", "/api/v3/rateLimit/order", ""),
    ("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=a-1"), ("GET", "/api/v3/myFilters", "symbol=BTCUSDT"),
    ("GET", "/api/v3/allOrderList", "limit=5"), ("GET", "/api/v3/openOrderList", ""), ("GET", "/sapi/v1/account/apiRestrictions", ""),
    ("GET", "/sapi/v1/capital/config/getall", ""), ("GET", "/sapi/v1/asset/tradeFee", "symbol=BTCUSDT"),
    ("POST", "/sapi/v3/asset/getUserAsset", "needBtcValuation=true"), ("GET", "/api/v3/myAllocations", "symbol=BTCUSDT"),
    ("POST", "/api/v3/order/test", f"{_ORDER}&computeCommissionRates=true"), ("GET", "/api/v3/myPreventedMatches", "symbol=BTCUSDT"),
)  # fmt: skip
_HTTP = (
    *(_asked("GET", target) for target in _OPEN),
    *(_signed(*one) for one in _CLOSED),
    NEXT.join((_PLACED, _signed("GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=a-1"))),
    NEXT.join((_PLACED, _signed("DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=a-1&newClientOrderId=b"))),
    NEXT.join((_PLACED, _signed("POST", "/api/v3/order/cancelReplace", _REPLACE))),
    NEXT.join((_PLACED, _signed("PUT", "/api/v3/order/amend/keepPriority", "symbol=BTCUSDT&origClientOrderId=a-1&newQty=0.005"))),
    NEXT.join((_PLACED, _AT_MARKET, _signed("DELETE", "/api/v3/openOrders", "symbol=BTCUSDT"))),
    NEXT.join((_signed("POST", "/api/v3/orderList/oco", f"{_OCO}&listClientOrderId=l-1"), _signed("DELETE", "/api/v3/orderList", "symbol=BTCUSDT&listClientOrderId=l-1"))),
    NEXT.join((_signed("POST", "/api/v3/order/oco", "symbol=BTCUSDT&side=SELL&quantity=0.01&price=99000&stopPrice=50000&stopLimitPrice=49990&stopLimitTimeInForce=GTC"), _signed("GET", "/api/v3/orderList", "orderListId=0"))),
    NEXT.join((_signed("POST", "/api/v3/order", _STOP), _AT_MARKET, _signed("GET", "/api/v3/order/amendments", "symbol=BTCUSDT&orderId=1"))),
    NEXT.join((_asked("POST", "/stand/transfer", '{"asset":"USDT","amount":"-5"}'), _asked("GET", "/stand/state"))),
    NEXT.join((_asked("POST", "/stand/faults", '{"kind":"delay","on":"GET","value":2.5,"nth":1}'), _asked("GET", "/api/v3/time"), _asked("GET", "/stand/faults"))),
    NEXT.join((_asked("POST", "/stand/faults", '{"fault":[{"kind":"late","on":"order","value":1.5},{"kind":"clock","at_s":0.1,"value":-1}],"seed":3}'), _PLACED)),
    NEXT.join((_asked("POST", "/stand/faults", '{"kind":"too_many","on":"","value":7,"count":2}'), _asked("GET", "/api/v3/time"), _asked("DELETE", "/stand/faults"))),
)  # fmt: skip
_NAMES = tuple(sorted({name for call in WS_METHODS.values() for name in call.reads}))
_PATHS = tuple(
    sorted({part.split(b"\n")[0].decode().split(" ")[1].split("?")[0] for sample in _HTTP for part in sample.split(NEXT)})
)


def _known_call(wire: bytes) -> bool:
    """Whether the first request is for something that the stand has."""
    target = wire.partition(b"\n")[0].decode("utf-8", "replace").partition(" ")[2]
    return target.partition("?")[0].rstrip("/") in _PATHS


HTTP = Target(
    "stand_http", "scripts of HTTP requests to the stand", _HTTP, script(request(_NAMES, _PATHS)), check_http, _known_call, 0.1
)


# -- websockets ------------------------------------------------------------------------------------------------------------


def check_frames(wire: bytes) -> object:
    """A script of frames on one connection; the first part is the address that it was opened at."""
    stand = _stand()
    now_ns = _T0_NS + 40 * _STEP_NS
    first, *parts = wire.split(NEXT)
    path, _, query = first.decode("utf-8", "replace").partition("?")
    if not stand.accepts(path):
        path, query = "/ws-api/v3", ""
    _actions(stand.on_open(1, path, query, _HOST, now_ns))
    out: list[Action] = []
    for part in parts:
        now_ns += _STEP_NS
        text = _signed_frame(_filled(part, stand, now_ns).decode("utf-8", "replace"), stand)
        told = stand.on_frame(1, text, now_ns)
        _actions(told)
        out += told
        for action in told:
            if isinstance(action, Send):
                _like_an_answer(msgspec.json.decode(action.text))
        _actions(stand.on_time(now_ns + _STEP_NS // 2, 1_000))
    stand.on_close(1)
    _sound(stand, now_ns)
    return out


def _signed_frame(text: str, stand: BinanceSpotStand) -> str:
    """``@sign`` replaced by what is right for the rest of the frame."""
    if "@sign" not in text:
        return text
    try:
        asked = msgspec.json.decode(text)
        params = from_json(asked["params"])
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return text
    payload = signed_json(params)
    return text.replace("@sign", hmac.new(stand.api_secret.encode(), payload, hashlib.sha256).hexdigest())


def _like_an_answer(told: object) -> None:
    """An answer of the WebSocket API, one of a market stream, or an event."""
    assert isinstance(told, dict), told
    if "status" in told:
        assert ("result" in told) is (told["status"] == 200), told
        if told["status"] != 200:
            assert isinstance(told["error"]["code"], int), told
            assert isinstance(told["error"]["msg"], str), told
    else:
        assert {"result", "code", "event", "e", "stream"} & told.keys(), told


_KEYED = '"apiKey":"@key","timestamp":"@now","signature":"@sign"'
_PLACE = '{"id":"p-1","method":"order.place","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"59000","newClientOrderId":"a-1",%s}}'


def _api(*frames_: str) -> bytes:
    return NEXT.join((b"/ws-api/v3", *(text.replace("%s", _KEYED).encode() for text in frames_)))


def _market(*frames_: str) -> bytes:
    return NEXT.join((b"/stream?streams=btcusdt@trade", *(text.encode() for text in frames_)))


_FRAMES = (
    _api('{"id":1,"method":"ping"}', '{"id":2,"method":"time","params":{}}'),
    _api('{"id":null,"method":"exchangeInfo","params":{"symbols":["BTCUSDT"],"showPermissionSets":false}}'),
    _api('{"id":3,"method":"depth","params":{"symbol":"BTCUSDT","limit":5}}', '{"id":3,"method":"klines","params":{"symbol":"BTCUSDT","interval":"1m","limit":2}}'),
    _api('{"id":4,"method":"session.status"}', '{"id":5,"method":"session.logon","params":{%s}}', '{"id":6,"method":"session.logout"}'),
    _api('{"id":7,"method":"userDataStream.subscribe.signature","params":{%s}}', _PLACE, '{"id":8,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}'),
    _api(_PLACE, '{"id":9,"method":"order.status","params":{"symbol":"BTCUSDT","origClientOrderId":"a-1",%s}}'),
    _api(_PLACE, '{"id":9,"method":"order.cancel","params":{"symbol":"BTCUSDT","origClientOrderId":"a-1","cancelRestrictions":"ONLY_NEW",%s}}'),
    _api(_PLACE, '{"id":9,"method":"order.cancelReplace","params":{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT_MAKER","quantity":0.01,"price":58000,"cancelReplaceMode":"ALLOW_FAILURE","cancelOrigClientOrderId":"a-1",%s}}'),
    _api(_PLACE, '{"id":9,"method":"order.amend.keepPriority","params":{"symbol":"BTCUSDT","origClientOrderId":"a-1","newQty":"0.005",%s}}'),
    _api('{"id":10,"method":"order.place","params":{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":0.02,"returnRateLimits":false,%s}}', '{"id":11,"method":"myTrades","params":{"symbol":"BTCUSDT",%s}}'),
    _api('{"id":12,"method":"orderList.place.oco","params":{"symbol":"BTCUSDT","side":"SELL","quantity":"0.01","aboveType":"LIMIT_MAKER","abovePrice":"99000","belowType":"STOP_LOSS","belowStopPrice":"50000",%s}}', '{"id":13,"method":"openOrderLists.status","params":{%s}}'),
    _api('{"id":14,"method":"account.status","params":{"omitZeroBalances":true,%s}}', '{"id":15,"method":"openOrders.cancelAll","params":{"symbol":"BTCUSDT",%s}}'),
    _api('{"id":16,"method":"ticker","params":{"symbols":["BTCUSDT"],"windowSize":"1d"}}', '{"id":17,"method":"ticker.24hr","params":{"symbol":"BTCUSDT","type":"MINI"}}'),
    _market('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@kline_1m","!miniTicker@arr"],"id":1}', '{"method":"LIST_SUBSCRIPTIONS","id":3}'),
    _market('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":"x"}', '{"method":"SUBSCRIBE","params":["btcusdt@depth5","btcusdt@aggTrade","btcusdt@ticker_1h"],"id":2}'),
    _market('{"method":"SET_PROPERTY","params":["combined",false],"id":5}', '{"method":"GET_PROPERTY","params":["combined"],"id":2}'),
)  # fmt: skip


def _is_request(wire: bytes) -> bool:
    """Whether the first frame is a JSON object with a method."""
    frame = wire.split(NEXT)[1:2]
    try:
        asked = msgspec.json.decode(frame[0]) if frame else None
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and "method" in asked


FRAMES = Target(
    "stand_frames", "scripts of websocket frames to the stand", _FRAMES, script(frames), check_frames, _is_request, 0.1
)
TARGETS = (HTTP, FRAMES)
