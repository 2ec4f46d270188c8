"""Spells what the simulated exchange says as the events that a venue's account stream carries."""

from __future__ import annotations

from collections.abc import Mapping

from tickwright.model.account import AccountEvent, Balance
from tickwright.model.order import Fill, OrderReport, ReportStatus
from tickwright.model.reason import Reason
from tickwright.sim.records import NO_ID, SimEvent, SimEventKind, SimFill, SimOrder, SimStatus

_ENDED: Mapping[SimStatus, Reason] = {
    SimStatus.FILLED: Reason.FILLED,
    SimStatus.CANCELED: Reason.CANCELED,
    SimStatus.EXPIRED: Reason.EXPIRED,
    SimStatus.EXPIRED_IN_MATCH: Reason.STP,
    SimStatus.REJECTED: Reason.REJECTED,
}


def report_of(order: SimOrder, recv_ns: int) -> OrderReport:
    """The order as a venue would tell it."""
    return OrderReport(
        key=order.key,
        client_id=order.client_id,
        venue_id=str(order.venue_id),
        side=order.side,
        type=order.type,
        status=ReportStatus.OPEN if order.status.is_open else ReportStatus.DONE,
        qty=order.qty,
        filled=order.filled,
        price=order.price,
        stop=order.stop,
        reason=_ENDED.get(order.status),
        venue_ns=order.updated_ns,
        recv_ns=recv_ns,
        tif=order.tif,
        replaces=order.orig_client_id if order.replaces != NO_ID else "",
        triggered=order.triggered,
    )


def fill_of(fill: SimFill, recv_ns: int) -> Fill:
    return Fill(
        key=fill.key,
        client_id=fill.client_id,
        venue_id=str(fill.venue_id),
        trade_id=str(fill.trade_id),
        side=fill.side,
        price=fill.price,
        qty=fill.qty,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
        venue_ns=fill.at_ns,
        recv_ns=recv_ns,
    )


def account_events(venue: str, event: SimEvent, recv_ns: int) -> list[AccountEvent]:
    """What the account stream says about one event: the fill, then the order, then the balances."""
    order = event.order
    told: list[AccountEvent] = []
    if event.kind is SimEventKind.TRADE:
        told.append(
            Fill(
                key=order.key,
                client_id=order.client_id,
                venue_id=str(order.venue_id),
                trade_id=str(order.last_trade_id),
                side=order.side,
                price=order.last_price,
                qty=order.last_qty,
                fee=order.last_fee,
                fee_asset=order.last_fee_asset,
                maker=order.last_maker,
                venue_ns=event.at_ns,
                recv_ns=recv_ns,
            )
        )
    told.append(report_of(order, recv_ns))
    told.extend(Balance(venue, one.asset, one.free, one.locked, event.at_ns, recv_ns) for one in event.balances)
    return told
