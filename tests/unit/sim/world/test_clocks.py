"""Clocks of a node: offset, drift, steps, and what timers make of them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.sim.world import World, WorldClock
from tickwright.sim.world.world import START_NS, UPTIME_NS

S = 1_000_000_000


class Time:
    now_ns = 0


def test_given_a_clock_that_is_ahead_and_fast_when_a_day_passes_then_it_is_further_ahead() -> None:
    """A hundred parts per million are 8.64 seconds a day."""
    time = Time()
    clock = WorldClock(time, wall_ns=100 * S + 3 * S, mono_ns=7 * S, drift_ppm=100)
    time.now_ns = 86_400 * S
    assert clock.wall_ns() == 103 * S + 86_400 * S + 8_640_000_000
    assert clock.mono_ns() == 7 * S + 86_400 * S + 8_640_000_000


def test_given_a_clock_that_is_set_when_read_then_only_wall_time_has_moved() -> None:
    """Monotonic time never goes back."""
    time = Time()
    clock = WorldClock(time, wall_ns=100 * S, mono_ns=7 * S)
    clock.step(-5 * S)
    assert (clock.wall_ns(), clock.mono_ns()) == (95 * S, 7 * S)
    clock.step(10 * S)
    assert (clock.wall_ns(), clock.mono_ns()) == (105 * S, 7 * S)


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(-500, 500)), max_size=10))
def test_given_any_drifts_when_time_passes_then_monotonic_time_never_goes_back(changes: list[tuple[int, int]]) -> None:
    """Nor does it jump when the rate changes."""
    time = Time()
    clock = WorldClock(time, wall_ns=0, mono_ns=0)
    last = 0
    for passed_ns, ppm in changes:
        time.now_ns += passed_ns
        assert clock.mono_ns() >= last
        before = clock.mono_ns()
        clock.drift(ppm)
        assert clock.mono_ns() == before
        last = before


@given(st.integers(-500, 500), st.integers(0, 10**15))
def test_given_a_time_on_the_clock_when_its_true_moment_has_come_then_the_clock_shows_it(ppm: int, mono_ns: int) -> None:
    """And not a nanosecond earlier."""
    time = Time()
    clock = WorldClock(time, wall_ns=0, mono_ns=0, drift_ppm=ppm)
    time.now_ns = clock.true_ns(mono_ns)
    assert clock.mono_ns() >= mono_ns
    time.now_ns -= 1
    assert clock.mono_ns() <= mono_ns


def test_given_two_nodes_when_one_drifts_then_each_sleeps_by_its_own_clock() -> None:
    """The loop's time, timers and the node's clock agree with each other."""

    async def nap() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.sleep(1_000)
        return loop.time() - began_s, loop.clock.mono_ns()

    with World(1) as world:
        straight, fast = world.node("straight"), world.node("fast", drift_ppm=1_000, wall_ahead_ns=5 * S)
        began_s = world.now_s
        slept_s, _ = world.run(straight, nap(), limit_s=2_000)
        assert slept_s == pytest.approx(1_000, abs=0.001)
        assert world.now_s - began_s == pytest.approx(1_000, abs=0.001)
        began_s = world.now_s
        slept_s, mono_ns = world.run(fast, nap(), limit_s=2_000)
        assert slept_s == pytest.approx(1_000, abs=0.001)
        assert world.now_s - began_s == pytest.approx(999.0, abs=0.01)
        assert fast.loop.time() == pytest.approx(mono_ns / S, abs=0.001)
        assert straight.clock.wall_ns() - START_NS == world.scheduler.now_ns
        assert fast.clock.wall_ns() - straight.clock.wall_ns() == pytest.approx(7 * S, abs=S // 100)


def test_given_a_machine_that_starts_anew_when_its_clocks_are_read_then_only_the_wall_clock_went_on() -> None:
    """Uptime starts over."""
    with World(1) as world:
        node = world.node("node")
        world.advance(100)
        world.crash(node, power=True)
        world.advance(50)
        world.restart(node)
        assert node.clock.mono_ns() == UPTIME_NS
        assert node.clock.wall_ns() == START_NS + 150 * S
