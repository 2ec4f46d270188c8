"""Guards that remember: rejections in a row, losses, clocks. Each answers with the halts to raise, most often none.

Guarantees: a guard that has tripped says so again each time while the cause stands (the ladder ignores repeats), and forgets
nothing when a halt is lowered. The references of losses survive a restart, streaks do not. Does not: raise halts itself, or
read a clock.
"""

from __future__ import annotations

import msgspec

from tickwright.base.numbers import MONEY_EXP, POW10, money
from tickwright.model.reason import Reason
from tickwright.risk.halts import ACCOUNT, HaltLevel
from tickwright.risk.limits import Limits
from tickwright.risk.window import HighestWithin

#: Scope, level, reason, figures.
Raise = tuple[str, HaltLevel, Reason, str]

_DAY_NS = 86_400 * 10**9
_MS = 1_000_000


class KeptWatch(msgspec.Struct, frozen=True, kw_only=True):
    """What of it survives a restart: the references that losses are counted from. ``recent`` is (slot, value), see `window`."""

    day: int = -1
    day_start: int = 0
    peak: int | None = None
    recent: tuple[tuple[int, int], ...] = ()


class Watch:
    """Amounts count ``10**-18`` of the run's currency. A day begins at 00:00 UTC, or when the run does."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rejects = 0
        self.day = -1
        self.day_start = 0
        self.peak: int | None = None
        self._daily = None if limits.daily_loss is None else money(limits.daily_loss)
        self._drawdown = None if limits.drawdown is None else money(limits.drawdown)
        self._recent = HighestWithin(int(limits.loss_speed_s * 1e9))
        self._clock: tuple[int, int] | None = None  # last offset and its bound

    def keep(self) -> KeptWatch:
        """Its memory as a plain value."""
        return KeptWatch(day=self.day, day_start=self.day_start, peak=self.peak, recent=self._recent.entries())

    def restore(self, kept: KeptWatch) -> None:
        """The memory of an earlier run: a loss is not forgotten by starting again."""
        self.day, self.day_start, self.peak = kept.day, kept.day_start, kept.peak
        self._recent.learn(kept.recent)

    def on_reject(self, _now_ns: int) -> list[Raise]:
        """The venue rejected an order."""
        self.rejects += 1
        if self.rejects < self.limits.reject_streak:
            return []
        return [(ACCOUNT, HaltLevel.PAUSE, Reason.HALT_REJECT_STREAK, f"{self.rejects} in a row")]

    def on_accept(self) -> None:
        """The venue accepted one: the streak is over."""
        self.rejects = 0

    def on_clock(self, offset_ns: int, bound_ns: int, _now_ns: int) -> list[Raise]:
        """The clocks were compared; the error of a comparison never counts against us."""
        before, self._clock = self._clock, (offset_ns, bound_ns)
        if abs(offset_ns) - bound_ns > self.limits.clock_skew_ms * _MS:
            text = f"{offset_ns / 1e6:+.0f} ms, give or take {bound_ns / 1e6:.0f}"
            return [(ACCOUNT, HaltLevel.PAUSE, Reason.HALT_CLOCK_SKEW, text)]
        if before is None:
            return []
        moved = offset_ns - before[0]
        if abs(moved) - before[1] - bound_ns > self.limits.clock_step_ms * _MS:
            return [(ACCOUNT, HaltLevel.PAUSE, Reason.HALT_CLOCK_STEP, f"by {moved / 1e6:+.0f} ms")]
        return []

    def on_equity(self, equity: int, now_ns: int) -> list[Raise]:
        """A new valuation of what the run concerns."""
        if now_ns // _DAY_NS > self.day:
            self.day = now_ns // _DAY_NS
            self.day_start = equity
        if self.peak is None or equity > self.peak:
            self.peak = equity
        raised: list[Raise] = []
        if self._daily is not None:
            lost = self.day_start - equity
            if lost >= self._daily and lost > 0:
                text = f"{_short(lost)} lost today, the limit is {_short(self._daily)}"
                raised.append((ACCOUNT, HaltLevel.PULL, Reason.HALT_DAILY_LOSS, text))
            raised += self._speed(equity, now_ns, self._daily)
        fallen = self.peak - equity
        if self._drawdown is not None and fallen >= self._drawdown and fallen > 0:
            text = f"{_short(fallen)} below the peak, the limit is {_short(self._drawdown)}"
            raised.append((ACCOUNT, HaltLevel.PULL, Reason.HALT_DRAWDOWN, text))
        return raised

    def on_transfer(self, amount: int) -> None:
        """Money came (positive) or went that no trade explains: neither profit nor loss, so every reference moves with it."""
        self.day_start += amount
        if self.peak is not None:
            self.peak += amount
        self._recent.shift(amount)

    def _speed(self, equity: int, now_ns: int, daily: int) -> list[Raise]:
        self._recent.add(equity, now_ns)
        highest = self._recent.highest(now_ns)
        assert highest is not None, "a value was just added"
        fallen = highest - equity
        if fallen <= 0 or 2 * fallen < daily:
            return []
        text = f"{_short(fallen)} lost within {self.limits.loss_speed_s:g} s"
        return [(ACCOUNT, HaltLevel.PAUSE, Reason.HALT_LOSS_SPEED, text)]


def _short(amount: int) -> str:
    """An amount to the cent, for people."""
    return f"{amount / POW10[MONEY_EXP]:,.2f}"
