"""REST: keys, signatures, time, parameters, weights and headers, each refusal with the venue's status, code and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tickwright.sim.stands.binance_spot.auth import Key, check_signature
from tickwright.sim.stands.binance_spot.params import signed_form, signed_json
from tickwright.sim.stands.binance_spot.shapes import Refusal
from unit.sim.stands.standkit import SYMBOL, Client

VENUES_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
VENUES_PAYLOAD = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
VENUES_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def test_given_the_venues_own_vector_when_checked_then_it_is_genuine_and_a_changed_one_is_not() -> None:
    """The example of the venue's documentation."""
    key = Key("k", VENUES_SECRET, "main", True, False)
    check_signature(key, VENUES_PAYLOAD.encode(), VENUES_SIGNATURE.upper())
    with pytest.raises(Refusal, match="Signature for this request is not valid"):
        check_signature(key, VENUES_PAYLOAD.encode() + b"0", VENUES_SIGNATURE)


def test_given_query_and_body_when_signed_then_they_are_joined_without_a_separator_as_they_came() -> None:
    """The signature covers the raw bytes, percent signs and all, without itself."""
    payload, signature = signed_form("symbol=%E6%B5%8B&signature=ab%2Bc", "quantity=1&price=2")
    assert (payload, signature) == (b"symbol=%E6%B5%8Bquantity=1&price=2", "ab+c")
    assert signed_json({"b": "2", "signature": "x", "a": "1"}) == b"a=1&b=2"


@pytest.mark.parametrize("kind", ["hmac", "ed25519", "rsa"])
def test_given_each_kind_of_key_when_a_request_is_signed_then_it_is_answered(tmp_path: Path, kind: str) -> None:
    """In the query, percent-encoded where base64 needs it."""
    status, body = Client(tmp_path, kind=kind).signed("GET", "account")
    assert (status, body["canTrade"], body["accountType"]) == (200, True, "SPOT")


@pytest.mark.parametrize(
    ("changes", "status", "code", "text"),
    [
        ({"timestamp": None}, 400, -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."),
        ({"timestamp": "soon"}, 400, -1100, "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'."),
        ({"shift": -5_001}, 400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ({"shift": -101, "recvWindow": 100}, 400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ({"shift": 1_000}, 400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        ({"recvWindow": 60_001}, 400, -1131, "recvWindow must be less than 60000"),
        ({"omitZeroBalances": "maybe"}, 400, -1130, "Data sent for parameter 'omitZeroBalances' is not valid."),
        ({"colour": "red"}, 400, -1104, "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
    ],
)  # fmt: skip
def test_given_a_bad_signed_request_when_answered_then_it_is_refused_in_the_venues_words(
    tmp_path: Path, changes: dict[str, Any], status: int, code: int, text: str
) -> None:
    """Time stamps, windows, and parameters that nobody reads."""
    client = Client(tmp_path)
    shift = changes.pop("shift", None)
    if shift is not None:
        changes["timestamp"] = client.now_ms + shift
    assert client.signed("GET", "account", **changes) == (status, {"code": code, "msg": text})


def test_given_the_edges_of_the_window_when_asked_then_they_are_inside(tmp_path: Path) -> None:
    """Exactly recvWindow old, 999 ms ahead, and in microseconds."""
    client = Client(tmp_path)
    for stamp in (client.now_ms - 5_000, client.now_ms + 999, client.now_ms * 1_000):
        assert client.signed("GET", "account", timestamp=stamp)[0] == 200


def test_given_no_key_or_a_wrong_one_when_asked_then_401(tmp_path: Path) -> None:
    """A missing key has a code of its own."""
    client = Client(tmp_path)
    none = client.raw("GET", "/api/v3/account", "timestamp=1")
    assert (none.status, json.loads(none.body)["code"]) == (401, -2014)
    wrong = client.raw("GET", "/api/v3/account", "timestamp=1", x_mbx_apikey="nobody")
    assert (wrong.status, json.loads(wrong.body)) == (
        401,
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )
    unsigned = client.raw("GET", "/api/v3/account", "timestamp=1", x_mbx_apikey=client.stand.api_key)
    assert json.loads(unsigned.body)["code"] == -1102


def test_given_a_key_without_permission_to_trade_when_it_orders_then_it_is_refused_and_may_still_look(tmp_path: Path) -> None:
    """Reading needs no permission."""
    client = Client(tmp_path, can_trade=False)
    assert client.order()[0] == 401
    assert client.signed("GET", "openOrders", symbol=SYMBOL) == (200, [])


def test_given_a_key_that_can_withdraw_when_asked_then_it_says_so(tmp_path: Path) -> None:
    """What a careful client looks at before it trades."""
    status, body = Client(tmp_path, can_withdraw=True).signed("GET", "/sapi/v1/account/apiRestrictions")
    assert (status, body["enableWithdrawals"], body["enableSpotAndMarginTrading"]) == (200, True, True)


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/api/v3/nothing", "", 404, -1000),
        ("/sapi/v9/nothing", "", 404, -1000),
        ("/", "", 404, -1000),
        ("/api/v3/depth", "", 400, -1102),
        ("/api/v3/depth", "symbol=btcusdt", 400, -1100),
        ("/api/v3/depth", "symbol=NOPE", 400, -1121),
        ("/api/v3/depth", "symbol=BTCUSDT&limit=x", 400, -1100),
        ("/api/v3/depth", f"symbol=BTCUSDT&limit={'9' * 4_400}", 400, -1100),  # more digits than Python reads
        ("/api/v3/depth", "symbol=BTCUSDT&limit=0", 400, -1130),
        ("/api/v3/depth", "symbol=BTCUSDT&symbol=BTCUSDT", 400, -1101),
        ("/api/v3/klines", "symbol=BTCUSDT&interval=2m", 400, -1120),
        ("/api/v3/klines", "symbol=BTCUSDT&interval=1m&startTime=2&endTime=1", 400, -1128),
        ("/api/v3/klines", "symbol=BTCUSDT&interval=1m&timeZone=15", 400, -1130),
        ("/api/v3/exchangeInfo", "symbols=BTCUSDT", 400, -1100),
        ("/api/v3/exchangeInfo", "symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", 400, -1128),
        ("/api/v3/ticker", "symbol=BTCUSDT&windowSize=60m", 400, -1130),
        ("/api/v3/referencePrice", "symbol=BTCUSDT", 400, -2043),
        ("/api/v3/time", "x=1", 400, -1104),
    ],
)
def test_given_a_bad_question_when_asked_then_it_is_refused_with_its_code(
    tmp_path: Path, path: str, query: str, status: int, code: int
) -> None:
    """Questions that need no key."""
    answer = Client(tmp_path).raw("GET", path, query)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)


def test_given_a_listen_key_when_asked_for_then_it_is_gone(tmp_path: Path) -> None:
    """The venue removed it."""
    assert Client(tmp_path).raw("POST", "/api/v3/userDataStream").status == 410


def test_given_exchange_info_when_read_then_the_symbol_has_its_filters(tmp_path: Path) -> None:
    """One symbol, several, or all; nothing is offered that the stand refuses."""
    client = Client(tmp_path)
    info = client.open("exchangeInfo", symbol=SYMBOL)
    one = info["symbols"][0]
    by_type = {item["filterType"]: item for item in one["filters"]}
    assert by_type["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert by_type["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert by_type["NOTIONAL"]["minNotional"] == "5.00000000"
    assert (one["status"], one["icebergAllowed"], one["ocoAllowed"], one["permissionSets"]) == (
        "TRADING",
        False,
        True,
        [["SPOT"]],
    )
    assert "permissionSets" not in client.open("exchangeInfo", showPermissionSets="false")["symbols"][0]
    assert client.open("exchangeInfo", symbols='["BTCUSDT"]')["symbols"] == info["symbols"]
    assert {item["rateLimitType"] for item in info["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"}


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("depth", "symbol=BTCUSDT", 5),
        ("depth", "symbol=BTCUSDT&limit=101", 25),
        ("depth", "symbol=BTCUSDT&limit=1000", 50),
        ("depth", "symbol=BTCUSDT&limit=9999", 250),
        ("ticker/24hr", "symbol=BTCUSDT", 2),
        ("ticker/24hr", "", 80),
        ("ticker/price", "", 4),
        ("exchangeInfo", "", 20),
        ("ping", "", 1),
    ],
)
def test_given_a_question_when_answered_then_its_weight_is_counted_and_told(
    tmp_path: Path, path: str, query: str, weight: int
) -> None:
    """In the header, by the minute of the clock."""
    client = Client(tmp_path)
    assert client.raw("GET", f"/api/v3/{path}", query).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert client.raw("GET", "/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == str(weight + 1)
    client.pass_s(60)
    assert client.raw("GET", "/api/v3/ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_given_too_much_weight_when_asked_on_then_429_with_retry_after_and_then_418(tmp_path: Path) -> None:
    """The ban outlasts the minute."""
    client = Client(tmp_path, weight_limit=10)
    for _ in range(10):
        assert client.raw("GET", "/api/v3/ping").status == 200
    over = client.raw("GET", "/api/v3/ping")
    assert (over.status, over.headers["Retry-After"]) == (429, "59")
    assert json.loads(over.body)["msg"].startswith(
        "Too much request weight used; current limit is 10 request weight per 1 MINUTE."
    )
    statuses = [client.raw("GET", "/api/v3/ping").status for _ in range(10)]
    assert statuses == [429] * 9 + [418]
    client.pass_s(60)
    banned = client.raw("GET", "/api/v3/ping")
    assert (banned.status, banned.headers["Retry-After"]) == (418, "60")
    assert json.loads(banned.body)["msg"].startswith(
        f"Way too much request weight used; IP banned until {client.now_ms + 60_000}."
    )
    client.pass_s(60)
    assert client.raw("GET", "/api/v3/ping").status == 200


def test_given_an_order_call_when_it_succeeds_then_it_is_free_and_when_it_fails_it_is_not(tmp_path: Path) -> None:
    """So that a busy trader is not throttled for trading."""
    client = Client(tmp_path)
    assert client.order()[0] == 200
    assert client.stand.meter.used("127.0.0.1", client.now_ns) == 0
    assert client.order(quantity="0")[0] == 400
    assert client.stand.meter.used("127.0.0.1", client.now_ns) == 1


def test_given_microseconds_when_asked_for_then_every_time_is_in_them(tmp_path: Path) -> None:
    """By header; another word is refused."""
    client = Client(tmp_path)
    asked = client.raw("GET", "/api/v3/time", x_mbx_time_unit="MICROSECOND")
    assert json.loads(asked.body) == {"serverTime": client.now_ms * 1_000}
    rows = json.loads(client.raw("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m", x_mbx_time_unit="microsecond").body)
    assert rows[0][6] - rows[0][0] == 59_999_000
    bad = client.raw("GET", "/api/v3/time", x_mbx_time_unit="fortnight")
    assert json.loads(bad.body)["code"] == -1194


def test_given_the_stands_own_endpoints_when_used_then_they_tell_the_truth_and_change_it(tmp_path: Path) -> None:
    """State, faults and transfers; mistakes are told."""
    client = Client(tmp_path)
    client.order(newClientOrderId="mine")
    state = json.loads(client.raw("GET", "/stand/state").body)
    assert state["requests"][0]["params"]["newClientOrderId"] == "mine"
    assert "signature" not in state["requests"][0]["params"]
    assert state["balances"]["USDT"] == ["94100.00000000", "5900.00000000"]
    assert client.raw("POST", "/stand/faults", body=b'{"kind": "gapp"}').status == 400
    assert b"did you mean 'gap'?" in client.raw("POST", "/stand/faults", body=b'{"kind": "gapp"}').body
    assert client.raw("POST", "/stand/faults", body=b"{").status == 400
    assert client.raw("POST", "/stand/faults", body=b'{"kind": "gap", "on": "trade"}').status == 200
    assert json.loads(client.raw("GET", "/stand/faults").body)["waiting"][0]["on"] == "trade"
    assert client.raw("DELETE", "/stand/faults").status == 200
    assert json.loads(client.raw("GET", "/stand/faults").body)["waiting"] == []
    assert client.raw("POST", "/stand/transfer", body=b'{"asset": "USDT", "amount": "-95000"}').status == 400
    assert client.raw("POST", "/stand/transfer", body=b'{"asset": "USDT", "amount": "-4100"}').status == 200
    assert json.loads(client.raw("GET", "/stand/state").body)["balances"]["USDT"] == ["90000.00000000", "5900.00000000"]
    assert client.raw("GET", "/stand/nothing").status == 404
