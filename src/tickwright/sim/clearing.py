"""Moves money between accounts, the recorded market and the fee account, and writes down what happened.

Conservation: for every asset, free plus locked over all accounts, plus fees taken, plus what the recorded market is owed,
never changes. (The recorded market has no purse of its own: it may owe or be owed anything.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tickwright.base.numbers import MONEY_EXP, POW10
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.sim.accounts import Account
from tickwright.sim.fees import FeeModel
from tickwright.sim.matching import Half, Market
from tickwright.sim.records import Expiry, SimEvent, SimEventKind, SimFill, SimStatus, SimTrade
from tickwright.sim.working import Working

#: Public trades remembered for each instrument.
TRADES_REMEMBERED = 1_000


class Pit:
    """An instrument with its market, its money factors worked out, and its latest public trades."""

    __slots__ = ("base", "base_factor", "instrument", "key", "lot", "market", "quote", "quote_factor", "tick", "trades")

    def __init__(self, instrument: Instrument, market: Market) -> None:
        self.instrument = instrument
        self.market = market
        self.key = instrument.key
        self.base = instrument.base
        self.quote = instrument.quote
        self.base_factor = POW10[MONEY_EXP - instrument.qty_exp]
        self.quote_factor = POW10[MONEY_EXP - instrument.price_exp - instrument.qty_exp]
        self.tick = instrument.tick_units
        self.lot = instrument.lot_units
        self.trades: deque[SimTrade] = deque(maxlen=TRADES_REMEMBERED)

    def half(self, side: Side) -> Half:
        """Where orders of ``side`` rest."""
        return self.market.bids if side is Side.BUY else self.market.asks

    def pays(self, side: Side) -> str:
        """The asset that an order of ``side`` gives."""
        return self.quote if side is Side.BUY else self.base

    def need(self, side: Side, price: int | None, qty: int) -> int:
        """What an order holds back while it is open: a sell its base asset, a priced buy its quote, an unpriced buy nothing."""
        if side is Side.SELL:
            return qty * self.base_factor
        return 0 if price is None else price * qty * self.quote_factor

    def print_trade(self, trade: SimTrade) -> None:
        self.trades.append(trade)
        self.market.note_price(trade.price)


class Clearing:
    """The only writer of balances and of the event log."""

    def __init__(self, fees: FeeModel, first_trade_id: int) -> None:
        self.fees = fees
        self.accounts: dict[str, Account] = {}
        self.fees_taken: dict[str, int] = {}
        self.market_owed: dict[str, int] = {}
        self.events: list[tuple[str, SimEvent]] = []
        self.last_trade_id = first_trade_id - 1
        self._prevented_id = 0

    def next_trade_id(self) -> int:
        self.last_trade_id += 1
        return self.last_trade_id

    # -- telling -----------------------------------------------------------------------------------------------------

    def tell(
        self,
        kind: SimEventKind,
        order: Working,
        assets: Sequence[str],
        now_ns: int,
        *,
        fill: SimFill | None = None,
        request_id: str = "",
    ) -> None:
        """Write down that something happened to ``order`` and that the balances of ``assets`` may have changed with it."""
        order.updated_ns = now_ns
        account = self.accounts[order.account]
        balances = tuple(account.balance(asset) for asset in assets)
        event = SimEvent(kind=kind, order=order.freeze(fill), balances=balances, at_ns=now_ns, request_id=request_id)
        self.events.append((order.account, event))

    # -- trading -----------------------------------------------------------------------------------------------------

    def cross(self, pit: Pit, taker: Working, maker: Working, price: int, qty: int, now_ns: int) -> None:
        """Two orders of ours trade with each other."""
        trade_id = self.next_trade_id()
        pit.print_trade(SimTrade(trade_id=trade_id, price=price, qty=qty, side=taker.side, at_ns=now_ns, recorded=False))
        self._fill(pit, taker, price, qty, False, trade_id, now_ns)
        self._fill(pit, maker, price, qty, True, trade_id, now_ns)

    def take(self, pit: Pit, taker: Working, price: int, qty: int, now_ns: int) -> None:
        """An order of ours takes from the recorded market."""
        trade_id = self.next_trade_id()
        pit.print_trade(SimTrade(trade_id=trade_id, price=price, qty=qty, side=taker.side, at_ns=now_ns, recorded=False))
        self._fill(pit, taker, price, qty, False, trade_id, now_ns)

    def make(self, pit: Pit, maker: Working, qty: int, now_ns: int) -> None:
        """The recorded market takes from an order of ours, at its price. The recording has printed (or implied) the trade."""
        assert maker.price is not None
        self._fill(pit, maker, maker.price, qty, True, self.next_trade_id(), now_ns)

    def _fill(self, pit: Pit, order: Working, price: int, qty: int, maker: bool, trade_id: int, now_ns: int) -> None:
        account = self.accounts[order.account]
        quote = price * qty * pit.quote_factor
        base = qty * pit.base_factor
        if order.side is Side.BUY:
            if order.price is not None and order.price != price:
                account.unlock(order, pit.quote, order.price * qty * pit.quote_factor - quote)
            paid_asset, paid, got_asset, got = pit.quote, quote, pit.base, base
        else:
            paid_asset, paid, got_asset, got = pit.base, base, pit.quote, quote
        account.pay(order, paid_asset, paid)
        owed = self.market_owed
        owed[paid_asset] = owed.get(paid_asset, 0) + paid
        owed[got_asset] = owed.get(got_asset, 0) - got
        fee_asset, fee = self.fees.fee(pit.key, got_asset, got, maker, account.free)
        if fee_asset == got_asset:
            account.receive(got_asset, got - fee)
        else:
            account.receive(got_asset, got)
            account.receive(fee_asset, -fee)
        self.fees_taken[fee_asset] = self.fees_taken.get(fee_asset, 0) + fee
        order.filled += qty
        order.quote_filled += quote
        fill = SimFill(
            key=order.key,
            trade_id=trade_id,
            venue_id=order.venue_id,
            client_id=order.client_id,
            list_id=order.list_id,
            side=order.side,
            price=price,
            qty=qty,
            quote=quote,
            fee=fee,
            fee_asset=fee_asset if fee else "",
            maker=maker,
            at_ns=now_ns,
        )
        account.note_fill(fill)
        if order.remaining:
            order.status = SimStatus.PARTIALLY_FILLED
        elif order.filled == order.qty:
            self._retire(pit, order, SimStatus.FILLED)
        else:  # the rest of it was prevented before
            order.expiry = Expiry.STP
            self._retire(pit, order, SimStatus.EXPIRED_IN_MATCH)
        assets = (got_asset, paid_asset) if fee_asset in {got_asset, paid_asset} else (got_asset, paid_asset, fee_asset)
        self.tell(SimEventKind.TRADE, order, assets, now_ns, fill=fill)

    # -- ending ------------------------------------------------------------------------------------------------------

    def prevent(self, pit: Pit, order: Working, counter: Working, qty: int, now_ns: int) -> None:
        """Self-trade prevention takes ``qty`` off ``order``, ending it when nothing is left."""
        self._prevented_id += 1
        order.prevented_qty += qty
        order.last_prevented_qty = qty
        order.prevented_match_id = self._prevented_id
        order.counter_venue_id = counter.venue_id
        asset = pit.pays(order.side)
        if order.remaining == 0:
            order.expiry = Expiry.STP
            self._retire(pit, order, SimStatus.EXPIRED_IN_MATCH)
        else:
            held = pit.need(order.side, order.price, qty)
            self.accounts[order.account].unlock(order, asset, min(held, order.locked))
        self.tell(SimEventKind.PREVENTED, order, (asset,), now_ns)
        order.last_prevented_qty = 0

    def end(self, pit: Pit, order: Working, expiry: Expiry | None, now_ns: int, request_id: str = "") -> None:
        """End an open order: by the exchange for the reason ``expiry``, or by its owner (None)."""
        order.expiry = expiry
        self._retire(pit, order, SimStatus.CANCELED if expiry is None else SimStatus.EXPIRED)
        kind = SimEventKind.CANCELED if expiry is None else SimEventKind.EXPIRED
        self.tell(kind, order, (pit.pays(order.side),), now_ns, request_id=request_id)

    def _retire(self, pit: Pit, order: Working, status: SimStatus) -> None:
        """Take an order off the book and the open orders, and free what it still held."""
        order.status = status
        if order.on_book:
            pit.half(order.side).remove(order)
        pit.market.stops.pop(order.venue_id, None)
        account = self.accounts[order.account]
        if order.locked:
            account.unlock(order, pit.pays(order.side), order.locked)
        account.leave(order)
