"""Reads answers: what became of a request, and what a question brought to light.

Guarantees: a request that may have been executed is never called rejected, and one that was refused before the matching engine
is never called unknown; a question that got no answer is :class:`CouldNotAsk`, never :class:`Absent`. What classifies never
raises; what reads a list or an order raises ``WireError`` and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tickwright.base.clock import NS_PER_MS
from tickwright.base.errors import WireError
from tickwright.base.numbers import parse_units
from tickwright.model.order import (
    Absent,
    Accepted,
    CouldNotAsk,
    Fill,
    Finding,
    Found,
    NewOrder,
    OrderReport,
    Outcome,
    Rejected,
    ReportStatus,
    Stp,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.venues.binance_spot import structs as wire
from tickwright.venues.binance_spot.account import SIDES, STATES, TIFS, TYPES, WAITING_TYPES, money_units, units_or_none
from tickwright.venues.binance_spot.market import UNREADABLE, stamp_ns
from tickwright.venues.binance_spot.rules import PRICE_EXP, QTY_EXP, REASONS, REASONS_BY_TEXT, UNKNOWN_CODES
from tickwright.venues.kit import Request, SymbolMap

_T = TypeVar("_T")
Report = OrderReport | Fill

#: What reading an answer can raise: unreadable bytes, or a word that is not in our tables.
_UNUSABLE = (*UNREADABLE, KeyError)
_BANNED_UNTIL = re.compile(r"banned until (\d{10,16})")
_HTTP_FORBIDDEN = 403
_HTTP_BANNED = 418
_HTTP_TOO_MANY = 429
_CODE_NOTHING_OPEN = -2011
_CODE_NO_SUCH_ORDER = -2013
_CODE_OVERLOADED = -1008
_CODE_REPLACE_HALF = -2021
_CODE_REPLACE_FAILED = -2022


def reason_for(code: int, text: str) -> Reason:
    """Our reason for the venue's code; where one code covers several cases its text decides."""
    low = text.lower()
    for part, reason in REASONS_BY_TEXT.get(code, ()):
        if part in low:
            return reason
    return REASONS.get(code, Reason.VENUE_OTHER)


def read_error(body: bytes) -> wire.Error | None:
    """The venue's error, or None if the body is not one."""
    try:
        return _error(body)
    except UNREADABLE:
        return None


def classify(request: Request, status: int | None, body: bytes, at_ns: int, symbols: SymbolMap) -> Outcome:
    """What became of a request. ``status`` is None when the connection was lost after it may have been sent."""
    if status is None:
        return Unknown(why="the connection was lost before the answer came")
    if 200 <= status < 300:
        try:
            return _ACCEPT[request.kind](body, at_ns, symbols)
        except _UNUSABLE as problem:
            return Unknown(why=f"taken, but the answer is unreadable: {type(problem).__name__}: {str(problem)[:100]}")
    error = read_error(body)
    if error is None:
        if status == _HTTP_FORBIDDEN:
            return Rejected(reason=Reason.VENUE_OTHER, code=str(status), text="stopped by the venue's firewall")
        if status in (_HTTP_TOO_MANY, _HTTP_BANNED):
            return Rejected(reason=Reason.VENUE_BANNED if status == _HTTP_BANNED else Reason.VENUE_RATE_LIMIT, code=str(status))
        return Unknown(why=f"status {status} with an unreadable body")
    if error.code == _CODE_OVERLOADED:
        return _rejected(error, status, at_ns)
    if status >= 500 or status < 400 or error.code in UNKNOWN_CODES:
        return Unknown(why=f"status {status}: {error.code} {error.msg[:200]}")
    if error.code in (_CODE_REPLACE_HALF, _CODE_REPLACE_FAILED) and error.data is not UNSET:
        if request.kind != "replace":
            return Unknown(why=f"{error.code} answers a cancel-replace, which this was not")
        return _half_replaced(request, error, at_ns, symbols)
    if (
        request.kind == "cancel_all"
        and error.code == _CODE_NOTHING_OPEN
        and reason_for(error.code, error.msg) is Reason.VENUE_UNKNOWN_ORDER
    ):
        return Accepted(venue_id="", at_ns=at_ns)
    return _rejected(error, status, at_ns)


def _rejected(error: wire.Error, status: int, at_ns: int) -> Rejected:
    reason = Reason.VENUE_BANNED if status == _HTTP_BANNED else reason_for(error.code, error.msg)
    return Rejected(reason=reason, code=str(error.code), text=error.msg[:300], retry_after_ns=_retry_after_ns(error, at_ns))


def _retry_after_ns(error: wire.Error, at_ns: int) -> int:
    """How long to leave the venue alone, where its error says so (as a moment in time)."""
    until_ms = 0
    if error.data is not UNSET:
        try:
            until_ms = _retry(error.data).retryAfter
        except UNREADABLE:
            until_ms = 0
    if not until_ms and (found := _BANNED_UNTIL.search(error.msg)) is not None:
        until_ms = int(found[1])
    return max(0, until_ms * NS_PER_MS - at_ns) if until_ms else 0


# -- taken ---------------------------------------------------------------------------------------------------------------


def report_of(x: wire.OrderAnswer, client_id: str, at_ns: int, symbols: SymbolMap) -> OrderReport:
    """An order as an answer or a query tells it."""
    kind = TYPES[x.type]
    reason = STATES[x.status]
    filled = parse_units(x.executedQty, QTY_EXP)
    working = x.isWorking if x.isWorking is not None else (x.workingTime is not None and x.workingTime > 0)
    return OrderReport(
        key=symbols.key(x.symbol),
        client_id=client_id,
        venue_id=str(x.orderId),
        side=SIDES[x.side],
        type=kind,
        status=ReportStatus.OPEN if reason is None else ReportStatus.DONE,
        qty=parse_units(x.origQty, QTY_EXP),
        filled=filled,
        price=units_or_none(x.price, PRICE_EXP),
        stop=units_or_none(x.stopPrice, PRICE_EXP),
        reason=reason,
        venue_ns=stamp_ns(x.transactTime or x.updateTime or x.time),
        recv_ns=at_ns,
        tif=TIFS[x.timeInForce],
        triggered=kind not in WAITING_TYPES or working or filled > 0,
    )


def _fills_of(x: wire.OrderAnswer, at_ns: int, symbols: SymbolMap) -> list[Fill]:
    """The executions in a full answer: made on arrival, so as taker."""
    return [
        Fill(
            key=symbols.key(x.symbol),
            client_id=x.clientOrderId,
            venue_id=str(x.orderId),
            trade_id=str(item.tradeId),
            side=SIDES[x.side],
            price=parse_units(item.price, PRICE_EXP),
            qty=parse_units(item.qty, QTY_EXP),
            fee=money_units(item.commission),
            fee_asset=item.commissionAsset,
            maker=False,
            venue_ns=stamp_ns(x.transactTime),
            recv_ns=at_ns,
        )
        for item in x.fills
    ]


def _placed(body: bytes | Raw, at_ns: int, symbols: SymbolMap) -> Accepted:
    x = _order(body)
    if not x.status:  # the bare acknowledgement
        return Accepted(venue_id=str(x.orderId), at_ns=at_ns)
    reports: tuple[Report, ...] = (*_fills_of(x, at_ns, symbols), report_of(x, x.clientOrderId, at_ns, symbols))
    return Accepted(venue_id=str(x.orderId), at_ns=at_ns, reports=reports)


def _canceled(body: bytes | Raw, at_ns: int, symbols: SymbolMap) -> Accepted:
    try:
        x = _order(body)
    except msgspec.ValidationError:
        return _listed(body, at_ns, symbols)  # the order was one of a pair: both went
    return Accepted(venue_id=str(x.orderId), at_ns=at_ns, reports=(_own_report(x, at_ns, symbols),))


def _own_report(x: wire.OrderAnswer, at_ns: int, symbols: SymbolMap) -> OrderReport:
    """A report under the order's own id, where the answer to a cancel puts the cancel's first."""
    return report_of(x, x.origClientOrderId or x.clientOrderId, at_ns, symbols)


def _canceled_all(body: bytes, at_ns: int, symbols: SymbolMap) -> Accepted:
    orders: list[wire.OrderAnswer] = []
    for raw in _raws(body):
        listed = _entry(raw).orderReports
        orders += [_order(raw)] if listed is UNSET else listed
    return Accepted(venue_id="", at_ns=at_ns, reports=tuple(_own_report(x, at_ns, symbols) for x in orders))


def _amended(body: bytes, at_ns: int, symbols: SymbolMap) -> Accepted:
    answer = _amend(body)
    x = answer.amendedOrder
    whole = wire.OrderAnswer(
        symbol=x.symbol,
        orderId=x.orderId,
        clientOrderId=x.clientOrderId,
        transactTime=answer.transactTime,
        price=x.price,
        origQty=x.qty,
        executedQty=x.executedQty,
        status=x.status,
        timeInForce=x.timeInForce,
        type=x.type,
        side=x.side,
        workingTime=x.workingTime,
    )
    return Accepted(venue_id=str(x.orderId), at_ns=at_ns, reports=(report_of(whole, x.clientOrderId, at_ns, symbols),))


def _replaced(body: bytes, at_ns: int, symbols: SymbolMap) -> Accepted:
    data = _replace_data(body)
    if "FAILURE" in (data.cancelResult, data.newOrderResult):
        raise ValueError("a failure inside a success")
    old = _old_half(data, Reason.REPLACED, at_ns, symbols)
    new = _placed(_needed(data.newOrderResponse), at_ns, symbols)
    reports = [
        msgspec.structs.replace(item, replaces=old.client_id) if isinstance(item, OrderReport) else item for item in new.reports
    ]
    return Accepted(venue_id=new.venue_id, at_ns=at_ns, reports=(old, *reports))


def _old_half(data: wire.ReplaceData, reason: Reason, at_ns: int, symbols: SymbolMap) -> OrderReport:
    old = _own_report(_order(_needed(data.cancelResponse)), at_ns, symbols)
    return msgspec.structs.replace(old, reason=reason) if old.reason is Reason.CANCELED else old


def _listed(body: bytes | Raw, at_ns: int, symbols: SymbolMap) -> Accepted:
    answer = _list(body)
    reports: list[Report] = []
    for x in answer.orderReports:
        reports += [*_fills_of(x, at_ns, symbols), _own_report(x, at_ns, symbols)]
    return Accepted(venue_id=str(answer.orderListId), at_ns=at_ns, reports=tuple(reports))


def _half_replaced(request: Request, error: wire.Error, at_ns: int, symbols: SymbolMap) -> Outcome:
    """A cancel-replace that did not go through.

    With the cancel done and the new order refused the request *has* had an effect: it is accepted, with a report that ends
    the old order and one that ends the new.
    """
    try:
        data = _replace_data(_needed(error.data))
        refused = data.newOrderResponse if data.newOrderResult == "FAILURE" else data.cancelResponse
        cause = _error(_needed(refused))
        if cause.code in UNKNOWN_CODES:
            return Unknown(why=f"half of a cancel-replace: {cause.code} {cause.msg[:200]}")
        if data.cancelResult != "SUCCESS":
            return Rejected(reason=reason_for(cause.code, cause.msg), code=str(cause.code), text=cause.msg[:300])
        old = _old_half(data, Reason.CANCELED, at_ns, symbols)
    except _UNUSABLE as problem:
        return Unknown(why=f"half of a cancel-replace, unreadable: {type(problem).__name__}: {str(problem)[:100]}")
    params = dict(request.params)
    dead = msgspec.structs.replace(
        old,
        client_id=str(params["newClientOrderId"]),
        venue_id="",
        qty=parse_units(str(params["quantity"]), QTY_EXP),
        filled=0,
        price=units_or_none(str(params.get("price", "0")), PRICE_EXP),
        reason=reason_for(cause.code, cause.msg),
        replaces=old.client_id,
    )
    return Accepted(venue_id=old.venue_id, at_ns=at_ns, reports=(old, dead))


def _needed(raw: Raw | UnsetType) -> Raw:
    if raw is UNSET:
        raise ValueError("a part of the answer is missing")
    return raw


# -- found ---------------------------------------------------------------------------------------------------------------


def classify_find(request: Request, status: int | None, body: bytes, at_ns: int, symbols: SymbolMap) -> Finding:
    """What a question about one order brought to light."""
    if status is None:
        return CouldNotAsk(why="no answer")
    if status == 200:
        try:
            x = _order(body)
            asked = request.ref
            client_id = asked.client_id if asked is not None and asked.client_id else x.clientOrderId
            report = report_of(x, client_id, at_ns, symbols)
            return Found(order=report, fills_complete=report.filled == 0)
        except _UNUSABLE as problem:
            return CouldNotAsk(why=f"unreadable answer: {type(problem).__name__}: {str(problem)[:100]}")
    error = read_error(body)
    if error is not None and error.code == _CODE_NO_SUCH_ORDER and 400 <= status < 500:
        return Absent(source="order")
    return CouldNotAsk(why=f"status {status}" if error is None else f"status {status}: {error.code} {error.msg[:200]}")


def find_among(body: bytes, client_id: str, venue_id: str, at_ns: int, symbols: SymbolMap) -> OrderReport | None:
    """The order in a list of orders."""
    with _readable("list of orders"):
        for x in _orders(body):
            if x.clientOrderId == client_id or (venue_id and str(x.orderId) == venue_id):
                return report_of(x, client_id, at_ns, symbols)
    return None


def orders_of(body: bytes, at_ns: int, symbols: SymbolMap) -> list[OrderReport]:
    """A list of orders."""
    with _readable("list of orders"):
        return [report_of(x, x.clientOrderId, at_ns, symbols) for x in _orders(body)]


def terms_of(body: bytes, client_id: str, symbols: SymbolMap) -> tuple[NewOrder, int]:
    """The terms of one order, and how much of it was filled."""
    with _readable("order"):
        x = _order(body)
        report = report_of(x, client_id, 0, symbols)
        order = NewOrder(
            key=report.key,
            client_id=client_id,
            side=report.side,
            type=report.type,
            qty=report.qty,
            price=report.price,
            stop=report.stop,
            tif=report.tif,
            post_only=x.type == "LIMIT_MAKER",
            reduce_only=False,
            stp=Stp(x.selfTradePreventionMode.lower()) if x.selfTradePreventionMode else Stp.VENUE,
        )
    return order, report.filled


def fills_of_trades(
    rows: Iterable[wire.MyTrade], client_ids: Callable[[str, str], str], at_ns: int, symbols: SymbolMap
) -> list[Fill]:
    """Own executions from trade history, which knows orders by the venue's id only; ``client_ids`` gives ours, or ""."""
    with _readable("trade history"):
        return [
            Fill(
                key=symbols.key(row.symbol),
                client_id=client_ids(symbols.key(row.symbol), str(row.orderId)),
                venue_id=str(row.orderId),
                trade_id=str(row.id),
                side=SIDES["BUY" if row.isBuyer else "SELL"],
                price=parse_units(row.price, PRICE_EXP),
                qty=parse_units(row.qty, QTY_EXP),
                fee=money_units(row.commission),
                fee_asset=row.commissionAsset,
                maker=row.isMaker,
                venue_ns=stamp_ns(row.time),
                recv_ns=at_ns,
            )
            for row in rows
        ]


def my_trades(body: bytes) -> list[wire.MyTrade]:
    """Rows of our trade history."""
    with _readable("trade history"):
        return _my_trades(body)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Whatever bytes can raise becomes the one error of a decoder."""
    try:
        yield
    except _UNUSABLE as error:
        raise WireError(f"unreadable {what}: {type(error).__name__}: {str(error)[:100]}") from None


def _decoder(kind: type[_T]) -> Callable[[bytes | Raw], _T]:
    return msgspec.json.Decoder(kind).decode


_error = _decoder(wire.Error)
_retry = _decoder(wire.Retry)
_order = _decoder(wire.OrderAnswer)
_orders = _decoder(list[wire.OrderAnswer])
_amend = _decoder(wire.AmendAnswer)
_replace_data = _decoder(wire.ReplaceData)
_list = _decoder(wire.ListAnswer)
_raws = _decoder(list[Raw])
_entry = _decoder(wire.CancelAllEntry)
_my_trades = _decoder(list[wire.MyTrade])

_ACCEPT: dict[str, Callable[[bytes, int, SymbolMap], Accepted]] = {
    "submit": _placed,
    "cancel": _canceled,
    "cancel_all": _canceled_all,
    "amend": _amended,
    "replace": _replaced,
    "oco": _listed,
}
