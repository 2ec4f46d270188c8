"""One connection over a real socket: what comes in, what goes out, and every way in which the other end can be gone."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from typing import Any

import pytest

from tickwright.base.errors import WireError
from tickwright.net.ws import WsConnection
from unit.net.server import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, AheadClock, Heard, frame, rig, run

# -- frames --------------------------------------------------------------------------------------------------------------


def test_given_fragments_with_a_ping_between_when_they_arrive_then_one_whole_message_is_handed_on() -> None:
    """Truncated and fragmented (T12): reassembled, whatever control frames come between."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            peer.raw(frame(TEXT, b"one ", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"two ", fin=False))
            assert await peer.hear(PONG) == b"p"
            peer.raw(frame(CONTINUATION, b"three") + frame(TEXT, b"next"))
            await r.heard.until(lambda: r.heard.texts == ["one two three", "next"])
            assert r.session.counters.frames == 2

    run(main)


def test_given_a_frame_byte_by_byte_when_it_is_whole_then_it_is_handed_on() -> None:
    """A drip (T7) is slow, not wrong."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            for byte in frame(TEXT, b"drip"):
                peer.raw(bytes([byte]))
                await peer.writer.drain()
                await asyncio.sleep(0)
            await r.heard.until(lambda: r.heard.texts == ["drip"])

    run(main)


def test_given_a_binary_message_when_it_arrives_then_it_is_handed_on_like_text() -> None:
    """Some venues send JSON as binary."""

    async def main() -> None:
        async with rig() as r:
            (await r.peer()).raw(frame(BINARY, b"{}"))
            await r.heard.until(lambda: r.heard.texts == ["{}"])

    run(main)


WRONG = {
    "too big": (frame(TEXT, b"x" * 1_001), "broken frame"),
    "far too big to send": (frame(TEXT, b"", length=1 << 40), "broken frame"),
    "too big in parts": (
        frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 600),
        "a message of more than 1000 bytes",
    ),
    "a part of nothing": (frame(CONTINUATION, b"x"), "fragments out of order"),
    "two beginnings": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y", fin=False), "fragments out of order"),
    "an opcode that is none": (frame(3, b"x"), "broken frame"),
    "a masked frame": (b"\x81\x81\x00\x00\x00\x00x", "broken frame"),
    "a close code that is none": (frame(CLOSE, struct.pack("!H", 42)), "broken frame"),
}


@pytest.mark.parametrize("name", WRONG)
def test_given_a_frame_that_must_not_be_when_it_arrives_then_nothing_is_handed_on_and_it_is_reconnected(name) -> None:
    """Oversized (T11) or broken: closed with a reason, and made anew."""

    async def main() -> None:
        data, why = WRONG[name]
        async with rig(frame_bytes_max=1_000) as r:
            peer = await r.peer()
            peer.answers_close = False
            peer.raw(data)
            assert await peer.hear(CLOSE)
            peer.hang_up()
            again = await r.server.peer()
            await r.heard.until(lambda: len(r.heard.opened) == 2)
            assert r.heard.texts == []
            assert r.heard.closed[0][1].startswith(why)
            again.send("x" * 1_000)
            await r.heard.until(lambda: r.heard.texts)

    run(main)


def test_given_garbage_when_the_handler_cannot_read_it_then_it_is_counted_and_the_connection_goes_on() -> None:
    """What is inside a frame is the handler's to judge (T13)."""

    async def main() -> None:
        heard = Heard()

        def judge(_: WsConnection, payload: bytes) -> None:
            if payload == b"\xff\xfe":
                raise WireError("not text")

        heard.at_frame = judge
        async with rig(heard=heard, garbage_streak_max=3) as r:
            peer = await r.peer()
            garbage = frame(TEXT, b"\xff\xfe")
            peer.raw((garbage + garbage + frame(TEXT, b"good")) * 5)
            await heard.until(lambda: len(heard.texts) == 5)
            assert r.session.counters.garbage == 10
            assert not heard.closed

    run(main)


def test_given_nothing_but_garbage_when_there_is_too_much_in_a_row_then_it_is_reconnected() -> None:
    """A connection that talks nonsense is not kept."""

    async def main() -> None:
        heard = Heard()

        def judge(*_: Any) -> None:
            raise WireError("not text")

        heard.at_frame = judge
        async with rig(heard=heard, garbage_streak_max=3) as r:
            (await r.peer()).send("a", "b", "c")
            await r.server.peer()
            assert heard.closed[0][1] == "3 unreadable messages in a row"

    run(main)


# -- the other end goes --------------------------------------------------------------------------------------------------


def test_given_a_close_code_when_the_server_closes_then_it_is_answered_told_and_reconnected() -> None:
    """Server close (T15): the code reaches the handler."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            peer.answers_close = False
            peer.close(1012, b"restart")
            assert await peer.hear(CLOSE)
            await r.server.peer()
            assert r.heard.closed[0][1:] == ("closed by the venue (1012: restart)", 1012)

    run(main)


@pytest.mark.parametrize(("payload", "code"), [(b"", 1005), (struct.pack("!H", 4001) + b"x", 4001)])
def test_given_no_code_or_one_of_the_venue_s_own_when_the_server_closes_then_it_is_told_as_it_is(payload, code) -> None:
    """Codes are not limited to those of the standard."""

    async def main() -> None:
        async with rig() as r:
            (await r.peer()).raw(frame(CLOSE, payload))
            await r.heard.until(lambda: r.heard.closed)
            assert r.heard.closed[0][2] == code

    run(main)


@pytest.mark.parametrize("reset", [True, False])
def test_given_half_a_frame_when_the_connection_breaks_then_nothing_of_it_is_handed_on(reset) -> None:
    """Reset mid-frame (T5): the whole messages before it were handed on, the half one never is."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            peer.raw(frame(TEXT, b"whole") + frame(TEXT, b"half of it")[:6])
            await r.heard.until(lambda: r.heard.texts)
            peer.hang_up(reset=reset)
            again = await r.server.peer()
            again.send("fresh")
            await r.heard.until(lambda: len(r.heard.texts) == 2)
            assert r.heard.texts == ["whole", "fresh"]
            assert r.heard.closed[0][1:] == ("connection lost", 1006)

    run(main)


# -- silence and signs of life -------------------------------------------------------------------------------------------


def test_given_a_ping_when_it_arrives_then_it_is_answered_with_its_own_payload() -> None:
    """The venue's heartbeat."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            peer.raw(frame(PING, b"1723075200000"))
            assert await peer.hear(PONG) == b"1723075200000"
            assert r.session.counters.pings == 1

    run(main)


def test_given_nothing_comes_when_it_is_time_then_we_ping_and_an_answer_keeps_the_connection() -> None:
    """Our heartbeat: several pings, each answered, and the connection stays."""

    async def main() -> None:
        async with rig(ping_every_s=0.02, pong_deadline_s=30.0) as r:
            peer = await r.peer()
            for _ in range(3):
                await peer.hear(PING)
            assert not r.heard.closed

    run(main)


def test_given_a_half_open_connection_when_no_pong_comes_then_it_is_reconnected() -> None:
    """The server is gone without a word (T6): no data, no pong, no end of the stream."""

    async def main() -> None:
        async with rig(ping_every_s=0.02, pong_deadline_s=0.04) as r:
            peer = await r.peer()
            peer.answers_pings = False
            await r.server.peer()
            await r.heard.until(lambda: r.session.counters.reconnects)  # the server knows of a connection before we do
            assert r.heard.closed[0][1:] == ("no sign of life", 1006)
            assert r.session.counters.reconnects == 1

    run(main)


def test_given_pings_that_are_never_answered_when_data_flows_all_the_same_then_the_connection_is_kept() -> None:
    """Data is the better sign of life."""

    async def main() -> None:
        clock = AheadClock()
        async with rig(clock=clock, ping_every_s=10.0, pong_deadline_s=10.0) as r:
            peer = await r.peer()
            peer.answers_pings = False
            for n in range(4):
                clock.advance(10.5)
                await peer.hear(PING)
                peer.send(str(n))
                conn = r.heard.opened[0]
                await r.heard.until(lambda conn=conn: not conn._pinged_ns)
            assert not r.heard.closed

    run(main)


def test_given_pongs_but_no_data_when_a_subscription_is_watched_then_it_is_reconnected() -> None:
    """Alive but mute (T14): the socket looks well, the subscription does not."""

    async def main() -> None:
        heard = Heard()
        heard.at_open = lambda conn: conn.watch("book", floor_s=0.04, ceiling_s=0.08)
        async with rig(heard=heard, ping_every_s=0.01, pong_deadline_s=30.0) as r:
            peer = await r.server.peer()
            await peer.hear(PING)
            await r.server.peer()
            assert heard.silent[0] == "book"
            assert heard.closed[0][1] == "book is silent"
            assert r.session.counters.silences >= 1

    run(main)


def test_given_one_subscription_with_data_and_one_that_never_starts_when_watched_then_the_second_is_found() -> None:
    """Counts data of each subscription, not frames: armed at subscribe."""

    async def main() -> None:
        heard = Heard()

        def subscribe(conn: WsConnection) -> None:
            conn.watch("book", floor_s=60.0)
            conn.watch("trades", floor_s=0.05, ceiling_s=0.1)

        heard.at_open = subscribe
        heard.at_frame = lambda conn, _: conn.saw("book")
        async with rig(heard=heard) as r:
            peer = await r.server.peer()
            n = 0
            while not heard.closed:
                peer.send(str(n := n + 1))
                await asyncio.sleep(0.005)
            assert heard.silent == ["trades"]
            assert heard.closed[0][1] == "trades is silent"

    run(main)


def test_given_a_silence_when_the_handler_subscribes_again_in_vain_then_it_is_asked_twice_and_reconnected() -> None:
    """Resubscribe once, then reconnect hard."""

    async def main() -> None:
        heard = Heard(acts=True)
        heard.at_open = lambda conn: conn.watch("book", floor_s=0.03, ceiling_s=0.06)
        async with rig(heard=heard) as r:
            await r.server.peer()
            await r.server.peer()
            assert heard.silent[:2] == ["book", "book"]
            assert heard.closed[0][1] == "book is silent"

    run(main)


def test_given_a_silence_when_subscribing_again_helps_then_the_connection_is_kept() -> None:
    """A second subscription that delivers is as good as a first one."""

    async def main() -> None:
        clock, heard = AheadClock(), Heard(acts=True)
        heard.at_open = lambda conn: conn.watch("book", floor_s=1.0, ceiling_s=4.0)
        heard.at_frame = lambda conn, _: conn.saw("book")
        async with rig(heard=heard, clock=clock, check_every_s=0.005) as r:
            peer = await r.server.peer()
            await heard.until(lambda: heard.opened)
            watch = heard.opened[0].watches["book"]
            watch.seen_ns -= 5_000_000_000
            await heard.until(lambda: watch.nudged)
            peer.send("data")
            await heard.until(lambda: not watch.nudged)
            assert heard.silent == ["book"]
            assert not heard.closed
            assert r.session.ages_s()["book"] < 4.0

    run(main)


def test_given_a_subscription_that_is_given_up_when_it_is_silent_then_nobody_minds() -> None:
    """Unwatched is not watched; data of what is not watched is no error."""

    async def main() -> None:
        async with rig() as r:
            await r.peer()
            conn = r.heard.opened[0]
            conn.watch("book", floor_s=0.01, ceiling_s=0.01)
            conn.unwatch("book")
            conn.unwatch("never was")
            conn.saw("book")
            assert conn.ages_s() == {}

    run(main)


# -- sending -------------------------------------------------------------------------------------------------------------


def test_given_more_than_the_pace_when_sending_then_no_window_sees_more_and_urgent_ones_overtake() -> None:
    """A hundred resubscriptions are paced; an order does not wait for them, and pongs count."""

    async def main() -> None:
        window_s, burst = 0.1, 3
        async with rig(sends_per_s=burst / window_s, sends_burst=burst) as r:
            peer = await r.peer()
            conn = r.heard.opened[0]
            for n in range(7):
                assert conn.send(f"subscribe {n}")
            peer.raw(frame(PING, b"are you there"))
            await r.heard.until(lambda: r.session.counters.pings)
            assert conn.send("place", urgent=True)
            assert conn.send(b"cancel", urgent=True)
            assert conn.pending > 0
            at: list[float] = []
            got: list[bytes] = []
            while len(got) < 10:
                kind, payload = await asyncio.wait_for(peer.heard.get(), 10)
                at.append(time.monotonic())
                got.append(b"pong" if kind == PONG else payload)
            rest = [b"subscribe %d" % n for n in range(3, 7)]
            assert got == [b"subscribe 0", b"subscribe 1", b"subscribe 2", b"pong", b"place", b"cancel", *rest]
            # The fourth after a first cannot come sooner than a window later; the socket may bunch two of them a little.
            assert all(late - early > 0.5 * window_s for early, late in zip(at, at[burst:], strict=False))

    run(main)


def test_given_a_full_lane_when_sending_then_it_is_refused_and_what_waits_is_counted_when_the_connection_goes() -> None:
    """A bound on what waits; what was not sent is known."""

    async def main() -> None:
        async with rig(sends_per_s=0.01, sends_burst=1, sends_waiting_max=2) as r:
            peer = await r.peer()
            conn = r.heard.opened[0]
            assert [conn.send(str(n)) for n in range(4)] == [True, True, True, False]
            assert conn.send("urgent", urgent=True)
            assert conn.pending == 3
            peer.hang_up()
            await r.heard.until(lambda: r.heard.closed)
            assert not conn.send("too late")
            assert r.session.counters.unsent == 3

    run(main)


def test_given_a_dropped_connection_when_sending_then_it_is_refused_at_once() -> None:
    """From the moment it is given up nothing is sent, though the other end has not yet agreed."""

    async def main() -> None:
        async with rig() as r:
            peer = await r.peer()
            peer.answers_close = False
            conn = r.heard.opened[0]
            conn.drop("enough")
            assert not conn.send("x")
            assert await peer.hear(CLOSE) == b"\x03\xe9enough"
            peer.send("still on its way")
            await r.heard.until(lambda: r.heard.texts)
            conn.drop("at once", hard=True)
            await r.server.peer()
            assert r.heard.closed[0][1] == "enough"

    run(main)


def test_given_a_server_that_does_not_read_when_sending_then_it_is_noticed_and_reconnected_without_a_stall() -> None:
    """Choked (T16): what is sent waits within its bound, data goes on, and the connection does not stay like that."""

    async def main() -> None:
        async with rig(drain_deadline_s=0.1, sends_per_s=1e6, sends_burst=1_000_000, sends_waiting_max=100) as r:
            peer = await r.peer()
            peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            peer.writer.transport.pause_reading()
            conn = r.heard.opened[0]
            while conn.send("x" * 100_000):
                pass
            assert conn.pending == 100
            peer.send("data")
            await r.heard.until(lambda: r.heard.texts == ["data"])
            await r.server.peer()
            assert r.heard.closed[0][1] == "what is sent is not taken"
            peer.writer.transport.abort()

    run(main)


def test_given_a_server_that_reads_late_when_it_reads_then_what_waited_is_sent_in_order() -> None:
    """Not every pause is the end."""

    async def main() -> None:
        async with rig(drain_deadline_s=60.0, sends_per_s=1e6, sends_burst=1_000_000) as r:
            peer = await r.peer()
            peer.writer.transport.pause_reading()
            conn = r.heard.opened[0]
            sent = 0
            while conn.pending < 3:
                sent += 1
                conn.send(f"{sent:06d}" + "x" * 200_000)
            peer.writer.transport.resume_reading()
            for n in range(1, sent + 1):
                assert (await peer.hear(TEXT)).startswith(b"%06d" % n)
            assert conn.pending == 0

    run(main)
