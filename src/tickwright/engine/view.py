"""The account as a strategy may read it: a window onto the state without a way to change it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tickwright.engine.state import State
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.strategy.intents import Handle


class FillView(msgspec.Struct, frozen=True, kw_only=True):
    """One execution, in the user's numbers."""

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    order: Handle | None


class StateView:
    """Satisfies :class:`tickwright.strategy.strategy.AccountView`."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def now_ns(self) -> int:
        return self._state.now_ns

    def instrument(self, symbol: str | None) -> Instrument:
        return self._state.instruments[self._state.resolve(symbol)]

    def position_units(self, key: str) -> int:
        return self._state.position_units(key)

    def average_price(self, key: str) -> Decimal | None:
        units = self._state.ledger.position(key).average_price_units
        return None if units is None else self._state.instruments[key].price_decimal(round(units))

    def balance(self, asset: str) -> int:
        return self._state.ledger.total(asset)

    def free(self, asset: str) -> int:
        return self._state.ledger.free(asset)

    def equity(self) -> int | None:
        return self._state.equity()

    def mid(self, key: str) -> float | None:
        return self._state.market(key).mid

    def handles(self, strategy: str) -> list[Handle]:
        runtime = self._state.by_name[strategy]
        return [handle for handle in runtime.handles.values() if handle.is_open]
