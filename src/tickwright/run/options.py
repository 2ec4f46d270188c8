"""What `tickwright run` was asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of the command. Exactly one of ``testnet``, ``live`` and ``stand`` may be set; with none of them the run is on paper."""

    strategy: Path
    name: str = ""
    venue: str = ""
    symbols: tuple[str, ...] = ()
    params: dict[str, str] = {}
    testnet: bool = False
    live: bool = False
    stand: bool = False
    tape: Path | None = None
    speed: float = 1.0
    seconds: float | None = None
    config: Path | None = None
    quiet: bool = False
