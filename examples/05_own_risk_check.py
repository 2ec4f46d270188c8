"""Your own risk check, after the built-in gate: ``authorise`` sees every order before it is sent.

tickwright run examples/05_own_risk_check.py --stand --seconds 30
"""

from decimal import Decimal

from tickwright import AccountView, Proposal, Strategy, param, trades


class Patient(Strategy):
    """Wants to buy at every hundredth trade, and is not always allowed to."""

    last = trades()
    size = param("0.001", unit="BTC")
    pause_s = param(2.0, unit="s")
    seen = 0
    bought_ns = 0

    def decide(self) -> None:
        self.seen += 1
        if self.seen % 100 == 0:
            self.buy(self.size)

    def authorise(self, order: Proposal, account: AccountView) -> bool | str:
        if account.now_ns - self.bought_ns < self.pause_s * 1e9:
            return f"the last order is less than {self.pause_s} s ago"
        if self.position > Decimal("0.01"):
            return False
        self.bought_ns = account.now_ns
        return True
