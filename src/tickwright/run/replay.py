"""`tickwright replay`: a journal's events through a fresh engine, every effect compared with the one on record.

Guarantees: what is compared is everything that the run did, byte for byte; the first difference is shown with both sides.
Does not: contact anybody, or perform an effect. The wall time of the run plays no part, so it takes as long as the deciding does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.clock import NS_PER_S, SystemClock
from tickwright.base.errors import DataError, JournalError, StrategyError
from tickwright.engine import carry
from tickwright.engine.state import State
from tickwright.engine.step import step
from tickwright.journal.disk import Disk, RealDisk
from tickwright.journal.reader import read_run
from tickwright.journal.record import Checkpoint, End, Head, Record, Steps, Torn
from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.run.load import load_strategy
from tickwright.run.record import RunHead, build, build_digest, decode_head, find_run, source_digest
from tickwright.strategy.strategy import Strategy

#: How often a long replay says how far it is, in steps.
PROGRESS_STEPS = 100_000


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The first step whose effects are not those on record."""

    seq: int
    event: str
    recorded: tuple[str, ...]
    replayed: tuple[str, ...]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to. ``speed`` is how many times as fast as the run it was."""

    run: str
    strategy: str
    steps: int
    effects: int
    identical: bool
    divergence: Divergence | None
    checkpoints: int
    complete: bool  # the journal has an end: the run ended in order
    run_seconds: float
    seconds: float
    speed: float
    same_build: bool
    same_strategy: bool


def replay(
    journal: Path,
    *,
    disk: Disk | None = None,
    progress: Callable[[int], None] | None = None,
    strategy: type[Strategy] | None = None,
) -> Replay:
    """Replay the run at ``journal`` (its own folder, or a folder of runs: the latest)."""
    disk = disk if disk is not None else RealDisk()
    folder, run = find_run(journal, disk)
    result = replay_run(folder, run, disk, progress=progress, strategy=strategy)
    if result is None:
        raise DataError("there is nothing on record", where=str(folder / run))
    return result


def replay_run(
    folder: Path, run: str, disk: Disk, *, progress: Callable[[int], None] | None = None, strategy: type[Strategy] | None = None
) -> Replay | None:
    """The same for one run of a folder; None of a run that did not get as far as its head."""
    walk = _Walk(str(folder / run), run, strategy, progress)
    clock = SystemClock()
    began_ns = clock.mono_ns()
    for record in read_run(folder, run, disk):
        walk.take(record)
        if walk.divergence is not None:
            break
    return walk.result((clock.mono_ns() - began_ns) / NS_PER_S)


def describe(result: Replay) -> str:
    """The result for people."""
    head = f"{result.run} ({result.strategy}): {result.steps:,} steps, {result.effects:,} effects in {result.seconds:.2f} s"
    lines = [f"{head}, {result.speed:,.0f} times as fast as the run"]
    if not result.same_build:
        lines.append("It was recorded by another version of the program.")
    if not result.same_strategy:
        lines.append("The strategy is not the file that it was.")
    found = result.divergence
    if found is None:
        lines.append("Every effect is the one on record.")
        return "\n".join(lines)
    lines.append(f"The first difference is at step {found.seq}: {found.event}")
    lines += [f"  on record  {text}" for text in found.recorded or ("nothing",)]
    lines += [f"  replayed   {text}" for text in found.replayed or ("nothing",)]
    return "\n".join(lines)


class _Walk:
    """One pass over the records."""

    def __init__(self, where: str, run: str, strategy: type[Strategy] | None, progress: Callable[[int], None] | None) -> None:
        self.where = where
        self.run = run
        self.strategy = strategy
        self.progress = progress
        self.head: RunHead | None = None
        self.state: State | None = None
        self.steps = self.effects = self.checkpoints = 0
        self.first_ns = self.last_ns = 0
        self.complete = False
        self.divergence: Divergence | None = None

    def take(self, record: Record) -> None:
        """One record of the journal."""
        if isinstance(record, Head):
            self._begin(record)
            return
        state = self.state
        if isinstance(record, Torn):
            return
        if state is None:
            raise JournalError("it does not begin with a head", where=self.where)
        if isinstance(record, Steps):
            for event, effects in record.steps:
                self._step(state, event, effects)
                if self.divergence is not None:
                    return
        elif isinstance(record, Checkpoint):
            self.checkpoints += 1
            if carry.encode(carry.keep(state)) != record.raw:
                self.divergence = Divergence(seq=record.seq, event="checkpoint", recorded=(), replayed=())
        elif isinstance(record, End):
            self.complete = True

    def _begin(self, record: Head) -> None:
        if self.head is not None:
            return  # each file of a run repeats it
        if record.number != 1:
            raise JournalError("its first files are gone, so it cannot be replayed", where=self.where)
        head = self.head = decode_head(record.raw, self.where)
        self.strategy = self.strategy or strategy_of(head, self.where)
        self.state, _ = build(head, self.strategy(**head.params))

    def _step(self, state: State, event: Event, effects: Sequence[Effect]) -> None:
        got = step(state, event)
        self.steps += 1
        self.last_ns = event.recv_ns
        if not self.first_ns:
            self.first_ns = event.recv_ns
        if self.progress is not None and self.steps % PROGRESS_STEPS == 0:
            self.progress(self.steps)
        if got or effects:
            self.effects += len(effects)
            ours, theirs = _lines(got), _lines(effects)
            if ours != theirs:
                self.divergence = Divergence(seq=state.seq, event=_text(event), recorded=theirs, replayed=ours)

    def result(self, seconds: float) -> Replay | None:
        """What it came to."""
        head = self.head
        if head is None:
            return None
        run_seconds = (self.last_ns - self.first_ns) / NS_PER_S
        assert self.strategy is not None
        return Replay(
            run=self.run,
            strategy=head.strategy,
            steps=self.steps,
            effects=self.effects,
            identical=self.divergence is None,
            divergence=self.divergence,
            checkpoints=self.checkpoints,
            complete=self.complete,
            run_seconds=round(run_seconds, 3),
            seconds=round(seconds, 3),
            speed=round(run_seconds / seconds, 1) if seconds else 0.0,
            same_build=head.build == build_digest(),
            same_strategy=head.strategy_digest == source_digest(self.strategy),
        )


def _lines(effects: Sequence[Effect]) -> tuple[str, ...]:
    return tuple(_text(effect) for effect in effects)


def _text(item: Any) -> str:
    return msgspec.json.encode(item).decode()


def strategy_of(head: RunHead, where: str) -> type[Strategy]:
    """The strategy that the run was of, from where it was then."""
    kind, _, place = head.strategy_source.partition(":")
    if kind == "file":
        return load_strategy(Path(place), head.strategy)
    module, _, name = place.rpartition(":")
    try:
        found: type[Strategy] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise StrategyError(f"{place} is not there any more", where=where, hint="give the file: --strategy FILE") from None
    return found
