"""The protocols that the shell speaks to. Implemented by adapters, the simulated venue, and a user's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from tickwright.model.account import AccountEvent, FeeRates, Permissions, Snapshot
from tickwright.model.caps import Caps
from tickwright.model.effect import Effect, Notice, Submit
from tickwright.model.event import Event
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, MarketEvent, Subscription, Trade
from tickwright.model.order import AmendTerms, CouldNotAsk, Fill, Finding, NewOrder, OrderRef, Outcome

#: Called by a session with each event as it is decoded; must not block and must not raise.
MarketSink = Callable[[MarketEvent], None]
AccountSink = Callable[[AccountEvent], None]


@runtime_checkable
class Venue(Protocol):
    """One exchange and one account on it. ``docs/adding-a-venue.md`` walks through writing one.

    The order calls send within the call itself, before anything is awaited, and never raise: what they return resolves to
    an :data:`Outcome`. (A plain ``async def`` is fine too; it costs one turn of the loop.)
    """

    @property
    def caps(self) -> Caps: ...

    async def open(self) -> None:
        """Connect what is needed to answer questions: learn instruments, measure the clock. Raises ``VenueError``."""

    async def close(self) -> None:
        """Close every connection in order. Cancels nothing."""

    async def instruments(self) -> list[Instrument]: ...

    async def permissions(self) -> Permissions: ...

    async def fee_rates(self, key: str) -> FeeRates: ...

    def market(self, subs: Sequence[Subscription]) -> AsyncIterator[MarketEvent]: ...

    def account(self) -> AsyncIterator[AccountEvent]: ...

    async def snapshot(self, keys: Sequence[str], fills_since_ns: int) -> Snapshot | CouldNotAsk:
        """Everything the venue holds for us; trade history of ``keys`` back to ``fills_since_ns`` (0: none)."""

    async def bars(self, key: str, span: str, start_ns: int, end_ns: int) -> list[Bar]: ...

    async def trades(self, key: str, start_ns: int, end_ns: int) -> list[Trade]: ...

    async def fills(self, key: str, since_ns: int) -> list[Fill] | CouldNotAsk: ...

    def submit(self, order: NewOrder) -> Awaitable[Outcome]: ...

    def cancel(self, ref: OrderRef) -> Awaitable[Outcome]: ...

    def amend(self, ref: OrderRef, terms: AmendTerms) -> Awaitable[Outcome]: ...

    def cancel_all(self, key: str) -> Awaitable[Outcome]: ...

    def find(self, ref: OrderRef) -> Awaitable[Finding]: ...

    async def clock(self) -> tuple[int, int]:
        """Local clock minus the venue's, and the bound on its error, in nanoseconds."""

    async def keep_alive(self, ttl_s: float) -> bool:
        """Set the venue's dead-man's switch to go off in so long, 0 takes it off; False where it has none."""


@runtime_checkable
class Streaming(Protocol):
    """A venue that pushes events straight into a sink, for where an async generator costs too much per event."""

    async def run_market(self, subs: Sequence[Subscription], sink: MarketSink) -> None:
        """Deliver until cancelled. Connection trouble is delivered as FeedDown, Gap and FeedUp, never raised."""

    async def run_account(self, sink: AccountSink) -> None:
        """Deliver until cancelled. Connection trouble is delivered as AccountDown and AccountUp, never raised."""


@runtime_checkable
class Pairing(Protocol):
    """A venue that takes two orders of which one cancels the other in one request. ``Caps.order_lists`` says whether."""

    def submit_pair(self, limit: NewOrder, stop: NewOrder, list_id: str) -> Awaitable[Outcome]:
        """Both or neither. Accepted brings a report of each."""


@runtime_checkable
class Rehearsing(Protocol):
    """A venue or a journal that can do everything it does with an order short of sending or writing it."""

    def rehearse(self, submit: Submit) -> None:
        """Make the bytes of an order and throw them away. Changes nothing, uses no budget."""


class Journal(Protocol):
    """Records an event and its effects before the effects are performed."""

    def write(self, seq: int, event: Event, effects: Sequence[Effect]) -> None: ...

    def close(self) -> None: ...


class Notifier(Protocol):
    """Tells people. Off the trading loop; may drop, may not block."""

    def notify(self, notice: Notice) -> None: ...
