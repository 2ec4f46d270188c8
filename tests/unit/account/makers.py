"""Short ways to write instruments, fills and balances."""

from __future__ import annotations

import itertools

from tickwright.account.ledger import Ledger
from tickwright.base.numbers import money
from tickwright.model.account import Balance, Snapshot
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import Fill

_trade_ids = itertools.count(1)


def instrument(base: str = "BTC", quote: str = "USDT", *, price_exp: int = 2, qty_exp: int = 5, venue: str = "v") -> Instrument:
    return Instrument(
        venue=venue, symbol=f"{base}/{quote}", native=base + quote, base=base, quote=quote,
        price_exp=price_exp, qty_exp=qty_exp, tick_units=1, lot_units=1,
    )  # fmt: skip


BTC = instrument()
KEY = BTC.key


def ledger(*more: Instrument, **balances: str) -> Ledger:
    """Loaded with these balances of venue ``v``."""
    made = Ledger({item.key: item for item in (BTC, *more)})
    made.load(snapshot(**balances))
    return made


def snapshot(venue: str = "v", **balances: str) -> Snapshot:
    return Snapshot(
        venue=venue, orders=(), balances=tuple(balance(asset, amount, venue=venue) for asset, amount in balances.items()),
        positions=(), fills=(), asked_ns=0, recv_ns=0,
    )  # fmt: skip


def balance(asset: str, free: str, locked: str = "0", *, venue: str = "v", at_ns: int = 0) -> Balance:
    return Balance(venue, asset, money(free), money(locked), at_ns, at_ns)


def fill(
    side: Side, qty: str, price: str, fee: str = "0", fee_asset: str = "USDT", *, client_id: str = "o", of: Instrument = BTC
) -> Fill:  # fmt: skip
    return Fill(
        key=of.key, client_id=client_id, venue_id="1", trade_id=str(next(_trade_ids)), side=side, price=of.exact_price_units(price),
        qty=of.exact_qty_units(qty), fee=money(fee), fee_asset=fee_asset, maker=False, venue_ns=0, recv_ns=0,
    )  # fmt: skip
