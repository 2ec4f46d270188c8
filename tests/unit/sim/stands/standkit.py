"""A client of a stand without sockets: it signs as a real one does, and time moves when it is told to.

The market is a tape of a few lines: one bid at 60,000 and one ask at 60,010, a whole BTC each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from tickwright.model.market import BUY, SELL, Side
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import Action, HttpIn, HttpOut, Send

T0_MS = 1_788_249_600_000
MS = 1_000_000
KEY = "binance_spot:BTC/USDT"
SYMBOL = "BTCUSDT"
ONE = 10**8

SNAPSHOT = {
    "lastUpdateId": 1_000,
    "bids": [["60000.00", "1.00000"], ["59990.00", "2.00000"]],
    "asks": [["60010.00", "1.00000"], ["60020.00", "2.00000"]],
}
LINES: list[dict[str, Any]] = [
    {"stream": "btcusdt@depth@100ms", "data": {"e": "depthUpdate", "E": T0_MS, "s": SYMBOL, "U": 990, "u": 999, "b": [["60000.00", "9"]], "a": []}},
    SNAPSHOT,
    {"stream": "btcusdt@trade", "data": {"e": "trade", "E": T0_MS + 100, "s": SYMBOL, "t": 7, "p": "60005.00", "q": "0.50000", "T": T0_MS + 99, "m": True, "M": True}},
    {"stream": "btcusdt@bookTicker", "data": {"u": 1_000, "s": SYMBOL, "b": "60000.00", "B": "1.00000", "a": "60010.00", "A": "1.00000"}},
]  # fmt: skip


def write_tape(path: Path, lines: list[dict[str, Any]], step_ms: int = 100) -> Path:
    """A tape of ``lines``, one every ``step_ms``."""
    rows = [f"{(T0_MS + index * step_ms) * MS} {json.dumps(line)}\n" for index, line in enumerate(lines)]
    path.write_text("".join(rows))
    return path


def diff(first: int, last: int, at_ms: int = T0_MS, **sides: list[list[str]]) -> dict[str, Any]:
    """A depth diff of the tape's symbol."""
    data = {"e": "depthUpdate", "E": at_ms, "s": SYMBOL, "U": first, "u": last, "b": sides.get("b", []), "a": sides.get("a", [])}
    return {"stream": "btcusdt@depth@100ms", "data": data}


class Client:
    """One client, one stand."""

    def __init__(self, folder: Path, lines: list[dict[str, Any]] | None = None, kind: str = "hmac", **config: Any) -> None:
        tape = write_tape(folder / "tape", LINES if lines is None else lines)
        self.stand = BinanceSpotStand(StandConfig(tape=tape, **config))
        self.now_ns = T0_MS * MS
        self.kind = kind
        self.conns = 0
        self.pass_s(0)
        self.pass_s(1)

    @property
    def now_ms(self) -> int:
        return self.now_ns // MS

    def pass_s(self, seconds: float) -> list[Action]:
        """Time passes; what the stand does then."""
        self.now_ns += int(seconds * 1e9)
        return self.stand.on_time(self.now_ns, 1_000)

    # -- the market ----------------------------------------------------------------------------------------------------

    def trade(self, price: int, qty: str, taker: Side) -> None:
        """Somebody else trades."""
        self.stand.exchange.on_trade(KEY, price * ONE, int(float(qty) * ONE), taker, self.now_ns)

    def fill_bid(self, price: int) -> None:
        """Somebody sells through everything at ``price``: what rests there fills."""
        self.stand.exchange.on_trade(KEY, (price - 1) * ONE, ONE, SELL, self.now_ns)

    def fill_ask(self, price: int) -> None:
        self.stand.exchange.on_trade(KEY, (price + 1) * ONE, ONE, BUY, self.now_ns)

    # -- REST ----------------------------------------------------------------------------------------------------------

    def raw(self, method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> HttpOut:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.stand.on_request(HttpIn(method, path, query, body, names, "127.0.0.1"), self.now_ns)

    def open(self, path: str, **params: Any) -> Any:
        """An unsigned question; the answer's JSON."""
        return json.loads(self.raw("GET", f"/api/v3/{path}", urlencode(params)).body)

    def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """A signed request in the query; status and JSON."""
        params.setdefault("timestamp", self.now_ms)
        query = urlencode({name: value for name, value in params.items() if value is not None})
        pair = self.stand.given[self.kind]
        signature = quote(sign(self.kind, pair.secret, query), safe="")
        full = path if path.startswith("/") else f"/api/v3/{path}"
        answer = self.raw(method, full, f"{query}&signature={signature}", x_mbx_apikey=pair.api_key)
        return answer.status, json.loads(answer.body)

    def order(self, **params: Any) -> tuple[int, Any]:
        """A LIMIT GTC buy of 0.1 at 59,000 unless said otherwise (None leaves a parameter out)."""
        usual = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "59000"}
        return self.signed("POST", "order", **{**usual, **params})

    def market(self, **params: Any) -> tuple[int, Any]:
        return self.order(**{"type": "MARKET", "timeInForce": None, "price": None, **params})

    # -- websockets ----------------------------------------------------------------------------------------------------

    def connect(self, path: str, query: str = "") -> int:
        """Open a websocket; its number."""
        self.conns += 1
        assert self.stand.accepts(path)
        assert self.stand.on_open(self.conns, path, query, "127.0.0.1", self.now_ns) == []
        return self.conns

    def send(self, conn: int, frame: object) -> list[Action]:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        return self.stand.on_frame(conn, text, self.now_ns)

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A signed request of the WebSocket API."""
        pair = self.stand.given[self.kind]
        params = {"apiKey": pair.api_key, "timestamp": self.now_ms, **params}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {"id": "1", "method": method, "params": {**params, "signature": sign(self.kind, pair.secret, text)}}

    def api(self, conn: int, method: str, *, sign_it: bool = True, **params: Any) -> list[Any]:
        """A request to the WebSocket API; every frame that comes back at once, read."""
        asked = self.request(method, params) if sign_it else {"id": "1", "method": method, "params": params}
        return frames(self.send(conn, asked), conn)

    def listening(self) -> int:
        """A WebSocket API connection that hears of the account."""
        conn = self.connect("/ws-api/v3")
        assert self.api(conn, "userDataStream.subscribe.signature")[0]["result"] == {"subscriptionId": 0}
        return conn

    def heard(self, conn: int) -> list[dict[str, Any]]:
        """The account's events since the last time."""
        return [frame["event"] for frame in frames([*self.stand.drain(), *self.pass_s(0)], conn) if "event" in frame]


def frames(actions: list[Action], conn: int) -> list[Any]:
    """What was sent to a connection, read."""
    return [json.loads(action.text) for action in actions if isinstance(action, Send) and action.conn == conn]


def sign(kind: str, secret: str, text: str) -> str:
    if kind == "hmac":
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    private = serialization.load_pem_private_key(secret.encode(), None)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return base64.b64encode(private.sign(text.encode())).decode()
    assert isinstance(private, rsa.RSAPrivateKey)
    return base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
