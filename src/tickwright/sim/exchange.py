"""The simulated exchange: instruments, accounts, balances and orders, matched against a recorded or generated market.

Pure and synchronous: it reads no clock (every call says what time it is) and waits for nothing. Exact: integers only.
Deterministic: the same calls in the same order give the same events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tickwright.base.chance import Chance
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, NewOrder, Rejected
from tickwright.sim.fees import FeeModel
from tickwright.sim.queue import QueueModel
from tickwright.sim.records import OrderList, SimEvent, SimFill, SimOrder, SimTrade

#: An order of an account: its client id (text) or its venue id (number).
OrderName = str | int

#: ``(price units, quantity units)``.
LevelUnits = tuple[int, int]


class Exchange:
    """Matches the orders of any number of accounts against each other and against the market that it is shown.

    Refusals are values (``Rejected`` with a ``VENUE_*`` reason) and leave no trace. What happens is told through
    :meth:`drain`, in engine order. Venue filters are the caller's to check; prices and quantities off the grid are bugs
    and assert.
    """

    def __init__(
        self, instruments: Sequence[Instrument], fees: FeeModel, queue: QueueModel, chance: Chance, *, first_trade_id: int = 1
    ) -> None:
        raise NotImplementedError

    # -- accounts ----------------------------------------------------------------------------------------------------

    def add_account(self, name: str, balances: Mapping[str, int]) -> None:
        """Open an account holding ``balances`` (asset -> amount of 10**-18), all free."""
        raise NotImplementedError

    def balances(self, account: str) -> dict[str, tuple[int, int]]:
        """Asset -> (free, locked), every asset the account ever held."""
        raise NotImplementedError

    # -- market in ---------------------------------------------------------------------------------------------------

    def on_book(self, key: str, bids: Sequence[LevelUnits], asks: Sequence[LevelUnits], snapshot: bool, now_ns: int) -> None:
        """Absolute quantities of changed levels (0 removes), or with ``snapshot`` the whole book."""
        raise NotImplementedError

    def on_quote(self, key: str, bid: int, bid_qty: int, ask: int, ask_qty: int, now_ns: int) -> None:
        """Best bid and ask; better levels known before are gone. A quantity of 0 means that the side is empty."""
        raise NotImplementedError

    def on_trade(self, key: str, price: int, qty: int, side: Side, now_ns: int, trade_id: int = 0) -> None:
        """A trade of the recording; ``side`` is the aggressor's."""
        raise NotImplementedError

    # -- orders in ---------------------------------------------------------------------------------------------------

    def submit(self, account: str, order: NewOrder, now_ns: int, *, quote_qty: int = 0) -> SimOrder | Rejected:
        """Take an order: match, then rest, wait for its trigger, or end. The answer is its state after matching.

        ``quote_qty`` (a MARKET BUY whose ``qty`` is then ignored and should be 0): the amount of quote asset to spend; the order's
        ``qty`` becomes what was bought.
        """
        raise NotImplementedError

    def submit_oco(
        self, account: str, limit: NewOrder, stop: NewOrder, now_ns: int, *, list_client_id: str = ""
    ) -> OrderList | Rejected:
        """Take a pair of one account, instrument, side and quantity: once one trades or triggers the other expires; cancelling
        either cancels both. Which is which does not depend on the order of arguments by type: ``limit`` is the plain or
        take-profit leg, ``stop`` the stop(-limit) leg. Funds are locked once, for the dearer leg.
        """
        raise NotImplementedError

    def cancel(self, account: str, key: str, name: OrderName, now_ns: int, *, request_id: str = "") -> SimOrder | Rejected:
        """End an open order (with its list, if it has one)."""
        raise NotImplementedError

    def cancel_all(self, account: str, key: str, now_ns: int) -> list[SimOrder]:
        """End all open orders of the account on ``key``; the orders cancelled, oldest first (none is an empty list)."""
        raise NotImplementedError

    def amend(
        self, account: str, key: str, name: OrderName, terms: AmendTerms, now_ns: int, *, request_id: str = ""
    ) -> SimOrder | Rejected:
        """Change an open order in place (same venue id). Less quantity at the same price keeps its place in the queue; anything
        else loses it and may match at once. ``terms.client_id`` renames it. A quantity not above what is filled is refused.
        """
        raise NotImplementedError

    def replace(
        self, account: str, key: str, name: OrderName, order: NewOrder, now_ns: int, *, quote_qty: int = 0, request_id: str = ""
    ) -> tuple[SimOrder | Rejected, SimOrder | Rejected | None]:
        """Cancel one order, then submit another: (cancel's answer, submit's answer; None if the cancel was refused)."""
        raise NotImplementedError

    # -- questions ---------------------------------------------------------------------------------------------------

    def order(self, account: str, key: str, name: OrderName) -> SimOrder | None:
        """The order of that name: for a client id the open one, else the latest. None if unknown or forgotten."""
        raise NotImplementedError

    def open_orders(self, account: str, key: str | None = None) -> list[SimOrder]:
        """Oldest first."""
        raise NotImplementedError

    def orders(self, account: str, key: str) -> list[SimOrder]:
        """Open and ended, oldest first; ended ones back to a bound."""
        raise NotImplementedError

    def fills(self, account: str, key: str) -> list[SimFill]:
        """Executions of the account, oldest first, back to a bound."""
        raise NotImplementedError

    def depth(self, key: str, n: int) -> tuple[list[LevelUnits], list[LevelUnits]]:
        """Best ``n`` bids and asks: the recorded book less what was taken from it, with every account's resting orders."""
        raise NotImplementedError

    def last_trades(self, key: str, n: int) -> list[SimTrade]:
        """Latest ``n`` public trades, oldest first, back to a bound."""
        raise NotImplementedError

    def last_price(self, key: str) -> int | None:
        """Price of the latest trade; None before the first."""
        raise NotImplementedError

    # -- out ---------------------------------------------------------------------------------------------------------

    def drain(self) -> list[tuple[str, SimEvent]]:
        """``(account, event)`` since the last call, in engine order."""
        raise NotImplementedError
