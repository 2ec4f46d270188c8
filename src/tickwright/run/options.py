"""What `tickwright run` was asked for."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from tickwright.base.errors import UsageError


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of the command; what is not given here is taken from the configuration.

    At most one of ``testnet``, ``live`` and ``stand`` may be set; with none of them the run is on paper.
    """

    strategy: Path | None = None
    name: str = ""
    venue: str = ""
    symbols: tuple[str, ...] = ()
    params: dict[str, str] = {}
    testnet: bool = False
    live: bool = False
    stand: bool = False
    confirmed: bool = False  # live trading needs no typed confirmation
    tape: Path | None = None  # this and the next three: of the stand
    speed: float | None = None
    faults: Path | None = None
    seed: int | None = None
    seconds: float | None = None
    journal: Path | None = None
    fresh: bool = False  # begin anew, whatever the last run left
    resume: str = ""  # why the halts of the last run are lifted
    config: Path | None = None
    log_level: str = ""
    log_format: str = ""
    quiet: bool = False

    def check(self) -> None:
        """Refuse flags that contradict one another or make no sense."""
        if self.testnet + self.live + self.stand > 1:
            raise UsageError("--testnet, --live and --stand exclude one another")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"--seconds must be above 0, not {self.seconds:g}")
        if self.speed is not None and not 0 <= self.speed < math.inf:
            raise UsageError("--speed must not be negative", hint="1 is the tape's own pace, 0 as fast as it is taken")
        of_stand = {"--tape": self.tape, "--speed": self.speed, "--faults": self.faults, "--seed": self.seed}
        given = [flag for flag, value in of_stand.items() if value is not None]
        if given and not self.stand:
            raise UsageError(f"{given[0]} is for --stand, which was not given")
        if self.fresh and self.live:
            raise UsageError(
                "--fresh would forget halts and losses of an account with real money",
                hint="tickwright adopt takes over what the venue holds",
            )
        if self.confirmed and not self.live:
            raise UsageError("--yes-really is for --live, which was not given")

    def layer(self) -> dict[str, object]:
        """The flags that are settings, as the last layer of the configuration."""
        log = {"level": self.log_level, "format": self.log_format}
        return {"log": {name: value for name, value in log.items() if value}, "params": self.params}
