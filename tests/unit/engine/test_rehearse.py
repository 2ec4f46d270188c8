"""A rehearsal goes the way of an order, and leaves everything as it was."""

from __future__ import annotations

from tickwright import Strategy, quotes
from tickwright.engine import carry
from tickwright.engine.rehearse import PREFIX, Rehearsal
from tickwright.model.effect import Submit
from tickwright.model.market import BUY, SELL
from unit.engine.world import World, of


class Quiet(Strategy):
    """Wants one order once."""

    quote = quotes()
    asked = 0

    def decide(self) -> None:
        self.asked += 1
        if self.asked == 100:
            self.buy("0.001", limit="60000")


def test_each_makes_an_order_that_the_gate_would_let_pass_on_both_sides_in_turns() -> None:
    world = World(Quiet())
    world.start()
    rehearsed = Rehearsal(world.state)
    made = [rehearsed.once() for _ in range(200)]
    assert all(isinstance(submit, Submit) for submit in made), made
    assert {submit.order.side for submit in made if submit} == {BUY, SELL}
    assert all(submit.order.client_id.startswith(PREFIX) for submit in made if submit)


def test_nothing_of_the_run_changes() -> None:
    world = World(Quiet())
    world.start()
    rehearsed = Rehearsal(world.state)
    before = carry.encode(carry.keep(world.state))
    asked, issued, now, seq = world.strategy.asked, world.state.ids.issued, world.state.now_ns, world.state.seq  # type: ignore[attr-defined]  # it is a Quiet
    for _ in range(50):
        rehearsed.once()
    assert carry.encode(carry.keep(world.state)) == before
    assert (world.strategy.asked, world.state.ids.issued, world.state.now_ns, world.state.seq) == (asked, issued, now, seq)  # type: ignore[attr-defined]  # the same
    assert world.state.effects == []
    assert world.state.gate._sent == {}


def test_a_rehearsed_run_decides_the_same() -> None:
    runs = []
    for rehearsing in (False, True):
        world = World(Quiet())
        world.start()
        rehearsed = Rehearsal(world.state)
        for n in range(120):
            world.quote(60_000.0 + n % 7)
            if rehearsing:
                rehearsed.once()
        runs.append(world.effects)
    assert len(of(runs[0], Submit)) == 1
    assert runs[0] == runs[1]


def test_without_a_market_there_is_nothing_to_rehearse() -> None:
    assert Rehearsal(World(Quiet()).state).once() is None
