"""Client order ids: a run prefix plus a counter, deterministic and never repeated across restarts.

The prefix is drawn once by the shell (run start time in seconds, base 36) and recorded with the run; the core only counts.
Ids use ``[a-z0-9-]``, which every venue accepts, and stay within 24 characters.
"""

from __future__ import annotations

from collections.abc import Container

_NS_PER_S = 1_000_000_000
#: Two digits of base 36.
_SALTS = 36 * 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

#: Every id of ours starts with it, so that our orders can be told from a person's at the venue.
MARK = "tw"


def base36(number: int) -> str:
    """``number`` (not negative) in base 36, lower case."""
    assert number >= 0
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if number == 0:
            return text


def run_prefix(start_ns: int, salt: int = 0) -> str:
    """Prefix of one run: ``tw<seconds since epoch>-``; ``salt`` tells two runs of the same second apart."""
    return f"{MARK}{base36(start_ns // _NS_PER_S)}{base36(salt % _SALTS).zfill(2)}-"


def fresh_prefix(start_ns: int, salt: int, taken: Container[str]) -> str:
    """The same, and none that is ``taken``: two runs may begin in one second, and a clock may be set back to one that was."""
    while (prefix := run_prefix(start_ns, salt)) in taken:
        salt += 1
        start_ns += _NS_PER_S if salt % _SALTS == 0 else 0
    return prefix


class IdCounter:
    """Issues ``<prefix><n>`` for n = 1, 2, … The counter is part of the engine's state."""

    __slots__ = ("issued", "prefix")

    def __init__(self, prefix: str, issued: int = 0) -> None:
        self.prefix = prefix
        self.issued = issued

    def next(self) -> str:
        self.issued += 1
        return f"{self.prefix}{base36(self.issued)}"

    def is_ours(self, client_id: str) -> bool:
        """Whether this run (not merely this program) issued ``client_id``."""
        return client_id.startswith(self.prefix)


def made_here(client_id: str) -> bool:
    """Whether some run of Tickwright issued ``client_id``."""
    head, dash, tail = client_id.partition("-")
    return bool(dash and tail) and head.startswith(MARK) and len(head) >= 8
