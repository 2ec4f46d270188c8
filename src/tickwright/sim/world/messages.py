"""HTTP/1.1 as a server of small requests reads and writes it. Pure.

Guarantees: what comes out of :class:`RequestReader` does not depend on the pieces in which the bytes came; a request that is
not one is told as such. Does not: chunked bodies, upgrades, or anything that no client of a stand sends.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

_HEAD_END = b"\r\n\r\n"
_HEAD_BYTES_MAX = 64 * 1024


class BadRequest(ValueError):  # noqa: N818 (the name of the thing)
    """The bytes are no request."""


class Message(msgspec.Struct, frozen=True):
    """One request. Header names are lower-case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class RequestReader:
    """Bytes in, one request at a time out."""

    def __init__(self, body_bytes_max: int) -> None:
        self._most = body_bytes_max
        self._buffer = bytearray()
        self._looked = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def rest(self) -> bytes:
        """What came after the last request: the first frames of another protocol."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def next(self) -> Message | None:
        """The next request that is whole. Raises :class:`BadRequest`."""
        buffer = self._buffer
        end = buffer.find(_HEAD_END, max(0, self._looked - 3))
        if end < 0:
            self._looked = len(buffer)
            if self._looked > _HEAD_BYTES_MAX:
                raise BadRequest("the head is too large")
            return None
        first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest("no request line")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequest("no header")
            headers[name.strip().lower()] = value.strip()
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > self._most or "transfer-encoding" in headers:
            raise BadRequest("a body of no known or of too great a size")
        start = end + len(_HEAD_END)
        if len(buffer) < start + int(size):
            return None
        body = bytes(buffer[start : start + int(size)])
        del buffer[: start + int(size)]
        self._looked = 0
        path, _, query = words[1].partition("?")
        return Message(words[0], path, query, headers, body)


def response(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """One answer; the connection stays."""
    reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    head = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    if status != HTTPStatus.SWITCHING_PROTOCOLS:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
