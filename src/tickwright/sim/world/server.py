"""A stand on a node of the world, by one of two shells: the one that serves it on localhost, or a small one of the world's own.

Both speak HTTP and RFC 6455 in bytes and hand the stand the same requests and frames. The small one does much less for each and
looks at the time less often, which makes a simulated hour cheap; a test holds it against the other.
Does not: notice a client that leaves unread what it is sent until ``UNREAD_BYTES_MAX`` of it wait; then it is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.limits import FRAME_BYTES_MAX
from tickwright.sim.stands.server import QUEUE_ROOM, REQUEST_BYTES_MAX, Action, Close, Cut, HttpIn, HttpOut, Send, Stand, serve
from tickwright.sim.world import frames
from tickwright.sim.world.frames import BrokenFrame, FrameReader
from tickwright.sim.world.messages import BadRequest, Message, RequestReader, response
from tickwright.sim.world.world import Node

#: Where a stand is reached unless another port is said.
PORT = 80
#: How often a stand is told the time. Finer costs more: at 0.01, as outside, a simulated hour takes twice as long.
STEP_S = 0.1
#: Bytes that may wait for a slow client before it is dropped.
UNREAD_BYTES_MAX = 16 * 1024 * 1024
#: How long a client may take to answer a close.
CLOSE_S = 1.0
_JSON = {"Content-Type": "application/json;charset=UTF-8"}
_PROTOCOL_ERROR = 1002
_NO_CODE = 1005


def serve_stand(node: Node, stand: Stand, *, port: int = PORT, step_s: float = STEP_S) -> str:
    """Serve a stand by the small shell until the node's process dies. Where it is reached: host and port.

    Called again after a restart, with the same stand or another, it goes on with the count of its connections.
    """
    shell = WorldShell(stand, node.clock, step_s)
    before = node.served.get(port)
    if isinstance(before, WorldShell):
        shell.go_on_from(before)
    node.served[port] = shell
    node.loop.network.listen(node.loop, port, shell.accept)
    node.loop.call_soon(shell.step)
    return f"{node.name}:{port}"


def serve_stand_as_outside(node: Node, stand: Stand, *, port: int = PORT) -> str:
    """The same by the shell that serves stands on localhost."""

    async def serving() -> None:
        async with serve(stand, port=port, clock=node.clock):
            await asyncio.Event().wait()

    node.start(serving(), "stand")
    return f"{node.name}:{port}"


class WorldShell:
    """The small shell. ``step`` tells the stand the time, again and again."""

    def __init__(self, stand: Stand, clock: Clock, step_s: float = STEP_S) -> None:
        self.stand = stand
        self.clock = clock
        self.conns: dict[int, _Peer] = {}
        self._step_s = step_s
        self._pinged_s = 0.0
        self._count = 0

    def go_on_from(self, before: WorldShell) -> None:
        """The process before this one is no more: its connections are closed, and their numbers are not used again."""
        self._count = before._count
        for number in before.conns:
            self.stand.on_close(number)

    def accept(self) -> _Peer:
        """Somebody has connected."""
        return _Peer(self)

    def number(self) -> int:
        """Of the next websocket."""
        self._count += 1
        return self._count

    def say(self, on: str, data: bytes) -> int:
        """Raw bytes, whatever they are, to every websocket that was opened at a path with ``on`` in it. To how many."""
        peers = [peer for peer in self.conns.values() if on in peer.path]
        for peer in peers:
            peer.say(data)
        return len(peers)

    def end(self, on: str, code: int, reason: str = "") -> int:
        """Close those connections with a code, as a venue does that evicts somebody or goes into maintenance. How many."""
        peers = [peer for peer in self.conns.values() if on in peer.path]
        for peer in peers:
            peer.close(code, reason)
        return len(peers)

    def step(self) -> None:
        """Tell the stand the time, and its clients that it is alive. Comes again for ever."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._step_s, self.step)
        self.perform(self.stand.on_time(self.clock.wall_ns(), QUEUE_ROOM))
        now_s = loop.time()
        if now_s - self._pinged_s >= self.stand.ping_s:
            self._pinged_s = now_s
            for peer in list(self.conns.values()):
                peer.ping(now_s, self.stand.pong_deadline_s)

    def perform(self, actions: Sequence[Action]) -> None:
        """Carry out what the stand asked for; what goes to one client at once goes in one piece."""
        texts: dict[int, list[str]] = {}
        for action in actions:
            if isinstance(action, Send) and not action.delay_s:
                texts.setdefault(action.conn, []).append(action.text)
                continue
            peer = self.conns.get(action.conn)
            if peer is None:
                continue
            peer.send(texts.pop(action.conn, ()))
            if isinstance(action, Send):
                asyncio.get_running_loop().call_later(action.delay_s, peer.send, (action.text,))
            elif isinstance(action, Close):
                peer.close(action.code, action.reason)
            elif isinstance(action, Cut):
                peer.cut()
            else:
                peer.mute(alive=action.alive)
        for conn, waiting in texts.items():
            if conn in self.conns:
                self.conns[conn].send(waiting)


class _Peer(asyncio.Protocol):
    """One connection: requests, and a websocket once it asks for one."""

    def __init__(self, shell: WorldShell) -> None:
        self.path = ""  # of the websocket
        self._shell = shell
        self._requests = RequestReader(REQUEST_BYTES_MAX)
        self._frames: FrameReader | None = None
        self._transport: asyncio.Transport
        self._address = ""
        self._number = 0
        self._busy = False  # with a request whose answer comes later
        self._muted = self._deaf = self._closing = False
        self._ponged_s = 0.0

    # -- from the loop -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a stream"
        self._transport = transport
        self._address = transport.get_extra_info("peername")[0]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._number:
            self._shell.conns.pop(self._number, None)
            self._shell.stand.on_close(self._number)

    def data_received(self, data: bytes) -> None:
        if self._frames is not None:
            self._read_frames(data)
            return
        self._requests.feed(data)
        if not self._busy:
            self._read_requests()

    # -- requests ------------------------------------------------------------------------------------------------------

    def _read_requests(self) -> None:
        while not self._busy and self._frames is None and not self._transport.is_closing():
            try:
                message = self._requests.next()
            except BadRequest as error:
                self._transport.write(response(400, {"Connection": "close"}, str(error).encode()))
                self._transport.close()
                return
            if message is None:
                return
            if message.headers.get("upgrade", "").lower() == "websocket":
                self._open(message)
                return
            asked = HttpIn(message.method, message.path, message.query, message.body, message.headers, self._address)
            self._busy = True
            self._ask(asked)

    def _ask(self, asked: HttpIn) -> None:
        shell, loop = self._shell, asyncio.get_running_loop()
        answer = shell.stand.on_request(asked, shell.clock.wall_ns())
        if answer.hold_s and not asked.held:
            loop.call_later(answer.hold_s, self._ask, msgspec.structs.replace(asked, held=True))
            return
        shell.perform(shell.stand.drain())
        if answer.delay_s:
            loop.call_later(answer.delay_s, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: HttpOut) -> None:
        if answer.lost:
            self._transport.abort()
            return
        self._transport.write(response(answer.status, {**_JSON, **answer.headers}, answer.body))
        self._busy = False
        asyncio.get_running_loop().call_soon(self._read_requests)

    # -- the websocket -------------------------------------------------------------------------------------------------

    def _open(self, message: Message) -> None:
        shell = self._shell
        key = message.headers.get("sec-websocket-key", "")
        if not shell.stand.accepts(message.path) or not key:
            self._transport.write(response(404 if key else 400, {}, b"no stream here"))
            return
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": frames.accept_key(key)}
        self._transport.write(response(101, upgrade, b""))
        self._frames = FrameReader(FRAME_BYTES_MAX)
        self.path = message.path
        self._number = shell.number()
        self._ponged_s = asyncio.get_running_loop().time()
        shell.conns[self._number] = self
        shell.perform(shell.stand.on_open(self._number, message.path, message.query, self._address, shell.clock.wall_ns()))
        rest = self._requests.rest()
        if rest:
            self._read_frames(rest)

    def _read_frames(self, data: bytes) -> None:
        assert self._frames is not None, "a websocket"
        try:
            for kind, payload in self._frames.feed(data):
                if not self._deaf:
                    self._message(kind, payload)
        except BrokenFrame as error:
            self.close(_PROTOCOL_ERROR, str(error))

    def _message(self, kind: int, payload: bytes) -> None:
        shell = self._shell
        stand, at_ns = shell.stand, shell.clock.wall_ns()
        if kind in (frames.TEXT, frames.BINARY):
            if not self._closing:
                shell.perform(stand.on_frame(self._number, payload.decode("utf-8", "replace"), at_ns))
        elif kind == frames.CLOSE:
            self._closed(payload)
        else:
            if kind == frames.PING:
                self.say(frames.frame(frames.PONG, payload))
            else:
                self._ponged_s = asyncio.get_running_loop().time()
            shell.perform(stand.on_control(self._number, at_ns))

    def _closed(self, payload: bytes) -> None:
        """The client has closed, or has answered our close."""
        if not self._closing:
            self._closing = True
            self.say(frames.frame(frames.CLOSE, payload[:2]))
        self._transport.close()

    def say(self, data: bytes) -> None:
        """Bytes as they are."""
        if not self._transport.is_closing():
            self._transport.write(data)

    # -- from the stand ------------------------------------------------------------------------------------------------

    def send(self, texts: Sequence[str]) -> None:
        """Text frames, unless the stand is to say nothing."""
        if not texts or self._muted or self._closing:
            return
        self.say(b"".join([frames.frame(frames.TEXT, text.encode()) for text in texts]))
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self.cut()

    def ping(self, now_s: float, deadline_s: float) -> None:
        """Say that the stand is alive, to a client that has lately said so too."""
        if self._deaf or self._closing:
            return
        if now_s - self._ponged_s > deadline_s:
            self.cut()
        else:
            self.say(frames.frame(frames.PING, str(self._shell.clock.wall_ns() * 1_000 // NS_PER_S).encode()))

    def close(self, code: int, reason: str) -> None:
        """With a close frame, whose answer is waited for; not at once."""
        if self._closing or self._muted:
            return
        self._closing = True
        body = b"" if code == _NO_CODE else code.to_bytes(2, "big") + reason.encode()
        self.say(frames.frame(frames.CLOSE, body))
        asyncio.get_running_loop().call_later(CLOSE_S, self._transport.close)

    def cut(self) -> None:
        """Without a word."""
        self._transport.abort()

    def mute(self, *, alive: bool) -> None:
        """Send nothing any more; not alive: take no notice of anything either."""
        self._muted = True
        self._deaf = not alive
