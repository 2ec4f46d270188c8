"""Reads journals: the runs in a folder, the records of a run, and the repair of an end that was cut off.

Guarantees: any prefix of what was written reads as a prefix of the records. An end that was cut off (only at the end of the
last file) is told as :class:`Torn`, after everything whole. Anything else that is wrong, a flipped bit, a missing file, files
in the wrong order, is a ``JournalError`` with file and offset: nothing is skipped and nothing guessed. One file at a time is
in memory. Does not: write, but for :func:`repair`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tickwright.base.errors import JournalError
from tickwright.journal.disk import Disk
from tickwright.journal.record import (
    HEADER,
    HEADER_BYTES,
    KINDS,
    MARK,
    RECORD_BYTES_MAX,
    SEGMENT,
    End,
    Head,
    Record,
    Segment,
    Torn,
    checksum,
    decode,
    decode_segment,
)
from tickwright.journal.writer import PACKED, SUFFIX

_REPAIRED = ".torn"
#: What every record begins with. (A block of nothing but marks, as some disks leave it, has none.)
_BEGINNING = re.compile(bytes([MARK]) + b"[" + bytes(sorted(KINDS)) + b"]")


class RunEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a folder, as far as a glance tells."""

    name: str
    files: int
    ended: bool
    clean: bool


def is_run_name(name: str) -> bool:
    """Whether a folder of that name is a run: a number, a dash and the run's own prefix."""
    return len(name) > 7 and name[:6].isdigit() and name[6] == "-"


def run_names(folder: Path, disk: Disk) -> list[str]:
    """The runs in a folder, oldest first."""
    try:
        return [name for name in disk.names(folder) if is_run_name(name)]
    except OSError as error:
        raise _os_error(error, str(folder)) from None


def latest_run(folder: Path, disk: Disk) -> str | None:
    """The last run that got as far as its head: one that did not has sent nothing and knows nothing."""
    for name in reversed(run_names(folder, disk)):
        if any(isinstance(record, Head) for record in _first(folder, name, disk)):
            return name
    return None


def _first(folder: Path, name: str, disk: Disk) -> Iterator[Record]:
    for record in read_run(folder, name, disk):
        yield record
        if isinstance(record, Head):
            return


def read_run(folder: Path, name: str, disk: Disk) -> Iterator[Record]:
    """Every record of a run, in order."""
    where = folder / name
    files = _files(where, disk)
    for place, (number, file) in enumerate(files):
        expected = files[0][0] + place
        if number != expected:
            raise JournalError(f"file {expected:06d}{SUFFIX} is missing", where=str(where), hint="restore it from a backup")
        yield from _read_file(where / file, _content(where / file, disk), name, number, last=place == len(files) - 1)


def _files(where: Path, disk: Disk) -> list[tuple[int, str]]:
    """Number and name of each file; where compression was cut short both forms are there, and the plain one counts."""
    try:
        names = disk.names(where)
    except OSError as error:
        raise _os_error(error, str(where)) from None
    found: dict[int, str] = {}
    for name in names:
        stem = name.partition(".")[0]
        if stem.isdigit() and name in (stem + SUFFIX, stem + PACKED) and not found.get(int(stem), "").endswith(SUFFIX):
            found[int(stem)] = name
    return sorted(found.items())


def _content(path: Path, disk: Disk) -> bytes:
    try:
        raw = disk.read(path)
    except OSError as error:
        raise _os_error(error, str(path)) from None
    if path.name.endswith(PACKED):
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(path, 0, f"it cannot be decompressed: {error}") from None
    return raw


def _read_file(path: Path, raw: bytes, run: str, number: int, *, last: bool) -> Iterator[Record]:
    at = 0
    first = True
    while at < len(raw):
        found = _intact(raw, at)
        if found is None:
            if last and not _was_kept(raw, at):
                yield Torn(str(path), at, len(raw))
                return
            raise _damaged(path, at, "the checksum is wrong")
        kind, payload, _, end = found
        if first:
            _check_segment(path, kind, payload, run, number)
            first = False
        else:
            yield decode(kind, payload, number, f"{path} at byte {at}")
        at = end
    if first and not last:
        raise _damaged(path, 0, "it is empty")


def _intact(raw: bytes, at: int) -> tuple[int, bytes, int, int] | None:
    """Kind, payload, kept and end of the record at ``at``; None where none is whole."""
    if at + HEADER_BYTES > len(raw):
        return None
    mark, kind, length, kept, crc = HEADER.unpack_from(raw, at)
    end = at + HEADER_BYTES + length
    if mark != MARK or kind not in KINDS or length > RECORD_BYTES_MAX or end > len(raw):
        return None
    payload = raw[at + HEADER_BYTES : end]
    return (kind, payload, kept, end) if checksum(kind, payload, kept) == crc else None


def _was_kept(raw: bytes, at: int) -> bool:
    """Whether a record after a place where none is whole says that the place was durable: then it is damage. Otherwise it is an
    end that was cut off; after a power failure blocks of it may be there that were written later than others that are not.
    """
    for place in _BEGINNING.finditer(raw, at + 1):
        found = _intact(raw, place.start())
        if found is not None and found[2] > at:
            return True
    return False


def _check_segment(path: Path, kind: int, payload: bytes, run: str, number: int) -> None:
    if kind != SEGMENT:
        raise _damaged(path, 0, "it does not say which file it is")
    segment: Segment = decode_segment(payload, str(path))
    if (segment.run, segment.number) != (run, number):
        raise _damaged(path, 0, f"it is file {segment.number} of {segment.run}: files were exchanged")


def repair(folder: Path, name: str, disk: Disk) -> Torn | None:
    """Cut a torn end off, after putting it aside as ``<file>.torn``; None where nothing is torn. Raises where more is wrong."""
    torn = None
    for record in read_run(folder, name, disk):
        if isinstance(record, Torn):
            torn = record
    if torn is None:
        return None
    path = Path(torn.file)
    try:
        disk.write_whole(path.with_name(path.name + _REPAIRED), disk.read(path)[torn.whole :])
        disk.truncate(path, torn.whole)
    except OSError as error:
        raise _os_error(error, torn.file) from None
    return torn


def list_runs(folder: Path, disk: Disk) -> list[RunEntry]:
    """The runs in a folder, oldest first, each read to its end."""
    found = []
    for name in run_names(folder, disk):
        ends = [record for record in read_run(folder, name, disk) if isinstance(record, End)]
        files = len(_files(folder / name, disk))
        found.append(RunEntry(name=name, files=files, ended=bool(ends), clean=bool(ends) and ends[-1].clean))
    return found


def _damaged(path: Path, at: int, what: str) -> JournalError:
    hint = "nothing behind it was read: restore the file from a backup, or take over the venue's state with tickwright adopt"
    return JournalError(f"damaged at byte {at}: {what}", where=str(path), hint=hint)


def _os_error(error: OSError, where: str) -> JournalError:
    text = error.strerror or str(error)
    return JournalError(f"it cannot be read: {text[:1].lower()}{text[1:]}", where=where)
