"""One run from a strategy class to a summary: the state is built, the shell is fed until it stops, the result is told.

Which venue it is, and whether money is real, was decided before (``build.py``); nothing here asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tickwright.base.clock import NS_PER_S, Clock
from tickwright.base.errors import RefusedError, StrategyError, UsageError
from tickwright.base.ids import fresh_prefix
from tickwright.base.suggest import near_or_list
from tickwright.engine.state import EngineConfig, State
from tickwright.model.effect import Notice
from tickwright.model.event import Verb
from tickwright.model.instrument import Instrument
from tickwright.model.market import Channel, Subscription
from tickwright.ports import Journal, Venue
from tickwright.risk.limits import Limits
from tickwright.run.record import Recording, build, head_of, source_digest
from tickwright.run.shell import Keeper, Shell
from tickwright.strategy.strategy import Strategy


class Plan(msgspec.Struct, kw_only=True):
    """What to run on what. ``symbols`` are as users write them; the first venue's currency is the run's unless given."""

    strategy: type[Strategy]
    params: dict[str, Any]
    venue: Venue
    symbols: Sequence[str]
    limits: Limits
    currency: str = ""
    seconds: float | None = None
    auto_arm: bool = True
    cancel_on_stop: bool = True
    also_close: list[Venue] = []
    recording: Recording | None = None
    strategy_digest: str = ""  # where the run stands in for a strategy's; "": of the strategy's own file
    resume: str = ""  # why the halts of an earlier run are lifted; "": they stand
    reconcile_every_s: float = 60.0
    keepers: list[Keeper] = []  # what else goes on for as long as it runs


class Session:
    """A run that has been prepared: instruments are known, the strategy is attached, nothing has been sent."""

    def __init__(self, plan: Plan, clock: Clock, on_notice: Callable[[Notice], None] | None = None) -> None:
        self.plan = plan
        self.clock = clock
        self.on_notice = on_notice
        self.journal: Journal | None = None
        self.recorded_in = ""  # the folder of this run's record
        self.state: State
        self.shell: Shell
        self.instruments: list[Instrument] = []
        self.started_ns = 0

    async def prepare(self) -> None:
        """Read what the last run left, open the venue, check the key, find the instruments, build the state, begin the record."""
        venue = self.plan.venue
        left = self.plan.recording.left() if self.plan.recording is not None else None
        await venue.open()
        permissions = await venue.permissions()
        if permissions.can_withdraw:
            raise RefusedError(
                "the API key can withdraw", where=venue.caps.venue, hint="make a key that can only read and trade, and use that"
            )
        listed = await venue.instruments()
        self.instruments = [_find(listed, symbol, venue.caps.venue) for symbol in self.plan.symbols]
        self.started_ns = self.clock.wall_ns()
        strategy = self.plan.strategy(**self.plan.params)
        head = head_of(
            strategy,
            self.plan.strategy_digest or source_digest(self.plan.strategy),
            place=self.plan.recording.place if self.plan.recording is not None else venue.caps.venue,
            started_ns=self.started_ns,
            config=self._config(),
            caps=(venue.caps,),
            traded=tuple(item.key for item in self.instruments),
            instruments=tuple(listed),
            left=left,
        )
        self.state, wanted = build(head, strategy)
        subs = _subscriptions(wanted, self.instruments)
        _check_offered(subs, venue)
        if self.plan.recording is not None:
            writer = self.plan.recording.begin(head, self.state)
            self.journal, self.recorded_in = writer, str(writer.folder / writer.run)
        self.shell = Shell(
            self.state,
            {venue.caps.venue: venue},
            {venue.caps.venue: subs},
            self.clock,
            journal=self.journal,
            on_notice=self.on_notice,
            keepers=self.plan.keepers,
        )

    def _config(self) -> EngineConfig:
        taken = self.plan.recording.prefixes() if self.plan.recording is not None else frozenset[str]()
        return EngineConfig(
            currency=self.plan.currency or self.instruments[0].quote,
            limits=self.plan.limits,
            id_prefix=fresh_prefix(self.started_ns, self.clock.mono_ns() // 1000, taken),
            auto_arm=self.plan.auto_arm,
            cancel_on_stop=self.plan.cancel_on_stop,
            reconcile_every_ns=int(self.plan.reconcile_every_s * NS_PER_S),
        )

    async def run(self) -> None:
        """Trade until the time is up, a signal comes or the engine stops; then close the venue."""
        gc.collect()
        gc.freeze()  # what is there at the start stays: the collector need not walk it between a tick and its order
        self._resume()
        timer = asyncio.create_task(self._timer())
        try:
            with _signals(self.stop):
                await self.shell.run()
        finally:
            gc.unfreeze()
            timer.cancel()
            await asyncio.gather(timer, return_exceptions=True)
            await self.close()

    def _resume(self) -> None:
        """A person's word at the start that what had halted an earlier run is in order again."""
        if self.plan.resume:
            for halt in self.state.halts.all():
                self.shell.command(Verb.RESUME, self.plan.resume, halt.scope)

    async def close(self) -> None:
        """Close the journal and every connection."""
        if self.journal is not None:
            self.journal.close()
        for venue in (self.plan.venue, *self.plan.also_close):
            await venue.close()

    def stop(self, why: str) -> None:
        self.shell.command(Verb.STOP, why)

    async def _timer(self) -> None:
        if self.plan.seconds is not None:
            await asyncio.sleep(self.plan.seconds)
            self.stop("the time is up")


def _find(listed: Sequence[Instrument], symbol: str, venue: str) -> Instrument:
    for item in listed:
        if symbol in (item.symbol, item.key):
            return item
    by_native = {item.native: item.symbol for item in listed}
    names = [item.symbol for item in listed]
    hint = f"did you mean {by_native[symbol]!r}?" if symbol in by_native else near_or_list(symbol, names)
    raise UsageError(f"{venue} does not list {symbol!r}", hint=hint)


def _subscriptions(wanted: set[tuple[str, Channel, str]], instruments: Sequence[Instrument]) -> list[Subscription]:
    """What the strategy asked for, and the best bid and ask of every instrument, without which nothing may be priced."""
    subs = {Subscription(key.partition(":")[2], channel, detail) for key, channel, detail in wanted}
    subs |= {Subscription(item.symbol, Channel.QUOTES) for item in instruments}
    return sorted(subs, key=lambda sub: (sub.symbol, sub.channel.value, sub.detail))


def _check_offered(subs: Sequence[Subscription], venue: Venue) -> None:
    for sub in subs:
        if sub.channel not in venue.caps.channels:
            offered = ", ".join(sorted(item.value for item in venue.caps.channels))
            raise StrategyError(f"{venue.caps.venue} has no channel {sub.channel.value}", hint=f"it has {offered}")


@contextlib.contextmanager
def _signals(stop: Callable[[str], None]) -> Any:
    """SIGINT and SIGTERM ask for an orderly stop; a second SIGINT ends the process as usual."""
    loop = asyncio.get_running_loop()
    installed = []

    def asked(number: signal.Signals) -> None:
        stop(number.name)
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, asked, number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
