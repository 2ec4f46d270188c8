"""JSON as a tree that keeps what ordinary parsing throws away: the order and the repetition of fields, the spelling of numbers."""

from __future__ import annotations

import json
from typing import TypeAlias

Node: TypeAlias = "Object | list[Node] | Literal | str | bool | None"


class Literal(str):
    """Text that is written as it stands: a number in its own spelling, or anything else that somebody might write there."""

    __slots__ = ()


class Object(list[tuple[str, "Node"]]):
    """Fields in order, the same name perhaps twice."""

    __slots__ = ()


_DECODE = json.JSONDecoder(object_pairs_hook=Object, parse_float=Literal, parse_int=Literal, parse_constant=Literal).decode
_QUOTE = json.JSONEncoder(ensure_ascii=False).encode


def parse(text: bytes) -> Node:
    """Raises ``ValueError`` or ``RecursionError`` for what is no JSON."""
    return _DECODE(text.decode())


def dump(node: Node) -> bytes:
    """The text of a tree, without white space."""
    out: list[str] = []
    _write(node, out)
    return "".join(out).encode("utf-8", "surrogatepass")


def _write(node: Node, out: list[str]) -> None:
    kind = type(node)
    if kind is Literal:
        out.append(node)
    elif kind is str:
        out.append(_QUOTE(node))
    elif kind is Object:
        mark = "{"
        for name, value in node:
            out.append(f"{mark}{name if type(name) is Literal else _QUOTE(name)}:")
            _write(value, out)
            mark = ","
        out.append("{}" if mark == "{" else "}")
    elif kind is list:
        mark = "["
        for value in node:
            out.append(mark)
            _write(value, out)
            mark = ","
        out.append("[]" if mark == "[" else "]")
    else:
        out.append("null" if node is None else "true" if node else "false")


#: A place in a tree: its container and where in it.
Slot: TypeAlias = "tuple[Object | list[Node], int]"


def slots(root: Node) -> list[Slot]:
    """Every place that holds a value, the root's own excepted."""
    found: list[Slot] = []
    _walk(root, found)
    return found


def _walk(node: Node, found: list[Slot]) -> None:
    kind = type(node)
    if kind is Object:
        for place, (_, value) in enumerate(node):
            found.append((node, place))
            if type(value) in (Object, list):
                _walk(value, found)
    elif kind is list:
        for place, value in enumerate(node):
            found.append((node, place))
            if type(value) in (Object, list):
                _walk(value, found)


def get(slot: Slot) -> Node:
    """The value in a place."""
    where, place = slot
    return where[place][1] if type(where) is Object else where[place]


def put(slot: Slot, value: Node) -> None:
    """Another value into a place; the name of a field stays."""
    where, place = slot
    where[place] = (where[place][0], value) if type(where) is Object else value
