"""The network: order and bytes of a connection, back pressure, ends, and every fault by itself at an exact moment."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.sim.world import NetFault, NetFaultKind, NetFaults, World
from tickwright.sim.world.pipe import WINDOW_BYTES
from unit.sim.world.echo import STEADY, Pair, Recorder, make_world

K = NetFaultKind


def make_pair(world: World, *, echo: bool = False) -> Pair:
    return Pair(world, world.node("server"), world.node("client"), echo=echo)


# -- what works ------------------------------------------------------------------------------------------------------------


def test_given_a_message_when_it_is_sent_then_it_takes_as_long_as_the_network_says() -> None:
    """Ten milliseconds each way."""
    with make_world() as world:
        pair = make_pair(world, echo=True)
        sent_s = pair.client_node.loop.time()
        pair.here.transport.write(b"hello")
        world.advance(1)
        assert pair.there.data == pair.here.data == b"hello"
        assert pair.here.at_s[0] - sent_s == pytest.approx(0.02, abs=0.001)


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=3_000), min_size=1, max_size=30), st.integers(0, 1_000))
def test_given_any_messages_when_cut_and_joined_then_the_bytes_arrive_in_order(messages: list[bytes], seed: int) -> None:
    """Pieces are of the network's making, the stream is not."""
    faults = NetFaults(split_share=0.5, merge_share=0.3, pieces_max=6)
    with make_world(seed, faults) as world:
        pair = make_pair(world)
        for message in messages:
            pair.here.transport.write(message)
            world.advance(0.002)
        world.advance(5)
        assert pair.there.data == b"".join(messages)


def test_given_a_large_message_when_nobody_reads_then_the_sender_is_told_to_wait_and_to_go_on() -> None:
    """Two systems' buffers are full; the rest waits with the sender."""
    with make_world() as world:
        pair = make_pair(world)
        pair.there.transport.pause_reading()
        pair.here.transport.write(bytes(WINDOW_BYTES + 200_000))
        world.advance(1)
        assert pair.here.transport.get_write_buffer_size() == 200_000
        assert pair.here.told == ["made", "pause"]
        assert pair.there.data == b""
        pair.there.transport.resume_reading()
        world.advance(1)
        assert pair.here.told == ["made", "pause", "resume"]
        assert len(pair.there.data) == WINDOW_BYTES + 200_000
        assert pair.here.transport.get_write_buffer_size() == 0


def test_given_an_end_that_closes_when_there_is_something_to_send_then_it_arrives_first() -> None:
    """In the order of asyncio: data, the end of it, lost."""
    with make_world() as world:
        pair = make_pair(world)
        pair.here.transport.write(b"last words")
        pair.here.transport.close()
        world.advance(1)
        assert pair.there.told == ["made", "data", "eof", "lost"]
        assert pair.there.data == b"last words"
        assert pair.there.lost is None
        assert pair.here.told == ["made", "lost"]
        assert world.network.links[1].is_over


def test_given_a_closed_end_when_something_arrives_for_it_then_the_sender_is_reset() -> None:
    """As a system answers for a socket that is no more."""
    with make_world() as world:
        pair = make_pair(world)
        pair.here.transport.abort()
        pair.there.transport.write(b"anybody?")
        world.advance(1)
        assert "lost" in pair.there.told
        assert world.network.links[1].is_over


def test_given_a_half_closed_connection_when_the_other_way_is_used_then_it_still_works() -> None:
    """``write_eof`` ends one direction only."""

    class Patient(Recorder):
        def eof_received(self):
            super().eof_received()
            self.transport.write(b"answer")
            return True

    with make_world() as world:
        server, client = world.node("server"), world.node("client")
        there, here = Patient(), Recorder()
        server.loop.network.listen(server.loop, 80, lambda: there)
        world.run(client, client.loop.create_connection(lambda: here, "server", 80), limit_s=1)
        here.transport.write(b"question")
        here.transport.write_eof()
        world.advance(1)
        assert there.told == ["made", "data", "eof"]
        assert here.data == b"answer"
        with pytest.raises(RuntimeError, match="write_eof"):
            here.transport.write(b"more")


def test_given_a_socket_that_is_hung_up_when_a_transport_is_over_it_then_both_ends_end() -> None:
    """``shutdown`` by whoever holds the socket: how net/reach.py hangs up."""
    with make_world() as world:
        pair = make_pair(world)
        sock = pair.here.transport.get_extra_info("socket")
        sock.shutdown(socket.SHUT_RDWR)
        world.advance(1)
        assert sock.fileno() == -1
        assert pair.here.told == ["made", "eof", "lost"]
        assert pair.there.told == ["made", "eof", "lost"]


def test_given_a_protocol_that_raises_when_data_comes_then_it_loses_its_connection_and_the_world_is_told() -> None:
    """A defect is not swallowed."""

    class Broken(Recorder):
        def data_received(self, data):
            raise ValueError("cannot read this")

    with make_world() as world:
        server, client = world.node("server"), world.node("client")
        here = Recorder()
        server.loop.network.listen(server.loop, 80, Broken)
        world.run(client, client.loop.create_connection(lambda: here, "server", 80), limit_s=1)
        here.transport.write(b"x")
        with pytest.raises(Exception, match="cannot read this"):
            world.advance(1)
        world.advance(1)
        assert here.told[-1] == "lost"


def test_given_no_host_or_no_port_when_connected_to_then_it_is_as_the_system_says() -> None:
    """An unknown name, a port that nobody listens at, a port that is taken."""
    with make_world() as world:
        server, client = world.node("server"), world.node("client")
        server.loop.network.listen(server.loop, 80, Recorder)

        async def connect(host: str, port: int) -> None:
            await asyncio.get_running_loop().create_connection(Recorder, host, port)

        with pytest.raises(socket.gaierror):
            world.run(client, connect("nowhere", 80), limit_s=10)
        with pytest.raises(ConnectionRefusedError):
            world.run(client, connect("server", 81), limit_s=10)
        with pytest.raises(OSError, match="in use") as caught:
            server.loop.network.listen(server.loop, 80, Recorder)
        assert caught.value.errno == errno.EADDRINUSE


def test_given_a_process_with_no_room_for_sockets_when_it_connects_then_it_is_refused_one() -> None:
    """H8: no file descriptors."""
    with make_world() as world:
        pair = make_pair(world)
        pair.client_node.loop.sockets_max = 1
        with pytest.raises(OSError, match="Too many open files"):
            pair.connect()
        pair.here.transport.abort()
        world.advance(1)
        assert pair.client_node.loop.sockets_open == 0
        pair.connect()


# -- what goes wrong -------------------------------------------------------------------------------------------------------


def _attempt(world: World, pair: Pair) -> BaseException | None:
    try:
        pair.connect()
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("kind", "error"),
    [(K.DNS_FAILS, socket.gaierror), (K.REFUSED, ConnectionRefusedError), (K.TLS_FAILS, ssl.SSLError)],
)
def test_given_a_fault_of_a_host_when_it_is_connected_to_then_it_fails_as_long_as_that_lasts(
    kind: NetFaultKind, error: type[OSError]
) -> None:
    """And works again after it."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=kind, host="server", seconds=5.0)
        world.advance(0)
        assert isinstance(_attempt(world, pair), error)
        world.advance(5)
        assert _attempt(world, pair) is None
        assert [fault.kind for fault in world.network.happened] == [kind]


def test_given_a_host_that_hangs_when_connected_to_then_the_system_gives_up_after_two_minutes() -> None:
    """Whoever wants to know earlier sets a deadline."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.HANGS, host="server", seconds=300.0)
        world.advance(0)
        began_s = world.now_s
        error = _attempt(world, pair)
        assert isinstance(error, TimeoutError)
        assert world.now_s - began_s == pytest.approx(127, abs=1)


def test_given_a_reset_when_a_message_is_under_way_then_it_is_cut_short_and_both_ends_are_told() -> None:
    """T5."""
    with make_world() as world:
        pair = make_pair(world)
        pair.here.transport.write(b"x" * 1_000)
        pair.befall(kind=K.RESET)
        world.advance(0)
        world.advance(1)
        assert 0 < len(pair.there.data) < 1_000
        assert isinstance(pair.there.lost, ConnectionResetError)
        assert isinstance(pair.here.lost, ConnectionResetError)


def test_given_a_close_in_between_when_it_comes_then_both_ends_see_an_orderly_end() -> None:
    """T15, as a proxy does it."""
    with make_world() as world:
        pair = make_pair(world)
        pair.there.transport.write(b"before")
        pair.befall(kind=K.CLOSED)
        world.advance(1)
        assert pair.here.told == ["made", "data", "eof", "lost"]
        assert pair.there.told == ["made", "eof", "lost"]


def test_given_a_half_open_connection_when_used_then_nothing_passes_and_nobody_is_told() -> None:
    """T6: for ever; and an end that gives up is not heard by the other either."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.HALF_OPEN)
        world.advance(0)
        pair.here.transport.write(b"anybody?")
        pair.there.transport.write(b"anybody?")
        world.advance(3_600)
        assert pair.here.data == pair.there.data == b""
        pair.here.transport.abort()
        world.advance(3_600)
        assert pair.here.told == ["made", "lost"]
        assert pair.there.told == ["made"]


def test_given_a_silence_when_it_ends_then_everything_arrives_at_once() -> None:
    """What was lost is sent again by the system, as TCP does."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.SILENCE, seconds=5.0)
        world.advance(0)
        for _ in range(3):
            pair.here.transport.write(b"a")
            world.advance(1)
        assert pair.there.data == b""
        world.advance(3)
        assert pair.there.pieces == [b"aaa"]
        assert pair.there.lost == "not yet"


@pytest.mark.parametrize("kind", [K.REPLIES_LOST, K.REQUESTS_LOST])
def test_given_one_silent_direction_when_its_time_is_over_then_the_connection_is_broken(kind: NetFaultKind) -> None:
    """O1 and O3: the other direction works meanwhile."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=kind, seconds=4.0)
        world.advance(0)
        pair.here.transport.write(b"request")
        pair.there.transport.write(b"reply")
        world.advance(3)
        works, silent = (pair.there, pair.here) if kind is K.REPLIES_LOST else (pair.here, pair.there)
        assert works.data != b""
        assert silent.data == b""
        world.advance(2)
        assert silent.data == b""
        assert isinstance(pair.here.lost, ConnectionResetError)
        assert isinstance(pair.there.lost, ConnectionResetError)


def test_given_a_drip_when_a_message_comes_then_it_comes_byte_by_byte() -> None:
    """T7: one byte a second, then as usual."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.DRIP, seconds=10.0, value=1.0)
        world.advance(0)
        pair.here.transport.write(b"0123456789abcdefghij")
        world.advance(5.5)
        assert pair.there.data == b"012345"
        assert {len(piece) for piece in pair.there.pieces} == {1}
        world.advance(10)
        assert pair.there.data == b"0123456789abcdefghij"


def test_given_a_spike_when_messages_come_then_they_are_late_and_in_order() -> None:
    """T8."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.SPIKE, seconds=1.0, value=2.0)
        world.advance(0)
        pair.here.transport.write(b"slow")
        world.advance(1.5)
        pair.here.transport.write(b"fast")
        assert pair.there.data == b""
        world.advance(1)
        assert pair.there.data == b"slowfast"


def test_given_a_choked_server_when_a_client_sends_then_it_piles_up_with_the_client() -> None:
    """T16, seen from the client: what is written is not taken."""
    with make_world() as world:
        pair = make_pair(world)
        pair.befall(kind=K.CHOKED, seconds=10.0)
        world.advance(0)
        pair.here.transport.write(bytes(WINDOW_BYTES + 100))
        world.advance(5)
        assert pair.here.transport.get_write_buffer_size() == 100
        assert pair.there.data == b""
        world.advance(6)
        assert len(pair.there.data) == WINDOW_BYTES + 100


def test_given_a_fault_of_some_connections_when_it_comes_then_others_are_spared() -> None:
    """Chosen by what the client's first line says."""
    with make_world() as world:
        pair = make_pair(world)
        first = pair.here
        first.transport.write(b"GET /stream HTTP/1.1\r\n\r\n")
        second = pair.connect()
        second.transport.write(b"GET /ws-api/v3 HTTP/1.1\r\n\r\n")
        pair.befall(kind=K.RESET, on="/stream", at_s=world.now_s + 1)
        world.advance(2)
        assert isinstance(first.lost, ConnectionResetError)
        assert second.lost == "not yet"
        assert [link.label for link in world.network.links.values() if not link.is_over] == ["GET /ws-api/v3 HTTP/1.1"]


# -- what is drawn ---------------------------------------------------------------------------------------------------------

RATES = {
    K.RESET: "reset_per_hour",
    K.CLOSED: "closed_per_hour",
    K.HALF_OPEN: "half_open_per_hour",
    K.SILENCE: "silence_per_hour",
    K.REPLIES_LOST: "replies_lost_per_hour",
    K.REQUESTS_LOST: "requests_lost_per_hour",
    K.DRIP: "drip_per_hour",
    K.SPIKE: "spike_per_hour",
    K.CHOKED: "choked_per_hour",
}
SHARES = {
    K.DNS_FAILS: "dns_fails_share",
    K.REFUSED: "refused_share",
    K.HANGS: "hangs_share",
    K.TLS_FAILS: "tls_fails_share",
}


def test_given_every_kind_of_fault_when_looked_for_then_it_has_a_rate() -> None:
    """No kind without a way to be drawn."""
    assert {*RATES, *SHARES} == set(NetFaultKind)


@pytest.mark.parametrize("kind", RATES)
def test_given_a_rate_when_an_hour_passes_then_the_fault_comes_about_that_often(kind: NetFaultKind) -> None:
    """Of each connection; what ends it comes about once."""
    faults = msgspec.structs.replace(STEADY, **{RATES[kind]: 60.0})
    with make_world(3, faults) as world:
        pair = make_pair(world)
        for _ in range(30):
            pair.connect()
        world.advance(600)
        ending = kind in (K.RESET, K.CLOSED, K.REPLIES_LOST, K.REQUESTS_LOST)
        count = sum(fault.kind is kind for fault in world.network.happened)
        assert len(world.network.happened) == count
        assert (25 <= count <= 40) if ending else (200 < count < 400)


@pytest.mark.parametrize("kind", SHARES)
def test_given_a_share_when_many_connect_then_about_that_many_fail(kind: NetFaultKind) -> None:
    """Of attempts."""
    with make_world(3) as world:
        pair = make_pair(world)
        world.network.change(msgspec.structs.replace(STEADY, **{SHARES[kind]: 0.3}))
        failed = sum(_attempt(world, pair) is not None for _ in range(200))
        assert 40 < failed < 80
        assert sum(fault.kind is kind for fault in world.network.happened) == failed


def test_given_what_has_happened_when_it_is_planned_for_a_calm_network_then_it_happens_again() -> None:
    """So a run that failed can be played again from a list, and the list made shorter."""

    def lives(faults: NetFaults, plan: tuple[NetFault, ...]) -> tuple[list[NetFault], list[list[str]]]:
        with make_world(9, faults, plan) as world:
            pair = make_pair(world)
            for _ in range(30):
                _attempt(world, pair)
                pair.here.transport.write(b"hello")
                world.advance(20)
            return world.network.happened, [one.told for one in pair.accepted]

    wild = NetFaults(refused_share=0.2, reset_per_hour=60, silence_per_hour=60, drip_per_hour=60)
    happened, told = lives(wild, ())
    assert len({fault.kind for fault in happened}) == 4
    again, told_again = lives(wild.calm(), tuple(happened))
    assert again == happened
    assert told_again == told


def test_given_a_wild_network_when_it_is_calmed_then_nothing_more_goes_wrong() -> None:
    """The second half of a seed: connections that are there are left alone too."""
    wild = msgspec.structs.replace(STEADY, reset_per_hour=3_600.0, spike_per_hour=600.0)
    with make_world(2, wild) as world:
        pair = make_pair(world)
        world.network.change(wild.calm())
        world.advance(600)
        assert pair.here.lost == "not yet"
        assert world.network.happened == []
        pair.connect()
        world.advance(600)
        assert pair.here.lost == "not yet"
