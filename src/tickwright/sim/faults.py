"""Faults that a stand can show its clients, as data: drawn from a seed, at a set time, or at the n-th occasion. Pure.

A fault says what goes wrong (:class:`FaultKind`), where (``on``: part of the name of a stream, method or path; empty is
anywhere) and when (``at_s`` after the market started, the ``nth`` occasion, or with a ``probability`` each time). What it does
to the wire is the stand's. The same plan and the same occasions give the same faults.
"""

from __future__ import annotations

import enum
import json
import math
import tomllib
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.errors import ConfigError
from tickwright.base.limits import CONFIG_BYTES_MAX
from tickwright.base.suggest import near_or_list


class FaultKind(enum.Enum):
    # to a connection; ``on`` is part of its path or of a stream it listens to
    DISCONNECT = "disconnect"  # the socket is cut
    HALF_OPEN = "half_open"  # nothing arrives any more, either way, not even pongs; the socket stays
    MUTE = "mute"  # pings are answered and requests carried out, but no frame is sent
    SHUTDOWN = "shutdown"  # the venue announces that it will close, and closes ``value`` seconds later
    # to the venue itself
    CLOCK = "clock"  # its clock is ``value`` seconds ahead from now on (or behind)
    REVOKED = "revoked"  # the API keys stop working; with a ``value`` of 0 they work again
    ARCHIVED = "archived"  # orders that ended without an execution are found no more; with a ``value`` of 0 they are again
    # to a frame of a stream; the account's are called ``user@`` and the event's name
    GAP = "gap"  # it is left out
    DUPLICATE = "duplicate"  # it is sent twice
    OUT_OF_ORDER = "out_of_order"  # it is sent after the next one
    GARBAGE = "garbage"  # bytes that are not a message come before it
    STALL = "stall"  # it and those after it wait ``value`` seconds, then all come
    # to a request; ``on`` is part of "METHOD /path" or of a WebSocket API method
    LATE = "late"  # arrives ``value`` seconds late
    TAKEN_LATE = "taken_late"  # the same, and it is taken although its deadline is over: the venue breaks its word
    DELAY = "delay"  # carried out at once, answered ``value`` seconds late
    DROP = "drop"  # never arrives: not executed, not answered
    LOST_REPLY = "lost_reply"  # executed, not answered
    UNKNOWN_EXECUTED = "unknown_executed"  # 5xx although executed
    UNKNOWN_NOT_EXECUTED = "unknown_not_executed"  # 5xx and not executed
    OVERLOADED = "overloaded"  # 503, definitely not executed
    TOO_MANY = "too_many"  # 429 with Retry-After of ``value`` seconds
    BANNED = "banned"  # 418 for ``value`` seconds, and so everything after it
    STALE_SNAPSHOT = "stale_snapshot"  # a question about the book is answered with an old one
    EVENTS_FIRST = "events_first"  # the account's events come before the answer
    LATE_EVENTS = "late_events"  # the account's events come ``value`` seconds after the answer


CONNECTION = frozenset({FaultKind.DISCONNECT, FaultKind.HALF_OPEN, FaultKind.MUTE, FaultKind.SHUTDOWN})
VENUE = frozenset({FaultKind.CLOCK, FaultKind.REVOKED, FaultKind.ARCHIVED})
FRAME = frozenset({FaultKind.GAP, FaultKind.DUPLICATE, FaultKind.OUT_OF_ORDER, FaultKind.GARBAGE, FaultKind.STALL})
REQUEST = frozenset(set(FaultKind) - CONNECTION - VENUE - FRAME)
TIMED = CONNECTION | VENUE  # happen at a time unless an occasion is named

_AT_FRAME = FRAME | TIMED
_AT_REQUEST = REQUEST | TIMED
_SIGNED = frozenset({FaultKind.CLOCK})  # kinds whose ``value`` may be negative


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. Without ``at_s``, ``nth`` and ``probability`` it happens at the next ``count`` occasions.

    An occasion is a request or a frame whose name has ``on`` in it. A connection's or the venue's fault without ``nth`` and
    ``probability`` waits for its time only; with one of them it happens to the connections that the occasion concerns.
    """

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
        data = json.loads(raw) if path.suffix.lower() == ".json" else tomllib.loads(raw.decode())
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), where=str(path)) from None
    return parse_faults(data, str(path))


def parse_faults(data: object, where: str) -> Faults:
    """A plan from plain data; names that do not exist are errors with a suggestion."""
    if isinstance(data, dict):
        _check_names(data, Faults.__struct_fields__, where)
        listed = data.get("fault", ())
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            _check_item(item, f"{where}: fault {index + 1}")
    try:
        plan = msgspec.convert(data, Faults)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where) from None
    for index, fault in enumerate(plan.fault):
        _check_values(fault, f"{where}: fault {index + 1}")
    return plan


def _check_item(item: object, where: str) -> None:
    if not isinstance(item, dict):
        raise ConfigError("a table is expected", where=where)
    _check_names(item, Fault.__struct_fields__, where)
    kinds = [one.value for one in FaultKind]
    if item.get("kind") not in kinds:
        raise ConfigError(
            f"no fault is called {item.get('kind')!r}", where=where, hint=near_or_list(str(item.get("kind")), kinds, 30)
        )


def _check_names(item: dict[str, object], known: tuple[str, ...], where: str) -> None:
    for name in item:
        if name not in known:
            raise ConfigError(f"unknown key {name!r}", where=where, hint=near_or_list(name, known))


def _check_values(fault: Fault, where: str) -> None:
    if fault.probability is not None and not 0 <= fault.probability <= 1:
        raise ConfigError(f"probability {fault.probability} is not between 0 and 1", where=where)
    if fault.count < 1 or (fault.nth is not None and fault.nth < 1):
        raise ConfigError("count and nth start at 1", where=where)
    if not math.isfinite(fault.value) or (fault.value < 0 and fault.kind not in _SIGNED):
        raise ConfigError(f"value {fault.value} is not a number of seconds", where=where)


class _Armed:
    __slots__ = ("fault", "left", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.count
        self.seen = 0

    @property
    def by_time(self) -> bool:
        """Whether it needs no occasion, only its time."""
        fault = self.fault
        return fault.kind in TIMED and fault.nth is None and fault.probability is None


class FaultBox:
    """The faults that are still to come. Asked at every occasion; says which one happens, if any."""

    def __init__(self, faults: Faults) -> None:
        self._chance = Chance(faults.seed)
        self._armed = [_Armed(fault) for fault in faults.fault]
        self._elapsed_s = 0.0
        self.happened: dict[str, int] = {}

    def inject(self, fault: Fault) -> None:
        """Add one while running."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Forget all that have not happened yet."""
        self._armed.clear()

    @property
    def waiting(self) -> list[Fault]:
        """Those that have not happened yet, or go on."""
        return [armed.fault for armed in self._armed]

    def frame(self, stream: str) -> Fault | None:
        """What happens at a frame of ``stream``: a fault of the frame, or of a connection or the venue."""
        return self._draw(_AT_FRAME, stream) if self._armed else None

    def request(self, name: str) -> Fault | None:
        """What happens at a request (a method's or a path's name)."""
        return self._draw(_AT_REQUEST, name) if self._armed else None

    def due(self, elapsed_s: float) -> list[Fault]:
        """Faults whose time has come; ``elapsed_s`` is since the market started."""
        self._elapsed_s = elapsed_s
        if not self._armed:
            return []
        due = []
        for armed in [item for item in self._armed if item.by_time]:
            if armed.fault.at_s is None or elapsed_s >= armed.fault.at_s:
                due.append(armed.fault)
                self._spend(armed)
        return due

    def _draw(self, kinds: frozenset[FaultKind], name: str) -> Fault | None:
        for armed in self._armed:
            fault = armed.fault
            if fault.kind not in kinds or fault.on not in name or armed.by_time:
                continue
            if fault.at_s is not None and self._elapsed_s < fault.at_s:
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
