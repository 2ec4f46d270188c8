"""What is fuzzed: a name, wires to begin with, a mutator, what must hold for every wire, and what counts as past the first parse."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from fuzz.choices import Choices
from fuzz.inputs import CPU_S_MAX, MEMORY_BYTES_MAX
from fuzz.mutate import Mutator

FIXTURES = Path(__file__).parents[1] / "fixtures" / "binance_spot"
CORPUS = Path(__file__).parent / "corpus"
#: An input that seems slow is timed again so often: a garbage collection that falls into it is not its doing.
_TIMED_AGAIN = 5


class Target(NamedTuple):
    """``check`` returns whatever happened that may happen, and raises for everything else. ``share`` of the usual number of inputs
    is run: a script of requests is many inputs.
    """

    name: str
    about: str
    samples: tuple[bytes, ...]
    mutate: Mutator
    check: Callable[[bytes], object]
    parses: Callable[[bytes], bool]
    share: float = 1.0

    def make(self, choices: Choices) -> bytes:
        """An input that nobody recorded."""
        return self.mutate(choices.pick(self.samples), choices, self.samples)

    def is_past(self, wire: bytes) -> bool:
        """Whether an input gets past the first parse; a finding is judged elsewhere."""
        try:
            return self.parses(wire)
        except Exception:
            return False

    def corpus(self) -> list[Path]:
        """Inputs that were worth keeping."""
        folder = CORPUS / self.name
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


class SlowError(AssertionError):
    """An input that costs more time than any may."""


class LargeError(AssertionError):
    """An input that takes more memory than any may."""


def run(target: Target, wire: bytes, slowness: float = 1.0) -> None:
    """One input: what must hold, within the time that an input may take (of this thread, whatever else the machine does)."""
    started = time.thread_time()
    target.check(wire)
    spent_s = time.thread_time() - started
    limit_s = CPU_S_MAX * slowness
    if spent_s <= limit_s:
        return
    for _ in range(_TIMED_AGAIN):
        started = time.thread_time()
        target.check(wire)
        spent_s = min(spent_s, time.thread_time() - started)
        if spent_s <= limit_s:
            return
    raise SlowError(f"{spent_s * 1_000:.0f} ms, the limit is {limit_s * 1_000:.0f}")


def run_within_memory(target: Target, wire: bytes) -> None:
    """The same for memory."""
    tracemalloc.start()
    try:
        target.check(wire)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if peak > MEMORY_BYTES_MAX:
        raise LargeError(f"{peak / 2**20:.0f} MiB, the limit is {MEMORY_BYTES_MAX / 2**20:.0f}")


def problem(target: Target, wire: bytes) -> BaseException | None:
    """What is wrong with an input, or None."""
    try:
        run(target, wire)
    except Exception as error:
        return error
    return None


def shrunk(target: Target, wire: bytes, error: BaseException, tries: int = 3_000) -> bytes:
    """A smaller wire with the same kind of problem: pieces are left out while it stays."""
    size = len(wire) // 2
    while size and tries > 0:
        at = 0
        while at < len(wire) and tries > 0:
            tries -= 1
            less = wire[:at] + wire[at + size :]
            if type(problem(target, less)) is type(error):
                wire = less
            else:
                at += size
        size //= 2
    return wire


def compact(path: Path) -> bytes:
    """A sample message as it is sent: without white space."""
    return msgspec.json.format(path.read_bytes(), indent=-1)


def is_json(body: bytes) -> bool:
    """Whether a body is JSON at all, by a reader that is not the one under test."""
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return True
