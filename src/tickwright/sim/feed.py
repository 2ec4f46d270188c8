"""Turns market events into what the exchange matches against: floats become units, exactly where they came from units.

A float that stands for a decimal on the instrument's grid gives that decimal's units, to the last one; what lies between two
grid points goes to the nearer, as ``Instrument.price_units(x, NEAREST)`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tickwright.base.numbers import NEAREST, POW10
from tickwright.model.instrument import Instrument
from tickwright.model.market import BookUpdate, Channel, FeedDown, Gap, MarketEvent, Quote, Trade
from tickwright.sim.exchange import Exchange

#: Below this the product of a float and a power of ten is closer to the right integer than half a unit.
_EXACT = float(1 << 50)

_MATCHED = frozenset({Channel.QUOTES, Channel.BOOK})


class Feed:
    """Shows one exchange its market. Events of instruments that it does not have, or that it does not match against, pass by."""

    def __init__(self, exchange: Exchange, instruments: Mapping[str, Instrument]) -> None:
        self._exchange = exchange
        self._grids = {key: _Grid(one) for key, one in instruments.items()}

    def show(self, event: MarketEvent, now_ns: int) -> None:
        """Pass one event on."""
        grid = self._grids.get(event.key)
        if grid is None:
            return
        if isinstance(event, Quote):
            price, qty = grid.price, grid.qty
            bid, ask = price(event.bid), price(event.ask)
            self._exchange.on_quote(event.key, bid, qty(event.bid_qty), ask, qty(event.ask_qty), now_ns, seq=event.seq)
        elif isinstance(event, Trade):
            traded = grid.qty(event.qty)
            if traded:
                self._exchange.on_trade(event.key, grid.price(event.price), traded, event.side, now_ns, event.trade_id)
        elif isinstance(event, BookUpdate):
            price, qty = grid.price, grid.qty
            bids = [(price(level[0]), qty(level[1])) for level in event.bids]
            asks = [(price(level[0]), qty(level[1])) for level in event.asks]
            self._exchange.on_book(event.key, bids, asks, event.snapshot, now_ns, seq=event.seq)
        elif isinstance(event, (FeedDown, Gap)) and event.channel in _MATCHED:
            self._exchange.on_gap(event.key)


class _Grid:
    """Float to units of one instrument."""

    __slots__ = ("price", "qty")

    def __init__(self, instrument: Instrument) -> None:
        self.price = _converter(instrument.price_exp, instrument.tick_units, lambda value: instrument.price_units(value, NEAREST))
        self.qty = _converter(instrument.qty_exp, instrument.lot_units, lambda value: instrument.qty_units(value, NEAREST))


def _converter(exp: int, step: int, exactly: Callable[[float], int]) -> Callable[[float], int]:
    """``exactly`` made fast for values that are on the grid, as a venue's are."""
    scale = float(POW10[exp])

    def convert(value: float) -> int:
        scaled = value * scale
        units = round(scaled) if -_EXACT < scaled < _EXACT else None
        if units is None or units % step or not units - 1e-3 < scaled < units + 1e-3:
            return exactly(value)
        return units

    return convert
