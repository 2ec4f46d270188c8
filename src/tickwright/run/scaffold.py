"""`tickwright strategies new`: a starting point that runs as it is."""

from __future__ import annotations

import re
from pathlib import Path

from tickwright.base.errors import UsageError

_TEXT = '''"""{title}: say here what it does and why it should work.

    tickwright run {file} --stand --seconds 30                              on a local exchange
    tickwright run {file} --venue binance_spot --symbol BTC/USDT            on paper, with real data
"""

from tickwright import Strategy, bars, ema, param


class {title}(Strategy):
    """Long while the fast average is above the slow one, flat otherwise."""

    # The data it wants, in the format that it wants. `bars("1m")` would be bars of a minute.
    fast = bars("50 ticks").close >> ema(5)
    slow = bars("50 ticks").close >> ema(15)

    # Set from outside with --param size=0.02
    size = param("0.01", unit="BTC")

    def decide(self):
        """Called after an event that changed `fast` or `slow`, once both are warm."""
        self.watch(fast=self.fast.value, slow=self.slow.value)
        self.target(self.size if self.fast.value > self.slow.value else 0)
'''


def new_strategy(name: str, folder: Path) -> Path:
    """Write ``<name>.py`` into ``folder``; never over something that is there."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot be a strategy's name", hint="use letters, digits and _, beginning with a letter")
    path = folder / f"{name.lower()}.py"
    if path.exists():
        raise UsageError("the file is there already", where=str(path), hint="choose another name")
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder))
    title = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    path.write_text(_TEXT.format(title=title, file=path.name))
    return path
