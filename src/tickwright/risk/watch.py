"""Guards that remember: rejections in a row, losses, clocks. Each answers with the halts to raise, most often none."""

from __future__ import annotations

from collections import deque

from tickwright.base.numbers import money, money_text
from tickwright.model.reason import Reason
from tickwright.risk.halts import ACCOUNT, HaltLevel
from tickwright.risk.limits import Limits

#: Scope, level, reason, figures.
Raise = tuple[str, HaltLevel, Reason, str]

_DAY_NS = 86_400 * 10**9
#: Equity samples kept for the speed of loss: one a second over the longest window that is sensible.
_SAMPLES_MAX = 3_600


class Watch:
    """Amounts count ``10**-18`` of the run's currency. A day begins at 00:00 UTC."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rejects = 0
        self.day = -1
        self.day_start = 0
        self.peak = 0
        self._daily = None if limits.daily_loss is None else money(limits.daily_loss)
        self._drawdown = None if limits.drawdown is None else money(limits.drawdown)
        self._samples: deque[tuple[int, int]] = deque(maxlen=_SAMPLES_MAX)
        self._offset_ns: int | None = None

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
        """The clocks were compared; the error of the comparison counts against us only beyond what it may explain."""
        sure = max(0, abs(offset_ns) - bound_ns)
        before, self._offset_ns = self._offset_ns, offset_ns
        if sure > self.limits.clock_skew_ms * 1_000_000:
            return [
                (
                    ACCOUNT,
                    HaltLevel.PAUSE,
                    Reason.HALT_CLOCK_SKEW,
                    f"{offset_ns / 1e6:+.0f} ms, give or take {bound_ns / 1e6:.0f}",
                )
            ]
        if before is not None and abs(offset_ns - before) - bound_ns > self.limits.clock_step_ms * 1_000_000:
            return [(ACCOUNT, HaltLevel.PAUSE, Reason.HALT_CLOCK_STEP, f"by {(offset_ns - before) / 1e6:+.0f} ms")]
        return []

    def on_equity(self, equity: int, now_ns: int) -> list[Raise]:
        """A new valuation of what the run concerns."""
        if now_ns // _DAY_NS != self.day:
            self.day = now_ns // _DAY_NS
            self.day_start = equity
        self.peak = max(self.peak, equity)
        raised: list[Raise] = []
        lost = self.day_start - equity
        if self._daily is not None:
            if lost >= self._daily:
                raised.append((ACCOUNT, HaltLevel.PULL, Reason.HALT_DAILY_LOSS, f"{_short(lost)} lost today"))
            raised += self._speed(equity, now_ns, self._daily)
        if self._drawdown is not None and self.peak - equity >= self._drawdown:
            raised.append((ACCOUNT, HaltLevel.PULL, Reason.HALT_DRAWDOWN, f"{_short(self.peak - equity)} below the peak"))
        return raised

    def _speed(self, equity: int, now_ns: int, daily: int) -> list[Raise]:
        samples = self._samples
        window = int(self.limits.loss_speed_s * 1e9)
        while samples and now_ns - samples[0][0] > window:
            samples.popleft()
        if not samples or now_ns - samples[-1][0] >= 1_000_000_000:
            samples.append((now_ns, equity))
        fallen = max(value for _, value in samples) - equity
        if 2 * fallen < daily:
            return []
        return [
            (ACCOUNT, HaltLevel.PAUSE, Reason.HALT_LOSS_SPEED, f"{_short(fallen)} lost within {self.limits.loss_speed_s:g} s")
        ]


def _short(amount: int) -> str:
    whole, _, frac = money_text(amount).partition(".")
    return f"{whole}.{(frac + '00')[:2]}"
