"""One websocket connection, from open to close: what comes in, what goes out, and whether the other end is still there.

Guarantees: the handler hears ``on_open`` before the first message and ``on_close`` once, after the last; a ping is answered
with its own payload; an end is noticed when data stops, when nothing answers, and when nothing takes what is sent; a message in
fragments is handed on whole, up to a bound. Looks after itself with timers of the loop.
Does not: connect, or decide what follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport

from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import WireError
from tickwright.net.outbox import Outbox
from tickwright.net.silence import Watch, Watchdog
from tickwright.net.ws_policy import WsCounters, WsPolicy

#: The close code of a connection that ended without one.
NO_CLOSE_CODE = 1006
#: The close code of a close frame that has none.
_NO_CODE_RECEIVED = 1005
_REASON_BYTES_MAX = 100
_TEXT = WSMsgType.TEXT
_BINARY = WSMsgType.BINARY


class WsHandler(Protocol):
    """What an adapter does with a session. Called from the loop; must not block.

    ``WireError`` from ``on_frame`` is an unreadable message: counted, and the connection goes on until there are too many in a
    row. Anything else that is raised here ends the session: its ``run`` raises it. (So a handler that must not reconnect, because
    the account is in use elsewhere, raises a ``VenueError`` in ``on_close``.)
    """

    def on_open(self, conn: WsConnection) -> None:
        """Connected: subscribe, log on. Call ``session.ready(conn)`` once it delivers."""

    def on_frame(self, conn: WsConnection, payload: bytes, recv_ns: int) -> None:
        """One whole text or binary message."""

    def on_close(self, conn: WsConnection, why: str, code: int) -> None:
        """Gone, or never made. ``code`` is the close code, 1006 when there was none."""

    def on_silent(self, conn: WsConnection, name: str) -> bool:
        """A watched subscription is silent. True: something was done about it; it gets another period before it is reconnected.

        Asked a second time (``conn.watches[name].nudged``) the connection goes whatever the answer.
        """


class WsOwner(Protocol):
    """What a connection tells its session."""

    def opened(self, conn: WsConnection) -> None:
        """It is open; the handler has been told."""

    def looked(self, conn: WsConnection, now_ns: int) -> None:
        """It looked after itself and found nothing wrong."""

    def ended(self, conn: WsConnection) -> None:
        """It is gone; the handler has been told."""

    def failed(self, error: Exception) -> None:
        """The handler has a defect."""


class WsConnection(WSListener):
    """One connection of a session."""

    # For speed: attributes of a class over an extension class are slow unless they are slots, and every message uses some.
    __slots__ = (
        "_abort_timer",
        "_bytes",
        "_bytes_max",
        "_clock",
        "_counters",
        "_dog",
        "_flush_timer",
        "_frames",
        "_frames_settled",
        "_garbage_frame",
        "_garbage_streak",
        "_handler",
        "_heard",
        "_heard_ns",
        "_look_timer",
        "_on_frame",
        "_outbox",
        "_owner",
        "_parts",
        "_parts_size",
        "_pinged_ns",
        "_policy",
        "_stuck_ns",
        "_transport",
        "_wall_ns",
        "code",
        "gone",
        "is_open",
        "is_ready",
        "opened_ns",
        "steady_ns",
        "was_open",
        "why",
    )

    def __init__(self, owner: WsOwner, policy: WsPolicy, handler: WsHandler, clock: Clock, counters: WsCounters) -> None:
        super().__init__()
        self._owner = owner
        self._policy = policy
        self._handler = handler
        self._on_frame: Callable[[bytes, int], None] = partial(handler.on_frame, self)
        self._wall_ns = clock.wall_ns
        self._clock = clock
        self._counters = counters
        self._transport: WSTransport | None = None
        self._outbox = Outbox(policy.sends_per_s, policy.sends_burst, policy.sends_waiting_max)
        self._flush_timer: asyncio.TimerHandle | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._frames = self._frames_settled = 0
        self._bytes = 0
        self._bytes_max = policy.frame_bytes_max
        self._garbage_frame = 0
        self._garbage_streak = 0
        self._heard = False
        self._heard_ns = self._pinged_ns = self._stuck_ns = 0
        self._dog = Watchdog(policy.silence_factor, policy.check_every_s, 0)
        self.opened_ns = 0
        self.steady_ns = 0  # since when it has been ready without a silence; 0 while it is not
        self.is_open = False
        self.is_ready = False
        self.was_open = False
        self.why = ""
        self.code = NO_CLOSE_CODE
        self.gone = asyncio.Event()

    # -- sending ---------------------------------------------------------------------------------------------------------

    def send(self, payload: str | bytes, *, urgent: bool = False) -> bool:
        """Send a text message, now if the pace allows, else as soon as it does. ``urgent`` goes before what is not.

        False when the connection is not open or the lane is full: then nothing was or will be sent.
        """
        if not self.is_open:
            return False
        if self._outbox.may_write(self._clock.mono_ns(), urgent=urgent):
            self._write(payload)
            return True
        if not self._outbox.put(payload, urgent=urgent):
            return False
        self._schedule()
        return True

    def _write(self, payload: str | bytes) -> None:
        assert self._transport is not None
        self._transport.send(_TEXT, payload)

    def _schedule(self) -> None:
        if self._flush_timer is None and (wait_ns := self._outbox.wait_ns(self._clock.mono_ns())) is not None:
            self._flush_timer = asyncio.get_running_loop().call_later(wait_ns / NS_PER_S, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        if not self.is_open or self._transport is None:
            return
        now = self._clock.mono_ns()
        if (pong := self._outbox.pong(now)) is not None:
            self._transport.send_pong(pong)
        while (payload := self._outbox.message(now)) is not None:
            self._write(payload)
        self._schedule()

    @property
    def pending(self) -> int:
        """Messages that wait for their turn."""
        return self._outbox.pending

    def pause_writing(self) -> None:
        """The other end does not keep up: what is sent from now on waits here, within its bound."""
        self._outbox.blocked = True

    def resume_writing(self) -> None:
        """The other end has caught up."""
        self._outbox.blocked = False
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._flush()

    # -- receiving -------------------------------------------------------------------------------------------------------

    def read_by(self, on_frame: Callable[[bytes, int], None]) -> None:
        """Hand each message to ``on_frame(payload, recv_ns)`` from now on, under the same rules as to the handler's own: for one
        that keeps something for each connection, and need not look it up for each message.
        """
        self._on_frame = on_frame

    # -- watching --------------------------------------------------------------------------------------------------------

    @property
    def watches(self) -> dict[str, Watch]:
        """The watched subscriptions by name."""
        return self._dog.watches

    def watch(self, name: str, *, floor_s: float | None = None, ceiling_s: float | None = None) -> None:
        """Arm the watchdog of a subscription: from now on its data has an age."""
        floor = self._policy.silence_floor_s if floor_s is None else floor_s
        ceiling = self._policy.silence_ceiling_s if ceiling_s is None else ceiling_s
        self._dog.arm(name, floor, ceiling, self._clock.mono_ns())

    def unwatch(self, name: str) -> None:
        """The subscription is over."""
        self._dog.watches.pop(name, None)

    def saw(self, name: str) -> None:
        """Data of a subscription arrived. Cheap: its age is worked out when it is looked at."""
        watch = self._dog.watches.get(name)
        if watch is not None:
            watch.seen += 1

    def ages_s(self) -> dict[str, float]:
        """Seconds since each watched subscription last had data, to within a look."""
        return dict(self._dog.ages_s(self._clock.mono_ns()))

    def _look(self) -> None:
        """Silence, signs of life, a choked socket. Comes again until the connection is gone."""
        self._look_timer = asyncio.get_running_loop().call_later(self._policy.check_every_s, self._look)
        now = self._clock.mono_ns()
        if self.settle() or self._heard:
            self._heard = False
            self._heard_ns = now
            self._pinged_ns = 0
        if not self.is_open:
            return
        self._look_for_silence(now)
        self._look_for_life(now)
        self._look_for_choke(now)
        if self.is_open:
            self._owner.looked(self, now)

    def settle(self) -> bool:
        """Add to the counters what came since the last time; whether anything did."""
        frames = self._frames - self._frames_settled
        self._frames_settled = self._frames
        self._counters.frames += frames
        self._counters.bytes += self._bytes
        self._bytes = 0
        return frames > 0

    def _look_for_silence(self, now: int) -> None:
        for name in self._dog.look(now):
            self._counters.silences += 1
            self.steady_ns = now if self.is_ready else 0
            watch = self._dog.watches.get(name)
            if watch is None:  # given up meanwhile
                continue
            was_nudged = watch.nudged
            acted = self._asked(name)
            if not self.is_open:
                return
            if was_nudged or not acted:
                self.drop(f"{name} is silent", hard=True)
                return
            watch.rearm(now)

    def _asked(self, name: str) -> bool:
        try:
            return self._handler.on_silent(self, name)
        except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
            self._owner.failed(error)
            return False

    def _look_for_life(self, now: int) -> None:
        policy = self._policy
        if not self.is_open or self._transport is None:
            return
        if self._pinged_ns:
            if now - self._pinged_ns > policy.pong_deadline_s * NS_PER_S:
                self.drop("no sign of life", hard=True)
        elif now - self._heard_ns > policy.ping_every_s * NS_PER_S:
            self._pinged_ns = now  # when the pace leaves no room for a ping, something else is on its way to be answered
            if self._outbox.spend(now):
                self._transport.send_ping(b"")

    def _look_for_choke(self, now: int) -> None:
        if not self.is_open or self._transport is None:
            return
        if not self._transport.underlying_transport.get_write_buffer_size():
            self._stuck_ns = 0
        elif not self._stuck_ns:
            self._stuck_ns = now
        elif now - self._stuck_ns > self._policy.drain_deadline_s * NS_PER_S:
            self.drop("what is sent is not taken", hard=True)

    # -- closing ---------------------------------------------------------------------------------------------------------

    def drop(self, why: str, code: WSCloseCode = WSCloseCode.GOING_AWAY, *, hard: bool = False) -> None:
        """End the connection: with a close frame, whose answer is waited for within the deadline; or ``hard``, at once."""
        self.why = self.why or why
        was_open, self.is_open = self.is_open, False
        transport = self._transport
        if transport is None or self.gone.is_set():
            return
        if hard:
            transport.disconnect(graceful=False)
        elif was_open:
            with contextlib.suppress(OSError, WSError):
                transport.send_close(code, why.encode()[:_REASON_BYTES_MAX].decode(errors="ignore"))
            self._abort_later(transport)

    def _abort_later(self, transport: WSTransport) -> None:
        if self._abort_timer is None:
            loop = asyncio.get_running_loop()
            self._abort_timer = loop.call_later(self._policy.close_deadline_s, transport.underlying_transport.abort)

    async def collected(self) -> None:
        """Wait for the last of it, once it is gone: a complaint of the parser was told in ``why``."""
        if self._transport is not None:
            with contextlib.suppress(WSError):
                await self._transport.wait_disconnected()

    def mute(self) -> None:
        """Hand nothing on any more: the handler has a defect."""
        self._on_frame = _ignore

    # -- picows callbacks ------------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        now = self._clock.mono_ns()
        self._transport = transport
        self.is_open = self.was_open = True
        self.opened_ns = self._heard_ns = now
        self._dog = Watchdog(self._policy.silence_factor, self._policy.check_every_s, now)
        self._look_timer = asyncio.get_running_loop().call_later(self._policy.check_every_s, self._look)
        self._counters.connects += 1
        try:
            self._handler.on_open(self)
        except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
            self._owner.failed(error)
        self._owner.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:  # the way of nearly every message: see benchmarks before touching it
            payload = frame.get_payload_as_bytes()
            size = len(payload)
            if size > self._bytes_max:  # the parser has complained already, and reads on all the same
                return
            self._frames += 1
            self._bytes += size
            try:
                self._on_frame(payload, self._wall_ns())
            except WireError:
                self._unreadable()
            except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
                self._owner.failed(error)
        elif kind is _BINARY and frame.fin:
            self._deliver(frame.get_payload_as_bytes())
        else:
            self._other_frame(transport, frame, kind)

    def _deliver(self, payload: bytes) -> None:
        if len(payload) > self._bytes_max:
            return
        self._frames += 1
        self._bytes += len(payload)
        try:
            self._on_frame(payload, self._wall_ns())
        except WireError:
            self._unreadable()
        except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
            self._owner.failed(error)

    def _unreadable(self) -> None:
        self._counters.garbage += 1
        self._garbage_streak = self._garbage_streak + 1 if self._garbage_frame == self._frames - 1 else 1
        self._garbage_frame = self._frames
        if self._garbage_streak >= self._policy.garbage_streak_max:
            self.drop(f"{self._garbage_streak} unreadable messages in a row", WSCloseCode.UNSUPPORTED_DATA)

    def _other_frame(self, transport: WSTransport, frame: WSFrame, kind: WSMsgType) -> None:
        self._heard = True
        if kind is WSMsgType.PING:
            self._counters.pings += 1
            self._answer_ping(transport, frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            self._closed_by_peer(transport, frame)
        elif kind is not WSMsgType.PONG:
            self._part(frame, kind)

    def _answer_ping(self, transport: WSTransport, payload: bytes) -> None:
        if self._outbox.spend(self._clock.mono_ns()):
            transport.send_pong(payload)
            return
        self._outbox.put_pong(payload)
        self._schedule()

    def _closed_by_peer(self, transport: WSTransport, frame: WSFrame) -> None:
        self.code = int(frame.get_close_code().value) or _NO_CODE_RECEIVED
        reason = frame.get_close_message()
        text = f": {reason.decode('utf-8', 'replace')}" if reason else ""
        self.why = self.why or self._broken(transport) or f"closed by the venue ({self.code}{text})"
        self.is_open = False
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK)
        transport.disconnect()
        self._abort_later(transport)

    def _broken(self, transport: WSTransport) -> str:
        """What the parser complained of: it has sent a close frame, and we, who always say why, have not."""
        if not transport.is_close_frame_sent:
            return ""
        sent = transport.close_handshake.sent
        return f"broken frame: {sent.reason}" if sent is not None and sent.reason else "broken frame"

    def _part(self, frame: WSFrame, kind: WSMsgType) -> None:
        if (kind is WSMsgType.CONTINUATION) != bool(self._parts):
            self.drop("fragments out of order", WSCloseCode.PROTOCOL_ERROR)
            return
        self._parts.append(frame.get_payload_as_bytes())
        self._parts_size += len(self._parts[-1])
        if self._parts_size > self._policy.frame_bytes_max:
            self._parts.clear()
            self.drop(f"a message of more than {self._policy.frame_bytes_max} bytes", WSCloseCode.MESSAGE_TOO_BIG)
        elif frame.fin:
            whole = b"".join(self._parts)
            self._parts = []
            self._parts_size = 0
            self._deliver(whole)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.is_open = False
        self.settle()
        for timer in (self._flush_timer, self._look_timer, self._abort_timer):
            if timer is not None:
                timer.cancel()
        self._counters.unsent += self._outbox.clear()
        self.why = self.why or self._broken(transport) or "connection lost"
        try:
            self._handler.on_close(self, self.why, self.code)
        except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
            self._owner.failed(error)
        self.gone.set()
        self._owner.ended(self)


def _ignore(payload: bytes, recv_ns: int) -> None:
    """What comes after a defect of the handler."""
    del payload, recv_ns
