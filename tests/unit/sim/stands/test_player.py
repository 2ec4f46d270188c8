"""Playing: tapes read whole or in part, again and again, by any speed; and markets out of a seed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tickwright.base.errors import ConfigError, DataError
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig, demo_tape
from tickwright.sim.stands.binance_spot.tape import Recording
from tickwright.sim.stands.server import HttpIn, Send
from unit.sim.stands.standkit import LINES, MS, SNAPSHOT, SYMBOL, T0_MS, Client, diff, frames, write_tape

ETH = {"e": "trade", "E": T0_MS, "s": "ETHUSDT", "t": 1, "p": "3000.01", "q": "0.1234", "T": T0_MS, "m": True}


def trade(number: int, at_ms: int) -> dict[str, Any]:
    return {"e": "trade", "E": at_ms, "s": SYMBOL, "t": number, "p": "60000.00", "q": "0.10000", "T": at_ms, "m": True, "M": True}


def test_given_a_tape_when_opened_then_the_book_is_the_recorded_one_before_anything_moves(tmp_path: Path) -> None:
    """The snapshot counts from the start; older diffs change nothing."""
    client = Client(tmp_path, start_on="subscriber")
    book = client.open("depth", symbol=SYMBOL, limit=1)
    assert book == {"lastUpdateId": 1_000, "bids": [["60000.00000000", "1.00000000"]], "asks": [["60010.00000000", "1.00000000"]]}
    client.connect("/ws/btcusdt@trade")
    client.pass_s(1)
    assert client.open("depth", symbol=SYMBOL, limit=1) == book


def test_given_a_damaged_tape_when_played_then_what_is_readable_is_played(tmp_path: Path) -> None:
    """Lines of other kinds and numbers that are none are passed over, whole."""
    bad = [
        {"e": "trade", "s": SYMBOL}, {"e": "aggTrade", "s": SYMBOL}, {"x": 1}, diff(1_001, 1_001, b=[["60000.00", "-1"]]),
        diff(1_001, 1_001, b=[["1.00", "1"], ["NaN", "1"]]), {"u": "x", "s": SYMBOL, "b": "1", "B": "1", "a": "1", "A": "1"},
    ]  # fmt: skip
    client = Client(tmp_path, [*LINES, *bad, diff(1_001, 1_001, b=[["60000.00", "3"]])], start_on="subscriber")
    conn = client.connect("/stream", "streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker")
    assert len(frames(client.pass_s(5), conn)) == 4
    assert client.open("depth", symbol=SYMBOL)["bids"] == [["60000.00000000", "3.00000000"], ["59990.00000000", "2.00000000"]]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nonsense\n", b'5 {"x": 1}\n'])
def test_given_a_tape_with_nothing_in_it_when_opened_then_one_line_says_so(tmp_path: Path, content: bytes) -> None:
    """Empty, of another form, or of another venue."""
    path = tmp_path / "tape"
    path.write_bytes(content)
    with pytest.raises(DataError, match="the tape"):
        BinanceSpotStand(StandConfig(tape=path))


@pytest.mark.parametrize(
    "changes", [{"speed": -1.0}, {"life_s": 0.0}, {"start_on": "later"}, {"balances": {"BTC": "x"}}, {"balances": {"BTC": "-1"}}]
)
def test_given_settings_that_make_no_sense_when_started_then_one_line_says_so(changes: dict[str, Any]) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigError):
        BinanceSpotStand(StandConfig(**changes))


def test_given_a_tape_of_several_symbols_when_opened_then_each_snapshot_goes_to_the_one_whose_diffs_it_joins(
    tmp_path: Path,
) -> None:
    """A recorded snapshot does not say its symbol. Unknown symbols get the grid that they were seen to use."""
    eth = {"e": "depthUpdate", "E": T0_MS, "s": "XYZUSDT", "U": 77_001, "u": 77_002, "b": [["0.123456", "12.5"]], "a": []}
    other = {"lastUpdateId": 77_000, "bids": [["0.123455", "1"]], "asks": [["0.123457", "1"]]}
    path = write_tape(tmp_path / "tape", [diff(999, 1_001, b=[["60000.00", "2"]]), eth, other, SNAPSHOT, ETH])
    recording = Recording(path)
    assert {native: one.lastUpdateId for native, one in recording.snapshots.items()} == {SYMBOL: 1_000, "XYZUSDT": 77_000}
    stand = BinanceSpotStand(StandConfig(tape=path, symbols=()))
    assert sorted(stand.markets) == [SYMBOL, "ETHUSDT", "XYZUSDT"]
    assert stand.markets["XYZUSDT"].instrument.tick_units == 100
    assert sorted(BinanceSpotStand(StandConfig(tape=path)).markets) == [SYMBOL, "ETHUSDT"]


def test_given_a_loop_when_the_tape_runs_out_then_numbers_and_times_go_on_and_the_book_stays_whole(tmp_path: Path) -> None:
    """Three rounds: a client that checks every number finds nothing to complain of."""
    lines = [
        diff(990, 998), diff(999, 1_002, b=[["60000.00", "5"]], a=[["60010.00", "0"]]), SNAPSHOT, trade(7, T0_MS + 50),
        {"u": 1_002, "s": SYMBOL, "b": "60000.00", "B": "5", "a": "60020.00", "A": "2"},
        diff(1_003, 1_004, T0_MS + 300, b=[["59000.00", "1"]]), trade(8, T0_MS + 400),
    ]  # fmt: skip
    client = Client(tmp_path, lines, start_on="subscriber", loop=True)
    conn = client.connect("/ws/btcusdt@depth@100ms/btcusdt@trade")
    snapshot = client.open("depth", symbol=SYMBOL)
    book = {side: dict(snapshot[side]) for side in ("bids", "asks")}
    last, last_trade, last_time = snapshot["lastUpdateId"], 6, 0
    rounds = 0
    for _ in range(40):
        for frame in frames(client.pass_s(0.05), conn):
            assert frame["E"] >= last_time or frame["u"] <= 1_000
            if frame["e"] == "trade":
                assert frame["t"] == last_trade + 1
                last_trade, last_time = frame["t"], frame["E"]
                continue
            if frame["u"] <= last:
                continue
            assert frame["U"] <= last + 1
            rounds += frame["U"] > 1_000 and len(frame["b"]) + len(frame["a"]) > 2
            last, last_time = frame["u"], frame["E"]
            for side, rows in (("bids", frame["b"]), ("asks", frame["a"])):
                for price, qty in rows:
                    whole, _, places = price.partition(".")
                    name = f"{whole}.{places.ljust(8, '0')}"
                    if float(qty):
                        book[side][name] = f"{float(qty):.8f}"
                    else:
                        book[side].pop(name, None)
        now = client.open("depth", symbol=SYMBOL)
        assert (book["bids"], book["asks"], last) == (dict(now["bids"]), dict(now["asks"]), now["lastUpdateId"])
    assert last_trade >= 12
    assert rounds >= 2
    assert not client.stand.player.ended


def test_given_speed_when_played_then_so_many_seconds_of_tape_pass_in_one(tmp_path: Path) -> None:
    """At 0, as much as there is room for."""
    lines = [SNAPSHOT, *(trade(number, T0_MS + number * 100) for number in range(1, 101))]
    fast = Client(tmp_path, lines, start_on="subscriber", speed=5.0)
    conn = fast.connect("/ws/btcusdt@trade")
    assert len(frames(fast.pass_s(1.0), conn)) == 50
    assert fast.stand.next_ns(fast.now_ns) - fast.now_ns == 20 * MS
    most = Client(tmp_path, lines, start_on="subscriber", speed=0.0)
    conn = most.connect("/ws/btcusdt@trade")
    assert len(frames(most.stand.on_time(most.now_ns, 31), conn)) == 30
    assert most.stand.on_time(most.now_ns, 0) == []
    assert most.stand.next_ns(most.now_ns) == most.now_ns
    assert len(frames(most.stand.on_time(most.now_ns, 1_000), conn)) == 70
    assert most.stand.player.ended


def test_given_a_generated_market_when_played_then_its_streams_and_answers_agree_and_the_seed_repeats_it() -> None:
    """Diffs join; the past has a day of candles; the same seed says the same."""

    def run() -> tuple[list[str], dict[str, Any]]:
        stand = BinanceSpotStand(StandConfig(seed=4, symbols=(SYMBOL,), start_on="subscriber"))
        stand.on_open(1, "/ws/btcusdt@depth@100ms", "", "x", T0_MS * MS)
        snapshot = ask(stand, "depth", 0)
        assert len(ask(stand, "klines", 0, interval="1m", limit="1000")) == 1_000
        texts = []
        last = snapshot["lastUpdateId"]
        for step in range(1, 200):
            for action in stand.on_time((T0_MS + step * 50) * MS, 1_000):
                assert isinstance(action, Send)
                frame = json.loads(action.text)
                assert frame["U"] <= last + 1 <= frame["u"] + 1
                last = frame["u"]
                texts.append(action.text)
        assert ask(stand, "depth", 10_000)["lastUpdateId"] == last
        return texts, ask(stand, "ticker/24hr", 10_000)

    def ask(stand: BinanceSpotStand, path: str, after_ms: int, **params: str) -> Any:
        query = "&".join(f"{name}={value}" for name, value in {"symbol": SYMBOL, **params}.items())
        answer = stand.on_request(HttpIn("GET", f"/api/v3/{path}", query, b"", {}, "x"), (T0_MS + after_ms) * MS)
        assert answer.status == 200
        return json.loads(answer.body)

    first = run()
    assert len(first[0]) > 50
    assert run() == first


def test_given_the_demo_tape_when_looked_at_then_it_is_the_recording_that_its_page_says() -> None:
    """Carried in the package, under its bound."""
    path = demo_tape()
    assert path.stat().st_size < 3_200_000
    recording = Recording(path)
    assert recording.places == {SYMBOL: (2, 5)}
    assert recording.snapshots[SYMBOL].lastUpdateId == 50_093_239_218
    with gzip.open(path) as lines:
        assert sum(1 for _ in lines) == 99_574
