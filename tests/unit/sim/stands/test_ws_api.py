"""The WebSocket API: sessions, signed requests, subscriptions, and the account's events in the engine's order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import SELL
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.binance_spot.ws_api import PATH
from tickwright.sim.stands.server import Action, Close, Send
from unit.sim.stands.standkit import SYMBOL, Client, frames

ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "59000"}


def names(told: list[dict[str, Any]]) -> list[str]:
    return [event.get("x") or event["e"] for event in told]


def test_given_an_ed25519_key_when_logged_on_then_requests_need_only_a_time_stamp(tmp_path: Path) -> None:
    """Until it logs out; status says as whom."""
    client = Client(tmp_path, kind="ed25519")
    conn = client.connect(PATH)
    refused = client.api(conn, "order.place", sign_it=False, timestamp=client.now_ms, **ORDER)[0]
    assert (refused["status"], refused["error"]["code"]) == (401, -2014)
    logged_on = client.api(conn, "session.logon")[0]["result"]
    assert (logged_on["apiKey"], logged_on["userDataStream"]) == (client.stand.given["ed25519"].api_key, False)
    placed = client.api(conn, "order.place", sign_it=False, timestamp=client.now_ms, **ORDER)[0]
    assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
    assert client.api(conn, "order.place", sign_it=False, **ORDER)[0]["error"]["code"] == -1102
    assert client.api(conn, "userDataStream.subscribe", sign_it=False)[0]["result"] == {"subscriptionId": 0}
    assert client.api(conn, "session.subscriptions", sign_it=False)[0]["result"] == [{"subscriptionId": 0}]
    out = client.api(conn, "session.logout", sign_it=False)
    assert out[0]["result"]["apiKey"] is None
    assert out[1] == {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": client.now_ms}}
    assert client.api(conn, "userDataStream.subscribe", sign_it=False)[0]["status"] == 401


def test_given_an_hmac_key_when_it_logs_on_then_it_is_refused_but_it_may_subscribe_by_signature(tmp_path: Path) -> None:
    """Once a connection; a second subscription of the account is refused."""
    client = Client(tmp_path)
    conn = client.connect(PATH)
    assert client.api(conn, "session.logon")[0]["status"] == 400
    assert client.api(conn, "userDataStream.subscribe.signature")[0]["result"] == {"subscriptionId": 0}
    again = client.api(conn, "userDataStream.subscribe.signature")[0]
    assert again["error"] == {"code": -2035, "msg": "User Data Stream subscription already active."}
    for wrong in (4, "9" * 4_400, "x", "٠"):
        assert client.api(conn, "userDataStream.unsubscribe", sign_it=False, subscriptionId=wrong)[0]["status"] == 400
    gone = client.api(conn, "userDataStream.unsubscribe", sign_it=False, subscriptionId=0)
    assert gone[0]["result"] == {}
    assert gone[1]["event"]["e"] == "eventStreamTerminated"
    assert client.api(conn, "userDataStream.subscribe.signature")[0]["result"] == {"subscriptionId": 1}


def test_given_a_request_when_answered_then_its_id_and_the_limits_come_with_it(tmp_path: Path) -> None:
    """Orders tell the order limits too; limits can be declined, for one request or for the connection."""
    client = Client(tmp_path)
    conn = client.connect(PATH)
    placed = client.api(conn, "order.place", **ORDER)[0]
    assert [limit["rateLimitType"] for limit in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert [limit["count"] for limit in placed["rateLimits"]] == [1, 1, 2]
    for number in (7, "a", None):
        text = json.dumps({"id": number, "method": "ping"})
        assert frames(client.send(conn, text), conn)[0]["id"] == number
    assert "rateLimits" not in client.api(conn, "ping", sign_it=False, returnRateLimits=False)[0]
    quiet = client.connect(PATH, "returnRateLimits=false&timeUnit=microsecond")
    answer = client.api(quiet, "time", sign_it=False)[0]
    assert (answer["result"]["serverTime"], "rateLimits" in answer) == (client.now_ms * 1_000, False)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", -1135),
        ("[]", -1135),
        ('{"id": 1}', -1135),
        ('{"id": true, "method": "ping"}', -1135),
        ('{"id": [], "method": "ping"}', -1135),
        ('{"id": "' + "x" * 37 + '", "method": "ping"}', -1135),
        ('{"id": 1, "method": "ping", "params": []}', -1135),
        ('{"id": 1, "method": "fly"}', -1020),
        ('{"id": 1, "method": "ping", "params": {"high": 1}}', -1104),
        ('{"id": 1, "method": "depth", "params": {"symbol": "NOPE"}}', -1121),
        ('{"id": 1, "method": "account.status"}', -2014),
        ('{"id": 1, "method": "account.status", "params": {"apiKey": "no", "timestamp": 1}}', -2015),
        ("[" * 100_000, -1135),
    ],
)
def test_given_a_bad_frame_when_it_arrives_then_it_is_refused_and_the_connection_goes_on(
    tmp_path: Path, frame: str, code: int
) -> None:
    """Whatever it is."""
    client = Client(tmp_path)
    conn = client.connect(PATH)
    assert frames(client.send(conn, frame), conn)[0]["error"]["code"] == code
    assert client.api(conn, "ping", sign_it=False)[0]["status"] == 200


@given(frame=st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "method", "params", "symbol", "x"]), inner)).map(json.dumps)))  # fmt: skip
def test_given_any_frame_when_it_arrives_then_there_is_an_answer(frame: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On the WebSocket API and on a stream connection alike: nothing that a client sends makes the stand fall over."""
    client = Client(tmp_path_factory.mktemp("any"), frames_per_s=10**6)
    for path in (PATH, "/ws"):
        conn = client.connect(path)
        assert len(frames(client.send(conn, frame), conn)) == 1


def test_given_a_limit_order_when_placed_filled_and_cancelled_then_each_step_is_told_in_order(tmp_path: Path) -> None:
    """Locked, filled in part, cancelled: a report and the balances each time; c and C as the venue has them."""
    client = Client(tmp_path)
    conn = client.listening()
    client.order(newClientOrderId="a")
    new = client.heard(conn)
    assert names(new) == ["NEW", "outboundAccountPosition"]
    assert (new[0]["c"], new[0]["C"], new[0]["w"], new[0]["i"], new[0]["n"], new[0]["N"], new[0]["t"]) == (
        "a",
        "",
        True,
        1,
        "0",
        None,
        -1,
    )
    assert new[1]["B"] == [{"a": "USDT", "f": "94100.00000000", "l": "5900.00000000"}]
    client.trade(59_000, "0.04", SELL)
    traded = client.heard(conn)
    assert names(traded) == ["TRADE", "outboundAccountPosition"]
    assert (traded[0]["X"], traded[0]["l"], traded[0]["z"], traded[0]["L"], traded[0]["m"]) == (
        "PARTIALLY_FILLED", "0.04000000", "0.04000000", "59000.00000000", True,
    )  # fmt: skip
    assert (traded[0]["n"], traded[0]["N"], traded[0]["Y"], traded[0]["Z"]) == (
        "0.00004000",
        "BTC",
        "2360.00000000",
        "2360.00000000",
    )
    client.signed("DELETE", "order", symbol=SYMBOL, orderId=1, newClientOrderId="c")
    ended = client.heard(conn)
    assert names(ended) == ["CANCELED", "outboundAccountPosition"]
    assert (ended[0]["c"], ended[0]["C"], ended[0]["X"], ended[0]["z"], ended[0]["w"]) == (
        "c",
        "a",
        "CANCELED",
        "0.04000000",
        False,
    )
    assert ended[1]["B"] == [{"a": "USDT", "f": "97640.00000000", "l": "0.00000000"}]
    numbers = [event["I"] for event in (*new, *traded, *ended) if "I" in event]
    assert numbers == sorted(set(numbers))


def test_given_an_amend_when_told_then_it_is_replaced_with_the_number_that_the_answer_gave(tmp_path: Path) -> None:
    """C is the old name."""
    client = Client(tmp_path)
    conn = client.listening()
    client.order(newClientOrderId="a")
    client.heard(conn)
    answer = client.api(conn, "order.amend.keepPriority", symbol=SYMBOL, orderId=1, newQty="0.05", newClientOrderId="b")
    assert (answer[1]["event"]["x"], answer[1]["event"]["c"], answer[1]["event"]["C"]) == ("REPLACED", "b", "a")
    assert answer[1]["event"]["I"] == answer[0]["result"]["executionId"]


def test_given_money_from_outside_when_it_arrives_then_the_account_is_told(tmp_path: Path) -> None:
    """``balanceUpdate`` with its sign, and the balance."""
    client = Client(tmp_path)
    conn = client.listening()
    client.stand.transfer("USDT", -500 * 10**18, client.now_ns)
    told = client.heard(conn)
    assert (told[0]["e"], told[0]["a"], told[0]["d"]) == ("balanceUpdate", "USDT", "-500.00000000")
    assert told[1]["B"] == [{"a": "USDT", "f": "99500.00000000", "l": "0.00000000"}]


# -- faults ------------------------------------------------------------------------------------------------------------------


def place(client: Client, conn: int) -> list[Action]:
    """An order by the WebSocket API; everything that leaves the stand at once."""
    return client.send(conn, client.request("order.place", ORDER))


def kinds(actions: list[Action]) -> list[str]:
    """Answers by status, events by type, in the order in which they leave."""
    read = [json.loads(action.text) for action in actions if isinstance(action, Send)]
    return [str(frame.get("status")) if "event" not in frame else names([frame["event"]])[0] for frame in read]


@pytest.mark.parametrize(
    ("kind", "told", "orders"),
    [
        (FaultKind.DROP, [], 0),
        (FaultKind.LOST_REPLY, ["NEW", "outboundAccountPosition"], 1),
        (FaultKind.UNKNOWN_EXECUTED, ["504", "NEW", "outboundAccountPosition"], 1),
        (FaultKind.UNKNOWN_NOT_EXECUTED, ["504"], 0),
        (FaultKind.OVERLOADED, ["503"], 0),
        (FaultKind.TOO_MANY, ["429"], 0),
        (FaultKind.BANNED, ["418"], 0),
        (FaultKind.EVENTS_FIRST, ["NEW", "outboundAccountPosition", "200"], 1),
        (FaultKind.LATE_EVENTS, ["200"], 1),
        (FaultKind.LATE, [], 0),
    ],
    ids=lambda value: value.value if isinstance(value, FaultKind) else "",
)
def test_given_a_fault_of_a_request_when_an_order_meets_it_then_this_is_told_and_so_many_orders_exist(
    tmp_path: Path, kind: FaultKind, told: list[str], orders: int
) -> None:
    """What the client hears at once, and what is true at the venue."""
    client = Client(tmp_path)
    conn = client.listening()
    client.stand.inject(Fault(kind=kind, on="order.place", value=2.0))
    assert kinds(place(client, conn)) == told
    assert len(client.stand.state()["open_orders"]) == orders
    assert client.stand.state()["faults"] == {kind.value: 1}
    later = kinds(client.pass_s(2.0))
    assert later == {
        FaultKind.LATE: ["200", "NEW", "outboundAccountPosition"],
        FaultKind.LATE_EVENTS: ["NEW", "outboundAccountPosition"],
    }.get(kind, [])


def test_given_an_order_that_arrives_after_its_window_when_it_does_then_it_is_refused(tmp_path: Path) -> None:
    """So late that the venue no longer accepts it."""
    client = Client(tmp_path)
    conn = client.listening()
    client.stand.inject(Fault(kind=FaultKind.LATE, on="order.place", value=6.0))
    place(client, conn)
    assert frames(client.pass_s(6.0), conn)[0]["error"]["code"] == -1021


def test_given_keys_that_are_revoked_when_it_happens_then_sessions_are_told_and_nothing_works(tmp_path: Path) -> None:
    """The venue's message has no id."""
    client = Client(tmp_path, kind="ed25519")
    conn = client.connect(PATH)
    client.api(conn, "session.logon")
    client.stand.inject(Fault(kind=FaultKind.REVOKED))
    told = frames(client.pass_s(0.1), conn)
    assert told == [
        {"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}}
    ]
    assert client.signed("GET", "account")[0] == 401


def test_given_a_clock_that_is_ahead_when_asked_then_time_stamps_are_judged_by_it(tmp_path: Path) -> None:
    """By six seconds: a client that believes its own clock is outside the window."""
    client = Client(tmp_path)
    client.stand.inject(Fault(kind=FaultKind.CLOCK, value=6.0))
    client.pass_s(0.1)
    assert client.open("time")["serverTime"] == client.now_ms + 6_000
    assert client.order()[1]["code"] == -1021
    assert client.order(timestamp=client.now_ms + 6_000)[0] == 200


def test_given_the_end_of_a_connections_life_when_near_then_it_is_announced_and_then_closed(tmp_path: Path) -> None:
    """A quarter of its life before, at the latest."""
    client = Client(tmp_path, life_s=8.0)
    conn = client.connect(PATH)
    raw = client.connect("/ws/btcusdt@trade")
    combined = client.connect("/stream", "streams=btcusdt@trade")
    assert client.pass_s(5.9) == []
    said = client.pass_s(0.2)
    now = client.now_ms
    assert frames(said, conn) == [{"event": {"e": "serverShutdown", "E": now}}]
    assert frames(said, raw) == [{"e": "serverShutdown", "E": now}]
    assert frames(said, combined) == [{"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": now}}]
    closed = client.pass_s(2.0)
    assert sorted(action.conn for action in closed if isinstance(action, Close)) == [conn, raw, combined]
    assert client.pass_s(1.0) == []
