"""Price-time matching of our orders against each other and against a recorded book, for one instrument.

Nothing here moves money: :func:`plan` says what a taker would do without doing it, and :class:`Half` says which resting
orders a market event fills. At one price the recorded quantity that stood there before an order of ours is served before
it, and what came later after it.

A resting order advances in its queue with the trades printed at its price and, by a queue model, with what else disappears
from its level. It is filled by trades that go beyond the queue ahead of it; up to the size shown when the other side of the
recorded book comes to its price; and fully when the other side or a trade goes through its price.

What it does not do: move the recorded market. A taker of ours uses up recorded size (see :mod:`tickwright.sim.book`), but
the recording goes on as it was.
"""

from __future__ import annotations

import enum
import heapq
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tickwright.base.chance import Chance
from tickwright.model.order import Stp
from tickwright.sim.book import Ladder
from tickwright.sim.queue import QueueModel
from tickwright.sim.working import Working


class Act(enum.Enum):
    """What a taker does at one step of its way through the book."""

    TAKE = "take"  # trade, with the recorded market or with an order of ours
    END_TAKER = "end_taker"
    END_MAKER = "end_maker"
    END_BOTH = "end_both"
    DECREMENT = "decrement"  # both lose the quantity without trading


class Step(NamedTuple):
    """``maker`` is None when the recorded market is met."""

    act: Act
    price: int
    qty: int
    maker: Working | None


class Plan(NamedTuple):
    """``filled`` is what would trade, ``cost`` its price-times-quantity sum in raw units; ``dry`` when liquidity ran out."""

    steps: list[Step]
    filled: int
    cost: int
    dry: bool


#: Ahead of an order at a level that the recording does not show.
_UNSEEN = 1 << 62

_STP_ACT: Mapping[Stp, Act] = {
    Stp.EXPIRE_TAKER: Act.END_TAKER,
    Stp.EXPIRE_MAKER: Act.END_MAKER,
    Stp.EXPIRE_BOTH: Act.END_BOTH,
    Stp.DECREMENT: Act.DECREMENT,
}


class Half:
    """One side of an instrument: the recorded ladder and our orders resting on it, oldest first at each price."""

    __slots__ = ("_chance", "_queue", "_traded", "ladder", "own_keys", "queues", "sign", "whole")

    def __init__(self, sign: int, queue: QueueModel, chance: Chance) -> None:
        self.sign = sign
        self.ladder = Ladder(sign)
        self.whole = True  # whether a level that is not in the ladder is known to be empty
        self.own_keys: list[int] = []
        self.queues: dict[int, list[Working]] = {}
        self._queue = queue
        self._chance = chance
        self._traded: dict[int, int] = {}  # printed at a level of ours since the recording last changed it

    # -- our orders --------------------------------------------------------------------------------------------------

    def add(self, order: Working) -> None:
        """Rest an order at the end of its queue."""
        assert order.price is not None
        key = order.price * self.sign
        order.ahead = self._ahead(key)
        order.on_book = True
        queue = self.queues.get(key)
        if queue is None:
            self.queues[key] = [order]
            insort(self.own_keys, key)
        else:
            queue.append(order)

    def _ahead(self, key: int) -> int:
        """What stands before a newcomer: what the level shows, or, where the recording does not look, more than will ever trade
        (until the level comes into sight, or the market passes it).
        """
        ladder = self.ladder
        out_of_sight = not self.whole and key not in ladder.qty and (not ladder.keys or key < ladder.keys[-1])
        return _UNSEEN if out_of_sight else ladder.available(key)

    def remove(self, order: Working) -> None:
        assert order.price is not None
        key = order.price * self.sign
        queue = self.queues[key]
        queue.remove(order)
        order.on_book = False
        if not queue:
            del self.queues[key]
            del self.own_keys[bisect_left(self.own_keys, key)]
            self._traded.pop(key, None)

    # -- the recorded market -----------------------------------------------------------------------------------------

    def put(self, key: int, qty: int) -> None:
        """The recording sets a level."""
        before = self.ladder.put(key, qty)
        if before != qty and key in self.queues:
            self._shrink(key, before, qty)

    def load_below(self, levels: Sequence[tuple[int, int]], ceiling: int | None) -> None:
        """The recording replaces the side; at ``ceiling`` and better what is known stays (a later quote said so)."""
        sign = self.sign
        kept = {price * sign: qty for price, qty in levels if qty and (ceiling is None or price * sign < ceiling)}
        if ceiling is not None:
            kept.update((key, qty) for key, qty in self.ladder.qty.items() if key >= ceiling)
        self.whole = True
        before = {key: self.ladder.qty.get(key, 0) for key in self.own_keys}
        self.ladder.load(kept)
        for key in self.own_keys:
            qty = kept.get(key, 0)
            if qty != before[key]:
                self._shrink(key, before[key], qty)

    def quote(self, key: int, qty: int, alone: bool) -> None:
        """The recording says that ``qty`` at ``key`` is the best of this side; with 0 that the side is empty. ``alone``: nothing
        but quotes is recorded, so what is known of worse levels is only what was best a while ago, and is dropped. That is
        not news of them: no queue moves.
        """
        keys = self.ladder.keys
        self.whole = self.whole and not alone
        if qty:
            if keys and keys[-1] > key:
                self.cut(key)
            if alone and keys and keys[0] < key:
                self.ladder.keep_from(key)
            self.put(key, qty)
        elif keys:
            self.cut(keys[0] - 1)

    def forget(self) -> None:
        """The recording lost its thread: no level is known. No queue moves."""
        self.ladder.load({})
        self.whole = False

    def lead(self) -> None:
        """Orders of ours better than anything recorded have nothing before them."""
        if self.own_keys and self.ladder.keys:
            best = self.ladder.keys[-1]
            for own in reversed(self.own_keys):
                if own <= best:
                    break
                for order in self.queues[own]:
                    order.ahead = 0

    def cut(self, key: int) -> None:
        """The recording says that nothing is better than ``key``."""
        keys = self.ladder.keys
        while keys and keys[-1] > key:
            self.put(keys[-1], 0)

    def _shrink(self, key: int, before: int, after: int) -> None:
        """Move the queue of a level that the recording changed: trades already moved it, the rest was cancelled."""
        gone = before - after - self._traded.pop(key, 0)
        draw = self._chance.unit() if gone > 0 else 0.0
        for order in self.queues[key]:
            ahead = order.ahead
            if ahead == 0:
                continue
            if gone > 0:
                ahead = self._queue.ahead_after(ahead, before, gone, draw)
            order.ahead = min(ahead, after)

    def printed(self, key: int, qty: int) -> list[tuple[Working, int]]:
        """A trade of ``qty`` was printed at ``key`` against this side: which orders of ours it fills, and for how much."""
        queue = self.queues.get(key)
        if queue is None:
            return []
        self._traded[key] = self._traded.get(key, 0) + qty
        fills: list[tuple[Working, int]] = []
        used = 0  # recorded quantity served so far
        left = qty
        for order in queue:
            served = min(left, max(0, order.ahead - used))
            used += served
            left -= served
            if left > 0:
                got = min(left, order.remaining)
                left -= got
                fills.append((order, got))
            order.ahead = max(0, order.ahead - used)
        return fills

    def passed(self, key: int) -> list[tuple[Working, int]]:
        """A trade was printed at ``key``, beyond these orders of ours: all they still want."""
        fills: list[tuple[Working, int]] = []
        for own in reversed(self.own_keys):
            if own <= key:
                break
            fills.extend((order, order.remaining) for order in self.queues[own])
        return fills

    def met(self, other: Ladder) -> list[tuple[Working, int]]:
        """Fills of our orders that the other side of the recorded book has come to or gone through; its size is used up."""
        fills: list[tuple[Working, int]] = []
        for own in reversed(self.own_keys):
            best = other.best()
            if best is None or best < -own:
                break
            for order in self.queues[own]:
                want = order.remaining
                got, through = _use_up(other, -own, want)
                if through:
                    got = want
                if got:
                    fills.append((order, got))
        return fills

    def shown(self, n: int) -> list[tuple[int, int]]:
        """Best ``n`` levels as the public sees them: recorded, less what was taken, plus ours."""
        ladder = self.ladder
        levels: list[tuple[int, int]] = []
        for key in heapq.merge(reversed(ladder.keys), reversed(self.own_keys), reverse=True):
            if levels and levels[-1][0] == key * self.sign:
                continue
            qty = ladder.available(key) + sum(order.remaining for order in self.queues.get(key, ()))
            if qty:
                if len(levels) == n:
                    break
                levels.append((key * self.sign, qty))
        return levels

    def serve(self, key: int, qty: int) -> None:
        """A taker of ours took ``qty`` of the recorded quantity at ``key``: those behind it move up."""
        self.ladder.take(key, qty)
        for order in self.queues.get(key, ()):
            order.ahead = max(0, order.ahead - qty)


def _use_up(other: Ladder, limit: int, want: int) -> tuple[int, bool]:
    """Use up to ``want`` of the levels at ``limit`` or better: (quantity used, whether it went beyond ``limit``)."""
    got = 0
    through = False
    while got < want:
        best = other.best()
        if best is None or best < limit:
            break
        through = through or best > limit
        part = min(want - got, other.available(best))
        other.take(best, part)
        got += part
    return got, through


def plan(half: Half, taker: Working, limit: int | None, lot: int, budget: int | None) -> Plan:
    """How ``taker`` would go through ``half``, the side it takes from, without changing anything.

    ``limit`` is the worst price (None: any). With a ``budget`` (price-times-quantity units) it takes as many whole lots as
    that buys, else what remains of its quantity.
    """
    return _Walk(half, taker, limit, lot, budget).run()


class _Walk:
    """State of one :func:`plan`."""

    __slots__ = ("budget", "cost", "filled", "half", "left", "limit_key", "lot", "steps", "taker")

    def __init__(self, half: Half, taker: Working, limit: int | None, lot: int, budget: int | None) -> None:
        self.half = half
        self.taker = taker
        self.limit_key = None if limit is None else limit * half.sign
        self.lot = lot
        self.budget = budget
        self.left = taker.remaining
        self.steps: list[Step] = []
        self.filled = 0
        self.cost = 0

    def run(self) -> Plan:
        recorded = self.half.ladder.keys
        own = self.half.own_keys
        i = len(recorded) - 1
        j = len(own) - 1
        dry = False
        while True:
            if i < 0 and j < 0:
                dry = True
                break
            key = recorded[i] if j < 0 or (i >= 0 and recorded[i] >= own[j]) else own[j]
            if self.limit_key is not None and key < self.limit_key:
                break
            if i >= 0 and recorded[i] == key:
                i -= 1
            if j >= 0 and own[j] == key:
                j -= 1
            if self._level(key):
                break
        return Plan(self.steps, self.filled, self.cost, dry)

    def _level(self, key: int) -> bool:
        """Go through one price; True when there is nothing left to do after it."""
        price = key * self.half.sign
        want = self._affordable(price)
        if want == 0:
            return True
        shown = self.half.ladder.available(key)
        used = 0
        for order in self.half.queues.get(key, ()):
            served = min(order.ahead, shown) - used
            if served > 0:
                served = min(served, want)
                self._take(price, served, None)
                used += served
                want -= served
                if want == 0:
                    return True
            want -= self._meet(price, order, want)
            if want <= 0:
                return True
        if shown > used:
            served = min(shown - used, want)
            self._take(price, served, None)
            want -= served
        return want == 0

    def _meet(self, price: int, order: Working, want: int) -> int:
        """Come upon an order of ours: how much less is wanted afterwards; ``want + 1`` when the taker ends here."""
        stp = self.taker.stp
        if order.account != self.taker.account or stp is Stp.NONE:
            qty = min(want, order.remaining)
            self._take(price, qty, order)
            return qty
        act = _STP_ACT[stp]
        if act is Act.END_MAKER:
            self.steps.append(Step(act, price, order.remaining, order))
            return 0
        qty = min(want, order.remaining)
        self.steps.append(Step(act, price, qty, order))
        if act is Act.DECREMENT:
            self._spend(price, qty)
            return qty
        return want + 1

    def _affordable(self, price: int) -> int:
        if self.budget is None:
            return self.left
        return self.budget // (price * self.lot) * self.lot

    def _take(self, price: int, qty: int, maker: Working | None) -> None:
        self.steps.append(Step(Act.TAKE, price, qty, maker))
        self.filled += qty
        self.cost += price * qty
        self._spend(price, qty)

    def _spend(self, price: int, qty: int) -> None:
        if self.budget is None:
            self.left -= qty
        else:
            self.budget -= price * qty


class Market:
    """One instrument's matching state: both sides, waiting stops, and the prices traded since stops were last looked at."""

    __slots__ = ("asks", "bids", "book_seq", "has_depth", "high", "last", "low", "quote", "quote_seq", "stops")

    def __init__(self, queue: QueueModel, chance: Chance) -> None:
        self.bids = Half(+1, queue, chance)
        self.asks = Half(-1, queue, chance)
        self.stops: dict[int, Working] = {}
        self.last: int | None = None
        self.low: int | None = None
        self.high: int | None = None
        self.quote: tuple[int | None, int | None] = (None, None)  # bid and ask of the latest quote; None: an empty side
        self.quote_seq = 0
        self.book_seq = 0
        self.has_depth = False  # whether the recording has more than quotes

    def forget(self) -> None:
        """Drop the recorded book without moving any queue."""
        self.bids.forget()
        self.asks.forget()
        self.quote = (None, None)
        self.quote_seq = self.book_seq = 0

    def ceilings(self, seq: int) -> tuple[int | None, int | None]:
        """Keys of bids and asks from which a book update numbered ``seq`` is older than what a quote has said since."""
        if not 0 < seq < self.quote_seq:
            return None, None
        bid, ask = self.quote
        nothing = -(1 << 62)  # an empty side: the whole of it is spoken of
        return (nothing if bid is None else bid), (nothing if ask is None else -ask)

    def uncross(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> None:
        """An update of one side went through the other: what it went through was stale."""
        best_bid = max((price for price, qty in bids if qty), default=None)
        best_ask = min((price for price, qty in asks if qty), default=None)
        if best_bid is not None and (best_ask is None or best_ask > best_bid):
            self.asks.cut(-best_bid - 1)
        if best_ask is not None and (best_bid is None or best_ask > best_bid):
            self.bids.cut(best_ask - 1)

    def note_price(self, price: int) -> None:
        """A trade happened at ``price``."""
        self.last = price
        if self.stops:
            self.low = price if self.low is None or price < self.low else self.low
            self.high = price if self.high is None or price > self.high else self.high

    def touched(self) -> list[Working]:
        """Stops triggered by the prices since the last call, oldest first."""
        low, high = self.low, self.high
        self.low = self.high = None
        if low is None or high is None:
            return []
        return [order for order in self.stops.values() if order.touched_by(low, high)]
