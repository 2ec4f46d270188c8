"""The whole state of a run as one object. Only ``step`` changes it, and only from events; it holds no socket and no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from tickwright.account.ledger import Ledger
from tickwright.base.errors import UsageError
from tickwright.base.ids import IdCounter
from tickwright.base.suggest import near_or_list
from tickwright.model.account import Snapshot
from tickwright.model.caps import Caps
from tickwright.model.effect import Effect
from tickwright.model.instrument import Instrument
from tickwright.model.market import Channel
from tickwright.orders.reconcile import Difference
from tickwright.orders.store import OrderStore
from tickwright.risk.gate import Gate
from tickwright.risk.halts import Halts
from tickwright.risk.limits import Limits
from tickwright.risk.watch import Watch
from tickwright.strategy.intents import Handle, ProtectWant
from tickwright.strategy.strategy import Strategy
from tickwright.transforms.book import Book
from tickwright.transforms.gather import Push
from tickwright.transforms.graph import Graph


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is started with. Times are nanoseconds."""

    currency: str
    limits: Limits
    id_prefix: str
    auto_arm: bool
    cancel_on_stop: bool = True
    stop_deadline_ns: int = 30_000_000_000  # longer than the fence of an order in doubt
    reconcile_tries: int = 5
    reconcile_retry_ns: int = 1_000_000_000
    reconcile_every_ns: int = 60_000_000_000
    reconcile_quiet_ns: int = 1_000_000_000
    replan_ns: int = 1_000_000_000
    fills_margin_ns: int = 60_000_000_000


class Market:
    """What the engine itself remembers of one instrument's market: enough to price and to refuse."""

    __slots__ = ("ask", "ask_qty", "bid", "bid_qty", "down", "last", "quoted_ns", "traded_ns")

    def __init__(self) -> None:
        self.bid: float | None = None
        self.ask: float | None = None
        self.bid_qty = 0.0
        self.ask_qty = 0.0
        self.last: float | None = None
        self.quoted_ns = 0
        self.traded_ns = 0
        self.down: set[Channel] = set()

    @property
    def mid(self) -> float | None:
        """Between best bid and ask, else the last trade, else None."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last


class VenueState:
    """What the engine knows of one venue's account connection."""

    __slots__ = (
        "account_event_ns",
        "account_up",
        "agreed_ns",
        "asked_ns",
        "asked_why",
        "caps",
        "clock_bound_ns",
        "clock_offset_ns",
        "differs",
        "loaded",
        "reconciled",
        "retry_ns",
        "snapshot_asked",
        "tries",
    )

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.account_up = False
        self.agreed_ns = 0  # when both sides were last found to agree
        self.asked_ns = 0
        self.asked_why = ""
        self.differs: Snapshot | None = None  # the last answer, where it did not agree with us
        self.loaded = False
        self.reconciled = False
        self.snapshot_asked = False
        self.retry_ns = 0
        self.tries = 0
        self.account_event_ns = 0
        self.clock_offset_ns = 0
        self.clock_bound_ns = 0

    @property
    def heard_until_ns(self) -> int:
        """Up to here nothing of the account can have been missed: an event may have been lost since both sides last agreed."""
        return min(self.account_event_ns, self.agreed_ns) if self.agreed_ns else self.account_event_ns


class Runtime:
    """One strategy with what the engine keeps for it."""

    __slots__ = (
        "active",
        "decide",
        "decisions",
        "graph",
        "halted",
        "handles",
        "name",
        "replan_ns",
        "started",
        "strategy",
        "timer_ns",
    )

    def __init__(self, strategy: Strategy, name: str, graph: Graph) -> None:
        self.strategy = strategy
        self.name = name
        self.graph = graph
        self.decide = strategy.decide
        self.handles: dict[str, Handle] = {}
        self.halted = False
        self.started = False
        self.active = False  # started and not halted
        self.decisions = 0
        self.timer_ns = 0
        self.replan_ns = 0


class Counters:
    """What a summary shows. Counts only grow."""

    __slots__ = ("fills", "halts", "orders", "reconciliations", "refusals")

    def __init__(self) -> None:
        self.orders = 0
        self.fills = 0
        self.reconciliations = 0
        self.halts: list[str] = []
        self.refusals: dict[str, int] = {}


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The last comparison with a venue: what differed, and both sides' totals by asset (units of 10**-18)."""

    venue: str
    at_ns: int
    differences: tuple[Difference, ...]
    ours: dict[str, int]
    theirs: dict[str, int]

    @property
    def agrees(self) -> bool:
        return not self.differences


class State:
    """Everything. Built by ``run.build``, changed by ``engine.step.step``."""

    def __init__(self, config: EngineConfig, caps: Sequence[Caps], instruments: Sequence[Instrument]) -> None:
        self.config = config
        self.seq = 0
        self.now_ns = 0
        self.ids = IdCounter(config.id_prefix)
        self.instruments: dict[str, Instrument] = {item.key: item for item in instruments}
        self.venues: dict[str, VenueState] = {item.venue: VenueState(item) for item in caps}
        self.markets: dict[str, Market] = {}
        self.books: dict[str, Book] = {}
        self.orders = OrderStore()
        self.ledger = Ledger(self.instruments)
        self.gate = Gate(config.limits)
        self.halts = Halts()
        self.watch = Watch(config.limits)
        self.runtimes: list[Runtime] = []
        # Where a market event goes: by its type, then by its instrument.
        self.sinks: dict[type, dict[str, list[tuple[Runtime, Push]]]] = defaultdict(dict)
        self.by_name: dict[str, Runtime] = {}
        self.traded: list[str] = []  # keys of the run, in the order given
        self.valued_ns = 0
        self.armed = False
        self.ever_armed = False
        self.withdrawing: set[str] = set()  # client ids to cancel as soon as they can be
        self.protections: dict[tuple[str, str], ProtectWant] = {}  # by strategy and instrument
        self.recancel_ns: dict[str, int] = {}  # of those: whose cancel was refused for the time being, and when to ask again
        self.stopping_since_ns = 0
        self.final_asked = False
        self.stopped = False
        self.counters = Counters()
        self.reconciliation: Reconciliation | None = None
        self.effects: list[Effect] = []  # of the step under way

    def market(self, key: str) -> Market:
        market = self.markets.get(key)
        if market is None:
            market = self.markets[key] = Market()
        return market

    def resolve(self, name: str | None) -> str:
        """The key of an instrument as a strategy names it: ``None``, ``"BTC/USDT"`` or ``"binance_spot:BTC/USDT"``."""
        if name is None:
            if len(self.traded) == 1:
                return self.traded[0]
            raise UsageError(
                f"the run has {len(self.traded)} instruments: name the one that is meant", hint=f"one of {', '.join(self.traded)}"
            )
        if name in self.instruments:
            return name
        matches = [key for key in self.traded if key.partition(":")[2] == name]
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            raise UsageError(f"{name} is on several venues", hint=f"say which: {', '.join(matches)}")
        known = [key.partition(":")[2] for key in self.traded] + self.traded
        raise UsageError(f"{name!r} is not an instrument of this run", hint=near_or_list(name, known))

    def venue_of(self, key: str) -> VenueState:
        return self.venues[key.partition(":")[0]]

    def position_units(self, key: str) -> int:
        """What this run holds of an instrument, in units: bought less sold, less fees that were taken in the base asset."""
        unit = self.instruments[key].base_amount(1)
        net = self.ledger.position(key).net
        return net // unit if net >= 0 else -(-net // unit)

    def equity(self) -> int | None:
        """Worth in the run's currency of the assets that this run trades or pays fees in; None while one has no price.

        Everything else on the account is somebody else's concern: it neither gains nor loses by what the run does.
        """
        concerned = {self.config.currency, *self.ledger.fees()}
        for key in self.traded:
            concerned.update((self.instruments[key].base, self.instruments[key].quote))
        return self.ledger.equity(
            self.config.currency, lambda base, quote: self.price_between(base, quote) if base in concerned else 0
        )

    def price_between(self, base: str, quote: str) -> int | None:
        """Price of ``base`` in ``quote`` times 10**18 from a market of this run, direct or inverse; None when unknown."""
        if base == quote:
            return 10**18
        for key, market in self.markets.items():
            instrument = self.instruments.get(key)
            mid = market.mid
            if instrument is None or mid is None or mid <= 0:
                continue
            if instrument.base == base and instrument.quote == quote:
                return int(mid * 1e9) * 10**9
            if instrument.base == quote and instrument.quote == base:
                return int(1e9 / mid) * 10**9
        return None
