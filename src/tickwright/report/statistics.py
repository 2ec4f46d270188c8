"""Statistics of a backtest. Each says its formula; what is not defined (a ratio of nothing) is None, never NaN.

Returns are simple returns of equity over equal periods: days where there are at least ten of them, else hours, else minutes; the
last equity known at the end of each period counts. A year has 365 days: these markets do not close.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from tickwright.run.backtest.result import Point, Result

_S, _M, _H, _D = 10**9, 60 * 10**9, 3_600 * 10**9, 86_400 * 10**9
YEAR_NS = 365 * _D
#: A position worth less than this share of equity is a rest that a fee has left.
_DUST = 1e-4
#: Fewer periods than this say nothing of a day.
PERIODS_MIN = 10


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Shares are fractions (0.01 is one percent); ratios are by the year."""

    total_return: float
    cagr: float | None  # (end / start) ** (year / span) - 1; None for less than a day, where it would be fiction
    volatility: float | None  # standard deviation of the periods' returns, times sqrt(periods a year)
    sharpe: float | None  # mean / standard deviation of returns, times sqrt(periods a year); no risk-free rate
    sharpe_error: float | None  # its standard error: sqrt((1 + s**2 / 2) / n) of one period's ratio s (Lo 2002), annualised
    sortino: float | None  # mean / root of the mean of squared losses (Sortino and Price 1994), annualised
    calmar: float | None  # cagr / max_drawdown (Young 1991)
    max_drawdown: float  # largest 1 - equity / highest equity before
    drawdown_s: float  # longest time below an earlier peak
    exposure: float  # share of the time with a position
    turnover: float  # value of all executions / mean equity
    fees: float
    slippage: float | None  # paid by takers against the last sampled price before, in the run's currency; None where unknown
    trips: int
    win_rate: float | None  # share of trips with a profit after fees
    expectancy: float | None  # mean profit of a trip
    profit_factor: float | None  # sum of profits / sum of losses
    holding_s: float | None  # mean time from entry to exit
    buy_and_hold: float  # last price / first price - 1
    period: str  # of the returns
    by_month: dict[str, float]  # return of each month
    by_hour: dict[str, float]  # profit of the trips entered in each hour of the day (UTC)
    by_side: dict[str, float]  # profit of long and short trips


def statistics(result: Result) -> Statistics:
    """All of them."""
    curve = result.curve
    start, end = curve[0], curve[-1]
    span_ns = max(1, end.at_ns - start.at_ns)
    total = end.equity / start.equity - 1 if start.equity else 0.0
    cagr = (1 + total) ** (YEAR_NS / span_ns) - 1 if span_ns >= _D and total > -1 else None
    period_ns, period = _period(span_ns)
    returns = _returns(curve, period_ns)
    deepest, longest_ns = drawdown(curve)
    wins = [trip.pnl for trip in result.trips if trip.pnl > 0]
    losses = [trip.pnl for trip in result.trips if trip.pnl <= 0]
    a_year = YEAR_NS / period_ns
    mean, deviation = _mean(returns), _deviation(returns)
    below = math.sqrt(sum(min(0.0, item) ** 2 for item in returns) / len(returns)) if returns else 0.0
    ratio = mean / deviation if mean is not None and deviation else None
    equity = _mean([point.equity for point in curve]) or 0.0
    count = len(result.trips)
    return Statistics(
        total_return=total,
        cagr=cagr,
        volatility=deviation * math.sqrt(a_year) if deviation is not None else None,
        sharpe=ratio * math.sqrt(a_year) if ratio is not None else None,
        sharpe_error=math.sqrt((1 + ratio**2 / 2) / len(returns)) * math.sqrt(a_year) if ratio is not None else None,
        sortino=mean / below * math.sqrt(a_year) if mean is not None and below else None,
        calmar=cagr / deepest if cagr is not None and deepest else None,
        max_drawdown=deepest,
        drawdown_s=longest_ns / _S,
        exposure=_exposure(curve, span_ns),
        turnover=sum(fill.price * fill.qty for fill in result.fills) / equity if equity else 0.0,
        fees=float(result.fees),
        slippage=_slippage(result),
        trips=count,
        win_rate=len(wins) / count if count else None,
        expectancy=sum(trip.pnl for trip in result.trips) / count if count else None,
        profit_factor=sum(wins) / -sum(losses) if losses and sum(losses) else None,
        holding_s=sum(trip.left_ns - trip.entered_ns for trip in result.trips) / count / _S if count else None,
        buy_and_hold=end.price / start.price - 1,
        period=period,
        by_month=_by_month(curve),
        by_hour=_by(result, lambda at_ns: f"{at_ns // _H % 24:02d}"),
        by_side=_sides(result),
    )


def drawdown(curve: Sequence[Point]) -> tuple[float, int]:
    """The deepest fall from a peak as a fraction of it, and the longest time (ns) from a peak to where it was reached again."""
    peak, peak_ns, deepest, longest = curve[0].equity, curve[0].at_ns, 0.0, 0
    for point in curve:
        if point.equity >= peak:
            peak, peak_ns = point.equity, point.at_ns
        else:
            longest = max(longest, point.at_ns - peak_ns)
            if peak > 0:
                deepest = max(deepest, 1 - point.equity / peak)
    return deepest, longest


def _period(span_ns: int) -> tuple[int, str]:
    for period_ns, name in ((_D, "day"), (_H, "hour"), (_M, "minute")):
        if span_ns >= PERIODS_MIN * period_ns:
            return period_ns, name
    return _M, "minute"


def _returns(curve: Sequence[Point], period_ns: int) -> list[float]:
    edge = curve[0].at_ns // period_ns
    last = curve[0].equity
    # Where the first period has only its first moment that is a close, and no period of its own.
    within = len(curve) > 1 and curve[1].at_ns // period_ns == edge
    closes = [last] if within else []
    for point in curve[1:]:
        while point.at_ns // period_ns > edge:
            closes.append(last)
            edge += 1
        last = point.equity
    closes.append(last)
    return [after / before - 1 for before, after in pairwise(closes) if before]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """Of the sample: divided by n - 1."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(sum((item - mean) ** 2 for item in values) / (len(values) - 1))


def _exposure(curve: Sequence[Point], span_ns: int) -> float:
    held = sum(
        after.at_ns - before.at_ns
        for before, after in pairwise(curve)
        if abs(before.position * before.price) > _DUST * before.equity
    )
    return held / span_ns


def _slippage(result: Result) -> float | None:
    """Against the price sampled last before each taker's execution; a sample may be a minute old, so this is a rough figure."""
    takers = [fill for fill in result.fills if not fill.maker]
    if not takers:
        return None
    total, place = 0.0, 0
    curve = result.curve
    for fill in takers:
        while place + 1 < len(curve) and curve[place + 1].at_ns <= fill.at_ns:
            place += 1
        sign = 1 if fill.side == "buy" else -1
        total += sign * (fill.price - curve[place].price) * fill.qty
    return total


def _by_month(curve: Sequence[Point]) -> dict[str, float]:
    found: dict[str, float] = {}
    before = curve[0].equity
    month, last = _month(curve[0].at_ns), curve[0].equity
    for point in curve:
        name = _month(point.at_ns)
        if name != month:
            found[month] = last / before - 1 if before else 0.0
            before, month = last, name
        last = point.equity
    found[month] = last / before - 1 if before else 0.0
    return found


def _month(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns // _S, dt.UTC).strftime("%Y-%m")


def _by(result: Result, name: object) -> dict[str, float]:
    found: dict[str, float] = {}
    assert callable(name)
    for trip in result.trips:
        key = name(trip.entered_ns)
        found[key] = found.get(key, 0.0) + trip.pnl
    return dict(sorted(found.items()))


def _sides(result: Result) -> dict[str, float]:
    found: dict[str, float] = {}
    for trip in result.trips:
        found[trip.side] = found.get(trip.side, 0.0) + trip.pnl
    return found
