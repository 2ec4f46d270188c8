"""One seed: a world is drawn, a run lives in it through what goes wrong, then the world is calm, and then it is judged.

1. Safety: faults are on. The run is started again whenever it has ended, as a supervisor would; invariants hold after each step.
2. Liveness: nothing goes wrong any more. Within a bound the run is reconciled, has no doubt, and trades again once a person
   has lifted the halts that only a person lifts.
3. The run stops in order. The audit reads the venue's log and the journal.
4. Each life is replayed from the journal, effect by effect; the account rebuilt from it is the one that the run knew.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.errors import TickwrightError
from tickwright.base.numbers import MONEY_EXP, to_decimal
from tickwright.base.secret import Secret
from tickwright.engine import carry
from tickwright.engine.state import State
from tickwright.journal.reader import read_run, run_names
from tickwright.journal.record import Steps
from tickwright.journal.writer import Bounds, Durability
from tickwright.model.event import Tick, Verb
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL
from tickwright.model.order import NewOrder, OrderType, Tif
from tickwright.model.reason import Reason
from tickwright.orders.kept import KeptOrder
from tickwright.orders.machine import Status
from tickwright.risk.limits import Limits
from tickwright.run.record import Recording, recover
from tickwright.run.replay import replay_run
from tickwright.run.runner import connections_of
from tickwright.run.session import Plan, Session
from tickwright.run.world.audit import BY_HAND, Fate, Record, Violation, audit
from tickwright.run.world.invariants import BrokenError, Watchman
from tickwright.run.world.marks import Marks
from tickwright.run.world.restless import Restless, RestlessByBook
from tickwright.run.world.swarm import NEVER_FULL, Draw
from tickwright.sim.faults import Fault, FaultKind, Faults
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.binance_spot.config import ONE
from tickwright.sim.world import Deadlock, Node, World, WorldError, serve_stand
from tickwright.strategy.strategy import Strategy
from tickwright.venues.binance_spot import Adapter
from tickwright.venues.kit import VenueConfig

#: Calm seconds within which everything must be in order: the resolver's longest pause, the fence, and reconnecting with them.
CALM_S = 150.0
#: And the seconds after that within which an order must have been accepted (a clock is measured once a minute) and the run ended.
TRADES_AGAIN_S = 130.0
STOPS_S = 40.0
#: INV-31: fewer attempts than this of one connection within so many seconds; a fifth of what the venue allows an address.
CONNECTS_MAX, CONNECTS_WITHIN_S = 30, 60.0
#: Levels of a book that are compared, on each side.
LEVELS = 20
#: Seconds within which a book that is kept has been at the venue's update at some moment.
SAME_BOOK_S = 30.0
#: A supervisor starts a run again after so long.
AGAIN_S = 1.0
#: The account's own name for its folder on the simulated disk, and in its heads.
FOLDER = Path("/state/journal")
PLACE = "world"
SYMBOL, NATIVE, KEY = "BTC/USDT", "BTCUSDT", "binance_spot:BTC/USDT"
LIMITS = Limits(
    max_order_value=Decimal(10_000),
    max_order_qty=Decimal(1),
    max_position=Decimal(1),
    submits_per_minute=300,
    reject_streak=20,
    rolling_collar_ppm=None,
)


class SeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to."""

    seed: int
    violations: list[Violation]
    digest: str
    submissions: int
    fills: int
    lives: int
    crashes: int
    disk_calls: int  # of the client, while things went wrong
    steps: int
    simulated_s: float
    marks: dict[str, int]


class Life:
    """One process after another on the client's node, as a supervisor keeps it, and what is true of all of them."""

    def __init__(
        self, draw: Draw, world: World, client: Node, stand: BinanceSpotStand, base: str, strategy: type[Strategy]
    ) -> None:
        self.draw = draw
        self.world = world
        self.client = client
        self.stand = stand
        self.base = base
        self.strategy = strategy
        self.session: Session | None = None
        self.watchman = Watchman(trusting=not draw.broken)
        self.violations: list[Violation] = []
        self.lives = 0
        self.crashes = 0
        self.tries: dict[str, deque[float]] = {}  # when each connection of each life was last tried
        self.made: dict[str, int] = {}
        self.disk_calls = 0  # while things went wrong
        self.books = 0  # times that a book was compared with the venue's
        self.resume = ""
        self.stopping = False
        self.ended = False
        self.last_error = ""

    def start(self) -> None:
        """A process begins."""
        self.session = None
        self.client.start(self._supervise(), "run")

    def crash(self, power: bool) -> None:
        """The process, or the machine, dies now."""
        if self.client.is_up:
            self.crashes += 1
            self.world.crash(self.client, power=power)

    def again(self) -> None:
        """A new process where there is none."""
        if not self.client.is_up:
            self.world.restart(self.client)
            self.start()

    async def _supervise(self) -> None:
        """Start the run, and start it again when it has ended, until it was stopped on purpose."""
        while not (self.stopping and self.ended):
            self.ended = False
            try:
                await self._run()
            except TickwrightError as error:  # no connection, a full disk: the supervisor tries again
                self.last_error = str(error)
            if not self.stopping:
                await asyncio.sleep(AGAIN_S)

    async def _run(self) -> None:
        self.lives += 1
        session = self._session()
        try:
            await session.prepare()
        except BaseException:
            await session.close()
            raise
        self._watch(session)
        self.session = session
        await session.run()
        self.ended = True

    def _session(self) -> Session:
        about = self.stand.about(self.base)
        venue = Adapter(
            VenueConfig(
                rest_url=about["rest_url"],
                ws_url=about["ws_url"],
                ws_api_url=about["ws_api_url"],
                key=about["api_key"],
                secret=Secret(about["api_secret"].encode()),
            ),
            self.client.clock,
            self.client.chance.fork(f"life {self.lives}"),
        )
        recording = Recording(
            FOLDER,
            PLACE,
            Durability(self.draw.durability),
            disk=self.client.disk,
            bounds=Bounds(segment=self.draw.segment_bytes, free=0),
            background=_at_once,
        )
        own = issubclass(self.strategy, Restless)
        params = {"luck": self.draw.seed, "raises_at": self.draw.raises_at} if own else {}
        return Session(
            Plan(
                strategy=self.strategy,
                params=params,
                venue=venue,
                symbols=[SYMBOL],
                limits=LIMITS,
                recording=recording,
                resume=self.resume,
                reconcile_every_s=20.0,
            ),
            self.client.clock,
        )

    def _watch(self, session: Session) -> None:
        """Look after every step, before its effects are performed."""
        shell = session.shell
        inner = shell._record  # noqa: SLF001 (the one place that sees each step whole, before its effects are performed)
        assert inner is not None, "a run in the world is recorded"

        self.watchman.begin()

        def record(seq: int, event: Any, effects: Any) -> None:
            try:
                self.watchman.look(shell.state, event, effects)
            except BrokenError as error:
                self.violations.append(Violation("invariant", f"step {seq}: {error}"))
            if type(event) is Tick:
                self._look_at_book(shell.state)
                self._look_at_connections(session)
            inner(seq, event, effects)

        shell._record = record  # noqa: SLF001 (see above)

    def _look_at_book(self, state: State) -> None:
        """A book that is kept and is at the venue's update has its prices and sizes, as deep as anybody looks."""
        book, market = state.books.get(KEY), self.stand.markets[NATIVE]
        if book is None or not book.ready or book.seq != market.book_id:
            return
        self.books += 1
        for name, ours, theirs, last in (
            ("bids", book.bids(LEVELS), market.bids, True),
            ("asks", book.asks(LEVELS), market.asks, False),
        ):
            prices = sorted(theirs, reverse=last)[:LEVELS]
            expected = [(price / ONE, theirs[price] / ONE) for price in prices]
            if list(ours) != expected:
                wrong = next(pair for pair in zip(ours, expected, strict=False) if pair[0] != pair[1])
                text = f"{name} at update {book.seq}: {wrong[0]} here, {wrong[1]} at the venue"
                self.violations.append(Violation("book", text))

    def _look_at_connections(self, session: Session) -> None:
        """INV-31: nobody knocks so often that the venue would lock the door."""
        now_s = self.world.now_s
        for name, counters in connections_of(session.plan.venue).items():
            tries = self.tries.setdefault(f"{self.lives} {name}", deque(maxlen=CONNECTS_MAX))
            made = counters.connects + counters.failures
            for _ in range(made - self.made.get(f"{self.lives} {name}", 0)):
                tries.append(now_s)
            self.made[f"{self.lives} {name}"] = made
            if len(tries) == CONNECTS_MAX and now_s - tries[0] < CONNECTS_WITHIN_S:
                self.violations.append(
                    Violation("invariant", f"INV-31 {name}: {CONNECTS_MAX} attempts in {now_s - tries[0]:.0f} s")
                )

    # -- what is asked of it -------------------------------------------------------------------------------------------

    @property
    def running(self) -> Session | None:
        """The session, where one is trading."""
        session = self.session
        if session is None or not self.client.is_up or self.ended or session.shell.stopped is not None or session.shell.failure:
            return None
        return session

    def in_order(self) -> bool:
        """Reconciled, nothing in doubt, streams up."""
        session = self.running
        if session is None:
            return False
        state = session.state
        venue = state.venues["binance_spot"]
        return (
            venue.account_up
            and venue.reconciled
            and not state.orders.in_doubt()
            and not state.orders.short_of_fills()
            and not state.market(KEY).down
            and bool(state.market(KEY).quoted_ns)
        )

    def person(self) -> None:
        """Lift what only a person lifts."""
        session = self.running
        if session is not None:
            self.client.loop.call_soon(_lift, session)


def _lift(session: Session) -> None:
    for halt in session.state.halts.all():
        session.shell.command(Verb.RESUME, "a person has looked", halt.scope)
    if not session.state.armed:
        session.shell.command(Verb.ARM, "a person has looked")


def _at_once(work: Callable[[], None]) -> None:
    work()


def run_seed(draw: Draw, strategy: type[Strategy] | None = None) -> SeedResult:
    """Live through it, and judge. Nothing is raised: what goes wrong is a violation."""
    with _left_behind():
        return _run_seed(draw, strategy)


def _run_seed(draw: Draw, strategy: type[Strategy] | None) -> SeedResult:
    strategy = strategy or (RestlessByBook if draw.book else Restless)
    config = StandConfig(
        seed=draw.seed,
        symbols=(NATIVE,),
        pace_ms=draw.pace_ms,
        life_s=draw.life_s,
        faults=Faults(seed=draw.seed, fault=draw.stand),
    )
    stand = BinanceSpotStand(config)
    marks = Marks()
    with marks.counting(), World(draw.seed, faults=draw.net) as world:
        venue = world.node("venue")
        client = world.node("client", wall_ahead_ns=draw.ahead_ms * 1_000_000, drift_ppm=draw.drift_ppm, disk=draw.disk)
        life = Life(draw, world, client, stand, serve_stand(venue, stand), strategy)
        try:
            _live(draw, world, life)
        except (Deadlock, WorldError) as error:
            life.violations.append(Violation("world", str(error)[:2_000]))
        marks.take(world, stand, client, life.session)
        digest = hashlib.blake2b(world.digest().encode() + _bytes(client), digest_size=16).hexdigest()
    violations = life.violations or _judge(life, client, stand)
    return SeedResult(
        seed=draw.seed,
        violations=violations,
        digest=digest,
        submissions=life.watchman.submissions,
        fills=len(stand.state()["fills"]),  # type: ignore[arg-type]  # a list
        lives=life.lives,
        crashes=life.crashes,
        disk_calls=life.disk_calls,
        steps=world.scheduler.steps,
        simulated_s=round(world.now_s, 3),
        marks=marks.counts,
    )


@contextlib.contextmanager
def _left_behind() -> Iterator[None]:
    """What a killed process had open nobody closes: that is no leak."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def _live(draw: Draw, world: World, life: Life) -> None:
    """Safety, then liveness, then an orderly end."""
    _plan(draw, world, life)
    life.start()
    world.run_until(lambda: bool(life.violations), limit_s=draw.seconds)
    if life.violations:
        return
    life.disk_calls = life.client.disk.calls
    _calm(draw, world, life)
    deadline_s = world.now_s + CALM_S
    while not life.in_order() and world.now_s < deadline_s and not life.violations:
        world.run_until(life.in_order, limit_s=5.0)
        life.person()
    if not life.in_order():
        life.violations.append(Violation("liveness", f"not in order after {CALM_S:g} calm seconds: {_stuck(life)}"))
        return
    _same_book(world, life)
    _trade_again(world, life)
    if not life.violations:
        _stop(world, life)


def _plan(draw: Draw, world: World, life: Life) -> None:
    """Put everything that was drawn at its moment."""
    client = life.client
    for step in draw.steps:
        world.at(step.at_s, lambda ms=step.ms: client.clock.step(ms * 1_000_000))  # type: ignore[misc]  # bound now
    for pause in draw.pauses:
        world.at(pause.at_s, lambda seconds=pause.seconds: client.freeze(seconds) if client.is_up else None)  # type: ignore[misc]  # bound now
    for crash in draw.crashes:
        power = crash.power and draw.durability == "power"  # otherwise what was sent need not be on record, as documented
        world.at(crash.at_s, lambda power=power: life.crash(power))  # type: ignore[misc]  # bound now
        world.at(crash.at_s + crash.down_s, life.again)
    for point in draw.crash_calls:
        world.crash_at_call(client, point.call, power=point.power, midway=point.midway)
        for half in range(1, int(2 * draw.seconds)):  # whenever it was, it is started again half a second later at the most
            world.at(half / 2, life.again)
    for number, hand in enumerate(draw.hands):
        world.at(hand.at_s, lambda hand=hand, number=number: _by_hand(life, hand.does, number))  # type: ignore[misc]  # bound now


def _by_hand(life: Life, does: str, number: int) -> None:
    """Somebody uses the account beside us."""
    exchange, now_ns = life.stand.exchange, life.world.nodes["venue"].clock.wall_ns()
    if does == "sweep":
        exchange.cancel_all("main", KEY, now_ns)
        return
    market = life.stand.markets[NATIVE]
    rests, buys = does == "rest", does != "sell"
    price = max(market.bids) * 9 // 10 // 1_000_000 * 1_000_000
    order = NewOrder(
        key=KEY,
        client_id=f"{BY_HAND}{number}",
        side=BUY if buys else SELL,
        type=OrderType.LIMIT if rests else OrderType.MARKET,
        qty=200_000,
        price=price if rests else None,
        stop=None,
        tif=Tif.GTC if rests else Tif.IOC,
        post_only=False,
        reduce_only=False,
    )
    exchange.submit("main", order, now_ns)


def _calm(draw: Draw, world: World, life: Life) -> None:
    """From here on nothing goes wrong any more."""
    world.network.change(draw.net.calm())
    life.stand.faults.clear()
    life.client.disk.faults = msgspec.structs.replace(
        draw.disk, sync_fails_share=0.0, write_fails_share=0.0, bytes_max=NEVER_FULL
    )
    life.resume = "a person has looked"
    for kind in (FaultKind.CLOCK, FaultKind.REVOKED, FaultKind.ARCHIVED):
        life.stand.inject(Fault(kind=kind, value=0.0))
    clock = life.client.clock
    clock.drift(0)
    clock.step(world.nodes["venue"].clock.wall_ns() - clock.wall_ns())
    ends = [crash.at_s + crash.down_s for crash in draw.crashes] + [pause.at_s + pause.seconds for pause in draw.pauses]
    latest = max(ends, default=0.0)
    world.run_until(lambda: bool(life.violations), limit_s=max(0.0, latest - world.now_s) + 0.001)
    life.again()


def _same_book(world: World, life: Life) -> None:
    """A book that is kept has been at the venue's update at some moment, and looked at then."""
    session, looked = life.running, life.books
    if session is not None and KEY in session.state.books:
        world.run_until(lambda: life.books > looked, limit_s=SAME_BOOK_S)
        if life.books == looked:
            book = session.state.books[KEY]
            life.violations.append(Violation("book", f"at update {book.seq}, ready: {book.ready}: never the venue's"))


def _trade_again(world: World, life: Life) -> None:
    """An order is accepted again, once a person has lifted what only a person lifts."""
    life.person()
    accepted, sent = _accepted(life), life.watchman.submissions
    deadline_s = world.now_s + TRADES_AGAIN_S
    while _accepted(life) == accepted and world.now_s < deadline_s and not life.violations:
        if world.run_until(lambda: life.watchman.submissions > sent, limit_s=5.0):
            world.advance(0.5)
        life.person()
    session = life.running
    if session is None:
        life.violations.append(Violation("liveness", "the run ended although nothing goes wrong any more"))
    elif _accepted(life) == accepted and not all(runtime.halted for runtime in session.state.runtimes):
        life.violations.append(Violation("liveness", f"no order in {TRADES_AGAIN_S:g} calm seconds: {_stuck(life)}"))


def _accepted(life: Life) -> int:
    return sum(item["call"] != "cancel" for item in life.stand.state()["requests"])  # type: ignore[union-attr, index, call-overload]  # a list of tables


def _stuck(life: Life) -> str:
    session = life.running
    if session is None:
        return f"no session is running; life {life.lives}, up {life.client.is_up}: {life.last_error}"
    state = session.state
    venue = state.venues["binance_spot"]
    differences = state.reconciliation.differences if state.reconciliation is not None else ()
    facts = {
        "account up": venue.account_up,
        "reconciled": venue.reconciled,
        "differences": differences[:3],
        "doubts": state.orders.in_doubt()[:3],
        "short": state.orders.short_of_fills()[:3],
        "streams down": sorted(channel.value for channel in state.market(KEY).down),
        "armed": state.armed,
        "halts": state.halts.all(),
        "conditions": state.halts.conditions(),
    }
    return ", ".join(f"{name}: {value}" for name, value in facts.items())


def _stop(world: World, life: Life) -> None:
    session = life.running
    assert session is not None, "it has just traded"
    life.stopping = True
    life.client.loop.call_soon(session.stop, "the seed is over")
    if not world.run_until(lambda: life.ended, limit_s=STOPS_S):
        life.violations.append(Violation("liveness", f"not stopped after {STOPS_S:g} s: {_stuck(life)}"))
        return
    world.advance(1.0)
    stopped = session.shell.stopped
    if stopped is None or not stopped.clean:
        life.violations.append(Violation("liveness", f"it did not end in order: {stopped}"))


def _judge(life: Life, client: Node, stand: BinanceSpotStand) -> list[Violation]:
    """The audit, the rebuilding, and the replays."""
    session, disk = life.session, client.disk
    assert session is not None, "it has run"
    record = Record()
    runs = run_names(FOLDER, disk)
    for run in runs:
        for item in read_run(FOLDER, run, disk):
            if isinstance(item, Steps):
                record.read(item.steps)
    left = recover(FOLDER, disk, PLACE)
    assert left is not None, "it is on record"
    found = []
    if left.carried != carry.keep(session.state):
        found.append(Violation("rebuilt", "the account rebuilt from the journal is not the one that the run knew"))
    fates = {item.client_id: _fate(item) for item in (*left.carried.orders.open, *left.carried.orders.ended)}
    held = {purse.asset: purse for purse in left.carried.ledger.purses}
    opening = {asset: Decimal(amount) for asset, amount in stand.config.balances.items()}
    ours = {asset: to_decimal(purse.ours, MONEY_EXP) for asset, purse in held.items()}
    found += audit(stand.state(), record, _instrument(session), fates, ours, opening)
    for run in runs:
        result = replay_run(FOLDER, run, disk, strategy=life.strategy)
        if result is not None and not result.identical:
            found.append(Violation("replay", f"{run}: {result.divergence}"))
    return found


def _fate(kept: KeptOrder) -> Fate:
    never = kept.cause is not None or kept.reason in (Reason.REJECTED, Reason.NEVER_REACHED)
    return Fate(over=kept.status is Status.DONE, existed=not never, filled=kept.filled)


def _instrument(session: Session) -> Instrument:
    return session.instruments[0]


def _bytes(client: Node) -> bytes:
    """Every byte of the journal, for the digest."""
    found = hashlib.blake2b(digest_size=16)
    for run in run_names(FOLDER, client.disk):
        for name in client.disk.names(FOLDER / run):
            found.update(client.disk.read(FOLDER / run / name))
    return found.digest()


def reproduce(draw: Draw) -> str:
    """The line that runs a seed again."""
    return f"tickwright world --first {draw.seed} --seeds 1 --seconds {draw.seconds:g}"
