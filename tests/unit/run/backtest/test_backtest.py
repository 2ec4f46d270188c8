"""The same step on history: what is late is late, what is unknown is not seen, and money adds up."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from tickwright import BUY, DOWN, SELL, Strategy, Tif, bars, book, ema, param, quotes, trades
from tickwright.base.errors import DataError, StrategyError, UsageError
from tickwright.base.numbers import money
from tickwright.cli.main import main
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, MarketEvent, Trade
from tickwright.run.backtest import Assumptions, Result, backtest, on_data
from tickwright.sim.stands.binance_spot import demo_tape

MS, S, MINUTE = 10**6, 10**9, 60 * 10**9
START = 1_700_000_040 * S  # a full minute
BTC = Instrument(
    venue="sim", symbol="BTC/USDT", native="BTCUSDT", base="BTC", quote="USDT", price_exp=2, qty_exp=5, tick_units=1, lot_units=1,
    qty_min_units=1, notional_min=money(5),
)  # fmt: skip
FREE = Assumptions(maker_bps=0, taker_bps=0, half_spread_ticks=0)


class Given:
    """A source made in a test."""

    name = "given"

    def __init__(self, events: list[MarketEvent], kind: str = "trades") -> None:
        self.kind = kind
        self._events = events

    def describe(self) -> str:
        return "made by a test"

    def checksum(self) -> str:
        return "0" * 64

    def events(self) -> Iterator[MarketEvent]:
        return iter(self._events)


def trade(at_ns: int, price: float, number: int, qty: float = 1.0) -> Trade:
    return Trade(BTC.key, price, qty, BUY if number % 2 else SELL, number, at_ns, at_ns)


def path(*prices: float, every_ns: int = S) -> Given:
    return Given([trade(START + n * every_ns, price, n + 1) for n, price in enumerate(prices)])


def walk(count: int, seed: int, every_ns: int = 500 * MS) -> list[MarketEvent]:
    chance = random.Random(seed)
    price, found = 60_000.0, []
    for n in range(count):
        price = round(price + chance.gauss(0, 8), 2)
        found.append(trade(START + n * every_ns, price, n + 1, round(chance.uniform(0.01, 2), 5)))
    return list(found)


def bar(number: int, opened: float, high: float, low: float, close: float) -> Bar:
    at = START + number * MINUTE
    return Bar(BTC.key, at, at + MINUTE, opened, high, low, close, 10.0, 0.0, 4, 0.0, at + MINUTE, "1m")


class Once(Strategy):
    """Does one thing at the n-th trade."""

    last = trades()
    at = param(1)
    seen = 0

    def decide(self) -> None:
        self.seen += 1
        if self.seen == int(self.at):
            self.act()

    def act(self) -> None:
        self.buy("0.1")


class Cross(Strategy):
    fast = bars("5s").close >> ema(3)
    slow = bars("5s").close >> ema(8)
    size = param("0.01", unit="BTC")

    def decide(self) -> None:
        self.target(self.size if self.fast.value > self.slow.value else 0)


def run(strategy: type[Strategy], source: Given, assumptions: Assumptions = FREE, **more: Any) -> Result:
    return backtest(strategy, source, BTC, assumptions=assumptions, **more)


# -- time ----------------------------------------------------------------------------------------------------------------


def test_an_order_trades_at_the_price_of_when_it_arrives_not_of_when_it_was_decided() -> None:
    source = Given([trade(START, 100.0, 1), trade(START + 10 * MS, 100.0, 2), trade(START + 30 * MS, 107.0, 3)])
    found = {}
    for up_ms in (5.0, 25.0, 35.0):
        (fill,) = run(Once, source, msgspec.structs.replace(FREE, up_ms=up_ms)).fills
        found[up_ms] = fill.price, fill.at_ns - START
    assert found == {5.0: (100.0, 5 * MS), 25.0: (100.0, 25 * MS), 35.0: (107.0, 35 * MS)}


def test_the_exchange_is_ahead_by_the_time_that_market_data_takes() -> None:
    """Ten milliseconds after a trade is seen here the exchange has moved on for ten more."""
    source = Given([trade(START, 100.0, 1), trade(START + 50 * MS, 107.0, 2), trade(START + 500 * MS, 90.0, 3)])
    slow = msgspec.structs.replace(FREE, feed_ms=60.0, up_ms=1.0)
    (fill,) = run(Once, source, slow, params={"at": 1}).fills
    assert fill.price == 107.0


def test_what_happened_at_the_exchange_is_known_after_the_way_back() -> None:
    seen: list[tuple[int, str]] = []

    class Waits(Once):
        def on_fill(self, fill: Any) -> None:
            seen.append((self.now_ns - START, str(fill.price)))

    run(Waits, path(100.0, 101.0, 102.0), msgspec.structs.replace(FREE, up_ms=3.0, down_ms=40.0))
    assert seen == [(43 * MS, "100.00")]


def test_nothing_after_a_moment_changes_what_was_done_before_it() -> None:
    """Everything after a cut is exchanged for something else, at forty places."""
    events = walk(1_200, 5)
    whole = run(Cross, Given(events))
    chance = random.Random(9)
    for _ in range(40):
        cut = chance.randrange(100, len(events))
        at = events[cut].recv_ns
        changed = [*events[:cut], *(trade(event.recv_ns, 1_000.0 + n, 10**6 + n) for n, event in enumerate(events[cut:]))]
        other = run(Cross, Given(changed))
        before = [[row for row in one.orders if row.sent_ns < at] for one in (whole, other)]
        assert [(row.sent_ns, row.side, row.qty) for row in before[0]] == [(row.sent_ns, row.side, row.qty) for row in before[1]]


def test_what_comes_before_the_start_warms_up_and_trades_nothing() -> None:
    events = walk(1_000, 3)
    start = events[400].recv_ns
    result = run(Cross, Given(events), start_ns=start)
    assert result.orders
    assert result.start_ns == start
    assert result.start_equity == 10_000
    assert result.curve[0].at_ns >= start
    assert min(row.sent_ns for row in result.orders) >= start
    warm = result.orders[0].sent_ns
    assert warm < start + 60 * S, "its averages were ready when trading began"
    cut = run(Cross, Given(events), end_ns=start)
    assert cut.end_ns < start


def test_the_same_input_gives_the_same_digest_and_another_seed_or_latency_another_stamp() -> None:
    events = walk(1_500, 2)
    first, second = run(Cross, Given(events)), run(Cross, Given(events))
    assert first.stamp == second.stamp
    assert first.curve == second.curve
    assert run(Cross, Given(events), msgspec.structs.replace(FREE, up_ms=700.0)).stamp.digest != first.stamp.digest


# -- fills ---------------------------------------------------------------------------------------------------------------


def test_a_resting_order_is_filled_when_the_price_has_gone_through_it_not_when_it_is_touched() -> None:
    class Rests(Once):
        def act(self) -> None:
            self.buy("0.1", limit="95")

    assert run(Rests, path(100.0, 99.0, 95.0, 95.0, 96.0), msgspec.structs.replace(FREE, half_spread_ticks=1)).fills == []
    through = path(100.0, 99.0, 95.0, 94.99, 96.0)
    (fill,) = run(Rests, through, msgspec.structs.replace(FREE, half_spread_ticks=1)).fills
    assert (fill.price, fill.maker) == (95.0, True)


def test_a_taker_pays_the_spread_where_the_data_has_none_and_fees_come_out_of_what_is_received() -> None:
    taker = Assumptions(maker_bps=0, taker_bps=10, half_spread_ticks=3)
    result = run(Once, path(100.0, 100.0, 100.0), taker)
    (fill,) = result.fills
    assert fill.price == 100.03
    assert result.balances["BTC"] == "0.0999"
    assert result.fees == Decimal("0.010003")


@pytest.mark.parametrize(("side", "worst"), [("long", 90.0), ("short", 110.0)])
def test_in_one_bar_the_stop_is_met_before_the_profit(side: str, worst: float) -> None:
    """A bar reaches both: the one that costs is taken."""

    class Both(Strategy):
        last = trades()
        seen = 0

        def decide(self) -> None:
            self.seen += 1
            if self.seen == 1:
                self.order(BUY if side == "long" else SELL, "0.1")
            if self.seen == 4:
                if side == "long":
                    self.oco(SELL, "0.1", limit="108", stop="92")
                else:
                    self.oco(BUY, "0.1", limit="92", stop="108")

    source = Given([bar(0, 100, 100, 100, 100), bar(1, 100, 110, 90, 100), bar(2, 100, 100, 100, 100)], "bars")
    result = run(Both, source, balances={"USDT": Decimal(1_000), "BTC": Decimal(1)})
    entry, out = result.fills
    assert entry.price == 100.0
    assert out.maker is False, "the stop, not the profit"
    assert out.price == worst


# -- money ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_money_is_conserved_to_the_last_unit(seed: int) -> None:
    """Balances from the executions alone, by decimals: what the account holds at the end."""
    chance = random.Random(seed)

    class Random(Strategy):
        last = trades()

        def decide(self) -> None:
            draw = chance.random()
            if draw < 0.02:
                self.order(BUY if chance.random() < 0.5 else SELL, f"{chance.uniform(0.001, 0.05):.5f}")
            elif draw < 0.05:
                side = BUY if chance.random() < 0.5 else SELL
                price = self.last.value.price - side.sign * chance.uniform(-5, 20)
                self.order(
                    side, f"{chance.uniform(0.001, 0.05):.5f}", limit=f"{price:.2f}", tif=chance.choice([Tif.GTC, Tif.IOC])
                )
            elif draw < 0.06 and self.orders:
                self.cancel(self.orders[0])

    result = run(
        Random,
        Given(walk(2_000, seed)),
        Assumptions(maker_bps=2, taker_bps=7.5),
        balances={"USDT": Decimal(20_000), "BTC": Decimal(1)},
    )
    assert len(result.fills) > 10
    btc, usdt = Decimal(1), Decimal(20_000)
    for fill in result.fills:
        price, qty = Decimal(f"{fill.price:.2f}"), Decimal(f"{fill.qty:.5f}")
        rate = Decimal(2 if fill.maker else "7.5") / 10_000
        sign = 1 if fill.side == "buy" else -1
        btc += sign * qty
        usdt -= sign * qty * price
        received = qty if sign > 0 else qty * price
        fee = (received * rate).quantize(Decimal("1e-8"), rounding="ROUND_CEILING")
        btc, usdt = (btc - fee, usdt) if sign > 0 else (btc, usdt - fee)
    assert Decimal(result.balances["BTC"]) == btc
    assert Decimal(result.balances["USDT"]) == usdt
    assert float(result.end_equity) == pytest.approx(float(usdt + btc * Decimal(str(result.curve[-1].price))))


def test_trips_add_up_to_the_profit_when_it_ends_flat() -> None:
    class InAndOut(Strategy):
        last = trades()
        seen = 0

        def decide(self) -> None:
            self.seen += 1
            if self.seen % 20 == 0:
                self.target("0.1" if self.seen % 40 else 0)

    result = run(InAndOut, Given(walk(1_000, 4)), Assumptions(maker_bps=0, taker_bps=0))
    assert len(result.trips) == 25
    assert sum(trip.pnl for trip in result.trips) == pytest.approx(float(result.pnl), abs=1e-6)
    assert all(trip.side == "long" and trip.qty == pytest.approx(0.1) for trip in result.trips)


# -- what is refused -----------------------------------------------------------------------------------------------------


def test_wishes_that_the_data_cannot_serve_are_told() -> None:
    class WantsQuotes(Strategy):
        top = quotes()

        def decide(self) -> None:
            """Nothing."""

    with pytest.raises(StrategyError, match="it wants quotes, and given has trades"):
        run(WantsQuotes, path(100.0, 101.0))
    with pytest.raises(UsageError, match="no queue model"):
        run(Once, path(100.0), msgspec.structs.replace(FREE, queue="optimistic"))
    with pytest.raises(DataError, match="nothing at or after the start"):
        run(Once, path(100.0, 101.0), start_ns=START + 3_600 * S)


# -- on data that people have --------------------------------------------------------------------------------------------


def test_a_frame_and_a_file_of_the_same_bars_give_the_same_result(tmp_path: Path) -> None:
    chance = random.Random(3)
    rows, price = [], 60_000.0
    for n in range(400):
        close = round(price + chance.gauss(0, 30), 2)
        high, low = round(max(price, close) + 5, 2), round(min(price, close) - 5, 2)
        rows.append((pd.Timestamp(START + n * MINUTE, unit="ns"), price, high, low, close, 1.0))
        price = close
    frame = pd.DataFrame(rows, columns=["time", "open", "high", "low", "close", "volume"])
    frame.to_csv(tmp_path / "bars.csv", index=False)

    class OnMinutes(Strategy):
        fast = bars("1m").close >> ema(3)
        slow = bars("1m").close >> ema(8)

        def decide(self) -> None:
            self.target("0.01" if self.fast.value > self.slow.value else 0)

    first, second = on_data(OnMinutes, frame), on_data(OnMinutes, tmp_path / "bars.csv")
    assert first.fills
    assert first.fills == second.fills
    assert first.stamp.digest == second.stamp.digest
    assert first.bars == 399


def test_a_recording_is_traded_with_its_own_book() -> None:
    """Ten recorded minutes of Binance: a maker's orders wait in the queue, a taker's meet the book."""

    class Makes(Strategy):
        top = quotes()
        depth = book()

        def decide(self) -> None:
            top = self.top.value
            self.quote("bid", BUY, self.instrument.price(top.bid, DOWN), "0.001")

    result = on_data(Makes, demo_tape(), end="2024-08-08T23:56:00")
    assert result.gaps == 0
    assert len(result.orders) > 20
    assert result.fills
    assert all(fill.maker for fill in result.fills)


def test_the_example_of_the_readme_is_one_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "cross.py"
    file.write_text(
        "from tickwright import Strategy, bars, ema\n\n\nclass Cross(Strategy):\n    fast = bars('5s').close >> ema(3)\n"
        "    slow = bars('5s').close >> ema(8)\n\n    def decide(self):\n        self.target('0.01' if self.fast.value > self.slow.value else 0)\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["backtest", str(file), "--json", "--report", str(tmp_path / "r.html"), "--to", "2024-08-08T23:58:00"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stamp"]["strategy"] == "Cross"
    assert told["statistics"]["trips"] == len(told["trips"])
    assert told["orders"]
    assert "plotly" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--data", "none.csv"], 2, "there is no such file"),
        (["--symbol", "BTCUSDT"], 2, "write it as BTC/USDT"),
        (["--fees-bps", "a,b"], 2, "two numbers"),
        (["--from", "yesterday"], 2, "is not a time"),
        (["--balance", "USDT=much"], 2, "is not a number"),
        (["--queue", "optimistic"], 2, "no queue model"),
        (["--param", "nonsense=1"], 4, "nonsense"),
        (["--latency-ms", "-1"], 2, "before it is sent"),
    ],
)
def test_wrong_flags_are_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    file = tmp_path / "idle.py"
    file.write_text(
        "from tickwright import Strategy, trades\n\n\nclass Idle(Strategy):\n    last = trades()\n\n    def decide(self):\n        pass\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["backtest", str(file), *arguments])
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert ended.value.code == code, told
    assert says in told
