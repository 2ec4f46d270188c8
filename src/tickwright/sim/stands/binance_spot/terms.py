"""A new order out of its parameters, checked as the venue checks it: words and numbers, which go together, then the filters."""

from __future__ import annotations

import msgspec

from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import NewOrder, OrderType, Stp, Tif
from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot.config import EXP
from tickwright.sim.stands.binance_spot.render import STPS
from tickwright.sim.stands.binance_spot.shapes import JsonValue, Params, Refusal

_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
_SIDES = {"BUY": BUY, "SELL": SELL}
_TIFS = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK}
_STPS = {name: stp for stp, name in STPS.items() if stp is not Stp.NONE}
_STP_WORDS = frozenset({*STPS.values(), "TRANSFER"})
_TIMED = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
_PRICED = _TIMED | {"LIMIT_MAKER"}
_PLAIN = frozenset({"LIMIT", "LIMIT_MAKER", "MARKET"})
_STRATEGY_TYPE_MIN = 1_000_000
_UNSUPPORTED = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
    "pegOffsetType": "Pegged orders are not supported for this symbol.",
    "pegOffsetValue": "Pegged orders are not supported for this symbol.",
}


class Terms(msgspec.Struct, frozen=True):
    """What a client asked for. ``qty`` is 0 when ``quote_qty`` says what to spend (or get) instead; all in 10**-8."""

    type_name: str
    side: Side
    qty: int
    quote_qty: int
    price: int | None
    stop: int | None
    tif: Tif
    stp: Stp
    client_id: str  # "" when it was left to the venue
    extras: dict[str, JsonValue]  # carried along for the client

    @property
    def type(self) -> OrderType:
        return _TYPES[self.type_name]

    def order(self, key: str, client_id: str, qty: int) -> NewOrder:
        """The order for the exchange."""
        return NewOrder(
            key=key,
            client_id=client_id,
            side=self.side,
            type=self.type,
            qty=qty,
            price=self.price,
            stop=self.stop,
            tif=self.tif,
            post_only=self.type_name == "LIMIT_MAKER",
            reduce_only=False,
            stp=self.stp,
        )


def read_terms(params: Params) -> Terms:
    """Terms of one order; refuses what is missing, malformed, or does not go with the type."""
    side = _SIDES[read.check_enum(params, "side", -1117, "Invalid side.", _SIDES)]
    name = read.check_enum(params, "type", -1116, "Invalid orderType.", _TYPES)
    for given, said in _UNSUPPORTED.items():
        if read.given(params, given):
            raise Refusal(-2010, said)
    tif = Tif.GTC
    if name in _TIMED:
        tif = _TIFS[read.check_enum(params, "timeInForce", -1115, "Invalid timeInForce.", _TIFS)]
    else:
        read.forbid(params, ("timeInForce",))
    qty, quote_qty = _amounts(params, name)
    price = read.decimal(params, "price") if name in _PRICED else None
    stop = None if name in _PLAIN else read.decimal(params, "stopPrice")
    if price is None:
        read.forbid(params, ("price",))
    if stop is None:
        read.forbid(params, ("stopPrice",))
    return Terms(
        type_name=name,
        side=side,
        qty=qty,
        quote_qty=quote_qty,
        price=price,
        stop=stop,
        tif=Tif.IOC if name == "MARKET" else tif,
        stp=_read_stp(params),
        client_id=read.client_id(params, "newClientOrderId"),
        extras=_read_extras(params),
    )


def _amounts(params: Params, name: str) -> tuple[int, int]:
    """Quantity, and amount of quote asset: one of them for a MARKET order, the first for all others."""
    if name != "MARKET":
        read.forbid(params, ("quoteOrderQty",))
        return read.decimal(params, "quantity"), 0
    by_qty, by_quote = read.given(params, "quantity"), read.given(params, "quoteOrderQty")
    if by_qty and by_quote:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if by_quote:
        amount = read.decimal(params, "quoteOrderQty")
        if not amount:
            raise Refusal(-1013, "Invalid quantity.")
        return 0, amount
    if not by_qty:
        raise Refusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    return read.decimal(params, "quantity"), 0


def _read_stp(params: Params) -> Stp:
    given = params.get("selfTradePreventionMode")
    if not given:
        return Stp.VENUE
    read.choice(params, "selfTradePreventionMode", sorted(_STP_WORDS))
    if given not in _STPS:
        raise Refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return _STPS[given]


def _read_extras(params: Params) -> dict[str, JsonValue]:
    extras: dict[str, JsonValue] = {}
    strategy_id, strategy_type = read.integer(params, "strategyId"), read.integer(params, "strategyType")
    if strategy_type is not None and strategy_type < _STRATEGY_TYPE_MIN:
        raise Refusal(-1130, "Data sent for parameter 'strategyType' is not valid.")
    if strategy_id is not None:
        extras["strategyId"] = strategy_id
    if strategy_type is not None:
        extras["strategyType"] = strategy_type
    return extras


def failed(filter_type: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {filter_type}")


def check_filters(terms: Terms, one: Instrument, average: int) -> None:
    """The symbol's filters that do not depend on the account; ``average`` is the price that the relative ones refer to."""
    for price in (terms.price, terms.stop):
        if price is not None and (not one.price_min_units <= price <= one.price_max_units or price % one.tick_units):
            raise failed("PRICE_FILTER")
    band = one.price_band
    if terms.price is not None and band is not None and average:
        up, down = (band.bid_up, band.bid_down) if terms.side is BUY else (band.ask_up, band.ask_down)
        if not average * down <= terms.price <= average * up:
            raise failed("PERCENT_PRICE_BY_SIDE")
    if not terms.quote_qty:
        check_lot(terms.qty, one)
        if terms.type_name == "MARKET" and terms.qty > one.market_qty_max_units:
            raise failed("MARKET_LOT_SIZE")
    check_notional(terms, one, average)


def check_lot(qty: int, one: Instrument) -> None:
    if not one.qty_min_units <= qty <= one.qty_max_units or qty % one.lot_units:
        raise failed("LOT_SIZE")


def check_notional(terms: Terms, one: Instrument, average: int) -> None:
    """The least and most that an order may be worth; the most does not hold for orders without a price."""
    price = terms.price or terms.stop or average
    value = terms.quote_qty * 10**EXP if terms.quote_qty else price * terms.qty
    grid = 10 ** (18 - 2 * EXP)
    if value < one.notional_min // grid or (terms.price is not None and value > one.notional_max // grid):
        raise failed("NOTIONAL")
