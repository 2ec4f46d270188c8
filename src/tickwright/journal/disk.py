"""What a journal needs of a disk, as a narrow protocol, and the real one. Everything raises ``OSError`` and nothing else.

It is the seam at which a simulated disk is put, with writes that are lost, torn, refused, or never as durable as they said.
A ``sync`` that failed leaves the file in an unknown state: whoever calls it must not go on with that file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import Protocol


class File(Protocol):
    """A file that is only appended to."""

    def write(self, data: bytes) -> None:
        """All of it, or an ``OSError``; after it returns a killed process has not lost it."""

    def sync(self) -> None:
        """After it returns a power failure has not lost what was written."""

    def close(self) -> None: ...


class Lock(Protocol):
    """Held until released, or until the process is gone."""

    def release(self) -> None: ...


class Disk(Protocol):
    """A file system, as much of it as is needed."""

    def make_folder(self, path: Path) -> None: ...
    def append(self, path: Path) -> File: ...
    def read(self, path: Path) -> bytes: ...
    def write_whole(self, path: Path, data: bytes) -> None:
        """A new file with this content, durable, in one piece or not at all."""

    def truncate(self, path: Path, size: int) -> None: ...
    def rename(self, path: Path, to: Path) -> None: ...
    def remove(self, path: Path) -> None: ...
    def names(self, folder: Path) -> list[str]:
        """What is in a folder, sorted; nothing where there is no such folder."""

    def sync_folder(self, path: Path) -> None: ...
    def free_bytes(self, path: Path) -> int: ...
    def lock(self, path: Path) -> Lock | None:
        """None where somebody else holds it."""


class RealFile:
    """An append-only file by its descriptor: no buffer of our own is between ``write`` and the system."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        done = os.write(self._fd, data)
        while done < len(data):
            done += os.write(self._fd, data[done:])

    def sync(self) -> None:
        getattr(os, "fdatasync", os.fsync)(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RealLock:
    """An advisory lock on a file that stays."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class RealDisk:
    """The file system of this machine."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, path: Path) -> File:
        return RealFile(path)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def write_whole(self, path: Path, data: bytes) -> None:
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self.sync_folder(path.parent)

    def truncate(self, path: Path, size: int) -> None:
        with path.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def rename(self, path: Path, to: Path) -> None:
        path.replace(to)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def names(self, folder: Path) -> list[str]:
        try:
            return sorted(entry.name for entry in folder.iterdir())
        except FileNotFoundError:
            return []

    def sync_folder(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free_bytes(self, path: Path) -> int:
        return shutil.disk_usage(path).free

    def lock(self, path: Path) -> Lock | None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return RealLock(fd)
        os.close(fd)
        return None
