"""`tickwright replay --strategy OTHER`: what another version of a strategy would have done with what a run saw, order by order.

The market, the passing of time, connections and people's commands are those on record; the account is a simulated exchange with
the recorded opening balances, matched against the recorded market. Its answers come at once, and an order of ours moves nobody.
So this says which orders would have been sent, and roughly what they would have come to; it is no backtest.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from pathlib import Path

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.errors import DataError
from tickwright.base.numbers import money_text
from tickwright.engine import carry
from tickwright.engine.state import State
from tickwright.engine.step import step
from tickwright.journal.disk import Disk, RealDisk
from tickwright.journal.reader import read_run
from tickwright.journal.record import Head, Steps
from tickwright.model.account import AccountDown, AccountUp, Balance, Snapshot
from tickwright.model.caps import AmendKind
from tickwright.model.effect import Amend, Cancel, Effect, Find, Submit, SubmitPair, TakeSnapshot, submitted
from tickwright.model.event import (
    AmendOutcome,
    CancelOutcome,
    ClockMeasured,
    Command,
    Event,
    FindOutcome,
    Listed,
    SnapshotOutcome,
    SubmitOutcome,
    Tick,
)
from tickwright.model.market import Bar, BookUpdate, FeedDown, FeedUp, Funding, Gap, Mark, Quote, Ticker, Trade
from tickwright.model.order import Absent, Accepted, AmendTerms, Found, NewOrder, OrderRef, Outcome, Rejected
from tickwright.run.record import RunHead, build, decode_head, find_run
from tickwright.run.summary import run_pnl
from tickwright.sim.exchange import Exchange
from tickwright.sim.feed import Feed
from tickwright.sim.fees import FlatFees
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.records import SimOrder
from tickwright.sim.reports import account_events, report_of
from tickwright.strategy.strategy import Strategy

_ACCOUNT = "what-if"
_MARKET = (Trade, Quote, BookUpdate, Bar, Ticker, Mark, Funding, FeedUp, FeedDown, Gap)
#: Of what is on record, what the other version is given as it was.
_GIVEN = (*_MARKET, Tick, ClockMeasured, Listed, AccountUp, AccountDown, Command)
#: Fees of the simulated account, parts per million, where the record tells none.
_FEE_PPM = 1_000


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """An order, by one version or by both at the same event."""

    at_ns: int
    key: str
    side: str
    recorded: str  # "" where only the other version sent it
    other: str


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """Both versions beside one another; profits in the run's currency, None where something has no price."""

    run: str
    recorded_strategy: str
    other_strategy: str
    steps: int
    same: int
    only_recorded: int
    only_other: int
    recorded_pnl: Decimal | None
    other_pnl: Decimal | None
    currency: str
    orders: list[OrderLine]


def what_if(journal: Path, strategy: type[Strategy], *, disk: Disk | None = None) -> WhatIf:
    """Run ``strategy`` on what the run at ``journal`` saw."""
    disk = disk if disk is not None else RealDisk()
    folder, run = find_run(journal, disk)
    head, steps = _read(folder, run, disk)
    recorded, _ = build(head, None)
    other = _Other(head, strategy, _opening(steps))
    theirs: list[tuple[int, NewOrder]] = []
    for event, effects in steps:
        carry.fold(recorded, event, effects)
        theirs += [(event.recv_ns, order) for effect in effects for order in submitted(effect)]
        if isinstance(event, _GIVEN):
            other.give(event)
    lines = _lines(theirs, other.sent, recorded)
    same = sum(bool(line.recorded and line.other) for line in lines)
    return WhatIf(
        run=run,
        recorded_strategy=head.strategy,
        other_strategy=strategy.__name__,
        steps=len(steps),
        same=same,
        only_recorded=len(theirs) - same,
        only_other=len(other.sent) - same,
        recorded_pnl=_decimal(run_pnl(recorded)),
        other_pnl=_decimal(run_pnl(other.state)),
        currency=head.config.currency,
        orders=lines,
    )


def _decimal(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(money_text(amount))


def _read(folder: Path, run: str, disk: Disk) -> tuple[RunHead, list[tuple[Event, tuple[Effect, ...]]]]:
    head: RunHead | None = None
    steps: list[tuple[Event, tuple[Effect, ...]]] = []
    for record in read_run(folder, run, disk):
        if isinstance(record, Head) and head is None:
            head = decode_head(record.raw, str(folder / run))
        elif isinstance(record, Steps):
            steps += record.steps
    if head is None or not steps:
        raise DataError("there is nothing on record", where=str(folder / run))
    return head, steps


def _opening(steps: list[tuple[Event, tuple[Effect, ...]]]) -> dict[str, int]:
    """What the account held when the run first heard of it."""
    for event, _ in steps:
        if isinstance(event, SnapshotOutcome) and isinstance(event.answer, Snapshot):
            return {balance.asset: balance.total for balance in event.answer.balances}
    return {}


class _Other:
    """The other version, its state and its exchange."""

    def __init__(self, head: RunHead, strategy: type[Strategy], opening: dict[str, int]) -> None:
        caps = tuple(msgspec.structs.replace(item, amend=AmendKind.PRICE_AND_QTY) for item in head.caps)
        known = {name: value for name, value in head.params.items() if name in strategy._params}  # noqa: SLF001 (its own declaration)
        self.state, _ = build(msgspec.structs.replace(head, caps=caps), strategy(**known))
        self.sent: list[tuple[int, NewOrder]] = []
        traded = [item for item in head.instruments if item.key in head.traded]
        fees = FlatFees(maker_ppm=_FEE_PPM, taker_ppm=_FEE_PPM)
        self._exchange = Exchange(traded, fees, PessimisticQueue(), Chance(0))
        self._exchange.add_account(_ACCOUNT, opening)
        self._feed = Feed(self._exchange, {item.key: item for item in traded})
        self._inbox: deque[Event] = deque()
        self._now_ns = 0

    def give(self, event: Event) -> None:
        """One event of the record, and everything that comes of it."""
        self._now_ns = max(self._now_ns, event.recv_ns)
        if isinstance(event, _MARKET):
            self._feed.show(event, self._now_ns)
            self._hear()
        self._inbox.append(event)
        while self._inbox:
            for effect in step(self.state, self._inbox.popleft()):
                self._perform(effect)

    def _hear(self) -> None:
        """What the exchange says of the account."""
        for _, said in self._exchange.drain():
            venue = said.order.key.partition(":")[0]
            self._inbox.extend(account_events(venue, said, self._now_ns))

    def _perform_pair(self, pair: SubmitPair) -> None:
        now_ns = self._now_ns
        made = self._exchange.submit_oco(_ACCOUNT, pair.limit, pair.stop, now_ns, list_client_id=pair.list_id)
        for nth, order in enumerate((pair.limit, pair.stop)):
            self.sent.append((now_ns, order))
            answer = made if isinstance(made, Rejected) else made.orders[nth]
            self._inbox.append(SubmitOutcome(order.client_id, _outcome(answer, now_ns), now_ns))

    def _perform(self, effect: Effect) -> None:
        now_ns, exchange = self._now_ns, self._exchange
        if isinstance(effect, Submit):
            self.sent.append((now_ns, effect.order))
            answer = exchange.submit(_ACCOUNT, effect.order, now_ns)
            self._inbox.append(SubmitOutcome(effect.order.client_id, _outcome(answer, now_ns), now_ns))
        elif isinstance(effect, SubmitPair):
            self._perform_pair(effect)
        elif isinstance(effect, Cancel):
            gone = exchange.cancel(_ACCOUNT, effect.ref.key, _name(effect.ref), now_ns)
            self._inbox.append(CancelOutcome(effect.ref.client_id, _outcome(gone, now_ns), now_ns))
        elif isinstance(effect, Amend):
            terms = AmendTerms(qty=effect.terms.qty, price=effect.terms.price)
            changed = exchange.amend(_ACCOUNT, effect.ref.key, _name(effect.ref), terms, now_ns)
            self._inbox.append(AmendOutcome(effect.ref.client_id, _outcome(changed, now_ns), now_ns))
        elif isinstance(effect, Find):
            order = exchange.order(_ACCOUNT, effect.ref.key, _name(effect.ref))
            finding = Absent(source="orders") if order is None else Found(order=report_of(order, now_ns))
            self._inbox.append(FindOutcome(effect.ref, finding, now_ns))
        elif isinstance(effect, TakeSnapshot):
            self._inbox.append(SnapshotOutcome(effect.venue, self._snapshot(effect.venue), now_ns))
        self._hear()

    def _snapshot(self, venue: str) -> Snapshot:
        now_ns = self._now_ns
        held = self._exchange.balances(_ACCOUNT).items()
        return Snapshot(
            venue=venue,
            orders=tuple(report_of(order, now_ns) for order in self._exchange.open_orders(_ACCOUNT)),
            balances=tuple(Balance(venue, asset, free, locked, now_ns, now_ns) for asset, (free, locked) in held),
            positions=(),
            fills=(),
            asked_ns=now_ns,
            recv_ns=now_ns,
        )


def _name(ref: OrderRef) -> int | str:
    return int(ref.venue_id) if ref.venue_id.isdigit() else ref.client_id


def _outcome(answer: SimOrder | Rejected, now_ns: int) -> Outcome:
    return answer if isinstance(answer, Rejected) else Accepted(venue_id=str(answer.venue_id), at_ns=now_ns)


def _lines(theirs: list[tuple[int, NewOrder]], ours: list[tuple[int, NewOrder]], state: State) -> list[OrderLine]:
    """Both lists in one, in order of time; an order that both sent at the same event, in the same direction, is one line."""
    waiting = list(ours)
    lines = []
    for at_ns, order in theirs:
        twin = next((item for item in waiting if item[0] == at_ns and _direction(item[1]) == _direction(order)), None)
        if twin is not None:
            waiting.remove(twin)
        lines.append(_line(at_ns, order, _words(order, state), _words(twin[1], state) if twin is not None else ""))
    lines += [_line(at_ns, order, "", _words(order, state)) for at_ns, order in waiting]
    return sorted(lines, key=lambda line: line.at_ns)


def _direction(order: NewOrder) -> tuple[str, str]:
    return order.key, order.side.value


def _line(at_ns: int, order: NewOrder, recorded: str, other: str) -> OrderLine:
    return OrderLine(at_ns=at_ns, key=order.key, side=order.side.value, recorded=recorded, other=other)


def _words(order: NewOrder, state: State) -> str:
    instrument = state.instruments[order.key]
    price = "" if order.price is None else f" at {instrument.price_decimal(order.price).normalize():f}"
    stop = "" if order.stop is None else f" once {instrument.price_decimal(order.stop).normalize():f}"
    return f"{order.type.value} {instrument.qty_decimal(order.qty).normalize():f}{price}{stop}"
