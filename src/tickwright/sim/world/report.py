"""Where every task of a process waits: what is said of a world that stands still."""

from __future__ import annotations

import asyncio
from typing import Any

from tickwright.sim.world.loop import ProcessLoop

#: Lines of a report, frames of a task.
LINES_MAX = 200
FRAMES_MAX = 12


def where_tasks_wait(loops: list[ProcessLoop]) -> str:
    """A line for every task and one for every function that it is in, from the outermost inwards."""
    lines: list[str] = []
    for loop in loops:
        state = " (dead)" if loop.dead else " (frozen)" if loop.frozen else ""
        lines.append(f"{loop.name}{state}, its clock at {loop.time():.6f} s:")
        for task in loop.tasks():
            lines.append(f"  {task.get_name()}")
            lines += [f"    {frame}" for frame in _frames(task)]
    if len(lines) > LINES_MAX:
        lines = [*lines[:LINES_MAX], f"… and {len(lines) - LINES_MAX} lines more"]
    return "\n".join(lines)


def _frames(task: asyncio.Task[Any]) -> list[str]:
    """The chain of awaits, without addresses."""
    found: list[str] = []
    waiting: Any = task.get_coro()
    while waiting is not None and len(found) < FRAMES_MAX:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is None:
            break
        module = frame.f_globals.get("__name__", "?")
        found.append(f"{module}:{frame.f_lineno} {waiting.__qualname__}")
        waiting = (
            getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None) or getattr(waiting, "ag_await", None)
        )
    return found
