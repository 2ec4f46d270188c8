"""The order book: a snapshot plus deltas, with the best prices always at hand.

Guarantees: after every applied update the levels are exactly those that the venue's rules give (absolute quantities, zero
removes); an update that does not join is refused, not applied; one that is older is dropped and counted. Does not: fetch
snapshots or decide what to do about a gap.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from tickwright.model.market import BookUpdate


class Book:
    """Prices and quantities are floats as decoded. ``bid ask bid_qty ask_qty`` are None while a side is empty."""

    __slots__ = ("_ask_prices", "_asks", "_bid_prices", "_bids", "key", "ready", "seq", "stale", "venue_ns")

    def __init__(self, key: str) -> None:
        self.key = key
        self.stale = 0  # updates dropped because the book was ahead of them
        self.clear()

    def clear(self) -> None:
        """Empty, and not ready until the next snapshot."""
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_prices: list[float] = []  # ascending: the best bid is last
        self._ask_prices: list[float] = []  # ascending by -price: the best ask is last
        self.ready = False
        self.seq = 0
        self.venue_ns = 0

    def apply(self, update: BookUpdate) -> bool:
        """Take in an update. False for a gap: nothing was changed, and the book must not be used before a snapshot."""
        if update.snapshot:
            self._replace(update)
            return True
        if not self.ready or update.prev_seq > self.seq:
            return False
        if update.seq <= self.seq:
            self.stale += 1
            return True
        levels = self._bids
        prices = self._bid_prices
        for price, qty in update.bids:
            if qty:
                if price not in levels:
                    insort(prices, price)
                levels[price] = qty
            elif levels.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]
        levels = self._asks
        prices = self._ask_prices
        for price, qty in update.asks:
            if qty:
                if price not in levels:
                    insort(prices, -price)
                levels[price] = qty
            elif levels.pop(price, None) is not None:
                del prices[bisect_left(prices, -price)]
        self.seq = update.seq
        self.venue_ns = update.venue_ns
        return True

    def _replace(self, update: BookUpdate) -> None:
        self._bids = {price: qty for price, qty in update.bids if qty}
        self._asks = {price: qty for price, qty in update.asks if qty}
        self._bid_prices = sorted(self._bids)
        self._ask_prices = sorted(-price for price in self._asks)
        self.ready = True
        self.seq = update.seq
        self.venue_ns = update.venue_ns

    @property
    def bid(self) -> float | None:
        return self._bid_prices[-1] if self._bid_prices else None

    @property
    def ask(self) -> float | None:
        return -self._ask_prices[-1] if self._ask_prices else None

    @property
    def bid_qty(self) -> float | None:
        return self._bids[self._bid_prices[-1]] if self._bid_prices else None

    @property
    def ask_qty(self) -> float | None:
        return self._asks[-self._ask_prices[-1]] if self._ask_prices else None

    @property
    def mid(self) -> float | None:
        """Halfway between best bid and best ask; None while a side is empty."""
        if self._bid_prices and self._ask_prices:
            return (self._bid_prices[-1] - self._ask_prices[-1]) / 2
        return None

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: a book in this state is wrong."""
        return bool(self._bid_prices and self._ask_prices and self._bid_prices[-1] >= -self._ask_prices[-1])

    def bids(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, all without ``n``, best first, as ``(price, quantity)``."""
        levels = self._bids
        return [(price, levels[price]) for price in _best(self._bid_prices, n)]

    def asks(self, n: int | None = None) -> list[tuple[float, float]]:
        """The best ``n`` levels, all without ``n``, best first, as ``(price, quantity)``."""
        levels = self._asks
        return [(-price, levels[-price]) for price in _best(self._ask_prices, n)]

    def __len__(self) -> int:
        return len(self._bids) + len(self._asks)


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


def _best(prices: list[float], n: int | None) -> list[float]:
    """The last ``n``, last first."""
    if n is None:
        return prices[::-1]
    return prices[: -n - 1 : -1] if n > 0 else []
