"""What a backtest came to: everything that a report is made of, and the stamp that says what it was made from."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """Equal stamps, equal results: ``digest`` is of every order, every execution and the final balances."""

    version: str
    build: str  # digest of the program's source
    strategy: str
    strategy_digest: str
    params: dict[str, str]
    data: str  # the source, for people
    data_checksum: str
    seed: int
    digest: str


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. ``fee`` is in the run's currency at the price of the execution."""

    at_ns: int
    key: str
    side: str
    price: float
    qty: float
    fee: float
    maker: bool
    client_id: str
    position: float  # after it


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order: when it was sent, what it asked for, when and how it ended."""

    sent_ns: int
    ended_ns: int  # 0: it still worked at the end
    key: str
    client_id: str
    side: str
    type: str
    qty: float
    price: float | None
    stop: float | None
    filled: float
    ended: str  # the reason, "" while it works


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """From flat to flat: ``pnl`` after fees, in the run's currency."""

    key: str
    side: str  # long or short
    entered_ns: int
    left_ns: int
    qty: float  # the most that was held
    entry: float  # average price
    exit: float
    pnl: float
    fees: float


class Point(msgspec.Struct, frozen=True):
    """A sample of the account; amounts in the run's currency."""

    at_ns: int
    equity: float
    position: float  # of the first instrument
    price: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts are of ``currency``; exact figures are decimal text in ``balances``."""

    stamp: Stamp
    currency: str
    symbols: list[str]
    start_ns: int
    end_ns: int
    events: int
    bars: int
    decisions: int
    seconds: float  # of wall time
    start_equity: Decimal
    end_equity: Decimal
    balances: dict[str, str]
    position: dict[str, str]
    fees: Decimal
    orders: list[OrderRow]
    fills: list[FillRow]
    trips: list[Trip]
    curve: list[Point]
    refusals: dict[str, int]
    halts: list[str]
    gaps: int
    assumptions: dict[str, str]
    notes: list[str]

    @property
    def pnl(self) -> Decimal:
        """Profit after fees, open positions at the last price."""
        return self.end_equity - self.start_equity
