"""The open part of the venue: market data and general questions, for REST and the WebSocket API alike."""

from __future__ import annotations

import json
from typing import Any

from tickwright.base.numbers import parse_units
from tickwright.model.instrument import Instrument
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.auth import Refusal
from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.market import SPAN_MS, SymbolMarket, agg_trade

Params = dict[str, Any]
Json = Any


class Public:
    """Answers that need no key."""

    def __init__(self, config: StandConfig, instruments: dict[str, Instrument], markets: dict[str, SymbolMarket]) -> None:
        self.config = config
        self.instruments = instruments
        self.markets = markets

    def market(self, params: Params) -> SymbolMarket:
        symbol = params.get("symbol")
        if not symbol:
            raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        found = self.markets.get(str(symbol))
        if found is None:
            raise Refusal(-1121, "Invalid symbol.")
        return found

    def _markets(self, params: Params) -> list[SymbolMarket]:
        """Those that ``symbol`` or ``symbols`` names, or all."""
        if params.get("symbol"):
            return [self.market(params)]
        if params.get("symbols"):
            given = params["symbols"]
            try:
                names = json.loads(given) if isinstance(given, str) else given
            except ValueError:
                raise Refusal(
                    -1100,
                    "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.",
                ) from None
            return [self.market({"symbol": name}) for name in names]
        return list(self.markets.values())

    def ping(self, params: Params, at_ns: int) -> Json:
        return {}

    def time(self, params: Params, at_ns: int) -> Json:
        return {"serverTime": render.ms(at_ns)}

    def exchange_info(self, params: Params, at_ns: int) -> Json:
        return {
            "timezone": "UTC",
            "serverTime": render.ms(at_ns),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.config.weight_limit},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": self.config.orders_per_10s},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
            ],
            "exchangeFilters": [],
            "symbols": [render.listing(market.instrument) for market in self._markets(params)],
        }

    def depth(self, params: Params, at_ns: int) -> Json:
        market = self.market(params)
        return market.depth(_limit(params, 100, 5_000))

    def trades(self, params: Params, at_ns: int) -> Json:
        market = self.market(params)
        rows = list(market.trades)
        if params.get("fromId"):
            rows = [row for row in rows if row["t"] >= int(params["fromId"])][: _limit(params, 500, 1_000)]
        else:
            rows = rows[-_limit(params, 500, 1_000) :]
        return [
            {
                "id": row["t"], "price": row["p"], "qty": row["q"], "quoteQty": _quote(row), "time": row["T"], "isBuyerMaker": row["m"],
                "isBestMatch": True,
            }
            for row in rows
        ]  # fmt: skip

    def agg_trades(self, params: Params, at_ns: int) -> Json:
        market = self.market(params)
        rows = [agg_trade(row) for row in market.trades]
        limit = _limit(params, 500, 1_000)
        if params.get("fromId"):
            rows = [row for row in rows if row["a"] >= int(params["fromId"])][:limit]
        elif params.get("startTime") or params.get("endTime"):
            start, end = int(params.get("startTime") or 0), int(params.get("endTime") or 1 << 60)
            rows = [row for row in rows if start <= row["T"] <= end]
            rows = rows[:limit] if params.get("startTime") else rows[-limit:]
        else:
            rows = rows[-limit:]
        return [{name: row[name] for name in ("a", "p", "q", "f", "l", "T", "m", "M")} for row in rows]

    def klines(self, params: Params, at_ns: int) -> Json:
        market = self.market(params)
        span = str(params.get("interval") or "")
        if span not in SPAN_MS:
            raise Refusal(-1120, "Invalid interval.")
        start = int(params["startTime"]) if params.get("startTime") else None
        end = int(params["endTime"]) if params.get("endTime") else None
        return [market.bar_row(bar, span) for bar in market.bars(span, start, end, _limit(params, 500, 1_000))]

    def average(self, params: Params, at_ns: int) -> Json:
        market = self.market(params)
        return {"mins": 5, "price": render.text(market.last), "closeTime": market.seconds[-1].start_ms if market.seconds else 0}

    def day(self, params: Params, at_ns: int) -> Json:
        rows = [market.day() for market in self._markets(params)]
        return rows[0] if params.get("symbol") else rows

    def price(self, params: Params, at_ns: int) -> Json:
        rows = [{"symbol": market.native, "price": render.text(market.last)} for market in self._markets(params)]
        return rows[0] if params.get("symbol") else rows

    def book_ticker(self, params: Params, at_ns: int) -> Json:
        rows = []
        for market in self._markets(params):
            bid, bid_qty, ask, ask_qty = market.top()
            rows.append({"symbol": market.native, "bidPrice": bid, "bidQty": bid_qty, "askPrice": ask, "askQty": ask_qty})
        return rows[0] if params.get("symbol") else rows


def _quote(row: dict[str, Any]) -> str:

    return render.amount(parse_units(row["p"], 8) * parse_units(row["q"], 8) * 100)


def _limit(params: Params, usual: int, most: int) -> int:
    value = str(params.get("limit") or usual)
    if not value.isdigit() or int(value) == 0:
        raise Refusal(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
    return min(int(value), most)
