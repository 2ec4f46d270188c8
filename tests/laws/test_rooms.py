"""Laws of money, orders and names that cross rooms: whatever the order of what is independent, whatever was restarted."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tickwright.account import kept
from tickwright.account.ledger import Ledger
from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S
from tickwright.base.ids import IdCounter, fresh_prefix
from tickwright.journal.writer import Durability, open_run
from tickwright.model.market import BUY, SELL
from tickwright.model.order import Fill, NewOrder, OrderType, Tif
from tickwright.net.pacing import Backoff, ConnectBudget
from tickwright.orders.store import OrderStore
from tickwright.run.record import Recording
from unit.account.makers import BTC, instrument, ledger
from unit.journal.disks import MemoryDisk

ETH = instrument("ETH")
OTHER = instrument("BTC", "EUR")
INSTRUMENTS = (BTC, ETH, OTHER)

#: Executions of three instruments: which, side, quantity, price, fee.
executions = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([BUY, SELL]), st.integers(1, 500), st.integers(1, 10**6), st.integers(-5, 50)),
    max_size=20,
)


def fills_of(rows: list[tuple[int, object, int, int, int]]) -> list[Fill]:
    return [
        Fill(
            key=INSTRUMENTS[which].key, client_id=f"o{which}{side.value}", venue_id=f"v{which}{side.value}", trade_id=str(number),
            side=side, price=price, qty=qty, fee=fee, fee_asset="BNB", maker=False, venue_ns=number, recv_ns=number,
        )
        for number, (which, side, qty, price, fee) in enumerate(rows)
    ]  # fmt: skip


def booked(fills: list[Fill]) -> tuple[Ledger, OrderStore]:
    """Store and ledger after these executions of orders that are large enough for all of them."""
    store, book = OrderStore(), ledger(ETH, OTHER, BTC="1000", USDT="1000000000", ETH="1000", EUR="1000000000", BNB="1")
    for which, of in enumerate(INSTRUMENTS):
        for side in (BUY, SELL):
            store.add(
                NewOrder(
                    key=of.key, client_id=f"o{which}{side.value}", side=side, type=OrderType.LIMIT, qty=10**6, price=10**6, stop=None,
                    tif=Tif.GTC, post_only=False, reduce_only=False,
                ),
                0,
            )  # fmt: skip
    for fill in fills:
        for change in store.on_fill(fill):
            if change.fill is not None:
                book.post_fill(change.fill, change.order.client_id)
    return book, store


@given(executions, st.integers(0, 2**32))
def test_given_fills_of_several_instruments_when_they_interleave_otherwise_then_nothing_differs(rows, seed) -> None:
    """The order of independent fills does not matter: those of one instrument keep theirs, the rest is shuffled."""
    fills = fills_of(rows)
    queues = {item.key: [fill for fill in fills if fill.key == item.key] for item in INSTRUMENTS}
    chance, other = random.Random(seed), []
    while any(queues.values()):
        other.append(chance.choice([queue for queue in queues.values() if queue]).pop(0))
    (one_book, one_store), (other_book, other_store) = booked(fills), booked(other)
    assert kept.keep(one_book) == kept.keep(other_book)
    assert [(order.client_id, order.filled) for order in one_store.open_orders()] == [
        (order.client_id, order.filled) for order in other_store.open_orders()
    ]


@given(executions, st.randoms(use_true_random=False), st.integers(1, 3))
def test_given_fills_when_they_come_in_any_order_and_again_then_the_money_and_the_orders_are_the_same(
    rows, chance, times
) -> None:
    """Of one instrument too: how much was realised when depends on the order, what is there does not."""
    fills = fills_of(rows)
    other = fills * times
    chance.shuffle(other)
    (one_book, one_store), (other_book, other_store) = booked(fills), booked(other)
    assert one_book.totals("v") == other_book.totals("v")
    assert one_book.fees() == other_book.fees()
    for item in INSTRUMENTS:
        assert one_book.position(item.key).qty == other_book.position(item.key).qty
    assert [order.filled for order in one_store.open_orders()] == [order.filled for order in other_store.open_orders()]


# -- names -----------------------------------------------------------------------------------------------------------------

#: Restarts: seconds since the last one (a clock may be set back), a coarse salt, how many ids the run issues, whether it is on record.
restarts = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2), st.integers(0, 40)), min_size=1, max_size=12)


@given(restarts)
def test_given_any_restarts_when_ids_are_issued_then_none_comes_twice(runs) -> None:
    """Within a second, with a clock set back, with the same salt: the runs on record are looked at."""
    disk, folder = MemoryDisk(), Path("/journal")
    at_s, issued = 1_700_000_000, []
    for later_s, salt, count in runs:
        at_s += later_s
        taken = Recording(folder, "sim", Durability.NONE, disk=disk).prefixes()
        ids = IdCounter(fresh_prefix(at_s * NS_PER_S, salt, taken))
        journal = open_run(folder, ids.prefix, b"{}", Durability.NONE, disk=disk, checkpoint=lambda: b"{}")
        issued += [ids.next() for _ in range(count)]
        journal.close()
    assert len(set(issued)) == len(issued)
    assert all(len(client_id) <= 24 for client_id in issued)


# -- connecting ------------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["fails", "fails", "fails", "works a while", "works long"])), max_size=120
    ),
    st.integers(1, 10),
    st.integers(0, 2**32),
)
def test_given_any_failures_of_several_sessions_when_they_connect_again_then_the_budget_of_the_host_is_kept(
    history, most, seed
) -> None:
    """Back-off within its bounds and connects within their budget, for any sequence of failures; and nobody waits for ever."""
    window_s, floor_s, ceiling_s = 30.0, 0.25, 60.0
    budget = ConnectBudget(most, window_s)
    backoffs = [Backoff(floor_s, ceiling_s, Chance(seed + n)) for n in range(4)]
    ready_ns = [0] * 4
    connects: list[int] = []
    for which, what in history:
        at_ns = ready_ns[which]
        tries = 0
        while not budget.take(at_ns):
            wait_ns = budget.wait_ns(at_ns)
            assert 0 < wait_ns <= window_s * NS_PER_S
            at_ns += wait_ns
            tries += 1
            assert tries <= len(connects) + 1, "the budget gives nothing for ever"
        connects.append(at_ns)
        ready_ns = [max(at, at_ns) for at in ready_ns]  # one clock
        if what == "works long":
            backoffs[which].stable()
        delay_s = backoffs[which].failed()
        assert floor_s <= delay_s <= ceiling_s
        ready_ns[which] = at_ns + int(delay_s * NS_PER_S) + (NS_PER_S if what == "works a while" else 0)
    for first in connects:
        assert sum(first <= at < first + window_s * NS_PER_S for at in connects) <= most
