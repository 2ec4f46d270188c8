"""The fence: when to ask, and when an absence counts."""

from __future__ import annotations

import itertools

import pytest

from tickwright.model.order import Absent, CouldNotAsk, Found
from tickwright.model.reason import Reason
from tickwright.orders import resolver
from tickwright.orders.change import ChangeKind as K
from unit.orders.makers import (
    ID,
    UNKNOWN,
    S,
    amending_in_doubt,
    canceling_in_doubt,
    caps,
    done,
    fill,
    kinds,
    missing,
    opened,
    submitted_in_doubt,
    working,
)

SKEW = S // 4
FENCE = 5 * S + SKEW + 10 * S + S  # deadline, clock, the venue's own processing, find lag


def asks(store, first_ns: int, last_ns: int, answer, step_ns: int = S // 4) -> list[int]:
    """Times at which the order is asked about when each question is answered at once."""
    times = []
    for now_ns in range(first_ns, last_ns, step_ns):
        for ref in resolver.due(store, now_ns, caps(), SKEW):
            times.append(now_ns)
            store.on_finding(ref, answer, now_ns)
    return times


def test_given_a_submit_in_doubt_when_fenced_then_deadline_clock_processing_and_lag_add_up() -> None:
    """The fence is the sum of everything that can delay the request or the sight of it."""
    _, order = submitted_in_doubt()
    assert resolver.fence_ns(order, caps(), SKEW) == FENCE
    assert resolver.fence_ns(order, caps(), -SKEW) == FENCE - SKEW  # a clock that is behind shortens nothing


def test_given_no_deadline_when_in_doubt_then_there_is_no_fence_and_absences_never_count() -> None:
    """Without a deadline the request may arrive at any time: a person decides."""
    store, order = submitted_in_doubt(dead_after_ns=0)
    assert resolver.fence_ns(order, caps(deadline_ns=0), 0) is None
    for now_ns in range(0, 1000 * S, S):
        for ref in resolver.due(store, now_ns, caps(deadline_ns=0), 0):
            assert store.on_finding(ref, Absent(), now_ns) == []
    assert order.doubt
    assert resolver.doubt_age_ns(order, caps(deadline_ns=0), 0, 1000 * S) == 1000 * S
    _, order = amending_in_doubt()
    assert resolver.fence_ns(order, caps(deadline_ns=0), 0) is None


def test_given_a_submit_in_doubt_when_absent_before_the_fence_then_it_does_not_count() -> None:
    """This is the mistake that buys twice: not there yet is not never there."""
    store, order = submitted_in_doubt()
    assert asks(store, 0, FENCE, Absent()) == [S, 2 * S, 4 * S, 8 * S, 16 * S]
    assert (order.absents, order.doubt) == (0, True)


def test_given_the_fence_when_passed_then_two_absences_a_second_apart_end_the_doubt() -> None:
    """Not earlier, and not by one answer."""
    store, order = submitted_in_doubt()
    times = asks(store, 0, 60 * S, Absent())
    assert times[-2:] == [FENCE, FENCE + S]
    assert (order.working, order.reason) == (False, Reason.NEVER_REACHED)


def test_given_an_absence_when_asked_before_but_answered_after_the_fence_then_it_does_not_count() -> None:
    """What matters is when the venue looked."""
    store, order = submitted_in_doubt()
    assert resolver.due(store, FENCE - 1, caps(), SKEW) == [order.ref]
    store.on_finding(order.ref, Absent(), FENCE + 5 * S)
    assert order.absents == 0


def test_given_two_absences_when_they_answer_questions_close_together_then_the_second_does_not_count() -> None:
    """One look at one moment is one piece of evidence."""
    store, order = submitted_in_doubt()
    resolver.due(store, FENCE, caps(), SKEW)
    store.on_finding(order.ref, Absent(), FENCE)
    store.on_finding(order.ref, Absent(), FENCE + 2 * S)
    assert (order.working, order.absents) == (True, 1)


def test_given_no_answers_when_asking_then_the_pauses_grow_to_a_ceiling_and_it_never_stops() -> None:
    """Could not ask is never absent: the doubt stays, for ever if need be."""
    store, order = submitted_in_doubt()
    times = asks(store, 0, 300 * S, CouldNotAsk(why="down"))
    after = [at for at in times if at >= FENCE]
    assert [b - a for a, b in itertools.pairwise(after)][:7] == [S, 2 * S, 4 * S, 8 * S, 16 * S, 32 * S, 32 * S]
    assert (order.doubt, order.absents) == (True, 0)


def test_given_a_question_when_it_is_not_answered_then_it_is_asked_again_only_when_lost() -> None:
    """One question at a time; a lost one is not waited for for ever."""
    store, order = submitted_in_doubt()
    assert resolver.due(store, S, caps(), SKEW) == [order.ref]
    assert resolver.due(store, 60 * S, caps(), SKEW) == []
    assert resolver.due(store, 61 * S, caps(), SKEW) == [order.ref]


def test_given_a_submit_in_doubt_when_found_before_the_fence_then_it_is_settled_at_once() -> None:
    """A find that shows the order is proof at any time."""
    store, order = submitted_in_doubt()
    resolver.due(store, S, caps(), SKEW)
    changes = store.on_finding(order.ref, Found(order=opened(4), fills=(fill(4),), fills_complete=True), S)
    assert (kinds(changes), order.doubt, order.filled) == ([K.OPEN, K.FILLED_PART, K.DUPLICATE], False, 4)
    assert resolver.due(store, 100 * S, caps(), SKEW) == []


def test_given_a_find_when_it_counts_more_than_its_fills_then_the_trade_history_is_asked_for() -> None:
    """An order short of fills is asked about again, and each time the history with it."""
    store, order = submitted_in_doubt()
    for now_ns in (S, 2 * S, 4 * S):
        assert resolver.due(store, now_ns, caps(), SKEW) == [order.ref]
        assert kinds(store.on_finding(order.ref, Found(order=done(filled=4)), now_ns))[-1] is K.MISSING_FILLS
    store.on_fill(fill(4))
    assert resolver.due(store, 100 * S, caps(), SKEW) == []


def test_given_an_open_order_when_its_report_counts_more_than_the_fills_then_it_is_asked_about_after_the_lag() -> None:
    """The fill usually follows the report at once: no question then."""
    store, order = working()
    store.on_report(opened(4, at_ns=S))
    assert resolver.due(store, S, caps(), SKEW) == []
    assert resolver.due(store, 2 * S, caps(), SKEW) == [order.ref]


def test_given_a_cancel_in_doubt_when_sent_again_and_again_then_the_fence_stays() -> None:
    """Otherwise a zealous cancel would keep the order in doubt for ever."""
    store, order = canceling_in_doubt()
    for now_ns in range(0, 20 * S, S):
        store.ask_cancel(ID, now_ns)
        store.on_cancel(ID, UNKNOWN, now_ns)
    assert resolver.fence_ns(order, caps(), SKEW) == FENCE


def test_given_an_order_missing_from_the_list_when_asked_then_only_the_venues_lag_is_waited_for() -> None:
    """No request of ours is under way."""
    store, order = missing()
    assert resolver.fence_ns(order, caps(), SKEW) == SKEW + 10 * S + S
    asks(store, 0, 60 * S, Absent())
    assert order.reason is Reason.GONE


@pytest.mark.parametrize(("now_ns", "age_ns"), [(0, 0), (FENCE, 0), (FENCE + 3 * S, 3 * S)])
def test_given_a_doubt_when_aged_then_only_the_time_beyond_its_fence_counts(now_ns: int, age_ns: int) -> None:
    """Before the fence a doubt is normal; the guard on its age starts there."""
    _, order = submitted_in_doubt()
    assert resolver.doubt_age_ns(order, caps(), SKEW, now_ns) == age_ns
    _, order = working()
    assert resolver.doubt_age_ns(order, caps(), SKEW, now_ns) == 0


def test_given_orders_at_another_venue_when_asking_then_they_are_left_to_its_own_caps() -> None:
    """``v`` is not ``vv`` and not ``v2``."""
    store, _ = submitted_in_doubt()
    assert resolver.due(store, 100 * S, caps(venue="w"), SKEW) == []
    assert resolver.due(store, 100 * S, caps(venue="v:A"), SKEW) == []
