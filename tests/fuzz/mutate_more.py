"""Mutators of the formats that are not JSON alone: scripts of requests and of frames, journals, TOML, tables, recordings."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence

import msgspec

from fuzz.choices import Choices
from fuzz.inputs import WIRE_BYTES_MAX
from fuzz.mutate import LITERALS, NUMBERS, WORDS, Mutator, json_wire, raw
from tickwright.journal.record import HEADER, HEADER_BYTES, KINDS, MARK, MARKET, frame

#: Between two parts of a script.
NEXT = b"\n~~~\n"
PARTS_MAX = 8


# -- scripts ---------------------------------------------------------------------------------------------------------------


def script(mutate_part: Mutator) -> Mutator:
    """Several requests or frames in a row; what the first did is there for the next."""

    def mutate(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
        if choices.one_in(40):
            return raw(wire, choices, donors)
        parts = wire.split(NEXT)
        others = [part for donor in (choices.pick(donors), choices.pick(donors)) for part in donor.split(NEXT)]
        at = choices.below(len(parts))
        kind = choices.below(8)
        if kind == 1:
            parts.insert(at, choices.pick(others))
        elif kind == 2 and len(parts) > 1:
            del parts[at]
        elif kind == 3:
            parts.append(parts[at])
        for _ in range(1 + choices.below(2)):
            at = choices.below(len(parts))
            parts[at] = mutate_part(parts[at], choices, others)
        return NEXT.join(parts[:PARTS_MAX])[:WIRE_BYTES_MAX]

    return mutate


def request(names: Sequence[str], paths: Sequence[str]) -> Mutator:
    """``METHOD /path?query``, header lines, an empty line, a body. ``names`` are those of parameters."""

    def mutate(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
        head, _, body = wire.partition(b"\n\n")
        first, *headers = head.decode("latin-1").split("\n")
        method, _, target = first.partition(" ")
        path, _, query = target.partition("?")
        pairs = query.split("&") if query else []
        kind = choices.below(13)
        if kind == 1:
            path = choices.pick(paths)
        elif kind == 6:
            method = choices.pick(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "get", "", "G\tT"))
        elif kind == 2:
            headers = _header(headers, choices)
        elif kind == 3:
            body, pairs = _moved(body, pairs, choices)
        elif kind == 4 and path.startswith("/stand/"):
            body = json_wire(body, choices, [donor.partition(b"\n\n")[2] or b"{}" for donor in donors])
        elif kind == 5 and choices.one_in(4):
            path = _character(path, choices)
        elif kind:
            for _ in range(1 + choices.below(3)):
                pairs = _pairs(pairs, choices, names)
        target = f"{path}?{'&'.join(pairs)}" if pairs else path
        head = "\n".join([f"{method} {target}", *headers])
        return head.encode("latin-1", "replace") + b"\n\n" + body

    return mutate


def _pairs(pairs: list[str], choices: Choices, names: Sequence[str]) -> list[str]:
    """Parameters with one of them changed, gone, new, twice or elsewhere."""
    at = choices.below(len(pairs) + 1)
    kind = choices.below(8)
    if at == len(pairs) or kind == 0:
        return [*pairs[:at], f"{choices.pick(names)}={_value(choices)}", *pairs[at:]]
    name, _, value = pairs[at].partition("=")
    if kind == 1:
        return pairs[:at] + pairs[at + 1 :]
    if kind == 2:
        return [*pairs, pairs[at]]
    if kind == 3:
        return [*pairs[:at], f"{choices.pick(names)}={value}", *pairs[at + 1 :]]
    if kind == 4:
        return pairs[at:] + pairs[:at]
    changed = _value(choices) if kind < 7 else _character(value, choices)
    return [*pairs[:at], f"{name}={changed}", *pairs[at + 1 :]]


def _value(choices: Choices) -> str:
    """A value of a parameter, as it may stand in a query."""
    text = choices.pick(choices.pick((NUMBERS, WORDS, WORDS, LITERALS, _VALUES)))
    if choices.below(2):
        return "".join(
            letter if letter.isalnum() and letter.isascii() else "".join(f"%{b:02X}" for b in letter.encode()) for letter in text
        )
    return text.encode().decode("latin-1").replace("\n", "%0A")


_VALUES = ("[%22BTCUSDT%22]", "[]", "%FF%FE", "%", "%zz", "+", "a;b", "1d", "59m", "8", "-1:00", "05:45", "1m", "MINI", "FULL", "ACK", "RESULT",
           "STOP_ON_FAILURE", "ALLOW_FAILURE", "ONLY_NEW", "0.1", "59000", "60005.5", "1000000000000", "0.00001", "99999999999")  # fmt: skip


def _character(text: str, choices: Choices) -> str:
    at = choices.below(len(text) + 1)
    return (
        text[:at]
        + choices.pick(("", "%", "%00", "%41", "é", " ", "+", "&", "=", ";", "#", "\x7f", "0"))
        + text[at + choices.below(2) :]
    )


def _header(headers: list[str], choices: Choices) -> list[str]:
    kind = choices.below(4)
    if kind == 0 or not headers:
        name = choices.pick(("x-mbx-time-unit", "x-mbx-apikey", "content-type", "x"))
        return [*headers, f"{name}: {choices.pick(('MICROSECOND', 'millisecond', 'é', '@key', '', 'x' * 300))}"]
    at = choices.below(len(headers))
    return headers[:at] + ([] if kind == 1 else [_character(headers[at], choices)]) + headers[at + 1 :]


def _moved(body: bytes, pairs: list[str], choices: Choices) -> tuple[bytes, list[str]]:
    """Parameters from the query into the body, or other bytes there."""
    if choices.below(2):
        at = choices.below(len(pairs) + 1)
        return "&".join(pairs[at:]).encode("latin-1", "replace"), pairs[:at]
    return choices.pick((b"", b"\xff\xfe", b"{}", b"a=b", b"symbol=BTCUSDT", body + b"&" + body)), pairs


def frames(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """One frame of a client; a part that begins with ``/`` is the address at which the connection was opened."""
    if wire.startswith(b"/"):
        return choices.pick(_ADDRESSES) if choices.below(2) else wire
    made = json_wire(wire, choices, [donor for donor in donors if not donor.startswith(b"/")] or [wire])
    return b"{" + made if made.startswith(b"/") else made


_ADDRESSES = (b"/ws-api/v3", b"/ws-api/v3?returnRateLimits=false", b"/ws-api/v3?timeUnit=MICROSECOND", b"/ws-api/v3?timeUnit=%FF", b"/ws",
              b"/stream?streams=btcusdt@trade/btcusdt@depth", b"/ws/btcusdt@trade", b"/stream?timeUnit=MICROSECOND&streams=!miniTicker@arr",
              b"/ws/", b"/ws/!", b"/ws/btcusdt@kline_1m@+08:00", b"/stream?streams=///")  # fmt: skip


# -- journals --------------------------------------------------------------------------------------------------------------


def journal(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """Records changed as records (their checksums right), or bytes changed as on a disk (their checksums wrong)."""
    if choices.one_in(6):
        return raw(wire, choices, donors)
    records = _records(wire)
    if not records:
        return raw(wire, choices, donors)
    for _ in range(1 + choices.below(2)):
        at = choices.below(len(records))
        change = choices.pick(_RECORD_CHANGES) if _records(records[at]) else _bits
        records[at : at + 1] = change(records[at], choices, donors)
        if not records:
            break
    return b"".join(records)[:WIRE_BYTES_MAX]


def _records(wire: bytes) -> list[bytes]:
    """The records as far as lengths lead."""
    found = []
    at = 0
    while at + HEADER_BYTES <= len(wire) and wire[at] == MARK:
        end = at + HEADER_BYTES + int.from_bytes(wire[at + 2 : at + 6], "little")
        if end > len(wire):
            break
        found.append(wire[at:end])
        at = end
    return found


def _parts(record: bytes) -> tuple[int, bytes, int]:
    _, kind, _, kept, _ = HEADER.unpack_from(record)
    return kind, record[HEADER_BYTES:], kept


def _payload(record: bytes, choices: Choices, donors: Sequence[bytes]) -> list[bytes]:
    kind, payload, kept = _parts(record)
    if kind == MARKET:
        return [frame(kind, _packed(payload, choices, donors), kept)]
    others = [other[HEADER_BYTES:] for other in _records(choices.pick(donors))] or [payload]
    return [frame(kind, json_wire(payload, choices, others), kept)]


def _packed(payload: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """MessagePack, changed as the JSON that says the same."""
    try:
        said = msgspec.json.encode(msgspec.msgpack.decode(payload))
        changed = json_wire(said, choices, [said])
        return msgspec.msgpack.encode(msgspec.json.decode(changed)) if changed != said else payload
    except (ValueError, RecursionError, OverflowError, TypeError):  # the last: JSON has no such keys
        return raw(payload, choices, donors)


def _kind(record: bytes, choices: Choices, _: Sequence[bytes]) -> list[bytes]:
    _, payload, kept = _parts(record)
    return [frame(choices.pick((*sorted(KINDS), 0, 6, 255)), payload, kept)]


def _kept(record: bytes, choices: Choices, _: Sequence[bytes]) -> list[bytes]:
    kind, payload, _kept = _parts(record)
    return [frame(kind, payload, choices.pick((0, 1, 14, 500, 2**31, 2**32 - 1)))]


def _length(record: bytes, choices: Choices, _: Sequence[bytes]) -> list[bytes]:
    length = choices.pick((0, 1, len(record), 2**28, 2**28 + 1, 2**32 - 1))
    return [record[:2] + length.to_bytes(4, "little") + record[6:]]


def _twice(record: bytes, choices: Choices, _: Sequence[bytes]) -> list[bytes]:
    return [record] * choices.pick((0, 2, 2, 3))


def _other(record: bytes, choices: Choices, donors: Sequence[bytes]) -> list[bytes]:
    found = _records(choices.pick(donors))
    return [record, choices.pick(found)] if found else [record]


def _garbage(record: bytes, choices: Choices, _: Sequence[bytes]) -> list[bytes]:
    """What a file system may leave: zeros, ones, half a record."""
    count = choices.pick((1, 13, 14, 100, 4_096, 30_000))
    rubbish = choices.pick(
        (bytes(count), b"\xff" * count, b"\xff\x01" * (count // 2), choices.raw(min(count, 200)), record[:count])
    )
    return [record, rubbish] if choices.below(2) else [rubbish, record]


def _bits(record: bytes, choices: Choices, donors: Sequence[bytes]) -> list[bytes]:
    return [raw(record, choices, donors)]


_RECORD_CHANGES: tuple[Callable[[bytes, Choices, Sequence[bytes]], list[bytes]], ...] = (
    _payload, _payload, _payload, _payload, _kind, _kept, _length, _twice, _other, _garbage, _bits, _bits,
)  # fmt: skip


# -- TOML ------------------------------------------------------------------------------------------------------------------


def toml(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """Lines of a TOML file with keys, values and tables changed."""
    if choices.one_in(16):
        return raw(wire, choices, donors)
    lines = wire.decode("utf-8", "replace").split("\n")
    for _ in range(1 + choices.below(3)):
        at = choices.below(len(lines))
        lines[at : at + 1] = _toml_line(lines[at], choices, donors)
        lines = lines or [""]
    made = "\n".join(lines).encode()
    if choices.one_in(25):
        made = choices.pick(
            (b"\xef\xbb\xbf" + made, made.replace(b"\n", b"\r\n"), made.replace(b"\n", b"\r"), made + b"\x00", made * 2)
        )
    return made[:WIRE_BYTES_MAX]


def _toml_line(line: str, choices: Choices, donors: Sequence[bytes]) -> list[str]:
    kind = choices.below(16)
    others = choices.pick(donors).decode("utf-8", "replace").split("\n")
    if kind == 0:
        return [line]
    if kind == 15:
        return []
    if kind == 1:
        return [line, choices.pick(others)]
    if kind == 2:
        return [choices.pick(_TABLES), line]
    if kind == 3:
        return [_character(line, choices)]
    name, equals, value = line.partition("=")
    if not equals:
        return [choices.pick(_TABLES)] if kind > 13 else [line]
    if kind == 4:
        return [f"{choices.pick(others).partition('=')[0] or 'x '}= {value}"]
    if kind == 5:
        return [f"{choices.pick(_KEYS)} = {value}"]
    return [f"{name}= {choices.pick(choices.pick((_TOML_VALUES, _TOML_VALUES, NUMBERS)))}"]


_TABLES = ("[run]", "[risk]", "[params]", "[paper.balances]", "[venues.binance_spot]", "[venues]", "[[run]]", "[run.x]", "[log]", "[nowhere]",
           "[venues.'']", "[a." + "b." * 300 + "c]", "[journal]", "[paper]")  # fmt: skip
_KEYS = ("run.strategy", '"a b"', "'é'", "api_secret", "key", "seconds", "x.y.z", "venue", "max_order_value", '"\\u0000"')
_TOML_VALUES = (
    "nan", "-inf", "inf", "true", "'none'", '"none"', '""', "[]", "{}", "[[]]", "{a = 1}", "1979-05-27T07:32:00Z", "07:32:00", "1979-05-27",
    "0xDEADBEEF", "0o7", "0b1", "1e5", "1E400", "-0.0", "1_000", "9" * 50, "'9' ", '"1.5"', '"NaN"', '"1e999999999"', '"-1"', "['a', 'b']",
    "['a', 1]", "[" * 200 + "]" * 200, "[" * 3_000, '"""a\nb"""', "'''x'''", '"\\ud800"', '"\\U0010FFFF"', '"a,b, c"', "{b = {c = {}}}",
    "'" + "x" * 500 + "'", "1e-400", "0.1", "60000", "60001", "-1000001", "'mainnet'", "'INFO'", '"debug"', "1.", "08", "+1", "1e+9999999999",
)  # fmt: skip


# -- tables and recordings -------------------------------------------------------------------------------------------------


def table(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """A CSV file with cells, rows and columns changed; now and then compressed, whole or not."""
    if choices.one_in(12):
        return raw(wire, choices, donors)
    rows = [line.split(b",") for line in wire.split(b"\n")]
    for _ in range(1 + choices.below(3)):
        at = choices.below(len(rows))
        row = rows[at]
        place = choices.below(len(row))
        kind = choices.below(12)
        if kind == 1:
            rows.insert(at, rows[choices.below(len(rows))])
        elif kind == 2:
            rows[at : at + 1] = []
            rows = rows or [[b""]]
        elif kind == 3:
            rows = [[*cells[:place], *cells[place + 1 :]] or [b""] for cells in rows]
        elif kind == 4:
            rows[at] = row[1:] + row[:1]
        elif kind == 5:
            rows[0] = [*rows[0][:place], choices.pick(_COLUMNS), *rows[0][place + 1 :]]
        elif kind:
            rows[at] = [*row[:place], _cell(row[place], choices), *row[place + 1 :]]
    made = b"\n".join(b",".join(row) for row in rows)[:WIRE_BYTES_MAX]
    return _compressed(made, choices) if choices.one_in(12) else made


def _cell(cell: bytes, choices: Choices) -> bytes:
    return choices.pick(
        (
            choices.pick(NUMBERS).encode(),
            choices.pick(WORDS).encode(),
            choices.pick(_CELLS),
            b"-" + cell,
            cell + b"0",
            b'"' + cell,
            cell[1:],
        )
    )


_COLUMNS = (b"open", b"close", b"price", b"qty", b"side", b"time", b"ts", b"m", b"id", b"", b"Time ", b"\xff")
_CELLS = (b"2022-01-01", b"2022-13-01", b"2022-01-01T00:00:00+25:00", b"0001-01-01", b"9999-12-31T23:59:59Z", b"buy", b"b", b"-1", b'"a\nb"',
          b'"', b"1e18", b"1e300", b"inf", b"nan", b"\x00", b"1640995200", b"99999999999999999999", b"true", b"0")  # fmt: skip


def _compressed(made: bytes, choices: Choices) -> bytes:
    """As gzip or in a zip archive, perhaps damaged."""
    if choices.below(2):
        packed = gzip.compress(made, mtime=0)
    else:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name in ("a.csv", "b/", "c.csv")[: 1 + choices.below(3)]:
                archive.writestr(zipfile.ZipInfo(name), b"" if name.endswith("/") else made)
        packed = file.getvalue()
    return raw(packed, choices, [packed]) if choices.below(3) else packed


def recording(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """Lines of a time and a message."""
    if choices.one_in(12):
        return raw(wire, choices, donors)
    lines = wire.split(b"\n")
    messages = [message for line in lines if (message := line.partition(b" ")[2])] or [b"{}"]
    for _ in range(1 + choices.below(2)):
        at = choices.below(len(lines))
        stamp, space, message = lines[at].partition(b" ")
        kind = choices.below(10)
        if kind == 1:
            lines.insert(at, lines[choices.below(len(lines))])
        elif kind == 2:
            lines[at : at + 1] = choices.pick(([], [b""], [b"  "]))
            lines = lines or [b""]
        elif kind == 3:
            lines[at] = choices.pick(NUMBERS).encode() + space + message
        elif kind and message:
            lines[at] = stamp + space + json_wire(message, choices, messages)
    made = b"\n".join(lines)[:WIRE_BYTES_MAX]
    return _compressed(made, choices) if choices.one_in(20) else made
