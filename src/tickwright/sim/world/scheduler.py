"""Virtual time: one heap of what is to come, one queue a process of what is ready, and a seeded choice between processes.

Guarantees: within one process callbacks run in the order in which they became ready, as asyncio promises; which of several
processes goes on is drawn from the seed, as is the order of timers that are due at the same nanosecond (asyncio leaves it open).
Time stands still while there is something to do, apart from what each callback is said to cost, and then jumps. Nothing to do and
nothing to come is a deadlock. Every step goes into a running hash.

Does not: wait, read the machine's clock, or know what a callback is about.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from tickwright.base.chance import Chance

#: What one callback takes of virtual time: a busy wait must come to an end, and in life nothing is free.
STEP_COST_NS = 5_000
#: Cancelled timers are thrown out when there are more than this of them, and more of them than of others.
CANCELLED_MAX = 1_000


class Deadlock(Exception):  # noqa: N818 (the name of the thing)
    """Nothing is ready, and nothing will be."""


class Gone(BaseException):
    """Raised through the code of a process that has just been killed. Nothing that it does any more has an effect."""


class Item(Protocol):
    """Something that is to be run once: a handle of asyncio, or a call of the world's."""

    _cancelled: bool

    def _run(self) -> None: ...


class Call:
    """A plain function as an item: for what belongs to the world and not to a task."""

    __slots__ = ("_args", "_cancelled", "_function", "is_over")

    def __init__(self, function: Callable[..., None], *args: object) -> None:
        self._function = function
        self._args = args
        self._cancelled = False
        self.is_over = False  # it was run, or will not be

    def cancel(self) -> None:
        """It will not be run."""
        self._cancelled = self.is_over = True

    def _run(self) -> None:
        self.is_over = True
        self._function(*self._args)


class Process(Protocol):
    """What the scheduler sees of a loop: its queue, and whether it may go on."""

    number: int
    ready: deque[Item]
    frozen: bool
    dead: bool


class Scheduler:
    """Runs what is ready, in virtual time. ``now_ns`` is true time: nanoseconds since the world began."""

    def __init__(self, chance: Chance, step_cost_ns: int = STEP_COST_NS) -> None:
        self.now_ns = 0
        self.steps = 0
        #: Whose step is being taken; None between steps.
        self.current: Process | None = None
        #: Called between two steps after the one of the number ``pause_at``; answers with the next such number.
        self.on_pause: Callable[[int], int] | None = None
        self.pause_at = 1 << 62
        self._unit = chance.unit
        self._cost_ns = step_cost_ns
        self._heap: list[tuple[int, float, int, Process | None, Item]] = []
        self._count = 0
        self._cancelled = 0
        self._active: list[Process] = []
        self._mix = 0
        self._halted = False
        self._running: Process | None = None  # whose loop asyncio takes for the running one
        self._bytes = hashlib.blake2b(digest_size=16)

    # -- what is to come ---------------------------------------------------------------------------------------------

    def at(self, when_ns: int, process: Process | None, item: Item, key: float | None = None) -> None:
        """Run ``item`` at a time, in a process's turn; None is the world itself, which is never frozen.

        ``key`` is its place among equals; drawn unless given, which is for what must not depend on the order of calls.
        """
        self._count += 1
        heapq.heappush(self._heap, (when_ns, self._unit() if key is None else key, self._count, process, item))

    def soon(self, process: Process, item: Item) -> None:
        """Run ``item`` after everything that is ready in its process."""
        ready = process.ready
        if not ready and not process.frozen:
            self._active.append(process)
        ready.append(item)

    def forget(self) -> None:
        """A timer was cancelled."""
        self._cancelled += 1
        if self._cancelled > CANCELLED_MAX and 2 * self._cancelled > len(self._heap):
            self._purge()

    def _purge(self) -> None:
        """Throw out what will not be run. In place: the heap may be looked at right now."""
        self._heap[:] = [
            entry
            for entry in self._heap
            if not (entry[4]._cancelled or (entry[3] is not None and entry[3].dead))  # noqa: SLF001 (asyncio has no other way)
        ]
        heapq.heapify(self._heap)
        self._cancelled = 0

    def spend(self, ns: int) -> None:
        """Whoever is at work waits in place for so long: a disk, say. Kept short, because everybody waits with it."""
        self.now_ns += ns

    # -- processes ---------------------------------------------------------------------------------------------------

    def clear(self, process: Process) -> None:
        """Everything that a dead process had ready and all that it waited for is gone."""
        assert process.dead, "only what is dead is cleared away"
        process.ready.clear()
        if process in self._active:
            self._active.remove(process)
        self._purge()

    def freeze(self, process: Process) -> None:
        """A process does not go on; what becomes ready waits."""
        process.frozen = True
        if process in self._active:
            self._active.remove(process)

    def thaw(self, process: Process) -> None:
        """It goes on."""
        process.frozen = False
        if process.ready and not process.dead and process not in self._active:
            self._active.append(process)

    # -- running -----------------------------------------------------------------------------------------------------

    def halt(self) -> None:
        """Have ``run`` return after this step."""
        self._halted = True

    def run(self, until_ns: int, over: Callable[[], bool] | None = None, *, awaited: bool = False) -> bool:
        """Step until :meth:`halt`, until ``over()`` (asked before each step), or until the time has come: then it is False.

        Where something is ``awaited`` and nothing is left that could bring it about, a :class:`Deadlock` is raised.
        """
        heap, active = self._heap, self._active
        self._halted = False
        before = events._get_running_loop()  # noqa: SLF001 (what asyncio.run does)
        try:
            while not self._halted and (over is None or not over()):
                if heap and heap[0][0] <= self.now_ns:
                    self._release()
                elif active:
                    if self.now_ns >= until_ns:
                        return False
                    self._turn(active[0] if len(active) == 1 else active[int(self._unit() * len(active))])
                elif not heap and awaited:
                    raise Deadlock("nothing is ready and nothing will be")
                elif not heap or heap[0][0] > until_ns:
                    self.now_ns = max(self.now_ns, until_ns)
                    return False
                else:
                    self.now_ns = heap[0][0]
        finally:
            self._running = None
            events._set_running_loop(before)  # noqa: SLF001 (see above)
        return True

    def _turn(self, process: Process) -> None:
        """The first of what is ready in a process."""
        ready = process.ready
        item = ready.popleft()
        if not ready:
            self._active.remove(process)
        if not item._cancelled:  # noqa: SLF001 (asyncio has no other way)
            self._step(process, item)

    def _step(self, process: Process, item: Item) -> None:
        if process is not self._running:
            events._set_running_loop(cast("asyncio.AbstractEventLoop", process))  # noqa: SLF001 (what asyncio.run does)
            self._running = process
        self.steps += 1
        self.now_ns += self._cost_ns
        self._mix = hash((self._mix, self.now_ns, process.number))
        self.current = process
        try:
            item._run()  # noqa: SLF001 (asyncio has no other way)
        except Gone:
            assert process.dead, "it is raised through the code of a process that is no more"
        self.current = None
        if self.steps >= self.pause_at and self.on_pause is not None:
            self.pause_at = self.on_pause(self.steps)

    def _release(self) -> None:
        """What is due becomes ready, in order, or is run if nothing else is; what is the world's own is run."""
        heap, now_ns = self._heap, self.now_ns
        while heap and heap[0][0] <= now_ns:
            _, _, _, process, item = heapq.heappop(heap)
            if item._cancelled:  # noqa: SLF001 (asyncio has no other way)
                self._cancelled = max(0, self._cancelled - 1)
            elif process is None:
                self._mix = hash((self._mix, now_ns, -1))
                item._run()  # noqa: SLF001 (see above)
            elif process.dead:
                continue
            elif self._active or process.frozen or (heap and heap[0][0] <= now_ns):
                self.soon(process, item)
            else:
                self._step(process, item)
                return

    # -- evidence ----------------------------------------------------------------------------------------------------

    def witness(self, data: bytes) -> None:
        """Bytes that crossed a border of the world."""
        self._bytes.update(data)
        self._mix = hash((self._mix, self.now_ns, len(data)))

    def digest(self) -> str:
        """What has happened so far, in 32 letters: the same for the same seed."""
        so_far = self._bytes.copy()
        so_far.update(f"{self._mix:x} {self.now_ns} {self.steps}".encode())
        return so_far.hexdigest()
