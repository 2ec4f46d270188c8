"""The records of a journal and their bytes.

A record is ``0xFF, kind, length, kept, checksum, payload``: numbers of 32 bits, little endian; the checksum is CRC-32 of kind,
length, kept and payload. ``kept`` is how much of the file was as durable as configured when the record was written: a reader that
has lost its way looks for the next record whose checksum is right, and by its ``kept`` tells damage from an end that was cut
off. Payloads are JSON, because amounts are integers of any size; market events that caused nothing, which are nearly all of a
journal and have none, are MessagePack, which writes their floats as they are and takes a third of the time.

Guarantees: encoding and decoding are inverse for every event and effect; no secret is in a record that was not in an event.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

import msgspec

from tickwright.base.errors import JournalError
from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.model.market import MarketEvent

MARK = 0xFF
HEADER = Struct("<BBIII")
_SUMMED = Struct("<BII")
#: What is before the payload: mark, kind, length, kept, checksum.
HEADER_BYTES = HEADER.size
#: No record is longer: a length above it is damage.
RECORD_BYTES_MAX = 256 * 1024 * 1024

SEGMENT, HEAD, STEPS, CHECKPOINT, END, MARKET = 1, 2, 3, 4, 5, 6
KINDS = frozenset({SEGMENT, HEAD, STEPS, CHECKPOINT, END, MARKET})


class Segment(msgspec.Struct, frozen=True):
    """The first record of each file: which run it is of, and its place in it (1, 2, …)."""

    run: str
    number: int
    format: int = 1


class Head(msgspec.Struct, frozen=True):
    """What the run was started with, in the caller's bytes; repeated at the beginning of each file."""

    raw: bytes
    number: int  # of the file


class Steps(msgspec.Struct, frozen=True):
    """Consecutive steps, the first of them number ``first``: each an event and its effects."""

    first: int
    steps: list[tuple[Event, tuple[Effect, ...]]]


class Checkpoint(msgspec.Struct, frozen=True):
    """The state after step ``seq``, in the caller's bytes."""

    seq: int
    raw: bytes


class End(msgspec.Struct, frozen=True):
    """The run ended in order after step ``seq``."""

    seq: int
    clean: bool
    why: str


class Torn(msgspec.Struct, frozen=True):
    """The last file ends within a record: the program or the machine died while it was written. Nothing that had been
    acknowledged was in it. ``whole`` is how many bytes before it are whole.
    """

    file: str
    whole: int
    size: int


Record = Head | Steps | Checkpoint | End | Torn


class _Block(NamedTuple):
    """Steps as they are written: the effects, of the few steps that have any, by their place among the events."""

    first: int
    events: list[Event]
    effects: list[tuple[int, tuple[Effect, ...]]]


#: What a payload that another program wrote can raise: no JSON, no text, no such number, too many brackets.
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

_ENCODER = msgspec.json.Encoder()
_PACKER = msgspec.msgpack.Encoder()
_MARKET_BLOCKS = msgspec.msgpack.Decoder(tuple[int, list[MarketEvent]])
_BLOCKS = msgspec.json.Decoder(_Block)
_SEGMENTS = msgspec.json.Decoder(Segment)
_ENDS = msgspec.json.Decoder(End)


def frame(kind: int, payload: bytes, kept: int) -> bytes:
    """A record's bytes."""
    return HEADER.pack(MARK, kind, len(payload), kept, checksum(kind, payload, kept)) + payload


def checksum(kind: int, payload: bytes, kept: int) -> int:
    """What the header of an intact record has."""
    return zlib.crc32(payload, zlib.crc32(_SUMMED.pack(kind, len(payload), kept)))


def encode_steps(first: int, events: Sequence[Event], effects: Sequence[tuple[int, tuple[Effect, ...]]]) -> bytes:
    """The payload of a block of steps."""
    return _ENCODER.encode((first, events, effects))


def encode_market(first: int, events: Sequence[Event]) -> bytes:
    """The payload of a block of market events that caused nothing, the first of them step number ``first``."""
    return _PACKER.encode((first, events))


def encode_segment(segment: Segment) -> bytes:
    return _ENCODER.encode(segment)


def encode_checkpoint(seq: int, raw: bytes) -> bytes:
    return b"%d\n%s" % (seq, raw)


def encode_end(end: End) -> bytes:
    return _ENCODER.encode(end)


def decode_segment(payload: bytes, where: str) -> Segment:
    """The first record of a file."""
    try:
        segment = _SEGMENTS.decode(payload)
    except _UNREADABLE as error:
        raise _unreadable(error, where) from None
    if segment.format != 1:
        raise JournalError(f"it has format {segment.format}, this version reads 1", where=where)
    return segment


def decode(kind: int, payload: bytes, number: int, where: str) -> Head | Steps | Checkpoint | End:
    """The record of an intact payload; ``JournalError`` where another version wrote what this one cannot read."""
    try:
        if kind == STEPS:
            return _steps(_BLOCKS.decode(payload))
        if kind == MARKET:
            first, events = _MARKET_BLOCKS.decode(payload)
            return Steps(first, [(event, ()) for event in events])
        if kind == HEAD:
            return Head(payload, number)
        if kind == CHECKPOINT:
            seq, _, raw = payload.partition(b"\n")
            return Checkpoint(int(seq), raw)
        if kind == END:
            return _ENDS.decode(payload)
    except _UNREADABLE as error:
        raise _unreadable(error, where) from None
    raise JournalError(f"a record of an unknown kind, {kind}", where=where, hint="a newer version may have written it")


def _steps(block: _Block) -> Steps:
    steps: list[tuple[Event, tuple[Effect, ...]]] = [(event, ()) for event in block.events]
    for place, effects in block.effects:
        if not 0 <= place < len(steps):
            raise ValueError("effects of a step that is not there")
        steps[place] = (steps[place][0], effects)
    return Steps(block.first, steps)


def _unreadable(error: Exception, where: str) -> JournalError:
    return JournalError(
        f"an intact record cannot be understood: {error}", where=where, hint="another version may have written it"
    )
