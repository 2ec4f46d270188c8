"""The event loop of one process in the world: asyncio's own, with virtual time instead of a selector.

Everything that asyncio's code does with a loop works as usual: tasks, futures, timers, timeouts, task groups. Names and
connections are the world's network. A function given to an executor runs at once, in place. What no one caught goes to the world,
which raises it.

Guarantees: nothing depends on where an object lies in memory: tasks and futures are hashed by number, so a set of them has an
order. Does not: know threads, signals, pipes, subprocesses, datagrams or TLS; asking for them raises.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import socket
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from tickwright.sim.world.clocks import WorldClock
from tickwright.sim.world.scheduler import Gone, Item, Scheduler

if TYPE_CHECKING:
    from tickwright.sim.world.network import Network
    from tickwright.sim.world.sockets import WorldServer, WorldSocket

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_NS = 1_000_000_000


class WorldTask(asyncio.Task[T]):
    """A task whose place in a set follows from its number, not from its address."""

    def __init__(self, number: int, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **kwargs: Any) -> None:
        self.number = number
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self.number


class WorldFuture(asyncio.Future[T]):
    """The same for a future: libraries keep those who wait for one thing in a set, and wake them in its order."""

    def __init__(self, number: int, *, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class _Handle(asyncio.Handle):
    """asyncio's own, made faster: there is no debugging to be looked for."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: asyncio.AbstractEventLoop, context: contextvars.Context | None) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None


class _Timer(asyncio.TimerHandle):
    """The same."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Any, args: Any, loop: asyncio.AbstractEventLoop, context: contextvars.Context | None
    ) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = self._source_traceback = None
        self._when = when
        self._scheduled = True  # it reports its cancelling then


class ProcessLoop(asyncio.BaseEventLoop):
    """One process's loop: it owns what the process has ready and is the only way to the outside."""

    def __init__(
        self,
        number: int,
        name: str,
        scheduler: Scheduler,
        clock: WorldClock,
        network: Network,
        failed: Callable[[ProcessLoop, dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self.number = number
        self.name = name
        self.clock = clock
        self.network = network
        self.ready: deque[Item] = deque()
        self.frozen = False
        self.dead = False
        #: Sockets that may be open at once; beyond it a new one is refused (EMFILE).
        self.sockets_max = 1 << 20
        self.sockets_open = 0
        self._scheduler = scheduler
        self._failed = failed
        self._made = 0
        self._futures = 0
        self._kept: dict[asyncio.Task[Any], None] = {}

    def set_debug(self, enabled: bool) -> None:
        """Never: what it adds depends on the machine's speed."""
        del enabled
        self._debug = False

    # -- time and order ------------------------------------------------------------------------------------------------

    def time(self) -> float:
        return self.clock.mono_ns() / _NS

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        if not self.dead:
            self._scheduler.soon(self, handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        self._futures += 1
        return WorldFuture(self._futures, loop=self)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _Timer(when, callback, args, self, context)
        if not self.dead:
            self._scheduler.at(self.clock.true_ns(math.ceil(when * _NS)), self, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        del handle
        self._scheduler.forget()

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[T]:
        if self.dead:
            coro.close()
            raise Gone
        self._made += 1
        return WorldTask(self._made, coro, loop=self, name=str(name or f"task {self._made}"), context=context, **kwargs)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """What is not done, in the order in which it was begun."""
        return sorted(asyncio.all_tasks(self), key=lambda task: (getattr(task, "number", 0), task.get_name()))

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Nobody else does: hold it until it is done."""
        self._kept[task] = None
        task.add_done_callback(lambda done: self._kept.pop(done, None))

    def let_go(self) -> None:
        """Hold no task any more."""
        self._kept.clear()

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # generic enough
        """At once and in place: there are no threads."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (handed to whoever awaits it)
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody caught is the world's business; a dead process has none."""
        if not self.dead:
            self._failed(self, context)

    # -- network -------------------------------------------------------------------------------------------------------

    async def getaddrinfo(  # type: ignore[override]  # addresses are always of version 4
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 (asyncio's name)
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]:
        del family, type, proto, flags
        assert isinstance(host, str), "a host has a name"
        address = await self.network.resolve(self, host)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, int(port or 0)))]

    async def sock_connect(self, sock: WorldSocket, address: tuple[str, int]) -> None:  # type: ignore[override]  # the world's own
        await self.network.connect(self, sock, address)

    async def create_connection(  # type: ignore[override]  # of a great many options those that are used
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: object = None,
        sock: WorldSocket | None = None,
        **kwargs: object,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        del kwargs
        if ssl:
            raise NotImplementedError("there is no TLS in the world: use http and ws")
        if sock is None:
            assert host is not None and port is not None, "a connection goes somewhere"  # noqa: PT018 (one thing)
            (_, _, _, _, address), *_ = await self.getaddrinfo(host, port)
            sock = self.network.socket(self)
            await self.sock_connect(sock, address)
        return await sock.transport(protocol_factory())

    async def create_server(  # type: ignore[override]  # see create_connection
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: object = None,
        **kwargs: object,
    ) -> WorldServer:
        """Listens at the node's own address, whatever ``host`` says: there is one network."""
        del host, kwargs
        if ssl:
            raise NotImplementedError("there is no TLS in the world: use http and ws")
        return self.network.listen(self, port or 0, protocol_factory)

    # -- the end -------------------------------------------------------------------------------------------------------

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 (asyncio's name)
        """There is none."""
        del timeout

    def is_running(self) -> bool:
        return not self._closed  # the world runs it until it is closed

    def close(self) -> None:
        """Nothing is left to be run."""
        self.dead = True
        self._closed = True
