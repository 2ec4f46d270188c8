"""Orders by REST: every refusal with the venue's code and text, and the life of orders that are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickwright.model.market import SELL
from unit.sim.stands.standkit import SYMBOL, Client

FUNDS = "Account has insufficient balance for requested action."


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"symbol": None}, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        ({"symbol": "ETHUSDT"}, -1121, "Invalid symbol."),
        ({"side": None}, -1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed."),
        ({"side": "LONG"}, -1117, "Invalid side."),
        ({"type": "ICEBERG"}, -1116, "Invalid orderType."),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
        ({"stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({"quoteOrderQty": "10"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({"quantity": "1e-1"}, -1100, r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'."),
        ({"quantity": "-1"}, -1100, None),
        ({"quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"price": "59000.123456789"}, -1111, "Parameter 'price' has too much precision."),
        ({"newClientOrderId": "a b"}, -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."),
        ({"newClientOrderId": "x" * 37}, -1100, None),
        ({"newOrderRespType": "BRIEF"}, -1100, None),
        ({"strategyType": "999"}, -1130, "Data sent for parameter 'strategyType' is not valid."),
        ({"selfTradePreventionMode": "TRANSFER"}, -1013, "This symbol does not allow the specified self-trade prevention mode."),
        ({"selfTradePreventionMode": "LOVE"}, -1100, None),
        ({"icebergQty": "0.01"}, -2010, "Iceberg orders are not supported for this symbol."),
        ({"price": "59000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "11000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"side": "SELL", "price": "400000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "9001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00008"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "200"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "2"}, -2010, FUNDS),
        ({"side": "SELL", "quantity": "1.00001", "price": "61000"}, -2010, FUNDS),
        ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "60010"}, -2010, "Order would immediately match and take."),
        ({"type": "STOP_LOSS", "timeInForce": None, "price": None, "stopPrice": "60000"}, -2010, "Order would trigger immediately."),
    ],
)  # fmt: skip
def test_given_a_bad_order_when_placed_then_it_is_refused_and_leaves_no_trace(
    tmp_path: Path, changes: dict[str, Any], code: int, text: str | None
) -> None:
    """Parameters, then the symbol, then filters, then what only the engine knows; no event, no order, no money held."""
    client = Client(tmp_path)
    conn = client.listening()
    before = client.stand.state()["balances"]
    status, body = client.order(**changes)
    assert (status, body["code"]) == (400, code)
    assert text is None or body["msg"] == text
    assert client.heard(conn) == []
    assert client.stand.state()["orders"] == []
    assert client.stand.state()["balances"] == before
    tested, same = client.signed(
        "POST", "order/test", **{"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "59000", **changes}
    )  # fmt: skip
    assert (tested, same) == ((200, {}) if code == -2010 and not text.startswith("Iceberg") else (400, body))


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"quantity": None}, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"),
        ({"quoteOrderQty": "10"}, -1128, "Combination of optional parameters invalid."),
        ({"quantity": "82"}, -1013, "Filter failure: MARKET_LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": None, "quoteOrderQty": "4"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "2"}, -2010, FUNDS),
    ],
)
def test_given_a_bad_market_order_when_placed_then_it_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: int, text: str
) -> None:
    """A market order has a quantity or an amount, and filters of its own."""
    assert Client(tmp_path).market(**{"quantity": "0.1", **changes}) == (400, {"code": code, "msg": text})


def test_given_a_limit_order_when_placed_then_the_answer_has_the_shape_that_was_asked_for(tmp_path: Path) -> None:
    """FULL unless said otherwise; a maker order is only acknowledged."""
    client = Client(tmp_path)
    full = client.order(newClientOrderId="a", strategyId=7)[1]
    assert full == {
        "symbol": SYMBOL, "orderId": 1, "orderListId": -1, "clientOrderId": "a", "transactTime": client.now_ms, "price": "59000.00000000",
        "origQty": "0.10000000", "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000", "cummulativeQuoteQty": "0.00000000",
        "status": "NEW", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY", "strategyId": 7, "workingTime": client.now_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER", "fills": [],
    }  # fmt: skip
    ack = client.order(type="LIMIT_MAKER", timeInForce=None, newClientOrderId="b")[1]
    assert ack == {"symbol": SYMBOL, "orderId": 2, "orderListId": -1, "clientOrderId": "b", "transactTime": client.now_ms}
    assert "fills" not in client.order(newOrderRespType="RESULT")[1]


def test_given_a_client_id_when_used_twice_then_only_after_the_first_has_ended(tmp_path: Path) -> None:
    """Unique among open orders; without one the venue gives 22 letters."""
    client = Client(tmp_path)
    client.order(newClientOrderId="a")
    assert client.order(newClientOrderId="a") == (400, {"code": -2010, "msg": "Duplicate order sent."})
    assert client.signed("DELETE", "order", symbol=SYMBOL, origClientOrderId="a")[0] == 200
    assert client.order(newClientOrderId="a")[0] == 200
    assert client.signed("GET", "order", symbol=SYMBOL, origClientOrderId="a")[1]["orderId"] == 2
    assert len(client.order()[1]["clientOrderId"]) == 22


def test_given_a_market_order_when_it_walks_the_book_then_fills_and_fees_are_told(tmp_path: Path) -> None:
    """A whole BTC at 60,010, the rest at 60,020; a tenth of a percent of what was received."""
    client = Client(tmp_path)
    body = client.market(quantity="1.2")[1]
    assert (body["status"], body["executedQty"], body["cummulativeQuoteQty"]) == ("FILLED", "1.20000000", "72014.00000000")
    assert [(fill["price"], fill["qty"], fill["commission"], fill["commissionAsset"]) for fill in body["fills"]] == [
        ("60010.00000000", "1.00000000", "0.00100000", "BTC"),
        ("60020.00000000", "0.20000000", "0.00020000", "BTC"),
    ]
    trades = client.signed("GET", "myTrades", symbol=SYMBOL)[1]
    assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in body["fills"]]
    assert [(trade["isBuyer"], trade["isMaker"]) for trade in trades] == [(True, False), (True, False)]
    assert client.signed("GET", "myTrades", symbol=SYMBOL, orderId=1, limit=1)[1] == trades[-1:]
    assert client.signed("GET", "myTrades", symbol=SYMBOL, fromId=trades[1]["id"])[1] == trades[1:]
    assert client.signed("GET", "myTrades", symbol=SYMBOL, orderId=1, startTime=1)[1]["code"] == -1128
    assert client.signed("GET", "myTrades", symbol=SYMBOL, startTime=1, endTime=86_400_002)[1]["code"] == -1127


def test_given_an_amount_when_a_market_order_spends_or_raises_it_then_it_does_not_exceed_it(tmp_path: Path) -> None:
    """By quoteOrderQty, both sides."""
    client = Client(tmp_path)
    bought = client.market(quantity=None, quoteOrderQty="6001")[1]
    assert (bought["status"], bought["executedQty"], bought["origQuoteOrderQty"]) == ("FILLED", "0.10000000", "6001.00000000")
    sold = client.market(side="SELL", quantity=None, quoteOrderQty="60")[1]
    assert (sold["executedQty"], sold["cummulativeQuoteQty"], sold["origQuoteOrderQty"]) == (
        "0.00100000", "60.00000000", "60.00000000",
    )  # fmt: skip


def test_given_ioc_and_fok_when_the_book_is_too_thin_then_they_expire_for_their_reasons(tmp_path: Path) -> None:
    """IOC takes what there is, FOK nothing."""
    client = Client(tmp_path)
    ioc = client.order(timeInForce="IOC", quantity="1.5", price="60010")[1]
    assert (ioc["status"], ioc["executedQty"], ioc["expiryReason"]) == ("EXPIRED", "1.00000000", "UNFILLED_IOC_QUANTITY_EXPIRED")
    fok = client.order(timeInForce="FOK", side="SELL", quantity="1.5", price="60000")[1]
    assert (fok["status"], fok["executedQty"], fok["expiryReason"]) == ("EXPIRED", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED")


def test_given_an_open_order_when_cancelled_then_both_ids_are_told_and_a_second_time_is_refused(tmp_path: Path) -> None:
    """By either id; both must agree."""
    client = Client(tmp_path)
    client.order(newClientOrderId="a")
    unknown = (400, {"code": -2011, "msg": "Unknown order sent."})
    assert client.signed("DELETE", "order", symbol=SYMBOL, orderId=9) == unknown
    assert client.signed("DELETE", "order", symbol=SYMBOL)[1]["code"] == -1102
    assert client.signed("DELETE", "order", symbol=SYMBOL, orderId=1, origClientOrderId="b") == (
        400,
        {"code": -2039, "msg": "Client order ID is not correct for this order ID."},
    )
    assert client.signed("DELETE", "order", symbol=SYMBOL, orderId=1, cancelRestrictions="ONLY_PARTIALLY_FILLED") == (
        400,
        {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."},
    )
    done = client.signed("DELETE", "order", symbol=SYMBOL, orderId=1, newClientOrderId="c", cancelRestrictions="ONLY_NEW")[1]
    assert (done["origClientOrderId"], done["clientOrderId"], done["status"]) == ("a", "c", "CANCELED")
    assert "workingTime" not in done
    assert client.signed("DELETE", "order", symbol=SYMBOL, orderId=1) == unknown
    assert client.signed("GET", "order", symbol=SYMBOL, orderId=1)[1]["status"] == "CANCELED"
    assert client.signed("GET", "order", symbol=SYMBOL, orderId=9) == (400, {"code": -2013, "msg": "Order does not exist."})


def test_given_several_orders_when_all_are_cancelled_then_lists_come_as_one_and_nothing_open_is_refused(tmp_path: Path) -> None:
    """Everything on the symbol."""
    client = Client(tmp_path)
    assert client.signed("DELETE", "openOrders", symbol=SYMBOL)[1]["code"] == -2011
    client.order(newClientOrderId="a")
    oco(client)
    rows = client.signed("DELETE", "openOrders", symbol=SYMBOL)[1]
    assert [row.get("origClientOrderId") or len(row["orderReports"]) for row in rows] == ["a", 2]
    assert client.signed("GET", "openOrders")[1] == []
    assert {row["status"] for row in client.signed("GET", "allOrders", symbol=SYMBOL)[1]} == {"CANCELED"}


def test_given_a_working_order_when_replaced_then_the_answer_says_what_happened_to_each(tmp_path: Path) -> None:
    """Both done, the second refused, the first refused."""
    client = Client(tmp_path)
    client.order(newClientOrderId="a")
    new = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "58000"}
    done = client.signed(
        "POST",
        "order/cancelReplace",
        **new,
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrigClientOrderId="a",
        newClientOrderId="b",
    )[1]
    assert (done["cancelResult"], done["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (done["cancelResponse"]["origClientOrderId"], done["newOrderResponse"]["clientOrderId"]) == ("a", "b")
    again = client.signed("POST", "order/cancelReplace", **new, cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="a")
    assert (again[0], again[1]["code"]) == (400, -2022)
    assert (again[1]["data"]["newOrderResult"], again[1]["data"]["cancelResponse"]["code"]) == ("NOT_ATTEMPTED", -2011)
    both = client.signed("POST", "order/cancelReplace", **new, cancelReplaceMode="ALLOW_FAILURE", cancelOrigClientOrderId="a")
    assert (both[0], both[1]["code"], both[1]["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
    half = client.signed(
        "POST",
        "order/cancelReplace",
        **{**new, "quantity": "9"},
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrigClientOrderId="b",
    )
    assert (half[0], half[1]["code"], half[1]["data"]["newOrderResponse"]) == (409, -2021, {"code": -2010, "msg": FUNDS})
    assert half[1]["data"]["cancelResponse"]["status"] == "CANCELED"


def test_given_a_working_order_when_its_quantity_is_amended_then_it_keeps_its_id_and_may_keep_its_name(tmp_path: Path) -> None:
    """Down only; a name left out becomes a random one."""
    client = Client(tmp_path)
    client.order(newClientOrderId="a")
    path = "order/amend/keepPriority"
    more = client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty="0.2")
    assert more[1] == {"code": -2038, "msg": "Order amend (quantity increase) is not supported."}
    same = client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty="0.1", newClientOrderId="a")
    assert same[1] == {"code": -2038, "msg": "The requested action would change no state; rejecting"}
    assert client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty="0")[1]["msg"] == "Filter failure: LOT_SIZE"
    assert client.signed("PUT", path, symbol=SYMBOL, orderId=2, newQty="0.05")[1]["code"] == -2013
    kept = client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty="0.05", newClientOrderId="a")[1]["amendedOrder"]
    assert (kept["orderId"], kept["clientOrderId"], kept["qty"], kept["cumulativeQuoteQty"]) == (
        1,
        "a",
        "0.05000000",
        "0.00000000",
    )
    renamed = client.signed("PUT", path, symbol=SYMBOL, origClientOrderId="a", newQty="0.04")[1]
    assert renamed["amendedOrder"]["origClientOrderId"] == "a"
    assert len(renamed["amendedOrder"]["clientOrderId"]) == 22
    rows = client.signed("GET", "order/amendments", symbol=SYMBOL, orderId=1)[1]
    assert [(row["origQty"], row["newQty"]) for row in rows] == [("0.10000000", "0.05000000"), ("0.05000000", "0.04000000")]
    assert rows[-1]["executionId"] == renamed["executionId"]
    for cut in range(8):
        assert client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty=f"0.0{3 - cut // 3}{9 - cut}")[0] == 200
    assert (
        client.signed("PUT", path, symbol=SYMBOL, orderId=1, newQty="0.001")[1]["msg"] == "Filter failure: MAX_NUM_ORDER_AMENDS"
    )


def oco(client: Client, **changes: Any) -> tuple[int, Any]:
    """Sell 0.1 at 61,000, or at the market below 59,000."""
    usual = {
        "symbol": SYMBOL, "side": "SELL", "quantity": "0.1", "listClientOrderId": "pair", "aboveType": "LIMIT_MAKER",
        "abovePrice": "61000", "aboveClientOrderId": "up", "belowType": "STOP_LOSS", "belowStopPrice": "59000",
        "belowClientOrderId": "down",
    }  # fmt: skip
    return client.signed("POST", "orderList/oco", **{**usual, **changes})


def test_given_a_pair_when_one_leg_trades_then_the_other_expires_and_the_list_is_done(tmp_path: Path) -> None:
    """Both legs hold the funds once; the end is told by both legs and by the list."""
    client = Client(tmp_path)
    conn = client.listening()
    made = oco(client)[1]
    assert (made["listOrderStatus"], [order["clientOrderId"] for order in made["orders"]]) == ("EXECUTING", ["up", "down"])
    started = client.heard(conn)
    assert [event["e"] for event in started] == [
        "executionReport", "outboundAccountPosition", "executionReport", "outboundAccountPosition", "listStatus",
    ]  # fmt: skip
    assert (started[-1]["l"], started[-1]["L"], started[-1]["C"]) == ("EXEC_STARTED", "EXECUTING", "pair")
    assert started[1]["B"] == [{"a": "BTC", "f": "0.90000000", "l": "0.10000000"}]
    assert client.signed("GET", "openOrderList")[1][0]["orderListId"] == made["orderListId"]
    client.fill_ask(61_000)
    told = client.heard(conn)
    reports = [(event["c"], event["x"], event["X"], event.get("eR")) for event in told if event["e"] == "executionReport"]
    assert reports == [("down", "EXPIRED", "EXPIRED", "OCO_TRIGGER"), ("up", "TRADE", "FILLED", None)]
    assert told[-1]["e"] == "listStatus"
    assert (told[-1]["l"], told[-1]["L"]) == ("ALL_DONE", "ALL_DONE")
    assert client.signed("GET", "openOrderList")[1] == []
    assert client.signed("GET", "orderList", orderListId=1)[1]["listStatusType"] == "ALL_DONE"
    assert client.signed("GET", "allOrderList")[1][0]["listClientOrderId"] == "pair"


def test_given_a_pair_when_it_is_cancelled_then_both_legs_end(tmp_path: Path) -> None:
    """By the list, or by one of its legs."""
    client = Client(tmp_path)
    oco(client)
    ended = client.signed("DELETE", "orderList", symbol=SYMBOL, listClientOrderId="pair")[1]
    assert [report["status"] for report in ended["orderReports"]] == ["CANCELED", "CANCELED"]
    assert client.signed("DELETE", "orderList", symbol=SYMBOL, orderListId=1)[1]["code"] == -2011
    oco(client)
    client.signed("DELETE", "order", symbol=SYMBOL, origClientOrderId="up")
    assert client.signed("GET", "openOrders", symbol=SYMBOL)[1] == []


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"abovePrice": "58000"}, -2010, "The relationship of the prices for the orders is not correct."),
        ({"belowType": "LIMIT_MAKER", "belowStopPrice": None, "belowPrice": "58000"}, -2010, "Unsupported order combination"),
        ({"aboveType": None}, -1102, "Mandatory parameter 'aboveType' was not sent, was empty/null, or malformed."),
        ({"aboveClientOrderId": "down"}, -2010, "Duplicate order sent."),
        ({"quantity": "5"}, -2010, FUNDS),
    ],
)  # fmt: skip
def test_given_a_bad_pair_when_placed_then_neither_leg_is(tmp_path: Path, changes: dict[str, Any], code: int, text: str) -> None:
    """Prices that do not embrace the market, kinds that do not go together."""
    client = Client(tmp_path)
    assert oco(client, **changes) == (400, {"code": code, "msg": text})
    assert client.signed("GET", "openOrders")[1] == []


def test_given_the_older_pair_call_when_used_then_it_does_the_same(tmp_path: Path) -> None:
    """``POST /order/oco``."""
    client = Client(tmp_path)
    made = client.signed(
        "POST", "order/oco", symbol=SYMBOL, side="SELL", quantity="0.1", price="61000", stopPrice="59000", stopLimitPrice="58990",
        stopLimitTimeInForce="GTC",
    )[1]  # fmt: skip
    assert sorted(report["type"] for report in made["orderReports"]) == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]


def test_given_a_stop_when_the_price_comes_to_it_then_it_becomes_what_it_stands_for(tmp_path: Path) -> None:
    """It waits without working, then sells into the book."""
    client = Client(tmp_path)
    client.order(side="SELL", type="STOP_LOSS", timeInForce=None, price=None, stopPrice="59000", newClientOrderId="s")
    waiting = client.signed("GET", "order", symbol=SYMBOL, origClientOrderId="s")[1]
    assert (waiting["status"], waiting["isWorking"], waiting["workingTime"]) == ("NEW", False, -1)
    client.trade(59_000, "0.01", SELL)
    done = client.signed("GET", "order", symbol=SYMBOL, origClientOrderId="s")[1]
    assert (done["status"], done["isWorking"], done["executedQty"]) == ("FILLED", True, "0.10000000")


def test_given_many_orders_when_over_a_limit_then_the_next_is_refused(tmp_path: Path) -> None:
    """Unfilled orders by ten seconds, and open stops by symbol."""
    client = Client(tmp_path, orders_per_10s=7)
    for number in range(5):
        stop = client.order(
            type="STOP_LOSS_LIMIT", quantity="0.001", stopPrice=str(61_000 + number), price="62000", newClientOrderId=str(number)
        )
        assert stop[0] == 200
    full = client.order(type="STOP_LOSS_LIMIT", quantity="0.001", stopPrice="61500", price="62000")
    assert full[1]["msg"] == "Filter failure: MAX_NUM_ALGO_ORDERS"
    client.order()
    client.order()
    status, body = client.order()
    assert (status, body) == (429, {"code": -1015, "msg": "Too many new orders; current limit is 7 orders per 10 SECOND."})
    assert [row["count"] for row in client.signed("GET", "rateLimit/order")[1]] == [7, 7]
    client.fill_bid(59_000)
    client.pass_s(0)
    assert [row["count"] for row in client.signed("GET", "rateLimit/order")[1]] == [0, 0], "a maker's first fill takes off five"
    client.pass_s(10)
    assert client.order()[0] == 200


def test_given_own_orders_that_would_meet_when_the_second_comes_then_the_first_expires(tmp_path: Path) -> None:
    """The default of the symbol; a mode can be asked for."""
    client = Client(tmp_path)
    client.order(price="60005", newClientOrderId="bid")
    conn = client.listening()
    client.order(side="SELL", price="60005", newClientOrderId="ask")
    reports = [event for event in client.heard(conn) if event["e"] == "executionReport"]
    assert [(one["c"], one["x"], one["X"]) for one in reports] == [
        ("ask", "NEW", "NEW"), ("bid", "TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
    ]  # fmt: skip
    assert (reports[1]["A"], reports[1]["B"], reports[1]["U"], reports[1]["V"]) == ("0.10000000", "0.10000000", 2, "EXPIRE_MAKER")
    taker = client.order(price="60005", selfTradePreventionMode="EXPIRE_TAKER")[1]
    assert (taker["status"], taker["selfTradePreventionMode"]) == ("EXPIRED_IN_MATCH", "EXPIRE_TAKER")


def test_given_orders_when_listed_then_by_time_and_number(tmp_path: Path) -> None:
    """The latest without a start, from the start with one."""
    client = Client(tmp_path)
    for _ in range(3):
        client.order()
        client.pass_s(1)

    def listed(**params: Any) -> list[int]:
        return [row["orderId"] for row in client.signed("GET", "allOrders", symbol=SYMBOL, **params)[1]]

    assert listed(limit=2) == [2, 3]
    assert listed(orderId=2, limit=1) == [2]
    assert listed(startTime=client.now_ms - 2_000, limit=1) == [2]
    assert listed(endTime=client.now_ms - 3_000) == [1]
