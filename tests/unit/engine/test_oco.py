"""Two orders of which one cancels the other: both pass the gate or neither is sent, and what they need is reserved once."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tickwright import BUY, SELL, Strategy, quotes
from tickwright.base.numbers import money
from tickwright.engine import carry
from tickwright.engine.redo import redo
from tickwright.engine.state import State
from tickwright.model.effect import Amend, Cancel, Find, Notice, SubmitPair
from tickwright.model.market import Side
from tickwright.model.order import OrderType, Rejected, ReportStatus, Unknown
from tickwright.model.reason import Reason
from tickwright.sim.venue_rules import sim_caps
from unit.engine.world import BTC, LIMITS, World, of


class Once(Strategy):
    """Asks for one pair once the run is armed, and then for what the test says."""

    top = quotes()
    side: Side = SELL
    qty = "0.1"
    limit, stop, stop_limit = "63000", "57000", None
    seen = 0

    def decide(self) -> None:
        self.seen += 1
        if self.seen == 1:
            self.pair = self.oco(self.side, self.qty, limit=self.limit, stop=self.stop, stop_limit=self.stop_limit)


def started(strategy: Strategy | None = None, **more: object) -> tuple[World, SubmitPair]:
    world = World(strategy or Once(), **more)  # type: ignore[arg-type]  # numbers of assets
    world.start()
    (pair,) = of(world.effects, SubmitPair)
    return world, pair


def test_both_legs_go_out_in_one_effect_and_know_each_other() -> None:
    world, pair = started()
    limit, stop = pair.limit, pair.stop
    assert (limit.type, limit.price, limit.post_only, limit.stop) == (OrderType.LIMIT, 6_300_000, True, None)
    assert (stop.type, stop.price, stop.stop) == (OrderType.STOP, None, 5_700_000)
    assert (limit.twin, stop.twin) == (stop.client_id, limit.client_id)
    assert len({limit.client_id, stop.client_id, pair.list_id}) == 3
    assert pair.rules == world.state.gate.rules
    assert [handle.state for handle in world.strategy.pair] == ["sent", "sent"]  # type: ignore[attr-defined]  # a Once


def test_the_pair_binds_what_one_of_it_needs() -> None:
    """0.1 BTC of 1 are offered twice and can be sold once, so 0.9 are free and the position can fall by 0.1."""
    world, pair = started()
    assert world.state.ledger.reserved("BTC") == money("0.1")
    assert world.state.ledger.working(BTC.key) == (0, 10_000)
    world.accept(pair.limit)
    world.accept(pair.stop)
    assert world.state.ledger.reserved("BTC") == money("0.1")


def test_a_pair_that_buys_binds_the_dearer_leg() -> None:
    class Buying(Once):
        side = BUY
        limit, stop, stop_limit = "58000", "61000", "61500"

    world, _ = started(Buying())
    assert world.state.ledger.reserved("USDT") == money(Decimal("0.1") * 61_500)


def test_the_limit_of_the_position_counts_the_pair_once() -> None:
    """0.15 is the largest position: two legs of 0.1 that both traded would go past it."""
    world, _ = started(limits=msgspec.structs.replace(LIMITS, max_position=Decimal("0.15")))
    assert not world.state.counters.refusals


def test_a_fill_of_one_and_the_end_of_the_other_release_everything_in_either_order() -> None:
    for fill_first in (True, False):
        world, pair = started()
        world.accept(pair.limit)
        world.accept(pair.stop)
        ends = [
            lambda world=world, pair=pair: world.fill(pair.limit, price=6_300_000),
            lambda world=world, pair=pair: world.report(pair.stop, ReportStatus.DONE, Reason.EXPIRED),
        ]
        for end in ends if fill_first else reversed(ends):
            end()
        world.report(pair.limit, ReportStatus.DONE, Reason.FILLED, filled=pair.limit.qty)
        assert world.state.ledger.reserved("BTC") == 0
        assert world.state.ledger.working(BTC.key) == (0, 0)
        assert world.state.ledger.total("BTC") == money("0.9")
        assert [handle.state for handle in world.strategy.pair] == ["done", "done"]  # type: ignore[attr-defined]  # a Once
        world.state.ledger.check()


def test_a_partial_fill_never_frees_what_the_other_leg_may_still_sell() -> None:
    world, pair = started()
    world.accept(pair.limit)
    world.accept(pair.stop)
    world.fill(pair.limit, qty=4_000, price=6_300_000)
    assert world.state.ledger.reserved("BTC") >= money("0.06")
    world.report(pair.stop, ReportStatus.DONE, Reason.EXPIRED)
    assert world.state.ledger.reserved("BTC") == money("0.06")


def test_a_pair_whose_answer_is_lost_is_in_doubt_on_both_legs_and_both_are_asked_for() -> None:
    world, pair = started()
    for leg in (pair.limit, pair.stop):
        world.answer(leg, Unknown(why="the connection was lost"))
    assert {order.client_id for order in world.state.orders.in_doubt()} == {pair.limit.client_id, pair.stop.client_id}
    assert world.state.ledger.reserved("BTC") == money("0.1")
    for _ in range(200):
        world.tick(0.5)
        world.quote()
    assert {find.ref.client_id for find in of(world.effects, Find)} == {pair.limit.client_id, pair.stop.client_id}
    assert len(of(world.effects, SubmitPair)) == 1, "nothing is sent again"


def test_a_rejected_pair_leaves_nothing() -> None:
    world, pair = started()
    for leg in (pair.limit, pair.stop):
        world.answer(leg, Rejected(reason=Reason.VENUE_FILTER))
    assert world.state.ledger.reserved("BTC") == 0
    assert world.state.orders.open_orders() == []


def test_one_leg_that_is_refused_keeps_both_back() -> None:
    class Far(Once):
        stop_limit = "40000"  # a stop that would sell far below where it wakes

    world = World(Far())
    world.start()
    assert of(world.effects, SubmitPair) == []
    assert [handle.state for handle in world.strategy.pair] == ["refused", "refused"]  # type: ignore[attr-defined]  # a Far
    assert world.state.ledger.reserved("BTC") == 0
    assert world.state.orders.open_orders() == []


def test_a_pair_that_was_refused_does_not_count_as_sent() -> None:
    """Asked for again at once with a better stop it is a first pair, not a duplicate, and uses no second of the rates."""

    class Mended(Once):
        stop_limit = "40000"

        def decide(self) -> None:
            super().decide()
            if self.seen == 2:
                self.stop_limit = "56500"
                self.seen = 0
                super().decide()

    world = World(Mended(), limits=msgspec.structs.replace(LIMITS, submits_per_second=2))
    world.start()
    assert of(world.effects, SubmitPair) == []
    world.quote()
    assert len(of(world.effects, SubmitPair)) == 1


def test_a_pair_is_two_orders_where_they_are_counted() -> None:
    for name in ("open_orders", "submits_per_second", "submits_per_minute"):
        for most, sent in ((1, 0), (2, 1)):
            world = World(Once(), limits=msgspec.structs.replace(LIMITS, **{name: most}))
            world.start()
            assert len(of(world.effects, SubmitPair)) == sent, (name, most)
            assert len(world.state.orders.open_orders()) == 2 * sent


def test_the_users_own_check_is_asked_of_both() -> None:
    seen = []

    class Careful(Once):
        def authorise(self, order, account):  # type: ignore[no-untyped-def]  # as users write it
            seen.append(order.type)
            return "no stops today" if order.type is OrderType.STOP else True

    world = World(Careful())
    world.start()
    assert seen == [OrderType.LIMIT, OrderType.STOP]
    assert of(world.effects, SubmitPair) == []
    assert {handle.reason for handle in world.strategy.pair} == {Reason.USER_REFUSED}  # type: ignore[attr-defined]  # a Careful


def test_where_the_venue_has_no_pairs_nothing_is_sent() -> None:
    world = World(Once())
    venue = world.state.venues["sim"]
    venue.caps = msgspec.structs.replace(sim_caps("sim"), order_lists=False)
    world.start()
    assert of(world.effects, SubmitPair) == []
    assert {handle.reason for handle in world.strategy.pair} == {Reason.UNSUPPORTED}  # type: ignore[attr-defined]  # a Once


def test_a_leg_can_be_cancelled_and_cannot_be_amended() -> None:
    world, pair = started()
    world.accept(pair.limit)
    world.accept(pair.stop)
    handle = world.strategy.pair[0]  # type: ignore[attr-defined]  # a Once
    world.strategy.amend(handle, limit="63500")
    world.quote()
    assert of(world.effects, Amend) == []
    assert any(notice.what == Reason.UNSUPPORTED.value for notice in of(world.effects, Notice))
    world.strategy.cancel(handle)
    world.quote()
    assert [cancel.ref.client_id for cancel in of(world.effects, Cancel)] == [pair.limit.client_id]


def test_a_restart_keeps_the_pair_a_pair() -> None:
    world, pair = started()
    kept = carry.keep(world.state)
    again = State(world.state.config, [sim_caps("sim")], [BTC])
    carry.restore(again, carry.decode(carry.encode(kept)))
    assert again.ledger.reserved("BTC") == money("0.1")
    assert carry.keep(again).ledger == kept.ledger
    found = again.orders.get(pair.stop.client_id)
    assert found is not None
    assert found.order.twin == pair.limit.client_id
    again.ledger.release(pair.limit.client_id)
    assert again.ledger.reserved("BTC") == money("0.1")
    again.ledger.release(pair.stop.client_id)
    assert again.ledger.reserved("BTC") == 0


def test_a_recorded_pair_is_done_again_once() -> None:
    world, pair = started()
    fresh = World(Quiet())
    fresh.start()
    for _ in range(2):
        redo(fresh.state, pair)
    assert fresh.state.ledger.reserved("BTC") == world.state.ledger.reserved("BTC")
    assert {order.client_id for order in fresh.state.orders.open_orders()} == {pair.limit.client_id, pair.stop.client_id}


class Quiet(Strategy):
    top = quotes()

    def decide(self) -> None:
        """Nothing."""
