"""Reads a recording: one ``<receive time, ns since the epoch> <one JSON message>`` a line, plain or gzip.

Streams with bounded memory, whatever the file. A line that is not of that form, one longer than the bound and a file that
breaks off raise :class:`DataError` with the line number; a lenient reader counts them and goes on.

It does not decode the message: that is the venue's wire's.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from tickwright.base.errors import DataError
from tickwright.base.limits import TAPE_LINE_BYTES_MAX

_GZIP_MAGIC = b"\x1f\x8b"
#: Nanoseconds until the year 2262 have at most 19 digits.
_NS_DIGITS_MAX = 19
_OPENING = b"{["
_CLOSING = b"}]"


class TapeLine(NamedTuple):
    """One message: when it was received, its bytes, and its line in the file (from 1)."""

    recv_ns: int
    payload: bytes
    number: int


class Tape:
    """One recording, read from the start by each iteration. The counts are of the latest iteration.

    ``lines`` are good lines, ``bad`` lines left out and ``first_bad`` the number of the first, ``backwards`` lines received
    before the one above them (kept: clocks step), ``broken_off`` whether the file ended in the middle of something. Empty lines
    are nothing.
    """

    def __init__(self, path: Path, *, lenient: bool = False, line_bytes_max: int = TAPE_LINE_BYTES_MAX) -> None:
        self.path = path
        self.lenient = lenient
        self.line_bytes_max = line_bytes_max
        self.lines = 0
        self.bad = 0
        self.first_bad = 0
        self.backwards = 0
        self.broken_off = False

    def __iter__(self) -> Iterator[TapeLine]:
        self.lines = self.bad = self.first_bad = self.backwards = 0
        self.broken_off = False
        last_ns = 0
        for number, raw in self._raw_lines():
            line = self._parse(number, raw)
            if line is None:
                continue
            self.lines += 1
            if line.recv_ns < last_ns:
                self.backwards += 1
            last_ns = line.recv_ns
            yield line

    def _raw_lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines with their numbers, none longer than the bound plus one."""
        number = 0
        try:
            with _open(self.path) as file:
                while raw := file.readline(self.line_bytes_max + 1):
                    number += 1
                    if len(raw) > self.line_bytes_max:
                        self._damaged(number, f"is longer than {self.line_bytes_max} bytes")
                        while not raw.endswith(b"\n") and raw:
                            raw = file.readline(self.line_bytes_max)
                        continue
                    if raw.strip():
                        yield number, raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.broken_off = True
            self._damaged(number + 1, f"the compressed file breaks off or is damaged ({error})")
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", where=str(self.path)) from error

    def _parse(self, number: int, raw: bytes) -> TapeLine | None:
        stamp, _, payload = raw.strip().partition(b" ")
        if not (stamp.isdigit() and len(stamp) <= _NS_DIGITS_MAX):
            self._damaged(number, "does not begin with a time in nanoseconds")
            return None
        payload = payload.strip()
        if not payload or payload[0] not in _OPENING or payload[-1] not in _CLOSING:
            self._damaged(number, "has no whole JSON message after the time")
            return None
        return TapeLine(int(stamp), payload, number)

    def _damaged(self, number: int, what: str) -> None:
        if not self.lenient:
            raise DataError(what, where=f"{self.path}:{number}", hint="a line is '<receive ns> <json>'")
        self.bad += 1
        self.first_bad = self.first_bad or number


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    """The file, decompressed if its first bytes say gzip (whatever its name)."""
    file = path.open("rb")
    try:
        magic = file.read(2)
        file.seek(0)
    except OSError:
        file.close()
        raise
    if magic == _GZIP_MAGIC:
        file.close()
        return gzip.open(path, "rb")
    return file
