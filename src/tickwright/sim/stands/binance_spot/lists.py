"""Order lists: OCO pairs placed, ended and shown. OTO and the other kinds are not offered, and ``exchangeInfo`` says so."""

from __future__ import annotations

from tickwright.model.instrument import Instrument
from tickwright.model.order import Rejected
from tickwright.sim.records import OrderList, SimOrder
from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.floor import Floor, refusal
from tickwright.sim.stands.binance_spot.orders import Orders
from tickwright.sim.stands.binance_spot.shapes import Ask, Json, JsonValue, Params, Refusal
from tickwright.sim.stands.binance_spot.terms import Terms, check_filters, read_terms

_LISTS_KEPT = 10_000
_ROWS_USUAL = 500
_ROWS_MAX = 1_000
_STOP_LOSSES = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_LEG_FIELDS = {
    "Type": "type",
    "ClientOrderId": "newClientOrderId",
    "IcebergQty": "icebergQty",
    "Price": "price",
    "StopPrice": "stopPrice",
    "TrailingDelta": "trailingDelta",
    "TimeInForce": "timeInForce",
    "StrategyId": "strategyId",
    "StrategyType": "strategyType",
    "PegPriceType": "pegPriceType",
    "PegOffsetType": "pegOffsetType",
    "PegOffsetValue": "pegOffsetValue",
}
_SHARED = ("symbol", "side", "quantity", "selfTradePreventionMode")


class Lists:
    """Everything about order lists."""

    def __init__(self, floor: Floor, orders: Orders) -> None:
        self._floor = floor
        self._orders = orders
        self._made: dict[int, OrderList] = {}

    def oco(self, ask: Ask) -> JsonValue:
        """``POST /orderList/oco``: a leg above the price and one below."""
        read.symbol(ask.params)
        above, below = (read_terms(_leg(ask.params, leg)) for leg in ("above", "below"))
        return self._place(ask, above, below)

    def old_oco(self, ask: Ask) -> JsonValue:
        """``POST /order/oco``: a LIMIT_MAKER and a stop loss."""
        params = ask.params
        read.symbol(params)
        own = {name: params[name] for name in _SHARED if read.given(params, name)}
        limit = {**own, "type": "LIMIT_MAKER", "price": params.get("price", "")}
        limit["newClientOrderId"] = params.get("limitClientOrderId", "")
        stop = {**own, "type": "STOP_LOSS", "stopPrice": params.get("stopPrice", "")}
        stop["newClientOrderId"] = params.get("stopClientOrderId", "")
        if read.given(params, "stopLimitPrice"):
            stop |= {"type": "STOP_LOSS_LIMIT", "price": params["stopLimitPrice"]}
            stop["timeInForce"] = params.get("stopLimitTimeInForce", "")
        return self._place(ask, read_terms(limit), read_terms(stop))

    def _place(self, ask: Ask, one_leg: Terms, other: Terms) -> JsonValue:
        floor = self._floor
        stop, limit = (one_leg, other) if one_leg.type_name in _STOP_LOSSES else (other, one_leg)
        if stop.type_name not in _STOP_LOSSES or limit.type_name in (*_STOP_LOSSES, "LIMIT", "MARKET"):
            raise Refusal(-2010, "Unsupported order combination")
        market = floor.market(ask.params)
        one = market.instrument
        for leg in (limit, stop):
            check_filters(leg, one, market.average())
        read.choice(ask.params, "newOrderRespType", ("ACK", "RESULT", "FULL"), "RESULT")
        name = read.client_id(ask.params, "listClientOrderId") or floor.new_id()
        floor.meter.check_orders(ask.account, ask.at_ns)
        floor.check_counts(one, ask.account, 2, 1 + int(limit.stop is not None), lists=1)
        made = floor.exchange.submit_oco(
            ask.account,
            limit.order(one.key, limit.client_id or floor.new_id(), limit.qty),
            stop.order(one.key, stop.client_id or floor.new_id(), stop.qty),
            ask.at_ns,
            list_client_id=name,
        )
        if isinstance(made, Rejected):
            raise refusal(made)
        self._note(made)
        floor.meter.note_orders(ask.account, 2, ask.at_ns)
        for leg, order in zip((limit, stop), made.orders, strict=True):
            floor.note_extras(order.venue_id, leg.extras)
        shown = render.order_list(made.list_id, name, one, made.orders, ask.at_ns, going=True)
        return {**shown, "orderReports": [render.result(order, one, ask.at_ns) for order in made.orders]}

    def _note(self, made: OrderList) -> None:
        self._made[made.list_id] = made
        if len(self._made) > _LISTS_KEPT:
            del self._made[next(iter(self._made))]

    # -- ending and showing --------------------------------------------------------------------------------------------

    def cancel_list(self, ask: Ask) -> JsonValue:
        one = self._floor.instrument(ask.params)
        request_id = read.client_id(ask.params, "newClientOrderId")
        made = self._find(ask, "listClientOrderId", (-2011, "Unknown order list sent."))
        legs = [order for order in self._legs(made) if order.status.is_open]
        if made.key != one.key or not legs:
            raise Refusal(-2011, "Unknown order list sent.")
        return self._orders.cancel_legs(ask, one, legs, request_id)

    def query_list(self, ask: Ask) -> JsonValue:
        return self._shown(self._find(ask, "origClientOrderId", (-2013, "Order list does not exist.")))

    def open_lists(self, ask: Ask) -> JsonValue:
        mine = [made for made in self._made.values() if made.account == ask.account]
        return [self._shown(made) for made in mine if self.going(made)]

    def all_lists(self, ask: Ask) -> JsonValue:
        first = read.integer(ask.params, "fromId")
        start, end = read.times(ask.params)
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        mine = [
            made
            for made in self._made.values()
            if made.account == ask.account
            and (first is None or made.list_id >= first)
            and (start is None or render.ms(made.at_ns) >= start)
            and (end is None or render.ms(made.at_ns) <= end)
        ]
        return [self._shown(made) for made in (mine[-limit:] if first is None and start is None else mine[:limit])]

    def made(self, list_id: int) -> OrderList | None:
        return self._made.get(list_id)

    def going(self, made: OrderList) -> bool:
        """Whether a leg is still open."""
        return any(order.status.is_open for order in self._legs(made))

    def _legs(self, made: OrderList) -> list[SimOrder]:
        exchange = self._floor.exchange
        return [exchange.order(made.account, made.key, order.venue_id) or order for order in made.orders]

    def _find(self, ask: Ask, by_name: str, unknown: tuple[int, str]) -> OrderList:
        number, name = read.integer(ask.params, "orderListId"), ask.params.get(by_name, "")
        if number is None and not name:
            raise Refusal(-1102, f"Param '{by_name}' or 'orderListId' must be sent, but both were empty/null!")
        for made in reversed(self._made.values()):
            if made.account == ask.account and (made.list_id == number or (number is None and made.client_id == name)):
                return made
        raise Refusal(*unknown)

    def _shown(self, made: OrderList) -> Json:
        one: Instrument = self._floor.by_key[made.key]
        return render.order_list(made.list_id, made.client_id, one, self._legs(made), made.at_ns, going=self.going(made))


def _leg(params: Params, leg: str) -> dict[str, str]:
    """The parameters of one leg as those of a single order."""
    own = {name: params[name] for name in _SHARED if read.given(params, name)}
    read.need(params, f"{leg}Type")
    own |= {name: params[f"{leg}{suffix}"] for suffix, name in _LEG_FIELDS.items() if read.given(params, f"{leg}{suffix}")}
    return own
