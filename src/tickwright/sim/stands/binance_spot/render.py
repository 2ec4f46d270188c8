"""JSON shapes of the venue, from the exchange's records. Decimals are text with eight places, times milliseconds."""

from __future__ import annotations

from typing import Any

from tickwright.model.instrument import Instrument
from tickwright.model.order import OrderType, Stp, Tif
from tickwright.sim.records import NO_ID, Expiry, SimBalance, SimEvent, SimEventKind, SimFill, SimOrder, SimStatus
from tickwright.sim.stands.binance_spot.config import EXP, ONE

Json = dict[str, Any]

_MONEY_GRID = 10 ** (18 - EXP)
ZERO = "0.00000000"

TYPES = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
STPS = {
    Stp.NONE: "NONE",
    Stp.EXPIRE_TAKER: "EXPIRE_TAKER",
    Stp.EXPIRE_MAKER: "EXPIRE_MAKER",
    Stp.EXPIRE_BOTH: "EXPIRE_BOTH",
    Stp.DECREMENT: "DECREMENT",
}
DEFAULT_STP = Stp.EXPIRE_MAKER

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


def text(units: int) -> str:
    """Units of 10**-8 as the venue prints them."""
    return f"{units // ONE}.{units % ONE:08d}" if units >= 0 else f"-{text(-units)}"


def amount(money: int) -> str:
    """An asset amount (10**-18) cut to eight places."""
    return text(money // _MONEY_GRID)


def ms(ns: int) -> int:
    return ns // 1_000_000


def type_name(order: SimOrder) -> str:
    return "LIMIT_MAKER" if order.post_only and order.type is OrderType.LIMIT else TYPES[order.type]


def stp_name(order: SimOrder) -> str:
    return STPS[DEFAULT_STP if order.stp is Stp.VENUE else order.stp]


def ack(order: SimOrder, instrument: Instrument, at_ns: int) -> Json:
    return {
        "symbol": instrument.native,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": ms(at_ns),
    }


def _body(order: SimOrder) -> Json:
    return {
        "price": text(order.price or 0),
        "origQty": text(order.qty),
        "executedQty": text(order.filled),
        "origQuoteOrderQty": amount(order.quote_qty),
        "cummulativeQuoteQty": amount(order.quote_filled),
        "status": order.status.value.upper(),
        "timeInForce": TIFS[order.tif] if order.type is not OrderType.MARKET else "GTC",
        "type": type_name(order),
        "side": order.side.value.upper(),
    }


def _sometimes(order: SimOrder) -> Json:
    more: Json = {}
    if order.stop is not None:
        more["stopPrice"] = text(order.stop)
    if order.prevented_match_id != NO_ID:
        more["preventedMatchId"] = order.prevented_match_id
        more["preventedQuantity"] = text(order.prevented_qty)
    if order.expiry in _EXPIRIES:
        more["expiryReason"] = _EXPIRIES[order.expiry]
    return more


def result(order: SimOrder, instrument: Instrument, at_ns: int) -> Json:
    """The RESULT answer to a new order."""
    return {
        **ack(order, instrument, at_ns),
        **_body(order),
        "workingTime": ms(order.working_ns) if order.working_ns else -1,
        "selfTradePreventionMode": stp_name(order),
        **_sometimes(order),
    }


def full(order: SimOrder, instrument: Instrument, at_ns: int, fills: list[SimFill]) -> Json:
    """The FULL answer to a new order."""
    rows = [
        {
            "price": text(fill.price),
            "qty": text(fill.qty),
            "commission": amount(fill.fee),
            "commissionAsset": fill.fee_asset or instrument.quote,
            "tradeId": fill.trade_id,
        }
        for fill in fills
    ]
    return {**result(order, instrument, at_ns), "fills": rows}


def canceled(order: SimOrder, instrument: Instrument, at_ns: int, request_id: str) -> Json:
    """The answer to a cancel: ``clientOrderId`` names the cancel."""
    return {
        "symbol": instrument.native,
        "origClientOrderId": order.client_id,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": request_id,
        "transactTime": ms(at_ns),
        **_body(order),
        "selfTradePreventionMode": stp_name(order),
        **({"stopPrice": text(order.stop)} if order.stop is not None else {}),
    }


def queried(order: SimOrder, instrument: Instrument) -> Json:
    """One order as a query shows it."""
    shown = {
        "symbol": instrument.native,
        "orderId": order.venue_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        **_body(order),
        "stopPrice": text(order.stop or 0),
        "icebergQty": ZERO,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": order.on_book or order.triggered,
        "workingTime": ms(order.working_ns) if order.working_ns else -1,
        "selfTradePreventionMode": stp_name(order),
    }
    return {**shown, **{name: value for name, value in _sometimes(order).items() if name != "stopPrice"}}


def amended(order: SimOrder, instrument: Instrument, at_ns: int, execution_id: int, old_id: str) -> Json:
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
            "quoteOrderQty": amount(order.quote_qty),
            "cumulativeQuoteQty": amount(order.quote_filled),
            "status": order.status.value.upper(),
            "timeInForce": TIFS[order.tif],
            "type": type_name(order),
            "side": order.side.value.upper(),
            "workingTime": ms(order.working_ns) if order.working_ns else -1,
            "selfTradePreventionMode": stp_name(order),
        },
    }


def my_trade(fill: SimFill, instrument: Instrument) -> Json:
    return {
        "symbol": instrument.native,
        "id": fill.trade_id,
        "orderId": fill.venue_id,
        "orderListId": fill.list_id,
        "price": text(fill.price),
        "qty": text(fill.qty),
        "quoteQty": amount(fill.quote),
        "commission": amount(fill.fee),
        "commissionAsset": fill.fee_asset or instrument.quote,
        "time": ms(fill.at_ns),
        "isBuyer": fill.side.value == "buy",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def execution_report(event: SimEvent, instrument: Instrument, execution_id: int) -> Json:
    """The user stream's ``executionReport``. On a cancel ``c`` names the cancel and ``C`` the order."""
    order = event.order
    own, before = order.client_id, order.orig_client_id if event.kind is SimEventKind.REPLACED else ""
    if event.kind is SimEventKind.CANCELED:
        own, before = event.request_id or order.client_id, order.client_id
    elif event.kind is SimEventKind.REPLACED:
        before = order.orig_client_id or order.client_id
    traded = event.kind is SimEventKind.TRADE
    report = {
        "e": "executionReport",
        "E": ms(event.at_ns),
        "s": instrument.native,
        "c": own,
        "S": order.side.value.upper(),
        "o": type_name(order),
        "f": TIFS[order.tif] if order.type is not OrderType.MARKET else "GTC",
        "q": text(order.qty),
        "p": text(order.price or 0),
        "P": text(order.stop or 0),
        "F": ZERO,
        "g": order.list_id,
        "C": before,
        "x": _EXECUTIONS[event.kind],
        "X": order.status.value.upper(),
        "r": "NONE",
        "i": order.venue_id,
        "l": text(order.last_qty if traded else 0),
        "z": text(order.filled),
        "L": text(order.last_price if traded else 0),
        "n": amount(order.last_fee) if traded and order.last_fee else "0",
        "N": (order.last_fee_asset or None) if traded else None,
        "T": ms(event.at_ns),
        "t": order.last_trade_id if traded else -1,
        "I": execution_id,
        "w": order.on_book,
        "m": order.last_maker if traded else False,
        "M": traded,
        "O": ms(order.created_ns),
        "Z": amount(order.quote_filled),
        "Y": amount(order.last_price * order.last_qty * 100) if traded else ZERO,
        "Q": amount(order.quote_qty),
        "W": ms(order.working_ns) if order.working_ns else -1,
        "V": stp_name(order),
    }
    if event.kind is SimEventKind.PREVENTED:
        report |= {
            "v": order.prevented_match_id,
            "A": text(order.prevented_qty),
            "B": text(order.last_prevented_qty),
            "u": 1,
            "U": order.counter_venue_id,
            "Cs": instrument.native,
        }
    if order.expiry in _EXPIRIES and order.status in (SimStatus.EXPIRED, SimStatus.REJECTED):
        report["eR"] = _EXPIRIES[order.expiry]
    return report


def position(balances: tuple[SimBalance, ...], at_ns: int) -> Json:
    """The user stream's ``outboundAccountPosition``."""
    return {
        "e": "outboundAccountPosition",
        "E": ms(at_ns),
        "u": ms(at_ns),
        "B": [{"a": item.asset, "f": amount(item.free), "l": amount(item.locked)} for item in balances],
    }


def listing(instrument: Instrument) -> Json:
    """One symbol of ``exchangeInfo``."""
    tick, lot = text(instrument.tick_units), text(instrument.lot_units)
    return {
        "symbol": instrument.native,
        "status": "TRADING" if instrument.trading else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": text(instrument.price_max_units), "tickSize": tick},
            {
                "filterType": "LOT_SIZE",
                "minQty": text(instrument.qty_min_units),
                "maxQty": text(instrument.qty_max_units),
                "stepSize": lot,
            },
            {"filterType": "ICEBERG_PARTS", "limit": 100},
            {"filterType": "MARKET_LOT_SIZE", "minQty": ZERO, "maxQty": text(instrument.market_qty_max_units), "stepSize": ZERO},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": amount(instrument.notional_min),
                "applyMinToMarket": True,
                "maxNotional": amount(instrument.notional_max),
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.open_orders_max},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": instrument.open_stops_max},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }
