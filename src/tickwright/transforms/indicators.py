"""Indicators as stages. Definitions and seeding follow TA-Lib where it has them, so that figures can be compared.

``warmup`` is the number of values after which the first result comes. ``batch(xs)`` gives the same results as ``step`` over the
array ``xs``, one for each value from the ``warmup``-th on.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from tickwright.model.market import Bar
from tickwright.transforms.rolling import Window
from tickwright.transforms.stage import SKIP, Mapped, Skip, Spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Sma:
    """Mean of the last n values."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self._window = Window(int(n))
        self.warmup = int(n)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        return self._window.mean if self._window.push(x) else SKIP

    def batch(self, xs: Floats) -> Floats:
        result: Floats = _windows(xs, self.warmup).mean(axis=1)
        return result


class Ema:
    """Exponential mean: ``e += (x - e) * 2 / (n + 1)``, started with the mean of the first n values."""

    __slots__ = ("_alpha", "_count", "_sum", "_value", "warmup")

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"an average over {n} values does not exist")
        self.warmup = int(n)
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
        return _recursive(self, xs)


class Stdev:
    """Population standard deviation of the last n values."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self._window = Window(int(n))
        self.warmup = int(n)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        return math.sqrt(self._window.variance) if self._window.push(x) else SKIP

    def batch(self, xs: Floats) -> Floats:
        result: Floats = _windows(xs, self.warmup).std(axis=1)
        return result


class Zscore:
    """Distance of the last value from the mean of the last n, in their standard deviations; nothing while they are equal."""

    __slots__ = ("_window", "warmup")

    def __init__(self, n: int) -> None:
        self._window = Window(int(n))
        self.warmup = int(n)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> float | Skip:
        window = self._window
        if not window.push(x):
            return SKIP
        spread = math.sqrt(window.variance)
        # What is left of a constant window is rounding, not spread.
        return (x - window.mean) / spread if spread > 1e-12 * max(1.0, abs(x)) else SKIP


class Rsi:
    """Relative strength index, Wilder 1978: 100 * up / (up + down) of smoothed changes. A flat series gives 0, as in TA-Lib."""

    __slots__ = ("_count", "_down", "_last", "_n", "_up", "warmup")

    def __init__(self, n: int = 14) -> None:
        if n < 2:
            raise ValueError(f"rsi over {n} changes does not exist")
        self._n = int(n)
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
        return 100.0 * self._up / total if total > 1e-14 else 0.0

    def batch(self, xs: Floats) -> Floats:
        return _recursive(self, xs)


class MacdValue(NamedTuple):
    """Difference of two exponential means, its own exponential mean, and the difference of these."""

    macd: float
    signal: float
    histogram: float


class Macd:
    """Moving average convergence and divergence (Appel). Both means start together, as in TA-Lib."""

    __slots__ = ("_fast", "_fast_alpha", "_fast_n", "_first", "_signal", "_slow", "_slow_alpha", "_slow_n", "warmup")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        if not 1 <= fast < slow or signal < 1:
            raise ValueError(f"macd({fast}, {slow}, {signal}): fast must be shorter than slow")
        self._fast_n, self._slow_n = int(fast), int(slow)
        self._fast_alpha, self._slow_alpha = 2.0 / (fast + 1), 2.0 / (slow + 1)
        self._signal = Ema(signal)
        self.warmup = int(slow) + int(signal) - 1
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


class Atr:
    """Average true range of bars, Wilder 1978, started with the mean of the first n true ranges."""

    __slots__ = ("_close", "_count", "_n", "_value", "warmup")

    def __init__(self, n: int = 14) -> None:
        if n < 1:
            raise ValueError(f"atr over {n} bars does not exist")
        self._n = int(n)
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


class BollingerValue(NamedTuple):
    """Mean, and mean plus and minus k standard deviations."""

    upper: float
    middle: float
    lower: float


class Bollinger:
    """Bands of k population standard deviations around the mean of the last n values (Bollinger)."""

    __slots__ = ("_k", "_window", "warmup")

    def __init__(self, n: int = 20, k: float = 2.0) -> None:
        self._window = Window(int(n))
        self._k = float(k)
        self.warmup = int(n)

    def reset(self) -> None:
        self._window.clear()

    def step(self, x: float) -> BollingerValue | Skip:
        window = self._window
        if not window.push(x):
            return SKIP
        middle = window.mean
        reach = self._k * math.sqrt(window.variance)
        return BollingerValue(middle + reach, middle, middle - reach)


class Extreme:
    """Highest (sign 1) or lowest (sign -1) of the last n values, in constant time on average."""

    __slots__ = ("_best", "_count", "_sign", "warmup")

    def __init__(self, n: int, sign: int) -> None:
        if n < 1:
            raise ValueError(f"a window of {n} values does not exist")
        self.warmup = int(n)
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
        windows = _windows(xs, self.warmup)
        result: Floats = windows.max(axis=1) if self._sign > 0 else windows.min(axis=1)
        return result


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


class Vwap:
    """Mean price of the last n trades (or closes of bars), each weighted by its quantity (volume)."""

    __slots__ = ("_amounts", "_weights", "warmup")

    def __init__(self, n: int) -> None:
        self._amounts = Window(int(n))
        self._weights = Window(int(n))
        self.warmup = int(n)

    def reset(self) -> None:
        self._amounts.clear()
        self._weights.clear()

    def step(self, x: Any) -> float | Skip:
        price, qty = (x.close, x.volume) if isinstance(x, Bar) else (x.price, x.qty)
        self._amounts.push(price * qty)
        full = self._weights.push(qty)
        weight = self._weights.mean
        return self._amounts.mean / weight if full and weight > 0 else SKIP


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
        self._levels = int(levels)
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


def _windows(xs: Floats, n: int) -> Floats:
    import numpy as np  # noqa: PLC0415 (only batch needs it: start-up time)

    if len(xs) < n:
        return np.empty((0, n))
    return np.lib.stride_tricks.sliding_window_view(xs, n)


def _recursive(stage: Any, xs: Floats) -> Floats:
    """For what is defined by recursion the loop is the definition; a fresh stage leaves this one as it is."""
    import numpy as np  # noqa: PLC0415 (the same)

    fresh = type(stage)(stage.warmup - 1 if isinstance(stage, Rsi) else stage.warmup)
    out = [value for value in map(fresh.step, xs.tolist()) if value is not SKIP]
    return np.asarray(out, dtype=np.float64)


def sma(n: int) -> Spec:
    """Stage: mean of the last n values."""
    return Spec(Sma, (n,))


def ema(n: int) -> Spec:
    """Stage: exponential mean with weight 2 / (n + 1)."""
    return Spec(Ema, (n,))


def stdev(n: int) -> Spec:
    """Stage: population standard deviation of the last n values."""
    return Spec(Stdev, (n,))


def zscore(n: int) -> Spec:
    """Stage: distance from the mean of the last n values in standard deviations."""
    return Spec(Zscore, (n,))


def rsi(n: int = 14) -> Spec:
    """Stage: relative strength index, 0 to 100."""
    return Spec(Rsi, (n,))


def macd(fast: int = 12, slow: int = 26, signal: int = 9) -> Spec:
    """Stage: ``macd``, ``signal`` and ``histogram``."""
    return Spec(Macd, (fast, slow, signal), frozenset(MacdValue._fields))


def atr(n: int = 14) -> Spec:
    """Stage: average true range of bars."""
    return Spec(Atr, (n,))


def bollinger(n: int = 20, k: float = 2.0) -> Spec:
    """Stage: ``upper``, ``middle`` and ``lower`` band."""
    return Spec(Bollinger, (n, k), frozenset(BollingerValue._fields))


def highest(n: int) -> Spec:
    """Stage: highest of the last n values."""
    return Spec(Extreme, (n, 1))


def lowest(n: int) -> Spec:
    """Stage: lowest of the last n values."""
    return Spec(Extreme, (n, -1))


def returns(log: bool = False) -> Spec:
    """Stage: change from the value before as a fraction, or its logarithm."""
    return Spec(Returns, (log,))


def vwap(n: int) -> Spec:
    """Stage: volume-weighted mean price of the last n trades or bars."""
    return Spec(Vwap, (n,))


def mid() -> Spec:
    """Stage: halfway between best bid and ask, of quotes or a book."""
    return Spec(Mapped, (_mid,))


def spread() -> Spec:
    """Stage: best ask minus best bid."""
    return Spec(Mapped, (_spread,))


def microprice() -> Spec:
    """Stage: mid weighted by the quantity on the other side."""
    return Spec(Mapped, (_microprice,))


def imbalance(levels: int = 1) -> Spec:
    """Stage: (bids - asks) / (bids + asks) of the best ``levels``."""
    return Spec(Imbalance, (levels,))
