"""A position that is to have a stop has one: of its size, at the venue, through fills, the venue's own doings and a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tickwright import SELL, Strategy, quotes
from tickwright.engine import carry
from tickwright.engine.build import attach
from tickwright.engine.state import State
from tickwright.model.effect import Cancel, Effect, Protected, Submit
from tickwright.model.event import CancelOutcome
from tickwright.model.order import Accepted, NewOrder, OrderType, ReportStatus
from tickwright.model.reason import Reason
from tickwright.sim.venue_rules import sim_caps
from unit.engine.world import BTC, World, of


class Idle(Strategy):
    """Does what the test says at its next decision."""

    top = quotes()
    do: Callable[[Any], None] | None = None

    def decide(self) -> None:
        if self.do is not None:
            do, self.do = self.do, None
            do(self)


def ask(world: World, what: Callable[[Any], None]) -> list[Effect]:
    world.strategy.do = what  # type: ignore[attr-defined]  # an Idle
    return world.quote()


def later(world: World, seconds: float = 3.0) -> list[Effect]:
    """What happens by itself."""
    effects: list[Effect] = []
    for _ in range(int(seconds / 0.5)):
        effects += world.tick(0.5) + world.quote()
    return effects


def held(qty: str = "0.01") -> World:
    """A run that has bought, and wants a stop at 57000."""
    world = World(Idle())
    world.start()
    (submit,) = of(ask(world, lambda s: s.buy(qty, limit="60000.01")), Submit)
    world.accept(submit.order)
    world.fill(submit.order)
    world.report(submit.order, ReportStatus.DONE, Reason.FILLED, filled=submit.order.qty)
    return world


def protected(qty: str = "0.01") -> tuple[World, NewOrder]:
    world = held(qty)
    effects = ask(world, lambda s: s.protect(stop="57000"))
    (submit,) = of(effects, Submit)
    world.accept(submit.order)
    return world, submit.order


def test_a_position_gets_a_stop_of_its_size() -> None:
    world, order = protected()
    assert (order.side, order.type, order.qty, order.stop, order.price) == (SELL, OrderType.STOP, 1_000, 5_700_000, None)
    assert of(later(world), Submit) == []


def test_without_a_position_there_is_none_until_there_is_one() -> None:
    world = World(Idle())
    world.start()
    assert of(ask(world, lambda s: s.protect(stop="57000", limit="56900")), Submit) == []
    (bought,) = of(ask(world, lambda s: s.buy("0.02", limit="60000.01")), Submit)
    world.accept(bought.order)
    (stop,) = of(world.fill(bought.order), Submit)
    assert (stop.order.type, stop.order.qty, stop.order.price) == (OrderType.STOP_LIMIT, 2_000, 5_690_000)


def test_when_the_position_grows_the_stop_is_replaced_by_one_of_the_new_size() -> None:
    world, order = protected()
    (more,) = of(ask(world, lambda s: s.buy("0.005", limit="60000.01")), Submit)
    world.accept(more.order)
    (cancel,) = of(world.fill(more.order), Cancel)
    assert cancel.ref.client_id == order.client_id
    world.feed(CancelOutcome(order.client_id, Accepted(venue_id="", at_ns=world.now), world.now))
    (again,) = of(world.report(order, ReportStatus.DONE, Reason.CANCELED) + later(world), Submit)
    assert (again.order.qty, again.order.stop) == (1_500, 5_700_000)


def test_when_the_venue_ends_the_stop_it_is_placed_again() -> None:
    world, order = protected()
    (again,) = of(world.report(order, ReportStatus.DONE, Reason.EXPIRED) + later(world), Submit)
    assert (again.order.qty, again.order.stop) == (order.qty, order.stop)
    assert again.order.client_id != order.client_id


def test_what_a_target_is_to_sell_is_set_free_first() -> None:
    world, order = protected()
    effects = ask(world, lambda s: s.target(0))
    (cancel,) = of(effects, Cancel)
    assert of(effects, Submit) == [], "both could trade"
    assert cancel.ref.client_id == order.client_id
    world.feed(CancelOutcome(order.client_id, Accepted(venue_id="", at_ns=world.now), world.now))
    (sale,) = of(world.report(order, ReportStatus.DONE, Reason.CANCELED) + later(world), Submit)
    assert (sale.order.type, sale.order.qty, sale.order.name) == (OrderType.MARKET, 1_000, "target")


def test_a_stop_that_traded_is_not_placed_again() -> None:
    world, order = protected()
    world.fill(order, price=5_700_000)
    effects = world.report(order, ReportStatus.DONE, Reason.FILLED, filled=order.qty) + later(world)
    assert of(effects, Submit) == []
    assert world.state.position_units(BTC.key) == 0


def test_unprotect_cancels_it_for_good() -> None:
    world, order = protected()
    effects = ask(world, lambda s: s.unprotect())
    assert [cancel.ref.client_id for cancel in of(effects, Cancel)] == [order.client_id]
    world.feed(CancelOutcome(order.client_id, Accepted(venue_id="", at_ns=world.now), world.now))
    assert of(world.report(order, ReportStatus.DONE, Reason.CANCELED) + later(world), Submit) == []
    assert world.state.protections == {}


def restarted(world: World) -> World:
    """Another run that goes on from what this one left; its strategy asks for nothing."""
    kept = carry.decode(carry.encode(carry.keep(world.state)))
    again = World(Idle())
    again.now, again.held, again.trade_id = world.now + 60 * 10**9, world.held, world.trade_id
    again.state = State(world.state.config, [sim_caps("sim")], [BTC])
    again.state.traded = [BTC.key]
    carry.restore(again.state, kept)
    attach(again.state, again.strategy)
    carry.take_over(again.state, again.now, strategy_changed=False)
    again.state.ids.prefix = "twtest01-"
    return again


def test_after_a_restart_a_stop_that_still_works_is_left_alone() -> None:
    world, order = protected()
    again = restarted(world)
    again.start_with(again.report_of(order, ReportStatus.OPEN))
    later(again)
    assert of(again.effects, Submit) == []
    assert of(again.effects, Cancel) == []


def test_after_a_restart_a_stop_that_was_cancelled_is_placed_again_before_the_strategy_says_anything() -> None:
    world, order = protected()
    world.report(order, ReportStatus.DONE, Reason.CANCELED)
    again = restarted(world)
    again.start_with()
    later(again)
    (stop,) = of(again.effects, Submit)
    assert (stop.order.side, stop.order.qty, stop.order.stop, stop.order.name) == (SELL, 1_000, 5_700_000, "protect")


def test_after_a_restart_with_the_market_below_the_stop_the_position_is_closed() -> None:
    world, order = protected()
    world.report(order, ReportStatus.DONE, Reason.CANCELED)
    again = restarted(world)
    again.start_with(bid=56_000.0, ask=56_000.01)
    for _ in range(6):
        again.tick(0.5)
        again.quote(56_000.0, 56_000.01)
    sales = of(again.effects, Submit)
    assert [(sale.order.side, sale.order.type, sale.order.qty) for sale in sales][:1] == [(SELL, OrderType.MARKET, 1_000)]


def test_what_is_wanted_is_on_record_once_and_a_rebuilt_state_wants_it_too() -> None:
    world = held()
    effects = ask(world, lambda s: s.protect(stop="57000"))
    effects += ask(world, lambda s: s.protect(stop="57000"))
    assert of(effects, Protected) == [Protected("Idle", BTC.key, 5_700_000, None)]
    kept = carry.keep(world.state)
    rebuilt = State(world.state.config, [sim_caps("sim")], [BTC])
    carry.restore(rebuilt, kept)
    assert rebuilt.protections == world.state.protections
