"""One HTTP session for every adapter: one request, one deadline, one of three outcomes.

``HttpAnswer``: the venue answered, with whatever status. ``NotSent``: not a byte of the request left. ``Lost``: it may have arrived, and
the answer did not. Nothing is retried, redirected or remembered here, except by :meth:`HttpSession.read`, which asks again for what
may be asked twice. Limits of the venue are kept; a ban pauses everything, orders included, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import aiohttp
import msgspec
from yarl import URL

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.limits import BODY_BYTES_MAX, READ_RETRIES_MAX, REQUESTS_IN_FLIGHT_MAX
from tickwright.net.pacing import Backoff, WeightBudget


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``query`` and ``body`` are encoded already: what was signed is what is sent."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: dict[str, str] = {}
    weight: int = 1
    is_order: bool = False


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
        on_pause: Callable[[int, str], None] | None = None,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._chance = chance
        self._budget = budget
        self._used_header = used_header.lower()
        self._on_pause = on_pause
        self._connector = connector
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
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._exchange(request)
        except aiohttp.ClientConnectorError as error:  # the connection was never made
            return NotSent(f"cannot connect: {error.os_error.strerror or error.os_error}")
        except TimeoutError:
            return Lost(f"no answer within {deadline_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Lost(f"{type(error).__name__}: {error}"[:200])
        self._obey(answer)
        return answer

    async def read(self, make: Callable[[], HttpRequest], deadline_s: float, tries: int = READ_RETRIES_MAX) -> HttpOutcome:
        """Ask for something that may be asked again. ``make`` is called for each attempt, so that time stamps are fresh."""
        backoff = Backoff(0.1, 5.0, self._chance)
        outcome: HttpOutcome = NotSent("not tried")
        for attempt in range(tries):
            if attempt:
                self.retries += 1
                await asyncio.sleep(self._delay_s(backoff))
            outcome = await self.send(make(), deadline_s)
            if isinstance(outcome, HttpAnswer) and outcome.status < 500 and outcome.status not in (418, 429):
                return outcome
        return outcome

    def _delay_s(self, backoff: Backoff) -> float:
        paused = (self.paused_until_ns - self._clock.wall_ns()) / NS_PER_S
        if paused > 0:
            return min(paused, 60.0) + self._chance.unit() * 0.1
        return backoff.failed()

    async def _exchange(self, request: HttpRequest) -> HttpAnswer:
        if self._session is None:
            connector = self._connector() if self._connector else aiohttp.TCPConnector(limit=REQUESTS_IN_FLIGHT_MAX)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self._base_url}{request.path}{query}", encoded=True)
        headers = dict(request.headers)
        if request.body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self._session.request(
            request.method, url, data=request.body.encode() or None, headers=headers, allow_redirects=False
        ) as response:
            body = await response.content.read(BODY_BYTES_MAX + 1)
            while len(body) <= BODY_BYTES_MAX and not response.content.at_eof():
                body += await response.content.read(BODY_BYTES_MAX + 1 - len(body))
            if len(body) > BODY_BYTES_MAX:
                raise ValueError(f"the answer is larger than {BODY_BYTES_MAX} bytes")
            return HttpAnswer(response.status, _lower(response.headers), body)

    def _obey(self, answer: HttpAnswer) -> None:
        now = self._clock.wall_ns()
        used = answer.headers.get(self._used_header, "") if self._used_header else ""
        if used.isdigit():
            self._budget.told(int(used), now)
        if answer.status in (418, 429):
            after = answer.headers.get("retry-after", "")
            wait_s = float(after) if after.replace(".", "", 1).isdigit() else 60.0 if answer.status == 418 else 1.0
            self.pause(
                now + int(wait_s * NS_PER_S), "banned by the venue" if answer.status == 418 else "told to slow down by the venue"
            )

    def pause(self, until_ns: int, reason: str) -> None:
        """Send nothing until then."""
        if until_ns <= self.paused_until_ns:
            return
        self.paused_until_ns = until_ns
        self.pause_reason = reason
        if self._on_pause is not None:
            self._on_pause(until_ns, reason)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
