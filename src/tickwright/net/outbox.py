"""What waits to be sent on one connection: three lanes, one pace, a bound on each. Pure: time is handed in.

Guarantees: no window of the pace's length sees more than its burst, pongs included; within a lane first in is first out; an
urgent message never waits for an ordinary one; each lane has a bound, and what does not fit is refused, not dropped later. A pong
goes first, and only the latest waits: one answer is enough for any number of pings.
"""

from __future__ import annotations

from collections import deque

from tickwright.net.pacing import TokenBucket


class Outbox:
    """Messages in waiting. ``blocked`` while the other end does not take what was already written."""

    __slots__ = ("_bucket", "_most", "_ordinary", "_pong", "_urgent", "blocked")

    def __init__(self, rate_per_s: float, burst: int, most: int) -> None:
        self._bucket = TokenBucket(burst, burst / rate_per_s)
        self._most = most
        self._pong: bytes | None = None
        self._urgent: deque[str | bytes] = deque()
        self._ordinary: deque[str | bytes] = deque()
        self.blocked = False

    def may_write(self, now_ns: int, *, urgent: bool) -> bool:
        """Whether a new message may go out at once, past everything that waits. Spends its token if so."""
        if self.blocked or self._pong is not None or self._urgent or (self._ordinary and not urgent):
            return False
        return self._bucket.take(now_ns)

    def put(self, payload: str | bytes, *, urgent: bool) -> bool:
        """Queue a message; False when its lane is full."""
        lane = self._urgent if urgent else self._ordinary
        if len(lane) >= self._most:
            return False
        lane.append(payload)
        return True

    def put_pong(self, payload: bytes) -> None:
        """Queue the answer to a ping, in place of an older one."""
        self._pong = payload

    def pong(self, now_ns: int) -> bytes | None:
        """The pong that waits, if it may go out now."""
        if self.blocked or self._pong is None or not self._bucket.take(now_ns):
            return None
        pong, self._pong = self._pong, None
        return pong

    def message(self, now_ns: int) -> str | bytes | None:
        """The next message that may go out now."""
        lane = self._urgent or self._ordinary
        if self.blocked or self._pong is not None or not lane or not self._bucket.take(now_ns):
            return None
        return lane.popleft()

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until something may go out; None when nothing waits for time."""
        if self.blocked or not self.pending:
            return None
        return self._bucket.wait_ns(now_ns)

    def spend(self, now_ns: int) -> bool:
        """Take a token for something that is written past the lanes (a ping of our own)."""
        return not self.blocked and not self.pending and self._bucket.take(now_ns)

    def clear(self) -> int:
        """Forget what waits; how much that was."""
        waited = self.pending
        self._pong = None
        self._urgent.clear()
        self._ordinary.clear()
        return waited

    @property
    def pending(self) -> int:
        """How many wait."""
        return len(self._urgent) + len(self._ordinary) + (self._pong is not None)
