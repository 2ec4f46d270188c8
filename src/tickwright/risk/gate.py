"""The gate: every order passes it or is refused with a reason and figures. Only what it returns as approved can be sent.

Guarantees: it fails closed (what cannot be checked is refused); tightening a limit never admits more; its own counters move only
when it approves. Does not: know strategies, cancel anything, or look at the world: the engine hands it a :class:`View`.
"""

from __future__ import annotations

from collections import deque

import msgspec

from tickwright.base.numbers import MONEY_EXP, POW10, money, to_text
from tickwright.model.caps import Caps
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, Side
from tickwright.model.order import NewOrder
from tickwright.model.reason import Reason
from tickwright.risk.filters import check_caps, check_filters
from tickwright.risk.halts import HaltLevel
from tickwright.risk.limits import Limits

_S = 1_000_000_000
_PPM = 1_000_000


class Approved(msgspec.Struct, frozen=True):
    """An order that may be sent, and the version of the limits that said so."""

    order: NewOrder
    rules: str


class Refused(msgspec.Struct, frozen=True):
    """An order that may not, with the reason and its figures."""

    order: NewOrder
    reason: Reason
    text: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate may know of the world, for one order. Units are the instrument's; amounts count ``10**-18``."""

    instrument: Instrument
    caps: Caps
    bound_units: int | None  # the worst price the order can trade at
    bid: float | None
    ask: float | None
    last: float | None
    market_age_ns: int | None  # None: nothing, or its stream is down
    visible_qty_units: int  # at the best price of the side it would take
    position_units: int
    working_buy_units: int
    working_sell_units: int
    free_amount: int  # of the asset that the order needs
    needed_amount: int
    open_orders: int
    open_stops: int
    halt: HaltLevel
    clock_skew_ns: int


class Gate:
    """The built-in checks, in the order in which they are most likely to tell the real cause."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rules = limits.version
        self._value_max = None if limits.max_order_value is None else money(limits.max_order_value)
        self._qty_max = None if limits.max_order_qty is None else money(limits.max_order_qty)
        self._position_max = None if limits.max_position is None else money(limits.max_position)
        self._sent: dict[str, deque[int]] = {}
        self._recent: dict[tuple[str, Side, int | None, int], int] = {}

    def check(self, order: NewOrder, view: View, now_ns: int) -> Approved | Refused:
        """Approve or refuse; an approval counts towards rates and duplicates."""
        verdict = (
            check_caps(order, view.caps)
            or check_filters(order, view.instrument, _reference(view))
            or self._halted(order, view)
            or self._market(order, view)
            or self._size(order, view)
            or self._position(order, view)
            or self._funds(view)
            or self._rate(order, view, now_ns)
        )
        if verdict is not None:
            return Refused(order, *verdict)
        self._sent.setdefault(order.key, deque(maxlen=self.limits.submits_per_minute)).append(now_ns)
        self._recent[order.key, order.side, order.price, order.qty] = now_ns
        return Approved(order, self.rules)

    def _halted(self, order: NewOrder, view: View) -> tuple[Reason, str] | None:
        reducing = reduces(order, view)
        if order.reduce_only and not reducing:
            return Reason.NOT_REDUCING, Reason.NOT_REDUCING.sentence
        level = view.halt
        if level is HaltLevel.RUN or (level in (HaltLevel.REDUCE, HaltLevel.FLATTEN) and reducing):
            return None
        reason = _BY_LEVEL[level]
        return reason, reason.sentence

    def _market(self, order: NewOrder, view: View) -> tuple[Reason, str] | None:
        """Priced against a market that is fresh, and not too far from it on the side that costs."""
        instrument = view.instrument
        if view.bound_units is None or (view.bid is None and view.ask is None and view.last is None):
            return Reason.NO_MARKET, Reason.NO_MARKET.sentence
        age = view.market_age_ns
        if age is None:
            return Reason.STALE_BOOK, "The market data stream is down."
        if age > self.limits.stale_book_s * _S:
            return Reason.STALE_BOOK, f"The market data is {age / _S:.1f} s old, more than {self.limits.stale_book_s:g} s."
        if view.clock_skew_ns > self.limits.clock_skew_ms * 1_000_000:
            return Reason.HALT_CLOCK_SKEW, f"The clocks differ by {view.clock_skew_ns / 1e6:.0f} ms."
        price = instrument.price_float(view.bound_units)
        slack = self.limits.collar_ppm / _PPM
        tick = instrument.price_float(instrument.tick_units)
        known = [value for value in (view.bid, view.ask, view.last) if value is not None]
        if order.side is BUY:
            edge = max(known) * (1 + slack) + tick
            if price > edge:
                return Reason.COLLAR, f"A buy at {price:g} is more than {slack:.2%} above the market at {max(known):g}."
        else:
            edge = min(known) * (1 - slack) - tick
            if price < edge:
                return Reason.COLLAR, f"A sell at {price:g} is more than {slack:.2%} below the market at {min(known):g}."
        return None

    def _size(self, order: NewOrder, view: View) -> tuple[Reason, str] | None:
        instrument = view.instrument
        if self._value_max is None or self._qty_max is None:
            missing = "max_order_value" if self._value_max is None else "max_order_qty"
            return Reason.NO_LIMIT_SET, f"[risk] {missing} is not configured, so nothing may be sent."
        assert view.bound_units is not None
        value = instrument.notional(view.bound_units, order.qty)
        if value > self._value_max:
            return (
                Reason.MAX_ORDER_VALUE,
                f"The order is worth up to {_amount(value)} {instrument.quote}, the limit is {_amount(self._value_max)}.",
            )
        if instrument.base_amount(order.qty) > self._qty_max:
            qty = to_text(order.qty, instrument.qty_exp)
            return Reason.MAX_ORDER_QTY, f"The quantity {qty} is above the limit {to_text(self._qty_max, MONEY_EXP)}."
        share = self.limits.depth_share_ppm
        if share is not None and takes(order, view) and order.qty * _PPM > view.visible_qty_units * share:
            return Reason.DEPTH_SHARE, f"The order takes more than {share / _PPM:.0%} of the best level."
        return None

    def _position(self, order: NewOrder, view: View) -> tuple[Reason, str] | None:
        if view.open_orders >= self.limits.open_orders:
            return Reason.TOO_MANY_ORDERS, f"{view.open_orders} orders are open, the limit is {self.limits.open_orders}."
        most = view.instrument.open_orders_max
        if most and view.open_orders >= most:
            return Reason.TOO_MANY_ORDERS, f"{view.open_orders} orders are open, the venue allows {most}."
        most = view.instrument.open_stops_max
        if order.stop is not None and most and view.open_stops >= most:
            return Reason.TOO_MANY_ORDERS, f"{view.open_stops} stops are open, the venue allows {most}."
        if self._position_max is None:
            return None
        if order.side is BUY:
            worst = view.position_units + view.working_buy_units + order.qty
        else:
            worst = -(view.position_units - view.working_sell_units - order.qty)
        if worst > 0 and view.instrument.base_amount(worst) > self._position_max:
            text = to_text(worst, view.instrument.qty_exp)
            side = "long" if order.side is BUY else "short"
            return (
                Reason.MAX_POSITION,
                f"All working orders filled, the position would be {text} {side}, the limit is {to_text(self._position_max, MONEY_EXP)}.",
            )
        return None

    def _funds(self, view: View) -> tuple[Reason, str] | None:
        if view.needed_amount <= view.free_amount:
            return None
        return (
            Reason.INSUFFICIENT_FUNDS,
            f"The order needs {_amount(view.needed_amount, 8)}, free are {_amount(view.free_amount, 8)}.",
        )

    def _rate(self, order: NewOrder, view: View, now_ns: int) -> tuple[Reason, str] | None:
        limits = self.limits
        sent = self._sent.get(order.key, ())
        if len(sent) >= limits.submits_per_minute and now_ns - sent[0] < 60 * _S:
            return Reason.SUBMIT_RATE, f"{limits.submits_per_minute} orders were sent within a minute."
        if sum(now_ns - at < _S for at in sent) >= limits.submits_per_second:
            return Reason.SUBMIT_RATE, f"{limits.submits_per_second} orders were sent within a second."
        window = int(limits.duplicate_window_s * _S)
        if len(self._recent) > limits.submits_per_minute:
            self._recent = {what: at for what, at in self._recent.items() if now_ns - at < window}
        last = self._recent.get((order.key, order.side, order.price, order.qty))
        if last is not None and now_ns - last < window:
            return Reason.DUPLICATE, f"The same order was sent {(now_ns - last) / 1e6:.0f} ms ago."
        return None


_BY_LEVEL = {
    HaltLevel.REDUCE: Reason.HALTED_REDUCE,
    HaltLevel.PAUSE: Reason.HALTED_PAUSE,
    HaltLevel.PULL: Reason.HALTED_PULL,
    HaltLevel.FLATTEN: Reason.HALTED_FLATTEN,
}


def reduces(order: NewOrder, view: View) -> bool:
    """Whether the order, and all that works on its side, can only bring the position nearer to zero."""
    if order.side is BUY:
        return order.qty + view.working_buy_units <= -view.position_units
    return order.qty + view.working_sell_units <= view.position_units


def takes(order: NewOrder, view: View) -> bool:
    """Whether the order would trade at once."""
    if order.price is None:
        return order.stop is None
    price = view.instrument.price_float(order.price)
    if order.side is BUY:
        return view.ask is not None and price >= view.ask
    return view.bid is not None and price <= view.bid


def _reference(view: View) -> int | None:
    price = view.last
    if view.bid is not None and view.ask is not None:
        price = (view.bid + view.ask) / 2
    return None if price is None else round(price * POW10[view.instrument.price_exp])


def _amount(amount: int, places: int = 2) -> str:
    return f"{amount / POW10[MONEY_EXP]:,.{places}f}"
