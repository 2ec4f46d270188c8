"""Binance Spot's protocol as a pure codec: bytes to events, orders to requests, answers to outcomes.

No clock, no socket. The parts are in ``market.py``, ``account.py``, ``requests.py`` and ``answers.py``; this is where they meet.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tickwright.base.clock import NS_PER_MS
from tickwright.base.errors import WireError
from tickwright.model.account import AccountEvent
from tickwright.model.instrument import Instrument
from tickwright.model.market import BookUpdate, Channel, MarketEvent, Subscription
from tickwright.model.order import Finding, Outcome
from tickwright.venues.binance_spot import answers, requests
from tickwright.venues.binance_spot.account import AccountDecoder, Answer
from tickwright.venues.binance_spot.market import MarketDecoder, MarketItem, Shutdown
from tickwright.venues.binance_spot.rules import NAME, SPANS_NS
from tickwright.venues.kit import Request, Signer, SymbolMap

#: Quote assets, longest first, by which a symbol is split when no list of instruments is there (tapes).
_QUOTES = "FDUSD USDT USDC TUSD BUSD USD1 BIDR DAI BTC ETH BNB EUR TRY BRL JPY GBP AUD UAH"
QUOTES = tuple(_QUOTES.split())


class Wire:
    """The codec of one account. State: symbols learned, counts of what was ignored, the last request number."""

    def __init__(self, key: str = "", signer: Signer | None = None, recv_window_ms: int = 5_000) -> None:
        self.symbols = SymbolMap(NAME, QUOTES)
        self.market = MarketDecoder(self.symbols)
        self.account = AccountDecoder(self.symbols)
        self._key = key
        self._signer = signer
        self._recv_window_ms = recv_window_ms
        self._numbered = 0

    def learn(self, instruments: Iterable[Instrument]) -> None:
        self.symbols.learn(instruments)

    # -- bytes to events ---------------------------------------------------------------------------------------------

    def decode_market(self, frame: bytes, at_ns: int) -> list[MarketEvent]:
        return self.market.decode_market(frame, at_ns)

    def decode_account(self, frame: bytes, at_ns: int) -> list[AccountEvent]:
        return self.account.decode_account(frame, at_ns)

    def read_market(self, frame: bytes, at_ns: int) -> MarketItem | None:
        return self.market.read(frame, at_ns)

    def read_account(self, frame: bytes, at_ns: int) -> list[AccountEvent] | Answer | Shutdown:
        return self.account.read(frame, at_ns)

    def snapshot(self, body: bytes, key: str, at_ns: int) -> BookUpdate:
        return self.market.snapshot(body, key, at_ns)

    # -- requests to bytes -------------------------------------------------------------------------------------------

    def stream(self, sub: Subscription) -> str:
        """The name of the stream of a subscription; raises ``ValueError`` for what the venue does not stream."""
        native = self.symbols.native(f"{NAME}:{sub.symbol}").lower()
        if sub.channel is Channel.BARS and sub.detail in SPANS_NS:
            return f"{native}@kline_{sub.detail}"
        name = _STREAMS.get(sub.channel)
        if name is None:
            raise ValueError(f"{sub.channel.value} {sub.detail} is not streamed")
        return f"{native}@{name}"

    def subscribe(self, streams: list[str], number: int) -> bytes:
        """One frame that subscribes to ``streams``."""
        return msgspec.json.encode({"method": "SUBSCRIBE", "params": streams, "id": number})

    def number(self) -> int:
        """The next request number."""
        self._numbered += 1
        return self._numbered

    def window_ms(self, request: Request, at_ns: int) -> int:
        """How long after ``at_ns`` (the venue's time) the request may be accepted; 0 or less: it must not be sent any more."""
        if not request.dead_after_ns:
            return self._recv_window_ms
        return min(self._recv_window_ms, (request.dead_after_ns - at_ns) // NS_PER_MS)

    def ws(self, request: Request, number: int, at_ns: int, *, logged_on: bool) -> bytes:
        """A request as a frame of the WebSocket API, signed unless the session is logged on."""
        params = list(request.params)
        if not request.signed:
            return requests.ws_frame(number, request.ws_method, params)
        window_ms = self.window_ms(request, at_ns)
        if logged_on:
            params += [("recvWindow", window_ms), ("timestamp", at_ns // NS_PER_MS)]
            return requests.ws_frame(number, request.ws_method, params)
        return self._signed(number, request.ws_method, params, at_ns, window_ms)

    def logon(self, number: int, at_ns: int) -> bytes:
        """``session.logon``, for keys that can."""
        return self._signed(number, "session.logon", [], at_ns)

    def ping(self, number: int) -> bytes:
        """A question that costs next to nothing: whether requests are answered at all."""
        return requests.ws_frame(number, "ping", [])

    def watch_account(self, number: int, at_ns: int, *, logged_on: bool) -> bytes:
        """Subscribe to the events of the account."""
        if logged_on:
            return requests.ws_frame(number, "userDataStream.subscribe", [])
        return self._signed(number, "userDataStream.subscribe.signature", [], at_ns)

    def _signed(self, number: int, method: str, params: requests.Params, at_ns: int, window_ms: int = 0) -> bytes:
        at_ms = at_ns // NS_PER_MS
        window = window_ms or self._recv_window_ms
        return requests.signed_ws_frame(
            number, method, params, self._need_signer(), key=self._key, at_ms=at_ms, recv_window_ms=window
        )

    def rest(self, request: Request, at_ns: int) -> str:
        """The path of a REST request with its query string, signed where it must be."""
        params = list(request.params)
        if request.signed:
            query = requests.signed_query(params, self._need_signer(), at_ns // NS_PER_MS, self.window_ms(request, at_ns))
        else:
            query = requests.query_string(params)
        return f"{request.path}?{query}" if query else request.path

    def rest_headers(self, request: Request) -> dict[str, str]:
        return {"X-MBX-APIKEY": self._key} if request.signed else {}

    def _need_signer(self) -> Signer:
        assert self._signer is not None, "a signed request without a key is refused by the adapter"
        return self._signer

    # -- answers to outcomes -----------------------------------------------------------------------------------------

    def classify(self, request: Request, status: int | None, body: bytes, at_ns: int = 0) -> Outcome:
        return answers.classify(request, status, body, at_ns, self.symbols)

    def classify_find(self, request: Request, status: int | None, body: bytes, at_ns: int = 0) -> Finding:
        return answers.classify_find(request, status, body, at_ns, self.symbols)


class Decoder:
    """The part of the codec that tapes are read with: no key, no list of instruments.

    Partial books (``@depth5``) are left out: they are no snapshot to keep a whole book from.
    """

    def __init__(self) -> None:
        self._market = MarketDecoder(SymbolMap(NAME, QUOTES))

    @property
    def ignored(self) -> dict[str, int]:
        return self._market.ignored

    def decode_market(self, frame: bytes, at_ns: int) -> list[MarketEvent]:
        """Raises ``WireError`` for bytes that are not a frame."""
        events = self._market.decode_market(frame, at_ns)
        if events and isinstance(events[0], BookUpdate) and events[0].snapshot and events[0].key:
            self._market.ignore("partial depth")
            return []
        return events


_STREAMS = {Channel.TRADES: "trade", Channel.QUOTES: "bookTicker", Channel.BOOK: "depth@100ms", Channel.TICKER: "ticker"}

__all__ = ["NAME", "QUOTES", "Decoder", "Wire", "WireError"]
