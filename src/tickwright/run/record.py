"""A run on record: what its journal begins with, how the state is made from that, and what the run before left.

One function makes a state, :func:`build`, whether a run begins, is replayed or is recovered from, so the three cannot differ.
Nothing in a head is secret: keys belong to the venue's configuration, which is not in it.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

import tickwright
from tickwright.base.errors import JournalError, RecoveryError, UsageError
from tickwright.engine import carry
from tickwright.engine.build import attach
from tickwright.engine.carry import Carried
from tickwright.engine.state import EngineConfig, State
from tickwright.journal.disk import Disk, RealDisk
from tickwright.journal.reader import is_run_name, latest_run, read_run, run_names
from tickwright.journal.record import Checkpoint, End, Head, Record, Steps
from tickwright.journal.writer import Bounds, Durability, JournalWriter, open_run
from tickwright.model.caps import Caps
from tickwright.model.instrument import Instrument
from tickwright.model.market import Channel
from tickwright.run.load import USER_MODULE
from tickwright.strategy.strategy import Strategy, describe

FORMAT = 1


class RunHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was started with: enough to make its state again, and to say which program did."""

    format: int
    version: str
    build: str  # digest of the program's own source
    python: str
    started_ns: int
    place: str  # venue and environment: which account this is
    strategy: str
    strategy_source: str  # where it came from: file:PATH or module:NAME
    strategy_digest: str  # of that file
    params: dict[str, str]
    config: EngineConfig
    caps: tuple[Caps, ...]
    traded: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    carried: Carried | None
    strategy_changed: bool  # since the run that ``carried`` is from


def encode_head(head: RunHead) -> bytes:
    """The bytes at the head of the journal: equal for equal heads, whatever order a set is in."""
    plain = msgspec.to_builtins(head)
    for caps in plain["caps"]:
        caps.update({name: sorted(value) for name, value in caps.items() if isinstance(value, list)})
    return msgspec.json.encode(plain)


def decode_head(raw: bytes, where: str) -> RunHead:
    """The other way; ``RecoveryError`` for what another version wrote."""
    try:
        head = msgspec.json.decode(raw, type=RunHead)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecoveryError(f"its head cannot be read by this version: {error}", where=where) from None
    if head.format != FORMAT:
        raise RecoveryError(f"it has format {head.format}, this version reads {FORMAT}", where=where)
    return head


def build(head: RunHead, strategy: Strategy | None) -> tuple[State, set[tuple[str, Channel, str]]]:
    """The state that the run began with, and what the strategy subscribes to. Without a strategy: only the account."""
    state = State(head.config, head.caps, head.instruments)
    state.traded = list(head.traded)
    if head.carried is not None:
        carry.restore(state, head.carried)
    wanted = attach(state, strategy) if strategy is not None else set()
    if head.carried is not None:
        carry.take_over(state, head.started_ns, strategy_changed=head.strategy_changed)
    return state, wanted


def source_of(strategy: type[Strategy]) -> str:
    """Where a strategy can be loaded from again."""
    path = _file_of(strategy)
    if path is not None and strategy.__module__.startswith(USER_MODULE):
        return f"file:{path}"
    return f"module:{strategy.__module__}:{strategy.__qualname__}"


def source_digest(strategy: type[Strategy]) -> str:
    """Tells one version of a strategy from another: of its file, or of its name where it has none."""
    path = _file_of(strategy)
    try:
        raw = path.read_bytes() if path is not None else strategy.__qualname__.encode()
    except OSError:
        raw = strategy.__qualname__.encode()
    return hashlib.sha256(raw).hexdigest()


def _file_of(strategy: type[Strategy]) -> Path | None:
    found = getattr(sys.modules.get(strategy.__module__), "__file__", None)
    return Path(found).resolve() if found else None


@cache
def build_digest() -> str:
    """Tells one build of this program from another: of every source file of it."""
    found = hashlib.sha256()
    root = Path(tickwright.__file__).parent
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What the run before this one left."""

    run: str
    head: RunHead
    carried: Carried
    clean: bool  # it had ended in order


def head_of(
    strategy: Strategy,
    digest: str,
    *,
    place: str,
    started_ns: int,
    config: EngineConfig,
    caps: tuple[Caps, ...],
    traded: tuple[str, ...],
    instruments: tuple[Instrument, ...],
    left: Left | None,
) -> RunHead:
    """What a run that is about to begin is started with."""
    return RunHead(
        format=FORMAT,
        version=tickwright.__version__,
        build=build_digest(),
        python=platform.python_version(),
        started_ns=started_ns,
        place=place,
        strategy=type(strategy).__name__,
        strategy_source=source_of(type(strategy)),
        strategy_digest=digest,
        params={name: str(getattr(strategy, name)) for name in sorted(describe(type(strategy)))},
        config=config,
        caps=caps,
        traded=traded,
        instruments=instruments,
        carried=left.carried if left is not None else None,
        strategy_changed=left is not None and left.head.strategy_digest != digest,
    )


class Recording:
    """The journal folder of one account."""

    def __init__(
        self,
        folder: Path,
        place: str,
        durability: Durability,
        *,
        disk: Disk | None = None,
        go_on: bool = True,
        bounds: Bounds | None = None,
        background: Callable[[Callable[[], None]], None] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.place = place
        self.durability = durability
        self.disk: Disk = disk if disk is not None else RealDisk()
        self.go_on = go_on
        self._bounds = bounds
        self._background = background
        self._say = say
        self._left: Left | None = None
        self._looked = False

    def left(self) -> Left | None:
        """What the last run in the folder left; None where there is none or this one begins anew."""
        if not self._looked:
            self._looked = True
            self._left = recover(self.folder, self.disk, self.place) if self.go_on else None
        return self._left

    def prefixes(self) -> frozenset[str]:
        """Under which the runs on record issued their ids: none may be used again."""
        return frozenset(f"{name.partition('-')[2]}-" for name in run_names(self.folder, self.disk))

    def begin(self, head: RunHead, state: State) -> JournalWriter:
        """Start the journal of this run. Raises ``JournalError`` where it cannot be written: then nothing is run."""
        return open_run(
            self.folder,
            state.config.id_prefix,
            encode_head(head),
            self.durability,
            disk=self.disk,
            checkpoint=lambda: carry.encode(carry.keep(state)),
            bounds=self._bounds,
            background=self._background,
            say=self._say,
        )


def recover(folder: Path, disk: Disk, place: str) -> Left | None:
    """Rebuild what the last run in ``folder`` knew. Damage is an error that says where it is: nothing is skipped or guessed."""
    run = latest_run(folder, disk)
    if run is None:
        return None
    where = str(folder / run)
    rebuilding = Rebuilding(where)
    for record in read_run(folder, run, disk):
        rebuilding.take(record)
    head = rebuilding.head
    if head.place != place:
        hint = "give each account its own folder"
        raise UsageError(f"the journal is of {head.place}, this run is on {place}", where=where, hint=hint)
    return Left(run=run, head=head, carried=rebuilding.kept(), clean=rebuilding.clean)


class Rebuilding:
    """The account as a journal tells it, record by record; no strategy is needed, or called."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.clean = False  # it ended in order
        self._head: RunHead | None = None
        self._state: State | None = None
        self._number = 0

    @property
    def head(self) -> RunHead:
        if self._head is None:
            raise JournalError("it does not begin with a head", where=self.where)
        return self._head

    @property
    def state(self) -> State:
        if self._state is None:
            raise JournalError("it does not begin with the state of the account", where=self.where)
        return self._state

    def kept(self) -> Carried:
        """What the run knew as far as it has been read."""
        return carry.keep(self.state)

    def take(self, record: Record) -> None:
        """The next record."""
        self.clean = False
        if isinstance(record, Head):
            self._begin(record)
        elif isinstance(record, Checkpoint):
            self._checkpoint(record)
        elif isinstance(record, Steps):
            for event, effects in record.steps:
                carry.fold(self.state, event, effects)
        elif isinstance(record, End):
            self.clean = record.clean

    def _begin(self, record: Head) -> None:
        """Each file of the run repeats the head; only the first one of all goes on from the run before."""
        if self._head is not None:
            return
        self._head = decode_head(record.raw, self.where)
        if record.number == 1:
            self._state, _ = build(self._head, None)

    def _checkpoint(self, record: Checkpoint) -> None:
        if self._state is None:  # the files before it are gone: it is what there is
            self._state, _ = build(msgspec.structs.replace(self.head, carried=None), None)
            carry.restore(self._state, carry.decode(record.raw))
        elif carry.decode(record.raw) != carry.keep(self._state):
            raise RecoveryError(
                f"the state rebuilt up to step {record.seq} is not the one on record",
                where=self.where,
                hint="keep the journal, and take over the venue's state with tickwright adopt",
            )


def find_run(path: Path, disk: Disk) -> tuple[Path, str]:
    """The folder and the run that a person means: a run's own folder, or a folder of runs, of which it is the latest."""
    if is_run_name(path.name) and path.is_dir():
        return path.parent, path.name
    if not path.is_dir():
        raise UsageError("there is no such folder", where=str(path), hint="give a journal's folder, or that of one run in it")
    run = latest_run(path, disk)
    if run is None:
        raise UsageError("no run is on record in it", where=str(path))
    return path, run
