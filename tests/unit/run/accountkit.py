"""An account at a venue, as much of it as whoever cancels from outside can see, with every kind of trouble to switch on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import VenueError
from tickwright.model.account import AccountUp, Permissions, Snapshot
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY
from tickwright.model.order import (
    Absent,
    Accepted,
    CouldNotAsk,
    Finding,
    Found,
    OrderRef,
    OrderReport,
    OrderType,
    Outcome,
    Rejected,
    ReportStatus,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.ports import AccountSink
from tickwright.run.heartbeat import Beat, Life, Reading
from tickwright.run.sweep import Way
from tickwright.sim.venue_rules import sim_caps
from unit.sim.simkit import BTC

OURS, OURS_TOO, FOREIGN = "tw0abcde00-1", "tw0abcde00-2", "by-hand"
ETH_KEY = "sim:ETH/USDT"
GONE = Rejected(reason=Reason.VENUE_UNKNOWN_ORDER, code="-2011", text="Unknown order sent.")
BAD_KEY = Rejected(reason=Reason.VENUE_KEY, code="-2015", text="Invalid API-key, IP, or permissions for action.")
ROUND_TRIP_S = 0.02


def order(client_id: str, venue_id: str = "", key: str = BTC.key, **more: Any) -> OrderReport:
    """An open order as the venue lists it."""
    whole: dict[str, Any] = {
        "key": key, "client_id": client_id, "venue_id": venue_id or f"v-{client_id}", "side": BUY, "type": OrderType.LIMIT,
        "status": ReportStatus.OPEN, "qty": 5, "filled": 0, "price": 90_00, "stop": None, "reason": None, "venue_ns": 1, "recv_ns": 1,
    }  # fmt: skip
    return OrderReport(**{**whole, **more})


class Account:
    """What is true at the venue."""

    def __init__(self, *orders: OrderReport) -> None:
        self.open = {one.venue_id: one for one in orders}
        self.done: dict[str, OrderReport] = {}
        self.cancels: list[tuple[float, str]] = []  # when, and what

    def end(self, venue_id: str, reason: Reason = Reason.CANCELED) -> None:
        one = self.open.pop(venue_id)
        filled = one.qty if reason is Reason.FILLED else one.filled
        changed = {"status": ReportStatus.DONE, "reason": reason, "filled": filled}
        self.done[venue_id] = OrderReport(**{name: changed.get(name, getattr(one, name)) for name in one.__struct_fields__})

    def ids(self) -> list[str]:
        return sorted(one.client_id for one in self.open.values())


class Desk:
    """One adapter to it. The names of calls in ``troubles`` go wrong: ``down`` is no answer, ``hangs`` is none ever, ``key`` is a key
    that is refused, ``refuses`` is a venue that will not, ``silent`` does it and says nothing.
    """

    caps = sim_caps("sim")

    def __init__(self, account: Account, clock: Clock) -> None:
        self.account_there = account
        self.clock_here = clock
        self.troubles: dict[str, str] = {}
        self.calls: list[str] = []
        self.reports = True  # whether a cancel is answered with what became of the order
        self.closed = False
        self.listed: Sequence[Instrument] = [BTC]
        self.withdraws = False

    async def _trouble(self, call: str) -> str:
        self.calls.append(call)
        await asyncio.sleep(ROUND_TRIP_S)
        found = self.troubles.get(call, self.troubles.get("", ""))
        if found == "hangs":
            await asyncio.Event().wait()
        return found

    async def open(self) -> None:
        if await self._trouble("open"):
            raise VenueError("no answer")

    async def close(self) -> None:
        self.closed = True

    async def instruments(self) -> list[Instrument]:
        if await self._trouble("instruments"):
            raise VenueError("no answer")
        return list(self.listed)

    async def permissions(self) -> Permissions:
        if await self._trouble("permissions"):
            raise VenueError("no answer")
        return Permissions(can_trade=True, can_withdraw=self.withdraws)

    async def run_market(self, _subs: object, _sink: object) -> None:
        await asyncio.Event().wait()

    async def run_account(self, sink: AccountSink) -> None:
        if not await self._trouble("stream"):
            sink(AccountUp("sim", self.clock_here.wall_ns()))
        await asyncio.Event().wait()

    async def snapshot(self, _keys: Sequence[str], _since_ns: int) -> Snapshot | CouldNotAsk:
        if await self._trouble("snapshot"):
            return CouldNotAsk(why="no answer")
        now = self.clock_here.wall_ns()
        orders = tuple(self.account_there.open.values())
        return Snapshot(venue="sim", orders=orders, balances=(), positions=(), fills=(), asked_ns=now, recv_ns=now)

    async def find(self, ref: OrderRef) -> Finding:
        if await self._trouble("find"):
            return CouldNotAsk(why="no answer")
        there = self.account_there
        found = there.open.get(ref.venue_id) or there.done.get(ref.venue_id)
        return Found(order=found) if found is not None else Absent()

    async def cancel(self, ref: OrderRef) -> Outcome:
        trouble = await self._trouble("cancel")
        if trouble not in ("", "silent"):
            return _refusal(trouble)
        there = self.account_there
        one = there.open.get(ref.venue_id)
        if one is None:
            return GONE
        there.cancels.append((asyncio.get_running_loop().time(), one.client_id))
        there.end(one.venue_id)
        if trouble == "silent":
            return Unknown(why="no answer")
        reports = (there.done[one.venue_id],) if self.reports else ()
        return Accepted(venue_id=one.venue_id, at_ns=1, reports=reports)

    async def cancel_all(self, key: str) -> Outcome:
        trouble = await self._trouble("cancel_all")
        if trouble not in ("", "silent"):
            return _refusal(trouble)
        there = self.account_there
        if key not in {item.key for item in self.listed}:
            return Rejected(reason=Reason.VENUE_UNKNOWN_SYMBOL, code="-1121", text="Invalid symbol.")
        ids = [one.venue_id for one in there.open.values() if one.key == key]
        for venue_id in ids:
            there.cancels.append((asyncio.get_running_loop().time(), there.open[venue_id].client_id))
            there.end(venue_id)
        if trouble == "silent":
            return Unknown(why="no answer")
        return Accepted(venue_id="", at_ns=1, reports=tuple(there.done[one] for one in ids) if self.reports else ())


def _refusal(trouble: str) -> Outcome:
    if trouble == "key":
        return BAD_KEY
    if trouble == "refuses":
        return Rejected(reason=Reason.VENUE_OVERLOADED, code="-1008", text="Server is overloaded.")
    return Rejected(reason=Reason.NOT_SENT, text="cannot connect")


def ways_to(account: Account, clock: Clock) -> tuple[tuple[Way, Way], tuple[Desk, Desk]]:
    """Two ways to it, as there are to a real one."""
    desks = Desk(account, clock), Desk(account, clock)
    first: Any = desks[0]
    second: Any = desks[1]
    return (Way("first", first), Way("second", second, stream=True)), desks


class Pulse:
    """A run's heartbeat file, by the time of a world. It beats while ``beating``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.life = Life.ARMED
        self.there = True
        self.spoilt = False
        self.blind = False
        self._stopped_at: int | None = None
        self.prefix = "tw0abcde00-"

    def stop(self) -> None:
        """As a kill does."""
        self._stopped_at = self._clock.mono_ns()

    def go_on(self) -> None:
        self._stopped_at = None

    def say(self, life: Life) -> None:
        """Its last word."""
        self.life = life
        self.stop()

    def read(self) -> Reading | None:
        """What the guard finds."""
        if not self.there:
            return None
        if self.blind:
            return Reading((), None, "Permission denied", blind=True)
        count = (self._stopped_at or self._clock.mono_ns()) // (NS_PER_S // 2)
        if self.spoilt:
            return Reading((0, count), None, "it is not a heartbeat")
        beat = Beat(
            life=self.life, count=count, prefix=self.prefix, pid=1, venue="sim", environment="testnet", symbols=("BTC/USDT",),
            open_orders=1, halts=(), wall_ns=self._clock.wall_ns(), mono_ns=self._clock.mono_ns(), every_ms=500,
        )  # fmt: skip
        return Reading((count, 1 if self.life.is_over else 0), beat)
