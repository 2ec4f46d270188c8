"""Descriptions of data: immutable, equal when they describe the same, built with ``>>``. Nothing here computes.

``bars("1m").close >> ema(10)`` is a source (trades), a stage that makes bars, a stage that picks a field, and an average.
A graph (``graph.py``) makes each equal part once, whoever uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from tickwright.base.suggest import near_or_list
from tickwright.model.market import Channel, Quote, Trade
from tickwright.transforms.bars import Field, bar_spec
from tickwright.transforms.stage import Spec, as_spec, whole

_FIELDS: dict[Channel, frozenset[str]] = {
    channel: frozenset(kind.__struct_fields__) - {"key"} for channel, kind in ((Channel.TRADES, Trade), (Channel.QUOTES, Quote))
}


class Expr:
    """A source, or a stage applied to expressions. While a strategy runs, ``value`` is the latest value."""

    __slots__ = ("_hash", "channel", "detail", "inputs", "joiner", "key", "spec")

    def __init__(
        self,
        *,
        channel: Channel | None = None,
        key: str | None = None,
        detail: str = "",
        inputs: tuple[Expr, ...] = (),
        spec: Spec | None = None,
        joiner: str = "",
    ) -> None:
        self.channel = channel
        self.key = key
        self.detail = detail
        self.inputs = inputs
        self.spec = spec
        self.joiner = joiner  # "join" or "merge" for an expression with several inputs
        self._hash = hash((channel, key, detail, inputs, spec, joiner))

    def __rshift__(self, stage: object) -> Expr:
        return Expr(inputs=(self,), spec=as_spec(stage))

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("_"):
            raise AttributeError(name)
        if self.channel is not None:
            output = _FIELDS.get(self.channel, frozenset())
        else:
            output = self.spec.output if self.spec is not None else frozenset()
        if name in output:
            return Expr(inputs=(self,), spec=Spec(Field, (name,)))
        hint = near_or_list(name, output | {"value", "ready"})
        raise AttributeError(f"{self!r} has no {name!r}: {hint}")

    @property
    def value(self) -> Any:
        """The latest value; only there while a strategy runs."""
        self._not_running()

    @property
    def ready(self) -> bool:
        """Whether there is a value; only there while a strategy runs."""
        self._not_running()

    def _not_running(self) -> NoReturn:
        raise RuntimeError(f"{self!r} has no value yet: it has one inside decide(), once the strategy runs")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Expr)
            and self._hash == other._hash
            and (self.channel, self.key, self.detail, self.spec, self.joiner)
            == (other.channel, other.key, other.detail, other.spec, other.joiner)
            and self.inputs == other.inputs
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        if self.channel is not None:
            return f"{self.channel.value}({self.key or ''})"
        if self.joiner:
            return f"{self.joiner}({', '.join(map(repr, self.inputs))})"
        assert self.spec is not None
        if self.spec.factory is Field:
            return f"{self.inputs[0]!r}.{self.spec.args[0]}"
        return f"{self.inputs[0]!r} >> {self.spec!r}"


def resolved(outputs: Mapping[str, Expr], resolve: Callable[[str | None], str]) -> dict[str, Expr]:
    """The same with every source's instrument under its key, and each equal part the same object, whoever named it how."""
    done: dict[int, Expr] = {}  # by identity: to compare what is shared deep down would visit it once for each path to it
    known: dict[Expr, Expr] = {}

    def visit(expr: Expr) -> Expr:
        if id(expr) not in done:
            made = Expr(
                channel=expr.channel,
                key=None if expr.channel is None else resolve(expr.key),
                detail=expr.detail,
                inputs=tuple(map(visit, expr.inputs)),
                spec=expr.spec,
                joiner=expr.joiner,
            )
            done[id(expr)] = known.setdefault(made, made)
        return done[id(expr)]

    return {name: visit(expr) for name, expr in outputs.items()}


def trades(key: str | None = None) -> Expr:
    """Every trade of an instrument, as :class:`~tickwright.model.market.Trade`."""
    return Expr(channel=Channel.TRADES, key=key)


def quotes(key: str | None = None) -> Expr:
    """Best bid and ask at every change, as :class:`~tickwright.model.market.Quote`."""
    return Expr(channel=Channel.QUOTES, key=key)


def book(depth: int = 0, key: str | None = None) -> Expr:
    """The order book after every update: a live :class:`~tickwright.transforms.book.Book`, to be read only. With ``depth`` its
    ``bids()`` and ``asks()`` give that many levels unless told otherwise (0: all).
    """
    return Expr(channel=Channel.BOOK, key=key, detail=str(whole(depth, "book", 0) or ""))


def ticker(key: str | None = None) -> Expr:
    """Rolling 24 h statistics."""
    return Expr(channel=Channel.TICKER, key=key)


def marks(key: str | None = None) -> Expr:
    """Mark and index price of a derivative."""
    return Expr(channel=Channel.MARKS, key=key)


def funding(key: str | None = None) -> Expr:
    """Funding rate of a perpetual."""
    return Expr(channel=Channel.FUNDING, key=key)


def bars(spec: object, key: str | None = None) -> Expr:
    """Closed bars made of trades: ``"1m"``, ``"100 ticks"``, or ``ticks(100)``, ``volume(50)``, ``notional(1e6)``."""
    return trades(key) >> bar_spec(spec)


def join(*inputs: Expr) -> Expr:
    """A tuple of the latest value of each input, whenever one of them changes, once all have one."""
    if not inputs:
        raise TypeError("join needs at least one expression")
    return Expr(inputs=inputs, joiner="join")


def merge(*inputs: Expr) -> Expr:
    """The values of all inputs, one after the other, in the order they come."""
    if not inputs:
        raise TypeError("merge needs at least one expression")
    return Expr(inputs=inputs, joiner="merge")
