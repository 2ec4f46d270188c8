"""Changes what a venue, a client or a file would have said into what it must not: by structure, and byte by byte.

Everything is decided by the bytes of a tape, so the same tape makes the same input: Hypothesis writes tapes, a seed does, and so does a
fuzzer that watches which code an input reaches.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

#: Values that have broken parsers: not numbers, too large, too small, other scripts, other kinds.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 0.1, -0.0, 1e308, 5e-324, "", " ", "0", "-0", "-1", "1e5",
    "1E400", "NaN", "Infinity", "-Infinity", "0.00000000000000000000001", "1_000", "٣", "１", "\u0000", "\ud7ff", "BUY", "SELL", "LIMIT",
    "FILLED", "NEW", "CANCELED", "EXPIRED", "BTCUSDT", "btcusdt@trade", "x" * 300, [], {}, [[]], [{}], ["1", "2"], {"a": {"b": []}},
)  # fmt: skip
#: Pieces of JSON and of protocols that are put in where they do not belong.
PIECES = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e999", b"\x00", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\\ud800",
    b"-", b"0x1", b"%", b"%ff", b"&", b"=", b"\r\n",
)  # fmt: skip
_STEPS_MAX = 6
_DEPTH_MAX = 12


class Tape:
    """Choices, from bytes; when they are used up every further one is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        """A number below ``bound``, which is at most 65,536."""
        if bound <= 1:
            return 0
        size = 1 if bound <= 256 else 2
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "big") % bound

    def pick(self, values: Sequence[Any]) -> Any:
        return values[self.below(len(values))]


def mutated(tape: Tape, samples: Sequence[bytes]) -> bytes:
    """One of the samples, changed a few times. Mostly what comes out can still be parsed as what it was: those inputs go deepest."""
    body = tape.pick(samples)
    kind = tape.below(8)
    if kind == 7:
        return _bytes(tape, body)
    try:
        value = json.loads(body)
    except ValueError:
        return _text(tape, body)
    for _ in range(1 + tape.below(_STEPS_MAX)):
        value = _change(tape, value, 0)
    written = json.dumps(value, ensure_ascii=bool(tape.below(2)), separators=(",", ":") if tape.below(2) else None)
    found = written.encode("utf-8", "surrogatepass")
    return _bytes(tape, found) if kind == 6 else found


def _change(tape: Tape, value: Any, depth: int) -> Any:
    """One change somewhere in a tree."""
    if isinstance(value, dict) and value and depth < _DEPTH_MAX and tape.below(5):
        key = tape.pick(sorted(value))
        changed = dict(value)
        match tape.below(8):
            case 0:
                del changed[key]
            case 1:
                changed[tape.pick(sorted(value))] = value[key]
            case 2:
                changed[key + tape.pick(("", " ", "x", "\u0000"))] = changed.pop(key)
            case 3:
                changed = dict(sorted(changed.items(), reverse=True))
            case _:
                changed[key] = _change(tape, value[key], depth + 1)
        return changed
    if isinstance(value, list) and value and depth < _DEPTH_MAX and tape.below(5):
        place = tape.below(min(len(value), 256))
        match tape.below(6):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return [*value, value[place]]
            case 2:
                return value[::-1]
            case _:
                return [*value[:place], _change(tape, value[place], depth + 1), *value[place + 1 :]]
    if isinstance(value, str) and value and tape.below(3):
        place = tape.below(min(len(value), 256))
        return tape.pick(
            (value[:place], value[place:], value + value, value[:place] + "9" + value[place:], "-" + value, value.upper())
        )
    return tape.pick(ODD)


def _bytes(tape: Tape, body: bytes) -> bytes:
    for _ in range(1 + tape.below(3)):
        place = tape.below(min(len(body), 65_535) + 1)
        match tape.below(5):
            case 0:
                body = body[:place]
            case 1:
                body = body[:place] + tape.pick(PIECES) + body[place:]
            case 2:
                body = body[:place] + bytes((tape.below(256),)) + body[place + 1 :]
            case 3:
                body = body[:place] + body[place + 1 + tape.below(16) :]
            case _:
                body = body + body[:place]
    return body


def _text(tape: Tape, body: bytes) -> bytes:
    """A text with lines: TOML, CSV."""
    lines = body.split(b"\n")
    for _ in range(1 + tape.below(_STEPS_MAX)):
        place = tape.below(min(len(lines), 256))
        match tape.below(5):
            case 0:
                del lines[place]
                lines = lines or [b""]
            case 1:
                lines.insert(place, lines[place])
            case 2:
                name, sign, _ = lines[place].partition(b"=")
                lines[place] = name + sign + json.dumps(tape.pick(ODD)).encode() if sign else lines[place]
            case 3:
                cells = lines[place].split(b",")
                cells[tape.below(min(len(cells), 256))] = str(tape.pick(ODD)).encode("utf-8", "replace")
                lines[place] = b",".join(cells)
            case _:
                lines[place] = _bytes(tape, lines[place])
    return b"\n".join(lines)
