"""A market out of a seed: a book around a wandering price, with trades, quotes and book deltas that agree with each other.

Exact units and exact times. At every delta the book built from the deltas has the best bid and ask of the latest quote; no
book is crossed or locked; every trade is at the best price of the side that it hits, for no more than is there. The same
seed gives the same market.

It is there to exercise machinery. It has no claim to realism: nothing learnt from it says anything about a real market.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS
from tickwright.model.market import BUY, Side
from tickwright.sim.book import Ladder


class MarketShape(msgspec.Struct, frozen=True, kw_only=True):
    """What the generated market looks like. Prices and quantities in units."""

    mid: int  # where the price starts
    tick: int
    lot: int
    level_qty: int  # about what stands at one level
    levels: int = 50  # kept on each side
    spread_ticks_max: int = 4
    step_mean_ns: int = 20 * NS_PER_MS  # mean time between events
    depth_every_ns: int = 100 * NS_PER_MS
    volatility_ticks: float = 1.5  # of the price the market follows, each event
    trade_share: float = 0.35  # of events that are trades even when the price stands still


class UnitTrade(msgspec.Struct, frozen=True, gc=False):
    trade_id: int
    price: int
    qty: int
    side: Side  # the taker's
    at_ns: int


class UnitQuote(msgspec.Struct, frozen=True, gc=False):
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int
    seq: int
    at_ns: int


class UnitDepth(msgspec.Struct, frozen=True, gc=False):
    """Absolute quantities of changed levels (0 removes), best first; ``prev_seq`` is the ``seq`` of the delta before."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    prev_seq: int
    seq: int
    at_ns: int


UnitEvent = UnitTrade | UnitQuote | UnitDepth


class UnitBook(msgspec.Struct, frozen=True):
    """The whole book, best first, as it is after everything numbered up to ``seq``."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    seq: int
    at_ns: int


class GeneratedMarket:
    """Steps from event to event: :meth:`step` moves to the next moment and says what happened there."""

    def __init__(self, shape: MarketShape, chance: Chance, start_ns: int, *, first_seq: int = 1, first_trade_id: int = 1) -> None:
        assert shape.mid % shape.tick == 0, "the price starts on the grid"
        assert shape.level_qty >= 2 * shape.lot, "a level holds some lots"
        assert shape.levels >= 2 and shape.spread_ticks_max >= 1, "a book has levels and a spread"  # noqa: PT018 (one shape)
        assert shape.mid > 2 * shape.tick * (shape.levels + shape.spread_ticks_max), "there is no room below the price"
        self.now_ns = start_ns
        self._shape = shape
        self._chance = chance
        self._fair = float(shape.mid)
        self._seq = first_seq
        self._flushed_seq = first_seq
        self._trade_id = first_trade_id
        self._flush_ns = start_ns + shape.depth_every_ns
        self._bids = Ladder(+1)
        self._asks = Ladder(-1)
        self._dirty: dict[Ladder, set[int]] = {self._bids: set(), self._asks: set()}
        for i in range(shape.levels):
            self._bids.put(shape.mid - (i + 1) * shape.tick, self._qty())
            self._asks.put(-(shape.mid + (i + 1) * shape.tick), self._qty())
        self._told_top: tuple[int, int, int, int] | None = None

    def book(self) -> UnitBook:
        """The whole book now."""
        return UnitBook(_levels(self._bids), _levels(self._asks), self._seq, self.now_ns)

    def step(self) -> list[UnitEvent]:
        """Move to the next moment at which something happens (now readable as ``now_ns``) and tell it."""
        shape, chance = self._shape, self._chance
        self.now_ns += 1 + round(chance.exponential(shape.step_mean_ns))
        events: list[UnitEvent] = []
        self._wander()
        if -self._asks.keys[-1] <= self._fair:
            self._trade(BUY, events)
        elif self._bids.keys[-1] >= self._fair:
            self._trade(Side.SELL, events)
        elif chance.happens(shape.trade_share):
            self._trade(BUY if chance.happens(0.5) else Side.SELL, events)
        else:
            self._stir(self._bids if chance.happens(0.5) else self._asks)
        self._mend()
        self._quote(events)
        if self.now_ns >= self._flush_ns and self._seq > self._flushed_seq:
            events.append(self._flush())
        return events

    def events(self, until_ns: int) -> Iterator[UnitEvent]:
        """Everything up to ``until_ns``."""
        while self.now_ns < until_ns:
            yield from self.step()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _qty(self) -> int:
        lots = max(1, self._shape.level_qty // self._shape.lot)
        return self._shape.lot * (1 + self._chance.below(2 * lots))

    def _set(self, side: Ladder, key: int, qty: int) -> None:
        if side.put(key, qty) != qty:
            self._seq += 1
            self._dirty[side].add(key)

    def _wander(self) -> None:
        """Move the price that the market follows; it cannot fall so low that the book would have no room."""
        shape = self._shape
        floor = float(2 * shape.tick * (shape.levels + shape.spread_ticks_max))
        self._fair = max(floor, self._fair + self._chance.normal(0.0, shape.volatility_ticks * shape.tick))

    def _trade(self, side: Side, events: list[UnitEvent]) -> None:
        """A taker takes some, or all, of the best level of the other side."""
        struck = self._asks if side is BUY else self._bids
        key = struck.keys[-1]
        there = struck.qty[key]
        lots = there // self._shape.lot
        qty = there if self._chance.happens(0.3) else self._shape.lot * (1 + self._chance.below(lots))
        events.append(UnitTrade(self._trade_id, key * struck.sign, qty, side, self.now_ns))
        self._trade_id += 1
        self._set(struck, key, there - qty)

    def _stir(self, side: Ladder) -> None:
        """Someone adds to, takes from, or leaves a level; nearer ones more often."""
        depth = min(len(side.keys), 1 + round(self._chance.exponential(5.0)))
        key = side.keys[-depth]
        if self._chance.happens(0.15) and depth > 1:
            self._set(side, key, 0)
        else:
            self._set(side, key, self._qty())

    def _mend(self) -> None:
        """Bring the sides back together where a trade left them apart, and keep each as deep as it should be."""
        tick = self._shape.tick
        fair_key = round(self._fair / tick) * tick
        while (spread := -self._asks.keys[-1] - self._bids.keys[-1]) > self._shape.spread_ticks_max * tick:
            bid, ask = self._bids.keys[-1], -self._asks.keys[-1]
            nearer = tick if spread <= 2 * tick else tick * (1 + self._chance.below(2))
            if fair_key - bid >= ask - fair_key:
                self._set(self._bids, bid + nearer, self._qty())
            else:
                self._set(self._asks, -(ask - nearer), self._qty())
        for side in (self._bids, self._asks):
            while len(side.keys) < self._shape.levels and (side.keys[0] - tick) * side.sign > 0:
                self._set(side, side.keys[0] - tick, self._qty())
            while len(side.keys) > 2 * self._shape.levels:
                self._set(side, side.keys[0], 0)

    def _quote(self, events: list[UnitEvent]) -> None:
        bid, ask = self._bids.keys[-1], self._asks.keys[-1]
        top = (bid, self._bids.qty[bid], -ask, self._asks.qty[ask])
        if top != self._told_top:
            self._told_top = top
            events.append(UnitQuote(*top, self._seq, self.now_ns))

    def _flush(self) -> UnitDepth:
        """Every level changed since the last delta, as one."""
        changed = []
        for side in (self._bids, self._asks):
            keys = sorted(self._dirty[side], reverse=True)
            changed.append([(key * side.sign, side.qty.get(key, 0)) for key in keys])
            self._dirty[side].clear()
        delta = UnitDepth(changed[0], changed[1], self._flushed_seq, self._seq, self.now_ns)
        self._flushed_seq = self._seq
        while self._flush_ns <= self.now_ns:
            self._flush_ns += self._shape.depth_every_ns
        return delta


def _levels(side: Ladder) -> list[tuple[int, int]]:
    return [(key * side.sign, side.qty[key]) for key in reversed(side.keys)]
