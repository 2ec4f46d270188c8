"""Laws of the wire: what one side encodes the other decodes, to the last unit, through the stand and back."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.secret import Secret
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import Accepted, Found, NewOrder, OrderRef, OrderReport, OrderType, Outcome, Rejected, Stp, Tif
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import HttpIn
from tickwright.venues.binance_spot import catalog, requests
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import HmacSigner, Request

KEY = "binance_spot:BTC/USDT"
TAPE = Path(__file__).parents[1] / "fuzz" / "market.tape"
T0_NS = 1_788_249_600_000_000_000
NOW_NS = T0_NS + 2_000_000_000
TICK, LOT = 10**6, 10**3


class Link:
    """Our codec on one side, the stand on the other; the market is one bid at 60,000 and one ask at 60,010."""

    def __init__(self) -> None:
        self.stand = BinanceSpotStand(StandConfig(tape=TAPE))
        for second in range(2):
            self.stand.on_time(T0_NS + second * 10**9, 1_000)
        self.wire = Wire(self.stand.api_key, HmacSigner(Secret(self.stand.api_secret)))
        self.wire.learn(catalog.instruments(self.ask(requests.instruments())[1]))

    def ask(self, request: Request) -> tuple[int, bytes]:
        path, _, query = self.wire.rest(request, NOW_NS).partition("?")
        headers = {name.lower(): value for name, value in self.wire.rest_headers(request).items()}
        answer = self.stand.on_request(HttpIn(request.method, path, query, b"", headers, "127.0.0.1"), NOW_NS)
        return answer.status, answer.body

    def outcome(self, request: Request) -> Outcome:
        status, body = self.ask(request)
        return self.wire.classify(request, status, body, NOW_NS)


def told(order: NewOrder) -> tuple[object, ...]:
    return (order.key, order.client_id, order.side, order.type, order.qty, order.price, order.stop, order.tif)


def reported(report: OrderReport) -> tuple[object, ...]:
    return (report.key, report.client_id, report.side, report.type, report.qty, report.price, report.stop, report.tif)


def limit(side: Side, ticks: int, lots: int, tif: Tif, post_only: bool, stp: Stp, client_id: str) -> NewOrder:
    return NewOrder(
        key=KEY, client_id=client_id, side=side, type=OrderType.LIMIT, qty=lots * LOT, price=ticks * TICK, stop=None,
        tif=Tif.GTC if post_only else tif, post_only=post_only, reduce_only=False, stp=stp,
    )  # fmt: skip


orders = st.builds(
    limit,
    st.sampled_from([BUY, SELL]),
    st.integers(0, 9_000_000) | st.integers(5_990_000, 6_010_000),
    st.integers(0, 10**9) | st.integers(1, 50_000),
    st.sampled_from([Tif.GTC, Tif.IOC, Tif.FOK]),
    st.booleans(),
    st.sampled_from([Stp.VENUE, Stp.NONE, Stp.EXPIRE_TAKER, Stp.EXPIRE_MAKER, Stp.EXPIRE_BOTH]),
    st.text("abcXYZ019-_", min_size=1, max_size=36),
)


@given(st.lists(orders, min_size=1, max_size=3, unique_by=lambda order: order.client_id))
def test_given_any_orders_when_sent_to_the_stand_then_it_has_the_terms_that_were_meant_or_says_why_not(
    sent: list[NewOrder],
) -> None:
    """Encoded, signed, checked, carried out, told and decoded: never Unknown, never a unit off, and asked again it says the same."""
    link = Link()
    for order in sent:
        outcome = link.outcome(requests.submit(order, "BTCUSDT"))
        assert isinstance(outcome, Accepted | Rejected), outcome
        if isinstance(outcome, Rejected):
            assert outcome.code.startswith("-"), outcome
            continue
        report = outcome.reports[-1]
        assert isinstance(report, OrderReport)
        assert reported(report) == told(order)
        assert sum(item.qty for item in outcome.reports[:-1]) == report.filled
        asked = requests.find(OrderRef(KEY, order.client_id), "BTCUSDT")
        found = link.wire.classify_find(asked, *link.ask(asked), NOW_NS)
        assert isinstance(found, Found)
        assert reported(found.order) == told(order)
        assert (found.order.filled, found.order.status) == (report.filled, report.status)


@given(orders)
def test_given_any_order_on_its_way_when_cancelled_then_the_end_is_told_under_its_own_id(order: NewOrder) -> None:
    """The venue puts the cancel's id first."""
    link = Link()
    resting = msgspec.structs.replace(
        order, side=BUY, price=5_900_000 * TICK, qty=(1 + order.qty // LOT % 1_000) * LOT, tif=Tif.GTC
    )
    placed = link.outcome(requests.submit(resting, "BTCUSDT"))
    if isinstance(placed, Rejected):
        return
    ended = link.outcome(requests.cancel(OrderRef(KEY, resting.client_id), "BTCUSDT"))
    assert isinstance(ended, Accepted), ended
    (report,) = ended.reports
    assert isinstance(report, OrderReport)
    assert reported(report) == told(resting)
