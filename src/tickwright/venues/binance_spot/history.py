"""History, page by page: bars and trades of everybody, executions of our own. Each page is asked for through ``read``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tickwright.base.clock import NS_PER_MS
from tickwright.base.errors import VenueError
from tickwright.base.suggest import near_or_list
from tickwright.model.market import Bar, Trade
from tickwright.venues.binance_spot import answers, catalog, requests
from tickwright.venues.binance_spot.rules import HISTORY_PAGE, NAME, SPANS_NS
from tickwright.venues.binance_spot.structs import MyTrade
from tickwright.venues.kit import Request

#: Pages of one question, so that a venue that repeats itself does not keep us for ever.
HISTORY_PAGES_MAX = 10_000

Read = Callable[[Request], Awaitable[bytes]]


async def bars(
    read: Read, now_ns: Callable[[], int], key: str, native: str, *, span: str, start_ns: int, end_ns: int
) -> list[Bar]:
    """Closed bars that lie within the time given, oldest first. ``end_ns`` is not after the venue's present."""
    if span not in SPANS_NS:
        raise VenueError(f"{span!r} is not a bar of {NAME}", hint=near_or_list(span, SPANS_NS))
    out: list[Bar] = []
    while start_ns < end_ns:
        request = requests.bars(native, span, -(-start_ns // NS_PER_MS), (end_ns - 1) // NS_PER_MS)
        page = catalog.bars(await read(request), key, span, now_ns())
        out += [bar for bar in page if bar.end_ns <= end_ns]
        if len(page) < HISTORY_PAGE:
            break
        start_ns = max(start_ns + 1, page[-1].end_ns)
    return out


async def trades(read: Read, now_ns: Callable[[], int], key: str, native: str, *, start_ns: int, end_ns: int) -> list[Trade]:
    """Trades of everybody within the time given, oldest first; those of one taker order at one price are one."""
    request = requests.trades(native, start_ms=-(-start_ns // NS_PER_MS), end_ms=(end_ns - 1) // NS_PER_MS)
    out: list[Trade] = []
    for _ in range(HISTORY_PAGES_MAX):
        body = await read(request)
        page = catalog.trades(body, key, now_ns())
        out += [trade for trade in page if start_ns <= trade.venue_ns < end_ns]
        if len(page) < HISTORY_PAGE or page[-1].venue_ns >= end_ns:
            return out
        request = requests.trades(native, from_id=catalog.last_agg_id(body) + 1)
    return out


async def own_trades(read: Read, native: str, start_ms: int | None) -> list[MyTrade]:
    """Our executions from a time on, oldest first; the latest page where none is given."""
    rows = answers.my_trades(await read(requests.my_trades(native, start_ms=start_ms)))
    page = rows
    for _ in range(HISTORY_PAGES_MAX):
        if start_ms is None or len(page) < HISTORY_PAGE:
            return rows
        page = answers.my_trades(await read(requests.my_trades(native, from_id=page[-1].id + 1)))
        rows = rows + page
    raise VenueError(f"more than {HISTORY_PAGES_MAX} pages of own trades of {native}", where=NAME)
