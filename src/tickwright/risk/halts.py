"""The halt ladder: RUN, REDUCE, PAUSE, PULL, FLATTEN, for the account, a venue, an instrument or a strategy.

It moves up by itself and down only when a person says so. What ends by itself (a stale stream, a dropped connection) is not a
halt but a *condition*: held while it lasts, cleared by what set it, and never able to lower a halt.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.reason import Reason


class HaltLevel(enum.IntEnum):
    """Each level forbids more than the one before."""

    RUN = 0
    REDUCE = 1  # only orders that reduce a position
    PAUSE = 2  # no new orders; working ones stay
    PULL = 3  # and working orders are cancelled until the venue confirms
    FLATTEN = 4  # and positions are closed


class Halt(msgspec.Struct, frozen=True):
    """One scope's level, and why."""

    scope: str
    level: HaltLevel
    reason: Reason
    since_ns: int
    text: str


ACCOUNT = "account"


class Halts:
    """Levels by scope: ``account``, ``venue:<name>``, ``instrument:<key>``, ``strategy:<name>``."""

    __slots__ = ("_conditions", "_halts")

    def __init__(self, halts: tuple[Halt, ...] = ()) -> None:
        self._halts = {halt.scope: halt for halt in halts}
        self._conditions: dict[tuple[str, Reason], HaltLevel] = {}

    def raise_(self, scope: str, level: HaltLevel, reason: Reason, now_ns: int, text: str) -> bool:
        """Move ``scope`` up to ``level``; False when it is there or above already."""
        old = self._halts.get(scope)
        if old is not None and old.level >= level:
            return False
        self._halts[scope] = Halt(scope, level, reason, now_ns, text)
        return True

    def lower(self, scope: str, level: HaltLevel, who: str) -> bool:
        """A person's decision, and only a person's. ``who`` goes into the record; returns whether something changed."""
        assert who, "a halt is lowered by somebody"
        old = self._halts.get(scope)
        if old is None or old.level <= level:
            return False
        if level is HaltLevel.RUN:
            del self._halts[scope]
        else:
            self._halts[scope] = msgspec.structs.replace(old, level=level)
        return True

    def hold(self, scope: str, level: HaltLevel, reason: Reason) -> bool:
        """A condition begins or goes on; returns whether it is new."""
        new = self._conditions.get((scope, reason)) != level
        self._conditions[scope, reason] = level
        return new

    def clear(self, scope: str, reason: Reason) -> bool:
        """A condition is over; returns whether it was there."""
        return self._conditions.pop((scope, reason), None) is not None

    def level_for(self, strategy: str, key: str, venue: str) -> HaltLevel:
        """The highest level that concerns an order."""
        if not self._halts and not self._conditions:
            return HaltLevel.RUN
        scopes = {ACCOUNT, f"venue:{venue}", f"instrument:{key}", f"strategy:{strategy}"}
        levels = [halt.level for scope, halt in self._halts.items() if scope in scopes]
        levels += [level for (scope, _), level in self._conditions.items() if scope in scopes]
        return max(levels, default=HaltLevel.RUN)

    def all(self) -> tuple[Halt, ...]:
        """Every halt that stands, for a checkpoint or a display."""
        return tuple(self._halts.values())

    def conditions(self) -> list[tuple[str, Reason, HaltLevel]]:
        """Every condition that lasts."""
        return [(scope, reason, level) for (scope, reason), level in self._conditions.items()]
