"""Writes the journal of one run.

Guarantees: when ``write`` returns for a step whose effects send something to a venue, the step and all before it are on
record as the durability says; steps that send nothing may wait, but not longer than until the next tick. Every failure to
write or to sync raises ``JournalError``, at once and from then on: after a failed sync nobody knows what is in the file, so
nothing is ever added to it. Files are closed at a bound, compressed off the loop, and the oldest of the run are removed at a
bound of their own, never without saying so. One writer at a time has the folder.

Does not: read, or decide what a failure means; the shell stops the run.
"""

from __future__ import annotations

import enum
import gzip
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tickwright.base.errors import JournalError
from tickwright.journal.disk import Disk, File, Lock
from tickwright.journal.record import (
    CHECKPOINT,
    END,
    HEAD,
    MARKET,
    SEGMENT,
    STEPS,
    End,
    Segment,
    encode_checkpoint,
    encode_end,
    encode_market,
    encode_segment,
    encode_steps,
    frame,
)
from tickwright.model.effect import (
    CancelOwed,
    Effect,
    HaltChanged,
    Notice,
    Protected,
    Reconciled,
    Stopped,
    Submit,
    Valued,
    Watched,
)
from tickwright.model.event import (
    Event,
    Tick,
)
from tickwright.model.market import Bar, BookUpdate, FeedDown, FeedUp, Funding, Gap, Mark, Quote, Ticker, Trade

#: Steps that wait at most before they are written.
BLOCK_STEPS_MAX = 256
#: With durability ``none``: bytes that wait at most.
LAZY_BYTES_MAX = 256 * 1024
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
KEEP_BYTES_MAX = 4 * 1024 * 1024 * 1024
#: How often the space left on the disk is looked at, in ticks.
SPACE_TICKS = 100
SUFFIX = ".twj"
PACKED = ".twj.gz"
LOCK_NAME = "lock"
#: How long closing waits for files that are being compressed.
PACK_DEADLINE_S = 30.0


class Durability(enum.Enum):
    """What an intent has survived before it is sent."""

    NONE = "none"  # nothing: written when convenient
    PROCESS = "process"  # a killed process
    POWER = "power"  # a power failure


#: Events that may wait, and are packed when they have: of everything else the last word is written at once.
_MARKET = frozenset({Bar, BookUpdate, FeedDown, FeedUp, Funding, Gap, Mark, Quote, Ticker, Trade})
#: Effects that send nothing to a venue. Everything else is an intent, whatever is added to the union.
_SENDS_NOTHING = frozenset({CancelOwed, Notice, Protected, Watched, Valued, HaltChanged, Reconciled, Stopped})


class Bounds:
    """Sizes in bytes: at which a file is closed, what the files of a run may take together, and what must be left free."""

    def __init__(self, segment: int = SEGMENT_BYTES_MAX, keep: int = KEEP_BYTES_MAX, free: int = 200 * 1024 * 1024) -> None:
        self.segment = segment
        self.keep = max(keep, 2 * segment)
        self.free = free


class JournalWriter:
    """Satisfies :class:`tickwright.ports.Journal`. Made by :func:`open_run`."""

    def __init__(
        self,
        folder: Path,
        run: str,
        head: bytes,
        durability: Durability,
        disk: Disk,
        lock: Lock,
        checkpoint: Callable[[], bytes],
        bounds: Bounds,
        background: Callable[[Callable[[], None]], None] | None,
        say: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.run = run
        self.durability = durability
        self._head = head
        self._disk = disk
        self._lock = lock
        self._checkpoint = checkpoint
        self._bounds = bounds
        self._background = background if background is not None else self._start_thread
        self._say = say
        self._threads: list[threading.Thread] = []
        self._dead: JournalError | None = None
        self._events: list[Event] = []
        self._effects: list[tuple[int, tuple[Effect, ...]]] = []
        self._first = 0
        self._seq = 0
        self._lazy: list[tuple[int, bytes]] = []
        self._lazy_bytes = 0
        self._packed: dict[int, int] = {}  # number and size of each compressed file of this run
        self._number = 0
        self._size = 0
        self._begun = 0  # of the file: its head and the state at its beginning
        self._kept = 0  # of the file: as durable as configured
        self._ticks = 0
        self._unsynced = False
        self._stopped: Stopped | None = None
        self._file: File | None = None

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, seq: int, event: Event, effects: Sequence[Effect]) -> None:
        """Put a step on record. Most steps do nothing: they cost an append and wait for the next that does."""
        events = self._events
        if not events:
            self._first = seq
        events.append(event)
        if effects:
            self._with_effects(seq, effects)
        elif type(event) not in _MARKET or len(events) >= BLOCK_STEPS_MAX:
            self._seq = seq
            self._flush(sync=False)
            if type(event) is Tick:
                self._tick()

    def rehearse(self, submit: Submit) -> None:
        """Make the bytes of an intent and throw them away: see :class:`tickwright.ports.Rehearsing`."""
        frame(STEPS, encode_steps(self._seq, [Tick(0)], [(0, (submit,))]), self._kept)

    def _with_effects(self, seq: int, effects: Sequence[Effect]) -> None:
        self._seq = seq
        self._effects.append((len(self._events) - 1, tuple(effects)))
        intent = False
        for effect in effects:
            if type(effect) not in _SENDS_NOTHING:
                intent = True
            elif type(effect) is Stopped:
                self._stopped = effect
        self._flush(sync=intent)

    def _flush(self, *, sync: bool) -> None:
        """Write what waits; with ``sync`` as durably as configured."""
        if self._dead is not None:
            raise self._dead
        records = self._records()
        if self.durability is Durability.NONE:
            self._lazy += records
            self._lazy_bytes += sum(len(payload) for _, payload in records)
            if self._lazy_bytes >= LAZY_BYTES_MAX:
                self._put_lazy()
        else:
            self._put(records)
        if sync and self.durability is Durability.POWER:
            self._sync()
        if self._size - self._begun >= self._bounds.segment:
            self._rotate()

    def _records(self) -> list[tuple[int, bytes]]:
        """What waits, as kinds and payloads: market events in one, the step that ended the waiting in another."""
        events, first = self._events, self._first
        records = []
        if type(events[-1]) in _MARKET and not self._effects:
            records.append(_packed(first, events))
        else:
            last = len(events) - 1
            if last:
                records.append(_packed(first, events[:last]))
            effects = tuple((0, done) for _, done in self._effects)
            records.append((STEPS, encode_steps(first + last, events[last:], effects)))
        events.clear()
        self._effects.clear()
        return records

    def _put_lazy(self) -> None:
        lazy, self._lazy, self._lazy_bytes = self._lazy, [], 0
        if lazy:
            self._put(lazy)

    def _put(self, records: Sequence[tuple[int, bytes]]) -> None:
        assert self._file is not None, "the journal is open"
        data = b"".join([frame(kind, payload, self._kept) for kind, payload in records])
        try:
            self._file.write(data)
        except OSError as error:
            raise self._die(error, "it cannot be written") from None
        self._size += len(data)
        self._unsynced = True
        if self.durability is not Durability.POWER:
            self._kept = self._size

    def _sync(self) -> None:
        if not self._unsynced:
            return
        assert self._file is not None, "the journal is open"
        try:
            self._file.sync()
        except OSError as error:
            raise self._die(error, "what was written may be lost") from None
        self._unsynced = False
        self._kept = self._size

    def _tick(self) -> None:
        """Now and then: sync what no intent has synced, and look at the space that is left."""
        self._ticks += 1
        if self._ticks % SPACE_TICKS:
            return
        if self.durability is Durability.POWER:
            self._sync()
        self._check_space()

    def _check_space(self) -> None:
        try:
            free = self._disk.free_bytes(self.folder)
        except OSError as error:
            raise self._die(error, "the disk cannot be looked at") from None
        if free < self._bounds.free:
            text = f"only {free // 1024**2} MB are left on the disk, {self._bounds.free // 1024**2} are needed"
            self._dead = JournalError(text, where=str(self._path()), hint="make room, then start again")
            raise self._dead

    def _die(self, error: OSError, what: str) -> JournalError:
        """For good: nothing is added to a file in an unknown state."""
        text = error.strerror or str(error)
        hint = "nothing more is sent; what is on record is whole: see to the disk and start again"
        self._dead = JournalError(f"{what}: {text[:1].lower()}{text[1:]}", where=str(self._path()), hint=hint)
        return self._dead

    # -- files ---------------------------------------------------------------------------------------------------------

    def _path(self, number: int | None = None) -> Path:
        return self.folder / self.run / f"{self._number if number is None else number:06d}{SUFFIX}"

    def _begin_file(self) -> None:
        self._number += 1
        self._size = self._kept = 0
        path = self._path()
        try:
            self._file = self._disk.append(path)
        except OSError as error:
            raise self._die(error, "it cannot be created") from None
        self._put([(SEGMENT, encode_segment(Segment(self.run, self._number))), (HEAD, self._head)])
        if self._number > 1:
            self._put([(CHECKPOINT, encode_checkpoint(self._seq, self._checkpoint()))])
        self._begun = self._size
        if self.durability is Durability.POWER:
            self._sync()
            try:
                self._disk.sync_folder(path.parent)
            except OSError as error:
                raise self._die(error, "the folder cannot be made durable") from None

    def _rotate(self) -> None:
        """Close the file, begin the next with the state as it is, compress and remove behind."""
        assert self._file is not None, "the journal is open"
        if self.durability is not Durability.NONE:
            self._sync()
        self._file.close()
        closed = self._number
        self._begin_file()
        self._background(lambda: self._pack(closed))

    def _start_thread(self, work: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, name="journal compression", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pack(self, number: int) -> None:
        """Compress a closed file, and see to the bound of all. What fails here loses nothing: the file stays as it is."""
        path = self._path(number)
        try:
            packed = gzip.compress(self._disk.read(path), 6, mtime=0)
            self._disk.write_whole(path.with_name(f"{number:06d}{PACKED}"), packed)
            self._disk.remove(path)
            self._packed[number] = len(packed)
            self._trim()
        except OSError as error:
            self._say(f"{path}: not compressed: {error}")

    def _trim(self) -> None:
        """Remove the oldest compressed files beyond the bound; the one that was closed last stays."""
        folder = self.folder / self.run
        while sum(self._packed.values()) > self._bounds.keep - self._bounds.segment and len(self._packed) > 1:
            oldest = folder / f"{min(self._packed):06d}{PACKED}"
            del self._packed[min(self._packed)]
            self._disk.remove(oldest)
            self._say(f"{oldest}: removed, the journal of this run may take {self._bounds.keep // 1024**2} MB")

    # -- ending --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the record and give the folder back. Closing twice is closing once; a dead journal is only let go."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if self._dead is None:
                self._file = file
                self._end()
        finally:
            self._file = None
            file.close()
            for thread in self._threads:
                thread.join(PACK_DEADLINE_S)
            self._lock.release()

    def _end(self) -> None:
        if self._events:
            self._seq = self._first + len(self._events) - 1
            self._lazy += self._records()
        self._put_lazy()
        stopped = self._stopped
        clean, why = (stopped.clean, stopped.why) if stopped is not None else (False, "the run did not get to its end")
        self._put([(END, encode_end(End(self._seq, clean, why)))])
        if self.durability is not Durability.NONE:
            self._sync()


def _packed(first: int, events: Sequence[Event]) -> tuple[int, bytes]:
    """A block of market events; in JSON where one has a number of more than 64 bits: nonsense, and on record all the same."""
    try:
        return MARKET, encode_market(first, events)
    except OverflowError:
        return STEPS, encode_steps(first, events, ())


def open_run(
    folder: Path,
    run: str,
    head: bytes,
    durability: Durability,
    *,
    disk: Disk,
    checkpoint: Callable[[], bytes],
    bounds: Bounds | None = None,
    background: Callable[[Callable[[], None]], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> JournalWriter:
    """Begin the journal of a run in ``folder``. ``background`` is what compression is given to (None: a thread), ``say`` is told
    what is removed. The run's own folder has a number before its name, so runs are in order whatever the clock says.
    """
    where = str(folder)
    try:
        disk.make_folder(folder)
        lock = disk.lock(folder / LOCK_NAME)
        if lock is None:
            raise JournalError(
                "another run is writing to it", where=where, hint="one run an account: stop the other, or give it another folder"
            )
        numbers = [int(name[:6]) for name in disk.names(folder) if name[:6].isdigit() and name[6:7] == "-"]
        name = f"{max(numbers, default=0) + 1:06d}-{run.strip('-')}"
        disk.make_folder(folder / name)
        if durability is Durability.POWER:
            disk.sync_folder(folder)
            disk.sync_folder(folder.parent)
    except OSError as error:
        text = error.strerror or str(error)
        raise JournalError(f"it cannot be written: {text[:1].lower()}{text[1:]}", where=where, hint="nothing was sent") from None
    writer = JournalWriter(folder, name, head, durability, disk, lock, checkpoint, bounds or Bounds(), background, say)
    try:
        writer._begin_file()  # noqa: SLF001 (the other half of the constructor: it may fail)
    except JournalError:
        lock.release()
        raise
    return writer
