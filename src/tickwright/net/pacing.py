"""How fast one may knock: token buckets, weight budgets, backoff, connect budgets. Pure: the time is handed in.

Guarantees: a budget is never exceeded in any window; the share kept for orders is never spent on anything else; a delay is never
outside its bounds, whatever came before. Times are nanoseconds; which clock is the caller's choice, as long as it is one.
"""

from __future__ import annotations

from collections import deque
from email.utils import parsedate_to_datetime

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S

#: No venue bans for longer than a few days; a header that says more is taken for this.
RETRY_AFTER_S_MAX = 7 * 24 * 3600.0


class TokenBucket:
    """``most`` tokens, each of which comes back ``window_s`` after it was spent.

    So no window of that length, wherever it starts, ever sees more than ``most``. (A bucket that refills at a steady rate
    would let through nearly twice as many: a full bucket at once, and what drips in meanwhile.)
    """

    __slots__ = ("_most", "_spent", "_window_ns")

    def __init__(self, most: int, window_s: float) -> None:
        assert most >= 1
        assert window_s > 0
        self._most = most
        self._window_ns = int(window_s * NS_PER_S)
        self._spent: deque[int] = deque()

    def take(self, now_ns: int) -> bool:
        """Spend one token if there is one."""
        if self.wait_ns(now_ns):
            return False
        self._spent.append(now_ns)
        return True

    def wait_ns(self, now_ns: int) -> int:
        """How long until there is a token; 0 for now."""
        spent = self._spent
        while spent and now_ns - spent[0] >= self._window_ns:
            spent.popleft()
        if len(spent) < self._most:
            return 0
        return spent[0] + self._window_ns - now_ns


class ConnectBudget(TokenBucket):
    """Connects to one host. Share one among all sessions to it: venues count by address, and ban by it."""

    __slots__ = ()


class Backoff:
    """Exponential with full jitter: the n-th delay is drawn from [floor, min(ceiling, floor * 2**n)].

    ``failed`` moves on; ``stable`` starts over, and is for the caller to say only after a good while of data.
    """

    __slots__ = ("_ceiling_s", "_chance", "_floor_s", "attempts")

    def __init__(self, floor_s: float, ceiling_s: float, chance: Chance) -> None:
        assert 0 <= floor_s <= ceiling_s
        self._floor_s = floor_s
        self._ceiling_s = ceiling_s
        self._chance = chance
        self.attempts = 0

    def failed(self) -> float:
        """Seconds to wait before the next attempt."""
        self.attempts += 1
        top = min(self._ceiling_s, self._floor_s * 2.0 ** min(self.attempts, 60))
        return self._chance.between(self._floor_s, max(self._floor_s, top))

    def stable(self) -> None:
        """The connection has proved itself."""
        self.attempts = 0


class WeightBudget:
    """Request weight in windows aligned to the wall clock, with a share that only orders may use.

    The venue's own count overrides ours when it is higher: others may share the address. ``limit`` is the venue's.
    """

    __slots__ = ("_limit", "_open", "_used", "_window", "_window_ns")

    def __init__(self, limit: int, window_s: float, orders_share: float = 0.2) -> None:
        assert 0 <= orders_share < 1
        assert limit >= 1
        self._limit = limit
        self._open = int(limit * (1 - orders_share))
        self._window_ns = int(window_s * NS_PER_S)
        self._window = -1
        self._used = 0

    def take(self, weight: int, now_ns: int, *, is_order: bool = False) -> bool:
        """Spend ``weight`` if the window still has room for it."""
        assert weight >= 0
        if not self.has_room(weight, now_ns, is_order=is_order):
            return False
        self._used += weight
        return True

    def has_room(self, weight: int, now_ns: int, *, is_order: bool = False) -> bool:
        """Whether ``take`` would."""
        self._turn(now_ns)
        return self._used + weight <= (self._limit if is_order else self._open)

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next window."""
        return self._window_ns - now_ns % self._window_ns

    def told(self, used: int, now_ns: int, sent_ns: int | None = None) -> None:
        """The venue's count in the answer to a request of ``sent_ns``: of no use once that window is over."""
        self._turn(now_ns)
        if sent_ns is None or sent_ns // self._window_ns == self._window:
            self._used = max(self._used, used)

    @property
    def used(self) -> int:
        """Weight spent in the window of the latest call."""
        return self._used

    @property
    def limit(self) -> int:
        return self._limit

    def _turn(self, now_ns: int) -> None:
        window = now_ns // self._window_ns
        if window > self._window:
            self._window = window
            self._used = 0
        elif window < self._window - 1:
            # The wall clock was set back. What was spent stays spent until the next turn, which must not be hours away.
            self._window = window


def retry_after_s(text: str, now_ns: int) -> float | None:
    """What a ``Retry-After`` header asks for, from now: seconds or a date, bounded; None when it cannot be read."""
    try:
        seconds = float(text) if text.isascii() else -1.0
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(text).timestamp() - now_ns / NS_PER_S)
        except (ValueError, OverflowError, OSError):
            return None
    return min(seconds, RETRY_AFTER_S_MAX) if seconds >= 0 else None  # the comparison refuses nan as well
