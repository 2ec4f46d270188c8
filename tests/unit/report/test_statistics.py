"""Statistics against figures worked out by hand, and a page that needs no network."""

from __future__ import annotations

import itertools
import math
import re
from decimal import Decimal

import pytest

from tickwright.report.page import page
from tickwright.report.statistics import drawdown, statistics
from tickwright.report.summary import sparkline, summary
from tickwright.run.backtest.result import FillRow, OrderRow, Point, Result, Stamp, Trip

DAY = 86_400 * 10**9
HOUR = 3_600 * 10**9
START = 1_640_995_200 * 10**9  # 2022-01-01


def result(equities: list[float], *, prices: list[float] | None = None, trips: list[Trip] | None = None) -> Result:
    prices = prices or [100.0] * len(equities)
    curve = [Point(START + n * DAY, value, 1.0 if n % 2 else 0.0, prices[n]) for n, value in enumerate(equities)]
    stamp = Stamp(
        version="0", build="b", strategy="<Cross>", strategy_digest="d", params={"n": "1"}, data="file & co", data_checksum="c", seed=1,
        digest="e",
    )  # fmt: skip
    fill = FillRow(
        at_ns=START + DAY, key="k", side="buy", price=101.0, qty=2.0, fee=0.1, maker=False, client_id="c-1", position=2.0
    )
    order = OrderRow(
        sent_ns=START, ended_ns=0, key="k", client_id="c-1", side="buy", type="limit", qty=2.0, price=101.0, stop=None, filled=2.0, ended=""
    )  # fmt: skip
    return Result(
        stamp=stamp, currency="USDT", symbols=["BTC/USDT"], start_ns=START, end_ns=curve[-1].at_ns, events=1, bars=0, decisions=0,
        seconds=0.1, start_equity=Decimal(str(equities[0])), end_equity=Decimal(str(equities[-1])), balances={}, position={},
        fees=Decimal("0.1"), orders=[order], fills=[fill], trips=trips or [], curve=curve, refusals={}, halts=[], gaps=0,
        assumptions={"fees": "none"}, notes=["a <note>"],
    )  # fmt: skip


def trip(pnl: float, hours: int, side: str = "long") -> Trip:
    entered = START + hours * HOUR
    return Trip(key="k", side=side, entered_ns=entered, left_ns=entered + HOUR, qty=1, entry=1, exit=1, pnl=pnl, fees=0.0)


def test_returns_ratios_and_drawdown_are_what_the_formulas_say() -> None:
    equities = [100.0, 102.0, 101.0, 104.0, 103.0, 107.0, 106.0, 110.0, 108.0, 112.0, 111.0]
    found = statistics(result(equities))
    returns = [after / before - 1 for before, after in itertools.pairwise(equities)]
    mean = sum(returns) / 10
    deviation = math.sqrt(sum((item - mean) ** 2 for item in returns) / 9)
    below = math.sqrt(sum(min(0.0, item) ** 2 for item in returns) / 10)
    ratio = mean / deviation
    assert found.period == "day"
    assert found.total_return == pytest.approx(0.11)
    assert found.volatility == pytest.approx(deviation * math.sqrt(365))
    assert found.sharpe == pytest.approx(ratio * math.sqrt(365))
    assert found.sharpe_error == pytest.approx(math.sqrt((1 + ratio**2 / 2) / 10) * math.sqrt(365))
    assert found.sortino == pytest.approx(mean / below * math.sqrt(365))
    assert found.cagr == pytest.approx(1.11 ** (365 / 10) - 1)
    assert found.max_drawdown == pytest.approx(1 - 108 / 110)
    assert found.calmar == pytest.approx((1.11**36.5 - 1) / (1 - 108 / 110))
    assert found.exposure == pytest.approx(0.5)
    assert found.turnover == pytest.approx(202 / (sum(equities) / 11))
    assert found.slippage == pytest.approx(2.0)


def test_what_is_not_defined_is_nothing() -> None:
    flat = statistics(result([100.0] * 11))
    assert (flat.sharpe, flat.sortino, flat.calmar, flat.win_rate, flat.profit_factor, flat.holding_s) == (None,) * 6
    assert flat.max_drawdown == 0.0


def test_trips_are_counted_by_profit_hour_and_side() -> None:
    trips = [trip(3.0, 1), trip(-1.0, 1), trip(2.0, 14, "short")]
    found = statistics(result([100.0] * 11, trips=trips))
    assert (found.trips, found.win_rate, found.expectancy, found.profit_factor) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(4 / 3),
        5.0,
    )
    assert found.by_hour == {"01": 2.0, "14": 2.0}
    assert found.by_side == {"long": 2.0, "short": 2.0}
    assert found.holding_s == 3_600


def test_months_and_drawdown_times() -> None:
    equities = [100.0 + n for n in range(31)] + [130.0, 120.0, 125.0, 131.0]
    found = statistics(result(equities))
    assert found.by_month == {"2022-01": pytest.approx(0.30), "2022-02": pytest.approx(131 / 130 - 1)}
    assert drawdown(result(equities).curve) == (pytest.approx(1 - 120 / 130), 2 * DAY)


def test_a_page_holds_everything_and_asks_for_nothing() -> None:
    one = result([100.0, 101.0, 99.0, 103.0] * 5, trips=[trip(3.0, 1)])
    text = page([one, one])
    assert "&lt;Cross&gt;" in text
    assert "file &amp; co" in text
    assert "a &lt;note&gt;" in text
    assert "<Cross>" not in text.partition("<script")[0]
    loads = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)[^"]*"', text)
    assert loads == []
    assert text.count("plotly-graph-div") == 4
    for words in ("Equity in USDT", "executions and working orders", "Assumptions", "By month", "digest of the result"):
        assert words in text


def test_the_terminal_gets_a_line_of_blocks_and_the_figures() -> None:
    assert sparkline([1.0, 2.0, 3.0, 2.0]) == "▁▄█▄"
    assert sparkline([]) == ""
    one = result([100.0, 101.0, 103.0])
    assert summary(one, statistics(one)).renderables
