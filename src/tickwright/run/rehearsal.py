"""Keeps the way of an order warm: now and then one is made, weighed, encoded and signed, and thrown away.

Between two orders of a quiet market the processor's caches are filled with other things, and the next order takes several
times as long as one right after another. What a rehearsal costs is a share of one core, about a tenth at one a millisecond,
so it is off unless configured. Nothing is sent, recorded or reserved.
"""

from __future__ import annotations

import asyncio

from tickwright.engine.rehearse import Rehearsal
from tickwright.ports import Rehearsing
from tickwright.run.shell import Keeper, Shell

MS_PER_S = 1_000.0


def rehearsal(every_ms: float) -> list[Keeper]:
    """What keeps rehearsing while a run lasts; nothing for 0."""
    if not every_ms:
        return []

    async def keep(shell: Shell) -> None:
        rehearsed = Rehearsal(shell.state)
        while True:
            await asyncio.sleep(every_ms / MS_PER_S)
            rehearse(shell, rehearsed)

    return [keep]


def rehearse(shell: Shell, rehearsed: Rehearsal) -> None:
    """One rehearsal, through the journal and the venue where they can."""
    submit = rehearsed.once()
    if submit is None:
        return
    for stage in (shell.journal, shell.venues[submit.venue]):
        if isinstance(stage, Rehearsing):
            stage.rehearse(submit)
