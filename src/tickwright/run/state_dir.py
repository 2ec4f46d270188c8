"""Where runs keep what outlives them: one folder for each account, that nobody else can write to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tickwright.base.errors import ConfigError
from tickwright.run.config import Config


def state_dir(config: Config, venue: str, environment: str) -> Path:
    """The folder of one account: ``[run] state_dir``, else ``tickwright`` in the user's state directory, and in it
    ``<venue>-<environment>``. It is made if it is not there, and refused if others could write to it.
    """
    if config.run.state_dir:
        root = Path(config.run.state_dir).expanduser()
    else:
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        root = Path(home).expanduser() / "tickwright"
    folder = root / f"{venue}-{environment}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = folder.stat().st_mode
    except OSError as error:
        text = error.strerror or str(error)
        raise ConfigError(
            f"the state directory cannot be made: {text[:1].lower()}{text[1:]}", where=str(folder), hint="set [run] state_dir"
        ) from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError("others can write to it", where=str(folder), hint=f"chmod 700 {folder}")
    return folder
