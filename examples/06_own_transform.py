"""Your own transform. Any callable is a stage; one with state has ``step``, ``reset`` and ``warmup``.

tickwright run examples/06_own_transform.py --stand --seconds 30
"""

from tickwright import BUY, SKIP, Strategy, Trade, param, trades


def signed(trade: Trade) -> float:
    """Quantity with the sign of who was in a hurry."""
    return trade.qty if trade.side is BUY else -trade.qty


class Decayed:
    """A sum in which each older value counts for less: ``s = s * keep + x``. Says nothing until it has seen ``warmup``."""

    def __init__(self, keep: float, warmup: int) -> None:
        self.keep = keep
        self.warmup = warmup
        self.reset()

    def reset(self) -> None:
        """Forget everything: called after a gap in the feed."""
        self.total = 0.0
        self.seen = 0

    def step(self, x: float) -> object:
        """The sum so far, or ``SKIP`` while it is not warm."""
        self.total = self.total * self.keep + x
        self.seen += 1
        return self.total if self.seen >= self.warmup else SKIP


class Flow(Strategy):
    """Goes with the flow of aggressive orders."""

    flow = trades() >> signed >> Decayed(keep=0.99, warmup=50)
    size = param("0.005", unit="BTC")
    enough = param(1.0, unit="BTC")

    def decide(self) -> None:
        self.watch(flow=self.flow.value)
        if self.flow.value > self.enough:
            self.target(self.size)
        elif self.flow.value < -self.enough:
            self.target(0)
