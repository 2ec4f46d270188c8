"""The account as a venue tells it. Amounts count ``10**-18`` of the asset."""

from __future__ import annotations

import msgspec

from tickwright.model.order import Fill, OrderReport


class Balance(msgspec.Struct, frozen=True, tag_field="is", tag="balance"):
    """Absolute balance of one asset: ``free`` is usable, ``locked`` is held by open orders."""

    venue: str
    asset: str
    free: int
    locked: int
    venue_ns: int
    recv_ns: int

    @property
    def total(self) -> int:
        return self.free + self.locked


class Transfer(msgspec.Struct, frozen=True, tag_field="is", tag="transfer"):
    """A deposit (positive), a withdrawal or a payment that no order explains."""

    venue: str
    asset: str
    amount: int
    venue_ns: int
    recv_ns: int


class Position(msgspec.Struct, frozen=True, tag_field="is", tag="position"):
    """A derivative position as the venue tells it: signed quantity and entry price in the instrument's units."""

    key: str
    qty: int
    entry_price: int
    venue_ns: int
    recv_ns: int


class AccountUp(msgspec.Struct, frozen=True, tag_field="is", tag="account_up"):
    """The account stream delivers. Everything since the last :class:`AccountDown` may have been missed: reconcile."""

    venue: str
    recv_ns: int


class AccountDown(msgspec.Struct, frozen=True, tag_field="is", tag="account_down"):
    """The account stream is down; ``evicted`` when another session took it over."""

    venue: str
    why: str
    recv_ns: int
    evicted: bool = False


AccountEvent = OrderReport | Fill | Balance | Transfer | Position | AccountUp | AccountDown


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="snapshot"):
    """What a venue holds for us at one moment: all open orders, all balances that are not zero, all positions.

    ``fills`` are recent executions, newest last, as far back as was asked. ``asked_ns`` is when the first question was
    sent: an event received after it may or may not be contained.
    """

    venue: str
    orders: tuple[OrderReport, ...]
    balances: tuple[Balance, ...]
    positions: tuple[Position, ...]
    fills: tuple[Fill, ...]
    asked_ns: int
    recv_ns: int


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. A key that can withdraw is refused at start."""

    can_trade: bool
    can_withdraw: bool
    can_read: bool = True
    address_bound: bool | None = None  # None: the venue does not say
    note: str = ""


class FeeRates(msgspec.Struct, frozen=True, kw_only=True):
    """Maker and taker fee as parts per million of the traded value."""

    maker_ppm: int
    taker_ppm: int
