"""Every fault of the network under a run of the real code: it goes on, and ends agreed with the venue."""

from __future__ import annotations

import pytest

from tickwright.sim.stands.binance_spot import BinanceSpotStand
from tickwright.sim.world import NetFault, NetFaultKind, NetFaults, World, WorldShell, frames
from tickwright.sim.world.frames import frame
from unit.sim.world.worldkit import trade

K = NetFaultKind
#: On which connection, for how long, and how much; ``on`` is the market stream or the account's.
FAULTS = [
    NetFault(kind=K.RESET, on="/stream"),
    NetFault(kind=K.RESET, on="/ws-api"),
    NetFault(kind=K.CLOSED, on="/stream"),
    NetFault(kind=K.CLOSED, on="/ws-api"),
    NetFault(kind=K.HALF_OPEN, on="/stream"),
    NetFault(kind=K.HALF_OPEN, on="/ws-api"),
    NetFault(kind=K.SILENCE, on="/stream", seconds=15.0),
    NetFault(kind=K.SILENCE, on="/ws-api", seconds=4.0),
    NetFault(kind=K.REPLIES_LOST, on="/ws-api", seconds=8.0),
    NetFault(kind=K.REQUESTS_LOST, on="/ws-api", seconds=8.0),
    NetFault(kind=K.DRIP, on="/stream", seconds=20.0, value=10.0),
    NetFault(kind=K.DRIP, on="/ws-api", seconds=20.0, value=10.0),
    NetFault(kind=K.SPIKE, seconds=5.0, value=3.0),
    NetFault(kind=K.CHOKED, on="/ws-api", seconds=8.0),
]
RECONNECTS = {K.RESET, K.CLOSED, K.HALF_OPEN}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind.value} {fault.on}")
def test_given_a_fault_on_a_connection_when_it_is_over_then_the_run_goes_on_and_ends_agreed(fault: NetFault) -> None:
    """At 40 s of a run of two minutes."""
    opened: list[int] = []

    def prepare(world: World, stand: BinanceSpotStand) -> None:
        at_s = world.now_s + 40
        world.at(at_s, lambda: opened.append(stand.counts["connections"]))
        world.network.plan(NetFault(kind=fault.kind, at_s=at_s, on=fault.on, seconds=fault.seconds, value=fault.value))

    outcome = trade(seed=11, seconds=120, prepare=prepare)
    assert outcome.happened[:1] == [fault.kind]
    assert outcome.clean
    assert len(outcome.fills) > 0
    if fault.kind in RECONNECTS:
        assert outcome.state["counts"]["connections"] > opened[0]


@pytest.mark.parametrize("kind", [K.DNS_FAILS, K.REFUSED, K.HANGS, K.TLS_FAILS])
def test_given_a_host_that_cannot_be_reached_when_it_can_again_then_the_run_goes_on(kind: NetFaultKind) -> None:
    """The connection is lost at 30 s, and cannot be made again for 20 s."""

    def prepare(world: World, _stand: BinanceSpotStand) -> None:
        world.network.plan(NetFault(kind=kind, at_s=30.0, host="venue", seconds=20.0))
        world.network.plan(NetFault(kind=K.RESET, at_s=30.1, on="GET /"))

    outcome = trade(seed=12, seconds=150, prepare=prepare)
    assert outcome.happened[0] is kind
    assert outcome.clean
    assert len(outcome.fills) > 0


RAW = {
    "a frame that is not UTF-8": frame(frames.TEXT, b"\xff\xfe\xfd"),
    "no JSON": frame(frames.TEXT, b"<html>502 Bad Gateway</html>"),
    "bytes that are no frame": b"\xff" * 40,
    "a frame that says it is enormous": b"\x81\x7f" + (1 << 40).to_bytes(8, "big"),
    "a masked frame": b"\x81\x82abcdab",
    "a message in fragments that is no JSON": b"\x01\x03one\x00\x03two\x80\x05three",
    "fragments out of order": b"\x80\x05three",
    "a text within a text": b"\x01\x03one" + frame(frames.TEXT, b"{}"),
    "a close with half a code": b"\x88\x01\x03",
    "a ping of the greatest size": frame(frames.PING, bytes(125)),
}


@pytest.mark.parametrize("on", ["/stream", "/ws-api"])
@pytest.mark.parametrize("raw", RAW)
def test_given_bytes_that_no_venue_should_send_when_they_come_then_the_run_goes_on_and_ends_agreed(raw: str, on: str) -> None:
    """T11, T12, T13, in the middle of everything else."""
    said: list[int] = []

    def prepare(world: World, _stand: BinanceSpotStand) -> None:
        shell = world.nodes["venue"].served[80]
        assert isinstance(shell, WorldShell)
        world.at(40.0, lambda: said.append(shell.say(on, RAW[raw])))

    outcome = trade(seed=15, seconds=100, prepare=prepare)
    assert said == [1]
    assert outcome.clean
    assert len(outcome.fills) > 0


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012, 4001])
def test_given_a_close_with_a_code_when_it_comes_then_the_connection_is_made_again(code: int) -> None:
    """T15."""
    ended: list[int] = []

    def prepare(world: World, _stand: BinanceSpotStand) -> None:
        shell = world.nodes["venue"].served[80]
        assert isinstance(shell, WorldShell)
        world.at(40.0, lambda: ended.append(shell.end("/", code, "go away")))

    outcome = trade(seed=16, seconds=100, prepare=prepare)
    assert ended == [2]
    assert outcome.clean
    assert outcome.state["counts"]["connections"] == 4


def test_given_many_faults_at_once_when_the_network_is_calm_again_then_the_run_ends_agreed() -> None:
    """A swarm: safety while they last, and life after them."""
    wild = NetFaults(
        reset_per_hour=120,
        closed_per_hour=60,
        silence_per_hour=120,
        replies_lost_per_hour=60,
        requests_lost_per_hour=60,
        spike_per_hour=120,
        drip_per_hour=60,
        refused_share=0.2,
        dns_fails_share=0.1,
    )

    def prepare(world: World, _stand: BinanceSpotStand) -> None:
        world.at(120.0, lambda: world.network.change(wild.calm()))

    outcome = trade(seed=14, seconds=240, faults=wild, prepare=prepare)
    assert len(outcome.happened) > 10
    assert outcome.clean
