"""A recording of a venue's frames as a source of market events, through the venue's own decoder.

What a recording repeats is given once; a book is given from its snapshot on, and a change that is missing is a gap, as it would
have been to a session that heard the same frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from tickwright.base.errors import DataError, WireError
from tickwright.model.market import BookUpdate, MarketEvent, Quote, Trade
from tickwright.sim.tape import Tape
from tickwright.venues import load
from tickwright.venues.book_sync import BookSync

_CHUNK = 1 << 20


class Decoder(Protocol):
    """A venue's, for recordings."""

    def decode_market(self, frame: bytes, at_ns: int) -> list[MarketEvent]:
        """Events of a frame; raises ``WireError``."""


class TapeSource:
    """Events of one instrument of a recording, in the order in which they were received."""

    kind = "tape"

    def __init__(self, path: Path, venue: str, key: str) -> None:
        self.path = path
        self.name = path.name
        self.key = key
        self._venue = venue
        self.bad = 0  # lines that are no message of the venue, of the latest reading

    def describe(self) -> str:
        return f"frames of {self._venue} as received, read by its own decoder"

    def checksum(self) -> str:
        found = hashlib.sha256()
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        return found.hexdigest()

    def events(self) -> Iterator[MarketEvent]:
        decoder: Decoder = load(self._venue).Decoder()
        key, sync = self.key, BookSync(self.key)
        trade_id = quote_seq = 0
        seen = 0
        self.bad = 0
        for line in Tape(self.path):
            try:
                events = decoder.decode_market(line.payload, line.recv_ns)
            except WireError:
                self.bad += 1
                continue
            for event in events:
                if isinstance(event, BookUpdate):
                    if event.snapshot and not event.key:
                        event = msgspec.structs.replace(event, key=key)  # noqa: PLW2901 (a snapshot of a recording does not say)
                    if event.key == key:
                        yield from sync.on_snapshot(event) if event.snapshot else sync.on_update(event)
                elif event.key != key:
                    continue
                elif isinstance(event, Trade):
                    if event.trade_id > trade_id:
                        trade_id = event.trade_id
                        yield event
                elif isinstance(event, Quote):
                    if event.seq > quote_seq or not event.seq:
                        quote_seq = event.seq
                        yield event
                else:
                    yield event
            seen += bool(events)
        if not seen:
            raise DataError(
                f"no frame of {self._venue} is in it", where=str(self.path), hint="is it a recording of another venue?"
            )
