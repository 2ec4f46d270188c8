"""The error tree. Outcomes of orders are values, bugs are assertions; what is here is for people and the command line.

TickwrightError                 what was wrong, where, what to do; carries the exit code of the command
├── UsageError          (2)     a flag or an argument makes no sense
├── ConfigError         (3)     configuration or secrets: unknown key, missing value, unsafe file
├── StrategyError       (4)     the user's file cannot be read, has no strategy, or its code raised
├── VenueError          (5)     the venue cannot be reached, or answered what it must not
│   └── WireError               bytes that the decoder cannot read: always this one type
├── RefusedError        (6)     Tickwright will not do it: a key that can withdraw, live without confirmation
├── DataError           (7)     a tape or a file of market data is damaged or is not what it claims
├── MismatchError       (8)     the run ended and the two sides do not agree
└── JournalError        (9)     the journal cannot be written, or what it holds is damaged
    └── RecoveryError           what it holds is whole, but cannot be gone on from
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """Exit codes of every command; documented in docs/cli.md. ACTED is no error: a guard has done what it is for."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIG = 3
    STRATEGY = 4
    VENUE = 5
    REFUSED = 6
    DATA = 7
    MISMATCH = 8
    JOURNAL = 9
    ACTED = 10
    INTERRUPTED = 130


class TickwrightError(Exception):
    """Something a person must know: one line of what was wrong, where it was, and what to do about it."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}. {self.hint}" if self.hint else line


class UsageError(TickwrightError):
    exit_code = ExitCode.USAGE


class ConfigError(TickwrightError):
    exit_code = ExitCode.CONFIG


class StrategyError(TickwrightError):
    exit_code = ExitCode.STRATEGY


class VenueError(TickwrightError):
    exit_code = ExitCode.VENUE


class WireError(VenueError):
    """A frame or a body that the decoder cannot read. The only exception a decoder may raise, whatever the bytes."""


class RefusedError(TickwrightError):
    exit_code = ExitCode.REFUSED


class DataError(TickwrightError):
    exit_code = ExitCode.DATA


class MismatchError(TickwrightError):
    exit_code = ExitCode.MISMATCH


class JournalError(TickwrightError):
    exit_code = ExitCode.JOURNAL


class RecoveryError(JournalError):
    """A journal that can be read, and from which this run cannot go on as it is configured."""
