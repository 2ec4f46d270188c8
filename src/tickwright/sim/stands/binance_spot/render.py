"""JSON shapes of orders, fills and the account's events, out of the exchange's records. Decimals have eight places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tickwright.model.instrument import Instrument
from tickwright.model.order import OrderType, Stp, Tif
from tickwright.sim.records import NO_ID, Expiry, SimBalance, SimEvent, SimEventKind, SimFill, SimOrder
from tickwright.sim.stands.binance_spot.config import EXP
from tickwright.sim.stands.binance_spot.listing import text
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue

_MONEY_GRID = 10 ** (18 - EXP)
ZERO = "0.00000000"
DEFAULT_STP = Stp.EXPIRE_MAKER
NO_EXTRAS: Mapping[str, JsonValue] = {}

_TYPES = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
_TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
STPS = {
    Stp.NONE: "NONE",
    Stp.EXPIRE_TAKER: "EXPIRE_TAKER",
    Stp.EXPIRE_MAKER: "EXPIRE_MAKER",
    Stp.EXPIRE_BOTH: "EXPIRE_BOTH",
    Stp.DECREMENT: "DECREMENT",
}
_EXECUTIONS = {
    SimEventKind.NEW: "NEW",
    SimEventKind.TRADE: "TRADE",
    SimEventKind.CANCELED: "CANCELED",
    SimEventKind.EXPIRED: "EXPIRED",
    SimEventKind.PREVENTED: "TRADE_PREVENTION",
    SimEventKind.REPLACED: "REPLACED",
    SimEventKind.TRIGGERED: "NEW",
}
_EXPIRIES = {
    Expiry.IOC_REST: "UNFILLED_IOC_QUANTITY_EXPIRED",
    Expiry.FOK_UNFILLED: "UNFILLED_FOK_ORDER_EXPIRED",
    Expiry.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
    Expiry.OCO: "OCO_TRIGGER",
    Expiry.FUNDS: "REJECTED",
    Expiry.WOULD_TAKE: "REJECTED",
}
_REJECTS = {Expiry.FUNDS: "INSUFFICIENT_BALANCES", Expiry.WOULD_TAKE: "WOULD_MATCH_IMMEDIATELY"}


def money_text(amount: int) -> str:
    """An asset amount (10**-18) cut to eight places."""
    return text(amount // _MONEY_GRID)


def ms(ns: int) -> int:
    return ns // 1_000_000


def type_name(order: SimOrder) -> str:
    return "LIMIT_MAKER" if order.post_only and order.type is OrderType.LIMIT else _TYPES[order.type]


def _tif(order: SimOrder) -> str:
    return "GTC" if order.type is OrderType.MARKET else _TIFS[order.tif]


def _stp(order: SimOrder) -> str:
    return STPS[DEFAULT_STP if order.stp is Stp.VENUE else order.stp]


def _working(order: SimOrder) -> int:
    return ms(order.working_ns) if order.working_ns else -1


def ack(order: SimOrder, instrument: Instrument, at_ns: int) -> Json:
    """The ACK answer to a new order."""
    return {
        "symbol": instrument.native,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": ms(at_ns),
    }


def _terms(order: SimOrder) -> Json:
    return {
        "price": text(order.price or 0),
        "origQty": text(order.qty),
        "executedQty": text(order.filled),
        "origQuoteOrderQty": money_text(order.quote_qty),
        "cummulativeQuoteQty": money_text(order.quote_filled),
        "status": order.status.value.upper(),
        "timeInForce": _tif(order),
        "type": type_name(order),
        "side": order.side.value.upper(),
    }


def _sometimes(order: SimOrder) -> dict[str, JsonValue]:
    more: dict[str, JsonValue] = {}
    if order.prevented_match_id != NO_ID:
        more["preventedMatchId"] = order.prevented_match_id
        more["preventedQuantity"] = text(order.prevented_qty)
    if order.expiry in _EXPIRIES:
        more["expiryReason"] = _EXPIRIES[order.expiry]
    return more


def _stop(order: SimOrder) -> Json:
    return {} if order.stop is None else {"stopPrice": text(order.stop)}


def result(order: SimOrder, instrument: Instrument, at_ns: int, extras: Json = NO_EXTRAS) -> Json:
    """The RESULT answer to a new order. ``extras`` are terms that the client gave and the exchange does not need."""
    return {
        **ack(order, instrument, at_ns),
        **_terms(order),
        **_stop(order),
        **extras,
        "workingTime": _working(order),
        "selfTradePreventionMode": _stp(order),
        **_sometimes(order),
    }


def full(order: SimOrder, instrument: Instrument, at_ns: int, fills: Iterable[SimFill], extras: Json = NO_EXTRAS) -> Json:
    """The FULL answer to a new order."""
    rows: list[JsonValue] = [
        {
            "price": text(fill.price),
            "qty": text(fill.qty),
            "commission": money_text(fill.fee),
            "commissionAsset": fill.fee_asset or instrument.quote,
            "tradeId": fill.trade_id,
        }
        for fill in fills
    ]
    return {**result(order, instrument, at_ns, extras), "fills": rows}


def canceled(order: SimOrder, instrument: Instrument, at_ns: int, request_id: str, extras: Json = NO_EXTRAS) -> Json:
    """The answer to a cancel: ``clientOrderId`` names the cancel."""
    return {
        "symbol": instrument.native,
        "origClientOrderId": order.client_id,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": request_id,
        "transactTime": ms(at_ns),
        **_terms(order),
        **_stop(order),
        **extras,
        "selfTradePreventionMode": _stp(order),
    }


def queried(order: SimOrder, instrument: Instrument, extras: Json = NO_EXTRAS) -> Json:
    """One order as a question about it is answered."""
    return {
        "symbol": instrument.native,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        **_terms(order),
        "stopPrice": text(order.stop or 0),
        "icebergQty": ZERO,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": order.triggered,
        "workingTime": _working(order),
        "selfTradePreventionMode": _stp(order),
        **extras,
        **_sometimes(order),
    }


def amended(order: SimOrder, instrument: Instrument, at_ns: int, execution_id: int, old_id: str) -> Json:
    """The answer to an amend; its field names are its own."""
    return {
        "transactTime": ms(at_ns),
        "executionId": execution_id,
        "amendedOrder": {
            "symbol": instrument.native,
            "orderId": order.venue_id,
            "orderListId": order.list_id,
            "origClientOrderId": old_id,
            "clientOrderId": order.client_id,
            "price": text(order.price or 0),
            "qty": text(order.qty),
            "executedQty": text(order.filled),
            "preventedQty": text(order.prevented_qty),
            "quoteOrderQty": money_text(order.quote_qty),
            "cumulativeQuoteQty": money_text(order.quote_filled),
            "status": order.status.value.upper(),
            "timeInForce": _tif(order),
            "type": type_name(order),
            "side": order.side.value.upper(),
            "workingTime": _working(order),
            "selfTradePreventionMode": _stp(order),
        },
    }


def my_trade(fill: SimFill, instrument: Instrument) -> dict[str, JsonValue]:
    """One row of ``myTrades``."""
    return {
        "symbol": instrument.native,
        "id": fill.trade_id,
        "orderId": fill.venue_id,
        "orderListId": fill.list_id,
        "price": text(fill.price),
        "qty": text(fill.qty),
        "quoteQty": money_text(fill.quote),
        "commission": money_text(fill.fee),
        "commissionAsset": fill.fee_asset or instrument.quote,
        "time": ms(fill.at_ns),
        "isBuyer": fill.side.value == "buy",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def order_list(
    list_id: int, client_id: str, instrument: Instrument, orders: Sequence[SimOrder], at_ns: int, *, going: bool
) -> dict[str, JsonValue]:
    """An order list as the venue shows it."""
    return {
        "orderListId": list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if going else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if going else "ALL_DONE",
        "listClientOrderId": client_id,
        "transactionTime": ms(at_ns),
        "symbol": instrument.native,
        "orders": [{"symbol": instrument.native, "orderId": one.venue_id, "clientOrderId": one.client_id} for one in orders],
    }


# -- the account's events --------------------------------------------------------------------------------------------------


def execution_report(event: SimEvent, instrument: Instrument, execution_id: int, extras: Json = NO_EXTRAS) -> Json:
    """``executionReport``. On a cancel ``c`` names the cancel and ``C`` the order."""
    order = event.order
    traded = event.kind is SimEventKind.TRADE
    own, before = order.client_id, ""
    if event.kind is SimEventKind.CANCELED:
        own, before = event.request_id, order.client_id
    elif event.kind is SimEventKind.REPLACED:
        before = order.orig_client_id or order.client_id
    return {
        "e": "executionReport",
        "E": ms(event.at_ns),
        "s": instrument.native,
        "c": own,
        "S": order.side.value.upper(),
        "o": type_name(order),
        "f": _tif(order),
        "q": text(order.qty),
        "p": text(order.price or 0),
        "P": text(order.stop or 0),
        "F": ZERO,
        "g": order.list_id,
        "C": before,
        "x": _EXECUTIONS[event.kind],
        "X": order.status.value.upper(),
        "r": _REJECTS.get(order.expiry, "NONE") if order.expiry is not None else "NONE",
        "i": order.venue_id,
        "l": text(order.last_qty),
        "z": text(order.filled),
        "L": text(order.last_price),
        "n": money_text(order.last_fee) if order.last_fee else "0",
        "N": order.last_fee_asset or None,
        "T": ms(event.at_ns),
        "t": order.last_trade_id if traded else -1,
        "I": execution_id,
        "w": order.triggered and order.status.is_open,
        "m": order.last_maker,
        "M": False,
        "O": ms(order.created_ns),
        "Z": money_text(order.quote_filled),
        "Y": text(order.last_price * order.last_qty // 10**EXP),
        "Q": money_text(order.quote_qty),
        **({"W": ms(order.working_ns)} if order.working_ns else {}),
        "V": _stp(order),
        **{_SHORT[name]: value for name, value in extras.items()},
        **_prevented(event, instrument),
        **({"eR": _EXPIRIES[order.expiry]} if order.expiry in _EXPIRIES and not order.status.is_open else {}),
    }


_SHORT = {"strategyId": "j", "strategyType": "J", "origQuoteOrderQty": "Q"}


def _prevented(event: SimEvent, instrument: Instrument) -> Json:
    if event.kind is not SimEventKind.PREVENTED:
        return {}
    order = event.order
    return {
        "v": order.prevented_match_id,
        "A": text(order.prevented_qty),
        "B": text(order.last_prevented_qty),
        "u": 1,
        "U": order.counter_venue_id,
        "Cs": instrument.native,
    }


def position(balances: Sequence[SimBalance], at_ns: int) -> Json:
    """``outboundAccountPosition``."""
    rows = [{"a": item.asset, "f": money_text(item.free), "l": money_text(item.locked)} for item in balances]
    return {"e": "outboundAccountPosition", "E": ms(at_ns), "u": ms(at_ns), "B": rows}


def transfer(asset: str, amount: int, at_ns: int) -> Json:
    """``balanceUpdate``."""
    sign = "-" if amount < 0 else ""
    return {"e": "balanceUpdate", "E": ms(at_ns), "a": asset, "d": sign + money_text(abs(amount)), "T": ms(at_ns)}


def list_status(
    list_id: int, client_id: str, instrument: Instrument, orders: Sequence[SimOrder], at_ns: int, *, going: bool
) -> Json:
    """``listStatus``."""
    return {
        "e": "listStatus",
        "E": ms(at_ns),
        "s": instrument.native,
        "g": list_id,
        "c": "OCO",
        "l": "EXEC_STARTED" if going else "ALL_DONE",
        "L": "EXECUTING" if going else "ALL_DONE",
        "r": "NONE",
        "C": client_id,
        "T": ms(at_ns),
        "O": [{"s": instrument.native, "i": one.venue_id, "c": one.client_id} for one in orders],
    }
