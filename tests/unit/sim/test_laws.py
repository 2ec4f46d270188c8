"""Laws of the simulated exchange under any sequence of calls: it agrees with a slow plain matcher, conserves money, never goes
below zero, and does the same thing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.chance import Chance
from tickwright.base.numbers import money
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import AmendTerms, OrderType, Rejected, Stp, Tif
from tickwright.sim.exchange import Exchange
from tickwright.sim.fees import DiscountFees, FlatFees
from tickwright.sim.queue import DrawnQueue, PessimisticQueue, ProportionalQueue
from tickwright.sim.records import SimEventKind, SimOrder
from unit.sim.simkit import BTC, KEY, Floor, new_order

# -- the plain matcher -----------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    """One order: everything about it in the open."""

    owner: str
    name: str
    side: Side
    left: int
    price: int
    when: int


@dataclass
class PlainMatcher:
    """Orders in a list, sorted anew for every step. The recorded book is orders of "market" from before everyone's."""

    resting: list[Plain] = field(default_factory=list)
    trades: list[tuple[str, str, int, int]] = field(default_factory=list)
    clock: int = 0

    def against(self, order: Plain) -> list[Plain]:
        """Who the order would meet, best price first, then oldest."""
        fits = [one for one in self.resting if one.side is not order.side and (order.price - one.price) * order.side.sign >= 0]
        return sorted(fits, key=lambda one: (one.price * order.side.sign, one.when))

    def submit(self, order: Plain, tif: Tif, stp: Stp, is_market: bool) -> None:
        self.clock += 1
        order.when = self.clock
        there = self.against(order)
        if tif is Tif.FOK and not self._all(order, there, stp):
            return
        for one in there:
            if order.left == 0:
                break
            qty = min(order.left, one.left)
            if one.owner == order.owner and stp is not Stp.NONE:
                if stp in {Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH}:
                    one.left = 0
                if stp in {Stp.EXPIRE_TAKER, Stp.EXPIRE_BOTH}:
                    order.left = 0
                if stp is Stp.DECREMENT:
                    one.left -= qty
                    order.left -= qty
                continue
            one.left -= qty
            order.left -= qty
            self.trades.append((order.name, one.name, one.price, qty))
        self.resting = [one for one in self.resting if one.left]
        if order.left and tif is Tif.GTC and not is_market:
            self.resting.append(order)

    def _all(self, order: Plain, there: list[Plain], stp: Stp) -> bool:
        left = order.left
        for one in there:
            if one.owner == order.owner and stp is not Stp.NONE:
                if stp is Stp.EXPIRE_MAKER:
                    continue
                return False
            left -= min(left, one.left)
            if left == 0:
                return True
        return left == 0

    def depth(self, side: Side) -> dict[int, int]:
        levels: dict[int, int] = {}
        for one in self.resting:
            if one.side is side:
                levels[one.price] = levels.get(one.price, 0) + one.left
        return levels


prices = st.integers(98, 102)
names = st.sampled_from(["me", "other"])


@st.composite
def plain_orders(draw: Any) -> tuple[str, Side, int, int | None, Tif, Stp]:
    price = draw(st.one_of(prices, prices, prices, st.none()))
    tif = draw(st.sampled_from([Tif.GTC, Tif.GTC, Tif.GTC, Tif.IOC, Tif.FOK])) if price is not None else Tif.GTC
    stp = draw(st.sampled_from([Stp.NONE, Stp.NONE, Stp.EXPIRE_TAKER, Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH, Stp.DECREMENT]))
    return draw(names), draw(st.sampled_from([BUY, SELL])), draw(st.integers(1, 12)), price, tif, stp


@given(
    st.dictionaries(st.integers(98, 99), st.integers(1, 4), max_size=2),
    st.dictionaries(st.integers(101, 102), st.integers(1, 4), max_size=2),
    st.lists(st.one_of(plain_orders(), st.integers(0, 30)), max_size=25),
)
def test_given_any_orders_when_matched_then_the_exchange_agrees_with_a_plain_matcher(bids, asks, steps) -> None:
    """Same trades between the same orders in the same order, and the same book afterwards."""
    floor = Floor()
    plain = PlainMatcher()
    floor.book(list(bids.items()), list(asks.items()))
    plain.resting += [Plain("market", "-", BUY, qty, price, 0) for price, qty in bids.items()]
    plain.resting += [Plain("market", "-", SELL, qty, price, 0) for price, qty in asks.items()]
    owners: dict[str, str] = {}
    for number, step in enumerate(steps):
        if isinstance(step, int):  # cancel the step-th order
            name = f"o{step}"
            if name in owners:
                floor.exchange.cancel(owners[name], KEY, name, floor.tick())
                plain.resting = [one for one in plain.resting if one.name != name]
            continue
        account, side, qty, price, tif, stp = step
        name = f"o{number}"
        owners[name] = account
        floor.place(name, side, qty, price, account=account, tif=tif, stp=stp)
        anything = 10**6 if side is BUY else 0
        plain.submit(Plain(account, name, side, qty, anything if price is None else price, 0), tif, stp, price is None)
    shown = floor.exchange.depth(KEY, 50)
    assert [dict(side) for side in shown] == [plain.depth(BUY), plain.depth(SELL)]
    assert _matches(floor) == [(taker, maker, price, qty) for taker, maker, price, qty in plain.trades]


def _matches(floor: Floor) -> list[tuple[str, str, int, int]]:
    """(taker, maker or "-", price, quantity), read off the events."""
    matches: list[tuple[str, str, int, int]] = []
    seen: dict[int, int] = {}
    for event in floor.events():
        order = event.order
        if event.kind is not SimEventKind.TRADE:
            continue
        if order.last_maker:
            at = seen[order.last_trade_id]
            taker, _, price, qty = matches[at]
            matches[at] = (taker, order.client_id, price, qty)
        else:
            seen[order.last_trade_id] = len(matches)
            matches.append((order.client_id, "-", order.last_price, order.last_qty))
    return matches


# -- the laws --------------------------------------------------------------------------------------------------------------

near = st.integers(97, 103)
levels = st.lists(st.tuples(near, st.integers(0, 9)), max_size=5)
sides = st.sampled_from([BUY, SELL])
calls = st.one_of(
    st.tuples(st.just("book"), levels, levels, st.booleans()),
    st.tuples(st.just("quote"), st.integers(97, 102), st.integers(0, 9), st.integers(1, 6), st.integers(0, 9)),
    st.tuples(st.just("trade"), near, st.integers(1, 15), sides),
    st.tuples(
        st.just("submit"),
        names,
        sides,
        st.integers(1, 20),
        near,
        st.sampled_from([*OrderType, OrderType.LIMIT, "maker", "amount"]),
    ),
    st.tuples(st.just("pair"), names, sides, st.integers(1, 9), near, near),
    st.tuples(st.just("cancel"), names, st.integers(1, 30)),
    st.tuples(st.just("amend"), names, st.integers(1, 30), st.integers(1, 20), st.one_of(st.none(), near)),
    st.tuples(st.just("all"), names),
    st.tuples(
        st.just("gap"),
    ),
)
modes = st.sampled_from([Stp.NONE, Stp.EXPIRE_TAKER, Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH, Stp.DECREMENT])


def run(script: list[Any], queue: Any, fees: Any, stp: Stp, check: bool) -> tuple[Exchange, list[Any]]:
    """Play ``script``, looking at the laws after each call; the exchange and everything it told."""
    exchange = Exchange([BTC], fees, queue, Chance(5), default_stp=stp)
    funds = {"BTC": BTC.base_amount(60), "USDT": BTC.notional(100, 60), "BNB": money("0.01")}
    for name in ("me", "other"):
        exchange.add_account(name, funds)
    totals = exchange.totals()
    told: list[Any] = []
    for number, call in enumerate(script, 1):
        play(exchange, number, call)
        told += exchange.drain()
        if check:
            assert exchange.totals() == totals
            look(exchange)
    return exchange, told


def play(exchange: Exchange, now: int, call: Any) -> None:
    match call:
        case ("book", bids, asks, snapshot):
            exchange.on_book(KEY, bids, asks, snapshot, now)
        case ("quote", bid, bid_qty, spread, ask_qty):
            exchange.on_quote(KEY, bid, bid_qty, bid + spread, ask_qty, now)
        case ("trade", price, qty, side):
            exchange.on_trade(KEY, price, qty, side, now)
        case ("gap",):
            exchange.on_gap(KEY)
        case ("all", account):
            exchange.cancel_all(account, KEY, now)
        case ("cancel", account, venue_id):
            exchange.cancel(account, KEY, venue_id, now)
        case ("amend", account, venue_id, qty, price):
            exchange.amend(account, KEY, venue_id, AmendTerms(qty=qty, price=price), now)
        case ("pair", account, side, qty, first, stop):
            exchange.submit_oco(
                account,
                new_order(f"a{now}", side, qty, first),
                new_order(f"b{now}", side, qty, type=OrderType.STOP, stop=stop),
                now,
            )
        case ("submit", account, side, qty, price, "amount"):
            exchange.submit(account, new_order(f"c{now}", BUY, 0), now, quote_qty=BTC.notional(price, qty) + side.sign)
        case ("submit", account, side, qty, price, "maker"):
            exchange.submit(account, new_order(f"c{now}", side, qty, price, post_only=True), now)
        case ("submit", account, side, qty, price, kind):
            stop = None if kind in (OrderType.LIMIT, OrderType.MARKET) else price
            limit = None if kind in (OrderType.MARKET, OrderType.STOP, OrderType.TAKE_PROFIT) else price + 1
            tif = [Tif.GTC, Tif.GTC, Tif.IOC, Tif.FOK][qty % 4]
            exchange.submit(account, new_order(f"c{now}", side, qty, limit, type=kind, stop=stop, tif=tif), now)


def look(exchange: Exchange) -> None:
    """No balance below zero; what is locked is what open orders need; nobody is left standing in a price he would take."""
    best: dict[Side, list[int]] = {BUY: [], SELL: []}
    for account in ("me", "other"):
        need = {"BTC": 0, "USDT": 0, "BNB": 0}
        lists: dict[int, int] = {}
        for order in exchange.open_orders(account):
            assert order.remaining > 0
            assert order.on_book or not order.triggered
            if order.on_book:
                assert order.price is not None
                best[order.side].append(order.price)
            holds = BTC.base_amount(order.remaining) if order.side is SELL else BTC.notional(order.price or 0, order.remaining)
            asset = "BTC" if order.side is SELL else "USDT"
            need[asset] += max(0, holds - lists.get(order.list_id, 0)) if order.list_id > 0 else holds
            lists[order.list_id] = max(holds, lists.get(order.list_id, 0))
        for asset, (free, locked) in exchange.balances(account).items():
            assert free >= 0
            assert locked == need[asset]
    if best[BUY] and best[SELL]:
        assert max(best[BUY]) < min(best[SELL])


@pytest.mark.parametrize("queue", [PessimisticQueue(), ProportionalQueue(), DrawnQueue()])
@given(script=st.lists(calls, max_size=40), stp=modes, discounted=st.booleans())
def test_given_any_calls_when_played_then_money_is_conserved_and_locks_are_exact(queue, script, stp, discounted) -> None:
    """After every call: totals unchanged, no balance negative, locked equal to what the open orders need, no crossed orders."""
    fees = (
        DiscountFees(maker_ppm=700, taker_ppm=1_300, asset="BNB", discount_ppm=750_000, worth={"BTC": money(3)})
        if discounted
        else FlatFees(maker_ppm=-200, taker_ppm=1_300)
    )
    run(script, queue, fees, stp, check=True)


@given(script=st.lists(calls, max_size=40), stp=modes)
def test_given_the_same_calls_when_played_twice_then_the_same_things_happen(script, stp) -> None:
    """Determinism: equal calls, equal events."""
    fees = FlatFees(maker_ppm=1_000, taker_ppm=1_000)
    first, first_told = run(script, DrawnQueue(), fees, stp, check=False)
    second, second_told = run(script, DrawnQueue(), fees, stp, check=False)
    assert first_told == second_told
    assert first.depth(KEY, 99) == second.depth(KEY, 99)


@given(script=st.lists(calls, max_size=40), stp=modes)
def test_given_the_events_when_added_up_then_they_tell_the_orders_and_the_balances(script, stp) -> None:
    """The event log is enough: the last event of an order is its state, and fills move the balances exactly."""
    exchange, told = run(script, ProportionalQueue(), FlatFees(maker_ppm=1_000, taker_ppm=1_000), stp, check=False)
    latest: dict[int, SimOrder] = {}
    held = {
        "me": {"BTC": BTC.base_amount(60), "USDT": BTC.notional(100, 60)},
        "other": {"BTC": BTC.base_amount(60), "USDT": BTC.notional(100, 60)},
    }
    for account, event in told:
        before = latest.get(event.order.venue_id)
        order = event.order
        assert before is None or before.status.is_open, "an ended order is heard of again"
        latest[order.venue_id] = order
        if event.kind is SimEventKind.TRADE:
            purse, sign = held[account], order.side.sign
            purse["BTC"] += sign * BTC.base_amount(order.last_qty)
            purse["USDT"] -= sign * BTC.notional(order.last_price, order.last_qty)
            if order.last_fee:
                purse[order.last_fee_asset] -= order.last_fee
    for venue_id, order in latest.items():
        now = exchange.order(order.account, KEY, venue_id)
        assert now is not None
        assert (now.status, now.filled, now.qty, now.price) == (order.status, order.filled, order.qty, order.price)
    for account, purse in held.items():
        whole = {asset: sum(both) for asset, both in exchange.balances(account).items() if asset != "BNB"}
        assert whole == purse
    assert not any(isinstance(order, Rejected) for order in latest.values())
