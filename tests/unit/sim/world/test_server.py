"""The small server shell: its two codecs whatever the pieces, its ways with a client, and that it does what the other shell does."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.world import NetFault, NetFaultKind, Node, World, frames
from tickwright.sim.world.frames import BrokenFrame, FrameReader, frame
from tickwright.sim.world.messages import BadRequest, RequestReader, response
from tickwright.sim.world.server import serve_stand, serve_stand_as_outside
from unit.sim.world.worldkit import make_session, make_stand


def _masked(kind: int, payload: bytes, mask: bytes, *, final: bool = True) -> bytes:
    """A client's frame, made the slow way."""
    whole = bytearray(frame(kind, payload))
    if not final:
        whole[0] &= 0x7F
    whole[1] |= 0x80
    head = len(whole) - len(payload)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes(whole[:head]) + mask + masked


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.tuples(st.sampled_from([frames.TEXT, frames.BINARY]), st.binary(max_size=70_000)), max_size=4),
    st.binary(min_size=4, max_size=4),
    st.lists(st.integers(0, 1 << 20), max_size=8),
)
def test_given_frames_of_a_client_when_cut_anywhere_then_the_messages_are_the_same(
    messages: list[tuple[int, bytes]], mask: bytes, cuts: list[int]
) -> None:
    """All three forms of a length, any mask."""
    data = b"".join(_masked(kind, payload, mask) for kind, payload in messages)
    reader = FrameReader(1 << 20)
    assert [found for piece in _pieces(data, cuts) for found in reader.feed(piece)] == messages


def test_given_a_message_in_fragments_when_a_ping_comes_between_then_both_are_told() -> None:
    """A control frame may come in the middle of a message."""
    mask = b"abcd"
    data = (
        _masked(frames.TEXT, b"one ", mask, final=False)
        + _masked(frames.PING, b"?", mask)
        + _masked(frames.CONTINUATION, b"two", mask)
    )
    assert list(FrameReader(100).feed(data)) == [(frames.PING, b"?"), (frames.TEXT, b"one two")]


@pytest.mark.parametrize(
    "data",
    [
        frame(frames.TEXT, b"not masked"),
        _masked(frames.CONTINUATION, b"of nothing", b"abcd"),
        _masked(frames.TEXT, bytes(200), b"abcd"),
        _masked(frames.TEXT, bytes(60), b"abcd", final=False) + _masked(frames.CONTINUATION, bytes(60), b"abcd"),
    ],
)
def test_given_what_no_client_may_send_when_read_then_it_is_refused(data: bytes) -> None:
    """And nothing is remembered without a bound."""
    with pytest.raises(BrokenFrame):
        list(FrameReader(100).feed(data))


@given(
    st.lists(st.tuples(st.sampled_from(["GET", "POST", "DELETE"]), st.binary(max_size=300)), min_size=1, max_size=4),
    st.lists(st.integers(0, 1 << 20), max_size=8),
)
def test_given_requests_when_cut_anywhere_then_they_are_the_same(asked: list[tuple[str, bytes]], cuts: list[int]) -> None:
    """Heads and bodies."""
    data = b"".join(
        f"{method} /api/v3/x?a=1&b={i} HTTP/1.1\r\nHost: v\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        for i, (method, body) in enumerate(asked)
    )
    reader, found = RequestReader(1_000), []
    for piece in _pieces(data, cuts):
        reader.feed(piece)
        while (message := reader.next()) is not None:
            found.append(message)
    assert [(message.method, message.body) for message in found] == asked
    assert [(message.path, message.query) for message in found] == [("/api/v3/x", f"a=1&b={i}") for i in range(len(asked))]
    assert found[0].headers["host"] == "v"


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_given_what_is_no_request_when_read_then_it_is_refused(data: bytes) -> None:
    """In one way, whatever is wrong with it."""
    reader = RequestReader(1_000)
    reader.feed(data)
    with pytest.raises(BadRequest):
        reader.next()


def test_given_an_answer_when_written_then_it_says_how_long_it_is() -> None:
    """A switch of protocols has no body to speak of."""
    assert response(200, {"X": "1"}, b"{}") == b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\n{}"
    assert response(101, {}, b"").endswith(b"Switching Protocols\r\n\r\n")
    assert response(418, {}, b"") == b"HTTP/1.1 418 I'm a Teapot\r\nContent-Length: 0\r\n\r\n"


# -- with clients ----------------------------------------------------------------------------------------------------------

SHELLS = [serve_stand, serve_stand_as_outside]


@pytest.mark.parametrize("shell", SHELLS)
def test_given_either_shell_when_a_minute_is_traded_then_it_ends_agreed(shell) -> None:
    """The same stand, the same strategy, the same bytes as far as HTTP and websockets go."""
    stand = make_stand(21)
    with World(21) as world:
        venue, client = world.node("venue"), world.node("client")
        base = shell(venue, stand)

        async def trading() -> bool:
            session = make_session(client, base, stand, 60)
            await session.prepare()
            await session.run()
            return session.shell.stopped is not None and session.shell.stopped.clean

        world.advance(0.1)
        assert world.run(client, trading(), limit_s=120)
        assert venue.is_up
    assert len(stand.state()["fills"]) > 0


async def _ask(url: str, **kwargs) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, **kwargs) as answer:
        return answer.status, await answer.read()


def _world(seed: int = 1, **settings) -> tuple[World, Node, object]:
    world = World(seed)
    venue, client = world.node("venue"), world.node("client")
    return world, venue, client, make_stand(seed, **settings)


@pytest.mark.parametrize("shell", SHELLS)
def test_given_requests_with_faults_when_asked_then_they_are_late_cut_or_held(shell) -> None:
    """What the stand asks of its shell."""
    world, venue, client, stand = _world()
    with world:
        base = shell(venue, stand)
        world.advance(0.1)
        url = f"http://{base}/api/v3/time"
        assert world.run(client, _ask(url), limit_s=5)[0] == 200
        for kind in (FaultKind.DELAY, FaultKind.LATE):
            stand.inject(Fault(kind=kind, value=2.0))
            asked_s = world.now_s
            assert world.run(client, _ask(url), limit_s=5)[0] == 200
            assert 2.0 < world.now_s - asked_s < 2.5
        stand.inject(Fault(kind=FaultKind.LOST_REPLY, count=2))  # aiohttp asks again by itself, once
        with pytest.raises(aiohttp.ClientError):
            world.run(client, _ask(url), limit_s=5)


@pytest.mark.parametrize("shell", SHELLS)
def test_given_a_websocket_when_pinged_closed_and_refused_then_it_is_by_the_book(shell) -> None:
    """With aiohttp's client."""
    world, venue, client, stand = _world(ping_s=5.0, pong_deadline_s=12.0, frames_per_s=5)
    told: list[object] = []

    async def talk(base: str) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"http://{base}/nothing")
            async with session.ws_connect(f"http://{base}/ws", autoping=False) as ws:
                await ws.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
                told.append((await ws.receive()).data)
                await ws.ping(b"here")
                told.append((await ws.receive()).type)
                told.append((await ws.receive()).type)  # the stand's own ping
            async with session.ws_connect(f"http://{base}/ws", autoping=False) as ws:
                for number in range(8):
                    await ws.send_str(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
                while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
                told.append((message.type, message.data))
            async with session.ws_connect(f"http://{base}/ws", autoping=False, timeout=aiohttp.ClientWSTimeout(ws_close=1)) as ws:
                began_s = asyncio.get_running_loop().time()
                while (await ws.receive()).type is aiohttp.WSMsgType.PING:
                    pass  # unanswered
                told.append(10 < asyncio.get_running_loop().time() - began_s < 25)

    with world:
        base = shell(venue, stand)
        world.advance(0.1)
        world.run(client, talk(base), limit_s=120)
    kinds = aiohttp.WSMsgType
    assert told == ['{"result":null,"id":1}'.replace("null", "[]"), kinds.PONG, kinds.PING, (kinds.CLOSE, 1008), True]


def test_given_a_client_that_sends_rubbish_when_read_then_it_is_told_and_gone() -> None:
    """Neither HTTP nor a frame."""
    world, venue, client, stand = _world()

    async def rude(base: str) -> list[bytes]:
        said = []
        host, port = base.split(":")
        for data in (b"hello\r\n\r\n", b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n\x81\x02hi"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            said.append(await reader.read())
            writer.close()
        return said

    with world:
        base = serve_stand(venue, stand)
        first, second = world.run(client, rude(base), limit_s=10)
    assert first.startswith(b"HTTP/1.1 400 ")
    assert second.startswith(b"HTTP/1.1 101 ")
    assert b"\x03\xeaa client masks its frames" in second


def test_given_a_client_that_does_not_read_when_too_much_waits_then_it_is_dropped() -> None:
    """A bound on what one client costs."""
    world, venue, client, stand = _world()

    async def lazy(base: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = base.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /ws/btcusdt@depth20@100ms HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n")
        writer.transport.pause_reading()
        return reader, writer

    with world:
        base = serve_stand(venue, stand)
        _held = world.run(client, lazy(base), limit_s=10)
        world.advance(5)
        (shell,) = venue.served.values()
        assert len(shell.conns) == 1
        (peer,) = shell.conns.values()
        peer.send(["x" * (20 * 1024 * 1024)])
        world.advance(5)
        assert not shell.conns


def test_given_a_venue_that_is_restarted_when_served_again_then_its_old_connections_are_no_more() -> None:
    """The stand's books stay, its connections do not, and their numbers are not used again."""
    stand = make_stand(31)
    with World(31) as world:
        venue, client = world.node("venue"), world.node("client")
        base = serve_stand(venue, stand)

        async def trading() -> bool:
            session = make_session(client, base, stand, 120)
            await session.prepare()
            await session.run()
            return session.shell.stopped is not None and session.shell.stopped.clean

        def outage() -> None:
            world.crash(venue)
            world.at(world.now_s + 3, back)

        def back() -> None:
            world.restart(venue)
            serve_stand(venue, stand)

        world.at(40.0, outage)
        world.network.plan(NetFault(kind=NetFaultKind.SPIKE, at_s=39.9, value=0.2))
        assert world.run(client, trading(), limit_s=240)
        (shell,) = venue.served.values()
        assert stand.counts["connections"] >= 4
        assert len(shell.conns) <= 2
