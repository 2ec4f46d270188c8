"""One order as the store knows it: what was asked, what the venue said of it, what is still unsettled.

Guarantees: the fields are written by the store (and, for the timing of questions, the resolver) and by nobody else; the
readings below are exact. Does not: decide anything, or hold money.
"""

from __future__ import annotations

from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, NewOrder, OrderRef
from tickwright.model.reason import Reason
from tickwright.orders.machine import Request, Status


class Order:
    """State of one order. ``qty`` and ``price`` are the terms in force; ``order`` is what was first asked for."""

    __slots__ = (
        "absent_ns",
        "absents",
        "asked_ns",
        "asks",
        "cause",
        "client_id",
        "created_ns",
        "doubt",
        "doubt_since_ns",
        "ending",
        "fence_from_ns",
        "fence_ns",
        "filled",
        "find_asked_ns",
        "finding",
        "foreign",
        "former_ids",
        "guessed",
        "key",
        "next_ask_ns",
        "order",
        "pending",
        "price",
        "prior",
        "qty",
        "reason",
        "replaced_by",
        "replaces",
        "reported",
        "request",
        "short_since_ns",
        "side",
        "status",
        "terms_ns",
        "triggered",
        "updated_ns",
        "value_units",
        "venue_id",
    )

    def __init__(self, order: NewOrder, now_ns: int, *, foreign: bool = False) -> None:
        self.order = order
        self.client_id = order.client_id
        self.key = order.key
        self.side: Side = order.side
        self.status = Status.NEW
        self.request = Request.SUBMIT
        self.doubt = False
        self.foreign = foreign
        self.venue_id = ""
        self.former_ids: tuple[str, ...] = ()  # venue ids it had before: some venues give a new one at an amend
        self.qty = order.qty
        self.price = order.price
        self.filled = 0
        self.value_units = 0  # sum of price times quantity of the fills, both in the instrument's units
        self.reported = 0  # the highest cumulative quantity the venue has told
        self.reason: Reason | None = None  # how it ended
        self.cause: Reason | None = None  # the venue's own reason, where it was rejected
        self.ending: Reason | None = None  # it has ended with this reason, but not all of its fills are known yet
        self.pending: AmendTerms | None = None
        self.prior = 0  # filled before this run knew the order: in no fill and in no balance change of ours
        self.guessed = False  # known by its fills alone: the terms are a guess
        self.replaced_by = ""  # client id of the order that is to take its place
        self.replaces = ""  # client id of the order whose place this one takes
        self.triggered = order.stop is None
        self.created_ns = now_ns
        self.updated_ns = now_ns  # of the last change; a repeated report is none
        self.asked_ns = now_ns  # when the last request was made
        self.fence_from_ns = now_ns  # the same, but a cancel sent again into a doubt does not count
        self.terms_ns = 0  # the venue's time of the last accepted amend: older reports carry older terms
        # What the resolver keeps: see resolver.py.
        self.doubt_since_ns = 0
        self.short_since_ns = 0
        self.fence_ns = 0  # 0: not computed
        self.absents = 0
        self.absent_ns = 0
        self.asks = 0
        self.finding = False
        self.find_asked_ns = 0
        self.next_ask_ns = 0

    @property
    def stop(self) -> int | None:
        return self.order.stop

    @property
    def ref(self) -> OrderRef:
        """How to name it to the venue."""
        return OrderRef(self.key, self.order.client_id, self.venue_id)

    @property
    def working(self) -> bool:
        """Not known to have ended: it may trade, its funds are held and its name is occupied."""
        return self.status is not Status.DONE

    @property
    def left(self) -> int:
        """What the terms in force leave to be filled; only the missing fills once it has ended short of them."""
        if self.status is Status.DONE:
            return 0
        until = self.qty if self.ending is None else self.reported
        return until - self.filled if until > self.filled else 0

    @property
    def worst_left(self) -> int:
        """The same under the worse of the terms in force and those of an amend that is not settled."""
        left = self.left
        terms = self.pending
        if terms is None or terms.qty is None or terms.client_id or self.ending is not None:
            return left
        return max(left, terms.qty - self.filled)

    @property
    def worst_price(self) -> int | None:
        """The price that binds more funds: of a buy the higher of both terms, of a sell the one in force."""
        terms = self.pending
        if terms is None or terms.price is None or terms.client_id or self.price is None or self.side is Side.SELL:
            return self.price
        return max(self.price, terms.price)

    @property
    def missing(self) -> int:
        """Quantity that the venue says is filled and that no fill has told us of."""
        return self.reported - self.filled if self.reported > self.filled else 0

    @property
    def average_price_units(self) -> float | None:
        """Average fill price in the instrument's price units, None before the first fill. For display."""
        known = self.filled - self.prior
        return self.value_units / known if known else None

    @property
    def can_cancel(self) -> bool:
        """Whether `OrderStore.ask_cancel` would take it: an answer that is in flight is waited for, an ended order is left."""
        if self.ending is not None:
            return False
        if self.status is Status.LIVE:
            return self.doubt or self.request is Request.NONE
        return self.status is Status.NEW and self.doubt

    @property
    def can_amend(self) -> bool:
        """Whether `OrderStore.ask_amend` would take it."""
        return self.status is Status.LIVE and self.request is Request.NONE and not self.doubt

    def forget_questions(self) -> None:
        """What was asked and answered about an earlier doubt says nothing of this one."""
        self.fence_ns = self.absents = self.absent_ns = self.asks = self.find_asked_ns = self.next_ask_ns = 0
        self.finding = False

    def __repr__(self) -> str:
        doubt = ", doubt" if self.doubt else ""
        return f"<Order {self.client_id} {self.key} {self.status.name},{self.request.name}{doubt} {self.filled}/{self.qty}>"
