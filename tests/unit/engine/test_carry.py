"""What a run leaves behind: rebuilding from its record gives what it knew, and the next run goes on from there."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright import BUY, SELL, Strategy, quotes
from tickwright.base.errors import RecoveryError
from tickwright.base.numbers import money
from tickwright.engine import carry
from tickwright.engine.build import attach
from tickwright.engine.state import EngineConfig, State
from tickwright.model.account import AccountDown, AccountUp
from tickwright.model.effect import Cancel, Submit
from tickwright.model.event import CancelOutcome, Command, Verb
from tickwright.model.order import Accepted, Rejected, ReportStatus, Unknown
from tickwright.model.reason import Reason
from tickwright.orders.kept import KeptOrder
from tickwright.orders.machine import Request, Status
from tickwright.orders.order import Order
from tickwright.risk.halts import HaltLevel
from tickwright.sim.venue_rules import sim_caps
from unit.engine.world import BTC, LIMITS, World, of


class Busy(Strategy):
    """Does what the test tells it."""

    top = quotes()

    def __init__(self, **values):
        super().__init__(**values)
        self.todo = []

    def decide(self):
        for action in self.todo:
            action(self)
        self.todo = []


class Recorded(World):
    """A run whose steps are written down as they happen."""

    def __init__(self, **kwargs):
        self.record = []
        super().__init__(Busy(), **kwargs)

    def feed(self, event):
        effects = super().feed(event)
        self.record.append((event, list(effects)))
        return effects

    def ask(self, action):
        self.strategy.todo.append(action)
        return self.quote()


def empty(prefix="twtest01-"):
    """A state that nothing has happened to."""
    config = EngineConfig(currency="USDT", limits=LIMITS, id_prefix=prefix, auto_arm=True)
    state = State(config, [sim_caps("sim")], [BTC])
    state.traded = [BTC.key]
    return state


def rebuilt(record, carried=None):
    """The record folded without any strategy."""
    state = empty()
    if carried is not None:
        carry.restore(state, carried)
    for event, effects in record:
        carry.fold(state, event, effects)
    return state


def ready(**kwargs):
    world = Recorded(**kwargs)
    world.start()
    return world


def sent(effects):
    (submit,) = of(effects, Submit)
    return submit.order


def test_given_the_fields_of_an_order_when_compared_with_what_is_kept_then_none_is_forgotten():
    """A field added to one must be added to the other."""
    assert set(Order.__slots__) == set(KeptOrder.__struct_fields__)


#: What may happen to a run, each with what it needs.
ACTS = ("buy", "sell", "quote", "amend", "cancel", "accept", "reject", "unknown", "fill", "done", "down", "up", "tick", "pause")


def perform(world, act):
    """One thing that happens."""
    orders = [order for order in world.state.orders.open_orders() if not order.foreign]
    order = orders[0].order if orders else None
    if act in ("buy", "sell"):
        side, price = (BUY, "59900") if act == "buy" else (SELL, "60100")
        world.ask(lambda s: s.order(side, "0.01", limit=price))
    elif act == "quote":
        world.ask(lambda s: s.quote("bid", BUY, "59950", "0.02"))
    elif act == "amend":
        world.ask(lambda s: s.quote("bid", BUY, "59951", "0.01"))
    elif act == "cancel":
        world.ask(lambda s: [s.cancel(handle) for handle in s.orders])
    elif act == "tick":
        world.tick(1.5)
    elif act == "down":
        world.feed(AccountDown("sim", "cut", world.now))
    elif act == "up":
        world.feed(AccountUp("sim", world.now))
        world.snapshot()
    elif act == "pause":
        world.feed(Command(Verb.REDUCE, world.now, "account", "test"))
    elif order is not None:
        answer(world, act, order)


def answer(world, act, order):
    """What the venue says of the oldest order."""
    held = world.state.orders.get(order.client_id)
    if act == "accept":
        world.accept(order)
    elif act == "reject" and held.request is Request.SUBMIT:
        world.answer(order, Rejected(reason=Reason.VENUE_FUNDS))
    elif act == "unknown" and held.request is Request.SUBMIT:
        world.answer(order, Unknown(why="lost"))
    elif act == "fill" and held.left >= 100:
        world.fill(order, 100, fee=7)
    elif act == "done":
        world.report(order, ReportStatus.DONE, Reason.CANCELED, filled=held.filled)


@given(st.lists(st.sampled_from(ACTS), max_size=25), st.integers(0, 25))
def test_given_any_run_when_rebuilt_from_its_record_then_it_knows_what_the_run_knew(acts, cut):
    """At every checkpoint, and from a checkpoint on as from the beginning."""
    world = ready()
    middle, at = None, 0
    for number, act in enumerate(acts):
        if number == cut:
            middle, at = carry.keep(world.state), len(world.record)
        perform(world, act)
    known = carry.keep(world.state)
    assert carry.keep(rebuilt(world.record)) == known
    assert carry.decode(carry.encode(known)) == known
    if middle is not None:
        later = rebuilt(world.record[at:], middle)
        theirs, ours = carry.keep(later), known
        assert theirs.ledger == ours.ledger
        assert {item.client_id: item.status for item in theirs.orders.open} == {
            item.client_id: item.status for item in ours.orders.open
        }


@given(st.lists(st.sampled_from(ACTS), max_size=25))
def test_given_any_run_when_kept_and_restored_then_keeping_again_gives_the_same(acts):
    """Recovering twice is recovering once."""
    world = ready()
    for act in acts:
        perform(world, act)
    known = carry.keep(world.state)
    state = empty()
    carry.restore(state, known)
    state.now_ns = known.at_ns
    assert carry.keep(state) == known
    state.ledger.check()


def gone_on(world):
    """The run after a crash of ``world``: restored, the same strategy attached, nothing heard yet."""
    state = rebuilt(world.record)
    later = World(Busy())
    later.state = empty("twtest02-")
    carry.restore(later.state, carry.keep(state))
    attach(later.state, later.strategy)
    carry.take_over(later.state, world.now, strategy_changed=False)
    later.now, later.held, later.trade_id = world.now, world.held, world.trade_id
    return later


def begin(later, *orders):
    """Connected and compared."""
    later.quote()
    later.feed(AccountUp("sim", later.now))
    later.snapshot(*orders)
    later.tick()
    return later.quote()


def test_given_an_order_whose_answer_never_came_when_the_program_starts_again_then_it_is_in_doubt_and_funds_stay_held():
    """The intent was on record; whether the bytes had left nobody knows, so the venue is asked."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    later = gone_on(world)
    (held,) = later.state.orders.in_doubt()
    assert held.client_id == order.client_id
    assert later.state.ledger.reserved("USDT") == BTC.notional(5_900_000, 1_000)
    assert [handle.client_id for handle in later.strategy.orders] == [order.client_id]


def test_given_a_working_order_when_the_program_starts_again_then_it_is_the_strategys_own_and_can_be_cancelled():
    """It is not somebody else's because another process made it."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    later = gone_on(world)
    begin(later, world.report_of(order, ReportStatus.OPEN))
    later.strategy.todo.append(lambda s: s.cancel(s.orders[0]))
    (cancel,) = of(later.quote(), Cancel)
    assert cancel.ref.client_id == order.client_id
    assert not later.state.orders.get(order.client_id).foreign


def test_given_a_quote_that_works_when_the_program_starts_again_then_its_name_is_occupied_and_nothing_is_sent_twice():
    """The same want finds its order."""
    world = ready()
    order = sent(world.ask(lambda s: s.quote("bid", BUY, "59000", "0.01")))
    world.accept(order)
    later = gone_on(world)
    begin(later, world.report_of(order, ReportStatus.OPEN))
    later.strategy.todo.append(lambda s: s.quote("bid", BUY, "59000", "0.01"))
    assert of(later.quote(), Submit) == []


def test_given_a_fill_that_came_while_nobody_ran_when_compared_then_it_is_found_in_the_history_and_counted_once():
    """The position and the balances follow, and both sides agree."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    away = world.record[:]
    world.fill(order, price=5_900_000)
    fill = world.record[-1][0]
    world.record = away
    later = gone_on(world)
    later.quote()
    later.feed(AccountUp("sim", later.now))
    later.snapshot(fills=(fill,))
    later.snapshot(fills=(fill,))
    assert later.strategy.position == Decimal("0.01")
    assert later.state.venues["sim"].reconciled
    assert later.state.ledger.reserved("USDT") == 0


def test_given_a_cancel_whose_answer_never_came_when_the_program_starts_again_then_the_order_is_in_doubt():
    """It may have been cancelled or may still work."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    world.ask(lambda s: s.cancel(s.orders[0]))
    held = gone_on(world).state.orders.get(order.client_id)
    assert (held.status, held.request, held.doubt) == (Status.LIVE, Request.CANCEL, True)


def test_given_a_halt_when_the_program_starts_again_then_it_stands_until_a_person_lifts_it():
    """Nothing is sent by the next run either."""
    world = ready()
    world.feed(Command(Verb.PAUSE, world.now, "account", "news"))
    later = gone_on(world)
    later.strategy.todo.append(lambda s: s.buy("0.01", limit="59000"))
    begin(later)
    assert of(later.effects, Submit) == []
    assert later.state.halts.level_for("Busy", BTC.key, "sim") is HaltLevel.PAUSE
    later.feed(Command(Verb.RESUME, later.now, "account", "ann"))
    later.strategy.todo.append(lambda s: s.buy("0.01", limit="59000"))
    assert len(of(later.quote(), Submit)) == 1


def test_given_a_strategy_that_raised_when_it_was_changed_then_it_may_trade_and_unchanged_it_may_not():
    """The defect is what was halted, not the name."""
    world = ready()
    world.ask(lambda s: 1 / 0)
    kept = carry.keep(rebuilt(world.record))
    for changed, level in ((False, HaltLevel.PULL), (True, HaltLevel.RUN)):
        state = empty()
        carry.restore(state, kept)
        attach(state, Busy())
        carry.take_over(state, world.now, strategy_changed=changed)
        assert state.halts.level_for("Busy", BTC.key, "sim") is level
        assert state.runtimes[0].halted is not changed


def test_given_a_loss_of_today_when_the_program_starts_again_then_it_counts_from_where_the_day_began():
    """The reference of the daily loss and the peak are those of the first run."""
    limits = msgspec.structs.replace(LIMITS, daily_loss=Decimal(5_000))
    world = ready(limits=limits)
    world.tick(1)
    world.quote(bid=57_000.0, ask=57_000.01)
    world.tick(1)
    state = rebuilt(world.record)
    assert state.watch.day_start == money("110000.005")
    assert carry.keep(state).watch.peak == money("110000.005")


def test_given_a_journal_of_another_venue_when_restored_then_it_says_so():
    """An account is not carried to another exchange."""
    kept = carry.keep(ready().state)
    state = State(EngineConfig(currency="USDT", limits=LIMITS, id_prefix="twx-", auto_arm=True), [sim_caps("other")], [])
    with pytest.raises(RecoveryError, match="sim"):
        carry.restore(state, kept)


def test_given_bytes_that_are_no_kept_state_when_decoded_then_it_is_one_error():
    """Whatever the bytes."""
    with pytest.raises(RecoveryError):
        carry.decode(b'{"at_ns": "soon"}')


def test_given_an_accepted_cancel_when_rebuilt_then_the_order_waits_for_its_report_as_it_did():
    """Row 9: an accepted cancel ends nothing."""
    world = ready()
    order = sent(world.ask(lambda s: s.buy("0.01", limit="59000")))
    world.accept(order)
    world.ask(lambda s: s.cancel(s.orders[0]))
    world.feed(CancelOutcome(order.client_id, Accepted(venue_id=f"v{order.client_id}", at_ns=world.now), world.now))
    assert carry.keep(rebuilt(world.record)) == carry.keep(world.state)
