"""The gate: one story for each guard, and its laws."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tickwright.base.numbers import money
from tickwright.model.market import BUY, SELL
from tickwright.model.order import NewOrder, OrderType, Tif
from tickwright.model.reason import Reason
from tickwright.risk.gate import Approved, Gate, Refused, View, reduces
from tickwright.risk.halts import HaltLevel
from tickwright.risk.limits import Limits
from unit.risk.makers import BTC, CAPS, MS, NOW, S, limits, order, view

MARKET = {"type": OrderType.MARKET, "price": None, "tif": Tif.IOC}


def verdict(new: NewOrder, seen: View, rules: Limits | None = None) -> tuple[Reason, str] | None:
    """Why a fresh gate refuses, or None."""
    answer = Gate(rules or limits()).check(new, seen, NOW)
    return (answer.reason, answer.text) if isinstance(answer, Refused) else None


def test_given_an_ordinary_order_when_checked_then_it_is_approved_under_the_version_of_the_limits() -> None:
    """An approval names the limits that gave it."""
    rules = limits()
    assert Gate(rules).check(order(), view(), NOW) == Approved(order(), rules.version)


@pytest.mark.parametrize(
    ("new", "seen", "rules", "reason", "figures"),
    [
        ({}, {}, {"max_order_value": None}, Reason.NO_LIMIT_SET, "max_order_value"),
        ({}, {}, {"max_order_qty": None}, Reason.NO_LIMIT_SET, "max_order_qty"),
        ({}, {}, {"max_order_value": Decimal("5999.99")}, Reason.MAX_ORDER_VALUE, "6,000.00 USDT, the limit is 5,999.99"),
        ({}, {}, {"max_order_qty": Decimal("0.09")}, Reason.MAX_ORDER_QTY, "0.1 is above the limit 0.09"),
        ({}, {"bid": None, "ask": None, "last": None}, {}, Reason.NO_MARKET, "no market price"),
        ({}, {"bound_units": None}, {}, Reason.NO_MARKET, "no market price"),
        ({}, {"ask": float("nan")}, {}, Reason.NO_MARKET, "nan"),
        ({}, {"bid": float("inf")}, {}, Reason.NO_MARKET, "inf"),
        ({}, {"last": -1.0}, {}, Reason.NO_MARKET, "-1.0"),
        ({}, {"bid": 60_001.0}, {}, Reason.STALE_BOOK, "crossed"),
        ({}, {"market_age_ns": None}, {}, Reason.STALE_BOOK, "down"),
        ({}, {"market_age_ns": 2 * S + 1}, {}, Reason.STALE_BOOK, "2.0 s old, the limit is 2 s"),
        ({}, {"account_age_ns": None}, {}, Reason.HALT_STALE_ACCOUNT, "down"),
        ({}, {"account_age_ns": 6 * S}, {"stale_account_s": 5.0}, Reason.HALT_STALE_ACCOUNT, "6.0 s, the limit is 5 s"),
        ({}, {"clock_skew_ns": 751 * MS}, {}, Reason.HALT_CLOCK_SKEW, "751 ms, the limit is 750 ms"),
        ({}, {"clock_skew_ns": -751 * MS}, {}, Reason.HALT_CLOCK_SKEW, "751 ms"),
        ({}, {"needed_amount": money(6), "free_amount": money(5)}, {}, Reason.INSUFFICIENT_FUNDS, "needs 6.00000000, free are 5"),
        ({}, {"open_orders": 200}, {}, Reason.TOO_MANY_ORDERS, "200 orders are open, the limit is 200"),
        ({}, {"visible_qty_units": 30_000}, {"depth_share_ppm": 300_000}, Reason.DEPTH_SHARE, "0.1 of 0.3"),
        ({"reduce_only": True}, {}, {}, Reason.NOT_REDUCING, "reduce-only"),
        ({"qty": 0}, {}, {}, Reason.BAD_NUMBER, "above 0"),
        (
            {},
            {"position_units": 50_000, "working_buy_units": 30_000},
            {"max_position": Decimal("0.85")},
            Reason.MAX_POSITION,
            "0.9 long, the limit is 0.85",
        ),
        (
            {"side": SELL},
            {"position_units": -50_000, "working_sell_units": 30_000},
            {"max_position": Decimal("0.85")},
            Reason.MAX_POSITION,
            "0.9 short, the limit is 0.85",
        ),
    ],
)
def test_given_one_thing_wrong_when_checked_then_the_order_is_refused_for_it_with_figures(
    new: dict[str, Any], seen: dict[str, Any], rules: dict[str, Any], reason: Reason, figures: str
) -> None:
    """Each guard refuses alone, and says by how much."""
    answer = verdict(order(**new), view(**seen), limits(**rules))
    assert answer is not None
    assert (answer[0], figures in answer[1]) == (reason, True), answer[1]


@pytest.mark.parametrize(
    ("seen", "rules"),
    [
        ({}, {"max_order_value": Decimal(6_000)}),
        ({}, {"max_order_qty": Decimal("0.1")}),
        ({"market_age_ns": 2 * S}, {}),
        ({"clock_skew_ns": 750 * MS}, {}),
        ({"open_orders": 199}, {}),
        ({"needed_amount": money(5), "free_amount": money(5)}, {}),
        ({"position_units": 50_000, "working_buy_units": 25_000}, {"max_position": Decimal("0.85")}),
        ({"visible_qty_units": 40_000}, {"depth_share_ppm": 250_000}),
    ],
)
def test_given_a_figure_exactly_at_its_limit_when_checked_then_it_passes(seen: dict[str, Any], rules: dict[str, Any]) -> None:
    """A limit is the last value that is allowed."""
    assert verdict(order(), view(**seen), limits(**rules)) is None


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        (BUY, 61_799_49, True),  # mid 59,999.50, 3 %: 61,799.485, one tick granted
        (BUY, 61_799_51, False),
        (BUY, 61_850_00, False),
        (BUY, 30_000_00, True),  # far below: it costs nobody anything
        (SELL, 58_199_51, True),
        (SELL, 58_199_49, False),
        (SELL, 90_000_00, True),
    ],
)
def test_given_a_price_when_checked_then_only_the_side_that_costs_is_held_to_the_collar(
    side: Any, price: int, passes: bool
) -> None:
    """The collar is measured from the mid of the book, and from the last trade where that is farther out."""
    answer = verdict(order(side=side, price=price), view(bound_units=price, last=59_999.5))
    assert (answer is None) is passes
    if not passes:
        assert answer is not None
        assert answer[0] is Reason.COLLAR


def test_given_a_last_trade_beyond_the_book_when_checked_then_the_collar_starts_from_it() -> None:
    """Wider of book and last trade: a market that has just jumped is not refused."""
    assert verdict(order(price=62_500_00), view(bound_units=62_500_00, last=61_000.0)) is None


def test_given_a_hollow_book_when_a_market_order_is_checked_then_its_first_price_is_held_to_the_collar() -> None:
    """An order without a price takes what is there: what is there must be near the market."""
    seen = view(bid=60_000.0, ask=66_000.0, last=60_000.0, bound_units=67_980_00)
    answer = verdict(order(**MARKET), seen)
    assert answer is not None
    assert (answer[0], "best price 66000" in answer[1]) == (Reason.COLLAR, True)


def test_given_a_market_order_when_its_bound_is_beyond_the_collar_then_it_is_refused() -> None:
    """Market orders are checked at the worst price that was reserved for."""
    assert verdict(order(**MARKET), view(bound_units=61_800_00)) is None
    answer = verdict(order(**MARKET), view(bound_units=61_801_00))
    assert answer is not None
    assert answer[0] is Reason.COLLAR


def test_given_a_protective_stop_far_from_the_market_when_checked_then_the_collar_starts_at_the_stop() -> None:
    """A stop is priced when it wakes, not now."""
    stop = order(side=SELL, type=OrderType.STOP_LIMIT, stop=50_000_00, price=49_500_00)
    assert verdict(stop, view(bound_units=49_500_00)) is None
    wild = msgspec.structs.replace(stop, price=40_000_00)
    answer = verdict(wild, view(bound_units=40_000_00))
    assert answer is not None
    assert answer[0] is Reason.COLLAR


def test_given_a_venue_that_lacks_the_type_when_checked_then_it_is_refused_as_unsupported() -> None:
    """Capabilities are data; what is not in them is not sent."""
    caps = msgspec.structs.replace(CAPS, order_types=frozenset({OrderType.LIMIT}))
    answer = verdict(order(**MARKET), view(caps=caps, bound_units=60_000_00))
    assert answer == (Reason.UNSUPPORTED, "sim does not offer orders of type market.")


def test_given_the_venues_own_bound_of_open_orders_when_reached_then_it_is_refused() -> None:
    """The venue's bound counts even where ours is wider."""
    instrument = msgspec.structs.replace(BTC, open_orders_max=3, open_stops_max=1)
    answer = verdict(order(), view(instrument=instrument, open_orders=3))
    assert answer == (Reason.TOO_MANY_ORDERS, "3 orders are open, the venue allows 3.")
    stop = order(side=SELL, type=OrderType.STOP_LIMIT, stop=59_000_00, price=59_000_00)
    answer = verdict(stop, view(instrument=instrument, open_orders=1, open_stops=1, bound_units=59_000_00))
    assert answer == (Reason.TOO_MANY_ORDERS, "1 stops are open, the venue allows 1.")


@pytest.mark.parametrize(
    ("level", "reducing", "adding"),
    [
        (HaltLevel.RUN, None, None),
        (HaltLevel.REDUCE, None, Reason.HALTED_REDUCE),
        (HaltLevel.PAUSE, Reason.HALTED_PAUSE, Reason.HALTED_PAUSE),
        (HaltLevel.PULL, Reason.HALTED_PULL, Reason.HALTED_PULL),
        (HaltLevel.FLATTEN, None, Reason.HALTED_FLATTEN),
    ],
)
def test_given_a_level_of_the_ladder_when_checked_then_it_lets_through_what_it_says(
    level: HaltLevel, reducing: Reason | None, adding: Reason | None
) -> None:
    """REDUCE and FLATTEN let pass what brings the position nearer to zero; PAUSE and PULL nothing."""
    seen = view(halt=level, position_units=10_000)
    less, more = verdict(order(side=SELL), seen), verdict(order(), seen)
    assert ((less and less[0]), (more and more[0])) == (reducing, adding)


def test_given_six_orders_within_a_second_when_five_are_allowed_then_the_sixth_waits_for_the_first() -> None:
    """The window slides; it is not a calendar second."""
    gate = Gate(limits())
    for number in range(5):
        assert isinstance(gate.check(order(price=60_000_00 - number), view(), NOW + number * MS), Approved)
    answer = gate.check(order(price=59_000_00), view(), NOW + S - 1)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.text) == (Reason.SUBMIT_RATE, "5 orders were sent within a second.")
    assert isinstance(gate.check(order(price=59_000_00), view(), NOW + S), Approved)


def test_given_a_hundred_orders_within_a_minute_when_checked_then_the_next_waits_for_the_first() -> None:
    """Five a second for twenty seconds is all that a minute allows."""
    gate = Gate(limits())
    for number in range(100):
        assert isinstance(gate.check(order(price=60_000_00 - number), view(), NOW + number * S // 2), Approved)
    answer = gate.check(order(price=50_000_00), view(), NOW + 60 * S - 1)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.text) == (Reason.SUBMIT_RATE, "100 orders were sent within a minute.")
    assert isinstance(gate.check(order(price=50_000_00), view(), NOW + 60 * S), Approved)


def test_given_a_refused_order_when_the_next_is_checked_then_it_did_not_count() -> None:
    """Counters move on approval alone, so a wish that is refused at every tick does not block others."""
    gate = Gate(limits(submits_per_second=1))
    for _ in range(50):
        assert isinstance(gate.check(order(), view(free_amount=0), NOW), Refused)
    assert isinstance(gate.check(order(), view(), NOW), Approved)


@pytest.mark.parametrize("change", [{"side": SELL}, {"price": 59_999_99}, {"qty": 10_001}, {"key": "sim:ETH/USDT"}])
def test_given_the_same_order_again_within_a_second_when_checked_then_it_is_a_duplicate_and_another_is_not(
    change: dict[str, Any],
) -> None:
    """Same instrument, side, price and quantity, whatever its id."""
    gate = Gate(limits())
    assert isinstance(gate.check(order(), view(), NOW), Approved)
    answer = gate.check(order(client_id="tw-2"), view(), NOW + S - 1)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.text) == (Reason.DUPLICATE, "The same order was sent 1000 ms ago.")
    assert isinstance(gate.check(order(**change), view(), NOW + S - 1), Approved)
    assert isinstance(gate.check(order(client_id="tw-3"), view(), NOW + S), Approved)


def test_given_two_stops_that_differ_in_their_trigger_when_checked_then_neither_is_a_duplicate() -> None:
    """A stop's trigger is its price."""
    gate = Gate(limits())
    for trigger in (50_000_00, 51_000_00):
        stop = order(side=SELL, type=OrderType.STOP, price=None, stop=trigger)
        assert isinstance(gate.check(stop, view(bound_units=trigger), NOW), Approved)


STOP = {"type": OrderType.STOP, "price": None, "stop": 61_000_00}


def pair_on(gate: Gate, now_ns: int, *, price: int = 59_000_00, **seen: Any) -> Approved | Refused:
    """Two orders to buy, below the market and above it."""
    legs = order(price=price, post_only=True), order(client_id="tw-2", **STOP)
    both = {"caps": msgspec.structs.replace(CAPS, order_types=frozenset(OrderType))} | seen
    return gate.check_pair(legs, (view(**both), view(**(both | {"bound_units": 61_000_00}))), now_ns)


def test_given_a_pair_when_either_order_is_wrong_then_both_are_refused_and_neither_counts() -> None:
    gate = Gate(limits(submits_per_second=2))
    for number in range(5):
        assert isinstance(pair_on(gate, NOW + number, account_age_ns=None), Refused)
    answer = pair_on(gate, NOW + 5, price=66_000_00, bound_units=66_000_00)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.COLLAR
    assert isinstance(pair_on(gate, NOW + 6), Approved)


@pytest.mark.parametrize(("open_now", "passes"), [(3, True), (4, False)])
def test_given_room_for_one_order_when_a_pair_is_checked_then_it_is_refused(open_now: int, passes: bool) -> None:
    for rules, instrument in ((limits(open_orders=5), BTC), (limits(), msgspec.structs.replace(BTC, open_orders_max=5))):
        answer = pair_on(Gate(rules), NOW, open_orders=open_now, instrument=instrument)
        assert isinstance(answer, Approved) is passes
        if isinstance(answer, Refused):
            assert answer.reason is Reason.TOO_MANY_ORDERS
            assert "4 are open, the limit is 5" in answer.text


def test_given_pairs_when_one_more_would_go_past_a_rate_then_it_waits_for_both_of_its_orders() -> None:
    gate = Gate(limits(submits_per_second=3, duplicate_window_s=0.0))
    assert isinstance(pair_on(gate, NOW), Approved)
    answer = pair_on(gate, NOW + S - 1)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.SUBMIT_RATE
    assert isinstance(gate.check(order(), view(), NOW + S - 1), Approved), "there is room for one"
    assert isinstance(pair_on(gate, NOW + S), Approved)


def test_given_a_pair_that_was_sent_when_it_or_a_leg_comes_again_then_it_is_a_duplicate() -> None:
    gate = Gate(limits())
    assert isinstance(pair_on(gate, NOW), Approved)
    again = pair_on(gate, NOW + 1)
    alone = gate.check(order(price=59_000_00), view(), NOW + 1)
    for answer in (again, alone):
        assert isinstance(answer, Refused)
        assert answer.reason is Reason.DUPLICATE


def test_given_a_strategy_that_chases_the_market_when_it_has_moved_too_far_in_a_minute_then_it_is_refused() -> None:
    """Each single price may be near the market, and the market may be the strategy's own doing."""
    gate = Gate(limits(duplicate_window_s=0))
    prices = [60_000, 61_000, 62_000, 63_000, 63_001]
    answers = []
    for number, price in enumerate(prices):
        seen = view(bid=price - 1.0, ask=float(price), last=float(price), bound_units=price * 100)
        answers.append(gate.check(order(price=price * 100), seen, NOW + number * 5 * S))
    assert [isinstance(item, Approved) for item in answers] == [True, True, True, True, False]
    last = answers[-1]
    assert isinstance(last, Refused)
    assert (last.reason, "63001 is more than 5.00% from 60000" in last.text) == (Reason.HALT_ROLLING_COLLAR, True)
    seen = view(bid=63_000.0, ask=63_001.0, last=63_001.0, bound_units=63_001_00)
    other = gate.check(order(price=63_001_00, strategy="other"), seen, NOW + 25 * S)
    assert isinstance(other, Approved), "another strategy did not chase"
    assert isinstance(gate.check(order(price=63_001_00), seen, NOW + 62 * S), Approved), "the first price is forgotten"


def test_given_a_strategy_that_sells_into_a_fall_when_it_has_moved_too_far_then_it_is_refused() -> None:
    """The mirror image, for sells."""
    gate = Gate(limits())
    for price, passes in ((60_000, True), (57_000, True), (56_999, False)):
        seen = view(bid=float(price), ask=price + 1.0, last=float(price), bound_units=price * 100)
        assert isinstance(gate.check(order(side=SELL, price=price * 100), seen, NOW), Approved) is passes


def test_given_a_wide_ladder_of_resting_orders_when_checked_then_the_rolling_collar_is_not_concerned() -> None:
    """Orders that wait chase nothing."""
    gate = Gate(limits())
    for price in (59_000_00, 50_000_00, 40_000_00, 59_900_00):
        assert isinstance(gate.check(order(price=price), view(bound_units=price), NOW), Approved)


# -- laws ------------------------------------------------------------------------------------------------------------------------

PPM = st.integers(0, 200_000)
MONEY = st.integers(1, 20_000).map(Decimal)
QTY = st.integers(1, 300).map(lambda n: Decimal(n) / 100)


@st.composite
def limits_and_tighter(draw: st.DrawFn) -> tuple[Limits, Limits]:
    """Two sets of limits, the second nowhere wider than the first."""

    def lower(wide: Any, some: Any) -> Any:
        return draw(some.filter(lambda value: wide is None or value <= wide)) if draw(st.booleans()) else wide

    names: dict[str, Any] = {
        "max_order_value": MONEY,
        "max_order_qty": QTY,
        "max_position": QTY,
        "collar_ppm": PPM,
        "rolling_collar_ppm": PPM,
        "depth_share_ppm": PPM,
        "submits_per_second": st.integers(1, 4),
        "submits_per_minute": st.integers(1, 8),
        "stale_book_s": st.integers(1, 4).map(float),
        "clock_skew_ms": st.integers(0, 1_000),
        "open_orders": st.integers(1, 5),
    }
    optional = {"max_position", "rolling_collar_ppm", "depth_share_ppm"}
    wide = {name: draw(st.none() | some if name in optional else some) for name, some in names.items()}
    tight = {name: lower(wide[name], some) for name, some in names.items()}
    window = draw(st.integers(0, 3))
    wide["duplicate_window_s"], tight["duplicate_window_s"] = float(window), float(window + draw(st.integers(0, 2)))
    return Limits(**wide), Limits(**tight)


@st.composite
def orders_and_views(draw: st.DrawFn) -> tuple[NewOrder, View]:
    """An order of a few shapes in a market near 60,000, such that the same ones come again."""
    ask = draw(st.sampled_from([59_000.0, 60_000.0, 62_000.0]))
    bid = ask - draw(st.sampled_from([0.01, 1.0, 3_000.0]))
    price = draw(st.none() | st.sampled_from([58_000_00, 60_000_00, 61_500_00, 65_000_00]))
    shape: dict[str, Any] = {} if price is not None else MARKET
    new = order(
        side=draw(st.sampled_from([BUY, SELL])),
        qty=draw(st.sampled_from([1_000, 20_000, 150_000])),
        **(shape | {"price": price}),
    )
    bound = price if price is not None else round(ask * 100 * (1.01 if new.side is BUY else 0.99))
    seen = view(
        bid=bid,
        ask=ask,
        last=draw(st.none() | st.just(60_500.0)),
        bound_units=bound,
        market_age_ns=draw(st.sampled_from([0, 1_500 * MS, 3_500 * MS])),
        visible_qty_units=draw(st.sampled_from([0, 100_000])),
        position_units=draw(st.sampled_from([-100_000, 0, 100_000])),
        working_buy_units=draw(st.sampled_from([0, 50_000])),
        working_sell_units=draw(st.sampled_from([0, 50_000])),
        open_orders=draw(st.integers(0, 5)),
        halt=draw(st.sampled_from(list(HaltLevel))) if draw(st.booleans()) else HaltLevel.RUN,
        clock_skew_ns=draw(st.sampled_from([0, 300 * MS])),
    )
    return new, seen


@given(limits_and_tighter(), st.lists(st.tuples(orders_and_views(), st.integers(0, 2_500)), max_size=12))
def test_given_the_same_approvals_when_a_limit_is_tighter_then_nothing_more_is_admitted(
    pair: tuple[Limits, Limits], history: list[tuple[tuple[NewOrder, View], int]]
) -> None:
    """The gate is monotone: after the same history, what the tighter one lets pass the wider one does too."""
    wide, tight = Gate(pair[0]), Gate(pair[1])
    now = NOW
    for (new, seen), later_ms in history:
        now += later_ms * MS
        by_tight = isinstance(tight.check(new, seen, now), Approved)
        by_wide = isinstance(wide.check(new, seen, now), Approved)
        assert by_wide or not by_tight
        if by_wide != by_tight:
            break  # from here on the histories differ


@given(orders_and_views(), st.sampled_from([level for level in HaltLevel if level is not HaltLevel.RUN]))
def test_given_any_halt_when_an_order_would_add_risk_then_it_does_not_pass(case: tuple[NewOrder, View], level: HaltLevel) -> None:
    """INV-15: whatever else is true, nothing that adds risk is approved while halted."""
    new, seen = case
    seen = msgspec.structs.replace(seen, halt=level)
    assume(not reduces(new, seen))
    assert isinstance(Gate(limits(max_order_qty=Decimal(10), max_order_value=Decimal(10**6))).check(new, seen, NOW), Refused)


@given(orders_and_views())
def test_given_no_limits_when_any_order_is_checked_then_it_is_refused(case: tuple[NewOrder, View]) -> None:
    """Absent limits fail closed."""
    assert isinstance(Gate(Limits()).check(*case, NOW), Refused)


@given(orders_and_views())
def test_given_a_reducing_order_when_it_is_filled_with_all_that_works_on_its_side_then_the_position_did_not_turn(
    case: tuple[NewOrder, View],
) -> None:
    """What counts as reducing cannot overshoot zero, even if everything is filled."""
    new, seen = case
    assume(reduces(new, seen))
    working = seen.working_buy_units if new.side is BUY else seen.working_sell_units
    after = seen.position_units + new.side.sign * (new.qty + working)
    assert abs(after) < abs(seen.position_units)
    assert after * seen.position_units >= 0
