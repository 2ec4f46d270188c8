"""Reads a recording through a venue's own decoder and says whether it hangs together.

Guarantees: whatever the file, the result is a :class:`TapeReport` (or a ``DataError`` if it cannot be opened); memory is
bounded by the number of instruments. The order book is kept from the recorded snapshot and changes by the same code that
trades, and its best prices are compared with the recorded quotes.

When they are compared: a change of the book that continues the one before, and covers update ids ``(a, b]``, is compared with the
last quote whose id lies in ``(a, b]``. A quote older than that says nothing new about the change, and the change that joins
the snapshot reaches back behind it. Quotes and changes come on streams of their own, either may be ahead: a comparison waits
until a quote from beyond the change, or the end, is seen.

A venue may cut a change in the middle of one matching event, while quotes are told only after it. Such a change differs from
the quote though nothing is wrong; it is counted as a mismatch all the same (2 in the 5,736 comparisons of ten minutes of
BTCUSDT on Binance), because it cannot be told from an error by looking at it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from tickwright.base.errors import WireError
from tickwright.model.market import Bar, BookUpdate, Channel, FeedUp, Gap, MarketEvent, Quote, Ticker, Trade
from tickwright.sim.tape import Tape, TapeLine
from tickwright.transforms.book import Book
from tickwright.venues.kit import BookSync

#: Comparisons that wait for a later quote, and quotes that wait for a change, per instrument: a recording may lack either.
_WAITING_MAX = 10_000
#: Snapshots that name no instrument and wait for changes that they fit.
_UNPLACED_MAX = 16
#: Mismatches that are told in full.
_EXAMPLES_MAX = 5

_KINDS: Mapping[type, str] = {Trade: "trade", Quote: "quote", Bar: "bar", Ticker: "ticker"}


class Decoder(Protocol):
    """What a venue reads its tapes with. ``ignored`` counts, by name, the frames that it left out."""

    @property
    def ignored(self) -> Mapping[str, int]: ...

    def decode_market(self, frame: bytes, at_ns: int) -> list[MarketEvent]: ...


class Mismatch(msgspec.Struct, frozen=True):
    """The kept book and the recorded quote disagree: each as bid, size, ask, size."""

    key: str
    line: int
    seq: int
    book: tuple[float, float, float, float]
    quote: tuple[float, float, float, float]


class TapeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording holds. ``garbage`` are lines that are no message, or none that the venue sends."""

    frames: int
    kinds: dict[str, int]
    instruments: list[str]
    first_ns: int
    last_ns: int
    backwards: int  # messages received before the one above them
    garbage: int
    first_garbage_line: int  # 0: none
    broken_off: bool
    snapshots: int
    snapshots_unused: int  # came when none was needed, too old, or for an instrument that is not there
    gaps: int
    resyncs: int
    repeated: int  # book changes, quotes and trades that were there before
    crossed: int  # times that the kept book had its bid at or above its ask
    comparisons: int
    mismatches: int
    examples: list[Mismatch]

    @property
    def sound(self) -> bool:
        """Whether nothing in it needs an explanation."""
        return not (self.garbage or self.gaps or self.mismatches or self.crossed or self.broken_off)


class _Top(NamedTuple):
    """The best of the book after a change that covers update ids ``(prev, seq]``."""

    prev: int
    seq: int
    best: tuple[float, float, float, float]
    line: int


class _Instrument:
    """What is kept of one instrument."""

    __slots__ = ("book", "last_trade_id", "quotes", "sync", "waiting")

    def __init__(self, key: str) -> None:
        self.sync = BookSync(key)
        self.book = Book(key)
        self.waiting: deque[_Top] = deque(maxlen=_WAITING_MAX)
        self.quotes: deque[Quote] = deque(maxlen=_WAITING_MAX)
        self.last_trade_id = -1


class TapeCheck:
    """Fed line by line; :meth:`report` may be asked for at any time."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._kept: dict[str, _Instrument] = {}
        self._kinds: dict[str, int] = {}
        self._unplaced: deque[BookUpdate] = deque(maxlen=_UNPLACED_MAX)
        self._frames = self._silent = 0
        self._first_ns = self._last_ns = 0
        self._backwards = self._garbage = self._first_garbage = 0
        self._snapshots = self._joined = 0
        self._repeated = self._crossed = 0
        self._comparisons = self._mismatches = 0
        self._examples: list[Mismatch] = []

    def feed(self, line: TapeLine) -> None:
        """Take in one line."""
        self._frames += 1
        self._first_ns = self._first_ns or line.recv_ns
        if line.recv_ns < self._last_ns:
            self._backwards += 1
        self._last_ns = line.recv_ns
        try:
            events = self._decoder.decode_market(line.payload, line.recv_ns)
        except WireError:
            self.spoil(line.number)
            return
        if not events:
            self._silent += 1
        for event in events:
            self._take(event, line.number)

    def spoil(self, number: int) -> None:
        """A line that is no message."""
        self._garbage += 1
        self._first_garbage = self._first_garbage or number

    def report(self, *, broken_off: bool = False) -> TapeReport:
        """What was found so far; comparisons that were waiting are made now."""
        for kept in self._kept.values():
            self._settle(kept, None)
        kinds = dict(self._kinds)
        ignored = dict(self._decoder.ignored)
        for name, count in sorted(ignored.items()):
            kinds[name] = kinds.get(name, 0) + count
        control = self._silent - sum(ignored.values())
        if control > 0:
            kinds["control"] = control
        syncs = [kept.sync for kept in self._kept.values()]
        return TapeReport(
            frames=self._frames,
            kinds=kinds,
            instruments=sorted(self._kept),
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            backwards=self._backwards,
            garbage=self._garbage,
            first_garbage_line=self._first_garbage,
            broken_off=broken_off,
            snapshots=self._snapshots,
            snapshots_unused=self._snapshots - self._joined,
            gaps=sum(sync.gaps for sync in syncs),
            resyncs=sum(max(0, sync.joins - 1) for sync in syncs),
            repeated=self._repeated,
            crossed=self._crossed,
            comparisons=self._comparisons,
            mismatches=self._mismatches,
            examples=list(self._examples),
        )

    def _take(self, event: MarketEvent, number: int) -> None:
        if isinstance(event, BookUpdate):
            self._count("snapshot" if event.snapshot else "book")
            if event.snapshot:
                self._snapshots += 1
                self._place(event)
            else:
                self._change(self._instrument(event.key), event, number)
            return
        self._count(_KINDS.get(type(event), "other"))
        if isinstance(event, Quote):
            self._quote(self._instrument(event.key), event)
        elif isinstance(event, Trade):
            kept = self._instrument(event.key)
            if event.trade_id <= kept.last_trade_id:
                self._repeated += 1
            kept.last_trade_id = max(kept.last_trade_id, event.trade_id)

    def _count(self, kind: str) -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + 1

    def _instrument(self, key: str) -> _Instrument:
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Instrument(key)
        return kept

    # -- the book ----------------------------------------------------------------------------------------------------

    def _change(self, kept: _Instrument, update: BookUpdate, number: int) -> None:
        before = kept.sync.dropped
        continues = kept.sync.synced and update.prev_seq == kept.sync.seq
        events = kept.sync.on_update(update)
        self._repeated += kept.sync.dropped - before
        self._apply(kept, events)
        if events and continues:
            self._remember(kept, update, number)
        if self._unplaced and not kept.sync.synced:
            waiting = list(self._unplaced)
            self._unplaced.clear()
            for snapshot in waiting:
                self._place(snapshot)

    def _place(self, snapshot: BookUpdate) -> None:
        """Give a snapshot to the instrument it is of; one that names none goes to the one whose changes it fits."""
        key = snapshot.key or self._owner(snapshot)
        if not key:
            self._unplaced.append(snapshot)
            return
        kept = self._instrument(key)
        events = kept.sync.on_snapshot(msgspec.structs.replace(snapshot, key=key))
        self._joined += bool(events)
        self._apply(kept, events)

    def _owner(self, snapshot: BookUpdate) -> str:
        fits = [key for key, kept in self._kept.items() if kept.sync.would_join(snapshot.seq)]
        if len(fits) > 1:
            return min(fits, key=lambda key: _distance(snapshot, self._kept[key].quotes))
        if fits:
            return fits[0]
        booked = [key for key, kept in self._kept.items() if kept.sync.kept or kept.sync.joins]
        return booked[0] if len(booked) == 1 else ""

    def _apply(self, kept: _Instrument, events: list[MarketEvent]) -> None:
        for event in events:
            if isinstance(event, BookUpdate):
                applied = kept.book.apply(event)
                assert applied, "INV-28 what the synchroniser lets out joins the book"
                self._crossed += kept.book.crossed
            elif isinstance(event, Gap):
                kept.book.clear()
            else:
                assert not isinstance(event, FeedUp) or event.channel is Channel.BOOK

    # -- the comparison ----------------------------------------------------------------------------------------------

    def _remember(self, kept: _Instrument, update: BookUpdate, number: int) -> None:
        book = kept.book
        bid, bid_qty, ask, ask_qty = book.bid, book.bid_qty, book.ask, book.ask_qty
        if bid is None or bid_qty is None or ask is None or ask_qty is None:
            return
        kept.waiting.append(_Top(update.prev_seq, update.seq, (bid, bid_qty, ask, ask_qty), number))
        if kept.quotes:
            self._settle(kept, kept.quotes[-1].seq)

    def _quote(self, kept: _Instrument, quote: Quote) -> None:
        if quote.seq == 0:
            return  # a venue that does not number its quotes: nothing to compare by
        quotes = kept.quotes
        if quotes and quote.seq <= quotes[-1].seq:
            self._repeated += 1
            return
        quotes.append(quote)
        self._settle(kept, quote.seq)

    def _settle(self, kept: _Instrument, seen: int | None) -> None:
        """Make the comparisons that no later quote can change: those before update id ``seen``, or all."""
        quotes = kept.quotes
        waiting = kept.waiting
        while waiting and (seen is None or waiting[0].seq < seen):
            top = waiting.popleft()
            while len(quotes) > 1 and quotes[1].seq <= top.seq:
                quotes.popleft()
            if not quotes or not top.prev < quotes[0].seq <= top.seq:
                continue
            quote = quotes[0]
            self._comparisons += 1
            told = (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty)
            if told != top.best:
                self._mismatches += 1
                if len(self._examples) < _EXAMPLES_MAX:
                    self._examples.append(Mismatch(kept.book.key, top.line, top.seq, top.best, told))


def _distance(snapshot: BookUpdate, quotes: Sequence[Quote]) -> float:
    """How far, as a fraction, a snapshot's best bid is from the last quote's."""
    if not quotes or not snapshot.bids:
        return float("inf")
    return abs(snapshot.bids[0][0] / quotes[-1].bid - 1)


def check(lines: Iterable[TapeLine], decoder: Decoder) -> TapeReport:
    """The report on lines that were read elsewhere."""
    checked = TapeCheck(decoder)
    for line in lines:
        checked.feed(line)
    return checked.report()


def check_file(path: Path, decoder: Decoder) -> TapeReport:
    """The report on a recording, plain or gzip. Damaged lines are counted; only a file that cannot be opened is an error."""
    tape = Tape(path, lenient=True)
    checked = TapeCheck(decoder)
    for line in tape:
        checked.feed(line)
    report = checked.report(broken_off=tape.broken_off)
    first = min((number for number in (report.first_garbage_line, tape.first_bad) if number), default=0)
    return msgspec.structs.replace(report, garbage=report.garbage + tape.bad, first_garbage_line=first)


def describe(report: TapeReport) -> str:
    """The report in a few lines, for people."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.kinds.items()))
    lines = [
        f"{report.frames:,} frames of {', '.join(report.instruments) or 'no instrument'}: {kinds or 'nothing that is known'}",
        f"{report.gaps} gaps, {report.resyncs} resyncs, {report.repeated} repeated, {report.backwards} received out of order",
        f"{report.comparisons:,} comparisons of the book with the quotes, {report.mismatches} mismatches",
    ]
    if report.garbage:
        lines.append(f"{report.garbage} lines that are no message, the first at line {report.first_garbage_line}")
    if report.broken_off:
        lines.append("the file breaks off before its end")
    lines += [f"line {item.line}: book {item.book}, quote {item.quote}" for item in report.examples]
    return "\n".join(lines)
