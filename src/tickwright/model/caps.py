"""What a venue can do, as data. What is not in here is refused before sending, with a reason."""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.market import Channel
from tickwright.model.order import OrderType, Stp, Tif


class AmendKind(enum.Enum):
    """How a working order can be changed, from best to worst."""

    PRICE_AND_QTY = "price_and_qty"  # in place
    QTY_DOWN = "qty_down"  # in place, keeps its place in the queue; other changes by replacement
    REPLACE = "replace"  # cancel and new in one request
    NONE = "none"


class IdScope(enum.Enum):
    """Among which orders the venue refuses a client id that is already there."""

    OPEN = "open"
    EVER = "ever"
    NOT_CHECKED = "not_checked"


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """Capabilities and bounds of one venue. Times are nanoseconds. Measured bounds carry their date in ``rules.py``."""

    venue: str
    channels: frozenset[Channel]
    bar_spans: frozenset[str]
    order_types: frozenset[OrderType]
    tifs: frozenset[Tif]
    stps: frozenset[Stp]
    post_only: bool
    reduce_only: bool
    order_lists: bool  # OCO
    amend: AmendKind
    cancel_all: bool
    client_id_pattern: str
    client_id_scope: IdScope
    deadline_ns: int  # how long after its time stamp a request is still accepted; 0: no such facility
    clock_ahead_ns: int  # how far ahead of the venue's clock a time stamp may be
    processing_ns: int  # longest time the venue may work on a request before it gives up
    find_lag_ns: int  # longest time after acceptance until a query shows the order
    dead_man_ns: int  # longest time-to-live of the cancel timer; 0: none
    trade_history: bool
    sandbox: bool
    notes: str = ""
