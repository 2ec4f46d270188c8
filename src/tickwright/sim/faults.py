"""Faults that a stand can show its clients, as data: drawn from a seed, at a set time, or at the n-th occasion. Pure.

A fault says what goes wrong (:class:`FaultKind`), where (``on``: part of a stream's, method's or path's name; empty: any)
and when (``at_s`` after the start, the ``nth`` occasion, or with a ``probability`` each time). What it does to the wire is up to
the stand.
"""

from __future__ import annotations

import enum
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.errors import ConfigError
from tickwright.base.limits import CONFIG_BYTES_MAX
from tickwright.base.suggest import near_or_list


class FaultKind(enum.Enum):
    # to a connection
    DISCONNECT = "disconnect"  # the socket is cut
    HALF_OPEN = "half_open"  # nothing is sent any more, not even pongs; the socket stays
    MUTE = "mute"  # pings are answered, data is not sent
    SHUTDOWN = "shutdown"  # the venue announces that it will close, and closes
    # to a frame of a stream
    GAP = "gap"  # it is left out
    DUPLICATE = "duplicate"  # it is sent twice
    OUT_OF_ORDER = "out_of_order"  # it is sent after the next one
    GARBAGE = "garbage"  # bytes that are not a message come before it
    # to a request
    DELAY = "delay"  # answered ``value`` seconds late
    DROP = "drop"  # never arrives: not executed, not answered
    LOST_REPLY = "lost_reply"  # executed, not answered
    UNKNOWN_EXECUTED = "unknown_executed"  # 5xx although executed
    UNKNOWN_NOT_EXECUTED = "unknown_not_executed"  # 5xx and not executed
    OVERLOADED = "overloaded"  # 503, definitely not executed
    TOO_MANY = "too_many"  # 429 with Retry-After of ``value`` seconds
    BANNED = "banned"  # 418 for ``value`` seconds, and everything after it
    STALE_SNAPSHOT = "stale_snapshot"  # an old answer to a question about the book


CONNECTION = frozenset({FaultKind.DISCONNECT, FaultKind.HALF_OPEN, FaultKind.MUTE, FaultKind.SHUTDOWN})
FRAME = frozenset({FaultKind.GAP, FaultKind.DUPLICATE, FaultKind.OUT_OF_ORDER, FaultKind.GARBAGE})
REQUEST = frozenset(set(FaultKind) - CONNECTION - FRAME)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. Without ``at_s``, ``nth`` and ``probability`` it happens at the next ``count`` occasions."""

    kind: FaultKind
    on: str = ""
    at_s: float | None = None
    nth: int | None = None
    probability: float | None = None
    count: int = 1
    value: float = 1.0


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan of faults; the same seed draws the same ones."""

    seed: int = 0
    fault: tuple[Fault, ...] = ()


def load_faults(path: Path) -> Faults:
    """A plan from a TOML or JSON file (``[[fault]]`` tables)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigError(f"the file is larger than {CONFIG_BYTES_MAX} bytes", where=str(path))
    try:
        data = json.loads(raw) if path.suffix == ".json" else tomllib.loads(raw.decode())
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), where=str(path)) from None
    return parse_faults(data, str(path))


def parse_faults(data: Any, where: str) -> Faults:
    """A plan from plain data; names that do not exist are errors with a suggestion."""
    for index, item in enumerate(data.get("fault", ()) if isinstance(data, dict) else ()):
        _check_names(item, Fault.__struct_fields__, f"{where}: fault {index + 1}")
        kind = item.get("kind")
        kinds = [one.value for one in FaultKind]
        if kind not in kinds:
            raise ConfigError(
                f"no fault is called {kind!r}", where=f"{where}: fault {index + 1}", hint=near_or_list(str(kind), kinds, 30)
            )
    if isinstance(data, dict):
        _check_names(data, Faults.__struct_fields__, where)
    try:
        return msgspec.convert(data, Faults)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where) from None


def _check_names(item: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(item, dict):
        raise ConfigError("a table is expected", where=where)
    for name in item:
        if name not in known:
            raise ConfigError(f"unknown key {name!r}", where=where, hint=near_or_list(name, known))


class _Armed:
    __slots__ = ("fault", "left", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.count
        self.seen = 0


class FaultBox:
    """The faults that are still to come. Asked at every occasion; says which one happens, if any."""

    def __init__(self, faults: Faults) -> None:
        self._chance = Chance(faults.seed)
        self._armed = [_Armed(fault) for fault in faults.fault]
        self.happened: dict[str, int] = {}

    def inject(self, fault: Fault) -> None:
        """Add one while running."""
        self._armed.append(_Armed(fault))

    def frame(self, stream: str) -> Fault | None:
        """What happens to a frame of ``stream``."""
        return self._draw(FRAME, stream) if self._armed else None

    def request(self, name: str) -> Fault | None:
        """What happens to a request (a method's or a path's name)."""
        return self._draw(REQUEST, name) if self._armed else None

    def due(self, elapsed_s: float) -> list[Fault]:
        """Faults of connections whose time has come."""
        due = []
        for armed in [item for item in self._armed if item.fault.kind in CONNECTION]:
            if armed.fault.at_s is None or elapsed_s >= armed.fault.at_s:
                due.append(armed.fault)
                self._spend(armed)
        return due

    def _draw(self, kinds: frozenset[FaultKind], name: str) -> Fault | None:
        for armed in self._armed:
            fault = armed.fault
            if fault.kind not in kinds or fault.on not in name:
                continue
            armed.seen += 1
            if fault.nth is not None and armed.seen < fault.nth:
                continue
            if fault.probability is not None:
                if not self._chance.happens(fault.probability):
                    continue
                self._count(fault)
                return fault  # a rate goes on
            self._spend(armed)
            return fault
        return None

    def _spend(self, armed: _Armed) -> None:
        self._count(armed.fault)
        armed.left -= 1
        if armed.left <= 0:
            self._armed.remove(armed)

    def _count(self, fault: Fault) -> None:
        self.happened[fault.kind.value] = self.happened.get(fault.kind.value, 0) + 1
