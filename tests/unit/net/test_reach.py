"""A TCP connection that can be hung up while something else uses it, on the loop of the library and on uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.net.reach import hang_up, reach
from tickwright.net.ws import WsPolicy, WsSession
from unit.net.server import FAST, Heard

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


class Mute:
    """Takes connections, reads what comes, says nothing. ``came`` and ``went`` have an entry for each."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self.went: asyncio.Queue[bytes] = asyncio.Queue()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(4096)
        self.came.put_nowait(first)
        rest = await reader.read()
        writer.close()
        self.went.put_nowait(first + rest)


class Over(asyncio.Protocol):
    """Uses a connection, and closes it when the other end does: as every protocol does that does not say otherwise."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[Mute]:
    server = Mute()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(10):
            yield server
    finally:
        listener.close()


@LOOPS
def test_given_a_listener_when_reached_then_the_socket_is_connected(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """What comes back is ready for use, and does not block."""

    async def main() -> None:
        async with mute() as server:
            with await reach("127.0.0.1", server.port) as sock:
                assert sock.getpeername()[1] == server.port
                assert not sock.getblocking()
            assert await server.went.get() == b""

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
def test_given_nobody_listens_when_reached_then_it_raises_and_no_socket_is_left(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """A socket that were left would be a warning, which is a failure here."""

    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
            with pytest.raises(ConnectionRefusedError):
                await reach("127.0.0.1", taken.getsockname()[1])

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
def test_given_a_transport_over_it_when_hung_up_then_both_ends_see_the_end(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The transport closes by itself: nothing is pulled away from under it."""

    async def main() -> None:
        async with mute() as server:
            sock = await reach("127.0.0.1", server.port)
            over = Over()
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: over, sock=sock)
            transport.write(b"hello")
            await server.came.get()
            await hang_up(sock, 5.0)
            assert sock.fileno() == -1
            await over.lost.wait()
            assert await server.went.get() == b"hello"
            await hang_up(sock, 5.0)  # a second time is no harm

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
@pytest.mark.parametrize("how", ["closed", "cancelled", "deadline"])
def test_given_a_handshake_that_hangs_when_the_session_is_interrupted_then_the_venue_sees_the_end(
    how: str, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """A connection that was never opened is closed all the same, and at once."""

    async def main() -> None:
        async with mute() as server:
            policy = WsPolicy(**(FAST | {"connect_deadline_s": 0.05 if how == "deadline" else 60.0}))
            url = f"ws://127.0.0.1:{server.port}/"
            session = WsSession("test", lambda: url, policy, Heard(), SystemClock(), Chance(1))
            running = asyncio.create_task(session.run())
            await server.came.get()
            if how == "cancelled":
                running.cancel()
            elif how == "closed":
                await session.close()
            assert b"Sec-WebSocket-Key" in await server.went.get()
            await session.close()
            await asyncio.wait([running])
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
