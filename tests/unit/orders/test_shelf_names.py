"""A name is taken for as long as any order of its line may trade, also after a restart."""

from __future__ import annotations

from tickwright.model.market import BUY
from tickwright.model.order import NewOrder, OrderType, Tif
from tickwright.orders.machine import Status
from tickwright.orders.order import Order
from tickwright.orders.shelf import Shelf


def _order(client_id: str, replaces: str = "") -> Order:
    new = NewOrder(
        key="sim:BTC/USDT", client_id=client_id, side=BUY, type=OrderType.LIMIT, qty=1, price=1, stop=None, tif=Tif.GTC,
        post_only=False, reduce_only=False, strategy="S", name="bid",
    )  # fmt: skip
    order = Order(new, 0)
    order.replaces = replaces
    return order


def test_given_a_line_with_an_ended_middle_when_restored_and_its_oldest_ends_then_the_name_is_the_newest_ones() -> None:
    """a was replaced by b, which ended and was replaced by c; a's end was not known yet when the program ended."""
    shelf = Shelf()
    first, last = _order("a"), _order("c", "b")
    for order in (first, last):
        shelf.restore(order)
    first.status = Status.DONE
    shelf.end(first)
    assert shelf.by_name("S", "sim:BTC/USDT", "bid") is last
    last.status = Status.DONE
    shelf.end(last)
    assert shelf.by_name("S", "sim:BTC/USDT", "bid") is None
