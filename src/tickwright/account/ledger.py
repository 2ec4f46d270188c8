"""The money of the account, in integers, by double entry.

Guarantees: nothing is rounded but the cost of a part of a position (see `position`); every posting sums to zero for each
asset; what is reserved is what the open orders need, never below zero, and nothing when no order is open; the venue's word
is kept beside our own figure and never mixed with it.

Does not: refuse an order (the risk gate does), guess a price or a balance, or decide which of two figures is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from tickwright.account.position import PositionState
from tickwright.account.posting import Posting
from tickwright.base.numbers import MONEY_EXP, POW10
from tickwright.model.account import Balance, Position, Snapshot, Transfer
from tickwright.model.instrument import Instrument, Kind
from tickwright.model.market import Side
from tickwright.model.order import Fill

#: Price of one unit of the first asset in the second, scaled by 10**18; None when nobody knows.
PriceOf = Callable[[str, str], int | None]

_ONE = POW10[MONEY_EXP]


class Mismatch(msgspec.Struct, frozen=True):
    """An asset (or a derivative position) of which the venue says another figure than ours."""

    venue: str
    asset: str
    ours: int
    theirs: int


class _Purse:
    """One asset at one venue: our figure, where it came from (together they are zero), what is reserved, the venue's word."""

    __slots__ = (
        "asset",
        "baseline",
        "fees",
        "market",
        "opening",
        "ours",
        "outside",
        "reserved",
        "told_free",
        "told_locked",
        "told_ns",
        "venue",
    )

    def __init__(self, venue: str, asset: str, *, baseline: bool) -> None:
        self.venue = venue
        self.asset = asset
        self.baseline = baseline  # whether `ours` starts from something the venue said
        self.ours = 0
        self.opening = 0  # these four are what the other side of each entry has gained
        self.market = 0
        self.fees = 0
        self.outside = 0
        self.reserved = 0
        self.told_free: int | None = None
        self.told_locked = 0
        self.told_ns = 0


class _Desk:
    """One instrument: its purses, its position and the quantities of its working orders."""

    __slots__ = ("base", "book", "buying", "instrument", "notional_factor", "qty_factor", "quote", "selling")

    def __init__(self, instrument: Instrument, base: _Purse, quote: _Purse) -> None:
        self.instrument = instrument
        self.base = base
        self.quote = quote
        self.book = PositionState(instrument)
        self.buying = 0
        self.selling = 0
        self.qty_factor = POW10[MONEY_EXP - instrument.qty_exp]
        self.notional_factor = POW10[MONEY_EXP - instrument.price_exp - instrument.qty_exp]


class _Hold:
    """What one working order binds: ``price * qty_left`` of quote for a buy, ``qty_left`` of base for a sell."""

    __slots__ = ("amount", "buy", "desk", "price", "qty_left", "twin")

    def __init__(self, desk: _Desk, buy: bool, price: int) -> None:
        self.desk = desk
        self.buy = buy
        self.price = price
        self.qty_left = 0
        self.amount = 0
        self.twin: _Hold | None = None  # of which only one can trade: the two bind what the dearer one does

    def set(self, qty_left: int, price: int) -> None:
        desk = self.desk
        amount = qty_left * (price * desk.notional_factor if self.buy else desk.qty_factor)
        assert amount >= 0, "INV-07 reservation below zero"
        more, more_qty = amount - self.amount, qty_left - self.qty_left
        twin = self.twin
        if twin is not None:
            more = max(amount, twin.amount) - max(self.amount, twin.amount)
            more_qty = max(qty_left, twin.qty_left) - max(self.qty_left, twin.qty_left)
        if self.buy:
            desk.quote.reserved += more
            desk.buying += more_qty
        else:
            desk.base.reserved += more
            desk.selling += more_qty
        self.amount = amount
        self.qty_left = qty_left
        self.price = price


class Ledger:
    """Amounts count ``10**-18`` of their asset. Where ``venue`` can be left out, it means all of them together."""

    __slots__ = ("_desks", "_holds", "_loaded", "_purses", "_told_positions")

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._purses: dict[tuple[str, str], _Purse] = {}
        self._desks: dict[str, _Desk] = {}
        self._holds: dict[str, _Hold] = {}
        self._loaded: set[str] = set()
        self._told_positions: dict[str, Position] = {}
        for instrument in instruments.values():
            self.learn(instrument)

    def learn(self, instrument: Instrument) -> None:
        """A new instrument, or new rules of one that is known; while something is held its units may only become finer."""
        base = self._purse(instrument.venue, instrument.base)
        quote = self._purse(instrument.venue, instrument.quote)
        known = self._desks.get(instrument.key)
        desk = _Desk(instrument, base, quote)
        self._desks[instrument.key] = desk
        if known is None:
            return
        finer_qty = instrument.qty_exp - known.instrument.qty_exp
        finer_price = instrument.price_exp - known.instrument.price_exp
        if not (known.book.qty or known.buying or known.selling):
            desk.book.realised = known.book.realised
            desk.book.fees = known.book.fees
            return
        assert min(finer_qty, finer_price) >= 0, f"{instrument.key}: units became coarser while amounts are held in them"
        desk.book = known.book
        desk.book.regrid(instrument)
        desk.buying = known.buying * POW10[finer_qty]
        desk.selling = known.selling * POW10[finer_qty]
        for hold in self._holds.values():
            if hold.desk is known:
                hold.desk = desk
                hold.qty_left *= POW10[finer_qty]
                hold.price *= POW10[finer_price]

    # ---- the venue's word ----------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        """The starting balances of a venue. An asset that it does not name is zero."""
        assert snapshot.venue not in self._loaded, f"{snapshot.venue} has its baseline: compare with on_balance"
        self._loaded.add(snapshot.venue)
        for purse in self._purses.values():
            if purse.venue == snapshot.venue:
                purse.baseline = True
        for balance in snapshot.balances:
            self._tell(self._purse(balance.venue, balance.asset), balance, baseline=True)
        for position in snapshot.positions:
            self.on_position(position)

    def on_balance(self, balance: Balance) -> int:
        """The venue's word on one asset; returns ours minus theirs. Where nothing was known it becomes the baseline."""
        purse = self._purse(balance.venue, balance.asset)
        if purse.told_free is not None and 0 < balance.venue_ns < purse.told_ns:
            return purse.ours - (purse.told_free + purse.told_locked)  # older than what it has said already
        self._tell(purse, balance, baseline=not purse.baseline)
        return purse.ours - balance.total

    def on_position(self, position: Position) -> None:
        """The venue's word on a derivative position."""
        self._told_positions[position.key] = position

    def differences(self) -> list[Mismatch]:
        """Every asset of which the venue's last word is not our figure. Right only when nothing is in flight."""
        found = [
            Mismatch(purse.venue, purse.asset, purse.ours, purse.told_free + purse.told_locked)
            for purse in self._purses.values()
            if purse.told_free is not None and purse.told_free + purse.told_locked != purse.ours
        ]
        for key, told in self._told_positions.items():
            desk = self._desks.get(key)
            ours = desk.book.qty if desk is not None else 0
            if ours != told.qty:
                found.append(Mismatch(key.partition(":")[0], key, ours, told.qty))
        return found

    def _tell(self, purse: _Purse, balance: Balance, *, baseline: bool) -> None:
        if baseline:
            purse.opening -= balance.total - purse.ours
            purse.ours = balance.total
            purse.baseline = True
        purse.told_free = balance.free
        purse.told_locked = balance.locked
        purse.told_ns = balance.venue_ns

    # ---- reservations --------------------------------------------------------------------------------------------

    def needed(self, key: str, side: Side, qty: int, price: int) -> tuple[str, int]:
        """The asset and the amount that `hold` would reserve."""
        desk = self._desks[key]
        if side is Side.BUY:
            return desk.quote.asset, qty * price * desk.notional_factor
        return desk.base.asset, qty * desk.qty_factor

    def hold(self, client_id: str, key: str, side: Side, qty: int, price: int) -> int:
        """Reserve what an order can cost, before it is sent; returns the amount. ``price`` is its limit, or for a buy without one
        the bound that the caller vouches for.
        """
        assert client_id not in self._holds, f"INV-05 {client_id} holds a reservation already"
        hold = _Hold(self._desks[key], side is Side.BUY, price)
        hold.set(qty, price)
        self._holds[client_id] = hold
        return hold.amount

    def pair(self, client_id: str, twin_id: str) -> None:
        """Of two orders that hold funds only one can trade: from here on they bind what the dearer one does."""
        first, second = self._holds[client_id], self._holds[twin_id]
        assert (first.desk, first.buy) == (second.desk, second.buy), "a pair has one instrument and one side"
        assert first.twin is None and second.twin is None, "an order has one twin"  # noqa: PT018 (one rule)
        price, qty_left = second.price, second.qty_left
        second.set(0, price)
        first.twin, second.twin = second, first
        second.set(qty_left, price)

    def resize(self, client_id: str, qty_left: int, price: int | None) -> None:
        """New terms of a working order; ``price`` None keeps the one it was reserved at. Nothing held: nothing done."""
        hold = self._holds.get(client_id)
        if hold is not None:
            hold.set(qty_left, hold.price if price is None else price)

    def release(self, client_id: str) -> None:
        """The order has ended. Twice is the same as once."""
        hold = self._holds.pop(client_id, None)
        if hold is not None:
            hold.set(0, hold.price)

    def held(self, client_id: str) -> int:
        """What one order binds, of quote for a buy and of base for a sell."""
        hold = self._holds.get(client_id)
        return hold.amount if hold is not None else 0

    def working(self, key: str) -> tuple[int, int]:
        """Quantities that working orders may still buy and sell, in the instrument's units."""
        desk = self._desks[key]
        return desk.buying, desk.selling

    # ---- money ---------------------------------------------------------------------------------------------------

    def post_fill(self, fill: Fill, client_id: str | None = None) -> Posting:
        """Book an execution. The caller gives each one once (the order store sees to that). What the order had reserved for
        this quantity is given back; ``client_id`` where it is held under another id than the fill's.
        """
        desk = self._desks[fill.key]
        assert desk.instrument.kind is Kind.SPOT, f"{fill.key}: only spot settles by exchanging two assets"
        qty = fill.qty if fill.side is Side.BUY else -fill.qty
        base, quote = desk.base, desk.quote
        gained = qty * desk.qty_factor
        paid = fill.price * qty * desk.notional_factor
        base.ours += gained
        base.market -= gained
        quote.ours -= paid
        quote.market += paid
        realised = desk.book.trade(qty, paid)
        if fill.fee:
            self._pay_fee(desk, fill.fee_asset, fill.fee)
        hold = self._holds.get(fill.client_id if client_id is None else client_id)
        if hold is not None and hold.desk is desk:
            hold.set(hold.qty_left - fill.qty if hold.qty_left > fill.qty else 0, hold.price)
        return Posting(base.asset, gained, quote.asset, -paid, fill.fee_asset, fill.fee, fill.key, fill.trade_id, realised)

    def _pay_fee(self, desk: _Desk, asset: str, fee: int) -> None:
        purse = desk.quote if asset == desk.quote.asset else self._purse(desk.instrument.venue, asset)
        purse.ours -= fee
        purse.fees += fee
        fees = desk.book.fees
        fees[asset] = fees.get(asset, 0) + fee

    def post_transfer(self, transfer: Transfer) -> Posting:
        """Book a deposit, a withdrawal or a payment that no order explains."""
        purse = self._purse(transfer.venue, transfer.asset)
        purse.ours += transfer.amount
        purse.outside -= transfer.amount
        return Posting(transfer.asset, transfer.amount)

    # ---- reading -------------------------------------------------------------------------------------------------

    def total(self, asset: str, venue: str | None = None) -> int:
        return sum(purse.ours for purse in self._of(asset, venue))

    def reserved(self, asset: str, venue: str | None = None) -> int:
        return sum(purse.reserved for purse in self._of(asset, venue))

    def free(self, asset: str, venue: str | None = None) -> int:
        """Ours, less what working orders may need. Below zero when somebody else's orders on the account bind more."""
        return sum(purse.ours - purse.reserved for purse in self._of(asset, venue))

    def assets(self) -> set[str]:
        """Every asset that has been heard of."""
        return {asset for _, asset in self._purses}

    def opening(self, asset: str, venue: str) -> int:
        """What was there at the start."""
        purse = self._purses.get((venue, asset))
        return 0 if purse is None else -purse.opening

    def totals(self, venue: str) -> dict[str, int]:
        """Our figure of every asset at a venue."""
        return {purse.asset: purse.ours for purse in self._purses.values() if purse.venue == venue}

    def fees(self) -> dict[str, int]:
        """Fees paid (rebates negative) since the start, by asset."""
        paid: dict[str, int] = {}
        for purse in self._purses.values():
            if purse.fees:
                paid[purse.asset] = paid.get(purse.asset, 0) + purse.fees
        return paid

    def position(self, key: str) -> PositionState:
        """What this run has bought and sold of an instrument; it starts at zero whatever the balances are."""
        return self._desks[key].book

    def unrealised(self, key: str, price: float) -> int:
        """Worth of the open position at ``price`` less its cost, as an amount of the quote asset. ``price`` is a float signal or
        an int of price units; a float is taken to the nearest unit.
        """
        desk = self._desks[key]
        units = price if isinstance(price, int) else round(price * POW10[desk.instrument.price_exp])
        return desk.book.qty * units * desk.notional_factor - desk.book.cost

    def equity(self, currency: str, price_of: PriceOf) -> int | None:
        """Everything we own in one currency, each asset rounded down; None as soon as one price is not known."""
        worth = 0
        for purse in self._purses.values():
            if purse.ours == 0:
                continue
            if purse.asset == currency:
                worth += purse.ours
                continue
            price = price_of(purse.asset, currency)
            if price is None:
                return None
            worth += purse.ours * price // _ONE
        return worth

    def unpriced(self, currency: str, price_of: PriceOf) -> list[str]:
        """The assets that make `equity` None."""
        owned = {purse.asset for purse in self._purses.values() if purse.ours and purse.asset != currency}
        return sorted(asset for asset in owned if price_of(asset, currency) is None)

    def check(self) -> None:
        """Assert the laws that hold at every moment: INV-07 and INV-11."""
        for purse in self._purses.values():
            elsewhere = purse.opening + purse.market + purse.fees + purse.outside
            assert purse.ours + elsewhere == 0, f"INV-11 postings of {purse.asset} do not sum to zero"
            assert purse.reserved >= 0, f"INV-07 reservation of {purse.asset} below zero"
            assert purse.reserved == 0 or self._holds, f"INV-07 {purse.asset} is reserved with no order open"

    def _of(self, asset: str, venue: str | None) -> Iterable[_Purse]:
        if venue is not None:
            purse = self._purses.get((venue, asset))
            return () if purse is None else (purse,)
        return (purse for purse in self._purses.values() if purse.asset == asset)

    def _purse(self, venue: str, asset: str) -> _Purse:
        place = (venue, asset)
        purse = self._purses.get(place)
        if purse is None:
            purse = self._purses[place] = _Purse(venue, asset, baseline=venue in self._loaded)
        return purse
