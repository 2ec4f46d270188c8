"""Tapes: plain or gzip, and every kind of damage has its line number."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.errors import DataError
from tickwright.sim.tape import Tape

GOOD = b'1723161253937085768 {"a":1}\n1723161253937085769 [1, 2]\n'


def write(folder: Path, data: bytes, name: str = "tape") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_given_a_tape_when_read_then_its_lines_come_with_time_bytes_and_number(tmp_path: Path, pack) -> None:
    """Gzip is told by its first bytes, not by its name; empty lines are nothing; the last line may lack its end."""
    tape = Tape(write(tmp_path, pack(GOOD + b"\n\r\n5 {}")))
    lines = list(tape)
    assert [tuple(line) for line in lines] == [
        (1723161253937085768, b'{"a":1}', 1),
        (1723161253937085769, b"[1, 2]", 2),
        (5, b"{}", 5),
    ]
    assert (tape.lines, tape.bad, tape.backwards, tape.broken_off) == (3, 0, 1, False)
    assert list(tape) == lines


@pytest.mark.parametrize(
    "line",
    [b"x {}", b"12", b"12 ", b'12 {"a":', b"12 true", b"-1 {}", b"1e9 {}", b"12{}", b"99999999999999999999 {}", "١ {}".encode()],
)
def test_given_a_bad_line_when_read_then_the_error_names_it_and_a_lenient_reader_goes_on(tmp_path: Path, line: bytes) -> None:
    """Strict: DataError with the line. Lenient: counted."""
    path = write(tmp_path, GOOD + line + b"\n" + GOOD)
    with pytest.raises(DataError, match=r"tape:3"):
        list(Tape(path))
    tape = Tape(path, lenient=True)
    assert len(list(tape)) == 4
    assert tape.bad == 1


def test_given_a_line_beyond_the_bound_when_read_then_it_is_damage_and_memory_stays_bounded(tmp_path: Path) -> None:
    """An endless line is not read whole."""
    path = write(tmp_path, GOOD + b"7 {" + b"x" * 5_000 + b"}\n" + GOOD)
    with pytest.raises(DataError, match="longer than 100 bytes"):
        list(Tape(path, line_bytes_max=100))
    tape = Tape(path, lenient=True, line_bytes_max=100)
    assert [line.number for line in tape] == [1, 2, 4, 5]


def test_given_a_gzip_that_breaks_off_when_read_then_it_is_said(tmp_path: Path) -> None:
    """A cut file gives its whole lines, then the error."""
    whole = gzip.compress(GOOD * 200)
    path = write(tmp_path, whole[: len(whole) - 12])
    with pytest.raises(DataError, match="breaks off"):
        list(Tape(path))
    tape = Tape(path, lenient=True)
    assert list(tape)
    assert tape.broken_off


def test_given_no_such_file_when_read_then_it_is_a_data_error(tmp_path: Path) -> None:
    """Files that cannot be opened are the user's news, not a traceback."""
    with pytest.raises(DataError, match="nowhere"):
        list(Tape(tmp_path / "nowhere"))


@given(data=st.binary(max_size=300), packed=st.booleans(), magic=st.booleans())
def test_given_any_bytes_when_read_then_there_are_lines_or_one_typed_error(tmp_path_factory, data, packed, magic) -> None:
    """No other exception, whatever the file holds; a lenient reader never raises at all."""
    content = gzip.compress(data) if packed else (b"\x1f\x8b" * magic + data)
    path = write(tmp_path_factory.getbasetemp(), content, "fuzz")
    list(Tape(path, lenient=True))
    with contextlib.suppress(DataError):
        list(Tape(path))
