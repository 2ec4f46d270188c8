"""The stand: who asked what, where it goes, what faults do to it on the way. Pure."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.errors import ConfigError
from tickwright.base.numbers import money
from tickwright.sim.exchange import Exchange
from tickwright.sim.faults import Fault, FaultBox, FaultKind, parse_faults
from tickwright.sim.fees import FlatFees
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.auth import (
    Key,
    Meter,
    Refusal,
    check_key,
    check_time,
    make_keys,
    parameters,
    signed_by,
    signed_text,
    ws_text,
)
from tickwright.sim.stands.binance_spot.config import StandConfig, spot_instrument
from tickwright.sim.stands.binance_spot.market import Player, SymbolMarket
from tickwright.sim.stands.binance_spot.public import Public
from tickwright.sim.stands.binance_spot.routes import ORDER_CALLS, WS_METHODS, Call, rest_call
from tickwright.sim.stands.binance_spot.streams import Streams
from tickwright.sim.stands.binance_spot.trading import Trading
from tickwright.sim.stands.server import Action, Close, Cut, HttpIn, HttpOut, Mute, Send

ACCOUNT = "main"
WS_API = "/ws-api/v3"


class _ApiConn:
    """One connection to the WebSocket API."""

    def __init__(self, at_ns: int) -> None:
        self.key: Key | None = None  # logged on as
        self.since_ms = 0
        self.opened_ms = at_ns // 1_000_000
        self.subscriptions: dict[int, str] = {}  # subscription id -> account
        self.next_subscription = 0


class BinanceSpotStand:
    """See the package. ``api_key`` and ``api_secret`` are an HMAC pair of the only account; ``keys`` has one of each kind."""

    def __init__(self, config: StandConfig) -> None:
        self.config = config
        self.ping_s = config.ping_s
        self.pong_deadline_s = config.pong_deadline_s
        chance = Chance(config.seed)
        self.instruments = {native: spot_instrument(native) for native in config.symbols}
        fees = FlatFees(maker_ppm=config.maker_ppm, taker_ppm=config.taker_ppm)
        self.exchange = Exchange(
            list(self.instruments.values()), fees, PessimisticQueue(), chance.fork("exchange"), default_stp=render.DEFAULT_STP
        )
        self.exchange.add_account(ACCOUNT, {asset: money(held) for asset, held in config.balances.items()})
        self.keys, self.given = make_keys(chance.fork("keys"), ACCOUNT, can_withdraw=config.can_withdraw)
        self.api_key, self.api_secret = self.given["hmac"].api_key, self.given["hmac"].secret
        self.markets = {native: SymbolMarket(one) for native, one in self.instruments.items()}
        self.player = Player(config, self.exchange, self.markets)
        self.meter = Meter(config.weight_limit, config.orders_per_10s)
        self.public = Public(config, self.instruments, self.markets)
        self.trading = Trading(config, self.exchange, self.instruments, self.markets, self.meter)
        self.streams = Streams(config, self.markets, self.player)
        self.faults = FaultBox(config.faults)
        self._by_key = {one.key: one for one in self.instruments.values()}
        self._api: dict[int, _ApiConn] = {}
        self._opened: dict[int, tuple[str, int]] = {}  # every websocket: path, when
        self._frames: dict[int, deque[int]] = {}
        self._out: list[Action] = []
        self._first_ns = 0
        self._late: dict[str, tuple[str, str]] = {}  # frames held back by OUT_OF_ORDER
        self.counts = {"requests": 0, "frames": 0, "connections": 0}

    def inject(self, fault: Fault) -> None:
        """Add a fault while running."""
        self.faults.inject(fault)

    # -- HTTP ----------------------------------------------------------------------------------------------------------------

    def on_request(self, request: HttpIn, at_ns: int) -> HttpOut:
        if request.path.startswith("/stand/"):
            return self._control(request)
        self.counts["requests"] += 1
        server_ns = self._server_ns(at_ns)
        name = f"{request.method} {request.path}"
        fault = self.faults.request(name)
        early = self._before(fault, request.address, at_ns)
        if early is not None:
            return early
        try:
            answer = self._rest(request, server_ns)
        except Refusal as refusal:
            answer = self._refused(refusal, request.address, server_ns)
        self._push_user_events()
        return self._after(fault, answer)

    def _rest(self, request: HttpIn, at_ns: int) -> HttpOut:
        call = rest_call(request.method, request.path)
        if call is None:
            return HttpOut(status=404, body=b'{"code":-1000,"msg":"Path not found."}')
        if call.name == "gone":
            return HttpOut(status=410, body=b'{"code":-1000,"msg":"This endpoint has been removed."}')
        body = request.body.decode("utf-8", "replace")
        params: dict[str, Any] = dict(parameters(request.query, body))
        used = self.meter.spend(request.address, call.weight, at_ns)
        if call.signed:
            key = check_key(self.keys, request.headers.get("x-mbx-apikey"))
            self._check_rest_signature(key, request.query, body, params, at_ns)
            answer = self._private(call, params, key, at_ns)
        else:
            answer = getattr(self.public, call.name)(params, at_ns)
        micro = request.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND"
        return HttpOut(body=msgspec.json.encode(_micro(answer) if micro else answer), headers=self._headers(call, used, at_ns))

    def _check_rest_signature(self, key: Key, query: str, body: str, params: dict[str, Any], at_ns: int) -> None:
        payload, signature = signed_text(query, body)
        if not signature:
            raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        if not signed_by(key, payload.encode(), signature):
            raise Refusal(-1022, "Signature for this request is not valid.")
        check_time(params, at_ns // 1_000_000)

    def _private(self, call: Call, params: dict[str, Any], key: Key, at_ns: int) -> Any:
        if call.name in ORDER_CALLS:
            self.trading.log.append(
                {
                    "call": call.name,
                    "at_ms": at_ns // 1_000_000,
                    "params": {k: str(v) for k, v in params.items() if k not in ("signature", "apiKey")},
                }
            )
        return getattr(self.trading, call.name)(params, key, at_ns)

    def _headers(self, call: Call, used: int, at_ns: int) -> dict[str, str]:
        headers = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
        if call.name in ORDER_CALLS:
            ten, day = self.meter.orders(ACCOUNT, at_ns)
            headers |= {"X-MBX-ORDER-COUNT-10S": str(ten), "X-MBX-ORDER-COUNT-1D": str(day)}
        return headers

    def _refused(self, refusal: Refusal, address: str, at_ns: int) -> HttpOut:
        body: dict[str, Any] = {"code": refusal.code, "msg": refusal.text}
        if refusal.data is not None and refusal.status not in (418, 429):
            body["data"] = refusal.data
        headers = {"X-MBX-USED-WEIGHT-1M": str(self.meter.used(address, at_ns))}
        if refusal.retry_after_s:
            headers["Retry-After"] = str(refusal.retry_after_s)
        return HttpOut(status=refusal.status, body=msgspec.json.encode(body), headers=headers)

    def _before(self, fault: Fault | None, address: str, at_ns: int) -> HttpOut | None:
        """Faults that keep a request from being carried out."""
        if fault is None:
            return None
        kind = fault.kind
        if kind is FaultKind.DROP:
            return HttpOut(lost=True, delay_s=fault.value)
        if kind is FaultKind.UNKNOWN_NOT_EXECUTED:
            return HttpOut(status=503, body=_UNKNOWN)
        if kind is FaultKind.OVERLOADED:
            return HttpOut(status=503, body=_OVERLOADED)
        if kind is FaultKind.TOO_MANY:
            body = b'{"code":-1003,"msg":"Too many requests; current limit is 6000 request weight per 1 MINUTE."}'
            return HttpOut(status=429, body=body, headers={"Retry-After": str(max(1, int(fault.value)))})
        if kind is FaultKind.BANNED:
            until = at_ns // 1_000_000 + int(fault.value * 1_000)
            self.meter.ban(address, until)
            text = f'{{"code":-1003,"msg":"Way too much request weight used; IP banned until {until}."}}'
            return HttpOut(status=418, body=text.encode(), headers={"Retry-After": str(max(1, int(fault.value)))})
        return None

    def _after(self, fault: Fault | None, answer: HttpOut) -> HttpOut:
        """Faults of the answer to a request that was carried out."""
        if fault is None:
            return answer
        if fault.kind is FaultKind.LOST_REPLY:
            return msgspec.structs.replace(answer, lost=True)
        if fault.kind is FaultKind.UNKNOWN_EXECUTED:
            return HttpOut(status=504, body=_UNKNOWN)
        if fault.kind is FaultKind.DELAY:
            return msgspec.structs.replace(answer, delay_s=fault.value)
        if fault.kind is FaultKind.STALE_SNAPSHOT and b"lastUpdateId" in answer.body:
            data = json.loads(answer.body)
            data["lastUpdateId"] -= 100_000
            return msgspec.structs.replace(answer, body=msgspec.json.encode(data))
        return answer

    def _control(self, request: HttpIn) -> HttpOut:
        """The stand's own endpoints, for tests, demos and audits: not part of the venue."""
        if request.path == "/stand/state" and request.method == "GET":
            return HttpOut(body=msgspec.json.encode(self.state()))
        if request.path == "/stand/faults" and request.method == "POST":
            try:
                plan = parse_faults({"fault": [json.loads(request.body or b"{}")]}, "request")
            except (ConfigError, ValueError) as error:
                return HttpOut(status=400, body=msgspec.json.encode({"error": str(error)}))
            for fault in plan.fault:
                self.inject(fault)
            return HttpOut()
        return HttpOut(status=404)

    def state(self) -> dict[str, Any]:
        """What is true at the venue: for audits."""
        return {
            "balances": {a: [render.amount(f), render.amount(held)] for a, (f, held) in self.exchange.balances(ACCOUNT).items()},
            "open_orders": [render.queried(order, self._by_key[order.key]) for order in self.exchange.open_orders(ACCOUNT)],
            "orders": [render.queried(one, i) for i in self._by_key.values() for one in self.exchange.orders(ACCOUNT, i.key)],
            "fills": [
                render.my_trade(fill, one) for one in self._by_key.values() for fill in self.exchange.fills(ACCOUNT, one.key)
            ],
            "requests": self.trading.log,
            "faults": self.faults.happened,
            "counts": {**self.counts, "tape_frames": self.player.frames},
            "ended": self.player.ended,
        }

    # -- websockets ------------------------------------------------------------------------------------------------------------

    def accepts(self, path: str) -> bool:
        return path.rstrip("/") == WS_API or path in {"/stream", "/ws"} or path.startswith("/ws/")

    def on_open(self, conn: int, path: str, query: str, at_ns: int) -> list[Action]:
        self.counts["connections"] += 1
        self._opened[conn] = (path, at_ns)
        self._frames[conn] = deque()
        if path.rstrip("/") == WS_API:
            self._api[conn] = _ApiConn(at_ns)
            return []
        self._begin(at_ns, bool(self.streams.open(conn, path, query)))
        return []

    def _begin(self, at_ns: int, subscribed: bool) -> None:
        if not self.player.started_ns and (self.config.start_on == "now" or subscribed):
            self.player.start(at_ns)

    def on_close(self, conn: int) -> None:
        self._opened.pop(conn, None)
        self._api.pop(conn, None)
        self._frames.pop(conn, None)
        self.streams.close(conn)

    def on_frame(self, conn: int, frame: str, at_ns: int) -> list[Action]:
        self.counts["frames"] += 1
        if conn not in self._opened:
            return []
        if conn in self._api:
            actions = self._api_frame(conn, frame, self._server_ns(at_ns))
            return [*actions, *self.drain()]
        recent = self._frames[conn]
        recent.append(at_ns)
        while recent and at_ns - recent[0] > 1_000_000_000:
            recent.popleft()
        if len(recent) > self.config.frames_per_s:
            return [Close(conn, 1008, "Too many requests")]
        reply, subscribed = self.streams.frame(conn, frame)
        self._begin(at_ns, subscribed)
        return [Send(conn, reply)]

    def drain(self) -> list[Action]:
        out, self._out = self._out, []
        return out

    def _api_frame(self, conn: int, frame: str, at_ns: int) -> list[Action]:
        try:
            asked = json.loads(frame)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("params", {}), dict):
            return [Send(conn, _api_error(None, Refusal(-1135, "Invalid JSON Request"), []))]
        name = str(asked.get("method", ""))
        number = asked.get("id")
        fault = self.faults.request(name)
        early = self._api_before(fault, conn, number, at_ns)
        if early is not None:
            return early
        try:
            result = self._api_call(conn, name, dict(asked.get("params") or {}), at_ns)
            limits = self._limits(at_ns, order=name.startswith("order."))
            reply = msgspec.json.encode({"id": number, "status": 200, "result": result, "rateLimits": limits}).decode()
        except Refusal as refusal:
            reply = _api_error(number, refusal, self._limits(at_ns, order=False))
        self._push_user_events()
        if fault is not None and fault.kind is FaultKind.LOST_REPLY:
            return []
        if fault is not None and fault.kind is FaultKind.UNKNOWN_EXECUTED:
            reply = _api_error(number, Refusal(*_UNKNOWN_API, 504), [])
        return [Send(conn, reply, fault.value if fault is not None and fault.kind is FaultKind.DELAY else 0.0)]

    def _api_before(self, fault: Fault | None, conn: int, number: Any, at_ns: int) -> list[Action] | None:
        if fault is None:
            return None
        now = at_ns // 1_000_000
        if fault.kind is FaultKind.DROP:
            return []
        if fault.kind is FaultKind.UNKNOWN_NOT_EXECUTED:
            return [Send(conn, _api_error(number, Refusal(*_UNKNOWN_API, 504), []))]
        if fault.kind is FaultKind.OVERLOADED:
            return [
                Send(
                    conn,
                    _api_error(
                        number,
                        Refusal(
                            -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503
                        ),
                        [],
                    ),
                )
            ]
        if fault.kind in (FaultKind.TOO_MANY, FaultKind.BANNED):
            status = 429 if fault.kind is FaultKind.TOO_MANY else 418
            until = now + int(fault.value * 1_000)
            refusal = Refusal(-1003, f"Too many requests; retry after {until}.", status, {"serverTime": now, "retryAfter": until})
            return [Send(conn, _api_error(number, refusal, []))]
        return None

    def _api_call(self, conn: int, name: str, params: dict[str, Any], at_ns: int) -> Any:
        if name.startswith(("session.", "userDataStream.")):
            return self._session(conn, name, params, at_ns)
        call = WS_METHODS.get(name)
        if call is None:
            raise Refusal(-1020, f"Unsupported operation: {name}.")
        self.meter.spend("ws-api", call.weight, at_ns)
        if not call.signed:
            return getattr(self.public, call.name)(params, at_ns)
        key = self._api_key(conn, params, at_ns)
        return self._private(call, params, key, at_ns)

    def _api_key(self, conn: int, params: dict[str, Any], at_ns: int) -> Key:
        """The key of a signed request, or of the session that is logged on."""
        session = self._api[conn]
        if session.key is not None and "signature" not in params:
            check_time(params, at_ns // 1_000_000)
            return session.key
        key = check_key(self.keys, params.get("apiKey"))
        signature = str(params.get("signature") or "")
        if not signature:
            raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
        if not signed_by(key, ws_text(params).encode(), signature):
            raise Refusal(-1022, "Signature for this request is not valid.")
        check_time(params, at_ns // 1_000_000)
        return key

    def _session(self, conn: int, name: str, params: dict[str, Any], at_ns: int) -> Any:
        session = self._api[conn]
        now = at_ns // 1_000_000
        if name == "session.logon":
            key = self._api_key(conn, params, at_ns)
            if key.kind != "ed25519":
                raise Refusal(-4056, "HMAC_SHA256 API key is not supported.", 400)
            session.key, session.since_ms = key, now
        elif name == "session.logout":
            session.key, session.since_ms = None, 0
        elif name == "userDataStream.subscribe":
            if session.key is None:
                raise Refusal(-2014, "API-key format invalid.", 401)
            return self._subscribe(session, session.key)
        elif name == "userDataStream.subscribe.signature":
            return self._subscribe(session, self._api_key(conn, params, at_ns))
        elif name == "userDataStream.unsubscribe":
            chosen = params.get("subscriptionId")
            for number in [n for n in session.subscriptions if chosen is None or n == chosen]:
                del session.subscriptions[number]
                event = {"subscriptionId": number, "event": {"e": "eventStreamTerminated", "E": now}}
                self._out.append(Send(conn, json.dumps(event, separators=(",", ":"))))
            return {}
        elif name == "session.subscriptions":
            return [{"subscriptionId": number} for number in session.subscriptions]
        elif name != "session.status":
            raise Refusal(-1020, f"Unsupported operation: {name}.")
        return {
            "apiKey": session.key.api_key if session.key else None,
            "authorizedSince": session.since_ms if session.key else None,
            "connectedSince": session.opened_ms,
            "returnRateLimits": True,
            "serverTime": now,
            "userDataStream": bool(session.subscriptions),
        }

    def _subscribe(self, session: _ApiConn, key: Key) -> Any:
        if key.account in session.subscriptions.values():
            raise Refusal(-2035, "User Data Stream subscription already active.")
        number = session.next_subscription
        session.next_subscription += 1
        session.subscriptions[number] = key.account
        return {"subscriptionId": number}

    def _limits(self, at_ns: int, *, order: bool) -> list[dict[str, Any]]:
        used = self.meter.used("ws-api", at_ns)
        limits = [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": self.config.weight_limit,
                "count": used,
            }
        ]
        if order:
            limits = [*self.trading.order_counts({}, Key("", "", "", ACCOUNT), at_ns), *limits]
        return limits

    def _push_user_events(self) -> None:
        """What happened to orders, to whoever listens, in engine order."""
        for account, event in self.exchange.drain():
            instrument = self._by_key[event.order.key]
            report = render.execution_report(event, instrument, self.trading.execution_id())
            messages = [report]
            if event.balances:
                messages.append(render.position(event.balances, event.at_ns))
            for conn, session in self._api.items():
                for number, listening in session.subscriptions.items():
                    if listening == account:
                        self._out.extend(
                            Send(conn, msgspec.json.encode({"subscriptionId": number, "event": one}).decode()) for one in messages
                        )

    # -- time --------------------------------------------------------------------------------------------------------------------

    def on_time(self, at_ns: int) -> list[Action]:
        if not self._first_ns:
            self._first_ns = at_ns
        self._begin(at_ns, False)
        actions: list[Action] = []
        for name, payload in self.player.play(at_ns):
            self._stream(name, payload, actions)
        for name, payload in self.streams.timed(self.player.now_ms):
            self._stream(name, payload, actions)
        self._push_user_events()
        actions += self.drain()
        if self.player.started_ns:
            for fault in self.faults.due((at_ns - self.player.started_ns) / 1e9):
                actions += self._connection_fault(fault, at_ns)
        actions += self._aged(at_ns)
        return actions

    def _stream(self, name: str, payload: str, actions: list[Action]) -> None:
        """One frame to everyone who listens, unless a fault says otherwise."""
        fault = self.faults.frame(name)
        kind = fault.kind if fault is not None else None
        if kind is FaultKind.GAP:
            return
        if kind is FaultKind.OUT_OF_ORDER and name not in self._late:
            self._late[name] = (name, payload)
            return
        if kind is FaultKind.GARBAGE:
            actions += [Send(conn, '{"e":"depthUpdate","E":17') for conn in self.streams.listeners(name)]
        actions += self.streams.send(name, payload)
        if kind is FaultKind.DUPLICATE:
            actions += self.streams.send(name, payload)
        held = self._late.pop(name, None)
        if held is not None:
            actions += self.streams.send(*held)

    def _connection_fault(self, fault: Fault, at_ns: int) -> list[Action]:
        actions: list[Action] = []
        for conn, (path, _) in list(self._opened.items()):
            if fault.on and fault.on not in path and not self.streams.listens(conn, fault.on):
                continue
            if fault.kind is FaultKind.DISCONNECT:
                actions.append(Cut(conn))
            elif fault.kind is FaultKind.SHUTDOWN:
                actions += self._shutdown(conn, at_ns)
            else:
                actions.append(Mute(conn, pongs=fault.kind is FaultKind.MUTE))
        return actions

    def _shutdown(self, conn: int, at_ns: int) -> list[Action]:
        notice = {"e": "serverShutdown", "E": at_ns // 1_000_000}
        if conn in self._api:
            return [Send(conn, json.dumps({"event": notice}))]
        wrapped = {"stream": "!serverShutdown", "data": notice} if self.streams.combined(conn) else notice
        return [Send(conn, json.dumps(wrapped))]

    def _aged(self, at_ns: int) -> list[Action]:
        """Connections that have reached the end of their life."""
        life = int(self.config.life_s * 1e9)
        return [Close(conn, 1001, "connection life") for conn, (_, opened) in self._opened.items() if at_ns - opened > life]

    def _server_ns(self, at_ns: int) -> int:
        return at_ns + self.config.clock_offset_ms * 1_000_000


_UNKNOWN_API = (-1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.")
_UNKNOWN = msgspec.json.encode({"code": _UNKNOWN_API[0], "msg": _UNKNOWN_API[1]})
_OVERLOADED = b'{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}'

_TIMES = frozenset({"serverTime", "transactTime", "time", "updateTime", "workingTime", "T", "E"})


def _micro(value: Any) -> Any:
    """Times in microseconds, for who asked for them."""
    if isinstance(value, dict):
        return {k: v * 1_000 if k in _TIMES and isinstance(v, int) and v > 0 else _micro(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_micro(item) for item in value]
    return value


def _api_error(number: Any, refusal: Refusal, limits: list[dict[str, Any]]) -> str:
    error: dict[str, Any] = {"code": refusal.code, "msg": refusal.text}
    if refusal.data is not None:
        error["data"] = refusal.data
    return msgspec.json.encode({"id": number, "status": refusal.status, "error": error, "rateLimits": limits}).decode()
