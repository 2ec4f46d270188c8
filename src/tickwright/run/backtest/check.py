"""Whether a backtest of a strategy can be believed: it is run over and over with something changed that must not matter.

- **repeatable** fails where two runs on the same data differ: something that is no data decides, or one run remembers another.
- **reads no files** fails where the strategy opens a file while it runs: the data itself could be among them.
- **causal** fails where what was done before a moment changes when only the data after it does: it saw the future.
- **warm-up** fails where, begun later, it does something else long after: what it computes depends on where it begins.
- costs are no test: what is left of the profit with ten times the latency, and with twice the fees.

Does not: see the future in a file that it was not shown, or prove that a strategy is any good.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import msgspec

from tickwright.base.chance import Chance
from tickwright.base.errors import DataError
from tickwright.data.source import Source
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, BookUpdate, MarketEvent, Quote, Trade
from tickwright.run.backtest.loop import Assumptions, backtest
from tickwright.run.backtest.result import Result
from tickwright.strategy.strategy import Strategy

#: A strategy that begins after this share of the data is compared with one that began at its start…
LATE_START = 0.3
#: … once this share of the rest has passed: by then averages have forgotten where they began.
SETTLED = 0.5
#: Of orders beyond that this share may differ: a position that was open at the later start is closed by one of them.
DIFFERENT_MAX = 0.05


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer."""

    name: str
    passed: bool
    text: str


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. ``costs`` is the profit by what was made dearer, in the run's currency."""

    strategy: str
    data: str
    cuts: int
    orders: int
    findings: list[Finding]
    costs: dict[str, float]

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)


class Changed:
    """A source whose events from a moment on are something else: prices walk away, sides and sizes are drawn."""

    def __init__(self, source: Source, from_ns: int, seed: int) -> None:
        self.kind = source.kind
        self.name = source.name
        self.span_ns = getattr(source, "span_ns", 0)
        self._source = source
        self._from_ns = from_ns
        self._seed = seed

    def describe(self) -> str:
        return f"{self._source.describe()}, changed from {self._from_ns} on"

    def checksum(self) -> str:
        return f"{self._source.checksum()}-{self._from_ns}-{self._seed}"

    def events(self) -> Iterator[MarketEvent]:
        chance, factor = Chance(f"{self._seed}:{self._from_ns}"), 1.0
        for event in self._source.events():
            if _known_ns(event) < self._from_ns:
                yield event
                continue
            factor *= 1 + chance.between(-0.002, 0.002)
            yield _other(event, factor, chance)


def _known_ns(event: MarketEvent) -> int:
    return event.start_ns if isinstance(event, Bar) else event.recv_ns


def _other(event: MarketEvent, factor: float, chance: Chance) -> MarketEvent:
    """An event in the place of another, as well formed as that one."""
    size = chance.between(0.5, 2.0)
    if isinstance(event, Trade):
        side = event.side if chance.happens(0.5) else event.side.opposite
        return msgspec.structs.replace(event, price=event.price * factor, qty=event.qty * size, side=side)
    if isinstance(event, Quote):
        return msgspec.structs.replace(event, bid=event.bid * factor, ask=event.ask * factor, bid_qty=event.bid_qty * size)
    if isinstance(event, BookUpdate):
        bids = [(price, qty * size) for price, qty in event.bids]
        return msgspec.structs.replace(event, bids=bids, asks=[(price, qty * size) for price, qty in event.asks])
    if isinstance(event, Bar):
        prices = {name: getattr(event, name) * factor for name in ("open", "high", "low", "close")}
        return msgspec.structs.replace(event, **prices, volume=event.volume * size)
    return event


def check(
    strategy: type[Strategy],
    source: Source,
    instrument: Instrument,
    *,
    params: Mapping[str, Any] | None = None,
    assumptions: Assumptions | None = None,
    cuts: int = 50,
    seed: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Run it all. At ``cuts`` moments the future is exchanged; ``on_progress`` hears of runs that are done, and of all."""
    given = assumptions or Assumptions()
    done, total = 0, cuts + 6

    def run(data: Source, terms: Assumptions = given, **more: Any) -> Result:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)
        return backtest(strategy, data, instrument, params=params, assumptions=terms, **more)

    with _watching(strategy.__module__) as opened:
        whole = run(source)
    again = run(source)
    findings = [
        Finding(
            name="repeatable",
            passed=whole.stamp.digest == again.stamp.digest,
            text="two runs are equal" if whole.stamp.digest == again.stamp.digest else _differ(whole, again),
        ),
        Finding(
            name="reads no files",
            passed=not opened,
            text="it opened none while it ran" if not opened else f"it opened {', '.join(sorted(opened)[:3])} while it ran",
        ),
        _causal(whole, source, cuts, seed, run),
        _warm_up(whole, source, run),
    ]
    slow = msgspec.structs.replace(given, up_ms=given.up_ms * 10, down_ms=given.down_ms * 10)
    dear = msgspec.structs.replace(given, maker_bps=given.maker_bps * 2, taker_bps=given.taker_bps * 2)
    costs = {
        "as given": float(whole.pnl),
        "ten times the latency": float(run(source, slow).pnl),
        "twice the fees": float(run(source, dear).pnl),
    }
    return CheckReport(
        strategy=strategy.__name__,
        data=whole.stamp.data,
        cuts=cuts,
        orders=len(whole.orders),
        findings=findings,
        costs=costs,
    )


def _causal(whole: Result, source: Source, cuts: int, seed: int, run: Callable[..., Result]) -> Finding:
    chance = Chance(f"{seed}:cuts")
    span = whole.end_ns - whole.start_ns
    if span <= 0:
        raise DataError("it is too short to be cut", where=source.name)
    for number in range(cuts):
        at = whole.start_ns + int(span * chance.unit())
        other = run(Changed(source, at, seed + number), end_ns=at + max(1, span // 50))
        ours, theirs = _before(whole, at), _before(other, at)
        if ours != theirs:
            place = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
            told = (ours + theirs)[place] if place < len(ours + theirs) else None
            when = f"{(told[0] - whole.start_ns) / 1e9:,.1f} s after the start" if told is not None else "before"
            cut = f"{(at - whole.start_ns) / 1e9:,.1f} s"
            text = f"with the data changed only from {cut} on, the order of {when} is another: it sees ahead"
            return Finding(name="causal", passed=False, text=text)
    return Finding(name="causal", passed=True, text=f"at {cuts} cuts, nothing before one depends on what comes after it")


def _before(result: Result, at_ns: int) -> list[tuple[int, str, str, float, float | None]]:
    return [(row.sent_ns, row.side, row.type, row.qty, row.price) for row in result.orders if row.sent_ns < at_ns]


def _warm_up(whole: Result, source: Source, run: Callable[..., Result]) -> Finding:
    span = whole.end_ns - whole.start_ns
    start = whole.start_ns + int(span * LATE_START)
    settled = start + int((whole.end_ns - start) * SETTLED)
    late = run(_Later(source, start))
    ours = {(row.sent_ns, row.side) for row in whole.orders if row.sent_ns >= settled}
    theirs = {(row.sent_ns, row.side) for row in late.orders if row.sent_ns >= settled}
    most = max(1, len(ours | theirs))
    share = len(ours ^ theirs) / most
    text = f"begun after {LATE_START:.0%} of the data, {share:.0%} of the orders of the last part are others"
    return Finding(name="warm-up", passed=share <= DIFFERENT_MAX, text=text)


class _Later:
    """A source that begins later."""

    def __init__(self, source: Source, from_ns: int) -> None:
        self.kind, self.name, self.span_ns = source.kind, source.name, getattr(source, "span_ns", 0)
        self._source, self._from_ns = source, from_ns

    def describe(self) -> str:
        return f"{self._source.describe()}, from {self._from_ns} on"

    def checksum(self) -> str:
        return f"{self._source.checksum()}-{self._from_ns}"

    def events(self) -> Iterator[MarketEvent]:
        for event in self._source.events():
            if _known_ns(event) >= self._from_ns or (isinstance(event, BookUpdate) and event.snapshot):
                yield event


def _differ(one: Result, other: Result) -> str:
    if len(one.orders) != len(other.orders):
        return (
            f"two runs on the same data sent {len(one.orders)} and {len(other.orders)} orders: something that is no data decides"
        )
    return "two runs on the same data differ: something that is no data decides"


class _Watch:
    """Which module's opening of files is noted, and where. One for the process: a hook cannot be taken away again."""

    def __init__(self) -> None:
        self.module = ""
        self.opened: set[str] = set()
        self.hooked = False


_WATCH = _Watch()


@contextmanager
def _watching(module: str) -> Iterator[set[str]]:
    """Files that are opened by what the module's code calls, however deep."""
    if not _WATCH.hooked:
        sys.addaudithook(_audit)
        _WATCH.hooked = True
    _WATCH.module, _WATCH.opened = module, set()
    try:
        yield _WATCH.opened
    finally:
        _WATCH.module = ""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _WATCH.module or event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 (who opens it is what matters)
    found = False
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("importlib"):
            return  # a module is no data
        found = found or name == _WATCH.module
        frame = frame.f_back
    if found:
        _WATCH.opened.add(os.fsdecode(arguments[0]))
