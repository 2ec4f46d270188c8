"""The dead-man's switch at the venue: refreshed, it does nothing; left alone, it has the venue cancel all orders by itself.

Guarantees: it is set before anything can be sent, refreshed three times in its time, and given up only after an orderly end. When
two refreshes in a row fail, the venue is paused: what is sent then would be cancelled in a moment, and nobody would know when.
A run that dies, hangs or loses its network leaves the switch to go off.

Does not: exist where the venue has none (``Caps.dead_man_ns``); there ``tickwright guard`` does it from outside.
"""

from __future__ import annotations

import asyncio
import contextlib

from tickwright.base.clock import NS_PER_S
from tickwright.base.errors import VenueError
from tickwright.model.effect import Level, Notice
from tickwright.model.event import Command, Verb
from tickwright.model.reason import Reason
from tickwright.ports import Venue
from tickwright.run.shell import Keeper, Shell

#: So often in its time the switch is refreshed, and each refresh has half of that share to be answered.
REFRESHES = 3
#: So many refreshes in a row may not fail.
FAILED_MAX = 2
#: How long an orderly end waits for the switch to be taken off.
RELEASE_S = 2.0


def dead_man(venue: Venue, ttl_s: float) -> list[Keeper]:
    """The keeper of a venue's switch; none where the venue has no switch, or ``ttl_s`` is 0."""
    longest_s = venue.caps.dead_man_ns / NS_PER_S
    if not (ttl_s and longest_s):
        return []
    return [_Switch(venue, min(ttl_s, longest_s)).keep]


class _Switch:
    """One venue's."""

    def __init__(self, venue: Venue, ttl_s: float) -> None:
        self._venue = venue
        self._ttl_s = ttl_s
        self._failed = 0

    async def keep(self, shell: Shell) -> None:
        """Refresh until cancelled."""
        loop = asyncio.get_running_loop()
        every_s = self._ttl_s / REFRESHES
        try:
            while True:
                began = loop.time()
                self._judge(shell, await self._refresh(self._ttl_s, every_s / 2))
                await asyncio.sleep(began + every_s - loop.time())
        finally:
            if shell.stopped is not None and shell.stopped.clean and shell.failure is None:
                # What is left at the venue now is left on purpose.
                with contextlib.suppress(asyncio.CancelledError):
                    await self._refresh(0, RELEASE_S)

    async def _refresh(self, ttl_s: float, deadline_s: float) -> str:
        """Why it could not be done, "" if it was."""
        try:
            async with asyncio.timeout(deadline_s):
                done = await self._venue.keep_alive(ttl_s)
        except TimeoutError:
            return f"no answer within {deadline_s:g} s"
        except (VenueError, OSError) as error:
            return str(error)
        return "" if done else "the venue did not take it"

    def _judge(self, shell: Shell, why: str) -> None:
        if not why:
            self._failed = 0
            return
        self._failed += 1
        name = self._venue.caps.venue
        if shell.on_notice is not None:
            shell.on_notice(Notice(Level.WARNING, "dead_man", f"not refreshed ({self._failed} in a row): {why}", name))
        if self._failed >= FAILED_MAX:  # again each time: a person may have lifted the halt meanwhile
            shell.put(Command(Verb.PAUSE, shell.clock.wall_ns(), f"venue:{name}", why, Reason.HALT_DEAD_MAN))
