"""While a world runs nothing reaches the machine: its clocks, its chance, its sockets, threads, programs and files.

Functions of the standard library that read the time or draw a number are replaced by the world's, wherever a module has them
under a name of its own. Third-party code gets the world's answer; our own code may not ask at all, because it is given a clock
and a source of chance, and an :class:`Escape` is raised. Files, programs and network calls that have no place in a world are
caught by an audit hook. The garbage collector runs at set steps: finalisers run code.

Guarantees: what was replaced is put back, whatever happens in between. Does not: see what C code asks of the system by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import sys
import threading
from asyncio import events
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.sim.world.loop import ProcessLoop
from tickwright.sim.world.sockets import WorldSocket

_OURS = "tickwright."
_OUR_WORLD = "tickwright.sim.world"
_PROGRAM = str(Path(__file__).parents[2])
_NS = 1_000_000_000
#: Every so many worlds the whole heap is looked through for what they have left.
CLEAN_EVERY = 8
#: Audited events that end the run wherever they come from, and those that end it only when our own code causes them.
_NEVER = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "socket.__new__",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "subprocess.Popen",
    }
)
_NOT_OURS = frozenset({"open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.scandir", "os.truncate"})


class Escape(AssertionError):  # noqa: N818 (the name of the thing)
    """Something in a world asked the machine instead of the world (INV-42)."""


class _Watch:
    """What the audit hook looks at: hooks cannot be taken out again, so this one is told when it matters."""

    def __init__(self) -> None:
        self.thread = 0  # whose events matter; 0: nobody's
        self.worlds = 0
        self.installed = False

    def install(self) -> None:
        """Once a process."""
        if not self.installed:
            self.installed = True
            sys.addaudithook(self.audit)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by the interpreter."""
        if not self.thread or (event not in _NEVER and event not in _NOT_OURS) or threading.get_ident() != self.thread:
            return
        if event in _NOT_OURS and _is_program(event, args):
            return
        if event in _NEVER or _caller_is_ours(sys._getframe(1)):  # noqa: SLF001 (who asks is what matters)
            raise Escape(f"{event}{tuple(str(arg)[:80] for arg in args[:2])} in a world")


_WATCH = _Watch()


def _is_program(event: str, args: tuple[Any, ...]) -> bool:
    """Whether it only reads the program itself: what its files hold is the same in every run of it, as the code is."""
    place = str(args[0])
    if event == "open":
        return place.endswith((".py", ".pyc")) and (args[1] is None or "r" in str(args[1]))
    return event in ("os.scandir", "os.listdir") and place.startswith(_PROGRAM)


def _caller_is_ours(frame: Any) -> bool:
    """Whether the nearest code that is nobody's library is our own; imports that happen to be late are the interpreter's."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith("importlib") or name in ("zipimport", "linecache", "tokenize"):
            return False
        if name.startswith(_OURS):
            return not name.startswith(_OUR_WORLD)
        frame = frame.f_back
    return False


class Guard:
    """See the module. ``with guard.on():`` is the time during which a world runs."""

    def __init__(self, seed: str, true_ns: Callable[[], int], wall_start_ns: int) -> None:
        self._chance = Chance(f"{seed}:machine")
        self._seed = seed
        self._true_ns = true_ns
        self._wall_start_ns = wall_start_ns
        self._put_back: list[tuple[Any, str, Any]] = []
        self._thread = 0

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Everything is the world's until the block ends."""
        assert not _WATCH.thread, "one world runs at a time"
        _WATCH.install()
        self._thread = threading.get_ident()
        random = importlib.import_module("random")
        chance_before, collects = random.getstate(), gc.isenabled()
        if _WATCH.worlds % CLEAN_EVERY == 0:
            gc.collect()  # what earlier worlds have left, which would be frozen with the rest
        _WATCH.worlds += 1
        gc.freeze()
        gc.disable()
        try:
            self._replace_all(random)
            _WATCH.thread = self._thread
            yield
        finally:
            _WATCH.thread = 0
            for holder, name, value in reversed(self._put_back):
                setattr(holder, name, value)
            self._put_back.clear()
            random.setstate(chance_before)
            gc.unfreeze()
            if collects:
                gc.enable()

    # -- what is replaced --------------------------------------------------------------------------------------------------

    def _replace_all(self, random: ModuleType) -> None:
        time = importlib.import_module("time")
        system = importlib.import_module("os")
        replaced: dict[int, Callable[..., Any]] = {}
        for module, name, answer in (
            (time, "time", lambda: self._wall() / _NS),
            (time, "time_ns", self._wall),
            (time, "monotonic", lambda: self._mono() / _NS),
            (time, "monotonic_ns", self._mono),
            (time, "perf_counter", lambda: self._mono() / _NS),
            (time, "perf_counter_ns", self._mono),
            (system, "urandom", self._random_bytes),
        ):
            real = getattr(module, name)
            replaced[id(real)] = self._asked(real, f"{module.__name__}.{name}", answer)
        replaced[id(time.sleep)] = _refuse("time.sleep")
        for module, name, value in _holders(frozenset(replaced)):
            self._set(module, name, replaced[id(value)])
        for name in ("wall_ns", "mono_ns"):
            self._set(SystemClock, name, staticmethod(_refuse(f"SystemClock.{name}")))
        self._set(Chance, "__init__", _seeded(Chance.__init__))
        self._set(threading.Thread, "start", _refuse("threading.Thread.start"))
        self._set(importlib.import_module("socket"), "socket", _Socket)
        # Somebody may freeze or collect in between; here it is we who do it.
        for name in ("collect", "freeze", "unfreeze"):
            self._set(gc, name, _nothing)
        random.seed(f"{self._seed}:random")
        # picows takes the masks of its frames from the C library's generator.
        ctypes.CDLL(None).srand(self._chance.below(1 << 31))

    def _set(self, holder: Any, name: str, value: Any) -> None:
        self._put_back.append((holder, name, vars(holder)[name]))
        setattr(holder, name, value)

    def _asked(self, real: Callable[..., Any], name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        """A function in the place of ``real``: for other threads the machine's, for ours the world's, for our own code none."""
        thread = self._thread

        def asked(*args: Any) -> Any:
            if threading.get_ident() != thread:
                return real(*args)
            if _caller_is_ours_directly(sys._getframe(1)):  # noqa: SLF001 (who asks is what matters)
                raise Escape(f"{name} in a world")
            return answer(*args)

        return asked

    # -- the world's answers -----------------------------------------------------------------------------------------------

    def _wall(self) -> int:
        loop = events._get_running_loop()  # noqa: SLF001 (asks without raising)
        return int(loop.clock.wall_ns()) if isinstance(loop, ProcessLoop) else self._wall_start_ns + self._true_ns()

    def _mono(self) -> int:
        loop = events._get_running_loop()  # noqa: SLF001 (see above)
        return int(loop.clock.mono_ns()) if isinstance(loop, ProcessLoop) else self._true_ns()

    def _random_bytes(self, size: int) -> bytes:
        return bytes(self._chance.below(256) for _ in range(size))


def collect() -> None:
    """Let the garbage collector run now."""
    _COLLECT()


_COLLECT = gc.collect


def _nothing(*args: object) -> int:
    del args
    return 0


def _caller_is_ours_directly(frame: Any) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.startswith(_OURS) and not name.startswith(_OUR_WORLD)


def _refuse(name: str) -> Callable[..., Any]:
    def refused(*args: object, **kwargs: object) -> Any:
        del args, kwargs
        raise Escape(f"{name} in a world")

    return refused


def _seeded(real: Callable[..., None]) -> Callable[..., None]:
    def seeded(self: Chance, seed: int | str | None) -> None:
        if seed is None:
            raise Escape("Chance(None) in a world")
        real(self, seed)

    return seeded


class _Socket(WorldSocket):
    """What ``socket.socket`` is meanwhile."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        del args, kwargs
        loop = events._get_running_loop()  # noqa: SLF001 (asks without raising)
        if not isinstance(loop, ProcessLoop):
            raise Escape("a socket outside of any process of the world")
        super().__init__(loop.network, loop)


#: Which modules have which of the machine's functions under which name, as of so many modules.
_FOUND: dict[frozenset[int], tuple[int, list[tuple[ModuleType, str, Any]]]] = {}


def _holders(wanted: frozenset[int]) -> list[tuple[ModuleType, str, Any]]:
    """Every name in every module that stands for one of the functions with these ids (they live as long as the interpreter)."""
    count, found = _FOUND.get(wanted, (0, []))
    if count != len(sys.modules):
        found = [
            (module, name, value)
            for module in list(sys.modules.values())
            if not str(getattr(module, "__name__", _OURS)).startswith((_OURS, "_frozen_importlib"))
            for name, value in list(vars(module).items())
            if id(value) in wanted
        ]
        _FOUND[wanted] = (len(sys.modules), found)
    return found
