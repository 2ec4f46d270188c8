"""What is written is read back, whatever happens in between; what cannot be read is said to be, with the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickwright.base.errors import JournalError
from tickwright.journal.disk import RealDisk
from tickwright.journal.reader import latest_run, list_runs, read_run, repair, run_names
from tickwright.journal.record import HEADER_BYTES, Checkpoint, End, Head, Steps, Torn
from tickwright.journal.writer import BLOCK_STEPS_MAX, Bounds, Durability, open_run
from tickwright.model.effect import Cancel, Effect, Level, Notice, Stopped
from tickwright.model.event import Event, Tick
from tickwright.model.market import BUY, Trade
from tickwright.model.order import OrderRef
from unit.journal.disks import FOLDER, MemoryDisk
from unit.model.test_unions import of

SEND = Cancel("sim", OrderRef("sim:BTC/USDT", "twx-1"))
SAY = Notice(Level.INFO, "said", "something")
RUN = "000001-twx"


def trade(n):
    return Trade("sim:BTC/USDT", 100.5 + n, 0.25, BUY, n, n, n)


def opened(disk, durability=Durability.PROCESS, **more):
    return open_run(
        FOLDER, "twx-", b'{"head":1}', durability, disk=disk, checkpoint=lambda: b"state", background=lambda work: work(), **more
    )


def steps(disk, run=RUN):
    """Every step on record, as ``(seq, event, effects)``."""
    found = []
    for record in read_run(FOLDER, run, disk):
        if isinstance(record, Steps):
            found += [(record.first + n, event, effects) for n, (event, effects) in enumerate(record.steps)]
    return found


@settings(max_examples=50)
@given(st.lists(st.tuples(of(Event), st.lists(of(Effect), max_size=3)), max_size=12))
def test_given_any_steps_when_written_and_read_then_they_are_equal(written):
    """In order, each with its effects, and the end after them."""
    disk = MemoryDisk()
    journal = opened(disk)
    for seq, (event, effects) in enumerate(written, 1):
        journal.write(seq, event, effects)
    journal.close()
    assert steps(disk) == [(seq, event, tuple(effects)) for seq, (event, effects) in enumerate(written, 1)]
    assert isinstance(list(read_run(FOLDER, RUN, disk))[-1], End)


def recorded(disk=None, bounds=None, count=40):
    """A journal with a bit of everything, closed in order."""
    disk = disk or MemoryDisk()
    journal = opened(disk, bounds=bounds)
    for seq in range(1, count):
        effects = [SEND] if seq % 5 == 0 else [SAY] if seq % 7 == 0 else []
        journal.write(seq, Tick(seq) if seq % 3 == 0 else trade(seq), effects)
    journal.write(count, Tick(count), [Stopped(True, "clean")])
    journal.close()
    return disk


def test_given_a_journal_cut_at_any_byte_when_read_then_a_prefix_is_there_and_the_cut_is_told():
    """Every prefix of the file is a prefix of the steps; what was whole is whole."""
    disk = recorded()
    ((path, raw),) = disk.files.items()
    whole = steps(disk)
    for cut in range(len(raw)):
        disk.files[path] = raw[:cut]
        records = list(read_run(FOLDER, RUN, disk))
        found = steps(disk)
        assert found == whole[: len(found)]
        boundary = not records or not isinstance(records[-1], Torn)
        assert boundary or records[-1].whole + (cut - records[-1].whole) == cut


def test_given_any_flipped_byte_when_read_then_it_is_told_and_no_other_steps_are_made_of_it():
    """Damage in the middle is an error with the place; at the very end it cannot be told from an end that was cut off."""
    disk = recorded()
    ((path, raw),) = disk.files.items()
    whole = steps(disk)
    last = raw.rfind(b"\xff")
    for place in range(len(raw)):
        broken = bytearray(raw)
        broken[place] ^= 0x10
        disk.files[path] = bytes(broken)
        if place < last:
            with pytest.raises(JournalError, match=r"byte|format|kind"):
                list(read_run(FOLDER, RUN, disk))
        else:
            assert isinstance(list(read_run(FOLDER, RUN, disk))[-1], Torn)
            assert steps(disk) == whole


def test_given_a_torn_end_when_repaired_then_what_was_whole_is_left_and_the_rest_is_put_aside():
    """Repairing again finds nothing to do."""
    disk = recorded()
    ((path, raw),) = disk.files.items()
    disk.files[path] = raw[:-5]
    torn = repair(FOLDER, RUN, disk)
    assert torn is not None
    assert disk.files[path] == raw[: torn.whole]
    assert disk.files[path.with_name(path.name + ".torn")] == raw[torn.whole : -5]
    assert repair(FOLDER, RUN, disk) is None


def test_given_zeros_at_the_end_when_read_then_it_is_a_torn_end():
    """Some file systems leave a block of zeros after a power failure."""
    disk = recorded()
    ((path, raw),) = disk.files.items()
    disk.files[path] = raw + bytes(4096)
    assert isinstance(list(read_run(FOLDER, RUN, disk))[-1], Torn)


def test_given_an_intent_when_write_returns_then_it_is_on_disk_as_durably_as_asked():
    """PROCESS: written. POWER: synced as well. NONE: neither."""
    for durability, written, synced in (
        (Durability.NONE, False, False),
        (Durability.PROCESS, True, False),
        (Durability.POWER, True, True),
    ):
        disk = MemoryDisk()
        journal = opened(disk, durability)
        journal.write(1, trade(1), [SEND])
        path = FOLDER / RUN / "000001.twj"
        assert (b"twx-1" in disk.files[path]) is written
        assert (b"twx-1" in disk.synced.get(path, b"")) is synced
        journal.close()
        assert [seq for seq, _, _ in steps(disk)] == [1]


def test_given_two_intents_of_one_step_when_written_then_they_share_one_sync():
    """A sync costs more than everything else in a step."""
    disk = MemoryDisk()
    journal = opened(disk, Durability.POWER)
    before = disk.did.count("sync")
    journal.write(1, trade(1), [SEND, SEND, SAY])
    journal.write(2, trade(2), [SAY])
    assert disk.did.count("sync") == before + 1


def test_given_market_data_alone_when_written_then_it_waits_for_a_block_or_a_tick():
    """No write a trade; no trade lost for longer than a tick."""
    disk = MemoryDisk()
    journal = opened(disk)
    before = disk.did.count("write")
    for seq in range(1, BLOCK_STEPS_MAX):
        journal.write(seq, trade(seq), [])
    assert disk.did.count("write") == before
    journal.write(BLOCK_STEPS_MAX, Tick(1), [])
    assert disk.did.count("write") == before + 1
    assert len(steps(disk)) == BLOCK_STEPS_MAX


@pytest.mark.parametrize("what", ["write", "sync"])
def test_given_a_disk_that_fails_when_written_to_then_it_is_an_error_now_and_for_ever(what):
    """After a failed sync nobody knows what is in the file, so nothing is added to it."""
    disk = MemoryDisk()
    journal = opened(disk, Durability.POWER)
    journal.write(1, trade(1), [SEND])
    kept = dict(disk.files)
    disk.fail[what] = 0
    with pytest.raises(JournalError, match="input/output error"):
        journal.write(2, trade(2), [SEND])
    disk.fail.clear()
    after = dict(disk.files)
    for seq in (3, 4):
        with pytest.raises(JournalError):
            journal.write(seq, trade(seq), [SEND])
    journal.close()
    assert disk.files == after
    assert [seq for seq, _, _ in steps(disk)][:1] == [1]
    assert all(after[path].startswith(raw) for path, raw in kept.items())


def test_given_a_full_disk_when_written_to_then_what_was_acknowledged_is_whole():
    """The write that did not fit is a torn end."""
    disk = MemoryDisk(size=2_000)
    journal = opened(disk)
    acknowledged = []

    def fill_up():
        for seq in range(1, 1_000):
            journal.write(seq, trade(seq), [SEND])
            acknowledged.append(seq)

    with pytest.raises(JournalError, match="no space left"):
        fill_up()
    journal.close()
    assert [seq for seq, _, _ in steps(disk)] == acknowledged
    assert isinstance(list(read_run(FOLDER, RUN, disk))[-1], Torn)


def test_given_little_space_left_when_looked_at_then_the_run_is_told_before_it_is_too_late():
    """The bound is looked at now and then, not at every write."""
    disk = MemoryDisk()
    journal = opened(disk)
    disk.free = 10_000_000
    for seq in range(1, 100):
        journal.write(seq, Tick(seq), [])
    with pytest.raises(JournalError, match="only 9 MB are left"):
        journal.write(100, Tick(100), [])


def test_given_a_bound_when_reached_then_files_are_closed_compressed_and_begin_with_the_state():
    """A reader needs no file before the one that it begins with."""
    disk = recorded(bounds=Bounds(segment=600, free=0))
    names = disk.names(FOLDER / RUN)
    assert len(names) > 3
    assert all(name.endswith(".twj.gz") for name in names[:-1])
    assert names[-1].endswith(".twj")
    assert [seq for seq, _, _ in steps(disk)] == list(range(1, 41))
    kinds = [type(record) for record in read_run(FOLDER, RUN, disk)]
    assert kinds.count(Head) == len(names)
    assert kinds.count(Checkpoint) == len(names) - 1
    seen = 0
    for record in read_run(FOLDER, RUN, disk):
        if isinstance(record, Steps):
            seen = record.first + len(record.steps) - 1
        elif isinstance(record, Checkpoint):
            assert (record.seq, record.raw) == (seen, b"state")


def test_given_a_bound_of_all_files_when_reached_then_the_oldest_go_and_it_is_said():
    """What is left reads from its first file on."""
    disk = MemoryDisk()
    said = []
    bounds = Bounds(segment=600, free=0)
    bounds.keep = 1_500
    journal = opened(disk, bounds=bounds, say=said.append)
    for seq in range(1, 400):
        journal.write(seq, trade(seq), [SEND])
    journal.close()
    assert said
    assert all("removed" in line for line in said)
    left = steps(disk)
    assert left[-1][0] == 399
    assert left[0][0] > 1


@pytest.mark.parametrize("number", [0, 1])
def test_given_a_closed_file_that_is_missing_when_read_then_it_is_named(number):
    """In the middle; the first ones may have been removed by the bound, but then everything before is gone, too."""
    disk = recorded(bounds=Bounds(segment=600, free=0))
    names = disk.names(FOLDER / RUN)
    del disk.files[FOLDER / RUN / names[number]]
    if number == 0:
        assert next(read_run(FOLDER, RUN, disk)).number == 2
    else:
        with pytest.raises(JournalError, match=r"000002\.twj is missing"):
            list(read_run(FOLDER, RUN, disk))


def test_given_a_flipped_bit_in_a_closed_file_when_read_then_it_is_damage_at_a_place():
    """Compressed or not, first or middle: never skipped."""
    disk = recorded(bounds=Bounds(segment=600, free=0))
    path = FOLDER / RUN / disk.names(FOLDER / RUN)[1]
    raw = disk.files[path]
    for place in range(10, len(raw)):
        broken = bytearray(raw)
        broken[place] ^= 1
        disk.files[path] = bytes(broken)
        with pytest.raises(JournalError, match=re.escape(path.name)):
            list(read_run(FOLDER, RUN, disk))


def test_given_files_that_were_exchanged_when_read_then_it_is_told():
    """Each says which it is."""
    disk = recorded(bounds=Bounds(segment=600, free=0))
    first, second = (FOLDER / RUN / name for name in disk.names(FOLDER / RUN)[:2])
    disk.files[first], disk.files[second] = disk.files[second], disk.files[first]
    with pytest.raises(JournalError, match="exchanged"):
        list(read_run(FOLDER, RUN, disk))


def test_given_a_second_writer_when_it_begins_then_it_is_refused_and_after_the_first_it_may():
    """Two runs on one account would each believe to be alone."""
    disk = MemoryDisk()
    first = opened(disk)
    with pytest.raises(JournalError, match="another run"):
        opened(disk)
    first.close()
    opened(disk).close()
    assert run_names(FOLDER, disk) == ["000001-twx", "000002-twx"]


def test_given_a_run_that_did_not_get_to_its_head_when_the_latest_is_asked_for_then_it_is_the_one_before():
    """It has sent nothing, and the one before still says what is open."""
    disk = recorded()
    opened(disk).close()
    path = FOLDER / "000002-twx" / "000001.twj"
    disk.files[path] = disk.files[path][: HEADER_BYTES + 3]
    assert latest_run(FOLDER, disk) == RUN
    assert [(run.name, run.clean) for run in list_runs(FOLDER, disk)] == [("000001-twx", True), ("000002-twx", False)]


@given(st.binary(max_size=300), st.integers(0, 400))
def test_given_any_bytes_in_the_file_when_read_then_it_is_records_or_one_error(junk, place):
    """Whatever is in it, the answer comes, and it is one of these."""
    disk = recorded(count=10)
    ((path, raw),) = disk.files.items()
    disk.files[path] = raw[:place] + junk + raw[place:]
    try:
        list(read_run(FOLDER, RUN, disk))
    except JournalError as error:
        assert path.name in str(error)  # noqa: PT017 (either outcome is right; the error must name the file)


def test_given_the_real_disk_when_a_journal_is_written_and_read_then_it_is_the_same(tmp_path: Path):
    """With threads, descriptors and compression."""
    disk = RealDisk()
    journal = open_run(
        tmp_path / "j",
        "twx-",
        b"head",
        Durability.POWER,
        disk=disk,
        checkpoint=lambda: b"state",
        bounds=Bounds(segment=2_000, free=0),
    )
    with pytest.raises(JournalError, match="another run"):
        open_run(tmp_path / "j", "twy-", b"head", Durability.POWER, disk=disk, checkpoint=lambda: b"")
    for seq in range(1, 101):
        journal.write(seq, trade(seq), [SEND] if seq % 10 == 0 else [])
    journal.close()
    journal.close()
    found = [record for record in read_run(tmp_path / "j", RUN, disk) if isinstance(record, Steps)]
    assert sum(len(record.steps) for record in found) == 100
    assert any(name.endswith(".gz") for name in disk.names(tmp_path / "j" / RUN))


def test_given_a_folder_that_cannot_be_made_when_opened_then_it_is_one_line(tmp_path: Path):
    """The place, and that nothing was sent."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(JournalError, match="nothing was sent") as caught:
        open_run(blocked / "j", "twx-", b"", Durability.PROCESS, disk=RealDisk(), checkpoint=lambda: b"")
    assert str(blocked) in str(caught.value)
