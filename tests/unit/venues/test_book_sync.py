"""Joining a snapshot with the changes around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.market import BookUpdate, Channel, FeedDown, FeedUp, Gap
from tickwright.transforms.book import Book
from tickwright.venues.binance_spot.market import MarketDecoder
from tickwright.venues.kit import BookSync, SymbolMap

KEY = "binance_spot:BTC/USDT"


def delta(first: int, last: int) -> BookUpdate:
    """A change with update ids ``first`` to ``last``, as the venue numbers them."""
    return BookUpdate(KEY, [(100.0, float(last))], [], first - 1, last, False, 0, last)


def snapshot(seq: int) -> BookUpdate:
    return BookUpdate(KEY, [(100.0, float(seq))], [(101.0, 1.0)], 0, seq, True, 0, seq)


def test_given_the_worked_case_when_fed_then_drop_apply_apply_gap():
    """Snapshot 1000: (990,998) dropped, (999,1003) first, (1004,1004) next, (1006,1010) a gap."""
    sync = BookSync(KEY)
    assert sync.on_update(delta(990, 998)) == []
    assert sync.on_update(delta(999, 1003)) == []
    assert sync.wants_snapshot
    assert sync.on_snapshot(snapshot(1000)) == [snapshot(1000), delta(999, 1003), FeedUp(KEY, Channel.BOOK, 1000)]
    assert (sync.seq, sync.dropped, sync.wants_snapshot) == (1003, 1, False)
    assert sync.on_update(delta(1004, 1004)) == [delta(1004, 1004)]
    lost = sync.on_update(delta(1006, 1010))
    assert lost == [Gap(KEY, Channel.BOOK, 1004, 1005, 1010), FeedDown(KEY, Channel.BOOK, "gap", 1010)]
    assert (sync.wants_snapshot, sync.kept, sync.gaps) == (True, 1, 1)


def test_given_the_sample_case_when_fed_then_the_book_is_the_samples(sample, vectors):
    """The same over sample messages, through the decoder and into a book."""
    decoder = MarketDecoder(SymbolMap("binance_spot", ("USDT",)))
    case = vectors["book_sync_case"]
    files = [event["file"].removesuffix(".json") for event in case["events"]]
    updates = [decoder.read(sample(name), 1) for name in files]
    sync = BookSync(KEY)
    book = Book(KEY)
    out = [event for update in updates[:2] for event in sync.on_update(update)]
    out += sync.on_snapshot(decoder.snapshot(sample("rest/depth_snapshot"), KEY, 1))
    out += sync.on_update(updates[2])
    assert all(book.apply(event) for event in out if isinstance(event, BookUpdate))
    expected = case["book_after_event_3"]
    assert book.bids() == [(float(price), float(qty)) for price, qty in expected["bids"]]
    assert book.asks() == [(float(price), float(qty)) for price, qty in expected["asks"]]
    assert isinstance(sync.on_update(updates[3])[0], Gap)


def test_given_a_snapshot_older_than_the_changes_when_it_arrives_then_another_is_asked_for_and_nothing_is_lost():
    """The changes kept so far must survive the retry."""
    sync = BookSync(KEY)
    sync.on_update(delta(100, 110))
    sync.on_update(delta(111, 120))
    assert sync.on_snapshot(snapshot(90)) == []
    assert (sync.stale_snapshots, sync.wants_snapshot, sync.kept) == (1, True, 2)
    assert sync.on_snapshot(snapshot(99))[-1] == FeedUp(KEY, Channel.BOOK, 99)
    assert (sync.seq, sync.stale_snapshots) == (120, 0)


def test_given_repetitions_and_a_late_snapshot_when_in_step_then_they_are_dropped():
    """Two connections deliver the same changes while one replaces the other."""
    sync = BookSync(KEY)
    sync.on_snapshot(snapshot(10))
    assert sync.on_update(delta(11, 12)) == [delta(11, 12)]
    assert sync.on_update(delta(11, 12)) == []
    assert sync.on_update(delta(9, 10)) == []
    assert sync.on_snapshot(snapshot(5)) == []
    assert sync.on_update(delta(12, 13)) == [delta(12, 13)]


def test_given_a_gap_while_waiting_when_the_snapshot_arrives_then_it_must_reach_beyond_the_gap():
    """What was kept before the gap cannot be joined to what follows."""
    sync = BookSync(KEY)
    sync.on_update(delta(1, 5))
    sync.on_update(delta(8, 9))
    assert sync.on_snapshot(snapshot(4)) == []
    assert sync.on_snapshot(snapshot(7))[1:] == [delta(8, 9), FeedUp(KEY, Channel.BOOK, 7)]


def test_given_no_snapshot_when_changes_keep_coming_then_what_is_kept_is_bounded():
    """The oldest go first; a snapshot that does not reach what is left is stale."""
    sync = BookSync(KEY, kept_max=3)
    for number in range(1, 11):
        sync.on_update(delta(number, number))
    assert (sync.kept, sync.overflows) == (3, 7)
    assert sync.on_snapshot(snapshot(6)) == []
    assert len(sync.on_snapshot(snapshot(7))) == 5


def test_given_a_lost_stream_when_it_was_up_then_it_is_told_once():
    """Silence before the first snapshot is not news."""
    sync = BookSync(KEY)
    assert sync.on_lost("disconnected", 1) == []
    sync.on_snapshot(snapshot(10))
    assert sync.on_lost("disconnected", 2) == [FeedDown(KEY, Channel.BOOK, "disconnected", 2)]
    assert sync.on_lost("disconnected", 3) == []


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[BookUpdate], int]:
    """Changes that join one another, some lost, some repeated, and how far the snapshot reaches."""
    ids = draw(st.lists(st.integers(1, 4), min_size=1, max_size=25))
    seq = 0
    updates = []
    for width in ids:
        update = delta(seq + 1, seq + width)
        seq += width
        match draw(st.sampled_from(["keep", "keep", "keep", "lose", "twice"])):
            case "keep":
                updates.append(update)
            case "twice":
                updates += [update, update]
    return updates, draw(st.integers(0, seq))


@given(history=histories(), at=st.integers(0, 25))
def test_given_any_losses_when_fed_then_what_comes_out_joins_from_a_snapshot_on(history, at):
    """No update is let out that the book could not take, and every loss is told."""
    updates, reach = history
    sync = BookSync(KEY)
    book = Book(KEY)
    for number, update in enumerate(updates):
        events = sync.on_snapshot(snapshot(reach)) if number == at else []
        for event in events + sync.on_update(update):
            if isinstance(event, BookUpdate):
                assert book.apply(event)
            if isinstance(event, Gap):
                book.clear()
        assert sync.synced == book.ready
        if sync.synced:
            assert book.seq == sync.seq


@pytest.mark.parametrize("first", [11, 12])
def test_given_a_snapshot_before_any_change_when_the_first_arrives_then_it_joins_or_is_a_gap(first):
    """A quiet market sends no change for a long time: the snapshot is taken, and checked at the next change."""
    sync = BookSync(KEY)
    assert sync.on_snapshot(snapshot(10))[-1] == FeedUp(KEY, Channel.BOOK, 10)
    events = sync.on_update(delta(first, first + 1))
    assert isinstance(events[0], BookUpdate if first == 11 else Gap)
