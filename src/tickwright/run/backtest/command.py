"""`tickwright backtest`: from flags to a source, an instrument and a result."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.errors import DataError, UsageError
from tickwright.base.numbers import MONEY_EXP, money
from tickwright.data.source import Source, from_file, from_frame
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, BookUpdate, MarketEvent, Quote, Trade
from tickwright.run.backtest.check import CheckReport, check
from tickwright.run.backtest.loop import Assumptions, backtest
from tickwright.run.backtest.result import Result
from tickwright.run.backtest.tape import TapeSource
from tickwright.run.load import load_strategy
from tickwright.sim.stands.binance_spot import demo_tape
from tickwright.sim.tape import Tape
from tickwright.strategy.strategy import Strategy

#: Events looked at to find how many decimal places prices and quantities have.
LOOK_EVENTS = 2_000
_PLACES_MAX = 8
#: Where the data says nothing of quantities: enough for any account.
_QTY_PLACES = 6


def on_data(
    strategy: type[Strategy],
    data: Any,
    *,
    symbol: str = "BTC/USDT",
    venue: str = "binance_spot",
    columns: Mapping[str, str] | None = None,
    time_unit: str = "",
    instrument: Instrument | None = None,
    start: str = "",
    end: str = "",
    **more: Any,
) -> Result:
    """Run a strategy class on data, for notebooks: a path, a frame of pandas or polars, or a source. ``more`` is what
    :func:`tickwright.run.backtest.backtest` takes: ``params``, ``balances``, ``assumptions``, ``limits``.

    >>> result = on_data(Cross, "candles.csv", params={"size": "0.1"})  # doctest: +SKIP
    """
    key = f"{venue}:{symbol}"
    if isinstance(data, (str, Path)):
        source = open_source(Path(data), venue, key, columns, time_unit)
    elif hasattr(data, "columns"):
        source = from_frame(data, key, columns, unit=time_unit)
    else:
        source = data
    if instrument is None:
        instrument = instrument_for(BacktestOptions(strategy=Path(), data=Path(), venue=venue, symbol=symbol), source)
    return backtest(strategy, source, instrument, start_ns=_time(start, "start"), end_ns=_time(end, "end"), **more)


class BacktestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line gives. Times are ISO 8601, in UTC unless they say otherwise."""

    strategy: Path
    data: Path | None = None  # None: the recording that is in the package
    name: str = ""
    venue: str = "binance_spot"
    symbol: str = "BTC/USDT"
    start: str = ""
    end: str = ""
    params: dict[str, str] = {}
    columns: dict[str, str] = {}
    time_unit: str = ""
    balances: dict[str, str] = {}
    fees_bps: str = "10,10"
    latency_ms: str = "5,5"
    queue: str = "pessimistic"
    spread_ticks: int = 1
    seed: int = 1
    tick: str = ""
    lot: str = ""
    min_notional: str = "5"


def run_backtest(options: BacktestOptions, on_progress: Callable[[int, int], None] | None = None) -> Result:
    """Read what is given, and run it."""
    strategy = load_strategy(options.strategy, options.name)
    key = f"{options.venue}:{options.symbol}"
    source = open_source(options.data or demo_tape(), options.venue, key, options.columns, options.time_unit)
    instrument = instrument_for(options, source)
    maker, taker = _pair(options.fees_bps, "--fees-bps")
    up, down = _pair(options.latency_ms, "--latency-ms")
    if min(up, down) < 0:
        raise UsageError(f"--latency-ms {options.latency_ms}: a message does not arrive before it is sent")
    if options.spread_ticks < 0:
        raise UsageError(f"--spread-ticks {options.spread_ticks} is below 0")
    assumptions = Assumptions(
        up_ms=up, down_ms=down, maker_bps=maker, taker_bps=taker, queue=options.queue,
        half_spread_ticks=options.spread_ticks, seed=options.seed,
    )  # fmt: skip
    return backtest(
        strategy,
        source,
        instrument,
        params=options.params,
        balances={asset: _decimal(text, f"--balance {asset}") for asset, text in options.balances.items()} or None,
        assumptions=assumptions,
        start_ns=_time(options.start, "--from"),
        end_ns=_time(options.end, "--to"),
        on_progress=on_progress,
    )


def run_check(options: BacktestOptions, cuts: int, on_progress: Callable[[int, int], None] | None = None) -> CheckReport:
    """Read what is given, and ask whether a result on it could be believed."""
    if cuts < 1:
        raise UsageError(f"--cuts {cuts} is below 1")
    strategy = load_strategy(options.strategy, options.name)
    key = f"{options.venue}:{options.symbol}"
    source = open_source(options.data or demo_tape(), options.venue, key, options.columns, options.time_unit)
    return check(
        strategy,
        source,
        instrument_for(options, source),
        params=options.params,
        cuts=cuts,
        seed=options.seed,
        on_progress=on_progress,
    )


def extent(options: BacktestOptions) -> tuple[int, int]:
    """When the first event of the data was known, and the last."""
    key = f"{options.venue}:{options.symbol}"
    source = open_source(options.data or demo_tape(), options.venue, key, options.columns, options.time_unit)
    first = last = 0
    for event in source.events():
        first = first or event.recv_ns
        last = event.recv_ns
    return first, last


def open_source(path: Path, venue: str, key: str, columns: Mapping[str, str] | None = None, unit: str = "") -> Source:
    """A table, or a recording: a file whose first line is a time and a JSON message."""
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path), hint="give a recording, a CSV file or a Parquet file")
    if path.suffix != ".parquet" and _is_tape(path):
        return TapeSource(path, venue, key)
    return from_file(path, key, columns, unit=unit)


def _is_tape(path: Path) -> bool:
    try:
        return next(iter(Tape(path)), None) is not None
    except DataError:
        return False


def instrument_for(options: BacktestOptions, source: Source) -> Instrument:
    """The grid: as given, else as fine as the data uses."""
    base, slash, quote = options.symbol.partition("/")
    if not (base and slash and quote):
        raise UsageError(f"--symbol {options.symbol!r}", hint="write it as BTC/USDT")
    prices, sizes = _places(list(islice(source.events(), LOOK_EVENTS)))
    tick = _decimal(options.tick, "--tick") if options.tick else Decimal(1).scaleb(-prices)
    lot = _decimal(options.lot, "--lot") if options.lot else Decimal(1).scaleb(-(sizes or _QTY_PLACES))
    if tick <= 0 or lot <= 0:
        raise UsageError("--tick and --lot are above 0")
    price_exp, qty_exp = max(prices, _exponent(tick)), max(sizes, _exponent(lot))
    if price_exp + qty_exp > MONEY_EXP:
        raise UsageError(f"prices with {price_exp} and quantities with {qty_exp} places", hint=f"together at most {MONEY_EXP}")
    lot_units = int(lot.scaleb(qty_exp))
    return Instrument(
        venue=options.venue,
        symbol=options.symbol,
        native=base + quote,
        base=base,
        quote=quote,
        price_exp=price_exp,
        qty_exp=qty_exp,
        tick_units=int(tick.scaleb(price_exp)),
        lot_units=lot_units,
        qty_min_units=lot_units,
        notional_min=money(_decimal(options.min_notional, "--min-notional")),
    )


def _places(events: Sequence[MarketEvent]) -> tuple[int, int]:
    prices: list[float] = []
    sizes: list[float] = []
    for event in events:
        if isinstance(event, Trade):
            prices.append(event.price)
            sizes.append(event.qty)
        elif isinstance(event, Quote):
            prices += (event.bid, event.ask)
            sizes += (event.bid_qty, event.ask_qty)
        elif isinstance(event, BookUpdate):
            prices += [level[0] for level in (*event.bids[:50], *event.asks[:50])]
            sizes += [level[1] for level in (*event.bids[:50], *event.asks[:50])]
        elif isinstance(event, Bar):
            prices += (event.open, event.high, event.low, event.close)
    return max(map(_decimals, prices), default=2), max(map(_decimals, sizes), default=0)


def _decimals(value: float) -> int:
    return min(_PLACES_MAX, len(f"{value:.{_PLACES_MAX}f}".rstrip("0").partition(".")[2]))


def _exponent(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _decimal(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{what}: {text!r} is not a number") from None
    if not value.is_finite() or value < 0:
        raise UsageError(f"{what}: {text} is not an amount")
    return value


def _pair(text: str, what: str) -> tuple[float, float]:
    try:
        first, _, second = text.partition(",")
        return float(first), float(second or first)
    except ValueError:
        raise UsageError(f"{what} {text!r}", hint="write two numbers with a comma between") from None


def _time(text: str, what: str) -> int:
    if not text:
        return 0
    try:
        stamp = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} {text!r} is not a time", hint="write 2024-08-08 or 2024-08-08T23:55:00") from None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=dt.UTC)
    return int(stamp.timestamp()) * 10**9 + stamp.microsecond * 1_000
