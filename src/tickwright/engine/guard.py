"""Step 3: what must be noticed although no venue says it. Feeds, clocks, losses, doubts, and the passing of time."""

from __future__ import annotations

from tickwright.engine import control, recover
from tickwright.engine.act import withdraw
from tickwright.engine.plugin import call
from tickwright.engine.state import Runtime, State
from tickwright.model.effect import Find, Level, Notice, Valued
from tickwright.model.event import ClockMeasured, Tick
from tickwright.model.market import Channel, FeedDown, FeedUp, Gap
from tickwright.model.reason import Reason
from tickwright.orders import resolver
from tickwright.risk.halts import HaltLevel

#: How long past its fence an order may be in doubt before its venue goes reduce-only.
DOUBT_AGE_MAX_NS = 10 * 1_000_000_000
#: How often the worth of the run is put on record.
VALUED_EVERY_NS = 60 * 1_000_000_000


def feed_up(state: State, event: FeedUp) -> None:
    """The stream delivers again. Its transforms were reset when it went down; they warm up anew."""
    market = state.market(event.key)
    market.down.discard(event.channel)
    for runtime in state.runtimes:
        runtime.strategy._dirty = True


def feed_down(state: State, event: FeedDown) -> None:
    """What was missed is unknown: nothing derived from the stream is used, and quotes on the instrument are pulled."""
    state.effects.append(Notice(Level.WARNING, "feed.down", f"{event.channel.value}: {event.why}", event.key))
    state.market(event.key).down.add(event.channel)
    lose(state, event.key, event.channel)


def gap(state: State, event: Gap) -> None:
    """Something is missing in the stream: everything derived from it starts again."""
    text = f"{event.channel.value}: expected {event.expected}, got {event.got}"
    state.effects.append(Notice(Level.WARNING, "feed.gap", text, event.key))
    lose(state, event.key, event.channel)


def lose(state: State, key: str, channel: Channel) -> None:
    """Reset what depends on the stream and pull the quotes that were priced by it."""
    if channel is Channel.BOOK and key in state.books:
        state.books[key].clear()
    if channel in (Channel.QUOTES, Channel.BOOK):
        state.market(key).quoted_ns = 0
    for runtime in state.runtimes:
        runtime.graph.reset(key, channel)
        names = {name for quoted, name in runtime.strategy._quotes if quoted == key}
        if not names or channel not in (Channel.QUOTES, Channel.BOOK):
            continue
        for order in state.orders.open_orders(key):
            if order.order.strategy == runtime.name and order.order.name in names:
                withdraw(state, order.client_id)


def clock(state: State, event: ClockMeasured) -> None:
    """The distance between the venue's clock and ours, against its limits."""
    for halt in state.watch.on_clock(event.offset_ns, event.bound_ns, state.now_ns):
        control.raise_halt(state, *halt)


def on_tick(state: State, _event: Tick) -> None:
    """Everything that depends on time having passed."""
    for runtime in state.runtimes:
        if not runtime.halted:
            call(state, runtime, runtime.graph.on_time, state.now_ns)
        _timer(state, runtime)
    _ask_about_doubts(state)
    for client_id in sorted(state.withdrawing):
        withdraw(state, client_id)
    recover.on_time(state)
    _losses(state)
    # Only the first time: who disarms a run means it.
    if state.config.auto_arm and not state.ever_armed and not state.stopping_since_ns and _ready(state):
        control.arm(state)
    control.proceed(state)


def _ready(state: State) -> bool:
    return all(venue.reconciled for venue in state.venues.values())


def _timer(state: State, runtime: Runtime) -> None:
    if not runtime.started or runtime.halted or state.stopping_since_ns:
        return
    strategy = runtime.strategy
    if state.now_ns - runtime.timer_ns >= int(strategy.timer_s * 1e9):
        runtime.timer_ns = state.now_ns
        call(state, runtime, strategy.on_timer)
    if runtime.replan_ns and state.now_ns >= runtime.replan_ns:
        runtime.replan_ns = 0
        strategy._dirty = True


def _ask_about_doubts(state: State) -> None:
    for name, venue in state.venues.items():
        skew = abs(venue.clock_offset_ns) + venue.clock_bound_ns
        for ref in resolver.due(state.orders, state.now_ns, venue.caps, skew):
            state.effects.append(Find(name, ref))
        for order in state.orders.in_doubt():
            mine = order.key.partition(":")[0] == name
            if mine and resolver.doubt_age_ns(order, venue.caps, skew, state.now_ns) > DOUBT_AGE_MAX_NS:
                text = f"order {order.client_id}"
                control.raise_halt(state, f"venue:{name}", HaltLevel.REDUCE, Reason.HALT_DOUBT_AGE, text)


def _losses(state: State) -> None:
    if not state.ever_armed:
        return
    equity = state.equity()
    if equity is None:
        return
    if state.now_ns - state.valued_ns >= VALUED_EVERY_NS:
        state.valued_ns = state.now_ns
        state.effects.append(Valued(state.config.currency, equity))
    for halt in state.watch.on_equity(equity, state.now_ns):
        control.raise_halt(state, *halt)
