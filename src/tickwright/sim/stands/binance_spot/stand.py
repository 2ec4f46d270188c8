"""The stand: what comes in goes to the part that answers it, what happens goes out to whoever listens, and faults act in between.

Pure: it is told the time. Replies and the account's events are queued apart, so that a fault can swap them.
"""

from __future__ import annotations

from collections import deque

from tickwright.base.chance import Chance
from tickwright.base.errors import ConfigError
from tickwright.base.numbers import Inexact, money
from tickwright.model.instrument import Instrument
from tickwright.sim.exchange import Exchange
from tickwright.sim.faults import TIMED, Fault, FaultBox, FaultKind
from tickwright.sim.fees import FlatFees
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.stands.binance_spot import control, render, ws_api
from tickwright.sim.stands.binance_spot.account import AccountDesk
from tickwright.sim.stands.binance_spot.auth import Key, KeyRing
from tickwright.sim.stands.binance_spot.calls import Calls
from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.delivery import Delivery
from tickwright.sim.stands.binance_spot.floor import Floor
from tickwright.sim.stands.binance_spot.listing import spot_instrument
from tickwright.sim.stands.binance_spot.lists import Lists
from tickwright.sim.stands.binance_spot.market import SymbolMarket
from tickwright.sim.stands.binance_spot.meter import Meter
from tickwright.sim.stands.binance_spot.orders import Orders
from tickwright.sim.stands.binance_spot.player import GeneratedPlayer, Player, Stage, TapePlayer
from tickwright.sim.stands.binance_spot.public import Public
from tickwright.sim.stands.binance_spot.rest import Rest
from tickwright.sim.stands.binance_spot.routes import Call
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue, Refusal, dump_text
from tickwright.sim.stands.binance_spot.streams import Streams
from tickwright.sim.stands.binance_spot.tape import Recording
from tickwright.sim.stands.binance_spot.trouble import before, unknown_outcome
from tickwright.sim.stands.binance_spot.user_events import UserEvents
from tickwright.sim.stands.server import Action, Close, Cut, HttpIn, HttpOut, Mute, Send

ACCOUNT = "main"

#: Requests about orders that are remembered for audits.
LOG_MAX = 100_000
_POLICY_VIOLATION = 1008
_GOING_AWAY = 1001
_NS_PER_S = 1_000_000_000


class _Conn:
    """What the stand knows of any websocket."""

    def __init__(self, path: str, address: str, at_ns: int) -> None:
        self.path = path
        self.address = address
        self.opened_ns = at_ns
        self.recent: deque[int] = deque()  # when the latest messages arrived
        self.told = False  # that it will be closed
        self.close_ns = 0  # when it will be; 0: at the end of its life
        self.closing = False


class BinanceSpotStand:
    """See the package. ``given["hmac" | "ed25519" | "rsa"]`` are keys of the only account."""

    def __init__(self, config: StandConfig) -> None:
        config.check()
        self.config = config
        chance = Chance(config.seed)
        recording = Recording(config.tape) if config.tape is not None else None
        self.markets = {one.native: SymbolMarket(one) for one in _listed(config, recording)}
        self.exchange = _exchange(config, self.markets, chance.fork("exchange"))
        self.given = KeyRing(chance.fork("keys"), ACCOUNT, can_trade=config.can_trade, can_withdraw=config.can_withdraw)
        self.meter = Meter(config)
        self.faults = FaultBox(config.faults)
        stage = Stage(self.exchange, self.markets)
        self.player: Player = GeneratedPlayer(config, stage) if recording is None else TapePlayer(config, recording, stage)
        self.streams = Streams(config, self.markets)
        self.floor = Floor(config, self.exchange, self.markets, self.meter, chance.fork("ids"))
        self.orders = Orders(self.floor)
        lists = Lists(self.floor, self.orders)
        desk = AccountDesk(self.floor)
        self.calls = Calls(Public(config, self.markets), self.orders, lists, desk, self.meter)
        self.events = UserEvents(self.floor, lists, desk)
        self.rest = Rest(self.given, self.calls, self.meter, self._perform)
        self.api = ws_api.WsApi(self.given, self.calls, self.meter, self._perform)
        self.log: deque[Json] = deque(maxlen=LOG_MAX)  # every request that would change an order and was genuine
        self.counts = {"requests": 0, "frames": 0, "connections": 0}
        self.clock_offset_ns = config.clock_offset_ms * 1_000_000
        self._conns: dict[int, _Conn] = {}
        self._delivery = Delivery(self.faults)
        #: Frames that arrive late: when, connection, frame, and the time that they are judged by (0: that of their arrival).
        self._late: list[tuple[int, int, str, int]] = []
        self._out: list[Action] = []

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def ping_s(self) -> float:
        return self.config.ping_s

    @property
    def pong_deadline_s(self) -> float:
        return self.config.pong_deadline_s

    @property
    def api_key(self) -> str:
        return self.given["hmac"].api_key

    @property
    def api_secret(self) -> str:
        return self.given["hmac"].secret

    def about(self, base: str) -> dict[str, str]:
        """Addresses, and keys of the test account."""
        session = self.given["ed25519"]
        return {
            "venue": "binance_spot",
            "rest_url": f"http://{base}",
            "ws_url": f"ws://{base}",
            "ws_api_url": f"ws://{base}{ws_api.PATH}",
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "ed25519_key": session.api_key,
            "ed25519_private_key": session.secret,
        }

    def inject(self, fault: Fault) -> None:
        """Add a fault while running."""
        self.faults.inject(fault)

    def state(self) -> Json:
        """What is true at the venue: for audits."""
        return control.state(self)

    def transfer(self, asset: str, amount: int, at_ns: int) -> bool:
        """Money (10**-18) comes from outside, or goes there; False when there is not enough of it."""
        done = self.events.transfer(ACCOUNT, asset, amount, at_ns + self.clock_offset_ns)
        self._tell_users(at_ns, self._out)
        return done

    def _server_ns(self, at_ns: int) -> int:
        return at_ns + self.clock_offset_ns

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def on_request(self, request: HttpIn, at_ns: int) -> HttpOut:
        if request.path.startswith("/stand/"):
            return control.answer(self, request, at_ns)
        if not request.held:
            self.counts["requests"] += 1
        fault = None if request.held else self.faults.request(f"{request.method} {request.path}")
        now_ns = self._server_ns(at_ns)
        kind = fault.kind if fault is not None else None
        if fault is not None:
            if kind in (FaultKind.LATE, FaultKind.TAKEN_LATE):
                return HttpOut(hold_s=fault.value)
            if kind in (FaultKind.DROP, FaultKind.DISCONNECT, FaultKind.HALF_OPEN):
                return HttpOut(lost=True, delay_s=0.0 if kind is FaultKind.DISCONNECT else fault.value)
            self._venue_fault(fault, at_ns)
            refusal = before(fault, self.meter, request.address, now_ns)
            if refusal is not None:
                return self.rest.refused(refusal, request.address, now_ns)
        answer = self.rest.answer(request, now_ns, stale=kind is FaultKind.STALE_SNAPSHOT)
        self._tell_users(at_ns, self._out, fault)
        if fault is not None and kind in (FaultKind.DELAY, FaultKind.EVENTS_FIRST):
            return HttpOut(status=answer.status, body=answer.body, headers=answer.headers, delay_s=fault.value)
        if kind is FaultKind.LOST_REPLY:
            return HttpOut(lost=True)
        if kind is FaultKind.UNKNOWN_EXECUTED:
            return self.rest.refused(unknown_outcome(), request.address, now_ns)
        return answer

    def _perform(self, call: Call, params: dict[str, str], key: Key | None, at_ns: int) -> JsonValue:
        """A genuine signed call, noted if it is about orders."""
        if call.orders:
            kept = {name: value for name, value in params.items() if name not in ("signature", "apiKey")}
            self.log.append({"call": call.name, "at_ms": render.ms(at_ns), "params": kept})
        return self.calls.answer(call, params, key, at_ns)

    def drain(self) -> list[Action]:
        out, self._out = self._out, []
        return out

    # -- websockets ------------------------------------------------------------------------------------------------------

    def accepts(self, path: str) -> bool:
        return path.rstrip("/") == ws_api.PATH or path in ("/stream", "/ws") or path.startswith("/ws/")

    def on_open(self, conn: int, path: str, query: str, address: str, at_ns: int) -> list[Action]:
        self.counts["connections"] += 1
        known = self._conns[conn] = _Conn(path, address, at_ns)
        if not self.meter.connect(address, at_ns):
            known.closing = True
            return [Close(conn, _POLICY_VIOLATION, "Too many connection attempts")]
        try:
            if path.rstrip("/") == ws_api.PATH:
                self.api.open(conn, query, address, self._server_ns(at_ns))
            else:
                self._begin(at_ns, subscribed=self.streams.open(conn, path, query))
        except Refusal as refusal:
            known.closing = True  # what it sends until it is closed is not looked at
            return [Close(conn, _POLICY_VIOLATION, refusal.text[:100])]
        return []

    def _begin(self, at_ns: int, *, subscribed: bool) -> None:
        """The market begins to move when it should."""
        if not self.player.started_ns and (self.config.start_on == "now" or subscribed):
            self.player.start(at_ns, self._server_ns(at_ns))

    def on_close(self, conn: int) -> None:
        self._conns.pop(conn, None)
        self.api.close(conn)
        self.streams.close(conn)

    def on_control(self, conn: int, at_ns: int) -> list[Action]:
        return self._crowded(conn, at_ns)

    def _crowded(self, conn: int, at_ns: int) -> list[Action]:
        """Too many messages within a second end a connection: of any kind on a stream, of pings and pongs on the WebSocket API."""
        known = self._conns.get(conn)
        if known is None:
            return []
        recent = known.recent
        recent.append(at_ns)
        while recent and at_ns - recent[0] >= _NS_PER_S:
            recent.popleft()
        if len(recent) <= self.config.frames_per_s or known.closing:
            return []
        known.closing = True
        return [Close(conn, _POLICY_VIOLATION, "Too many requests")]

    def on_frame(self, conn: int, frame: str, at_ns: int) -> list[Action]:
        self.counts["frames"] += 1
        known = self._conns.get(conn)
        if known is None or known.closing:
            return []
        if conn in self.api:
            return self._api_frame(conn, frame, at_ns)
        crowded = self._crowded(conn, at_ns)
        if crowded:
            return crowded
        reply, subscribed = self.streams.frame(conn, frame)
        self._begin(at_ns, subscribed=subscribed)
        return [Send(conn, reply)]

    def _api_frame(self, conn: int, frame: str, at_ns: int, *, late: bool = False) -> list[Action]:
        request = self.api.read(conn, frame)
        if isinstance(request, Send):
            return [request]
        fault = None if late else self.faults.request(request.method)
        kind = fault.kind if fault is not None else None
        now_ns = self._server_ns(at_ns)
        out: list[Action] = []
        if fault is not None:
            if kind in (FaultKind.LATE, FaultKind.TAKEN_LATE):
                due_ns = at_ns + int(fault.value * _NS_PER_S)
                self._late.append((due_ns, conn, frame, at_ns if kind is FaultKind.TAKEN_LATE else 0))
                return []
            if kind is FaultKind.DROP:
                return []
            if kind in TIMED:
                out += self._on_conn(fault, conn, at_ns)
                if kind in (FaultKind.DISCONNECT, FaultKind.HALF_OPEN):
                    return out
            refusal = before(fault, self.meter, self._conns[conn].address, now_ns)
            if refusal is not None:
                return [Send(conn, self.api.refused(conn, request, refusal, now_ns, limits=refusal.status in (418, 429)))]
        reply = self.api.answer(conn, request, now_ns, stale=kind is FaultKind.STALE_SNAPSHOT)
        if kind is FaultKind.UNKNOWN_EXECUTED:
            reply = self.api.refused(conn, request, unknown_outcome(), now_ns, limits=False)
        events: list[Action] = [*self.api.farewells()]
        self._tell_users(at_ns, events, fault)
        if kind is FaultKind.LOST_REPLY:
            return [*out, *events]
        answer = Send(conn, reply, fault.value if fault is not None and kind is FaultKind.DELAY else 0.0)
        return [*out, *events, answer] if kind is FaultKind.EVENTS_FIRST else [*out, answer, *events]

    def _tell_users(self, at_ns: int, out: list[Action], fault: Fault | None = None) -> None:
        """What happened to accounts, to whoever listens."""
        if fault is not None and fault.kind is FaultKind.LATE_EVENTS:
            self._delivery.hold_users(at_ns + int(fault.value * _NS_PER_S))
        for event in self.events.collect():
            self._deliver(f"user@{event.name}", self.api.event(event.account, event.body), at_ns, out)

    # -- time ------------------------------------------------------------------------------------------------------------

    def next_ns(self, at_ns: int) -> int:
        return self.player.next_ns(at_ns)

    def on_time(self, at_ns: int, room: int) -> list[Action]:
        self._begin(at_ns, subscribed=False)
        out: list[Action] = []
        while self._late and min(self._late)[0] <= at_ns:
            due = min(self._late)
            self._late.remove(due)
            if due[1] in self.api:
                out += self._api_frame(due[1], due[2], due[3] or at_ns, late=True)
        for name, payload in self.player.play(at_ns, self._server_ns(at_ns), room):
            self._stream(name, payload, at_ns, out)
        for name, payload in self.streams.timed(self.player.now_ms):
            self._stream(name, payload, at_ns, out)
        self._tell_users(at_ns, out)
        out += self._delivery.due(at_ns)
        if self.player.started_ns:
            for fault in self.faults.due((at_ns - self.player.started_ns) / _NS_PER_S):
                out += self._timed_fault(fault, at_ns)
        for conn, known in self._conns.items():
            out += self._age(conn, known, at_ns)
        return [*out, *self.drain()]

    def _stream(self, name: str, payload: str, at_ns: int, out: list[Action]) -> None:
        self._deliver(name, self.streams.send(name, payload), at_ns, out)
        made = self.streams.aggregated(name, payload)
        if made is not None:
            self._deliver(made[0], self.streams.send(*made), at_ns, out)

    def _deliver(self, name: str, sends: list[Send], at_ns: int, out: list[Action]) -> None:
        """One frame on its way, and what faults do to it or to those who would get it."""
        if not sends:
            return
        fault = self._delivery.deliver(name, sends, at_ns, out)
        if fault is not None:
            self._venue_fault(fault, at_ns)
            for conn in {send.conn for send in sends}:
                out += self._on_conn(fault, conn, at_ns)

    # -- faults and ends -------------------------------------------------------------------------------------------------

    def _timed_fault(self, fault: Fault, at_ns: int) -> list[Action]:
        """A fault whose time has come: to the venue, or to every connection that it names."""
        self._venue_fault(fault, at_ns)
        out: list[Action] = []
        for conn, known in list(self._conns.items()):
            if fault.on in known.path or self.streams.listens(conn, fault.on):
                out += self._on_conn(fault, conn, at_ns)
        return out

    def _venue_fault(self, fault: Fault, at_ns: int) -> None:
        if fault.kind is FaultKind.CLOCK:
            self.clock_offset_ns = int(fault.value * _NS_PER_S)
        elif fault.kind is FaultKind.ARCHIVED:
            self.orders.archived = bool(fault.value)
        elif fault.kind is FaultKind.REVOKED and not fault.value:
            self.given.restore()
        elif fault.kind is FaultKind.REVOKED:
            self.given.revoke()
            self._out += self.api.revoke(self._server_ns(at_ns))

    def _on_conn(self, fault: Fault, conn: int, at_ns: int) -> list[Action]:
        if fault.kind is FaultKind.DISCONNECT:
            return [Cut(conn)]
        if fault.kind is FaultKind.SHUTDOWN:
            return self._shut_down(conn, at_ns, at_ns + int(fault.value * _NS_PER_S))
        if fault.kind in (FaultKind.MUTE, FaultKind.HALF_OPEN):
            return [Mute(conn, alive=fault.kind is FaultKind.MUTE)]
        return []

    def _shut_down(self, conn: int, at_ns: int, close_ns: int) -> list[Action]:
        """Tell a connection that it will be closed."""
        known = self._conns[conn]
        known.told, known.close_ns = True, close_ns
        notice: Json = {"e": "serverShutdown", "E": render.ms(self._server_ns(at_ns))}
        if conn in self.api:
            return [Send(conn, dump_text({"event": notice}))]
        return [
            Send(conn, dump_text({"stream": "!serverShutdown", "data": notice} if self.streams.is_combined(conn) else notice))
        ]

    def _age(self, conn: int, known: _Conn, at_ns: int) -> list[Action]:
        """A connection near the end of its life is told, and at the end closed."""
        life_s = self.config.life_s
        end_ns = known.close_ns or known.opened_ns + int(life_s * _NS_PER_S)
        if at_ns >= end_ns and not known.closing:
            known.closing = True
            return [Close(conn, _GOING_AWAY, "connection life")]
        if not known.told and at_ns >= end_ns - int(min(self.config.notice_s, life_s / 4) * _NS_PER_S):
            return self._shut_down(conn, at_ns, end_ns)
        return []


def _listed(config: StandConfig, recording: Recording | None) -> list[Instrument]:
    """The instruments: those asked for, or those that there is a market for."""
    if recording is None:
        return [spot_instrument(native.upper()) for native in config.symbols]
    listed = []
    for native in [name for name in config.symbols if name in recording.places] or sorted(recording.places):
        usual = spot_instrument(native)
        places = recording.places[native]
        fits = usual.tick_units <= 10 ** (8 - places[0]) and usual.lot_units <= 10 ** (8 - places[1])
        listed.append(usual if fits else spot_instrument(native, places))
    return listed


def _exchange(config: StandConfig, markets: dict[str, SymbolMarket], chance: Chance) -> Exchange:
    instruments = [market.instrument for market in markets.values()]
    fees = FlatFees(maker_ppm=config.maker_ppm, taker_ppm=config.taker_ppm)
    exchange = Exchange(instruments, fees, PessimisticQueue(), chance, default_stp=render.DEFAULT_STP)
    try:
        balances = {asset.upper(): money(held) for asset, held in config.balances.items()}
    except Inexact as error:
        raise ConfigError(str(error), where="balances") from None
    if any(held < 0 for held in balances.values()):
        raise ConfigError("a balance is negative", where="balances")
    exchange.add_account(ACCOUNT, balances)
    return exchange
