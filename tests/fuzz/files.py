"""Targets: what is read from files. A journal that is damaged says so, a configuration that is wrong says where."""

from __future__ import annotations

import gzip
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fuzz.choices import Choices
from fuzz.mutate import raw
from fuzz.mutate_more import journal, recording, table, toml
from fuzz.target import Target
from fuzz.venue import believable
from tickwright.base.errors import ConfigError, DataError, JournalError, WireError
from tickwright.data.source import from_file
from tickwright.journal.reader import latest_run, list_runs, read_run, repair
from tickwright.journal.record import Checkpoint, End, Head, Record, Steps, Torn
from tickwright.journal.writer import Bounds, Durability, open_run
from tickwright.model.account import Balance
from tickwright.model.effect import Cancel, Effect, Level, Notice, Stopped
from tickwright.model.event import Event, Tick
from tickwright.model.market import BUY, BookUpdate, Trade
from tickwright.model.order import Fill, OrderRef, OrderReport, OrderType, ReportStatus, Tif
from tickwright.run.config import Config, parse_config, parse_toml, settings
from tickwright.sim.tape import Tape as Recording
from tickwright.venues.binance_spot.wire import Decoder
from unit.journal.disks import FOLDER, MemoryDisk

RUN = "000001-twx"
_GZIP = b"\x1f\x8b"


# -- journals --------------------------------------------------------------------------------------------------------------


def _events() -> Iterator[tuple[Event, list[Effect]]]:
    """A little of everything that is on record."""
    key = "sim:BTC/USDT"
    yield Trade(key, 100.5, 0.25, BUY, 1, 1, 1), []
    yield BookUpdate(key, [(100.0, 1.0)], [(101.0, 2.0)], 0, 1, True, 2, 2), []
    yield Balance("sim", "USDT", 10**21, 0, 3, 3), [Notice(Level.INFO, "said", "something")]
    report = OrderReport(
        key=key,
        client_id="twx-1",
        venue_id="7",
        side=BUY,
        type=OrderType.LIMIT,
        status=ReportStatus.OPEN,
        qty=5,
        filled=2,
        price=100,
        stop=None,
        reason=None,
        venue_ns=4,
        recv_ns=4,
        tif=Tif.GTC,
    )
    yield report, [Cancel("sim", OrderRef(key, "twx-1", "7"))]
    yield (
        Fill(
            key=key,
            client_id="twx-1",
            venue_id="7",
            trade_id="9",
            side=BUY,
            price=100,
            qty=2,
            fee=1,
            fee_asset="BTC",
            maker=True,
            venue_ns=5,
            recv_ns=5,
        ),
        [],
    )
    for n in range(6, 12):
        yield Tick(n), [Notice(Level.INFO, "said", "é")] if n % 2 else []


def _written(bounds: Bounds | None = None) -> list[bytes]:
    """The files of a run that our own writer wrote, oldest first."""
    disk = MemoryDisk()
    run = open_run(
        FOLDER,
        "twx-",
        b'{"head":1}',
        Durability.PROCESS,
        disk=disk,
        bounds=bounds,
        checkpoint=lambda: b'{"state":2}',
        background=lambda work: work(),
    )
    seq = 0
    for seq, (event, effects) in enumerate(_events(), 1):
        run.write(seq, event, effects)
    run.write(seq + 1, Tick(99), [Stopped(True, "clean")])
    run.close()
    return [disk.files[path] for path in sorted(disk.files)]


_WHOLE = _written()[0]
_SEVERAL = _written(Bounds(segment=500, free=0))
_PLAIN = tuple(gzip.decompress(content) if content.startswith(_GZIP) else content for content in _SEVERAL)
#: Compressed, the first file alone: only that one is looked for under the number 1.
_PACKED = next(content for content in _SEVERAL if content.startswith(_GZIP))


def _on_disk(wire: bytes) -> MemoryDisk:
    """The wire as the only file of a run, under the number that it says; compressed where it looks it."""
    disk = MemoryDisk()
    found = re.search(rb'"number":([1-9])', wire[:200])
    number = int(found[1]) if found is not None else 1
    disk.files[FOLDER / RUN / f"{number:06d}.twj{'.gz' if wire.startswith(_GZIP) else ''}"] = wire
    return disk


def _read(disk: MemoryDisk) -> tuple[list[Record], JournalError | None]:
    """Every record before the end, or before the error."""
    found: list[Record] = []
    try:
        for record in read_run(FOLDER, RUN, disk):
            found.append(record)  # noqa: PERF402 (what was read before an error counts)
    except JournalError as error:
        problem = error
    else:
        return found, None
    assert str(FOLDER / RUN) in str(problem), f"it does not say where: {problem}"
    return found, problem


def check_journal(wire: bytes) -> object:
    """Any bytes give records or one ``JournalError``; so does everything that is built on reading, and repairing ends it."""
    disk = _on_disk(wire)
    found, error = _read(disk)
    for place, record in enumerate(found):
        assert isinstance(record, Head | Steps | Checkpoint | End | Torn), repr(record)
        assert not isinstance(record, Torn) or (place == len(found) - 1 and error is None), "records after a torn end"
    for ask in (latest_run, list_runs):
        try:
            ask(FOLDER, disk)
        except JournalError:
            assert error is not None, "a run that can be read is refused"
    if error is None and not wire.startswith(_GZIP):
        torn = repair(FOLDER, RUN, disk)
        assert (torn is not None) is (bool(found) and isinstance(found[-1], Torn))
        assert repair(FOLDER, RUN, disk) is None, "a repaired run is torn"
        assert _read(disk) == ([record for record in found if not isinstance(record, Torn)], None), (
            "repairing changed what is whole"
        )
    return found


def _begins(wire: bytes) -> bool:
    """Whether there is a first record and it is whole: nothing else is read of a file that does not say which it is."""
    found, error = _read(_on_disk(wire))
    return bool(found) or (error is not None and "byte 0" not in str(error))


JOURNAL = Target(
    "journal",
    "files of journals, changed as records or as bytes",
    (_WHOLE, *_PLAIN, _PACKED),
    journal,
    check_journal,
    _begins,
    0.3,
)

_WHOLE_RECORDS, _ = _read(_on_disk(_WHOLE))
#: Where no record that says that it is durable follows: from here on damage cannot be told from an end that was cut off.
_END = _WHOLE.rfind(b"\xff")


def _damaged(wire: bytes) -> tuple[bytes, list[int]]:
    """The journal with what the wire says done to it: each three bytes are a place and what is flipped there; an odd byte at the
    end cuts the file. And the places that were changed.
    """
    broken = bytearray(_WHOLE)
    for at in range(0, len(wire) - 2, 3):
        broken[int.from_bytes(wire[at : at + 2], "little") % len(broken)] ^= wire[at + 2]
    cut = len(broken) - wire[-1] if len(wire) % 3 == 1 else len(broken)
    made = bytes(broken[:cut])
    return made, [place for place, (one, other) in enumerate(zip(made, _WHOLE, strict=False)) if one != other]


def check_damage(wire: bytes) -> object:
    """What is flipped is reported, and never skipped: what is read before it is what was written, and nothing is read after."""
    made, changed = _damaged(wire)
    found, error = _read(_on_disk(made))
    torn = bool(found) and isinstance(found[-1], Torn)
    whole = found[:-1] if torn else found
    assert whole == _WHOLE_RECORDS[: len(whole)], "a record that nobody wrote"
    if changed:
        assert error is not None or torn, f"bytes {changed} were changed and nobody says so"
        alone = len(changed) == 1 and len(made) == len(_WHOLE)  # more of it may undo the records that would have told
        assert error is not None or not alone or changed[0] >= _END, f"byte {changed[0]} was changed and it passes for a torn end"
    elif len(made) < len(_WHOLE):
        assert error is None, f"an end that was cut off is no damage: {error}"
    return found


def _damage(wire: bytes, choices: Choices, _: object) -> bytes:
    """A few more places, a longer cut."""
    return (
        raw(wire, choices, [wire])[:30]
        if choices.one_in(3)
        else (wire + choices.raw(3 * choices.below(4) + choices.below(2)))[-30:]
    )


DAMAGE = Target(
    "journal_damage",
    "a journal with bits flipped and its end cut off",
    (b"", b"\x20\x00\x01", b"\x20\x01\x80\x05\x00\x10", b"\x07", b"\x00\x00\x01\x20"),
    _damage,
    check_damage,
    lambda wire: _damaged(wire)[0][:1] == b"\xff",
    0.3,
)


# -- configuration ---------------------------------------------------------------------------------------------------------

_WHERE = "x.toml"
_FULL = b"""# everything at once
[run]
strategy = "cross.py"
name = "Cross"
venue = "binance_spot"
symbols = ["BTC/USDT", "ETH/USDT"]
seconds = 3600
cancel_on_stop = true
reconcile_s = 60.0
dead_man_s = 0

[venues.binance_spot]
environment = "testnet"
rest_url = "https://example.org"
keys = "env"
key_kind = "ed25519"
recv_window_ms = 5000

[risk]
max_order_value = "1000.50"
max_position_value = 5000
collar_hard = 0.03

[paper]
quote = 100000
latency_ms = 12.5
maker_ppm = -10

[paper.balances]
BTC = 1.5
USDT = "1_0"

[journal]
durability = "power"
segment_mb = 8

[log]
level = "debug"
format = "json"

[params]
fast = 10
size = 0.05
quiet = false
word = '''text'''
"""


def _every_setting() -> bytes:
    """A file with every setting there is, as whole numbers: most of them wrong."""
    sections: dict[str, list[str]] = {}
    for section, key in settings():
        sections.setdefault(section.replace("NAME", "binance_spot"), []).append(f"{key} = 1")
    return "\n".join(f"[{section}]\n" + "\n".join(keys) for section, keys in sections.items()).encode()


_CONFIGS = (
    _FULL,
    _FULL.replace(b'"1_0"', b'"10"'),
    b"",
    b"run.symbols = ['BTC/USDT']\nrun.seconds = 1e1\nlog = {level = 'info'}\n",
    b"[run]\nsymbols = 'BTC/USDT, ETH/USDT'\nseconds = 'none'\n[params]\n\"a b\" = 0x10\n",
    _every_setting(),
)


def check_config(wire: bytes) -> object:
    """Any text gives a configuration, or one ``ConfigError`` in one line that says where."""
    try:
        config = parse_config(parse_toml(wire, _WHERE), _WHERE)
    except ConfigError as error:
        found = error
    else:
        assert isinstance(config, Config)
        hash((config.run, config.journal, config.log))
        return config
    text = str(found)
    assert text.startswith(_WHERE), text
    assert "\n" not in text, text
    assert len(text) < 2_000, f"{len(text)} characters of error"
    return found


def _is_toml(wire: bytes) -> bool:
    try:
        parse_toml(wire, _WHERE)
    except ConfigError:
        return False
    return True


CONFIG = Target("config", "configuration files", _CONFIGS, toml, check_config, _is_toml, 0.3)


# -- market data -----------------------------------------------------------------------------------------------------------

_BARS = b"timestamp,open,high,low,close,volume\n2022-01-01 00:00:00,100,110,90,105,5\n2022-01-01 00:01:00,105,106,104,104.5,2\n2022-01-01 00:03:00,104.5,106,104,105,2\n"
_TRADES = (
    b"time,price,qty,side,trade_id\n1640995200000,100.5,0.25,buy,1\n1640995201000,100.25,1,sell,2\n1640995201000,100.25,1,b,3\n"
)
_DUMP = (
    b"1640995200000,100,110,90,105,5,1640995259999,525,4,2,200,0\n1640995260000,105,106,104,104.5,2,1640995319999,210,2,1,104,0\n"
)
_AGGREGATED = b"26129,0.01633102,4.70443515,27781,27781,1498793709153,true,true\n26130,0.01633102,4.7,27782,27783,1498793709153,false,true\n"
_KEY = "binance_spot:BTC/USDT"


class _Scratch:
    """One file, written again for each input: what reads tables takes a path. A process of its own has one of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()

    def holding(self, wire: bytes) -> Path:
        path = Path(self._folder.name) / "data.csv"
        path.write_bytes(wire)
        return path


_scratch = _Scratch()


def check_table(wire: bytes) -> object:
    """Any file gives events that can be believed, in order of time, or one ``DataError`` that says where."""
    path = _scratch.holding(wire)
    last_ns = 0
    try:
        for event in from_file(path, _KEY).events():
            assert event.recv_ns >= last_ns, "not in order of time"
            last_ns = event.recv_ns
            believable(event)
    except DataError as error:
        found = error
    else:
        return last_ns
    assert path.name in str(found), found
    return found


def _is_table(wire: bytes) -> bool:
    """Whether its first row makes sense: compressed or not, there are columns."""
    try:
        from_file(_scratch.holding(wire), _KEY)
    except DataError as error:
        return bool(re.search(r":\d+$", error.where))
    return True


TABLE = Target("table", "tables of bars and trades", (_BARS, _TRADES, _DUMP, _AGGREGATED), table, check_table, _is_table, 0.3)

_TAPE = (Path(__file__).parent / "market.tape").read_bytes()


def check_recording(wire: bytes) -> object:
    """Any file gives lines or one ``DataError``; a lenient reader gives at least those, and neither decoder nor reader anything else."""
    path = _scratch.holding(wire)
    lenient = list(Recording(path, lenient=True))
    decoder = Decoder()
    for line in lenient:
        try:
            for event in decoder.decode_market(line.payload, line.recv_ns):
                believable(event)
        except WireError:
            continue
    lines = []
    try:
        for line in Recording(path):
            lines.append(line)  # noqa: PERF402 (what was read before an error counts)
    except DataError as error:
        found = error
    else:
        assert lines == lenient
        return lines
    assert path.name in str(found), found
    assert lines == lenient[: len(lines)]
    return found


def _is_recording(wire: bytes) -> bool:
    return bool(list(Recording(_scratch.holding(wire), lenient=True)))


RECORDING = Target("recording", "recordings of frames", (_TAPE,), recording, check_recording, _is_recording, 0.3)
TARGETS = (JOURNAL, DAMAGE, CONFIG, TABLE, RECORDING)
