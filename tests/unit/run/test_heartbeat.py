"""The heartbeat moves while the engine does, says how the run ended, and is never half written."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tickwright.base.clock import SystemClock
from tickwright.base.errors import RefusedError
from tickwright.model.effect import Stopped
from tickwright.model.event import Verb
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel
from tickwright.run.config import Config
from tickwright.run.heartbeat import BEAT_BYTES_MAX, Beat, Heart, Life, Reading, read
from tickwright.run.options import RunOptions
from tickwright.run.runner import heart_for
from tickwright.run.shell import Shell
from tickwright.run.state_dir import state_dir
from unit.run.test_shell import Quiet, make, orders_of, until

FAST_S = 0.002


def heart(folder: Path, said: list[str] | None = None) -> Heart:
    return Heart(folder, "sim", "testnet", SystemClock(), (said if said is not None else []).append, every_s=FAST_S)


def beat_in(folder: Path) -> Beat:
    """What the file says now."""
    found = read(folder / "heartbeat.json")
    assert found is not None
    assert found.beat is not None, found.trouble
    return found.beat


def living(folder: Path, story: Callable[[Shell], Any], said: list[str] | None = None, **end: Any) -> Shell:
    """A shell with a heartbeat, to whose end ``story`` leads."""
    one = heart(folder, said)

    async def run() -> Shell:
        shell = make(Quiet(), [])
        shell._also = (one.keep,)
        task = asyncio.create_task(shell.run())
        await until(lambda: (folder / "heartbeat.json").exists())
        await story(shell)
        await asyncio.gather(task, return_exceptions=True)
        return shell

    return asyncio.run(run())


def made(**more: Any) -> Beat:
    """A beat as a test needs it."""
    whole = {
        "life": Life.ARMED, "count": 1, "prefix": "twtest00-", "pid": 1, "venue": "sim", "environment": "testnet",
        "symbols": ("BTC/USDT",), "open_orders": 0, "halts": (), "wall_ns": 1, "mono_ns": 1, "every_ms": 500,
    }  # fmt: skip
    return Beat(**{**whole, **more})


def test_given_a_run_when_it_lives_then_the_file_moves_and_says_what_it_is(tmp_path: Path) -> None:
    """Before it is armed, armed, halted; with the orders that are its own."""
    seen: list[Beat] = []

    async def story(shell: Shell) -> None:
        async def next_with(life: Life) -> None:
            await until(lambda: beat_in(tmp_path).life is life)
            seen.append(beat_in(tmp_path))

        await next_with(Life.STARTING)
        orders_of(shell)
        shell.state.ever_armed = shell.state.armed = True
        await next_with(Life.ARMED)
        shell.command(Verb.DISARM, "test")
        await next_with(Life.DISARMED)
        shell.command(Verb.PAUSE, "test")
        await next_with(Life.HALTED)
        shell._fail(RuntimeError("enough"))

    living(tmp_path, story)
    assert [beat.count for beat in seen] == sorted({beat.count for beat in seen})
    armed = seen[1]
    assert (armed.prefix, armed.pid, armed.venue, armed.environment) == ("twtest00-", os.getpid(), "sim", "testnet")
    assert (armed.symbols, armed.open_orders, armed.halts) == (("BTC/USDT",), 1, ())
    assert seen[3].halts == ("account PAUSE",)


def test_given_a_condition_and_no_halt_when_it_beats_then_it_is_halted(tmp_path: Path) -> None:
    """Something of it may not trade."""

    async def story(shell: Shell) -> None:
        shell.state.ever_armed = shell.state.armed = True
        shell.state.halts.hold("venue:sim", HaltLevel.PAUSE, Reason.HALT_UNEXPLAINED)
        await until(lambda: beat_in(tmp_path).life is Life.HALTED)
        shell._fail(RuntimeError("enough"))

    living(tmp_path, story)


def test_given_an_orderly_end_when_the_file_is_read_then_it_says_so(tmp_path: Path) -> None:
    """The last word is the end, whatever was being written at that moment."""

    async def story(shell: Shell) -> None:
        shell._stopped(Stopped(True, "clean"), None)  # type: ignore[arg-type]  # what caused it does not matter

    living(tmp_path, story)
    last = beat_in(tmp_path)
    assert (last.life, last.why) == (Life.ENDED, "clean")


@pytest.mark.parametrize("how", ["defect", "unclean", "cut short"])
def test_given_any_other_end_when_the_file_is_read_then_the_run_is_dead(tmp_path: Path, how: str) -> None:
    """A defect, a stop that left something undone, a task that was cancelled: somebody has to look after the orders."""

    async def story(shell: Shell) -> None:
        if how == "defect":
            shell._fail(RuntimeError("a bug"))
        elif how == "unclean":
            shell._stopped(Stopped(False, "2 orders unfinished"), None)  # type: ignore[arg-type]  # see above
        else:
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task() and "Shell.run" in repr(task):
                    task.cancel()

    living(tmp_path, story)
    last = beat_in(tmp_path)
    assert last.life is Life.DEAD
    assert {"defect": "a bug", "unclean": "2 orders", "cut short": "cut short"}[how] in last.why


def test_given_a_write_that_was_held_up_when_a_later_one_is_done_then_it_comes_to_nothing(tmp_path: Path) -> None:
    """The end is not overwritten by a beat that hung in a thread."""
    one = heart(tmp_path)
    one.write(made(count=7, life=Life.ENDED))
    late = threading.Thread(target=one.write, args=(made(count=6),))
    late.start()
    late.join()
    assert beat_in(tmp_path).life is Life.ENDED


def test_given_a_disk_that_takes_no_words_when_it_beats_then_the_file_still_moves_and_it_is_said_once(tmp_path: Path) -> None:
    """A full disk is no death."""
    said: list[str] = []
    one = heart(tmp_path, said)
    one.write(made(count=1))
    before = read(one.path)
    os.utime(one.path, ns=(1, 1))
    one.path.with_name("heartbeat.json.part").mkdir()  # the draft cannot be opened
    one.write(made(count=2))
    one.write(made(count=3))
    after = read(one.path)
    assert before is not None
    assert after is not None
    assert after.mark[0] > 1
    assert after.beat == before.beat
    assert len(said) == 1
    assert "heartbeat.json" in said[0]


def test_given_two_runs_when_both_claim_the_file_then_only_one_gets_it(tmp_path: Path) -> None:
    """And the next one once it is let go."""
    first, second = heart(tmp_path), heart(tmp_path)
    assert first.claim()
    assert not second.claim()
    first.close()
    assert second.claim()
    second.close()


@pytest.mark.parametrize(
    ("raw", "trouble"),
    [
        (b"", "not a heartbeat"),
        (b"\x00" * 300, "not a heartbeat"),
        (b'{"life": "armed"}', "not a heartbeat"),
        (b'{"life": "undead"}', "not a heartbeat"),
        (b"[" * 1_000, "not a heartbeat"),
        (b" " * (BEAT_BYTES_MAX + 1), "larger"),
    ],
)
def test_given_a_file_that_is_no_heartbeat_when_it_is_read_then_it_is_a_run_that_cannot_be_made_out(
    tmp_path: Path, raw: bytes, trouble: str
) -> None:
    """As a power failure may leave it. It is not the same as no file."""
    path = tmp_path / "heartbeat.json"
    assert read(path) is None
    path.write_bytes(raw)
    found = read(path)
    assert isinstance(found, Reading)
    assert found.beat is None
    assert trouble in found.trouble
    assert read(path) == found


def test_given_a_later_version_when_its_file_is_read_then_what_is_known_is_read(tmp_path: Path) -> None:
    """A field more is no reason to take a run for dead."""
    path = tmp_path / "heartbeat.json"
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(made()), "colour": "red"}))
    found = read(path)
    assert found is not None
    assert found.beat == made()


def test_given_an_account_that_outlives_its_runs_when_one_starts_then_it_has_a_heartbeat_of_its_own() -> None:
    """A second run on the account is refused; on paper it has none. A stand's account ends with the run."""
    clock = SystemClock()
    live = RunOptions(testnet=True)
    first = heart_for(live, Config(), "binance_spot", clock)
    assert first is not None
    assert first.path == state_dir(Config(), "binance_spot", "testnet") / "heartbeat.json"
    with pytest.raises(RefusedError, match="another run"):
        heart_for(live, Config(), "binance_spot", clock)
    first.close()
    again = heart_for(live, Config(), "binance_spot", clock)
    assert again is not None
    again.close()
    paper = heart_for(RunOptions(), Config(), "binance_spot", clock)
    assert paper is not None
    assert heart_for(RunOptions(), Config(), "binance_spot", clock) is None
    paper.close()
    assert heart_for(RunOptions(stand=True), Config(), "binance_spot", clock) is None
    assert heart_for(RunOptions(), Config(), "mine.py", clock) is None
