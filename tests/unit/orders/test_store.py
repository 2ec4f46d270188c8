"""One story for every row of the table, told through the store's public face. The row is in the test's name."""

from __future__ import annotations

import re

import pytest

from tickwright.model.market import Side
from tickwright.model.order import Absent, CouldNotAsk, Found
from tickwright.model.reason import Reason
from tickwright.orders import resolver
from tickwright.orders.change import ChangeKind as K
from tickwright.orders.machine import ROWS, Evidence, next_state
from tickwright.orders.order import Order
from tickwright.orders.shelf import FillIds, Shelf
from tickwright.orders.store import OrderStore
from unit.orders.makers import (
    ID,
    KEY,
    UNKNOWN,
    S,
    accepted,
    amending,
    amending_in_doubt,
    canceling,
    canceling_in_doubt,
    caps,
    done,
    ended,
    fill,
    kinds,
    missing,
    new,
    opened,
    rejected,
    rows,
    state,
    submitted,
    submitted_in_doubt,
    terms,
    working,
)


def absent_twice(store: OrderStore, order: Order) -> list:
    """Two answers "no such order" to questions asked after the fence, a second apart."""
    changes = []
    for now_ns in (100 * S, 102 * S):
        assert resolver.due(store, now_ns, caps(), 0) == [order.ref]
        changes += store.on_finding(order.ref, Absent(), now_ns)
    return changes


def test_row_01_given_a_submitted_order_when_accepted_then_it_is_live() -> None:
    """The ack makes it LIVE and tells the venue's id."""
    store, order = submitted()
    changes = store.on_submit(ID, accepted("7"), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.ACCEPTED], [1], "LIVE,NONE")
    assert store.by_venue_id(KEY, "7") is order


def test_row_02_given_a_submitted_order_when_rejected_then_it_is_done_with_the_venues_reason() -> None:
    """A definite rejection ends it; the cause is kept for people."""
    store, order = submitted()
    changes = store.on_submit(ID, rejected(Reason.VENUE_FUNDS), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.REJECTED], [2], "DONE,NONE")
    assert (order.reason, order.cause, store.open_orders()) == (Reason.REJECTED, Reason.VENUE_FUNDS, [])


def test_row_03_given_a_submitted_order_when_unknown_then_it_stays_in_doubt_and_its_name_occupied() -> None:
    """A lost answer is not a failure."""
    store, order = submitted(name="bid")
    changes = store.on_submit(ID, UNKNOWN, 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [3], "NEW,SUBMIT,doubt")
    assert (store.in_doubt(), store.by_name("s", KEY, "bid")) == ([order], order)


def test_row_03_given_a_submitted_order_when_its_id_is_a_duplicate_then_it_is_in_doubt() -> None:
    """Our ids are used once: a venue that has the id already has this very order."""
    store, order = submitted()
    changes = store.on_submit(ID, rejected(Reason.VENUE_DUPLICATE_ID), 1)
    assert (rows(changes), state(order)) == ([3], "NEW,SUBMIT,doubt")


@pytest.mark.parametrize("start", [submitted, submitted_in_doubt])
def test_row_04_given_a_new_order_when_reported_open_then_it_is_live(start) -> None:
    """A report settles the submit, with or without a doubt."""
    store, order = start()
    changes = store.on_report(opened())
    assert (kinds(changes), rows(changes), state(order), store.in_doubt()) == ([K.OPEN], [4], "LIVE,NONE", [])


@pytest.mark.parametrize("start", [submitted, submitted_in_doubt])
def test_row_05_given_a_new_order_when_a_fill_comes_before_the_ack_then_it_is_live_and_filled(start) -> None:
    """The fill proves the order and counts."""
    store, order = start()
    changes = store.on_fill(fill(4))
    assert (kinds(changes), rows(changes), state(order), order.filled) == ([K.OPEN, K.FILLED_PART], [5, 12], "LIVE,NONE", 4)


@pytest.mark.parametrize("start", [submitted, submitted_in_doubt])
def test_row_05_given_a_new_order_when_the_whole_fill_comes_before_the_ack_then_it_is_done(start) -> None:
    """Filled before it was acknowledged, and the late ack changes nothing."""
    store, order = start()
    assert rows(store.on_fill(fill(10))) == [5, 13]
    assert (state(order), order.reason) == ("DONE,NONE", Reason.FILLED)


@pytest.mark.parametrize("start", [submitted, submitted_in_doubt])
def test_row_06_given_a_new_order_when_reported_done_then_it_is_done_with_the_reports_reason(start) -> None:
    """An order that the venue ended at once."""
    store, order = start()
    changes = store.on_report(done(Reason.EXPIRED))
    assert (kinds(changes), rows(changes), order.reason) == ([K.DONE], [6], Reason.EXPIRED)


def test_row_06_given_a_new_order_when_reported_done_with_more_filled_than_known_then_it_waits_for_the_fills() -> None:
    """The report says that it traded: it ends when the fills are in."""
    store, order = submitted_in_doubt()
    changes = store.on_report(done(Reason.EXPIRED, 4))
    assert (kinds(changes), state(order), order.left) == ([K.OPEN, K.MISSING_FILLS], "LIVE,NONE,doubt", 4)
    changes = store.on_fill(fill(4))
    assert (kinds(changes), rows(changes)) == ([K.FILLED_PART, K.DONE], [12, 14])
    assert (order.reason, order.filled, store.in_doubt(), store.short_of_fills()) == (Reason.EXPIRED, 4, [], [])


def test_row_07_given_a_submit_in_doubt_when_absent_twice_after_the_fence_then_it_never_reached() -> None:
    """The fence and two absences prove that it will never be there; its name is free again."""
    store, order = submitted_in_doubt(name="bid")
    changes = absent_twice(store, order)
    assert (kinds(changes), rows(changes), order.reason) == ([K.DONE], [7], Reason.NEVER_REACHED)
    assert (store.in_doubt(), store.by_name("s", KEY, "bid")) == ([], None)


def test_row_08_given_a_live_order_when_we_ask_to_cancel_then_a_cancel_is_outstanding() -> None:
    """And a second ask is refused while the first is not answered."""
    store, order = working()
    assert (rows(store.ask_cancel(ID, 1)), state(order)) == ([8], "LIVE,CANCEL")
    again = store.ask_cancel(ID, 2)
    assert (kinds(again), again[0].reason, order.asked_ns) == ([K.REFUSED], Reason.ORDER_BUSY, 1)


def test_row_09_given_a_cancel_when_accepted_then_the_order_stays_until_a_report_says_done() -> None:
    """Only a report ends an order: a fill may still be on its way."""
    store, order = canceling()
    assert (store.on_cancel(ID, accepted(), 1), state(order)) == ([], "LIVE,CANCEL")
    assert rows(store.on_fill(fill(4))) == [12]
    assert (rows(store.on_report(done(filled=4))), order.filled, order.reason) == ([14], 4, Reason.CANCELED)


def test_row_09_given_a_cancel_when_the_answer_brings_the_report_then_it_is_done_at_once() -> None:
    """What an answer says besides is folded: fills before reports, whatever their order in it."""
    store, order = canceling()
    changes = store.on_cancel(ID, accepted("7", done(filled=4), fill(4)), 1)
    assert (kinds(changes), rows(changes), order.filled) == ([K.FILLED_PART, K.DONE], [12, 14], 4)


def test_row_10_given_a_cancel_when_the_venue_does_not_know_the_order_then_it_is_in_doubt() -> None:
    """Never "it did not exist": it may have been filled."""
    store, order = canceling()
    changes = store.on_cancel(ID, rejected(Reason.VENUE_UNKNOWN_ORDER), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [10], "LIVE,CANCEL,doubt")


def test_row_11_given_a_cancel_when_unknown_then_it_is_in_doubt_and_can_be_sent_again() -> None:
    """A cancel is idempotent, and sending it again does not push the fence away."""
    store, order = canceling()
    changes = store.on_cancel(ID, UNKNOWN, 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [11], "LIVE,CANCEL,doubt")
    fence = resolver.fence_ns(order, caps(), 0)
    assert (rows(store.ask_cancel(ID, 3 * S)), state(order)) == ([11], "LIVE,CANCEL,doubt")
    assert resolver.fence_ns(order, caps(), 0) == fence


@pytest.mark.parametrize("start", [working, canceling, canceling_in_doubt, amending, amending_in_doubt, missing])
def test_row_12_given_a_live_order_when_partly_filled_then_only_filled_grows(start) -> None:
    """Requests and doubts stay as they are."""
    store, order = start()
    before = state(order)
    changes = store.on_fill(fill(4))
    assert (kinds(changes), rows(changes), state(order)) == ([K.FILLED_PART], [12], before)
    assert (order.filled, order.left) == (4, 6)


@pytest.mark.parametrize("start", [working, canceling, canceling_in_doubt, missing])
def test_row_13_given_a_live_order_when_filled_to_its_quantity_then_it_is_done(start) -> None:
    """In whatever state it was."""
    store, order = start()
    store.on_fill(fill(4, price=400))
    changes = store.on_fill(fill(6, price=500))
    assert (kinds(changes), rows(changes), order.reason) == ([K.FILLED], [13], Reason.FILLED)
    assert (order.average_price_units, store.open_orders(), store.in_doubt()) == (460.0, [], [])


@pytest.mark.parametrize("start", [working, canceling, canceling_in_doubt, amending, amending_in_doubt, missing])
def test_row_14_given_a_live_order_when_reported_done_then_it_is_done(start) -> None:
    """The venue's word ends it, whatever was asked."""
    store, order = start()
    store.on_fill(fill(4))
    changes = store.on_report(done(filled=4))
    assert (kinds(changes), rows(changes), state(order), order.reason) == ([K.DONE], [14], "DONE,NONE", Reason.CANCELED)
    assert store.in_doubt() == []


def test_row_14_given_a_live_order_when_done_with_fills_missing_then_it_ends_when_they_are_in() -> None:
    """Until then only the missing fills are left of it, and a report that it is open is old."""
    store, order = canceling()
    store.on_fill(fill(1))
    changes = store.on_report(done(filled=4))
    assert (kinds(changes), state(order), order.left) == ([K.DOUBT, K.MISSING_FILLS], "LIVE,CANCEL,doubt", 3)
    assert (order.can_cancel, kinds(store.on_report(done(filled=4)))) == (False, [K.DUPLICATE])
    assert rows(store.on_report(opened(1))) == [31]
    assert rows(store.on_fill(fill(1))) == [12]
    assert rows(store.on_fill(fill(2))) == [12, 14]
    assert (order.reason, order.filled) == (Reason.CANCELED, 4)


def test_row_14_given_fills_missing_when_the_venue_no_longer_knows_the_order_then_they_are_asked_for_and_it_stays() -> None:
    """That it traded is known: no absence can end it without its fills."""
    store, order = working()
    store.on_report(done(filled=4))
    changes = absent_twice(store, order)
    assert (kinds(changes), state(order)) == ([K.MISSING_FILLS, K.MISSING_FILLS], "LIVE,NONE,doubt")


def test_row_15_given_a_live_order_when_we_ask_to_amend_then_the_worse_of_both_terms_is_left() -> None:
    """Until it is settled it may have either quantity and either price."""
    store, order = working()
    assert (rows(store.ask_amend(ID, terms(20, 600), 1)), state(order)) == ([15], "LIVE,AMEND")
    assert (order.left, order.worst_left, order.price, order.worst_price) == (10, 20, 500, 600)
    assert kinds(store.ask_amend(ID, terms(30), 2)) == kinds(store.ask_cancel(ID, 2)) == [K.REFUSED]


def test_row_16_given_an_amend_when_accepted_then_the_new_terms_are_in_force() -> None:
    """A term that was not to change stays."""
    store, order = amending(20)
    changes = store.on_amend(ID, accepted(), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.TERMS], [16], "LIVE,NONE")
    assert (order.qty, order.price, order.worst_left) == (20, 500, 20)


def test_row_16_given_an_amend_down_to_what_is_filled_when_accepted_then_the_order_is_complete() -> None:
    """Nothing is left of it under its new terms."""
    store, order = amending(6)
    store.on_fill(fill(6))
    assert state(order) == "LIVE,AMEND"
    changes = store.on_amend(ID, accepted(), 1)
    assert (kinds(changes), rows(changes), order.reason) == ([K.TERMS, K.DONE], [16, 13], Reason.FILLED)


def test_row_17_given_an_amend_when_rejected_then_the_old_terms_stand() -> None:
    """Definite: as if it had not been asked."""
    store, order = amending(20)
    changes = store.on_amend(ID, rejected(Reason.VENUE_FILTER), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.NOT_AMENDED], [17], "LIVE,NONE")
    assert (order.qty, order.worst_left, changes[0].reason) == (10, 10, Reason.VENUE_FILTER)


def test_row_17_given_an_amend_up_when_the_old_quantity_is_filled_and_it_is_rejected_then_the_order_is_complete() -> None:
    """While the amend is open the order may be larger; once it is refused it is not."""
    store, order = amending(20)
    assert (rows(store.on_fill(fill(10))), state(order)) == ([12], "LIVE,AMEND")
    changes = store.on_amend(ID, rejected(Reason.VENUE_OTHER), 1)
    assert (kinds(changes), rows(changes), order.reason) == ([K.NOT_AMENDED, K.DONE], [17, 13], Reason.FILLED)


def test_row_18_given_an_amend_when_unknown_then_it_is_in_doubt_with_the_worse_terms_left() -> None:
    """Either terms may be in force."""
    store, order = amending(20, 600)
    changes = store.on_amend(ID, UNKNOWN, 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [18], "LIVE,AMEND,doubt")
    assert (order.worst_left, order.worst_price) == (20, 600)


@pytest.mark.parametrize("start", [canceling_in_doubt, missing])
def test_row_19_given_a_doubt_when_reported_open_then_it_is_live_and_free(start) -> None:
    """It works: what was in doubt has not happened (a late cancel will be seen as a report)."""
    store, order = start()
    changes = store.on_report(opened())
    assert (kinds(changes), rows(changes), state(order), store.in_doubt()) == ([K.OPEN], [19], "LIVE,NONE", [])


def test_row_19_given_an_amend_in_doubt_when_reported_open_under_the_new_terms_then_they_are_in_force() -> None:
    """The new terms prove the amend at any time."""
    store, order = amending_in_doubt(20)
    changes = store.on_report(opened(qty=20))
    assert (kinds(changes), rows(changes), state(order), order.worst_left) == ([K.OPEN, K.TERMS], [19, 19], "LIVE,NONE", 20)


def test_row_19_given_an_amend_in_doubt_when_reported_under_the_old_terms_then_only_after_the_fence_they_count() -> None:
    """Before the fence the amend may still arrive, and the worse of both terms stays reserved."""
    store, order = amending_in_doubt(20)
    assert (rows(store.on_report(opened(at_ns=2 * S))), state(order), order.worst_left) == ([31], "LIVE,AMEND,doubt", 20)
    resolver.due(store, 2 * S, caps(), 0)
    assert rows(store.on_report(opened(at_ns=15 * S))) == [31]
    assert (rows(store.on_report(opened(at_ns=16 * S))), state(order), order.worst_left) == ([19], "LIVE,NONE", 10)


def test_row_20_given_a_canceled_order_when_a_late_fill_comes_then_it_counts() -> None:
    """A fill after the end is as real as any."""
    store, order = ended()
    changes = store.on_fill(fill(4))
    assert (kinds(changes), rows(changes), state(order), order.filled) == ([K.FILLED_PART], [20], "DONE,NONE", 4)


def test_row_20_given_a_filled_order_when_another_fill_comes_then_it_counts_and_the_run_halts() -> None:
    """More than was ordered: real money, and something is badly wrong."""
    store, order = working()
    store.on_fill(fill(10))
    changes = store.on_fill(fill(1))
    assert (kinds(changes), rows(changes), order.filled) == ([K.FILLED_PART, K.OVERFILL], [20, 20], 11)
    assert [change.kind.halts for change in changes] == [False, True]
    assert [change.fill is not None for change in changes] == [True, False]


@pytest.mark.parametrize("sign", [opened(at_ns=200 * S), fill(4, at_ns=200 * S), done(at_ns=200 * S)])
def test_row_21_given_an_order_given_up_when_it_shows_life_then_it_is_adopted_and_the_run_halts(sign) -> None:
    """The fence was wrong; the order is real, and its name is occupied again."""
    store, order = submitted_in_doubt(name="bid")
    absent_twice(store, order)
    changes = store.on_fill(sign) if hasattr(sign, "trade_id") else store.on_report(sign)
    assert (kinds(changes)[0], rows(changes)[0]) == (K.FENCE_WRONG, 21)
    assert order.reason is (Reason.CANCELED if not order.working else None)
    assert store.by_name("s", KEY, "bid") is (order if order.working else None)


def test_row_21_given_an_order_that_was_gone_when_reported_open_then_it_is_adopted_and_the_run_halts() -> None:
    """The same mistake at the other end of an order's life."""
    store, order = missing()
    absent_twice(store, order)
    changes = store.on_report(opened(at_ns=200 * S))
    assert (kinds(changes), rows(changes), state(order)) == ([K.FENCE_WRONG, K.OPEN], [21, 31], "LIVE,NONE")


def test_row_22_given_a_done_order_when_a_report_is_repeated_or_late_then_nothing_changes() -> None:
    """Reports may come twice, and a report from before the end may come after it."""
    store, order = ended()
    for late in (done(), opened(), done(Reason.EXPIRED)):
        assert kinds(store.on_report(late)) == [K.DUPLICATE]
    assert (state(order), order.reason) == ("DONE,NONE", Reason.CANCELED)


def test_row_22_given_a_fill_when_delivered_again_then_it_is_not_counted_again() -> None:
    """By stream, answer and history: one trade id, one execution."""
    store, order = working()
    one = fill(4)
    assert kinds(store.on_fill(one)) == [K.FILLED_PART]
    assert kinds(store.on_fill(one)) == [K.DUPLICATE]
    assert order.filled == 4


def test_row_22_given_a_done_order_when_a_report_counts_more_then_the_fills_are_asked_for() -> None:
    """Nothing is missed because the order has ended."""
    store, order = ended()
    assert kinds(store.on_report(done(filled=4))) == [K.DUPLICATE, K.MISSING_FILLS]
    assert store.short_of_fills() == [order]
    store.on_fill(fill(4))
    assert store.short_of_fills() == []


def test_row_23_given_a_live_order_in_doubt_when_absent_twice_then_it_is_gone_and_its_fills_are_asked_for() -> None:
    """It existed, so it may have traded: the recovered fills count by row 20."""
    store, order = missing()
    changes = absent_twice(store, order)
    assert (kinds(changes), rows(changes), order.reason) == ([K.DONE, K.MISSING_FILLS], [23, 23], Reason.GONE)
    assert (rows(store.on_fill(fill(10))), order.reason) == ([20], Reason.GONE)


def test_row_24_and_25_given_a_submit_in_doubt_when_a_cancel_is_sent_into_it_then_its_answer_proves_nothing() -> None:
    """At a venue without deadlines it is all that can be done; the doubt stays with the resolver."""
    store, order = submitted_in_doubt()
    assert rows(store.ask_cancel(ID, 1)) == [24]
    for answer in (accepted(), rejected(Reason.VENUE_UNKNOWN_ORDER), rejected(Reason.VENUE_RATE_LIMIT), UNKNOWN):
        assert (store.on_cancel(ID, answer, 2), state(order)) == ([], "NEW,SUBMIT,doubt")


def test_row_26_given_an_amend_in_doubt_when_we_ask_to_cancel_then_both_are_unsettled() -> None:
    """The cancel goes out, and what the amend may have made of the order stays reserved."""
    store, order = amending_in_doubt(20)
    assert (rows(store.ask_cancel(ID, 1)), state(order), order.worst_left) == ([26], "LIVE,CANCEL,doubt", 20)


def test_row_27_given_a_cancel_when_it_is_refused_otherwise_then_the_order_works_on() -> None:
    """Out of budget, say: definite, nothing happened, ask again."""
    store, order = canceling()
    changes = store.on_cancel(ID, rejected(Reason.VENUE_RATE_LIMIT), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.NOT_CANCELED], [27], "LIVE,NONE")
    assert (changes[0].reason, order.can_cancel) == (Reason.VENUE_RATE_LIMIT, True)


def test_row_27_given_a_cancel_in_doubt_when_the_second_is_refused_then_the_first_is_still_in_doubt() -> None:
    """The refusal speaks for one request only."""
    store, order = canceling_in_doubt()
    store.ask_cancel(ID, 1)
    store.on_cancel(ID, rejected(Reason.VENUE_RATE_LIMIT), 2)
    assert state(order) == "LIVE,CANCEL,doubt"


def test_row_28_given_a_settled_doubt_when_the_answer_of_the_second_cancel_comes_then_it_is_late() -> None:
    """It says nothing, except "unknown order", which hints that the order ended."""
    store, order = canceling_in_doubt()
    store.ask_cancel(ID, 1)
    store.on_report(opened())
    assert (store.on_cancel(ID, UNKNOWN, 2), state(order)) == ([], "LIVE,NONE")
    changes = store.on_cancel(ID, rejected(Reason.VENUE_UNKNOWN_ORDER), 3)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [28], "LIVE,NONE,doubt")


def test_row_29_given_an_amend_when_the_venue_does_not_know_the_order_then_it_is_in_doubt() -> None:
    """The amend is refused, and the order may be filled: find it."""
    store, order = amending()
    changes = store.on_amend(ID, rejected(Reason.VENUE_UNKNOWN_ORDER), 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.NOT_AMENDED, K.DOUBT], [29, 29], "LIVE,NONE,doubt")


def test_row_30_given_an_amend_by_replacement_when_accepted_then_the_old_order_ends_by_its_report_and_the_new_is_live() -> None:
    """Two orders, each with its own id, fills and reservation; the name passes to the new one."""
    store, old = working(name="bid")
    store.ask_amend(ID, terms(8, 510, "twaaaaaaa-2"), 0, 5 * S)
    second = store.get("twaaaaaaa-2")
    assert second is not None
    assert (state(second), second.qty, second.price, old.worst_left) == ("NEW,SUBMIT", 8, 510, 10)
    changes = store.on_amend(ID, accepted("8"), 1)
    assert (kinds(changes), state(old), state(second)) == ([K.ACCEPTED], "LIVE,CANCEL", "LIVE,NONE")
    assert store.by_venue_id(KEY, "8") is second
    assert rows(store.on_fill(fill(4))) == [12]
    store.on_report(done(Reason.REPLACED, 4))
    assert (old.reason, store.by_name("s", KEY, "bid")) == (Reason.REPLACED, second)


def test_row_30_given_an_amend_by_replacement_when_rejected_then_the_old_order_keeps_the_name() -> None:
    """The replacement is as if it had been rejected by itself."""
    store, old = working(name="bid")
    store.ask_amend(ID, terms(8, 510, "twaaaaaaa-2"), 0)
    changes = store.on_amend(ID, rejected(Reason.VENUE_WOULD_TAKE), 1)
    assert kinds(changes) == [K.NOT_AMENDED, K.REJECTED]
    assert (store.open_orders(), store.by_name("s", KEY, "bid")) == ([old], old)


def test_row_30_given_an_amend_by_replacement_when_unknown_then_both_orders_are_in_doubt() -> None:
    """Each is settled by its own evidence."""
    store, old = amending_in_doubt(8, 510, "twaaaaaaa-2")
    second = store.get("twaaaaaaa-2")
    assert second is not None
    assert store.in_doubt() == [old, second]
    store.on_report(opened(client_id="twaaaaaaa-2", venue_id="8", qty=8, price=510))
    store.on_report(done(Reason.REPLACED))
    assert (state(old), state(second)) == ("DONE,NONE", "LIVE,NONE")


@pytest.mark.parametrize("start", [working, canceling, amending])
def test_row_31_given_a_live_order_when_reported_open_then_it_is_confirmed(start) -> None:
    """The stream's word after the ack's, and after each partial fill."""
    store, order = start()
    before = state(order)
    assert (rows(store.on_report(opened())), state(order)) == ([31], before)


def test_row_31_given_a_live_order_when_reported_under_other_terms_then_somebody_amended_it() -> None:
    """A person at the venue's own page may do that; what is reserved must follow."""
    store, order = working()
    changes = store.on_report(opened(qty=15, price=510))
    assert (kinds(changes), order.qty, order.price) == ([K.DUPLICATE, K.TERMS], 15, 510)


def test_row_31_given_an_accepted_amend_when_a_report_from_before_it_comes_then_the_new_terms_stay() -> None:
    """Reports carry the terms of their own time."""
    store, order = amending(20)
    store.on_amend(ID, accepted(at_ns=5), 6)
    store.on_report(opened(at_ns=4))
    assert order.qty == 20


def test_row_31_given_a_doubt_when_an_overtaken_report_says_open_then_it_settles_nothing() -> None:
    """It counts fewer fills than we hold, so it is older than they are."""
    store, order = canceling_in_doubt()
    store.on_fill(fill(4))
    assert (rows(store.on_report(opened(0))), state(order)) == ([31], "LIVE,CANCEL,doubt")


def test_row_32_given_a_live_order_when_filled_beyond_its_quantity_then_it_counts_and_the_run_halts() -> None:
    """The order is done, the money is real, the run takes no more risk."""
    store, order = working()
    changes = store.on_fill(fill(11))
    assert (kinds(changes), rows(changes), state(order), order.filled) == ([K.FILLED, K.OVERFILL], [32, 32], "DONE,NONE", 11)


@pytest.mark.parametrize("answer", [accepted(), UNKNOWN])
def test_row_33_given_an_order_known_live_by_its_report_when_the_answer_comes_then_it_is_late(answer) -> None:
    """The stream and the answer race; an answer that got lost raises no doubt about what is known."""
    store, order = submitted()
    store.on_report(opened())
    assert (store.on_submit(ID, answer, 2), state(order)) == ([], "LIVE,NONE")


@pytest.mark.parametrize("answer", [accepted(), rejected(), UNKNOWN])
def test_row_34_given_an_order_known_done_by_its_report_when_the_answer_comes_then_it_is_late(answer) -> None:
    """Filled, expired or rejected before the answer was read."""
    store, order = submitted()
    store.on_report(done(Reason.EXPIRED))
    assert (store.on_submit(ID, answer, 2), order.reason) == ([], Reason.EXPIRED)


@pytest.mark.parametrize("answer", [accepted(), rejected(), rejected(Reason.VENUE_UNKNOWN_ORDER), UNKNOWN])
def test_row_35_given_a_done_order_when_the_answer_to_a_cancel_or_amend_comes_then_it_is_late(answer) -> None:
    """The usual race of a cancel with a fill."""
    store, order = canceling()
    store.on_fill(fill(10))
    assert (store.on_cancel(ID, answer, 2), store.on_amend(ID, answer, 2), order.reason) == ([], [], Reason.FILLED)


def test_row_36_given_a_live_order_when_the_venues_list_lacks_it_then_it_is_in_doubt() -> None:
    """It has ended, or the list is old: the venue is asked about it."""
    store, order = working()
    changes = store.on_missing(ID, 1)
    assert (kinds(changes), rows(changes), state(order)) == ([K.DOUBT], [36], "LIVE,NONE,doubt")
    assert store.on_missing(ID, 2) == []


def test_row_36_given_an_order_in_flight_when_the_venues_list_lacks_it_then_that_says_nothing() -> None:
    """A submit or an amend under way is settled by its own answer or by the fence."""
    for start in (submitted, submitted_in_doubt, amending, ended):
        store, order = start()
        before = state(order)
        assert (store.on_missing(ID, 1), state(order)) == ([], before)


def test_row_36_given_an_accepted_cancel_when_its_report_is_overdue_and_the_order_is_open_then_it_can_be_canceled_again() -> None:
    """Accepted and never done: asked about after the fence, and found still working."""
    store, order = canceling()
    store.on_cancel(ID, accepted(), 1)
    assert resolver.due(store, 15 * S, caps(), 0) == []
    assert resolver.due(store, 16 * S, caps(), 0) == [order.ref]
    changes = store.on_finding(order.ref, Found(order=opened(at_ns=17 * S)), 17 * S)
    assert (kinds(changes), rows(changes), order.can_cancel) == ([K.DOUBT, K.OPEN], [36, 19], True)


def test_given_the_table_when_the_stories_are_listed_then_no_row_is_without_one() -> None:
    """A new row needs a story here."""
    told = {int(number) for name in globals() if name.startswith("test_row_") for number in re.findall(r"_(\d\d)_", name)}
    assert told == {row.number for row in ROWS}


# ---- what is no row ------------------------------------------------------------------------------------------------


def test_given_any_order_when_unlisted_evidence_comes_then_nothing_changes_and_it_is_impossible() -> None:
    """Every pair without a row, forced onto a real order in that state."""
    starts = (submitted, submitted_in_doubt, working, canceling, canceling_in_doubt, amending, amending_in_doubt, missing, ended)
    for start in starts:
        for evidence in Evidence:
            store, order = start()
            if next_state(order.status, order.request, order.doubt, evidence) is not None:
                continue
            before = (state(order), order.filled, order.qty, order.reason, order.updated_ns)
            changes: list = []
            assert store._apply(order, evidence, 9, changes) is None
            assert (kinds(changes), changes[0].reason) == ([K.IMPOSSIBLE], Reason.HALT_IMPOSSIBLE_EVENT)
            assert (state(order), order.filled, order.qty, order.reason, order.updated_ns) == before
            assert evidence.text in changes[0].text


def test_given_a_live_order_when_its_submit_is_rejected_then_that_is_impossible() -> None:
    """It was reported open, and now it never was?"""
    store, order = submitted()
    store.on_report(opened())
    assert (kinds(store.on_submit(ID, rejected(), 2)), state(order)) == ([K.IMPOSSIBLE], "LIVE,NONE")


def test_given_a_filled_order_when_its_submit_is_rejected_then_that_is_impossible() -> None:
    """A rejected order cannot have traded."""
    store, _ = submitted()
    store.on_fill(fill(10))
    assert kinds(store.on_submit(ID, rejected(), 2)) == [K.IMPOSSIBLE]


def test_given_fills_when_a_final_report_counts_fewer_then_that_is_impossible() -> None:
    """A final count below the executions that we hold contradicts them."""
    store, order = working()
    store.on_fill(fill(4))
    assert (kinds(store.on_report(done(filled=3))), state(order)) == ([K.IMPOSSIBLE], "LIVE,NONE")


def test_given_a_buy_when_a_fill_says_sell_then_it_is_impossible_and_still_carried() -> None:
    """The money moved as the venue says; the order is not touched."""
    store, order = working()
    changes = store.on_fill(fill(4, side=Side.SELL))
    assert (kinds(changes), order.filled) == ([K.IMPOSSIBLE], 0)
    assert changes[0].fill is not None
    assert kinds(store.on_report(opened(side=Side.SELL))) == [K.IMPOSSIBLE]


def test_given_an_ended_or_unknown_order_when_asked_to_cancel_or_amend_then_there_is_no_such_order() -> None:
    """A refusal is an answer to the caller, not an event that halts."""
    store, _ = ended()
    for changes in (store.ask_cancel(ID, 1), store.ask_amend(ID, terms(5), 1)):
        assert [(change.kind, change.reason) for change in changes] == [(K.REFUSED, Reason.NO_SUCH_ORDER)]
    assert store.ask_cancel("never heard of", 1) == store.ask_amend("never heard of", terms(5), 1) == []


@pytest.mark.parametrize(
    "start", [submitted, submitted_in_doubt, working, canceling, canceling_in_doubt, amending, amending_in_doubt, missing, ended]
)
def test_given_any_order_when_we_ask_then_can_cancel_and_can_amend_told_so_before(start) -> None:
    """The readings that callers use agree with the table."""
    store, order = start()
    could = order.can_cancel
    assert (kinds(store.ask_cancel(ID, 1)) == [K.ASKED]) is could
    store, order = start()
    could = order.can_amend
    assert (kinds(store.ask_amend(ID, terms(5), 1)) == [K.ASKED]) is could


def test_given_an_id_when_added_again_then_the_assertion_names_the_invariant() -> None:
    """Client ids are used once, names by one working order."""
    store, _ = submitted(name="bid")
    with pytest.raises(AssertionError, match="INV-05"):
        store.add(new(), 1)
    with pytest.raises(AssertionError, match="INV-06"):
        store.add(new("twaaaaaaa-2", name="bid"), 1)


# ---- orders of others ----------------------------------------------------------------------------------------------


def test_given_an_unknown_order_when_reported_then_it_is_foreign_and_followed() -> None:
    """A person trades on the same account: it is known, and its funds can be reserved."""
    store = OrderStore()
    changes = store.on_report(opened(client_id="web-1", venue_id="9"))
    order = changes[0].order
    assert (kinds(changes), state(order), order.foreign) == ([K.FOREIGN, K.OPEN], "LIVE,NONE", True)
    assert store.open_orders(KEY) == [order]
    assert kinds(store.on_report(done(client_id="web-1", venue_id="9"))) == [K.DONE]


def test_given_an_unknown_fill_when_it_comes_before_its_report_then_one_order_has_both() -> None:
    """Known by its fill alone it counts as ended; its report puts that right."""
    store = OrderStore()
    changes = store.on_fill(fill(4, client_id="web-1", venue_id="9"))
    assert (kinds(changes), changes[0].fill is not None, store.open_orders()) == ([K.FOREIGN], True, [])
    assert kinds(store.on_fill(fill(1, client_id="web-1", venue_id="9"))) == [K.FILLED_PART]
    changes = store.on_report(opened(5, client_id="web-1", venue_id="9"))
    order = changes[0].order
    assert (kinds(changes), order.filled, order.left, store.open_orders()) == ([K.FOREIGN, K.OPEN], 5, 5, [order])


def test_given_foreign_orders_when_they_use_one_client_id_one_after_the_other_then_they_are_told_apart() -> None:
    """Others need not keep our rule; the venue's id decides."""
    store = OrderStore()
    store.on_report(opened(client_id="x", venue_id="1"))
    store.on_report(opened(client_id="x", venue_id="2"))
    store.on_report(done(client_id="x", venue_id="1"))
    assert [order.venue_id for order in store.open_orders()] == ["2"]


def test_given_an_order_without_client_id_when_reported_then_it_is_followed_by_the_venues_id() -> None:
    """Some venues' own pages give none."""
    store = OrderStore()
    order = store.on_report(opened(client_id="", venue_id="9"))[0].order
    assert (order.client_id, order.ref.client_id, order.ref.venue_id) == (f"{KEY}#9", "", "9")
    assert kinds(store.on_report(done(client_id="", venue_id="9"))) == [K.DONE]


def test_given_an_order_in_doubt_when_its_fill_names_only_the_venues_id_then_the_report_joins_them() -> None:
    """Trade history often has no client id: the fill was taken for somebody else's until the ids were connected."""
    store, order = submitted_in_doubt()
    assert kinds(store.on_fill(fill(4, client_id="", venue_id="7"))) == [K.FOREIGN]
    changes = store.on_finding(order.ref, Found(order=opened(4)), 1)
    assert (state(order), order.filled, order.missing) == ("LIVE,NONE", 4, 0)
    assert [change for change in changes if change.fill is not None] == []
    assert kinds(store.on_fill(fill(6, client_id="", venue_id="7"))) == [K.FILLED]


def test_given_a_snapshot_at_start_when_an_order_is_adopted_then_its_earlier_fills_are_not_missing() -> None:
    """Their effect is in the balances of the same snapshot."""
    store = OrderStore()
    store.note_fills([fill(4, "old")])
    order = store.adopt(opened(4), 1)
    assert (state(order), order.left, order.missing, order.foreign) == ("LIVE,NONE", 6, 0, False)
    assert kinds(store.on_fill(fill(4, "old"))) == [K.DUPLICATE]
    assert order.average_price_units is None
    store.on_fill(fill(6, price=400))
    assert (order.working, order.average_price_units) == (False, 400.0)
    assert store.adopt(opened(4), 2) is order


def test_given_an_order_when_the_venue_gives_it_a_new_id_then_both_ids_find_it() -> None:
    """Some venues do that at an amend; what still carries the old id is old news and does not bring it back."""
    store, order = working()
    store.on_report(opened(venue_id="8"))
    store.on_report(opened(venue_id="7"))
    assert (order.venue_id, store.by_venue_id(KEY, "7"), store.by_venue_id(KEY, "8")) == ("8", order, order)
    assert kinds(store.on_fill(fill(10, client_id="", venue_id="7"))) == [K.FILLED]


def test_given_an_order_in_doubt_when_its_last_fill_names_only_the_venues_id_then_the_report_completes_it() -> None:
    """The quantity was booked as somebody else's; joined, the order is done without a second booking."""
    store, order = submitted_in_doubt()
    store.on_fill(fill(10, client_id="", venue_id="7"))
    changes = store.on_report(done(Reason.FILLED, 10))
    assert (kinds(changes), order.reason, [change.fill for change in changes]) == (
        [K.OPEN, K.DONE, K.DUPLICATE],
        Reason.FILLED,
        [None, None, None],
    )


def test_given_a_fill_without_any_id_when_it_comes_then_it_is_still_carried_once() -> None:
    """Money moves whether or not the venue says for which order."""
    store = OrderStore()
    one = fill(4, client_id="", venue_id="")
    assert [change.fill for change in store.on_fill(one)] == [one]
    assert store.on_fill(one) == []


def test_given_a_replacement_in_doubt_when_the_old_order_is_open_then_only_after_the_fence_that_counts() -> None:
    """Before it, the replacement may still arrive."""
    store, order = amending_in_doubt(8, 510, "twaaaaaaa-2")
    assert rows(store.on_report(opened())) == [31]
    resolver.due(store, S, caps(), 0)
    assert (rows(store.on_report(opened(at_ns=16 * S))), state(order)) == ([19], "LIVE,NONE")


def test_given_an_amend_when_the_order_is_filled_first_then_a_late_acceptance_changes_nothing() -> None:
    """Its terms no longer matter."""
    store, order = amending(20)
    store.on_report(done(Reason.CANCELED))
    assert (store.on_amend(ID, accepted(), 2), order.qty) == ([], 10)


def test_given_a_line_of_replacements_when_the_last_ends_then_the_first_keeps_the_name_until_its_own_end_is_known() -> None:
    """Its answer was lost; until the venue has said that it ended, nothing else works under the name."""
    store, first = working(name="bid")
    store.ask_amend(ID, terms(8, 510, "twaaaaaaa-2"), 0)
    store.on_report(opened(client_id="twaaaaaaa-2", venue_id="8", qty=8, price=510))
    store.ask_amend("twaaaaaaa-2", terms(8, 520, "twaaaaaaa-3"), 0)
    store.on_amend("twaaaaaaa-2", accepted("9"), 1)
    store.on_report(done(Reason.REPLACED, client_id="twaaaaaaa-2", venue_id="8", qty=8, price=510))
    store.on_report(done(Reason.CANCELED, client_id="twaaaaaaa-3", venue_id="9", qty=8, price=520))
    assert store.by_name("s", KEY, "bid") is first
    store.on_report(done(Reason.REPLACED))
    assert store.by_name("s", KEY, "bid") is None


def test_given_a_replacement_that_came_to_nothing_when_the_order_is_amended_in_place_then_it_stays_nothing() -> None:
    """The answer is about this amend, and not about an order that was never there."""
    store, order = working()
    store.ask_amend(ID, terms(8, 510, "twaaaaaaa-2"), 0)
    store.on_amend(ID, rejected(Reason.VENUE_WOULD_TAKE), 1)
    store.ask_amend(ID, terms(5), 2)
    assert rows(store.on_amend(ID, accepted(), 3)) == [16]
    second = store.get("twaaaaaaa-2")
    assert second is not None
    assert (state(second), order.qty) == ("DONE,NONE", 5)


# ---- bounds ----------------------------------------------------------------------------------------------------------


def test_given_many_done_orders_when_the_bound_is_passed_then_the_oldest_is_forgotten_and_working_ones_never() -> None:
    """Memory is bounded; what works is kept whatever its age."""
    store = OrderStore()
    store._shelf = Shelf(bound=3)
    store.add(new("twaaaaaaa-0"), 0)
    for number in range(1, 6):
        client_id = f"twaaaaaaa-{number}"
        store.add(new(client_id), 0)
        store.on_report(done(client_id=client_id, venue_id=str(number)))
    assert [store.get(f"twaaaaaaa-{number}") is not None for number in range(6)] == [True, False, False, True, True, True]
    assert store.by_venue_id(KEY, "1") is None


def test_given_many_fills_when_the_bound_is_passed_then_the_oldest_id_is_forgotten() -> None:
    """The memory of trade ids is bounded."""
    ids = FillIds(bound=2)
    fills = [fill(1), fill(1), fill(1)]
    assert all(ids.first_time(item) for item in fills)
    assert [item in ids for item in fills] == [False, True, True]
    assert len(ids) == 2


def test_given_a_find_that_could_not_ask_when_it_is_told_then_nothing_changes() -> None:
    """ "I could not ask" is not "there is no such order"."""
    store, order = submitted_in_doubt()
    resolver.due(store, 100 * S, caps(), 0)
    assert (store.on_finding(order.ref, CouldNotAsk(why="timeout"), 101 * S), order.absents) == ([], 0)


def test_given_an_order_long_forgotten_when_an_answer_about_it_comes_then_it_says_nothing() -> None:
    """Ended long ago, and more orders since than are kept."""
    store, order = working()
    ref = new("twaaaaaaa-9")
    for answer in (accepted(), rejected(), UNKNOWN):
        assert store.on_submit(ref.client_id, answer, 1) == []
        assert store.on_cancel(ref.client_id, answer, 1) == []
        assert store.on_amend(ref.client_id, answer, 1) == []
    assert store.on_missing(ref.client_id, 1) == []
    unknown = Order(ref, 0).ref
    assert store.on_finding(unknown, Absent(), 1) == []
    assert store.on_finding(unknown, CouldNotAsk(why="down"), 1) == []
    assert store.open_orders("v:OTHER") == []
    assert store.open_orders() == [order]


def test_given_an_overdue_cancel_when_the_order_is_absent_then_it_is_in_doubt_first() -> None:
    """The doubt starts there, and so do the two absences."""
    store, order = canceling()
    store.on_cancel(ID, accepted(), 1)
    resolver.due(store, 16 * S, caps(), 0)
    assert (kinds(store.on_finding(order.ref, Absent(), 17 * S)), order.absents) == ([K.DOUBT], 0)
    absent_twice(store, order)
    assert order.reason is Reason.GONE


def test_given_an_order_that_came_back_when_many_others_end_then_it_is_not_forgotten() -> None:
    """Given up, adopted again, and working: it is kept whatever comes after."""
    store = OrderStore()
    store._shelf = Shelf(bound=1)
    order = store.add(new(), 0)
    store.on_submit(ID, UNKNOWN, 0)
    absent_twice(store, order)
    store.on_report(opened(at_ns=200 * S))
    for number in (2, 3):
        client_id = f"twaaaaaaa-{number}"
        store.add(new(client_id), 0)
        store.on_report(done(client_id=client_id, venue_id=str(number)))
    assert (store.get(ID), order.working) == (order, True)
