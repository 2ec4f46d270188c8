"""Store and ledger against a venue that loses, delays, repeats and reorders everything, and a slow reference.

The venue here is the truth: a dictionary of orders. Whatever happens on the way, the two rooms may never say anything that
the truth contradicts, and once everything has arrived they must say the same, to the last unit.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tickwright.account.ledger import Ledger
from tickwright.base.numbers import money
from tickwright.model.account import Balance, Snapshot
from tickwright.model.instrument import Instrument
from tickwright.model.market import Side
from tickwright.model.order import Absent, Accepted, AmendTerms, CouldNotAsk, Fill, Found, OrderReport, Rejected, ReportStatus
from tickwright.model.reason import Reason
from tickwright.orders import resolver
from tickwright.orders.change import Change, ChangeKind
from tickwright.orders.order import Order
from tickwright.orders.store import OrderStore
from unit.orders.makers import KEY, UNKNOWN, S, caps, new, report

INSTRUMENT = Instrument(
    venue="v", symbol="A/B", native="AB", base="A", quote="B", price_exp=2, qty_exp=3, tick_units=1, lot_units=1
)  # fmt: skip
BASE_UNIT, QUOTE_UNIT = 10**15, 10**13  # amounts of one unit of quantity, and of price times quantity
START = {"A": money(1000), "B": money(1_000_000), "C": money(10)}
CAPS = caps()


class VenueOrder:
    """The truth about one order."""

    def __init__(self, side: Side, qty: int, price: int, venue_id: str) -> None:
        self.side, self.qty, self.price, self.venue_id = side, qty, price, venue_id
        self.filled = 0
        self.fills: list[Fill] = []
        self.ended: Reason | None = None


class Chaos(RuleBasedStateMachine):
    """Rules are what can happen; invariants are checked after each."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = S
        self.store = OrderStore()
        self.ledger = Ledger({KEY: INSTRUMENT})
        balances = tuple(Balance("v", asset, amount, 0, 0, 0) for asset, amount in START.items())
        self.ledger.load(Snapshot(venue="v", orders=(), balances=balances, positions=(), fills=(), asked_ns=0, recv_ns=0))
        self.truth: dict[str, VenueOrder] = {}
        self.inbox: list[OrderReport | Fill] = []  # sent by the venue, not arrived
        self.arrived: list[OrderReport | Fill] = []
        self.flight: list[tuple[int, str, AmendTerms | None, str]] = []  # requests on their way, with their deadline
        self.answers: list[tuple[str, str, Any]] = []  # answers on their way
        self.booked: dict[str, Fill] = {}  # the reference: executions that have come in, by trade id
        self.counter = 0

    # ---- what the engine does with changes ---------------------------------------------------------------------------

    def fold(self, changes: list[Change]) -> None:
        for change in changes:
            assert not change.kind.halts, f"{change.kind} {change.text} {change.order!r}"
            order = change.order
            if change.fill is not None:
                assert change.fill.trade_id not in self.booked, "INV-10 a fill left the store twice"
                self.booked[change.fill.trade_id] = change.fill
                self.ledger.post_fill(change.fill, order.client_id)
            elif change.kind is ChangeKind.FOREIGN:
                self.ledger.hold(order.client_id, KEY, order.side, order.left, order.price or 0)
            self.fit(order)

    def fit(self, order: Order) -> None:
        if order.working:
            self.ledger.resize(order.client_id, order.worst_left, order.worst_price)
        else:
            self.ledger.release(order.client_id)

    # ---- the venue -----------------------------------------------------------------------------------------------------

    def tell(self, client_id: str) -> OrderReport:
        order = self.truth[client_id]
        status = ReportStatus.OPEN if order.ended is None else ReportStatus.DONE
        return report(
            status, order.filled, client_id=client_id, venue_id=order.venue_id, qty=order.qty, price=order.price, reason=order.ended,
            at_ns=self.now_ns, side=order.side,
        )  # fmt: skip

    def place(self, client_id: str, side: Side, qty: int, price: int) -> None:
        self.truth[client_id] = VenueOrder(side, qty, price, f"v{len(self.truth)}")
        self.inbox.append(self.tell(client_id))

    def end(self, client_id: str, reason: Reason) -> None:
        self.truth[client_id].ended = reason
        self.inbox.append(self.tell(client_id))

    def perform(self, what: str, client_id: str, terms: AmendTerms | None) -> Accepted | Rejected:
        """The venue executes a request; what it would answer."""
        self.now_ns += 1
        if what == "submit":
            asked = self.store.get(client_id)
            assert asked is not None
            self.place(client_id, asked.side, asked.order.qty, asked.order.price or 0)
            return Accepted(venue_id=self.truth[client_id].venue_id, at_ns=self.now_ns)
        order = self.truth.get(client_id)
        if order is None or order.ended is not None:
            return Rejected(reason=Reason.VENUE_UNKNOWN_ORDER)
        if what == "cancel":
            self.end(client_id, Reason.CANCELED)
            return Accepted(venue_id=order.venue_id, at_ns=self.now_ns)
        assert terms is not None
        qty = order.qty if terms.qty is None else terms.qty
        if qty <= order.filled:
            return Rejected(reason=Reason.VENUE_FILTER)
        order.qty, order.price = qty, order.price if terms.price is None else terms.price
        self.inbox.append(self.tell(client_id))
        return Accepted(venue_id=order.venue_id, at_ns=self.now_ns)

    def send(self, what: str, client_id: str, terms: AmendTerms | None, fate: str) -> None:
        """A request meets its fate; the answer comes now or stays on its way."""
        outcome: Any = UNKNOWN
        if fate == "refused":
            outcome = Rejected(reason=Reason.VENUE_RATE_LIMIT)
        elif fate in ("done", "answer late", "reply lost"):
            outcome = self.perform(what, client_id, terms)
        elif fate == "delayed":
            self.flight.append((self.now_ns + 5 * S, client_id, terms, what))
        if fate == "reply lost":
            outcome = UNKNOWN
        self.answers.append((what, client_id, outcome))
        if fate != "answer late":
            self.answer(len(self.answers) - 1)

    def answer(self, place: int) -> None:
        what, client_id, outcome = self.answers.pop(place)
        self.fold(getattr(self.store, f"on_{what}")(client_id, outcome, self.now_ns))

    # ---- what can happen -----------------------------------------------------------------------------------------------

    fates = st.sampled_from(["done", "answer late", "reply lost", "delayed", "lost", "refused"])

    @rule(side=st.sampled_from(Side), qty=st.integers(1, 20), price=st.integers(1, 9), named=st.booleans(), fate=fates)
    def submit(self, side: Side, qty: int, price: int, named: bool, fate: str) -> None:
        self.counter += 1
        name = "bid" if named and self.store.by_name("s", KEY, "bid") is None else ""
        order = new(f"twaaaaaaa-{self.counter}", qty=qty, price=price, name=name, side=side, dead_after_ns=self.now_ns + 5 * S)
        self.ledger.hold(order.client_id, KEY, side, qty, price)
        self.store.add(order, self.now_ns)
        self.send("submit", order.client_id, None, fate)

    @precondition(lambda self: any(order.can_cancel for order in self.store.open_orders()))
    @rule(data=st.data(), fate=fates)
    def cancel(self, data: st.DataObject, fate: str) -> None:
        order = data.draw(st.sampled_from([order for order in self.store.open_orders() if order.can_cancel]))
        if order.foreign:
            return
        self.fold(self.store.ask_cancel(order.client_id, self.now_ns))
        self.send("cancel", order.client_id, None, fate)

    @precondition(lambda self: any(order.can_amend for order in self.store.open_orders()))
    @rule(data=st.data(), qty=st.none() | st.integers(1, 30), price=st.none() | st.integers(1, 9), fate=fates)
    def amend(self, data: st.DataObject, qty: int | None, price: int | None, fate: str) -> None:
        order = data.draw(st.sampled_from([order for order in self.store.open_orders() if order.can_amend]))
        if order.foreign or (qty is not None and qty <= order.filled):
            return
        terms = AmendTerms(qty=qty, price=price)
        if (qty or order.qty, price or order.price) == (order.qty, order.price):
            return
        self.fold(self.store.ask_amend(order.client_id, terms, self.now_ns))
        self.send("amend", order.client_id, terms, fate)

    @precondition(lambda self: self.flight)
    @rule(data=st.data())
    def a_delayed_request_arrives(self, data: st.DataObject) -> None:
        dead_ns, client_id, terms, what = self.flight.pop(data.draw(st.integers(0, len(self.flight) - 1)))
        if self.now_ns <= dead_ns:
            self.perform(what, client_id, terms)

    @precondition(lambda self: any(order.ended is None for order in self.truth.values()))
    @rule(data=st.data(), share=st.floats(0, 1))
    def a_fill(self, data: st.DataObject, share: float) -> None:
        client_id = data.draw(st.sampled_from([name for name, order in self.truth.items() if order.ended is None]))
        order = self.truth[client_id]
        left = order.qty - order.filled
        qty = max(1, round(left * share))
        self.now_ns += 1
        self.counter += 1
        order.filled += qty
        one = Fill(
            key=KEY, client_id=client_id, venue_id=order.venue_id, trade_id=f"t{self.counter}", side=order.side, price=order.price,
            qty=qty, fee=7, fee_asset="ABC"[self.counter % 3], maker=True, venue_ns=self.now_ns, recv_ns=self.now_ns,
        )  # fmt: skip
        order.fills.append(one)
        self.inbox.append(one)
        if order.filled == order.qty:
            order.ended = Reason.FILLED
        self.inbox.append(self.tell(client_id))

    @precondition(lambda self: any(order.ended is None for order in self.truth.values()))
    @rule(data=st.data())
    def the_venue_ends_an_order(self, data: st.DataObject) -> None:
        client_id = data.draw(st.sampled_from([name for name, order in self.truth.items() if order.ended is None]))
        self.now_ns += 1
        self.end(client_id, Reason.EXPIRED)

    @rule(side=st.sampled_from(Side), qty=st.integers(1, 20), price=st.integers(1, 9))
    def somebody_trades_by_hand(self, side: Side, qty: int, price: int) -> None:
        self.counter += 1
        self.place(f"web-{self.counter}", side, qty, price)

    @precondition(lambda self: self.inbox)
    @rule(data=st.data())
    def a_message_arrives(self, data: st.DataObject) -> None:
        self.deliver(data.draw(st.integers(0, len(self.inbox) - 1)))

    def deliver(self, place: int) -> None:
        message = self.inbox.pop(place)
        self.arrived.append(message)
        self.take(message)

    def take(self, message: OrderReport | Fill) -> None:
        self.fold(self.store.on_fill(message) if isinstance(message, Fill) else self.store.on_report(message))

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def a_message_arrives_again(self, data: st.DataObject) -> None:
        self.take(data.draw(st.sampled_from(self.arrived)))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def a_late_answer_arrives(self, data: st.DataObject) -> None:
        self.answer(data.draw(st.integers(0, len(self.answers) - 1)))

    @rule(seconds=st.sampled_from([0, 1, 2, 5, 20]), kind=st.sampled_from(["all", "no fills", "could not ask"]))
    def time_passes_and_the_resolver_asks(self, seconds: int, kind: str) -> None:
        self.now_ns += seconds * S
        for ref in resolver.due(self.store, self.now_ns, CAPS, 0):
            order = self.truth.get(ref.client_id)
            finding: Any = Absent()
            if kind == "could not ask":
                finding = CouldNotAsk(why="down")
            elif order is not None:
                finding = Found(
                    order=self.tell(ref.client_id),
                    fills=tuple(order.fills) if kind == "all" else (),
                    fills_complete=kind == "all",
                )
            self.fold(self.store.on_finding(ref, finding, self.now_ns))

    @rule()
    def a_list_of_open_orders_is_compared(self) -> None:
        for order in self.store.open_orders():
            at_venue = self.truth.get(order.client_id)
            if at_venue is None or at_venue.ended is not None:
                self.fold(self.store.on_missing(order.client_id, self.now_ns))

    # ---- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def the_ledger_is_the_list_of_postings(self) -> None:
        """INV-02, INV-08, INV-10, INV-11: balances from nothing but the executions that have come in."""
        self.ledger.check()
        assert self.ledger.totals("v") == self.reference(self.booked.values())
        held = sum(fill.qty if fill.side is Side.BUY else -fill.qty for fill in self.booked.values())
        position = self.ledger.position(KEY)
        paid = sum(fill.price * (fill.qty if fill.side is Side.BUY else -fill.qty) for fill in self.booked.values()) * QUOTE_UNIT
        assert (position.qty, position.realised) == (held, position.cost - paid)

    @staticmethod
    def reference(fills: Any) -> dict[str, int]:
        totals = defaultdict(int, START)
        for one in fills:
            sign = 1 if one.side is Side.BUY else -1
            totals["A"] += sign * one.qty * BASE_UNIT
            totals["B"] -= sign * one.qty * one.price * QUOTE_UNIT
            totals[one.fee_asset] -= one.fee
        return dict(totals)

    @invariant()
    def reservations_are_a_function_of_the_open_orders(self) -> None:
        """INV-07."""
        buys = [order for order in self.store.open_orders() if order.side is Side.BUY]
        sells = [order for order in self.store.open_orders() if order.side is Side.SELL]
        assert self.ledger.reserved("B") == sum(order.worst_left * (order.worst_price or 0) for order in buys) * QUOTE_UNIT
        assert self.ledger.reserved("A") == sum(order.worst_left for order in sells) * BASE_UNIT
        assert self.ledger.working(KEY) == (sum(order.worst_left for order in buys), sum(order.worst_left for order in sells))

    @invariant()
    def what_can_still_happen_is_reserved(self) -> None:
        """An order of ours that is open at the venue is working here, and all that it can cost beyond our count is held."""
        for client_id, order in self.truth.items():
            mine = self.store.get(client_id)
            if mine is None or mine.foreign:
                continue
            if order.ended is None:
                assert mine.working, "only the venue ends an order"
            if mine.working:
                left = (order.qty if order.ended is None else order.filled) - mine.filled
                unit = order.price * QUOTE_UNIT if order.side is Side.BUY else BASE_UNIT
                assert self.ledger.held(client_id) >= left * unit, f"{mine!r} has more at stake than is reserved"

    @invariant()
    def the_store_counts_each_fill_once(self) -> None:
        """INV-09, INV-10, and the sets of orders agree with their flags."""
        counted: dict[str, int] = defaultdict(int)
        for one in self.booked.values():
            counted[one.client_id] += one.qty
        for client_id in self.truth:
            mine = self.store.get(client_id)
            assert (mine.filled if mine is not None else 0) == counted[client_id]
            assert mine is None or mine.filled <= max(mine.qty, self.truth[client_id].filled)
        assert self.store.in_doubt() == [order for order in self.store.in_doubt() if order.doubt and order.working]
        assert {order.client_id for order in self.store.open_orders() if order.doubt} == {
            order.client_id for order in self.store.in_doubt()
        }

    def teardown(self) -> None:
        """INV-01, INV-02, INV-03: when everything has arrived, both sides are the same."""
        while self.answers:
            self.answer(0)
        while self.inbox:
            self.deliver(0)
        self.flight.clear()
        for _ in range(12):
            self.a_list_of_open_orders_is_compared()
            self.time_passes_and_the_resolver_asks(20, "all")
        assert self.store.in_doubt() == self.store.short_of_fills() == []
        for order in self.store.open_orders():
            at_venue = self.truth[order.client_id]
            assert (order.filled, order.qty, order.price, at_venue.ended) == (at_venue.filled, at_venue.qty, at_venue.price, None)
        fills = [one for order in self.truth.values() for one in order.fills]
        assert self.ledger.totals("v") == self.reference(fills)
        for client_id, at_venue in self.truth.items():
            if at_venue.ended is None:
                self.end(client_id, Reason.CANCELED)
        while self.inbox:
            self.deliver(0)
        assert self.store.open_orders() == []
        assert (self.ledger.reserved("A"), self.ledger.reserved("B"), self.ledger.working(KEY)) == (0, 0, (0, 0))
        self.ledger.check()


Chaos.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestChaos = Chaos.TestCase
