"""Expressions made into running stages, wired as direct calls.

Equal expressions share one stage, however their instrument is named. The engine looks up ``routes[type(event)][event.key]`` and
calls what it finds; each value runs down the chain at once. ``changed`` says that an output has a new value; ``ready`` that all
have one. Does not catch what a user's stage raises: that is the engine's to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from tickwright.model.market import BookUpdate, Channel, Funding, Mark, Quote, Ticker, Trade
from tickwright.transforms.bars import Builder, Field
from tickwright.transforms.book import Book, BookView
from tickwright.transforms.cell import Cell, LazyCell
from tickwright.transforms.each import Each
from tickwright.transforms.expr import Expr, resolved
from tickwright.transforms.gather import Gather, Push
from tickwright.transforms.stage import SKIP, Lazy

Source = tuple[str, Channel]

_EVENTS: dict[Channel, type] = {
    Channel.TRADES: Trade,
    Channel.QUOTES: Quote,
    Channel.BOOK: BookUpdate,
    Channel.TICKER: Ticker,
    Channel.MARKS: Mark,
    Channel.FUNDING: Funding,
}


class Graph:
    """The running form of a strategy's expressions."""

    def __init__(
        self,
        outputs: Mapping[str, Expr],
        resolve: Callable[[str | None], str],
        books: Mapping[str, Book],
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.changed = False
        self.cells: dict[str, Cell | LazyCell] = {}
        self.routes: dict[type, dict[str, list[Push]]] = {}
        self.cold = len(outputs)  # outputs without a value
        self._books = books
        self._params = params or {}
        self._clocked: list[tuple[Any, Push]] = []
        self._counted: list[Builder | Each] = []
        self._resets: dict[Source, list[Callable[[], None]]] = {}  # what a gap in a stream makes forget
        self._meetings: list[tuple[Gather, frozenset[Source]]] = []  # joins that wait for the end of an event, inner ones first
        self._build(resolved(outputs, resolve))

    @property
    def ready(self) -> bool:
        """Whether every output has a value."""
        return self.cold == 0

    @property
    def bars(self) -> int:
        """Bars closed so far."""
        return sum(stage.closed for stage in self._counted)

    def subscriptions(self) -> set[tuple[str, Channel, str]]:
        """What the sources need: ``(key, channel, detail)``. Books are kept whole, whatever depth is looked at."""
        return {(key, channel, "") for key, channel in self._resets}

    def reset(self, key: str, channel: Channel) -> None:
        """Something was missed in a stream: every stage below it forgets, every output below it is cold again."""
        for forget in self._resets.get((key, channel), ()):
            forget()

    def on_time(self, now_ns: int) -> None:
        """Let time bars close by the clock."""
        closed = False
        for stage, push in self._clocked:
            result = stage.on_time(now_ns)
            if result is not SKIP:
                push(result)
                closed = True
        if closed:
            for gather, _ in self._meetings:
                gather.flush()

    # -- building --------------------------------------------------------------------------------------------------------

    def _build(self, outputs: Mapping[str, Expr]) -> None:
        """From the outputs up to the sources, so that what a stage pushes into is there when the stage is made."""
        order = _inputs_first(outputs.values())
        below: dict[Expr, frozenset[Source]] = {}
        for expr in order:
            below[expr] = _source(expr) if expr.channel else frozenset().union(*(below[item] for item in expr.inputs))
            for source in below[expr]:
                self._resets.setdefault(source, [])
        shown = {expr: [name for name in outputs if outputs[name] == expr] for expr in order}
        entries: dict[Expr, list[Push]] = {expr: [] for expr in order}
        for expr in reversed(order):
            names = shown[expr]
            sinks = entries[expr][::-1]  # they were made last to first
            if expr.joiner:
                self._join(expr, below, entries, self._sinks(names, below[expr], sinks))
            elif expr.spec is not None:
                entries[expr.inputs[0]].append(self._stage(expr, names, below[expr], sinks))
            else:
                self._attach(expr, self._sinks(names, below[expr], sinks))
        self._meetings.reverse()
        for key, channel in self._resets:
            ends = [gather.flush for gather, sources in self._meetings if (key, channel) in sources]
            self.routes[_EVENTS[channel]][key].extend(ends)

    def _sinks(self, names: list[str], sources: frozenset[Source], sinks: list[Push]) -> list[Push]:
        """With the outputs first, so that a value can be seen by whatever it wakes."""
        return [self._show(cell) for cell in self._shown(names, sources)] + sinks

    def _shown(self, names: list[str], sources: frozenset[Source]) -> list[Cell]:
        """The cells of the outputs of these names."""
        cells = []
        for name in names:
            cell = self.cells[name] = Cell()
            cells.append(cell)
            self._on_gap(sources, self._hide(cell))
        return cells

    def _attach(self, expr: Expr, sinks: list[Push]) -> None:
        assert expr.channel is not None
        assert expr.key is not None, "INV: a resolved source has a key"
        if expr.channel is Channel.BOOK:
            sinks = [_book_push(self._books, expr.key, int(expr.detail or 0), all_of(sinks))]
        self.routes.setdefault(_EVENTS[expr.channel], {}).setdefault(expr.key, []).extend(sinks)

    def _stage(self, expr: Expr, names: list[str], sources: frozenset[Source], sinks: list[Push]) -> Push:
        assert expr.spec is not None
        stage = expr.spec.make(self._params)
        self._on_gap(sources, stage.reset)
        if isinstance(stage, (Builder, Each)):
            self._counted.append(stage)
        if isinstance(stage, Lazy):
            return self._lazy(stage, names, sources, sinks)
        if len(names) == 1 and not sinks and not hasattr(stage, "on_time"):
            return _last_push(stage.step, self, self._shown(names, sources)[0])
        push = all_of(self._sinks(names, sources, sinks))
        if hasattr(stage, "on_time"):
            self._clocked.append((stage, push))
        return _field_push(stage.step, push) if isinstance(stage, Field) else _stage_push(stage.step, push)

    def _lazy(self, stage: Lazy, names: list[str], sources: frozenset[Source], sinks: list[Push]) -> Push:
        marks: list[Push] = []
        for name in names:
            cell = self.cells[name] = LazyCell(stage.look)
            marks.append(self._mark(cell))
            self._on_gap(sources, self._hide(cell))
        mark, push = all_of(marks), all_of(sinks)

        def run(value: Any) -> None:
            if stage.take(value):
                mark(value)
                if sinks:
                    push(stage.look())

        return run

    def _join(
        self, expr: Expr, below: Mapping[Expr, frozenset[Source]], entries: Mapping[Expr, list[Push]], sinks: list[Push]
    ) -> None:
        push = all_of(sinks)
        if expr.joiner == "merge":
            for item in reversed(expr.inputs):
                entries[item].append(push)
            return
        gather = Gather(len(expr.inputs), push)
        at_once = len(below[expr]) == sum(len(below[item]) for item in expr.inputs)  # no two inputs share a source
        if not at_once:
            self._meetings.append((gather, below[expr]))
        for place in reversed(range(len(expr.inputs))):
            item = expr.inputs[place]
            entries[item].append(gather.entry(place, at_once=at_once))
            self._on_gap(below[item], partial(gather.forget, place))

    def _on_gap(self, sources: Iterable[Source], forget: Callable[[], None]) -> None:
        for source in sources:
            self._resets[source].append(forget)

    def _show(self, cell: Cell) -> Push:
        def show(value: Any) -> None:
            cell.value = value
            self.changed = True
            if not cell.ready:
                cell.ready = True
                self.cold -= 1

        return show

    def _mark(self, cell: LazyCell) -> Push:
        def mark(_value: Any) -> None:
            self.changed = True
            if not cell.ready:
                cell.ready = True
                self.cold -= 1

        return mark

    def _hide(self, cell: Cell | LazyCell) -> Callable[[], None]:
        def hide() -> None:
            if cell.ready:
                cell.ready = False
                self.cold += 1
                if isinstance(cell, Cell):
                    cell.value = None

        return hide


def _source(expr: Expr) -> frozenset[Source]:
    assert expr.channel is not None
    assert expr.key is not None, "INV: a resolved source has a key"
    return frozenset([(expr.key, expr.channel)])


def _inputs_first(outputs: Iterable[Expr]) -> list[Expr]:
    """Every expression once, after all that it is made of."""
    order: dict[Expr, None] = {}

    def visit(expr: Expr) -> None:
        if expr not in order:
            for item in expr.inputs:
                visit(item)
            order[expr] = None

    for expr in outputs:
        visit(expr)
    return list(order)


def _book_push(books: Mapping[str, Book], key: str, depth: int, push: Push) -> Push:
    view: Book | BookView | None = None

    def on_update(_event: Any) -> None:
        nonlocal view
        book = books[key]
        if view is None:
            view = BookView(book, depth) if depth else book
        if book.ready:
            push(view)

    return on_update


def all_of(sinks: Sequence[Push]) -> Push:
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


def _last_push(step: Callable[[Any], Any], graph: Graph, cell: Cell) -> Push:
    """The end of most chains: a stage whose only reader is an output. What ``_stage_push`` and ``_show`` do, in one call."""
    skip = SKIP

    def run(value: Any) -> None:
        result = step(value)
        if result is not skip:
            cell.value = result
            graph.changed = True
            if not cell.ready:
                cell.ready = True
                graph.cold -= 1

    return run


def _field_push(field: Callable[[Any], Any], push: Push) -> Push:
    def run(value: Any) -> None:
        push(field(value))

    return run
