"""A position at average entry, with exact cost.

Guarantees: ``realised == cost - paid`` at every moment, where ``paid`` is the sum of what was paid (bought) less what was
received (sold): no unit is lost to division. Closing a part takes its share of the cost, **rounded up**, so that profit is
never shown early; the remainder stays with the open part and comes out when that is closed, in full.

Does not: subtract fees (they are kept by asset beside it), or know balances.
"""

from __future__ import annotations

import msgspec


class PositionState(msgspec.Struct, frozen=True):
    """``qty`` in the instrument's units, negative when more was sold than bought; ``cost`` of the open quantity and ``realised``
    profit before fees as amounts of the quote asset; ``net`` is what is left of ``qty`` after fees taken in the base asset,
    as an amount of it.
    """

    qty: int
    cost: int
    average_price_units: float | None
    realised: int
    fees: dict[str, int]
    net: int


class PositionBook:
    """The running figures of one instrument."""

    __slots__ = ("cost", "fees", "qty", "realised")

    def __init__(self) -> None:
        self.qty = 0
        self.cost = 0
        self.realised = 0
        self.fees: dict[str, int] = {}

    def trade(self, qty: int, paid: int) -> int:
        """Take in a signed quantity for which the amount ``paid`` was paid (negative: received); returns the profit realised.
        ``paid`` divides by ``qty``: it is price times quantity.
        """
        held = self.qty
        if held == 0 or (held > 0) == (qty > 0):
            self.qty = held + qty
            self.cost += paid
            return 0
        if abs(qty) <= abs(held):
            closed = -(-self.cost * abs(qty) // abs(held))  # rounded up; all of it when all is closed
            closing_paid, opening_paid = paid, 0
        else:
            closed = self.cost
            closing_paid = paid // qty * -held
            opening_paid = paid - closing_paid
        profit = -closing_paid - closed
        self.qty = held + qty
        self.cost += opening_paid - closed
        self.realised += profit
        return profit

    def average_price_units(self, notional_factor: int) -> float | None:
        """Average entry price in price units, for display; None when flat."""
        return self.cost / (self.qty * notional_factor) if self.qty else None

    def rescale(self, factor: int) -> None:
        """The instrument's quantity unit became ``factor`` times finer."""
        self.qty *= factor
