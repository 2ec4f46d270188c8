"""Calls that place, change, end and show orders, for REST and the WebSocket API alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tickwright.model.instrument import Instrument
from tickwright.model.market import SELL
from tickwright.model.order import AmendTerms, NewOrder, Rejected
from tickwright.model.reason import Reason
from tickwright.sim.records import SimFill, SimOrder
from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.config import EXP
from tickwright.sim.stands.binance_spot.floor import (
    UNKNOWN_TO_CANCEL,
    UNKNOWN_TO_QUERY,
    Floor,
    is_stop,
    refusal,
    unless_rejected,
)
from tickwright.sim.stands.binance_spot.listing import AMENDS_MAX, text
from tickwright.sim.stands.binance_spot.shapes import Ask, Json, JsonValue, Params, Refusal
from tickwright.sim.stands.binance_spot.terms import Terms, check_filters, check_lot, failed, read_terms

_ROWS_USUAL = 500
_ROWS_MAX = 1_000
_DAY_MS = 86_400_000
_AMENDS_KEPT = 10_000
_MONEY = 10 ** (18 - EXP)
#: Levels that a sale for an amount looks at.
_LEVELS_MAX = 1_000


class Orders:
    """Everything about single orders."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._exchange = floor.exchange
        self._amends: dict[int, list[dict[str, JsonValue]]] = {}
        self.archived = False  # orders that ended without an execution are found no more

    # -- placing -------------------------------------------------------------------------------------------------------

    def place(self, ask: Ask) -> JsonValue:
        terms, one = self._read(ask)
        shape = _shape(ask.params, terms)
        self._floor.meter.check_orders(ask.account, ask.at_ns)
        return self._place(ask, terms, one, shape)

    def test(self, ask: Ask) -> JsonValue:
        """Everything but the order."""
        terms, one = self._read(ask)
        _shape(ask.params, terms)
        self._floor.check_counts(one, ask.account, 1, int(terms.stop is not None))
        if not read.boolean(ask.params, "computeCommissionRates", usual=False):
            return {}
        config = self._floor.config
        rates = {"maker": f"{config.maker_ppm / 1e6:.8f}", "taker": f"{config.taker_ppm / 1e6:.8f}"}
        none = {"maker": render.ZERO, "taker": render.ZERO}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000"},
        }

    def _read(self, ask: Ask) -> tuple[Terms, Instrument]:
        read.symbol(ask.params)
        terms = read_terms(ask.params)
        market = self._floor.market(ask.params)
        check_filters(terms, market.instrument, market.average())
        return terms, market.instrument

    def _place(self, ask: Ask, terms: Terms, one: Instrument, shape: str) -> JsonValue:
        floor = self._floor
        qty, quote_qty, extras = terms.qty, terms.quote_qty * _MONEY, dict(terms.extras)
        if quote_qty and terms.side is SELL:
            qty, quote_qty = self._sale(one, terms.quote_qty), 0
            extras["origQuoteOrderQty"] = render.money_text(terms.quote_qty * _MONEY)
        order = terms.order(one.key, terms.client_id or floor.new_id(), qty)
        floor.check_counts(one, ask.account, 1, int(is_stop(order)))
        done = self._submit(ask, order, quote_qty, extras)
        if shape == "ACK":
            return render.ack(done, one, ask.at_ns)
        if shape == "RESULT":
            return render.result(done, one, ask.at_ns, extras)
        return render.full(done, one, ask.at_ns, self._fills(done), extras)

    def _submit(self, ask: Ask, order: NewOrder, quote_qty: int, extras: Json) -> SimOrder:
        done = unless_rejected(self._exchange.submit(ask.account, order, ask.at_ns, quote_qty=quote_qty))
        self._floor.note_extras(done.venue_id, extras)
        self._floor.meter.note_orders(ask.account, 1, ask.at_ns)
        return done

    def _sale(self, one: Instrument, amount: int) -> int:
        """How much must be sold to get ``amount`` (10**-8) at the prices of the book."""
        left, qty = amount * 10**EXP, 0
        for price, there in self._exchange.depth(one.key, _LEVELS_MAX)[0]:
            taken = min(there, left // price)
            qty += taken
            left -= taken * price
            if taken < there:
                break
        qty -= qty % one.lot_units
        if not qty:
            raise Refusal(-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity.")
        return qty

    def _fills(self, order: SimOrder) -> list[SimFill]:
        """The fills that a new order had at once: the latest ones."""
        found: list[SimFill] = []
        left = order.filled
        for fill in reversed(self._exchange.fills(order.account, order.key)) if left else ():
            if fill.venue_id == order.venue_id:
                found.append(fill)
                left -= fill.qty
                if not left:
                    break
        return found[::-1]

    # -- ending --------------------------------------------------------------------------------------------------------

    def cancel(self, ask: Ask) -> JsonValue:
        return self._cancel(ask, ask.params)

    def _cancel(self, ask: Ask, params: Params, names: tuple[str, str] = ("orderId", "origClientOrderId")) -> Json:
        one = self._floor.instrument(params)
        only = read.choice(params, "cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"), "ONLY_NEW")
        request_id = read.client_id(params, "newClientOrderId") or self._floor.new_id()
        order = self._floor.named(params, one, ask.account, UNKNOWN_TO_CANCEL, names)
        if not order.status.is_open:
            raise Refusal(*UNKNOWN_TO_CANCEL)
        if read.given(params, "cancelRestrictions") and (order.filled > 0) != (only == "ONLY_PARTIALLY_FILLED"):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        done = unless_rejected(self._exchange.cancel(ask.account, one.key, order.venue_id, ask.at_ns, request_id=request_id))
        return render.canceled(done, one, ask.at_ns, request_id, self._floor.extras(done.venue_id))

    def cancel_all(self, ask: Ask) -> JsonValue:
        """Everything open on one symbol; the legs of a list come as one."""
        one = self._floor.instrument(ask.params)
        listed = self._exchange.open_orders(ask.account, one.key)
        if not listed:
            raise Refusal(*UNKNOWN_TO_CANCEL)
        rows: list[Json] = []
        for list_id, group in groupby(listed, key=lambda order: order.list_id):
            legs = list(group)
            if list_id > 0:
                rows.append(self.cancel_legs(ask, one, legs))
                continue
            for order in legs:
                request_id = self._floor.new_id()
                done = unless_rejected(
                    self._exchange.cancel(ask.account, one.key, order.venue_id, ask.at_ns, request_id=request_id)
                )
                rows.append(render.canceled(done, one, ask.at_ns, request_id, self._floor.extras(done.venue_id)))
        return rows

    def cancel_legs(self, ask: Ask, one: Instrument, legs: Sequence[SimOrder], request_id: str = "") -> Json:
        """End an order list."""
        name = request_id or self._floor.new_id()
        unless_rejected(self._exchange.cancel(ask.account, one.key, legs[0].venue_id, ask.at_ns, request_id=name))
        ended = [order for leg in legs if (order := self._exchange.order(ask.account, one.key, leg.venue_id)) is not None]
        shown = render.order_list(legs[0].list_id, legs[0].list_client_id, one, ended, ask.at_ns, going=False)
        return {**shown, "orderReports": [render.canceled(order, one, ask.at_ns, name) for order in ended]}

    # -- changing ------------------------------------------------------------------------------------------------------

    def cancel_replace(self, ask: Ask) -> JsonValue:
        """Cancel one, then place another; the answer says which of the two happened."""
        params = ask.params
        read.symbol(params)
        mode = read.choice(params, "cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
        crowded = read.choice(params, "orderRateLimitExceededMode", ("DO_NOTHING", "CANCEL_ONLY"), "DO_NOTHING")
        terms, one = self._read(ask)
        shape = _shape(params, terms)
        if crowded == "DO_NOTHING":
            self._floor.meter.check_orders(ask.account, ask.at_ns)
        cancel = {**params, "newClientOrderId": params.get("cancelNewClientOrderId", "")}
        results = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
        cancel_answer: JsonValue
        new_answer: JsonValue = None
        try:
            cancel_answer = self._cancel(ask, cancel, ("cancelOrderId", "cancelOrigClientOrderId"))
        except Refusal as refused:
            results["cancelResult"] = "FAILURE"
            cancel_answer = {"code": refused.code, "msg": refused.text}
        if results["cancelResult"] == "SUCCESS" or mode == "ALLOW_FAILURE":
            results["newOrderResult"] = "SUCCESS"
            try:
                self._floor.meter.check_orders(ask.account, ask.at_ns)
                new_answer = self._place(ask, terms, one, shape)
            except Refusal as refused:
                results["newOrderResult"] = "FAILURE"
                new_answer = {"code": refused.code, "msg": refused.text}
        data: Json = {**results, "cancelResponse": cancel_answer, "newOrderResponse": new_answer}
        if set(results.values()) == {"SUCCESS"}:
            return data
        if "SUCCESS" in results.values():
            raise Refusal(-2021, "Order cancel-replace partially failed.", 409, data)
        raise Refusal(-2022, "Order cancel-replace failed.", 400, data)

    def amend(self, ask: Ask) -> JsonValue:
        """Less quantity, same place in the queue."""
        one = self._floor.instrument(ask.params)
        qty = read.decimal(ask.params, "newQty")
        name = read.client_id(ask.params, "newClientOrderId") or self._floor.new_id()
        order = self._floor.named(ask.params, one, ask.account, UNKNOWN_TO_QUERY)
        if not order.status.is_open:
            raise Refusal(*UNKNOWN_TO_QUERY)
        check_lot(qty, one)
        if qty > order.qty:
            raise Refusal(-2038, "Order amend (quantity increase) is not supported.")
        if qty == order.qty:
            raise Refusal(-2038, "The requested action would change no state; rejecting")
        made = self._amends.get(order.venue_id, [])
        if len(made) >= AMENDS_MAX:
            raise failed("MAX_NUM_ORDER_AMENDS")
        answer = self._exchange.amend(
            ask.account, one.key, order.venue_id, AmendTerms(qty=qty, price=None, client_id=name), ask.at_ns
        )
        if isinstance(answer, Rejected):
            raise refusal(answer) if answer.reason is not Reason.VENUE_OTHER else Refusal(-2038, answer.text)
        execution = self._floor.executions + 1  # that of the event that tells of it
        self._note_amend(one, order, answer, execution, ask.at_ns)
        return render.amended(answer, one, ask.at_ns, execution, order.client_id)

    def _note_amend(self, one: Instrument, before: SimOrder, after: SimOrder, execution: int, at_ns: int) -> None:
        row: dict[str, JsonValue] = {
            "symbol": one.native,
            "orderId": after.venue_id,
            "executionId": execution,
            "origClientOrderId": before.client_id,
            "newClientOrderId": after.client_id,
            "origQty": text(before.qty),
            "newQty": text(after.qty),
            "time": render.ms(at_ns),
        }
        self._amends.setdefault(after.venue_id, []).append(row)
        if len(self._amends) > _AMENDS_KEPT:
            del self._amends[next(iter(self._amends))]

    # -- showing -------------------------------------------------------------------------------------------------------

    def query(self, ask: Ask) -> JsonValue:
        one = self._floor.instrument(ask.params)
        order = self._floor.named(ask.params, one, ask.account, UNKNOWN_TO_QUERY)
        if self._is_archived(order):
            raise Refusal(*UNKNOWN_TO_QUERY)
        return render.queried(order, one, self._floor.extras(order.venue_id))

    def _is_archived(self, order: SimOrder) -> bool:
        return self.archived and not order.status.is_open and not order.filled

    def open_orders(self, ask: Ask) -> JsonValue:
        key = self._floor.instrument(ask.params).key if read.given(ask.params, "symbol") else None
        return [self.shown(order) for order in self._exchange.open_orders(ask.account, key)]

    def shown(self, order: SimOrder) -> Json:
        """One order as a question about it is answered."""
        return render.queried(order, self._floor.by_key[order.key], self._floor.extras(order.venue_id))

    def all_orders(self, ask: Ask) -> JsonValue:
        one = self._floor.instrument(ask.params)
        first = read.integer(ask.params, "orderId")
        start, end = _within_a_day(ask.params)
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        rows = [
            order
            for order in self._exchange.orders(ask.account, one.key)
            if not self._is_archived(order)
            and (first is None or order.venue_id >= first)
            and (start is None or render.ms(order.created_ns) >= start)
            and (end is None or render.ms(order.created_ns) <= end)
        ]
        rows.sort(key=lambda order: order.venue_id)
        chosen = rows[-limit:] if first is None and start is None else rows[:limit]
        return [self.shown(order) for order in chosen]

    def amendments(self, ask: Ask) -> JsonValue:
        self._floor.instrument(ask.params)
        read.need(ask.params, "orderId")
        order_id, first = read.integer(ask.params, "orderId"), read.integer(ask.params, "fromExecutionId") or 0
        rows = self._amends.get(order_id or 0, [])
        chosen = [row for row in rows if isinstance(number := row["executionId"], int) and number >= first]
        return chosen[: read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)]

    def my_trades(self, ask: Ask) -> JsonValue:
        one = self._floor.instrument(ask.params)
        order_id, first = read.integer(ask.params, "orderId"), read.integer(ask.params, "fromId")
        start, end = _within_a_day(ask.params)
        if (order_id is not None or first is not None) and (start is not None or end is not None):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        rows = [
            fill
            for fill in self._exchange.fills(ask.account, one.key)
            if (order_id is None or fill.venue_id == order_id)
            and (first is None or fill.trade_id >= first)
            and (start is None or render.ms(fill.at_ns) >= start)
            and (end is None or render.ms(fill.at_ns) <= end)
        ]
        chosen = rows[-limit:] if first is None and start is None else rows[:limit]
        return [render.my_trade(fill, one) for fill in chosen]


def _shape(params: Params, terms: Terms) -> str:
    """ACK, RESULT or FULL."""
    usual = "FULL" if terms.type_name in ("LIMIT", "MARKET") else "ACK"
    return read.choice(params, "newOrderRespType", ("ACK", "RESULT", "FULL"), usual)


def _within_a_day(params: Params) -> tuple[int | None, int | None]:
    start, end = read.times(params)
    if start is not None and end is not None and end - start > _DAY_MS:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
    return start, end
