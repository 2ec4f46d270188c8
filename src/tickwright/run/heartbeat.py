"""The sign of life of a run: a small file that moves while the engine does, for whoever watches from outside of the process.

Guarantees: the file is always whole (it is replaced, never written over); it moves only while the engine's loop turns; a run that
ended in order has said so, durably; two runs never write to the same one. A disk that cannot take the words is touched instead.

Does not: hold anything that is secret, or prove that a process is gone. Silence is for the reader to judge, by his own clock: the
times in the file are for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tickwright.base.clock import Clock
from tickwright.engine.state import State
from tickwright.journal.disk import Lock, RealDisk
from tickwright.run.shell import Shell

FILE_NAME = "heartbeat.json"
LOCK_NAME = "heartbeat.lock"
#: How often the file moves.
BEAT_EVERY_S = 0.5
#: A file that is larger is not one of ours.
BEAT_BYTES_MAX = 64 * 1024
#: Symbols and halts that are named in it; the rest is counted.
NAMES_MAX = 100


class Life(enum.Enum):
    """What a run says of itself."""

    STARTING = "starting"  # it has never been armed
    ARMED = "armed"
    DISARMED = "disarmed"
    HALTED = "halted"  # something of it is
    ENDED = "ended"  # in order: it left the venue as it meant to
    DEAD = "dead"  # it is over, and did not end in order

    @property
    def is_over(self) -> bool:
        return self in (Life.ENDED, Life.DEAD)


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the file. ``prefix`` begins the client ids of its orders; ``count`` grows by one each time."""

    life: Life
    count: int
    prefix: str
    pid: int
    venue: str
    environment: str
    symbols: tuple[str, ...]
    open_orders: int  # of ours
    halts: tuple[str, ...]
    wall_ns: int
    mono_ns: int
    every_ms: int
    why: str = ""  # how it ended


class Reading(msgspec.Struct, frozen=True):
    """What was found. ``mark`` differs whenever the file has moved; ``beat`` is None where what is in it is no heartbeat; with
    ``blind`` the system did not let it be read, and whether it moves is not known.
    """

    mark: tuple[int, ...]
    beat: Beat | None
    trouble: str = ""
    blind: bool = False


def read(path: Path) -> Reading | None:
    """The file as it is now; None where there is none. One that cannot be read is a run that cannot be made out, not no run."""
    try:
        with path.open("rb") as file:
            info = os.fstat(file.fileno())
            raw = file.read(BEAT_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Reading((), None, error.strerror or str(error), blind=True)
    mark = (info.st_mtime_ns, info.st_ino, info.st_size)
    if len(raw) > BEAT_BYTES_MAX:
        return Reading(mark, None, f"it is larger than {BEAT_BYTES_MAX} bytes")
    try:
        beat = _DECODER.decode(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        return Reading(mark, None, f"it is not a heartbeat: {str(error)[:100]}")
    return Reading((*mark, beat.count), beat)


class Heart:
    """Writes one run's file. :meth:`keep` is a keeper of the shell; :meth:`claim` comes before it, :meth:`close` after."""

    def __init__(
        self,
        folder: Path,
        venue: str,
        environment: str,
        clock: Clock,
        say: Callable[[str], None],
        *,
        every_s: float = BEAT_EVERY_S,
    ) -> None:
        self.path = folder / FILE_NAME
        self._venue = venue
        self._environment = environment
        self._clock = clock
        self._say = say
        self._every_s = every_s
        self._lock: Lock | None = None
        self._count = 0
        self._written = 0
        self._writing = threading.Lock()
        self._told = False

    def claim(self) -> bool:
        """Take the file; False where another run has it."""
        self._lock = RealDisk().lock(self.path.with_name(LOCK_NAME))
        return self._lock is not None

    def close(self) -> None:
        """Let go of the file. It stays where it is, and says what it said last."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def keep(self, shell: Shell) -> None:
        """Beat until cancelled, and then say once how it ended. What is said is gathered here, by the loop whose life it
        proves; the disk is waited for elsewhere.
        """
        loop = asyncio.get_running_loop()
        writer = ThreadPoolExecutor(1, thread_name_prefix="heartbeat")
        try:
            while True:
                beat = self._beat(shell, _life(shell.state))
                await loop.run_in_executor(writer, self.write, beat)
                await asyncio.sleep(self._every_s)
        finally:
            writer.shutdown(wait=False, cancel_futures=True)
            stopped = shell.stopped
            in_order = stopped is not None and stopped.clean and shell.failure is None
            why = repr(shell.failure)[:200] if shell.failure is not None else stopped.why if stopped is not None else "cut short"
            self.write(self._beat(shell, Life.ENDED if in_order else Life.DEAD, why))

    def write(self, beat: Beat) -> None:
        """Replace the file, unless it is further on already. The first word and the last survive a power failure."""
        with self._writing:
            if beat.count <= self._written:
                return
            durable = not self._written or beat.life.is_over
            self._written = beat.count
            try:
                _replace(self.path, _ENCODER.encode(beat), durable=durable)
            except OSError as error:
                self._trouble(error)

    def _trouble(self, error: OSError) -> None:
        """The words could not be written (a full disk): that the engine lives can still be shown, by the file's time."""
        if not self._told:
            self._told = True
            self._say(f"the heartbeat cannot be written: {error.strerror or error}: {self.path}")
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def _beat(self, shell: Shell, life: Life, why: str = "") -> Beat:
        self._count += 1
        state = shell.state
        return Beat(
            life=life,
            count=self._count,
            prefix=state.config.id_prefix,
            pid=os.getpid(),
            venue=self._venue,
            environment=self._environment,
            symbols=tuple(key.partition(":")[2] for key in state.traded[:NAMES_MAX]),
            open_orders=sum(not order.foreign for order in state.orders.open_orders()),
            halts=tuple(f"{halt.scope} {halt.level.name}" for halt in state.halts.all()[:NAMES_MAX]),
            wall_ns=self._clock.wall_ns(),
            mono_ns=self._clock.mono_ns(),
            every_ms=int(self._every_s * 1_000),
            why=why,
        )


def _life(state: State) -> Life:
    if not state.ever_armed:
        return Life.STARTING
    if state.halts.all() or state.halts.conditions():
        return Life.HALTED
    return Life.ARMED if state.armed else Life.DISARMED


def _replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Another file in its place, in one piece or not at all."""
    draft = path.with_name(path.name + ".part")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)  # the folder says who may look
    try:
        if os.write(number, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(number)
    finally:
        os.close(number)
    draft.replace(path)
    if durable:
        RealDisk().sync_folder(path.parent)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Beat)
