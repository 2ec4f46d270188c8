"""Nothing in a world reaches the machine, and everything is as it was when the world is over (INV-42)."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import subprocess
import threading
import time
import types
import uuid
from pathlib import Path

import aiohttp.connector
import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.sim.world import Escape, World
from tickwright.sim.world.world import START_NS, UPTIME_NS

S = 1_000_000_000


def _as_ours(source: str, **names: object) -> object:
    """Evaluate as if a module of the package did."""
    module = types.ModuleType("tickwright.venues.made_up")
    module.__dict__.update(names)
    return eval(compile(source, "made_up.py", "eval"), module.__dict__)


@pytest.mark.parametrize(
    "source",
    [
        "time.time()",
        "time.time_ns()",
        "time.monotonic()",
        "time.monotonic_ns()",
        "time.perf_counter()",
        "time.sleep(0.1)",
        "os.urandom(8)",
        "Chance(None)",
        "SystemClock().wall_ns()",
        "SystemClock().mono_ns()",
        "open('/etc/hostname')",
        "os.listdir('/')",
        "os.mkdir('/nothing')",
        "threading.Thread(target=print).start()",
        "subprocess.Popen(['true'])",
        "os.system('true')",
        "socket.getaddrinfo('localhost', 80)",
        "socket.create_connection(('localhost', 80))",
    ],
)
def test_given_our_own_code_when_it_asks_the_machine_then_it_is_told_off(source: str) -> None:
    """A clock and a source of chance are given to it; there is no reason to ask."""
    names = {
        "time": time,
        "os": os,
        "Chance": Chance,
        "SystemClock": SystemClock,
        "threading": threading,
        "subprocess": subprocess,
        "socket": socket,
    }
    with World(1) as world:
        node = world.node("node")

        async def ask() -> None:
            _as_ours(source, **names)

        with pytest.raises(Escape):
            world.run(node, ask(), limit_s=1)


def test_given_a_library_when_it_asks_for_time_and_chance_then_the_world_answers() -> None:
    """Under whatever name it has the function."""

    async def ask() -> list[object]:
        first = [time.time(), time.monotonic(), aiohttp.connector.monotonic(), random.random(), uuid.uuid4().hex, os.urandom(4)]
        await asyncio.sleep(10)
        return [*first, time.time_ns(), aiohttp.connector.monotonic()]

    def answers(seed: int) -> list[object]:
        with World(seed) as world:
            return world.run(world.node("node"), ask(), limit_s=100)

    wall_s, mono_s, also_s, number, name, data, later_ns, later_s = answers(1)
    assert wall_s == pytest.approx(START_NS / S, abs=1)
    assert mono_s == also_s == pytest.approx(UPTIME_NS / S, abs=1)
    assert later_ns - START_NS == pytest.approx(10 * S, abs=S / 100)
    assert later_s - also_s == pytest.approx(10, abs=0.01)
    assert answers(1)[3:6] == [number, name, data]
    assert answers(2)[3:6] != [number, name, data]


def test_given_a_world_when_it_is_over_then_everything_is_the_machines_again(tmp_path: Path) -> None:
    """Also when it ended badly."""
    before = (time.time, time.sleep, os.urandom, socket.socket, gc.collect, threading.Thread.start, aiohttp.connector.monotonic)
    state, collecting = random.getstate(), gc.isenabled()
    with pytest.raises(ZeroDivisionError), World(1):
        _end_badly(before[0])
    after = (time.time, time.sleep, os.urandom, socket.socket, gc.collect, threading.Thread.start, aiohttp.connector.monotonic)
    assert after == before
    assert random.getstate() == state
    assert gc.isenabled() == collecting
    assert abs(_as_ours("time.time()", time=time) - time.time()) < 60
    with socket.socket() as real:
        assert real.fileno() >= 0
    assert Chance(None).unit() < 1
    (tmp_path / "file").write_text("a file")
    assert _as_ours("path.read_text()", path=tmp_path / "file") == "a file"


def _end_badly(real_time) -> None:
    assert time.time is not real_time
    random.random()
    raise ZeroDivisionError


def test_given_another_thread_when_a_world_runs_then_its_time_is_the_machines() -> None:
    """Only the thread of the world is in it."""
    told: list[float] = []
    begun, over = threading.Event(), threading.Event()

    def other() -> None:
        begun.wait(10)
        told.append(time.time())
        over.set()

    thread = threading.Thread(target=other)
    thread.start()
    real_s = time.time()
    with World(1):
        begun.set()
        over.wait(10)
    thread.join()
    assert told[0] == pytest.approx(real_s, abs=60)


def test_given_two_worlds_when_one_is_inside_the_other_then_it_is_refused() -> None:
    """There is one machine to be kept from."""
    with World(1), pytest.raises(AssertionError, match="one world"), World(2):
        pass


def test_given_code_of_the_program_when_it_is_read_then_it_may_be() -> None:
    """What a source file holds is the same in every run of the program, as the code is."""
    with World(1) as world:

        async def ask() -> object:
            return _as_ours("path.read_bytes()", path=Path(asyncio.__file__))

        assert world.run(world.node("node"), ask(), limit_s=1)
