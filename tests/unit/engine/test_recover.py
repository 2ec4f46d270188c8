"""Agreeing with a venue while the run goes on, and what is put on record of it."""

from __future__ import annotations

from tickwright import BUY, Strategy, quotes
from tickwright.base.numbers import money
from tickwright.model.account import AccountUp
from tickwright.model.effect import Cancel, HaltChanged, Notice, Reconciled, TakeSnapshot, Valued
from tickwright.model.event import Command, Verb
from tickwright.model.order import Fill, OrderReport, OrderType, ReportStatus
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel
from unit.engine.world import S, World, of


class Idle(Strategy):
    """Buys once, when told to."""

    top = quotes()
    wish = ""

    def decide(self):
        if self.wish:
            self.buy(self.wish, limit="59000")
            self.wish = ""


def ready():
    """An armed run."""
    world = World(Idle())
    world.start()
    return world


def wait(world, seconds):
    """Let time pass in steps; what it caused."""
    effects = []
    for _ in range(int(seconds * 2)):
        effects += world.tick(0.5)
    return effects


def test_given_a_quiet_run_when_a_minute_has_passed_then_the_venue_is_compared_with_once():
    """The timer starts again with each question."""
    world = ready()
    (asked,) = of(wait(world, 61), TakeSnapshot)
    assert asked.why == "periodic"
    (told,) = of(world.snapshot(), Reconciled)
    assert (told.venue, told.why, told.differences) == ("sim", "periodic", ())
    assert of(wait(world, 58), TakeSnapshot) == []


def test_given_an_order_in_flight_when_a_minute_has_passed_then_the_comparison_waits_but_not_for_ever():
    """What is in flight would differ; five intervals are the most that it is put off."""
    world = ready()
    world.strategy.wish = "0.01"
    world.quote()
    assert of(wait(world, 200), TakeSnapshot) == []
    assert len(of(wait(world, 101), TakeSnapshot)) == 1


def test_given_a_balance_that_nothing_explains_when_it_stays_then_the_venue_is_paused_and_freed_when_both_agree_again():
    """Each comparison is on record with its differences, and so are the halt and its end."""
    world = ready()
    world.held["USDT"] -= money(7)
    wait(world, 61)
    first = world.snapshot()
    (told,) = of(first, Reconciled)
    assert [(line.subject, line.ours, line.theirs, line.cause) for line in told.differences] == [("USDT", "50000", "49993", "")]
    halts = []
    for _ in range(8):
        wait(world, 1.5)
        halts += of(world.snapshot(), HaltChanged)
    assert [(halt.scope, halt.level, halt.reason, halt.by) for halt in halts] == [
        ("venue:sim", "PAUSE", "halt.unexplained_difference", "")
    ]
    world.held["USDT"] += money(7)
    wait(world, 1.5)
    (over,) = of(world.snapshot(), HaltChanged)
    assert (over.level, over.by) == ("RUN", "both sides agree")


def test_given_a_person_who_pauses_and_resumes_when_it_happens_then_both_moves_are_on_record():
    """Going down the ladder names who did it."""
    world = ready()
    (up,) = of(world.feed(Command(Verb.PAUSE, world.now, "account", "lunch")), HaltChanged)
    (down,) = of(world.feed(Command(Verb.RESUME, world.now, "account", "ann")), HaltChanged)
    assert (up.level, up.reason, up.text) == (HaltLevel.PAUSE.name, Reason.HALT_BY_PERSON.value, "lunch")
    assert (down.level, down.by) == ("RUN", "ann")


def test_given_an_armed_run_when_minutes_pass_then_its_worth_is_put_on_record_once_a_minute():
    """50,000 USDT and one bitcoin at the middle of 60,000 and 60,000.01."""
    world = ready()
    told = of([*world.effects, *wait(world, 121)], Valued)
    assert len(told) == 3
    assert {item.currency for item in told} == {"USDT"}
    assert told[0].equity == money("110000.005")


def test_given_a_difference_that_nothing_explains_when_a_person_adopts_it_then_both_sides_agree_and_it_is_a_transfer():
    """The pause ends, the loss is no trading loss, and the ledger still adds up."""
    world = ready()
    world.held["USDT"] -= money(7)
    wait(world, 61)
    for _ in range(8):
        world.snapshot()
        wait(world, 1.5)
    assert world.state.halts.level_for("Idle", "sim:BTC/USDT", "sim") is HaltLevel.PAUSE
    world.feed(Command(Verb.ADOPT, world.now, "account", "fees of last month"))
    wait(world, 1.5)
    world.snapshot()
    assert world.state.halts.level_for("Idle", "sim:BTC/USDT", "sim") is HaltLevel.RUN
    assert world.state.ledger.total("USDT") == money(49_993)
    world.state.ledger.check()


def test_given_nothing_that_differs_when_a_person_adopts_then_nothing_changes():
    """It is said, and that is all."""
    world = ready()
    (told,) = of(world.feed(Command(Verb.ADOPT, world.now, "account", "")), Notice)
    assert told.what == "adopt.nothing"


def test_given_somebody_elses_order_when_a_person_adopts_it_then_it_is_ours_and_pulled_with_the_rest():
    """Before that it is left alone, whatever halts."""
    world = ready()
    report = OrderReport(
        key="sim:BTC/USDT", client_id="by-hand", venue_id="v9", side=BUY, type=OrderType.LIMIT, status=ReportStatus.OPEN, qty=1_000,
        filled=0, price=5_900_000, stop=None, reason=None, venue_ns=world.now, recv_ns=world.now,
    )  # fmt: skip
    world.feed(report)
    assert of(world.feed(Command(Verb.PULL, world.now, "account", "test")), Cancel) == []
    world.feed(Command(Verb.ADOPT, world.now, "order:by-hand", "mine"))
    world.feed(Command(Verb.RESUME, world.now, "account", "ann"))
    (cancel,) = of(world.feed(Command(Verb.PULL, world.now, "account", "test")), Cancel)
    assert cancel.ref.venue_id == "v9"


def test_given_a_fill_just_before_the_start_when_the_history_is_read_again_later_then_it_is_not_counted_again():
    """It is in the starting balances; the first look asks far enough back to know it."""
    world = World(Idle())
    world.quote()
    old = Fill(
        key="sim:BTC/USDT", client_id="by-hand", venue_id="v9", trade_id="1", side=BUY, price=5_900_000, qty=1_000, fee=0,
        fee_asset="USDT", maker=False, venue_ns=world.now - 30 * S, recv_ns=world.now,
    )  # fmt: skip
    (asked,) = of(world.feed(AccountUp("sim", world.now)), TakeSnapshot)
    assert asked.fills_since_ns < old.venue_ns
    world.snapshot(fills=(old,))
    world.tick()
    wait(world, 61)
    (told,) = of(world.snapshot(fills=(old,)), Reconciled)
    assert told.differences == ()
    assert world.state.ledger.total("USDT") == world.held["USDT"]
