"""For those who think in frames: the last 20 bars as a pandas frame, anew whenever a bar closes.

tickwright run examples/03_dataframe.py --stand --seconds 30
"""

from tickwright import Strategy, bars, frame, param


class Breakout(Strategy):
    """Long when the last close is the highest of the frame, flat when it is the lowest."""

    history = bars("50 ticks") >> frame(20)
    size = param("0.01", unit="BTC")

    def decide(self) -> None:
        closes = self.history.value["close"]
        if closes.iloc[-1] >= closes.max():
            self.target(self.size)
        elif closes.iloc[-1] <= closes.min():
            self.target(0)
