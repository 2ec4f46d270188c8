"""The book against two dictionaries; gaps, duplicates and crossed books are seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import BookUpdate
from tickwright.transforms.book import Book, BookView
from unit.transforms.makers import KEY

levels = st.lists(st.tuples(st.integers(1, 30).map(float), st.integers(0, 3).map(float)), max_size=8)
#: Deltas that join, overlap, repeat and leave gaps, with snapshots between.
updates = st.lists(
    st.tuples(levels, levels, st.integers(-3, 2), st.integers(0, 3), st.sampled_from([False] * 5 + [True])), max_size=30
)


def update(bids, asks, prev_seq, seq, *, snapshot=False):
    return BookUpdate(KEY, bids, asks, prev_seq, seq, snapshot, seq * 10, seq * 10)


class Naive:
    """What the rules say, in the plainest words."""

    def __init__(self):
        self.bids, self.asks, self.seq, self.ready, self.stale = {}, {}, 0, False, 0

    def apply(self, event):
        if event.snapshot:
            self.bids, self.asks, self.ready = {}, {}, True
        elif not self.ready or event.prev_seq > self.seq:
            return False
        elif event.seq <= self.seq:
            self.stale += 1
            return True
        for side, changes in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, qty in changes:
                side[price] = qty
                if not qty:
                    del side[price]
        self.seq = event.seq
        return True


@given(updates, st.integers(0, 6))
def test_given_any_updates_when_applied_then_the_book_is_that_of_two_dictionaries(steps, n):
    """Joining, stale and missing ones, and snapshots: the same answers, levels, best prices and counts."""
    kept, naive = Book(KEY), Naive()
    for bids, asks, behind, ahead, snapshot in steps:
        prev = max(0, naive.seq + behind)
        # A snapshot names a price once; a price twice in a delta means its last quantity.
        sides = [list(dict(side).items()) if snapshot else side for side in (bids, asks)]
        event = update(*sides, prev, prev + ahead, snapshot=snapshot)
        assert kept.apply(event) == naive.apply(event)
        best_first = sorted(naive.bids.items(), reverse=True), sorted(naive.asks.items())
        assert (kept.bids(), kept.asks()) == best_first
        assert (kept.bids(n), kept.asks(n)) == (best_first[0][:n], best_first[1][:n])
        assert (kept.bid, kept.bid_qty) == (best_first[0][0] if naive.bids else (None, None))
        assert (kept.ask, kept.ask_qty) == (best_first[1][0] if naive.asks else (None, None))
        assert (kept.seq, kept.ready, kept.stale) == (naive.seq, naive.ready, naive.stale)
        assert len(kept) == len(naive.bids) + len(naive.asks)


def test_given_no_snapshot_when_a_delta_comes_then_it_is_refused():
    """There is nothing for it to join."""
    kept = Book(KEY)
    assert not kept.apply(update([(10.0, 1.0)], [], 0, 1))
    assert (kept.ready, kept.bid, kept.ask, kept.mid, kept.bid_qty, kept.ask_qty) == (False, None, None, None, None, None)


def test_given_a_gap_when_the_delta_after_it_comes_then_nothing_is_changed():
    """The venue's numbers say that something is missing."""
    kept = Book(KEY)
    kept.apply(update([(10.0, 1.0)], [(11.0, 1.0)], 0, 5, snapshot=True))
    assert not kept.apply(update([(9.0, 1.0)], [], 7, 8))
    assert (kept.bids(), kept.seq) == ([(10.0, 1.0)], 5)


def test_given_a_delta_twice_when_applied_then_the_second_is_dropped_and_counted():
    """As is one from before the snapshot; one that overlaps it is applied."""
    kept = Book(KEY)
    kept.apply(update([(10.0, 1.0)], [(11.0, 1.0)], 0, 5, snapshot=True))
    assert kept.apply(update([(10.0, 7.0)], [], 2, 5))
    assert kept.apply(update([(10.0, 2.0)], [], 3, 6))
    assert kept.apply(update([(10.0, 3.0)], [], 3, 6))
    assert (kept.stale, kept.bids(), kept.venue_ns) == (2, [(10.0, 2.0)], 60)


def test_given_a_crossed_book_when_looked_at_then_it_says_so():
    """At or above: a book in this state is wrong."""
    kept = Book(KEY)
    kept.apply(update([(10.0, 1.0)], [(11.0, 1.0)], 0, 5, snapshot=True))
    assert (kept.crossed, kept.mid) == (False, 10.5)
    kept.apply(update([(11.0, 1.0)], [], 5, 6))
    assert kept.crossed
    kept.apply(update([], [(11.0, 0.0)], 6, 7))
    assert (kept.crossed, kept.mid) == (False, None)


def test_given_a_book_when_cleared_then_it_waits_for_a_snapshot():
    """After a gap nothing of it is used."""
    kept = Book(KEY)
    kept.apply(update([(10.0, 1.0)], [(11.0, 1.0)], 0, 5, snapshot=True))
    kept.clear()
    assert (kept.ready, len(kept), kept.seq) == (False, 0, 0)
    assert not kept.apply(update([(10.0, 1.0)], [], 5, 6))


def test_given_a_number_of_levels_below_one_when_asked_for_then_there_are_none():
    """Not all of them from the wrong end."""
    kept = Book(KEY)
    kept.apply(update([(10.0, 1.0), (9.0, 1.0), (8.0, 1.0)], [(11.0, 1.0), (12.0, 1.0)], 0, 5, snapshot=True))
    assert (kept.bids(0), kept.asks(0), kept.bids(-2), kept.asks(-2)) == ([], [], [], [])


def test_given_a_view_when_the_book_changes_then_it_shows_the_book_to_its_depth():
    """Through clears and snapshots, because it looks and does not copy."""
    kept = Book(KEY)
    view = BookView(kept, 2)
    for seq in (5, 9):
        kept.clear()
        assert not view.ready
        kept.apply(update([(10.0, 1.0), (9.0, 2.0), (8.0, 3.0)], [(11.0, 4.0)], 0, seq, snapshot=True))
        assert (view.key, view.ready, view.seq, view.venue_ns, view.crossed, view.mid) == (KEY, True, seq, seq * 10, False, 10.5)
        assert (view.bid, view.bid_qty, view.ask, view.ask_qty) == (10.0, 1.0, 11.0, 4.0)
        assert (view.bids(), view.asks(), view.bids(3)) == (kept.bids(2), kept.asks(2), kept.bids())
