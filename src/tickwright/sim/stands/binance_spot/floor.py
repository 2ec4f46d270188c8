"""What the signed calls share: the exchange, who is named what, and how the exchange's refusals are spelled."""

from __future__ import annotations

from collections.abc import Mapping

from tickwright.base.chance import Chance
from tickwright.base.limits import DONE_ORDERS_KEPT
from tickwright.model.instrument import Instrument
from tickwright.model.order import NewOrder, OrderType, Rejected
from tickwright.model.reason import Reason
from tickwright.sim.exchange import Exchange, OrderName
from tickwright.sim.records import SimOrder
from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.listing import ORDER_LISTS_MAX
from tickwright.sim.stands.binance_spot.market import SymbolMarket
from tickwright.sim.stands.binance_spot.meter import Meter
from tickwright.sim.stands.binance_spot.render import NO_EXTRAS
from tickwright.sim.stands.binance_spot.shapes import Json, Params, Refusal
from tickwright.sim.stands.binance_spot.terms import failed

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 22

UNKNOWN_TO_CANCEL = (-2011, "Unknown order sent.")
UNKNOWN_TO_QUERY = (-2013, "Order does not exist.")
_REFUSALS = {
    Reason.VENUE_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reason.VENUE_DUPLICATE_ID: (-2010, "Duplicate order sent."),
    Reason.VENUE_WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.VENUE_WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    Reason.VENUE_MARKET_CLOSED: (-2010, "Market is closed."),
    Reason.VENUE_UNKNOWN_ORDER: UNKNOWN_TO_CANCEL,
    Reason.VENUE_UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.VENUE_NO_CHANGE: (-2038, "The requested action would change no state; rejecting"),
    Reason.VENUE_FILTER: (-2010, "The relationship of the prices for the orders is not correct."),  # of a pair
}


class Floor:
    """Where orders are taken: shared by the calls about orders, order lists and the account."""

    def __init__(
        self, config: StandConfig, exchange: Exchange, markets: Mapping[str, SymbolMarket], meter: Meter, chance: Chance
    ) -> None:
        self.config = config
        self.exchange = exchange
        self.markets = markets
        self.meter = meter
        self.by_key = {market.instrument.key: market.instrument for market in markets.values()}
        self.executions = 0  # the number of the latest event
        self._chance = chance
        self._extras: dict[int, Json] = {}

    def market(self, params: Params) -> SymbolMarket:
        """The one that ``symbol`` names."""
        found = self.markets.get(read.symbol(params))
        if found is None:
            raise Refusal(-1121, "Invalid symbol.")
        return found

    def instrument(self, params: Params) -> Instrument:
        return self.market(params).instrument

    def new_id(self) -> str:
        """A name that the venue gives where the client gave none."""
        return "".join(self._chance.pick(_LETTERS) for _ in range(_ID_LENGTH))

    # -- what the client said of its orders ----------------------------------------------------------------------------

    def note_extras(self, venue_id: int, extras: Json) -> None:
        if extras:
            self._extras[venue_id] = extras
            if len(self._extras) > 2 * DONE_ORDERS_KEPT:
                del self._extras[next(iter(self._extras))]

    def extras(self, venue_id: int) -> Json:
        return self._extras.get(venue_id, NO_EXTRAS)

    # -- finding -------------------------------------------------------------------------------------------------------

    def named(
        self,
        params: Params,
        one: Instrument,
        account: str,
        unknown: tuple[int, str],
        names: tuple[str, str] = ("orderId", "origClientOrderId"),
    ) -> SimOrder:
        """The order that ``orderId`` and/or ``origClientOrderId`` name."""
        by_id, by_name = read.integer(params, names[0]), params.get(names[1]) or ""
        if by_id is None and not by_name:
            raise Refusal(-1102, f"Param '{names[1]}' or '{names[0]}' must be sent, but both were empty/null!")
        name: OrderName = by_name if by_id is None else by_id
        found = self.exchange.order(account, one.key, name)
        if found is None:
            raise Refusal(*unknown)
        if by_id is not None and by_name and found.client_id != by_name:
            raise Refusal(-2039, "Client order ID is not correct for this order ID.")
        return found

    # -- limits --------------------------------------------------------------------------------------------------------

    def check_counts(self, one: Instrument, account: str, orders: int, stops: int, lists: int = 0) -> None:
        """How many orders may be open on a symbol."""
        listed = self.exchange.open_orders(account, one.key)
        if len(listed) + orders > one.open_orders_max:
            raise failed("MAX_NUM_ORDERS")
        if stops and sum(order.stop is not None for order in listed) + stops > one.open_stops_max:
            raise failed("MAX_NUM_ALGO_ORDERS")
        if lists and len({order.list_id for order in listed if order.list_id > 0}) + lists > ORDER_LISTS_MAX:
            raise failed("MAX_NUM_ORDER_LISTS")


def unless_rejected(answer: SimOrder | Rejected) -> SimOrder:
    """The order, or the venue's refusal of it raised."""
    if isinstance(answer, Rejected):
        raise refusal(answer)
    return answer


def refusal(answer: Rejected) -> Refusal:
    """How the venue spells what the exchange refused."""
    code, said = _REFUSALS.get(answer.reason, (-2010, answer.text or "Rejected."))
    return Refusal(code, said)


def is_stop(order: NewOrder) -> bool:
    """Whether it waits for a trigger."""
    return order.type not in (OrderType.LIMIT, OrderType.MARKET)
