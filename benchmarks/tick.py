"""A local exchange that sends one book ticker at a time and measures how long the order that it causes takes to arrive.

Ticks are recorded frames, one a millisecond or so, numbered; clients answer every twelfth with an order (more, and a venue's
budget of requests would not last). All else, from the list of instruments to the answer to the order, is the stand's. A sample
is the time from before a tick is written to the socket until the bytes of the order have been read from one, by the one clock
of this process. The next tick comes a pause after the answer: clients are measured as in a busy market, not in a blast.

    tick.py     a JSON job on stdin: {"frames": FILE with one a line, "samples": n, "warmup": n};
                prints the addresses and the key, and once there are enough samples {"us": [...]}
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit

from blast import accepted, framed, read_frames

from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig, demo_tape
from tickwright.sim.stands.server import Action, Close, Cut, HttpIn, Send

#: Between one tick, or the answer to an order, and the next tick.
PAUSE_S = (0.0008, 0.0014)
#: A tick that no order follows is followed by another one all the same: the client may not be ready.
PATIENCE_S = 0.2
#: Clients order when the number of a tick is a multiple of this.
ORDER_EVERY = 12
_ORDER_PATH = "/api/v3/order"
_ORDER_METHOD = b'"order.place"'
_TEXT, _CLOSE, _PING = 1, 8, 9


class Exchange:
    """The stand, the ticks, and the samples."""

    def __init__(self, frames: list[bytes], samples: int, warmup: int) -> None:
        self.stand = BinanceSpotStand(
            StandConfig(
                tape=demo_tape(), symbols=("BTCUSDT",), start_on="subscriber", orders_per_10s=1_000_000, frames_per_s=1_000
            )
        )
        self.clients: dict[int, Client] = {}
        self.done = asyncio.Event()
        self.us: list[float] = []
        self._frames = _numbered(frames)
        self._wanted = samples + warmup
        self._warmup = warmup
        self._chance = random.Random(1)
        self._market: Client | None = None
        self._sent_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    def subscribed(self, client: Client) -> None:
        """There is somebody to send ticks to."""
        if self._market is None or self._market.gone:
            self._market = client
            self._again(PATIENCE_S)

    def ordered(self, at_ns: int) -> None:
        """An order has arrived."""
        if not self._sent_ns:
            raise RuntimeError("an order that no tick asked for")
        self.us.append((at_ns - self._sent_ns) / 1_000)
        self._sent_ns = 0
        if len(self.us) >= self._wanted:
            self.done.set()

    def answered(self) -> None:
        """The order that was waited for has been answered."""
        self._again(self._chance.uniform(*PAUSE_S))

    @property
    def samples_us(self) -> list[float]:
        return self.us[self._warmup : self._wanted]

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            client = self.clients.get(action.conn)
            if client is None:
                continue
            if isinstance(action, Send):
                client.transport.write(framed(action.text.encode()))
            elif isinstance(action, (Close, Cut)):
                raise RuntimeError(f"the stand ends a connection: {action}")  # noqa: TRY004 (its doing, not its type)

    def _again(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        if self.done.is_set() or self._market is None or self._market.gone:
            return
        number, frame = next(self._frames)
        ordering = number % ORDER_EVERY == 0
        self._again(PATIENCE_S if ordering else self._chance.uniform(*PAUSE_S))
        self._sent_ns = time.perf_counter_ns() if ordering else 0
        self._market.transport.write(frame)


def _numbered(frames: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Frames over and over, their numbers those of a book that changes at each."""
    pattern = re.compile(rb'"u":(\d+)')
    for number in count(50_000_000_000):
        yield number, framed(pattern.sub(b'"u":%d' % number, frames[number % len(frames)], count=1))


class Client(asyncio.Protocol):
    """One connection: HTTP until it asks for a websocket."""

    def __init__(self, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        self._number = number
        self._read = b""
        self._path = ""  # of a websocket
        self.gone = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one in all but name
        self._exchange.clients[self._number] = self

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        del self._exchange.clients[self._number]

    def data_received(self, data: bytes) -> None:
        at_ns = time.perf_counter_ns()
        self._read = self._read + data if self._read else data
        while self._read and (self._frame(at_ns) if self._path else self._request(at_ns)):
            pass

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def _request(self, at_ns: int) -> bool:
        head, end, rest = self._read.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:]) if k}
        size = int(headers.get("content-length", "0"))
        if not end or len(rest) < size:
            return False
        method, target, _ = lines[0].split(" ", 2)
        body, self._read = rest[:size], rest[size:]
        where = urlsplit(target)
        now = time.time_ns()
        if "sec-websocket-key" in headers:
            self._path = where.path
            self.transport.write(accepted(headers["sec-websocket-key"]))
            self._exchange.perform(self._exchange.stand.on_open(self._number, where.path, where.query, "127.0.0.1", now))
            return True
        if method == "POST" and where.path == _ORDER_PATH:
            self._exchange.ordered(at_ns)
        answer = self._exchange.stand.on_request(HttpIn(method, where.path, where.query, body, headers, "127.0.0.1"), now)
        start = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
            answer.status,
            len(answer.body),
        )
        self.transport.write(start + answer.body)
        self._exchange.perform(self._exchange.stand.drain())
        if method == "POST" and where.path == _ORDER_PATH:
            self._exchange.answered()
        return True

    # -- websocket ---------------------------------------------------------------------------------------------------

    def _frame(self, at_ns: int) -> bool:
        parsed = _unmasked(self._read)
        if parsed is None:
            return False
        kind, payload, self._read = parsed
        if kind == _PING:
            self.transport.write(bytes((0x8A, len(payload))) + payload)
        elif kind == _CLOSE:
            self.transport.close()
        elif kind == _TEXT:
            self._text(payload, at_ns)
        return True

    def _text(self, payload: bytes, at_ns: int) -> None:
        exchange = self._exchange
        ordering = _ORDER_METHOD in payload
        if ordering:
            exchange.ordered(at_ns)
        exchange.perform(exchange.stand.on_frame(self._number, payload.decode(), time.time_ns()))
        if ordering:
            exchange.answered()
        elif b"bookTicker" in payload:
            exchange.subscribed(self)


def _unmasked(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of a client: its kind, its payload, and what follows it. None while it is not whole."""
    if len(data) < 6:
        return None
    size, at = data[1] & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4]), 4
    elif size == 127:
        size, at = int.from_bytes(data[2:10]), 10
    if len(data) < at + 4 + size:
        return None
    mask = (data[at : at + 4] * (size // 4 + 1))[:size]
    body = data[at + 4 : at + 4 + size]
    plain = (int.from_bytes(body) ^ int.from_bytes(mask)).to_bytes(size)
    return data[0] & 0x0F, plain, data[at + 4 + size :]


async def main() -> None:
    job = json.loads(sys.stdin.readline())
    exchange = Exchange(read_frames(job["frames"]), job["samples"], job["warmup"])
    numbers = count(1)
    server = await asyncio.get_running_loop().create_server(lambda: Client(exchange, next(numbers)), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, **exchange.stand.about(f"127.0.0.1:{port}")}), flush=True)
    await exchange.done.wait()
    print(json.dumps({"us": exchange.samples_us}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent closes our stdin


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
