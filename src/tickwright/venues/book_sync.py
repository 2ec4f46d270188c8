"""Joins a snapshot of an order book with the stream of changes around it, for venues that number their changes.

Guarantees: what comes out is a snapshot followed by updates that join it without a gap, or a :class:`Gap`; every change
that is lost is noticed at the next one; what is kept while waiting is bounded. Pure: it is told when something arrives, it
asks for a snapshot by ``wants_snapshot``, and somebody else fetches it.

It does not keep the book, and does not notice silence.
"""

from __future__ import annotations

from collections import deque

from tickwright.base.limits import DEPTH_BUFFER_EVENTS_MAX
from tickwright.model.market import BookUpdate, Channel, FeedDown, FeedUp, Gap, MarketEvent

#: Repeated changes in a row that are still taken for repetitions.
REPEATED_MAX = 1_000


class BookSync:
    """One instrument's book: waiting for a snapshot, or in step.

    An update joins when ``prev_seq <= seq < update.seq``. One that ends at or before ``seq`` is a repetition and is dropped;
    one that starts beyond it proves a gap. A snapshot that ends before the first change still kept is stale: it is refused,
    ``stale_snapshots`` counts how many came in a row, and the next one is asked for.
    """

    __slots__ = (
        "_dropped_in_a_row",
        "_kept",
        "dropped",
        "gaps",
        "joins",
        "key",
        "overflows",
        "seq",
        "stale_snapshots",
        "synced",
        "wants_snapshot",
    )

    def __init__(self, key: str, kept_max: int = DEPTH_BUFFER_EVENTS_MAX) -> None:
        self.key = key
        self.seq = 0
        self.synced = False
        self.wants_snapshot = True
        self.stale_snapshots = 0
        self.gaps = 0
        self.joins = 0
        self.dropped = 0
        self.overflows = 0
        self._dropped_in_a_row = 0
        self._kept: deque[BookUpdate] = deque(maxlen=kept_max)

    @property
    def kept(self) -> int:
        """Changes waiting for a snapshot."""
        return len(self._kept)

    def would_join(self, seq: int) -> bool:
        """Whether a snapshot that ends at ``seq`` reaches what is kept, and is not beyond it. For snapshots without a name."""
        kept = self._kept
        return not self.synced and bool(kept) and kept[0].prev_seq <= seq <= kept[-1].seq

    def on_update(self, update: BookUpdate) -> list[MarketEvent]:
        """A change arrived."""
        if not self.synced:
            self._keep(update)
            return []
        if update.seq <= self.seq:
            self.dropped += 1
            self._dropped_in_a_row += 1
            # So many old numbers are no repetition: the venue counts anew, and this book stands still.
            return self._lose(update) if self._dropped_in_a_row > REPEATED_MAX else []
        self._dropped_in_a_row = 0
        if update.prev_seq <= self.seq:
            self.seq = update.seq
            return [update]
        return self._lose(update)

    def on_snapshot(self, snapshot: BookUpdate) -> list[MarketEvent]:
        """A snapshot arrived. One that nobody waits for any more is ignored: the book is already beyond it."""
        if self.synced:
            return []
        out: list[MarketEvent] = [snapshot]
        seq = snapshot.seq
        for update in self._kept:
            if update.seq <= seq:
                self.dropped += 1
                continue
            if update.prev_seq > seq:
                self.stale_snapshots += 1
                self.wants_snapshot = True
                return []
            out.append(update)
            seq = update.seq
        self._kept.clear()
        self.seq = seq
        self.synced = True
        self.wants_snapshot = False
        self.stale_snapshots = 0
        self.joins += 1
        out.append(FeedUp(self.key, Channel.BOOK, snapshot.recv_ns))
        return out

    def on_lost(self, why: str, at_ns: int) -> list[MarketEvent]:
        """The stream broke off, or cannot be trusted: begin again. Told only if it was in step before."""
        told: list[MarketEvent] = [FeedDown(self.key, Channel.BOOK, why, at_ns)] if self.synced else []
        self._restart()
        return told

    def _lose(self, update: BookUpdate) -> list[MarketEvent]:
        self.gaps += 1
        expected = self.seq
        self._restart()
        self._keep(update)
        return [
            Gap(self.key, Channel.BOOK, expected, update.prev_seq, update.recv_ns),
            FeedDown(self.key, Channel.BOOK, "gap", update.recv_ns),
        ]

    def _restart(self) -> None:
        self._dropped_in_a_row = 0
        self.synced = False
        self.wants_snapshot = True
        self._kept.clear()

    def _keep(self, update: BookUpdate) -> None:
        kept = self._kept
        if kept:
            last = kept[-1]
            if update.seq <= last.seq:
                self.dropped += 1
                return
            if update.prev_seq > last.seq:
                # A gap before the snapshot came: what was kept cannot be joined to what follows.
                self.gaps += 1
                kept.clear()
            elif len(kept) == kept.maxlen:
                self.overflows += 1
        kept.append(update)
