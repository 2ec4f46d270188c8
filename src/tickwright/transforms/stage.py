"""What a stage is: small, synchronous, resettable. ``step`` takes one value and returns one, or ``SKIP``.

``SKIP`` means "nothing to say yet" and stops the value there; it is how a stage warms up, filters, or gathers.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable


class Skip(enum.Enum):
    """The type of :data:`SKIP`, so that ``float | Skip`` is a type."""

    SKIP = "skip"


SKIP = Skip.SKIP


@runtime_checkable
class Stage(Protocol):
    """``warmup`` is how many values go in until the first comes out. A ``batch(xs)`` may be offered beside: it must equal
    ``step`` over the same values, and a property test says so.
    """

    warmup: int

    def step(self, x: Any, /) -> Any: ...

    def reset(self) -> None: ...


class Spec:
    """How to make a stage: a class and its arguments. Equal specs are the same stage, so a graph makes it once."""

    __slots__ = ("args", "factory", "output")

    def __init__(self, factory: Callable[..., Any], args: tuple[Any, ...] = (), output: frozenset[str] = frozenset()) -> None:
        self.factory = factory
        self.args = args
        self.output = output  # names that may be asked of what comes out: bars.close, bollinger.upper

    def make(self, params: dict[str, Any]) -> Any:
        """A fresh stage. An argument that is a strategy's parameter takes the value that it has in this run."""
        return self.factory(*(params[arg.name] if is_param(arg) else arg for arg in self.args))

    def _identity(self) -> tuple[Any, ...]:
        return (self.factory, *(("param", arg.name) if is_param(arg) else (type(arg), arg) for arg in self.args))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"{getattr(self.factory, '__name__', 'stage').lower()}({', '.join(map(str, self.args))})"


def is_param(arg: object) -> bool:
    """Whether an argument stands for a strategy's parameter. (The class itself lives above this room.)"""
    return bool(getattr(type(arg), "is_strategy_param", False))


class Mapped:
    """Any callable as a stage without memory."""

    __slots__ = ("step", "warmup")

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.step = function
        self.warmup = 1

    def reset(self) -> None:
        """Nothing to forget."""


class Copied:
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
    if callable(getattr(stage, "step", None)):
        return Spec(Copied(stage))  # type: ignore[arg-type]  # has step; reset is checked when the graph is built
    if callable(stage):
        return Spec(Mapped, (stage,))
    raise TypeError(f"{stage!r} is not a stage: it needs a step method, or to be callable")
