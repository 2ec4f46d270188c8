"""Expressions made into running stages, wired as direct calls.

Equal expressions share one stage. The engine looks up ``routes[type(event)][event.key]`` and calls what it finds; each value runs
down the chain at once. ``changed`` says that an output has a new value; ``ready`` that all of them have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tickwright.model.market import Bar, BookUpdate, Channel, Funding, Mark, Quote, Ticker, Trade
from tickwright.transforms.book import Book
from tickwright.transforms.expr import Expr
from tickwright.transforms.stage import SKIP

Push = Callable[[Any], None]

_EVENTS: dict[Channel, type] = {
    Channel.TRADES: Trade,
    Channel.QUOTES: Quote,
    Channel.BOOK: BookUpdate,
    Channel.BARS: Bar,
    Channel.TICKER: Ticker,
    Channel.MARKS: Mark,
    Channel.FUNDING: Funding,
}


class Cell:
    """The latest value of one output."""

    __slots__ = ("ready", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.ready = False

    def __repr__(self) -> str:
        return f"<{self.value!r}>" if self.ready else "<not ready>"


class Graph:
    """The running form of a strategy's expressions."""

    def __init__(
        self,
        outputs: Mapping[str, Expr],
        resolve: Callable[[str | None], str],
        books: Mapping[str, Book] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.changed = False
        self.cells: dict[str, Cell] = {name: Cell() for name in outputs}
        self.routes: dict[type, dict[str, list[Push]]] = {}
        self._cold = len(outputs)
        self._resolve = resolve
        self._books = books if books is not None else {}
        self._params = dict(params or {})
        self._wanted: set[tuple[str, Channel, str]] = set()
        self._clocked: list[tuple[Any, Push]] = []
        self._builders: list[Any] = []
        self._below: dict[tuple[str, Channel], list[Callable[[], None]]] = {}  # what a gap in a stream resets
        users, cells = _readers(outputs, self.cells)
        built: dict[Expr, Push] = {}
        for source in [expr for expr in users if expr.channel is not None]:
            self._add_source(source, users, cells, built)

    @property
    def ready(self) -> bool:
        """Whether every output has a value."""
        return self._cold == 0

    @property
    def bars(self) -> int:
        """Bars closed so far."""
        return sum(stage.closed for stage in self._builders)

    def subscriptions(self) -> set[tuple[str, Channel, str]]:
        """What the sources need: ``(key, channel, detail)``."""
        return set(self._wanted)

    def reset(self, key: str, channel: Channel) -> None:
        """Something was missed in a stream: every stage below it forgets, every output below it is cold again."""
        for forget in self._below.get((key, channel), ()):
            forget()

    def on_time(self, now_ns: int) -> None:
        """Let time bars close by the clock."""
        for stage, push in self._clocked:
            bar = stage.on_time(now_ns)
            if bar is not SKIP:
                push(bar)

    # -- building --------------------------------------------------------------------------------------------------------

    def _add_source(
        self,
        source: Expr,
        users: Mapping[Expr, list[tuple[Expr, int]]],
        cells: Mapping[Expr, list[Cell]],
        built: dict[Expr, Push],
    ) -> None:
        assert source.channel is not None
        key = self._resolve(source.key)
        self._wanted.add((key, source.channel, ""))
        resets = self._below.setdefault((key, source.channel), [])
        sinks = self._sinks(source, users, cells, built, resets)
        if source.channel is Channel.BOOK:
            sinks = [_book_push(self._books, key, sinks)]
        self.routes.setdefault(_EVENTS[source.channel], {}).setdefault(key, []).extend(sinks)

    def _sinks(
        self,
        expr: Expr,
        users: Mapping[Expr, list[tuple[Expr, int]]],
        cells: Mapping[Expr, list[Cell]],
        built: dict[Expr, Push],
        resets: list[Callable[[], None]],
    ) -> list[Push]:
        """Where a value of ``expr`` goes: its outputs first, so that a value is visible to whatever it wakes."""
        sinks = [self._cell_push(cell) for cell in cells.get(expr, ())]
        resets.extend(self._cell_reset(cell) for cell in cells.get(expr, ()))
        for user, place in users[expr]:
            if user.joiner:
                sinks.append(self._joined(user, place, users, cells, built, resets))
            else:
                sinks.append(self._staged(user, users, cells, built, resets))
        return sinks

    def _staged(self, expr: Expr, users: Any, cells: Any, built: dict[Expr, Push], resets: list[Callable[[], None]]) -> Push:
        assert expr.spec is not None
        stage = expr.spec.make(self._params)
        resets.append(stage.reset)
        push = _chain(self._sinks(expr, users, cells, built, resets))
        if hasattr(stage, "closed"):
            self._builders.append(stage)
        if hasattr(stage, "on_time"):
            self._clocked.append((stage, push))
        return _stage_push(stage.step, push)

    def _joined(
        self, expr: Expr, place: int, users: Any, cells: Any, built: dict[Expr, Push], resets: list[Callable[[], None]]
    ) -> Push:
        gather = built.get(expr)
        if gather is None:
            below: list[Callable[[], None]] = []
            push = _chain(self._sinks(expr, users, cells, built, below))
            gather = built[expr] = _Gather(len(expr.inputs), push, below) if expr.joiner == "join" else _Pass(push, below)
        assert isinstance(gather, (_Gather, _Pass))
        resets.append(gather.reset)
        return gather.input(place)

    def _cell_push(self, cell: Cell) -> Push:
        def push(value: Any) -> None:
            cell.value = value
            self.changed = True
            if not cell.ready:
                cell.ready = True
                self._cold -= 1

        return push

    def _cell_reset(self, cell: Cell) -> Callable[[], None]:
        def reset() -> None:
            cell.value = None
            if cell.ready:
                cell.ready = False
                self._cold += 1

        return reset


class _Gather:
    """The latest of each input as a tuple, once all are there."""

    def __init__(self, size: int, push: Push, below: list[Callable[[], None]]) -> None:
        self._latest: list[Any] = [SKIP] * size
        self._missing = size
        self._push = push
        self._below = below

    def __call__(self, _value: Any) -> None:
        raise AssertionError("a join is fed through its inputs")

    def input(self, place: int) -> Push:
        def push(value: Any) -> None:
            latest = self._latest
            if latest[place] is SKIP:
                self._missing -= 1
            latest[place] = value
            if not self._missing:
                self._push(tuple(latest))

        return push

    def reset(self) -> None:
        """A gap in any input makes all of them be waited for again: nothing is joined with a value from before it."""
        self._latest = [SKIP] * len(self._latest)
        self._missing = len(self._latest)
        for forget in self._below:
            forget()


class _Pass:
    """The values of several inputs, as they come."""

    def __init__(self, push: Push, below: list[Callable[[], None]]) -> None:
        self._push = push
        self._below = below

    def __call__(self, value: Any) -> None:
        self._push(value)

    def input(self, _place: int) -> Push:
        return self._push

    def reset(self) -> None:
        for forget in self._below:
            forget()


def _readers(
    outputs: Mapping[str, Expr], cells: Mapping[str, Cell]
) -> tuple[dict[Expr, list[tuple[Expr, int]]], dict[Expr, list[Cell]]]:
    """For each expression who reads it (and as which of its inputs), and which cells show it. Order is that of writing."""
    users: dict[Expr, list[tuple[Expr, int]]] = {}
    shown: dict[Expr, list[Cell]] = {}

    def visit(expr: Expr) -> None:
        if expr in users:
            return
        users[expr] = []
        for place, item in enumerate(expr.inputs):
            visit(item)
            users[item].append((expr, place))

    for name, expr in outputs.items():
        visit(expr)
        shown.setdefault(expr, []).append(cells[name])
    return users, shown


def _book_push(books: Mapping[str, Book], key: str, sinks: list[Push]) -> Push:
    push = _chain(sinks)

    def on_update(_event: Any) -> None:
        book = books[key]
        if book.ready:
            push(book)

    return on_update


def _chain(sinks: list[Push]) -> Push:
    """One call that feeds all of them; the common single one is itself."""
    if len(sinks) == 1:
        return sinks[0]
    every = tuple(sinks)

    def push(value: Any) -> None:
        for sink in every:
            sink(value)

    return push


def _stage_push(step: Callable[[Any], Any], push: Push) -> Push:
    skip = SKIP

    def run(value: Any) -> None:
        result = step(value)
        if result is not skip:
            push(result)

    return run
