"""Indicators as stages. Definitions and seeding follow TA-Lib where it has them, so that figures can be compared.

``warmup`` is the number of values after which the first result comes. ``batch(xs)`` gives the results of ``step`` over ``xs`` in
order, skips left out. Where a stage takes more than numbers, ``xs`` has a column for each figure that it reads; where it gives
more than one, so has the answer. Values must be finite.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

from tickwright.model.market import Bar
from tickwright.transforms.arrays import Floats, averaged, by_window, columns
from tickwright.transforms.rolling import Total, Window
from tickwright.transforms.stage import SKIP, Mapped, Skip, Spec, spec, whole

#: A spread smaller than this share of the mean is what rounding leaves of equal values.
_FLAT = 1e-12
#: TA-Lib's zero.
_ZERO = 1e-14


class Sma:
    """Mean of the last n values."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self.warmup = whole(n, "sma")
        self._window = Total(self.warmup)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        window = self._window
        return window.total / window.n if window.push(x) else SKIP

    def batch(self, xs: Floats) -> Floats:
        return by_window(xs, self.warmup, lambda rows: rows.mean(axis=1))


class Ema:
    """Exponential mean: ``e += (x - e) * 2 / (n + 1)``, started with the mean of the first n values."""

    __slots__ = ("_alpha", "_count", "_sum", "_value", "warmup")

    def __init__(self, n: int) -> None:
        self.warmup = whole(n, "ema")
        self._alpha = 2.0 / (self.warmup + 1)
        self.reset()

    def reset(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._value = 0.0

    def step(self, x: float) -> float | Skip:
        if self._count == self.warmup:
            self._value = value = self._value + (x - self._value) * self._alpha
            return value
        self._count += 1
        self._sum += x
        if self._count < self.warmup:
            return SKIP
        self._value = self._sum / self.warmup
        return self._value

    def batch(self, xs: Floats) -> Floats:
        return averaged(xs, self.warmup, self._alpha)


class Stdev:
    """Population standard deviation of the last n values."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self.warmup = whole(n, "stdev")
        self._window = Window(self.warmup)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        window = self._window
        return math.sqrt(window.variance) if window.push(x) else SKIP

    def batch(self, xs: Floats) -> Floats:
        return by_window(xs, self.warmup, lambda rows: rows.std(axis=1))


class Zscore:
    """Distance of the last value from the mean of the last n, in their standard deviations; nothing while they are equal."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self.warmup = whole(n, "zscore", 2)
        self._window = Window(self.warmup)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        window = self._window
        if not window.push(x):
            return SKIP
        spread = math.sqrt(window.variance)
        return (x - window.mean) / spread if spread > _FLAT * abs(window.mean) else SKIP

    def batch(self, xs: Floats) -> Floats:
        mean = by_window(xs, self.warmup, lambda rows: rows.mean(axis=1))
        spread = by_window(xs, self.warmup, lambda rows: rows.std(axis=1))
        some = spread > _FLAT * abs(mean)
        return (xs[self.warmup - 1 :][some] - mean[some]) / spread[some]


class Rsi:
    """Relative strength index, Wilder 1978: 100 * up / (up + down) of smoothed changes. A flat series gives 0, as in TA-Lib."""

    __slots__ = ("_count", "_down", "_last", "_n", "_up", "warmup")

    def __init__(self, n: int = 14) -> None:
        self._n = whole(n, "rsi", 2)
        self.warmup = self._n + 1
        self.reset()

    def reset(self) -> None:
        self._count = 0
        self._up = 0.0
        self._down = 0.0
        self._last = 0.0

    def step(self, x: float) -> float | Skip:
        change = x - self._last
        self._last = x
        self._count += 1
        if self._count == 1:
            return SKIP
        n = self._n
        up = change if change > 0 else 0.0
        down = -change if change < 0 else 0.0
        if self._count <= self.warmup:
            self._up += up
            self._down += down
            if self._count < self.warmup:
                return SKIP
            self._up /= n
            self._down /= n
        else:
            self._up = (self._up * (n - 1) + up) / n
            self._down = (self._down * (n - 1) + down) / n
        total = self._up + self._down
        return 100.0 * self._up / total if total > _ZERO else 0.0

    def batch(self, xs: Floats) -> Floats:
        changes = xs[1:] - xs[:-1]
        up = averaged(changes.clip(min=0.0), self._n, 1.0 / self._n)
        total = averaged(abs(changes), self._n, 1.0 / self._n)
        some = total > _ZERO
        up[some] *= 100.0 / total[some]
        up[~some] = 0.0
        return up


class MacdValue(NamedTuple):
    """Difference of two exponential means, its own exponential mean, and the difference of these."""

    macd: float
    signal: float
    histogram: float


class Macd:
    """Moving average convergence and divergence (Appel). Both means start together, as in TA-Lib."""

    __slots__ = ("_fast", "_fast_alpha", "_fast_n", "_first", "_signal", "_slow", "_slow_alpha", "_slow_n", "warmup")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        self._fast_n, self._slow_n = whole(fast, "macd"), whole(slow, "macd")
        if not self._fast_n < self._slow_n:
            raise ValueError(f"macd({fast}, {slow}, {signal}): fast must be shorter than slow")
        self._fast_alpha, self._slow_alpha = 2.0 / (self._fast_n + 1), 2.0 / (self._slow_n + 1)
        self._signal = Ema(whole(signal, "macd"))
        self.warmup = self._slow_n + self._signal.warmup - 1
        self.reset()

    def reset(self) -> None:
        self._first: list[float] = []
        self._fast = 0.0
        self._slow = 0.0
        self._signal.reset()

    def step(self, x: float) -> MacdValue | Skip:
        first = self._first
        if len(first) < self._slow_n:
            first.append(x)
            if len(first) < self._slow_n:
                return SKIP
            self._slow = sum(first) / self._slow_n
            self._fast = sum(first[-self._fast_n :]) / self._fast_n
        else:
            self._fast += (x - self._fast) * self._fast_alpha
            self._slow += (x - self._slow) * self._slow_alpha
        macd = self._fast - self._slow
        signal = self._signal.step(macd)
        if signal is SKIP:
            return SKIP
        return MacdValue(macd, signal, macd - signal)

    def batch(self, xs: Floats) -> Floats:
        late = xs[self._slow_n - self._fast_n :]
        macd = averaged(late, self._fast_n, self._fast_alpha) - averaged(xs, self._slow_n, self._slow_alpha)
        signal = self._signal.batch(macd)
        macd = macd[len(macd) - len(signal) :]
        return columns(macd, signal, macd - signal)


class Atr:
    """Average true range of bars, Wilder 1978, started with the mean of the first n true ranges."""

    __slots__ = ("_close", "_count", "_n", "_value", "warmup")

    def __init__(self, n: int = 14) -> None:
        self._n = whole(n, "atr")
        self.warmup = self._n + 1
        self.reset()

    def reset(self) -> None:
        self._count = 0
        self._close = 0.0
        self._value = 0.0

    def step(self, bar: Bar) -> float | Skip:
        close = self._close
        self._close = bar.close
        self._count += 1
        if self._count == 1:
            return SKIP
        reach = max(bar.high, close) - min(bar.low, close)
        n = self._n
        if self._count > self.warmup:
            self._value = (self._value * (n - 1) + reach) / n
            return self._value
        self._value += reach
        if self._count < self.warmup:
            return SKIP
        self._value /= n
        return self._value

    def batch(self, xs: Floats) -> Floats:
        """Of the columns high, low and close."""
        high, low, close = xs.T
        reach = high[1:].clip(min=close[:-1]) - low[1:].clip(max=close[:-1])
        return averaged(reach, self._n, 1.0 / self._n)


class BollingerValue(NamedTuple):
    """Mean, and mean plus and minus k standard deviations."""

    upper: float
    middle: float
    lower: float


class Bollinger:
    """Bands of k population standard deviations around the mean of the last n values (Bollinger)."""

    __slots__ = ("_k", "_window", "warmup")

    def __init__(self, n: int = 20, k: float = 2.0) -> None:
        self.warmup = whole(n, "bollinger")
        self._window = Window(self.warmup)
        self._k = float(k)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> BollingerValue | Skip:
        window = self._window
        if not window.push(x):
            return SKIP
        middle = window.mean
        reach = self._k * math.sqrt(window.variance)
        return BollingerValue(middle + reach, middle, middle - reach)

    def batch(self, xs: Floats) -> Floats:
        middle = by_window(xs, self.warmup, lambda rows: rows.mean(axis=1))
        reach = self._k * by_window(xs, self.warmup, lambda rows: rows.std(axis=1))
        return columns(middle + reach, middle, middle - reach)


class Extreme:
    """Highest (sign 1) or lowest (sign -1) of the last n values, in constant time on average."""

    __slots__ = ("_best", "_count", "_sign", "warmup")

    def __init__(self, n: int, sign: int) -> None:
        self.warmup = whole(n, "highest" if sign > 0 else "lowest")
        self._sign = sign
        self.reset()

    def reset(self) -> None:
        self._best: deque[tuple[int, float]] = deque()  # places and values, best first, each later one worse
        self._count = 0

    def step(self, x: float) -> float | Skip:
        best = self._best
        worth = x * self._sign
        while best and best[-1][1] <= worth:
            best.pop()
        best.append((self._count, worth))
        self._count += 1
        if best[0][0] <= self._count - 1 - self.warmup:
            best.popleft()
        return best[0][1] * self._sign if self._count >= self.warmup else SKIP

    def batch(self, xs: Floats) -> Floats:
        if self._sign > 0:
            return by_window(xs, self.warmup, lambda rows: rows.max(axis=1))
        return by_window(xs, self.warmup, lambda rows: rows.min(axis=1))


class Returns:
    """Change from the value before, as a fraction of it, or its logarithm."""

    __slots__ = ("_last", "_log", "warmup")

    def __init__(self, log: bool = False) -> None:
        self._log = log
        self.warmup = 2
        self.reset()

    def reset(self) -> None:
        self._last = 0.0

    def step(self, x: float) -> float | Skip:
        last = self._last
        self._last = x
        if last == 0.0 or (self._log and (x <= 0 or last < 0)):
            return SKIP
        return math.log(x / last) if self._log else x / last - 1.0

    def batch(self, xs: Floats) -> Floats:
        last, now = xs[:-1], xs[1:]
        some = (last > 0) & (now > 0) if self._log else last != 0
        ratio: Floats = now[some] / last[some]
        if not self._log:
            return ratio - 1.0
        import numpy as np  # noqa: PLC0415 (only batch needs it: start-up time)

        return np.log(ratio)


class Vwap:
    """Mean price of the last n trades (or closes of bars), each weighted by its quantity (volume)."""

    __slots__ = ("_amounts", "_weights", "warmup")

    def __init__(self, n: int) -> None:
        self.warmup = whole(n, "vwap")
        self._amounts = Total(self.warmup)
        self._weights = Total(self.warmup)

    def reset(self) -> None:
        self._amounts.clear()
        self._weights.clear()

    def step(self, x: Any) -> float | Skip:
        price, qty = (x.close, x.volume) if type(x) is Bar else (x.price, x.qty)
        self._amounts.push(price * qty)
        if not self._weights.push(qty):
            return SKIP
        weight = self._weights.total
        return self._amounts.total / weight if weight > 0 else SKIP

    def batch(self, xs: Floats) -> Floats:
        """Of the columns price and quantity."""
        price, qty = xs.T
        amount = by_window(price * qty, self.warmup, lambda rows: rows.sum(axis=1))
        weight = by_window(qty, self.warmup, lambda rows: rows.sum(axis=1))
        some = weight > 0
        return amount[some] / weight[some]


def _mid(x: Any) -> float | Skip:
    bid, ask = x.bid, x.ask
    return SKIP if bid is None or ask is None else (bid + ask) / 2


def _spread(x: Any) -> float | Skip:
    bid, ask = x.bid, x.ask
    return SKIP if bid is None or ask is None else ask - bid


def _microprice(x: Any) -> float | Skip:
    bid, ask = x.bid, x.ask
    if bid is None or ask is None:
        return SKIP
    bid_qty, ask_qty = x.bid_qty, x.ask_qty
    total = bid_qty + ask_qty
    return float((bid * ask_qty + ask * bid_qty) / total if total > 0 else (bid + ask) / 2)


class Imbalance:
    """(bids - asks) / (bids + asks) of the quantities of the best levels: +1 all bids, -1 all asks."""

    __slots__ = ("_levels", "warmup")

    def __init__(self, levels: int = 1) -> None:
        self._levels = whole(levels, "imbalance")
        self.warmup = 1

    def reset(self) -> None:
        """Nothing to forget."""

    def step(self, x: Any) -> float | Skip:
        if self._levels == 1 or not hasattr(x, "bids"):
            bids, asks = x.bid_qty, x.ask_qty
            if bids is None or asks is None:
                return SKIP
        else:
            bids = sum(qty for _, qty in x.bids(self._levels))
            asks = sum(qty for _, qty in x.asks(self._levels))
        total = float(bids + asks)
        return float(bids - asks) / total if total > 0 else SKIP


def sma(n: int) -> Spec:
    """Stage: mean of the last n values."""
    return spec(Sma, n)


def ema(n: int) -> Spec:
    """Stage: exponential mean with weight 2 / (n + 1)."""
    return spec(Ema, n)


def stdev(n: int) -> Spec:
    """Stage: population standard deviation of the last n values."""
    return spec(Stdev, n)


def zscore(n: int) -> Spec:
    """Stage: distance from the mean of the last n values in standard deviations."""
    return spec(Zscore, n)


def rsi(n: int = 14) -> Spec:
    """Stage: relative strength index, 0 to 100."""
    return spec(Rsi, n)


def macd(fast: int = 12, slow: int = 26, signal: int = 9) -> Spec:
    """Stage: ``macd``, ``signal`` and ``histogram``."""
    return spec(Macd, fast, slow, signal, output=MacdValue._fields)


def atr(n: int = 14) -> Spec:
    """Stage: average true range of bars."""
    return spec(Atr, n)


def bollinger(n: int = 20, k: float = 2.0) -> Spec:
    """Stage: ``upper``, ``middle`` and ``lower`` band."""
    return spec(Bollinger, n, k, output=BollingerValue._fields)


def highest(n: int) -> Spec:
    """Stage: highest of the last n values."""
    return spec(Extreme, n, 1, name="highest")


def lowest(n: int) -> Spec:
    """Stage: lowest of the last n values."""
    return spec(Extreme, n, -1, name="lowest")


def returns(log: bool = False) -> Spec:
    """Stage: change from the value before as a fraction, or its logarithm."""
    return spec(Returns, log)


def vwap(n: int) -> Spec:
    """Stage: volume-weighted mean price of the last n trades or bars."""
    return spec(Vwap, n)


def mid() -> Spec:
    """Stage: halfway between best bid and ask, of quotes or a book."""
    return spec(Mapped, _mid, name="mid")


def spread() -> Spec:
    """Stage: best ask minus best bid."""
    return spec(Mapped, _spread, name="spread")


def microprice() -> Spec:
    """Stage: mid weighted by the quantity on the other side."""
    return spec(Mapped, _microprice, name="microprice")


def imbalance(levels: int = 1) -> Spec:
    """Stage: (bids - asks) / (bids + asks) of the best ``levels``."""
    return spec(Imbalance, levels)
