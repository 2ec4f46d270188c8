"""The comparison with a snapshot: the union of both sides, nothing invented."""

from __future__ import annotations

from tickwright.base.numbers import money
from tickwright.model.account import Balance, Position, Snapshot
from tickwright.model.order import Fill, OrderReport
from tickwright.orders.reconcile import Cause, Difference, reconcile
from tickwright.orders.reconcile import DifferenceKind as D
from tickwright.orders.store import OrderStore
from unit.orders.makers import ID, KEY, UNKNOWN, S, done, fill, new, opened, submitted, working


def snapshot(
    *orders: OrderReport, balances: dict[str, str] | None = None, fills: tuple[Fill, ...] = (), qty: int | None = None
) -> Snapshot:
    told = tuple(Balance("v", asset, money(amount), 0, 0, 0) for asset, amount in (balances or {}).items())
    positions = () if qty is None else (Position(KEY, qty, 0, 0, 0),)
    return Snapshot(venue="v", orders=orders, balances=told, positions=positions, fills=fills, asked_ns=10 * S, recv_ns=11 * S)


def test_given_the_same_on_both_sides_when_compared_then_nothing_differs() -> None:
    """Orders, balances and positions agree; a zero is the same as not being named."""
    store, _ = working()
    ours = {"A": money(1), "B": money(2), "C": 0}
    assert reconcile(store, ours, snapshot(opened(), balances={"A": "1", "B": "2"}, qty=3), {KEY: 3}) == []


def test_given_an_order_that_only_one_side_has_when_compared_then_it_is_named() -> None:
    """Whichever side that is."""
    store, order = working()
    found = reconcile(store, {}, snapshot(opened(client_id="x", venue_id="9")))
    assert [(item.kind, item.subject, item.cause) for item in found] == [
        (D.ORDER_UNKNOWN, "x", None),
        (D.ORDER_NOT_THERE, ID, None),
    ]
    store.on_missing(ID, 12 * S)
    assert [item.cause for item in reconcile(store, {}, snapshot())] == [Cause.IN_DOUBT]
    assert order.working


def test_given_an_ended_order_when_open_there_then_it_is_named() -> None:
    """Nothing is worse than an order that we no longer watch."""
    store, _ = working()
    store.on_report(done())
    assert [item.kind for item in reconcile(store, {}, snapshot(opened()))] == [D.ORDER_ENDED]


def test_given_an_order_in_flight_or_just_changed_when_compared_then_it_is_left_out() -> None:
    """The snapshot may be from before: its own evidence settles it."""
    store, _ = submitted()
    assert reconcile(store, {}, snapshot()) == []
    store.on_submit(ID, UNKNOWN, 1)
    assert reconcile(store, {}, snapshot()) == []
    store.on_report(opened(at_ns=10 * S))
    assert reconcile(store, {}, snapshot()) == []
    assert reconcile(store, {}, snapshot(opened(4, qty=20))) == []


def test_given_other_terms_or_another_count_when_compared_then_both_are_named() -> None:
    """In words that say what is on each side."""
    store, _ = working()
    assert reconcile(store, {}, snapshot(opened(4, qty=20))) == [
        Difference(D.ORDER_FILLED, ID, "0", "4"),
        Difference(D.ORDER_TERMS, ID, "buy 10 at 500, 0 filled", "buy 20 at 500, 4 filled"),
    ]
    store.on_report(opened(4))
    assert [item.cause for item in reconcile(store, {}, snapshot(opened(4)))] == [Cause.FILLS_MISSING]


def test_given_a_balance_that_differs_when_compared_then_the_likely_cause_is_said_and_no_more() -> None:
    """Unexplained, unless fills are known to be missing or have come in since."""
    store = OrderStore()
    other = snapshot(balances={"A": "1.5"})
    assert reconcile(store, {"A": money(1), "B": 1}, other) == [
        Difference(D.BALANCE, "A", "1", "1.5"),
        Difference(D.BALANCE, "B", "0.000000000000000001", "0"),
    ]
    store.add(new(), 0)
    store.on_fill(fill(1, at_ns=10 * S))
    assert [item.cause for item in reconcile(store, {}, other)] == [Cause.ON_THE_WAY]
    store.on_report(opened(2))
    assert [item.cause for item in reconcile(store, {}, other)][-1] is Cause.FILLS_MISSING


def test_given_a_fill_there_that_is_not_known_when_compared_then_it_is_named() -> None:
    """Seen ones are not."""
    store, _ = working()
    seen, unseen = fill(1, "seen"), fill(2, "unseen")
    store.on_fill(seen)
    found = reconcile(store, {}, snapshot(opened(1), fills=(seen, unseen)))
    assert [(item.kind, item.subject) for item in found] == [(D.FILL_UNKNOWN, "unseen")]


def test_given_a_position_that_differs_when_compared_then_it_is_named() -> None:
    """Derivatives, on either side."""
    assert reconcile(OrderStore(), {}, snapshot(qty=3)) == [Difference(D.POSITION, KEY, "0", "3")]
    assert reconcile(OrderStore(), {}, snapshot(), {KEY: -2}) == [Difference(D.POSITION, KEY, "-2", "0")]
