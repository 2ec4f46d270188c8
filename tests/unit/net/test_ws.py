"""The session over real sockets: connects, keeps at it, replaces, and ends in order."""

from __future__ import annotations

import asyncio

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.errors import ConfigError, VenueError
from tickwright.net.pacing import ConnectBudget
from tickwright.net.ws import WsConnection, WsPolicy, WsSession
from unit.net.server import (
    CLOSE,
    FAST,
    PATIENCE_S,
    AheadClock,
    Heard,
    HighChance,
    Peer,
    Server,
    certificate,
    hang,
    hang_up,
    rig,
    run,
    welcome,
)

# -- connecting ----------------------------------------------------------------------------------------------------------


def test_given_a_server_when_running_then_it_connects_and_messages_arrive_in_order() -> None:
    """The sunny day, and what is counted."""

    async def main() -> None:
        async with rig(headers={"X-Key": "k"}) as r:
            peer = await r.peer()
            assert b"X-Key: k" in peer.request
            peer.send("a", "b", "c")
            await r.heard.until(lambda: r.heard.texts == ["a", "b", "c"])
            counters = r.session.counters
            assert (counters.connects, counters.reconnects, counters.frames, counters.bytes) == (1, 0, 3, 3)
            assert r.session.is_open
            assert all(stamp > 1.7e18 for stamp in r.heard.stamps)

    run(main)


def test_given_a_message_right_behind_the_handshake_when_connecting_then_it_comes_after_on_open() -> None:
    """The first message may share a packet with the handshake; the handler is told of the connection before it."""

    async def main() -> None:
        server = Server()
        server.early = b"\x81\x05hello"
        await server.start()
        async with rig(server) as r:
            order: list[str] = []
            r.heard.at_open = lambda _: order.append("open")
            r.heard.at_frame = lambda *_: order.append("frame")
            await r.heard.until(lambda: r.heard.texts)
            assert order == ["open", "frame"]
        await server.stop()

    run(main)


def test_given_nobody_listens_when_connecting_then_it_is_told_and_tried_again_until_somebody_does() -> None:
    """Refused (T1), then not."""

    async def main() -> None:
        server = Server()
        async with rig(server) as r:
            await r.heard.until(lambda: len(r.heard.closed) >= 3)
            assert not r.heard.opened
            assert r.heard.closed[0][1:] == ("cannot connect: Connection refused", 1006)
            await server.start()
            await r.peer()
            assert r.session.counters.connects == 1
            assert r.session.counters.reconnects == 0
            assert r.session.counters.failures >= 3
        await server.stop()

    run(main)


def test_given_a_server_that_never_answers_the_handshake_when_connecting_then_the_deadline_ends_it() -> None:
    """A connect that hangs (T4) is given up and tried again."""

    async def main() -> None:
        server = Server()
        server.greet = hang
        await server.start()
        async with rig(server, connect_deadline_s=0.05) as r:
            await r.heard.until(lambda: len(r.heard.closed) >= 2)
            assert r.heard.closed[0][1] == "cannot connect: nothing within 0.05 s"
            assert server.knocks >= 2
        await server.stop()

    run(main)


def test_given_a_server_that_hangs_up_instead_of_shaking_hands_when_connecting_then_it_is_tried_again() -> None:
    """The end of the stream during the handshake is a failed attempt, not a connection."""

    async def main() -> None:
        server = Server()
        server.greet = hang_up
        await server.start()
        async with rig(server) as r:
            await r.heard.until(lambda: len(r.heard.closed) >= 2)
            assert not r.heard.opened
            assert r.heard.closed[0][1] == "cannot connect: the venue hung up"
        await server.stop()

    run(main)


def test_given_a_server_that_answers_429_when_connecting_then_its_retry_after_is_obeyed() -> None:
    """A refusal that says for how long is not knocked at again before."""

    async def main() -> None:
        server = Server()

        async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1000\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return False

        server.greet = refuse
        await server.start()
        async with rig(server) as r:
            await r.heard.until(lambda: r.heard.closed)
            assert r.heard.closed[0][1] == "cannot connect: status 429"
            assert r.session.why == "cannot connect: status 429"
            await r.heard.until(lambda: r.session._not_before_ns)
            assert r.session._not_before_ns - r.session.clock.mono_ns() > 900e9
            assert server.knocks == 1
        await server.stop()

    run(main)


def test_given_an_address_that_is_none_when_running_then_it_is_a_configuration_error_without_the_address() -> None:
    """No amount of trying helps, and the address may have a key in it."""

    async def main() -> None:
        session = WsSession("x", lambda: "http://h/?listenKey=secret", WsPolicy(), Heard(), SystemClock(), Chance(1))
        with pytest.raises(ConfigError) as caught:
            await session.run()
        assert "secret" not in str(caught.value)

    run(main)


def test_given_tls_when_connecting_then_the_certificate_is_checked_against_the_name() -> None:
    """wss: the right name gets through, the wrong one (T3) is told as what it is."""

    async def main() -> None:
        server_tls, client_tls = certificate("localhost")
        server = Server(tls=server_tls)
        await server.start()
        for host, texts in (("localhost", ["hello"]), ("127.0.0.1", [])):
            heard = Heard()
            url = f"wss://{host}:{server.port}/"
            session = WsSession(
                "x", lambda url=url: url, WsPolicy(**FAST), heard, SystemClock(), Chance(1), ssl_context=client_tls
            )
            task = asyncio.create_task(session.run())
            await heard.until(lambda heard=heard: heard.opened or heard.closed)
            if texts:
                (await server.peer()).send("hello")
                await heard.until(lambda heard=heard: heard.texts)
            assert heard.texts == texts
            assert texts or "CERTIFICATE_VERIFY_FAILED" in heard.closed[0][1]
            await session.close()
            await task
        await server.stop()

    run(main)


# -- backoff and budget --------------------------------------------------------------------------------------------------


def test_given_refusals_when_reconnecting_then_the_delays_double_up_to_the_ceiling() -> None:
    """The schedule of full jitter: each delay is drawn between the floor and twice the range before."""

    async def main() -> None:
        server = Server()
        chance = HighChance()
        async with rig(server, chance, backoff_floor_s=0.001, backoff_ceiling_s=0.006) as r:
            await r.heard.until(lambda: len(chance.drawn) >= 5)
        await server.stop()
        assert chance.drawn[:5] == [(0.001, top) for top in (0.002, 0.004, 0.006, 0.006, 0.006)]

    run(main)


def test_given_a_connection_that_is_lost_at_once_when_reconnecting_then_the_backoff_goes_on() -> None:
    """A handshake proves nothing: the delays grow although every connect succeeds."""

    async def main() -> None:
        chance = HighChance()
        heard = Heard()
        async with rig(chance=chance, heard=heard) as r:
            heard.at_open = r.session.ready
            for _ in range(4):
                (await r.server.peer()).hang_up()
            await r.server.peer()
            await heard.until(lambda: len(heard.opened) == 5)
            assert [top for _, top in chance.drawn] == [0.002, 0.004, 0.008, 0.01]
            assert r.session.counters.reconnects == 4

    run(main)


def test_given_a_stable_while_when_the_connection_is_lost_then_the_backoff_starts_over() -> None:
    """After long enough of being ready the next loss is a first one again."""

    async def main() -> None:
        chance, clock, heard = HighChance(), AheadClock(), Heard()
        async with rig(chance=chance, heard=heard, clock=clock, stable_s=60.0) as r:
            heard.at_open = r.session.ready
            for _ in range(3):
                (await r.server.peer()).hang_up()
            peer = await r.server.peer()
            await heard.until(lambda: len(heard.opened) == 4)
            assert r.session._backoff.attempts == 3
            clock.advance(61)
            await heard.until(lambda: r.session._backoff.attempts == 0)
            peer.hang_up()
            await r.server.peer()
            assert [top for _, top in chance.drawn] == [0.002, 0.004, 0.008, 0.002]

    run(main)


def test_given_a_connection_that_is_never_ready_when_time_passes_then_the_backoff_does_not_start_over() -> None:
    """Open is not enough: a subscription that is never confirmed is no stable connection."""

    async def main() -> None:
        clock = AheadClock()
        async with rig(clock=clock, stable_s=60.0) as r:
            (await r.server.peer()).hang_up()
            peer = await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 2)
            for n in range(3):
                clock.advance(61)
                before = r.heard.opened[1]._heard_ns
                peer.send(str(n))
                await r.heard.until(lambda before=before: r.heard.opened[1]._heard_ns > before)
            assert r.session._backoff.attempts == 1

    run(main)


def test_given_a_used_up_budget_when_two_sessions_reconnect_then_neither_knocks() -> None:
    """A connect storm cannot be: the budget is shared per host."""

    async def main() -> None:
        budget = ConnectBudget(3, 1_000.0)
        server = Server()
        await server.start()
        async with rig(server, budget=budget) as first, rig(server, budget=budget) as second:
            for _ in range(3):
                (await server.peer()).hang_up()
            await first.heard.until(lambda: first.session.why == second.session.why == "the budget of connects is used up")
            assert server.knocks == 3
        await server.stop()

    run(main)


def test_given_a_budget_window_that_ends_when_waiting_then_both_sessions_go_on_within_it() -> None:
    """The wait is for the window, and whoever comes first takes the token: INV-31."""

    async def main() -> None:
        budget = ConnectBudget(2, 0.05)
        server = Server()
        await server.start()
        async with rig(server, budget=budget), rig(server, budget=budget):
            for _ in range(7):
                (await server.peer()).hang_up()
        await server.stop()
        assert server.knocks >= 7

    run(main)


# -- rotation ------------------------------------------------------------------------------------------------------------


def test_given_a_connection_of_age_when_it_is_replaced_then_nothing_is_lost_and_the_old_one_goes_last() -> None:
    """Make before break: the old connection delivers until the new one is ready."""

    async def main() -> None:
        async with rig() as r:
            old = await r.peer()
            r.session.ready(r.heard.opened[0])
            old.send("1")
            r.session.rotate_soon()
            new = await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 2)
            old.send("2")
            new.send("2", "3")
            await r.heard.until(lambda: len(r.heard.texts) == 4)
            assert not r.heard.closed
            r.session.ready(r.heard.opened[1])
            assert await old.hear(CLOSE)
            await r.heard.until(lambda: r.heard.closed)
            new.send("4")
            await r.heard.until(lambda: "4" in r.heard.texts)
            first, second = r.heard.opened
            # Each connection hands on all that it was sent, in order; what came twice is told apart by the connection.
            assert [text for conn, text in r.heard.at if conn is first] == ["1", "2"]
            assert [text for conn, text in r.heard.at if conn is second] == ["2", "3", "4"]
            assert [(conn, why) for conn, why, _ in r.heard.closed] == [(first, "rotation")]
            assert r.session.current is second
            counters = r.session.counters
            assert (counters.connects, counters.rotations, counters.reconnects) == (2, 1, 0)

    run(main)


def test_given_a_stream_of_numbers_when_the_session_rotates_again_and_again_then_none_is_missing() -> None:
    """No loss: every number arrives on at least one connection; none twice on the same."""

    async def main() -> None:
        heard = Heard()
        told: list[int] = []
        async with rig(heard=heard) as r:

            def number(_: WsConnection, payload: bytes) -> None:
                # Ready as soon as both connections have delivered one and the same: from here on nothing can be missed.
                newest = heard.opened[-1]
                if not newest.is_ready and (len(heard.opened) == 1 or payload.decode() in heard.texts):
                    r.session.ready(newest)

            heard.at_frame = number
            peers: list[Peer] = []
            async with asyncio.timeout(PATIENCE_S):
                while r.session.counters.rotations < 5:
                    while not r.server.peers.empty():
                        peers.append(r.server.peers.get_nowait())
                    if peers:
                        told.append(len(told))
                        for peer in peers:
                            if not peer.ended.is_set():
                                peer.send(str(told[-1]))
                    if len(told) % 10 == 9:
                        r.session.rotate_soon()
                    await asyncio.sleep(0.0005)
            await heard.until(lambda: str(told[-1]) in heard.texts)
            assert sorted({int(text) for text in heard.texts}) == told
            for conn in heard.opened:
                numbers = [int(text) for owner, text in heard.at if owner is conn]
                assert numbers == sorted(set(numbers))
            assert {why for _, why, _ in heard.closed} == {"rotation"}

    run(main)


def test_given_the_maximum_age_when_it_is_near_then_the_session_rotates_by_itself_with_jitter() -> None:
    """Planned, before the venue does it; the jitter keeps sessions apart."""

    async def main() -> None:
        heard = Heard()
        async with rig(heard=heard, age_max_s=0.08, age_jitter_s=0.04) as r:
            heard.at_open = r.session.ready
            await heard.until(lambda: r.session.counters.rotations >= 2)
            assert all(why == "rotation" for _, why, _ in heard.closed)

    run(main)


def test_given_a_new_connection_that_does_not_get_ready_when_rotating_then_the_old_one_stays_and_it_is_tried_again() -> None:
    """Half a connection does not replace a whole one."""

    async def main() -> None:
        async with rig(ready_deadline_s=0.03) as r:
            old = await r.peer()
            r.session.ready(r.heard.opened[0])
            r.session.rotate_soon()
            await r.server.peer()
            await r.heard.until(lambda: r.heard.closed)
            assert r.heard.closed[0][:2] == (r.heard.opened[1], "not ready in time")
            assert r.session.current is r.heard.opened[0]
            old.send("still here")
            await r.heard.until(lambda: r.heard.texts == ["still here"])
            await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 3)
            r.session.ready(r.heard.opened[2])
            await r.heard.until(lambda: r.session.counters.rotations == 1)
            assert r.session.current is r.heard.opened[2]

    run(main)


def test_given_a_venue_that_refuses_a_second_connection_when_rotating_then_the_old_one_stays() -> None:
    """A failed attempt at rotation costs nothing."""

    async def main() -> None:
        async with rig() as r:
            old = await r.peer()
            r.server.greet = hang_up
            r.session.rotate_soon()
            await r.heard.until(lambda: r.session.counters.failures >= 2)
            old.send("still here")
            await r.heard.until(lambda: r.heard.texts)
            r.server.greet = welcome
            await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 2)
            r.session.ready(r.heard.opened[1])
            await r.heard.until(lambda: r.session.counters.rotations == 1)

    run(main)


def test_given_the_old_connection_dies_while_the_new_one_gets_ready_when_rotating_then_the_new_one_takes_over() -> None:
    """The one that is there is used, without another attempt."""

    async def main() -> None:
        async with rig() as r:
            old = await r.peer()
            r.session.rotate_soon()
            new = await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 2)
            old.hang_up(reset=True)
            await r.heard.until(lambda: r.heard.closed)
            r.session.ready(r.heard.opened[1])
            await r.heard.until(lambda: r.session.current is r.heard.opened[1])
            new.send("x")
            await r.heard.until(lambda: r.heard.texts == ["x"])
            assert r.server.knocks == 2

    run(main)


def test_given_the_old_connection_falls_silent_when_rotating_then_that_is_noticed_all_the_same() -> None:
    """Watching goes on while another connection is being made, even one that hangs."""

    async def main() -> None:
        heard = Heard()
        heard.at_open = lambda conn: conn.watch("book", floor_s=0.05, ceiling_s=0.1)
        async with rig(heard=heard) as r:
            await r.peer()
            r.server.greet = hang
            r.session.rotate_soon()
            await heard.until(lambda: heard.closed)
            assert heard.closed[0][1] == "book is silent"

    run(main)


# -- the end -------------------------------------------------------------------------------------------------------------


def test_given_an_open_connection_when_closing_then_there_is_a_close_frame_and_run_returns() -> None:
    """In order: the other end hears of it, and the handler too."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            await r.session.close()
            assert await peer.hear(CLOSE) == b"\x03\xe8closing"
            assert r.task.done()
            assert await r.task is None
            assert r.heard.closed == [(r.heard.opened[0], "closing", 1000)]

    run(main)


def test_given_a_server_that_ignores_the_close_frame_when_closing_then_the_deadline_ends_it() -> None:
    """A half-open connection does not hold up the end."""

    async def main() -> None:
        async with rig(close_deadline_s=0.05) as r:
            (await r.peer()).answers_close = False
            await asyncio.wait_for(r.session.close(), PATIENCE_S)
            assert r.task.done()
            assert [why for _, why, _ in r.heard.closed] == ["closing"]

    run(main)


def test_given_a_running_session_when_cancelled_then_it_says_goodbye_and_nothing_is_left() -> None:
    """Cancelling is as orderly as closing."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            r.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await r.task
            assert await peer.hear(CLOSE)
            assert r.heard.closed[0][1] == "closing"

    run(main)


def test_given_a_session_between_attempts_when_closing_then_it_ends_at_once() -> None:
    """A minute of backoff is not waited for."""

    async def main() -> None:
        async with rig(backoff_floor_s=60.0, backoff_ceiling_s=60.0) as r:
            (await r.peer()).hang_up()
            await r.heard.until(lambda: r.heard.closed)
            await asyncio.wait_for(r.session.close(), PATIENCE_S)

    run(main)


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_given_a_connect_that_hangs_when_ended_then_it_ends_at_once_and_for_both_sides(how) -> None:
    """The handshake is not waited for either, and the half-made connection does not outlive the session."""

    async def main() -> None:
        server = Server()
        noticed = asyncio.Event()
        knocked = asyncio.Event()

        async def hang_until_noticed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bool:
            knocked.set()
            await reader.read()
            noticed.set()
            return False

        server.greet = hang_until_noticed
        await server.start()
        async with rig(server, connect_deadline_s=60.0) as r:
            await knocked.wait()
            if how == "close":
                await asyncio.wait_for(r.session.close(), PATIENCE_S)
            else:
                r.task.cancel()
                await asyncio.wait([r.task])
            assert not r.heard.closed
            await asyncio.wait_for(noticed.wait(), PATIENCE_S)
        await server.stop()

    run(main)


def test_given_a_session_that_never_ran_when_closed_then_nothing_happens() -> None:
    """Closing is safe at any time."""

    async def main() -> None:
        await WsSession("x", lambda: "ws://127.0.0.1:1/", WsPolicy(**FAST), Heard(), SystemClock(), Chance(1)).close()

    run(main)


# -- defects of the handler ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["at_open", "at_frame", "at_close"])
def test_given_a_handler_with_a_defect_when_it_raises_then_run_raises_it_and_nothing_more_is_handed_on(where) -> None:
    """A defect ends the session, seen; it never ends it silently."""

    async def main() -> None:
        heard = Heard()

        def broken(*_: object) -> None:
            raise ZeroDivisionError(where)

        async with rig(heard=heard) as r:
            setattr(heard, where, broken)
            peer = await r.server.peer()
            peer.send("a", "b", "c")
            if where == "at_close":
                await heard.until(lambda: len(heard.texts) == 3)
                peer.hang_up()
            with pytest.raises(ZeroDivisionError, match=where):
                await asyncio.wait_for(asyncio.shield(r.task), PATIENCE_S)
            assert len(heard.texts) == (3 if where == "at_close" else 0)
            assert len(heard.opened) == 1

    run(main)


def test_given_a_handler_that_must_not_reconnect_when_it_raises_in_on_close_then_the_session_ends_with_that() -> None:
    """Evicted because the account is in use elsewhere: no reconnect war (T15)."""

    async def main() -> None:
        heard = Heard()

        def evicted(_: object) -> None:
            if heard.closed[-1][2] == 4001:
                raise VenueError("another session has logged on")

        heard.at_close = evicted
        async with rig(heard=heard) as r:
            (await r.peer()).close(4001, b"evicted")
            with pytest.raises(VenueError, match="another session"):
                await asyncio.wait_for(asyncio.shield(r.task), PATIENCE_S)
            assert r.server.knocks == 1

    run(main)
