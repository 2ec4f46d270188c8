"""Turns a venue that pushes events into a sink into one whose events are iterated over.

Guarantees: no event is dropped or reordered; what ends the source is raised to the reader; leaving the loop ends the source. A
reader that falls behind by more than the bound gets a ``VenueError``, because silence about lost events would be worse.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from tickwright.base.errors import VenueError
from tickwright.base.limits import INBOX_EVENTS_MAX

E = TypeVar("E")


async def pump(run: Callable[[Callable[[E], None]], Coroutine[Any, Any, None]], most: int = INBOX_EVENTS_MAX) -> AsyncIterator[E]:
    """The events that ``run`` puts into the sink it is given, in order."""
    events: deque[E] = deque()
    news = asyncio.Event()
    overflowed = False

    def sink(event: E) -> None:
        nonlocal overflowed
        if len(events) >= most:
            overflowed = True
        else:
            events.append(event)
        news.set()

    source = asyncio.get_running_loop().create_task(run(sink))
    source.add_done_callback(lambda _: news.set())
    try:
        while True:
            await news.wait()
            news.clear()
            while events:
                yield events.popleft()
            if overflowed:
                raise VenueError(f"the reader of the stream fell behind by {most} events")
            if source.done():
                source.result()
                return
    finally:
        source.cancel()
        await asyncio.gather(source, return_exceptions=True)
