"""A table of bars or trades as market events, in order of time.

Guarantees: strictly what is in the table. Rows out of order, rows twice, cells that are no number, prices that are none and bars
whose high is not the highest are errors that name the row; a span without a bar becomes a :class:`Gap`, which resets what is
derived from it. Files are read as a stream, whatever their size. Does not: repair, sort, fill, or drop.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import IO, Any, Protocol

from tickwright.base.errors import DataError
from tickwright.data import columns
from tickwright.data.columns import BARS, Layout
from tickwright.model.market import BUY, SELL, Bar, Channel, Gap, MarketEvent, Trade

#: Rows looked at before the first is handed on: the span of bars is the smallest distance among them.
HEAD_ROWS = 500
#: Nanoseconds since 1970 that fit 64 bits, as columns of times do.
TIME_NS_MAX = 2**63 - 1
_CHUNK = 1 << 20
#: What a file that is damaged, or compressed in a way that is not known here, can raise.
_UNREADABLE = (
    OSError,
    EOFError,
    UnicodeDecodeError,
    csv.Error,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)

Row = tuple[int, Sequence[Any]]


class Source(Protocol):
    """Where market events come from."""

    @property
    def kind(self) -> str:
        """``bars``, ``trades`` or ``tape``."""

    @property
    def name(self) -> str:
        """For people: a file name, or what kind of frame."""

    def describe(self) -> str:
        """How it was understood, in words."""

    def checksum(self) -> str:
        """Digest of the data itself."""

    def events(self) -> Iterator[MarketEvent]:
        """From the start; may be asked for again."""


class Table:
    """Rows with columns. Made by :func:`from_file` and :func:`from_frame`."""

    def __init__(
        self,
        name: str,
        key: str,
        layout: Layout,
        rows: Callable[[], Iterator[Row]],
        digest: Callable[[], str],
        *,
        unit: str = "",
        first_row: int = 1,
    ) -> None:
        self.name = name
        self.key = key
        self.layout = layout
        self.kind = layout.kind
        self._rows = rows
        self._digest = digest
        self._unit = unit
        self._first_row = first_row
        self.span_ns = 0
        self.decimals = (0, 0)  # of prices and quantities, as far as the head shows
        self._look()

    def describe(self) -> str:
        span = f", one every {self.span_ns / 1e9:g} s" if self.span_ns else ""
        return f"{self.layout.describe()}{span}"

    def checksum(self) -> str:
        return self._digest()

    def events(self) -> Iterator[MarketEvent]:
        return self._bars() if self.kind == BARS else self._trades()

    # -- the head ------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        head = list(islice(self._rows(), HEAD_ROWS))
        if not head:
            raise DataError("there are no rows in it", where=self.name)
        at = self.layout.columns
        self._clock = self._clock_of(head[0])
        prices = [at[name] for name in ("open", "high", "low", "close", "price") if name in at]
        sizes = [at[name] for name in ("qty",) if name in at]
        self.decimals = (_places(head, prices), _places(head, sizes))
        if self.kind == BARS:
            times = [self._time(row) for row in head]
            steps = [after - before for before, after in pairwise(times) if after > before]
            if not steps:
                raise DataError("one bar says nothing of how long it is", where=self.name, hint="at least two are needed")
            self.span_ns = min(steps)

    def _clock_of(self, row: Row) -> Callable[[Any], int]:
        number, cells = row
        place = self.layout.columns["time"]
        try:
            return columns.clock(cells[place], self._unit)
        except (ValueError, TypeError, IndexError) as error:
            raise self._wrong(number, "time", error) from None

    # -- rows to events ------------------------------------------------------------------------------------------------

    def _time(self, row: Row) -> int:
        number, cells = row
        try:
            at_ns = self._clock(cells[self.layout.columns["time"]])
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise self._wrong(number, "time", error) from None
        if not 0 <= at_ns <= TIME_NS_MAX - self.span_ns:
            raise self._wrong(number, "time", ValueError("it is not between 1970 and 2262"))
        return at_ns

    def _number(self, row: Row, name: str) -> float:
        number, cells = row
        try:
            return columns.number(cells[self.layout.columns[name]])
        except (ValueError, TypeError, IndexError) as error:
            raise self._wrong(number, name, error) from None

    def _wrong(self, number: int, name: str, error: Exception) -> DataError:
        column = self.layout.names[self.layout.columns[name]]
        what = "the row is too short" if isinstance(error, IndexError) else str(error)
        return DataError(f"column {column}: {what}", where=f"{self.name}:{number}")

    def _in_order(self, number: int, at_ns: int, last_ns: int, *, twice: bool) -> None:
        if at_ns < last_ns:
            raise DataError(
                "earlier than the row above it", where=f"{self.name}:{number}", hint="sort by time, and look why it was not"
            )
        if at_ns == last_ns and not twice:
            raise DataError("the same time as the row above it", where=f"{self.name}:{number}", hint="a bar is there once")

    def _bars(self) -> Iterator[MarketEvent]:
        span, last = self.span_ns, 0
        label = _label(span)
        for row in self._rows():
            start = self._time(row)
            self._in_order(row[0], start, last, twice=False)
            opened, high, low, close, volume = (self._number(row, name) for name in ("open", "high", "low", "close", "volume"))
            if low <= 0:
                raise DataError(f"a price of {low:g}", where=f"{self.name}:{row[0]}")
            if not (low <= opened <= high and low <= close <= high):
                text = f"open {opened:g} and close {close:g} are not between low {low:g} and high {high:g}"
                raise DataError(text, where=f"{self.name}:{row[0]}")
            if volume < 0:
                raise DataError(f"a volume of {volume:g}", where=f"{self.name}:{row[0]}")
            if last and start != last + span:
                yield Gap(self.key, Channel.TRADES, last + span, start, start)
            last = start
            yield Bar(self.key, start, start + span, opened, high, low, close, volume, 0.0, 4, 0.0, start + span, label)

    def _trades(self) -> Iterator[MarketEvent]:
        at, last, count, before = self.layout.columns, 0, 0, 0.0
        side, maker, name = at.get("side"), at.get("maker"), at.get("id")
        for row in self._rows():
            number, cells = row
            when = self._time(row)
            self._in_order(number, when, last, twice=True)
            last = when
            price, qty = self._number(row, "price"), self._number(row, "qty")
            if price <= 0 or qty < 0:
                raise DataError(f"{qty:g} at a price of {price:g}", where=f"{self.name}:{number}")
            try:
                if side is not None:
                    bought = columns.buys(cells[side])
                elif maker is not None:
                    bought = not columns.truth(cells[maker])
                else:
                    bought = price >= before  # nobody says: by the tick rule
                trade_id = int(cells[name]) if name is not None else count + 1
            except (ValueError, TypeError, IndexError) as error:
                raise self._wrong(number, "side" if side is not None else "maker" if maker is not None else "id", error) from None
            if name is not None and trade_id == count and count:
                raise DataError(f"trade {trade_id} is there twice", where=f"{self.name}:{number}")
            count, before = trade_id, price
            yield Trade(self.key, price, qty, BUY if bought else SELL, trade_id, when, when)


def _places(head: Sequence[Row], places: Sequence[int]) -> int:
    """Decimal places in use."""
    most = 0
    for _, cells in head:
        for place in places:
            if place < len(cells):
                text = f"{cells[place]:.8f}" if isinstance(cells[place], float) else str(cells[place]).strip()
                most = max(most, len(text.partition(".")[2].rstrip("0")))
    return min(most, 8)


def _label(span_ns: int) -> str:
    for unit, ns in (("d", 86_400 * 10**9), ("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9)):
        if span_ns % ns == 0:
            return f"{span_ns // ns}{unit}"
    return f"{span_ns / 1e9:g}s"


# -- files ---------------------------------------------------------------------------------------------------------------


def from_file(path: Path, key: str, given: Mapping[str, str] | None = None, *, unit: str = "") -> Table:
    """A CSV file, plain, gzip or zip; or Parquet, where pyarrow is installed."""
    if not path.is_file():
        raise DataError("there is no such file", where=str(path))
    if path.suffix == ".parquet":
        return _from_parquet(path, key, given, unit)
    try:
        first = next(iter(_csv(path)), None)
    except _UNREADABLE as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from None
    if first is None:
        raise DataError("it is empty", where=str(path))
    cells = [str(cell) for cell in first[1]]
    header = columns.is_header(cells)
    layout = columns.by_names(cells, str(path), given) if header else columns.by_count(cells, str(path))

    def rows() -> Iterator[Row]:
        try:
            yield from islice(_csv(path), 1 if header else 0, None)
        except _UNREADABLE as error:
            raise DataError(f"cannot be read to its end: {error}", where=str(path)) from None

    return Table(path.name, key, layout, rows, lambda: _sha256(path), unit=unit)


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.open(path, "rb"))
    if magic == b"PK\x03\x04":
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise DataError(f"{len(names)} files in one archive", where=str(path), hint="an archive of one CSV file is read")
        return archive.open(names[0])
    return path.open("rb")


def _csv(path: Path) -> Iterator[Row]:
    with _open(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        reader = csv.reader(text)
        for cells in reader:
            if cells:
                yield reader.line_num, cells


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _from_parquet(path: Path, key: str, given: Mapping[str, str] | None, unit: str) -> Table:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 (optional, and slow to load)
    except ImportError:
        raise DataError("Parquet needs pyarrow", where=str(path), hint="pip install 'tickwright[research]'") from None
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from None
    names = list(file.schema_arrow.names)
    layout = columns.by_names(names, str(path), given)

    def rows() -> Iterator[Row]:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches():
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, cells

    return Table(path.name, key, layout, rows, lambda: _sha256(path), unit=unit)


# -- frames --------------------------------------------------------------------------------------------------------------


def from_frame(frame: Any, key: str, given: Mapping[str, str] | None = None, *, unit: str = "") -> Table:
    """A frame of pandas or polars; a pandas index of times is the column ``time``."""
    names = [str(name) for name in frame.columns]
    values: list[Sequence[Any]] = [_plain(frame[name]) for name in frame.columns]
    index = getattr(frame, "index", None)
    if index is not None and hasattr(index, "tz_localize"):
        names, values = ["time", *names], [list(index), *values]
    if not values or not len(values[0]):
        raise DataError("the frame is empty", where="frame")
    layout = columns.by_names(names, "frame", given)

    def rows() -> Iterator[Row]:
        return enumerate(zip(*values, strict=True), start=1)

    return Table("frame", key, layout, rows, lambda: _digest_of(chain([names], values)), unit=unit)


def _plain(column: Any) -> Sequence[Any]:
    found: Sequence[Any] = column.to_list()
    return found


def _digest_of(values: Iterable[Sequence[Any]]) -> str:
    found = hashlib.sha256()
    for column in values:
        for item in column:
            found.update(repr(item).encode())
    return found.hexdigest()
