"""What a stage is: small, synchronous, resettable. ``step`` takes one value and returns one, or ``SKIP``.

``SKIP`` means "nothing to say yet" and stops the value there; it is how a stage warms up, filters, or gathers. A stage is
described by a :class:`Spec`, so that equal descriptions are made once and every run has stages of its own.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable


class Skip(enum.Enum):
    """The type of :data:`SKIP`, so that ``float | Skip`` is a type."""

    SKIP = "skip"


SKIP = Skip.SKIP


@runtime_checkable
class Stage(Protocol):
    """``warmup`` is the least number of values that go in until the first comes out; ``reset`` makes the stage as new.

    A ``batch(xs)`` may be offered beside: it must give what ``step`` gives over the same values, skips left out, and leave the
    stage as it was.
    """

    warmup: int

    def step(self, x: Any, /) -> Any: ...

    def reset(self) -> None: ...


@runtime_checkable
class Lazy(Protocol):
    """A stage whose result is costly, and made only when somebody looks: ``take`` tells whether there is one."""

    def take(self, x: Any, /) -> bool: ...

    def look(self) -> Any: ...


class Placeholder:
    """An argument whose value is known only when a run is built: a strategy's parameter."""

    __slots__ = ()

    name: str


class Spec:
    """How to make a stage: a class and its arguments. Equal specs are the same stage, so a graph makes it once."""

    __slots__ = ("args", "factory", "name", "output")

    def __init__(
        self, factory: Callable[..., Any], args: tuple[Any, ...] = (), output: Iterable[str] = (), name: str = ""
    ) -> None:
        self.factory = factory
        self.args = args
        self.output = frozenset(output)  # names that may be asked of what comes out: bars.close, bollinger.upper
        self.name = name or getattr(factory, "__name__", "stage").lower()

    def make(self, params: Mapping[str, Any]) -> Any:
        """A fresh stage. An argument that is a strategy's parameter takes the value that it has in this run."""
        return self.factory(*self.bound(params).args)

    def bound(self, params: Mapping[str, Any]) -> Spec:
        """The same with every parameter replaced by its value, however deep."""
        return Spec(self.factory, tuple(_bound(arg, params) for arg in self.args), self.output, self.name)

    @property
    def open(self) -> bool:
        """Whether a parameter is still to be given its value."""
        return any(isinstance(arg, Placeholder) or (isinstance(arg, Spec) and arg.open) for arg in self.args)

    def _identity(self) -> tuple[Any, ...]:
        # With the types, because 1 == 1.0 == True and they need not make the same stage.
        return (self.factory, *((type(arg), arg) for arg in self.args))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(arg.name if isinstance(arg, Placeholder) else str(arg) for arg in self.args)})"


def _bound(arg: Any, params: Mapping[str, Any]) -> Any:
    if isinstance(arg, Placeholder):
        return params[arg.name]
    return arg.bound(params) if isinstance(arg, Spec) else arg


def spec(factory: Callable[..., Any], *args: Any, output: Iterable[str] = (), name: str = "") -> Spec:
    """A spec whose arguments were tried: a wrong one is told where it is written, not when the run starts."""
    made = Spec(factory, args, output, name)
    if not made.open:
        made.make({})
    return made


def whole(n: Any, what: str, least: int = 1) -> int:
    """``n`` as a count, or a ValueError that says of what."""
    if isinstance(n, str) or n != n // 1 or n < least:
        raise ValueError(f"{what} takes a whole number from {least} up, not {n!r}")
    return int(n)


class Mapped:
    """Any callable as a stage without memory."""

    __slots__ = ("step", "warmup")

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.step = function
        self.warmup = 1

    def reset(self) -> None:
        """Nothing to forget."""


class _Copies:
    """Makes fresh stages from a user's instance: each graph gets a copy of it as it was given."""

    __slots__ = ("pristine",)

    def __init__(self, pristine: Stage) -> None:
        self.pristine = copy.deepcopy(pristine)

    def __call__(self) -> Any:
        return copy.deepcopy(self.pristine)


def as_spec(stage: object) -> Spec:
    """A stage as users give it (a spec, an object with ``step``, a callable) as a spec."""
    if isinstance(stage, Spec):
        return stage
    name = getattr(stage, "__name__", type(stage).__name__)
    if isinstance(stage, type) or getattr(stage, "__annotations__", {}).get("return") in ("Spec", Spec):
        raise TypeError(f"{name} makes a stage, it is none: write {name}(…)")
    if hasattr(stage, "step"):
        missing = [part for part in ("step", "reset", "warmup") if not hasattr(stage, part)]
        if missing:
            raise TypeError(f"{name} is not a stage: it has no {' and no '.join(missing)}")
        assert isinstance(stage, Stage)
        return Spec(_Copies(stage), name=name)
    if callable(stage):
        return Spec(Mapped, (stage,), name=name)
    raise TypeError(f"{stage!r} is not a stage: it needs step, reset and warmup, or to be callable")
