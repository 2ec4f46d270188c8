"""A small server and a small client on bare protocols, to look at the network with."""

from __future__ import annotations

import asyncio
from typing import Any

from tickwright.sim.world import NetFault, NetFaults, Node, World


class Recorder(asyncio.Protocol):
    """Remembers what it was told, and when."""

    def __init__(self, echo: bool = False) -> None:
        self.echo = echo
        self.data = b""
        self.pieces: list[bytes] = []
        self.told: list[str] = []
        self.at_s: list[float] = []
        self.lost: BaseException | str | None = "not yet"
        self.lost_s = 0.0
        self.transport: Any = None

    def connection_made(self, transport):
        self.transport = transport
        self.told.append("made")

    def data_received(self, data):
        self.data += data
        self.pieces.append(data)
        self.told.append("data")
        self.at_s.append(asyncio.get_running_loop().time())
        if self.echo:
            self.transport.write(data)

    def eof_received(self):
        self.told.append("eof")
        return False

    def pause_writing(self):
        self.told.append("pause")

    def resume_writing(self):
        self.told.append("resume")

    def connection_lost(self, exc):
        self.told.append("lost")
        self.lost = exc
        self.lost_s = asyncio.get_running_loop().time()


STEADY = NetFaults(latency_ms_min=10.0, latency_ms_mean=10.0, dns_ms_mean=0.0, split_share=0.0, merge_share=0.0)


class Pair:
    """A client connected to a server, in a world of its own. Latency is ten milliseconds each way."""

    def __init__(self, world: World, server: Node, client: Node, *, echo: bool = False) -> None:
        self.world = world
        self.server_node, self.client_node = server, client
        self.accepted: list[Recorder] = []
        self.here = Recorder()

        def accept() -> Recorder:
            self.accepted.append(Recorder(echo))
            return self.accepted[-1]

        server.loop.network.listen(server.loop, 80, accept)
        self.connect()

    def connect(self) -> Recorder:
        here = Recorder()
        self.world.run(self.client_node, self._connect(here), limit_s=300)
        self.here = here
        self.world.run_until(lambda: bool(self.accepted), limit_s=1)
        return self.here

    async def _connect(self, protocol: Recorder) -> None:
        await asyncio.get_running_loop().create_connection(lambda: protocol, self.server_node.name, 80)

    @property
    def there(self) -> Recorder:
        return self.accepted[-1]

    def befall(self, **fault: Any) -> None:
        self.world.network.plan(NetFault(**fault))


def make_world(seed: int = 1, faults: NetFaults = STEADY, plan: tuple[NetFault, ...] = ()) -> World:
    return World(seed, faults=faults, plan=plan)
