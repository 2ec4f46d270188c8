"""The ledger: double entry, reservations, the venue's word, worth."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.account.ledger import Ledger, Mismatch
from tickwright.account.posting import Account, Line
from tickwright.base.numbers import money
from tickwright.model.account import Position, Snapshot, Transfer
from tickwright.model.instrument import Kind
from tickwright.model.market import Side
from tickwright.model.order import Fill
from unit.account.makers import BTC, KEY, balance, fill, instrument, ledger, snapshot

BUY, SELL = Side.BUY, Side.SELL
PRICE = BTC.exact_price_units("60000")
QTY = BTC.exact_qty_units("0.1")


def test_given_a_buy_when_filled_then_every_asset_of_the_posting_sums_to_zero() -> None:
    """INV-11, and the lines say where each amount went."""
    book = ledger(USDT="10000", BNB="1")
    posting = book.post_fill(fill(BUY, "0.1", "60000", "0.001", "BNB"))
    assert posting.sums() == {"BTC": 0, "USDT": 0, "BNB": 0}
    assert Line(Account.ASSET, "USDT", money("-6000")) in posting.lines
    assert Line(Account.FEES, "BNB", money("0.001")) in posting.lines
    assert {asset: book.total(asset) for asset in ("BTC", "USDT", "BNB")} == {
        "BTC": money("0.1"),
        "USDT": money("4000"),
        "BNB": money("0.999"),
    }
    book.check()


@pytest.mark.parametrize("asset", ["BTC", "USDT", "BNB"])
def test_given_a_fee_in_any_asset_when_filled_then_it_leaves_that_asset(asset: str) -> None:
    """The received one, the paid one, or a third; a rebate comes in."""
    book = ledger(USDT="10000", BTC="1", BNB="1")
    before = book.total(asset)
    plain = ledger(USDT="10000", BTC="1", BNB="1")
    plain.post_fill(fill(BUY, "0.1", "60000"))
    book.post_fill(fill(BUY, "0.1", "60000", "0.001", asset))
    assert plain.total(asset) - book.total(asset) == money("0.001")
    assert (book.fees(), dict(book.position(KEY).fees)) == ({asset: money("0.001")}, {asset: money("0.001")})
    book.post_fill(fill(SELL, "0.1", "60000", "-0.001", asset))
    assert (book.total(asset), book.fees()) == (before, {})


def test_given_a_fee_in_the_received_asset_when_filled_then_net_says_what_can_be_sold() -> None:
    """The position counts what was bought; what arrived is less."""
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000", "0.0001", "BTC"))
    assert (book.position(KEY).qty, book.position(KEY).net) == (QTY, money("0.0999"))
    assert book.total("BTC") == money("0.0999")


def test_given_a_buy_order_when_reserved_then_quote_is_bound_until_it_is_filled_or_ends() -> None:
    """At its limit price, however cheap the fills are."""
    book = ledger(USDT="10000")
    assert book.hold("o", KEY, BUY, QTY, PRICE) == money("6000")
    assert (book.free("USDT"), book.reserved("USDT"), book.total("USDT")) == (money("4000"), money("6000"), money("10000"))
    assert (book.working(KEY), book.held("o")) == ((QTY, 0), money("6000"))
    book.post_fill(fill(BUY, "0.04", "50000"))
    assert (book.reserved("USDT"), book.total("USDT"), book.working(KEY)) == (money("3600"), money("8000"), (6000, 0))
    book.release("o")
    book.release("o")
    assert (book.reserved("USDT"), book.free("USDT"), book.working(KEY), book.held("o")) == (0, money("8000"), (0, 0), 0)
    book.check()


def test_given_a_sell_order_when_reserved_then_base_is_bound() -> None:
    """Whatever its price."""
    book = ledger(BTC="1")
    assert book.needed(KEY, SELL, QTY, PRICE) == ("BTC", money("0.1"))
    assert book.needed(KEY, BUY, QTY, PRICE) == ("USDT", money("6000"))
    book.hold("o", KEY, SELL, QTY, 0)
    assert (book.free("BTC"), book.working(KEY)) == (money("0.9"), (0, QTY))
    book.post_fill(fill(SELL, "0.1", "60000"))
    assert (book.free("BTC"), book.reserved("BTC"), book.total("USDT")) == (money("0.9"), 0, money("6000"))


def test_given_new_terms_when_resized_then_the_reservation_follows() -> None:
    """Up, down, and with the price left as it is; an order that holds nothing is left alone."""
    book = ledger(USDT="10000")
    book.hold("o", KEY, BUY, QTY, PRICE)
    book.resize("o", 2 * QTY, None)
    assert book.reserved("USDT") == money("12000")
    book.resize("o", QTY, PRICE // 2)
    assert book.reserved("USDT") == money("3000")
    book.resize("unknown", QTY, PRICE)
    assert (book.reserved("USDT"), book.free("USDT")) == (money("3000"), money("7000"))


def test_given_a_fill_beyond_what_is_held_when_posted_then_the_reservation_stops_at_zero() -> None:
    """An overfill moves money and never makes a reservation negative."""
    book = ledger(USDT="10000")
    book.hold("o", KEY, BUY, QTY, PRICE)
    book.post_fill(fill(BUY, "0.15", "60000"))
    assert (book.reserved("USDT"), book.total("USDT")) == (0, money("1000"))
    book.check()


def test_given_a_fill_under_another_id_when_posted_then_the_named_reservation_is_given_back() -> None:
    """An order of somebody else is held under an id of ours."""
    book = ledger(USDT="10000")
    book.hold("v#1", KEY, BUY, QTY, PRICE)
    book.post_fill(fill(BUY, "0.1", "60000", client_id=""), "v#1")
    assert book.reserved("USDT") == 0


def test_given_an_order_when_held_twice_or_below_zero_then_the_assertion_names_the_invariant() -> None:
    """Bugs of the caller."""
    book = ledger()
    book.hold("o", KEY, BUY, QTY, PRICE)
    with pytest.raises(AssertionError, match="INV-05"):
        book.hold("o", KEY, BUY, QTY, PRICE)
    with pytest.raises(AssertionError, match="INV-07"):
        book.resize("o", -1, None)


def test_given_a_baseline_when_a_balance_differs_then_both_figures_are_named_and_ours_stays() -> None:
    """The venue's word is kept beside ours."""
    book = ledger(USDT="100")
    assert book.on_balance(balance("USDT", "60", "40")) == 0
    assert book.on_balance(balance("USDT", "90")) == money("10")
    assert book.on_balance(balance("BTC", "1")) == -money("1")  # not named in the baseline: zero, not unknown
    assert book.differences() == [Mismatch("v", "BTC", 0, money("1")), Mismatch("v", "USDT", money("100"), money("90"))]
    assert book.total("USDT") == money("100")


def test_given_an_old_balance_when_it_comes_late_then_the_newer_word_stays() -> None:
    """By the venue's own time."""
    book = ledger()
    book.on_balance(balance("USDT", "0", at_ns=5))
    assert book.on_balance(balance("USDT", "7", at_ns=4)) == 0
    assert book.differences() == []


def test_given_no_baseline_when_a_balance_comes_then_it_becomes_the_baseline() -> None:
    """A venue that gives no snapshot."""
    book = Ledger({KEY: BTC})
    assert book.on_balance(balance("USDT", "7")) == 0
    assert (book.total("USDT"), book.on_balance(balance("USDT", "8"))) == (money("7"), -money("1"))
    book.check()


def test_given_a_baseline_when_loaded_again_then_it_is_refused() -> None:
    """Later snapshots are compared, they do not overwrite."""
    with pytest.raises(AssertionError, match="baseline"):
        ledger().load(snapshot(USDT="1"))


def test_given_a_position_at_the_venue_when_it_differs_then_it_is_named() -> None:
    """Derivatives: the venue's word beside ours, from a snapshot and from the stream."""
    book = Ledger({KEY: BTC})
    told = Position(KEY, 3, 0, 0, 0)
    book.load(Snapshot(venue="v", orders=(), balances=(), positions=(told,), fills=(), asked_ns=0, recv_ns=0))
    assert book.differences() == [Mismatch("v", KEY, 0, 3)]
    book.on_position(Position(KEY, 0, 0, 0, 0))
    book.on_position(Position("v:OTHER", -1, 0, 0, 0))
    assert book.differences() == [Mismatch("v", "v:OTHER", 0, -1)]


def test_given_a_run_when_its_start_is_asked_for_then_it_is_the_baseline() -> None:
    """Whatever was traded since; an asset that was not there was zero."""
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000", "0.001", "BNB"))
    opening = {asset: book.opening(asset, "v") for asset in ("USDT", "BTC", "BNB", "XRP")}
    assert opening == {"USDT": money("10000"), "BTC": 0, "BNB": 0, "XRP": 0}


def test_given_a_transfer_when_posted_then_it_comes_from_outside() -> None:
    """A deposit explains a balance, and is no profit."""
    book = ledger(USDT="1")
    posting = book.post_transfer(Transfer("v", "USDT", money("5"), 0, 0))
    assert (posting.sums(), book.total("USDT")) == ({"USDT": 0}, money("6"))
    book.check()


def test_given_prices_when_equity_is_asked_then_it_is_the_sum_of_all_assets() -> None:
    """Each asset is rounded down by itself."""
    book = ledger(USDT="100", BTC="0.5", DUST="0.000000000000000003")
    prices = {"BTC": money("60000"), "DUST": money("0.5")}
    assert book.equity("USDT", lambda base, quote: prices.get(base)) == money("30100") + 1
    assert book.unpriced("USDT", lambda base, quote: prices.get(base)) == []


def test_given_a_price_that_nobody_knows_when_equity_is_asked_then_it_is_none() -> None:
    """Never guessed; what is missing can be named. An asset of which there is nothing needs no price."""
    book = ledger(USDT="100", BTC="0.5", NEW="1", GONE="0")
    assert book.equity("USDT", lambda base, quote: money("60000") if base == "BTC" else None) is None
    assert book.unpriced("USDT", lambda base, quote: money("60000") if base == "BTC" else None) == ["NEW"]


def test_given_two_venues_when_asked_then_each_is_separate_and_together_they_are_summed() -> None:
    """The same asset at two places."""
    book = ledger(instrument(venue="w"), USDT="1")
    book.load(snapshot("w", USDT="2"))
    assert (book.total("USDT"), book.total("USDT", "w"), book.total("USDT", "x")) == (money("3"), money("2"), 0)
    book.hold("o", "w:BTC/USDT", BUY, 1000, 100)
    assert (book.free("USDT", "v"), book.free("USDT", "w")) == (money("1"), money("1.99"))
    assert (book.totals("w"), book.assets()) == ({"BTC": 0, "USDT": money("2")}, {"BTC", "USDT"})


def test_given_finer_units_when_learned_then_amounts_stay_the_same() -> None:
    """A venue may add decimal places to an instrument while orders work and a position is open."""
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000"))
    book.hold("o", KEY, BUY, QTY, PRICE)
    finer = instrument(price_exp=3, qty_exp=6)
    before = (book.position(KEY).cost, book.position(KEY).average_price, book.position(KEY).net, book.reserved("USDT"))
    book.learn(finer)
    assert (book.position(KEY).cost, book.position(KEY).average_price, book.position(KEY).net, book.reserved("USDT")) == before
    assert (book.position(KEY).qty, book.working(KEY)) == (10 * QTY, (10 * QTY, 0))
    book.post_fill(fill(BUY, "0.1", "60000", of=finer))
    assert book.reserved("USDT") == 0
    book.check()


def test_given_coarser_units_when_something_is_held_then_they_are_refused() -> None:
    """They might not hold it; with nothing held they are taken, and what was realised stays."""
    coarse = instrument(qty_exp=3)
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000", "1"))
    with pytest.raises(AssertionError, match="coarser"):
        book.learn(coarse)
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000", "1"))
    book.post_fill(fill(SELL, "0.1", "61000", "1"))
    book.learn(coarse)
    assert (book.position(KEY).realised, book.position(KEY).fees) == (money("100"), {"USDT": money("2")})


def test_given_an_instrument_that_is_not_spot_when_filled_then_it_is_refused() -> None:
    """Derivatives settle otherwise; booking them as an exchange of two assets would be wrong."""
    swap = msgspec.structs.replace(instrument("ETH"), kind=Kind.LINEAR)
    book = ledger(swap)
    with pytest.raises(AssertionError, match="spot"):
        book.post_fill(fill(BUY, "1", "100", of=swap))


def test_given_a_posting_when_read_then_it_names_its_fill_and_profit() -> None:
    """For the journal and the report."""
    book = ledger(USDT="10000")
    book.post_fill(fill(BUY, "0.1", "60000"))
    out: Fill = fill(SELL, "0.1", "61000")
    posting = book.post_fill(out)
    assert (posting.key, posting.trade_id, posting.realised) == (KEY, out.trade_id, money("100"))
