"""What the simulated exchange says: orders, fills, trades and events, frozen at the moment they describe.

Prices and quantities are the instrument's units; amounts count ``10**-18`` of their asset. Everything a venue's own
order report carries is here, so that a stand only has to spell it. Nothing here is a live view.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.market import Side
from tickwright.model.order import OrderType, Stp, Tif

#: ``list_id``, ``last_trade_id`` and the like where there is none.
NO_ID = -1


class SimStatus(enum.Enum):
    """Where an order stands. ``PENDING_NEW`` is for orders of a list that wait for another one; the exchange makes none yet."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    EXPIRED_IN_MATCH = "expired_in_match"
    REJECTED = "rejected"

    @property
    def is_open(self) -> bool:
        return self in _OPEN


_OPEN = frozenset({SimStatus.PENDING_NEW, SimStatus.NEW, SimStatus.PARTIALLY_FILLED})


class Expiry(enum.Enum):
    """Why the exchange itself ended an order."""

    IOC_REST = "ioc_rest"  # what an immediate-or-cancel order could not trade
    FOK_UNFILLED = "fok_unfilled"  # a fill-or-kill order that could not trade whole
    NO_LIQUIDITY = "no_liquidity"  # a market order with nothing (left) to trade against
    OCO = "oco"  # the other leg of its list traded or triggered
    STP = "stp"  # it met an order of its own account
    FUNDS = "funds"  # a triggered market buy that the account cannot pay
    WOULD_TAKE = "would_take"  # a repriced post-only order that would have taken


class SimOrder(msgspec.Struct, frozen=True, gc=False):
    """One order as it stood when this was made. Read it by name: it is built positionally, in field order, by one function."""

    account: str
    key: str
    venue_id: int
    client_id: str  # the order's own id, also in events about a cancel
    orig_client_id: str  # id before an amend or replace gave it a new one; "" otherwise
    side: Side
    type: OrderType
    tif: Tif
    post_only: bool
    stp: Stp
    qty: int
    price: int | None
    stop: int | None
    quote_qty: int  # amount of quote asset to spend (market buys by amount); 0 otherwise
    status: SimStatus
    filled: int
    quote_filled: int  # amount of quote asset traded so far
    prevented_qty: int  # taken off by self-trade prevention
    triggered: bool  # False only for a stop that has not been touched yet
    on_book: bool  # resting and matchable right now
    list_id: int  # NO_ID when single
    list_client_id: str
    replaces: int  # venue id of the order that this one took the place of, NO_ID when none
    created_ns: int
    updated_ns: int
    working_ns: int  # when it became matchable; 0 while it waits for its trigger
    last_qty: int  # of the most recent fill; 0 unless this came with a trade
    last_price: int
    last_trade_id: int  # NO_ID unless this came with a trade
    last_fee: int
    last_fee_asset: str  # "" when nothing was charged
    last_maker: bool
    last_prevented_qty: int  # 0 unless this came with a prevention
    prevented_match_id: int  # of the latest prevention, NO_ID before the first
    counter_venue_id: int  # the other order of the latest prevention, NO_ID before the first
    expiry: Expiry | None

    @property
    def remaining(self) -> int:
        """What can still trade."""
        return self.qty - self.filled - self.prevented_qty


class SimFill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One execution of one order of an account. ``fee`` is positive when paid."""

    key: str
    trade_id: int
    venue_id: int
    client_id: str
    list_id: int
    side: Side
    price: int
    qty: int
    quote: int  # price times quantity, amount of quote asset
    fee: int
    fee_asset: str
    maker: bool
    at_ns: int


class SimTrade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One public trade: of the recording, or one that only happened here (``recorded`` False). ``side`` is the taker's."""

    trade_id: int  # the recording's own, or ours; 0 where the recording has none
    price: int
    qty: int
    side: Side
    at_ns: int
    recorded: bool


class SimBalance(msgspec.Struct, frozen=True, gc=False):
    """Absolute balance of one asset after an event."""

    asset: str
    free: int
    locked: int


class SimEventKind(enum.Enum):
    NEW = "new"  # accepted: resting, about to match, or waiting for its trigger
    TRADE = "trade"
    CANCELED = "canceled"  # by its owner
    EXPIRED = "expired"  # by the exchange; ``order.expiry`` says why
    PREVENTED = "prevented"  # self-trade prevention took quantity off, or ended it
    REPLACED = "replaced"  # amended in place; ``order.orig_client_id`` is set when it was renamed
    TRIGGERED = "triggered"  # a stop was touched and is now a plain order


class SimEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened to an order, the order as it then stood, and the balances that changed with it.

    ``request_id`` is the id that the client gave to the cancel or amend request itself, "" where there was none.
    """

    kind: SimEventKind
    order: SimOrder
    balances: tuple[SimBalance, ...]
    at_ns: int
    request_id: str = ""


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """An OCO pair as accepted: ``orders`` are the limit leg and the stop leg."""

    list_id: int
    client_id: str
    account: str
    key: str
    orders: tuple[SimOrder, SimOrder]
    at_ns: int
