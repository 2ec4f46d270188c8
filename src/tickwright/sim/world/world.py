"""A world out of one seed: nodes with a clock, a loop and a disk each, a network between them, and time that jumps.

    with World(seed=7, faults=NetFaults(reset_per_hour=20)) as world:
        venue, client = world.node("venue"), world.node("client")
        serve_stand(venue, BinanceSpotStand(StandConfig(seed=7)))
        world.run(client, trade(client.clock, client.chance), limit_s=600)
        print(world.digest())

Guarantees: the same seed and the same calls give the same digest, in any process. What nobody caught in any node is raised by
``run``. Nothing that runs in it reaches the machine (``guard.py``). Does not: know what a venue or a strategy is.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import warnings
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S
from tickwright.sim.world.clocks import WorldClock
from tickwright.sim.world.disk import DiskFaults, WorldDisk
from tickwright.sim.world.faults import NetFault, NetFaults
from tickwright.sim.world.guard import Guard, collect
from tickwright.sim.world.loop import ProcessLoop
from tickwright.sim.world.network import Host, Network
from tickwright.sim.world.report import where_tasks_wait
from tickwright.sim.world.scheduler import Call, Deadlock, Gone, Scheduler

T = TypeVar("T")

#: 8 August 2024, midnight, in nanoseconds since the epoch: when every world begins.
START_NS = 1_723_075_200 * NS_PER_S
#: What a machine's monotonic clock shows when its first process starts.
UPTIME_NS = 1_000 * NS_PER_S
#: The garbage collector runs after so many steps.
COLLECT_EVERY = 200_000
#: Failures that are kept; the first ones are what matters.
FAILURES_MAX = 100
#: Awaits on the way out of a coroutine that is closed.
CLOSE_TRIES_MAX = 100


class WorldError(Exception):
    """Something in a world failed that nobody caught."""


class Node:
    """One machine with at most one process of ours. ``loop`` is that of the process; a restart brings a new one."""

    def __init__(self, world: World, name: str, host: Host, clock: WorldClock, chance: Chance, disk: WorldDisk) -> None:
        self.name = name
        self.host = host
        self.clock = clock
        self.chance = chance
        self.disk = disk
        self.incarnation = 0
        self.served: dict[int, object] = {}  # by port, for whoever serves it again after a restart
        self.loop: ProcessLoop
        self._world = world

    @property
    def is_up(self) -> bool:
        return not self.loop.dead

    def start(self, coro: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
        """A task of its process, held until it is done. It goes on when the world runs."""
        task = self.loop.create_task(coro, name=name)
        self.loop.keep(task)
        return task

    def tasks(self) -> list[str]:
        """Names of the tasks that are not done: none after an orderly end (INV-40)."""
        return [task.get_name() for task in self.loop.tasks()]

    def freeze(self, seconds: float) -> None:
        """The process does not go on for so long; its clock does."""
        self._world.freeze(self, seconds)


class World:
    """See the module. Use it as a context manager."""

    def __init__(
        self,
        seed: int | str,
        *,
        faults: NetFaults = NetFaults(),  # noqa: B008 (frozen data)
        plan: Sequence[NetFault] = (),
        start_ns: int = START_NS,
    ) -> None:
        self.seed = seed
        self.nodes: dict[str, Node] = {}
        self.failures: list[str] = []
        self.scheduler = Scheduler(Chance(f"{seed}:scheduler"))
        self.network = Network(self.scheduler, f"{seed}:net", faults, plan)
        self._start_ns = start_ns
        self._cause: BaseException | None = None
        self._guard = Guard(str(seed), lambda: self.scheduler.now_ns, start_ns)
        self._stack = contextlib.ExitStack()
        self._loops: list[ProcessLoop] = []
        self._frozen_until_ns: dict[ProcessLoop, int] = {}
        self._awaited: ProcessLoop | None = None
        self._graves: list[tuple[ProcessLoop, list[asyncio.Task[Any]]]] = []
        self._crash_at: dict[int, tuple[Node, bool]] = {}
        self.scheduler.on_pause = self._paused
        self.scheduler.pause_at = COLLECT_EVERY

    def __enter__(self) -> Self:
        self._stack.enter_context(_async_generators())
        self._stack.enter_context(self._guard.on())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._stack:
            self._bury()
            collect()  # what was not retrieved is told when it is collected
            for node in self.nodes.values():
                self._kill(node, power=True)
            self._bury()
            for loop in self._loops:
                loop.close()
        if error is None:
            self.check()

    # -- nodes -------------------------------------------------------------------------------------------------------------

    def node(
        self,
        name: str,
        *,
        names: Sequence[str] = (),
        wall_ahead_ns: int = 0,
        drift_ppm: int = 0,
        disk: DiskFaults = DiskFaults(),  # noqa: B008 (frozen data)
    ) -> Node:
        """A machine, reached under its name and any others. Its wall clock is ahead of true time by so much, and may drift."""
        host = self.network.add_host(name)
        for other in names:
            self.network.add_name(other, host)
        wall_ns = self._start_ns + self.scheduler.now_ns + wall_ahead_ns
        clock = WorldClock(self.scheduler, wall_ns, UPTIME_NS, drift_ppm)
        platter = WorldDisk(self.scheduler, Chance(f"{self.seed}:disk:{name}"), disk)
        self.nodes[name] = node = Node(self, name, host, clock, Chance(f"{self.seed}:node:{name}"), platter)
        node.loop = self._process(node)
        return node

    def _process(self, node: Node) -> ProcessLoop:
        loop = ProcessLoop(len(self._loops) + 1, node.name, self.scheduler, node.clock, self.network, self._failed)
        self._loops.append(loop)
        return loop

    def crash(self, node: Node, *, power: bool = False) -> None:
        """A node's process is killed, or its machine loses power. Called from within that process it does not return."""
        loop = node.loop
        self._crash(node, power=power)
        if self.scheduler.current is loop:
            raise Gone

    def crash_at_step(self, node: Node, step: int, *, power: bool = False) -> None:
        """The same, right after the step of that number."""
        assert step > self.scheduler.steps, "that step is past"
        self._crash_at[step] = (node, power)
        self.scheduler.pause_at = min(self.scheduler.pause_at, step)

    def crash_at_call(self, node: Node, call: int, *, power: bool = False, midway: bool = False) -> None:
        """The same, at the call of its disk of that number: before it does anything, or when a write is half done."""
        node.disk.stop_at(call, lambda: self.crash(node, power=power), midway=midway)

    def _crash(self, node: Node, *, power: bool) -> None:
        self._kill(node, power=power)
        if power:
            node.disk.power_lost()
        else:
            node.disk.process_gone()

    def _kill(self, node: Node, *, power: bool) -> None:
        loop = node.loop
        if loop.dead:
            return
        self._graves.append((loop, loop.tasks()))
        loop.dead = True
        self.scheduler.witness(f"kill {node.name} {power}".encode())
        self.scheduler.clear(loop)
        if loop is self._awaited:
            self.scheduler.halt()
        self.network.killed(loop, node.host, power=power)

    def restart(self, node: Node) -> None:
        """A new process on the node, with nothing in it yet; after a loss of power the machine starts anew."""
        assert node.loop.dead, "there is a process already"
        self._bury()
        if not node.host.has_power:
            node.clock.reboot(UPTIME_NS)
            self.network.powered(node.host)
        node.incarnation += 1
        node.loop = self._process(node)

    def _bury(self) -> None:
        """End the coroutines of dead processes. What they do meanwhile reaches nobody, and what they leave open is no leak."""
        graves, self._graves = self._graves, []
        if not graves:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            while graves:
                _end_all(*graves.pop())
            collect()

    def freeze(self, node: Node, seconds: float) -> None:
        """The process does not go on for so long; its clock does."""
        loop = node.loop
        until_ns = self.scheduler.now_ns + int(seconds * NS_PER_S)
        self._frozen_until_ns[loop] = max(until_ns, self._frozen_until_ns.get(loop, 0))
        self.scheduler.freeze(loop)
        self.scheduler.at(until_ns, None, Call(self._thaw, loop))

    def _thaw(self, loop: ProcessLoop) -> None:
        if self.scheduler.now_ns >= self._frozen_until_ns[loop]:
            self.scheduler.thaw(loop)

    # -- time --------------------------------------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        """True seconds since the world began."""
        return self.scheduler.now_ns / NS_PER_S

    def at(self, at_s: float, do: Callable[[], None]) -> None:
        """Do something at a moment, from outside of every process."""
        self.scheduler.at(int(at_s * NS_PER_S), None, Call(do))

    def run(self, node: Node, coro: Coroutine[Any, Any, T], *, limit_s: float) -> T:
        """Run to the end; raises what it raised, a :class:`Deadlock` if it has no end, and what nobody else caught."""
        task, self._awaited = node.start(coro), node.loop
        task.add_done_callback(lambda _: self.scheduler.halt())
        try:
            in_time = self._go(limit_s, awaited=True)
        finally:
            self._awaited = None
        if not in_time:
            raise Deadlock(f"{task.get_name()} is not done after {limit_s:g} s\n{self.report()}")
        self.check()
        if task.get_loop() is not node.loop or node.loop.dead:
            raise WorldError(f"{node.name} was killed")
        return task.result()

    def run_until(self, over: Callable[[], bool], *, limit_s: float) -> bool:
        """Run until something is so, asked after every step; False when the time is up before."""
        was_over = self._go(limit_s, over)
        self.check()
        return was_over

    def advance(self, seconds: float) -> None:
        """Run for so long."""
        self._go(seconds)
        self.check()

    def _go(self, limit_s: float, over: Callable[[], bool] | None = None, *, awaited: bool = False) -> bool:
        try:
            return self.scheduler.run(self.scheduler.now_ns + int(limit_s * NS_PER_S), over, awaited=awaited)
        except Deadlock as error:
            raise Deadlock(f"{error}\n{self.report()}") from None

    def _paused(self, step: int) -> int:
        """Between two steps: collect garbage, crash. The step to pause after next."""
        if step % COLLECT_EVERY == 0:
            collect()
        if step in self._crash_at:
            node, power = self._crash_at.pop(step)
            self._crash(node, power=power)
        return min([(step // COLLECT_EVERY + 1) * COLLECT_EVERY, *self._crash_at])

    # -- evidence ----------------------------------------------------------------------------------------------------------

    def digest(self) -> str:
        """What has happened so far: equal for equal seeds."""
        return self.scheduler.digest()

    def report(self) -> str:
        """Where everything waits, and what went wrong."""
        faults = [f"  {fault.at_s:.3f} s {fault.kind.value} {fault.host} {fault.link}" for fault in self.network.happened[-20:]]
        return "\n".join(
            [f"at {self.now_s:.6f} s, step {self.scheduler.steps}", where_tasks_wait(self._loops), "latest faults:", *faults]
        )

    def check(self) -> None:
        """Raise what nobody caught."""
        if self.failures:
            said, self.failures = self.failures, []
            raise WorldError("\n".join(said)) from self._cause

    def _failed(self, loop: ProcessLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if len(self.failures) < FAILURES_MAX:
            said = f": {type(error).__name__}: {error}" if error is not None else ""
            self.failures.append(f"{loop.name} at {self.now_s:.6f} s: {context.get('message', '')}{said}")
        self._cause = self._cause or error


def _end_all(loop: ProcessLoop, tasks: list[asyncio.Task[Any]]) -> None:
    with _running(loop):
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 (killed, not forgotten)
            _end(task.get_coro())
    loop.let_go()


def _end(coro: Any) -> None:
    """Close a coroutine, also one that awaits on its way out: what it awaits never comes."""
    for _ in range(CLOSE_TRIES_MAX):
        try:
            coro.close()
        except RuntimeError:  # it awaited
            continue
        except BaseException:  # noqa: BLE001 (the code of a process that is no more)
            return
        return


@contextlib.contextmanager
def _running(loop: ProcessLoop) -> Any:
    before = asyncio.events._get_running_loop()  # noqa: SLF001 (what asyncio.run does)
    asyncio.events._set_running_loop(loop)  # noqa: SLF001 (see above)
    try:
        yield
    finally:
        asyncio.events._set_running_loop(before)  # noqa: SLF001 (see above)


@contextlib.contextmanager
def _async_generators() -> Any:
    """An asynchronous generator that nobody finishes is closed by the process that let go of it."""

    def left(generator: Any) -> None:
        loop = asyncio.events._get_running_loop()  # noqa: SLF001 (asks without raising)
        if isinstance(loop, ProcessLoop) and not loop.dead:
            loop.keep(loop.create_task(generator.aclose()))

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=left)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*before)
