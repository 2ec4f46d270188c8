"""Quote both sides of the market, leaning away from the position.

``quote`` says which order should be working under a name; the planner places, amends or cancels as little as possible, and
never touches a name whose order is still in flight.

    tickwright run examples/04_market_maker.py --stand --seconds 30
"""

from decimal import Decimal

from tickwright import BUY, DOWN, SELL, UP, Strategy, microprice, param, quotes


class Maker(Strategy):
    """One order on each side, ``edge`` of the price away from the microprice, shifted against the position."""

    fair = quotes() >> microprice()
    size = param("0.002", unit="BTC")
    edge = param(0.00004, doc="distance from the fair price, as a fraction")
    most = param("0.01", unit="BTC", doc="largest position in either direction")

    def decide(self) -> None:
        fair = self.fair.value
        lean = float(self.position / self.most) * self.edge
        self.side("bid", fair * (1 - self.edge - lean))
        self.side("ask", fair * (1 + self.edge - lean))

    def side(self, name: str, price: float) -> None:
        """Quote one side, unless the position is already as large as allowed on it."""
        room: Decimal = self.most - self.position if name == "bid" else self.most + self.position
        if room < self.size:
            self.unquote(name)
        elif name == "bid":
            self.quote(name, BUY, self.instrument.price(price, DOWN), self.size)
        else:
            self.quote(name, SELL, self.instrument.price(price, UP), self.size)
