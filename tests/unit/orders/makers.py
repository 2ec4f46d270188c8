"""Short ways to write orders, answers and reports; every test says only what matters to it."""

from __future__ import annotations

import itertools

from tickwright.model.caps import AmendKind, Caps, IdScope
from tickwright.model.market import Side
from tickwright.model.order import (
    Accepted,
    AmendTerms,
    Fill,
    NewOrder,
    OrderReport,
    OrderType,
    Rejected,
    ReportStatus,
    Tif,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.orders.change import Change, ChangeKind
from tickwright.orders.order import Order
from tickwright.orders.store import OrderStore

KEY = "v:A/B"
ID = "twaaaaaaa-1"
S = 1_000_000_000
_trade_ids = itertools.count(1)


def new(
    client_id: str = ID,
    *,
    qty: int = 10,
    price: int | None = 500,
    name: str = "",
    dead_after_ns: int = 5 * S,
    side: Side = Side.BUY,
) -> NewOrder:
    return NewOrder(
        key=KEY, client_id=client_id, side=side, type=OrderType.LIMIT if price else OrderType.MARKET, qty=qty, price=price, stop=None,
        tif=Tif.GTC, post_only=False, reduce_only=False, strategy="s", name=name, dead_after_ns=dead_after_ns,
    )  # fmt: skip


def accepted(venue_id: str = "7", *reports: OrderReport | Fill, at_ns: int = 1) -> Accepted:
    return Accepted(venue_id=venue_id, at_ns=at_ns, reports=reports)


def rejected(reason: Reason = Reason.VENUE_FUNDS) -> Rejected:
    return Rejected(reason=reason)


UNKNOWN = Unknown(why="the connection broke")


def report(
    status: ReportStatus, filled: int = 0, *, client_id: str = ID, venue_id: str = "7", qty: int = 10, price: int | None = 500,
    reason: Reason | None = None, at_ns: int = 1, side: Side = Side.BUY,
) -> OrderReport:  # fmt: skip
    return OrderReport(
        key=KEY, client_id=client_id, venue_id=venue_id, side=side, type=OrderType.LIMIT, status=status, qty=qty, filled=filled,
        price=price, stop=None, reason=reason, venue_ns=at_ns, recv_ns=at_ns,
    )  # fmt: skip


def opened(filled: int = 0, **more: object) -> OrderReport:
    return report(ReportStatus.OPEN, filled, **more)  # type: ignore[arg-type]  # passed on as given


def done(reason: Reason = Reason.CANCELED, filled: int = 0, **more: object) -> OrderReport:
    return report(ReportStatus.DONE, filled, reason=reason, **more)  # type: ignore[arg-type]  # passed on as given


def fill(
    qty: int,
    trade_id: str = "",
    *,
    client_id: str = ID,
    venue_id: str = "7",
    price: int = 500,
    side: Side = Side.BUY,
    at_ns: int = 1,
) -> Fill:
    return Fill(
        key=KEY, client_id=client_id, venue_id=venue_id, trade_id=trade_id or f"t{next(_trade_ids)}", side=side, price=price, qty=qty,
        fee=3, fee_asset="B", maker=True, venue_ns=at_ns, recv_ns=at_ns,
    )  # fmt: skip


def terms(qty: int | None = None, price: int | None = None, client_id: str = "") -> AmendTerms:
    return AmendTerms(qty=qty, price=price, client_id=client_id)


def caps(**changed: object) -> Caps:
    fields: dict[str, object] = {
        "venue": "v", "channels": frozenset(), "bar_spans": frozenset(), "order_types": frozenset(OrderType), "tifs": frozenset(Tif),
        "stps": frozenset(), "post_only": True, "reduce_only": False, "order_lists": False, "amend": AmendKind.PRICE_AND_QTY,
        "cancel_all": True, "client_id_pattern": ".*", "client_id_scope": IdScope.OPEN, "deadline_ns": 5 * S, "clock_ahead_ns": S,
        "processing_ns": 10 * S, "find_lag_ns": S, "dead_man_ns": 0, "trade_history": True, "sandbox": False,
    }  # fmt: skip
    return Caps(**{**fields, **changed})  # type: ignore[arg-type]  # the dictionary's values have the fields' types


def submitted(**more: object) -> tuple[OrderStore, Order]:
    """NEW, SUBMIT."""
    store = OrderStore()
    return store, store.add(new(**more), 0)  # type: ignore[arg-type]  # passed on as given


def submitted_in_doubt(**more: object) -> tuple[OrderStore, Order]:
    """NEW, SUBMIT, doubt."""
    store, order = submitted(**more)
    store.on_submit(order.client_id, UNKNOWN, 0)
    return store, order


def working(**more: object) -> tuple[OrderStore, Order]:
    """LIVE, NONE."""
    store, order = submitted(**more)
    store.on_submit(order.client_id, accepted(), 0)
    return store, order


def canceling() -> tuple[OrderStore, Order]:
    """LIVE, CANCEL."""
    store, order = working()
    store.ask_cancel(ID, 0)
    return store, order


def canceling_in_doubt() -> tuple[OrderStore, Order]:
    """LIVE, CANCEL, doubt."""
    store, order = canceling()
    store.on_cancel(ID, UNKNOWN, 0)
    return store, order


def amending(qty: int | None = 20, price: int | None = None, client_id: str = "") -> tuple[OrderStore, Order]:
    """LIVE, AMEND."""
    store, order = working()
    store.ask_amend(ID, terms(qty, price, client_id), 0, 5 * S)
    return store, order


def amending_in_doubt(qty: int | None = 20, price: int | None = None, client_id: str = "") -> tuple[OrderStore, Order]:
    """LIVE, AMEND, doubt."""
    store, order = amending(qty, price, client_id)
    store.on_amend(ID, UNKNOWN, 0)
    return store, order


def missing() -> tuple[OrderStore, Order]:
    """LIVE, NONE, doubt."""
    store, order = working()
    store.on_missing(ID, 0)
    return store, order


def ended(reason: Reason = Reason.CANCELED) -> tuple[OrderStore, Order]:
    """DONE."""
    store, order = working()
    store.on_report(done(reason))
    return store, order


def state(order: Order) -> str:
    """``LIVE,CANCEL,doubt``."""
    return f"{order.status.name},{order.request.name}{',doubt' if order.doubt else ''}"


def kinds(changes: list[Change]) -> list[ChangeKind]:
    return [change.kind for change in changes]


def rows(changes: list[Change]) -> list[int]:
    return [change.row for change in changes]
