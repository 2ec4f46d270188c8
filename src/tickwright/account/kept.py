"""The ledger as a plain value, and back: what a journal keeps of it and a restart begins with.

Guarantees: a ledger that is kept and restored holds the same amounts, positions, reservations and words of the venue; keeping
it again gives an equal value. Does not: convert between units: the instruments must have the exponents that they had.
"""

from __future__ import annotations

import msgspec

from tickwright.account.ledger import Ledger, _Hold
from tickwright.model.account import Position
from tickwright.model.market import Side


class KeptPurse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One asset at one venue; amounts count ``10**-18``."""

    venue: str
    asset: str
    baseline: bool
    ours: int = 0
    opening: int = 0
    market: int = 0
    fees: int = 0
    outside: int = 0
    told_free: int | None = None
    told_locked: int = 0
    told_ns: int = 0


class KeptPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was bought and sold of one instrument, in its units, and the amounts that go with it."""

    key: str
    qty: int = 0
    cost: int = 0
    realised: int = 0
    fees: dict[str, int] = {}


class KeptHold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation; ``twin`` is the other order of a pair of which one cancels the other."""

    client_id: str
    key: str
    side: Side
    price: int
    qty_left: int
    twin: str = ""


class KeptLedger(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, sorted by name where the order means nothing."""

    purses: tuple[KeptPurse, ...] = ()
    positions: tuple[KeptPosition, ...] = ()
    holds: tuple[KeptHold, ...] = ()
    loaded: tuple[str, ...] = ()
    told_positions: tuple[Position, ...] = ()


_PURSE = tuple(name for name in KeptPurse.__struct_fields__ if name not in ("venue", "asset", "baseline"))


def keep(ledger: Ledger) -> KeptLedger:
    """The ledger as it stands; purses and positions that never held anything are left out."""
    purses = [
        KeptPurse(**{name: getattr(purse, name) for name in KeptPurse.__struct_fields__})
        for _, purse in sorted(ledger._purses.items())
        if any(getattr(purse, name) for name in _PURSE) or purse.told_free is not None
    ]
    positions = [
        KeptPosition(key=key, qty=book.qty, cost=book.cost, realised=book.realised, fees=dict(sorted(book.fees.items())))
        for key, book in sorted((key, desk.book) for key, desk in ledger._desks.items())
        if book.qty or book.cost or book.realised or book.fees
    ]
    names = {id(hold): client_id for client_id, hold in ledger._holds.items()}
    holds = [
        KeptHold(
            client_id=client_id,
            key=hold.desk.instrument.key,
            side=Side.BUY if hold.buy else Side.SELL,
            price=hold.price,
            qty_left=hold.qty_left,
            twin=names.get(id(hold.twin), "") if hold.twin is not None else "",
        )
        for client_id, hold in sorted(ledger._holds.items())
    ]
    return KeptLedger(
        purses=tuple(purses),
        positions=tuple(positions),
        holds=tuple(holds),
        loaded=tuple(sorted(ledger._loaded)),
        told_positions=tuple(told for _, told in sorted(ledger._told_positions.items())),
    )


def restore(ledger: Ledger, kept: KeptLedger) -> None:
    """Fill a ledger that has learnt its instruments and nothing else."""
    assert not ledger._loaded, "only a new ledger is restored into"
    assert not ledger._holds, "only a new ledger is restored into"
    ledger._loaded.update(kept.loaded)
    for purse in ledger._purses.values():
        purse.baseline = purse.venue in ledger._loaded
    for item in kept.purses:
        purse = ledger._purse(item.venue, item.asset)
        for name in KeptPurse.__struct_fields__:
            setattr(purse, name, getattr(item, name))
    for position in kept.positions:
        book = ledger._desks[position.key].book
        book.qty, book.cost, book.realised = position.qty, position.cost, position.realised
        book.fees = dict(position.fees)
    for held in kept.holds:
        hold = _Hold(ledger._desks[held.key], held.side is Side.BUY, held.price)
        hold.set(held.qty_left, held.price)
        ledger._holds[held.client_id] = hold
        if held.twin in ledger._holds:
            ledger.pair(held.twin, held.client_id)
    for told in kept.told_positions:
        ledger.on_position(told)
