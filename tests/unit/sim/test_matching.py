"""Queue position, crossing, and self-trade prevention: how resting orders come to be filled."""

from __future__ import annotations

import pytest

from tickwright.model.market import BUY, SELL
from tickwright.model.order import Stp, Tif
from tickwright.sim.queue import DrawnQueue, PessimisticQueue, ProportionalQueue
from tickwright.sim.records import Expiry, SimStatus
from unit.sim.simkit import BTC, FUNDS, KEY, Floor


def test_given_size_ahead_when_trades_print_at_the_price_then_the_order_waits_its_turn() -> None:
    """On entry the shown quantity is ahead; trades eat it before they reach us, then fill us in part."""
    floor = Floor()
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)
    floor.trade(99, 8, SELL)
    assert floor.filled("x") == 0
    floor.trade(99, 4, SELL)
    assert floor.filled("x") == 2
    floor.trade(99, 9, BUY)
    assert floor.filled("x") == 2, "a buyer's trade does not take from the bids"
    floor.trade(99, 9, SELL)
    assert floor.order("x").status is SimStatus.FILLED


def test_given_two_of_ours_at_one_price_when_trades_print_then_size_between_them_is_served_in_between() -> None:
    """Recorded size that came between two of our orders is served between them."""
    floor = Floor()
    floor.book([(99, 10)], [(101, 10)])
    floor.place("first", BUY, 5, 99)
    floor.book([(99, 14)], [], snapshot=False)
    floor.place("second", BUY, 5, 99, account="other")
    floor.trade(99, 17, SELL)
    assert (floor.filled("first"), floor.filled("second", "other")) == (5, 0)
    floor.trade(99, 4, SELL)
    assert floor.filled("second", "other") == 2


def test_given_a_taker_of_ours_when_it_takes_size_ahead_of_our_own_order_then_that_moves_up() -> None:
    """Recorded size that one of our accounts took no longer stands before the others."""
    floor = Floor()
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)
    floor.place("y", BUY, 5, 99)
    floor.place("t", SELL, 4, account="other")
    floor.trade(99, 6, SELL)
    assert floor.filled("x") == 0
    floor.place("u", SELL, 6, account="other")
    assert (floor.filled("x"), floor.filled("y")) == (5, 1)


def test_given_two_of_ours_behind_recorded_size_when_a_taker_sweeps_then_it_is_served_once_and_before_both() -> None:
    """What is ahead of both is not there twice."""
    floor = Floor()
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)
    floor.place("y", BUY, 5, 99)
    order = floor.place("t", SELL, 30, account="other")
    assert (order.filled, floor.filled("x"), floor.filled("y")) == (20, 5, 5)
    assert [one[1:] for one in floor.trades() if one[0] == "t"] == [(99, 10), (99, 5), (99, 5)]


@pytest.mark.parametrize(("queue", "needed"), [(PessimisticQueue(), 6), (ProportionalQueue(), 5)])
def test_given_a_shrinking_level_when_it_was_cancels_then_the_model_says_how_far_we_move(queue, needed) -> None:
    """The pessimist moves only when the level is smaller than what was ahead; in proportion, half the cancels were ahead."""
    floor = Floor(queue=queue)
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)  # 10 ahead
    floor.book([(99, 12)], [], snapshot=False)  # 2 behind
    floor.book([(99, 6)], [], snapshot=False)  # 6 gone: proportional 10 - 5, pessimistic no more than 6
    floor.trade(99, needed, SELL)
    assert floor.filled("x") == 0
    floor.trade(99, 1, SELL)
    assert floor.filled("x") == 1


def test_given_a_shrinking_level_when_it_was_trades_then_it_does_not_count_twice() -> None:
    """The book message that follows trades does not move the queue again."""
    floor = Floor(queue=ProportionalQueue())
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)
    floor.book([(99, 20)], [], snapshot=False)
    floor.trade(99, 4, SELL)  # 6 ahead
    floor.book([(99, 16)], [], snapshot=False)
    floor.trade(99, 6, SELL)
    assert floor.filled("x") == 0


@pytest.mark.parametrize("seed", range(20))
def test_given_drawn_cancels_when_a_level_shrinks_then_we_move_by_at_most_what_is_gone(seed) -> None:
    """A drawn cancel lies ahead, behind, or across our place."""
    model = DrawnQueue()
    for ahead in range(11):
        for gone in range(1, 11):
            after = model.ahead_after(ahead, 10, gone, seed / 20)
            assert max(0, ahead - gone) <= after <= ahead


def test_given_an_order_inside_the_spread_when_a_trade_prints_beyond_it_then_it_is_filled() -> None:
    """A trade at a worse price would have met us first."""
    floor = Floor()
    floor.book([(98, 10)], [(102, 10)])
    floor.place("b", BUY, 5, 100)
    floor.place("s", SELL, 5, 101)
    floor.trade(98, 1, SELL)
    floor.trade(102, 1, BUY)
    assert [(fill.price, fill.qty, fill.maker) for fill in floor.exchange.fills("me", KEY)] == [(100, 5, True), (101, 5, True)]


def test_given_the_other_side_when_it_goes_through_our_price_then_we_are_filled_at_our_price() -> None:
    """Quotes alone are enough: a crossed resting order is filled wholly, as a maker."""
    floor = Floor()
    floor.quote(99, 10, 101, 10)
    floor.place("b", BUY, 50, 99)
    floor.quote(97, 10, 98, 3)
    assert floor.order("b").status is SimStatus.FILLED
    assert floor.exchange.fills("me", KEY)[0].price == 99


def test_given_the_other_side_when_it_comes_to_our_price_then_we_are_filled_up_to_what_it_shows() -> None:
    """Someone willing to trade at our price would have traded with us, for as much as they had."""
    floor = Floor()
    floor.quote(99, 10, 101, 10)
    floor.place("b", BUY, 5, 99)
    floor.quote(98, 10, 99, 3)
    assert floor.filled("b") == 3
    floor.place("m", BUY, 1)
    assert floor.order("m").status is SimStatus.EXPIRED, "the size that filled us is used up"


def test_given_quotes_only_when_the_best_price_moves_then_old_ones_are_not_depth_and_places_are_kept() -> None:
    """Without depth there is the best level and nothing behind it; a level out of sight keeps its queue."""
    floor = Floor()
    floor.quote(99, 10, 101, 10)
    floor.place("x", BUY, 5, 99)
    floor.quote(100, 7, 101, 10)
    assert floor.exchange.depth(KEY, 3)[0] == [(100, 7), (99, 5)]
    floor.quote(99, 10, 101, 10)
    floor.trade(99, 9, SELL)
    assert floor.filled("x") == 0


def test_given_a_price_out_of_sight_when_an_order_waits_there_then_everyone_is_taken_to_be_ahead() -> None:
    """Quotes do not show worse levels: what stands there is learnt when the market comes to it, or by its passing."""
    floor = Floor()
    floor.quote(99, 10, 101, 10)
    floor.place("x", BUY, 5, 97)
    floor.place("y", BUY, 5, 95)
    floor.trade(97, 50, SELL)
    assert floor.filled("x") == 0
    floor.quote(97, 8, 98, 10)
    floor.trade(97, 9, SELL)
    assert floor.filled("x") == 1
    floor.quote(94, 8, 96, 10)  # gone past both: they are the best bids now
    assert (floor.filled("x"), floor.filled("y")) == (5, 0)
    floor.trade(95, 3, SELL)
    assert floor.filled("y") == 3


def test_given_our_own_rest_when_the_level_it_swept_is_repeated_then_it_does_not_fill_from_it_again() -> None:
    """The rest of a taker lies on a level that it has emptied: that is not the market coming to it."""
    floor = Floor()
    floor.quote(99, 10, 101, 5)
    floor.place("b", BUY, 8, 101)
    floor.quote(99, 11, 101, 5)
    assert floor.filled("b") == 5


def test_given_orders_of_two_accounts_when_they_cross_then_they_trade_in_price_and_time_order() -> None:
    """Accounts are each other's market, between the recorded levels."""
    floor = Floor()
    floor.book([], [(101, 4)])
    floor.place("s1", SELL, 3, 101, account="other")
    floor.place("s2", SELL, 3, 100, account="other")
    floor.place("b", BUY, 9, 101)
    assert [one for one in floor.trades() if one[0] == "b"] == [("b", 100, 3), ("b", 101, 4), ("b", 101, 2)]
    assert floor.filled("s1", "other") == 2
    assert floor.exchange.depth(KEY, 5) == ([], [(101, 1)])


def test_given_a_gap_when_the_book_is_forgotten_then_nothing_matches_and_places_are_kept() -> None:
    """After a gap there is no book, and no jump to the front of the queue."""
    floor = Floor()
    floor.book([(99, 10)], [(101, 10)])
    floor.place("x", BUY, 5, 99)
    floor.exchange.on_gap(KEY)
    assert floor.place("m", BUY, 1).expiry is Expiry.NO_LIQUIDITY
    floor.book([(99, 12)], [(101, 10)])
    floor.trade(99, 10, SELL)
    assert floor.filled("x") == 0


def test_given_a_late_book_update_when_a_quote_knew_better_then_the_quote_stands() -> None:
    """Sequence numbers settle which of two streams is newer, level by level."""
    floor = Floor()
    floor.book([(99, 5), (98, 5)], [(101, 5)], seq=10)
    floor.quote(98, 7, 99, 3, seq=20)
    floor.book([(99, 6), (98, 4), (97, 2)], [(101, 8)], snapshot=False, seq=15)
    assert floor.exchange.depth(KEY, 3) == ([(98, 7), (97, 2)], [(99, 3), (101, 8)])
    floor.quote(1, 1, 2, 1, seq=14)
    assert floor.exchange.depth(KEY, 1) == ([(98, 7)], [(99, 3)])


def test_given_an_update_through_the_other_side_when_it_is_applied_then_the_stale_levels_go() -> None:
    """A book that would be crossed keeps what was said last."""
    floor = Floor()
    floor.book([(99, 5)], [(101, 5), (102, 5)])
    floor.book([(101, 3)], [], snapshot=False)
    assert floor.exchange.depth(KEY, 3) == ([(101, 3), (99, 5)], [(102, 5)])
    floor.book([], [(99, 1)], snapshot=False)
    assert floor.exchange.depth(KEY, 3) == ([], [(99, 1), (102, 5)])


# -- self-trade prevention -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stp", "maker", "taker"),
    [
        (Stp.NONE, (SimStatus.FILLED, 3, 0), (SimStatus.PARTIALLY_FILLED, 3, 0)),
        (Stp.VENUE, (SimStatus.FILLED, 3, 0), (SimStatus.PARTIALLY_FILLED, 3, 0)),
        (Stp.EXPIRE_TAKER, (SimStatus.NEW, 0, 0), (SimStatus.EXPIRED_IN_MATCH, 0, 5)),
        (Stp.EXPIRE_MAKER, (SimStatus.EXPIRED_IN_MATCH, 0, 3), (SimStatus.NEW, 0, 0)),
        (Stp.EXPIRE_BOTH, (SimStatus.EXPIRED_IN_MATCH, 0, 3), (SimStatus.EXPIRED_IN_MATCH, 0, 5)),
        (Stp.DECREMENT, (SimStatus.EXPIRED_IN_MATCH, 0, 3), (SimStatus.NEW, 0, 3)),
    ],
)
def test_given_an_own_order_in_the_way_when_a_taker_meets_it_then_its_mode_decides(stp, maker, taker) -> None:
    """Status, filled and prevented quantity of both orders under each mode; the taker's mode counts."""
    floor = Floor()
    floor.place("maker", SELL, 3, 100)
    floor.place("taker", BUY, 5, 100, stp=stp)
    orders = [floor.order(name) for name in ("maker", "taker")]
    assert [(one.status, one.filled, one.prevented_qty) for one in orders] == [maker, taker]
    assert all((one.expiry is Expiry.STP) is (one.status is SimStatus.EXPIRED_IN_MATCH) for one in orders)
    open_buy = 5 - taker[1] - taker[2]
    open_sell = 3 - maker[1] - maker[2]
    held = floor.exchange.balances("me")
    assert (held["USDT"][1], held["BTC"][1]) == (BTC.notional(100, open_buy), BTC.base_amount(open_sell))
    assert {asset: free + locked for asset, (free, locked) in held.items()} == FUNDS


def test_given_a_partly_prevented_order_when_its_rest_trades_then_it_has_expired_in_match() -> None:
    """Filled is only what traded whole."""
    floor = Floor()
    floor.place("mine", SELL, 3, 100)
    floor.place("theirs", SELL, 9, 101, account="other")
    order = floor.place("t", BUY, 5, 101, stp=Stp.DECREMENT)
    assert (order.status, order.filled, order.prevented_qty, order.expiry) == (SimStatus.EXPIRED_IN_MATCH, 2, 3, Expiry.STP)


def test_given_prevention_when_other_orders_are_reached_first_then_those_trade() -> None:
    """Prevention happens where the own order stands in the queue, not before."""
    floor = Floor()
    floor.place("theirs", SELL, 2, 100, account="other")
    floor.place("mine", SELL, 3, 100)
    floor.place("behind", SELL, 3, 100, account="other")
    order = floor.place("t", BUY, 6, 100, stp=Stp.EXPIRE_MAKER)
    assert (order.filled, order.remaining) == (5, 1)
    order = floor.place("u", SELL, 9, 100, stp=Stp.EXPIRE_TAKER, tif=Tif.IOC)
    assert (order.status, order.filled, order.prevented_qty) == (SimStatus.EXPIRED_IN_MATCH, 0, 9)


def test_given_an_amount_to_spend_when_an_own_order_is_in_the_way_then_nothing_is_overspent() -> None:
    """A market buy by amount keeps to its amount under prevention too."""
    for stp in (Stp.EXPIRE_TAKER, Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH, Stp.DECREMENT):
        floor = Floor()
        floor.book([], [(100, 2), (102, 50)])
        floor.place("mine", SELL, 3, 101)
        order = floor.place("q", BUY, 0, quote_qty=BTC.notional(100, 8), stp=stp)
        assert not order.status.is_open
        assert order.quote_filled <= BTC.notional(100, 8)
        assert floor.exchange.balances("me")["USDT"][1] == 0
