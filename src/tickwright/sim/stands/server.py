"""One server shell for every stand: HTTP and websockets on one port of localhost. It decides nothing.

The stand is pure (:class:`Stand`): it is handed requests and frames with the time, and answers with what should be sent. The
shell owns sockets, timers and queues. Each connection has a bounded queue; a client that does not read is dropped, and a stand
that plays as fast as it can waits for the slowest client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from tickwright.base.clock import Clock, SystemClock
from tickwright.base.errors import VenueError
from tickwright.base.limits import CLOSE_DEADLINE_S, FRAME_BYTES_MAX

#: How long a stand is left alone at the most, and at the least.
STEP_S_MAX = 0.01
STEP_S_MIN = 0.001
#: Frames that may wait for a slow client before it is dropped, and at which a stand in a hurry waits for it.
QUEUE_MAX = 50_000
QUEUE_ROOM = 4_000
REQUEST_BYTES_MAX = 1024 * 1024

_JSON = {"Content-Type": "application/json;charset=UTF-8"}


class HttpIn(msgspec.Struct, frozen=True):
    """One request: the raw query and body are what a signature covers. Header names are lower-case. ``held``: it comes back
    after having been held up (see :class:`HttpOut`).
    """

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    address: str
    held: bool = False


class HttpOut(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``delay_s``: it comes late. ``lost``: the connection is cut instead of answering. ``hold_s``: this is no answer
    yet, the request is to be handed in again after so long.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}
    delay_s: float = 0.0
    lost: bool = False
    hold_s: float = 0.0


class Send(msgspec.Struct, frozen=True):
    """A text frame to a connection, after ``delay_s``."""

    conn: int
    text: str
    delay_s: float = 0.0


class Close(msgspec.Struct, frozen=True):
    """End a connection with a close code, after what was sent before."""

    conn: int
    code: int = 1000
    reason: str = ""


class Cut(msgspec.Struct, frozen=True):
    """Cut a connection's socket without a word."""

    conn: int


class Mute(msgspec.Struct, frozen=True):
    """Send nothing on a connection any more. Not ``alive``: nothing that arrives is looked at either, and pings go unanswered."""

    conn: int
    alive: bool


Action = Send | Close | Cut | Mute


class Stand(Protocol):
    """The logic of a venue's server. Pure: no clock, no socket."""

    @property
    def ping_s(self) -> float: ...

    @property
    def pong_deadline_s(self) -> float: ...

    def about(self, base: str) -> dict[str, str]:
        """What a client needs to know, for a server at ``base`` (host and port): URLs and keys of a test account."""

    def on_request(self, request: HttpIn, at_ns: int) -> HttpOut: ...

    def accepts(self, path: str) -> bool:
        """Whether a websocket may be opened at ``path``."""

    def on_open(self, conn: int, path: str, query: str, address: str, at_ns: int) -> list[Action]: ...

    def on_frame(self, conn: int, frame: str, at_ns: int) -> list[Action]: ...

    def on_control(self, conn: int, at_ns: int) -> list[Action]:
        """A ping or a pong arrived."""

    def on_close(self, conn: int) -> None: ...

    def on_time(self, at_ns: int, room: int) -> list[Action]:
        """Time has passed. ``room`` is how many frames the slowest client can take for now."""

    def next_ns(self, at_ns: int) -> int:
        """When there will be something to do again."""

    def drain(self) -> list[Action]:
        """What a request by HTTP caused on connections."""


class _Conn:
    """One websocket: its queue and what has been done to it."""

    def __init__(self, number: int, ws: web.WebSocketResponse, request: web.Request, now_s: float) -> None:
        self.number = number
        self.ws = ws
        self.queue: asyncio.Queue[str | Close] = asyncio.Queue(QUEUE_MAX)
        self.muted = False
        self.dead = False
        self.ponged_s = now_s
        self._request = request

    def cut(self) -> None:
        """Cut the socket without a close frame."""
        transport = self._request.transport
        if isinstance(transport, asyncio.Transport):
            transport.abort()

    def put(self, item: str | Close) -> None:
        """Queue something, or drop the client when it does not read."""
        if self.muted:
            return
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.cut()


class StandServer:
    """A running stand. The addresses and keys are those of :meth:`Stand.about`."""

    def __init__(self, stand: Stand, clock: Clock) -> None:
        self.stand = stand
        self.port = 0
        self.dropped = 0
        self._clock = clock
        self._conns: dict[int, _Conn] = {}
        self._count = 0
        self._stopping = False

    @property
    def base(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def about(self) -> dict[str, str]:
        """Everything that a client needs to know."""
        return self.stand.about(self.base)

    @property
    def rest_url(self) -> str:
        return self.about["rest_url"]

    @property
    def ws_url(self) -> str:
        return self.about["ws_url"]

    @property
    def ws_api_url(self) -> str:
        return self.about["ws_api_url"]

    @property
    def api_key(self) -> str:
        return self.about["api_key"]

    @property
    def api_secret(self) -> str:
        return self.about["api_secret"]

    def make_app(self) -> web.Application:
        """The aiohttp application: everything goes to one handler."""
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    # -- time --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell the stand the time, and its clients that it is alive, for ever."""
        try:
            await self._run()
        finally:
            for conn in self._conns.values() if not self._stopping else ():
                conn.cut()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pinged_s = loop.time()
        while True:
            at_ns = self._clock.wall_ns()
            room = QUEUE_ROOM - max((conn.queue.qsize() for conn in self._conns.values()), default=0)
            self._perform(self.stand.on_time(at_ns, max(0, room)))
            if loop.time() - pinged_s >= self.stand.ping_s:
                pinged_s = loop.time()
                await self._ping(pinged_s)
            pause_s = (self.stand.next_ns(at_ns) - self._clock.wall_ns()) / 1e9
            await asyncio.sleep(0 if pause_s <= 0 < room else min(STEP_S_MAX, max(STEP_S_MIN, pause_s)))

    async def _ping(self, now_s: float) -> None:
        payload = str(self._clock.wall_ns() // 1_000_000).encode()
        for conn in list(self._conns.values()):
            if conn.dead:
                continue
            if now_s - conn.ponged_s > self.stand.pong_deadline_s:
                conn.cut()
                continue
            with contextlib.suppress(ConnectionError, RuntimeError):  # it is closing: its reader sees to it
                await conn.ws.ping(payload)

    # -- actions -----------------------------------------------------------------------------------------------------

    def _perform(self, actions: Sequence[Action]) -> None:
        """Carry out what the stand asked for."""
        for action in actions:
            conn = self._conns.get(action.conn)
            if conn is None:
                continue
            if isinstance(action, Send):
                if action.delay_s > 0:
                    asyncio.get_running_loop().call_later(action.delay_s, conn.put, action.text)
                else:
                    conn.put(action.text)
            elif isinstance(action, Close):
                conn.put(action)
            elif isinstance(action, Cut):
                conn.cut()
            else:
                conn.muted = True
                conn.dead = not action.alive

    # -- HTTP --------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = HttpIn(request.method, request.path, request.rel_url.raw_query_string, body, headers, request.remote or "")
        answer = self.stand.on_request(asked, self._clock.wall_ns())
        if answer.hold_s:
            await asyncio.sleep(answer.hold_s)
            answer = self.stand.on_request(msgspec.structs.replace(asked, held=True), self._clock.wall_ns())
        self._perform(self.stand.drain())
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.lost:
            if isinstance(request.transport, asyncio.Transport):
                request.transport.abort()
            return web.Response()  # nobody is there to hear it
        return web.Response(status=answer.status, body=answer.body, headers={**_JSON, **answer.headers})

    # -- websockets --------------------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if not self.stand.accepts(request.path):
            return web.Response(status=404, text="no stream here")
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=FRAME_BYTES_MAX, timeout=1.0)
        await ws.prepare(request)
        self._count += 1
        conn = _Conn(self._count, ws, request, asyncio.get_running_loop().time())
        self._conns[conn.number] = conn
        writer = asyncio.create_task(self._write(conn))
        try:
            at_ns = self._clock.wall_ns()
            self._perform(
                self.stand.on_open(conn.number, request.path, request.rel_url.raw_query_string, request.remote or "", at_ns)
            )
            async for message in ws:
                if not conn.dead and not await self._read(conn, message):
                    break
        finally:
            del self._conns[conn.number]
            self.stand.on_close(conn.number)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return ws

    async def _read(self, conn: _Conn, message: WSMessage) -> bool:
        """Hand on one message; False when the connection should end."""
        at_ns = self._clock.wall_ns()
        if message.type is WSMsgType.TEXT:
            self._perform(self.stand.on_frame(conn.number, message.data, at_ns))
        elif message.type is WSMsgType.BINARY:
            self._perform(self.stand.on_frame(conn.number, message.data.decode("utf-8", "replace"), at_ns))
        elif message.type is WSMsgType.PING:
            await conn.ws.pong(message.data)
            self._perform(self.stand.on_control(conn.number, at_ns))
        elif message.type is WSMsgType.PONG:
            conn.ponged_s = asyncio.get_running_loop().time()
            self._perform(self.stand.on_control(conn.number, at_ns))
        else:
            return False
        return True

    async def _write(self, conn: _Conn) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):  # the client has gone: its reader sees to it
            while True:
                item = await conn.queue.get()
                if isinstance(item, Close):
                    await conn.ws.close(code=item.code, message=item.reason.encode())
                    return
                if not conn.muted:
                    await conn.ws.send_str(item)

    async def stop(self) -> None:
        """Close every connection in order, all at once."""
        self._stopping = True
        closing = [conn.ws.close(code=WSCloseCode.GOING_AWAY) for conn in self._conns.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await asyncio.gather(*closing, return_exceptions=True)


@contextlib.asynccontextmanager
async def serve(stand: Stand, *, port: int = 0, clock: Clock | None = None) -> AsyncIterator[StandServer]:
    """Serve a stand on a port of localhost (0: any free one) until the block ends. A defect of the stand cuts every connection,
    and is raised when the block ends.
    """
    server = StandServer(stand, clock or SystemClock())
    runner = web.AppRunner(server.make_app(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            said = f"port {port} cannot be used: {error.strerror or error}"
            raise VenueError(said, hint="take another, or 0 for any free one") from None
        server.port = runner.addresses[0][1]
        running = asyncio.create_task(server.run())
        try:
            yield server
        finally:
            stopping = server.stop()
            running.cancel()
            await stopping
            with contextlib.suppress(asyncio.CancelledError):
                await running
    finally:
        await runner.cleanup()
