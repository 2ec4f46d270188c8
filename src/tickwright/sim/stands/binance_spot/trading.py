"""The signed part of the venue: orders and account, for REST and the WebSocket API alike. Each call is ``(params, key, at_ns) -> JSON``."""

from __future__ import annotations

import re
from typing import Any

from tickwright.base.chance import Chance
from tickwright.base.numbers import Inexact, parse_units
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL
from tickwright.model.order import AmendTerms, NewOrder, OrderType, Rejected, Stp, Tif
from tickwright.model.reason import Reason
from tickwright.sim.exchange import Exchange, OrderName
from tickwright.sim.records import SimOrder
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.auth import Key, Meter, Refusal
from tickwright.sim.stands.binance_spot.config import EXP, StandConfig
from tickwright.sim.stands.binance_spot.market import SymbolMarket

Params = dict[str, Any]
Json = Any

_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_TYPES = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
_TIFS = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK}
_STPS = {name: stp for stp, name in render.STPS.items()}
_REFUSALS = {
    Reason.VENUE_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reason.VENUE_DUPLICATE_ID: (-2010, "Duplicate order sent."),
    Reason.VENUE_WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.VENUE_WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    Reason.VENUE_MARKET_CLOSED: (-2010, "Market is closed."),
    Reason.VENUE_UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.VENUE_UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.VENUE_NO_CHANGE: (-2038, "The requested action would change no state; rejecting"),
}


class Trading:
    """Orders and account of a stand."""

    def __init__(
        self,
        config: StandConfig,
        exchange: Exchange,
        instruments: dict[str, Instrument],
        markets: dict[str, SymbolMarket],
        meter: Meter,
    ) -> None:
        self.config = config
        self.exchange = exchange
        self.instruments = instruments
        self.markets = markets
        self.meter = meter
        self._chance = Chance(f"{config.seed}:ids")
        self._execution_id = 0
        self.log: list[dict[str, Any]] = []  # every order request that arrived, for audits

    # -- reading parameters ------------------------------------------------------------------------------------------------

    def instrument(self, params: Params) -> Instrument:
        symbol = _need(params, "symbol")
        found = self.instruments.get(symbol)
        if found is None:
            raise Refusal(-1121, "Invalid symbol.")
        return found

    def new_id(self) -> str:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return "".join(self._chance.pick(letters) for _ in range(22))

    def execution_id(self) -> int:
        self._execution_id += 1
        return self._execution_id

    def _read_order(self, params: Params, instrument: Instrument, prefix: str = "") -> tuple[NewOrder, int]:
        """A new order from parameters, checked as the venue checks them; and the amount to spend, if that is given."""
        side = {"BUY": BUY, "SELL": SELL}.get(_need(params, "side"))
        if side is None:
            raise Refusal(-1117, "Invalid side.")
        name = _need(params, f"{prefix}type" if prefix else "type")
        kind = _TYPES.get(name)
        if kind is None:
            raise Refusal(-1116, "Invalid orderType.")
        tif = _read_tif(params, name)
        quote_qty = _decimal(params, "quoteOrderQty") if kind is OrderType.MARKET and "quoteOrderQty" in params else 0
        qty = 0 if quote_qty else _required(params, "quantity", instrument)
        price = _required(params, "price", instrument) if name in _PRICED else None
        if price is None and _given(params, "price"):
            raise Refusal(-1106, "Parameter 'price' sent when not required.")
        stop = _required(params, "stopPrice", instrument) if name not in ("LIMIT", "LIMIT_MAKER", "MARKET") else None
        if quote_qty and side is SELL:  # what selling for an amount comes to at the present price
            last = self.markets[instrument.native].last
            qty = quote_qty * 10**EXP // last // instrument.lot_units * instrument.lot_units if last else 0
            quote_qty = 0
        order = NewOrder(
            key=instrument.key,
            client_id=self._client_id(params, "newClientOrderId"),
            side=side,
            type=kind,
            qty=qty,
            price=price,
            stop=stop,
            tif=tif if kind is not OrderType.MARKET else Tif.IOC,
            post_only=name == "LIMIT_MAKER",
            reduce_only=False,
            stp=_read_stp(params),
        )
        self._check_filters(order, instrument, quote_qty)
        return order, quote_qty * 10 ** (18 - EXP)

    def _client_id(self, params: Params, name: str) -> str:
        given = str(params.get(name) or "")
        if not given:
            return self.new_id()
        if not _CLIENT_ID.fullmatch(given):
            raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'.")
        return given

    def _check_filters(self, order: NewOrder, instrument: Instrument, quote_qty: int) -> None:
        last = self.markets[instrument.native].last
        for price in (order.price, order.stop):
            if price is not None and (price <= 0 or price % instrument.tick_units or price > instrument.price_max_units):
                raise Refusal(-1013, "Filter failure: PRICE_FILTER")
        band = instrument.price_band
        if order.price is not None and band is not None and last:
            up, down = (band.bid_up, band.bid_down) if order.side is BUY else (band.ask_up, band.ask_down)
            if not last * down <= order.price <= last * up:
                raise Refusal(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
        if not quote_qty:
            if not instrument.qty_min_units <= order.qty <= instrument.qty_max_units or order.qty % instrument.lot_units:
                raise Refusal(-1013, "Filter failure: LOT_SIZE")
            if order.type is OrderType.MARKET and order.qty > instrument.market_qty_max_units:
                raise Refusal(-1013, "Filter failure: MARKET_LOT_SIZE")
        value = quote_qty * 10**EXP if quote_qty else (order.price or order.stop or last) * order.qty
        least = instrument.notional_min // 10 ** (18 - 2 * EXP)
        most = instrument.notional_max // 10 ** (18 - 2 * EXP)
        if value < least or (order.price is not None and value > most):
            raise Refusal(-1013, "Filter failure: NOTIONAL")

    def _check_counts(self, order: NewOrder, instrument: Instrument, key: Key) -> None:
        listed = self.exchange.open_orders(key.account, instrument.key)
        if len(listed) >= instrument.open_orders_max:
            raise Refusal(-1013, "Filter failure: MAX_NUM_ORDERS")
        if order.stop is not None and sum(one.stop is not None for one in listed) >= instrument.open_stops_max:
            raise Refusal(-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")

    def _named(self, params: Params, instrument: Instrument, key: Key, unknown: tuple[int, str], prefix: str = "") -> SimOrder:
        """The order that ``orderId`` and/or ``origClientOrderId`` name."""
        by_id = params.get(f"{prefix}OrderId" if prefix else "orderId")
        by_name = params.get(f"{prefix}OrigClientOrderId" if prefix else "origClientOrderId")
        if by_id in (None, "") and by_name in (None, ""):
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        if by_id not in (None, "") and not str(by_id).isdigit():
            raise Refusal(-1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'.")
        name: OrderName = int(by_id) if by_id not in (None, "") else str(by_name)
        found = self.exchange.order(key.account, instrument.key, name)
        if found is None:
            raise Refusal(*unknown)
        if by_id not in (None, "") and by_name not in (None, "") and found.client_id != str(by_name):
            raise Refusal(-2039, "Client order ID is not correct for this order ID.")
        return found

    # -- orders ------------------------------------------------------------------------------------------------------------

    def place(self, params: Params, key: Key, at_ns: int) -> Json:
        """``order.place``, ``POST /order``."""
        instrument = self.instrument(params)
        order, quote_qty = self._read_order(params, instrument)
        shape = str(
            params.get("newOrderRespType")
            or ("FULL" if order.type in (OrderType.LIMIT, OrderType.MARKET) and not order.post_only else "ACK")
        )
        if shape not in ("ACK", "RESULT", "FULL"):
            raise Refusal(-1100, "Illegal characters found in parameter 'newOrderRespType'; legal range is 'ACK, RESULT, FULL'.")
        self._check_counts(order, instrument, key)
        self.meter.order(key.account, at_ns)
        answer = self.exchange.submit(key.account, order, at_ns, quote_qty=quote_qty)
        done = _unless_rejected(answer)
        return self._placed(done, instrument, key, at_ns, shape)

    def _placed(self, order: SimOrder, instrument: Instrument, key: Key, at_ns: int, shape: str) -> Json:
        if shape == "ACK":
            return render.ack(order, instrument, at_ns)
        if shape == "RESULT":
            return render.result(order, instrument, at_ns)
        fills = [fill for fill in self.exchange.fills(key.account, instrument.key) if fill.venue_id == order.venue_id]
        return render.full(order, instrument, at_ns, fills)

    def test(self, params: Params, key: Key, at_ns: int) -> Json:
        """``order.test``: everything but the order."""
        instrument = self.instrument(params)
        order, _ = self._read_order(params, instrument)
        self._check_counts(order, instrument, key)
        return {}

    def cancel(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        unknown = (-2011, "Unknown order sent.")
        order = self._named(params, instrument, key, unknown)
        if not order.status.is_open:
            raise Refusal(*unknown)
        only = params.get("cancelRestrictions")
        if (only == "ONLY_NEW" and order.filled) or (only == "ONLY_PARTIALLY_FILLED" and not order.filled):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        request_id = self._client_id(params, "newClientOrderId")
        done = _unless_rejected(self.exchange.cancel(key.account, instrument.key, order.venue_id, at_ns, request_id=request_id))
        return render.canceled(done, instrument, at_ns, request_id)

    def cancel_all(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        done = self.exchange.cancel_all(key.account, instrument.key, at_ns)
        if not done:
            raise Refusal(-2011, "Unknown order sent.")
        return [render.canceled(order, instrument, at_ns, self.new_id()) for order in done]

    def cancel_replace(self, params: Params, key: Key, at_ns: int) -> Json:
        """Cancel one, then place another; the answer says which of the two happened."""
        instrument = self.instrument(params)
        mode = _need(params, "cancelReplaceMode")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise Refusal(
                -1100,
                "Illegal characters found in parameter 'cancelReplaceMode'; legal range is 'STOP_ON_FAILURE, ALLOW_FAILURE'.",
            )
        self._read_order(params, instrument)
        cancel_response: Json = None
        new_response: Json = None
        results = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
        try:
            cancel = {"symbol": instrument.native, "newClientOrderId": params.get("cancelNewClientOrderId", "")}
            cancel |= {"orderId": params.get("cancelOrderId"), "origClientOrderId": params.get("cancelOrigClientOrderId")}
            cancel_response = self.cancel(cancel, key, at_ns)
        except Refusal as refusal:
            results["cancelResult"] = "FAILURE"
            cancel_response = {"code": refusal.code, "msg": refusal.text}
        if results["cancelResult"] == "SUCCESS" or mode == "ALLOW_FAILURE":
            try:
                new_response = self.place(params, key, at_ns)
                results["newOrderResult"] = "SUCCESS"
            except Refusal as refusal:
                results["newOrderResult"] = "FAILURE"
                new_response = {"code": refusal.code, "msg": refusal.text}
        data = {**results, "cancelResponse": cancel_response, "newOrderResponse": new_response}
        if list(results.values()) == ["SUCCESS", "SUCCESS"]:
            return data
        if "SUCCESS" in results.values():
            raise Refusal(-2021, "Order cancel-replace partially failed.", 409, data)
        raise Refusal(-2022, "Order cancel-replace failed.", 400, data)

    def amend(self, params: Params, key: Key, at_ns: int) -> Json:
        """``order.amend.keepPriority``: less quantity, same place in the queue."""
        instrument = self.instrument(params)
        order = self._named(params, instrument, key, (-2013, "Order does not exist."))
        if not order.status.is_open:
            raise Refusal(-2038, "Order amend is not supported for this order.")
        qty = _required(params, "newQty", instrument)
        if qty % instrument.lot_units or qty < instrument.qty_min_units:
            raise Refusal(-1013, "Filter failure: LOT_SIZE")
        if qty > order.qty:
            raise Refusal(-2038, "Order amend (quantity increase) is not supported.")
        name = self._client_id(params, "newClientOrderId")
        if qty == order.qty and name == order.client_id:
            raise Refusal(-2038, "The requested action would change no state; rejecting")
        done = _unless_rejected(
            self.exchange.amend(
                key.account, instrument.key, order.venue_id, AmendTerms(qty=qty, price=None, client_id=name), at_ns
            )
        )
        return render.amended(done, instrument, at_ns, self.execution_id(), order.client_id)

    def oco(self, params: Params, key: Key, at_ns: int) -> Json:
        """``POST /orderList/oco`` (above and below leg) and the older ``POST /order/oco``."""
        instrument = self.instrument(params)
        above, below = self._legs(params, instrument)
        limit, stop = (below, above) if above.type in (OrderType.STOP, OrderType.STOP_LIMIT) else (above, below)
        self.meter.order(key.account, at_ns)
        name = self._client_id(params, "listClientOrderId")
        made = self.exchange.submit_oco(key.account, limit, stop, at_ns, list_client_id=name)
        if isinstance(made, Rejected):
            raise _refusal(made)
        return {
            **self.order_list(made.list_id, name, instrument, list(made.orders), at_ns),
            "orderReports": [render.result(order, instrument, at_ns) for order in made.orders],
        }

    def _legs(self, params: Params, instrument: Instrument) -> tuple[NewOrder, NewOrder]:
        if "aboveType" in params:
            legs = []
            for leg in ("above", "below"):
                own = {"symbol": params["symbol"], "side": params.get("side"), "quantity": params.get("quantity")}
                own["type"] = _need(params, f"{leg}Type")
                for name in ("Price", "StopPrice", "TimeInForce", "ClientOrderId"):
                    if params.get(f"{leg}{name}"):
                        own["newClientOrderId" if name == "ClientOrderId" else name[0].lower() + name[1:]] = params[
                            f"{leg}{name}"
                        ]
                legs.append(self._read_order(own, instrument)[0])
            return legs[0], legs[1]
        own = {"side": params.get("side"), "quantity": params.get("quantity")}
        limit = {**own, "type": "LIMIT_MAKER", "price": params.get("price"), "newClientOrderId": params.get("limitClientOrderId")}
        stop = {
            **own,
            "type": "STOP_LOSS",
            "stopPrice": params.get("stopPrice"),
            "newClientOrderId": params.get("stopClientOrderId"),
        }
        if params.get("stopLimitPrice"):
            stop |= {
                "type": "STOP_LOSS_LIMIT",
                "price": params["stopLimitPrice"],
                "timeInForce": params.get("stopLimitTimeInForce"),
            }
        return self._read_order(limit, instrument)[0], self._read_order(stop, instrument)[0]

    def order_list(self, number: int, name: str, instrument: Instrument, orders: list[SimOrder], at_ns: int) -> Json:
        """An order list as the venue shows it."""
        going = any(order.status.is_open for order in orders)
        return {
            "orderListId": number,
            "contingencyType": "OCO",
            "listStatusType": "EXEC_STARTED" if going else "ALL_DONE",
            "listOrderStatus": "EXECUTING" if going else "ALL_DONE",
            "listClientOrderId": name,
            "transactionTime": render.ms(at_ns),
            "symbol": instrument.native,
            "orders": [{"symbol": instrument.native, "orderId": one.venue_id, "clientOrderId": one.client_id} for one in orders],
        }

    def cancel_list(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        number, name = str(params.get("orderListId", "")), str(params.get("listClientOrderId", ""))
        listed = self.exchange.open_orders(key.account, instrument.key)
        legs = [one for one in listed if one.list_id > 0 and (str(one.list_id) == number or one.list_client_id == name)]
        if not legs:
            raise Refusal(-2011, "Unknown order list sent.")
        self.exchange.cancel(key.account, instrument.key, legs[0].venue_id, at_ns)
        ended = [
            one for one in (self.exchange.order(key.account, instrument.key, leg.venue_id) for leg in legs) if one is not None
        ]
        shown = self.order_list(legs[0].list_id, legs[0].list_client_id, instrument, ended, at_ns)
        return {**shown, "orderReports": [render.canceled(one, instrument, at_ns, self.new_id()) for one in ended]}

    def open_lists(self, params: Params, key: Key, at_ns: int) -> Json:
        lists: dict[int, list[SimOrder]] = {}
        for one in self.exchange.open_orders(key.account):
            if one.list_id > 0:
                lists.setdefault(one.list_id, []).append(one)
        by_key = {item.key: item for item in self.instruments.values()}
        return [self.order_list(n, legs[0].list_client_id, by_key[legs[0].key], legs, at_ns) for n, legs in lists.items()]

    # -- questions ---------------------------------------------------------------------------------------------------------

    def query(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        return render.queried(self._named(params, instrument, key, (-2013, "Order does not exist.")), instrument)

    def open_orders(self, params: Params, key: Key, at_ns: int) -> Json:
        chosen = [self.instrument(params)] if params.get("symbol") else list(self.instruments.values())
        return [render.queried(order, one) for one in chosen for order in self.exchange.open_orders(key.account, one.key)]

    def all_orders(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        rows = [render.queried(order, instrument) for order in self.exchange.orders(key.account, instrument.key)]
        if params.get("orderId"):
            rows = [row for row in rows if row["orderId"] >= int(params["orderId"])]
        rows = _between(rows, params, "time")
        limit = _limit(params)
        return rows[:limit] if params.get("orderId") or params.get("startTime") else rows[-limit:]

    def my_trades(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        rows = [render.my_trade(fill, instrument) for fill in self.exchange.fills(key.account, instrument.key)]
        if params.get("orderId"):
            rows = [row for row in rows if row["orderId"] == int(params["orderId"])]
        if params.get("fromId"):
            rows = [row for row in rows if row["id"] >= int(params["fromId"])]
        rows = _between(rows, params, "time")
        limit = _limit(params)
        return rows[:limit] if params.get("fromId") or params.get("startTime") else rows[-limit:]

    def account(self, params: Params, key: Key, at_ns: int) -> Json:
        rows = [
            {"asset": asset, "free": render.amount(free), "locked": render.amount(locked)}
            for asset, (free, locked) in self.exchange.balances(key.account).items()
            if free or locked or str(params.get("omitZeroBalances", "")).lower() != "true"
        ]
        maker, taker = self.config.maker_ppm, self.config.taker_ppm
        return {
            "makerCommission": maker // 100,
            "takerCommission": taker // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates(maker, taker),
            "canTrade": key.can_trade,
            "canWithdraw": key.can_withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": render.ms(at_ns),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": 100200300,
        }

    def commission(self, params: Params, key: Key, at_ns: int) -> Json:
        instrument = self.instrument(params)
        return {
            "symbol": instrument.native,
            "standardCommission": _rates(self.config.maker_ppm, self.config.taker_ppm),
            "specialCommission": _rates(0, 0),
            "taxCommission": _rates(0, 0),
            "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000"},
        }

    def order_counts(self, params: Params, key: Key, at_ns: int) -> Json:
        ten, day = self.meter.orders(key.account, at_ns)
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": "SECOND",
                "intervalNum": 10,
                "limit": self.config.orders_per_10s,
                "count": ten,
            },
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000, "count": day},
        ]

    def restrictions(self, params: Params, key: Key, at_ns: int) -> Json:
        """``/sapi/v1/account/apiRestrictions``."""
        return {
            "ipRestrict": True,
            "createTime": render.ms(at_ns),
            "enableReading": True,
            "enableSpotAndMarginTrading": key.can_trade,
            "enableWithdrawals": key.can_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enablePortfolioMarginTrading": False,
            "tradingAuthorityExpirationTime": 0,
        }

    def currencies(self, params: Params, key: Key, at_ns: int) -> Json:
        """``/sapi/v1/capital/config/getall``."""
        held = self.exchange.balances(key.account)
        assets = sorted({*held, *(i.base for i in self.instruments.values()), *(i.quote for i in self.instruments.values())})
        return [
            {
                "coin": asset, "name": asset, "depositAllEnable": True, "withdrawAllEnable": False, "trading": True, "isLegalMoney": False,
                "free": render.amount(held.get(asset, (0, 0))[0]), "locked": render.amount(held.get(asset, (0, 0))[1]), "freeze": "0",
                "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0", "networkList": [],
            }
            for asset in assets
        ]  # fmt: skip

    def trade_fees(self, params: Params, key: Key, at_ns: int) -> Json:
        """``/sapi/v1/asset/tradeFee``."""
        chosen = [self.instrument(params)] if params.get("symbol") else list(self.instruments.values())
        maker, taker = f"{self.config.maker_ppm / 1e6:.8f}", f"{self.config.taker_ppm / 1e6:.8f}"
        return [{"symbol": one.native, "makerCommission": maker, "takerCommission": taker} for one in chosen]


_PRICED = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


def _rates(maker_ppm: int, taker_ppm: int) -> dict[str, str]:
    return {"maker": f"{maker_ppm / 1e6:.8f}", "taker": f"{taker_ppm / 1e6:.8f}", "buyer": render.ZERO, "seller": render.ZERO}


def _given(params: Params, name: str) -> bool:
    return params.get(name) not in (None, "")


def _need(params: Params, name: str) -> str:
    if not _given(params, name):
        raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return str(params[name])


def _decimal(params: Params, name: str) -> int:
    value = _need(params, name)
    if not _DECIMAL.fullmatch(value):
        raise Refusal(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'."
        )
    try:
        return parse_units(value, EXP)
    except Inexact:
        raise Refusal(-1111, f"Parameter '{name}' has too much precision.") from None


def _required(params: Params, name: str, _instrument: Instrument) -> int:
    return _decimal(params, name)


def _read_tif(params: Params, name: str) -> Tif:
    given = params.get("timeInForce")
    if name in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        tif = _TIFS.get(_need(params, "timeInForce"))
        if tif is None:
            raise Refusal(-1115, "Invalid timeInForce.")
        return tif
    if given not in (None, ""):
        raise Refusal(-1106, "Parameter 'timeInForce' sent when not required.")
    return Tif.GTC


def _read_stp(params: Params) -> Stp:
    given = params.get("selfTradePreventionMode")
    if given in (None, ""):
        return Stp.VENUE
    if given not in _STPS or given == "NONE":
        raise Refusal(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return _STPS[str(given)]


def _limit(params: Params) -> int:
    value = str(params.get("limit") or "500")
    if not value.isdigit() or int(value) == 0:
        raise Refusal(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
    return min(int(value), 1_000)


def _between(rows: list[Any], params: Params, name: str) -> list[Any]:
    if params.get("startTime"):
        rows = [row for row in rows if row[name] >= int(params["startTime"])]
    if params.get("endTime"):
        rows = [row for row in rows if row[name] <= int(params["endTime"])]
    return rows


def _unless_rejected(answer: SimOrder | Rejected) -> SimOrder:
    if isinstance(answer, Rejected):
        raise _refusal(answer)
    return answer


def _refusal(answer: Rejected) -> Refusal:
    code, said = _REFUSALS.get(answer.reason, (-2010, answer.text or "Rejected."))
    return Refusal(code, said)
