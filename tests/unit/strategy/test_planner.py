"""The planner's laws: nothing left to do after its plan, one action a name, occupied names are left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.caps import AmendKind
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import OrderType
from tickwright.model.reason import Reason
from tickwright.strategy.intents import Action, Change, Proposal, QuoteWant, TargetWant, Withdraw
from tickwright.strategy.planner import plan_quote, plan_target

BTC = Instrument(
    venue="sim",
    symbol="BTC/USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_exp=2,
    qty_exp=5,
    tick_units=1,
    lot_units=10,
    qty_min_units=10,
    notional_min=5 * 10**18,
)
MID = 60_000_00


@dataclass(frozen=True)
class Working:
    """An order as the planner sees it."""

    side: Side
    qty: int
    price: int | None
    filled: int = 0
    can_amend: bool = True
    doubt: bool = False
    working: bool = True
    client_id: str = "tw-1"
    reason: Reason | None = None
    stop: int | None = None


def carried_out(action: Action | None, working: Working | None) -> Working | None:
    """What is working once the venue has done as asked."""
    if isinstance(action, Proposal):
        return Working(action.side, action.qty, action.price)
    if isinstance(action, Withdraw):
        return None
    if isinstance(action, Change):
        assert working is not None
        qty = action.terms.qty if action.terms.qty is not None else working.qty
        price = action.terms.price if action.terms.price is not None else working.price
        return replace(working, qty=qty, price=price)
    return working


lots = st.integers(-2_000, 2_000).map(lambda n: n * 10)
sides = st.sampled_from([BUY, SELL])
workings = st.none() | st.builds(
    Working, sides, st.integers(1, 500).map(lambda n: n * 10), st.integers(59_000_00, 61_000_00), st.integers(0, 9)
)


@given(lots, lots, st.none() | st.integers(59_000_00, 61_000_00), workings)
def test_given_a_limit_target_when_its_plan_is_carried_out_then_at_most_one_more_action_follows_and_then_none(
    want: int, position: int, limit: int | None, working: Working | None
) -> None:
    """A target needs at most a withdrawal and an order; after both, planning again gives nothing."""
    target = TargetWant(key=BTC.key, qty=want, limit=limit if limit is not None else MID)
    actions = 0
    while (action := plan_target(target, position, working, BTC, 10**9, MID)) is not None:
        working = carried_out(action, working)
        actions += 1
        assert actions <= 2


@given(lots, lots)
def test_given_a_market_target_when_the_order_fills_then_the_position_is_the_target_or_the_rest_is_dust(
    want: int, position: int
) -> None:
    """What is left after the fill is less than the venue would take as an order."""
    target = TargetWant(key=BTC.key, qty=want, limit=None)
    action = plan_target(target, position, None, BTC, 10**9, MID)
    if action is not None:
        assert isinstance(action, Proposal)
        assert action.type is OrderType.MARKET
        position += action.side.sign * action.qty
    assert BTC.notional(MID, abs(want - position)) < BTC.notional_min
    assert plan_target(target, position, None, BTC, 10**9, MID) is None


@given(lots, lots, workings)
def test_given_an_order_in_flight_when_planning_then_nothing_is_done(want: int, position: int, working: Working | None) -> None:
    """A name whose order is in flight or in doubt is occupied."""
    if working is None:
        return
    busy = replace(working, can_amend=False)
    assert plan_target(TargetWant(key=BTC.key, qty=want, limit=None), position, busy, BTC, 10**9, MID) is None
    quote = QuoteWant(key=BTC.key, name="bid", side=BUY, price=MID, qty=abs(want), post_only=True)
    assert plan_quote(quote, busy, BTC, AmendKind.REPLACE) is None


@given(workings, sides, st.integers(59_000_00, 61_000_00), st.integers(0, 500), st.sampled_from(list(AmendKind)))
def test_given_a_quote_when_its_plan_is_carried_out_then_at_most_one_more_action_follows_and_then_none(
    working: Working | None, side: Side, price: int, qty: int, amend: AmendKind
) -> None:
    """A quote needs at most a withdrawal and an order."""
    want = QuoteWant(key=BTC.key, name="bid", side=side, price=price, qty=qty * 10, post_only=True)
    actions = 0
    while (action := plan_quote(want, working, BTC, amend)) is not None:
        working = carried_out(action, working)
        actions += 1
        assert actions <= 2
    assert working is None if qty == 0 else working is not None


def test_given_a_fee_taken_from_what_was_bought_when_closing_then_only_what_is_held_is_sold() -> None:
    """Bought 0.05, fee 0.00005 in BTC: the closing sale is 0.0499, on the lot grid, not 0.05."""
    target = TargetWant(key=BTC.key, qty=0, limit=None)
    action = plan_target(target, 5_000, None, BTC, 4_995, MID)
    assert isinstance(action, Proposal)
    assert (action.side, action.qty) == (SELL, 4_990)


def test_given_a_closing_sale_that_holds_everything_when_planning_again_then_it_is_left_to_work() -> None:
    """Nothing is free to be sold because the order itself is there to sell it."""
    want = TargetWant(key=BTC.key, qty=0, limit=MID)
    sale = Working(SELL, 1_000, MID)
    assert plan_target(want, 1_000, sale, BTC, 0, MID) is None
    assert plan_target(want, 600, replace(sale, filled=400), BTC, 0, MID) is None
    assert isinstance(plan_target(replace_limit(want, MID + 100), 1_000, sale, BTC, 0, MID), Withdraw)


def test_given_an_order_that_is_filled_when_its_end_is_not_told_yet_then_it_is_not_cancelled() -> None:
    """The venue's last word on it is on its way."""
    want = TargetWant(key=BTC.key, qty=1_000, limit=None)
    assert plan_target(want, 1_000, Working(BUY, 1_000, None, filled=1_000), BTC, 0, MID) is None


def replace_limit(want: TargetWant, limit: int) -> TargetWant:
    return TargetWant(key=want.key, qty=want.qty, limit=limit)
