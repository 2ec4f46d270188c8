"""Reads a recording of the venue's market frames for playing: what it has, the books it starts from, its lines.

Trades, book tickers, depth diffs and depth snapshots are played; other messages of a recording are passed over, and so is a
line that is not of the venue's form. A depth snapshot does not say its symbol: it goes to the one whose diffs it joins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tickwright.base.errors import DataError
from tickwright.sim.stands.binance_spot.listing import text
from tickwright.sim.stands.binance_spot.market import DepthFrame, QuoteFrame, SnapshotFrame, SymbolMarket, TradeFrame, units
from tickwright.sim.tape import Tape, TapeLine

MarketFrame = TradeFrame | DepthFrame | QuoteFrame

#: Lines that are looked at before playing starts: a recording's first snapshot is among them, or it has none.
HEAD_LINES = 5_000


class _Head(msgspec.Struct):
    """As much of a line as says what it is."""

    e: str = ""
    s: str = ""
    lastUpdateId: int = 0  # noqa: N815 (the venue's name)
    data: msgspec.Raw = msgspec.Raw(b"")


class _Shift(msgspec.Struct):
    """What a later round of a loop adds to a symbol's numbers."""

    update: int = 0
    trade: int = 0


_HEADS = msgspec.json.Decoder(_Head)
_TRADES = msgspec.json.Decoder(TradeFrame)
_DEPTHS = msgspec.json.Decoder(DepthFrame)
_QUOTES = msgspec.json.Decoder(QuoteFrame)
_SNAPSHOTS = msgspec.json.Decoder(SnapshotFrame)


class Recording:
    """One recording: what its beginning says, then its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start_ns = 0
        self.end_ns = 0
        self.snapshots: dict[str, SnapshotFrame] = {}
        self._shown: dict[str, tuple[int, int]] = {}
        self._traded: dict[str, tuple[int, int]] = {}
        self._owners: dict[int, str] = {}
        self._ids: dict[str, tuple[int, int]] = {}  # first and latest update id of each symbol's diffs
        self._first_ms = 0
        self._shifts: dict[str, _Shift] = {}
        self._shift_ms = 0
        self._shift_ns = 0
        self._look()

    def _look(self) -> None:
        waiting: list[SnapshotFrame] = []
        for line in self._head():
            if not self.start_ns:
                self.start_ns = line.recv_ns
            frame = _read(line)[0]
            if isinstance(frame, SnapshotFrame):
                waiting.append(frame)
            elif frame is not None:
                self._note(frame)
        if not self.start_ns:
            raise DataError("the tape is empty", where=str(self.path))
        if not self.places:
            raise DataError("the tape has no trade, depth or bookTicker frames of this venue", where=str(self.path))
        for snapshot in waiting:
            native = self.owner(snapshot)
            self.snapshots.setdefault(native, snapshot)

    def _head(self) -> Iterator[TapeLine]:
        for number, line in enumerate(Tape(self.path, lenient=True)):
            if number >= HEAD_LINES:
                return
            yield line

    def _note(self, frame: MarketFrame) -> None:
        if not isinstance(frame, QuoteFrame):
            self._first_ms = self._first_ms or frame.E
        if isinstance(frame, TradeFrame):
            self._note_places(self._traded, frame.s, [(frame.p, frame.q)])
            return
        if isinstance(frame, QuoteFrame):
            pairs = [(frame.b, frame.B), (frame.a, frame.A)]
        else:
            pairs = [*frame.b, *frame.a]
            first, _ = self._ids.get(frame.s, (frame.U, 0))
            self._ids[frame.s] = (first, frame.u)
        self._note_places(self._shown, frame.s, pairs)

    @staticmethod
    def _note_places(places: dict[str, tuple[int, int]], native: str, pairs: list[tuple[str, str]]) -> None:
        price, qty = places.get(native, (0, 0))
        for one_price, one_qty in pairs:
            price, qty = max(price, _decimals(one_price)), max(qty, _decimals(one_qty))
        places[native] = (price, qty)

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """Decimals of price and quantity that each symbol was seen to use: in trades if it has any, for a book may still hold
        quantities from before a coarser grid.
        """
        return {**self._shown, **self._traded}

    def owner(self, snapshot: SnapshotFrame) -> str:
        """The symbol whose diffs a snapshot joins: the one whose update ids are nearest."""
        at = snapshot.lastUpdateId

        def distance(native: str) -> int:
            first, last = self._ids.get(native, (0, 0))
            return 0 if first <= at <= last else min(abs(at - first), abs(at - last))

        return min(self.places, key=distance)

    # -- lines -------------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[tuple[int, MarketFrame | SnapshotFrame, str]]:
        """Receive time, frame, and payload as recorded."""
        for line in Tape(self.path, lenient=True):
            frame, payload = _read(line)
            if frame is not None:
                self.end_ns = line.recv_ns
                yield line.recv_ns, frame, payload

    def rewind(self, markets: Mapping[str, SymbolMarket], now_ms: int) -> list[DepthFrame]:
        """Prepare another round: diffs that turn each book back into the one that the tape starts from."""
        self._shift_ms = now_ms - self._first_ms + 1
        self._shift_ns += self.end_ns - self.start_ns + 1
        diffs = []
        for native in self.places:
            market = markets.get(native)
            if market is None:
                continue
            shift = self._shifts[native] = _Shift(trade=market.trades[-1].t if market.trades else 0)
            snapshot = self.snapshots.get(native)
            first = self._ids.get(native, (0, 0))[0]
            start_id = snapshot.lastUpdateId if snapshot is not None else first - 1
            shift.update = market.book_id + 1 - start_id
            wanted = SnapshotFrame(lastUpdateId=0, bids=[], asks=[]) if snapshot is None else snapshot
            diffs.append(
                DepthFrame(
                    E=now_ms,
                    s=native,
                    U=market.book_id + 1,
                    u=market.book_id + 1,
                    b=_changes(market.bids, wanted.bids),
                    a=_changes(market.asks, wanted.asks),
                )
            )
        return diffs

    def again(self) -> Iterator[tuple[int, MarketFrame | SnapshotFrame, str]]:
        """The lines of another round, their numbers and times carried on. (Trade ids continue from the last one seen.)"""
        first_trades: dict[str, int] = {}
        shift_ns, shift_ms, shifts = self._shift_ns, self._shift_ms, dict(self._shifts)
        for recv_ns, frame, _ in self.lines():
            if isinstance(frame, SnapshotFrame):
                continue
            shift = shifts.get(frame.s, _Shift())
            if isinstance(frame, TradeFrame):
                first = first_trades.setdefault(frame.s, frame.t)
                frame.t += shift.trade + 1 - first
            else:
                frame.u += shift.update
            if isinstance(frame, DepthFrame):
                frame.U += shift.update
                start = self._book_starts(frame.s, shift)
                if frame.u <= start:
                    continue
                frame.U = max(frame.U, start + 1)
            if not isinstance(frame, QuoteFrame):
                frame.E += shift_ms
            if isinstance(frame, TradeFrame):
                frame.T += shift_ms
            yield recv_ns + shift_ns, frame, msgspec.json.encode(frame).decode()

    def _book_starts(self, native: str, shift: _Shift) -> int:
        snapshot = self.snapshots.get(native)
        return snapshot.lastUpdateId + shift.update if snapshot is not None else 0


def _read(line: TapeLine) -> tuple[MarketFrame | SnapshotFrame | None, str]:
    """A line's frame, if it is one that is played, and its payload without an envelope."""
    payload = line.payload
    try:
        head = _HEADS.decode(payload)
        if bytes(head.data) and not head.e:
            payload = bytes(head.data)
            head = _HEADS.decode(payload)
        frame = _decode(head, payload)
    except (msgspec.DecodeError, RecursionError):
        return None, ""
    return frame, payload.decode()


def _decode(head: _Head, payload: bytes) -> MarketFrame | SnapshotFrame | None:
    if head.e == "trade":
        return _TRADES.decode(payload)
    if head.e == "depthUpdate":
        return _DEPTHS.decode(payload)
    if head.lastUpdateId and not head.e:
        return _SNAPSHOTS.decode(payload)
    return _QUOTES.decode(payload) if head.s and not head.e else None


def _decimals(value: str) -> int:
    return len(value.partition(".")[2].rstrip("0"))


def _changes(now: dict[int, int], wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What makes one side of a book into another."""
    then = {units(price): units(qty) for price, qty in wanted}
    gone = [(text(price), text(0)) for price in now if price not in then]
    return gone + [(text(price), text(qty)) for price, qty in then.items() if now.get(price) != qty]
