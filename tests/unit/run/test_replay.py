"""A run's events through a fresh engine: what it decides is what is on record."""

from __future__ import annotations

from pathlib import Path

from tickwright.engine import carry
from tickwright.engine.state import State
from tickwright.journal.writer import Durability
from tickwright.model.effect import Effect, Find, SubmitPair
from tickwright.model.event import Event, FindOutcome
from tickwright.model.order import Found, ReportStatus, Unknown
from tickwright.model.reason import Reason
from tickwright.run.record import Recording, build, head_of, recover
from tickwright.run.replay import replay_run
from unit.engine.test_oco import Once
from unit.engine.world import BTC, World, of
from unit.journal.disks import MemoryDisk

FOLDER = Path("/journal")
Record = list[tuple[Event, list[Effect]]]


class Kept(World):
    """A run of which every step is kept."""

    def __init__(self) -> None:
        self.record: Record = []
        super().__init__(Once())

    def feed(self, event: Event) -> list[Effect]:
        effects = super().feed(event)
        self.record.append((event, list(effects)))
        return effects


def lived() -> Kept:
    """A pair is sent, its answer is lost, both legs are found; then one trades and the other expires."""
    world = Kept()
    world.start()
    (pair,) = of(world.effects, SubmitPair)
    for leg in (pair.limit, pair.stop):
        world.answer(leg, Unknown(why="the connection was lost"))
    for _ in range(200):
        world.tick(0.5)
        world.quote()
        if len(of(world.effects, Find)) >= 2:
            break
    for leg, find in zip((pair.limit, pair.stop), of(world.effects, Find), strict=True):
        assert find.ref.client_id == leg.client_id
        report = world.report_of(leg, ReportStatus.OPEN)
        world.feed(FindOutcome(find.ref, Found(order=report, fills=(), fills_complete=True), world.now))
    world.fill(pair.limit, price=6_300_000)
    world.report(pair.limit, ReportStatus.DONE, Reason.FILLED, filled=pair.limit.qty)
    world.report(pair.stop, ReportStatus.DONE, Reason.EXPIRED)
    return world


def written(world: World, record: Record) -> tuple[MemoryDisk, str, State]:
    """The record in a journal; with it the run's name, and the account as the record makes it."""
    disk = MemoryDisk()
    venues = tuple(venue.caps for venue in world.state.venues.values())
    head = head_of(
        Once(), "digest", place="sim", started_ns=1, config=world.state.config, caps=venues, traded=(BTC.key,), instruments=(BTC,),
        left=None,
    )  # fmt: skip
    account, _ = build(head, None)
    journal = Recording(FOLDER, "sim", Durability.PROCESS, disk=disk, background=lambda work: work()).begin(head, account)
    for seq, (event, effects) in enumerate(record, 1):
        carry.fold(account, event, effects)
        account.effects.clear()
        journal.write(seq, event, effects)
    journal.close()
    left = recover(FOLDER, disk, "sim")
    assert left is not None
    return disk, left.run, account


def test_given_the_life_of_a_pair_when_replayed_then_every_effect_is_the_one_on_record() -> None:
    world = lived()
    assert world.state.ledger.reserved("BTC") == 0
    disk, run, account = written(world, world.record)
    result = replay_run(FOLDER, run, disk, strategy=Once)
    assert result is not None
    assert result.identical, result.divergence
    assert (result.steps, result.effects) == (len(world.record), len(world.effects))
    assert carry.encode(carry.keep(account)) == carry.encode(carry.keep(world.state))


def test_given_a_record_at_any_step_of_a_pair_when_rebuilt_then_it_is_the_account_of_that_step() -> None:
    """Wherever the program ends, what is left is what it knew: the pair is one, or has ended."""
    world = Kept()
    world.start()
    (pair,) = of(world.effects, SubmitPair)
    ends = [
        lambda: world.accept(pair.limit),
        lambda: world.accept(pair.stop),
        lambda: world.fill(pair.limit, qty=4_000, price=6_300_000),
        lambda: world.report(pair.stop, ReportStatus.DONE, Reason.EXPIRED),
        lambda: world.fill(pair.limit, qty=6_000, price=6_300_000),
        lambda: world.report(pair.limit, ReportStatus.DONE, Reason.FILLED, filled=pair.limit.qty),
    ]
    for end in ends:
        end()
        _, _, account = written(world, world.record)
        assert carry.encode(carry.keep(account)) == carry.encode(carry.keep(world.state))


def test_given_a_pair_on_record_at_another_price_when_replayed_then_it_is_told_where_they_part() -> None:
    """That replaying says "identical" means something."""
    world = lived()
    at = next(n for n, (_, effects) in enumerate(world.record) if of(effects, SubmitPair))

    class Other(Once):
        limit = "63001"

    disk, run, _ = written(world, world.record)
    result = replay_run(FOLDER, run, disk, strategy=Other)
    assert result is not None
    assert not result.identical
    assert result.divergence is not None
    assert result.divergence.seq == at + 1
    assert any("6300000" in text for text in result.divergence.recorded)
    assert any("6300100" in text for text in result.divergence.replayed)
