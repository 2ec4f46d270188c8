"""Put a strategy into a state: its graph is built, its runtime registered, its window onto the account opened."""

from __future__ import annotations

from tickwright.base.errors import StrategyError
from tickwright.engine.state import Runtime, State
from tickwright.engine.view import StateView
from tickwright.model.market import Channel
from tickwright.strategy.strategy import Strategy
from tickwright.transforms.book import Book
from tickwright.transforms.graph import Graph, all_of


def attach(state: State, strategy: Strategy, name: str = "") -> set[tuple[str, Channel, str]]:
    """Returns what has to be subscribed to: ``(key, channel, detail)``."""
    label = name or type(strategy).__name__
    assert label not in state.by_name, f"two strategies are called {label}"
    params = {key: getattr(strategy, key) for key in strategy._params}
    try:
        graph = Graph(strategy._exprs, state.resolve, state.books, params)
    except (TypeError, ValueError) as error:  # a parameter that a stage does not take
        raise StrategyError(str(error), where=label) from None
    wanted = set(graph.subscriptions())
    for key, channel, _ in sorted(wanted, key=lambda item: (item[0], item[1].value, item[2])):
        state.market(key)
        if channel is Channel.BOOK and key not in state.books:
            state.books[key] = Book(key)
    strategy._name = label
    strategy._account = StateView(state)
    for attribute, cell in graph.cells.items():
        setattr(strategy, attribute, cell)
    runtime = Runtime(strategy, label, graph)
    state.runtimes.append(runtime)
    state.by_name[label] = runtime
    for kind, routes in graph.routes.items():
        for key, sinks in routes.items():
            state.sinks[kind].setdefault(key, []).append((runtime, all_of(sinks)))
    return wanted
