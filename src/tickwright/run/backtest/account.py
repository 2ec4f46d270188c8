"""Bookkeeping of a backtest for its report: rows of orders and executions, trips from flat to flat, samples of equity."""

from __future__ import annotations

from tickwright.base.numbers import MONEY_EXP, POW10
from tickwright.model.event import SubmitOutcome
from tickwright.model.instrument import Instrument
from tickwright.model.order import Fill, NewOrder, OrderReport, Rejected, ReportStatus
from tickwright.run.backtest.result import FillRow, OrderRow, Point, Trip

#: Samples kept of the curve: at twice as many every other one goes, and the distance between them doubles.
CURVE_POINTS_MAX = 4_000
_UNIT = float(POW10[MONEY_EXP])


class _Open:
    """A position that is not flat yet."""

    __slots__ = ("bought", "cost", "entered_ns", "fees", "most", "proceeds", "quote_fees", "sign", "sold")

    def __init__(self, entered_ns: int, sign: int) -> None:
        self.entered_ns = entered_ns
        self.sign = sign
        self.bought = self.sold = self.cost = self.proceeds = self.fees = self.quote_fees = self.most = 0.0

    def add(self, sign: int, qty: float, price: float, fee: float, quote_fee: float) -> None:
        if sign > 0:
            self.bought += qty
            self.cost += qty * price
        else:
            self.sold += qty
            self.proceeds += qty * price
        self.fees += fee
        self.quote_fees += quote_fee
        self.most = max(self.most, abs(self.bought - self.sold))


class Books:
    """Fed with what was sent and what was executed."""

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self._instruments = instruments
        self._position: dict[str, int] = {}
        self._open: dict[str, _Open] = {}
        self._orders: dict[str, list[object]] = {}  # sent_ns, order, ended_ns, reason, filled units
        self.fills: list[FillRow] = []
        self.trips: list[Trip] = []
        self.curve: list[Point] = []
        self.every_ns = 0
        self.fees = 0.0

    # -- orders --------------------------------------------------------------------------------------------------------

    def sent(self, order: NewOrder, at_ns: int) -> None:
        self._orders[order.client_id] = [at_ns, order, 0, "", 0]

    def heard(self, event: SubmitOutcome | OrderReport) -> None:
        """How an order ended."""
        row = self._orders.get(event.client_id)
        if row is None:
            return
        if isinstance(event, OrderReport):
            if event.status is ReportStatus.DONE:
                row[2], row[3] = event.recv_ns, event.reason.value if event.reason is not None else ""
        elif isinstance(event.outcome, Rejected):
            row[2], row[3] = event.recv_ns, event.outcome.reason.value

    def orders(self) -> list[OrderRow]:
        rows = []
        for sent_ns, order, ended_ns, ended, filled in self._orders.values():
            assert isinstance(order, NewOrder)
            item = self._instruments[order.key]
            rows.append(
                OrderRow(
                    sent_ns=sent_ns,  # type: ignore[arg-type]  # a row is a list, written above
                    ended_ns=ended_ns,  # type: ignore[arg-type]  # the same
                    key=order.key,
                    client_id=order.client_id,
                    side=order.side.value,
                    type=order.type.value,
                    qty=item.qty_float(order.qty),
                    price=None if order.price is None else item.price_float(order.price),
                    stop=None if order.stop is None else item.price_float(order.stop),
                    filled=item.qty_float(filled),  # type: ignore[arg-type]  # the same
                    ended=ended,  # type: ignore[arg-type]  # the same
                )
            )
        return rows

    # -- executions ----------------------------------------------------------------------------------------------------

    def filled(self, fill: Fill) -> None:
        item = self._instruments[fill.key]
        price, qty = item.price_float(fill.price), item.qty_float(fill.qty)
        in_base = fill.fee_asset == item.base
        fee = fill.fee / _UNIT * (price if in_base else 1.0)
        self.fees += fee
        before = self._position.get(fill.key, 0)
        after = before + fill.side.sign * item.base_amount(fill.qty) - (fill.fee if in_base else 0)
        self._position[fill.key] = after
        row = self._orders.get(fill.client_id)
        if row is not None:
            row[4] += fill.qty  # type: ignore[operator]  # a number, see above
        self.fills.append(
            FillRow(
                at_ns=fill.venue_ns,
                key=fill.key,
                side=fill.side.value,
                price=price,
                qty=qty,
                fee=fee,
                maker=fill.maker,
                client_id=fill.client_id,
                position=after / _UNIT,
            )
        )
        self._trip(fill, item, before, after, price, fee)

    def _trip(self, fill: Fill, item: Instrument, before: int, after: int, price: float, fee: float) -> None:
        """An execution that goes through zero ends one trip and begins another. Less than a lot is as good as nothing: a fee that
        is taken in the base asset leaves a rest that cannot be sold.
        """
        dust = item.base_amount(max(1, item.lot_units))
        sign, qty = fill.side.sign, item.qty_float(fill.qty)
        quote_fee = 0.0 if fill.fee_asset == item.base else fee
        crosses = abs(before) >= dust and abs(after) >= dust and (before > 0) != (after > 0)
        share = abs(before) / (abs(before) + abs(after)) if crosses else 1.0
        open_ = self._open.setdefault(fill.key, _Open(fill.venue_ns, sign))
        open_.add(sign, qty * share, price, fee * share, quote_fee * share)
        if crosses or abs(after) < dust:
            self._close(fill, open_)
        if crosses:
            rest = self._open[fill.key] = _Open(fill.venue_ns, sign)
            rest.add(sign, qty * (1 - share), price, fee * (1 - share), quote_fee * (1 - share))

    def _close(self, fill: Fill, open_: _Open) -> None:
        del self._open[fill.key]
        buy = open_.cost / open_.bought if open_.bought else 0.0
        sell = open_.proceeds / open_.sold if open_.sold else 0.0
        self.trips.append(
            Trip(
                key=fill.key,
                side="long" if open_.sign > 0 else "short",
                entered_ns=open_.entered_ns,
                left_ns=fill.venue_ns,
                qty=open_.most,
                entry=buy if open_.sign > 0 else sell,
                exit=sell if open_.sign > 0 else buy,
                pnl=self._pnl(open_),
                fees=open_.fees,
            )
        )

    @staticmethod
    def _pnl(open_: _Open) -> float:
        """What came in less what went out. A fee taken in the base asset is in it already: less is there to be sold."""
        return open_.proceeds - open_.cost - open_.quote_fees

    # -- equity --------------------------------------------------------------------------------------------------------

    def sample(self, at_ns: int, equity: int | None, key: str, price: float | None) -> None:
        if equity is None or price is None:
            return
        self.curve.append(Point(at_ns, equity / _UNIT, self._position.get(key, 0) / _UNIT, price))
        if len(self.curve) >= 2 * CURVE_POINTS_MAX:
            del self.curve[1::2]
            apart_ns = (self.curve[-1].at_ns - self.curve[0].at_ns) // len(self.curve)
            self.every_ns = max(2 * self.every_ns, apart_ns)
