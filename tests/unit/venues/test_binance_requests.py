"""Requests: what is sent for an order, to the letter."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.numbers import to_units
from tickwright.base.secret import Secret
from tickwright.model.market import BUY, SELL, Channel, Subscription
from tickwright.model.order import NewOrder, OrderRef, OrderType, Stp, Tif
from tickwright.venues.binance_spot import requests
from tickwright.venues.binance_spot.rules import ENDPOINTS, ORDER_KINDS
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import HmacSigner

KEY = "binance_spot:BTC/USDT"


def order(kind: OrderType = OrderType.LIMIT, **terms) -> NewOrder:
    usual = {
        "key": KEY,
        "client_id": "tw1-1",
        "side": BUY,
        "type": kind,
        "qty": to_units("0.015", 8),
        "price": to_units("61250.1", 8),
        "stop": None,
        "tif": Tif.GTC,
        "post_only": False,
        "reduce_only": False,
    }
    return NewOrder(**usual | terms)


STOP = to_units("61000", 8)
TERMS = [
    (order(), {"type": "LIMIT", "timeInForce": "GTC", "price": "61250.1"}),
    (order(tif=Tif.IOC), {"type": "LIMIT", "timeInForce": "IOC", "price": "61250.1"}),
    (order(tif=Tif.FOK, side=SELL), {"type": "LIMIT", "timeInForce": "FOK", "price": "61250.1", "side": "SELL"}),
    (order(post_only=True), {"type": "LIMIT_MAKER", "price": "61250.1"}),
    (order(OrderType.MARKET, price=None, tif=Tif.IOC), {"type": "MARKET"}),
    (order(OrderType.STOP, price=None, stop=STOP), {"type": "STOP_LOSS", "stopPrice": "61000"}),
    (
        order(OrderType.STOP_LIMIT, stop=STOP),
        {"type": "STOP_LOSS_LIMIT", "stopPrice": "61000", "price": "61250.1", "timeInForce": "GTC"},
    ),
    (order(OrderType.TAKE_PROFIT, price=None, stop=STOP), {"type": "TAKE_PROFIT", "stopPrice": "61000"}),
    (
        order(OrderType.TAKE_PROFIT_LIMIT, stop=STOP),
        {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "61000", "price": "61250.1", "timeInForce": "GTC"},
    ),
    (
        order(stp=Stp.EXPIRE_TAKER),
        {"type": "LIMIT", "timeInForce": "GTC", "price": "61250.1", "selfTradePreventionMode": "EXPIRE_TAKER"},
    ),
]


@pytest.mark.parametrize(("asked", "terms"), TERMS)
def test_given_an_order_when_submitted_then_exactly_its_terms_are_sent(asked, terms):
    """No more (LIMIT_MAKER with a time in force is an error) and no less."""
    usual = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.015", "newClientOrderId": "tw1-1", "newOrderRespType": "FULL"}
    assert requests.unsupported(asked) == ""
    assert dict(requests.submit(asked, "BTCUSDT").params) == usual | terms


@pytest.mark.parametrize(
    "asked",
    [
        order(reduce_only=True),
        order(price=None),
        order(OrderType.MARKET),
        order(OrderType.STOP, price=None),
        order(stop=STOP),
        order(post_only=True, tif=Tif.IOC),
        order(OrderType.STOP_LIMIT, stop=STOP, post_only=True),
        order(qty=0),
        order(price=-1),
    ],
)
def test_given_an_order_that_the_venue_cannot_do_when_checked_then_it_is_refused_before_sending(asked):
    """What cannot be written down exactly is not sent as something else."""
    assert requests.unsupported(asked)


def test_given_a_venue_id_when_an_order_is_named_then_it_goes_first_and_ours_otherwise():
    """The venue's id is fastest, and stays when an order is renamed."""
    assert dict(requests.cancel(OrderRef(KEY, "tw1-1"), "BTCUSDT").params)["origClientOrderId"] == "tw1-1"
    assert dict(requests.cancel(OrderRef(KEY, "tw1-1", "77"), "BTCUSDT").params) == {"symbol": "BTCUSDT", "orderId": 77}


def test_given_a_smaller_quantity_when_amended_then_the_client_id_is_passed_again():
    """Left out, the venue would give the order a random one."""
    params = dict(requests.amend_qty(OrderRef(KEY, "tw1-1", "77"), to_units("0.01", 8), "BTCUSDT").params)
    assert params == {"symbol": "BTCUSDT", "orderId": 77, "newQty": "0.01", "newClientOrderId": "tw1-1"}


def test_given_a_replacement_when_built_then_the_new_order_needs_the_cancel_to_succeed():
    """And, where asked, the old order not to have traded."""
    request = requests.replace(OrderRef(KEY, "tw1-1", "77"), order(client_id="tw1-2"), "BTCUSDT", only_new=True)
    params = dict(request.params)
    assert params["cancelReplaceMode"] == "STOP_ON_FAILURE"
    assert params["cancelRestrictions"] == "ONLY_NEW"
    assert (params["cancelOrderId"], params["newClientOrderId"]) == (77, "tw1-2")


def test_given_a_pair_when_built_then_each_leg_has_its_own_terms_and_id():
    """A take-profit above and a stop below, for a long position."""
    above = order(side=SELL, post_only=True, client_id="tw1-a", price=to_units("63000", 8))
    below = order(OrderType.STOP, side=SELL, price=None, stop=STOP, client_id="tw1-b")
    assert requests.refuse_oco(above, below) == ""
    assert dict(requests.oco(above, below, "tw1-l", "BTCUSDT").params) == {
        "symbol": "BTCUSDT",
        "listClientOrderId": "tw1-l",
        "side": "SELL",
        "quantity": "0.015",
        "aboveType": "LIMIT_MAKER",
        "aboveClientOrderId": "tw1-a",
        "abovePrice": "63000",
        "belowType": "STOP_LOSS",
        "belowClientOrderId": "tw1-b",
        "belowStopPrice": "61000",
        "newOrderRespType": "FULL",
    }
    assert requests.refuse_oco(above, order(client_id="tw1-b"))
    assert requests.refuse_oco(above, msgspec.structs.replace(below, client_id="tw1-a"))


@given(qty=st.integers(1, 10**20), price=st.integers(1, 10**20))
def test_given_any_units_when_written_then_the_venue_reads_the_same_number(qty, price):
    """Plain digits, never an exponent, never a sign."""
    params = dict(requests.submit(order(qty=qty, price=price), "BTCUSDT").params)
    for name, units in (("quantity", qty), ("price", price)):
        text = params[name]
        assert re.fullmatch(r"([0-9]{1,20})(\.[0-9]{1,20})?", text)
        assert to_units(text, 8) == units


def test_given_what_changes_the_account_when_built_then_it_is_marked_as_sent_once():
    """Only such requests may use the share of the limits that is kept for orders, and none of them is retried."""
    assert {kind for kind, endpoint in ENDPOINTS.items() if endpoint.method != "GET"} == set(ORDER_KINDS)
    assert requests.submit(order(), "BTCUSDT").is_order
    assert not requests.account().is_order


def test_given_a_request_when_encoded_then_unsigned_ones_carry_no_key_and_signed_ones_a_signature_last():
    """Public data must not tell who asks."""
    wire = Wire("key", HmacSigner(Secret(b"secret")), 5_000)
    public = requests.depth("BTCUSDT", 100)
    assert wire.rest(public, 0) == "/api/v3/depth?symbol=BTCUSDT&limit=100"
    assert wire.rest_headers(public) == {}
    private = wire.rest(requests.account(), 1_788_249_600_123_000_000)
    assert re.fullmatch(
        r"/api/v3/account\?omitZeroBalances=true&recvWindow=5000&timestamp=1788249600123&signature=[0-9a-f]{64}", private
    )
    assert wire.rest_headers(requests.account()) == {"X-MBX-APIKEY": "key"}


def test_given_a_session_that_is_logged_on_when_encoded_then_only_the_time_is_added(sample):
    """No key and no signature in the frame: the session vouches."""
    wire = Wire("key", HmacSigner(Secret(b"secret")), 5_000)
    frame = wire.ws(requests.cancel(OrderRef(KEY, "tw1-1"), "BTCUSDT"), 7, 1_788_249_600_123_000_000, logged_on=True)
    assert msgspec.json.decode(frame) == {
        "id": 7,
        "method": "order.cancel",
        "params": {"symbol": "BTCUSDT", "origClientOrderId": "tw1-1", "recvWindow": 5000, "timestamp": 1788249600123},
    }


def test_given_subscriptions_when_named_then_they_are_the_venues_streams():
    """Lower case, and only what the venue streams."""
    wire = Wire()
    names = [
        wire.stream(Subscription("BTC/USDT", channel, detail))
        for channel, detail in (
            (Channel.TRADES, ""),
            (Channel.QUOTES, ""),
            (Channel.BOOK, "20"),
            (Channel.TICKER, ""),
            (Channel.BARS, "1m"),
        )
    ]
    assert names == ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@ticker", "btcusdt@kline_1m"]
    for sub in (Subscription("BTC/USDT", Channel.BARS, "7m"), Subscription("BTC/USDT", Channel.FUNDING)):
        with pytest.raises(ValueError, match="not streamed"):
            wire.stream(sub)


def test_given_a_deadline_when_encoded_then_the_window_ends_with_it_and_not_after():
    """The fence around an order in doubt counts on it: later than this the venue must not accept it."""
    wire = Wire("key", HmacSigner(Secret(b"secret")), 5_000)
    at = 1_788_249_600_123_000_000
    for left_ns, window_ms in ((4_999_900_000, 4_999), (60_000_000_000, 5_000), (900_000, 0)):
        request = requests.submit(order(), "BTCUSDT", at + left_ns)
        assert wire.window_ms(request, at) == window_ms
    frame = wire.ws(requests.submit(order(), "BTCUSDT", at + 2_000_000_000), 1, at, logged_on=False)
    assert msgspec.json.decode(frame)["params"]["recvWindow"] == 2_000
    assert "recvWindow=2000&" in wire.rest(requests.submit(order(), "BTCUSDT", at + 2_000_000_000), at)
