"""A websocket server that does what it is told, down to the byte, and a handler that keeps what it hears. For tests."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
import socket
import ssl
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tickwright.base.chance import Chance
from tickwright.base.clock import Clock, MonoNs, SystemClock, WallNs
from tickwright.net.ws import WsConnection, WsPolicy, WsSession

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
PATIENCE_S = 10.0

#: Milliseconds where the defaults have seconds; what a test is not about does not happen.
FAST: dict[str, Any] = {
    "connect_deadline_s": 2.0,
    "close_deadline_s": 2.0,
    "ping_every_s": 60.0,
    "silence_floor_s": 60.0,
    "silence_ceiling_s": 60.0,
    "check_every_s": 0.01,
    "backoff_floor_s": 0.001,
    "backoff_ceiling_s": 0.01,
    "sends_per_s": 1_000.0,
    "sends_burst": 1_000,
}


def frame(kind: int, payload: bytes = b"", *, fin: bool = True, length: int | None = None) -> bytes:
    """The bytes of one frame of a server. ``length`` lies about the payload's."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | kind])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + bytes([126]) + struct.pack("!H", size) + payload
    return head + bytes([127]) + struct.pack("!Q", size) + payload


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.request = request
        self.heard: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.answers_pings = True
        self.answers_close = True
        self.ended = asyncio.Event()

    def send(self, *payloads: str) -> None:
        """Text messages, in one write."""
        self.raw(b"".join(frame(TEXT, payload.encode()) for payload in payloads))

    def raw(self, data: bytes) -> None:
        """Bytes as they are, if anybody is there."""
        if not self.writer.is_closing():
            self.writer.write(data)

    def close(self, code: int, reason: bytes = b"") -> None:
        """A close frame."""
        self.raw(frame(CLOSE, struct.pack("!H", code) + reason))

    def hang_up(self, *, reset: bool = False) -> None:
        """End the connection, with a reset if wanted."""
        if reset:
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()

    async def hear(self, kind: int = TEXT) -> bytes:
        """The next frame of a kind."""
        while True:
            got, payload = await asyncio.wait_for(self.heard.get(), PATIENCE_S)
            if got == kind:
                return payload

    async def listen(self) -> None:
        """Read frames until the end."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, payload = await self._frame()
                self.heard.put_nowait((kind, payload))
                if kind == PING and self.answers_pings:
                    self.raw(frame(PONG, payload))
                if kind == CLOSE and self.answers_close:
                    self.raw(frame(CLOSE, payload))
                    self.writer.close()
        self.ended.set()

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        plain = int.from_bytes(data) ^ int.from_bytes((mask * (size // 4 + 1))[:size])
        return first & 0x0F, plain.to_bytes(size)


class Server:
    """Listens on a port of its own. ``greet`` may answer a request in its own way and return False."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.knocks = 0
        self.greet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]] = welcome
        self.early = b""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        # Bound at once, so that nobody else gets the port; until ``start`` it refuses.
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stream"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._socket, limit=1 << 24, ssl=self._tls)

    async def stop(self) -> None:
        """Refuse new connections, and end those that there are."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        await self._server.wait_closed()
        self._socket.close()  # uvloop listens on a copy

    async def peer(self) -> Peer:
        """The next connection."""
        return await asyncio.wait_for(self.peers.get(), PATIENCE_S)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        self.knocks += 1
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if not await self.greet(reader, writer):
                return
            key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split(b": ")[1]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            writer.write(head + accept + b"\r\n\r\n" + self.early)
            peer = Peer(reader, writer, request)
            self.peers.put_nowait(peer)
            await peer.listen()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, which some tests want
        finally:
            writer.close()
            self._tasks.discard(task)


async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Let it in."""
    del reader, writer
    return True


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Never answer; notice when the other end goes."""
    del writer
    await reader.read()
    return False


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """End it instead of answering."""
    del reader
    writer.close()
    return False


@dataclass
class Heard:
    """A handler that keeps everything, and wakes whoever waits for it."""

    opened: list[WsConnection] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    closed: list[tuple[WsConnection, str, int]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    at: list[tuple[WsConnection, str]] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    acts: bool = False
    at_open: Callable[[WsConnection], None] = lambda _: None
    at_frame: Callable[[WsConnection, bytes], None] = lambda *_: None
    at_close: Callable[[WsConnection], None] = lambda _: None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_open(self, conn: WsConnection) -> None:
        self.opened.append(conn)
        self.changed.set()
        self.at_open(conn)

    def on_frame(self, conn: WsConnection, payload: bytes, recv_ns: int) -> None:
        self.changed.set()
        self.at_frame(conn, payload)
        self.texts.append(payload.decode())
        self.at.append((conn, payload.decode()))
        self.stamps.append(recv_ns)

    def on_close(self, conn: WsConnection, why: str, code: int) -> None:
        self.closed.append((conn, why, code))
        self.changed.set()
        self.at_close(conn)

    def on_silent(self, conn: WsConnection, name: str) -> bool:
        self.silent.append(name)
        self.changed.set()
        return self.acts

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so; looked at whenever something was heard, and every so often."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.01)


def certificate(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server of that name, and for clients that trust it and nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now - day, now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context(cadata=signed.decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.private_bytes(*form) + signed)
        file.flush()
        server.load_cert_chain(file.name)
    return server, client


class AheadClock:
    """The machine's clocks, and as far ahead as a test has moved them."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def wall_ns(self) -> WallNs:
        return WallNs(time.time_ns() + self.ahead_ns)

    def mono_ns(self) -> MonoNs:
        return MonoNs(time.monotonic_ns() + self.ahead_ns)

    def advance(self, seconds: float) -> None:
        self.ahead_ns += int(seconds * 1e9)


class HighChance(Chance):
    """Always the longest delay; notes between what each was drawn."""

    def __init__(self) -> None:
        super().__init__(0)
        self.drawn: list[tuple[float, float]] = []

    def between(self, low: float, high: float) -> float:
        self.drawn.append((low, high))
        return high


@dataclass
class Rig:
    """A server, a session and its handler."""

    server: Server
    heard: Heard
    session: WsSession
    task: asyncio.Task[None]

    async def peer(self) -> Peer:
        """The next connection, once the session's end is open too."""
        before = len(self.heard.opened)
        peer = await self.server.peer()
        await self.heard.until(lambda: len(self.heard.opened) > before or self.heard.opened)
        return peer


@contextlib.asynccontextmanager
async def rig(server: Server | None = None, chance: Chance | None = None, **policy: Any) -> AsyncIterator[Rig]:
    """A running session on a running server; both end in order, and nothing is left."""
    budget = policy.pop("budget", None)
    headers = policy.pop("headers", None)
    clock: Clock = policy.pop("clock", None) or SystemClock()
    heard = policy.pop("heard", None) or Heard()
    own = server is None
    server = server or Server()
    if own:
        await server.start()
    session = WsSession(
        "test",
        lambda: server.url,
        WsPolicy(**(FAST | policy)),
        heard,
        clock,
        chance or Chance(1),
        budget=budget,
        headers=headers,
    )
    task = asyncio.create_task(session.run())
    try:
        yield Rig(server, heard, session, task)
    finally:
        await session.close()
        await asyncio.wait([task])
        if own:
            await server.stop()
        for failed in [task] if not task.cancelled() else []:
            failed.exception()  # a test that is about it awaits the task itself


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on each loop: whatever reaches the loop's own error handler is a failure, and so is a task that is left."""
    for new_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        _run(test, new_loop)


def _run(test: Callable[[], Coroutine[Any, Any, None]], new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    complaints: list[dict[str, Any]] = []

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # That a client has refused the server's certificate is told in debug mode, and is what a test wants.
        if context["message"] != "Error on transport creation for incoming connection":
            complaints.append(context)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(complain)
        async with asyncio.timeout(3 * PATIENCE_S):
            await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert not complaints, complaints
