"""Stories of single orders on the simulated exchange: what each type, time in force and refusal does."""

from __future__ import annotations

import pytest

from tickwright.base.numbers import money
from tickwright.model.market import BUY, SELL
from tickwright.model.order import AmendTerms, NewOrder, OrderType, Rejected, Tif
from tickwright.model.reason import Reason
from tickwright.sim.fees import DiscountFees, FlatFees
from tickwright.sim.records import NO_ID, Expiry, OrderList, SimOrder, SimStatus
from unit.sim.simkit import BTC, FUNDS, KEY, Floor, new_order


@pytest.fixture
def floor() -> Floor:
    """Bids 99 (5), 98 (10); asks 101 (5), 102 (10)."""
    floor = Floor()
    floor.book([(99, 5), (98, 10)], [(101, 5), (102, 10)])
    return floor


def test_given_a_market_order_when_it_is_larger_than_the_best_level_then_it_sweeps_the_next(floor: Floor) -> None:
    """A taker takes visible levels from the best on, each at its own price."""
    order = floor.place("m", BUY, 8)
    assert (order.status, order.filled, order.quote_filled) == (SimStatus.FILLED, 8, BTC.notional(101, 5) + BTC.notional(102, 3))
    assert floor.trades() == [("m", 101, 5), ("m", 102, 3)]


def test_given_a_swept_level_when_another_order_comes_then_the_same_size_is_not_taken_twice(floor: Floor) -> None:
    """What was taken from the recorded book stays taken until the recording changes that level."""
    floor.place("m1", BUY, 5)
    floor.place("m2", BUY, 5)
    assert floor.trades() == [("m1", 101, 5), ("m2", 102, 5)]


def test_given_a_swept_level_when_the_recording_repeats_it_then_it_stays_taken(floor: Floor) -> None:
    """A message that repeats a level's quantity is not news of that level."""
    floor.place("m1", BUY, 5)
    floor.book([], [(101, 5)], snapshot=False)
    floor.quote(99, 5, 101, 5)
    floor.place("m2", BUY, 1)
    assert floor.trades()[-1] == ("m2", 102, 1)


def test_given_a_swept_level_when_the_recording_changes_it_then_the_new_size_can_be_taken(floor: Floor) -> None:
    """The recording's next word on a level ends the memory of what was taken from it."""
    floor.place("m1", BUY, 5)
    floor.book([], [(101, 4)], snapshot=False)
    floor.place("m2", BUY, 4)
    assert floor.trades()[-1] == ("m2", 101, 4)


def test_given_no_liquidity_when_a_market_order_comes_then_its_rest_expires(floor: Floor) -> None:
    """A market order never rests."""
    order = floor.place("m", BUY, 20)
    assert (order.status, order.filled, order.expiry) == (SimStatus.EXPIRED, 15, Expiry.NO_LIQUIDITY)
    assert floor.place("n", BUY, 1).status is SimStatus.EXPIRED
    assert floor.exchange.open_orders("me") == []


def test_given_an_ioc_order_when_it_cannot_trade_whole_then_the_rest_expires(floor: Floor) -> None:
    """Immediate-or-cancel takes what its price allows and ends."""
    order = floor.place("i", BUY, 8, 101, tif=Tif.IOC)
    assert (order.status, order.filled, order.expiry) == (SimStatus.EXPIRED, 5, Expiry.IOC_REST)
    assert floor.story() == [("i", "new"), ("i", "trade"), ("i", "expired")]


def test_given_a_fok_order_when_it_cannot_trade_whole_then_nothing_trades(floor: Floor) -> None:
    """Fill-or-kill is all or nothing."""
    order = floor.place("f", BUY, 6, 101, tif=Tif.FOK)
    assert (order.status, order.filled, order.expiry) == (SimStatus.EXPIRED, 0, Expiry.FOK_UNFILLED)
    assert floor.place("g", BUY, 6, 102, tif=Tif.FOK).status is SimStatus.FILLED


def test_given_a_limit_order_when_part_of_it_trades_then_the_rest_rests(floor: Floor) -> None:
    """A good-till-cancelled remainder rests at its price and is shown."""
    order = floor.place("g", BUY, 8, 101)
    assert (order.status, order.filled, order.on_book) == (SimStatus.PARTIALLY_FILLED, 5, True)
    assert floor.exchange.depth(KEY, 2) == ([(101, 3), (99, 5)], [(102, 10)])


def test_given_a_limit_better_than_the_market_when_it_trades_then_the_difference_is_given_back(floor: Floor) -> None:
    """A taker pays the maker's price; what was locked at its own limit is freed."""
    floor.place("b", BUY, 5, 150)
    free, locked = floor.exchange.balances("me")["USDT"]
    assert (free, locked) == (FUNDS["USDT"] - BTC.notional(101, 5), 0)


def test_given_a_limit_better_than_the_market_when_its_rest_rests_then_exactly_its_need_stays_locked(floor: Floor) -> None:
    """Each fill frees what its better price saved."""
    floor.place("b", BUY, 20, 103)
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(103, 5)


@pytest.mark.parametrize(("side", "price"), [(BUY, 101), (BUY, 105), (SELL, 99)])
def test_given_a_post_only_order_when_it_would_take_then_it_is_rejected(floor: Floor, side, price) -> None:
    """A maker order never takes, and a refusal leaves no trace."""
    before = floor.exchange.balances("me")
    refused = floor.submit("p", side, 1, price, post_only=True)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_WOULD_TAKE
    assert (floor.events(), floor.exchange.balances("me")) == ([], before)
    assert floor.place("q", BUY, 1, 100).venue_id == 1


def test_given_a_resting_order_when_it_locks_then_exactly_price_times_quantity_is_held(floor: Floor) -> None:
    """A buy holds its quote asset, a sell its base asset, and a cancel frees both to the last unit."""
    floor.place("b", BUY, 3, 97)
    floor.place("s", SELL, 4, 103)
    held = floor.exchange.balances("me")
    assert held["USDT"] == (FUNDS["USDT"] - BTC.notional(97, 3), BTC.notional(97, 3))
    assert held["BTC"] == (FUNDS["BTC"] - BTC.base_amount(4), BTC.base_amount(4))
    floor.exchange.cancel_all("me", KEY, 9)
    assert floor.exchange.balances("me") == {asset: (amount, 0) for asset, amount in FUNDS.items()}


@pytest.mark.parametrize(
    ("side", "qty", "price"),
    [(BUY, 11, 100), (BUY, 11, None), (SELL, 11, 100), (SELL, 11, None)],
)
def test_given_too_little_money_when_an_order_comes_then_it_is_rejected_for_funds(side, qty, price) -> None:
    """Limit orders are checked at their price, market orders at what they would really cost."""
    floor = Floor(funds={"BTC": BTC.base_amount(10), "USDT": BTC.notional(100, 10)})
    floor.book([(100, 50)], [(100, 50)] if price is None else [(101, 50)])
    refused = floor.submit("x", side, qty, price)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_FUNDS
    assert isinstance(floor.submit("y", side, 10, price), SimOrder)


def test_given_an_open_order_when_its_client_id_is_used_again_then_it_is_rejected(floor: Floor) -> None:
    """A client id is unique among open orders, and free again afterwards."""
    first = floor.place("x", BUY, 1, 90)
    refused = floor.submit("x", BUY, 1, 91)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_DUPLICATE_ID
    floor.exchange.cancel("me", KEY, "x", 5)
    second = floor.place("x", BUY, 1, 91)
    assert floor.order("x") == second
    assert floor.exchange.order("me", KEY, first.venue_id) is not None
    assert isinstance(floor.submit("x", BUY, 1, 90, account="other"), SimOrder)


def test_given_a_quote_amount_when_buying_then_as_much_is_bought_as_it_pays(floor: Floor) -> None:
    """A market buy by amount spends no more than the amount, in whole lots, and its quantity is what that bought."""
    order = floor.place("q", BUY, 0, quote_qty=BTC.notional(101, 5) + BTC.notional(102, 2) + BTC.notional(50, 1))
    assert (order.status, order.qty, order.filled) == (SimStatus.FILLED, 7, 7)
    assert floor.exchange.balances("me")["USDT"] == (FUNDS["USDT"] - order.quote_filled, 0)


def test_given_a_quote_amount_below_one_lot_when_buying_then_it_expires(floor: Floor) -> None:
    """An amount that buys nothing spends nothing."""
    order = floor.place("q", BUY, 0, quote_qty=BTC.notional(100, 1))
    assert (order.status, order.filled) == (SimStatus.EXPIRED, 0)


def test_given_an_amount_that_is_not_there_when_buying_then_it_is_rejected(floor: Floor) -> None:
    """The whole amount must be free."""
    refused = floor.submit("q", BUY, 0, quote_qty=FUNDS["USDT"] + 1)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_FUNDS


# -- fees ----------------------------------------------------------------------------------------------------------------


def test_given_fees_when_orders_trade_then_they_are_taken_from_what_is_received() -> None:
    """A buyer pays in base, a seller in quote, maker and taker at their own rates."""
    floor = Floor(fees=FlatFees(maker_ppm=1_000, taker_ppm=2_000))
    floor.place("maker", SELL, 1_000, 100)
    floor.place("taker", BUY, 1_000, 100, account="other")
    assert floor.exchange.balances("other")["BTC"][0] == FUNDS["BTC"] + BTC.base_amount(1_000) * 998 // 1_000
    assert floor.exchange.balances("me")["USDT"][0] == FUNDS["USDT"] + BTC.notional(100, 1_000) * 999 // 1_000
    fills = floor.exchange.fills("me", KEY) + floor.exchange.fills("other", KEY)
    assert [(fill.maker, fill.fee_asset) for fill in fills] == [(True, "USDT"), (False, "BTC")]


def test_given_a_discount_asset_when_there_is_enough_of_it_then_it_pays_and_else_the_received_asset_does() -> None:
    """The discount asset pays at its rate while it lasts."""
    fees = DiscountFees(maker_ppm=1_000, taker_ppm=1_000, asset="BNB", discount_ppm=750_000, worth={"BTC": money(100)})
    floor = Floor(fees=fees, funds={**FUNDS, "BNB": money("0.08")})
    floor.book([], [(100, 10_000)])
    floor.place("a", BUY, 1_000)
    floor.place("b", BUY, 1_000)
    first, second = floor.exchange.fills("me", KEY)
    assert (first.fee_asset, first.fee) == ("BNB", money("0.075"))
    assert (second.fee_asset, second.fee) == ("BTC", money("0.001"))
    assert floor.exchange.balances("me")["BNB"] == (money("0.005"), 0)


# -- stops ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "side", "stop", "not_yet", "touch"),
    [
        (OrderType.STOP, SELL, 95, 96, 95),
        (OrderType.STOP, BUY, 105, 104, 106),
        (OrderType.TAKE_PROFIT, SELL, 105, 104, 105),
        (OrderType.TAKE_PROFIT, BUY, 95, 96, 94),
    ],
)
def test_given_a_stop_when_a_trade_touches_it_then_it_becomes_a_market_order(
    floor: Floor, kind, side, stop, not_yet, touch
) -> None:
    """Stops look at trade prices: stop-losses follow the market away, take-profits wait for it to come."""
    floor.trade(100, 1, BUY)
    order = floor.place("s", side, 5, type=kind, stop=stop)
    assert (order.status, order.triggered, order.working_ns) == (SimStatus.NEW, False, 0)
    floor.trade(not_yet, 1, BUY)
    assert not floor.order("s").triggered
    floor.trade(touch, 1, BUY)
    assert floor.order("s").status is SimStatus.FILLED
    assert floor.story() == [("s", "new"), ("s", "triggered"), ("s", "trade")]


def test_given_a_stop_limit_when_it_triggers_away_from_the_book_then_it_rests(floor: Floor) -> None:
    """A triggered stop-limit is a plain limit order."""
    floor.trade(100, 1, BUY)
    floor.place("s", SELL, 5, 100, type=OrderType.STOP_LIMIT, stop=98)
    floor.trade(98, 1, SELL)
    order = floor.order("s")
    assert (order.triggered, order.on_book, order.filled) == (True, True, 0)


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [
        (OrderType.STOP, SELL, 100),
        (OrderType.STOP, BUY, 100),
        (OrderType.TAKE_PROFIT, SELL, 99),
        (OrderType.TAKE_PROFIT, BUY, 101),
    ],
)
def test_given_a_stop_that_is_already_reached_when_it_comes_then_it_is_rejected(floor: Floor, kind, side, stop) -> None:
    """A stop that would trigger at once is refused."""
    floor.trade(100, 1, BUY)
    refused = floor.submit("s", side, 1, type=kind, stop=stop)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_WOULD_TRIGGER


def test_given_a_triggered_buy_when_it_cannot_be_paid_then_it_expires() -> None:
    """An unpriced buy holds nothing back while it waits, so it is looked at when it triggers."""
    floor = Floor(funds={"BTC": 0, "USDT": BTC.notional(100, 5)})
    floor.book([(99, 50)], [(101, 50)])
    floor.place("s", BUY, 10, type=OrderType.STOP, stop=101)
    floor.trade(101, 1, BUY)
    assert floor.order("s").expiry is Expiry.FUNDS


def test_given_stops_one_behind_the_other_when_the_first_triggers_then_its_trades_trigger_the_second() -> None:
    """Trades of triggered orders are trades."""
    floor = Floor()
    floor.book([(99, 5), (95, 5), (90, 50)], [(101, 5)])
    floor.place("s1", SELL, 6, type=OrderType.STOP, stop=98)
    floor.place("s2", SELL, 1, type=OrderType.STOP, stop=96)
    floor.place("s3", SELL, 1, type=OrderType.STOP, stop=94)
    floor.trade(98, 1, SELL)
    assert floor.trades() == [("s1", 99, 5), ("s1", 95, 1), ("s2", 95, 1)]
    assert not floor.order("s3").triggered


def test_given_both_legs_of_a_pair_when_one_batch_of_trades_touches_both_then_one_triggers_and_the_other_expires() -> None:
    """The first of the two ends the second before its turn comes."""
    floor = Floor()
    floor.book([(99, 1), (95, 9)], [(101, 1), (105, 9)])
    pair = floor.exchange.submit_oco(
        "me",
        new_order("p", SELL, 5, type=OrderType.TAKE_PROFIT, stop=105),
        new_order("s", SELL, 5, type=OrderType.STOP, stop=95),
        1,
    )
    assert isinstance(pair, OrderList)
    floor.place("up", BUY, 2, type=OrderType.STOP, stop=100, account="other")
    floor.place("down", SELL, 2, type=OrderType.TAKE_PROFIT, stop=100, account="other")
    floor.trade(100, 1, BUY)
    assert (floor.order("p").status, floor.order("s").expiry) == (SimStatus.FILLED, Expiry.OCO)


def test_given_the_last_stop_is_gone_when_a_new_one_comes_then_old_prices_do_not_trigger_it(floor: Floor) -> None:
    """Only prices after a stop was placed count for it."""
    floor.place("s", SELL, 1, type=OrderType.STOP, stop=95)
    floor.trade(90, 1, SELL)
    floor.trade(100, 1, SELL)
    floor.place("t", SELL, 1, type=OrderType.STOP, stop=95)
    floor.trade(100, 1, SELL)
    assert not floor.order("t").triggered


# -- pairs ---------------------------------------------------------------------------------------------------------------


def place_pair(floor: Floor, side=SELL, first: int = 105, stop: int = 95, stop_limit: int | None = 94) -> OrderList:
    kind = OrderType.STOP if stop_limit is None else OrderType.STOP_LIMIT
    pair = floor.exchange.submit_oco(
        "me",
        new_order("limit", side, 5, first),
        new_order("stop", side, 5, stop_limit, type=kind, stop=stop),
        floor.tick(),
        list_client_id="pair",
    )
    assert isinstance(pair, OrderList), pair
    return pair


def test_given_a_pair_when_the_limit_leg_trades_in_part_then_the_stop_leg_expires(floor: Floor) -> None:
    """The first fill of one leg ends the other."""
    floor.trade(100, 1, BUY)
    pair = place_pair(floor)
    assert [order.list_id for order in pair.orders] == [1, 1]
    assert floor.exchange.balances("me")["BTC"][1] == BTC.base_amount(5)
    floor.trade(105, 2, BUY)
    assert (floor.filled("limit"), floor.order("stop").expiry) == (2, Expiry.OCO)
    assert floor.order("limit").status is SimStatus.PARTIALLY_FILLED
    assert floor.exchange.balances("me")["BTC"][1] == BTC.base_amount(3)


def test_given_a_pair_when_the_stop_triggers_then_the_limit_leg_expires(floor: Floor) -> None:
    """A trigger counts, not only a fill."""
    floor.trade(100, 1, BUY)
    place_pair(floor)
    floor.trade(95, 1, SELL)
    assert (floor.order("limit").expiry, floor.order("stop").status) == (Expiry.OCO, SimStatus.FILLED)
    assert floor.exchange.balances("me")["BTC"][1] == 0


@pytest.mark.parametrize("stop_limit", [None, 106])
def test_given_a_buying_pair_when_it_is_placed_then_the_dearer_leg_is_locked_once(floor: Floor, stop_limit) -> None:
    """Funds are held for one leg, and what the surviving leg does not need is freed."""
    floor.trade(100, 1, BUY)
    place_pair(floor, BUY, first=95, stop=105, stop_limit=stop_limit)
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(stop_limit or 95, 5)
    floor.trade(95, 1, SELL)
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(95, 4)


@pytest.mark.parametrize("leg", ["limit", "stop"])
def test_given_a_pair_when_either_leg_is_cancelled_then_both_are(floor: Floor, leg) -> None:
    """A pair is cancelled whole."""
    floor.trade(100, 1, BUY)
    place_pair(floor)
    floor.exchange.cancel("me", KEY, leg, 9)
    assert [floor.order(name).status for name in ("limit", "stop")] == [SimStatus.CANCELED] * 2
    assert floor.exchange.balances("me")["BTC"] == (FUNDS["BTC"], 0)


@pytest.mark.parametrize(
    ("first", "stop", "reason"),
    [(94, 95, Reason.VENUE_FILTER), (100, 95, Reason.VENUE_FILTER), (105, 100, Reason.VENUE_WOULD_TRIGGER)],
)
def test_given_a_pair_that_does_not_embrace_the_market_when_it_comes_then_neither_leg_is_placed(
    floor: Floor, first, stop, reason
) -> None:
    """Both legs are placed, or none."""
    floor.trade(100, 1, BUY)
    floor.events()
    answer = floor.exchange.submit_oco(
        "me", new_order("a", SELL, 5, first), new_order("b", SELL, 5, 90, type=OrderType.STOP_LIMIT, stop=stop), 5
    )
    assert isinstance(answer, Rejected)
    assert answer.reason is reason
    assert floor.events() == []


# -- cancel, amend, replace ----------------------------------------------------------------------------------------------


def test_given_no_such_order_when_it_is_cancelled_then_it_is_unknown(floor: Floor) -> None:
    """A finished order, a stranger's order and one that never was are all unknown to a cancel."""
    floor.place("x", BUY, 1, 90, account="other")
    floor.place("done", BUY, 1)
    for name in ("x", "done", "never", 77):
        refused = floor.exchange.cancel("me", KEY, name, 5)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.VENUE_UNKNOWN_ORDER


def test_given_less_quantity_when_an_order_is_amended_then_it_keeps_its_place(floor: Floor) -> None:
    """Amending down keeps the queue; the other order behind is served after it."""
    floor.place("first", BUY, 5, 100)
    floor.place("second", BUY, 5, 100, account="other")
    order = floor.exchange.amend("me", KEY, "first", AmendTerms(qty=3, price=None), floor.tick())
    assert isinstance(order, SimOrder)
    assert (order.qty, order.venue_id) == (3, 1)
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(100, 3)
    floor.trade(100, 4, SELL)
    assert (floor.filled("first"), floor.filled("second", "other")) == (3, 1)


@pytest.mark.parametrize("terms", [AmendTerms(qty=6, price=None), AmendTerms(qty=None, price=100, client_id="first-b")])
def test_given_more_quantity_or_the_price_again_when_amended_then_funds_and_name_follow(floor: Floor, terms: AmendTerms) -> None:
    """More quantity goes to the back of the queue; a mere renaming does not."""
    floor.place("first", BUY, 5, 100)
    floor.place("second", BUY, 5, 100, account="other")
    order = floor.exchange.amend("me", KEY, "first", terms, floor.tick())
    assert isinstance(order, SimOrder)
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(100, order.qty)
    floor.trade(100, 5, SELL)
    renamed = bool(terms.client_id)
    assert floor.filled(order.client_id) == (5 if renamed else 0)
    assert (order.orig_client_id, order.client_id) == (("first", "first-b") if renamed else ("", "first"))


def test_given_a_new_price_when_amended_into_the_market_then_it_takes(floor: Floor) -> None:
    """A repriced order is matched like a new one, under its old id."""
    floor.place("x", BUY, 8, 97)
    order = floor.exchange.amend("me", KEY, "x", AmendTerms(qty=None, price=101), floor.tick())
    assert isinstance(order, SimOrder)
    assert (order.filled, order.on_book, order.venue_id) == (5, True, 1)
    assert floor.story() == [("x", "new"), ("x", "replaced"), ("x", "trade")]
    assert floor.exchange.balances("me")["USDT"][1] == BTC.notional(101, 3)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (AmendTerms(qty=5, price=97), Reason.VENUE_NO_CHANGE),
        (AmendTerms(qty=2, price=None), Reason.VENUE_OTHER),
        (AmendTerms(qty=10**12, price=None), Reason.VENUE_FUNDS),
        (AmendTerms(qty=None, price=101), Reason.VENUE_WOULD_TAKE),
        (AmendTerms(qty=4, price=None, client_id="taken"), Reason.VENUE_DUPLICATE_ID),
    ],
)
def test_given_bad_terms_when_amended_then_the_order_stays_as_it_was(floor: Floor, terms: AmendTerms, reason: Reason) -> None:
    """A refused amend changes nothing."""
    floor.place("taken", SELL, 1, 120)
    floor.place("x", BUY, 5, 97, post_only=True)
    floor.trade(97, 2, SELL)
    before = (floor.order("x"), floor.exchange.balances("me"))
    refused = floor.exchange.amend("me", KEY, "x", terms, floor.tick())
    assert isinstance(refused, Rejected)
    assert refused.reason is reason
    assert (floor.order("x"), floor.exchange.balances("me")) == before


def test_given_a_replacement_when_it_is_placed_then_the_old_order_is_cancelled_and_the_place_is_lost(floor: Floor) -> None:
    """Cancel-and-new gives a new id at the end of the queue."""
    floor.place("old", BUY, 5, 100)
    floor.place("second", BUY, 5, 100, account="other")
    canceled, placed = floor.exchange.replace("me", KEY, "old", new_order("new", BUY, 5, 100), floor.tick(), request_id="req")
    assert isinstance(canceled, SimOrder)
    assert isinstance(placed, SimOrder)
    assert (canceled.status, placed.replaces, placed.orig_client_id) == (SimStatus.CANCELED, 1, "old")
    assert [event.request_id for event in floor.events() if event.order.client_id == "old"] == ["", "req"]
    floor.trade(100, 5, SELL)
    assert (floor.filled("new"), floor.filled("second", "other")) == (0, 5)
    refused, nothing = floor.exchange.replace("me", KEY, "old", new_order("n2", BUY, 1, 90), floor.tick())
    assert isinstance(refused, Rejected)
    assert nothing is None


# -- questions -----------------------------------------------------------------------------------------------------------


def test_given_some_orders_when_asked_then_they_are_told_oldest_first(floor: Floor) -> None:
    """Open orders, all orders, fills and trades are told as a venue would."""
    floor.place("a", BUY, 1, 90)
    floor.place("b", BUY, 2)
    floor.place("c", SELL, 1, 110)
    floor.trade(101, 3, BUY)
    assert [order.client_id for order in floor.exchange.open_orders("me")] == ["a", "c"]
    assert [order.client_id for order in floor.exchange.orders("me", KEY)] == ["a", "b", "c"]
    assert [(fill.price, fill.qty, fill.maker) for fill in floor.exchange.fills("me", KEY)] == [(101, 2, False)]
    assert [(one.price, one.qty, one.recorded) for one in floor.exchange.last_trades(KEY, 5)] == [(101, 2, False), (101, 3, True)]
    assert floor.exchange.last_price(KEY) == 101


def test_given_an_order_off_the_grid_when_it_comes_then_it_is_a_bug_and_not_an_answer() -> None:
    """Filters are the caller's; the exchange only insists that it is not misused."""
    floor = Floor()
    for bad in (new_order("x", BUY, 0, 100), new_order("x", BUY, 1, 0)):
        with pytest.raises(AssertionError):
            floor.exchange.submit("me", bad, 1)


def test_given_events_when_drained_then_each_carries_the_order_and_the_balances_of_that_moment(floor: Floor) -> None:
    """An event is a photograph: nothing in it moves later."""
    floor.place("x", BUY, 8, 101)
    new, trade = floor.events()
    assert (new.order.status, new.order.filled, new.order.last_trade_id) == (SimStatus.NEW, 0, NO_ID)
    assert (trade.order.status, trade.order.last_qty, trade.order.last_price) == (SimStatus.PARTIALLY_FILLED, 5, 101)
    held = {one.asset: (one.free, one.locked) for one in trade.balances}
    assert held == floor.exchange.balances("me")
    assert floor.events() == []


def test_given_an_instrument_that_is_not_there_or_does_not_trade_when_an_order_comes_then_it_is_rejected(floor: Floor) -> None:
    """Unknown symbols and closed markets are refusals."""
    order = NewOrder(
        key="sim:X/Y",
        client_id="x",
        side=BUY,
        type=OrderType.MARKET,
        qty=1,
        price=None,
        stop=None,
        tif=Tif.GTC,
        post_only=False,
        reduce_only=False,
    )
    refused = floor.exchange.submit("me", order, 1)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.VENUE_UNKNOWN_SYMBOL
