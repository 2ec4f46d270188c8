"""A draw that fails, made smaller while it still fails in the same way: fewer faults first, then less time.

Guarantees: what comes out fails with the same kind of violation. Does not: find the smallest there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tickwright.run.world.swarm import RATES, Draw
from tickwright.sim.world import DiskFaults

#: Runs that are spent on it at most.
TRIES_MAX = 60


def shrink(drawn: Draw, fails: Callable[[Draw], bool], said: Callable[[str], None] = lambda _: None) -> Draw:
    """The smallest that was found."""
    tries = 0
    smaller = True
    while smaller and tries < TRIES_MAX:
        smaller = False
        for what, candidate in _smaller(drawn):
            tries += 1
            if fails(candidate):
                said(f"still fails without {what}")
                drawn, smaller = candidate, True
                break
            if tries >= TRIES_MAX:
                break
    return drawn


def _smaller(drawn: Draw) -> Iterator[tuple[str, Draw]]:
    """Each draw that has one thing less."""
    replace = msgspec.structs.replace
    for name in RATES:
        if getattr(drawn.net, name):
            yield name, replace(drawn, net=replace(drawn.net, **{name: 0.0}))
    for number, fault in enumerate(drawn.stand):
        yield f"stand {fault.kind.value}", replace(drawn, stand=drawn.stand[:number] + drawn.stand[number + 1 :])
    for name in ("crashes", "hands", "pauses", "steps"):
        items = getattr(drawn, name)
        for number in range(len(items)):
            yield f"one of {name}", replace(drawn, **{name: items[:number] + items[number + 1 :]})
    for name in ("ahead_ms", "drift_ppm", "raises_at"):
        if getattr(drawn, name):
            yield name, replace(drawn, **{name: 0})
    if drawn.disk != DiskFaults():
        yield "a disk of its own kind", replace(drawn, disk=DiskFaults())
    if drawn.seconds > 10:
        yield "half of the time", replace(drawn, seconds=drawn.seconds / 2)
