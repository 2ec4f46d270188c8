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
    """One file's bytes: as processes see them, and as they are on the platter."""

    __slots__ = ("data", "durable", "lost")

    def __init__(self) -> None:
        self.data = bytearray()
        self.durable = b""
        self.lost: list[tuple[int, int]] = []  # what a failed sync has left behind, for good

    def sync(self) -> None:
        whole = bytearray(self.data)
        for start, stop in self.lost:
            end = min(stop, len(whole))
            whole[start:end] = bytes(max(0, end - start))
        self.durable = bytes(whole)

    def forget(self) -> None:
        """A sync failed: the system believes what was to be written to be clean."""
        if self.data.startswith(self.durable):
            self.lost.append((len(self.durable), len(self.data)))


class WorldFile:
    """A file that is only appended to."""

    def __init__(self, disk: WorldDisk, path: Path, content: _Content) -> None:
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

    def __init__(self, disk: WorldDisk, path: Path) -> None:
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
        self.locks: dict[Path, WorldLock] = {}
        self._scheduler = scheduler
        self._chance = chance
        self._planned: dict[int, DiskFaultKind] = {}
        self._stops: dict[int, tuple[Callable[[], None], bool]] = {}
        self._now: dict[Path, _Content | None] = {Path("/"): None}  # None is a folder
        self._durable: dict[Path, _Content | None] = {Path("/"): None}
        self._pending: list[
            tuple[Path, Path | None, _Content | None]
        ] = []  # what a folder's sync makes durable: put or (None) taken

    # -- the protocol ----------------------------------------------------------------------------------------------------

    def make_folder(self, path: Path) -> None:
        self._call("make_folder", path)
        for folder in [*reversed(path.parents), path]:
            if folder not in self._now:
                self._put(folder, None)

    def append(self, path: Path) -> WorldFile:
        self._call("append", path)
        self._folder(path.parent)
        if path not in self._now:
            self._put(path, _Content())
        return WorldFile(self, path, self._content(path))

    def read(self, path: Path) -> bytes:
        self._call("read", path)
        return bytes(self._content(path).data)

    def write_whole(self, path: Path, data: bytes) -> None:
        draft = path.with_name(path.name + ".part")
        self.remove(draft)
        file = self.append(draft)
        file.write(data)
        file.sync()
        self.rename(draft, path)
        self.sync_folder(path.parent)

    def truncate(self, path: Path, size: int) -> None:
        self._call("truncate", path)
        content = self._content(path)
        del content.data[size:]
        self.sync_content(content, path)

    def rename(self, path: Path, to: Path) -> None:
        self._call("rename", path)
        content = self._content(path)
        self._folder(to.parent)
        del self._now[path]
        self._now[to] = content
        self._pending.append((path, to, content))

    def remove(self, path: Path) -> None:
        self._call("remove", path)
        if self._now.get(path) is not None:
            del self._now[path]
            self._pending.append((path, None, None))

    def names(self, folder: Path) -> list[str]:
        self._call("names", folder)
        return sorted(path.name for path in self._now if path.parent == folder and path != folder)

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder", path, self.faults.sync_ns)
        self._folder(path)
        waiting = []
        for change in self._pending:
            if (
                change[0].parent == path
                or (change[1] is not None and change[1].parent == path)
                or change[0] in (path, *path.parents)
            ):
                _apply(self._durable, change)
            else:
                waiting.append(change)
        self._pending = waiting

    def free_bytes(self, path: Path) -> int:
        del path
        return self.faults.bytes_max - self._used()

    def lock(self, path: Path) -> WorldLock | None:
        self._call("lock", path)
        if path in self.locks:
            return None
        if path not in self._now:
            self._folder(path.parent)
            self._put(path, _Content())
        self.locks[path] = lock = WorldLock(self, path)
        return lock

    # -- inside ----------------------------------------------------------------------------------------------------------

    def write_into(self, content: _Content, path: Path, data: bytes) -> None:
        """All of it, or an ``OSError``."""
        kind = self._call("write", path, self.faults.write_ns)
        share = self.faults.write_fails_share
        if kind is None and share and self._chance.happens(share):
            kind = DiskFaultKind.WRITE_TORN if self._chance.happens(0.5) else DiskFaultKind.WRITE_FAILS
        room = self.faults.bytes_max - self._used()
        if len(data) > room:
            kind, data = DiskFaultKind.FULL, data[: max(0, room)]
        elif kind in (DiskFaultKind.WRITE_TORN, DiskFaultKind.FULL):
            data = data[: self._chance.below(len(data) + 1)]
        elif kind is DiskFaultKind.WRITE_FAILS:
            data = b""
        if self.calls in self._stops:
            content.data += data[: self._chance.below(len(data) + 1)]
            self._stops.pop(self.calls)[0]()
        content.data += data
        self._scheduler.witness(data)
        if kind is not None:
            self._note(kind)
            raise os_error(errno.ENOSPC if kind is DiskFaultKind.FULL else errno.EIO)

    def sync_content(self, content: _Content, path: Path) -> None:
        """After it returns a loss of power does not lose what was written."""
        kind = self._call("sync", path, self.faults.sync_ns)
        share = self.faults.sync_fails_share
        if kind is not None or (share and self._chance.happens(share)):
            content.forget()
            self._note(DiskFaultKind.SYNC_FAILS)
            raise os_error(errno.EIO)
        content.sync()

    def _call(self, name: str, path: Path, cost_ns: int = 0) -> DiskFaultKind | None:
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

    def _put(self, path: Path, content: _Content | None) -> None:
        self._now[path] = content
        self._pending.append((path, path, content))

    def _content(self, path: Path) -> _Content:
        if path not in self._now:
            raise os_error(errno.ENOENT)
        content = self._now[path]
        if content is None:
            raise os_error(errno.EISDIR)
        return content

    def _folder(self, path: Path) -> None:
        if path not in self._now:
            raise os_error(errno.ENOENT)
        if self._now[path] is not None:
            raise os_error(errno.ENOTDIR)

    def _used(self) -> int:
        return sum(len(content.data) for content in self._now.values() if content is not None)

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
            content.data = bytearray(self._left(content, model))
            content.durable = bytes(content.data)
            content.lost.clear()
        # What lay in a folder that is gone cannot be reached.
        self._now = {path: held for path, held in self._durable.items() if all(up in self._durable for up in path.parents)}
        self._durable = dict(self._now)
        self._scheduler.witness(model.value.encode())
        return model

    def _of_folders(self, model: Survival) -> int:
        if model is Survival.NOTHING:
            return 0
        return len(self._pending) if model is Survival.EVERYTHING else self._chance.below(len(self._pending) + 1)

    def _left(self, content: _Content, model: Survival) -> bytes:
        """What is on the platter of one file."""
        content_before = content.durable
        content.sync()
        synced, written = content_before, content.durable
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
        content = self._content(path)
        assert content.data, "an empty file has no bits"
        place = self._chance.below(len(content.data))
        content.data[place] ^= 1 << self._chance.below(8)
        content.sync()
        return place


def _apply(entries: dict[Path, _Content | None], change: tuple[Path, Path | None, _Content | None]) -> None:
    path, to, content = change
    if to != path:
        entries.pop(path, None)
    if to is not None:
        entries[to] = content


def _process() -> ProcessLoop | None:
    loop = events._get_running_loop()  # noqa: SLF001 (asks without raising)
    return loop if isinstance(loop, ProcessLoop) else None
