"""The HTTP session against a server on 127.0.0.1 that answers, or does not, as a test's script says."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, ManualClock
from tickwright.net.http import BAN_S, SLOW_DOWN_S, HttpAnswer, HttpRequest, HttpSession, Lost, NotSent
from tickwright.net.pacing import WeightBudget
from unit.net.server import run

#: In the middle of a minute: a budget's window does not end in the middle of a test.
NOON_NS = 1_700_000_010 * NS_PER_S
Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 200, body: bytes = b"{}", **headers: object) -> Act:
    """Answers. Underscores in names of headers are dashes."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body)

    return act


def raw(data: bytes) -> Act:
    """Writes bytes as they are and hangs up."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return act


async def never(writer: asyncio.StreamWriter) -> None:
    """Reads the request and says nothing."""
    del writer


async def reset(writer: asyncio.StreamWriter) -> None:
    """Reads the request and breaks the connection."""
    writer.transport.abort()


class Server:
    """Carries out one act for each request, in order, the last one ever after. Keeps heads and bodies."""

    def __init__(self, acts: tuple[Act, ...]) -> None:
        self.acts = list(acts)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.writers.append(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                    self.bodies.append(await reader.readexactly(int(lengths[0]) if lengths else 0))
                    self.heads.append(head)
                    self.asked.set()
                    await (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(writer)
        finally:
            writer.close()
            self.tasks.discard(task)


@contextlib.asynccontextmanager
async def rig(
    *acts: Act, clock: ManualClock | None = None, limit: int = 1_000, **options: Any
) -> AsyncIterator[tuple[Server, HttpSession]]:
    """A server with a script, and a session to it. Its clock stands still unless a test moves it."""
    server = Server(acts)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    session = HttpSession(url, clock or ManualClock(NOON_NS), Chance(1), WeightBudget(limit, 60.0), **options)
    try:
        yield server, session
    finally:
        await session.close()
        listener.close()
        for writer in server.writers:
            writer.transport.abort()
        await asyncio.gather(*server.tasks)


def get(query: str = "", **more: Any) -> HttpRequest:
    return HttpRequest(method="GET", path="/api/v3/thing", query=query, **more)


# -- one attempt ----------------------------------------------------------------------------------------------------------


def test_given_a_venue_that_answers_when_sending_then_status_headers_and_body_come_back() -> None:
    """An answer is an answer, with lower-case names of headers."""

    async def story() -> None:
        async with rig(answer(404, b"nothing here", X_Trace="abc")) as (_, session):
            outcome = await session.send(get(), 5.0)
            assert isinstance(outcome, HttpAnswer)
            assert (outcome.status, outcome.body, outcome.headers["x-trace"]) == (404, b"nothing here", "abc")
            assert session.requests == 1

    run(story)


def test_given_a_signed_query_and_body_when_sending_then_they_arrive_to_the_byte_and_no_cookie_does() -> None:
    """What was signed is what is sent: nothing is encoded again, and nothing is added."""

    async def story() -> None:
        async with rig(answer(Set_Cookie="a=b")) as (server, session):
            await session.send(get("symbol=A%2FB&x=%5B%22a%22%5D&plus=+"), 5.0)
            await session.send(HttpRequest(method="POST", path="/order", body="q=1%20&s=+", headers={"X-Key": "k"}), 5.0)
            assert server.heads[0].startswith(b"GET /api/v3/thing?symbol=A%2FB&x=%5B%22a%22%5D&plus=+ HTTP/1.1\r\n")
            assert server.bodies[1] == b"q=1%20&s=+"
            assert b"X-Key: k" in server.heads[1]
            assert b"content-type: application/x-www-form-urlencoded" in server.heads[1].lower()
            assert b"cookie" not in server.heads[1].lower()

    run(story)


def test_given_nobody_listens_when_sending_then_it_was_not_sent() -> None:
    """A refused connection carried no byte."""

    async def story() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
            session = HttpSession(
                f"http://127.0.0.1:{taken.getsockname()[1]}", ManualClock(NOON_NS), Chance(1), WeightBudget(9, 60.0)
            )
            outcome = await session.send(get(), 5.0)
            assert isinstance(outcome, NotSent)
            assert outcome.why.startswith("cannot connect: ")
            await session.close()

    run(story)


def test_given_a_connect_that_hangs_when_the_deadline_comes_then_it_was_not_sent() -> None:
    """A deadline that ends the connect is not a lost request: a full backlog swallows ours."""

    async def story() -> None:
        with contextlib.ExitStack() as stack:
            full = stack.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            session = HttpSession(
                f"http://127.0.0.1:{full.getsockname()[1]}", ManualClock(NOON_NS), Chance(1), WeightBudget(9, 60.0)
            )
            assert isinstance(await session.send(get(), 0.05), NotSent)
            await session.close()

    run(story)


@pytest.mark.parametrize(
    ("act", "deadline_s"),
    [
        (never, 0.05),
        (reset, 5.0),
        (raw(b""), 5.0),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 5.0),
        (raw(b"this is not HTTP\r\n\r\n"), 5.0),
        (answer(200, b"x" * 1_001), 5.0),
        (answer(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip"), 5.0),
    ],
    ids=["timeout", "reset", "hang-up", "truncated", "garbage", "too large", "too large unpacked"],
)
def test_given_a_request_that_left_when_no_whole_answer_comes_then_it_is_lost(act: Act, deadline_s: float) -> None:
    """Once the request may have left, nothing but an answer says that it did not count; and no text has the query in it."""

    async def story() -> None:
        async with rig(act, body_bytes_max=1_000) as (server, session):
            outcome = await session.send(get("signature=secret"), deadline_s)
            assert isinstance(outcome, Lost)
            assert "secret" not in outcome.why
            assert len(server.heads) == 1

    run(story)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_given_a_reused_connection_that_breaks_when_sending_then_it_is_lost_and_not_sent_again(method: str) -> None:
    """The transport repeats nothing behind our back: a DELETE is a cancel, a PUT may be an order."""

    async def story() -> None:
        async with rig(answer(), reset, answer()) as (server, session):
            assert isinstance(await session.send(get(), 5.0), HttpAnswer)
            assert isinstance(await session.send(HttpRequest(method=method, path="/order"), 5.0), Lost)
            assert len(server.heads) == 2

    run(story)


def test_given_a_redirect_when_sending_then_it_is_the_answer() -> None:
    """A redirect is not followed: the signature and the key are for this host."""

    async def story() -> None:
        async with rig(answer(302, Location="/elsewhere")) as (server, session):
            outcome = await session.send(get(), 5.0)
            assert isinstance(outcome, HttpAnswer)
            assert outcome.status == 302
            assert len(server.heads) == 1

    run(story)


def test_given_a_request_under_way_when_cancelled_then_it_ends_and_the_session_goes_on() -> None:
    """Cancelling is the caller's right; the next request is not touched by it."""

    async def story() -> None:
        async with rig(never, answer()) as (server, session):
            sending = asyncio.create_task(session.send(get(), 60.0))
            await server.asked.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert isinstance(await session.send(get(), 5.0), HttpAnswer)

    run(story)


# -- limits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {"Retry_After": "7"}, 7.0),
        (418, {"Retry_After": "120"}, 120.0),
        (429, {}, SLOW_DOWN_S),
        (418, {}, BAN_S),
        (429, {"Retry_After": "soon"}, SLOW_DOWN_S),
    ],
)
def test_given_a_429_or_418_when_it_comes_then_everything_waits_as_long_as_it_says(
    status: int, headers: dict[str, str], wait_s: float
) -> None:
    """A pause holds for orders too, says so, and ends when it should."""

    async def story() -> None:
        clock = ManualClock(NOON_NS)
        told: list[tuple[int, str]] = []
        acts = (answer(status, **headers), answer())
        async with rig(*acts, clock=clock, on_pause=lambda *pause: told.append(pause)) as (server, session):
            outcome = await session.send(get(), 5.0)
            assert isinstance(outcome, HttpAnswer)
            assert outcome.status == status
            until_ns = NOON_NS + int(wait_s * NS_PER_S)
            assert [at for at, _ in told] == [until_ns]
            clock.wall = until_ns - 1
            refused = await session.send(get(is_order=True), 5.0)
            assert isinstance(refused, NotSent)
            assert refused.why.startswith("banned by the venue" if status == 418 else "told to slow down by the venue")
            assert len(server.heads) == 1
            clock.wall = until_ns
            assert isinstance(await session.send(get(), 5.0), HttpAnswer)

    run(story)


def test_given_two_pauses_when_the_shorter_comes_later_then_the_longer_holds() -> None:
    """A 429 after a ban does not end the ban."""
    session = HttpSession("http://127.0.0.1:1", ManualClock(NOON_NS), Chance(1), WeightBudget(9, 60.0))
    session.pause(NOON_NS + 100, "banned")
    session.pause(NOON_NS + 50, "slow")
    assert (session.paused_until_ns, session.pause_reason) == (NOON_NS + 100, "banned")


def test_given_a_used_up_budget_when_sending_then_reads_stop_first_and_orders_at_the_limit() -> None:
    """A fifth of the weight is for orders; beyond the limit nothing is sent at all."""

    async def story() -> None:
        async with rig(answer(), limit=100) as (server, session):
            assert isinstance(await session.send(get(weight=80), 5.0), HttpAnswer)
            assert isinstance(await session.send(get(weight=1), 5.0), NotSent)
            assert isinstance(await session.send(get(weight=20, is_order=True), 5.0), HttpAnswer)
            assert isinstance(await session.send(get(weight=1, is_order=True), 5.0), NotSent)
            assert len(server.heads) == 2

    run(story)


def test_given_a_venue_that_counts_more_when_it_answers_then_its_count_holds_until_the_next_window() -> None:
    """Somebody else uses the same address: the header says so."""

    async def story() -> None:
        clock = ManualClock(NOON_NS)
        async with rig(answer(X_Used="95"), answer(), clock=clock, limit=100, used_header="X-Used") as (_, session):
            await session.send(get(weight=1), 5.0)
            assert isinstance(await session.send(get(weight=1), 5.0), NotSent)
            assert isinstance(await session.send(get(weight=5, is_order=True), 5.0), HttpAnswer)
            clock.advance(60 * NS_PER_S)
            assert isinstance(await session.send(get(weight=80), 5.0), HttpAnswer)

    run(story)


# -- reads ----------------------------------------------------------------------------------------------------------------


def test_given_failures_when_reading_then_it_is_asked_again_with_a_request_made_afresh() -> None:
    """5xx and lost answers are asked again; each attempt has its own time stamp."""

    async def story() -> None:
        async with rig(answer(503), reset, answer(200, b"at last")) as (server, session):
            stamps = iter(range(10))
            outcome = await session.read(lambda: get(f"timestamp={next(stamps)}"), 5.0)
            assert isinstance(outcome, HttpAnswer)
            assert outcome.body == b"at last"
            assert [head.split(b" ")[1].partition(b"=")[2] for head in server.heads] == [b"0", b"1", b"2"]
            assert session.retries == 2

    run(story)


@pytest.mark.parametrize("status", [200, 400, 401, 404])
def test_given_an_answer_that_will_not_change_when_reading_then_it_is_asked_once(status: int) -> None:
    """What is wrong with the request stays wrong."""

    async def story() -> None:
        async with rig(answer(status)) as (server, session):
            outcome = await session.read(get, 5.0)
            assert isinstance(outcome, HttpAnswer)
            assert outcome.status == status
            assert len(server.heads) == 1

    run(story)


def test_given_nothing_but_failures_when_reading_then_the_last_outcome_is_told_after_the_tries() -> None:
    """A read gives up, and says what the last attempt came to."""

    async def story() -> None:
        async with rig(answer(500), answer(502)) as (server, session):
            outcome = await session.read(get, 5.0, tries=2)
            assert isinstance(outcome, HttpAnswer)
            assert outcome.status == 502
            assert len(server.heads) == 2

    run(story)


def test_given_an_order_when_it_is_read_then_that_is_a_defect() -> None:
    """An order is sent once: it has no business in something that asks again."""

    async def story() -> None:
        async with rig(answer()) as (server, session):
            with pytest.raises(AssertionError, match="an order is sent once"):
                await session.read(lambda: get(is_order=True), 5.0)
            assert server.heads == []

    run(story)


def test_given_keys_and_signatures_when_a_request_is_shown_then_they_are_not() -> None:
    """A request may end up in a log."""
    request = get("signature=secret", body="secret", headers={"X-Key": "secret"})
    assert repr(request) == "HttpRequest(GET /api/v3/thing)"
