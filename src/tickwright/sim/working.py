"""An order while it lives on the simulated exchange: mutable, owned by the exchange alone, shown to others only frozen."""

from __future__ import annotations

from tickwright.model.market import Side
from tickwright.model.order import NewOrder, OrderType, Stp, Tif
from tickwright.sim.records import NO_ID, Expiry, SimFill, SimOrder, SimStatus

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})


class Working:
    """One order of one account. ``locked`` is what the account still holds back for it; ``ahead`` the recorded quantity
    that stands before it at its price; ``sibling`` the other leg of its list while both are open.
    """

    __slots__ = (
        "account",
        "ahead",
        "client_id",
        "counter_venue_id",
        "created_ns",
        "expiry",
        "filled",
        "key",
        "last_prevented_qty",
        "list_client_id",
        "list_id",
        "locked",
        "on_book",
        "orig_client_id",
        "post_only",
        "prevented_match_id",
        "prevented_qty",
        "price",
        "qty",
        "quote_filled",
        "quote_qty",
        "replaces",
        "sibling",
        "side",
        "status",
        "stop",
        "stp",
        "tif",
        "triggered",
        "type",
        "updated_ns",
        "venue_id",
        "working_ns",
    )

    def __init__(self, account: str, order: NewOrder, venue_id: int, stp: Stp, now_ns: int) -> None:
        self.account = account
        self.key = order.key
        self.venue_id = venue_id
        self.client_id = order.client_id
        self.orig_client_id = ""
        self.side: Side = order.side
        self.type: OrderType = order.type
        self.tif: Tif = order.tif
        self.post_only = order.post_only
        self.stp = stp
        self.qty = order.qty
        self.price = order.price
        self.stop = order.stop
        self.quote_qty = 0
        self.status = SimStatus.NEW
        self.filled = 0
        self.quote_filled = 0
        self.prevented_qty = 0
        self.triggered = order.type not in _STOPS
        self.on_book = False
        self.list_id = NO_ID
        self.list_client_id = ""
        self.replaces = NO_ID
        self.created_ns = now_ns
        self.updated_ns = now_ns
        self.working_ns = now_ns if self.triggered else 0
        self.last_prevented_qty = 0
        self.prevented_match_id = NO_ID
        self.counter_venue_id = NO_ID
        self.expiry: Expiry | None = None
        self.locked = 0
        self.ahead = 0
        self.sibling: Working | None = None

    @property
    def remaining(self) -> int:
        return self.qty - self.filled - self.prevented_qty

    def touched_by(self, low: int, high: int) -> bool:
        """Whether trades between ``low`` and ``high`` trigger this stop."""
        assert self.stop is not None
        rising = (self.side is Side.BUY) == (self.type in {OrderType.STOP, OrderType.STOP_LIMIT})
        return high >= self.stop if rising else low <= self.stop

    def freeze(self, fill: SimFill | None = None) -> SimOrder:
        """The order as it stands, with the fill that brought it there. Hot: built positionally, in field order."""
        return SimOrder(
            self.account,
            self.key,
            self.venue_id,
            self.client_id,
            self.orig_client_id,
            self.side,
            self.type,
            self.tif,
            self.post_only,
            self.stp,
            self.qty,
            self.price,
            self.stop,
            self.quote_qty,
            self.status,
            self.filled,
            self.quote_filled,
            self.prevented_qty,
            self.triggered,
            self.on_book,
            self.list_id,
            self.list_client_id,
            self.replaces,
            self.created_ns,
            self.updated_ns,
            self.working_ns,
            0 if fill is None else fill.qty,
            0 if fill is None else fill.price,
            NO_ID if fill is None else fill.trade_id,
            0 if fill is None else fill.fee,
            "" if fill is None else fill.fee_asset,
            fill is not None and fill.maker,
            self.last_prevented_qty,
            self.prevented_match_id,
            self.counter_venue_id,
            self.expiry,
        )
