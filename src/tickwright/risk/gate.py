"""The gate: every order passes it or is refused with a reason and figures. Only what it returns as approved can be sent.

Guarantees: it fails closed (what cannot be checked is refused); after the same approvals, tightening a limit never admits more;
its own counters move only when it approves. Does not: know strategies, cancel anything (cancels never pass here), or look at the
world: the engine hands it a :class:`View`.
"""

from __future__ import annotations

from collections import deque

import msgspec

from tickwright.base.numbers import MONEY_EXP, POW10, money, to_text
from tickwright.model.caps import Caps
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY
from tickwright.model.order import NewOrder, OrderType
from tickwright.model.reason import Reason
from tickwright.risk.filters import Verdict, check_caps, check_filters
from tickwright.risk.halts import HaltLevel
from tickwright.risk.limits import Limits
from tickwright.risk.window import HighestWithin

_S = 1_000_000_000
_MS = 1_000_000
_PPM = 1_000_000
_INFINITY = float("inf")


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
    account_age_ns: int | None = 0  # since the account stream's last word; None: it is down


#: What makes two orders the same: instrument, whether they buy, type, quantity, price and stop.
Terms = tuple[str, bool, OrderType, int, int | None, int | None]


class Gate:
    """The built-in checks, in the order in which they are most likely to tell the real cause."""

    __slots__ = (
        "_alike",
        "_alike_ns",
        "_bought",
        "_position_max",
        "_qty_max",
        "_sent",
        "_skew_ns",
        "_sold",
        "_stale_ns",
        "_value_max",
        "limits",
        "rules",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rules = limits.version
        self._value_max = None if limits.max_order_value is None else money(limits.max_order_value)
        self._qty_max = None if limits.max_order_qty is None else money(limits.max_order_qty)
        self._position_max = None if limits.max_position is None else money(limits.max_position)
        self._stale_ns = int(limits.stale_book_s * _S)
        self._alike_ns = int(limits.duplicate_window_s * _S)
        self._skew_ns = limits.clock_skew_ms * _MS
        #: By instrument, when the last minute's orders were sent.
        self._sent: dict[str, deque[int]] = {}
        #: By its terms, when an order was last sent: those of the duplicate guard's window, the oldest first.
        self._alike: dict[Terms, int] = {}
        #: By strategy and instrument, the prices at which it took: bought negated, so that the highest is the lowest.
        self._bought: dict[tuple[str, str], HighestWithin] = {}
        self._sold: dict[tuple[str, str], HighestWithin] = {}

    def check(self, order: NewOrder, view: View, now_ns: int) -> Approved | Refused:
        """Approve or refuse; an approval counts towards rates, duplicates and the rolling collar."""
        taken = _touch_units(order, view)
        verdict = self._weigh(order, view, taken, now_ns)
        if verdict is not None:
            return Refused(order, *verdict)
        self._remember(order, taken, now_ns)
        return Approved(order, self.rules)

    def check_pair(self, orders: tuple[NewOrder, NewOrder], views: tuple[View, View], now_ns: int) -> Approved | Refused:
        """Approve two orders of which only one can trade, or refuse both for what is wrong with either. Positions and funds are
        each order's alone; they are two where orders are counted. Unless both are approved neither counts.
        """
        for order, view in zip(orders, views, strict=True):
            verdict = self.weigh(order, view, now_ns) or self._second(order, view, now_ns)
            if verdict is not None:
                return Refused(order, *verdict)
        for order, view in zip(orders, views, strict=True):
            self._remember(order, _touch_units(order, view), now_ns)
        return Approved(orders[0], self.rules)

    def _second(self, order: NewOrder, view: View, now_ns: int) -> Verdict | None:
        """What an order would go past if another is sent with it."""
        limits = self.limits
        most = min(limits.open_orders, view.instrument.open_orders_max or limits.open_orders)
        if view.open_orders + 2 > most:
            return Reason.TOO_MANY_ORDERS, f"A pair is two orders and {view.open_orders} are open, the limit is {most}."
        sent = self._sent.get(order.key, ())
        for most, span_ns, span in ((limits.submits_per_minute, 60 * _S, "minute"), (limits.submits_per_second, _S, "second")):
            if most < 2 or (len(sent) >= most - 1 and now_ns - sent[1 - most] < span_ns):
                return Reason.SUBMIT_RATE, f"A pair is two orders, the limit is {most} within a {span}."
        return None

    def weigh(self, order: NewOrder, view: View, now_ns: int) -> Verdict | None:
        """What :meth:`check` would refuse it for, None for nothing. Counts nowhere, so it is no approval."""
        return self._weigh(order, view, _touch_units(order, view), now_ns)

    def _weigh(self, order: NewOrder, view: View, taken: int | None, now_ns: int) -> Verdict | None:
        return (
            check_caps(order, view.caps)
            or check_filters(order, view.instrument, _reference(view))
            or _halted(order, view)
            or self._fresh(view)
            or self._collar(order, view)
            or self._size(order, view, taken)
            or self._position(order, view)
            or _funds(view)
            or self._rate(order, now_ns)
            or self._rolling(order, view, taken, now_ns)
        )

    def _fresh(self, view: View) -> Verdict | None:
        """Whether there is a market to price against, its figures make sense, and it and the clocks can be relied on."""
        bid, ask, last = view.bid, view.ask, view.last
        if view.bound_units is None or (bid is None and ask is None and last is None):
            return Reason.NO_MARKET, Reason.NO_MARKET.sentence
        for price in (bid, ask, last):
            if price is not None and not 0 < price < _INFINITY:
                return Reason.NO_MARKET, f"The market data says {price!r}, which is not a price."
        if bid is not None and ask is not None and bid > ask:
            return Reason.STALE_BOOK, f"The book is crossed: bid {bid:g}, ask {ask:g}."
        age = view.market_age_ns
        if age is None:
            return Reason.STALE_BOOK, "The market data stream is down."
        if age > self._stale_ns:
            return Reason.STALE_BOOK, f"The market data is {age / _S:.1f} s old, the limit is {self.limits.stale_book_s:g} s."
        if view.account_age_ns is None:
            return Reason.HALT_STALE_ACCOUNT, "The account stream is down."
        silence = self.limits.stale_account_s
        if silence is not None and view.account_age_ns > silence * _S:
            text = f"The account stream has been silent for {view.account_age_ns / _S:.1f} s, the limit is {silence:g} s."
            return Reason.HALT_STALE_ACCOUNT, text
        if abs(view.clock_skew_ns) > self._skew_ns:
            text = f"The clocks differ by {abs(view.clock_skew_ns) / _MS:.0f} ms, the limit is {self.limits.clock_skew_ms} ms."
            return Reason.HALT_CLOCK_SKEW, text
        return None

    def _collar(self, order: NewOrder, view: View) -> Verdict | None:
        """Not too far from the market on the side that costs. The market is mid or last trade, whichever is farther out; for a
        stop it is the price at which it wakes. An order without a price is held to its bound, and may not meet a book whose
        first price is beyond the collar. One tick is granted to rounding.
        """
        assert view.bound_units is not None, "the market was checked first"
        instrument = view.instrument
        buying = order.side is BUY
        market = _market(order, view)
        slack = self.limits.collar_ppm / _PPM
        tick = instrument.price_float(instrument.tick_units)
        touch = view.ask if buying else view.bid
        bound = instrument.price_float(view.bound_units)
        if order.price is None and order.stop is None and touch is not None:
            tried = [("best price", touch, market), ("bound", bound, max(touch, market) if buying else min(touch, market))]
        else:
            tried = [("price", bound, market)]
        for name, price, start in tried:
            edge = start * (1 + slack) + tick if buying else start * (1 - slack) - tick
            # Written so that what compares as neither (NaN) is refused.
            if not (price <= edge if buying else price >= edge):
                where = "above" if buying else "below"
                return Reason.COLLAR, f"The {name} {price:g} is more than {slack:.2%} {where} the market at {start:g}."
        return None

    def _size(self, order: NewOrder, view: View, taken: int | None) -> Verdict | None:
        instrument = view.instrument
        if self._value_max is None or self._qty_max is None:
            missing = "max_order_value" if self._value_max is None else "max_order_qty"
            return Reason.NO_LIMIT_SET, f"[risk] {missing} is not configured, so nothing may be sent."
        assert view.bound_units is not None, "the market was checked first"
        value = instrument.notional(view.bound_units, order.qty)
        if value > self._value_max:
            text = f"The order is worth up to {_amount(value)} {instrument.quote}, the limit is {_amount(self._value_max)}."
            return Reason.MAX_ORDER_VALUE, text
        if instrument.base_amount(order.qty) > self._qty_max:
            qty = to_text(order.qty, instrument.qty_exp)
            return Reason.MAX_ORDER_QTY, f"The quantity {qty} is above the limit {to_text(self._qty_max, MONEY_EXP)}."
        share = self.limits.depth_share_ppm
        if share is not None and taken is not None and order.qty * _PPM > view.visible_qty_units * share:
            qty, seen = to_text(order.qty, instrument.qty_exp), to_text(view.visible_qty_units, instrument.qty_exp)
            return Reason.DEPTH_SHARE, f"The order takes {qty} of {seen} at the best price, the limit is {share / _PPM:.0%}."
        return None

    def _position(self, order: NewOrder, view: View) -> Verdict | None:
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
            reached = to_text(worst, view.instrument.qty_exp)
            way = "long" if order.side is BUY else "short"
            limit = to_text(self._position_max, MONEY_EXP)
            return Reason.MAX_POSITION, f"All working orders filled, the position would be {reached} {way}, the limit is {limit}."
        return None

    def _rate(self, order: NewOrder, now_ns: int) -> Verdict | None:
        sent = self._sent.get(order.key)
        if not sent:
            return None
        limits = self.limits
        # Each deque holds as many as a minute may: when it is full, its first is the order that must be a minute old.
        if len(sent) >= limits.submits_per_minute and now_ns - sent[0] < 60 * _S:
            return Reason.SUBMIT_RATE, f"{limits.submits_per_minute} orders were sent within a minute."
        if len(sent) >= limits.submits_per_second and now_ns - sent[-limits.submits_per_second] < _S:
            return Reason.SUBMIT_RATE, f"{limits.submits_per_second} orders were sent within a second."
        at_ns = self._alike.get(_terms(order))
        if at_ns is not None and now_ns - at_ns < self._alike_ns:
            return Reason.DUPLICATE, f"The same order was sent {(now_ns - at_ns) / _MS:.0f} ms ago."
        return None

    def _rolling(self, order: NewOrder, view: View, taken: int | None, now_ns: int) -> Verdict | None:
        """A strategy may not chase the market: each price it takes against those it took a moment ago."""
        ppm = self.limits.rolling_collar_ppm
        if taken is None or ppm is None:
            return None
        buying = order.side is BUY
        seen = (self._bought if buying else self._sold).get((order.strategy, order.key))
        best = None if seen is None else seen.highest(now_ns)
        if best is None:
            return None
        if (taken + best) * _PPM <= -best * ppm if buying else (best - taken) * _PPM <= best * ppm:
            return None
        exp = view.instrument.price_exp
        text = f"{to_text(taken, exp)} is more than {ppm / _PPM:.2%} from {to_text(abs(best), exp)}"
        return Reason.HALT_ROLLING_COLLAR, f"{text}, taken within the last {self.limits.rolling_collar_s:g} s."

    def _remember(self, order: NewOrder, taken: int | None, now_ns: int) -> None:
        sent = self._sent.get(order.key)
        if sent is None:
            most = max(self.limits.submits_per_minute, self.limits.submits_per_second)
            sent = self._sent[order.key] = deque(maxlen=most)
        sent.append(now_ns)
        self._remember_terms(order, now_ns)
        if taken is None or self.limits.rolling_collar_ppm is None:
            return
        buying = order.side is BUY
        prices = self._bought if buying else self._sold
        seen = prices.get((order.strategy, order.key))
        if seen is None:
            seen = prices[order.strategy, order.key] = HighestWithin(int(self.limits.rolling_collar_s * _S))
        seen.add(-taken if buying else taken, now_ns)

    def _remember_terms(self, order: NewOrder, now_ns: int) -> None:
        alike = self._alike
        terms = _terms(order)
        alike.pop(terms, None)  # a key keeps its place when it is set again: the oldest must come first
        alike[terms] = now_ns
        while alike:
            oldest = next(iter(alike))
            if now_ns - alike[oldest] < self._alike_ns:
                break
            del alike[oldest]


def _terms(order: NewOrder) -> Terms:
    return order.key, order.side is BUY, order.type, order.qty, order.price, order.stop


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


def _halted(order: NewOrder, view: View) -> Verdict | None:
    level = view.halt
    if level is HaltLevel.RUN and not order.reduce_only:
        return None
    reducing = reduces(order, view)
    if order.reduce_only and not reducing:
        return Reason.NOT_REDUCING, Reason.NOT_REDUCING.sentence
    if level is HaltLevel.RUN or (reducing and level in (HaltLevel.REDUCE, HaltLevel.FLATTEN)):
        return None
    reason = _BY_LEVEL[level]
    return reason, reason.sentence


def _funds(view: View) -> Verdict | None:
    if view.needed_amount <= view.free_amount:
        return None
    text = f"The order needs {_amount(view.needed_amount, 8)}, free are {_amount(view.free_amount, 8)}."
    return Reason.INSUFFICIENT_FUNDS, text


def _touch_units(order: NewOrder, view: View) -> int | None:
    """The first price that the order would trade at if sent now, in units; None when it would wait, or nothing is there."""
    touch = view.ask if order.side is BUY else view.bid
    if order.stop is not None or touch is None or not 0 < touch < _INFINITY:
        return None
    units = round(touch * POW10[view.instrument.price_exp])
    if order.price is not None and (order.price < units if order.side is BUY else order.price > units):
        return None
    return units


def _mid(view: View) -> float | None:
    if view.bid is None or view.ask is None:
        return view.last
    return (view.bid + view.ask) / 2


def _market(order: NewOrder, view: View) -> float:
    """The price that an order's is measured from."""
    if order.stop is not None:
        return view.instrument.price_float(order.stop)
    mid = _mid(view)
    known = [price for price in (mid, view.last) if price is not None]
    if not known:  # a book with one side and no trade yet
        known = [price for price in (view.bid, view.ask) if price is not None]
    return max(known) if order.side is BUY else min(known)


def _reference(view: View) -> int | None:
    """The market's price in units, where it is one."""
    price = _mid(view)
    return round(price * POW10[view.instrument.price_exp]) if price is not None and 0 < price < _INFINITY else None


def _amount(amount: int, places: int = 2) -> str:
    return f"{amount / POW10[MONEY_EXP]:,.{places}f}"
