"""`tickwright guard`: a process of its own, with a key of its own, that cancels a run's orders when the run is dead.

Guarantees: nothing is cancelled while the heartbeat moves, and it is read again before every batch of cancels; silence is time
that the guard itself was awake, by its own monotonic clock, so that a machine that slept or a clock that was set is no silence;
once a run is taken for dead the venue is asked until it lists none of its orders any more, however long the network is gone; that
the list is empty counts only once what the run may have sent last can no longer arrive.

Does not: stop, start or talk to the run, sell or buy, or judge by process ids (a container has its own). What it takes for ours
is told by the client id.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_MS, NS_PER_S, Clock, SystemClock
from tickwright.base.errors import ConfigError, ExitCode, RefusedError, UsageError, VenueError
from tickwright.base.ids import made_here
from tickwright.base.suggest import near_or_list
from tickwright.model.caps import Caps
from tickwright.model.order import Accepted, OrderReport, Rejected
from tickwright.model.reason import Reason
from tickwright.run.build import is_file, make_venue, venue_section
from tickwright.run.config import Config, load_config
from tickwright.run.heartbeat import BEAT_EVERY_S, FILE_NAME, Beat, Life, Reading, read
from tickwright.run.logs import Redactor, setup_logs
from tickwright.run.options import RunOptions
from tickwright.run.runner import environment_of, fast_loop
from tickwright.run.secrets import Credentials, require_credentials
from tickwright.run.state_dir import state_dir
from tickwright.run.sweep import Cleared, Line, Sweep, Way, key_trouble, probe
from tickwright.venues import load

POLL_S = 0.25
SILENCE_S = 5.0
#: Less than four beats is no silence.
SILENCE_S_MIN = 4 * BEAT_EVERY_S
#: The key is tried this often, and this soon again while the venue does not answer: a key that has lapsed is told in good time.
CHECK_EVERY_S, CHECK_AGAIN_S = 600.0, 15.0
#: No order has this id: a cancel of it changes nothing, and shows that the key can cancel.
PROBE_ID = "tickwright-guard-probe"
PROFILE = "guard"


class GuardOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of `tickwright guard`."""

    venue: str = ""
    testnet: bool = False
    live: bool = False
    symbols: tuple[str, ...] = ()
    everybodys: bool = False  # every order on the symbols, not only those made here
    silence_s: float = SILENCE_S
    once: bool = False
    profile: str = PROFILE
    config: Path | None = None
    quiet: bool = False


class Verdict(enum.Enum):
    """What is to be thought of the run."""

    NOBODY = "nobody"  # there has been no run
    ALIVE = "alive"
    QUIET = "quiet"  # not heard of for longer than a beat takes, not long enough
    ENDED = "ended"
    DEAD = "dead"
    BLIND = "blind"  # the file may not be read: nothing can be said


class Watch:
    """Judges the file, look by look. Pure: the reading and the time are handed in."""

    def __init__(self, silence_s: float, poll_s: float = POLL_S) -> None:
        self._silence_ns = int(silence_s * NS_PER_S)
        self._step_max_ns = int(2 * poll_s * NS_PER_S)
        self._mark: tuple[int, ...] | None = None
        self._quiet_ns = 0
        self._looked_ns = 0
        self.moved_ns = 0  # when the file was last seen to have moved
        self.beat: Beat | None = None  # the last that could be read

    @property
    def mark(self) -> tuple[int, ...] | None:
        """Of the file as it was last seen."""
        return self._mark

    def look(self, reading: Reading | None, now_ns: int) -> Verdict:
        """What is to be thought now. A look that comes late adds no more silence than one that comes in time."""
        waited_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        if reading is not None and reading.blind:
            return Verdict.BLIND
        if reading is None and self._mark is None:
            return Verdict.NOBODY
        if reading is not None and reading.mark != self._mark:
            self._mark, self._quiet_ns, self.moved_ns = reading.mark, 0, now_ns
        else:
            self._quiet_ns += min(waited_ns, self._step_max_ns)
        if reading is not None and reading.beat is not None:
            self.beat = reading.beat
        # What a file that is gone said last still holds; one that is spoilt is judged by its silence alone.
        spoilt = self.beat is None or (reading is not None and reading.beat is None)
        life = None if spoilt or self.beat is None else self.beat.life
        if life is Life.ENDED:
            return Verdict.ENDED
        if life is Life.DEAD or self._quiet_ns >= self._silence_ns:
            return Verdict.DEAD
        return Verdict.QUIET if self._quiet_ns > self._silence_ns // 2 else Verdict.ALIVE


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard has seen and done. ``acted`` counts how often it found a run dead; not ``confirmed``: it was ended before the
    venue had said that none of the orders is left.
    """

    venue: str
    environment: str
    verdict: str
    run: str
    acted: int
    confirmed: bool
    cancelled: list[Line]
    ended: list[Line]
    working: list[Line]
    trouble: str


class Guard:
    """One account under watch."""

    def __init__(
        self,
        ways: Sequence[Way],
        look: Callable[[], Reading | None],
        wanted: Callable[[OrderReport], bool],
        clock: Clock,
        chance: Chance,
        *,
        silence_s: float = SILENCE_S,
        everything: bool = False,
        once: bool = False,
        keys: Sequence[str] = (),
    ) -> None:
        self.ways = ways
        self.watch = Watch(silence_s)
        self.verdict = Verdict.NOBODY
        self.cases: list[Cleared] = []
        self._look = look
        self._wanted = wanted
        self._clock = clock
        self._chance = chance
        self._everything = everything
        self._once = once
        self._keys = tuple(keys)
        self._dealt_with: tuple[int, ...] | None = None
        self._clearing: Sweep | None = None  # while it has not come to an end
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Watch until cancelled; with ``once`` until a run has ended or was dealt with. Raises what makes the guard useless."""
        watching, checking = asyncio.create_task(self._watch()), asyncio.create_task(self._check())
        try:
            await asyncio.wait((watching, checking), return_when=asyncio.FIRST_COMPLETED)
            for task in (checking, watching):
                if task.done():
                    task.result()
        finally:
            watching.cancel()
            checking.cancel()
            await asyncio.gather(watching, checking, return_exceptions=True)
            if self._clearing is not None:
                self.cases.append(await self._clearing.cleared())

    # -- watching ----------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            verdict = self._judge()
            if verdict is Verdict.DEAD and self.watch.mark != self._dealt_with:
                await self._deal()
            elif verdict is Verdict.ENDED and self._once:
                return
            if self._once and self._dealt_with is not None:
                return
            await asyncio.sleep(POLL_S)

    def _judge(self) -> Verdict:
        before, self.verdict = self.verdict, self.watch.look(self._look(), self._clock.mono_ns())
        if before is not self.verdict:
            told = _SAID[self.verdict]
            write = self._log.error if self.verdict in (Verdict.DEAD, Verdict.BLIND) else self._log.info
            write(told, **_about(self.watch.beat))
        return self.verdict

    def _still_dead(self) -> bool:
        return self._judge() is Verdict.DEAD

    async def _deal(self) -> None:
        """Cancel what the run has left, until the venue lists none of it, or the run turns out to live."""
        mark = self.watch.mark
        sweep = self._clearing = Sweep(
            self.ways,
            self._wanted,
            self._clock,
            self._chance,
            settled_ns=self.watch.moved_ns + fence_ns(self.ways[0].venue.caps),
            everything=self._everything,
            may=self._still_dead,
            say=self._log.warning,
        )
        await sweep.run()
        cleared = await sweep.cleared()
        self._clearing = None
        self.cases.append(cleared)
        for line in cleared.cancelled:
            self._log.warning(f"cancelled: {line}")
        for line in cleared.ended:
            self._log.warning(f"ended: {line}")
        if cleared.confirmed:
            self._dealt_with = mark
            self._log.warning("the venue confirms that none is left", cancelled=len(cleared.cancelled), ended=len(cleared.ended))
        else:
            self._log.warning("the run lives again: nothing more is cancelled")

    # -- its own key -------------------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Try the key, for ever. One that is no good when the guard starts makes it useless: it ends with an error. Later on that
        is said, and tried again.
        """
        proved = False
        while True:
            answers = await probe(self.ways[0], self._probed(), PROBE_ID)
            wrong = key_trouble(answers)
            unknown = [key for key, outcome in answers if _is(outcome, Reason.VENUE_UNKNOWN_SYMBOL)]
            good = [key for key, outcome in answers if isinstance(outcome, Accepted) or _is(outcome, Reason.VENUE_UNKNOWN_ORDER)]
            if wrong and proved:
                self._log.error("the guard's key is no longer of use", why=wrong)
            elif wrong:
                raise VenueError(f"the guard's key cannot cancel: {wrong}", where=self.ways[0].venue.caps.venue)
            elif unknown and unknown[0] in self._keys:
                raise UsageError(f"{self.ways[0].venue.caps.venue} does not list {unknown[0].partition(':')[2]!r}")
            elif not proved and (good or unknown):
                await self._prove()
                proved = True
            if not proved:
                self._log.warning("the guard's key could not be tried yet", why=self.ways[0].trouble or str(answers[0][1])[:200])
            await asyncio.sleep(CHECK_EVERY_S if proved else CHECK_AGAIN_S)

    def _probed(self) -> tuple[str, ...]:
        venue = self.ways[0].venue.caps.venue
        known = self.watch.beat.symbols[:1] if self.watch.beat is not None else ()
        return self._keys or tuple(f"{venue}:{symbol}" for symbol in known or ("BTC/USDT",))

    async def _prove(self) -> None:
        venue = self.ways[0].venue
        try:
            allowed = await venue.permissions()
        except VenueError as error:
            self._log.warning("the venue does not tell what the guard's key may do", why=str(error))
            return
        if allowed.can_withdraw:
            raise RefusedError(
                "the guard's key can withdraw", where=venue.caps.venue, hint="make one that can only read and trade"
            )
        self._log.info("the guard's key can cancel")

    def report(self, environment: str) -> Guarded:
        """What it has seen and done so far."""
        beat, last = self.watch.beat, self.cases[-1] if self.cases else None
        return Guarded(
            venue=self.ways[0].venue.caps.venue,
            environment=environment,
            verdict=self.verdict.value,
            run=beat.prefix if beat is not None else "",
            acted=len(self.cases),
            confirmed=self._clearing is None,
            cancelled=[line for case in self.cases for line in case.cancelled],
            ended=[line for case in self.cases for line in case.ended],
            working=last.working if last is not None and self._clearing is not None else [],
            trouble=last.trouble if last is not None and self._clearing is not None else "",
        )


_SAID = {
    Verdict.NOBODY: "no run has been here yet",
    Verdict.ALIVE: "the run is alive",
    Verdict.QUIET: "the run has not been heard of for a while",
    Verdict.ENDED: "the run ended in order: what it left is left on purpose",
    Verdict.DEAD: "the run is dead: its orders are being cancelled",
    Verdict.BLIND: "the heartbeat may not be read: nothing can be said of the run, and nothing is cancelled",
}


def _about(beat: Beat | None) -> dict[str, object]:
    if beat is None:
        return {}
    told: dict[str, object] = {"run": beat.prefix, "pid": beat.pid, "life": beat.life.value, "open_orders": beat.open_orders}
    return told | ({"why": beat.why} if beat.why else {})


def _is(outcome: object, reason: Reason) -> bool:
    return isinstance(outcome, Rejected) and outcome.reason is reason


def fence_ns(caps: Caps) -> int:
    """How long after it was sent, at most, a request can still be taken, worked on and be missing from a list."""
    return caps.clock_ahead_ns + caps.deadline_ns + caps.processing_ns + caps.find_lag_ns


# -- from flags to a guard -------------------------------------------------------------------------------------------------


def guard(options: GuardOptions) -> tuple[Guarded, ExitCode]:
    """Watch until a signal; with ``once`` until a run has ended (code OK) or was dealt with (ACTED)."""
    if not options.silence_s >= SILENCE_S_MIN:
        raise UsageError(
            f"--silence must be at least {SILENCE_S_MIN:g}, not {options.silence_s:g}", hint="a run beats twice a second"
        )
    config = load_config(options.config)
    redactor = setup_logs("warning" if options.quiet else config.log.level, config.log.format)
    name, environment = account_of(config, options.venue, testnet=options.testnet, live=options.live)
    symbols = options.symbols or (config.run.symbols if options.everybodys else ())
    if options.everybodys and not symbols:
        raise UsageError("--all needs to know on which instruments", hint="add --symbol BTC/USDT")
    folder = state_dir(config, name, environment)
    found = read(folder / FILE_NAME)
    if found is not None and found.blind:
        raise ConfigError(f"the heartbeat may not be read: {found.trouble}", where=str(folder / FILE_NAME))
    credentials = keys_of(config, name, environment, options.profile, redactor)
    clock, chance = SystemClock(), Chance(None)
    keys = tuple(f"{name}:{symbol}" for symbol in symbols)

    def wanted(order: OrderReport) -> bool:
        return (not keys or order.key in keys) and (options.everybodys or made_here(order.client_id))

    with fast_loop() as runner:
        result: tuple[Guarded, ExitCode] = runner.run(
            _guard(options, ways_of(config, name, environment, credentials, clock, chance), folder, wanted, keys, environment)
        )
        return result


async def _guard(
    options: GuardOptions,
    ways: Sequence[Way],
    folder: Path,
    wanted: Callable[[OrderReport], bool],
    keys: Sequence[str],
    environment: str,
) -> tuple[Guarded, ExitCode]:
    one = Guard(
        ways,
        lambda: read(folder / FILE_NAME),
        wanted,
        SystemClock(),
        Chance(None),
        silence_s=options.silence_s,
        everything=options.everybodys,
        once=options.once,
        keys=keys,
    )
    running = asyncio.create_task(one.run())
    try:
        with _signals(running.cancel):
            await asyncio.gather(running, return_exceptions=True)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for way in ways:
            await way.close()
    if not running.cancelled():
        running.result()  # what it raised
    report = one.report(environment)
    if not report.confirmed:
        return report, ExitCode.VENUE
    return report, ExitCode.ACTED if options.once and report.acted else ExitCode.OK


@contextlib.contextmanager
def _signals(stop: Callable[[], object]) -> Iterator[None]:
    """SIGINT and SIGTERM end the watch."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


# -- shared with panic -----------------------------------------------------------------------------------------------------


def account_of(config: Config, venue: str, *, testnet: bool, live: bool) -> tuple[str, str]:
    """The venue and which of its accounts: it has to be said, since orders are cancelled there."""
    name = venue or config.run.venue
    if is_file(name):
        raise UsageError("only a venue that Tickwright knows by name can be reached from outside of a run", where=name)
    load(name)  # a name that is not one is told here
    options = RunOptions(venue=name, testnet=testnet, live=live)
    options.check()
    if not (testnet or live):
        raise UsageError("which account is meant?", hint="add --testnet or --live; a paper account ends with its run")
    return name, environment_of(options, config, name)


def keys_of(config: Config, name: str, environment: str, profile: str, redactor: Redactor) -> Credentials:
    """The key that is cancelled with: a profile's, or with ``run`` the one that runs trade with."""
    if profile not in (PROFILE, "run"):
        raise UsageError(f"there are no keys called {profile!r}", hint=near_or_list(profile, (PROFILE, "run")))
    asked = "" if profile == "run" else profile
    credentials = require_credentials(name, venue_section(config, name), environment=environment, profile=asked)
    redactor.learn(credentials.secret)
    return credentials


def ways_of(
    config: Config, name: str, environment: str, credentials: Credentials, clock: Clock, chance: Chance
) -> tuple[Way, ...]:
    """Every way to the account that there is: by single requests, and over the account's own connection."""
    section = venue_section(config, name)
    direct = msgspec.structs.replace(section, use_rest_orders=True)
    kept_up = msgspec.structs.replace(section, use_rest_orders=False)
    return (
        Way("by request", make_venue(name, direct, credentials, clock, chance, environment=environment)),
        Way(
            "over the account's connection",
            make_venue(name, kept_up, credentials, clock, chance, environment=environment),
            stream=True,
        ),
    )


def seconds_since(beat: Beat, clock: Clock) -> float:
    """How long ago a beat was written, by the wall clock: for people, not for judging."""
    return (clock.wall_ns() - beat.wall_ns) // NS_PER_MS / 1_000
