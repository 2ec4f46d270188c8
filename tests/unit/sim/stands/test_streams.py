"""Market streams: subscriptions, forms, limits, and what is sent on each stream as the market moves."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tickwright.model.market import BUY
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.server import Close, Cut, Mute
from unit.sim.stands.standkit import LINES, SNAPSHOT, SYMBOL, T0_MS, Client, diff, frames


def moving(n: int = 40) -> list[dict[str, Any]]:
    """A snapshot, then a diff, a trade and a quote every tenth of a second."""
    lines: list[dict[str, Any]] = [SNAPSHOT]
    for number in range(n):
        at = T0_MS + number * 100
        lines.append(diff(1_001 + number, 1_001 + number, at, b=[["60000.00", f"{1 + number / 100:.5f}"]]))
        lines.append({"e": "trade", "E": at, "s": SYMBOL, "t": number + 1, "p": f"{60_000 + number % 7}.00", "q": "0.10000", "T": at, "m": number % 2 == 0, "M": True})  # fmt: skip
        lines.append(
            {"u": 1_001 + number, "s": SYMBOL, "b": "60000.00", "B": f"{1 + number / 100:.5f}", "a": "60010.00", "A": "1.00000"}
        )
    return lines


def waiting(folder: Path, lines: list[dict[str, Any]] | None = None, **config: Any) -> Client:
    """A stand whose tape waits for the first subscriber."""
    return Client(folder, moving() if lines is None else lines, start_on="subscriber", **config)


def test_given_a_tape_when_it_waits_for_a_subscriber_then_nothing_is_missed_and_every_byte_is_as_recorded(tmp_path: Path) -> None:
    """Raw on /ws, wrapped on /stream."""
    client = waiting(tmp_path, LINES)
    assert client.pass_s(100) == []
    raw = client.connect("/ws")
    assert frames(client.send(raw, {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}), raw) == [
        {"result": None, "id": 1}
    ]
    wrapped = client.connect("/stream", "streams=btcusdt@trade/btcusdt@bookTicker")
    sent = client.pass_s(1)
    assert frames(sent, raw) == [LINES[2]["data"]]
    assert frames(sent, wrapped) == [{"stream": "btcusdt@trade", "data": LINES[2]["data"]}, {"stream": "btcusdt@bookTicker", "data": LINES[3]["data"]}]  # fmt: skip


def test_given_a_depth_answer_when_asked_at_any_moment_then_it_is_the_book_after_the_frames_that_were_sent(
    tmp_path: Path,
) -> None:
    """A snapshot and the diffs after it make the venue's book, with no hole between them."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@depth@100ms")
    bids: dict[str, str] = {}
    last = 0
    for step in range(50):
        if step == 7:
            snapshot = client.open("depth", symbol=SYMBOL)
            bids, last = dict(snapshot["bids"]), snapshot["lastUpdateId"]
        for frame in frames(client.pass_s(0.25), conn):
            if last:
                assert frame["U"] == last + 1
                bids |= {f"{price}000000": f"{qty}000" for price, qty in frame["b"]}
                last = frame["u"]
    end = client.open("depth", symbol=SYMBOL)
    assert (bids, last) == (dict(end["bids"]), end["lastUpdateId"])
    assert last == 1_040


def test_given_every_stream_when_the_market_moves_then_each_has_its_shape_and_pace(tmp_path: Path) -> None:
    """Four seconds of market."""
    client = waiting(tmp_path, moving(43))
    streams = [
        "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@depth5",
        "btcusdt@depth5@100ms", "btcusdt@kline_1s", "btcusdt@kline_1m", "btcusdt@ticker", "btcusdt@miniTicker",
        "btcusdt@avgPrice", "btcusdt@ticker_1h", "!miniTicker@arr", "btcusdt@nothing", "ethusdt@trade", "!ticker@arr",
    ]  # fmt: skip
    conn = client.connect("/stream", f"streams={'/'.join(streams)}")
    got: dict[str, list[Any]] = {}
    for _ in range(1_300):
        for frame in frames(client.pass_s(0.01), conn):
            got.setdefault(frame["stream"], []).append(frame["data"])
    counts = {name: len(rows) for name, rows in got.items()}
    assert (
        counts["btcusdt@trade"]
        == counts["btcusdt@aggTrade"]
        == counts["btcusdt@bookTicker"]
        == counts["btcusdt@depth@100ms"]
        == 43
    )
    assert counts["btcusdt@depth5@100ms"] == 43
    for name in ("btcusdt@depth5", "btcusdt@ticker", "btcusdt@miniTicker", "btcusdt@avgPrice", "btcusdt@ticker_1h", "!miniTicker@arr", "btcusdt@depth"):  # fmt: skip
        assert 4 <= counts[name] <= 5, name
    assert not {"btcusdt@nothing", "ethusdt@trade", "!ticker@arr"} & set(got)
    slow = got["btcusdt@depth"]
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(slow))
    closed = [row["k"] for row in got["btcusdt@kline_1s"] if row["k"]["x"]]
    assert [bar["t"] for bar in closed] == [T0_MS + second * 1_000 for second in range(4)]
    assert (closed[0]["n"], closed[0]["v"], closed[0]["o"], closed[0]["h"], closed[0]["T"]) == (
        10, "1.00000000", "60000.00000000", "60006.00000000", T0_MS + 999,
    )  # fmt: skip
    assert set(got["btcusdt@depth5"][0]) == {"lastUpdateId", "bids", "asks"}
    assert got["btcusdt@ticker"][-1]["n"] == got["btcusdt@ticker_1h"][-1]["n"]
    assert (got["btcusdt@ticker_1h"][0]["e"], got["!miniTicker@arr"][0][0]["e"]) == ("1hTicker", "24hrMiniTicker")


def test_given_bars_by_rest_when_asked_then_they_are_what_was_traded(tmp_path: Path) -> None:
    """Rows of twelve, from a start or the latest."""
    client = waiting(tmp_path)
    client.connect("/ws/btcusdt@trade")
    client.pass_s(20)
    rows = client.open("klines", symbol=SYMBOL, interval="1s")
    assert [(row[0], row[8]) for row in rows] == [(T0_MS + second * 1_000, 10) for second in range(4)]
    assert rows[0][1:6] == ["60000.00000000", "60006.00000000", "60000.00000000", "60002.00000000", "1.00000000"]
    assert len(rows[0]) == 12
    assert client.open("klines", symbol=SYMBOL, interval="1s", limit=1)[0] == rows[-1]
    assert client.open("klines", symbol=SYMBOL, interval="1s", startTime=T0_MS + 1, limit=2) == rows[1:3]
    assert client.open("klines", symbol=SYMBOL, interval="1s", endTime=T0_MS + 1_000) == rows[:2]
    minute = client.open("klines", symbol=SYMBOL, interval="1m")
    assert [(row[0] % 60_000, row[8]) for row in minute] == [(0, 40)]
    trades = client.open("trades", symbol=SYMBOL, limit=2)
    assert [(row["id"], row["quoteQty"]) for row in trades] == [(39, "6000.30000000"), (40, "6000.40000000")]
    assert [row["id"] for row in client.open("historicalTrades", symbol=SYMBOL, fromId=3, limit=2)] == [3, 4]
    assert client.open("aggTrades", symbol=SYMBOL, fromId=3, limit=1)[0]["f"] == 3
    assert client.open("ticker/24hr", symbol=SYMBOL)["count"] == 40
    assert set(client.open("ticker/24hr", symbol=SYMBOL, type="MINI")) == {
        "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime", "firstId", "lastId",
        "count",
    }  # fmt: skip
    assert client.open("ticker/price", symbol=SYMBOL) == {"symbol": SYMBOL, "price": "60004.00000000"}
    assert client.open("ticker/bookTicker")[0]["bidPrice"] == "60000.00"
    assert client.open("avgPrice", symbol=SYMBOL)["mins"] == 5


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ({"method": "LIST_SUBSCRIPTIONS", "id": 3}, {"result": ["btcusdt@trade"], "id": 3}),
        ({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "x"}, {"result": None, "id": "x"}),
        ({"method": "GET_PROPERTY", "params": ["combined"], "id": None}, {"result": False, "id": None}),
        ({"method": "SET_PROPERTY", "params": ["combined", True], "id": 1}, {"result": None, "id": 1}),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, {"code": 1, "id": 1}),
        ({"method": "SET_PROPERTY", "params": ["colour", True], "id": 1}, {"code": 0, "id": 1}),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}, {"code": 2, "id": 1}),
        ({"method": "SUBSCRIBE", "params": [1], "id": 1}, {"code": 2, "id": 1}),
        ({"method": "SUBSCRIBE", "params": [f"s{n}@trade" for n in range(1_024)], "id": 1}, {"code": 2, "id": 1}),
        ({"method": "SHOUT", "id": 1}, {"code": 2, "id": 1}),
        ({"id": 1}, {"code": 2, "id": 1}),
        ({"method": "SUBSCRIBE", "params": [], "id": {}}, {"code": 2}),
        ([], {"code": 2}),
        ("{", {"code": 3}),
    ],
)
def test_given_a_request_on_a_stream_when_answered_then_in_the_venues_form(
    tmp_path: Path, frame: object, answer: dict[str, Any]
) -> None:
    """Errors have a code of their own kind and the id, where there was one."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@trade")
    got = frames(client.send(conn, frame), conn)[0]
    assert {name: got[name] for name in got if name != "msg"} == answer


def test_given_combined_set_on_a_raw_connection_when_frames_come_then_they_are_wrapped(tmp_path: Path) -> None:
    """``SET_PROPERTY``."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@trade")
    client.send(conn, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
    assert frames(client.pass_s(0.5), conn)[0]["stream"] == "btcusdt@trade"


def test_given_microseconds_in_the_address_when_frames_come_then_times_are_in_them_and_ids_are_not(tmp_path: Path) -> None:
    """A time unit that does not exist closes the connection."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@trade", "timeUnit=MICROSECOND")
    frame = frames(client.pass_s(0.5), conn)[0]
    assert (frame["T"], frame["t"]) == (T0_MS * 1_000, 1)
    client.conns += 1
    refused = client.stand.on_open(9, "/ws", "timeUnit=fortnight", "127.0.0.1", client.now_ns)
    assert client.stand.on_frame(9, '{"method":"LIST_SUBSCRIPTIONS","id":1}', client.now_ns) == []  # sent before it was closed
    assert [type(action) for action in refused] == [Close]


def test_given_more_than_five_messages_a_second_when_they_arrive_then_the_connection_is_closed(tmp_path: Path) -> None:
    """Requests, pings and pongs count; on the WebSocket API only pings and pongs."""
    client = waiting(tmp_path)
    conn = client.connect("/ws")
    ask = {"method": "LIST_SUBSCRIPTIONS", "id": 1}
    for _ in range(3):
        assert len(client.send(conn, ask)) == 1
        client.stand.on_control(conn, client.now_ns) if _ < 2 else None
    closed = client.send(conn, ask)
    assert closed == [Close(conn, 1008, "Too many requests")]
    assert client.send(conn, ask) == []
    patient = client.connect("/ws")
    for _ in range(20):
        assert len(client.send(patient, ask)) == 1
        client.pass_s(0.25)
    api = client.connect("/ws-api/v3")
    assert all(client.api(api, "ping", sign_it=False)[0]["status"] == 200 for _ in range(20))


def test_given_too_many_connections_when_another_comes_then_it_is_closed(tmp_path: Path) -> None:
    """Attempts within five minutes by address."""
    client = waiting(tmp_path, connects_per_5min=2)
    client.connect("/ws")
    client.connect("/ws")
    assert client.stand.on_open(3, "/ws", "", "127.0.0.1", client.now_ns) == [Close(3, 1008, "Too many connection attempts")]
    assert client.stand.on_open(4, "/ws", "", "127.0.0.2", client.now_ns) == []


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (FaultKind.GAP, [1, 3, 4]),
        (FaultKind.DUPLICATE, [1, 2, 2, 3, 4]),
        (FaultKind.OUT_OF_ORDER, [1, 3, 2, 4]),
        (FaultKind.GARBAGE, [1, None, 2, 3, 4]),
        (FaultKind.STALL, [1, 2, 3, 4]),
    ],
    ids=lambda value: value.value if isinstance(value, FaultKind) else "",
)
def test_given_a_fault_of_the_second_trade_when_it_comes_then_this_is_seen_and_other_streams_are_left_alone(
    tmp_path: Path, kind: FaultKind, numbers: list[int | None]
) -> None:
    """Counted by frames that are sent to somebody."""
    client = waiting(tmp_path, moving(4))
    client.stand.inject(Fault(kind=kind, on="@trade", nth=2, value=1.0))
    conn = client.connect("/ws/btcusdt@trade/btcusdt@bookTicker")
    got: list[int | None] = []
    quotes = 0
    for _ in range(300):
        for action in client.pass_s(0.01):
            text = getattr(action, "text", "")
            if text.startswith('{"e":"depthUpdate"') and not text.endswith("}"):
                got.append(None)
            elif "t" in (frame := json.loads(text)):
                got.append(frame["t"])
            else:
                quotes += 1
    assert (got, quotes) == (numbers, 4)
    assert client.stand.state()["faults"] == {kind.value: 1}
    assert conn


def test_given_faults_of_connections_when_their_time_or_occasion_comes_then_only_those_named_are_met(tmp_path: Path) -> None:
    """By path, by stream, or by the frame at which it happens."""
    client = waiting(tmp_path)
    for kind, on, at_s in (
        (FaultKind.DISCONNECT, "/stream", 0.5),
        (FaultKind.MUTE, "@bookTicker", 0.6),
        (FaultKind.HALF_OPEN, "/ws-api", 0.7),
    ):
        client.stand.inject(Fault(kind=kind, on=on, at_s=at_s))
    client.stand.inject(Fault(kind=FaultKind.DISCONNECT, on="@trade", nth=3))
    trades = client.connect("/ws/btcusdt@trade")
    quotes = client.connect("/ws/btcusdt@bookTicker")
    both = client.connect("/stream")
    api = client.connect("/ws-api/v3")
    done = [action for _ in range(100) for action in client.pass_s(0.01) if not hasattr(action, "text")]
    assert done == [Cut(both), Mute(quotes, alive=True), Mute(api, alive=False), Cut(trades)]


def test_given_a_shutdown_when_it_is_planned_then_it_is_announced_and_carried_out(tmp_path: Path) -> None:
    """``value`` seconds later."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@depth")
    client.stand.inject(Fault(kind=FaultKind.SHUTDOWN, value=0.5))
    assert frames(client.pass_s(0.1), conn)[-1]["e"] == "serverShutdown"
    assert not any(isinstance(action, Close) for action in client.pass_s(0.3))
    assert any(isinstance(action, Close) for action in client.pass_s(0.2))


def test_given_a_stale_snapshot_when_asked_then_it_is_a_book_that_was_true_once(tmp_path: Path) -> None:
    """Its number and its levels belong together."""
    client = waiting(tmp_path, moving(60))
    client.connect("/ws/btcusdt@trade")
    client.pass_s(18)
    client.stand.inject(Fault(kind=FaultKind.STALE_SNAPSHOT, on="depth"))
    old = client.open("depth", symbol=SYMBOL)
    new = client.open("depth", symbol=SYMBOL)
    assert new["lastUpdateId"] == 1_060
    assert old["lastUpdateId"] < 1_041
    assert old["bids"][0] == ["60000.00000000", f"{1 + (old['lastUpdateId'] - 1_001) / 100:.8f}"]


def test_given_a_client_that_buys_when_the_market_goes_on_then_recorded_frames_do_not_change(tmp_path: Path) -> None:
    """A recording does not know of its watchers."""
    client = waiting(tmp_path)
    conn = client.connect("/ws/btcusdt@trade")
    client.market(quantity="0.5")
    client.trade(60_004, "0.01", BUY)
    assert [frame["t"] for frame in frames(client.pass_s(20), conn)] == list(range(1, 41))
