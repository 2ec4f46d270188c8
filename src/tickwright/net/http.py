"""One HTTP session for every adapter: one request, one deadline, one of three outcomes.

``HttpAnswer``: the venue answered, with whatever status. ``NotSent``: not a byte of the request left. ``Lost``: it may have
arrived, and the answer did not. Nothing is retried (not by the transport either), redirected or remembered here, except by
:meth:`HttpSession.read`, which asks again for what may be asked twice. Limits of the venue are kept; a ban pauses everything,
orders included, and says so. No text that leaves here has a query in it: queries are signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp
import msgspec
from yarl import URL

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.limits import BODY_BYTES_MAX, READ_RETRIES_MAX, REQUESTS_IN_FLIGHT_MAX
from tickwright.net.pacing import Backoff, WeightBudget, retry_after_s

#: Between two attempts of a read.
READ_BACKOFF_FLOOR_S = 0.1
READ_BACKOFF_CEILING_S = 5.0
#: A read does not wait for longer than this for a pause or a window of the budget to end.
READ_WAIT_S_MAX = 60.0
#: What a 429 and a 418 that do not say for how long are taken for.
SLOW_DOWN_S = 1.0
BAN_S = 60.0
_SLOW_DOWN = 429
_BANNED = 418
_UNAVAILABLE = 503


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``query`` and ``body`` are encoded already: what was signed is what is sent. A body is a form unless a header says else."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: dict[str, str] = {}
    weight: int = 1
    is_order: bool = False

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.path})"  # the rest is signed, or is a key


class HttpAnswer(msgspec.Struct, frozen=True):
    """``headers`` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class NotSent(msgspec.Struct, frozen=True):
    """The venue has not seen the request and never will."""

    why: str


class Lost(msgspec.Struct, frozen=True):
    """Whether the venue has seen the request is not known."""

    why: str


HttpOutcome = HttpAnswer | NotSent | Lost


class _TooLargeError(Exception):
    """The answer is larger than it may be."""


class HttpSession:
    """Requests to one host."""

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        chance: Chance,
        budget: WeightBudget,
        *,
        used_header: str = "",
        on_answer: Callable[[Mapping[str, str], int], None] | None = None,
        on_pause: Callable[[int, str], None] | None = None,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        """``used_header`` names the header with the weight used in this window; ``on_answer`` is shown each answer's headers and
        the wall time, for limits that are told in another way; ``on_pause`` hears until when nothing is sent, and why.
        """
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._chance = chance
        self._budget = budget
        self._used_header = used_header.lower()
        self._on_answer = on_answer
        self._on_pause = on_pause
        self._connector = connector
        self._body_bytes_max = body_bytes_max
        self._session: aiohttp.ClientSession | None = None
        self.paused_until_ns = 0
        self.pause_reason = ""
        self.requests = 0
        self.retries = 0

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: HttpRequest, deadline_s: float) -> HttpOutcome:
        """One attempt."""
        now = self._clock.wall_ns()
        if now < self.paused_until_ns:
            return NotSent(f"{self.pause_reason}, for another {(self.paused_until_ns - now) / NS_PER_S:.0f} s")
        if not self._budget.take(request.weight, now, is_order=request.is_order):
            return NotSent(f"the request budget of {self._budget.limit} is used up")
        self.requests += 1
        on_wire = SimpleNamespace(yes=False)
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._exchange(request, on_wire)
        except (aiohttp.ClientError, OSError, ValueError, _TooLargeError) as error:  # a timeout is an OSError
            why = f"no answer within {deadline_s:g} s" if isinstance(error, TimeoutError) else _told(error)
            return Lost(why) if on_wire.yes else NotSent(f"cannot connect: {why}")
        self._obey(answer, now)
        return answer

    async def read(self, make: Callable[[], HttpRequest], deadline_s: float, tries: int = READ_RETRIES_MAX) -> HttpOutcome:
        """Ask for something that may be asked again. ``make`` is called for each attempt, so that signatures are fresh."""
        backoff = Backoff(READ_BACKOFF_FLOOR_S, READ_BACKOFF_CEILING_S, self._chance)
        outcome: HttpOutcome = NotSent("not tried")
        for attempt in range(tries):
            if attempt:
                self.retries += 1
                await asyncio.sleep(max(backoff.failed(), self._asked_s(outcome)))
            request = make()
            assert not request.is_order, "an order is sent once"
            if wait_s := self._budget_wait_s(request):
                await asyncio.sleep(wait_s)
                request = make()
            outcome = await self.send(request, deadline_s)
            if isinstance(outcome, HttpAnswer) and outcome.status < 500 and outcome.status not in (_BANNED, _SLOW_DOWN):
                return outcome
        return outcome

    def pause(self, until_ns: int, reason: str) -> None:
        """Send nothing until then."""
        if until_ns <= self.paused_until_ns:
            return
        self.paused_until_ns = until_ns
        self.pause_reason = reason
        if self._on_pause is not None:
            self._on_pause(until_ns, reason)

    # -- waiting ---------------------------------------------------------------------------------------------------------

    def _asked_s(self, outcome: HttpOutcome) -> float:
        """How long the venue wants to be left alone, with a little chance so that not all come back at once."""
        now = self._clock.wall_ns()
        wait_s = (self.paused_until_ns - now) / NS_PER_S
        if isinstance(outcome, HttpAnswer) and outcome.status == _UNAVAILABLE:
            wait_s = max(wait_s, retry_after_s(outcome.headers.get("retry-after", ""), now) or 0.0)
        return min(wait_s, READ_WAIT_S_MAX) + self._chance.unit() * READ_BACKOFF_FLOOR_S if wait_s > 0 else 0.0

    def _budget_wait_s(self, request: HttpRequest) -> float:
        """A read that finds its share used up waits for the next window: it has no other chance."""
        now = self._clock.wall_ns()
        if now < self.paused_until_ns or self._budget.has_room(request.weight, now):
            return 0.0
        return min(self._budget.wait_ns(now) / NS_PER_S, READ_WAIT_S_MAX) + self._chance.unit() * READ_BACKOFF_FLOOR_S

    # -- one exchange ----------------------------------------------------------------------------------------------------

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            session = self._session = aiohttp.ClientSession(
                connector=self._connector() if self._connector else aiohttp.TCPConnector(limit=REQUESTS_IN_FLIGHT_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # the one deadline is ours
                trace_configs=[_tracing()],
            )
            # aiohttp sends a DELETE or a PUT again by itself when a reused connection breaks under it; a DELETE is a cancel
            # here. There is no public way to turn that off; a test watches that this one does.
            session._retry_connection = False  # noqa: SLF001 (see above)
        return self._session

    async def _exchange(self, request: HttpRequest, on_wire: SimpleNamespace) -> HttpAnswer:
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self._base_url}{request.path}{query}", encoded=True)
        headers = dict(request.headers)
        if request.body:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        async with self._open().request(
            request.method,
            url,
            data=request.body.encode() or None,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=on_wire,
        ) as response:
            parts: list[bytes] = []
            size = 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > self._body_bytes_max:
                    raise _TooLargeError
            return HttpAnswer(response.status, {name.lower(): value for name, value in response.headers.items()}, b"".join(parts))

    def _obey(self, answer: HttpAnswer, sent_ns: int) -> None:
        now = self._clock.wall_ns()
        used = answer.headers.get(self._used_header, "") if self._used_header else ""
        if used.isdecimal():
            self._budget.told(int(used), now, sent_ns)
        if answer.status in (_BANNED, _SLOW_DOWN):
            banned = answer.status == _BANNED
            asked_s = retry_after_s(answer.headers.get("retry-after", ""), now)
            wait_s = (BAN_S if banned else SLOW_DOWN_S) if asked_s is None else asked_s
            self.pause(now + int(wait_s * NS_PER_S), "banned by the venue" if banned else "told to slow down by the venue")
        if self._on_answer is not None:
            self._on_answer(answer.headers, now)


def _tracing() -> aiohttp.TraceConfig:
    """Notes the moment from which a request may have left: when it is given a connection."""

    async def given(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        del session, params
        context.trace_request_ctx.yes = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(given)
    tracing.on_connection_reuseconn.append(given)
    return tracing


def _told(error: Exception) -> str:
    """What went wrong, without the URL: aiohttp puts it in most of its texts."""
    if isinstance(error, _TooLargeError):
        return "the answer is larger than it may be"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not HTTP: {error.message.splitlines()[0] if error.message else error.status}"[:200]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
