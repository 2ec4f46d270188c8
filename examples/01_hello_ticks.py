"""See the market go by: the smallest strategy there is. It trades nothing.

tickwright run examples/01_hello_ticks.py --stand --seconds 10
"""

from tickwright import Strategy, trades


class HelloTicks(Strategy):
    """Shows the last trade and counts."""

    last = trades()
    seen = 0

    def decide(self) -> None:
        trade = self.last.value
        self.seen += 1
        self.watch(price=trade.price, side=trade.side.value, seen=self.seen)
        if self.seen % 100 == 1:
            self.log(f"trade {trade.trade_id}: {trade.qty} at {trade.price}")
