"""What a strategy asked for, before anything is checked: proposals, cancels, amends, and standing wants.

Nothing in here has been approved. Only the engine turns a proposal into an order, and only through the gate.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from tickwright.base.numbers import to_decimal
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, OrderType, Stp, Tif
from tickwright.model.reason import Reason


class OrderView(Protocol):
    """What a handle and the planner read of an order. The order store's own class satisfies it."""

    @property
    def client_id(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def qty(self) -> int: ...
    @property
    def price(self) -> int | None: ...
    @property
    def stop(self) -> int | None: ...
    @property
    def filled(self) -> int: ...
    @property
    def working(self) -> bool: ...
    @property
    def doubt(self) -> bool: ...
    @property
    def can_amend(self) -> bool: ...
    @property
    def reason(self) -> Reason | None: ...


class Handle:
    """An order as its strategy sees it: from the call that asked for it until it ends.

    ``state`` is ``"asked"`` (not yet through the gate), ``"refused"``, ``"sent"``, ``"working"``, ``"in doubt"`` or
    ``"done"``; ``reason`` says why it was refused or how it ended.
    """

    __slots__ = ("_instrument", "_order", "_refusal", "_text", "client_id", "name", "side")

    def __init__(self, instrument: Instrument, side: Side, name: str) -> None:
        self._instrument = instrument
        self._order: OrderView | None = None
        self._refusal: Reason | None = None
        self._text = ""
        self.client_id = ""
        self.name = name
        self.side = side

    def attach(self, client_id: str, order: OrderView) -> None:
        """Called by the engine once the order is approved."""
        self.client_id = client_id
        self._order = order

    def refuse(self, reason: Reason, text: str) -> None:
        """Called by the engine when the order was refused."""
        self._refusal = reason
        self._text = text

    @property
    def state(self) -> str:
        if self._refusal is not None:
            return "refused"
        order = self._order
        if order is None:
            return "asked"
        if not order.working:
            return "done"
        if order.doubt:
            return "in doubt"
        return "working" if order.can_amend else "sent"

    @property
    def is_open(self) -> bool:
        """Whether it may still trade: asked for, sent, working or in doubt."""
        return self._refusal is None and (self._order is None or self._order.working)

    @property
    def filled(self) -> Decimal:
        return to_decimal(self._order.filled if self._order else 0, self._instrument.qty_exp)

    @property
    def qty(self) -> Decimal | None:
        """Quantity as it stands (after amends); None before the order was approved."""
        return to_decimal(self._order.qty, self._instrument.qty_exp) if self._order else None

    @property
    def price(self) -> Decimal | None:
        """Limit price as it stands; None for a market order."""
        if self._order is None or self._order.price is None:
            return None
        return to_decimal(self._order.price, self._instrument.price_exp)

    @property
    def reason(self) -> Reason | None:
        if self._refusal is not None:
            return self._refusal
        return self._order.reason if self._order else None

    @property
    def why(self) -> str:
        """The refusal with its figures, or the sentence of the reason, or ''."""
        reason = self.reason
        return self._text or (reason.sentence if reason else "")

    def __repr__(self) -> str:
        return f"<order {self.client_id or 'unsent'} {self.side.value} {self.state}{f': {self.why}' if self.why else ''}>"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An order that somebody would like to send. Units are the instrument's."""

    key: str
    side: Side
    type: OrderType
    qty: int
    price: int | None
    stop: int | None
    tif: Tif
    post_only: bool
    reduce_only: bool
    name: str
    handle: Handle
    stp: Stp = Stp.VENUE


class Withdraw(msgspec.Struct, frozen=True):
    """Cancel a working order."""

    client_id: str


class Change(msgspec.Struct, frozen=True):
    """Amend a working order."""

    client_id: str
    terms: AmendTerms


class Pair(msgspec.Struct, frozen=True):
    """Two orders of which one cancels the other: a limit beyond the market and a stop on its other side."""

    limit: Proposal
    stop: Proposal


class ProtectWant(msgspec.Struct, frozen=True, kw_only=True):
    """The position in an instrument should have a stop at the venue, of its size; ``stop`` 0 means none. ``limit`` None: at the
    market once it is touched.
    """

    key: str
    stop: int
    limit: int | None


#: What the planner can find to do for one name.
Move = Proposal | Withdraw | Change
Action = Move | Pair | ProtectWant


class TargetWant(msgspec.Struct, frozen=True, kw_only=True):
    """The position that should be held: signed units; ``limit`` None means at the market."""

    key: str
    qty: int
    limit: int | None


class QuoteWant(msgspec.Struct, frozen=True, kw_only=True):
    """An order that should be working under ``name``; ``qty`` 0 means none should."""

    key: str
    name: str
    side: Side
    price: int
    qty: int
    post_only: bool
