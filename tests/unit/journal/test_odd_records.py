"""Records whose checksums are right and whose contents are not: another program wrote them, and that is said."""

from __future__ import annotations

import time

import pytest

from tickwright.base.errors import JournalError
from tickwright.journal.reader import read_run
from tickwright.journal.record import CHECKPOINT, END, SEGMENT, STEPS, Torn, frame
from unit.journal.disks import FOLDER, MemoryDisk

RUN = "000001-twx"
BEGINNING = frame(SEGMENT, b'{"run":"000001-twx","number":1,"format":1}', 0)
DEEP = b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"


def on_disk(raw: bytes) -> MemoryDisk:
    disk = MemoryDisk()
    disk.files[FOLDER / RUN / "000001.twj"] = raw
    return disk


@pytest.mark.parametrize("payload", [b"", b"\xfe", b'"\xfe"', b'{"run":"\xfe"}', DEEP, b"null"])
@pytest.mark.parametrize("kind", [SEGMENT, STEPS, CHECKPOINT, END])
def test_given_a_payload_that_cannot_be_understood_when_read_then_it_is_one_error(kind: int, payload: bytes) -> None:
    """Bytes that are no text and brackets without end included."""
    raw = frame(kind, payload, 0) if kind == SEGMENT else BEGINNING + frame(kind, payload, 0)
    with pytest.raises(JournalError, match="cannot be understood"):
        list(read_run(FOLDER, RUN, on_disk(raw)))


def test_given_a_tail_of_nothing_but_marks_when_read_then_it_is_a_torn_end_and_soon_told() -> None:
    """Each of them might begin a record; looking at one after the other would take a minute for a full file."""
    began = time.thread_time()
    found = list(read_run(FOLDER, RUN, on_disk(BEGINNING + b"\xff" * 8_000_000)))
    assert time.thread_time() - began < 2.0
    assert found == [Torn(str(FOLDER / RUN / "000001.twj"), len(BEGINNING), len(BEGINNING) + 8_000_000)]
