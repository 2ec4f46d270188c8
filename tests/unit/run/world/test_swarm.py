"""Draws: the same for the same seed, readable again, half of everything off; and made smaller while they still fail."""

from __future__ import annotations

import msgspec

from tickwright.run.world.shrink import shrink
from tickwright.run.world.swarm import RATES, Draw, draw
from tickwright.sim.faults import FaultKind


def test_given_a_seed_when_drawn_twice_then_the_draws_are_equal_and_read_back_from_json():
    """A draw is all that a failure needs."""
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)
    assert msgspec.json.decode(msgspec.json.encode(draw(7)), type=Draw) == draw(7)


def test_given_many_seeds_when_drawn_then_every_kind_is_on_in_some_and_off_in_most():
    """Rare things happen without noise around them."""
    draws = [draw(seed) for seed in range(300)]
    for name in RATES:
        on = sum(bool(getattr(one.net, name)) for one in draws)
        assert 20 < on < 200, name
    for kind in FaultKind:
        on = sum(any(fault.kind is kind for fault in one.stand) for one in draws)
        assert 2 < on < 250, kind
    counts = [len(one.kinds()) for one in draws]
    assert 2 * min(counts) < max(counts)
    assert {one.durability for one in draws} == {"power", "process"}


def test_given_a_draw_that_fails_for_one_reason_when_shrunk_then_little_else_is_left():
    """Whatever can go without the failure going goes."""
    big = draw(12)
    wanted = big.stand[0].kind

    def fails(candidate):
        return any(fault.kind is wanted for fault in candidate.stand)

    said = []
    small = shrink(big, fails, said.append)
    assert fails(small)
    assert len(small.kinds()) < len(big.kinds())
    assert {fault.kind for fault in small.stand} == {wanted}
    assert said
