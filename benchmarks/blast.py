"""A local websocket server that sends recorded frames as fast as the reader takes them. Used by the throughput benchmark.

Frames are framed once and written in large chunks, so that the sender is never what is measured. It serves one client after the
other, each from the first frame on.

    blast.py    a JSON job on stdin: {"frames": FILE with one a line, "total": n, "replies": {path: text}}; prints its port
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CHUNK = 256 * 1024


def framed(payload: bytes) -> bytes:
    """One unmasked text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def accepted(key: str) -> bytes:
    """The server's half of the handshake."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    return head + accept + b"\r\n\r\n"


def chunked(frames: Iterable[bytes]) -> list[bytes]:
    """Frames as chunks ready to be written."""
    chunks, current, size = [], [], 0
    for item in map(framed, frames):
        current.append(item)
        size += len(item)
        if size >= _CHUNK:
            chunks.append(b"".join(current))
            current, size = [], 0
    chunks.append(b"".join(current))
    return chunks


def read_frames(path: str) -> list[bytes]:
    return Path(path).read_bytes().splitlines()


class Blast:
    """Answers any websocket request and sends everything once: after the client's first frame, which is a subscription, or at
    once to a client that has named its streams in the address.
    """

    def __init__(self, chunks: list[bytes], replies: dict[str, bytes]) -> None:
        self.chunks = chunks
        self.replies = replies

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:]) if k}
                path, _, query = lines[0].split(" ")[1].partition("?")
                if "sec-websocket-key" in headers:
                    writer.write(accepted(headers["sec-websocket-key"]))
                    await self._blast(reader, writer, subscribed="streams=" in query)
                    return
                body = self.replies.get(path, b"{}")
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _blast(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, subscribed: bool) -> None:
        if not subscribed:
            request = await _client_frame(reader)
            number = json.loads(request).get("id") if request.startswith(b"{") else None
            writer.write(framed(json.dumps({"result": None, "id": number}).encode()))
        for chunk in self.chunks:
            writer.write(chunk)
            await writer.drain()
        while await reader.read(65_536):
            pass  # until the client closes


async def _client_frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    if size == 126:
        size = struct.unpack("!H", await reader.readexactly(2))[0]
    mask = await reader.readexactly(4)
    body = await reader.readexactly(size)
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))


async def main() -> None:
    job = json.loads(sys.stdin.readline())
    chunks = chunked(read_frames(job["frames"])[: job["total"]])
    replies = {path: text.encode() for path, text in job["replies"].items()}
    server = await asyncio.start_server(Blast(chunks, replies).serve, "127.0.0.1", 0, limit=2**20)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent closes our stdin


if __name__ == "__main__":
    asyncio.run(main())
