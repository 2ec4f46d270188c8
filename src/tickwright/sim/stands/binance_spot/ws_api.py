"""The WebSocket API: sessions, signed requests, user data subscriptions. One request a frame; answers carry its id."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from tickwright.sim.stands.binance_spot.auth import Key, KeyRing, check_signature, check_time
from tickwright.sim.stands.binance_spot.calls import Calls
from tickwright.sim.stands.binance_spot.meter import Meter
from tickwright.sim.stands.binance_spot.params import check_names, from_json, signed_json
from tickwright.sim.stands.binance_spot.routes import WS_METHODS, Call
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue, Refusal, dump_text
from tickwright.sim.stands.binance_spot.time_unit import kline_micros, micros, wants_micros
from tickwright.sim.stands.server import Send

PATH = "/ws-api/v3"

_CONNECT_WEIGHT = 2
_SESSION_WEIGHT = 2
_SUBSCRIPTIONS_MAX = 1_000
_SUBSCRIPTIONS_EVER_MAX = 65_535
_ID_CHARS_MAX = 36
_SIGNING = frozenset({"apiKey", "timestamp", "recvWindow", "signature"})
_SESSION_READS = {
    "session.logon": _SIGNING,
    "session.status": frozenset[str](),
    "session.logout": frozenset[str](),
    "session.subscriptions": frozenset[str](),
    "userDataStream.subscribe": frozenset[str](),
    "userDataStream.subscribe.signature": _SIGNING,
    "userDataStream.unsubscribe": frozenset({"subscriptionId"}),
}


class Request(msgspec.Struct, frozen=True):
    """One readable request."""

    id: int | str | None
    method: str
    params: dict[str, str]
    wants_limits: bool


class _Session:
    """What is known of one connection."""

    def __init__(self, address: str, at_ns: int, *, wants_limits: bool, in_micros: bool) -> None:
        self.address = address
        self.opened_ms = at_ns // 1_000_000
        self.wants_limits = wants_limits
        self.micros = in_micros
        self.key: Key | None = None  # logged on as
        self.since_ms = 0
        self.subscriptions: dict[int, str] = {}  # subscription id -> account
        self.subscribed_ever = 0


#: Carries a call out, noting it for audits.
Perform = Callable[[Call, dict[str, str], Key | None, int], JsonValue]


class WsApi:
    """Every connection to the WebSocket API."""

    def __init__(self, keys: KeyRing, calls: Calls, meter: Meter, perform: Perform) -> None:
        self._keys = keys
        self._calls = calls
        self._meter = meter
        self._perform = perform
        self._sessions: dict[int, _Session] = {}
        self._ended: list[Send] = []  # farewells of subscriptions that ended within a request

    def __contains__(self, conn: int) -> bool:
        return conn in self._sessions

    def open(self, conn: int, query: str, address: str, at_ns: int) -> None:
        """A new connection. Raises when the address is over its limits or asks for a time unit that does not exist."""
        asked = parse_qs(query)
        in_micros = wants_micros(asked.get("timeUnit", [None])[0])
        self._meter.spend(address, _CONNECT_WEIGHT, at_ns)
        wants_limits = asked.get("returnRateLimits", ["true"])[0].lower() != "false"
        self._sessions[conn] = _Session(address, at_ns, wants_limits=wants_limits, in_micros=in_micros)

    def close(self, conn: int) -> None:
        self._sessions.pop(conn, None)

    # -- requests ----------------------------------------------------------------------------------------------------

    def read(self, conn: int, frame: str) -> Request | Send:
        """The request in a frame, or the answer to a frame that has none."""
        try:
            asked = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            return self._unreadable(conn, "JSON parsing failed.")
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return self._unreadable(conn, "Invalid JSON Request.")
        number, raw = asked.get("id"), asked.get("params")
        if isinstance(number, bool) or not isinstance(number, int | str | None) or len(str(number)) > _ID_CHARS_MAX:
            return self._unreadable(conn, "Invalid 'id' in JSON request; expected an integer, a string of 36 or null.")
        if raw is not None and not isinstance(raw, dict):
            return self._unreadable(conn, "Invalid 'params' in JSON request.", number)
        params = from_json(raw or {})
        wants = params.get("returnRateLimits", "").lower()  # stays: a signature covers it
        session = self._sessions[conn]
        return Request(
            number, asked["method"], params, session.wants_limits if wants not in ("true", "false") else wants == "true"
        )

    def _unreadable(self, conn: int, said: str, number: int | str | None = None) -> Send:
        body: Json = {"id": number, "status": 400, "error": {"code": -1135, "msg": said}}
        return Send(conn, dump_text(body))

    def answer(self, conn: int, request: Request, at_ns: int, *, stale: bool = False) -> str:
        """Carry a request out; the answer's text."""
        session = self._sessions[conn]
        orders = False
        try:
            if request.method in _SESSION_READS:
                self._meter.spend(session.address, _SESSION_WEIGHT, at_ns)
                check_names(request.params, _SESSION_READS[request.method])
                result: JsonValue = self._session_call(conn, session, request, at_ns)
            else:
                call = _known(request.method)
                orders = call.orders
                result = self._call(session, call, request.params, at_ns, stale=stale)
        except Refusal as refusal:
            return self.refused(conn, request, refusal, at_ns, orders=orders)
        if session.micros:
            result = kline_micros(result) if request.method in ("klines", "uiKlines") else micros(result)
        body: dict[str, JsonValue] = {"id": request.id, "status": 200, "result": result}
        return dump_text({**body, **self._limits(session, request, at_ns, orders=orders)})

    def refused(
        self, conn: int, request: Request, refusal: Refusal, at_ns: int, *, orders: bool = False, limits: bool = True
    ) -> str:
        """The answer to a request that is not carried out."""
        session = self._sessions[conn]
        error: dict[str, JsonValue] = {"code": refusal.code, "msg": refusal.text}
        if refusal.data is not None:
            error["data"] = micros(refusal.data) if session.micros else refusal.data
        body: dict[str, JsonValue] = {"id": request.id, "status": refusal.status, "error": error}
        return dump_text({**body, **(self._limits(session, request, at_ns, orders=orders) if limits else {})})

    def _limits(self, session: _Session, request: Request, at_ns: int, *, orders: bool) -> Json:
        if not request.wants_limits:
            return {}
        weight = self._meter.weight_limit(session.address, at_ns)
        if not orders or request.method in (
            "order.cancel",
            "openOrders.cancelAll",
            "order.amend.keepPriority",
            "orderList.cancel",
        ):
            return {"rateLimits": [weight]}
        account = session.key.account if session.key is not None else self._account_of(request)
        return {"rateLimits": [*self._meter.order_limits(account, at_ns), weight]}

    def _account_of(self, request: Request) -> str:
        try:
            return self._keys.find(request.params.get("apiKey")).account
        except Refusal:
            return ""

    def _call(self, session: _Session, call: Call, params: dict[str, str], at_ns: int, *, stale: bool) -> JsonValue:
        weight = self._calls.charge(call, params, session.address, at_ns)
        if not call.signed:
            return self._calls.answer(call, params, None, at_ns, stale=stale)
        key = self._genuine(session, params, at_ns)
        result = self._perform(call, params, key, at_ns)
        if call.orders:
            self._meter.give_back(session.address, weight, at_ns)
        return result

    def _genuine(self, session: _Session, params: dict[str, str], at_ns: int) -> Key:
        """The key of a signed request, or of the session that is logged on."""
        if session.key is not None and "signature" not in params and "apiKey" not in params:
            check_time(params, at_ns)
            return session.key
        key = self._keys.find(params.get("apiKey"))
        check_signature(key, signed_json(params), params.get("signature", ""))
        check_time(params, at_ns)
        return key

    # -- sessions ----------------------------------------------------------------------------------------------------

    def _session_call(self, conn: int, session: _Session, request: Request, at_ns: int) -> JsonValue:
        method, params = request.method, request.params
        if method == "session.logon":
            key = self._genuine(session, params, at_ns)
            if not key.can_log_on:
                raise Refusal(-4056, "HMAC_SHA256 and RSA API keys are not supported.")
            session.key, session.since_ms = key, at_ns // 1_000_000
        elif method == "session.logout":
            session.key, session.since_ms = None, 0
            self._end_subscriptions(conn, session, None, at_ns)
        elif method == "userDataStream.subscribe":
            if session.key is None:
                raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            return self._subscribe(session, session.key)
        elif method == "userDataStream.subscribe.signature":
            return self._subscribe(session, self._genuine(session, params, at_ns))
        elif method == "userDataStream.unsubscribe":
            chosen = params.get("subscriptionId")
            ended = next((number for number in session.subscriptions if str(number) == chosen), None)
            if chosen is not None and ended is None:
                raise Refusal(-2036, "User Data Stream subscription not found.")
            self._end_subscriptions(conn, session, ended, at_ns)
            return {}
        elif method == "session.subscriptions":
            return [{"subscriptionId": number} for number in session.subscriptions]
        return {
            "apiKey": session.key.api_key if session.key is not None else None,
            "authorizedSince": session.since_ms if session.key is not None else None,
            "connectedSince": session.opened_ms,
            "returnRateLimits": session.wants_limits,
            "serverTime": at_ns // 1_000_000,
            "userDataStream": bool(session.subscriptions),
        }

    def _subscribe(self, session: _Session, key: Key) -> JsonValue:
        if key.account in session.subscriptions.values():
            raise Refusal(-2035, "User Data Stream subscription already active.")
        if len(session.subscriptions) >= _SUBSCRIPTIONS_MAX or session.subscribed_ever >= _SUBSCRIPTIONS_EVER_MAX:
            raise Refusal(-2042, "Too many User Data Stream subscriptions.")
        number = session.subscribed_ever
        session.subscribed_ever += 1
        session.subscriptions[number] = key.account
        return {"subscriptionId": number}

    def _end_subscriptions(self, conn: int, session: _Session, chosen: int | None, at_ns: int) -> None:
        for number in [number for number in session.subscriptions if chosen in (None, number)]:
            del session.subscriptions[number]
            self._ended.append(self._event(conn, number, {"e": "eventStreamTerminated", "E": at_ns // 1_000_000}))

    def revoke(self, at_ns: int) -> list[Send]:
        """The keys are dead: sessions are told and are no longer logged on, subscriptions end."""
        sends: list[Send] = []
        for conn, session in self._sessions.items():
            self._end_subscriptions(conn, session, None, at_ns)
            if session.key is not None:
                session.key, session.since_ms = None, 0
                error: Json = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
                sends.append(Send(conn, dump_text({"id": None, "status": 401, "error": error})))
        return sends + self.farewells()

    def farewells(self) -> list[Send]:
        """What subscriptions that have ended say last."""
        ended, self._ended = self._ended, []
        return ended

    # -- events ------------------------------------------------------------------------------------------------------

    def event(self, account: str, body: Json) -> list[Send]:
        """One event of an account to everyone who listens."""
        return [
            self._event(conn, number, _micros_of(session.micros, body))
            for conn, session in self._sessions.items()
            for number, listening in session.subscriptions.items()
            if listening == account
        ]

    @staticmethod
    def _event(conn: int, number: int, body: JsonValue) -> Send:
        return Send(conn, dump_text({"subscriptionId": number, "event": body}))


def _known(method: str) -> Call:
    call = WS_METHODS.get(method)
    if call is None:
        raise Refusal(-1020, "This operation is not supported.")
    return call


def _micros_of(wanted: bool, body: Json) -> JsonValue:
    return micros(body) if wanted else body
