"""Arming, halts and stopping: what people and guards may do to a run."""

from __future__ import annotations

from collections.abc import Collection

from tickwright.engine.act import withdraw
from tickwright.engine.adopt import adopt
from tickwright.engine.plugin import call
from tickwright.engine.state import State
from tickwright.model.effect import HaltChanged, Level, Notice, Stopped, TakeSnapshot
from tickwright.model.event import Command, Verb
from tickwright.model.reason import Reason
from tickwright.risk.halts import ACCOUNT, HaltLevel


def on_command(state: State, event: Command) -> None:
    """An instruction from a person, a signal or the shell."""
    verb = event.verb
    if verb is Verb.ARM:
        arm(state)
    elif verb is Verb.DISARM:
        state.armed = False
        state.effects.append(Notice(Level.INFO, "disarmed", event.why or "Trading is not armed."))
    elif verb is Verb.STOP:
        stop(state, event.why)
    elif verb is Verb.ADOPT:
        adopt(state, event)
    elif verb is Verb.RESUME:
        who = event.why or "a person"
        if state.halts.lower(event.scope, HaltLevel.RUN, who):
            state.effects.append(HaltChanged(event.scope, HaltLevel.RUN.name, Reason.HALT_BY_PERSON.value, event.why, by=who))
        state.effects.append(Notice(Level.INFO, "resumed", f"{event.scope}: {event.why}"))
    else:
        raise_halt(state, _scope(state, event.scope), _LEVELS[verb], event.reason, event.why)


_LEVELS = {
    Verb.REDUCE: HaltLevel.REDUCE,
    Verb.PAUSE: HaltLevel.PAUSE,
    Verb.PULL: HaltLevel.PULL,
    Verb.FLATTEN: HaltLevel.FLATTEN,
}


def _scope(state: State, asked: str) -> str:
    """The scope that a person meant. One that names nothing here would halt nothing: then it is the whole account."""
    kind, _, name = asked.partition(":")
    known: dict[str, Collection[str]] = {"venue": state.venues, "instrument": state.instruments, "strategy": state.by_name}
    if asked == ACCOUNT or name in known.get(kind, ()):
        return asked
    state.effects.append(Notice(Level.WARNING, "scope", f"{asked!r} names nothing here: the whole account is meant"))
    return ACCOUNT


def arm(state: State) -> None:
    """Let orders out, if every venue has been reconciled; strategies start when it happens for the first time."""
    waiting = [name for name, venue in state.venues.items() if not venue.reconciled]
    if waiting:
        state.effects.append(Notice(Level.WARNING, "not armed", f"not reconciled yet: {', '.join(waiting)}"))
        return
    if state.armed:
        return
    state.armed = True
    state.effects.append(Notice(Level.INFO, "armed", "Trading is armed."))
    start(state)


def start(state: State) -> None:
    """Call ``on_start`` once."""
    if state.ever_armed:
        return
    state.ever_armed = True
    for runtime in state.runtimes:
        runtime.started = True
        runtime.active = not runtime.halted
        runtime.timer_ns = state.now_ns
        call(state, runtime, runtime.strategy.on_start)


def raise_halt(state: State, scope: str, level: HaltLevel, reason: Reason, text: str) -> None:
    """Move the ladder up. Takes effect in this step: effects that add risk and have not left yet are not there to drop,
    because nothing is emitted before its halt level has been looked at.
    """
    if not state.halts.raise_(scope, level, reason, state.now_ns, text):
        return
    state.counters.halts.append(reason.value)
    state.effects.append(HaltChanged(scope, level.name, reason.value, text))
    state.effects.append(Notice(Level.ALERT, reason.value, f"{scope} -> {level.name}: {reason.sentence} {text}".strip()))
    if level >= HaltLevel.PULL:
        pull(state, scope)
    if level is HaltLevel.FLATTEN:
        for runtime in state.runtimes:
            runtime.strategy._dirty = True  # its positions are closed by the planner
    for runtime in state.runtimes:
        if scope in ("account", f"strategy:{runtime.name}"):
            call(state, runtime, runtime.strategy.on_halt, reason)


def pull(state: State, scope: str) -> None:
    """Withdraw every working order of ours in ``scope``; the guard repeats it until the venue has confirmed."""
    kind, _, name = scope.partition(":")
    for order in state.orders.open_orders():
        if order.foreign:
            continue
        concerned = {
            "account": True,
            "venue": order.key.partition(":")[0] == name,
            "instrument": order.key == name,
            "strategy": order.order.strategy == name,
        }
        if concerned.get(kind, False):
            withdraw(state, order.client_id)


def stop(state: State, why: str) -> None:
    """Begin an orderly end: strategies are told, working orders withdrawn, the venue compared with one last time."""
    if state.stopping_since_ns:
        return
    for runtime in state.runtimes:
        if runtime.started and not runtime.halted:
            call(state, runtime, runtime.strategy.on_stop)
    state.stopping_since_ns = max(state.now_ns, 1)
    state.effects.append(Notice(Level.INFO, "stopping", why or "asked to stop"))
    if state.config.cancel_on_stop:
        pull(state, "account")
    proceed(state)


def proceed(state: State) -> None:
    """The next stage of a stop, once the one before is done. Called at each tick and after each snapshot."""
    if not state.stopping_since_ns or state.stopped:
        return
    late = state.now_ns - state.stopping_since_ns > state.config.stop_deadline_ns
    ours = [order for order in state.orders.open_orders() if not order.foreign]
    busy = [order for order in ours if not order.can_amend or state.config.cancel_on_stop]
    if busy and not late:
        return
    reachable = [venue for venue in state.venues.values() if venue.account_up]
    if any(venue.loaded and not venue.account_up for venue in state.venues.values()) and not late:
        return  # its stream may come back, and then both sides can be compared
    if not state.final_asked and not late:
        state.final_asked = True
        for venue in reachable:
            venue.reconciled = False
            venue.tries = 0
            venue.snapshot_asked = True
            venue.asked_why = "stop"
            state.effects.append(TakeSnapshot(venue.caps.venue, fills_since(state, venue.heard_until_ns), "stop"))
        if reachable:
            return
    if not late and not all(venue.reconciled for venue in reachable):
        return
    state.stopped = True
    clean = not busy and bool(reachable) and all(venue.reconciled for venue in reachable)
    why = "clean" if clean else f"{len(busy)} orders unfinished, reconciled: {all(v.reconciled for v in state.venues.values())}"
    state.effects.append(Stopped(clean, why))


def fills_since(state: State, last_event_ns: int) -> int:
    """How far back trade history is asked for: a margin before the last word of the account stream."""
    return max(0, last_event_ns - state.config.fills_margin_ns) if last_event_ns else 0
