"""The disk: what a process sees, what a loss of power leaves, and calls that fail, each at an exact call."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.chance import Chance
from tickwright.journal.disk import Disk
from tickwright.sim.world import DiskFaultKind, DiskFaults, Gone, Survival, World
from tickwright.sim.world.disk import BLOCK_BYTES, WorldDisk
from tickwright.sim.world.scheduler import Scheduler

FOLDER = Path("/journal")
FILE = FOLDER / "000001"


def make_disk(*survivals: Survival, seed: int = 1, **faults: object) -> WorldDisk:
    chosen = DiskFaults(**({"survivals": survivals} if survivals else {}), **faults)
    disk = WorldDisk(Scheduler(Chance(seed)), Chance(f"disk {seed}"), chosen)
    disk.make_folder(FOLDER)
    disk.sync_folder(Path("/"))
    return disk


def test_given_the_protocol_of_the_journal_when_asked_of_a_disk_then_it_has_all_of_it() -> None:
    """The simulation may not import the journal, so a test holds them together."""
    disk: Disk = make_disk()
    names = [name for name in vars(Disk) if not name.startswith("_")]
    assert len(names) > 8
    assert [name for name in names if not callable(getattr(disk, name, None))] == []


def test_given_files_when_used_then_they_are_as_files_are() -> None:
    """Appending, reading, renaming, removing, cutting, listing; and the errors of a system."""
    disk = make_disk()
    file = disk.append(FILE)
    file.write(b"one")
    file.write(b"two")
    file.close()
    disk.append(FILE).write(b"three")
    assert disk.read(FILE) == b"onetwothree"
    disk.truncate(FILE, 6)
    assert disk.read(FILE) == b"onetwo"
    disk.write_whole(FOLDER / "b", b"whole")
    disk.rename(FILE, FOLDER / "a")
    assert disk.names(FOLDER) == ["a", "b"]
    disk.remove(FOLDER / "a")
    disk.remove(FOLDER / "a")
    assert disk.names(FOLDER) == ["b"]
    assert disk.names(Path("/nowhere")) == []
    for call in (
        lambda: disk.read(FOLDER / "a"),
        lambda: disk.append(Path("/nowhere/file")),
        lambda: disk.rename(FOLDER / "a", FOLDER / "c"),
        lambda: disk.truncate(FOLDER / "a", 0),
        lambda: disk.sync_folder(Path("/nowhere")),
    ):
        with pytest.raises(FileNotFoundError):
            call()
    with pytest.raises(IsADirectoryError):
        disk.read(FOLDER)
    with pytest.raises(NotADirectoryError):
        disk.append(FOLDER / "b" / "c")


def test_given_a_lock_when_it_is_held_then_nobody_else_gets_it() -> None:
    """Until it is released or its process is gone; and a release that comes late takes it from nobody."""
    disk = make_disk()
    first = disk.lock(FOLDER / "lock")
    assert first is not None
    assert disk.lock(FOLDER / "lock") is None
    disk.process_gone()
    second = disk.lock(FOLDER / "lock")
    assert second is not None
    first.release()
    assert disk.lock(FOLDER / "lock") is None
    second.release()
    assert disk.lock(FOLDER / "lock") is not None


def _write(disk: WorldDisk, synced: bytes, unsynced: bytes) -> None:
    file = disk.append(FILE)
    file.write(synced)
    file.sync()
    disk.sync_folder(FOLDER)
    file.write(unsynced)


@given(st.sampled_from(list(Survival)), st.binary(max_size=20_000), st.binary(max_size=20_000), st.integers(0, 1_000))
def test_given_any_model_when_power_is_lost_then_what_was_synced_is_there(
    model: Survival, synced: bytes, unsynced: bytes, seed: int
) -> None:
    """And no more than was written."""
    disk = make_disk(model, seed=seed)
    _write(disk, synced, unsynced)
    assert disk.power_lost() is model
    left = disk.read(FILE)
    assert left[: len(synced)] == synced
    assert len(left) <= len(synced) + len(unsynced)


TAIL = bytes(1 + i % 255 for i in range(5 * BLOCK_BYTES))
LOOKS: dict[Survival, Callable[[bytes], bool]] = {
    Survival.NOTHING: lambda tail: tail == b"",
    Survival.EVERYTHING: lambda tail: tail == TAIL,
    Survival.PREFIX: lambda tail: TAIL.startswith(tail) and 0 < len(tail) < len(TAIL),
    Survival.ZEROED: lambda tail: len(tail) == len(TAIL) and tail.endswith(bytes(10)) and TAIL.startswith(tail.rstrip(b"\0")),
    Survival.TORN: lambda tail: (
        len(tail) > BLOCK_BYTES and tail[:-BLOCK_BYTES] == TAIL[: len(tail) - BLOCK_BYTES] and not TAIL.startswith(tail)
    ),
    Survival.REORDERED: lambda tail: (
        0 < sum(tail[at : at + BLOCK_BYTES] == bytes(BLOCK_BYTES) for at in range(0, len(tail), BLOCK_BYTES)) < 5
    ),
}


@pytest.mark.parametrize("model", Survival)
def test_given_a_model_when_power_is_lost_often_then_it_shows_what_it_is_there_for(model: Survival) -> None:
    """Each is seen in most of twenty losses."""
    seen = 0
    for seed in range(20):
        disk = make_disk(model, seed=seed)
        _write(disk, bytes(BLOCK_BYTES), TAIL)
        disk.power_lost()
        seen += LOOKS[model](disk.read(FILE)[BLOCK_BYTES:])
    assert seen >= 12


def test_given_a_process_that_is_killed_when_another_reads_then_everything_written_is_there() -> None:
    """The page cache is the system's."""
    disk = make_disk()
    disk.append(FILE).write(b"not synced")
    disk.process_gone()
    assert disk.read(FILE) == b"not synced"


def test_given_a_folder_that_was_not_synced_when_power_is_lost_then_its_changes_may_be_gone() -> None:
    """A new file, and a rename: whole or not at all."""
    disk = make_disk(Survival.NOTHING)
    file = disk.append(FILE)
    file.write(b"synced, but where?")
    file.sync()
    disk.power_lost()
    assert disk.names(FOLDER) == []
    _write(disk, b"there", b"")
    disk.rename(FILE, FOLDER / "b")
    disk.power_lost()
    assert disk.names(FOLDER) == [FILE.name]
    disk.rename(FILE, FOLDER / "b")
    disk.sync_folder(FOLDER)
    disk.power_lost()
    assert disk.names(FOLDER) == ["b"]
    disk.remove(FOLDER / "b")
    disk.power_lost()
    assert disk.names(FOLDER) == ["b"]


@given(st.integers(0, 300))
def test_given_a_file_written_whole_when_power_is_lost_at_any_call_then_it_is_the_old_or_the_new(seed: int) -> None:
    """What the journal and its files rely on."""
    disk = make_disk(seed=seed)
    disk.write_whole(FILE, b"old" * 3_000)
    at = disk.calls + 1 + seed % 7

    def stop() -> None:
        raise Gone

    disk.stop_at(at, stop, midway=bool(seed % 2))
    try:
        disk.write_whole(FILE, b"new" * 4_000)
    except Gone:
        disk.power_lost()
    disk._stops.clear()
    assert disk.read(FILE) in (b"old" * 3_000, b"new" * 4_000)


@pytest.mark.parametrize("model", Survival)
def test_given_a_file_that_is_cut_when_power_is_lost_before_that_is_synced_then_it_is_the_old_or_the_new(model: Survival) -> None:
    """And the room that was freed is counted."""
    left = set()
    for seed in range(20):
        disk = make_disk(model, seed=seed)
        _write(disk, b"0123456789", b"")
        disk.plan(disk.calls + 2, DiskFaultKind.SYNC_FAILS)
        with pytest.raises(OSError, match="Input/output"):
            disk.truncate(FILE, 4)
        assert disk.read(FILE) == b"0123"
        assert disk.free_bytes(FOLDER) == disk.faults.bytes_max - 4
        disk.power_lost()
        left.add(disk.read(FILE))
        assert disk.free_bytes(FOLDER) == disk.faults.bytes_max - len(disk.read(FILE))
    wanted = {Survival.NOTHING: {b"0123456789"}, Survival.EVERYTHING: {b"0123"}}
    assert left == wanted.get(model, {b"0123456789", b"0123"})


def test_given_a_sync_that_fails_when_the_next_does_not_then_what_was_lost_stays_lost() -> None:
    """The system takes what it could not write for clean: so a journal must not go on after it."""
    disk = make_disk(Survival.NOTHING)
    _write(disk, b"before ", b"lost ")
    disk.plan(disk.calls + 1, DiskFaultKind.SYNC_FAILS)
    file = disk.append(FILE)
    disk.plan(disk.calls + 1, DiskFaultKind.SYNC_FAILS)
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.write(b"after")
    file.sync()
    assert disk.read(FILE) == b"before lost after"
    disk.power_lost()
    assert disk.read(FILE) == b"before \0\0\0\0\0after"
    assert disk.happened == [(disk.happened[0][0], DiskFaultKind.SYNC_FAILS)]


@pytest.mark.parametrize(
    ("kind", "number"),
    [(DiskFaultKind.WRITE_FAILS, errno.EIO), (DiskFaultKind.WRITE_TORN, errno.EIO), (DiskFaultKind.FULL, errno.ENOSPC)],
)
def test_given_a_write_that_fails_when_the_file_is_read_then_a_part_may_be_there(kind: DiskFaultKind, number: int) -> None:
    """Nothing, or a beginning."""
    disk = make_disk()
    file = disk.append(FILE)
    disk.plan(disk.calls + 1, kind)
    with pytest.raises(OSError, match=r".") as caught:
        file.write(b"0123456789" * 100)
    assert caught.value.errno == number
    left = disk.read(FILE)
    assert (b"0123456789" * 100).startswith(left)
    assert bool(left) == (kind is not DiskFaultKind.WRITE_FAILS)


def test_given_a_small_disk_when_it_is_full_then_it_says_so_and_how_much_is_left() -> None:
    """H5."""
    disk = make_disk(bytes_max=1_000)
    file = disk.append(FILE)
    file.write(bytes(900))
    assert disk.free_bytes(FOLDER) == 100
    with pytest.raises(OSError, match="No space left"):
        file.write(bytes(200))
    assert disk.free_bytes(FOLDER) == 0
    disk.remove(FILE)
    assert disk.free_bytes(FOLDER) == 1_000


def test_given_rates_when_a_disk_is_used_then_about_as_many_calls_fail() -> None:
    """Drawn from the node's seed."""
    disk = make_disk(write_fails_share=0.2, sync_fails_share=0.1)
    file, failed = disk.append(FILE), 0
    for _ in range(500):
        for call in (lambda: file.write(b"x"), file.sync):
            try:
                call()
            except OSError:
                failed += 1
    assert 110 < failed < 190
    assert len(disk.happened) == failed
    assert {kind for _, kind in disk.happened} == {
        DiskFaultKind.WRITE_FAILS,
        DiskFaultKind.WRITE_TORN,
        DiskFaultKind.SYNC_FAILS,
    }


def test_given_a_bit_that_turns_when_the_file_is_read_then_one_byte_is_another() -> None:
    """H7."""
    disk = make_disk()
    _write(disk, b"0123456789", b"")
    place = disk.rot(FILE)
    left = disk.read(FILE)
    assert [at for at in range(10) if left[at] != b"0123456789"[at]] == [place]


def test_given_a_crash_at_a_call_when_it_comes_then_the_process_is_gone_before_or_in_the_middle() -> None:
    """And nothing that its code still does reaches the disk."""
    for midway in (False, True):
        with World(8) as world:
            node = world.node("node")
            did: list[str] = []

            async def work(node=node, did=did) -> None:
                node.disk.make_folder(FOLDER)
                file = node.disk.append(FILE)
                try:
                    file.write(b"first " * 10)
                    file.write(b"second " * 10)
                    did.append("went on")
                finally:
                    did.append("cleaned up")
                    file.write(b"from beyond")

            world.crash_at_call(node, 4, midway=midway)
            node.start(work())
            world.advance(1)
            assert not node.is_up
            assert did == ["cleaned up"]
            world.restart(node)
            left = node.disk.read(FILE)
            assert left.startswith(b"first " * 10)
            assert b"beyond" not in left
            assert (len(left) > 60) == midway
