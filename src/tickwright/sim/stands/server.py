"""One server shell for every stand: HTTP and websockets on one port of localhost. It decides nothing.

The stand is pure (:class:`Stand`): it is handed requests and frames with the time, and answers with what should be sent. The
shell owns sockets, timers and queues: each connection has a bounded queue, and a client that does not read is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from tickwright.base.clock import Clock, SystemClock
from tickwright.base.errors import VenueError
from tickwright.base.limits import FRAME_BYTES_MAX

#: How often a stand is told the time, at the most.
STEP_S = 0.01
#: Frames that may wait for a slow client before it is dropped.
QUEUE_MAX = 100_000


class HttpIn(msgspec.Struct, frozen=True):
    """One request: the raw query and body are what a signature covers. Header names are lower-case."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    address: str


class HttpOut(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``lost``: the connection is cut instead. ``delay_s``: it comes late."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}
    delay_s: float = 0.0
    lost: bool = False


class Send(msgspec.Struct, frozen=True):
    """A text frame to a connection, after ``delay_s``."""

    conn: int
    text: str
    delay_s: float = 0.0


class Close(msgspec.Struct, frozen=True):
    """End a connection with a close code."""

    conn: int
    code: int = 1000
    reason: str = ""


class Cut(msgspec.Struct, frozen=True):
    """Cut a connection's socket without a word."""

    conn: int


class Mute(msgspec.Struct, frozen=True):
    """Send nothing on a connection any more; with ``pongs`` False not even pongs."""

    conn: int
    pongs: bool


Action = Send | Close | Cut | Mute


class Stand(Protocol):
    """The logic of a venue's server. Pure: no clock, no socket."""

    ping_s: float
    pong_deadline_s: float

    def on_request(self, request: HttpIn, at_ns: int) -> HttpOut: ...

    def accepts(self, path: str) -> bool:
        """Whether a websocket may be opened at ``path``."""

    def on_open(self, conn: int, path: str, query: str, at_ns: int) -> list[Action]: ...

    def on_frame(self, conn: int, frame: str, at_ns: int) -> list[Action]: ...

    def on_close(self, conn: int) -> None: ...

    def on_time(self, at_ns: int) -> list[Action]: ...

    def drain(self) -> list[Action]:
        """What requests by HTTP caused on connections."""


class _Conn:
    """One websocket: its queue and what has been done to it."""

    def __init__(self, number: int, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.number = number
        self.ws = ws
        self.request = request
        self.queue: asyncio.Queue[str | Close] = asyncio.Queue(QUEUE_MAX)
        self.mute = False
        self.pongs = True
        self.ponged_s = 0.0

    def cut(self) -> None:
        transport = self.request.transport
        if transport is not None:
            transport.abort()


class StandServer:
    """A running stand."""

    def __init__(self, stand: Stand, clock: Clock) -> None:
        self.stand = stand
        self.clock = clock
        self.port = 0
        self._conns: dict[int, _Conn] = {}
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def make_app(self) -> web.Application:
        """The aiohttp application: everything goes to one handler."""
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def steps(self) -> None:
        """Tell the stand the time for ever."""
        loop = asyncio.get_running_loop()
        pinged = loop.time()
        while True:
            self.perform(self.stand.on_time(self.clock.wall_ns()))
            if loop.time() - pinged >= self.stand.ping_s:
                pinged = loop.time()
                await self._ping(pinged)
            await asyncio.sleep(STEP_S)

    async def _ping(self, now_s: float) -> None:
        for conn in list(self._conns.values()):
            if now_s - conn.ponged_s > self.stand.pong_deadline_s:
                conn.cut()
            elif not conn.mute or conn.pongs:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await conn.ws.ping(str(self.clock.wall_ns() // 1_000_000).encode())

    def perform(self, actions: Sequence[Action]) -> None:
        """Carry out what the stand asked for."""
        for action in actions:
            conn = self._conns.get(action.conn)
            if conn is None:
                continue
            if isinstance(action, Send):
                if action.delay_s > 0:
                    asyncio.get_running_loop().call_later(action.delay_s, self._queue, conn, action.text)
                else:
                    self._queue(conn, action.text)
            elif isinstance(action, Close):
                self._queue(conn, action)
            elif isinstance(action, Cut):
                conn.cut()
            else:
                conn.mute = True
                conn.pongs = action.pongs

    def _queue(self, conn: _Conn, item: str | Close) -> None:
        if conn.mute:
            return
        try:
            conn.queue.put_nowait(item)
        except asyncio.QueueFull:
            conn.cut()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = HttpIn(request.method, request.path, request.rel_url.raw_query_string, body, headers, request.remote or "")
        answer = self.stand.on_request(asked, self.clock.wall_ns())
        self.perform(self.stand.drain())
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.lost:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # nobody is there to hear it
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": "application/json;charset=UTF-8", **answer.headers}
        )

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if not self.stand.accepts(request.path):
            return web.Response(status=404, text="no stream here")
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=FRAME_BYTES_MAX, timeout=1.0)
        await ws.prepare(request)
        self._count += 1
        conn = _Conn(self._count, ws, request)
        conn.ponged_s = asyncio.get_running_loop().time()
        self._conns[conn.number] = conn
        self.perform(self.stand.on_open(conn.number, request.path, request.rel_url.raw_query_string, self.clock.wall_ns()))
        writer = asyncio.create_task(self._write(conn))
        self._tasks.add(writer)
        writer.add_done_callback(self._tasks.discard)
        try:
            await self._read(conn)
        finally:
            writer.cancel()
            self._conns.pop(conn.number, None)
            self.stand.on_close(conn.number)
        return ws

    async def _read(self, conn: _Conn) -> None:
        async for message in conn.ws:
            if message.type is WSMsgType.TEXT:
                self.perform(self.stand.on_frame(conn.number, message.data, self.clock.wall_ns()))
            elif message.type is WSMsgType.PING:
                if conn.pongs:
                    await conn.ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                conn.ponged_s = asyncio.get_running_loop().time()
            else:
                break

    async def _write(self, conn: _Conn) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                item = await conn.queue.get()
                if isinstance(item, Close):
                    await conn.ws.close(code=item.code, message=item.reason.encode())
                    return
                await conn.ws.send_str(item)

    async def stop(self) -> None:
        """Close every connection in order."""
        for conn in list(self._conns.values()):
            with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await conn.ws.close(code=WSCloseCode.GOING_AWAY)


@contextlib.asynccontextmanager
async def serve(stand: Stand, *, port: int = 0, clock: Clock | None = None) -> AsyncIterator[StandServer]:
    """Serve a stand on a port of localhost (0: any free one) until the block ends."""
    server = StandServer(stand, clock or SystemClock())
    runner = web.AppRunner(server.make_app(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise VenueError(
            f"port {port} cannot be used: {error.strerror or error}", hint="take another, or 0 for any free one"
        ) from None
    server.port = runner.addresses[0][1]
    steps = asyncio.create_task(server.steps())
    try:
        yield server
    finally:
        steps.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await steps
        await server.stop()
        await runner.cleanup()
