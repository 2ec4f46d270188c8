"""Questions over REST: signed with the venue's time, weighed, retried, and read; and the clock offset that signing needs.

Guarantees: a question is signed afresh for every attempt; a time stamp that the venue refuses is measured anew and asked again,
once; whatever is not a good answer is a ``VenueError`` that says why. Does not: send what changes the account.
"""

from __future__ import annotations

import asyncio

import msgspec

from tickwright.base.clock import Clock
from tickwright.base.errors import VenueError
from tickwright.base.limits import CLOCK_SAMPLES
from tickwright.model.reason import Reason
from tickwright.net.clock_offset import ClockOffset
from tickwright.net.http import HttpAnswer, HttpOutcome, HttpRequest, HttpSession
from tickwright.venues.binance_spot import answers, catalog, requests
from tickwright.venues.binance_spot.api_session import ApiSession
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import Request

#: How long REST alone is waited for, where there is another way to ask.
REST_SOON_S = 3.0


class Asker:
    """One host's REST side."""

    def __init__(self, wire: Wire, http: HttpSession, clock: Clock, deadline_s: float) -> None:
        self.offset = ClockOffset()
        self._wire = wire
        self._http = http
        self._clock = clock
        self._deadline_s = deadline_s

    def venue_ns(self) -> int:
        """The venue's time now, as far as it is known."""
        return self.offset.venue_ns(self._clock.wall_ns())

    async def measure(self, samples: int) -> None:
        """Compare the clocks ``samples`` times."""
        for _ in range(samples):
            sent = self._clock.wall_ns()
            body = await self.read(requests.server_time())
            received = self._clock.wall_ns()
            if received >= sent:
                self.offset.sample(sent, catalog.server_time_ns(body), received)

    def http_request(self, request: Request) -> HttpRequest:
        """Signed with the time of now: made afresh for every attempt."""
        path, _, query = self._wire.rest(request, self.venue_ns()).partition("?")
        return HttpRequest(
            method=request.method,
            path=path,
            query=query,
            headers=self._wire.rest_headers(request),
            weight=request.weight,
            is_order=request.is_order,
        )

    async def ask(self, request: Request) -> HttpOutcome:
        """An answer, with retries; a refused time stamp is measured anew and asked again, once."""
        outcome = await self._http.read(lambda: self.http_request(request), self._deadline_s)
        if isinstance(outcome, HttpAnswer) and outcome.status == 400:
            error = answers.read_error(outcome.body)
            if error is not None and answers.reason_for(error.code, error.msg) is Reason.VENUE_TIMESTAMP:
                await self.measure(CLOCK_SAMPLES)
                outcome = await self._http.read(lambda: self.http_request(request), self._deadline_s)
        return outcome

    async def read(self, request: Request, api: ApiSession | None = None) -> bytes:
        """The body of a good answer; anything else is a ``VenueError``. Where REST has no good answer, or none soon, it may be
        had over ``api``, if that is connected.
        """
        outcome = await self._rest_or(api, request)
        if isinstance(outcome, bytes):
            return outcome
        if isinstance(outcome, HttpAnswer):
            if outcome.status == 200:
                return outcome.body
            raise self.refused(request, outcome)
        raise VenueError(f"{request.path}: {outcome.why}", where=NAME, hint="check the network and the venue's URL")

    async def _rest_or(self, api: ApiSession | None, request: Request) -> HttpOutcome | bytes:
        if api is None:
            return await self.ask(request)
        rest = asyncio.create_task(self.ask(request))
        try:
            await asyncio.wait({rest}, timeout=REST_SOON_S)
            answer = rest.result() if rest.done() else None
            good = isinstance(answer, HttpAnswer) and answer.status == 200
            if not good and api.open_for_orders and self._clock.wall_ns() >= self._http.paused_until_ns:
                # Only flags are left out: what is text in a URL would have to be JSON there.
                reply = await api.send(msgspec.structs.replace(request, params=()), self._deadline_s)
                if reply.status == 200:
                    return reply.body
            return await rest
        finally:
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)

    def refused(self, request: Request, answer: HttpAnswer) -> VenueError:
        """What a refusal says, as an error for people."""
        error = answers.read_error(answer.body)
        if error is None:
            return VenueError(f"{request.path}: status {answer.status}", where=NAME)
        reason = answers.reason_for(error.code, error.msg)
        hint = reason.sentence if reason is not Reason.VENUE_OTHER else ""
        return VenueError(f"{request.path}: {error.code} {error.msg[:200]}", where=NAME, hint=hint)
