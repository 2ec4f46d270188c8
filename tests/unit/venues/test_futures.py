"""A mapped future always ends as its source does, or as the mapping does."""

from __future__ import annotations

import asyncio

import pytest

from tickwright.venues.futures import mapped, settled


def test_given_a_source_that_answers_when_mapped_then_the_result_is_the_mapping() -> None:
    """And one that is settled already needs no turn of ours."""

    async def story() -> int:
        return await mapped(settled(20), lambda n: n + 1)

    assert asyncio.run(story()) == 21


def test_given_a_mapping_that_raises_when_awaited_then_the_error_is_seen() -> None:
    """An answer that is never given would leave an order without an outcome."""

    async def story() -> float:
        return await mapped(settled(0), lambda n: 1 / n)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(story())


def test_given_a_source_that_is_cancelled_when_awaited_then_the_mapped_one_is_too() -> None:
    """The run is over: there is no answer."""

    async def story() -> bool:
        source: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        made = mapped(source, lambda n: n)
        source.cancel()
        await asyncio.wait([made], timeout=5)
        return made.cancelled()

    assert asyncio.run(story())
