"""Reads what the venue lists: instruments with their filters, history, fees, permissions, time.

Every function raises ``WireError`` for bytes that it cannot read. An instrument whose filters make no sense is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw

from tickwright.base.errors import WireError
from tickwright.base.numbers import MONEY_EXP, parse_decimal, parse_units
from tickwright.model.account import Balance, FeeRates, Permissions
from tickwright.model.instrument import Instrument, PriceBand
from tickwright.model.market import BUY, SELL, Bar, Trade
from tickwright.venues.binance_spot import structs as wire
from tickwright.venues.binance_spot.account import money_units
from tickwright.venues.binance_spot.market import UNREADABLE, stamp_ns
from tickwright.venues.binance_spot.rules import NAME, PRICE_EXP, QTY_EXP

_T = TypeVar("_T")
#: Parts per million in the venue's eight places.
_PER_PPM = 100


def _read(what: str, decode: Callable[[bytes], _T], body: bytes) -> _T:
    try:
        return decode(body)
    except UNREADABLE as error:
        raise WireError(f"unreadable {what}: {type(error).__name__}: {str(error)[:120]}") from None


def instruments(body: bytes) -> list[Instrument]:
    """Every instrument of ``exchangeInfo`` whose rules can be kept."""
    listed = (_instrument(item) for item in _read("list of instruments", _exchange_info, body).symbols)
    return [item for item in listed if item is not None]


def _instrument(symbol: wire.Symbol) -> Instrument | None:
    rules = {item.filterType: item for item in symbol.filters}
    none = wire.Filter(filterType="")
    price, lot, market = (rules.get(name, none) for name in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"))
    notional = rules.get("NOTIONAL", rules.get("MIN_NOTIONAL", none))
    try:
        tick = parse_units(price.tickSize, PRICE_EXP)
        step = parse_units(lot.stepSize, QTY_EXP)
        found = Instrument(
            venue=NAME,
            symbol=f"{symbol.baseAsset}/{symbol.quoteAsset}",
            native=symbol.symbol,
            base=symbol.baseAsset,
            quote=symbol.quoteAsset,
            price_exp=PRICE_EXP,
            qty_exp=QTY_EXP,
            # A tick or a step of 0 switches the rule off: what is left is the unit.
            tick_units=tick or 1,
            lot_units=step or 1,
            price_min_units=parse_units(price.minPrice, PRICE_EXP),
            price_max_units=parse_units(price.maxPrice, PRICE_EXP),
            qty_min_units=parse_units(lot.minQty, QTY_EXP),
            qty_max_units=parse_units(lot.maxQty, QTY_EXP),
            market_lot_units=parse_units(market.stepSize, QTY_EXP),
            market_qty_min_units=parse_units(market.minQty, QTY_EXP),
            market_qty_max_units=parse_units(market.maxQty, QTY_EXP),
            notional_min=parse_units(notional.minNotional, MONEY_EXP),
            notional_max=parse_units(notional.maxNotional, MONEY_EXP),
            notional_min_on_market=notional.applyMinToMarket or notional.applyToMarket,
            notional_max_on_market=notional.applyMaxToMarket,
            price_band=_band(rules),
            open_orders_max=rules.get("MAX_NUM_ORDERS", none).maxNumOrders,
            open_stops_max=rules.get("MAX_NUM_ALGO_ORDERS", none).maxNumAlgoOrders,
            trading=symbol.status == "TRADING" and symbol.isSpotTradingAllowed,
        )
        _check_bounds(found)
        return found
    except ValueError:
        return None


def _check_bounds(found: Instrument) -> None:
    """A bound below zero would be read as one that nothing can keep."""
    bounds = (
        found.price_min_units,
        found.price_max_units,
        found.qty_min_units,
        found.qty_max_units,
        found.market_lot_units,
        found.market_qty_min_units,
        found.market_qty_max_units,
        found.notional_min,
        found.notional_max,
        found.open_orders_max,
        found.open_stops_max,
    )
    if min(bounds) < 0:
        raise ValueError("a bound is below zero")


def _band(rules: dict[str, wire.Filter]) -> PriceBand | None:
    sided = rules.get("PERCENT_PRICE_BY_SIDE")
    if sided is not None:
        words = (sided.bidMultiplierUp, sided.bidMultiplierDown, sided.askMultiplierUp, sided.askMultiplierDown)
    else:
        both = rules.get("PERCENT_PRICE")
        if both is None:
            return None
        words = (both.multiplierUp, both.multiplierDown, both.multiplierUp, both.multiplierDown)
    bid_up, bid_down, ask_up, ask_down = (parse_decimal(word) for word in words)
    if min(bid_up, bid_down, ask_up, ask_down) < 0:
        raise ValueError("a multiple of a price is below zero")
    return PriceBand(bid_up, bid_down, ask_up, ask_down)


def server_time_ns(body: bytes) -> int:
    return stamp_ns(_read("time", _time, body).serverTime)


def bars(body: bytes, key: str, span: str, at_ns: int) -> list[Bar]:
    """Rows of ``klines``, oldest first, the last one possibly still open."""
    return [
        Bar(
            key,
            stamp_ns(row[0]),
            stamp_ns(row[6] + 1),
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            row[7],
            row[8],
            row[9],
            at_ns,
            span,
        )
        for row in _read("bars", _klines, body)
    ]


def trades(body: bytes, key: str, at_ns: int) -> list[Trade]:
    """Rows of ``aggTrades``, oldest first: trades of one taker order at one price are one, under the id of the last of them."""
    return [
        Trade(key, row.p, row.q, SELL if row.m else BUY, row.l, stamp_ns(row.T), at_ns)
        for row in _read("trades", _agg_trades, body)
    ]


def last_agg_id(body: bytes) -> int:
    """Where the next page of ``aggTrades`` follows on; the page must not be empty."""
    return _read("trades", _agg_trades, body)[-1].a


def account(body: bytes) -> wire.Account:
    return _read("account", _account, body)


def balances(found: wire.Account, at_ns: int) -> tuple[Balance, ...]:
    """Balances that are not zero. Raises ``WireError`` for amounts that are no numbers."""
    try:
        rows = [
            Balance(NAME, item.asset, money_units(item.free), money_units(item.locked), stamp_ns(found.updateTime), at_ns)
            for item in found.balances
        ]
    except ValueError as error:
        raise WireError(f"unreadable balance: {str(error)[:120]}") from None
    return tuple(row for row in rows if row.free or row.locked)


def fee_rates(body: bytes) -> FeeRates:
    """What a trade costs, without the discount for paying in BNB: that depends on holding some."""
    found = _read("commission", _commission, body)
    maker = taker = 0
    for rates in (found.standardCommission, found.specialCommission, found.taxCommission):
        if rates is UNSET:
            continue
        try:
            side = max(parse_units(rates.buyer, 8), parse_units(rates.seller, 8))
            maker += parse_units(rates.maker, 8) + side
            taker += parse_units(rates.taker, 8) + side
        except ValueError as error:
            raise WireError(f"unreadable commission: {str(error)[:120]}") from None
    return FeeRates(maker_ppm=-(-maker // _PER_PPM), taker_ppm=-(-taker // _PER_PPM))


def permissions(body: bytes) -> Permissions:
    """What the key may do, from the venue's word on the key."""
    found = _read("key restrictions", _restrictions, body)
    return Permissions(
        can_trade=found.enableSpotAndMarginTrading,
        can_withdraw=found.enableWithdrawals or found.enableInternalTransfer,
        can_read=found.enableReading,
        address_bound=found.ipRestrict,
        note="the key may move funds between the account's wallets" if found.permitsUniversalTransfer else "",
    )


def _decoder(kind: type[_T], *, strict: bool = True) -> Callable[[bytes | Raw], _T]:
    return msgspec.json.Decoder(kind, strict=strict).decode


# openTime, open, high, low, close, volume, closeTime, quoteVolume, trades, takerBase, takerQuote, unused
_Row = tuple[
    wire.Stamp,
    wire.Price,
    wire.Price,
    wire.Price,
    wire.Price,
    wire.Size,
    wire.Stamp,
    wire.Size,
    wire.Seq,
    wire.Size,
    wire.Size,
    Raw,
]
_exchange_info = _decoder(wire.ExchangeInfo)
_time = _decoder(wire.ServerTime)
_klines = _decoder(list[_Row], strict=False)
_agg_trades = _decoder(list[wire.RecentTrade], strict=False)
_account = _decoder(wire.Account)
_commission = _decoder(wire.Commission)
_restrictions = _decoder(wire.KeyRestrictions)
