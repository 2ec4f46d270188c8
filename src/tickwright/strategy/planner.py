"""The difference between what is wanted and what is working, as the smallest set of actions.

Laws (tests/unit/strategy/test_planner.py): planning again after the plan has been carried out gives nothing; never more
than one action for a name; a name whose order is in flight or in doubt is occupied and gets none.
"""

from __future__ import annotations

from tickwright.model.caps import AmendKind
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL
from tickwright.model.order import AmendTerms, OrderType, Tif
from tickwright.strategy.intents import Change, Handle, Move, OrderView, Proposal, ProtectWant, QuoteWant, TargetWant, Withdraw

#: The name under which a target's orders work. Reserved: ``quote`` refuses it.
TARGET = "target"
#: The name under which a position's stop works. Reserved as well.
PROTECT = "protect"


def plan_target(
    want: TargetWant, position: int, working: OrderView | None, instrument: Instrument, sellable: int, mid_units: int
) -> Move | None:
    """The one action that brings ``position`` nearer to the target, or None.

    ``working`` is the open order under the name :data:`TARGET`. ``sellable`` bounds a closing sale to what the account
    holds free, beside what that order holds (on spot a fee taken in the base asset leaves less than was bought). A rest that
    the venue would not accept as an order of its own (below its minimum quantity or value at ``mid_units``) is let be: it is
    dust, not a difference.
    """
    if working is not None and (not working.can_amend or working.filled >= working.qty):
        return None  # what is filled ends by itself
    delta = want.qty - position
    side = BUY if delta > 0 else SELL
    size = abs(delta)
    if side is SELL and 0 <= want.qty < position:
        size = min(size, sellable + _held(working))
    qty = size - size % instrument.lot_units
    if instrument.qty_max_units:
        qty = min(qty, instrument.qty_max_units)
    price = want.limit if want.limit is not None else mid_units
    too_small = qty <= 0 or qty < instrument.qty_min_units or instrument.notional(price, qty) < instrument.notional_min
    if working is not None:
        same = working.side is side and working.qty - working.filled == qty and working.price == want.limit
        return None if same and not too_small else Withdraw(working.client_id)
    if too_small:
        return None
    return Proposal(
        key=want.key,
        side=side,
        type=OrderType.MARKET if want.limit is None else OrderType.LIMIT,
        qty=qty,
        price=want.limit,
        stop=None,
        tif=Tif.IOC if want.limit is None else Tif.GTC,
        post_only=False,
        reduce_only=False,
        name=TARGET,
        handle=Handle(instrument, side, TARGET),
    )


def _held(working: OrderView | None) -> int:
    """What an order that sells keeps from being free: it is there for the order that takes its place."""
    return working.qty - working.filled if working is not None and working.side is SELL else 0


def plan_protection(
    want: ProtectWant, holding: int, working: OrderView | None, instrument: Instrument, sellable: int, mid_units: int
) -> Move | None:
    """The one action that gives ``holding`` a stop of its size, or None. ``working`` is the open order under the name
    :data:`PROTECT`. Where the market is beyond the stop already, which it may be after a time without us, the position is closed.
    """
    if working is not None and (not working.can_amend or working.filled >= working.qty):
        return None  # what is filled ends by itself
    side = SELL if holding > 0 else BUY
    size = abs(holding)
    if side is SELL:
        size = min(size, sellable + _held(working))
    qty = size - size % instrument.lot_units
    if instrument.qty_max_units:
        qty = min(qty, instrument.qty_max_units)
    too_small = qty <= 0 or qty < instrument.qty_min_units or instrument.notional(want.stop, qty) < instrument.notional_min
    wanted = bool(want.stop) and not too_small
    if working is not None:
        terms = (working.side, working.qty - working.filled, working.stop, working.price)
        return None if wanted and terms == (side, qty, want.stop, want.limit) else Withdraw(working.client_id)
    if not wanted:
        return None
    crossed = mid_units <= want.stop if side is SELL else mid_units >= want.stop
    stop_type = OrderType.STOP if want.limit is None else OrderType.STOP_LIMIT
    return Proposal(
        key=want.key,
        side=side,
        type=OrderType.MARKET if crossed else stop_type,
        qty=qty,
        price=None if crossed else want.limit,
        stop=None if crossed else want.stop,
        tif=Tif.IOC if crossed else Tif.GTC,
        post_only=False,
        reduce_only=False,
        name=PROTECT,
        handle=Handle(instrument, side, PROTECT),
    )


def plan_quote(want: QuoteWant, working: OrderView | None, instrument: Instrument, amend: AmendKind) -> Move | None:
    """The one action that brings the order under ``want.name`` to what is wanted, or None."""
    if working is not None and (not working.can_amend or working.filled >= working.qty):
        return None  # what is filled ends by itself
    if working is None:
        if want.qty == 0:
            return None
        return Proposal(
            key=want.key,
            side=want.side,
            type=OrderType.LIMIT,
            qty=want.qty,
            price=want.price,
            stop=None,
            tif=Tif.GTC,
            post_only=want.post_only,
            reduce_only=False,
            name=want.name,
            handle=Handle(instrument, want.side, want.name),
        )
    if want.qty == 0 or working.side is not want.side:
        return Withdraw(working.client_id)
    if working.price == want.price and working.qty == want.qty:
        return None
    if amend is AmendKind.NONE:
        return Withdraw(working.client_id)
    if want.qty <= working.filled:
        return Withdraw(working.client_id)
    return Change(
        working.client_id,
        AmendTerms(
            qty=want.qty if want.qty != working.qty else None,
            price=want.price if want.price != working.price else None,
        ),
    )
