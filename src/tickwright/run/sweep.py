"""Clearing orders off a venue from outside of any run: list, cancel, list again, until a listing that counts is empty.

Guarantees: an order is called gone only on the venue's word, a report of its end or a listing without it, and all of it done only
by a listing; one that could not be had is never an empty one; before every batch of cancels it is asked whether this is still
wanted; it goes on, with back-off and over each way to the account in turn, until it is done, is not wanted any more, or its
time is up. How an order ended is what the venue said, or "unknown".

Does not: place anything, know which run an order is of, or decide what is to go: it is given a test.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import VenueError
from tickwright.model.account import AccountEvent, AccountUp, Snapshot
from tickwright.model.instrument import Instrument
from tickwright.model.order import (
    Accepted,
    CouldNotAsk,
    Finding,
    Found,
    OrderRef,
    OrderReport,
    Outcome,
    Rejected,
    ReportStatus,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.net.pacing import Backoff
from tickwright.ports import Streaming, Venue

#: How long a way to the account may take to become ready; without that it is used as it is.
READY_DEADLINE_S = 3.0
#: How long a listing may take, at first and at most: it doubles with each that did not come.
LIST_DEADLINE_S, LIST_DEADLINE_S_MAX = 10.0, 40.0
CANCEL_DEADLINE_S = 10.0
CANCELS_AT_ONCE = 50
#: How soon it is looked again: at first, and then for as long as it takes. A listing of a whole account is dear.
LOOKS_S = (0.25, 0.5, 1.0, 2.0)
#: Between tries that came to nothing.
BACKOFF_FLOOR_S, BACKOFF_CEILING_S = 0.25, 15.0
#: Orders that are asked after at the end, where nothing has said how they ended.
FINDS_MAX = 100
#: What can be asked once it is over is not waited for any longer.
EPILOGUE_S = 5.0
#: The same trouble is said again after so long; so many different ones are told apart.
SAY_AGAIN_NS = 60 * NS_PER_S
TEXTS_MAX = 100
#: The key is at fault: no other try will do.
KEY_REASONS = frozenset({Reason.VENUE_KEY, Reason.VENUE_SIGNATURE})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One order, for people. Amounts are decimal text, "" where the instrument could not be learned; ``how`` it ended is the name
    of a reason or "unknown", "" while it works; ``why`` it could not be cancelled is what the venue said last.
    """

    symbol: str
    client_id: str
    venue_id: str
    side: str
    type: str
    qty: str
    filled: str
    price: str
    how: str = ""
    why: str = ""

    def __str__(self) -> str:
        what = f"{self.side} {self.qty} {self.symbol}".replace("  ", " ")
        price = f" at {self.price}" if self.price else ""
        filled = f", filled {self.filled}" if self.filled not in ("", "0") else ""
        told = f": {self.why or self.how}" if self.why or self.how else ""
        return f"{what}{price} ({self.client_id or self.venue_id}{filled}){told}"


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``working`` is by the latest listing; it counts for nothing unless ``listed``. ``confirmed``: a listing
    after the last moment at which something could still have arrived was empty.
    """

    cancelled: list[Line]
    ended: list[Line]
    working: list[Line]
    listed: bool
    confirmed: bool
    rounds: int
    trouble: str
    key_refused: str
    unknown_symbols: list[str]


class Way:
    """One adapter to the account. With ``stream`` its account connection is kept up too: some venues take orders over it, and it
    may work where another way does not.
    """

    def __init__(self, name: str, venue: Venue, *, stream: bool = False) -> None:
        self.name = name
        self.venue = venue
        self.trouble = ""
        self._stream = stream
        self._opened = False
        self._up = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._getting_ready = asyncio.Lock()

    async def ready(self) -> None:
        """As ready as it gets in time. What fails (a list of instruments that cannot be loaded, a stream that does not come up)
        is tried again the next time, and what can be done without it is done.
        """
        async with self._getting_ready:
            if self._stream and (self._listening is None or self._listening.done()):
                await self._end_listening()
                self._listening = asyncio.create_task(self._listen())
            if self._opened and (self._up.is_set() or not self._stream):
                return
            try:
                async with asyncio.timeout(READY_DEADLINE_S):
                    if not self._opened:
                        await self.venue.open()
                        self._opened = True
                        self.trouble = ""
                    if self._stream:
                        await self._up.wait()
            except (VenueError, OSError) as error:
                self.trouble = str(error) or "no answer"

    async def _listen(self) -> None:
        def heard(event: AccountEvent) -> None:
            if isinstance(event, AccountUp):
                self._up.set()

        if isinstance(self.venue, Streaming):
            await self.venue.run_account(heard)
        else:
            async for event in self.venue.account():
                heard(event)

    async def _end_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def close(self) -> None:
        """Close its connections. Cancels nothing."""
        await self._end_listening()
        await self.venue.close()


class Sweep:
    """One clearing. ``wanted`` says of a listed order whether it has to go; with ``everything`` all orders of each instrument
    that has one such go, and ``keys`` are cleared without waiting for a listing. ``settled_ns`` is the moment (monotonic) from
    which on an empty listing counts; ``may`` is asked before each batch; with ``give_up`` a key that is refused ends it.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        wanted: Callable[[OrderReport], bool],
        clock: Clock,
        chance: Chance,
        *,
        settled_ns: int,
        keys: Sequence[str] = (),
        everything: bool = False,
        may: Callable[[], bool] = lambda: True,
        give_up: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ways = ways
        self._wanted = wanted
        self._clock = clock
        self._settled_ns = settled_ns
        self._keys = keys
        self._everything = everything
        self._may = may
        self._give_up = give_up
        self._say = say
        self._until_ns: int | None = None
        self._told_quiet = False
        self._told_ns: dict[str, int] = {}
        self._backoff = Backoff(BACKOFF_FLOOR_S, BACKOFF_CEILING_S, chance)
        self._turn = 0
        self._looks = 0
        self._failed_lists = 0
        self._rounds = 0
        self._seen: dict[tuple[str, str], OrderReport] = {}
        self._tried: set[tuple[str, str]] = set()
        self._why: dict[tuple[str, str], str] = {}
        self._working: list[OrderReport] = []
        self._listed = False
        self._trouble = ""
        self._confirmed = False
        self.key_refused = ""
        self._unknown_symbols: dict[str, None] = {}

    async def run(self, until_ns: int | None = None) -> None:
        """Until it is done, is not wanted any more, or the time is up."""
        self._until_ns = until_ns
        if self._everything and self._keys and self._may():
            await asyncio.gather(*(self._at_once(way) for way in self._ways))
        while self._may() and self._left_s() > 0 and not (self._give_up and self.key_refused):
            self._rounds += 1
            if await self._round(self._ways[self._turn % len(self._ways)]):
                self._confirmed = not self._unknown_symbols
                return

    def _left_s(self) -> float:
        """Of the time that it has."""
        return math.inf if self._until_ns is None else (self._until_ns - self._clock.mono_ns()) / NS_PER_S

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, min(seconds, self._left_s())))

    # -- one round ---------------------------------------------------------------------------------------------------------

    async def _at_once(self, way: Way) -> None:
        """Without looking first: what works on these instruments goes, whether it can be listed or not."""
        await way.ready()
        for key in self._keys:
            self._heard(way, key, await self._bounded(way.venue.cancel_all(key)))

    async def _round(self, way: Way) -> bool:
        """True when nothing is left."""
        await way.ready()
        asked_ns = self._clock.mono_ns()
        answer = await self._list(way)
        if isinstance(answer, CouldNotAsk):
            self._failed_lists += 1
            self._in_trouble(f"the venue does not list its orders ({way.name}): {answer.why}")
            self._turn += 1
            if self._everything and self._keys and self._may():
                await self._at_once(way)
            await self._sleep(self._backoff.failed())
            return False
        self._failed_lists = 0
        self._working = self._note(answer)
        if self._working:
            if await self._cancel(way):
                self._backoff.stable()
                await self._pause()
            else:
                self._turn += 1
                await self._sleep(self._backoff.failed())
            return False
        left_ns = self._settled_ns - asked_ns
        if left_ns <= 0:
            return True
        if not self._told_quiet:
            self._told_quiet = True
            self._say(f"nothing is open; what may still be on its way is looked for, for another {left_ns / NS_PER_S:.0f} s")
        await self._pause(left_ns / NS_PER_S)
        return False

    async def _pause(self, at_most_s: float = LOOKS_S[-1]) -> None:
        await self._sleep(min(LOOKS_S[min(self._looks, len(LOOKS_S) - 1)], at_most_s))
        self._looks += 1

    async def _list(self, way: Way) -> Snapshot | CouldNotAsk:
        deadline_s = min(LIST_DEADLINE_S * 2.0 ** min(self._failed_lists, 10), LIST_DEADLINE_S_MAX, max(1.0, self._left_s()))
        try:
            async with asyncio.timeout(deadline_s):
                return await way.venue.snapshot([], 0)
        except TimeoutError:
            return CouldNotAsk(why=f"no answer within {deadline_s:.0f} s")

    def _note(self, snapshot: Snapshot) -> list[OrderReport]:
        """The orders that have to go, each remembered."""
        self._listed = True
        working = [order for order in snapshot.orders if self._wanted(order)]
        for order in working:
            if _name(order) not in self._seen:
                self._looks = 0
            self._seen[_name(order)] = order
        return working

    # -- cancelling --------------------------------------------------------------------------------------------------------

    async def _cancel(self, way: Way) -> bool:
        """Ask for everything that works to be cancelled; whether the venue took it all."""
        taken = True
        asks: list[tuple[str, OrderReport | None]] = []
        for order in self._working:
            if self._everything and _name(order) not in self._tried:
                if (order.key, None) not in asks:
                    asks.append((order.key, None))
            else:
                asks.append((order.key, order))
            self._tried.add(_name(order))
        for start in range(0, len(asks), CANCELS_AT_ONCE):
            if not self._may():
                return False
            batch = asks[start : start + CANCELS_AT_ONCE]
            outcomes = await asyncio.gather(*(self._bounded(_ask(way.venue, key, order)) for key, order in batch))
            for (key, asked), outcome in zip(batch, outcomes, strict=True):
                taken = self._heard(way, key, outcome, asked) and taken
        return taken

    async def _bounded(self, answer: Awaitable[Outcome]) -> Outcome:
        try:
            async with asyncio.timeout(CANCEL_DEADLINE_S):
                return await answer
        except TimeoutError:
            return Unknown(why=f"no answer within {CANCEL_DEADLINE_S:g} s")

    def _heard(self, way: Way, key: str, outcome: Outcome, order: OrderReport | None = None) -> bool:
        """Whether the venue took the cancel; that the order is gone is for the next listing to say."""
        if isinstance(outcome, Accepted):
            for report in outcome.reports:
                if isinstance(report, OrderReport):
                    self._seen[_name(report)] = report
            return True
        if isinstance(outcome, Unknown):
            text = f"{way.name}: {outcome.why}"
        elif outcome.reason is Reason.VENUE_UNKNOWN_ORDER:
            return True
        else:
            text = f"{outcome.reason.sentence} {outcome.code} {outcome.text}".strip()
            if outcome.reason in KEY_REASONS:
                self.key_refused = text
            if outcome.reason is Reason.VENUE_UNKNOWN_SYMBOL and key in self._keys:
                self._unknown_symbols[key.partition(":")[2]] = None
        if order is not None:
            self._why[_name(order)] = text
        self._in_trouble(text)
        return False

    def _in_trouble(self, text: str) -> None:
        """What stands in the way, said once a minute for as long as it does."""
        self._trouble = text
        now_ns = self._clock.mono_ns()
        if now_ns - self._told_ns.get(text, -SAY_AGAIN_NS) >= SAY_AGAIN_NS:
            if len(self._told_ns) >= TEXTS_MAX:
                self._told_ns.clear()
            self._told_ns[text] = now_ns
            self._say(text)

    # -- what came of it ---------------------------------------------------------------------------------------------------

    async def cleared(self) -> Cleared:
        """The account of it. Asks the venue how orders ended of which nothing has said so, for a short while."""
        working = {name for name in map(_name, self._working) if self._seen[name].status is ReportStatus.OPEN}
        gone = [name for name in self._seen if name not in working]
        instruments: dict[str, Instrument] = {}
        if self._seen:
            way = self._ways[self._turn % len(self._ways)]
            try:
                async with asyncio.timeout(EPILOGUE_S):
                    await self._ask_after(way, [name for name in gone if self._seen[name].status is ReportStatus.OPEN])
                    instruments = {item.key: item for item in await way.venue.instruments()}
            except (VenueError, OSError):
                instruments = {}  # what is not known is left out
        lines = {name: _line(self._seen[name], instruments, name not in working, self._why.get(name, "")) for name in self._seen}
        cancelled = {name for name in gone if self._seen[name].reason is Reason.CANCELED}
        return Cleared(
            cancelled=[lines[name] for name in gone if name in cancelled],
            ended=[lines[name] for name in gone if name not in cancelled],
            working=[lines[name] for name in self._seen if name in working],
            listed=self._listed,
            confirmed=self._confirmed,
            rounds=self._rounds,
            trouble=self._trouble,
            key_refused=self.key_refused,
            unknown_symbols=list(self._unknown_symbols),
        )

    async def _ask_after(self, way: Way, names: Iterable[tuple[str, str]]) -> None:
        asked = list(names)[:FINDS_MAX]
        answers: list[Finding] = await asyncio.gather(*(_found(way.venue, self._seen[name]) for name in asked))
        for name, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Found) and answer.order.status is ReportStatus.DONE:
                self._seen[name] = answer.order


def _name(order: OrderReport) -> tuple[str, str]:
    """The venue's own id: a client id may name another order tomorrow."""
    return order.key, order.venue_id or order.client_id


def _ref(order: OrderReport) -> OrderRef:
    return OrderRef(order.key, order.client_id, order.venue_id)


def _ask(venue: Venue, key: str, order: OrderReport | None) -> Awaitable[Outcome]:
    return venue.cancel_all(key) if order is None else venue.cancel(_ref(order))


async def _found(venue: Venue, order: OrderReport) -> Finding:
    return await venue.find(_ref(order))


def _line(order: OrderReport, instruments: dict[str, Instrument], over: bool, why: str) -> Line:
    item = instruments.get(order.key)

    def qty(units: int) -> str:
        return f"{item.qty_decimal(units).normalize():f}" if item is not None else ""

    price = order.price if order.price is not None else order.stop
    how = (order.reason.value if order.reason is not None else "unknown") if over else ""
    return Line(
        symbol=order.key.partition(":")[2],
        client_id=order.client_id,
        venue_id=order.venue_id,
        side=order.side.name,
        type=order.type.value,
        qty=qty(order.qty),
        filled=qty(order.filled),
        price=f"{item.price_decimal(price).normalize():f}" if item is not None and price is not None else "",
        how=how,
        why="" if over else why,
    )


async def probe(way: Way, keys: Iterable[str], probe_id: str) -> list[tuple[str, Outcome]]:
    """Whether the key can cancel: a cancel of an order that there cannot be is answered by that it is not there."""
    await way.ready()
    answers: list[tuple[str, Outcome]] = []
    for key in keys:
        try:
            async with asyncio.timeout(CANCEL_DEADLINE_S):
                answers.append((key, await way.venue.cancel(OrderRef(key, probe_id))))
        except TimeoutError:
            answers.append((key, Unknown(why="no answer")))
    return answers


def key_trouble(answers: Iterable[tuple[str, Outcome]]) -> str:
    """What is wrong with the key by these answers; "" if nothing, or nothing that could be made out."""
    for _, outcome in answers:
        if isinstance(outcome, Rejected) and outcome.reason in KEY_REASONS:
            return f"{outcome.reason.sentence} {outcome.code} {outcome.text}".strip()
    return ""
