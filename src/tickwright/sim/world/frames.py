"""RFC 6455 as a server speaks it, no more than clients of a stand use: whole frames out, frames of any cut in. Pure.

Guarantees: what comes out of :class:`FrameReader` does not depend on the pieces in which the bytes came. Does not: extensions.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN = 0x80
_MASKED = 0x80
_SHORT_MAX = 125
_TWO_BYTES = 126
_EIGHT_BYTES = 127


class BrokenFrame(ValueError):  # noqa: N818 (the name of the thing)
    """The bytes are no frame that a client may send."""


def accept_key(key: str) -> str:
    """What a server answers to ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def frame(kind: int, payload: bytes) -> bytes:
    """One whole, unmasked frame."""
    size = len(payload)
    if size <= _SHORT_MAX:
        return bytes((_FIN | kind, size)) + payload
    if size < 1 << 16:
        return bytes((_FIN | kind, _TWO_BYTES)) + size.to_bytes(2, "big") + payload
    return bytes((_FIN | kind, _EIGHT_BYTES)) + size.to_bytes(8, "big") + payload


class FrameReader:
    """Bytes in, messages out: ``(kind, payload)``, fragments joined."""

    def __init__(self, message_bytes_max: int) -> None:
        self._most = message_bytes_max
        self._buffer = bytearray()
        self._kind = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Every message that is whole now. Raises :class:`BrokenFrame`."""
        self._buffer += data
        while (found := self._next()) is not None:
            final, kind, payload = found
            if kind >= CLOSE:
                yield kind, payload
                continue
            if (kind == CONTINUATION) != bool(self._parts):
                raise BrokenFrame("fragments out of order")
            self._kind = kind or self._kind
            self._parts.append(payload)
            if sum(map(len, self._parts)) > self._most:
                raise BrokenFrame("message too large")
            if final:
                whole, self._parts = b"".join(self._parts), []
                yield self._kind, whole

    def _next(self) -> tuple[bool, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if not buffer[1] & _MASKED:
            raise BrokenFrame("a client masks its frames")
        if size == _TWO_BYTES:
            size, at = int.from_bytes(buffer[2:4], "big"), 4
        elif size == _EIGHT_BYTES:
            size, at = int.from_bytes(buffer[2:10], "big"), 10
        if size > self._most:
            raise BrokenFrame("frame too large")
        end = at + 4 + size
        if len(buffer) < end:
            return None
        first = buffer[0]
        payload = _unmask(bytes(buffer[at + 4 : end]), bytes(buffer[at : at + 4]))
        del buffer[:end]
        return bool(first & _FIN), first & 0x0F, payload


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """All of it as one number: much faster than byte by byte."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
