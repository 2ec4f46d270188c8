"""Every limit of a run, as data. Money is exact; fractions are parts per million; times are seconds, as people set them.

``None`` means "not configured". The two limits that bound a single order have no default: without them nothing may be sent.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Amounts are in the quote asset of the instrument for orders, in the run's currency for losses."""

    max_order_value: Decimal | None = None  # no default: absent means refuse
    max_order_qty: Decimal | None = None  # no default: absent means refuse
    max_position: Decimal | None = None  # base asset, either direction, working orders counted as filled
    collar_ppm: int = 30_000  # farthest an order's price may be from the market, on the side that costs
    depth_share_ppm: int | None = None  # largest share of the best level's quantity that one order may take
    submits_per_second: int = 5  # per instrument
    submits_per_minute: int = 100  # per instrument
    duplicate_window_s: float = 1.0  # same instrument, side, price and quantity
    reject_streak: int = 5  # venue rejections in a row
    daily_loss: Decimal | None = None  # since 00:00 UTC
    drawdown: Decimal | None = None  # from peak equity
    loss_speed_s: float = 300.0  # half the daily loss within this time pauses
    stale_book_s: float = 2.0
    stale_account_s: float | None = None
    clock_skew_ms: int = 750
    clock_step_ms: int = 100
    open_orders: int = 200  # per instrument

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError(f"{name} must be a finite number, not {value}")
            if value < 0 or (value == 0 and name in _POSITIVE):
                raise ValueError(f"{name} must be {'above' if name in _POSITIVE else 'at least'} 0, not {value}")

    @property
    def version(self) -> str:
        """A short digest of the content: recorded with every order that these limits approved."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]


_POSITIVE = frozenset(
    {"submits_per_second", "submits_per_minute", "reject_streak", "stale_book_s", "stale_account_s", "open_orders"}
)
