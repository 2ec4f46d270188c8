"""Hosts with names, ports that are listened at, and the connections between them.

Guarantees: who is connected to whom, how long everything takes and what goes wrong follow from the seed; what went wrong is
written down so that it can be made to happen again. Does not: route, lose single packets, or know what is said on a connection.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tickwright.base.chance import Chance
from tickwright.sim.world.faults import OF_HOST, NetFault, NetFaultKind, NetFaults, Troubles
from tickwright.sim.world.link import Link
from tickwright.sim.world.scheduler import Call, Scheduler
from tickwright.sim.world.sockets import WorldServer, WorldSocket, os_error

if TYPE_CHECKING:
    from tickwright.sim.world.loop import ProcessLoop

#: Faults that are remembered; a run with more is not one to look at by hand.
HAPPENED_MAX = 10_000
#: When the system gives up a connection that nobody answers.
GIVE_UP_NS = 127 * 1_000_000_000
_FIRST_PORT = 49_152
_FIRST_CLIENT_PORT = 32_768
_CLIENT_PORTS = 16_384
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_OF_LINK = [kind for kind in NetFaultKind if kind not in OF_HOST]


class Host:
    """One machine: an address, and what listens there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.has_power = True
        self.listening: dict[int, WorldServer] = {}
        self.ports = _FIRST_PORT
        self.until_ns: dict[NetFaultKind, int] = {}  # faults of the host that are under way

    def suffers(self, kind: NetFaultKind, now_ns: int) -> bool:
        """Whether a fault of the host is under way."""
        return now_ns < self.until_ns.get(kind, 0)


class Network:
    """See the module. ``happened`` are the faults so far, each as one that can be given to another run."""

    def __init__(self, scheduler: Scheduler, seed: str, faults: NetFaults, plan: Sequence[NetFault] = ()) -> None:
        self.links: dict[int, Link] = {}
        self.happened: list[NetFault] = []
        self.attempts = 0
        self.lookups = 0
        self._scheduler = scheduler
        self._seed = seed
        self._troubles = Troubles(seed, faults)
        self._chance = Chance(f"{seed}:network")
        self._hosts: dict[str, Host] = {}
        self._names: dict[str, Host] = {}
        self._filenos = 0
        self._of_number: dict[tuple[NetFaultKind, int], NetFault] = {}
        for fault in plan:
            self.plan(fault)

    # -- hosts -------------------------------------------------------------------------------------------------------------

    def add_host(self, name: str) -> Host:
        """A machine and its first name."""
        host = Host(f"10.0.0.{len(self._hosts) + 1}")
        self._hosts[host.address] = host
        self.add_name(name, host)
        return host

    def add_name(self, name: str, host: Host) -> None:
        """Another name for it."""
        assert name not in self._names, f"{name} is taken"
        self._names[name] = host

    def next_fileno(self) -> int:
        self._filenos += 1
        return self._filenos

    def socket(self, loop: ProcessLoop) -> WorldSocket:
        """A new socket of a process."""
        return WorldSocket(self, loop)

    def listen(self, loop: ProcessLoop, port: int, accept: Callable[[], asyncio.BaseProtocol]) -> WorldServer:
        """Raises ``OSError`` when the port is taken."""
        host = self._host_of(loop)
        if not port:
            port, host.ports = host.ports, host.ports + 1
        taken = host.listening.get(port)
        if taken is not None and taken.is_serving() and not taken.loop.dead:
            raise os_error(errno.EADDRINUSE)
        host.listening[port] = server = WorldServer(loop, (host.address, port), accept)
        return server

    def _host_of(self, loop: ProcessLoop) -> Host:
        return self._names[loop.name]

    # -- connecting --------------------------------------------------------------------------------------------------------

    async def resolve(self, loop: ProcessLoop, name: str) -> str:
        """The address of a name, after a while. Raises ``gaierror``."""
        if name in self._hosts:
            return name
        self.lookups += 1
        number = self.lookups
        waiter: asyncio.Future[None] = loop.create_future()
        delay_ns = int(self._chance.exponential(self._troubles.faults.dns_ms_mean or 1e-3) * _NS_PER_MS)
        self._scheduler.at(self._scheduler.now_ns + delay_ns, loop, Call(_settle, waiter, None))
        await waiter
        host = self._names.get(name)
        if host is not None and (host.suffers(NetFaultKind.DNS_FAILS, self._scheduler.now_ns) or self._no_name(number, name)):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return host.address

    def _no_name(self, number: int, name: str) -> bool:
        return self._befalls(NetFaultKind.DNS_FAILS, number, name)

    def _befalls(self, kind: NetFaultKind, number: int, host: str) -> bool:
        """Whether a fault befalls one attempt: planned for it, or drawn."""
        at_s = self._scheduler.now_ns / _NS_PER_S
        fault = self._of_number.get((kind, number)) or self._troubles.of_attempt(kind, number, at_s, host)
        if fault is not None:
            self._note(fault)
        return fault is not None

    async def connect(self, loop: ProcessLoop, sock: WorldSocket, address: tuple[str, int]) -> None:
        """Raises ``OSError``, or never returns."""
        self.attempts += 1
        waiter: asyncio.Future[None] = loop.create_future()
        knock = Call(self._knock, loop, sock, self.attempts, address, waiter)
        self._scheduler.at(self._scheduler.now_ns + self._trip_ns(), None, knock)
        try:
            await waiter
        finally:
            knock.cancel()

    def _trip_ns(self) -> int:
        faults = self._troubles.faults
        more = faults.latency_ms_mean - faults.latency_ms_min
        return int((faults.latency_ms_min + (self._chance.exponential(more) if more else 0.0)) * _NS_PER_MS)

    def _knock(
        self, loop: ProcessLoop, sock: WorldSocket, number: int, address: tuple[str, int], waiter: asyncio.Future[None]
    ) -> None:
        """An attempt has reached the host."""
        now_ns = self._scheduler.now_ns
        host = self._hosts.get(address[0])
        name = self._name_of(host)
        hangs = host is None or not host.has_power or host.suffers(NetFaultKind.HANGS, now_ns)
        if hangs or self._befalls(NetFaultKind.HANGS, number, name):
            self._scheduler.at(now_ns + GIVE_UP_NS, loop, Call(_settle, waiter, os_error(errno.ETIMEDOUT)))
            return
        assert host is not None, "a host that does not hang is there"
        server = host.listening.get(address[1])
        nobody = server is None or not server.is_serving() or server.loop.dead
        answered_ns = now_ns + self._trip_ns()
        if nobody or host.suffers(NetFaultKind.REFUSED, now_ns) or self._befalls(NetFaultKind.REFUSED, number, name):
            self._scheduler.at(answered_ns, loop, Call(_settle, waiter, os_error(errno.ECONNREFUSED)))
            return
        assert server is not None, "somebody listens"
        link = self._open(number, loop, server, name)
        if host.suffers(NetFaultKind.TLS_FAILS, now_ns) or self._befalls(NetFaultKind.TLS_FAILS, number, name):
            link.client.refusal = ssl.SSLError(ssl.SSLErrorNumber.SSL_ERROR_SSL, "the handshake failed")
        server_sock = WorldSocket(self, server.loop, link.server)
        self._scheduler.soon(server.loop, Call(server.accept, server_sock, link.server))
        self._scheduler.at(answered_ns, loop, Call(self._connected, link, sock, waiter))

    def _open(self, number: int, loop: ProcessLoop, server: WorldServer, name: str) -> Link:
        client = (self._host_of(loop).address, _FIRST_CLIENT_PORT + number % _CLIENT_PORTS)
        link = Link(
            number,
            self._scheduler,
            self._troubles.faults,
            f"{self._seed}:link",
            (loop, client),
            (server.loop, server.address),
            name,
        )
        self.links = {known: other for known, other in self.links.items() if not other.is_over}
        self.links[number] = link
        self._scheduler.witness(f"open {number} {client} {server.address}".encode())
        for kind in _OF_LINK:
            self._draw(link, kind, 0)
        return link

    def _connected(self, link: Link, sock: WorldSocket, waiter: asyncio.Future[None]) -> None:
        sock.end = link.client
        if waiter.done() or sock.fileno() < 0:  # whoever asked has given up meanwhile
            link.client.close()
        else:
            waiter.set_result(None)

    def _name_of(self, host: Host | None) -> str:
        return next((name for name, known in self._names.items() if known is host), "")

    # -- faults ------------------------------------------------------------------------------------------------------------

    def change(self, faults: NetFaults) -> None:
        """Other rates for connections that are made from now on; what was drawn for those that are open is taken back."""
        self._troubles.faults = faults
        for link in self.links.values():
            link.relent(faults)
            for kind in _OF_LINK if not link.is_over else ():
                self._draw(link, kind, 1_000)

    def _draw(self, link: Link, kind: NetFaultKind, count: int) -> None:
        fault = self._troubles.of_link(link.number, kind, count, self._scheduler.now_ns, link.host)
        if fault is not None:
            link.await_fault(int(fault.at_s * _NS_PER_S), Call(self._befall, link, fault, count))

    def _befall(self, link: Link, fault: NetFault, count: int) -> None:
        if not link.is_over:
            self._note(fault)
            link.suffer(fault)
            self._draw(link, fault.kind, count + 1)

    def plan(self, fault: NetFault) -> None:
        """Have something go wrong at its time, or now if that is past."""
        if fault.link is not None and fault.kind in OF_HOST:
            self._of_number[fault.kind, fault.link] = fault
            return
        at_ns = max(self._scheduler.now_ns, int(fault.at_s * _NS_PER_S))
        self._scheduler.at(at_ns, None, Call(self._strike, fault))

    def _strike(self, fault: NetFault) -> None:
        now_ns = self._scheduler.now_ns
        if fault.kind in OF_HOST:
            assert fault.host in self._names, f"no host is called {fault.host!r}"
            self._names[fault.host].until_ns[fault.kind] = now_ns + int(fault.seconds * _NS_PER_S)
            self._note(fault)
            return
        for link in list(self.links.values()):
            named = fault.link is None or link.number == fault.link
            there = not fault.host or self._names.get(fault.host) is self._names.get(link.host)
            if named and there and fault.on in link.label and not link.is_over:
                self._note(fault)
                link.suffer(fault)

    def _note(self, fault: NetFault) -> None:
        self._scheduler.witness(fault.kind.value.encode())
        if len(self.happened) < HAPPENED_MAX:
            self.happened.append(fault)

    # -- ends of processes -------------------------------------------------------------------------------------------------

    def killed(self, loop: ProcessLoop, host: Host, *, power: bool) -> None:
        """A process is no more, or its machine is without power."""
        host.has_power = not power
        for link in list(self.links.values()):
            for end in (link.client, link.server):
                if end.process is loop:
                    end.kill(power=power)

    def powered(self, host: Host) -> None:
        """A machine is back."""
        host.has_power = True
        for link in list(self.links.values()):
            for end in (link.client, link.server):
                if end.process is None and end.own_address[0] == host.address:
                    end.power_on()


def _settle(waiter: asyncio.Future[None], error: OSError | None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
