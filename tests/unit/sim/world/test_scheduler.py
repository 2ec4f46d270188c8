"""Virtual time, the order of things in one process and between processes, and what the digest tells apart."""

from __future__ import annotations

from collections import deque

import pytest

from tickwright.base.chance import Chance
from tickwright.sim.world.scheduler import CANCELLED_MAX, Call, Deadlock, Scheduler


class Bare:
    """A process that is nothing but a queue."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready: deque = deque()
        self.frozen = False
        self.dead = False


def make_scheduler(seed: int = 1) -> Scheduler:
    return Scheduler(Chance(seed), step_cost_ns=10)


def test_given_timers_when_run_then_they_come_in_order_and_time_jumps() -> None:
    """A year costs nothing."""
    scheduler, process, seen = make_scheduler(), Bare(1), []
    year_ns = 365 * 24 * 3_600 * 1_000_000_000
    for at_ns in (year_ns, 5_000, 1_000):
        scheduler.at(at_ns, process, Call(lambda at_ns=at_ns: seen.append((at_ns, scheduler.now_ns))))
    assert scheduler.run(2 * year_ns) is False
    assert [planned for planned, _ in seen] == [1_000, 5_000, year_ns]
    assert all(0 <= now_ns - planned <= 10 for planned, now_ns in seen)
    assert scheduler.now_ns == 2 * year_ns


def test_given_one_process_when_things_become_ready_then_they_run_first_come_first_served() -> None:
    """As asyncio promises, whatever the seed."""
    for seed in range(20):
        scheduler, process, seen = make_scheduler(seed), Bare(1), []
        for number in range(50):
            scheduler.soon(process, Call(seen.append, number))
        scheduler.run(1_000_000)
        assert seen == list(range(50))


def test_given_two_processes_when_both_have_something_then_the_seed_says_who_goes_on() -> None:
    """Machines owe each other no order."""

    def order(seed: int) -> tuple[list[str], str]:
        scheduler, seen = make_scheduler(seed), []
        for number in (1, 2):
            process = Bare(number)
            for turn in range(10):
                scheduler.soon(process, Call(seen.append, f"{number}.{turn}"))
        scheduler.run(1_000_000)
        return seen, scheduler.digest()

    orders = {tuple(order(seed)[0]) for seed in range(10)}
    assert len(orders) > 5
    for seen in orders:
        assert [one for one in seen if one.startswith("1")] == [f"1.{turn}" for turn in range(10)]
    assert order(3) == order(3)


def test_given_timers_of_the_same_moment_when_run_then_their_order_is_drawn() -> None:
    """asyncio leaves it open; a key settles it."""

    def order(seed: int, *, keyed: bool) -> tuple[int, ...]:
        scheduler, process, seen = make_scheduler(seed), Bare(1), []
        for number in range(6):
            scheduler.at(100, process, Call(seen.append, number), float(-number) if keyed else None)
        scheduler.run(1_000)
        return tuple(seen)

    assert len({order(seed, keyed=False) for seed in range(10)}) > 5
    assert {order(seed, keyed=True) for seed in range(10)} == {(5, 4, 3, 2, 1, 0)}


def test_given_a_frozen_process_when_things_become_ready_then_they_wait_for_it() -> None:
    """And others do not."""
    scheduler, frozen, other, seen = make_scheduler(), Bare(1), Bare(2), []
    scheduler.freeze(frozen)
    scheduler.soon(frozen, Call(seen.append, "frozen"))
    scheduler.at(50, frozen, Call(seen.append, "timer"))
    scheduler.soon(other, Call(seen.append, "other"))
    scheduler.at(1_000, None, Call(scheduler.thaw, frozen))
    scheduler.run(500)
    assert seen == ["other"]
    scheduler.run(2_000)
    assert seen == ["other", "frozen", "timer"]


def test_given_a_dead_process_when_cleared_then_nothing_of_it_runs() -> None:
    """Neither what was ready nor what was to come."""
    scheduler, process, seen = make_scheduler(), Bare(1), []
    scheduler.soon(process, Call(seen.append, "ready"))
    scheduler.at(50, process, Call(seen.append, "timer"))
    process.dead = True
    scheduler.clear(process)
    scheduler.run(1_000)
    assert seen == []


def test_given_nothing_to_come_when_something_is_awaited_then_it_is_a_deadlock() -> None:
    """Otherwise the time passes."""
    scheduler = make_scheduler()
    with pytest.raises(Deadlock):
        scheduler.run(1_000, awaited=True)
    assert scheduler.run(1_000) is False
    assert scheduler.now_ns == 1_000


def test_given_a_busy_wait_when_it_waits_for_a_moment_then_the_moment_comes() -> None:
    """Every step takes a little time."""
    scheduler, process = make_scheduler(), Bare(1)
    spins = []

    def spin() -> None:
        spins.append(scheduler.now_ns)
        if scheduler.now_ns < 1_000:
            scheduler.soon(process, Call(spin))

    scheduler.soon(process, Call(spin))
    scheduler.run(5_000)
    assert len(spins) == 100


def test_given_many_cancelled_timers_when_there_are_too_many_then_they_are_thrown_out() -> None:
    """A bound on what is remembered for nothing."""
    scheduler, process = make_scheduler(), Bare(1)
    for _ in range(10 * CANCELLED_MAX):
        call = Call(pytest.fail)
        scheduler.at(1_000, process, call)
        call.cancel()
        scheduler.forget()
    assert len(scheduler._heap) <= 2 * CANCELLED_MAX
    scheduler.run(2_000)


def test_given_a_pause_when_its_step_is_taken_then_it_is_told_once() -> None:
    """For a crash at exactly that step."""
    scheduler, process, seen = make_scheduler(), Bare(1), []

    def paused(step: int) -> int:
        seen.append(step)
        return 8

    scheduler.on_pause, scheduler.pause_at = paused, 3
    for _ in range(7):
        scheduler.soon(process, Call(lambda: None))
    scheduler.run(1_000)
    assert seen == [3]


def test_given_two_histories_when_they_differ_in_a_byte_or_a_moment_then_the_digests_do() -> None:
    """And are equal when they do not."""

    def digest(data: bytes, at_ns: int) -> str:
        scheduler, process = make_scheduler(), Bare(1)
        scheduler.at(at_ns, process, Call(scheduler.witness, data))
        scheduler.run(1_000)
        return scheduler.digest()

    assert digest(b"a", 5) == digest(b"a", 5)
    assert len({digest(b"a", 5), digest(b"b", 5), digest(b"a", 6), digest(b"aa", 5)}) == 4
