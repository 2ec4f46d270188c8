"""The one place where the user's code is called. What it raises halts that strategy and nothing else."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from tickwright.base.errors import TickwrightError
from tickwright.engine.state import Runtime, State
from tickwright.model.effect import CancelOwed, HaltChanged, Level, Notice, Protected
from tickwright.model.reason import Reason
from tickwright.risk.halts import HaltLevel


def call(state: State, runtime: Runtime, function: Callable[..., Any], *args: Any) -> Any:
    """The result of ``function``, or None after the strategy was halted for raising."""
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 (a plugin call: whatever it raises must not stop the run)
        raised(state, runtime, error)
    return None


def raised(state: State, runtime: Runtime, error: Exception) -> None:
    """The user's code raised: halt it, and say what and where."""
    text = str(error) if isinstance(error, TickwrightError) else _where(error)
    halt(state, runtime, Reason.HALT_STRATEGY_RAISED, text)


def _where(error: Exception) -> str:
    """``ZeroDivisionError: division by zero (cross.py line 12, in decide)``: the innermost frame of the user's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "tickwright/" not in frame.filename.replace("\\", "/")), frames[-1])
    name = last.filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__}: {error} ({name} line {last.lineno}, in {last.name})"


def halt(state: State, runtime: Runtime, reason: Reason, text: str) -> None:
    """Stop asking this strategy anything; its working orders are withdrawn."""
    if runtime.halted:
        return
    runtime.halted = True
    runtime.active = False
    for routes in state.sinks.values():  # its stages are fed no more: one that raised would raise at every event
        for key, sinks in routes.items():
            routes[key] = [entry for entry in sinks if entry[0] is not runtime]
    strategy = runtime.strategy
    strategy._actions.clear()
    strategy._targets.clear()
    strategy._quotes.clear()
    for name, key in list(state.protections):
        if name == runtime.name:
            del state.protections[name, key]
            state.effects.append(Protected(name, key, 0, None))
    strategy._dirty = False
    for order in state.orders.open_orders():
        if order.order.strategy == runtime.name and not order.foreign:
            state.withdrawing.add(order.client_id)
            state.effects.append(CancelOwed(order.client_id))
    scope = f"strategy:{runtime.name}"
    state.halts.raise_(scope, HaltLevel.PULL, reason, state.now_ns, text)
    state.counters.halts.append(reason.value)
    state.effects.append(HaltChanged(scope, HaltLevel.PULL.name, reason.value, text))
    state.effects.append(Notice(Level.ALERT, reason.value, f"{runtime.name}: {text}", "", runtime.name))
    try:
        strategy.on_halt(reason)
    except Exception as error:  # noqa: BLE001 (the same: a plugin call)
        state.effects.append(Notice(Level.WARNING, "strategy.on_halt", _where(error), "", runtime.name))
