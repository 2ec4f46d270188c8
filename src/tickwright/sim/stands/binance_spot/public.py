"""The open part of the venue: market data and general questions, for REST and the WebSocket API alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot.bars import SPAN_MS
from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.listing import listing, text
from tickwright.sim.stands.binance_spot.market import SymbolMarket, TradeFrame, agg_row, amount, mini, units
from tickwright.sim.stands.binance_spot.render import ms
from tickwright.sim.stands.binance_spot.shapes import Ask, JsonValue, Params, Refusal

_ROWS_USUAL = 500
_ROWS_MAX = 1_000
_DEPTH_USUAL = 100
_DEPTH_MAX = 5_000
_RULES_MAX = 40
_WINDOW = re.compile(r"([1-9]\d?)([mhd])", re.ASCII)
_WINDOW_MS = {"m": (60_000, 59), "h": (3_600_000, 23), "d": (86_400_000, 7)}
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?", re.ASCII)


class Public:
    """Answers that need no key."""

    def __init__(self, config: StandConfig, markets: Mapping[str, SymbolMarket]) -> None:
        self._config = config
        self._markets = markets

    def market(self, params: Params) -> SymbolMarket:
        """The one that ``symbol`` names."""
        found = self._markets.get(read.symbol(params))
        if found is None:
            raise Refusal(-1121, "Invalid symbol.")
        return found

    def _chosen(self, params: Params) -> list[SymbolMarket]:
        """Those that ``symbol`` or ``symbols`` names, or all."""
        if read.given(params, "symbol"):
            if read.given(params, "symbols"):
                raise Refusal(-1128, "Combination of optional parameters invalid.")
            return [self.market(params)]
        if read.given(params, "symbols"):
            return [self.market({"symbol": name}) for name in read.symbol_list(params)]
        return list(self._markets.values())

    # -- general -----------------------------------------------------------------------------------------------------

    def ping(self, ask: Ask) -> JsonValue:
        return {}

    def time(self, ask: Ask) -> JsonValue:
        return {"serverTime": ms(ask.at_ns)}

    def exchange_info(self, ask: Ask) -> JsonValue:
        config = self._config
        sets = read.boolean(ask.params, "showPermissionSets", usual=True)
        chosen = self._chosen(ask.params)
        status = ask.params.get("symbolStatus", "TRADING")
        wanted = [one.instrument for one in chosen if status == "TRADING"]
        return {
            "timezone": "UTC",
            "serverTime": ms(ask.at_ns),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": config.weight_limit},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": config.orders_per_10s},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": config.orders_per_day},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
            ],
            "exchangeFilters": [],
            "symbols": [listing(one, permission_sets=sets) for one in wanted],
        }

    def execution_rules(self, ask: Ask) -> JsonValue:
        return {"symbolRules": [{"symbol": one.native, "rules": []} for one in self._chosen(ask.params)][:_RULES_MAX]}

    def reference_price(self, ask: Ask) -> JsonValue:
        self.market(ask.params)
        raise Refusal(-2043, "This symbol has no reference price.")

    # -- book and trades ---------------------------------------------------------------------------------------------

    def depth(self, ask: Ask) -> JsonValue:
        return self.market(ask.params).depth(read.limit(ask.params, _DEPTH_USUAL, _DEPTH_MAX))

    def stale_depth(self, ask: Ask) -> JsonValue:
        """What ``depth`` once was: a fault."""
        return self.market(ask.params).stale_depth(read.limit(ask.params, _DEPTH_USUAL, _DEPTH_MAX))

    def trades(self, ask: Ask) -> JsonValue:
        rows = list(self.market(ask.params).trades)
        first = read.integer(ask.params, "fromId")
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        chosen = rows[-limit:] if first is None else [row for row in rows if row.t >= first][:limit]
        return [_trade_row(row) for row in chosen]

    def agg_trades(self, ask: Ask) -> JsonValue:
        rows = list(self.market(ask.params).trades)
        first = read.integer(ask.params, "fromId")
        start, end = read.times(ask.params)
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        if first is not None:
            if start is not None or end is not None:
                raise Refusal(-1128, "Combination of optional parameters invalid.")
            return [agg_row(row) for row in rows if row.t >= first][:limit]
        chosen = [row for row in rows if (start is None or start <= row.T) and (end is None or end >= row.T)]
        return [agg_row(row) for row in (chosen[:limit] if start is not None else chosen[-limit:])]

    # -- bars and tickers --------------------------------------------------------------------------------------------

    def klines(self, ask: Ask) -> JsonValue:
        market = self.market(ask.params)
        span = read.need(ask.params, "interval")
        if span not in SPAN_MS:
            raise Refusal(-1120, "Invalid interval.")
        start, end = read.times(ask.params)
        limit = read.limit(ask.params, _ROWS_USUAL, _ROWS_MAX)
        bars = market.bars.bars(span, start, end, limit, _zone_ms(ask.params))
        return [market.kline_row(bar, span) for bar in bars]

    def average(self, ask: Ask) -> JsonValue:
        market = self.market(ask.params)
        return {"mins": 5, "price": text(market.average()), "closeTime": market.now_ms}

    def day(self, ask: Ask) -> JsonValue:
        short = read.choice(ask.params, "type", ("FULL", "MINI"), "FULL") == "MINI"
        rows = [mini(one.day_ticker()) if short else one.day_ticker() for one in self._chosen(ask.params)]
        return rows[0] if read.given(ask.params, "symbol") else rows

    def window(self, ask: Ask) -> JsonValue:
        short = read.choice(ask.params, "type", ("FULL", "MINI"), "FULL") == "MINI"
        if not read.given(ask.params, "symbol") and not read.given(ask.params, "symbols"):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        width = _window_ms(ask.params)
        rows = [mini(one.ticker(width)) if short else one.ticker(width) for one in self._chosen(ask.params)]
        return rows[0] if read.given(ask.params, "symbol") else rows

    def price(self, ask: Ask) -> JsonValue:
        rows = [{"symbol": one.native, "price": text(one.last)} for one in self._chosen(ask.params)]
        return rows[0] if read.given(ask.params, "symbol") else rows

    def book_ticker(self, ask: Ask) -> JsonValue:
        rows = []
        for one in self._chosen(ask.params):
            bid, bid_qty, ask_price, ask_qty = one.top()
            rows.append({"symbol": one.native, "bidPrice": bid, "bidQty": bid_qty, "askPrice": ask_price, "askQty": ask_qty})
        return rows[0] if read.given(ask.params, "symbol") else rows


def _trade_row(row: TradeFrame) -> JsonValue:
    value = units(row.p) * units(row.q)
    return {
        "id": row.t, "price": row.p, "qty": row.q, "quoteQty": amount(value), "time": row.T, "isBuyerMaker": row.m,
        "isBestMatch": True,
    }  # fmt: skip


def _zone_ms(params: Params) -> int:
    """``timeZone`` as "8", "-1:00" or "05:45"; from -12:00 to +14:00."""
    value = params.get("timeZone")
    if not value:
        return 0
    found = _ZONE.fullmatch(value)
    minutes = 0
    if found is not None:
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        minutes = -minutes if found[1] == "-" else minutes
    if found is None or not -720 <= minutes <= 840:
        raise Refusal(-1130, "Data sent for parameter 'timeZone' is not valid.")
    return minutes * 60_000


def _window_ms(params: Params) -> int:
    value = params.get("windowSize") or "1d"
    found = _WINDOW.fullmatch(value)
    if found is None or int(found[1]) > _WINDOW_MS[found[2]][1]:
        raise Refusal(-1130, "Data sent for parameter 'windowSize' is not valid.")
    return int(found[1]) * _WINDOW_MS[found[2]][0]
