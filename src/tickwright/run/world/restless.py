"""The strategy that seeds run unless a user brings one: it does everything that a strategy can ask for, over and over.

It draws from its own count of turns, so the same events give the same wishes: its runs can be replayed.
"""

from __future__ import annotations

from decimal import Decimal

from tickwright import BUY, DOWN, SELL, UP, Side, Strategy, Tif, book, param, quotes, trades

#: Of a linear congruential generator (Knuth, MMIX): a strategy has no other chance than its own.
_FACTOR, _STEP, _MASK = 6_364_136_223_846_793_005, 1_442_695_040_888_963_407, (1 << 64) - 1
#: Working orders beyond which it only cancels.
ORDERS_MAX = 12


class Restless(Strategy):
    """Asks for something at each turn."""

    top = quotes()
    last = trades()
    luck = param(1, low=0)
    raises_at = param(0, low=0)
    timer_s = 0.5

    turn = 0
    state = 0

    def on_timer(self) -> None:
        if self.top.value is None or not self.top.value.bid or not self.top.value.ask:
            return
        self.turn += 1
        if self.turn == self.raises_at:
            raise RuntimeError("a defect of the strategy's own")
        acts = (
            self.take, self.rest, self.work, self.change, self.drop, self.aim, self.guard, self.rush, self.pair, self.shield,
        )  # fmt: skip
        acts[self.draw(len(acts))]()

    def draw(self, bound: int) -> int:
        """A number below ``bound``."""
        self.state = ((self.state or int(self.luck)) * _FACTOR + _STEP) & _MASK
        return (self.state >> 33) % bound

    def side(self) -> Side:
        return BUY if self.draw(2) else SELL

    def size(self) -> Decimal:
        return Decimal(1 + self.draw(5)) / 1_000

    def price(self, side: Side, away: float) -> Decimal:
        """A price so far behind the market (ahead of it where negative)."""
        best = self.top.value.bid if side is BUY else self.top.value.ask
        return self.instrument.price(best * (1 - side.sign * away), DOWN if side is BUY else UP)

    def take(self) -> None:
        """At the market."""
        self.order(self.side(), self.size())

    def rest(self) -> None:
        """A limit order behind the market, sometimes one that may only make."""
        if len(self.orders) >= ORDERS_MAX:
            self.drop()
            return
        side = self.side()
        self.order(side, self.size(), limit=self.price(side, 0.0002 * (1 + self.draw(20))), post_only=bool(self.draw(2)))

    def work(self) -> None:
        """Quotes on both sides, or none."""
        if self.draw(4) == 0:
            self.unquote("bid")
            self.unquote("ask")
            return
        for name, side in (("bid", BUY), ("ask", SELL)):
            self.quote(name, side, self.price(side, 0.0001 * (1 + self.draw(10))), self.size())

    def change(self) -> None:
        """New terms for one of its orders."""
        found = [order for order in self.orders if order.state == "working" and order.price is not None]
        if not found:
            self.rest()
            return
        order = found[self.draw(len(found))]
        if self.draw(2):
            self.amend(order, qty=Decimal("0.001"))
        else:
            self.amend(order, limit=self.price(order.side, 0.0002 * (1 + self.draw(20))))

    def drop(self) -> None:
        """One order less."""
        if self.orders:
            self.cancel(self.orders[self.draw(len(self.orders))])

    def aim(self) -> None:
        """A position."""
        self.target(Decimal(self.draw(5) - 2) / 1_000)

    def guard(self) -> None:
        """A stop, on either side of the market."""
        if len(self.orders) >= ORDERS_MAX:
            self.drop()
            return
        side = self.side()
        stop = self.price(side, -0.001 * (1 + self.draw(5)))
        limit = self.price(side, -0.001 * (2 + self.draw(5))) if self.draw(2) else None
        self.order(side, self.size(), stop=stop, limit=limit)

    def pair(self) -> None:
        """A profit to be taken and a loss to be stopped."""
        if len(self.orders) >= ORDERS_MAX:
            self.drop()
            return
        side = self.side()
        stop = self.price(side, -0.001 * (1 + self.draw(5)))
        worst = self.price(side, -0.001 * (7 + self.draw(5))) if self.draw(2) else None
        self.oco(side, self.size(), limit=self.price(side, 0.0005 * (1 + self.draw(8))), stop=stop, stop_limit=worst)

    def shield(self) -> None:
        """A stop for what it holds, or none."""
        if self.draw(3):
            away = 0.001 * (1 + self.draw(8))
            self.protect(stop=self.price(BUY if self.position > 0 else SELL, away))
        else:
            self.unprotect()

    def rush(self) -> None:
        """Now or not at all."""
        side = self.side()
        self.order(side, self.size(), limit=self.price(side, -0.0005), tif=Tif.IOC if self.draw(2) else Tif.FOK)


class RestlessByBook(Restless):
    """The same with a book, which has to be put together and kept whole."""

    depth = book() >> (lambda found: found.bid)
