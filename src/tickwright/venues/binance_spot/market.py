"""Decodes frames of the public streams.

Guarantees: any bytes give an item, nothing, or one :class:`WireError`; time and memory are bounded by the frame; a combined
frame (``/stream``) is decoded in one pass whose decoder is chosen by the first bytes, without looking at the rest.
Kinds of frame that are not used are counted in ``ignored``, never fatal: a venue adds kinds without asking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Raw

from tickwright.base.clock import NS_PER_MS, NS_PER_US
from tickwright.base.errors import WireError
from tickwright.model.market import BUY, SELL, Bar, BookUpdate, MarketEvent, Quote, Ticker, Trade
from tickwright.venues.binance_spot import structs as wire
from tickwright.venues.kit import SymbolMap


class Ack(msgspec.Struct, frozen=True):
    """The answer to a frame of ours; ``error`` is "" when it was taken."""

    id: int | str | None
    error: str


class Shutdown(msgspec.Struct, frozen=True):
    """The venue will close this connection soon."""

    venue_ns: int


MarketItem = Trade | Quote | BookUpdate | Bar | Ticker | Ack | Shutdown


class Route(NamedTuple):
    """How the frames of one stream are decoded: into what, of which instrument, and by what. ``decode`` raises ``UNREADABLE``."""

    kind: type
    key: str
    decode: Callable[[bytes, int], MarketItem]


#: Frames are told apart by this many first bytes: enough for ``{"stream":"<symbol>@depth@100ms"`` with symbols of up to
#: 16 letters, few enough to end before the first digit that changes.
PREFIX_BYTES = 40
#: Stream names for which a route is kept; others are decoded the long way.
_ROUTES_MAX = 4_096
#: Names of ignored kinds that are counted one by one; the rest share one count.
_IGNORED_NAMES_MAX = 64
#: Stamps below are milliseconds (of the years up to 2262: later ones would not fit 64 bits of nanoseconds), from here on
#: microseconds (asked for with ``timeUnit``).
_MICROSECONDS_FROM = 9_223_372_036_855

_T = TypeVar("_T")
#: Everything that reading hostile bytes can raise.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def _decoder(kind: type[_T]) -> Callable[[bytes | Raw], _T]:
    return msgspec.json.Decoder(kind, strict=False).decode


def stamp_ns(stamp: int) -> int:
    """The venue's time stamp in nanoseconds."""
    return stamp * NS_PER_MS if stamp < _MICROSECONDS_FROM else stamp * NS_PER_US


class MarketDecoder:
    """Bytes of the public streams to events. The only state is which streams were seen and what was ignored."""

    def __init__(self, symbols: SymbolMap) -> None:
        self._symbols = symbols
        self._routes: dict[bytes, Route] = {}
        self.ignored: dict[str, int] = {}
        self._head = _decoder(wire.Head)
        self._kinds: dict[str, Callable[[bytes | Raw, int], MarketItem | None]] = {
            "trade": self._trade,
            "bookTicker": self._quote,
            "depthUpdate": self._depth,
            "kline": self._kline,
            "24hrTicker": self._ticker,
            "24hrMiniTicker": self._ticker,
            "serverShutdown": self._shutdown,
        }

    def decode_market(self, frame: bytes, at_ns: int) -> list[MarketEvent]:
        """The events in a frame. A bare snapshot (REST, ``@depth<n>`` outside combined mode) names no symbol: its key is ""."""
        item = self.read(frame, at_ns)
        return [] if item is None or isinstance(item, (Ack, Shutdown)) else [item]

    def read(self, frame: bytes, at_ns: int) -> MarketItem | None:
        """The same, with what concerns the connection; None for what is not used. Raises ``WireError`` and nothing else."""
        route = self._routes.get(frame[:PREFIX_BYTES])
        if route is not None:
            try:
                return route.decode(frame, at_ns)
            except UNREADABLE:
                pass  # the long way says what is wrong, or that it is a rarer form of the same
        try:
            return self._read(frame, at_ns)
        except UNREADABLE as error:
            raise WireError(f"unreadable market frame of {len(frame)} bytes: {_brief(error)}") from None

    def route(self, frame: bytes) -> Route | None:
        """How frames that begin with the same ``PREFIX_BYTES`` as this one are decoded; None where each is a case of its own."""
        return self._routes.get(frame[:PREFIX_BYTES])

    def snapshot(self, body: bytes, key: str, at_ns: int) -> BookUpdate:
        """The REST depth snapshot of ``key``."""
        try:
            book = _partial(body)
        except UNREADABLE as error:
            raise WireError(f"unreadable depth snapshot of {len(body)} bytes: {_brief(error)}") from None
        return BookUpdate(key, book.bids, book.asks, 0, book.lastUpdateId, True, 0, at_ns)

    # -- the long way ------------------------------------------------------------------------------------------------

    def _read(self, frame: bytes, at_ns: int) -> MarketItem | None:
        head = self._head(frame)
        if head.data is UNSET or head.stream is UNSET:
            return self._body(head, frame, "", at_ns)
        stream = head.stream
        if bytes(head.data)[:1] == b"[":
            return self.ignore(stream)
        inner = self._head(head.data)
        native = inner.s
        if native is not UNSET and not stream.startswith("!") and stream.partition("@")[0] != native.lower():
            raise ValueError(f"stream {stream!r} carries {native!r}")
        item = self._body(inner, head.data, stream, at_ns)
        if isinstance(item, (Trade, Quote, BookUpdate)) and item.key:
            self._learn(frame, stream, item)
        return item

    def _body(self, head: wire.Head, body: bytes | Raw, stream: str, at_ns: int) -> MarketItem | None:
        kind = head.e
        if kind is not UNSET:
            read = self._kinds.get(kind)
            return read(body, at_ns) if read is not None else self.ignore(kind)
        # The two kinds of payload without an event type are told by what they have.
        if head.u is not UNSET and head.A is not UNSET:
            return self._quote(body, at_ns)
        if head.lastUpdateId is not UNSET:
            native = stream.partition("@")[0].upper()
            return self.snapshot(bytes(body), self._symbols.key(native) if native else "", at_ns)
        return self._control(head)

    def _control(self, head: wire.Head) -> MarketItem | None:
        ours = None if head.id is UNSET else head.id
        if head.code is not UNSET:
            return Ack(ours, f"{head.code} {'' if head.msg is UNSET else head.msg[:200]}")
        if head.error is not UNSET:
            error = _error(head.error)
            return Ack(ours, f"{error.code} {error.msg[:200]}")
        if head.result is not UNSET:
            return Ack(ours, "")
        return self.ignore("other")

    def ignore(self, kind: str) -> MarketItem | None:
        """Count a frame that is not used."""
        name = kind[:32]
        if name not in self.ignored and len(self.ignored) >= _IGNORED_NAMES_MAX:
            name = "…"
        self.ignored[name] = self.ignored.get(name, 0) + 1
        return None

    def _trade(self, body: bytes | Raw, at_ns: int) -> Trade:
        x = _trade(body)
        return Trade(self._symbols.key(x.s), x.p, x.q, SELL if x.m else BUY, x.t, stamp_ns(x.T), at_ns)

    def _quote(self, body: bytes | Raw, at_ns: int) -> MarketItem | None:
        x = _empty_book_ticker(body)
        if not (x.b and x.a):
            # A price of 0 means that the side is empty; a quote needs both. The last one grows old, which is the truth.
            return self.ignore("bookTicker with an empty side")
        return Quote(self._symbols.key(x.s), x.b, x.B, x.a, x.A, x.u, 0, at_ns)

    def _depth(self, body: bytes | Raw, at_ns: int) -> BookUpdate:
        x = _depth(body)
        return BookUpdate(self._symbols.key(x.s), x.b, x.a, x.U - 1, x.u, False, stamp_ns(x.E), at_ns)

    def _kline(self, body: bytes | Raw, at_ns: int) -> MarketItem | None:
        x = _kline(body)
        k = x.k
        if not k.x:
            return self.ignore("kline that is still open")
        end_ns = stamp_ns(k.T + 1)
        key = self._symbols.key(x.s)
        return Bar(key, stamp_ns(k.t), end_ns, k.o, k.h, k.l, k.c, k.v, k.q, max(k.n, 0), k.V, at_ns, k.i)

    def _ticker(self, body: bytes | Raw, at_ns: int) -> Ticker:
        x = _day_ticker(body)
        return Ticker(self._symbols.key(x.s), x.c or None, x.o or None, x.h or None, x.l or None, x.v, x.q, stamp_ns(x.E), at_ns)

    def _shutdown(self, body: bytes | Raw, _at_ns: int) -> Shutdown:
        return Shutdown(stamp_ns(_stamped(body).E))

    # -- the short way -----------------------------------------------------------------------------------------------

    def _learn(self, frame: bytes, stream: str, item: Trade | Quote | BookUpdate) -> None:
        """Remember how frames that begin like this one are decoded, if that much of them does not change."""
        maker = _ROUTES.get(stream.partition("@")[2])
        if maker is None or len(self._routes) >= _ROUTES_MAX:
            return
        constant = b'{"stream":"%s","data":{%s' % (stream.encode(), maker[0])
        name_ends = len(b'{"stream":"",') + len(stream.encode())
        if name_ends <= PREFIX_BYTES <= len(constant) and frame.startswith(constant):
            self._routes[constant[:PREFIX_BYTES]] = maker[1](item.key)


# Decoders are immutable and shared; they are looked up once here, not per frame.
_trade = _decoder(wire.Trade)
_empty_book_ticker = _decoder(wire.EmptyBookTicker)
_depth = _decoder(wire.Depth)
_partial = _decoder(wire.PartialDepth)
_kline = _decoder(wire.Kline)
_day_ticker = _decoder(wire.DayTicker)
_stamped = _decoder(wire.Stamped)
_error = _decoder(wire.Error)


def _trade_route(key: str) -> Route:
    decode = msgspec.json.Decoder(wire.TradeFrame, strict=False).decode

    def decoded(frame: bytes, at_ns: int) -> Trade:
        x = decode(frame).data
        stamp = x.T
        return Trade(
            key,
            x.p,
            x.q,
            SELL if x.m else BUY,
            x.t,
            stamp * NS_PER_MS if stamp < _MICROSECONDS_FROM else stamp * NS_PER_US,
            at_ns,
        )

    return Route(Trade, key, decoded)


def _quote_route(key: str) -> Route:
    decode = msgspec.json.Decoder(wire.BookTickerFrame, strict=False).decode

    def decoded(frame: bytes, at_ns: int) -> Quote:
        x = decode(frame).data
        return Quote(key, x.b, x.B, x.a, x.A, x.u, 0, at_ns)

    return Route(Quote, key, decoded)


def _depth_route(key: str) -> Route:
    decode = msgspec.json.Decoder(wire.DepthFrame, strict=False).decode

    def decoded(frame: bytes, at_ns: int) -> BookUpdate:
        x = decode(frame).data
        return BookUpdate(key, x.b, x.a, x.U - 1, x.u, False, stamp_ns(x.E), at_ns)

    return Route(BookUpdate, key, decoded)


#: What follows ``"data":{`` without change, and the maker of a route, for the streams that are worth one.
_ROUTES: dict[str, tuple[bytes, Callable[[str], Route]]] = {
    "trade": (b'"e":"trade","E":', _trade_route),
    "bookTicker": (b'"u":', _quote_route),
    "depth@100ms": (b'"e":"depthUpdate","E":', _depth_route),
    "depth": (b'"e":"depthUpdate","E":', _depth_route),
}


def _brief(error: BaseException) -> str:
    """The decoder's words without the bytes it choked on."""
    return f"{type(error).__name__}: {str(error)[:120]}"
