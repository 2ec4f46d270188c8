"""Every limit of a run, as data. Money is exact; fractions are parts per million; times are seconds, as people set them.

``None`` means "not configured". The two limits that bound a single order have no default: without them nothing may be sent.
A set of limits that makes no sense (negative, not finite, too fine to be exact) cannot be built.
"""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

import msgspec

from tickwright.base.numbers import money


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Amounts are in the quote asset of the instrument for orders, in the run's currency for losses."""

    max_order_value: Decimal | None = None  # no default: absent means refuse
    max_order_qty: Decimal | None = None  # base asset; no default: absent means refuse
    max_position: Decimal | None = None  # base asset, either direction, working orders counted as filled
    collar_ppm: int = 30_000  # farthest an order's price may be from the market, on the side that costs
    rolling_collar_ppm: int | None = 50_000  # farthest a strategy may chase its own prices within rolling_collar_s
    rolling_collar_s: float = 60.0
    depth_share_ppm: int | None = None  # largest share of the best level's quantity that one order may take
    submits_per_second: int = 5  # per instrument
    submits_per_minute: int = 100  # per instrument
    duplicate_window_s: float = 1.0  # same instrument, side, price and quantity; at most a minute
    reject_streak: int = 5  # venue rejections in a row
    daily_loss: Decimal | None = None  # since 00:00 UTC
    drawdown: Decimal | None = None  # from peak equity
    loss_speed_s: float = 300.0  # half the daily loss within this time pauses
    stale_book_s: float = 2.0
    stale_account_s: float | None = None  # None: only a stream that is down counts; a quiet account says nothing for hours
    clock_skew_ms: int = 750
    clock_step_ms: int = 100
    open_orders: int = 200  # per instrument

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None:
                continue
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, not {value}")
            if value < 0 or (value == 0 and name in _POSITIVE):
                raise ValueError(f"{name} must be {'above' if name in _POSITIVE else 'at least'} 0, not {value}")
            top = _SECONDS_MAX.get(name)
            if top is not None and value > top:
                raise ValueError(f"{name} must be at most {top:g}, not {value}")
            if isinstance(value, Decimal):
                money(value)  # raises where the value has more places than an amount can hold

    @property
    def version(self) -> str:
        """A short digest of the content: recorded with every order that these limits approved."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]


_POSITIVE = frozenset(
    {
        "submits_per_second",
        "submits_per_minute",
        "reject_streak",
        "stale_book_s",
        "stale_account_s",
        "loss_speed_s",
        "rolling_collar_s",
        "open_orders",
    }
)
#: The gate remembers a minute of orders; the windows of losses and prices are bounded so that memory is.
_SECONDS_MAX = {"duplicate_window_s": 60.0, "loss_speed_s": 86_400.0, "rolling_collar_s": 3_600.0}
