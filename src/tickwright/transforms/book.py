"""The order book: a snapshot plus deltas, with the best prices always at hand.

Guarantees: after every applied update the levels are exactly those that the venue's rules give (absolute quantities, zero
removes); an update that does not join is refused, not applied; one that is older is dropped and counted. Does not: fetch
snapshots or decide what to do about a gap.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from tickwright.model.market import BookUpdate

#: Of each side, the levels nearest to the market that are kept in order before anybody has looked deeper: most changes are
#: farther away, and cost no more than a dictionary does.
NEAR_LEVELS = 64

_Levels = list[tuple[float, float]]
_INFINITY = float("inf")


class _Side:
    """One side: all its levels in a dictionary, and the prices nearest to the market in order, the best one last.

    ``near`` has every price from ``edge`` on, as its rank: the price itself for bids, its negative for asks. It is made anew
    when it has run low and cut when it has grown long; ``keep`` grows with what is looked at.
    """

    __slots__ = ("edge", "keep", "levels", "near", "sign")

    def __init__(self, sign: int, keep: int) -> None:
        self.sign = sign
        self.keep = keep
        self.set([])

    def set(self, levels: _Levels) -> None:
        """These and no others."""
        self.levels = {price: qty for price, qty in levels if qty}
        self._order()

    def _order(self) -> None:
        """Rank all levels; keep the best."""
        ranks = sorted(self.levels) if self.sign > 0 else sorted([-price for price in self.levels])
        self.near = ranks[-self.keep :]
        self.edge = self.near[0] if len(self.near) < len(ranks) else -_INFINITY

    def settle(self) -> None:
        """After changes: have neither too few in order nor too many."""
        count = len(self.near)
        if count < max(1, self.keep // 2):
            if self.edge != -_INFINITY:
                self._order()
        elif count > 2 * self.keep:
            del self.near[: -self.keep]
            self.edge = self.near[0]

    def best(self, n: int | None) -> _Levels:
        """The best ``n`` levels, all without ``n``, best first."""
        wanted = len(self.levels) if n is None else n
        if wanted > len(self.near) and self.edge != -_INFINITY:
            self.keep = max(self.keep, 2 * wanted)
            self._order()
        levels, sign = self.levels, self.sign
        return [(price, levels[price]) for price in [sign * rank for rank in _last(self.near, n)]]


class Book:
    """Prices and quantities are floats as decoded. ``bid ask bid_qty ask_qty`` are None while a side is empty."""

    __slots__ = ("_asks", "_bids", "ask", "ask_qty", "bid", "bid_qty", "key", "ready", "seq", "stale", "venue_ns")

    def __init__(self, key: str, near_levels: int = NEAR_LEVELS) -> None:
        self.key = key
        self.stale = 0  # updates dropped because the book was ahead of them
        self._bids = _Side(+1, near_levels)
        self._asks = _Side(-1, near_levels)
        self.clear()

    def clear(self) -> None:
        """Empty, and not ready until the next snapshot."""
        self._bids.set([])
        self._asks.set([])
        self.ready = False
        self.seq = 0
        self.venue_ns = 0
        self._touch()

    def apply(self, update: BookUpdate) -> bool:
        """Take in an update. False for a gap: nothing was changed, and the book must not be used before a snapshot."""
        if update.snapshot:
            self._bids.set(update.bids)
            self._asks.set(update.asks)
            self.ready = True
        elif not self.ready or update.prev_seq > self.seq:
            return False
        elif update.seq <= self.seq:
            self.stale += 1
            return True
        else:
            self._change(update)
        self.seq = update.seq
        self.venue_ns = update.venue_ns
        self._touch()
        return True

    def _change(self, update: BookUpdate) -> None:
        # The two loops are the cost of a book: nothing is called in them, and they differ in a sign.
        side = self._bids
        levels, near, edge = side.levels, side.near, side.edge
        for price, qty in update.bids:
            if qty:
                if price >= edge and price not in levels:
                    insort(near, price)
                levels[price] = qty
            elif levels.pop(price, None) is not None and price >= edge:
                del near[bisect_left(near, price)]
        side.settle()
        side = self._asks
        levels, near, edge = side.levels, side.near, -side.edge
        for price, qty in update.asks:
            if qty:
                if price <= edge and price not in levels:
                    insort(near, -price)
                levels[price] = qty
            elif levels.pop(price, None) is not None and price <= edge:
                del near[bisect_left(near, -price)]
        side.settle()

    def _touch(self) -> None:
        """Note the best level of each side."""
        self.bid: float | None = None
        self.bid_qty: float | None = None
        self.ask: float | None = None
        self.ask_qty: float | None = None
        if near := self._bids.near:
            self.bid = price = near[-1]
            self.bid_qty = self._bids.levels[price]
        if near := self._asks.near:
            self.ask = price = -near[-1]
            self.ask_qty = self._asks.levels[price]

    @property
    def mid(self) -> float | None:
        """Halfway between best bid and best ask; None while a side is empty."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return None

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a book in this state is wrong."""
        return self.bid is not None and self.ask is not None and self.bid >= self.ask

    def bids(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, all without ``n``, best first, as ``(price, quantity)``."""
        return self._bids.best(n)

    def asks(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, all without ``n``, best first, as ``(price, quantity)``."""
        return self._asks.best(n)

    def __len__(self) -> int:
        return len(self._bids.levels) + len(self._asks.levels)


class BookView:
    """A book looked at to a depth: how many levels ``bids()`` and ``asks()`` give when not told. It cannot be written to."""

    __slots__ = ("_book", "depth")

    def __init__(self, book: Book, depth: int) -> None:
        self._book = book
        self.depth = depth

    @property
    def key(self) -> str:
        return self._book.key

    @property
    def bid(self) -> float | None:
        return self._book.bid

    @property
    def ask(self) -> float | None:
        return self._book.ask

    @property
    def bid_qty(self) -> float | None:
        return self._book.bid_qty

    @property
    def ask_qty(self) -> float | None:
        return self._book.ask_qty

    @property
    def mid(self) -> float | None:
        return self._book.mid

    @property
    def crossed(self) -> bool:
        return self._book.crossed

    @property
    def ready(self) -> bool:
        return self._book.ready

    @property
    def seq(self) -> int:
        return self._book.seq

    @property
    def venue_ns(self) -> int:
        return self._book.venue_ns

    def bids(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, best first."""
        return self._book.bids(self.depth if n is None else n)

    def asks(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, best first."""
        return self._book.asks(self.depth if n is None else n)


def _last(prices: list[float], n: int | None) -> list[float]:
    """The last ``n``, last first."""
    if n is None:
        return prices[::-1]
    return prices[: -n - 1 : -1] if n > 0 else []
