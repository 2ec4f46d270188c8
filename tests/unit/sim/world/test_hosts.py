"""What befalls a machine under a run of the real code: its clock, its pauses, its disk, its power."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tickwright.base.errors import JournalError
from tickwright.sim.stands.binance_spot import BinanceSpotStand
from tickwright.sim.world import DiskFaultKind, DiskFaults, Node, World, serve_stand
from unit.sim.world.worldkit import DISK, make_session, make_stand, record, trade

S = 1_000_000_000


def _at(at_s: float, do: Callable[[Node, Node], None]) -> Callable[[World, BinanceSpotStand], None]:
    def prepare(world: World, _stand: BinanceSpotStand) -> None:
        world.at(at_s, lambda: do(world.nodes["client"], world.nodes["venue"]))

    return prepare


@pytest.mark.parametrize("seconds", [1, 30, 70])
@pytest.mark.parametrize("who", ["client", "venue"])
def test_given_a_process_that_stands_still_when_it_goes_on_then_the_run_ends_agreed(who: str, seconds: float) -> None:
    """H3: a stopped process, a machine that was suspended; ours or theirs."""
    outcome = trade(
        seed=51, seconds=200, prepare=_at(50.0, lambda client, venue: (client if who == "client" else venue).freeze(seconds))
    )
    assert outcome.clean
    assert len(outcome.fills) > 0


@pytest.mark.parametrize("step_s", [-3_600.0, -2.0, -0.3, 0.3, 2.0, 3_600.0])
def test_given_a_clock_that_is_set_when_requests_are_signed_with_it_then_it_is_measured_again_and_the_run_ends_agreed(
    step_s: float,
) -> None:
    """H1: somebody sets the client's clock, by a little or by an hour."""
    outcome = trade(seed=52, seconds=300, prepare=_at(50.0, lambda client, _: client.clock.step(int(step_s * S))))
    assert outcome.clean
    assert len(outcome.fills) > 0


@pytest.mark.parametrize("ppm", [-100, 100])
def test_given_a_clock_that_drifts_when_hours_pass_then_the_run_goes_on_all_the_same(ppm: int) -> None:
    """H2: a hundred parts per million are 360 ms an hour, and every minute it is measured."""
    outcome = trade(seed=53, seconds=3_600, prepare=_at(1.0, lambda client, _: client.clock.drift(ppm)))
    assert outcome.clean
    last_ms = max(int(fill["time"]) for fill in outcome.fills)
    assert last_ms > 1_723_075_200_000 + 1_800_000


def _recorded(seed: int, do: Callable[[Node], None], disk: DiskFaults = DISK) -> tuple[BinanceSpotStand, JournalError | None]:
    """A run on record, with something done to its machine at 60 s; what it raised, if it did."""
    stand = make_stand(seed)
    caught: JournalError | None = None
    with World(seed) as world:
        venue, client = world.node("venue"), world.node("client", disk=disk)
        base = serve_stand(venue, stand)

        async def trading() -> None:
            session = record(make_session(client, base, stand, 150), client)
            await session.prepare()
            await session.run()

        world.at(60.0, lambda: do(client))
        try:
            world.run(client, trading(), limit_s=300)
        except JournalError as error:
            caught = error
        world.advance(10)
    return stand, caught


@pytest.mark.parametrize("kind", DiskFaultKind)
def test_given_a_disk_that_fails_when_the_journal_is_written_then_the_run_ends_and_leaves_nothing_working(
    kind: DiskFaultKind,
) -> None:
    """H5, H6, H7: what cannot be put on record is not sent, and what is there is taken back."""

    def fail(client: Node) -> None:
        for ahead in range(1, 200):
            client.disk.plan(client.disk.calls + ahead, kind)

    stand, error = _recorded(54, fail)
    assert error is not None
    assert stand.state()["open_orders"] == []


def test_given_a_disk_that_fills_up_when_the_journal_is_written_then_the_run_ends_and_says_why() -> None:
    """By a bound on what must be left, before it is full."""
    stand, error = _recorded(55, lambda _: None, DiskFaults(bytes_max=200 * 1024 * 1024 + 150_000))
    assert "left on the disk" in str(error)
    assert stand.state()["open_orders"] == []
