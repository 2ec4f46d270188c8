"""What code on a loop sees of the network: sockets, transports and servers, as asyncio and the libraries on it expect them.

A :class:`WorldSocket` stands where ``socket.socket`` does while a world runs. A transport keeps asyncio's order of callbacks:
``connection_made``, then data, then at most one ``eof_received``, then ``connection_lost`` once, in a turn of its own.

Does not: have a descriptor. ``fileno`` gives a number that belongs to no file, and -1 once the socket is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from tickwright.sim.world.scheduler import Call

if TYPE_CHECKING:
    from tickwright.sim.world.link import End
    from tickwright.sim.world.loop import ProcessLoop
    from tickwright.sim.world.network import Network

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: A transport asks its protocol to pause above the first and to go on below the second.
HIGH_WATER_BYTES = 64 * 1024
LOW_WATER_BYTES = 16 * 1024
_FIRST_FILENO = 1_000_000
#: What a transport says of encryption. There is none, but picows asks this to know whether it may write to the descriptor itself,
#: past the transport. It may not: there is no descriptor.
NOT_A_DESCRIPTOR = "written through the transport"


def os_error(number: int) -> OSError:
    """The error that the system would raise."""
    return OSError(number, os.strerror(number))


class WorldSocket:
    """A stream socket of the process that makes it."""

    def __init__(self, network: Network, loop: ProcessLoop, end: End | None = None) -> None:
        if loop.sockets_open >= loop.sockets_max and end is None:
            raise os_error(errno.EMFILE)
        loop.sockets_open += 1
        self.family = socket.AF_INET
        self.type = socket.SOCK_STREAM
        self.proto = socket.IPPROTO_TCP
        self.end = end
        self._network = network
        self._loop = loop
        self._fileno = network.next_fileno() + _FIRST_FILENO
        self._timeout: float | None = None

    def fileno(self) -> int:
        return self._fileno

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def settimeout(self, value: float | None) -> None:
        self._timeout = value

    def gettimeout(self) -> float | None:
        return self._timeout

    def setsockopt(self, *args: object) -> None:
        """Options change nothing here."""

    def getsockopt(self, *args: object) -> int:
        del args
        return 0

    def getpeername(self) -> tuple[str, int]:
        if self.end is None or self._fileno < 0:
            raise os_error(errno.ENOTCONN)
        return self.end.peer_address

    def getsockname(self) -> tuple[str, int]:
        return self.end.own_address if self.end is not None else ("0.0.0.0", 0)  # noqa: S104 (what an unbound socket says)

    def shutdown(self, how: int) -> None:
        """Both ends see an end."""
        del how
        if self.end is None or self._fileno < 0:
            raise os_error(errno.ENOTCONN)
        self.end.shut()

    def close(self) -> None:
        """Without a transport over it this ends the connection; a transport closes it when it is done."""
        if self._fileno < 0:
            return
        self._fileno = -1
        self._loop.sockets_open -= 1
        if self.end is not None:
            self.end.close()

    async def transport(self, protocol: asyncio.BaseProtocol) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """A transport over it, once it is connected; the protocol has been told when this returns."""
        if self.end is None or self._fileno < 0:
            raise os_error(errno.ENOTCONN)
        if self.end.refusal is not None:
            self.close()
            raise self.end.refusal
        waiter: asyncio.Future[None] = self._loop.create_future()
        made = WorldTransport(self._loop, self, self.end, protocol, waiter)
        try:
            await waiter
        except BaseException:
            made.close()
            raise
        return made, protocol


class WorldTransport(asyncio.Transport):
    """See the module."""

    def __init__(
        self,
        loop: ProcessLoop,
        sock: WorldSocket,
        end: End,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._sock = sock
        self._end = end
        self._buffer: deque[bytes] = deque()
        self._buffered = 0
        self._high, self._low = HIGH_WATER_BYTES, LOW_WATER_BYTES
        self._told_to_pause = False
        self._closing = False
        self._end_asked = False
        self._lost = False
        self._paused = False
        self._started = False
        self._protocol: asyncio.BaseProtocol | None = None
        self.set_protocol(protocol)
        end.transport = self
        loop.call_soon(protocol.connection_made, self)
        loop.call_soon(self._start)
        if waiter is not None:
            loop.call_soon(_settle, waiter)

    # -- what protocols ask ----------------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self._sock
        if name == "peername":
            return self._end.peer_address
        if name == "sockname":
            return self._end.own_address
        if name == "ssl_object":
            return NOT_A_DESCRIPTOR
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._into: asyncio.BufferedProtocol | None = protocol if isinstance(protocol, asyncio.BufferedProtocol) else None

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None, "the connection is over"
        return self._protocol

    def is_closing(self) -> bool:
        return self._closing

    # -- reading -----------------------------------------------------------------------------------------------------------

    @property
    def reads(self) -> bool:
        """Whether what arrives may be handed on now."""
        return self._started and not (self._paused or self._closing)

    def is_reading(self) -> bool:
        return not (self._paused or self._closing)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self._loop.call_soon(self._end.read_on)

    def _start(self) -> None:
        self._started = True
        self._end.read_on()

    def feed(self, data: bytes) -> None:
        """Hand on what has arrived."""
        if self._into is not None:
            self._guarded("data", self._fill, self._into, data)
        else:
            self._guarded("data", self._protocol.data_received, data)  # type: ignore[union-attr]  # a stream's protocol

    def feed_end(self) -> None:
        """The other end sends nothing more."""
        if not self._guarded("the end of data", self._protocol.eof_received):  # type: ignore[union-attr]  # see feed
            self.close()

    def _guarded(self, what: str, call: Callable[[*Ts], T], *args: *Ts) -> T | None:
        """A protocol that raises loses its connection, and the world is told."""
        try:
            return call(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 (top of a callback: asyncio's own transports do the same)
            self._loop.call_exception_handler({"message": f"a protocol raised on {what}", "exception": error})
            self.lose(error if isinstance(error, Exception) else None)
            return None

    def _fill(self, into: asyncio.BufferedProtocol, data: bytes) -> None:
        start = 0
        while start < len(data) and not self._closing:
            buffer = memoryview(into.get_buffer(-1))
            size = min(len(buffer), len(data) - start)
            buffer[:size] = data[start : start + size]
            into.buffer_updated(size)
            start += size

    # -- writing -----------------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._end_asked:
            raise RuntimeError("write() after write_eof()")
        if not data or self._lost or self._end.is_broken:
            return
        piece = bytes(data)
        if not self._buffer:
            room = self._end.room
            if len(piece) <= room:
                self._end.send(piece)
                return
            if room > 0:
                self._end.send(piece[:room])
                piece = piece[room:]
        self._buffer.append(piece)
        self._buffered += len(piece)
        if self._buffered > self._high and not self._told_to_pause:
            self._told_to_pause = True
            self._guarded("a full buffer", self._protocol.pause_writing)  # type: ignore[union-attr]  # there is one until it is lost

    def flush(self) -> None:
        """There is room again."""
        while self._buffer and (room := self._end.room) > 0:
            piece = self._buffer.popleft()
            if len(piece) > room:
                self._buffer.appendleft(piece[room:])
                piece = piece[:room]
            self._buffered -= len(piece)
            self._end.send(piece)
        if self._told_to_pause and self._buffered <= self._low and self._protocol is not None:
            self._told_to_pause = False
            self._guarded("an empty buffer", self._protocol.resume_writing)
        if not self._buffer:
            if self._end_asked:
                self._end.send_end()
            if self._closing:
                self._finish(None)

    def get_write_buffer_size(self) -> int:
        return self._buffered

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else (4 * low if low is not None else HIGH_WATER_BYTES)
        self._low = low if low is not None else self._high // 4

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not (self._closing or self._end_asked):
            self._end_asked = True
            if not self._buffer:
                self._end.send_end()

    # -- the end -----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._buffer:
            self._finish(None)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, error: Exception | None) -> None:
        """The connection is over now, whatever there was still to be written."""
        self._buffer.clear()
        self._buffered = 0
        self._closing = True
        self._finish(error)

    def forget(self) -> None:
        """Its process is no more: nobody is told anything."""
        self._closing = self._lost = True

    def _finish(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._end.later(Call(self._tell, error))

    def _tell(self, error: Exception | None) -> None:
        protocol, self._protocol, self._into = self._protocol, None, None
        assert protocol is not None, "a connection is lost once"
        try:
            self._guarded("its end", protocol.connection_lost, error)
        finally:
            self._sock.close()


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class WorldServer(asyncio.AbstractServer):
    """A port that is listened at."""

    def __init__(self, loop: ProcessLoop, address: tuple[str, int], accept: Callable[[], asyncio.BaseProtocol]) -> None:
        self.loop = loop
        self.address = address
        self._accept = accept
        self._open = True

    @property
    def sockets(self) -> tuple[WorldServer, ...]:
        return (self,) if self._open else ()

    def getsockname(self) -> tuple[str, int]:
        """As its own socket."""
        return self.address

    def accept(self, sock: WorldSocket, end: End) -> None:
        """Somebody has connected."""
        if self._open:
            WorldTransport(self.loop, sock, end, self._accept())
        else:
            sock.close()

    def is_serving(self) -> bool:
        return self._open

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def close(self) -> None:
        self._open = False

    async def start_serving(self) -> None:
        """It does already."""

    async def serve_forever(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.loop.create_future()

    async def wait_closed(self) -> None:
        """Nothing is waited for."""
