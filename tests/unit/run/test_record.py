"""A run on record: its head, what the run before left, and what cannot be gone on from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tickwright.base.errors import JournalError, RecoveryError, UsageError
from tickwright.engine import carry
from tickwright.engine.step import step
from tickwright.journal.writer import Bounds, Durability
from tickwright.model.caps import Caps
from tickwright.run.record import Recording, build, decode_head, encode_head, find_run, head_of, recover
from unit.engine.test_carry import Busy, ready
from unit.engine.world import BTC
from unit.journal.disks import MemoryDisk

FOLDER = Path("/journal")


def head(world, left=None):
    """What the world's run was started with."""
    return head_of(
        Busy(), "digest", place="sim", started_ns=1, config=world.state.config, caps=tuple(v.caps for v in world.state.venues.values()),
        traded=(BTC.key,), instruments=(BTC,), left=left,
    )  # fmt: skip


def write(recording, world, left=None, close=True):
    """The world's steps in a journal, the state beside it as it would be in a run."""
    begun = head(world, left)
    state, _ = build(begun, None)
    journal = recording.begin(begun, state)
    for seq, (event, effects) in enumerate(world.record, 1):
        carry.fold(state, event, effects)
        state.effects.clear()
        journal.write(seq, event, effects)
    if close:
        journal.close()
    return state


def lived():
    """A run with a working order and a fill."""
    world = ready()
    (submit,) = [effect for effect in world.ask(lambda s: s.buy("0.01", limit="59000")) if type(effect).__name__ == "Submit"]
    world.accept(submit.order)
    world.fill(submit.order, 300)
    return world


def recording(disk, **more):
    return Recording(FOLDER, "sim", Durability.PROCESS, disk=disk, background=lambda work: work(), **more)


def test_given_a_head_when_encoded_and_decoded_then_the_state_made_of_it_is_the_same():
    """One function makes the state of a run, a replay and a recovery."""
    world = lived()
    first = head(world)
    again = decode_head(encode_head(first), "here")
    assert again == first
    assert carry.keep(build(first, Busy())[0]) == carry.keep(build(again, Busy())[0])


def test_given_a_head_of_another_version_when_decoded_then_it_says_so():
    """It is not guessed at; neither is what is no head at all, or no text."""
    for raw in (b'{"format":1}', b"", b'{"place":"\xff"}', b'{"x":' + b"[" * 5_000 + b"}"):
        with pytest.raises(RecoveryError, match="here"):
            decode_head(raw, "here")
        with pytest.raises(RecoveryError):
            carry.decode(raw)


def test_given_a_run_that_ended_when_recovered_then_it_is_what_the_run_knew():
    """From a journal of one file, and from one whose first files are gone."""
    for bounds in (None, Bounds(segment=600, free=0)):
        disk, world = MemoryDisk(), lived()
        if bounds is not None:
            bounds.keep = 1_500
        write(recording(disk, bounds=bounds), world)
        left = recover(FOLDER, disk, "sim")
        assert left.carried == carry.keep(world.state)
    assert min(disk.names(FOLDER / left.run)) > "000001.twj.gz"


def test_given_nothing_on_record_when_looked_at_then_there_is_nothing_to_go_on_from():
    """The first run of an account."""
    assert recording(MemoryDisk()).left() is None


def test_given_a_journal_of_another_account_when_recovered_then_it_is_refused():
    """Orders of one account are not looked for on another."""
    disk = MemoryDisk()
    write(recording(disk), lived())
    with pytest.raises(UsageError, match="each account"):
        recover(FOLDER, disk, "sim testnet")


def test_given_a_checkpoint_that_is_not_what_comes_out_when_recovered_then_nobody_goes_on_from_it():
    """Either the record or the program is wrong; neither is trusted with money."""
    disk, world = MemoryDisk(), lived()
    begun = head(world)
    state, _ = build(begun, None)
    one = Recording(FOLDER, "sim", Durability.PROCESS, disk=disk, bounds=Bounds(segment=600, free=0), background=lambda _: None)
    journal = one.begin(begun, state)  # the state is never stepped, so its checkpoints lag behind
    for seq, (event, effects) in enumerate(world.record, 1):
        journal.write(seq, event, effects)
    journal.close()
    with pytest.raises(RecoveryError, match="not the one on record"):
        recover(FOLDER, disk, "sim")


def test_given_a_damaged_journal_when_a_run_would_go_on_from_it_then_it_does_not_start():
    """Corruption is told, never skipped."""
    disk = MemoryDisk()
    write(recording(disk), lived())
    ((path, raw),) = disk.files.items()
    disk.files[path] = raw[: len(raw) // 2] + b"?" + raw[len(raw) // 2 + 1 :]
    with pytest.raises(JournalError, match="damaged"):
        recording(disk).left()


def test_given_two_runs_in_a_row_when_the_third_recovers_then_it_knows_what_the_first_did():
    """Each head carries what the one before left."""
    disk, world = MemoryDisk(), lived()
    write(recording(disk), world)
    second = recording(disk)
    left = second.left()
    begun = head(world, left)
    state, _ = build(begun, None)
    second.begin(begun, state).close()
    third = recording(disk).left()
    assert third.run != left.run
    assert third.carried.ledger == left.carried.ledger
    assert [order.client_id for order in third.carried.orders.open] == [order.client_id for order in left.carried.orders.open]


def test_given_a_fresh_start_when_begun_then_what_was_left_is_not_looked_at():
    """Even if it could not be read."""
    disk = MemoryDisk()
    write(recording(disk), lived())
    assert recording(disk, go_on=False).left() is None


def test_given_a_path_when_a_run_is_looked_for_then_it_is_that_run_or_the_latest(tmp_path):
    """A folder that is not there, or has no run in it, is told."""
    one = Recording(tmp_path, "sim", Durability.PROCESS)
    with pytest.raises(UsageError, match="no run is on record"):
        find_run(tmp_path, one.disk)
    with pytest.raises(UsageError, match="no such folder"):
        find_run(tmp_path / "nowhere", one.disk)
    world = lived()
    write(one, world)
    folder, run = find_run(tmp_path, one.disk)
    assert find_run(folder / run, one.disk) == (folder, run)


def test_given_a_strategy_in_the_state_when_stepped_through_its_record_then_effects_are_those_on_record():
    """What replay relies on, without a file."""
    world = ready()
    state, _ = build(head(world), Busy())
    for event, effects in world.record:
        assert step(state, event) == effects


def test_given_the_sets_of_what_a_venue_can_do_when_a_head_is_encoded_then_each_is_in_order():
    """Equal heads are equal bytes, whatever the hash seed of the process."""
    sets = {field.name for field in msgspec.structs.fields(Caps) if "frozenset" in str(field.type)}
    plain = msgspec.json.decode(encode_head(head(lived())))
    (caps,) = plain["caps"]
    assert {name for name, value in caps.items() if isinstance(value, list)} == sets
    assert all(caps[name] == sorted(caps[name]) for name in sets)
