"""Stories: a whole engine with a strategy that follows the market, and a venue of a few lines, moved by words that Hypothesis picks.

The strategy decides from quotes alone, so the events of a story are all that there is: they can be fed again, twice or cut.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from tickwright import BUY, SELL, Strategy, quotes
from tickwright.engine.step import step
from tickwright.model.account import AccountDown, AccountUp
from tickwright.model.effect import Amend, Effect, Submit
from tickwright.model.event import AmendOutcome, CancelOutcome, Command, Event, Verb
from tickwright.model.order import Accepted, NewOrder, OrderReport, Outcome, Rejected, ReportStatus, Unknown
from tickwright.model.reason import Reason
from unit.engine.world import BTC, World

#: Prices that the strategy tells apart.
LEVELS = (58_000.0, 59_000.0, 60_000.0, 61_000.0, 62_000.0)
#: What may happen, each word one event or a few.
MARKET = tuple(f"price {place}" for place in range(len(LEVELS)))
VENUE = (
    "accept",
    "accept",
    "accept",
    "fill",
    "fill whole",
    "reject",
    "unknown",
    "cancelled",
    "canceled itself",
    "amended",
    "refused",
)
REST = ("tick", "tick", "long tick", "snapshot", "down", "up")
PEOPLE = ("reduce", "pause", "pull", "resume")
#: What must have been asked of an order for a word to be an answer.
_ASKED = {"cancelled": ("CANCEL",), "refused": ("CANCEL", "AMEND"), "amended": ("AMEND",)}
words = st.sampled_from((*MARKET, *MARKET, *VENUE, *REST))
words_and_people = st.sampled_from((*MARKET, *MARKET, *VENUE, *REST, *PEOPLE))


class Follower(Strategy):
    """Wants a position and two quotes that depend on the price alone."""

    top = quotes()

    def decide(self) -> None:
        level = min(range(len(LEVELS)), key=lambda place: abs(LEVELS[place] - self.top.value.bid))
        self.target(("0", "0.02", "0.05", "0.01", "0")[level], limit=("57000", "58900", "60000", "60900", "61900")[level])
        if level == 4:
            self.unquote("low")
        else:
            self.quote("low", BUY, ("57000", "58000", "59000", "60000")[level], ("0.01", "0.01", "0.02", "0.01")[level])
        self.quote("high", SELL, ("59000", "60000", "61000", "62000", "63000")[level], "0.01")


class Held:
    """An order as the venue has it."""

    def __init__(self, qty: int, price: int | None) -> None:
        self.qty, self.price, self.filled = qty, price, 0


class Story(World):
    """A run that writes down what it is fed, and what the venue holds."""

    def __init__(self) -> None:
        self.fed: list[tuple[Event, list[Effect]]] = []
        self.live: dict[str, Held] = {}
        super().__init__(Follower())
        self.start()

    def feed(self, event: Event) -> list[Effect]:
        effects = super().feed(event)
        self.fed.append((event, effects))
        return effects

    # -- what happens --------------------------------------------------------------------------------------------------

    def tell(self, word: str) -> None:
        """One word of the story."""
        if word.startswith("price"):
            price = LEVELS[int(word[-1])]
            self.quote(price, price + 0.01)
        elif word in ("tick", "long tick"):
            self.tick(0.3 if word == "tick" else 20.0)
        elif word == "snapshot":
            self.snapshot(*self._listed())
        elif word == "down":
            self.feed(AccountDown("sim", "cut", self.now))
        elif word == "up":
            self.feed(AccountUp("sim", self.now))
            self.snapshot(*self._listed())
        elif word in PEOPLE:
            self.now += 1
            self.feed(Command(Verb(word), self.now, "account", "a person"))
        else:
            self._answer(word)

    def _answer(self, word: str) -> None:
        """The venue says something of the oldest order of which it can be said."""
        for order in self.state.orders.open_orders():
            mine = order.order
            if word in ("accept", "reject", "unknown"):
                if (
                    order.status.name == "NEW"
                    and order.request.name == "SUBMIT"
                    and not order.doubt
                    and mine.client_id not in self.live
                ):
                    self._outcome(word, mine)
                    return
            elif mine.client_id in self.live and order.request.name in _ASKED.get(word, (order.request.name,)):
                self._of_working(word, mine, order.request.name)
                return

    def _outcome(self, word: str, order: NewOrder) -> None:
        if word == "reject":
            self.answer(order, Rejected(reason=Reason.VENUE_FUNDS))
            return
        self.live[order.client_id] = Held(order.qty, order.price)
        if word == "accept":
            self.accept(order)
        else:
            self.answer(order, Unknown(why="lost"))

    def _of_working(self, word: str, order: NewOrder, request: str) -> None:
        held = self.live[order.client_id]
        if word.startswith("fill"):
            size = held.qty - held.filled if word == "fill whole" else min(held.qty - held.filled, 200)
            held.filled += size
            self.fill(order, size, held.price or 6_000_000)
            if held.filled == held.qty:
                self._end(order, Reason.FILLED)
        elif word == "canceled itself":
            self._end(order, Reason.CANCELED)
        elif word == "cancelled":
            self._answered(CancelOutcome, order, Accepted(venue_id=f"v{order.client_id}", at_ns=self.now))
            self._end(order, Reason.CANCELED)
        elif word == "refused":
            kind = CancelOutcome if request == "CANCEL" else AmendOutcome
            self._answered(kind, order, Rejected(reason=Reason.VENUE_OVERLOADED))
        elif word == "amended":
            asked = next(
                effect
                for effect in reversed(self.effects)
                if isinstance(effect, Amend) and effect.ref.client_id == order.client_id
            )
            held.qty = held.qty if asked.terms.qty is None else asked.terms.qty
            held.price = held.price if asked.terms.price is None else asked.terms.price
            self._answered(AmendOutcome, order, Accepted(venue_id=f"v{order.client_id}", at_ns=self.now))

    def _answered(self, kind: type[CancelOutcome | AmendOutcome], order: NewOrder, outcome: Outcome) -> None:
        self.now += 1
        self.feed(kind(order.client_id, outcome, self.now))

    def _end(self, order: NewOrder, reason: Reason) -> None:
        report = self._said(order, ReportStatus.DONE, reason)
        del self.live[order.client_id]
        self.now += 1
        self.feed(report)

    def _said(self, order: NewOrder, status: ReportStatus, reason: Reason | None = None) -> OrderReport:
        held = self.live[order.client_id]
        return msgspec.structs.replace(
            self.report_of(order, status, reason, held.filled),
            qty=held.qty,
            price=held.price,
            venue_ns=self.now + 1,
            recv_ns=self.now + 1,
        )

    def _listed(self) -> list[OrderReport]:
        """What the venue has open."""
        found = []
        for client_id in self.live:
            order = self.state.orders.get(client_id)
            assert order is not None
            found.append(self._said(order.order, ReportStatus.OPEN))
        return found


def told(words_: list[str]) -> Story:
    """The whole story."""
    story = Story()
    for word in words_:
        story.tell(word)
    return story


def again(events: list[Event]) -> tuple[World, list[list[Effect]]]:
    """The same events to an engine that has seen nothing; what each caused."""
    world = World(Follower())
    return world, [list(step(world.state, event)) for event in events]


def known(world: World) -> dict[str, Any]:
    """Money, positions and orders, as far as they are not a matter of when."""
    state = world.state
    orders = {order.client_id: (order.status, order.filled, order.reason) for order in state.orders.open_orders()}
    return {
        "orders": orders,
        "totals": state.ledger.totals("sim"),
        "reserved": {asset: state.ledger.reserved(asset) for asset in ("USDT", "BTC")},
        "position": state.position_units(BTC.key),
        "fees": state.ledger.fees(),
    }


def sent(effects: list[Effect]) -> list[Submit]:
    return [effect for effect in effects if isinstance(effect, Submit)]
