"""The classic: long while the fast average is above the slow one, flat otherwise.

tickwright run examples/02_ema_cross.py --stand --seconds 30
tickwright run examples/02_ema_cross.py --venue binance_spot --symbol BTC/USDT     (on paper: no keys)
"""

from tickwright import Strategy, bars, ema, param


class Cross(Strategy):
    """Two averages over bars of 50 trades each, so that something happens within seconds."""

    fast = bars("50 ticks").close >> ema(5)
    slow = bars("50 ticks").close >> ema(15)
    size = param("0.01", unit="BTC")

    def decide(self) -> None:
        self.watch(fast=self.fast.value, slow=self.slow.value)
        self.target(self.size if self.fast.value > self.slow.value else 0)
