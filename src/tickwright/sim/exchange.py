"""The simulated exchange: instruments, accounts, balances and orders, matched against a recorded or generated market.

Pure and synchronous: it reads no clock (every call says what time it is) and waits for nothing. Exact: integers only.
Deterministic: the same calls in the same order give the same events. Money is conserved (see :mod:`tickwright.sim.clearing`)
and no balance goes below zero.

It does not check a venue's filters, formats or rate limits: that is the caller's, with the venue's own words for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tickwright.base.chance import Chance
from tickwright.model.account import FeeRates
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, NewOrder, OrderType, Rejected, Stp, Tif
from tickwright.model.reason import Reason
from tickwright.sim.accounts import Account
from tickwright.sim.clearing import Clearing, Pit
from tickwright.sim.desk import Desk
from tickwright.sim.fees import FeeModel
from tickwright.sim.matching import Market
from tickwright.sim.queue import QueueModel
from tickwright.sim.records import NO_ID, OrderList, SimEvent, SimFill, SimOrder, SimTrade
from tickwright.sim.working import Working

#: An order of an account: its client id (text) or its venue id (number).
OrderName = str | int

#: ``(price units, quantity units)``.
LevelUnits = tuple[int, int]

_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_STOP_LOSSES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})

_UNKNOWN_SYMBOL = Rejected(reason=Reason.VENUE_UNKNOWN_SYMBOL, text="no such instrument")
_UNKNOWN_ORDER = Rejected(reason=Reason.VENUE_UNKNOWN_ORDER, text="no such open order")


class Exchange:
    """Matches the orders of any number of accounts against each other and against the market that it is shown.

    Refusals are values (``Rejected`` with a ``VENUE_*`` reason) and leave no trace. What happens is told through
    :meth:`drain`, in engine order. Prices and quantities off the instrument's grid are the caller's bug and assert.
    ``default_stp`` is what :attr:`Stp.VENUE` means here.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        fees: FeeModel,
        queue: QueueModel,
        chance: Chance,
        *,
        first_trade_id: int = 1,
        default_stp: Stp = Stp.NONE,
    ) -> None:
        assert default_stp is not Stp.VENUE, "the venue must say what its default is"
        self._pits = {one.key: Pit(one, Market(queue, chance.fork(one.key))) for one in instruments}
        self._clearing = Clearing(fees, first_trade_id)
        self._desk = Desk(self._clearing)
        self._default_stp = default_stp
        self._order_id = 0
        self._list_id = 0

    # -- accounts ----------------------------------------------------------------------------------------------------

    def add_account(self, name: str, balances: Mapping[str, int]) -> None:
        """Open an account holding ``balances`` (asset -> amount of 10**-18), all free."""
        assert name not in self._clearing.accounts, f"account {name!r} exists"
        self._clearing.accounts[name] = Account(name, balances)

    def balances(self, account: str) -> dict[str, tuple[int, int]]:
        """Asset -> (free, locked), every asset the account ever held."""
        one = self._clearing.accounts[account]
        return {asset: (free, one.locked.get(asset, 0)) for asset, free in one.free.items()}

    def transfer(self, account: str, asset: str, amount: int) -> bool:
        """Bring ``amount`` from outside, or with a negative one take it there; False, and nothing moved, without the cover."""
        one = self._clearing.accounts[account]
        if one.free.get(asset, 0) + amount < 0:
            return False
        one.receive(asset, amount)
        return True

    def totals(self) -> dict[str, int]:
        """Asset -> everything: accounts, fees taken, what the recorded market is owed. Only opening an account and a transfer
        change it.
        """
        sums: dict[str, int] = {}
        purses: list[Mapping[str, int]] = [self._clearing.fees_taken, self._clearing.market_owed]
        for account in self._clearing.accounts.values():
            purses += [account.free, account.locked]
        for purse in purses:
            for asset, amount in purse.items():
                sums[asset] = sums.get(asset, 0) + amount
        return sums

    def fee_rates(self, key: str) -> FeeRates:
        """What the exchange charges on ``key``."""
        return self._clearing.fees.rates(key)

    def fees_taken(self) -> dict[str, int]:
        """Asset -> fees collected so far."""
        return dict(self._clearing.fees_taken)

    # -- market in ---------------------------------------------------------------------------------------------------

    def on_book(
        self,
        key: str,
        bids: Sequence[LevelUnits],
        asks: Sequence[LevelUnits],
        snapshot: bool,
        now_ns: int,
        *,
        seq: int = 0,
    ) -> None:
        """Absolute quantities of changed levels (0 removes), or with ``snapshot`` the whole book.

        With sequence numbers, an update older than the latest quote leaves alone the levels that the quote speaks of.
        """
        pit = self._pits[key]
        market = pit.market
        ceilings = market.ceilings(seq)
        market.book_seq = max(seq, market.book_seq)
        market.has_depth = True
        for half, levels, ceiling in ((market.bids, bids, ceilings[0]), (market.asks, asks, ceilings[1])):
            if snapshot:
                half.load_below(levels, ceiling)
                continue
            sign = half.sign
            put = half.put
            for price, qty in levels:
                level = price * sign
                if ceiling is None or level < ceiling:
                    put(level, qty)
        if market.bids.ladder.crosses(market.asks.ladder):
            market.uncross(bids, asks)
        self._desk.look(pit, now_ns)

    def on_quote(self, key: str, bid: int, bid_qty: int, ask: int, ask_qty: int, now_ns: int, *, seq: int = 0) -> None:
        """Best bid and ask; better levels known before are gone. A quantity of 0 means that the side is empty. Until the first
        :meth:`on_book` the best levels are all that there is to trade with.

        A quote with a sequence number below that of the book is late and changes nothing.
        """
        pit = self._pits[key]
        market = pit.market
        if 0 < seq < market.book_seq:
            return
        market.quote_seq = seq
        market.quote = (bid if bid_qty else None, ask if ask_qty else None)
        alone = not market.has_depth
        market.bids.quote(bid, bid_qty, alone)
        market.asks.quote(-ask, ask_qty, alone)
        self._desk.look(pit, now_ns)

    def on_gap(self, key: str) -> None:
        """The recording missed something: its book is unknown until it says more. Queue places are kept, for want of better."""
        self._pits[key].market.forget()

    def on_trade(self, key: str, price: int, qty: int, side: Side, now_ns: int, trade_id: int = 0) -> None:
        """A trade of the recording; ``side`` is the aggressor's."""
        pit = self._pits[key]
        pit.print_trade(SimTrade(trade_id=trade_id, price=price, qty=qty, side=side, at_ns=now_ns, recorded=True))
        market = pit.market
        for half in (market.bids, market.asks):
            if half.own_keys:
                for order, got in half.passed(price * half.sign):
                    self._desk.make(pit, order, got, now_ns)
        struck = pit.half(side.opposite)
        if struck.own_keys:
            for order, got in struck.printed(price * struck.sign, qty):
                self._desk.make(pit, order, got, now_ns)
        if market.low is not None:
            self._desk.trigger(pit, now_ns)

    # -- orders in ---------------------------------------------------------------------------------------------------

    def submit(self, account: str, order: NewOrder, now_ns: int, *, quote_qty: int = 0) -> SimOrder | Rejected:
        """Take an order: match, then rest, wait for its trigger, or end. The answer is its state after matching.

        ``quote_qty`` (a MARKET BUY, whose own ``qty`` is then ignored and should be 0) is the amount of quote asset to
        spend; the order's ``qty`` becomes what that buys.
        """
        return self._submit(account, order, now_ns, quote_qty, None)

    def submit_oco(
        self, account: str, limit: NewOrder, stop: NewOrder, now_ns: int, *, list_client_id: str = ""
    ) -> OrderList | Rejected:
        """Take a pair of one instrument, side and quantity: once one trades or triggers the other expires, and cancelling either
        cancels both. ``limit`` is the maker leg (a plain limit order, which may not take, or a take-profit), ``stop`` the
        stop(-limit) leg. Funds are locked once, for the dearer leg.
        """
        pit = self._pits.get(limit.key)
        if pit is None:
            return _UNKNOWN_SYMBOL
        assert (limit.key, limit.side, limit.qty) == (stop.key, stop.side, stop.qty), "the legs of a pair differ"
        assert stop.type in _STOP_LOSSES, "the second leg of a pair is a stop"
        assert limit.type not in _STOP_LOSSES and limit.type is not OrderType.MARKET, "the first leg of a pair is a maker"  # noqa: PT018 (one rule)
        refused = self._refused(account, pit, limit, 0) or self._refused(account, pit, stop, 0)
        if refused is None and limit.client_id == stop.client_id:
            refused = Rejected(reason=Reason.VENUE_DUPLICATE_ID, text="both legs have the same client id")
        if refused is not None:
            return refused
        legs = (self._working(account, limit, now_ns, 1), self._working(account, stop, now_ns, 2))
        legs[0].post_only = limit.type is OrderType.LIMIT
        for leg in legs:
            leg.list_id = self._list_id + 1
            leg.list_client_id = list_client_id
        refused = self._desk.accept_pair(pit, legs, now_ns)
        if refused is not None:
            return refused
        self._order_id += 2
        self._list_id += 1
        frozen = (legs[0].freeze(), legs[1].freeze())
        return OrderList(
            list_id=self._list_id, client_id=list_client_id, account=account, key=limit.key, orders=frozen, at_ns=now_ns
        )

    def cancel(self, account: str, key: str, name: OrderName, now_ns: int, *, request_id: str = "") -> SimOrder | Rejected:
        """End an open order (and with it the other leg of its list, if it has one)."""
        order = self._find_open(account, key, name)
        if order is None:
            return _UNKNOWN_ORDER
        self._desk.cancel(self._pits[key], order, now_ns, request_id)
        return order.freeze()

    def cancel_all(self, account: str, key: str, now_ns: int) -> list[SimOrder]:
        """End all open orders of the account on ``key``; the orders cancelled, oldest first (none is an empty list)."""
        orders = [order for order in self._clearing.accounts[account].open.values() if order.key == key]
        for order in orders:
            if order.status.is_open:  # the other leg of a list went with the first
                self._desk.cancel(self._pits[key], order, now_ns, "")
        return [order.freeze() for order in orders]

    def amend(
        self, account: str, key: str, name: OrderName, terms: AmendTerms, now_ns: int, *, request_id: str = ""
    ) -> SimOrder | Rejected:
        """Change an open order in place (same venue id). Less quantity at the same price keeps its place in the queue; anything
        else loses it and may match at once. ``terms.client_id`` renames it. A quantity not above what is filled, a leg of a
        list, and a change that changes nothing are refused.
        """
        order = self._find_open(account, key, name)
        if order is None:
            return _UNKNOWN_ORDER
        refused = self._amend_refused(order, terms)
        if refused is not None:
            return refused
        pit = self._pits[key]
        refused = self._desk.amend(pit, order, terms, now_ns, request_id)
        if refused is not None:
            return refused
        self._desk.trigger(pit, now_ns)
        return order.freeze()

    def replace(
        self,
        account: str,
        key: str,
        name: OrderName,
        order: NewOrder,
        now_ns: int,
        *,
        quote_qty: int = 0,
        request_id: str = "",
    ) -> tuple[SimOrder | Rejected, SimOrder | Rejected | None]:
        """Cancel one order, then submit another: (the cancel's answer, the submit's answer; None when the cancel was refused)."""
        old = self._find_open(account, key, name)
        if old is None:
            return _UNKNOWN_ORDER, None
        canceled = self.cancel(account, key, old.venue_id, now_ns, request_id=request_id)
        return canceled, self._submit(account, order, now_ns, quote_qty, old)

    # -- questions ---------------------------------------------------------------------------------------------------

    def order(self, account: str, key: str, name: OrderName) -> SimOrder | None:
        """The order of that name; for a client id that was used again, the latest. None if unknown or forgotten."""
        order = self._find(account, key, name)
        return None if order is None else order.freeze()

    def open_orders(self, account: str, key: str | None = None) -> list[SimOrder]:
        """Oldest first."""
        orders = self._clearing.accounts[account].open.values()
        return [order.freeze() for order in orders if key is None or order.key == key]

    def orders(self, account: str, key: str) -> list[SimOrder]:
        """Open and ended, oldest first; ended ones back to a bound."""
        return [order.freeze() for order in self._clearing.accounts[account].known.values() if order.key == key]

    def fills(self, account: str, key: str) -> list[SimFill]:
        """Executions of the account, oldest first, back to a bound."""
        return list(self._clearing.accounts[account].fills.get(key, ()))

    def depth(self, key: str, n: int) -> tuple[list[LevelUnits], list[LevelUnits]]:
        """Best ``n`` bids and asks: the recorded book less what was taken from it, with every account's resting orders."""
        market = self._pits[key].market
        return market.bids.shown(n), market.asks.shown(n)

    def last_trades(self, key: str, n: int) -> list[SimTrade]:
        """Latest ``n`` public trades, oldest first, back to a bound."""
        trades = list(self._pits[key].trades)
        return trades[-n:] if n > 0 else []

    def last_price(self, key: str) -> int | None:
        """Price of the latest trade; None before the first."""
        return self._pits[key].market.last

    def drain(self) -> list[tuple[str, SimEvent]]:
        """``(account, event)`` since the last call, in engine order."""
        events = self._clearing.events
        if events:
            self._clearing.events = []
        return events

    # -- inside ------------------------------------------------------------------------------------------------------

    def _submit(
        self, account: str, order: NewOrder, now_ns: int, quote_qty: int, replaced: Working | None
    ) -> SimOrder | Rejected:
        pit = self._pits.get(order.key)
        if pit is None:
            return _UNKNOWN_SYMBOL
        refused = self._refused(account, pit, order, quote_qty)
        if refused is not None:
            return refused
        working = self._working(account, order, now_ns, 1)
        working.quote_qty = quote_qty
        if replaced is not None:
            working.replaces = replaced.venue_id
            working.orig_client_id = replaced.client_id
        refused = self._desk.accept(pit, working, now_ns)
        if refused is not None:
            return refused
        self._order_id += 1
        self._desk.trigger(pit, now_ns)
        return working.freeze()

    def _working(self, account: str, order: NewOrder, now_ns: int, nth: int) -> Working:
        """The ``nth`` order from now; it takes its id for good only when it is accepted."""
        stp = self._default_stp if order.stp is Stp.VENUE else order.stp
        return Working(account, order, self._order_id + nth, stp, now_ns)

    def _refused(self, account: str, pit: Pit, order: NewOrder, quote_qty: int) -> Rejected | None:
        """What is wrong with an order before its funds and the book are looked at."""
        _check_grid(pit, order, quote_qty)
        if not pit.instrument.trading:
            return Rejected(reason=Reason.VENUE_MARKET_CLOSED, text="the instrument is not trading")
        if order.client_id in self._clearing.accounts[account].open_ids:
            return Rejected(reason=Reason.VENUE_DUPLICATE_ID, text="an open order has this client id")
        if order.reduce_only or (order.post_only and (order.type is not OrderType.LIMIT or order.tif is not Tif.GTC)):
            return Rejected(reason=Reason.VENUE_MALFORMED, text="terms that do not go together")
        last = pit.market.last
        if order.stop is not None and last is not None:
            rising = (order.side is Side.BUY) == (order.type in _STOP_LOSSES)
            if last >= order.stop if rising else last <= order.stop:
                return Rejected(reason=Reason.VENUE_WOULD_TRIGGER, text="the stop price is already reached")
        return None

    def _amend_refused(self, order: Working, terms: AmendTerms) -> Rejected | None:
        renamed = bool(terms.client_id) and terms.client_id != order.client_id
        if renamed and terms.client_id in self._clearing.accounts[order.account].open_ids:
            return Rejected(reason=Reason.VENUE_DUPLICATE_ID, text="an open order has this client id")
        if order.list_id != NO_ID:
            return Rejected(reason=Reason.VENUE_OTHER, text="a leg of a list cannot be amended")
        if terms.price is not None and order.price is None:
            return Rejected(reason=Reason.VENUE_MALFORMED, text="the order has no price to change")
        qty = order.qty if terms.qty is None else terms.qty
        price = order.price if terms.price is None else terms.price
        if (qty, price) == (order.qty, order.price) and not renamed:
            return Rejected(reason=Reason.VENUE_NO_CHANGE, text="the amend would change nothing")
        if qty <= order.filled + order.prevented_qty:
            return Rejected(reason=Reason.VENUE_OTHER, text="the quantity is not above what is filled")
        return None

    def _find(self, account: str, key: str, name: OrderName) -> Working | None:
        one = self._clearing.accounts[account]
        if isinstance(name, str):
            return one.named.get((key, name))
        order = one.known.get(name)
        return order if order is not None and order.key == key else None

    def _find_open(self, account: str, key: str, name: OrderName) -> Working | None:
        order = self._find(account, key, name)
        return order if order is not None and order.status.is_open else None


def _check_grid(pit: Pit, order: NewOrder, quote_qty: int) -> None:
    """An order off the grid, or of a shape that its type does not have, is a bug of the caller."""
    assert (order.price is not None) == (order.type in _PRICED), f"{order.client_id}: price does not go with {order.type}"
    assert (order.stop is None) == (order.type in {OrderType.LIMIT, OrderType.MARKET}), f"{order.client_id}: stop"
    assert order.price is None or (order.price > 0 and order.price % pit.tick == 0), f"{order.client_id}: price off grid"
    assert order.stop is None or (order.stop > 0 and order.stop % pit.tick == 0), f"{order.client_id}: stop off grid"
    if quote_qty:
        assert order.type is OrderType.MARKET, f"{order.client_id}: only a market order spends an amount"
        assert order.side is Side.BUY, f"{order.client_id}: only a buy spends an amount"
        assert quote_qty > 0, f"{order.client_id}: amount"
    else:
        assert order.qty > 0, f"{order.client_id}: quantity"
        assert order.qty % pit.lot == 0, f"{order.client_id}: quantity off grid"
