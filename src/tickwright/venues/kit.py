"""What adapters share: how one is configured, how a request is described before it is encoded, how symbols are named.

Pure data. Signing is in ``signing.py``, book synchronisation in ``book_sync.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tickwright.base.secret import Secret
from tickwright.model.instrument import Instrument
from tickwright.model.order import OrderRef
from tickwright.venues.book_sync import BookSync
from tickwright.venues.signing import Ed25519Signer, HmacSigner, RsaSigner, Signer, make_signer

__all__ = [
    "BookSync",
    "Ed25519Signer",
    "HmacSigner",
    "Request",
    "RsaSigner",
    "Signer",
    "SymbolMap",
    "VenueConfig",
    "VenueUrls",
    "make_signer",
]

#: Names learned for symbols that the venue did not list; past it they are made up afresh each time.
UNLISTED_SYMBOLS_MAX = 10_000


class VenueUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Where a venue is reached. ``sandbox`` marks a test network: its money is not money."""

    rest_url: str
    ws_url: str
    ws_api_url: str
    sandbox: bool


class VenueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach one account on one venue. Without ``key`` only public data is there."""

    rest_url: str
    ws_url: str
    ws_api_url: str
    key: str | None = None
    secret: Secret | None = None
    key_kind: str = "hmac"  # "hmac", "ed25519" or "rsa"
    recv_window_ms: int = 5_000
    use_rest_orders: bool = False
    sandbox: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a venue as data: not yet signed, not yet bound to a transport.

    ``params`` are in the order in which they are sent. ``kind`` says how the answer is to be read. ``is_order`` marks what may
    change the account: such a request is sent at most once. ``dead_after_ns`` is the moment, in the venue's time, from which it
    must not be accepted any more; 0 leaves that to the usual window.
    """

    kind: str
    method: str
    path: str
    ws_method: str
    params: tuple[tuple[str, str | int], ...]
    signed: bool
    weight: int
    is_order: bool = False
    ref: OrderRef | None = None
    dead_after_ns: int = 0


class SymbolMap:
    """The venue's own symbols (``BTCUSDT``) to keys (``binance_spot:BTC/USDT``) and back.

    A symbol that is not listed gets a key all the same: split before one of ``quotes`` where it ends in one, else whole.
    """

    __slots__ = ("_instruments", "_keys", "_quotes", "_unlisted", "_venue")

    def __init__(self, venue: str, quotes: Sequence[str] = (), instruments: Iterable[Instrument] = ()) -> None:
        self._venue = venue
        self._quotes = tuple(quotes)
        self._keys: dict[str, str] = {}
        self._unlisted: dict[str, str] = {}
        self._instruments: dict[str, Instrument] = {}
        self.learn(instruments)

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Add instruments, or replace their rules."""
        for item in instruments:
            self._keys[item.native] = item.key
            self._instruments[item.key] = item

    def key(self, native: str) -> str:
        """The key of a symbol as the venue writes it."""
        return self._keys.get(native) or self._unlisted.get(native) or self._guess(native)

    def instrument(self, key: str) -> Instrument | None:
        return self._instruments.get(key)

    def native(self, key: str) -> str:
        """The symbol of a key as the venue writes it."""
        found = self._instruments.get(key)
        return found.native if found is not None else key.partition(":")[2].replace("/", "")

    @property
    def instruments(self) -> list[Instrument]:
        return list(self._instruments.values())

    def _guess(self, native: str) -> str:
        quote = next((item for item in self._quotes if native.endswith(item) and len(native) > len(item)), "")
        symbol = f"{native[: -len(quote)]}/{quote}" if quote else native
        key = f"{self._venue}:{symbol}"
        if len(self._unlisted) < UNLISTED_SYMBOLS_MAX:
            self._unlisted[native] = key
        return key
