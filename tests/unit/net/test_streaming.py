"""A source that pushes, iterated over: order kept, errors passed on, nothing lost in silence."""

from __future__ import annotations

import asyncio

import pytest

from tickwright.base.errors import VenueError
from tickwright.base.limits import INBOX_EVENTS_MAX
from tickwright.net.streaming import pump


def collect(run, most: int = 100) -> list[int]:
    async def go() -> list[int]:
        return [event async for event in pump(run, most)]

    return asyncio.run(go())


def test_given_a_source_that_ends_when_iterated_then_everything_it_said_is_there():
    """In order, the last event included."""

    async def run(sink) -> None:
        for number in range(3):
            sink(number)
        await asyncio.sleep(0)
        sink(3)

    assert collect(run) == [0, 1, 2, 3]


def test_given_a_source_that_fails_or_floods_when_iterated_then_the_reader_is_told():
    """Neither ends in silence."""

    async def fails(sink) -> None:
        sink(1)
        raise ValueError("broken")

    async def floods(sink) -> None:
        for number in range(10):
            sink(number)

    with pytest.raises(ValueError, match="broken"):
        collect(fails)
    with pytest.raises(VenueError, match="fell behind"):
        collect(floods, 5)


def test_given_a_pushing_stream_when_pulled_then_events_come_in_order_and_errors_come_through() -> None:
    """What the stream raises, the reader gets, after what came before it."""

    async def run() -> list[int]:
        async def push(sink) -> None:
            for number in range(5):
                sink(number)
                await asyncio.sleep(0)
            raise VenueError("over")

        stream = pump(push)
        got = [await anext(stream) for _ in range(5)]
        with pytest.raises(VenueError, match="over"):
            await anext(stream)
        return got

    assert asyncio.run(run()) == [0, 1, 2, 3, 4]


def test_given_a_reader_that_does_not_read_when_the_bound_is_reached_then_it_is_told() -> None:
    """The buffer is bounded, and nothing is dropped in silence."""

    async def run() -> None:
        async def flood(sink) -> None:
            for number in range(INBOX_EVENTS_MAX + 2):
                sink(number)
            await asyncio.Event().wait()

        stream = pump(flood)
        for _ in range(INBOX_EVENTS_MAX):
            await anext(stream)
        with pytest.raises(VenueError, match="behind"):
            await anext(stream)

    asyncio.run(run())
