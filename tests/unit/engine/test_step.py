"""The engine as stories: events in, effects out, and what the account holds."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tickwright import BUY, DOWN, SELL, Strategy, param, quotes, sma, trades
from tickwright.base.errors import StrategyError
from tickwright.model.account import AccountDown, AccountUp
from tickwright.model.caps import AmendKind
from tickwright.model.effect import Amend, Cancel, Find, Notice, Stopped, Submit, TakeSnapshot
from tickwright.model.event import AmendOutcome, CancelOutcome, Command, FindOutcome, Verb
from tickwright.model.market import Channel, FeedDown, FeedUp
from tickwright.model.order import Absent, Accepted, AmendTerms, CouldNotAsk, Found, OrderType, Rejected, ReportStatus, Unknown
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel
from tickwright.strategy.intents import Change
from unit.engine.world import BTC, LIMITS, S, World, of


class Idle(Strategy):
    """Does what the test tells it."""

    top = quotes()

    def __init__(self, **values):
        super().__init__(**values)
        self.todo = []
        self.heard = []

    def decide(self):
        for action in self.todo:
            action(self)
        self.todo = []

    def on_order(self, order):
        self.heard.append(order.state)

    def on_fill(self, fill):
        self.heard.append(("fill", fill.qty, fill.price))


def ready(**kwargs):
    """An armed run of an idle strategy."""
    world = World(Idle(), **kwargs)
    world.start()
    return world


def ask(world, action):
    """Have the strategy do something at the next quote; the effects."""
    world.strategy.todo.append(action)
    return world.quote()


def sent(effects):
    """The one order that was submitted."""
    (submit,) = of(effects, Submit)
    return submit.order


def test_given_a_run_that_was_not_reconciled_when_it_asks_to_buy_then_nothing_is_sent():
    """Before the first agreement with the venue the strategy is not even asked."""
    world = World(Idle())
    world.strategy.todo.append(lambda s: s.buy("0.01"))
    world.quote()
    world.feed(AccountUp("sim", world.now))
    world.tick()
    assert of(world.effects, Submit) == []
    assert len(of(world.effects, TakeSnapshot)) == 1


def test_given_an_armed_run_when_it_buys_then_funds_are_held_before_the_order_leaves():
    """The reservation is the worst the order can cost, and is there when the effect is."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    assert (order.side, order.qty, order.price, order.type) == (BUY, 1_000, 5_900_000, OrderType.LIMIT)
    assert order.client_id.startswith("twtest00-")
    assert world.state.ledger.reserved("USDT") == BTC.notional(5_900_000, 1_000)


def test_given_a_filled_order_when_all_is_told_then_position_and_balances_follow_and_nothing_stays_reserved():
    """Ack, fill and report in order."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01")))
    world.accept(order)
    world.fill(order, fee=600)
    world.report(order, ReportStatus.DONE, Reason.FILLED, filled=order.qty)
    assert world.strategy.position == Decimal("0.01")
    assert world.state.ledger.reserved("USDT") == 0
    assert world.state.ledger.total("USDT") == world.held["USDT"]
    assert ("fill", Decimal("0.01000"), Decimal("60000.01")) in world.strategy.heard


def test_given_a_fill_before_the_ack_when_the_ack_comes_then_it_is_counted_once():
    """The stream may overtake the answer."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01")))
    world.fill(order)
    world.accept(order)
    assert world.strategy.position == Decimal("0.01")
    assert world.state.counters.fills == 1


def test_given_an_unknown_outcome_when_time_passes_then_the_venue_is_asked_and_nothing_is_sent_again():
    """Unknown stays in doubt, funds stay held; Absent twice after the fence ends it."""
    world = ready()
    effects = ask(world, lambda s: s.target("0.01"))
    order = sent(effects)
    world.answer(order, Unknown(why="timeout"))
    held = world.state.ledger.reserved("USDT")
    assert held > 0
    finds = 0
    for _ in range(300):
        for effect in world.tick(0.1):
            if isinstance(effect, Find):
                finds += 1
                world.feed(FindOutcome(effect.ref, Absent(source="query"), world.now))
        world.quote()
        if world.state.orders.get(order.client_id).status.name == "DONE":
            break
        assert world.state.ledger.reserved("USDT") == held
        assert len(of(world.effects, Submit)) == 1
    assert finds >= 2
    assert world.state.orders.get(order.client_id).reason is Reason.NEVER_REACHED


def test_given_a_doubt_when_the_venue_cannot_be_asked_then_it_never_ends_as_absent():
    """Not having been able to ask is not an answer."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01")))
    world.answer(order, Unknown(why="reset"))
    for _ in range(600):
        for effect in world.tick(0.1):
            if isinstance(effect, Find):
                world.feed(FindOutcome(effect.ref, CouldNotAsk(why="down"), world.now))
    assert world.state.orders.get(order.client_id).doubt
    assert world.state.ledger.reserved("USDT") > 0


def test_given_a_lost_reply_when_the_order_is_found_filled_then_its_fills_are_posted():
    """The venue had executed it after all."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01")))
    world.answer(order, Unknown(why="lost"))
    found = None
    for _ in range(300):
        for effect in world.tick(0.1):
            if isinstance(effect, Find):
                found = effect
        if found:
            break
    assert found is not None
    before = len(of(world.effects, Submit))
    world.fill(order)
    world.feed(
        FindOutcome(found.ref, Found(order=world.report_of(order, ReportStatus.DONE, Reason.FILLED, order.qty)), world.now)
    )
    assert world.strategy.position == Decimal("0.01")
    assert not world.state.orders.in_doubt()
    assert len(of(world.effects, Submit)) == before


def test_given_a_standing_target_when_its_order_is_in_doubt_then_no_second_order_is_sent():
    """The name is occupied."""
    world = ready()
    order = sent(ask(world, lambda s: s.target("0.01")))
    world.answer(order, Unknown(why="timeout"))
    for _ in range(20):
        ask(world, lambda s: s.target("0.02"))
        world.tick()
    assert len(of(world.effects, Submit)) == 1


def test_given_an_order_above_the_limit_when_asked_then_it_is_refused_with_a_reason_and_the_run_goes_on():
    """A refusal has the figures, and the handle knows."""
    world = ready()
    handles = []
    effects = ask(world, lambda s: handles.append(s.buy("0.9")))
    assert of(effects, Submit) == []
    assert handles[0].state == "refused"
    assert handles[0].reason is Reason.MAX_ORDER_VALUE
    assert world.state.counters.refusals == {Reason.MAX_ORDER_VALUE.value: 1}
    sent(ask(world, lambda s: s.buy("0.01")))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda s: s.buy("0.01", limit="59000.005"), "has more than 2 decimal places"),
        (lambda s: s.buy("0.00001", limit="59000"), Reason.OFF_LOT),
        (lambda s: s.buy("0.0001", limit="1"), Reason.NOTIONAL_TOO_SMALL),
        (lambda s: s.buy("0.01", limit="70000"), Reason.COLLAR),
        (lambda s: s.sell("0.01", reduce_only=True), Reason.NOT_REDUCING),
        (lambda s: s.buy(0.01), "use self.instrument.qty"),
    ],
)
def test_given_an_order_that_makes_no_sense_when_asked_then_it_is_refused_or_the_strategy_is_told(call, reason):
    """Off the grid, too small, too far, not offered: never sent."""
    world = ready()
    effects = ask(world, call)
    assert of(effects, Submit) == []
    if isinstance(reason, Reason):
        assert reason.value in world.state.counters.refusals
    else:
        assert any(reason in notice.text for notice in of(effects, Notice))


def test_given_a_strategy_that_raises_when_it_decides_then_it_is_halted_and_its_orders_are_cancelled():
    """Nothing else stops."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    effects = ask(world, lambda s: 1 / 0)
    assert any("ZeroDivisionError" in notice.text and "line" in notice.text for notice in of(effects, Notice))
    assert [cancel.ref.client_id for cancel in of(effects + world.tick(), Cancel)] == [order.client_id]
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []


def test_given_a_users_check_that_refuses_when_an_order_is_asked_then_it_is_not_sent():
    """``authorise`` comes after the gate and has the last word."""

    class Careful(Idle):
        def authorise(self, order, account):
            return "not today" if order.qty > 1_000 else True

    world = World(Careful())
    world.start()
    assert of(ask(world, lambda s: s.buy("0.02")), Submit) == []
    assert Reason.USER_REFUSED.value in world.state.counters.refusals
    sent(ask(world, lambda s: s.buy("0.01")))


def test_given_a_users_check_that_refuses_when_an_order_is_to_be_amended_then_it_stays_as_it_is():
    """``authorise`` sees the order as it would be, and its refusal changes nothing."""
    seen = []

    class Careful(Idle):
        def authorise(self, order, account):
            seen.append((order.qty, order.price))
            return order.price != 5_999_500 or "not that high"

    world = World(Careful())
    world.start()
    order = sent(ask(world, lambda s: s.quote("bid", BUY, "59990", "0.01")))
    world.accept(order)
    held = world.state.ledger.reserved("USDT")
    assert of(ask(world, lambda s: s.quote("bid", BUY, "59995", "0.01")), Amend) == []
    assert seen == [(1_000, 5_999_000), (1_000, 5_999_500)]
    assert world.state.ledger.reserved("USDT") == held
    assert Reason.USER_REFUSED.value in world.state.counters.refusals
    later = ask(world, lambda s: s.quote("bid", BUY, "59980", "0.01")) + world.tick(1.1) + world.quote() + world.tick(1.1)
    (amend,) = of(later, Amend)
    assert amend.terms.price == 5_998_000


def test_given_quotes_when_the_feed_goes_down_then_they_are_pulled_and_come_back_with_it():
    """Stale data prices nothing."""
    world = ready()
    order = sent(ask(world, lambda s: s.quote("bid", BUY, s.instrument.price(59_990.0, DOWN), "0.01")))
    world.accept(order)
    effects = world.feed(FeedDown(BTC.key, Channel.QUOTES, "silent", world.now))
    assert [cancel.ref.client_id for cancel in of(effects, Cancel)] == [order.client_id]
    world.feed(CancelOutcome(order.client_id, Accepted(venue_id="", at_ns=world.now), world.now))
    world.report(order, ReportStatus.DONE, Reason.CANCELED)
    assert of(world.tick(), Submit) == []
    world.feed(FeedUp(BTC.key, Channel.QUOTES, world.now))
    back = world.quote() + world.tick(1.1) + world.quote() + world.tick(1.1)
    assert len(of(back, Submit)) == 1


def test_given_a_quote_when_its_price_changes_then_it_is_amended_and_the_worse_of_both_is_held():
    """The simulated venue amends in place."""
    world = ready()
    order = sent(ask(world, lambda s: s.quote("bid", BUY, "59990", "0.01")))
    world.accept(order)
    effects = ask(world, lambda s: s.quote("bid", BUY, "59995", "0.01"))
    (amend,) = of(effects, Amend)
    assert amend.terms.price == 5_999_500
    assert world.state.ledger.reserved("USDT") == BTC.notional(5_999_500, 1_000)


def test_given_old_market_data_when_an_order_is_asked_then_it_is_refused():
    """Age is measured by the engine's clock."""
    world = ready()
    world.now += 5 * S
    world.tick()
    world.strategy.buy("0.01")
    effects = world.tick()
    assert of(effects, Submit) == []
    assert Reason.STALE_BOOK.value in world.state.counters.refusals


def test_given_the_account_stream_lost_when_it_returns_then_missed_fills_are_taken_from_the_snapshot():
    """Nothing new is sent in between, and both sides agree after."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    world.feed(AccountDown("sim", "reset", world.now))
    assert of(ask(world, lambda s: s.buy("0.02", limit="59000")), Submit) == []
    world.held["BTC"] += BTC.base_amount(1_000)
    world.held["USDT"] -= BTC.notional(5_900_000, 1_000)
    missed = msgspec.convert(
        {
            "key": BTC.key, "client_id": order.client_id, "venue_id": "v", "trade_id": "77", "side": "buy", "price": 5_900_000, "qty": 1_000,
            "fee": 0, "fee_asset": "", "maker": True, "venue_ns": world.now, "recv_ns": world.now, "is": "fill",
        },
        type=__import__("tickwright.model.order", fromlist=["Fill"]).Fill,
    )  # fmt: skip
    world.now += S
    world.feed(AccountUp("sim", world.now))
    world.now += S // 100
    world.snapshot(fills=(missed,))
    assert world.strategy.position == Decimal("0.01")
    assert world.state.reconciliation.agrees
    assert world.state.venues["sim"].reconciled


def test_given_a_difference_that_nothing_explains_when_it_stays_then_new_orders_are_paused():
    """It is never made to agree."""
    world = ready()
    world.feed(AccountDown("sim", "reset", world.now))
    world.held["USDT"] -= 10**18
    world.feed(AccountUp("sim", world.now))
    for _ in range(8):
        world.tick(1.1)
        world.snapshot()
    assert not world.state.venues["sim"].reconciled
    assert world.state.halts.level_for("Idle", BTC.key, "sim") >= HaltLevel.PAUSE
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []
    assert world.state.ledger.total("USDT") == world.held["USDT"] + 10**18


def test_given_a_person_who_pulls_when_orders_work_then_they_are_cancelled_and_nothing_new_is_sent():
    """The ladder takes effect in the same step."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    effects = world.feed(Command(Verb.PULL, world.now, why="test"))
    assert [cancel.ref.client_id for cancel in of(effects, Cancel)] == [order.client_id]
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []


def test_given_rejections_in_a_row_when_the_limit_is_reached_then_new_orders_are_paused():
    """Knocking on goes unanswered five times."""
    world = ready(limits=msgspec.structs.replace(LIMITS, duplicate_window_s=0.0))
    for number in range(5):
        order = sent(ask(world, lambda s, n=number: s.buy("0.01", limit=str(59_000 + n))))
        world.answer(order, Rejected(reason=Reason.VENUE_FUNDS))
        world.tick(1.0)
        world.quote()
    assert Reason.HALT_REJECT_STREAK.value in world.state.counters.halts
    assert world.state.ledger.reserved("USDT") == 0


def test_given_a_stop_when_orders_work_then_they_are_cancelled_and_the_last_comparison_decides():
    """Cancelled, compared, stopped clean."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    effects = world.feed(Command(Verb.STOP, world.now, why="test"))
    assert len(of(effects, Cancel)) == 1
    world.report(order, ReportStatus.DONE, Reason.CANCELED)
    assert len(of(world.tick(), TakeSnapshot)) == 1
    (stopped,) = of(world.snapshot(), Stopped)
    assert stopped.clean


def test_given_the_same_events_when_fed_twice_then_the_effects_are_the_same():
    """There is no other input."""

    def story():
        world = ready()
        order = sent(ask(world, lambda s: s.target("0.02")))
        world.accept(order)
        world.fill(order, qty=1_000)
        world.fill(order, qty=1_000)
        ask(world, lambda s: s.target(0))
        world.tick()
        return [msgspec.json.encode(effect) for effect in world.effects]

    assert story() == story()


def test_given_a_sale_of_more_than_is_held_when_asked_then_it_is_refused():
    """Spot: what is not there cannot be sold."""
    world = ready(btc=0)
    assert of(ask(world, lambda s: s.sell("0.01")), Submit) == []
    assert Reason.INSUFFICIENT_FUNDS.value in world.state.counters.refusals


def test_given_a_strategy_on_trades_when_only_quotes_come_then_it_is_not_asked():
    """``decide`` runs only when something it asked for changed."""

    class Trades(Idle):
        top = trades()

    world = World(Trades())
    world.start()
    assert world.state.runtimes[0].decisions == 0
    assert SELL.sign == -1


def test_given_a_doubt_that_does_not_end_when_it_is_old_then_its_venue_goes_reduce_only():
    """Past its fence by ten seconds."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01")))
    world.answer(order, Unknown(why="reset"))
    for _ in range(400):
        for effect in world.tick(0.1):
            if isinstance(effect, Find):
                world.feed(FindOutcome(effect.ref, CouldNotAsk(why="down"), world.now))
    assert world.state.halts.level_for("Idle", BTC.key, "sim") is HaltLevel.REDUCE


def test_given_a_position_when_a_person_flattens_then_it_is_closed_and_the_strategys_target_waits():
    """Cancelled first, then sold; what the strategy wants is not asked."""
    world = ready()
    order = sent(ask(world, lambda s: s.target("0.02")))
    world.accept(order)
    world.fill(order)
    world.report(order, ReportStatus.DONE, Reason.FILLED, filled=order.qty)
    world.now += 2 * S
    world.quote()
    effects = world.feed(Command(Verb.FLATTEN, world.now, why="test")) + world.tick() + world.quote()
    (submit,) = of(effects, Submit)
    assert (submit.order.side, submit.order.qty) == (SELL, 2_000)


def test_given_a_stage_of_the_users_that_raises_when_it_is_fed_then_its_strategy_is_halted_and_the_run_goes_on():
    """A transform is the user's code as much as ``decide`` is."""

    class Fragile(Idle):
        inverse = quotes() >> (lambda quote: 1 / (quote.bid - 60_000.5))

    world = World(Fragile())
    world.start()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    effects = world.quote(bid=60_000.5, ask=60_000.51)
    assert any("ZeroDivisionError" in notice.text for notice in of(effects, Notice))
    assert [cancel.ref.client_id for cancel in of(world.tick(), Cancel)] == [order.client_id]
    assert of(world.quote(bid=60_000.5, ask=60_000.51), Notice) == []
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []


def test_given_a_parameter_inside_an_expression_when_it_is_set_then_the_stage_takes_it():
    """``ema(length)`` is made with the run's own value."""

    class Tuned(Idle):
        length = param(3, low=1)
        mean = quotes() >> (lambda quote: quote.bid) >> sma(length)

    world = World(Tuned(length="2"))
    world.quote(bid=10.0, ask=11.0)
    assert not world.strategy.mean.ready
    world.quote(bid=20.0, ask=21.0)
    assert world.strategy.mean.value == 15.0


def test_given_a_parameter_that_a_stage_does_not_take_when_attached_then_the_strategy_is_told():
    """One line, before anything is connected."""

    class Wrong(Idle):
        length = param(3)
        mean = quotes() >> (lambda quote: quote.bid) >> sma(length)

    with pytest.raises(StrategyError, match="Wrong"):
        World(Wrong(length="0"))


def test_given_a_person_who_disarms_when_time_passes_then_it_stays_disarmed_until_armed_again():
    """Arming by itself is for the start of a run only."""
    world = ready()
    world.feed(Command(Verb.DISARM, world.now, why="test"))
    for _ in range(20):
        world.tick()
        world.quote()
    assert not world.state.armed
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []
    world.feed(Command(Verb.ARM, world.now, why="test"))
    sent(ask(world, lambda s: s.buy("0.01")))


def test_given_a_halt_when_a_person_resumes_without_a_word_then_orders_pass_again():
    """Nobody has to say why."""
    world = ready()
    world.feed(Command(Verb.PAUSE, world.now, why="test"))
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []
    world.feed(Command(Verb.RESUME, world.now))
    sent(ask(world, lambda s: s.buy("0.01")))


@pytest.mark.parametrize("scope", ["acount", "venue:nowhere", "instrument:", "strategy:Idel"])
def test_given_a_scope_that_names_nothing_when_a_person_pauses_then_the_whole_account_is_paused(scope):
    """A halt that halts nothing would be believed."""
    world = ready()
    world.feed(Command(Verb.PAUSE, world.now, scope=scope, why="test"))
    assert of(ask(world, lambda s: s.buy("0.01")), Submit) == []


def test_given_an_account_stream_that_was_silent_from_the_start_when_fills_are_missing_then_history_is_asked_for():
    """As far back as the order's beginning, whatever the stream has said."""
    world = ready()
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    effects = world.answer(
        order,
        Accepted(venue_id="v1", at_ns=world.now, reports=(world.report_of(order, ReportStatus.DONE, Reason.FILLED, 1_000),)),
    )
    (asked,) = of(effects, TakeSnapshot)
    created = world.state.orders.get(order.client_id).created_ns
    assert 0 < asked.fills_since_ns <= created


def test_given_a_stream_lost_before_it_said_anything_when_it_returns_then_history_is_asked_for_from_the_start():
    """What may have been missed began with the first comparison."""
    world = ready()
    world.feed(AccountDown("sim", "reset", world.now))
    (asked,) = of(world.feed(AccountUp("sim", world.now)), TakeSnapshot)
    assert asked.fills_since_ns > 0


def test_given_nearly_all_funds_in_one_quote_when_it_is_amended_in_place_then_what_it_holds_counts_as_free():
    """It takes its own funds over."""
    world = ready(usdt=700)
    order = sent(ask(world, lambda s: s.quote("bid", BUY, "59990", "0.011")))
    world.accept(order)
    assert len(of(ask(world, lambda s: s.quote("bid", BUY, "59991", "0.011")), Amend)) == 1


def test_given_a_replacement_in_doubt_when_the_old_order_is_amended_again_then_nothing_is_sent():
    """It may still arrive: a third order in one place would be one too many."""
    world = ready()
    venue = world.state.venues["sim"]
    venue.caps = msgspec.structs.replace(venue.caps, amend=AmendKind.REPLACE)
    order = sent(ask(world, lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    world.tick(1.1)
    (first,) = of(ask(world, lambda s: s.amend(s.orders[0], limit="59001")), Amend)
    world.feed(AmendOutcome(order.client_id, Unknown(why="lost"), world.now))
    world.tick(30)
    world.feed(world.report_of(order, ReportStatus.OPEN))
    assert world.state.orders.get(order.client_id).can_amend
    assert world.state.orders.get(first.terms.client_id).doubt

    def again(strategy):
        strategy._actions.append(Change(order.client_id, AmendTerms(qty=None, price=5_900_200)))
        strategy._dirty = True

    assert of(ask(world, again), Amend) == []


def test_given_post_only_orders_that_would_take_when_rejected_in_a_row_then_nothing_is_paused_and_other_rejections_count_on():
    """A market maker meets them all day; they neither make a streak nor end one."""
    world = ready(limits=msgspec.structs.replace(LIMITS, reject_streak=2, submits_per_second=50))

    def rejected(reason, price):
        order = sent(ask(world, lambda s: s.buy("0.01", limit=price, post_only=True)))
        world.answer(order, Rejected(reason=reason))
        return world.state.halts.level_for("Idle", BTC.key, "sim")

    for number in range(5):
        assert rejected(Reason.VENUE_WOULD_TAKE, f"5900{number}") is HaltLevel.RUN
    assert rejected(Reason.VENUE_FUNDS, "59010") is HaltLevel.RUN
    assert rejected(Reason.VENUE_WOULD_TAKE, "59011") is HaltLevel.RUN
    assert rejected(Reason.VENUE_FUNDS, "59012") is HaltLevel.PAUSE
