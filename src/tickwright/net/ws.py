"""One websocket session for every adapter: it stays connected, notices silence, and says what happened.

Guarantees: a connect has a deadline; a silent subscription is noticed within its bound, whatever the socket says; a lost connection
is made again after an exponential delay with full jitter that starts over only after a stable while of data, within a budget of
connects; sends are paced; a connection is replaced before the venue ends it, the new one being ready before the old one goes;
every queue has a bound. Does not: know what is sent, drop a frame, or decide what a gap means.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import WireError
from tickwright.base.limits import (
    BACKOFF_CEILING_S,
    BACKOFF_FLOOR_S,
    BACKOFF_STABLE_S,
    CLOSE_DEADLINE_S,
    CONNECT_DEADLINE_S,
    FRAME_BYTES_MAX,
    OUTBOUND_QUEUE_MAX,
    SILENCE_CEILING_S,
    SILENCE_FACTOR,
    SILENCE_FLOOR_S,
)
from tickwright.net.pacing import Backoff, ConnectBudget, TokenBucket


class WsPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a session behaves, as data. Every duration is in seconds."""

    connect_deadline_s: float = CONNECT_DEADLINE_S
    close_deadline_s: float = CLOSE_DEADLINE_S
    ping_every_s: float = 10.0
    pong_deadline_s: float = 10.0
    silence_floor_s: float = SILENCE_FLOOR_S
    silence_ceiling_s: float = SILENCE_CEILING_S
    silence_factor: float = SILENCE_FACTOR
    check_every_s: float = 0.25
    backoff_floor_s: float = BACKOFF_FLOOR_S
    backoff_ceiling_s: float = BACKOFF_CEILING_S
    stable_s: float = BACKOFF_STABLE_S
    connects_max: int = 150
    connects_window_s: float = 300.0
    sends_per_s: float = 4.0
    sends_burst: int = 4
    age_max_s: float = 23.5 * 3600
    age_jitter_s: float = 600.0
    ready_deadline_s: float = 30.0
    frame_bytes_max: int = FRAME_BYTES_MAX


class WsHandler(Protocol):
    """What an adapter does with a session. Called from the loop; must not block."""

    def on_open(self, conn: WsConnection) -> None:
        """Connected: subscribe, log on. Call ``session.ready(conn)`` once it delivers."""

    def on_frame(self, conn: WsConnection, payload: bytes, recv_ns: int) -> None:
        """One whole text or binary message."""

    def on_close(self, conn: WsConnection, why: str, code: int) -> None:
        """Gone. ``code`` is the close code, 1006 when there was none."""

    def on_silent(self, conn: WsConnection, name: str) -> bool:
        """A watched subscription is silent: True if something was done about it (once), False to have it reconnected."""


class WsCounters:
    """What a display shows of a session. Counts only grow."""

    __slots__ = ("bytes", "connects", "frames", "garbage", "pings", "reconnects", "rotations", "silences")

    def __init__(self) -> None:
        self.connects = 0
        self.reconnects = 0
        self.rotations = 0
        self.frames = 0
        self.bytes = 0
        self.pings = 0
        self.silences = 0
        self.garbage = 0


class _Watch:
    """The age of the data of one subscription."""

    __slots__ = ("armed_ns", "ceiling_ns", "floor_ns", "interval_ns", "nudged", "seen", "seen_ns")

    def __init__(self, floor_s: float, ceiling_s: float, now_ns: int) -> None:
        self.floor_ns = int(floor_s * NS_PER_S)
        self.ceiling_ns = int(ceiling_s * NS_PER_S)
        self.armed_ns = now_ns
        self.seen_ns = now_ns
        self.seen = 0
        self.interval_ns = 0
        self.nudged = False


class WsConnection(WSListener):  # type: ignore[misc]  # picows ships an untyped extension class
    """One connection of a session, from open to close."""

    def __init__(self, session: WsSession) -> None:
        super().__init__()
        self._session = session
        self._transport: WSTransport | None = None
        self._bucket = TokenBucket(session.policy.sends_per_s, session.policy.sends_burst)
        self._queue: deque[str | bytes] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._parts: list[bytes] = []
        self._parts_size = 0
        self.opened_ns = 0
        self.heard_ns = 0
        self.pinged_ns = 0
        self.is_open = False
        self.is_ready = False
        self.why = ""
        self.code = 1006
        self.gone = asyncio.Event()
        self.watches: dict[str, _Watch] = {}

    # -- sending ---------------------------------------------------------------------------------------------------------

    def send(self, payload: str | bytes, *, urgent: bool = False) -> bool:
        """Send a text message, now if the pace allows, else as soon as it does. ``urgent`` goes before what waits.

        False when the connection is not open or its queue is full: then nothing was or will be sent.
        """
        if not self.is_open or self._transport is None:
            return False
        if (urgent or not self._queue) and self._bucket.take(self._session.clock.mono_ns()):
            self._write(payload)
            return True
        if len(self._queue) >= OUTBOUND_QUEUE_MAX:
            return False
        if urgent:
            self._queue.appendleft(payload)
        else:
            self._queue.append(payload)
        self._schedule()
        return True

    def _write(self, payload: str | bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, payload.encode() if isinstance(payload, str) else payload)

    def _schedule(self) -> None:
        if self._timer is None:
            delay = self._bucket.wait_ns(self._session.clock.mono_ns()) / NS_PER_S
            self._timer = asyncio.get_running_loop().call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        while self._queue and self.is_open:
            if not self._bucket.take(self._session.clock.mono_ns()):
                self._schedule()
                return
            self._write(self._queue.popleft())

    @property
    def pending(self) -> int:
        """Messages that wait for their turn."""
        return len(self._queue)

    # -- watching --------------------------------------------------------------------------------------------------------

    def watch(self, name: str, *, floor_s: float | None = None, ceiling_s: float | None = None) -> None:
        """Arm the watchdog of a subscription: from now on its data has an age."""
        policy = self._session.policy
        floor = policy.silence_floor_s if floor_s is None else floor_s
        ceiling = policy.silence_ceiling_s if ceiling_s is None else ceiling_s
        self.watches[name] = _Watch(floor, max(floor, ceiling), self._session.clock.mono_ns())

    def unwatch(self, name: str) -> None:
        """The subscription is over."""
        self.watches.pop(name, None)

    def saw(self, name: str) -> None:
        """Data of a subscription arrived. Cheap: the age is worked out when it is looked at."""
        watch = self.watches.get(name)
        if watch is not None:
            watch.seen += 1

    def silent(self, now_ns: int) -> str | None:
        """The name of a subscription whose data is older than it may be, if there is one."""
        factor = self._session.policy.silence_factor
        for name, watch in self.watches.items():
            if watch.seen:
                gap = (now_ns - watch.seen_ns) // watch.seen
                watch.interval_ns = gap if not watch.interval_ns else (7 * watch.interval_ns + gap) // 8
                watch.seen = 0
                watch.seen_ns = now_ns
                watch.nudged = False
                continue
            # Never heard of yet: the usual interval is not known, so the ceiling holds.
            usual = int(watch.interval_ns * factor) if watch.interval_ns else watch.ceiling_ns
            if now_ns - watch.seen_ns > min(max(usual, watch.floor_ns), watch.ceiling_ns):
                return name
        return None

    def rearm(self, name: str) -> None:
        """Something was done about a silence: give it one more period."""
        watch = self.watches[name]
        watch.nudged = True
        watch.seen_ns = self._session.clock.mono_ns()

    # -- closing ---------------------------------------------------------------------------------------------------------

    def drop(self, why: str, code: WSCloseCode = WSCloseCode.GOING_AWAY, *, hard: bool = False) -> None:
        """End the connection: with a close frame, or at once when the other end is not believed to listen."""
        self.why = self.why or why
        transport = self._transport
        if transport is None:
            return
        if not hard:
            with contextlib.suppress(OSError, WSError):
                transport.send_close(code, why.encode()[:100])
        transport.disconnect(graceful=not hard)

    # -- picows callbacks ------------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.is_open = True
        self.opened_ns = self.heard_ns = self._session.clock.mono_ns()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        session = self._session
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            session.deliver(self, frame.get_payload_as_bytes())
            return
        self._other_frame(transport, frame, kind)

    def _other_frame(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._part(frame)
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            self._session.counters.pings += 1
            self._session.heard(self)
        elif kind == WSMsgType.PONG:
            self.pinged_ns = 0
            self._session.heard(self)
        elif kind == WSMsgType.CLOSE:
            code = frame.get_close_code()
            self.code = getattr(code, "value", code)
            reason = frame.get_close_message()
            self.why = (
                self.why or f"closed by the venue ({self.code}{': ' + reason.decode('utf-8', 'replace') if reason else ''})"
            )
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _part(self, frame: WSFrame) -> None:
        self._parts.append(frame.get_payload_as_bytes())
        self._parts_size += len(self._parts[-1])
        if self._parts_size > self._session.policy.frame_bytes_max:
            self.drop("message too big", WSCloseCode.MESSAGE_TOO_BIG)
            return
        if frame.fin:
            whole = b"".join(self._parts)
            self._parts = []
            self._parts_size = 0
            self._session.deliver(self, whole)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        self.gone.set()


class WsSession:
    """Keeps a connection to ``url()`` and hands its messages to ``handler``. ``run`` it in a task; cancel or ``close`` to end."""

    def __init__(
        self,
        name: str,
        url: Callable[[], str],
        policy: WsPolicy,
        handler: WsHandler,
        clock: Clock,
        chance: Chance,
        *,
        headers: Mapping[str, str] | None = None,
        budget: ConnectBudget | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self.policy = policy
        self.clock = clock
        self.counters = WsCounters()
        self._url = url
        self._handler = handler
        self._chance = chance
        self._headers = dict(headers or {})
        self._ssl = ssl_context
        self._backoff = Backoff(policy.backoff_floor_s, policy.backoff_ceiling_s, chance)
        self._budget = budget or ConnectBudget(policy.connects_max, policy.connects_window_s)
        self._closing = False
        self._fault: BaseException | None = None
        self._ready: asyncio.Event = asyncio.Event()
        self.current: WsConnection | None = None

    # -- what the handler may call ---------------------------------------------------------------------------------------

    def ready(self, conn: WsConnection) -> None:
        """The connection delivers what it should. During a rotation this is what ends the old one."""
        conn.is_ready = True
        self._ready.set()

    @property
    def is_open(self) -> bool:
        return self.current is not None and self.current.is_open

    async def close(self) -> None:
        """End the session in order; ``run`` returns."""
        self._closing = True
        conn = self.current
        if conn is not None and conn.is_open:
            conn.drop("closing", WSCloseCode.OK)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(conn.gone.wait(), self.policy.close_deadline_s)
            if not conn.gone.is_set():
                conn.drop("closing", hard=True)
        elif conn is not None:
            conn.gone.set()

    # -- the session -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until closed or cancelled. Raises only what is a defect of the handler."""
        try:
            while not self._closing:
                conn = await self._connect()
                if conn is not None:
                    await self._live(conn)
                if self._fault is not None:
                    raise self._fault
                if not self._closing:
                    self.counters.reconnects += 1
                    await asyncio.sleep(self._backoff.failed())
        finally:
            if self.current is not None:
                self.current.drop("cancelled")

    async def _connect(self) -> WsConnection | None:
        wait = self._budget.wait_ns(self.clock.mono_ns())
        if wait:
            await asyncio.sleep(wait / NS_PER_S)
        self._budget.spend(self.clock.mono_ns())
        conn = WsConnection(self)
        policy = self.policy
        try:
            async with asyncio.timeout(policy.connect_deadline_s):
                await ws_connect(
                    lambda: conn,
                    self._url(),
                    ssl_context=self._ssl,
                    websocket_handshake_timeout=policy.connect_deadline_s,
                    enable_auto_pong=False,
                    max_frame_size=policy.frame_bytes_max,
                    extra_headers=self._headers or None,
                    max_redirects=0,
                    use_aiofastnet=False,
                    logger_name=self.name,
                )
        except (OSError, TimeoutError, WSError, EOFError) as error:
            self._handler.on_close(conn, f"cannot connect: {type(error).__name__} {error}".strip(), 1006)
            return None
        self.counters.connects += 1
        self._guarded(self._handler.on_open, conn)
        return conn

    async def _live(self, conn: WsConnection) -> None:
        """One connection, and the ones that take its place by rotation, until one is lost."""
        self.current = conn
        rotate_ns = self._rotation_ns(conn)
        try:
            while not conn.gone.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(conn.gone.wait(), self.policy.check_every_s)
                if conn.gone.is_set():
                    break
                self._check(conn)
                if self.clock.mono_ns() >= rotate_ns and not self._closing:
                    successor = await self._rotate(conn)
                    if successor is not None:
                        conn = self.current = successor
                    rotate_ns = (
                        self._rotation_ns(conn)
                        if successor
                        else self.clock.mono_ns() + int(self.policy.ready_deadline_s * NS_PER_S)
                    )
        finally:
            if not conn.gone.is_set():
                conn.drop("cancelled")
        self._handler.on_close(conn, conn.why or "connection lost", conn.code)

    def _rotation_ns(self, conn: WsConnection) -> int:
        policy = self.policy
        return conn.opened_ns + int((policy.age_max_s - self._chance.unit() * policy.age_jitter_s) * NS_PER_S)

    def rotate_soon(self) -> None:
        """The venue has said that it will close: make the next connection at the next look."""
        if self.current is not None:
            self.current.opened_ns = -(1 << 62)

    async def _rotate(self, old: WsConnection) -> WsConnection | None:
        """Make before break: the new connection must be ready before the old one goes."""
        self._ready.clear()
        new = await self._connect()
        if new is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.policy.ready_deadline_s):
                while not (new.is_ready or new.gone.is_set()):
                    await self._ready.wait()
                    self._ready.clear()
        if not new.is_ready:
            new.drop("not ready in time")
            return None
        self.counters.rotations += 1
        old.drop("rotation", WSCloseCode.OK)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(old.gone.wait(), self.policy.close_deadline_s)
        if not old.gone.is_set():
            old.drop("rotation", hard=True)
        return new

    def _check(self, conn: WsConnection) -> None:
        """Silence, pings, stability."""
        now = self.clock.mono_ns()
        policy = self.policy
        name = conn.silent(now)
        if name is not None:
            self.counters.silences += 1
            if not conn.watches[name].nudged and self._handler.on_silent(conn, name):
                conn.rearm(name)
            else:
                conn.drop(f"{name} is silent", hard=True)
            return
        if conn.pinged_ns:
            if now - conn.pinged_ns > policy.pong_deadline_s * NS_PER_S:
                conn.drop("no pong", hard=True)
        elif now - conn.heard_ns > policy.ping_every_s * NS_PER_S and conn._transport is not None:  # noqa: SLF001 (one module)
            conn.pinged_ns = now
            conn._transport.send_ping(b"")  # noqa: SLF001 (the same)
        stable_ns = policy.stable_s * NS_PER_S
        if self._backoff.attempts and conn.is_ready and now - conn.opened_ns > stable_ns and now - conn.heard_ns < stable_ns:
            self._backoff.stable()

    def deliver(self, conn: WsConnection, payload: bytes) -> None:
        """Hand one message to the handler. Called by the connection."""
        clock = self.clock
        counters = self.counters
        counters.frames += 1
        counters.bytes += len(payload)
        conn.heard_ns = clock.mono_ns()
        try:
            self._handler.on_frame(conn, payload, clock.wall_ns())
        except WireError:
            counters.garbage += 1
        except Exception as error:  # noqa: BLE001 (top of a callback: a defect of the handler ends the session, seen)
            self._failed(conn, error)

    def heard(self, conn: WsConnection) -> None:
        """Some sign of life that is not data."""
        conn.heard_ns = self.clock.mono_ns()

    def _guarded(self, call: Callable[[WsConnection], None], conn: WsConnection) -> None:
        try:
            call(conn)
        except Exception as error:  # noqa: BLE001 (the same)
            self._failed(conn, error)

    def _failed(self, conn: WsConnection, error: BaseException) -> None:
        self._fault = error
        conn.drop(f"{type(error).__name__} in the handler", hard=True)
