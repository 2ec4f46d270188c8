"""A stand on a node of the world: the server shell that serves it on localhost, on the world's network."""

from __future__ import annotations

import asyncio

from tickwright.sim.stands.server import Stand, serve
from tickwright.sim.world.world import Node

#: Where a stand is reached unless another port is said.
PORT = 80


def serve_stand(node: Node, stand: Stand, *, port: int = PORT) -> str:
    """Serve a stand from the node's clock until the node dies. Where it is reached: host and port."""

    async def serving() -> None:
        async with serve(stand, port=port, clock=node.clock):
            await asyncio.Event().wait()

    node.start(serving(), "stand")
    return f"{node.name}:{port}"
