"""Nodes, crashes, pauses, the loop of a process, and what is said when nothing goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tickwright.sim.world import Deadlock, DiskFaults, Survival, World, WorldError, serve_stand
from unit.sim.world.echo import STEADY, Pair
from unit.sim.world.worldkit import make_session, make_stand, record

# -- the loop --------------------------------------------------------------------------------------------------------------


def test_given_asyncio_code_when_it_runs_in_a_world_then_it_does_what_it_does() -> None:
    """Sleeps, timeouts, groups, events, executors, generators."""

    async def work() -> list[object]:
        seen: list[object] = []
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        seen.append(round(loop.time() - began_s))

        async def late(number: int) -> int:
            await asyncio.sleep(10 - number)
            seen.append(number)
            return number

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(late(number)) for number in range(3)]
        seen.append(sum(task.result() for task in tasks))
        seen.append(await asyncio.to_thread(lambda: "in place"))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)

        async def ticks():
            try:
                while True:
                    yield loop.time()
                    await asyncio.sleep(1)
            finally:
                seen.append("generator closed")

        async for at_s in ticks():
            if at_s - began_s > 17:
                break
        await asyncio.sleep(1)
        seen.append(round(loop.time() - began_s))
        return seen

    with World(1) as world:
        node = world.node("node")
        assert world.run(node, work(), limit_s=100) == [5, 2, 1, 0, 3, "in place", "generator closed", 18]
        assert node.tasks() == []
        assert world.scheduler.steps < 200


def test_given_a_set_of_tasks_when_gone_through_then_it_has_the_same_order_in_every_run() -> None:
    """Of their numbers: asyncio keeps tasks in sets, which go by the address otherwise."""

    async def work() -> list[str]:
        tasks = {asyncio.get_running_loop().create_task(asyncio.sleep(1), name=f"{number}") for number in range(50)}
        first = [task.get_name() for task in tasks]
        await asyncio.wait(tasks)
        return first

    orders = set()
    for _ in range(3):
        ballast = [object() for _ in range(1_000)]
        with World(1) as world:
            orders.add(tuple(world.run(world.node("node"), work(), limit_s=10)))
        del ballast
    assert len(orders) == 1


def test_given_what_a_loop_cannot_do_when_asked_for_then_it_says_so() -> None:
    """Signals, TLS."""
    with World(1) as world:
        node = world.node("node")
        with pytest.raises(NotImplementedError):
            node.loop.add_signal_handler(2, print)

        async def encrypted() -> None:
            await asyncio.open_connection("node", 443, ssl=True)

        with pytest.raises(NotImplementedError, match="TLS"):
            world.run(node, encrypted(), limit_s=1)


# -- when nothing goes on ----------------------------------------------------------------------------------------------------


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_given_a_wait_for_nothing_when_run_then_the_report_says_where() -> None:
    """The whole chain of awaits, by name and line."""

    async def outer() -> None:
        await _wait_for_ever()

    with World(1) as world:
        node = world.node("node")
        node.start(_wait_for_ever(), "somebody else")
        with pytest.raises(Deadlock) as caught:
            world.run(node, outer(), limit_s=100)
        said = str(caught.value)
        assert "nothing is ready" in said
        assert "somebody else" in said
        assert "outer" in said
        assert "_wait_for_ever" in said
        assert "Event.wait" in said
        assert "0x" not in said
        assert node.tasks() == ["somebody else", "task 2"]


def test_given_a_run_that_takes_too_long_when_the_time_is_up_then_it_is_told() -> None:
    """A limit on everything."""
    with World(1) as world, pytest.raises(Deadlock, match="not done after 5 s"):
        world.run(world.node("node"), asyncio.sleep(100), limit_s=5)


def test_given_an_error_that_nobody_catches_when_the_world_runs_then_it_is_raised() -> None:
    """Of a callback, and of a task that nobody asked about."""

    async def forgotten() -> None:
        raise ValueError("nobody looks")

    with World(1) as world:
        node = world.node("node")
        node.loop.call_soon(lambda: 1 / 0)
        with pytest.raises(WorldError, match="division by zero"):
            world.advance(1)
        world.advance(1)
    world = World(1)
    with pytest.raises(WorldError, match="nobody looks"), world:
        _start_and_forget(world, forgotten())


def test_given_a_world_when_run_until_something_then_it_stops_right_there() -> None:
    """Asked after each step."""
    with World(1) as world:
        node, seen = world.node("node"), []

        async def count() -> None:
            while True:
                seen.append(world.now_s)
                await asyncio.sleep(1)

        node.start(count())
        assert world.run_until(lambda: len(seen) == 5, limit_s=100)
        assert len(seen) == 5
        assert not world.run_until(lambda: len(seen) == 50, limit_s=10)
        assert world.now_s == pytest.approx(14, abs=0.1)


def _start_and_forget(world: World, coro) -> None:
    world.node("node").start(coro)
    world.advance(1)


# -- crashes -----------------------------------------------------------------------------------------------------------------


def test_given_a_process_that_is_killed_when_it_had_much_to_do_then_nothing_of_it_is_done() -> None:
    """Neither ready, nor timed, nor on the way out of a coroutine, as far as anybody else can see."""
    with World(1, faults=STEADY) as world:
        server, client = world.node("server"), world.node("client")
        pair = Pair(world, server, client)
        did: list[str] = []

        async def busy() -> None:
            try:
                while True:
                    pair.here.transport.write(b".")
                    await asyncio.sleep(0.1)
            finally:
                did.append("finally")
                pair.here.transport.write(b"from beyond")
                await asyncio.sleep(1)
                did.append("never")

        client.start(busy())
        client.loop.call_later(5, did.append, "timer")
        world.advance(1.05)
        world.crash(client)
        assert client.tasks() == ["task 2"]
        world.advance(10)
        world.restart(client)
        assert did == ["finally"]
        assert client.incarnation == 1
        assert pair.there.data == b"." * 11
        assert pair.there.told[-2:] == ["eof", "lost"]
        assert pair.here.told == ["made"]


def test_given_a_machine_without_power_when_its_peer_waits_then_it_hears_nothing_until_it_asks_after_the_restart() -> None:
    """Packets under way arrive; then silence; then a system that knows of no connection."""
    with World(1, faults=STEADY) as world:
        server, client = world.node("server"), world.node("client")
        pair = Pair(world, server, client)
        pair.there.transport.write(b"under way")
        world.crash(server, power=True)
        world.advance(100)
        assert pair.here.data == b"under way"
        pair.here.transport.write(b"still there?")
        with pytest.raises(TimeoutError):
            pair.connect()
        assert pair.here.lost == "not yet"
        world.restart(server)
        world.advance(1)
        assert isinstance(pair.here.lost, ConnectionResetError)
        with pytest.raises(ConnectionRefusedError):
            pair.connect()


def test_given_a_crash_from_within_when_it_comes_then_the_code_does_not_go_on() -> None:
    """At a line of one's choice."""
    with World(1) as world:
        node, did = world.node("node"), []

        async def work() -> None:
            did.append("before")
            world.crash(node)
            did.append("after")

        with pytest.raises(WorldError, match="killed"):
            world.run(node, work(), limit_s=10)
        assert did == ["before"]
        world.restart(node)
        world.run(node, asyncio.sleep(1), limit_s=10)


@pytest.mark.parametrize("when", ["data_received", "eof_received", "connection_lost", "pause_writing"])
def test_given_a_crash_from_within_a_callback_of_a_connection_when_it_comes_then_the_world_goes_on_without_it(when: str) -> None:
    """Wherever its code was."""
    with World(1, faults=STEADY) as world:
        server, client = world.node("server"), world.node("client")
        pair = Pair(world, server, client)
        setattr(pair.here, when, lambda *_: world.crash(client))
        if when == "pause_writing":
            client.loop.call_soon(pair.here.transport.write, bytes(1_000_000))
        else:
            pair.there.transport.write(b"x")
            pair.there.transport.close()
        world.advance(5)
        assert not client.is_up
        world.restart(client)
        world.run(client, asyncio.sleep(1), limit_s=10)


def test_given_a_crash_at_every_step_when_a_short_life_is_lived_then_each_life_ends_there() -> None:
    """How crash points are gone through one by one; what comes before a point is the same as without the crash."""

    async def work(seen: list[int]) -> None:
        for number in range(5):
            seen.append(number)
            await asyncio.sleep(1)

    def life(step: int | None) -> tuple[list[int], int]:
        with World(5) as world:
            node, seen = world.node("node"), []
            node.start(work(seen))
            if step is not None:
                world.crash_at_step(node, step)
            world.advance(20)
            return seen, world.scheduler.steps

    whole, steps = life(None)
    assert whole == [0, 1, 2, 3, 4]
    lives = [life(step)[0] for step in range(1, steps)]
    assert [len(seen) for seen in lives] == sorted(len(seen) for seen in lives)
    assert lives[0] == [0]
    assert {len(seen) for seen in lives} == {1, 2, 3, 4, 5}


def test_given_a_frozen_process_when_it_goes_on_then_its_clock_has_gone_on_without_it() -> None:
    """H3: thirty seconds of a stopped process, whose peer's messages wait for it."""
    with World(1, faults=STEADY) as world:
        server, client = world.node("server"), world.node("client")
        pair = Pair(world, server, client)
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                ticks.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)

        server.start(tick())
        world.advance(3.5)
        server.freeze(30)
        pair.here.transport.write(b"a")
        world.advance(10)
        server.freeze(5)
        pair.here.transport.write(b"b")
        world.advance(10)
        assert len(ticks) == 4
        assert pair.there.data == b""
        world.advance(11)
        assert ticks[4] - ticks[3] == pytest.approx(30.5, abs=0.01)
        assert pair.there.pieces == [b"ab"]


# -- a run that is killed and goes on ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [False, True])
def test_given_a_run_on_record_when_its_machine_fails_then_the_next_run_goes_on_from_it_and_ends_agreed(power: bool) -> None:
    """The journal on the simulated disk, five lives, one stand."""
    stand = make_stand(41)
    with World(41) as world:
        venue = world.node("venue")
        client = world.node("client", disk=DiskFaults(survivals=(Survival.NOTHING, Survival.PREFIX, Survival.TORN)))
        base = serve_stand(venue, stand)

        async def trading(seconds: float | None) -> bool:
            session = record(make_session(client, base, stand, seconds), client)
            await session.prepare()
            await session.run()
            return session.shell.stopped is not None and session.shell.stopped.clean

        for number in range(4):
            client.start(trading(None))
            world.advance(35 + number * 7.3)
            world.crash(client, power=power)
            world.advance(3)
            world.restart(client)
        assert world.run(client, trading(60), limit_s=180)
        assert client.disk.names(Path("/journal"))[-2].startswith("000005-")
    assert len(stand.state()["fills"]) > 2
    assert stand.state()["open_orders"] == []


def test_given_a_set_of_futures_when_gone_through_then_its_order_follows_from_when_they_were_made() -> None:
    """A library that wakes everybody who waits for one thing keeps them in a set; addresses must not decide who is first."""
    with World(seed=1) as world:
        node = world.node("client")
        futures = [node.loop.create_future() for _ in range(50)]
        waiting = set(futures)
        assert [futures.index(future) for future in waiting] == list(range(50))
