"""A disk of a node, with a page cache: what was written is there for every process; what was synced, after a loss of power too.

Implements the protocol of ``journal/disk.py`` (without knowing it). Guarantees: what ``sync`` has returned for survives, and so
do a folder's changes once it was synced; a killed process loses nothing that was written. What survives beyond that is drawn, by
one of the models of :class:`Survival`. Each call is numbered, so that a crash or a failure can be put at exactly one of them.

Does not: permissions, links, seeking, or two machines on one disk.
"""

from __future__ import annotations

import enum
import errno
from asyncio import events
from collections.abc import Callable
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.sim.world.loop import ProcessLoop
from tickwright.sim.world.scheduler import Gone, Scheduler
from tickwright.sim.world.sockets import os_error

BLOCK_BYTES = 4_096


class Survival(enum.Enum):
    """What is left after a loss of power of what was written and not synced."""

    NOTHING = "nothing"
    PREFIX = "prefix"  # of each file a beginning, of the folders' changes the first few
    TORN = "torn"  # a beginning, whose last block is half rubbish
    ZEROED = "zeroed"  # the file is as long as it was, the end of it zeros
    REORDERED = "reordered"  # of each file some blocks, the others zeros
    EVERYTHING = "everything"  # as it happens most of the time


class DiskFaultKind(enum.Enum):
    SYNC_FAILS = "sync_fails"  # what was to be synced never will be, and the next sync does not say so
    WRITE_FAILS = "write_fails"  # nothing was written
    WRITE_TORN = "write_torn"  # a part was, then it failed
    FULL = "full"  # a part was, then there was no room


class DiskFaults(msgspec.Struct, frozen=True, kw_only=True):
    """How a disk behaves. ``…_share``: of calls."""

    survivals: tuple[Survival, ...] = tuple(Survival)
    sync_fails_share: float = 0.0
    write_fails_share: float = 0.0
    bytes_max: int = 1 << 40
    write_ns: int = 10_000
    sync_ns: int = 200_000


class _Content:
    """One file's bytes: as processes see them, and as much of them as is on the platter."""

    __slots__ = ("data", "durable", "lost", "old")

    def __init__(self) -> None:
        self.data = bytearray()
        self.durable = 0  # so many of them are on the platter
        self.old: bytes | None = None  # what is there instead, since the file was cut
        self.lost: list[tuple[int, int]] = []  # what a failed sync has left behind, for good

    def sync(self) -> None:
        self.durable = len(self.data)
        self.old = None

    def forget(self) -> None:
        """A sync failed: the system believes what was to be written to be clean."""
        if self.old is None:
            self.lost.append((self.durable, len(self.data)))

    def cut(self, size: int) -> None:
        if size < self.durable and self.old is None:
            self.old = self.synced()
        del self.data[size:]
        self.lost = [(start, min(end, size)) for start, end in self.lost if start < size]

    def synced(self) -> bytes:
        """What is on the platter."""
        return self.old if self.old is not None else self.written()[: self.durable]

    def written(self) -> bytes:
        """What would be there if everything were synced now."""
        whole = bytearray(self.data)
        for start, end in self.lost:
            whole[start:end] = bytes(end - start)
        return bytes(whole)

    def reset(self, data: bytes) -> None:
        """That is all there is."""
        self.data = bytearray(data)
        self.lost.clear()
        self.sync()


class WorldFile:
    """A file that is only appended to."""

    def __init__(self, disk: WorldDisk, path: str, content: _Content) -> None:
        self._disk = disk
        self._path = path
        self._content = content

    def write(self, data: bytes) -> None:
        self._disk.write_into(self._content, self._path, data)

    def sync(self) -> None:
        self._disk.sync_content(self._content, self._path)

    def close(self) -> None:
        """Nothing is held."""


class WorldLock:
    """Held until released, or until the process is gone."""

    def __init__(self, disk: WorldDisk, path: str) -> None:
        self._disk = disk
        self._path = path

    def release(self) -> None:
        if self._disk.locks.get(self._path) is self:
            del self._disk.locks[self._path]


class WorldDisk:
    """See the module. ``calls`` counts; ``on_call`` is told of each before it does anything, by number and name."""

    def __init__(self, scheduler: Scheduler, chance: Chance, faults: DiskFaults = DiskFaults()) -> None:  # noqa: B008 (frozen data)
        self.faults = faults
        self.calls = 0
        self.happened: list[tuple[int, DiskFaultKind]] = []
        self.on_call: Callable[[int, str], None] | None = None
        self.locks: dict[str, WorldLock] = {}
        self._scheduler = scheduler
        self._chance = chance
        self._planned: dict[int, DiskFaultKind] = {}
        self._stops: dict[int, tuple[Callable[[], None], bool]] = {}
        self._now: dict[str, _Content | None] = {"/": None}  # None is a folder
        self._durable: dict[str, _Content | None] = {"/": None}
        self._used = 0  # bytes of all files
        #: What a folder's sync makes durable: a name taken away, a name put there (or None), and what it stands for.
        self._pending: list[tuple[str, str | None, _Content | None]] = []

    # -- the protocol ----------------------------------------------------------------------------------------------------

    def make_folder(self, path: Path) -> None:
        self._call("make_folder", str(path))
        for folder in [*reversed(path.parents), path]:
            if str(folder) not in self._now:
                self._put(str(folder), None)

    def append(self, path: Path) -> WorldFile:
        place = str(path)
        self._call("append", place)
        self._folder(_above(place))
        if place not in self._now:
            self._put(place, _Content())
        return WorldFile(self, place, self._content(place))

    def read(self, path: Path) -> bytes:
        self._call("read", str(path))
        return bytes(self._content(str(path)).data)

    def write_whole(self, path: Path, data: bytes) -> None:
        draft = path.with_name(path.name + ".part")
        self.remove(draft)
        file = self.append(draft)
        file.write(data)
        file.sync()
        self.rename(draft, path)
        self.sync_folder(path.parent)

    def truncate(self, path: Path, size: int) -> None:
        self._call("truncate", str(path))
        content = self._content(str(path))
        self._used -= max(0, len(content.data) - size)
        content.cut(size)
        self.sync_content(content, str(path))

    def rename(self, path: Path, to: Path) -> None:
        before, after = str(path), str(to)
        self._call("rename", before)
        content = self._content(before)
        self._folder(_above(after))
        self._take(after)
        del self._now[before]
        self._now[after] = content
        self._pending.append((before, after, content))

    def remove(self, path: Path) -> None:
        place = str(path)
        self._call("remove", place)
        if self._now.get(place) is not None:
            self._take(place)
            self._pending.append((place, None, None))

    def names(self, folder: Path) -> list[str]:
        self._call("names", str(folder))
        start = str(folder).rstrip("/") + "/"
        return sorted(place[len(start) :] for place in self._now if place.startswith(start) and "/" not in place[len(start) :])

    def sync_folder(self, path: Path) -> None:
        place = str(path)
        self._call("sync_folder", place, self.faults.sync_ns)
        self._folder(place)
        here = {place, *(str(above) for above in path.parents)}  # a folder that is synced can be reached
        waiting = []
        for change in self._pending:
            if _above(change[0]) == place or (change[1] is not None and _above(change[1]) == place) or change[0] in here:
                _apply(self._durable, change)
            else:
                waiting.append(change)
        self._pending = waiting

    def free_bytes(self, path: Path) -> int:
        del path
        return self.faults.bytes_max - self._used

    def lock(self, path: Path) -> WorldLock | None:
        place = str(path)
        self._call("lock", place)
        if place in self.locks:
            return None
        if place not in self._now:
            self._folder(_above(place))
            self._put(place, _Content())
        self.locks[place] = lock = WorldLock(self, place)
        return lock

    # -- inside ----------------------------------------------------------------------------------------------------------

    def write_into(self, content: _Content, path: str, data: bytes) -> None:
        """All of it, or an ``OSError``."""
        kind = self._call("write", path, self.faults.write_ns)
        share = self.faults.write_fails_share
        if kind is None and share and self._chance.happens(share):
            kind = DiskFaultKind.WRITE_TORN if self._chance.happens(0.5) else DiskFaultKind.WRITE_FAILS
        room = self.faults.bytes_max - self._used
        if len(data) > room:
            kind, data = DiskFaultKind.FULL, data[: max(0, room)]
        elif kind in (DiskFaultKind.WRITE_TORN, DiskFaultKind.FULL):
            data = data[: self._chance.below(len(data) + 1)]
        elif kind is DiskFaultKind.WRITE_FAILS:
            data = b""
        if self.calls in self._stops:
            self._add(content, data[: self._chance.below(len(data) + 1)])
            self._stops.pop(self.calls)[0]()
        self._add(content, data)
        self._scheduler.witness(data)
        if kind is not None:
            self._note(kind)
            raise os_error(errno.ENOSPC if kind is DiskFaultKind.FULL else errno.EIO)

    def _add(self, content: _Content, data: bytes) -> None:
        content.data += data
        self._used += len(data)

    def sync_content(self, content: _Content, path: str) -> None:
        """After it returns a loss of power does not lose what was written."""
        kind = self._call("sync", path, self.faults.sync_ns)
        share = self.faults.sync_fails_share
        if kind is not None or (share and self._chance.happens(share)):
            content.forget()
            self._note(DiskFaultKind.SYNC_FAILS)
            raise os_error(errno.EIO)
        content.sync()

    def _call(self, name: str, path: str, cost_ns: int = 0) -> DiskFaultKind | None:
        """Count a call; what was planned for it. Nothing that a dead process does reaches the disk."""
        process = _process()
        if process is not None and process.dead:
            raise Gone
        self.calls += 1
        self._scheduler.witness(f"{name} {path}".encode())
        self._scheduler.spend(cost_ns)
        if self.on_call is not None:
            self.on_call(self.calls, name)
        if self.calls in self._stops and not (self._stops[self.calls][1] and name == "write"):
            self._stops.pop(self.calls)[0]()
        return self._planned.pop(self.calls, None)

    def _note(self, kind: DiskFaultKind) -> None:
        self.happened.append((self.calls, kind))

    def _put(self, path: str, content: _Content | None) -> None:
        self._now[path] = content
        self._pending.append((path, path, content))

    def _take(self, path: str) -> None:
        """Take a file away, if there is one."""
        content = self._now.pop(path, None)
        if content is not None:
            self._used -= len(content.data)

    def _content(self, path: str) -> _Content:
        if path not in self._now:
            raise os_error(errno.ENOENT)
        content = self._now[path]
        if content is None:
            raise os_error(errno.EISDIR)
        return content

    def _folder(self, path: str) -> None:
        if path not in self._now:
            raise os_error(errno.ENOENT)
        if self._now[path] is not None:
            raise os_error(errno.ENOTDIR)

    # -- what befalls it -------------------------------------------------------------------------------------------------

    def plan(self, call: int, kind: DiskFaultKind) -> None:
        """Have the call of that number fail, if it writes or syncs."""
        self._planned[call] = kind

    def stop_at(self, call: int, stop: Callable[[], None], *, midway: bool = False) -> None:
        """Call ``stop``, which ends the process, before the call of that number does anything; or when a write is half done."""
        self._stops[call] = (stop, midway)

    def process_gone(self) -> None:
        """A process was killed: it holds nothing any more, and what it wrote is there."""
        self.locks.clear()

    def power_lost(self) -> Survival:
        """What was not synced is gone, more or less. How much is drawn; the model is told."""
        self.locks.clear()
        model = self._chance.pick(self.faults.survivals)
        for change in self._pending[: self._of_folders(model)]:
            _apply(self._durable, change)
        self._pending.clear()
        contents = {id(content): content for content in self._durable.values() if content is not None}
        for content in contents.values():
            content.reset(self._left(content, model))
        # What lay in a folder that is gone cannot be reached.
        self._now = {path: held for path, held in self._durable.items() if _can_be_reached(path, self._durable)}
        self._durable = dict(self._now)
        self._used = sum(len(content.data) for content in self._now.values() if content is not None)
        self._scheduler.witness(model.value.encode())
        return model

    def _of_folders(self, model: Survival) -> int:
        if model is Survival.NOTHING:
            return 0
        return len(self._pending) if model is Survival.EVERYTHING else self._chance.below(len(self._pending) + 1)

    def _left(self, content: _Content, model: Survival) -> bytes:
        """What is on the platter of one file."""
        synced, written = content.synced(), content.written()
        if model is Survival.NOTHING:
            return synced
        if model is Survival.EVERYTHING:
            return written
        if not written.startswith(synced):  # it was cut, or written anew
            return written if self._chance.happens(0.5) else synced
        tail = written[len(synced) :]
        kept = self._chance.below(len(tail) + 1)
        if model is Survival.PREFIX:
            return synced + tail[:kept]
        if model is Survival.ZEROED:
            return synced + tail[:kept] + bytes(len(tail) - kept)
        if model is Survival.TORN:
            rubbish = min(kept, 1 + self._chance.below(BLOCK_BYTES))
            return synced + tail[: kept - rubbish] + bytes(self._chance.below(256) for _ in range(rubbish))
        return synced + self._some_blocks(tail, len(synced))

    def _some_blocks(self, tail: bytes, start: int) -> bytes:
        """Each block of what was not synced is there or is zeros; blocks are those of the file."""
        parts = []
        at = 0
        while at < len(tail):
            size = min(len(tail) - at, BLOCK_BYTES - (start + at) % BLOCK_BYTES)
            parts.append(tail[at : at + size] if self._chance.happens(0.5) else bytes(size))
            at += size
        return b"".join(parts)

    def rot(self, path: Path) -> int:
        """One bit of a file turns over, for good. Which byte it was in."""
        content = self._content(str(path))
        assert content.data, "an empty file has no bits"
        place = self._chance.below(len(content.data))
        content.data[place] ^= 1 << self._chance.below(8)
        content.sync()
        return place


def _above(path: str) -> str:
    """The folder that something is in."""
    return path.rpartition("/")[0] or "/"


def _can_be_reached(path: str, entries: dict[str, _Content | None]) -> bool:
    while path != "/":
        path = _above(path)
        if path not in entries:
            return False
    return True


def _apply(entries: dict[str, _Content | None], change: tuple[str, str | None, _Content | None]) -> None:
    path, to, content = change
    if to != path:
        entries.pop(path, None)
    if to is not None:
        entries[to] = content


def _process() -> ProcessLoop | None:
    loop = events._get_running_loop()  # noqa: SLF001 (asks without raising)
    return loop if isinstance(loop, ProcessLoop) else None
