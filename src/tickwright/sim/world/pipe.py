"""One direction of one connection: bytes go in at one end and come out at the other, in order, later, in other pieces.

Guarantees: what arrives is a beginning of what was sent, in order, whatever befalls it; what was sent and not yet read is
bounded, and who sends more is told to wait. Faults hold bytes back, let them drip, or let them never arrive. Does not: know
connections.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

from tickwright.base.chance import Chance
from tickwright.sim.world.faults import NetFaults
from tickwright.sim.world.scheduler import Call, Process, Scheduler

#: Bytes under way and unread in one direction: the two buffers of the systems at its ends.
WINDOW_BYTES = 256 * 1024
#: How often something comes out while it drips.
DRIP_EVERY_NS = 100_000_000
FOREVER_NS = 1 << 62
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


class _Mark(enum.Enum):
    """What comes after the last byte."""

    END = enum.auto()
    RESET = enum.auto()


class Mouth(Protocol):
    """Who is at the end of a pipe."""

    @property
    def process(self) -> Process | None:
        """In whose turn it arrives; None when only the system of the machine is left to take it."""

    def arrived(self, data: bytes) -> None: ...

    def arrived_end(self) -> None: ...

    def arrived_reset(self) -> None: ...


class Pipe:
    """See the module. ``room`` is what may be put in now."""

    __slots__ = (
        "_chance",
        "_choked_until_ns",
        "_drip_bytes",
        "_drip_every_ns",
        "_drip_until_ns",
        "_extra_ns",
        "_extra_until_ns",
        "_flying",
        "_last_ns",
        "_mouth",
        "_on_room",
        "_scheduler",
        "_silent_until_ns",
        "faults",
        "held",
    )

    def __init__(
        self, scheduler: Scheduler, chance: Chance, faults: NetFaults, mouth: Mouth, on_room: Callable[[], None]
    ) -> None:
        self._scheduler = scheduler
        self._chance = chance
        self.faults = faults
        self._mouth = mouth
        self._on_room = on_room
        self._flying: deque[tuple[int, bytes | _Mark]] = deque()
        self._last_ns = 0
        self._silent_until_ns = 0
        self._choked_until_ns = 0
        self._drip_until_ns = 0
        self._drip_bytes = 1
        self._drip_every_ns = DRIP_EVERY_NS
        self._extra_until_ns = 0
        self._extra_ns = 0
        self.held = 0  # bytes under way, and arrived but not yet read

    # -- putting in ----------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        return WINDOW_BYTES - self.held

    def put(self, data: bytes) -> None:
        """Send, no more than there is room for."""
        assert len(data) <= self.room, "more than fits"
        self.held += len(data)
        now_ns = self._scheduler.now_ns
        faults, chance = self.faults, self._chance
        if self._flying and chance.happens(faults.merge_share):
            self._flying.append((self._last_ns, data))  # comes out with what is before it
            return
        if chance.happens(faults.split_share) and len(data) > 1:
            pieces = _cut(data, 2 + chance.below(max(1, faults.pieces_max - 1)), chance)
        else:
            pieces = [data]
        for piece in pieces:
            self._send(piece, now_ns)

    def put_end(self) -> None:
        """Nothing more will be sent."""
        self._send(_Mark.END, self._scheduler.now_ns)

    def put_reset(self) -> None:
        """The connection is broken at this end: told after what was sent before."""
        self._send(_Mark.RESET, self._scheduler.now_ns)

    def _send(self, piece: bytes | _Mark, now_ns: int) -> None:
        self._last_ns = max(self._last_ns + 1, now_ns + self.delay_ns())
        self._flying.append((self._last_ns, piece))
        self._wake(self._last_ns)

    def delay_ns(self) -> int:
        """How long one message takes."""
        least, mean = self.faults.latency_ms_min, self.faults.latency_ms_mean
        delay_ns = int((least + self._chance.exponential(mean - least)) * _NS_PER_MS) if mean > least else int(least * _NS_PER_MS)
        return delay_ns + (self._extra_ns if self._scheduler.now_ns < self._extra_until_ns else 0)

    def _wake(self, at_ns: int) -> None:
        self._scheduler.at(at_ns, self._mouth.process, Call(self._arrive), self._chance.unit())

    # -- coming out ----------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        """Everything that has arrived by now, in one piece; less if it drips, nothing while it is silent or not read."""
        now_ns = self._scheduler.now_ns
        until_ns = max(self._silent_until_ns, self._choked_until_ns)
        if now_ns < until_ns:
            if until_ns < FOREVER_NS and self._flying:
                self._wake(until_ns)
            return
        flying = self._flying
        parts: list[bytes] = []
        size, most = 0, self._drip_bytes if now_ns < self._drip_until_ns else WINDOW_BYTES
        while flying and flying[0][0] <= now_ns and size < most:
            piece = flying[0][1]
            if isinstance(piece, _Mark):
                break
            if len(piece) > most - size:
                flying[0] = (now_ns + self._drip_every_ns, piece[most - size :])
                self._wake(now_ns + self._drip_every_ns)
                piece = piece[: most - size]
            else:
                flying.popleft()
            parts.append(piece)
            size += len(piece)
        if parts:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            self._scheduler.witness(data)
            self._mouth.arrived(data)
        if flying and flying[0][0] <= now_ns:
            self._arrive_mark(flying[0][1], now_ns)

    def _arrive_mark(self, first: bytes | _Mark, now_ns: int) -> None:
        if first is _Mark.END:
            self._flying.popleft()
            self._mouth.arrived_end()
        elif first is _Mark.RESET:
            self._flying.clear()
            self._mouth.arrived_reset()
        else:
            self._wake(now_ns + self._drip_every_ns)

    def read(self, size: int) -> None:
        """The other end has taken so much in: there is room for as much again."""
        was_full = self.held >= WINDOW_BYTES
        self.held -= size
        assert self.held >= 0, "more was read than was sent"
        if was_full and self.held < WINDOW_BYTES:
            self._on_room()

    # -- faults --------------------------------------------------------------------------------------------------------

    def silence(self, until_ns: int) -> None:
        """Nothing comes out until then."""
        self._silent_until_ns = max(self._silent_until_ns, until_ns)

    def choke(self, until_ns: int) -> None:
        """What arrives is not read until then."""
        self._choked_until_ns = max(self._choked_until_ns, until_ns)

    def drip(self, until_ns: int, bytes_per_s: float) -> None:
        """Until then only so much comes out."""
        assert bytes_per_s > 0, "a drip that gives nothing is a silence"
        self._drip_until_ns = until_ns
        self._drip_every_ns = max(DRIP_EVERY_NS, int(_NS_PER_S / bytes_per_s))
        self._drip_bytes = max(1, int(bytes_per_s * self._drip_every_ns / _NS_PER_S))

    def delay(self, until_ns: int, extra_ns: int) -> None:
        """What is sent until then takes longer."""
        self._extra_until_ns = until_ns
        self._extra_ns = extra_ns

    def cut_short(self, *, mid_message: bool) -> None:
        """Nothing more comes out, except some beginning of what is under way when it breaks in the middle of a message."""
        now_ns = self._scheduler.now_ns
        first = next((piece for _, piece in self._flying if isinstance(piece, bytes)), None)
        self._flying.clear()
        if mid_message and first is not None and len(first) > 1:
            self._flying.append((now_ns, first[: 1 + self._chance.below(len(first) - 1)]))
            self._wake(now_ns)

    def hand_over(self) -> None:
        """The process at the end is no more: the system of its machine takes what is under way."""
        if self._flying:
            self._wake(max(self._last_ns, self._scheduler.now_ns))


def _cut(data: bytes, pieces: int, chance: Chance) -> list[bytes]:
    """In pieces of any size, none empty."""
    places = sorted({1 + chance.below(len(data) - 1) for _ in range(pieces - 1)})
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
