"""Futures for calls that send at once and answer later: any adapter's ``submit`` returns one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def settled(value: T) -> asyncio.Future[T]:
    """A future that has its result already."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def mapped(future: asyncio.Future[T], function: Callable[[T], U]) -> asyncio.Future[U]:
    """A future of what ``function`` makes of another's result."""
    made: asyncio.Future[U] = asyncio.get_running_loop().create_future()

    def done(source: asyncio.Future[T]) -> None:
        if made.done():
            return
        if source.cancelled():
            made.cancel()
            return
        try:
            made.set_result(function(source.result()))
        except Exception as error:  # noqa: BLE001 (handed on to whoever awaits: an answer that is never given would be worse)
            made.set_exception(error)

    future.add_done_callback(done)
    return made
