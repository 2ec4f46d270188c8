"""What a stand is started with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec

from tickwright.base.errors import ConfigError
from tickwright.base.suggest import near_or_list
from tickwright.sim.faults import Faults

#: Eight decimal places, as the venue prints everything.
EXP = 8
ONE = 10**EXP

_STARTS = ("now", "subscriber")


class StandConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of a stand.

    ``tape`` None uses the seeded generator. ``speed`` multiplies the pace of a tape; 0 is as fast as clients take it. ``start_on``
    is when the market begins to move: "now", or with the first market "subscriber" (so that a client sees the whole tape). Of
    ``symbols`` a tape lists those that it has, and all that it has when it has none of them. ``loop`` plays the tape again and
    again, its numbers and times going on. ``pace_ms`` is the mean time between two events of a generated market.
    """

    tape: Path | None = None
    speed: float = 1.0
    loop: bool = False
    start_on: str = "now"
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
    seed: int = 1
    pace_ms: float = 20.0
    faults: Faults = Faults()
    balances: dict[str, str] = msgspec.field(
        default_factory=lambda: {"BTC": "1", "USDT": "100000", "ETH": "10", "BNB": "10"},
    )
    maker_ppm: int = 1_000
    taker_ppm: int = 1_000
    weight_limit: int = 6_000
    orders_per_10s: int = 100
    orders_per_day: int = 200_000
    frames_per_s: int = 5
    streams_max: int = 1_024
    connects_per_5min: int = 300
    life_s: float = 24 * 3_600.0
    notice_s: float = 30.0  # before the end of its life a connection is told, at the latest a quarter of its life before
    ping_s: float = 20.0
    pong_deadline_s: float = 60.0
    can_trade: bool = True
    can_withdraw: bool = False
    clock_offset_ms: int = 0

    def check(self) -> None:
        """Refuse what makes no sense, in one line."""
        if self.speed < 0:
            raise ConfigError(f"speed {self.speed} is negative", hint="1 is the recorded pace, 0 as fast as clients take it")
        if self.start_on not in _STARTS:
            raise ConfigError(f"start_on {self.start_on!r} is unknown", hint=near_or_list(self.start_on, _STARTS))
        if min(self.life_s, self.notice_s, self.ping_s, self.pong_deadline_s, self.pace_ms) <= 0:
            raise ConfigError("life_s, notice_s, ping_s, pong_deadline_s and pace_ms are positive")


def demo_tape() -> Path:
    """The recorded tape that is carried in the package."""
    return Path(str(resources.files("tickwright.sim.stands") / "data" / "binance_spot_btcusdt_20240808.gz"))
