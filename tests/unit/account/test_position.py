"""Average entry with exact cost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.numbers import money
from tickwright.model.market import Side
from unit.account.makers import BTC, KEY, fill, instrument, ledger

BUY, SELL = Side.BUY, Side.SELL


def test_given_two_buys_when_averaged_then_the_price_is_weighted_by_quantity() -> None:
    """1 at 100 and 3 at 200 is 4 at 175."""
    book = ledger()
    book.post_fill(fill(BUY, "1", "100"))
    book.post_fill(fill(BUY, "3", "200"))
    position = book.position(KEY)
    assert (position.average_price, position.average_price_units, position.cost) == (Decimal(175), 17500.0, money("700"))


def test_given_a_part_is_sold_when_realised_then_the_rest_keeps_the_average() -> None:
    """Average entry: selling does not change it."""
    book = ledger()
    book.post_fill(fill(BUY, "4", "175"))
    assert book.post_fill(fill(SELL, "1", "200")).realised == money("25")
    position = book.position(KEY)
    assert (position.realised, position.average_price, book.unrealised(KEY, 180.0)) == (money("25"), Decimal(175), money("15"))


def test_given_holdings_are_sold_when_bought_back_then_the_position_was_short() -> None:
    """What the run had not bought itself makes a negative position: profit is against the selling price."""
    book = ledger(BTC="5")
    book.post_fill(fill(SELL, "2", "200"))
    assert (book.position(KEY).qty, book.position(KEY).average_price) == (-200000, Decimal(200))
    assert book.unrealised(KEY, 150.0) == money("100")
    book.post_fill(fill(BUY, "1", "150"))
    assert (book.position(KEY).realised, book.position(KEY).cost) == (money("50"), money("-200"))


def test_given_a_trade_through_zero_when_posted_then_it_closes_all_and_opens_the_rest() -> None:
    """At its own price."""
    book = ledger(BTC="5")
    book.post_fill(fill(BUY, "1", "100"))
    assert book.post_fill(fill(SELL, "3", "110")).realised == money("10")
    assert (book.position(KEY).qty, book.position(KEY).average_price) == (-200000, Decimal(110))


def test_given_a_position_when_closed_then_cost_is_zero_and_nothing_is_lost_to_division() -> None:
    """Thirds do not divide; the remainder comes out at the end, and is rounded against us until then."""
    fine = instrument(price_exp=9, qty_exp=9)
    book = ledger(fine)
    book.post_fill(fill(BUY, "0.000000003", "0.333333333", of=fine))
    book.post_fill(fill(BUY, "0.000000004", "0.000000001", of=fine))
    first = book.post_fill(fill(SELL, "0.000000001", "1", of=fine)).realised
    exact = Decimal(money("0.000000001")) - Decimal(book.position(fine.key).cost + money("0.000000001") - first) / 7
    assert first <= exact < first + 1
    book.post_fill(fill(SELL, "0.000000006", "1", of=fine))
    position = book.position(fine.key)
    assert (position.qty, position.cost, position.average_price, position.average_price_units) == (0, 0, None, None)
    assert position.realised == 7 * money("0.000000001") - 3 * 333333333 - 4


def test_given_a_mark_when_given_as_units_or_as_a_float_then_it_is_worth_the_same() -> None:
    """A float signal is taken to the nearest unit."""
    book = ledger()
    book.post_fill(fill(BUY, "1", "100"))
    assert book.unrealised(KEY, 101.004) == book.unrealised(KEY, BTC.exact_price_units("101")) == money("1")


trades = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 1000)), max_size=30)


@given(trades)
def test_given_any_trades_when_posted_then_realised_is_cost_less_paid_to_the_last_unit(history: list[tuple[int, int]]) -> None:
    """The identity that makes equity add up: profit so far = cost of what is open less all that was paid for it."""
    book = ledger()
    paid = qty = 0
    for signed, price in history:
        book.post_fill(fill(BUY if signed > 0 else SELL, f"{abs(signed)}", f"{price}"))
        paid += signed * price
        qty += signed
        position = book.position(KEY)
        assert position.qty == qty * 10**5
        assert position.realised == position.cost - money(paid)
        assert (position.cost == 0) if qty == 0 else (position.cost > 0) is (qty > 0)


@given(trades, st.integers(1, 1000))
def test_given_any_trades_when_marked_then_equity_changes_by_realised_and_unrealised_less_fees(
    history: list[tuple[int, int]], mark: int
) -> None:
    """INV-12: the profit that is shown is the money that is there."""
    book = ledger(USDT="5000")
    for signed, price in history:
        book.post_fill(fill(BUY if signed > 0 else SELL, f"{abs(signed)}", f"{price}", "0.07"))
    equity = book.equity("USDT", lambda base, quote: money(mark))
    assert equity is not None
    position = book.position(KEY)
    profit = position.realised + book.unrealised(KEY, float(mark)) - book.fees().get("USDT", 0)
    assert equity - money(5000) == profit


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1000)), max_size=12), st.randoms(use_true_random=False))
def test_given_fills_of_one_side_when_their_order_changes_then_nothing_else_does(history: list[tuple[int, int]], chance) -> None:
    """Independent fills commute: the balances always, the position as long as nothing is closed."""
    shuffled = list(history)
    chance.shuffle(shuffled)
    books = []
    for order in (history, shuffled):
        book = ledger(USDT="1000000")
        for qty, price in order:
            book.post_fill(fill(BUY, f"{qty}", f"{price}", "0.1", "BNB"))
        books.append(book)
    one, other = books
    assert one.totals("v") == other.totals("v")
    assert one.fees() == other.fees()
    assert (one.position(KEY).qty, one.position(KEY).cost) == (other.position(KEY).qty, other.position(KEY).cost)
