"""A TCP connection that can be hung up at any moment, whoever was given it.

Guarantees: the socket is connected, or there is none; after :func:`hang_up` both ends know, and the transport over it is done.
Does not: speak a protocol. Who waits for it sets the deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket


async def reach(host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    problem = OSError(f"{host} has no address")
    for family, kind, proto, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise problem


async def hang_up(sock: socket.socket, deadline_s: float) -> None:
    """End it for both sides, and wait until the transport over it has noticed and closed it."""
    with contextlib.suppress(OSError):  # the other end was quicker
        sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            while sock.fileno() != -1:  # noqa: ASYNC110 (the transport tells nobody, and is a turn or two of the loop away)
                await asyncio.sleep(0)
