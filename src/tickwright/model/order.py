"""Orders, what is asked of a venue about them, and what it answers. Prices and quantities are the instrument's units."""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.market import Side
from tickwright.model.reason import Reason


class OrderType(enum.Enum):
    """``LIMIT`` with ``post_only`` is a maker order. Stops become their plain form once ``stop`` is touched."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"  # stop-loss, market once triggered
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"  # market once triggered
    TAKE_PROFIT_LIMIT = "take_profit_limit"


class Tif(enum.Enum):
    """Time in force."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class Stp(enum.Enum):
    """Self-trade prevention: which side ends when an order meets one of the same account. VENUE: its default."""

    VENUE = "venue"
    NONE = "none"
    EXPIRE_TAKER = "expire_taker"
    EXPIRE_MAKER = "expire_maker"
    EXPIRE_BOTH = "expire_both"
    DECREMENT = "decrement"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="order"):
    """A complete order, as it is journalled and sent. ``price`` is None for market forms, ``stop`` for plain ones."""

    key: str
    client_id: str
    side: Side
    type: OrderType
    qty: int
    price: int | None
    stop: int | None
    tif: Tif
    post_only: bool
    reduce_only: bool
    stp: Stp = Stp.VENUE
    strategy: str = ""
    name: str = ""  # the name it is working under (quote("bid", …)), "" for a plain order
    dead_after_ns: int = 0  # after this the venue can no longer accept it; 0 where it has no deadline
    twin: str = ""  # the order that ends when this one trades or triggers, and the other way round; "" for a single one


class OrderRef(msgspec.Struct, frozen=True):
    """How to name an order to a venue. ``venue_id`` is "" until the venue has told it."""

    key: str
    client_id: str
    venue_id: str = ""


class AmendTerms(msgspec.Struct, frozen=True, kw_only=True):
    """New terms of a working order; None leaves a term as it is. ``client_id`` names the replacement where one is made."""

    qty: int | None
    price: int | None
    client_id: str = ""


class ReportStatus(enum.Enum):
    """What a venue says of an order. Partly filled is ``OPEN`` with ``filled > 0``."""

    OPEN = "open"
    DONE = "done"


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="order_report"):
    """The venue's word on one order: from its account stream, an answer or a query, all in this one form.

    ``filled`` is cumulative; it moves no money (a :class:`Fill` does) but tells when fills are missing.
    ``client_id`` is the order's own id even in a report about a cancel. ``reason`` is set exactly when it is done.
    """

    key: str
    client_id: str
    venue_id: str
    side: Side
    type: OrderType
    status: ReportStatus
    qty: int
    filled: int
    price: int | None
    stop: int | None
    reason: Reason | None
    venue_ns: int
    recv_ns: int
    tif: Tif = Tif.GTC
    replaces: str = ""  # client id of the order that this one took the place of
    triggered: bool = True  # a stop that has not been touched yet is False


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="fill"):
    """One execution. ``trade_id`` is the venue's and unique within ``key``; ``fee`` counts ``10**-18`` of ``fee_asset``,
    positive when paid and negative for a rebate.
    """

    key: str
    client_id: str
    venue_id: str
    trade_id: str
    side: Side
    price: int
    qty: int
    fee: int
    fee_asset: str
    maker: bool
    venue_ns: int
    recv_ns: int


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="accepted"):
    """The venue has taken the request. ``reports`` are what its answer said besides: order states and fills."""

    venue_id: str
    at_ns: int
    reports: tuple[OrderReport | Fill, ...] = ()


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="rejected"):
    """Definite: the request has had no effect, and will have none. ``code`` and ``text`` are the venue's, for people."""

    reason: Reason
    code: str = ""
    text: str = ""
    retry_after_ns: int = 0


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="unknown"):
    """It may or may not have happened. Only the resolver ends it, with evidence."""

    why: str


Outcome = Accepted | Rejected | Unknown


class Found(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="found"):
    """The venue has (or had) the order. ``fills`` are all its executions where ``fills_complete``."""

    order: OrderReport
    fills: tuple[Fill, ...] = ()
    fills_complete: bool = False


class Absent(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="absent"):
    """The venue was asked and says that it has no such order. Not yet proof: see the fence."""

    source: str = ""


class CouldNotAsk(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="could_not_ask"):
    """The question did not get an answer. Never the same as :class:`Absent`."""

    why: str


Finding = Found | Absent | CouldNotAsk
