"""How fast one may knock: token buckets, weight budgets, backoff, connect budgets. Pure: the time is handed in.

Guarantees: a budget is never exceeded in any window; the share kept for orders is never spent on anything else; a delay is never
outside its bounds, whatever came before. Times are nanoseconds; which clock is the caller's choice, as long as it is one.
"""

from __future__ import annotations

from collections import deque

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S


class TokenBucket:
    """At most ``burst`` at once and ``rate_per_s`` on average."""

    __slots__ = ("_at_ns", "_burst", "_per_ns", "_tokens")

    def __init__(self, rate_per_s: float, burst: int) -> None:
        assert rate_per_s > 0
        assert burst >= 1
        self._per_ns = rate_per_s / NS_PER_S
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_ns = 0

    def take(self, now_ns: int) -> bool:
        """Spend one token if there is one."""
        self._refill(now_ns)
        # Tokens come in fractions: a hair below one is one.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next token."""
        self._refill(now_ns)
        missing = 1.0 - self._tokens
        return 0 if missing <= 1e-9 else int(missing / self._per_ns) + 1

    def _refill(self, now_ns: int) -> None:
        if self._at_ns and now_ns > self._at_ns:
            self._tokens = min(self._burst, self._tokens + (now_ns - self._at_ns) * self._per_ns)
        self._at_ns = max(self._at_ns, now_ns)


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


class ConnectBudget:
    """At most ``most`` connects in any window of ``window_s``."""

    __slots__ = ("_made", "_most", "_window_ns")

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_ns = int(window_s * NS_PER_S)
        self._made: deque[int] = deque()

    def wait_ns(self, now_ns: int) -> int:
        """How long until another connect is allowed; 0 for now."""
        while self._made and now_ns - self._made[0] >= self._window_ns:
            self._made.popleft()
        if len(self._made) < self._most:
            return 0
        return self._made[0] + self._window_ns - now_ns

    def spend(self, now_ns: int) -> None:
        """A connect is being made."""
        assert self.wait_ns(now_ns) == 0, "INV-31 connect budget exceeded"
        self._made.append(now_ns)


class WeightBudget:
    """Request weight in windows aligned to the wall clock, with a share that only orders may use.

    The venue's own count (a header) overrides ours when it is higher: others may share the address.
    """

    __slots__ = ("_limit", "_open", "_used", "_window", "_window_ns")

    def __init__(self, limit: int, window_s: float, orders_share: float = 0.2) -> None:
        assert 0 <= orders_share < 1
        self._limit = limit
        self._open = int(limit * (1 - orders_share))
        self._window_ns = int(window_s * NS_PER_S)
        self._window = -1
        self._used = 0

    def take(self, weight: int, now_ns: int, *, is_order: bool = False) -> bool:
        """Spend ``weight`` if the window still has room for it."""
        self._turn(now_ns)
        if self._used + weight > (self._limit if is_order else self._open):
            return False
        self._used += weight
        return True

    def wait_ns(self, now_ns: int) -> int:
        """How long until the next window."""
        return self._window_ns - now_ns % self._window_ns

    def told(self, used: int, now_ns: int) -> None:
        """The venue's count of this window."""
        self._turn(now_ns)
        self._used = max(self._used, used)

    @property
    def used(self) -> int:
        return self._used

    @property
    def limit(self) -> int:
        return self._limit

    def _turn(self, now_ns: int) -> None:
        window = now_ns // self._window_ns
        if window > self._window:
            self._window = window
            self._used = 0
