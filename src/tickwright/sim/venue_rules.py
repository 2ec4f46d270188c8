"""What the simulated venue refuses before an order reaches its exchange, and what it says that it can do."""

from __future__ import annotations

from tickwright.base.clock import NS_PER_S
from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.instrument import Instrument
from tickwright.model.market import Channel
from tickwright.model.order import NewOrder, OrderType, Rejected, Stp, Tif
from tickwright.model.reason import Reason

#: Spans of the bars that the simulated venue makes from the trades it has seen.
SPANS_NS = {
    "1s": NS_PER_S,
    "5s": 5 * NS_PER_S,
    "15s": 15 * NS_PER_S,
    "1m": 60 * NS_PER_S,
    "5m": 300 * NS_PER_S,
    "15m": 900 * NS_PER_S,
    "1h": 3_600 * NS_PER_S,
    "1d": 86_400 * NS_PER_S,
}


def sim_caps(venue: str) -> Caps:
    """Everything that the simulated exchange can do; a caller narrows it to resemble a venue."""
    return Caps(
        venue=venue,
        channels=frozenset({Channel.TRADES, Channel.QUOTES, Channel.BOOK}),
        bar_spans=frozenset(SPANS_NS),
        order_types=frozenset(OrderType),
        tifs=frozenset(Tif),
        stps=frozenset(Stp),
        post_only=True,
        reduce_only=False,
        order_lists=True,
        amend=AmendKind.PRICE_AND_QTY,
        cancel_all=True,
        client_id_pattern=r"[A-Za-z0-9_-]{1,36}",
        client_id_scope=IdScope.OPEN,
        deadline_ns=5 * NS_PER_S,
        clock_ahead_ns=0,
        processing_ns=0,
        find_lag_ns=0,
        dead_man_ns=60 * NS_PER_S,
        trade_history=True,
        sandbox=True,
        notes="simulated",
    )


def refusal(order: NewOrder, instrument: Instrument, caps: Caps, last: int | None, now_ns: int) -> Rejected | None:
    """Why the venue does not take the order; None when it is for the exchange to say."""
    if order.dead_after_ns and now_ns > order.dead_after_ns:
        return Rejected(reason=Reason.VENUE_TIMESTAMP, text="the request came after its deadline")
    if order.type not in caps.order_types or order.tif not in caps.tifs or order.stp not in caps.stps:
        return Rejected(reason=Reason.VENUE_MALFORMED, text="an order type, time in force or mode that is not offered")
    if (order.post_only and not caps.post_only) or order.reduce_only:
        return Rejected(reason=Reason.VENUE_MALFORMED, text="post-only or reduce-only is not offered")
    priced = order.type in {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
    stopped = order.type not in {OrderType.LIMIT, OrderType.MARKET}
    if (order.price is not None) != priced or (order.stop is not None) != stopped:
        return Rejected(reason=Reason.VENUE_MALFORMED, text="price and stop do not go with the order type")
    broken = broken_filter(instrument, order.qty, order.price, order.stop, last)
    if broken:
        return Rejected(reason=Reason.VENUE_FILTER, code=broken, text=f"the order breaks {broken}")
    return None


def broken_filter(instrument: Instrument, qty: int, price: int | None, stop: int | None, last: int | None) -> str:
    """Name of the first of the instrument's rules that the terms break, "" if none."""
    for value in (price, stop):
        if value is None:
            continue
        if value <= 0 or value % instrument.tick_units:
            return "PRICE_FILTER"
        if value < instrument.price_min_units or 0 < instrument.price_max_units < value:
            return "PRICE_FILTER"
    if qty <= 0 or qty % instrument.lot_units or qty < instrument.qty_min_units or 0 < instrument.qty_max_units < qty:
        return "LOT_SIZE"
    if price is None:
        lot = instrument.market_lot_units or instrument.lot_units
        if qty % lot or qty < instrument.market_qty_min_units or 0 < instrument.market_qty_max_units < qty:
            return "MARKET_LOT_SIZE"
    at = price if price is not None else last
    if at is None:
        return ""
    value = instrument.notional(at, qty)
    if value < instrument.notional_min and (price is not None or instrument.notional_min_on_market):
        return "NOTIONAL"
    if 0 < instrument.notional_max < value and (price is not None or instrument.notional_max_on_market):
        return "NOTIONAL"
    return ""
