"""The session of the WebSocket API: order entry and the events of the account over one connection.

Guarantees: a request is written within the call or refused as not sent; each request ends in exactly one outcome (its answer, its
deadline, or the loss of its connection); requests are sent once. The account is told as up only when its events flow, and as
down when they may have been missed, an unreadable event included. Does not: retry, or know orders.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from tickwright.base.errors import WireError
from tickwright.base.limits import REQUESTS_IN_FLIGHT_MAX
from tickwright.model.account import AccountDown, AccountEvent, AccountUp
from tickwright.model.order import NewOrder
from tickwright.net.ws import WsConnection, WsSession
from tickwright.ports import AccountSink
from tickwright.venues.binance_spot import requests
from tickwright.venues.binance_spot.account import Answer
from tickwright.venues.binance_spot.answers import read_error
from tickwright.venues.binance_spot.market import Shutdown
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.binance_spot.timing import Timing
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import Request

#: While one connection takes over from another: events remembered, so that each is delivered once.
HANDOVER_EVENTS_MAX = 1_024
#: The old connection stays until what was asked on it is answered, at most this long.
HANDOVER_S = 5.0
HANDOVER_CHECK_S = 0.1
HANDOVER_DEDUPE_S = 5.0
#: A refused log-on is tried again on the next connection; in between the session backs off.
_CODE_ALREADY_SUBSCRIBED = -2035
_CODE_TIMESTAMP = -1021


class Reply(msgspec.Struct, frozen=True):
    """How a request ended. ``status`` is None when it got no answer; ``sent`` is False when it never left."""

    status: int | None
    body: bytes
    why: str
    at_ns: int
    sent: bool = True


class Clockwork(Protocol):
    """What the session needs of its adapter."""

    def now_ns(self) -> int:
        """Local wall time."""

    def venue_ns(self) -> int:
        """The venue's time, for stamps."""

    def clock_refused(self) -> None:
        """A time stamp was refused."""


class _Pending:
    """A request on its way."""

    __slots__ = ("conn", "future", "request", "timer")

    def __init__(self, future: asyncio.Future[Reply], request: Request | None, conn: WsConnection) -> None:
        self.future = future
        self.request = request
        self.conn = conn
        self.timer: asyncio.TimerHandle | None = None


class ApiSession:
    """Handler of the WebSocket API session. Requests may be sent while :attr:`open_for_orders`."""

    def __init__(
        self,
        wire: Wire,
        clockwork: Clockwork,
        sink: AccountSink,
        *,
        can_log_on: bool,
        on_late: Callable[[Request, Reply], None],
        timing: Timing,
    ) -> None:
        self._wire = wire
        self._clockwork = clockwork
        self._sink = sink
        self._can_log_on = can_log_on
        self._on_late = on_late
        self._timing = timing
        self._frames = 0  # of every connection
        self._prober: asyncio.TimerHandle | None = None
        self.session: WsSession | None = None
        self._conn: WsConnection | None = None
        self._logged_on = False
        self._up = False
        self._pending: dict[int, _Pending] = {}
        #: Requests whose deadline passed: an answer that comes all the same is still evidence.
        self._late: dict[int, Request] = {}
        self._hello: dict[int, tuple[str, WsConnection]] = {}
        self._successor: WsConnection | None = None
        self._heard: deque[bytes] | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self.unreadable = 0

    @property
    def open_for_orders(self) -> bool:
        return self._conn is not None and self._conn.is_open

    @property
    def in_flight(self) -> int:
        return len(self._pending)

    # -- requests ----------------------------------------------------------------------------------------------------

    def send(self, request: Request, deadline_s: float) -> asyncio.Future[Reply]:
        """Write the request now. The future always resolves, and never raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        conn = self._conn
        clockwork = self._clockwork
        if conn is None or not conn.is_open:
            future.set_result(Reply(None, b"", "not connected", clockwork.now_ns(), sent=False))
            return future
        if len(self._pending) >= REQUESTS_IN_FLIGHT_MAX:
            future.set_result(
                Reply(None, b"", f"{REQUESTS_IN_FLIGHT_MAX} requests are under way", clockwork.now_ns(), sent=False)
            )
            return future
        number = self._wire.number()
        frame = self._wire.ws(request, number, clockwork.venue_ns(), logged_on=self._logged_on)
        if not conn.send(frame, urgent=request.is_order):
            future.set_result(Reply(None, b"", "the connection takes nothing more", clockwork.now_ns(), sent=False))
            return future
        pending = self._pending[number] = _Pending(future, request, conn)
        pending.timer = loop.call_later(deadline_s, self._expire, number, deadline_s)
        return future

    def rehearse(self, order: NewOrder) -> None:
        """The bytes of an order that is not sent, under a number that no request has."""
        if self.open_for_orders and not requests.unsupported(order):
            request = requests.submit(order, self._wire.symbols.native(order.key), order.dead_after_ns)
            self._wire.ws(request, 0, self._clockwork.venue_ns(), logged_on=self._logged_on)

    def _expire(self, number: int, deadline_s: float) -> None:
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        if pending.request is not None:
            if len(self._late) >= REQUESTS_IN_FLIGHT_MAX:
                del self._late[next(iter(self._late))]
            self._late[number] = pending.request
        self._end(pending, Reply(None, b"", f"no answer within {deadline_s:g} s", self._clockwork.now_ns()))

    def _end(self, pending: _Pending, reply: Reply) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        if not pending.future.done():
            pending.future.set_result(reply)

    def _lose(self, conn: WsConnection, why: str) -> None:
        """Everything that was asked on a connection that is gone."""
        now = self._clockwork.now_ns()
        for number in [number for number, pending in self._pending.items() if pending.conn is conn]:
            self._end(self._pending.pop(number), Reply(None, b"", why, now))

    # -- connection --------------------------------------------------------------------------------------------------

    def on_open(self, conn: WsConnection) -> None:
        """Log on where the key can, else subscribe with a signature."""
        if self._up and self._conn is not None and self._conn.is_open:
            self._successor = conn
            self._heard = deque(maxlen=HANDOVER_EVENTS_MAX)
        else:
            self._logged_on = False
        number = self._wire.number()
        at = self._clockwork.venue_ns()
        if self._can_log_on:
            self._hello[number] = ("log on", conn)
            conn.send(self._wire.logon(number, at), urgent=True)
        else:
            self._hello[number] = ("subscribe", conn)
            conn.send(self._wire.watch_account(number, at, logged_on=False), urgent=True)

    def on_close(self, conn: WsConnection, why: str, code: int) -> None:
        """The outcome of what was under way is not known any more."""
        del code
        self._lose(conn, f"connection lost: {why}")
        for number in [number for number, (_, owner) in self._hello.items() if owner is conn]:
            del self._hello[number]
        if conn is self._successor:
            self._successor = None
            return
        if conn is self._conn or self._conn is None:
            self._conn = None
            self._logged_on = False
            self._down(why)

    def on_silent(self, conn: WsConnection, name: str) -> bool:
        """Nothing is watched here: an account may be quiet for days. It is asked something now and then instead."""
        del conn, name
        return True

    def stop(self) -> None:
        """Nothing more will come: end what is under way."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._prober is not None:
            self._prober.cancel()
        now = self._clockwork.now_ns()
        for pending in self._pending.values():
            self._end(pending, Reply(None, b"", "closed", now))
        self._pending.clear()
        self._conn = None
        self._logged_on = self._up = False

    # -- frames ------------------------------------------------------------------------------------------------------

    def on_frame(self, conn: WsConnection, payload: bytes, recv_ns: int) -> None:
        """An answer or an event. An unreadable one has the account reconciled, and is counted by the session."""
        self._frames += 1
        try:
            item = self._wire.account.read(payload, recv_ns)
        except WireError as error:
            self.unreadable += 1
            self._miss(str(error), recv_ns)
            raise
        if isinstance(item, Answer):
            self._answer(conn, item, recv_ns)
        elif isinstance(item, Shutdown):
            if self.session is not None:
                self.session.rotate_soon()
        elif self._heard is None or not self._again(payload):
            self._events(conn, item)

    def _events(self, conn: WsConnection, events: list[AccountEvent]) -> None:
        for event in events:
            if isinstance(event, AccountDown):
                if conn is self._conn or conn is self._successor:
                    self._down(event.why)
                    self._resubscribe(conn)
            else:
                self._sink(event)

    def _again(self, payload: bytes) -> bool:
        """Whether the other of two overlapping connections has delivered this event: they differ in the subscription alone."""
        assert self._heard is not None
        event = payload.partition(b'"event":')[2]
        if event in self._heard:
            return True
        self._heard.append(event)
        return False

    def _miss(self, why: str, recv_ns: int) -> None:
        """Something was lost though the stream goes on: down and up again, which has everything reconciled."""
        if self._up:
            self._sink(AccountDown(NAME, why[:200], recv_ns))
            self._sink(AccountUp(NAME, recv_ns))

    def _down(self, why: str) -> None:
        if self._up:
            self._up = False
            self._sink(AccountDown(NAME, why, self._clockwork.now_ns()))

    def _resubscribe(self, conn: WsConnection) -> None:
        number = self._wire.number()
        self._hello[number] = ("subscribe", conn)
        conn.send(self._wire.watch_account(number, self._clockwork.venue_ns(), logged_on=self._logged_on), urgent=True)

    def _answer(self, conn: WsConnection, answer: Answer, recv_ns: int) -> None:
        number = answer.id
        if not isinstance(number, int):
            self._unasked(conn, answer)
            return
        pending = self._pending.pop(number, None)
        if pending is not None:
            self._end(pending, Reply(answer.status, answer.body, "", recv_ns))
            return
        hello = self._hello.pop(number, None)
        if hello is not None:
            self._greeted(conn, hello[0], answer, recv_ns)
            return
        late = self._late.pop(number, None)
        if late is not None:
            self._on_late(late, Reply(answer.status, answer.body, "", recv_ns))

    def _unasked(self, conn: WsConnection, answer: Answer) -> None:
        """An answer to nothing: the venue has ended the log-on of this connection."""
        error = read_error(answer.body)
        text = f"status {answer.status}" if error is None else f"{error.code} {error.msg[:200]}"
        conn.drop(f"the venue ended the session: {text}")

    def _greeted(self, conn: WsConnection, step: str, answer: Answer, recv_ns: int) -> None:
        error = read_error(answer.body) if answer.status != 200 else None
        if answer.status != 200 and not (error is not None and error.code == _CODE_ALREADY_SUBSCRIBED):
            text = f"status {answer.status}" if error is None else f"{error.code} {error.msg[:200]}"
            if error is not None and error.code == _CODE_TIMESTAMP:
                self._clockwork.clock_refused()
            conn.drop(f"could not {step}: {text}")
            return
        if step == "log on":
            number = self._wire.number()
            self._hello[number] = ("subscribe", conn)
            conn.send(self._wire.watch_account(number, self._clockwork.venue_ns(), logged_on=True), urgent=True)
            return
        self._subscribed(conn, recv_ns)

    def _subscribed(self, conn: WsConnection, recv_ns: int) -> None:
        old = self._conn
        self._conn = conn
        self._logged_on = self._can_log_on
        if conn is self._successor:
            self._successor = None
            assert old is not None
            self._hand_over(old, conn, HANDOVER_S)
        elif self.session is not None:
            self.session.ready(conn)
        if not self._up:
            self._up = True
            self._sink(AccountUp(NAME, recv_ns))
        self._probe_later(conn)

    def _probe_later(self, conn: WsConnection) -> None:
        if self._prober is not None:
            self._prober.cancel()
        self._prober = asyncio.get_running_loop().call_later(self._timing.probe_every_s, self._probe, conn)

    def _probe(self, conn: WsConnection) -> None:
        """Ask something, if this is still the connection in use."""
        if conn is self._conn and conn.is_open:
            conn.send(self._wire.ping(self._wire.number()), urgent=True)
            loop = asyncio.get_running_loop()
            self._prober = loop.call_later(self._timing.probe_deadline_s, self._probed, conn, self._frames)

    def _probed(self, conn: WsConnection, frames: int) -> None:
        """Whether anything was heard since: any frame will do."""
        if self._frames == frames:
            conn.drop(f"nothing was answered for {self._timing.probe_deadline_s:g} s", hard=True)
        else:
            self._probe_later(conn)

    def _hand_over(self, old: WsConnection, new: WsConnection, left_s: float) -> None:
        """New requests go to the new connection; the old one goes once its own are answered."""
        if left_s > 0 and old.is_open and any(pending.conn is old for pending in self._pending.values()):
            self._later(HANDOVER_CHECK_S, lambda: self._hand_over(old, new, left_s - HANDOVER_CHECK_S))
            return
        if self.session is not None and new.is_open:
            self.session.ready(new)
        self._later(HANDOVER_DEDUPE_S, self._handed_over)

    def _handed_over(self) -> None:
        if self._successor is None:
            self._heard = None

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)
