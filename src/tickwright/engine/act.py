"""Steps 6 to 9 for one strategy: plan, approve, reserve, emit. No order becomes an effect except through here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tickwright.base.numbers import DOWN, NEAREST, UP
from tickwright.engine.plugin import call
from tickwright.engine.state import Market, Runtime, State
from tickwright.model.caps import AmendKind
from tickwright.model.effect import Amend, Cancel, CancelOwed, Level, Notice, Protected, Submit, SubmitPair, Watched
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, Channel
from tickwright.model.order import AmendTerms, NewOrder
from tickwright.model.reason import Reason
from tickwright.orders.machine import Request
from tickwright.orders.order import Order
from tickwright.risk.gate import Approved, Refused, View
from tickwright.risk.halts import HaltLevel
from tickwright.strategy.intents import Change, Handle, Move, Pair, Proposal, ProtectWant, TargetWant, Withdraw
from tickwright.strategy.planner import PROTECT, TARGET, plan_protection, plan_quote, plan_target

#: A cancel whose outcome is not known, or that was refused for the time being, is sent again after this long.
RECANCEL_NS = 1_000_000_000


def act(state: State, runtime: Runtime) -> None:
    """Carry out what the strategy asked for and what its standing wants still lack."""
    strategy = runtime.strategy
    _tell(state, runtime)
    if runtime.halted:
        return
    strategy._dirty = False
    actions, strategy._actions = strategy._actions, []
    for action in actions:
        if isinstance(action, Proposal):
            propose(state, runtime, action)
        elif isinstance(action, Withdraw):
            withdraw(state, action.client_id)
        elif isinstance(action, Change):
            change(state, runtime, action)
        elif isinstance(action, ProtectWant):
            protect(state, runtime.name, action)
        else:
            propose_pair(state, runtime, action)
    _plan(state, runtime)


def _plan(state: State, runtime: Runtime) -> None:
    """Standing wants. Nothing is planned while a stop is under way, the market unknown, or the feed down."""
    strategy = runtime.strategy
    if state.stopping_since_ns:
        return
    protections = [want for (name, _), want in state.protections.items() if name == runtime.name]
    if not state.armed:
        if protections:
            runtime.replan_ns = state.now_ns + state.config.replan_ns
        return
    targets = _targets(state, runtime)
    for protection in protections:
        _protect(state, runtime, protection, targets.get(protection.key))
    for want in targets.values():
        instrument = state.instruments[want.key]
        mid = state.market(want.key).mid
        if mid is None:
            continue
        working = state.orders.by_name(runtime.name, want.key, TARGET)
        position = state.position_units(want.key)
        stop = state.orders.by_name(runtime.name, want.key, PROTECT)
        if stop is not None and stop.left > abs(want.qty):
            continue  # it is on its way out, and what it would sell must not be sold twice
        sellable = _sellable(state, instrument)
        action = plan_target(want, position, working, instrument, sellable, instrument.price_units(mid, NEAREST))
        _perform(state, runtime, action)
    for key_name, quote in list(strategy._quotes.items()):
        working = state.orders.by_name(runtime.name, quote.key, quote.name)
        if quote.qty and state.market(quote.key).down & {Channel.QUOTES, Channel.BOOK}:
            continue  # pulled by the guard; put back when the feed is whole again
        instrument = state.instruments[quote.key]
        action = plan_quote(quote, working, instrument, state.venue_of(quote.key).caps.amend)
        _perform(state, runtime, action)
        if quote.qty == 0 and working is None:
            del strategy._quotes[key_name]


def _protect(state: State, runtime: Runtime, want: ProtectWant, target: TargetWant | None) -> None:
    """A stop for what is held and is to be held on: what a target is about to sell must be free to be sold."""
    instrument = state.instruments[want.key]
    mid = state.market(want.key).mid
    if mid is None:
        runtime.replan_ns = state.now_ns + state.config.replan_ns
        return
    holding = state.position_units(want.key)
    if target is not None:
        holding = max(0, min(holding, target.qty)) if holding > 0 else min(0, max(holding, target.qty))
    working = state.orders.by_name(runtime.name, want.key, PROTECT)
    price = instrument.price_units(mid, NEAREST)
    _perform(state, runtime, plan_protection(want, holding, working, instrument, _sellable(state, instrument), price))
    if not want.stop and working is None:
        del state.protections[runtime.name, want.key]


def protect(state: State, strategy: str, want: ProtectWant) -> None:
    """Remember what a strategy wants to have a stop at the venue, across a restart as well."""
    if state.protections.get((strategy, want.key), ProtectWant(key=want.key, stop=0, limit=None)) != want:
        state.protections[strategy, want.key] = want
        state.effects.append(Protected(strategy, want.key, want.stop, want.limit))


def _targets(state: State, runtime: Runtime) -> dict[str, TargetWant]:
    """What the strategy wants to hold; nothing, wherever its account is being flattened."""
    wants = dict(runtime.strategy._targets)
    for key in state.traded:
        venue = state.venue_of(key).caps.venue
        if state.halts.level_for(runtime.name, key, venue) is HaltLevel.FLATTEN:
            wants[key] = TargetWant(key=key, qty=0, limit=None)
    return wants


def _perform(state: State, runtime: Runtime, action: Move | None) -> None:
    if action is None:
        return
    if isinstance(action, Proposal):
        if state.now_ns >= runtime.replan_ns:
            propose(state, runtime, action)
    elif isinstance(action, Withdraw):
        withdraw(state, action.client_id)
    elif state.now_ns >= runtime.replan_ns:
        change(state, runtime, action)


def _sellable(state: State, instrument: Instrument) -> int:
    """Units of the base asset that are free to be sold."""
    return max(0, state.ledger.free(instrument.base, instrument.venue)) // instrument.base_amount(1)


def propose(state: State, runtime: Runtime, wish: Proposal) -> None:
    """One proposal through the gate, the user's check, the reservation, and out."""
    order = _order(state, runtime, wish, state.ids.next())
    verdict = _approve(state, runtime, order, wish)
    if isinstance(verdict, Refused):
        _refused(state, runtime, wish, verdict)
        return
    _enter(state, wish, order)
    state.effects.append(Submit(state.venue_of(wish.key).caps.venue, verdict.order, verdict.rules))


def propose_pair(state: State, runtime: Runtime, pair: Pair) -> None:
    """Both legs of a pair the same way, or neither; what they need is reserved once, for the dearer of the two."""
    ids = state.ids.next(), state.ids.next()
    legs = [
        (wish, _order(state, runtime, wish, client_id, twin))
        for wish, client_id, twin in zip((pair.limit, pair.stop), ids, reversed(ids), strict=True)
    ]
    verdict = _approve_pair(state, runtime, legs)
    if isinstance(verdict, Refused):
        for wish, order in legs:
            _refused(state, runtime, wish, Refused(order, verdict.reason, verdict.text))
        return
    for wish, order in legs:
        _enter(state, wish, order)
    (_, limit), (_, stop) = legs
    state.ledger.pair(limit.client_id, stop.client_id)
    state.effects.append(SubmitPair(state.venue_of(limit.key).caps.venue, limit, stop, state.ids.next(), verdict.rules))


def _order(state: State, runtime: Runtime, wish: Proposal, client_id: str, twin: str = "") -> NewOrder:
    deadline_ns = state.venue_of(wish.key).caps.deadline_ns
    runtime.handles[client_id] = wish.handle
    wish.handle.client_id = client_id
    return NewOrder(
        key=wish.key,
        client_id=client_id,
        side=wish.side,
        type=wish.type,
        qty=wish.qty,
        price=wish.price,
        stop=wish.stop,
        tif=wish.tif,
        post_only=wish.post_only,
        reduce_only=wish.reduce_only,
        stp=wish.stp,
        strategy=runtime.name,
        name=wish.name,
        dead_after_ns=state.now_ns + deadline_ns if deadline_ns else 0,
        twin=twin,
    )


def _enter(state: State, wish: Proposal, order: NewOrder) -> None:
    """An approved order: its funds are held, it is known, and its strategy can see it."""
    bound = bound_price(state, order, state.instruments[order.key])
    assert bound is not None, "the gate lets no order pass that has no price bound"
    state.ledger.hold(order.client_id, order.key, order.side, order.qty, bound)
    wish.handle.attach(order.client_id, state.orders.add(order, state.now_ns))
    state.counters.orders += 1


def _approve(state: State, runtime: Runtime, order: NewOrder, wish: Proposal) -> Approved | Refused:
    shut = _shut(state, order)
    if shut is not None:
        return shut
    verdict = state.gate.check(order, view(state, runtime, order, state.instruments[order.key]), state.now_ns)
    if isinstance(verdict, Refused):
        return verdict
    return _authorised(state, runtime, order, wish) or verdict


def _approve_pair(state: State, runtime: Runtime, legs: Sequence[tuple[Proposal, NewOrder]]) -> Approved | Refused:
    """Both legs through the gate as one, then each through the user's check."""
    (_, limit), (_, stop) = legs
    shut = _shut(state, limit)
    if shut is not None:
        return shut
    caps = state.venue_of(limit.key).caps
    if not caps.order_lists:
        return Refused(limit, Reason.UNSUPPORTED, f"{caps.venue} has no pairs of orders of which one cancels the other.")
    instrument = state.instruments[limit.key]
    seen = view(state, runtime, limit, instrument), view(state, runtime, stop, instrument)
    verdict = state.gate.check_pair((limit, stop), seen, state.now_ns)
    if isinstance(verdict, Refused):
        return verdict
    for wish, order in legs:
        refused = _authorised(state, runtime, order, wish)
        if refused is not None:
            return refused
    return verdict


def _shut(state: State, order: NewOrder) -> Refused | None:
    """Whether nothing may be sent at all."""
    if not state.armed or not state.venue_of(order.key).reconciled:
        return Refused(order, Reason.DISARMED, Reason.DISARMED.sentence)
    if state.stopping_since_ns:
        return Refused(order, Reason.DISARMED, "The run is stopping.")
    return None


def _authorised(state: State, runtime: Runtime, order: NewOrder, wish: Proposal) -> Refused | None:
    """The user's own check, which has the last word; None if it has nothing against the order."""
    answer = call(state, runtime, runtime.strategy.authorise, wish, runtime.strategy.account)
    if answer is True:
        return None
    return Refused(order, Reason.USER_REFUSED, answer if isinstance(answer, str) else Reason.USER_REFUSED.sentence)


def _refused(state: State, runtime: Runtime, wish: Proposal, verdict: Refused) -> None:
    wish.handle.refuse(verdict.reason, verdict.text)
    runtime.handles.pop(verdict.order.client_id, None)
    refuse(state, runtime, verdict, standing=bool(wish.name))
    call(state, runtime, runtime.strategy.on_order, wish.handle)


def refuse(state: State, runtime: Runtime, verdict: Refused, *, standing: bool) -> None:
    """Count it and say it. A standing want would ask again at every event: it may do so after a while."""
    if standing:
        runtime.replan_ns = state.now_ns + state.config.replan_ns
    refusals = state.counters.refusals
    refusals[verdict.reason.value] = refusals.get(verdict.reason.value, 0) + 1
    state.effects.append(Notice(Level.WARNING, verdict.reason.value, verdict.text, verdict.order.key, runtime.name))


def bound_price(state: State, order: NewOrder, instrument: Instrument) -> int | None:
    """The worst price in units that the order can trade at: its limit, or the collar's edge for an order at the market."""
    if order.price is not None:
        return order.price
    market = state.market(order.key)
    near = market.ask if order.side is BUY else market.bid
    if near is None:
        near = market.last
    if order.stop is not None:
        near = instrument.price_float(order.stop)
    if near is None:
        return None
    slack = state.config.limits.collar_ppm / 1_000_000
    if order.side is BUY:
        return instrument.price_units(near * (1 + slack), UP)
    return max(instrument.tick_units, instrument.price_units(near * (1 - slack), DOWN))


def view(
    state: State, runtime: Runtime, order: NewOrder, instrument: Instrument, *, replaced: Order | None = None, freed: int = 0
) -> View:
    """What the gate may know, gathered for one order. An order that it takes the place of does not count against it where
    the venue does both in one step; ``freed`` is what that one holds and this one takes over.
    """
    market = state.market(order.key)
    venue = state.venue_of(order.key)
    ledger = state.ledger
    buying, selling = ledger.working(order.key)
    price = bound_price(state, order, instrument)
    if order.side is BUY:
        free = ledger.free(instrument.quote, instrument.venue)
        needed = instrument.notional(price, order.qty) if price is not None else 0
        visible = market.ask_qty
    else:
        free = ledger.free(instrument.base, instrument.venue)
        needed = instrument.base_amount(order.qty)
        visible = market.bid_qty
    listed = state.orders.open_orders(order.key)
    if replaced is not None:
        if order.side is BUY:
            buying -= replaced.left
        else:
            selling -= replaced.left
    return View(
        instrument=instrument,
        caps=venue.caps,
        bound_units=price,
        bid=market.bid,
        ask=market.ask,
        last=market.last,
        market_age_ns=_age_ns(state, market),
        visible_qty_units=instrument.qty_units(visible, DOWN),
        position_units=state.position_units(order.key),
        working_buy_units=buying,
        working_sell_units=selling,
        free_amount=free + freed,
        needed_amount=needed,
        open_orders=len(listed),
        open_stops=sum(item.order.stop is not None for item in listed),
        halt=state.halts.level_for(runtime.name, order.key, venue.caps.venue),
        account_age_ns=max(0, state.now_ns - venue.account_event_ns) if venue.account_up else None,
        clock_skew_ns=abs(venue.clock_offset_ns),
    )


def _age_ns(state: State, market: Market) -> int | None:
    """Age of what the engine would price by; None when there is nothing or its stream is down."""
    if market.down & {Channel.QUOTES, Channel.BOOK}:
        return None
    newest = market.quoted_ns or market.traded_ns
    return state.now_ns - newest if newest else None


def withdraw(state: State, client_id: str) -> None:
    """Ask for a cancel now if the order can take one, else as soon as it can."""
    order = state.orders.get(client_id)
    if order is None or not order.working or order.foreign:
        state.withdrawing.discard(client_id)
        state.recancel_ns.pop(client_id, None)
        return
    again_ns = state.recancel_ns.get(client_id, 0)
    if order.doubt and client_id in state.withdrawing:
        again_ns = max(again_ns, order.asked_ns + RECANCEL_NS)
    if not order.can_cancel or state.now_ns < again_ns:
        owe(state, client_id)
        return
    if order.doubt:
        owe(state, client_id)  # again until it is known to have ended: a cancel is idempotent, our ids are used once
    else:
        state.withdrawing.discard(client_id)
    state.orders.ask_cancel(client_id, state.now_ns)
    state.effects.append(Cancel(state.venue_of(order.key).caps.venue, order.ref))


def owe(state: State, client_id: str) -> None:
    """Remember that an order is to be cancelled as soon as it can be, across a restart as well."""
    if client_id not in state.withdrawing:
        state.withdrawing.add(client_id)
        state.effects.append(CancelOwed(client_id))


def change(state: State, runtime: Runtime, wish: Change) -> None:
    """Ask for new terms, if the order can take them now.

    Where the venue changes it in place the worse of old and new terms is reserved until the answer is there; where it makes
    a new order of it, that order is checked, reserved and known like any other before anything is sent.
    """
    order = state.orders.get(wish.client_id)
    if order is None or not order.can_amend or _is_being_replaced(state, order):
        return
    venue = state.venue_of(order.key)
    terms = wish.terms
    instrument = state.instruments[order.key]
    left = (terms.qty - order.filled) if terms.qty is not None else order.left
    price = terms.price if terms.price is not None else order.price
    if left <= 0:
        withdraw(state, wish.client_id)
        return
    in_place = _in_place(venue.caps.amend, terms, order.qty)
    amended = msgspec.structs.replace(
        order.order,
        client_id=order.client_id if in_place else state.ids.next(),
        qty=left,
        price=price,
        dead_after_ns=state.now_ns + venue.caps.deadline_ns if venue.caps.deadline_ns else 0,
    )
    freed = state.ledger.held(order.client_id) if in_place else 0
    verdict = _approve_change(state, runtime, order, amended, freed)
    if isinstance(verdict, Refused):
        refuse(state, runtime, verdict, standing=bool(order.order.name))
        return
    bound = bound_price(state, amended, instrument)
    assert bound is not None, "the gate lets no order pass that has no price bound"
    if in_place:
        sent = terms
        state.orders.ask_amend(order.client_id, sent, state.now_ns)
        worst = order.worst_price if order.worst_price is not None else bound
        state.ledger.resize(order.client_id, order.worst_left, worst)
    else:
        sent = AmendTerms(qty=left, price=price, client_id=amended.client_id)
        state.ledger.hold(amended.client_id, amended.key, amended.side, left, bound)
        state.orders.ask_amend(order.client_id, sent, state.now_ns, amended.dead_after_ns)
        handle = runtime.handles.get(order.client_id)
        second = state.orders.get(amended.client_id)
        if handle is not None and second is not None:
            handle.attach(amended.client_id, second)
            runtime.handles[amended.client_id] = handle
    state.effects.append(Amend(venue.caps.venue, order.ref, sent))


def _approve_change(state: State, runtime: Runtime, order: Order, amended: NewOrder, freed: int) -> Approved | Refused:
    """The order as it would be, through the gate and the user's check."""
    if order.order.twin:
        return Refused(
            amended, Reason.UNSUPPORTED, "One of a pair of orders cannot be amended: cancel the pair and ask for another."
        )
    seen = view(state, runtime, amended, state.instruments[order.key], replaced=order, freed=freed)
    verdict = state.gate.check(amended, seen, state.now_ns)
    if isinstance(verdict, Refused):
        return verdict
    handle = runtime.handles.get(order.client_id) or Handle(seen.instrument, order.side, amended.name)
    wish = Proposal(
        key=amended.key,
        side=amended.side,
        type=amended.type,
        qty=amended.qty,
        price=amended.price,
        stop=amended.stop,
        tif=amended.tif,
        post_only=amended.post_only,
        reduce_only=amended.reduce_only,
        name=amended.name,
        handle=handle,
        stp=amended.stp,
    )
    return _authorised(state, runtime, amended, wish) or verdict


def _is_being_replaced(state: State, order: Order) -> bool:
    """Whether an order that is to take its place may still arrive: a third one of the same name would be one too many."""
    second = state.orders.get(order.replaced_by) if order.replaced_by else None
    return second is not None and second.working and second.request is Request.SUBMIT


def _in_place(kind: AmendKind, terms: AmendTerms, qty: int) -> bool:
    """Whether the venue changes the order itself, rather than replacing it with another."""
    if kind is AmendKind.PRICE_AND_QTY:
        return True
    return kind is AmendKind.QTY_DOWN and terms.price is None and terms.qty is not None and terms.qty < qty


def _tell(state: State, runtime: Runtime) -> None:
    """What the strategy wants logged and shown."""
    strategy = runtime.strategy
    if strategy._notes:
        notes, strategy._notes = strategy._notes, []
        state.effects.extend(Notice(Level.INFO, "strategy", text, "", runtime.name) for _, text in notes)
    if strategy._watched:
        watched, strategy._watched = strategy._watched, {}
        state.effects.extend(Watched(runtime.name, name, value) for name, value in watched.items())
