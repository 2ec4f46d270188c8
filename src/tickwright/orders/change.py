"""What a piece of evidence has changed, for the engine to act on.

Guarantees: each fill is carried by exactly one change, so posting the fill of every change that has one posts every fill
once. Does not: say what to do about it.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.order import Fill
from tickwright.model.reason import Reason
from tickwright.orders.order import Order


class ChangeKind(enum.Enum):
    """``halts`` tells the kinds after which no more risk may be taken."""

    ASKED = "asked"  # a cancel or an amend is to be sent
    REFUSED = "refused"  # it is not: see the reason (the order is busy, or has ended)
    ACCEPTED = "accepted"  # the venue has taken the order
    REJECTED = "rejected"  # the venue has refused the order: definite
    NOT_CANCELED = "not_canceled"  # the venue has refused the cancel, the order works on
    NOT_AMENDED = "not_amended"  # the venue has refused the amend, the old terms stand
    DOUBT = "doubt"  # something about it is not known: the resolver owns it
    OPEN = "open"  # it works; where there was a doubt, that is over
    TERMS = "terms"  # quantity or price in force have changed, or how much of it is known to be filled
    FILLED_PART = "filled_part"  # has a fill
    FILLED = "filled"  # has the fill that made it complete; the order is done
    DONE = "done"  # it has ended, see the reason
    DUPLICATE = "duplicate"  # known before; nothing has changed
    FOREIGN = "foreign"  # an order or a fill that this run did not cause
    MISSING_FILLS = "missing_fills"  # the venue counts more than the fills we have: ask for the trade history
    IMPOSSIBLE = "impossible"  # the table has no row for it; nothing has changed (a fill is real all the same)
    OVERFILL = "overfill"  # filled for more than its quantity
    FENCE_WRONG = "fence_wrong"  # given up as never received, or as gone, and alive

    @property
    def halts(self) -> bool:
        return self in _HALTS


_HALTS = frozenset({ChangeKind.IMPOSSIBLE, ChangeKind.OVERFILL, ChangeKind.FENCE_WRONG})


class Change(msgspec.Struct, frozen=True):
    """One thing that happened to ``order``. ``row`` is the row of the table, 0 where the table was not asked."""

    order: Order
    kind: ChangeKind
    fill: Fill | None = None
    reason: Reason | None = None
    row: int = 0
    text: str = ""  # of an impossible one: what it was
