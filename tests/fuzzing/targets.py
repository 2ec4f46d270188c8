"""What is fed: everything that reads what somebody else wrote. Each takes any bytes and says whether they got past the first parse;
anything but its one typed error is a bug.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from fuzzing.mutate import Tape
from tickwright.base.errors import ConfigError, DataError, JournalError, UsageError, WireError
from tickwright.data.source import from_file
from tickwright.journal.reader import read_run
from tickwright.journal.writer import Durability, open_run
from tickwright.model.event import Tick
from tickwright.model.market import BUY, Trade
from tickwright.model.order import OrderRef
from tickwright.run.config import load_config
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import HttpIn
from tickwright.sim.tape import Tape as Recording
from tickwright.venues.binance_spot import answers, requests
from tickwright.venues.binance_spot.account import AccountDecoder
from tickwright.venues.binance_spot.market import MarketDecoder
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.kit import SymbolMap
from unit.journal.disks import MemoryDisk

KEY = "binance_spot:BTC/USDT"
AT = 1_788_249_600_500_000_000
_FIXTURES = Path(__file__).parent.parent / "fixtures" / "binance_spot"
_SYMBOLS = SymbolMap(NAME, ("USDT", "BTC"))


class Target(NamedTuple):
    """``samples`` are what the format looks like; ``feed`` is told the bytes and the rest of the tape."""

    name: str
    samples: Sequence[bytes]
    feed: Callable[[bytes, Tape], bool]


def _files(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((_FIXTURES / folder).glob("*.json"))]


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def _market(body: bytes, tape: Tape) -> bool:
    decoder = MarketDecoder(_SYMBOLS)
    for call in (
        lambda: decoder.read(body, AT),
        lambda: decoder.snapshot(body, KEY, AT),
        lambda: decoder.decode_market(body, AT),
    ):
        try:
            call()
        except WireError:
            continue
    return _is_json(body)


def _account(body: bytes, tape: Tape) -> bool:
    try:
        AccountDecoder(_SYMBOLS).read(body, AT)
    except WireError:
        return _is_json(body)
    return True


_REF = OrderRef(KEY, "tw0abcde00-1", "9001001")
_REQUESTS = (
    requests.cancel(_REF, "BTCUSDT"),
    requests.cancel_all(KEY, "BTCUSDT"),
    requests.amend_qty(_REF, 10**6, "BTCUSDT"),
    requests.find(_REF, "BTCUSDT"),
)
_STATUSES = (200, 400, 401, 403, 409, 418, 429, 500, 503, None, 301)


def _answers(body: bytes, tape: Tape) -> bool:
    request, status = tape.pick(_REQUESTS), tape.pick(_STATUSES)
    if request.kind == "find":
        answers.classify_find(request, status, body, AT, _SYMBOLS)
    else:
        answers.classify(request, status, body, AT, _SYMBOLS)
    return _is_json(body)


@cache
def _stand() -> BinanceSpotStand:
    stand = BinanceSpotStand(StandConfig(symbols=("BTCUSDT",), seed=3, weight_limit=10**9, frames_per_s=10**6))
    stand.on_open(1, "/stream", "", "127.0.0.1", AT)
    stand.on_open(2, "/ws-api/v3", "", "127.0.0.1", AT)
    return stand


_PATHS = (
    "/api/v3/order",
    "/api/v3/depth",
    "/api/v3/klines",
    "/api/v3/orderList/oco",
    "/api/v3/myTrades",
    "/api/v3/account",
    "/nowhere",
    "",
)


def _frames(body: bytes, tape: Tape) -> bool:
    """A frame to either websocket of the stand. What it is told it answers, as the venue would."""
    stand = _stand()
    stand.on_frame(1 + tape.below(2), body.decode("utf-8", "replace"), AT)
    return _is_json(body)


def _http(body: bytes, tape: Tape) -> bool:
    """A request to the stand, with the bytes as its query, its body and a header."""
    stand = _stand()
    text = body.decode("latin-1")
    method, path = tape.pick(("GET", "POST", "DELETE", "PUT", "PATCH", "")), tape.pick(_PATHS)
    try:
        given = json.loads(body)
        query = urlencode(given, doseq=True) if isinstance(given, dict) else text
    except (ValueError, TypeError):
        query = text
    headers = {"x-mbx-apikey": stand.given["hmac"].api_key if tape.below(2) else text[:50]}
    where = tape.below(3)
    for asked in (
        HttpIn(method, path, query if where == 0 else "", body if where == 1 else b"", headers, "127.0.0.1"),
        HttpIn(method, path, query, query.encode("utf-8", "replace"), headers, "127.0.0.1"),
    ):
        answer = stand.on_request(asked, AT)
        assert 200 <= answer.status < 600, answer
    stand.drain()
    return True


@cache
def _written() -> tuple[Path, str, dict[Path, bytes]]:
    """A journal as the writer leaves it."""
    disk = MemoryDisk()
    folder = Path("/journal")
    journal = open_run(folder, "twfuzz00-", b"{}", Durability.PROCESS, disk=disk, checkpoint=lambda: b"{}")
    for n in range(1, 30):
        journal.write(n, Trade(KEY, 61_000.5, 0.1, BUY, n, AT + n, AT + n) if n % 5 else Tick(AT + n), ())
    journal.close()
    return folder, journal.run, dict(disk.files)


def _journal(body: bytes, tape: Tape) -> bool:
    """A file of a journal with the bytes in it, at a place of their own, or instead of all of it."""
    folder, run, files = _written()
    path = max(files)
    whole = files[path]
    place = tape.below(min(len(whole), 65_535))
    changed = (
        body,
        whole[:place] + body,
        whole[:place] + body + whole[place:],
        whole[:place] + body + whole[place + len(body) :],
    )
    disk = MemoryDisk()
    disk.files = {**files, path: tape.pick(changed)}
    disk.names = lambda _: sorted({item.name for item in files})  # type: ignore[method-assign]  # the files of the one run
    try:
        told = len(list(read_run(folder, run, disk)))
    except JournalError:
        return True
    assert told <= len(whole)
    return True


def _config(body: bytes, tape: Tape) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tickwright.toml"
        path.write_bytes(body)
        try:
            load_config(path, {}, {})
        except (ConfigError, UsageError):
            return b"=" in body
    return True


def _table(body: bytes, tape: Tape) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(body)
        try:
            list(from_file(path, KEY).events())
        except DataError:
            return b"," in body
    return True


def _recording(body: bytes, tape: Tape) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape"
        path.write_bytes(body)
        try:
            for line in Recording(path):
                try:
                    MarketDecoder(_SYMBOLS).decode_market(line.payload, line.recv_ns)
                except WireError:
                    continue
        except DataError:
            return b" " in body
    return True


_TOML = b"""[run]
venue = "binance_spot"
symbols = ["BTC/USDT"]
seconds = 5.0
[risk]
max_order_value = "1000"
stale_book_s = 2.0
[venues.binance_spot]
environment = "testnet"
recv_window_ms = 5000
[journal]
durability = "auto"
[params]
size = "0.1"
"""
_BARS = b"timestamp,open,high,low,close,volume\n2022-01-01 00:00:00,100,110,90,105,5\n2022-01-01 00:01:00,105,106,104,104.5,2\n"
_TRADES = b"time,price,qty,side\n1640995200000,100.5,0.25,buy\n1640995201000,100.25,1,sell\n"
_LINE = b'1723075200000000000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":7,"p":"60005.00","q":"0.5","T":1,"m":true}}\n'
_ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "60000", "timestamp": AT // 10**6,
    "recvWindow": 5000, "newClientOrderId": "tw-1", "signature": "0" * 64,
}  # fmt: skip

TARGETS = {
    target.name: target
    for target in (
        Target("market", _files("ws_public"), _market),
        Target("account", _files("ws_private") + _files("ws_trade"), _account),
        Target("answers", _files("rest"), _answers),
        Target(
            "stand_frames",
            [*_files("ws_trade"), json.dumps({"id": 1, "method": "order.place", "params": _ORDER}).encode()],
            _frames,
        ),
        Target("stand_http", [json.dumps(_ORDER).encode(), b'{"symbol":"BTCUSDT","limit":5}', b"symbol=BTCUSDT&limit=5"], _http),
        Target("journal", [b"\xff\x03", b"{}", b"\x00" * 17, next(iter(_written()[2].values()))[:300]], _journal),
        Target("config", [_TOML], _config),
        Target("table", [_BARS, _TRADES], _table),
        Target("recording", [_LINE, _LINE * 3], _recording),
    )
}
