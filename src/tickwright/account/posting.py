"""One booking, as double entry: lines that sum to zero for each asset."""

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
    OPENING = "opening"  # what was there at the start


class Line(NamedTuple):
    """``amount`` added to one account, in ``10**-18`` of ``asset``."""

    account: Account
    asset: str
    amount: int


class Posting(msgspec.Struct, frozen=True):
    """A fill (with its instrument, trade id and the profit that it realised, in the quote asset) or a transfer."""

    lines: tuple[Line, ...]
    key: str = ""
    trade_id: str = ""
    realised: int = 0

    def sums(self) -> dict[str, int]:
        """Sum of the lines for each asset: zero, by law."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.asset] = sums.get(line.asset, 0) + line.amount
        return sums
