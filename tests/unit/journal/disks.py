"""A disk in memory that does what it is told: fail, fill up, forget what was not synced."""

from __future__ import annotations

import errno
from pathlib import Path


class MemoryFile:
    """An append-only file of a :class:`MemoryDisk`."""

    def __init__(self, disk, path):
        self.disk = disk
        self.path = path
        disk.files.setdefault(path, b"")

    def write(self, data):
        self.disk.note("write")
        if sum(map(len, self.disk.files.values())) + len(data) > self.disk.size:
            room = max(0, self.disk.size - sum(map(len, self.disk.files.values())))
            self.disk.files[self.path] += data[:room]
            raise OSError(errno.ENOSPC, "No space left on device")
        self.disk.files[self.path] += data

    def sync(self):
        self.disk.note("sync")
        self.disk.synced[self.path] = self.disk.files[self.path]

    def close(self):
        """Nothing is held."""


class MemoryLock:
    """A lock of a :class:`MemoryDisk`."""

    def __init__(self, disk, path):
        self.disk = disk
        self.path = path

    def release(self):
        self.disk.locks.discard(self.path)


class MemoryDisk:
    """``fail`` maps an operation to the number of times that it still works."""

    def __init__(self, size=10**9):
        self.files = {}
        self.synced = {}
        self.locks = set()
        self.size = size
        self.free = 10**12
        self.fail = {}
        self.did = []

    def note(self, what):
        self.did.append(what)
        if what in self.fail:
            self.fail[what] -= 1
            if self.fail[what] < 0:
                raise OSError(errno.EIO, "Input/output error")

    def make_folder(self, path):
        self.note("make_folder")

    def append(self, path):
        self.note("append")
        return MemoryFile(self, path)

    def read(self, path):
        return self.files[path]

    def write_whole(self, path, data):
        self.note("write_whole")
        self.files[path] = data

    def truncate(self, path, size):
        self.files[path] = self.files[path][:size]

    def rename(self, path, to):
        self.files[to] = self.files.pop(path)

    def remove(self, path):
        self.files.pop(path, None)

    def names(self, folder):
        inside = {path.relative_to(folder).parts[0] for path in self.files if folder in path.parents}
        return sorted(inside)

    def sync_folder(self, path):
        self.note("sync_folder")

    def free_bytes(self, path):
        return self.free

    def lock(self, path):
        if path in self.locks:
            return None
        self.locks.add(path)
        return MemoryLock(self, path)


FOLDER = Path("/journal")
