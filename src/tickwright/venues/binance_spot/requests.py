"""Builds requests: what to ask, as data; then encodes and signs one for the transport that carries it.

Guarantees: numbers are written out in full (never an exponent), terms are always spelled, parameters are percent-encoded before
they are signed, and the text signed is the text sent. What the venue cannot do is refused here, before anything is sent.
"""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import msgspec

from tickwright.base.numbers import to_text
from tickwright.model.market import Side
from tickwright.model.order import NewOrder, OrderRef, OrderType, Stp, Tif
from tickwright.venues.binance_spot.rules import DEPTH_WEIGHTS, ENDPOINTS, HISTORY_PAGE, ORDER_KINDS, PRICE_EXP, QTY_EXP
from tickwright.venues.kit import Request, Signer

Params = list[tuple[str, str | int]]

TYPE_WORDS = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
SIDE_WORDS = {Side.BUY: "BUY", Side.SELL: "SELL"}
TIF_WORDS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
STP_WORDS = {stp: stp.value.upper() for stp in Stp if stp is not Stp.VENUE}
_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})


def unsupported(order: NewOrder) -> str:
    """What in an order the venue does not offer or cannot read; "" if nothing."""
    if order.reduce_only:
        return "reduce-only does not exist on spot"
    if (order.price is not None) != (order.type in _PRICED):
        return f"{order.type.value} {'needs a' if order.price is None else 'takes no'} price"
    if (order.stop is not None) != (order.type in _STOPPED):
        return f"{order.type.value} {'needs a' if order.stop is None else 'takes no'} stop price"
    if order.post_only and (order.type is not OrderType.LIMIT or order.tif is not Tif.GTC):
        return "post-only is for limit orders that rest"
    if order.qty <= 0 or (order.price is not None and order.price <= 0):
        return "quantity and price must be positive"
    return ""


def _type_word(order: NewOrder) -> str:
    return "LIMIT_MAKER" if order.post_only else TYPE_WORDS[order.type]


def _terms(order: NewOrder) -> Params:
    """Everything of an order but its symbol and its id."""
    params: Params = [
        ("side", SIDE_WORDS[order.side]),
        ("type", _type_word(order)),
        ("quantity", to_text(order.qty, QTY_EXP)),
    ]
    if order.price is not None:
        params.append(("price", to_text(order.price, PRICE_EXP)))
        if not order.post_only:
            params.append(("timeInForce", TIF_WORDS[order.tif]))
    if order.stop is not None:
        params.append(("stopPrice", to_text(order.stop, PRICE_EXP)))
    if order.stp is not Stp.VENUE:
        params.append(("selfTradePreventionMode", STP_WORDS[order.stp]))
    return params


def _request(kind: str, params: Params, ref: OrderRef | None = None, dead_after_ns: int = 0) -> Request:
    endpoint = ENDPOINTS[kind]
    return Request(
        kind=kind,
        method=endpoint.method,
        path=endpoint.path,
        ws_method=endpoint.ws_method,
        params=tuple(params),
        signed=endpoint.signed,
        weight=endpoint.weight,
        is_order=kind in ORDER_KINDS,
        ref=ref,
        dead_after_ns=dead_after_ns,
    )


def submit(order: NewOrder, native: str, dead_after_ns: int = 0) -> Request:
    """Place an order. The full answer is asked for: it carries the first fills, should the account stream be late."""
    params: Params = [("symbol", native), *_terms(order), ("newClientOrderId", order.client_id), ("newOrderRespType", "FULL")]
    return _request("submit", params, OrderRef(order.key, order.client_id), dead_after_ns)


def _named(ref: OrderRef, id_name: str = "orderId", client_name: str = "origClientOrderId") -> tuple[str, str | int]:
    """The venue's id where it is known (fastest, and proof against renaming), else ours."""
    if ref.venue_id.isascii() and ref.venue_id.isdigit():
        return (id_name, int(ref.venue_id))
    return (client_name, ref.client_id)


def cancel(ref: OrderRef, native: str) -> Request:
    return _request("cancel", [("symbol", native), _named(ref)], ref)


def cancel_all(key: str, native: str) -> Request:
    return _request("cancel_all", [("symbol", native)], OrderRef(key, ""))


def amend_qty(ref: OrderRef, qty: int, native: str) -> Request:
    """Make an order smaller, keeping its place in the queue and its client id (left out, the venue would make a new one)."""
    params: Params = [("symbol", native), _named(ref), ("newQty", to_text(qty, QTY_EXP)), ("newClientOrderId", ref.client_id)]
    return _request("amend", params, ref)


def replace(ref: OrderRef, order: NewOrder, native: str, *, only_new: bool) -> Request:
    """Cancel an order and, only if that worked, place another. ``only_new``: not if it has traded in the meantime."""
    params: Params = [
        ("symbol", native),
        *_terms(order),
        ("newClientOrderId", order.client_id),
        ("newOrderRespType", "FULL"),
        ("cancelReplaceMode", "STOP_ON_FAILURE"),
        _named(ref, "cancelOrderId", "cancelOrigClientOrderId"),
    ]
    if only_new:
        params.append(("cancelRestrictions", "ONLY_NEW"))
    return _request("replace", params, ref)


def oco(above: NewOrder, below: NewOrder, list_id: str, native: str) -> Request:
    """Two orders of which one cancels the other: ``above`` and ``below`` the market, same side and quantity."""
    params: Params = [
        ("symbol", native),
        ("listClientOrderId", list_id),
        ("side", SIDE_WORDS[above.side]),
        ("quantity", to_text(above.qty, QTY_EXP)),
    ]
    for leg, order in (("above", above), ("below", below)):
        params += [(f"{leg}Type", _type_word(order)), (f"{leg}ClientOrderId", order.client_id)]
        if order.price is not None:
            params.append((f"{leg}Price", to_text(order.price, PRICE_EXP)))
            if not order.post_only:
                params.append((f"{leg}TimeInForce", TIF_WORDS[order.tif]))
        if order.stop is not None:
            params.append((f"{leg}StopPrice", to_text(order.stop, PRICE_EXP)))
    if above.stp is not Stp.VENUE:
        params.append(("selfTradePreventionMode", STP_WORDS[above.stp]))
    params.append(("newOrderRespType", "FULL"))
    return _request("oco", params, OrderRef(above.key, above.client_id))


def refuse_oco(above: NewOrder, below: NewOrder) -> str:
    """What is wrong with a pair of orders as an OCO; "" if nothing."""
    if (above.key, above.side, above.qty, above.stp) != (below.key, below.side, below.qty, below.stp):
        return "the orders of a pair share instrument, side, quantity and self-trade prevention"
    if above.client_id == below.client_id:
        return "the orders of a pair have two ids"
    return unsupported(above) or unsupported(below)


# -- questions -----------------------------------------------------------------------------------------------------------


def find(ref: OrderRef, native: str) -> Request:
    return _request("find", [("symbol", native), _named(ref)], ref)


def open_orders(native: str | None) -> Request:
    """Open orders of one symbol, or of all (dear)."""
    return _request("open_orders_all", []) if native is None else _request("open_orders", [("symbol", native)])


def all_orders(native: str, start_ms: int) -> Request:
    return _request("all_orders", [("symbol", native), ("startTime", start_ms), ("limit", HISTORY_PAGE)])


def account() -> Request:
    return _request("account", [("omitZeroBalances", "true")])


def my_trades(native: str, *, from_id: int | None = None, start_ms: int | None = None) -> Request:
    """Own executions, oldest first: from a trade id on, or from a time on."""
    params: Params = [("symbol", native), ("limit", HISTORY_PAGE)]
    if from_id is not None:
        params.append(("fromId", from_id))
    if start_ms is not None:
        params.append(("startTime", start_ms))
    return _request("my_trades", params)


def my_trades_of(native: str, order_id: int, *, from_id: int | None = None) -> Request:
    """Executions of one order."""
    params: Params = [("symbol", native), ("limit", HISTORY_PAGE), ("orderId", order_id)]
    if from_id is not None:
        params.append(("fromId", from_id))
    return _request("my_trades_of_order", params)


def commission(native: str) -> Request:
    return _request("commission", [("symbol", native)])


def key_restrictions() -> Request:
    return _request("key_restrictions", [])


def server_time() -> Request:
    return _request("time", [])


def instruments() -> Request:
    return _request("instruments", [("showPermissionSets", "false")])


def depth(native: str, levels: int) -> Request:
    """A snapshot of the book; deep ones weigh more."""
    request = _request("depth", [("symbol", native), ("limit", levels)])
    return msgspec.structs.replace(request, weight=DEPTH_WEIGHTS[levels])


def bars(native: str, span: str, start_ms: int, end_ms: int) -> Request:
    """Bars that open within the time given, both ends included."""
    window: Params = [("startTime", start_ms), ("endTime", end_ms), ("limit", HISTORY_PAGE)]
    return _request("bars", [("symbol", native), ("interval", span), *window])


def trades(native: str, *, from_id: int | None = None, start_ms: int | None = None, end_ms: int | None = None) -> Request:
    """Trades of everybody, aggregated by taker order and price, oldest first."""
    params: Params = [("symbol", native), ("limit", HISTORY_PAGE)]
    for name, value in (("fromId", from_id), ("startTime", start_ms), ("endTime", end_ms)):
        if value is not None:
            params.append((name, value))
    return _request("trades", params)


# -- encoding ------------------------------------------------------------------------------------------------------------


def query_string(params: Params) -> str:
    """Parameters percent-encoded in the order given."""
    return "&".join(f"{name}={quote_plus(str(value))}" for name, value in params)


def signed_query(params: Params, signer: Signer, at_ms: int, recv_window_ms: int) -> str:
    """The query string of a signed REST request: encoded, then signed, the signature last."""
    text = query_string([*params, ("recvWindow", recv_window_ms), ("timestamp", at_ms)])
    return f"{text}&signature={quote(signer.sign(text.encode()), safe='')}"


def ws_payload(params: Params) -> bytes:
    """What is signed in a WebSocket API request: sorted by name, as they stand in the JSON, not encoded."""
    return "&".join([f"{name}={value}" for name, value in sorted(params)]).encode()


def ws_frame(request_id: int | str, method: str, params: Params) -> bytes:
    """One request frame."""
    return _encode({"id": request_id, "method": method, "params": dict(params)})


def signed_ws_frame(
    request_id: int | str, method: str, params: Params, signer: Signer, *, key: str, at_ms: int, recv_window_ms: int
) -> bytes:
    """One request frame with the key and the signature in it."""
    full: Params = [*params, ("apiKey", key), ("recvWindow", recv_window_ms), ("timestamp", at_ms)]
    full.append(("signature", signer.sign(ws_payload(full))))
    return _encode({"id": request_id, "method": method, "params": dict(full)})


_encode = msgspec.json.Encoder().encode
