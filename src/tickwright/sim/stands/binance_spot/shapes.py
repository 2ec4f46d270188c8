"""What requests and answers are made of: plain JSON values out, text parameters in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

#: Anything that can be written as JSON.
JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
Json: TypeAlias = "Mapping[str, JsonValue]"

#: Parameters of a request as text, whether they came in a query, a body or a JSON object.
Params: TypeAlias = "Mapping[str, str]"


class Ask(msgspec.Struct, frozen=True):
    """One request, found genuine and within its time, on its way to its answer. ``account`` is "" where no key was needed."""

    params: dict[str, str]
    account: str
    at_ns: int


class Refusal(Exception):  # noqa: N818 (an answer of the venue, not an error of ours)
    """The venue's answer to a request that it does not carry out."""

    def __init__(self, code: int, text: str, status: int = 400, data: Json | None = None, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.data = data
        self.retry_after_s = retry_after_s


def dump(value: JsonValue) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(value)


def dump_text(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()
