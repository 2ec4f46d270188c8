"""The halt ladder: RUN, REDUCE, PAUSE, PULL, FLATTEN, for the account, a venue, an instrument or a strategy.

It moves up by itself and down only when a person says so; to FLATTEN only a person moves it. What ends by itself (a stale
stream, a dropped connection) is not a halt but a *condition*: held while it lasts, cleared by what set it, and never able to
lower a halt. Does not cancel or close anything: the engine does, by the level that it reads here.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.reason import Reason


class HaltLevel(enum.IntEnum):
    """Each level does what the one before does and more, except that FLATTEN lets pass what reduces."""

    RUN = 0
    REDUCE = 1  # only orders that reduce a position
    PAUSE = 2  # no new orders; working ones stay
    PULL = 3  # and working orders are cancelled until the venue confirms
    FLATTEN = 4  # and positions are closed: orders that reduce may pass again


class Halt(msgspec.Struct, frozen=True):
    """One scope's level, and why. ``by`` is who lowered it to where it is, "" while nobody has."""

    scope: str
    level: HaltLevel
    reason: Reason
    since_ns: int
    text: str
    by: str = ""


ACCOUNT = "account"


class Halts:
    """Levels by scope: ``account``, ``venue:<name>``, ``instrument:<key>``, ``strategy:<name>``."""

    __slots__ = ("_conditions", "_halts", "_levels")

    def __init__(self, halts: tuple[Halt, ...] = ()) -> None:
        self._halts = {halt.scope: halt for halt in halts}
        self._conditions: dict[tuple[str, Reason], HaltLevel] = {}
        #: Highest level of each scope, halts and conditions together: what orders are checked against.
        self._levels = {halt.scope: halt.level for halt in halts}

    def raise_(self, scope: str, level: HaltLevel, reason: Reason, now_ns: int, text: str) -> bool:
        """Move ``scope`` up to ``level``; False when it is there or above already."""
        assert level is not HaltLevel.FLATTEN or reason is Reason.HALT_BY_PERSON, "only a person flattens"
        old = self._halts.get(scope)
        if level <= (HaltLevel.RUN if old is None else old.level):
            return False
        self._halts[scope] = Halt(scope, level, reason, now_ns, text)
        self._weigh(scope)
        return True

    def lower(self, scope: str, level: HaltLevel, who: str) -> bool:
        """A person's decision, and only a person's; returns whether something changed. ``who`` stays with what is left of
        the halt; a halt that is over leaves nothing here, so the caller records it.
        """
        assert who, "a halt is lowered by somebody"
        old = self._halts.get(scope)
        if old is None or old.level <= level:
            return False
        if level is HaltLevel.RUN:
            del self._halts[scope]
        else:
            self._halts[scope] = msgspec.structs.replace(old, level=level, by=who)
        self._weigh(scope)
        return True

    def hold(self, scope: str, level: HaltLevel, reason: Reason) -> bool:
        """A condition begins or goes on; returns whether it is new or has another level."""
        new = self._conditions.get((scope, reason)) != level
        self._conditions[scope, reason] = level
        self._weigh(scope)
        return new

    def clear(self, scope: str, reason: Reason) -> bool:
        """A condition is over; returns whether it was there."""
        gone = self._conditions.pop((scope, reason), None)
        self._weigh(scope)
        return gone is not None

    def level_for(self, strategy: str, key: str, venue: str) -> HaltLevel:
        """The highest level that concerns an order."""
        levels = self._levels
        if not levels:
            return HaltLevel.RUN
        run = HaltLevel.RUN
        return max(
            levels.get(ACCOUNT, run),
            levels.get(f"venue:{venue}", run),
            levels.get(f"instrument:{key}", run),
            levels.get(f"strategy:{strategy}", run),
        )

    def all(self) -> tuple[Halt, ...]:
        """Every halt that stands, for a checkpoint or a display. ``Halts(halts.all())`` is the same ladder without its
        conditions, which are set anew by whatever they are about.
        """
        return tuple(self._halts.values())

    def conditions(self) -> list[tuple[str, Reason, HaltLevel]]:
        """Every condition that lasts."""
        return [(scope, reason, level) for (scope, reason), level in self._conditions.items()]

    def _weigh(self, scope: str) -> None:
        """Bring ``_levels`` up to date for one scope."""
        levels = [level for (where, _), level in self._conditions.items() if where == scope]
        halt = self._halts.get(scope)
        if halt is not None:
            levels.append(halt.level)
        if levels:
            self._levels[scope] = max(levels)
        else:
            self._levels.pop(scope, None)
