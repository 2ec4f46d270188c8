"""One booking, as double entry: lines that sum to zero for each asset.

A posting keeps the amounts it was made of; its lines are laid out when somebody asks for them.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec


class Account(enum.Enum):
    """Where an amount comes from or goes to."""

    ASSET = "asset"  # what we own
    MARKET = "market"  # exchanged with the other side of a trade
    FEES = "fees"  # paid to the venue
    OUTSIDE = "outside"  # deposits, withdrawals and payments


class Line(NamedTuple):
    """``amount`` added to one account, in ``10**-18`` of ``asset``."""

    account: Account
    asset: str
    amount: int


class Posting(msgspec.Struct, frozen=True):
    """An exchange of two assets with its fee (a fill), or one amount from outside (a transfer: no second asset, no fee).

    ``amount`` and ``against`` are what we gained of each asset; ``fee`` what we paid. ``realised`` is the profit of the fill in
    its quote asset, before fees.
    """

    asset: str
    amount: int
    against_asset: str = ""
    against: int = 0
    fee_asset: str = ""
    fee: int = 0
    key: str = ""
    trade_id: str = ""
    realised: int = 0

    @property
    def lines(self) -> tuple[Line, ...]:
        """Each amount twice: where it went and where it came from."""
        other = Account.MARKET if self.against_asset else Account.OUTSIDE
        lines = [Line(Account.ASSET, self.asset, self.amount), Line(other, self.asset, -self.amount)]
        if self.against_asset:
            lines += [Line(Account.ASSET, self.against_asset, self.against), Line(other, self.against_asset, -self.against)]
        if self.fee:
            lines += [Line(Account.ASSET, self.fee_asset, -self.fee), Line(Account.FEES, self.fee_asset, self.fee)]
        return tuple(lines)

    def sums(self) -> dict[str, int]:
        """Sum of the lines for each asset: zero, by law."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.asset] = sums.get(line.asset, 0) + line.amount
        return sums
