"""The venue's messages as typed structs, field names as on the wire. Only what is used is named; the rest is skipped.

Prices and sizes of market data are bounded floats, so NaN, infinities and absurd numbers end in the decoder. Exact numbers of the
account stay text until :func:`~tickwright.base.numbers.parse_units` reads them.
"""

# ruff: noqa: N815  # field names are the venue's

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

#: Milliseconds, or microseconds where asked for; either way nanoseconds of it, and of the one after it, fit 64 bits.
Stamp = Annotated[int, Meta(ge=0, le=9_223_372_036_854_774)]
Seq = Annotated[int, Meta(ge=0, le=2**62)]
Id = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
Price = Annotated[float, Meta(gt=0, le=1e18)]
Size = Annotated[float, Meta(ge=0, le=1e18)]
Level = tuple[Price, Size]
Word = Annotated[str, Meta(max_length=64)]
#: Of an instrument or an asset: what it is about is never left open.
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Number = Annotated[str, Meta(max_length=64)]


class Trade(Struct, gc=False):
    t: Id
    p: Price
    q: Size
    T: Stamp
    m: bool
    s: Name


class EmptyBookTicker(Struct, gc=False):
    """Best prices; of an empty side the price is 0."""

    u: Seq
    b: Size
    B: Size
    a: Size
    A: Size
    s: Name


class Depth(Struct, gc=False):
    E: Stamp
    U: Seq
    u: Seq
    b: list[Level]
    a: list[Level]
    s: Name


class PartialDepth(Struct, gc=False):
    """``@depth<n>`` frames and the REST snapshot: no symbol, no time."""

    lastUpdateId: Seq
    bids: list[Level]
    asks: list[Level]


class KlineBody(Struct, gc=False):
    t: Stamp
    T: Stamp
    i: Word
    o: Price
    c: Price
    h: Price
    l: Price
    v: Size
    n: Id
    x: bool
    q: Size
    V: Size


class Kline(Struct, gc=False):
    s: Name
    k: KlineBody


class DayTicker(Struct, gc=False):
    """``24hrTicker`` and ``24hrMiniTicker``; prices are 0 in a market that has not traded."""

    s: Name
    E: Stamp
    c: Size
    o: Size
    h: Size
    l: Size
    v: Size
    q: Size


class StreamTrade(Struct, gc=False):
    """A trade in a frame of a stream whose symbol is known by the name of the stream; so the next two."""

    t: Id
    p: Price
    q: Size
    T: Stamp
    m: bool


class StreamBookTicker(Struct, gc=False):
    u: Seq
    b: Price
    B: Size
    a: Price
    A: Size


class StreamDepth(Struct, gc=False):
    E: Stamp
    U: Seq
    u: Seq
    b: list[Level]
    a: list[Level]


class TradeFrame(Struct, gc=False):
    data: StreamTrade


class BookTickerFrame(Struct, gc=False):
    data: StreamBookTicker


class DepthFrame(Struct, gc=False):
    data: StreamDepth


class Head(Struct, gc=False):
    """What tells the kinds of frame of the market streams apart."""

    stream: Word | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    e: Word | UnsetType = UNSET
    E: Raw | UnsetType = UNSET
    s: Word | UnsetType = UNSET
    u: Raw | UnsetType = UNSET
    A: Raw | UnsetType = UNSET
    lastUpdateId: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    id: int | str | UnsetType | None = UNSET
    code: int | UnsetType = UNSET
    msg: str | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class Stamped(Struct, gc=False):
    E: Stamp


class Error(Struct, gc=False):
    code: int
    msg: str = ""
    data: Raw | UnsetType = UNSET


class Retry(Struct, gc=False):
    """``data`` of an error about limits."""

    retryAfter: Stamp


# -- account -------------------------------------------------------------------------------------------------------------


class ApiFrame(Struct, gc=False):
    """A frame of the WebSocket API: an answer (``status``) or an event."""

    id: int | str | None = None
    status: int = 0
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    event: Raw | UnsetType = UNSET


class EventName(Struct, gc=False):
    e: Word


class ExecutionReport(Struct, gc=False):
    E: Stamp
    s: Name
    c: Word
    S: Word
    o: Word
    f: Word
    q: Number
    p: Number
    P: Number
    x: Word
    X: Word
    i: Id
    l: Number
    z: Number
    L: Number
    T: Stamp
    t: Id
    w: bool
    m: bool
    C: Word = ""
    n: Number | None = "0"
    N: Word | None = None
    g: int = -1


class AssetPosition(Struct, gc=False):
    a: Name
    f: Number
    l: Number


class AccountPosition(Struct, gc=False):
    u: Stamp
    B: list[AssetPosition]


class BalanceUpdate(Struct, gc=False):
    a: Name
    d: Number
    T: Stamp


# -- answers -------------------------------------------------------------------------------------------------------------


class AnswerFill(Struct, gc=False):
    price: Number
    qty: Number
    commission: Number
    commissionAsset: Word
    tradeId: Id


class OrderAnswer(Struct, gc=False):
    """Answers about an order, from the bare acknowledgement to the full form, cancels and queries: one shape, fields missing."""

    symbol: Name
    orderId: Id
    clientOrderId: Word = ""
    origClientOrderId: Word = ""
    transactTime: Stamp = 0
    price: Number = "0"
    origQty: Number = ""
    executedQty: Number = "0"
    status: Word = ""
    timeInForce: Word = "GTC"
    type: Word = ""
    side: Word = ""
    stopPrice: Number = "0"
    selfTradePreventionMode: Word = ""
    workingTime: int | None = None
    isWorking: bool | None = None
    time: Stamp = 0
    updateTime: Stamp = 0
    fills: list[AnswerFill] = msgspec.field(default_factory=list)


class AmendedOrder(Struct, gc=False):
    """The order inside the answer to a keep-priority amend, whose names differ from everywhere else."""

    symbol: Name
    orderId: Id
    clientOrderId: Word
    price: Number
    qty: Number
    executedQty: Number
    status: Word
    timeInForce: Word
    type: Word
    side: Word
    workingTime: int | None = None


class AmendAnswer(Struct, gc=False):
    transactTime: Stamp
    amendedOrder: AmendedOrder


class ListAnswer(Struct, gc=False):
    """An order list: the answer to placing one, and an entry of a cancel-all."""

    orderListId: int
    transactionTime: Stamp
    orderReports: list[OrderAnswer] = msgspec.field(default_factory=list)


class CancelAllEntry(Struct, gc=False):
    """An order, or an order list with its orders: told apart by ``orderReports``."""

    orderReports: list[OrderAnswer] | UnsetType = UNSET


class ReplaceData(Struct, gc=False):
    """What became of the two halves of a cancel-replace: SUCCESS, FAILURE or NOT_ATTEMPTED."""

    cancelResult: Word
    newOrderResult: Word
    cancelResponse: Raw | UnsetType = UNSET
    newOrderResponse: Raw | UnsetType = UNSET


class MyTrade(Struct, gc=False):
    symbol: Name
    id: Id
    orderId: Id
    price: Number
    qty: Number
    commission: Number
    commissionAsset: Word
    time: Stamp
    isBuyer: bool
    isMaker: bool


class AccountBalance(Struct, gc=False):
    asset: Name
    free: Number
    locked: Number


class Account(Struct, gc=False):
    balances: list[AccountBalance]
    updateTime: Stamp = 0
    canTrade: bool = False
    canWithdraw: bool = True


class KeyRestrictions(Struct, gc=False):
    """``/sapi/v1/account/apiRestrictions``. What is missing counts as allowed where that is the dangerous reading."""

    enableWithdrawals: bool = True
    enableInternalTransfer: bool = True
    permitsUniversalTransfer: bool = True
    enableSpotAndMarginTrading: bool = False
    enableReading: bool = False
    ipRestrict: bool = False


class Rates(Struct, gc=False):
    maker: Number
    taker: Number
    buyer: Number = "0"
    seller: Number = "0"


class Commission(Struct, gc=False):
    standardCommission: Rates
    specialCommission: Rates | UnsetType = UNSET
    taxCommission: Rates | UnsetType = UNSET


class RecentTrade(Struct, gc=False):
    """A row of ``aggTrades``: trades of one taker order at one price, ``l`` the last of them."""

    a: Id
    p: Price
    q: Size
    l: Id
    T: Stamp
    m: bool


class ServerTime(Struct, gc=False):
    serverTime: Stamp


class Filter(Struct, gc=False):
    """One entry of ``filters``; fields of every kind that is used."""

    filterType: Word
    minPrice: Number = "0"
    maxPrice: Number = "0"
    tickSize: Number = "0"
    minQty: Number = "0"
    maxQty: Number = "0"
    stepSize: Number = "0"
    minNotional: Number = "0"
    maxNotional: Number = "0"
    applyMinToMarket: bool = False
    applyMaxToMarket: bool = False
    applyToMarket: bool = False
    multiplierUp: Number = "0"
    multiplierDown: Number = "0"
    bidMultiplierUp: Number = "0"
    bidMultiplierDown: Number = "0"
    askMultiplierUp: Number = "0"
    askMultiplierDown: Number = "0"
    maxNumOrders: int = 0
    maxNumAlgoOrders: int = 0


class Symbol(Struct, gc=False):
    symbol: Name
    status: Word
    baseAsset: Name
    quoteAsset: Name
    filters: list[Filter]
    isSpotTradingAllowed: bool = True


class ExchangeInfo(Struct, gc=False):
    symbols: list[Symbol]
