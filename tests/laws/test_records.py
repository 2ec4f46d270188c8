"""Laws of what is on record: any prefix reads as a prefix, and recovering is done once however often it is asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from laws.story import Story, told, words_and_people
from tickwright.base.errors import JournalError
from tickwright.engine import carry
from tickwright.journal.reader import read_run, repair
from tickwright.journal.record import Steps, Torn
from tickwright.journal.writer import Bounds, Durability, open_run
from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.run.record import Recording, build, head_of, recover
from unit.engine.world import BTC
from unit.journal.disks import FOLDER, MemoryDisk
from unit.model.test_unions import of

steps = st.lists(st.tuples(of(Event), st.lists(of(Effect), max_size=2)), max_size=15)


def read(disk: MemoryDisk, run: str) -> list[tuple[int, Event, tuple[Effect, ...]]]:
    """Every step on record."""
    return [
        (record.first + place, event, effects)
        for record in read_run(FOLDER, run, disk)
        if isinstance(record, Steps)
        for place, (event, effects) in enumerate(record.steps)
    ]


@given(steps, st.integers(100, 2_000), st.data())
def test_given_any_journal_when_its_last_file_is_cut_anywhere_then_a_prefix_is_read_and_repairing_keeps_it(
    written, segment, data
) -> None:
    """Whatever was written, into however many files."""
    disk = MemoryDisk()
    journal = open_run(
        FOLDER, "twx-", b"{}", Durability.PROCESS, disk=disk, checkpoint=lambda: b"{}", background=lambda work: work(),
        bounds=Bounds(segment=segment, free=0),
    )  # fmt: skip
    for seq, (event, effects) in enumerate(written, 1):
        journal.write(seq, event, effects)
    journal.close()
    whole = read(disk, "000001-twx")
    assert whole == [(seq, event, tuple(effects)) for seq, (event, effects) in enumerate(written, 1)]
    last = max(disk.files)
    disk.files[last] = disk.files[last][: data.draw(st.integers(0, len(disk.files[last])))]
    found = read(disk, "000001-twx")
    assert found == whole[: len(found)]
    repair(FOLDER, "000001-twx", disk)
    assert read(disk, "000001-twx") == found
    assert not any(isinstance(record, Torn) for record in read_run(FOLDER, "000001-twx", disk))


def recorded(story: Story, disk: MemoryDisk, segment: int) -> None:
    """The story as a run would have recorded it."""
    caps = tuple(venue.caps for venue in story.state.venues.values())
    head = head_of(
        story.strategy, "digest", place="sim", started_ns=1, config=story.state.config, caps=caps, traded=(BTC.key,), instruments=(BTC,),
        left=None,
    )  # fmt: skip
    state, _ = build(head, None)
    journal = _recording(disk, Bounds(segment=segment, free=0)).begin(head, state)
    for seq, (event, effects) in enumerate(story.fed, 1):
        carry.fold(state, event, effects)
        state.effects.clear()
        journal.write(seq, event, effects)


def _recording(disk: MemoryDisk, bounds: Bounds | None = None) -> Recording:
    return Recording(FOLDER, "sim", Durability.PROCESS, disk=disk, background=lambda work: work(), bounds=bounds)


@given(st.lists(words_and_people, max_size=25), st.integers(2_000, 20_000), st.integers(0, 400))
def test_given_any_run_that_was_cut_off_when_it_is_recovered_twice_then_it_is_as_once(told_words, segment, cut) -> None:
    """Recovering reads; it leaves the disk as it was, knows the same each time, and going on from it changes nothing by itself."""
    disk = MemoryDisk()
    recorded(told(told_words), disk, segment)
    last = max(disk.files)
    disk.files[last] = disk.files[last][: max(0, len(disk.files[last]) - cut)]
    before = dict(disk.files)
    try:
        once = recover(FOLDER, disk, "sim")
    except JournalError:
        once = None
    assert disk.files == before
    if once is None:
        return
    again = recover(FOLDER, disk, "sim")
    assert again is not None
    assert carry.encode(again.carried) == carry.encode(once.carried)
    assert carry.decode(carry.encode(once.carried)) == once.carried
    config = once.head.config
    later, _ = build(
        head_of(
            Story().strategy, "digest", place="sim", started_ns=once.carried.at_ns, config=config, caps=once.head.caps,
            traded=(BTC.key,), instruments=(BTC,), left=once,
        ),
        None,
    )  # fmt: skip
    first = carry.keep(later)
    carry.take_over(later, once.carried.at_ns, strategy_changed=False)
    assert carry.keep(later) == first
