"""Market events: what happened at a venue, as floats (signals, never money) with the venue's time and ours.

``key`` is ``venue:SYMBOL``. ``venue_ns`` is the venue's own time, 0 where it sends none; ``recv_ns`` is when the bytes
reached this machine. Both are nanoseconds since the epoch, UTC. Hot structs: built positionally, in field order.
"""

from __future__ import annotations

import enum

import msgspec


class Side(enum.Enum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


BUY = Side.BUY
SELL = Side.SELL


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="trade"):
    """One trade. ``side`` is the aggressor's: BUY when the taker bought."""

    key: str
    price: float
    qty: float
    side: Side
    trade_id: int
    venue_ns: int
    recv_ns: int


class Quote(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="quote"):
    """Best bid and ask. ``seq`` is the venue's book update id, 0 where there is none."""

    key: str
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float
    seq: int
    venue_ns: int
    recv_ns: int


class BookUpdate(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="book"):
    """A snapshot, or absolute quantities of changed levels (0 removes one).

    ``prev_seq`` is the sequence number that the book must have reached for the update to join without a gap (a book that
    is already at or beyond ``seq`` drops it); ``seq`` is the number after it. A snapshot replaces everything.
    """

    key: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    prev_seq: int
    seq: int
    snapshot: bool
    venue_ns: int
    recv_ns: int


class Bar(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="bar"):
    """A closed bar: ``start_ns`` inclusive, ``end_ns`` exclusive. Made here or by the venue, visible only once closed."""

    key: str
    start_ns: int
    end_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float  # base asset
    notional: float  # quote asset
    trades: int
    buy_volume: float  # of which by aggressive buyers
    recv_ns: int
    span: str = ""  # "1m", "100 ticks", …


class Ticker(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="ticker"):
    """Rolling 24 h statistics. ``last`` is None in a market that has not traded."""

    key: str
    last: float | None
    open: float | None
    high: float | None
    low: float | None
    volume: float
    notional: float
    venue_ns: int
    recv_ns: int


class Mark(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="mark"):
    """Mark and index price of a derivative."""

    key: str
    mark: float
    index: float | None
    venue_ns: int
    recv_ns: int


class Funding(msgspec.Struct, frozen=True, gc=False, tag_field="is", tag="funding"):
    """Funding rate of a perpetual, as a fraction a period, due at ``due_ns``."""

    key: str
    rate: float
    due_ns: int
    venue_ns: int
    recv_ns: int


class Channel(enum.StrEnum):
    """What can be subscribed to."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"
    BARS = "bars"
    TICKER = "ticker"
    MARKS = "marks"
    FUNDING = "funding"


class Subscription(msgspec.Struct, frozen=True, order=True):
    """One stream of one instrument. ``detail`` is the bar span (``"1m"``) or the book depth (``"20"``, ``""`` for full)."""

    symbol: str
    channel: Channel
    detail: str = ""


class FeedUp(msgspec.Struct, frozen=True, tag_field="is", tag="feed_up"):
    """The stream of ``channel`` for ``key`` delivers again (or for the first time) and its state is whole."""

    key: str
    channel: Channel
    recv_ns: int


class FeedDown(msgspec.Struct, frozen=True, tag_field="is", tag="feed_down"):
    """The stream cannot be relied on until the next :class:`FeedUp`: disconnected, silent or resyncing."""

    key: str
    channel: Channel
    why: str
    recv_ns: int


class Gap(msgspec.Struct, frozen=True, tag_field="is", tag="gap"):
    """Something was missed: everything derived from this stream starts again."""

    key: str
    channel: Channel
    expected: int
    got: int
    recv_ns: int


MarketEvent = Trade | Quote | BookUpdate | Bar | Ticker | Mark | Funding | FeedUp | FeedDown | Gap
