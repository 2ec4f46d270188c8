"""Reads the parameters of a request, and refuses what is missing, malformed or too much in the venue's own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

from tickwright.base.numbers import Inexact, parse_units
from tickwright.sim.stands.binance_spot.config import EXP
from tickwright.sim.stands.binance_spot.shapes import Params, Refusal

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,19}", re.ASCII)
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}", re.ASCII)

_MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
_ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
#: More parameters than any call has.
PARAMS_MAX = 64


def from_form(query: str, body: str) -> dict[str, str]:
    """Parameters of query and body; where a name is in both, the query's counts. A name twice in one of them is refused."""
    found = _pairs(body)
    found.update(_pairs(query))
    return found


def _pairs(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMS_MAX)
    except ValueError:
        raise Refusal(-1101, "Too many parameters; expected '0' and received 'many'.") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return found


def from_json(raw: Mapping[str, object]) -> dict[str, str]:
    """Parameters of a WebSocket API request as text, printed as a signature covers them. A null is as good as not sent."""
    return {name: plain(value) for name, value in raw.items() if value is not None}


def plain(value: object) -> str:
    """A JSON value as text: booleans lower-case, text without quotes, lists and numbers as JSON writes them."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def signed_form(query: str, body: str) -> tuple[bytes, str]:
    """What a REST signature covers (query, then body, without the signature itself), and the signature."""
    signature = ""
    kept: list[str] = []
    for part in (query, body):
        pairs = part.split("&") if part else []
        for pair in pairs:
            if pair.startswith("signature="):
                signature = unquote(pair.removeprefix("signature="))
        kept.append("&".join(pair for pair in pairs if not pair.startswith("signature=")))
    return "".join(kept).encode(), signature


def signed_json(params: Params) -> bytes:
    """What a WebSocket API signature covers: every parameter but itself, in the order of names."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()


def check_names(params: Params, known: frozenset[str]) -> None:
    """The venue wants to have read every parameter that was sent. (Any request may say whether it wants to be told limits.)"""
    read = sum(name in known or name == "returnRateLimits" for name in params)
    if read < len(params):
        raise Refusal(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'.")


def given(params: Params, name: str) -> bool:
    return bool(params.get(name))


def need(params: Params, name: str) -> str:
    """A compulsory parameter."""
    value = params.get(name)
    if not value:
        raise Refusal(-1102, _MISSING.format(name))
    return value


def forbid(params: Params, names: Iterable[str]) -> None:
    """Parameters that do not go with the others."""
    for name in names:
        if params.get(name):
            raise Refusal(-1106, f"Parameter '{name}' sent when not required.")


def symbol(params: Params) -> str:
    """``symbol``, compulsory and well-formed."""
    value = need(params, "symbol")
    if not _SYMBOL.fullmatch(value):
        raise Refusal(-1100, _ILLEGAL.format("symbol", "^[A-Z0-9-_.]{1,20}$"))
    return value


def symbol_list(params: Params) -> list[str]:
    """``symbols=["A","B"]``."""
    try:
        names = msgspec.json.decode(params["symbols"], type=list[str])
    except msgspec.DecodeError:
        names = []
    if not names or not all(_SYMBOL.fullmatch(name) for name in names):
        legal = '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'
        raise Refusal(-1100, _ILLEGAL.format("symbols", legal))
    if len(set(names)) < len(names):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return names


def decimal(params: Params, name: str) -> int:
    """A compulsory decimal in units of 10**-8."""
    value = need(params, name)
    if not _DECIMAL.fullmatch(value):
        raise Refusal(-1100, _ILLEGAL.format(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$"))
    try:
        return parse_units(value, EXP)
    except Inexact:
        raise Refusal(-1111, f"Parameter '{name}' has too much precision.") from None


def integer(params: Params, name: str) -> int | None:
    """A whole number; None when it was not sent."""
    value = params.get(name)
    if not value:
        return None
    if not _INTEGER.fullmatch(value):
        raise Refusal(-1100, _ILLEGAL.format(name, "^[0-9]{1,20}$"))
    return int(value)


def limit(params: Params, usual: int, most: int) -> int:
    """How many rows; more than the most gives the most."""
    value = integer(params, "limit")
    if value is None:
        return usual
    if value == 0:
        raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(value, most)


def times(params: Params) -> tuple[int | None, int | None]:
    """``startTime`` and ``endTime``."""
    start, end = integer(params, "startTime"), integer(params, "endTime")
    if start is not None and end is not None and end < start:
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    return start, end


def boolean(params: Params, name: str, *, usual: bool) -> bool:
    """``true`` or ``false`` in any case."""
    value = params.get(name)
    if not value:
        return usual
    if value.lower() not in ("true", "false"):
        raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value.lower() == "true"


def choice(params: Params, name: str, choices: Iterable[str], usual: str | None = None) -> str:
    """One of a few words; compulsory without ``usual``."""
    value = params.get(name) or usual
    if value is None:
        value = need(params, name)
    if value not in choices:
        raise Refusal(-1100, _ILLEGAL.format(name, ", ".join(choices)))
    return value


def client_id(params: Params, name: str) -> str:
    """A client's own name for something; "" when it was not sent."""
    value = params.get(name)
    if not value:
        return ""
    if not _CLIENT_ID.fullmatch(value):
        raise Refusal(-1100, _ILLEGAL.format(name, "^[a-zA-Z0-9-_]{1,36}$"))
    return value


def check_enum(params: Params, name: str, code: int, text: str, choices: Iterable[str]) -> str:
    """A compulsory word whose refusal has a code of its own."""
    value = need(params, name)
    if value not in choices:
        raise Refusal(code, text)
    return value
