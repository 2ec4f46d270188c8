"""One websocket session for every adapter: it stays connected, notices silence, and says what happened.

Guarantees: a connect has a deadline; a silent subscription is noticed within its bound, whatever the socket says; a lost
connection is made again after an exponential delay with full jitter that starts over only after a stable while of data, within a
budget of connects; sends are paced; a connection is replaced before the venue ends it, the new one being ready before the old one
goes; every queue has a bound. Does not: know what is sent, drop a message, or decide what a gap means.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus

from picows import WSCloseCode, WSError, WSHandshakeError, WSInvalidURL, ws_connect
from picows.url import WSParsedURL

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import ConfigError
from tickwright.net.pacing import Backoff, ConnectBudget, retry_after_s
from tickwright.net.reach import hang_up, reach
from tickwright.net.ws_connection import NO_CLOSE_CODE, WsConnection, WsHandler
from tickwright.net.ws_policy import WsCounters, WsPolicy

__all__ = ["WsConnection", "WsCounters", "WsHandler", "WsPolicy", "WsSession"]


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
        self._counters = WsCounters()
        self._url = url
        self._handler = handler
        self._chance = chance
        self._headers = dict(headers or {})
        self._ssl = ssl_context
        self._backoff = Backoff(policy.backoff_floor_s, policy.backoff_ceiling_s, chance)
        self._budget = budget or ConnectBudget(policy.connects_max, policy.connects_window_s)
        self._conns: list[WsConnection] = []
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._deadline: asyncio.Timeout | None = None
        self._closing = False
        self._rotate_asked = False
        self._rotating = False
        self._fault: Exception | None = None
        self._not_before_ns = 0
        self.current: WsConnection | None = None
        #: Why there is no connection, or why the last one went.
        self.why = ""

    # -- what the handler and a display may call -------------------------------------------------------------------------

    def ready(self, conn: WsConnection) -> None:
        """The connection delivers what it should. During a rotation this is what ends the old one."""
        conn.is_ready = True
        conn.steady_ns = self.clock.mono_ns()
        self._wake.set()

    def rotate_soon(self) -> None:
        """The venue has said that it will close: make the next connection now."""
        self._rotate_asked = True
        self._wake.set()

    @property
    def is_open(self) -> bool:
        return self.current is not None and self.current.is_open

    @property
    def counters(self) -> WsCounters:
        """What has happened so far."""
        for conn in self._conns:
            conn.settle()
        return self._counters

    def ages_s(self) -> dict[str, float]:
        """Seconds since each watched subscription of the current connection last had data."""
        return self.current.ages_s() if self.current is not None else {}

    async def close(self) -> None:
        """End the session in order; returns once ``run`` has."""
        self._closing = True
        self._interrupt()
        await self._ended.wait()

    # -- what its connections tell ---------------------------------------------------------------------------------------

    def opened(self, conn: WsConnection) -> None:
        """A connection is open."""
        self._conns.append(conn)
        if self._counters.connects > 1 and not self._rotating:
            self._counters.reconnects += 1
        if self._fault is not None:
            conn.mute()
            conn.drop("a defect of the handler", hard=True)

    def looked(self, conn: WsConnection, now_ns: int) -> None:
        """A connection is well: after long enough the backoff starts over."""
        if conn is self.current and conn.steady_ns and now_ns - conn.steady_ns >= self.policy.stable_s * NS_PER_S:
            self._backoff.stable()

    def ended(self, conn: WsConnection) -> None:
        """A connection is gone."""
        if conn is self.current:
            self.why = conn.why
        self._wake.set()

    def failed(self, error: Exception) -> None:
        """The handler has a defect: nothing more is handed to it, and ``run`` raises."""
        self._fault = self._fault or error
        for conn in self._conns:
            conn.mute()
            conn.drop(f"{type(error).__name__} in the handler", hard=True)
        self._interrupt()

    # -- the session -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until closed or cancelled. Raises only what the handler raised, and for an impossible URL."""
        assert self._ended.is_set(), "a session runs once at a time"
        self._ended.clear()
        try:
            while not self._over():
                conn = await self._connect()
                while conn is not None:
                    self.current = conn
                    conn = await self._until_replaced(conn)
                await self._pause()
        finally:
            try:
                await self._let_go()
            finally:
                self._ended.set()
        if self._fault is not None:
            raise self._fault

    def _over(self) -> bool:
        return self._closing or self._fault is not None

    def _interrupt(self) -> None:
        """Have ``run`` see at once that something has changed, even while it waits for a connection to be made."""
        self._wake.set()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _sleep(self, seconds: float) -> None:
        """Until something happens, at most that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _pause(self) -> None:
        """Between a loss and the next attempt: backoff, and what the venue asked for."""
        if self._over():
            return
        until_ns = max(self.clock.mono_ns() + int(self._backoff.failed() * NS_PER_S), self._not_before_ns)
        while not self._over() and (left_ns := until_ns - self.clock.mono_ns()) > 0:
            await self._sleep(left_ns / NS_PER_S)

    # -- connecting ------------------------------------------------------------------------------------------------------

    async def _connect(self) -> WsConnection | None:
        """One attempt, within the budget. None when it came to nothing."""
        while (wait_ns := self._budget.wait_ns(self.clock.mono_ns())) and not self._over():
            self.why = "the budget of connects is used up"
            await self._sleep(wait_ns / NS_PER_S)
        if self._over():
            return None
        spent = self._budget.take(self.clock.mono_ns())
        assert spent, "INV-31 connect budget exceeded"
        conn = WsConnection(self, self.policy, self._handler, self.clock, self._counters)
        why = await self._dial(conn)
        if conn.was_open:
            return conn
        self._counters.failures += 1
        self.why = why
        if not self._over():
            try:
                self._handler.on_close(conn, why, NO_CLOSE_CODE)
            except Exception as error:  # noqa: BLE001 (top of a callback: run raises it)
                self.failed(error)
        return None

    async def _dial(self, conn: WsConnection) -> str:
        """Connect; why it did not work, if it did not."""
        policy = self.policy
        sock: socket.socket | None = None

        async def reached(url: WSParsedURL) -> socket.socket:
            nonlocal sock
            sock = await reach(url.host, url.port)
            return sock

        try:
            async with asyncio.timeout(policy.connect_deadline_s) as self._deadline:
                await ws_connect(
                    lambda: conn,
                    self._url(),
                    ssl_context=self._ssl,
                    websocket_handshake_timeout=None,  # the one deadline is ours
                    enable_auto_pong=False,
                    max_frame_size=policy.frame_bytes_max,
                    extra_headers=self._headers or None,
                    max_redirects=0,
                    use_aiofastnet=False,
                    socket_factory=reached,
                    logger_name=self.name,
                )
        except TimeoutError:
            return f"cannot connect: nothing within {policy.connect_deadline_s:g} s"
        except WSHandshakeError as error:
            return f"cannot connect: {self._refusal(error)}"
        except WSInvalidURL:  # its text has the URL, which may have a secret in it
            raise ConfigError("its address is not a websocket URL", where=self.name, hint="ws://… or wss://…") from None
        except OSError as error:
            return f"cannot connect: {_os_text(error)}"
        except WSError as error:
            return f"cannot connect: {type(error).__name__}"
        finally:
            self._deadline = None
            if sock is not None and not conn.was_open:
                # picows shields its handshake: interrupted in it, the connection would outlive us.
                await hang_up(sock, policy.close_deadline_s)
        return "cannot connect: the venue hung up"

    def _refusal(self, error: WSHandshakeError) -> str:
        """What the venue answered instead of opening a websocket; it may have said how long to stay away."""
        response = error.response
        if response is None:
            return "the answer is no handshake"
        status = int(response.status)
        wait_s = retry_after_s(response.headers.get("Retry-After", ""), self.clock.wall_ns())
        if wait_s is not None and status in (418, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            self._not_before_ns = self.clock.mono_ns() + int(wait_s * NS_PER_S)
        return f"status {status}" if status != HTTPStatus.SWITCHING_PROTOCOLS else "the handshake is wrong"

    # -- rotation --------------------------------------------------------------------------------------------------------

    async def _until_replaced(self, conn: WsConnection) -> WsConnection | None:
        """Wait while a connection lives. The one that takes its place by rotation; None when it is lost without one."""
        policy = self.policy
        age_s = policy.age_max_s - self._chance.unit() * policy.age_jitter_s
        rotate_ns = conn.opened_ns + int(age_s * NS_PER_S)
        while not (conn.gone.is_set() or self._over()):
            left_ns = rotate_ns - self.clock.mono_ns()
            if left_ns > 0 and not self._rotate_asked:
                await self._sleep(left_ns / NS_PER_S)
                continue
            self._rotate_asked = False
            successor = await self._rotate(conn)
            if successor is not conn:
                return successor
            rotate_ns = self.clock.mono_ns() + int(self._backoff.failed() * NS_PER_S)
        await self._collect()
        return None

    async def _rotate(self, old: WsConnection) -> WsConnection | None:
        """Make before break: the new connection must be ready before the old one goes. The one that is to be used from now on."""
        self._rotating = True
        try:
            new = await self._connect()
        finally:
            self._rotating = False
        if new is not None:
            until_ns = self.clock.mono_ns() + int(self.policy.ready_deadline_s * NS_PER_S)
            while not (new.is_ready or new.gone.is_set() or self._over()) and (left := until_ns - self.clock.mono_ns()) > 0:
                await self._sleep(left / NS_PER_S)
        await self._collect()
        if new is None or new.gone.is_set():
            return None if old.gone.is_set() else old
        if not new.is_ready and not old.gone.is_set():
            new.drop("not ready in time")
            return old
        self._counters.rotations += 1
        self.current = new
        old.drop("rotation", WSCloseCode.OK)
        return new

    # -- the end ---------------------------------------------------------------------------------------------------------

    async def _collect(self) -> None:
        """Forget the connections that are gone."""
        for conn in [conn for conn in self._conns if conn.gone.is_set()]:
            self._conns.remove(conn)
            await conn.collected()

    async def _let_go(self) -> None:
        """End every connection, in order within the deadline, then at once."""
        for conn in self._conns:
            conn.drop("closing", WSCloseCode.OK)
        try:
            async with asyncio.timeout(self.policy.close_deadline_s):
                for conn in self._conns:
                    await conn.gone.wait()
        except TimeoutError:
            self.why = "did not close in time"
        finally:
            for conn in self._conns:
                conn.drop("closing", hard=True)
        for conn in self._conns:
            await conn.gone.wait()
        await self._collect()


def _os_text(error: OSError) -> str:
    """Asyncio and uvloop put it differently; this is how the system puts it."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return str(error)[:200] or type(error).__name__
