"""A position at average entry, with exact cost.

Guarantees: ``realised == cost - paid`` at every moment, where ``paid`` is the sum of what was paid (bought) less what was
received (sold): no unit is lost to division. Closing a part takes its share of the cost, **rounded up**, so that profit is
never shown early; the remainder stays with the open part and comes out, in full, when that is closed.

Does not: subtract fees (they are kept by asset beside it), or know balances.
"""

from __future__ import annotations

from decimal import Context, Decimal

from tickwright.base.numbers import MONEY_EXP, POW10
from tickwright.model.instrument import Instrument

#: Digits of an average price. It is for display: money is counted by ``cost``.
_AVERAGE = Context(prec=28)


class PositionState:
    """The position of one instrument as it stands; read by everybody, written by the ledger only.

    ``qty`` counts the instrument's units, negative when more was sold than bought. ``cost`` of the open quantity and
    ``realised`` profit before fees are amounts of the quote asset; ``fees`` (rebates negative) are amounts by asset.
    """

    __slots__ = ("_base", "_notional_factor", "_qty_factor", "cost", "fees", "qty", "realised")

    def __init__(self, instrument: Instrument) -> None:
        self.qty = 0
        self.cost = 0
        self.realised = 0
        self.fees: dict[str, int] = {}
        self._base = instrument.base
        self._qty_factor = POW10[MONEY_EXP - instrument.qty_exp]
        self._notional_factor = POW10[MONEY_EXP - instrument.price_exp - instrument.qty_exp]

    @property
    def average_price(self) -> Decimal | None:
        """Average entry price to 28 digits, for display; None when flat."""
        return _AVERAGE.divide(Decimal(self.cost), Decimal(self.qty * self._qty_factor)) if self.qty else None

    @property
    def average_price_units(self) -> float | None:
        """The same in the instrument's price units, as a float."""
        return self.cost / (self.qty * self._notional_factor) if self.qty else None

    @property
    def net(self) -> int:
        """What is left of ``qty`` after fees that were taken in the base asset, as an amount of it."""
        return self.qty * self._qty_factor - self.fees.get(self._base, 0)

    def trade(self, qty: int, paid: int) -> int:
        """Take in a signed quantity for which the amount ``paid`` was paid (negative: received); returns the profit realised.
        ``paid`` divides by ``qty``: it is price times quantity.
        """
        held = self.qty
        self.qty = held + qty
        if held == 0 or (held > 0) == (qty > 0):
            self.cost += paid
            return 0
        if abs(qty) < abs(held):
            closed = -(-self.cost * abs(qty) // abs(held))  # rounded up
            closing_paid, opening_paid = paid, 0
        else:  # all of it, and perhaps beyond
            closed = self.cost
            closing_paid = paid // qty * -held
            opening_paid = paid - closing_paid
        profit = -closing_paid - closed
        self.cost += opening_paid - closed
        self.realised += profit
        return profit

    def regrid(self, instrument: Instrument) -> None:
        """The instrument's units became finer: the same quantity in the new ones."""
        self.qty = self.qty * self._qty_factor // POW10[MONEY_EXP - instrument.qty_exp]
        self._qty_factor = POW10[MONEY_EXP - instrument.qty_exp]
        self._notional_factor = POW10[MONEY_EXP - instrument.price_exp - instrument.qty_exp]
