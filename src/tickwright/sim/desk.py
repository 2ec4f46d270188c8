"""Carries orders through their life: admits them, walks takers through the book, rests them, triggers stops, ends pairs.

Every order gets exactly one of: an open place (resting or waiting), or an end. A refusal changes nothing.
"""

from __future__ import annotations

from tickwright.model.market import Side
from tickwright.model.order import AmendTerms, OrderType, Rejected, Tif
from tickwright.model.reason import Reason
from tickwright.sim.clearing import Clearing, Pit
from tickwright.sim.matching import Act, Plan, plan
from tickwright.sim.records import Expiry, SimEventKind, SimTrade
from tickwright.sim.working import Working

_FUNDS = Rejected(reason=Reason.VENUE_FUNDS, text="the free balance does not cover the order")
_WOULD_TAKE = Rejected(reason=Reason.VENUE_WOULD_TAKE, text="the order would match at once")


class Desk:
    """Works on one exchange's clearing; holds no state of its own."""

    def __init__(self, clearing: Clearing) -> None:
        self._clearing = clearing

    # -- entry -------------------------------------------------------------------------------------------------------

    def accept(self, pit: Pit, order: Working, now_ns: int) -> Rejected | None:
        """Admit an order and carry it as far as it goes at once; or say why not."""
        account = self._clearing.accounts[order.account]
        asset = pit.pays(order.side)
        if not order.triggered:
            need = pit.need(order.side, order.price, order.qty)
            if need > account.free.get(asset, 0):
                return _FUNDS
            self._admit(pit, order, need, now_ns)
            pit.market.stops[order.venue_id] = order
            return None
        route = self._route(pit, order)
        if order.post_only and route.steps:
            return _WOULD_TAKE
        need = self._cost(pit, order, route)
        if need > account.free.get(asset, 0):
            return _FUNDS
        if order.quote_qty:
            order.qty = sum(step.qty for step in route.steps if step.act is not Act.END_MAKER)
        self._admit(pit, order, need, now_ns)
        self._work(pit, order, route, now_ns)
        return None

    def accept_pair(self, pit: Pit, legs: tuple[Working, Working], now_ns: int) -> Rejected | None:
        """Admit both legs of a pair, or neither."""
        limit, stop = legs
        first = limit.price if limit.price is not None else limit.stop
        assert first is not None
        assert stop.stop is not None
        last = pit.market.last
        sane = first > stop.stop if limit.side is Side.SELL else first < stop.stop
        if last is not None and limit.type is OrderType.LIMIT:
            sane = sane and (first > last if limit.side is Side.SELL else first < last)
        if not sane:
            return Rejected(reason=Reason.VENUE_FILTER, code="OCO_BAD_PRICES", text="the pair's prices do not embrace the market")
        if limit.triggered and self._route(pit, limit).steps:
            return _WOULD_TAKE
        asset = pit.pays(limit.side)
        need = max(pit.need(leg.side, leg.price, leg.qty) for leg in legs)
        if need > self._clearing.accounts[limit.account].free.get(asset, 0):
            return _FUNDS
        limit.sibling, stop.sibling = stop, limit
        self._admit(pit, limit, need, now_ns)
        self._admit(pit, stop, 0, now_ns)
        if limit.triggered:
            pit.half(limit.side).add(limit)
        else:
            pit.market.stops[limit.venue_id] = limit
        pit.market.stops[stop.venue_id] = stop
        return None

    def _admit(self, pit: Pit, order: Working, need: int, now_ns: int) -> None:
        account = self._clearing.accounts[order.account]
        asset = pit.pays(order.side)
        account.lock(order, asset, need)
        account.enter(order)
        self._clearing.tell(SimEventKind.NEW, order, (asset,), now_ns)

    # -- matching ----------------------------------------------------------------------------------------------------

    def _route(self, pit: Pit, order: Working) -> Plan:
        budget = order.quote_qty // pit.quote_factor if order.quote_qty else None
        return plan(pit.half(order.side.opposite), order, order.price, pit.lot, budget)

    def _cost(self, pit: Pit, order: Working, route: Plan) -> int:
        """What must be held back before the order is let into the book."""
        if order.quote_qty:
            return order.quote_qty
        if order.price is None and order.side is Side.BUY:
            return route.cost * pit.quote_factor
        return pit.need(order.side, order.price, order.remaining)

    def _work(self, pit: Pit, order: Working, route: Plan, now_ns: int) -> None:
        """Walk an admitted order along its route, then rest it or end it."""
        clearing = self._clearing
        if order.tif is Tif.FOK and route.filled < order.remaining:
            clearing.end(pit, order, Expiry.FOK_UNFILLED, now_ns)
            return
        for act, price, qty, maker in route.steps:
            if act is Act.TAKE:
                if maker is None:
                    half = pit.half(order.side.opposite)
                    half.serve(price * half.sign, qty)
                    clearing.take(pit, order, price, qty, now_ns)
                else:
                    self._part(pit, maker, now_ns)
                    clearing.cross(pit, order, maker, price, qty, now_ns)
                continue
            assert maker is not None
            if act in {Act.END_MAKER, Act.END_BOTH, Act.DECREMENT}:
                self._part(pit, maker, now_ns)
                clearing.prevent(pit, maker, order, qty if act is Act.DECREMENT else maker.remaining, now_ns)
            if act in {Act.END_TAKER, Act.END_BOTH, Act.DECREMENT}:
                clearing.prevent(pit, order, maker, qty if act is Act.DECREMENT else order.remaining, now_ns)
        if not order.status.is_open:
            return
        if order.price is None:
            self._end_market(pit, order, route, now_ns)
        elif order.tif is Tif.GTC:
            pit.half(order.side).add(order)
        else:
            clearing.end(pit, order, Expiry.IOC_REST, now_ns)

    def _end_market(self, pit: Pit, order: Working, route: Plan, now_ns: int) -> None:
        assert route.dry or order.qty == 0, "INV-SIM-4 a market order stops only when liquidity does"
        self._clearing.end(pit, order, Expiry.NO_LIQUIDITY, now_ns)

    def make(self, pit: Pit, order: Working, qty: int, now_ns: int) -> None:
        """The recorded market fills a resting order."""
        self._part(pit, order, now_ns)
        self._clearing.make(pit, order, qty, now_ns)

    def look(self, pit: Pit, now_ns: int) -> None:
        """After the recorded book changed: fill the orders that it came to, then trigger what that touched."""
        market = pit.market
        for half, other in ((market.bids, market.asks), (market.asks, market.bids)):
            if not half.own_keys:
                continue
            half.lead()
            for order, qty in half.met(other.ladder):
                assert order.price is not None
                side = order.side.opposite
                self.make(pit, order, qty, now_ns)
                pit.print_trade(
                    SimTrade(
                        trade_id=self._clearing.last_trade_id, price=order.price, qty=qty, side=side, at_ns=now_ns, recorded=False
                    )
                )
        if market.low is not None:
            self.trigger(pit, now_ns)

    # -- stops and pairs ---------------------------------------------------------------------------------------------

    def trigger(self, pit: Pit, now_ns: int) -> None:
        """Trigger what the latest prices touched, and what the trades of those touch in turn."""
        while True:
            touched = pit.market.touched()
            if not touched:
                return
            for order in touched:
                if order.venue_id in pit.market.stops:  # an earlier one may have ended it
                    self._release_stop(pit, order, now_ns)

    def _release_stop(self, pit: Pit, order: Working, now_ns: int) -> None:
        """A stop was touched: it becomes the plain order that it stands for."""
        self._part(pit, order, now_ns)
        del pit.market.stops[order.venue_id]
        order.triggered = True
        order.working_ns = now_ns
        self._clearing.tell(SimEventKind.TRIGGERED, order, (), now_ns)
        route = self._route(pit, order)
        asset = pit.pays(order.side)
        account = self._clearing.accounts[order.account]
        missing = self._cost(pit, order, route) - order.locked
        if missing > account.free.get(asset, 0):
            self._clearing.end(pit, order, Expiry.FUNDS, now_ns)
            return
        if missing > 0:
            account.lock(order, asset, missing)
        self._work(pit, order, route, now_ns)

    def _part(self, pit: Pit, order: Working, now_ns: int) -> None:
        """One leg of a pair is about to trade, trigger or end: the other expires, and the funds become this one's."""
        other = order.sibling
        if other is None:
            return
        order.sibling = other.sibling = None
        account = self._clearing.accounts[order.account]
        asset = pit.pays(order.side)
        order.locked += other.locked
        other.locked = 0
        account.unlock(order, asset, order.locked - pit.need(order.side, order.price, order.remaining))
        self._clearing.end(pit, other, Expiry.OCO, now_ns)

    def cancel(self, pit: Pit, order: Working, now_ns: int, request_id: str) -> None:
        """End an order for its owner, with the other leg of its pair."""
        other = order.sibling
        order.sibling = None
        self._clearing.end(pit, order, None, now_ns, request_id)
        if other is not None:
            other.sibling = None
            self._clearing.end(pit, other, None, now_ns, request_id)

    # -- change ------------------------------------------------------------------------------------------------------

    def amend(self, pit: Pit, order: Working, terms: AmendTerms, now_ns: int, request_id: str) -> Rejected | None:
        """Give an open single order new terms that were found sensible; or say why not."""
        qty = order.qty if terms.qty is None else terms.qty
        price = order.price if terms.price is None else terms.price
        assert qty % pit.lot == 0, f"{order.client_id}: quantity off grid"
        assert price is None or (price > 0 and price % pit.tick == 0), f"{order.client_id}: price off grid"
        account = self._clearing.accounts[order.account]
        asset = pit.pays(order.side)
        keeps_place = price == order.price and qty <= order.qty
        old = (order.qty, order.price)
        order.qty, order.price = qty, price
        route = None if keeps_place or not order.triggered else self._route(pit, order)
        missing = pit.need(order.side, price, order.remaining) - order.locked
        refused = _FUNDS if missing > account.free.get(asset, 0) else None
        if order.post_only and route is not None and route.steps:
            refused = _WOULD_TAKE
        order.qty, order.price = old
        if refused is not None:
            return refused
        if route is not None:
            pit.half(order.side).remove(order)
        order.qty, order.price = qty, price
        if missing > 0:
            account.lock(order, asset, missing)
        else:
            account.unlock(order, asset, -missing)
        if terms.client_id and terms.client_id != order.client_id:
            account.rename(order, terms.client_id)
        self._clearing.tell(SimEventKind.REPLACED, order, (asset,), now_ns, request_id=request_id)
        if route is not None:
            self._work(pit, order, route, now_ns)
        return None
