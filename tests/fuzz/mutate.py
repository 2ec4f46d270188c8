"""The mutators: from a wire that was recorded, one that was not. Pure; what they do is chosen by a :class:`Choices`.

Each knows one format (JSON, lines of JSON with a head, form parameters, journals, TOML) and changes it where it has a meaning:
names, types, order, repetition, nesting, numbers. What is made so is mostly well-formed, and so gets past the first parse. Now
and then bytes are changed without any regard to what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fuzz.choices import Choices
from fuzz.inputs import WIRE_BYTES_MAX
from fuzz.tree import Literal, Node, Object, Slot, dump, get, parse, put, slots

#: A mutator: a wire, choices, other wires of the same kind to take pieces from.
Mutator = Callable[[bytes, Choices, Sequence[bytes]], bytes]

NUMBERS = (
    "0", "1", "-1", "-0", "0.0", "2", "1e5", "1E-8", "-1e-9", "1e308", "1e309", "-1e400", "5e-324", "1e-400", "00", "01", "+1", "1.",
    ".5", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "nan", "inf", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1" + "0" * 40, "9" * 64,
    "9" * 65, "0." + "0" * 30 + "1", "1." + "9" * 40, "0.000000000000000001", "٣", "1 ", " 1", "1,000", "9" * 4_400, "1e999999999",
    "0.1e1", "1788249600401", "1788249600401000", "-1788249600401", "9223372036854775", "9223372036854776", "4611686018427387904",
    "4611686018427387905", "1000000000000000000", "1000000000000000001",
)  # fmt: skip
WORDS = (
    "", " ", "BUY", "SELL", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "GTC", "IOC", "FOK", "NEW", "TRADE",
    "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "FILLED", "PARTIALLY_FILLED", "PENDING_CANCEL", "SUCCESS",
    "FAILURE", "NOT_ATTEMPTED", "BTCUSDT", "btcusdt", "ETHBTC", "USDT", "X", "trade", "bookTicker", "depthUpdate", "kline",
    "24hrTicker", "serverShutdown", "executionReport", "outboundAccountPosition", "balanceUpdate", "eventStreamTerminated",
    "btcusdt@trade", "btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@depth5", "!ticker@arr", "TRADING", "BREAK", "PRICE_FILTER",
    "LOT_SIZE", "PERCENT_PRICE", "PERCENT_PRICE_BY_SIDE", "NOTIONAL", "true", "null", "none", "NONE", "EXPIRE_MAKER",
    "banned until 1788249900000", "too many", "@now", "@sign", "é", "\x00", "\u2028", "\U0001f600", "ſ", "İ", "a" * 64, "a" * 65,
    "x" * 3_000, "'", '"', "\\", "%00", "%s", "{}", "..", "/",
)  # fmt: skip
LITERALS = (
    "null", "true", "false", '""', "[]", "{}", "[[]]", "[null]", '{"":null}', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"',
    '"\\u0042TCUSDT"', "NaN", "-Infinity", "tru", "undefined", "", "'x'", "[0,0]", '["1","1"]', '[["1","1"]]', '[["1","1","1"]]',
    '["a"]', "1.5", '"1.5"', '"-1"', '"1e5"', "-", "[1,]",
)  # fmt: skip


# -- JSON ------------------------------------------------------------------------------------------------------------------


def json_wire(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """JSON, changed in a few places."""
    if choices.one_in(12):
        return raw(wire, choices, donors)
    try:
        root = parse(wire)
        for _ in range(1 + choices.below(3)):
            root = _change(root, choices, donors)
        made = dump(root)
    except (ValueError, RecursionError):
        return raw(wire, choices, donors)
    if choices.one_in(8):
        made = _encoded(made, choices)
    return made[:WIRE_BYTES_MAX]


def _change(root: Node, choices: Choices, donors: Sequence[bytes]) -> Node:
    found = slots(root)
    if not found or choices.one_in(40):
        return _whole(root, choices)
    slot = choices.pick(found)
    choices.pick(_CHANGES)(slot, choices, donors)
    return root


def _whole(root: Node, choices: Choices) -> Node:
    """The root itself becomes something else."""
    kind = choices.below(5)
    if kind == 0:
        return [root]
    if kind == 1:
        return Object([("data", root)])
    if kind == 2:
        return [root] * (2 + choices.below(4))
    if kind == 3:
        return _deep(root, choices)
    return Literal(choices.pick(LITERALS))


def _deep(inner: Node, choices: Choices) -> Node:
    """Many brackets around it: more than a parser may follow, or just as many."""
    depth = choices.pick((10, 100, 300, 500, 900, 1_000, 1_100, 2_000, 20_000))
    opening, closing = choices.pick((("[", "]"), ('{"a":', "}"), ('[{"e":', "}]")))
    return Literal(opening * depth + dump(inner).decode("utf-8", "surrogatepass") + closing * (depth if choices.below(4) else 0))


def _literal(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    put(slot, Literal(choices.pick(LITERALS)))


def _number(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    """Another number, spelled as a number where there was one and quoted where there was a text."""
    value = get(slot)
    if type(value) in (Object, list):
        return
    quoted = type(value) is str
    text = choices.pick(NUMBERS) if choices.below(3) else _near(str(value), choices)
    put(slot, text if quoted else Literal(text))


def _near(text: str, choices: Choices) -> str:
    """A number close to one that makes sense."""
    kind = choices.below(9)
    at = choices.below(len(text) + 1)
    if kind == 0:
        return f"-{text}"
    if kind == 1:
        return text + "0" * choices.below(30)
    if kind == 2:
        return text + choices.pick(("e5", "E+2", "e-3", ".", ".5", "1", " ", "n"))
    if kind == 3:
        return text.replace(".", "")
    if kind == 4:
        return text[:at]
    if kind == 5:
        return text[:at] + choices.pick("0123456789.-eE+") + text[at:]
    if kind == 6:
        return f"0{text}"
    return str(int(text) + choices.pick((-1, 1, -1_000, 1_000, 10**12))) if text.isdecimal() and len(text) < 40 else text[at:]


def _retype(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    """The same content as another type."""
    value = get(slot)
    kind = choices.below(4)
    if kind == 0 and type(value) is str:
        put(slot, Literal(value or "null"))
    elif kind <= 1 and type(value) not in (Object, list):
        put(slot, str(value))
    elif kind == 2:
        put(slot, [value])
    else:
        put(slot, Object([(choices.pick(("", "a", "e", "data")), value)]))


def _word(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    put(slot, choices.pick(WORDS))


def _spelling(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    """A text with a character more, less, or written as an escape."""
    value = get(slot)
    if type(value) is not str:
        return
    at = choices.below(len(value) + 1)
    kind = choices.below(5)
    if kind == 0:
        put(slot, value[:at] + value[at + 1 :])
    elif kind == 1:
        put(slot, value[:at] + choices.pick(WORDS) + value[at:])
    elif kind == 2:
        put(slot, value.swapcase())
    elif kind == 3:
        put(slot, Literal(_escaped(value)))
    else:
        put(slot, value * (2 + choices.below(20)))


def _escaped(text: str) -> str:
    """Every character as ``\\uXXXX``: the same to a reader of JSON, not to one of bytes."""
    return '"' + "".join(f"\\u{ord(letter) & 0xFFFF:04x}" for letter in text) + '"'


def _drop(slot: Slot, _: Choices, __: Sequence[bytes]) -> None:
    where, place = slot
    del where[place]


def _repeat(slot: Slot, choices: Choices, donors: Sequence[bytes]) -> None:
    """The same field or element again, there or elsewhere, with its value or with another."""
    where, place = slot
    again = choices.pick((1, 1, 1, 1, 2, 3, 50, 1_000)) if type(where) is list else 1
    where[choices.below(len(where) + 1) : 0] = [where[place]] * again  # type: ignore[assignment, list-item]  # one of the two kinds
    if choices.below(2):
        _number((where, place), choices, donors)


def _rename(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    where, place = slot
    if type(where) is not Object:
        return
    name, value = where[place]
    kind = choices.below(5)
    other = (
        name.swapcase(),
        choices.pick(where)[0],
        Literal(_escaped(name)),
        choices.pick(WORDS),
        name + choices.pick(("\x00", " ", "s", "_")),
    )[kind]
    where[place] = (other, value)


def _reorder(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    where, _place = slot
    kind = choices.below(3)
    if kind == 0:
        where.reverse()
    elif kind == 1:
        where.append(where.pop(0))  # type: ignore[arg-type]  # of the same container
    else:
        where.insert(0, where.pop(choices.below(len(where))))  # type: ignore[arg-type]  # of the same container


def _unknown(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    """A field that nobody has heard of."""
    where, place = slot
    if type(where) is Object:
        where.insert(place, (choices.pick(WORDS), Literal(choices.pick(LITERALS))))


def _nest(slot: Slot, choices: Choices, _: Sequence[bytes]) -> None:
    if choices.below(4):
        put(slot, [get(slot)])
    else:
        put(slot, _deep(get(slot), choices))


def _splice(slot: Slot, choices: Choices, donors: Sequence[bytes]) -> None:
    """A piece of another message."""
    try:
        donor = parse(choices.pick(donors))
    except (ValueError, RecursionError):
        return
    found = slots(donor)
    if not found:
        return
    taken = choices.pick(found)
    put(slot, get(taken))
    where, place = slot
    if type(where) is Object and type(taken[0]) is Object and choices.below(2):
        where[place] = taken[0][taken[1]]


def _empty(slot: Slot, _: Choices, __: Sequence[bytes]) -> None:
    """Nothing is left of its container."""
    slot[0].clear()


def _nothing(_: Slot, __: Choices, ___: Sequence[bytes]) -> None:
    """The first of the changes, so that a stream of choices that has run out changes nothing."""


#: What happens to one place; what leaves most of the message to be read comes more often.
_CHANGES: tuple[Callable[[Slot, Choices, Sequence[bytes]], None], ...] = (
    _nothing, _number, _number, _number, _number, _literal, _literal, _word, _word, _retype, _retype, _spelling, _spelling, _drop, _drop,
    _repeat, _repeat, _rename, _reorder, _unknown, _nest, _splice, _splice, _splice, _empty,
)  # fmt: skip


def _encoded(wire: bytes, choices: Choices) -> bytes:
    """The same message in other bytes, or with something about it."""
    kind = choices.below(9)
    if kind == 0:
        return wire.replace(b",", b" ,\n\t ").replace(b":", b" : ")
    if kind == 1:
        return b" \r\n\t" + wire + b"\n "
    if kind == 2:
        return b"\xef\xbb\xbf" + wire
    if kind == 3:
        return wire.decode("utf-8", "replace").encode(
            choices.pick(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7")), "replace"
        )
    if kind == 4:
        return wire + choices.pick((b"\x00", b"}", b"]", b",", b"x", wire, b"\xff"))
    if kind == 5:
        return wire[: choices.below(len(wire) + 1)]
    if kind == 6:
        at = choices.below(len(wire) + 1)
        return (
            wire[:at] + choices.pick((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\x1f")) + wire[at:]
        )
    if kind == 7:
        return wire.replace(b"{", b"{ ", 1)
    return b"/**/" + wire


# -- bytes -----------------------------------------------------------------------------------------------------------------


def raw(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
    """Bytes changed without regard to what they mean."""
    for _ in range(1 + choices.below(3)):
        at = choices.below(len(wire) + 1)
        kind = choices.below(8)
        if kind == 0:
            wire = wire[:at]
        elif kind == 1:
            wire = wire[:at] + choices.raw(1 + choices.below(4)) + wire[at:]
        elif kind == 2:
            wire = wire[:at] + bytes(byte ^ 1 << choices.below(8) for byte in wire[at : at + 1]) + wire[at + 1 :]
        elif kind == 3:
            wire = wire[:at] + wire[at + 1 + choices.below(16) :]
        elif kind == 4:
            wire = wire[:at] + wire[max(0, at - choices.below(64)) :]
        elif kind == 5:
            donor = choices.pick(donors)
            wire = wire[:at] + donor[choices.below(len(donor) + 1) :]
        elif kind == 6:
            wire = (
                wire[:at]
                + choices.pick((b"\xff", b"\x00", b"\x80", b'"', b"{", b"\\", b"\n")) * (1 + choices.below(8))
                + wire[at:]
            )
        else:
            wire = choices.raw(choices.below(64)) if choices.one_in(4) else wire + wire[:at]
    return wire[:WIRE_BYTES_MAX]


# -- a head and a body -----------------------------------------------------------------------------------------------------


def headed(heads: Sequence[bytes]) -> Mutator:
    """One line that says what the rest answers, then JSON."""

    def mutate(wire: bytes, choices: Choices, donors: Sequence[bytes]) -> bytes:
        head, _, body = wire.partition(b"\n")
        bodies = [donor.partition(b"\n")[2] for donor in (choices.pick(donors), choices.pick(donors))]
        if choices.one_in(5) or head not in heads:
            head = choices.pick(heads)
        if choices.one_in(10):
            body = choices.pick(bodies)
        return head + b"\n" + json_wire(body, choices, bodies)

    return mutate
