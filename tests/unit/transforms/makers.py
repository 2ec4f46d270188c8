"""Events and running graphs, as the tests of transforms need them."""

from __future__ import annotations

from tickwright.model.market import BUY, Quote, Trade
from tickwright.transforms.graph import Graph
from tickwright.transforms.stage import SKIP

KEY = "v:A/B"
OTHER = "v:C/D"
S = 1_000_000_000


def trade(price, n=0, *, at_ns=1, qty=1.0, side=BUY, key=KEY, recv_ns=None):
    """A trade, received when it happened unless told otherwise."""
    return Trade(key, price, qty, side, n, at_ns, at_ns if recv_ns is None else recv_ns)


def quote(bid, ask, *, bid_qty=1.0, ask_qty=1.0, key=KEY):
    """Best bid and ask."""
    return Quote(key, bid, bid_qty, ask, ask_qty, 0, 1, 1)


def graph(books=None, **outputs):
    """A graph in a run whose only instrument is KEY; ``A/B`` and ``C/D`` are other names."""
    names = {None: KEY, "A/B": KEY, "C/D": OTHER}
    return Graph(outputs, lambda name: names.get(name, name), books or {})


def push(target, *events):
    """What the engine does with an event."""
    for event in events:
        for sink in target.routes[type(event)].get(event.key, []):
            sink(event)


def run(spec, xs, params=None):
    """Every result of a fresh stage."""
    stage = spec.make(params or {})
    return [y for y in map(stage.step, xs) if y is not SKIP]
