"""The market streams of one connection: subscribes, keeps books in step, notices what was missed.

Guarantees: each subscription is told as up once the venue took it (a book: once it is whole) and as down when the connection
or the data is lost; a missing trade or bar is a :class:`Gap`; while one connection takes over from another nothing is
delivered twice.
Does not: hold a book, or decide anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from tickwright.base.limits import SILENCE_CEILING_S, SILENCE_FLOOR_S
from tickwright.model.market import (
    Bar,
    BookUpdate,
    Channel,
    FeedDown,
    FeedUp,
    Gap,
    MarketEvent,
    Quote,
    Subscription,
    Ticker,
    Trade,
)
from tickwright.net.ws import WsConnection, WsSession
from tickwright.ports import MarketSink
from tickwright.venues.binance_spot.market import PREFIX_BYTES, UNREADABLE, Ack, Shutdown
from tickwright.venues.binance_spot.rules import NAME, SPANS_NS, SUBSCRIBE_BATCH
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import BookSync

#: After the venue took the subscriptions of a new connection the old one stays this long: what it still has under way arrives.
HANDOVER_S = 1.0
#: After the old one is gone its events may still come again on the new one for this long.
HANDOVER_DEDUPE_S = 5.0
#: A book without a change this long after it was subscribed to gets its snapshot all the same: the market may be quiet.
QUIET_BOOK_S = 1.0
#: A trade numbered this far below the latest is no repetition: the venue has started to count anew.
REPEATED_TRADES_MAX = 10_000
#: A subscription whose silence was reconnected for in vain is given twice as long the next time, up to this.
SILENCE_PATIENCE_S_MAX = 300.0
#: Reads one frame, given the time it came; and what it decodes it by, into the event that its stream is of.
Reader = Callable[[bytes, int], None]
Decode = Callable[[bytes, int], Any]

#: No event yet: far enough from 0 that no event follows on it.
_NOTHING = -2


class Stream:
    """One subscription and how far it has come. ``last`` is the number of its latest event: trade id, update id, end of a bar."""

    __slots__ = ("before", "channel", "floor_s", "key", "last", "name", "patience_s", "sync", "up")

    def __init__(self, name: str, key: str, sub: Subscription, usual_s: tuple[float, float]) -> None:
        self.name = name
        self.key = key
        self.channel = sub.channel
        self.sync = BookSync(key) if sub.channel is Channel.BOOK else None
        self.floor_s, self.patience_s = _silence(sub, usual_s)
        self.last = _NOTHING
        self.before = _NOTHING  # the same on the connection before this one
        self.up = False


def _silence(sub: Subscription, usual_s: tuple[float, float]) -> tuple[float, float]:
    """How long a subscription may be silent, at least and at most: trades pause in a quiet market, a bar comes once a span."""
    if sub.channel is Channel.BARS:
        span_s = SPANS_NS[sub.detail] / 1e9
        return span_s + 10, 2 * span_s + 10
    if sub.channel is Channel.TRADES:
        return 10.0, 60.0
    if sub.channel is Channel.TICKER:
        return 5.0, SILENCE_CEILING_S
    return usual_s


class MarketFeed:
    """Handler of one market session. ``want_snapshot`` is told when a book needs one; :meth:`on_snapshot` takes it."""

    def __init__(
        self,
        wire: Wire,
        subs: Sequence[Subscription],
        sink: MarketSink,
        *,
        want_snapshot: Callable[[Stream], None],
        now_ns: Callable[[], int],
        silence_s: tuple[float, float] = (SILENCE_FLOOR_S, SILENCE_CEILING_S),
    ) -> None:
        self._wire = wire
        self._read = wire.market.read
        self._sink = sink
        self._want_snapshot = want_snapshot
        self._now_ns = now_ns
        self.session: WsSession | None = None
        self.streams: dict[str, Stream] = {}
        for sub in subs:
            name = wire.stream(sub)
            self.streams[name] = Stream(name, f"{NAME}:{sub.symbol}", sub, silence_s)
        self._by_kind: dict[type, dict[str, Stream]] = {Trade: {}, Quote: {}, BookUpdate: {}, Ticker: {}}
        self._bars: dict[tuple[str, str], Stream] = {}
        for name, stream in self.streams.items():
            kind = _KINDS.get(stream.channel)
            if kind is not None:
                self._by_kind[kind][stream.key] = stream
            else:
                self._bars[stream.key, name.rpartition("_")[2]] = stream
        self._readers: dict[type, Callable[[WsConnection, Stream, Decode], Reader]] = {
            Trade: self._trade_reader,
            Quote: self._quote_reader,
            BookUpdate: self._book_reader,
        }
        self._trades = self._by_kind[Trade]
        self._books = self._by_kind[BookUpdate]
        self._conn: WsConnection | None = None
        self._older: WsConnection | None = None  # the one that is to be replaced, until it is gone
        self._asked: dict[int | str | None, list[str]] = {}
        #: While two connections overlap: the latest number delivered of each stream. None when there is only one.
        self._delivered: dict[str, int] | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self.refused: list[str] = []

    # -- connection --------------------------------------------------------------------------------------------------

    def on_open(self, conn: WsConnection) -> None:
        """Subscribe to everything, in batches that the connection paces."""
        if self._conn is not None and self._conn.is_open:
            self._delivered = {}
            self._older = self._conn
        else:
            # Numbers may start over while nobody listens: the first of a new connection is measured against the old ones.
            for stream in self._trades.values():
                if stream.last != _NOTHING:
                    stream.before, stream.last = stream.last, _NOTHING
        self._conn = conn
        self._asked.clear()
        names = list(self.streams)
        for start in range(0, len(names), SUBSCRIBE_BATCH):
            self._subscribe(conn, names[start : start + SUBSCRIBE_BATCH])
        for name, stream in self.streams.items():
            conn.watch(name, floor_s=stream.floor_s, ceiling_s=stream.patience_s)
        conn.read_by(self._reader(conn))

    def on_close(self, conn: WsConnection, why: str, code: int) -> None:
        """Everything that was up is down, unless another connection is there that delivers it."""
        del code
        older, self._older = self._older, None
        if conn is not self._conn and self._conn is not None and self._conn.is_open:
            return  # its successor is at work
        if older is not None and older is not conn and older.is_open:
            self._conn = older  # a successor that came to nothing: what it was to replace is still at work
            self._delivered = None
            return
        now = self._now_ns()
        for stream in self.streams.values():
            if stream.sync is not None:
                self._emit(stream.sync.on_lost(why, now))
            elif stream.up:
                self._sink(FeedDown(stream.key, stream.channel, why, now))
            stream.up = False
        self._delivered = None

    def on_silent(self, conn: WsConnection, name: str) -> bool:
        """Ask again for a silent subscription, once; then have it reconnected, and be more patient with it from then on."""
        stream = self.streams[name]
        if not conn.watches[name].nudged:
            self._subscribe(conn, [name])
            return True
        stream.patience_s = min(2 * stream.patience_s, max(SILENCE_PATIENCE_S_MAX, stream.floor_s))
        return False

    def stop(self) -> None:
        """Nothing more will come."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _subscribe(self, conn: WsConnection, names: list[str]) -> None:
        number = self._wire.number()
        self._asked[number] = names
        conn.send(self._wire.subscribe(names, number))

    @property
    def books(self) -> int:
        """How many order books are kept in step here."""
        return len(self._books)

    @property
    def connected(self) -> bool:
        return self._conn is not None and self._conn.is_open

    # -- frames ------------------------------------------------------------------------------------------------------

    def on_frame(self, conn: WsConnection, payload: bytes, recv_ns: int) -> None:
        """One frame. Raises ``WireError``, which the session counts: a lost change of a book shows as a gap at the next."""
        item = self._read(payload, recv_ns)
        if isinstance(item, Trade):
            self._trade(conn, item)
        elif isinstance(item, (Quote, Ticker)):
            self._latest(conn, item)
        elif isinstance(item, BookUpdate):
            self._change(conn, item)
        elif isinstance(item, Bar):
            self._bar(conn, item)
        elif isinstance(item, Ack):
            self._acked(conn, item)
        elif isinstance(item, Shutdown) and self.session is not None:
            self.session.rotate_soon()

    def _reader(self, conn: WsConnection) -> Reader:
        """What reads the frames of a connection. Streams whose frames are told by their first bytes have a function each, made
        once a frame of theirs has been read the long way; it does what :meth:`on_frame` does, with nothing to look up.
        """
        readers: dict[bytes, Reader] = {}

        def read(payload: bytes, recv_ns: int) -> None:
            reader = readers.get(payload[:PREFIX_BYTES])
            if reader is not None:
                reader(payload, recv_ns)
                return
            self.on_frame(conn, payload, recv_ns)
            route = self._wire.market.route(payload)
            stream = self._by_kind[route.kind].get(route.key) if route is not None else None
            if route is not None and stream is not None:
                readers[payload[:PREFIX_BYTES]] = self._readers[route.kind](conn, stream, route.decode)

        return read

    def _trade_reader(self, conn: WsConnection, stream: Stream, decode: Decode) -> Reader:
        sink, watch = self._sink, conn.watches[stream.name]

        def read(payload: bytes, recv_ns: int) -> None:
            try:
                trade = decode(payload, recv_ns)
            except UNREADABLE:  # the long way says what is wrong, or that it is a rarer form of the same
                self.on_frame(conn, payload, recv_ns)
                return
            watch.seen += 1
            number = trade.trade_id
            if number == stream.last + 1 or self._jump(stream, number, recv_ns):
                stream.last = number
                sink(trade)

        return read

    def _quote_reader(self, conn: WsConnection, stream: Stream, decode: Decode) -> Reader:
        sink, watch = self._sink, conn.watches[stream.name]

        def read(payload: bytes, recv_ns: int) -> None:
            try:
                quote = decode(payload, recv_ns)
            except UNREADABLE:
                self.on_frame(conn, payload, recv_ns)
                return
            watch.seen += 1
            if self._delivered is None or not self._again(stream, quote.seq):
                sink(quote)

        return read

    def _book_reader(self, conn: WsConnection, stream: Stream, decode: Decode) -> Reader:
        watch, sync = conn.watches[stream.name], stream.sync
        assert sync is not None, "a stream of changes has a book"

        def read(payload: bytes, recv_ns: int) -> None:
            try:
                update = decode(payload, recv_ns)
            except UNREADABLE:
                self.on_frame(conn, payload, recv_ns)
                return
            watch.seen += 1
            self._emit(sync.on_update(update))
            if sync.wants_snapshot:
                self._want_snapshot(stream)

        return read

    def _trade(self, conn: WsConnection, trade: Trade) -> None:
        stream = self._trades.get(trade.key)
        if stream is None:
            return
        conn.saw(stream.name)
        number = trade.trade_id
        if number == stream.last + 1 or self._jump(stream, number, trade.recv_ns):
            stream.last = number
            self._sink(trade)

    def _latest(self, conn: WsConnection, item: Quote | Ticker) -> None:
        stream = self._by_kind[type(item)].get(item.key)
        if stream is not None:
            conn.saw(stream.name)
            if self._delivered is None or not self._again(stream, item.seq if isinstance(item, Quote) else item.venue_ns):
                self._sink(item)

    def _jump(self, stream: Stream, number: int, recv_ns: int) -> bool:
        """A trade whose number is not the next one: tell the gap if there is one; False if it was delivered before."""
        if stream.last - REPEATED_TRADES_MAX < number <= stream.last:
            return False
        expected = (stream.before if stream.last == _NOTHING else stream.last) + 1
        if number != expected and expected > _NOTHING + 1:
            self._sink(Gap(stream.key, Channel.TRADES, expected, number, recv_ns))
        return True

    def _again(self, stream: Stream, number: int) -> bool:
        """Whether the other of two overlapping connections has delivered this already."""
        assert self._delivered is not None
        if number <= self._delivered.get(stream.name, -1):
            return True
        self._delivered[stream.name] = number
        return False

    def _change(self, conn: WsConnection, update: BookUpdate) -> None:
        stream = self._books.get(update.key)
        if stream is None or stream.sync is None or update.snapshot:
            return
        conn.saw(stream.name)
        self._emit(stream.sync.on_update(update))
        if stream.sync.wants_snapshot:
            self._want_snapshot(stream)

    def _bar(self, conn: WsConnection, bar: Bar) -> None:
        stream = self._bars.get((bar.key, bar.span))
        if stream is None:
            return
        conn.saw(stream.name)
        if bar.end_ns <= stream.last:
            return
        if stream.last not in (_NOTHING, bar.start_ns):
            self._sink(Gap(stream.key, Channel.BARS, stream.last, bar.start_ns, bar.recv_ns))
        stream.last = bar.end_ns
        self._sink(bar)

    def _acked(self, conn: WsConnection, ack: Ack) -> None:
        names = self._asked.pop(ack.id, None)
        if ack.error:
            self.refused.append(ack.error)
            del self.refused[:-10]
            conn.drop(f"the venue refused a subscription: {ack.error}")
            return
        if names is None:
            return
        now = self._now_ns()
        for name in names:
            stream = self.streams[name]
            if stream.sync is not None:
                self._later(QUIET_BOOK_S, self._quiet_book, stream)
            elif not stream.up:
                stream.up = True
                self._sink(FeedUp(stream.key, stream.channel, now))
        if not self._asked and not conn.is_ready:
            self._later(HANDOVER_S if self._delivered is not None else 0.0, self._ready, conn)

    def _ready(self, conn: WsConnection) -> None:
        if self.session is not None and conn.is_open:
            self.session.ready(conn)
            if self._delivered is not None:
                self._later(HANDOVER_DEDUPE_S, self._handed_over)

    def _handed_over(self) -> None:
        self._delivered = None

    def _quiet_book(self, stream: Stream) -> None:
        if stream.sync is not None and stream.sync.wants_snapshot and self._conn is not None and self._conn.is_open:
            self._want_snapshot(stream)

    def on_snapshot(self, stream: Stream, snapshot: BookUpdate) -> None:
        """The snapshot of a book that wanted one."""
        if stream.sync is not None and self._conn is not None and self._conn.is_open:
            self._emit(stream.sync.on_snapshot(snapshot))

    def _emit(self, events: list[MarketEvent]) -> None:
        for event in events:
            self._sink(event)

    def _later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call(*args)

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)


_KINDS: dict[Channel, type] = {Channel.TRADES: Trade, Channel.QUOTES: Quote, Channel.BOOK: BookUpdate, Channel.TICKER: Ticker}
