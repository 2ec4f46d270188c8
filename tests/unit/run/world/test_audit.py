"""The auditor finds what it is there to find: each kind of violation, provoked by hand, and none in a story that is in order."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

import tickwright.run.world.audit as module
from tickwright.model.effect import Submit
from tickwright.model.event import Tick
from tickwright.model.market import BUY
from tickwright.model.order import Fill, NewOrder, OrderType, Tif
from tickwright.run.world.audit import Fate, Record, audit
from unit.engine.world import BTC

ORDER = NewOrder(
    key=BTC.key, client_id="tw1-1", side=BUY, type=OrderType.LIMIT, qty=1_000, price=5_900_000, stop=None, tif=Tif.GTC, post_only=False,
    reduce_only=False,
)  # fmt: skip
FILL = Fill(
    key=BTC.key, client_id="tw1-1", venue_id="1", trade_id="7", side=BUY, price=5_900_000, qty=1_000, fee=0, fee_asset="USDT", maker=True,
    venue_ns=1, recv_ns=1,
)  # fmt: skip
OPENING = {"BTC": Decimal(1), "USDT": Decimal(1_000)}


def venue(**changed):
    """One order, filled, and nothing else."""
    state = {
        "orders": [
            {"clientOrderId": "tw1-1", "side": "BUY", "origQty": "0.01000", "price": "59000.00", "executedQty": "0.01000"}
        ],
        "open_orders": [],
        "requests": [{"call": "place", "params": {"newClientOrderId": "tw1-1"}}],
        "fills": [{"id": 7, "isBuyer": True, "qty": "0.01", "price": "59000", "commission": "0", "commissionAsset": "USDT"}],
        "balances": {"BTC": ["1.01", "0"], "USDT": ["410", "0"]},
        "faults": {},
    }
    return state | changed


def story(*steps):
    record = Record()
    record.read(steps or [(Tick(1), (Submit("sim", ORDER, "r"),)), (FILL, ())])
    return record


FATES = {"tw1-1": Fate(over=True, existed=True, filled=1_000)}
OURS = {"BTC": Decimal("1.01"), "USDT": Decimal(410)}


def found(record=None, fates=None, ours=None, **changed):
    """Kinds of violation."""
    result = audit(venue(**changed), record or story(), BTC, FATES if fates is None else fates, ours or OURS, OPENING)
    return [violation.what for violation in result]


def test_given_a_story_in_order_when_audited_then_nothing_is_found():
    """Both sides tell the same."""
    assert found() == []


def other(**changed):
    return [venue()["orders"][0] | changed]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"requests": 2 * venue()["requests"]}, "duplicated"),
        ({"requests": [*venue()["requests"], {"call": "place", "params": {"newClientOrderId": "tw1-2"}}]}, "orphaned"),
        ({"orders": [*venue()["orders"], other(clientOrderId="tw1-9", executedQty="0")[0]]}, "orphaned"),
        ({"open_orders": [{"clientOrderId": "tw1-1"}]}, "orphaned"),
        ({"orders": []}, "invented"),
        ({"orders": other(executedQty="0.02")}, "lost"),
        ({"orders": other(origQty="0.02")}, "changed"),
        ({"orders": other(price="59001")}, "changed"),
        ({"orders": other(side="SELL")}, "changed"),
        ({"balances": {"BTC": ["1.02", "0"], "USDT": ["410", "0"]}}, "money"),
        ({"balances": {"BTC": ["1.01", "0"], "USDT": ["409", "0.5"]}}, "money"),
    ],
)
def test_given_a_venue_that_tells_another_story_when_audited_then_it_is_found(changed, what):
    """Whichever part differs."""
    assert what in found(**changed)


def test_given_an_engine_that_believes_something_else_when_audited_then_it_is_found():
    """Lost, unresolved, unknown, or with other money."""
    assert found(fates={"tw1-1": Fate(over=True, existed=False, filled=1_000)}) == ["lost"]
    assert found(fates={"tw1-1": Fate(over=False, existed=True, filled=1_000)}) == ["unresolved"]
    assert found(fates={"tw1-1": Fate(over=True, existed=True, filled=900)}) == ["lost"]
    assert found(fates={}) == ["lost"]
    assert found(ours={"BTC": Decimal("1.01"), "USDT": Decimal(411)}) == ["money"]


def test_given_a_journal_that_lacks_something_when_audited_then_it_is_found():
    """An execution in no event; an order in no intent; one intent twice."""
    assert found(story((Tick(1), (Submit("sim", ORDER, "r"),)))) == ["lost"]
    assert "orphaned" in found(story((FILL, ())), fates={})
    assert "duplicated" in found(story((Tick(1), (Submit("sim", ORDER, "r"), Submit("sim", ORDER, "r"))), (FILL, ())))


def test_given_an_order_placed_by_hand_when_audited_then_it_is_nobodys_fault():
    """It is not ours, and its executions are counted all the same."""
    orders = [*venue()["orders"], other(clientOrderId="hand-1", executedQty="0")[0]]
    assert found(orders=orders, open_orders=[{"clientOrderId": "hand-1"}]) == []


def test_given_an_order_that_was_amended_when_audited_then_its_first_terms_are_not_held_against_it():
    """It has others now."""
    record = story()
    record.amended.add("tw1-1")
    assert found(record, orders=other(origQty="0.02")) == []
    assert msgspec.json.encode(FATES["tw1-1"])


def test_given_the_auditor_when_its_imports_are_read_then_none_is_of_what_it_judges():
    """It shares no code with orders, account, engine, risk or strategy."""
    tree = ast.parse(Path(module.__file__).read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    judged = ("orders", "account", "engine", "risk", "strategy", "run", "venues")
    assert [name for name in names if name.startswith(tuple(f"tickwright.{room}" for room in judged))] == []
