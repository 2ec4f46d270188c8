"""One connection between two processes: a pipe each way, an end at each side, and what befalls it.

An end behaves as the system's half of a socket does: it takes in what arrives while nobody reads, answers with a reset what
arrives for a socket that is closed, and outlives the process, whose death the other side learns of by what the system then says.
"""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING

from tickwright.base.chance import Chance
from tickwright.sim.world.faults import NetFault, NetFaultKind, NetFaults
from tickwright.sim.world.pipe import FOREVER_NS, Pipe
from tickwright.sim.world.scheduler import Call, Item, Process, Scheduler
from tickwright.sim.world.sockets import os_error

if TYPE_CHECKING:
    from tickwright.sim.world.sockets import WorldSocket, WorldTransport

_NS_PER_S = 1_000_000_000
#: Of the first line that a client sends, as a label.
_LABEL_BYTES_MAX = 200


class End:
    """One side of a connection."""

    def __init__(self, link: Link, process: Process, own: tuple[str, int], peer: tuple[str, int], chance: Chance) -> None:
        self.own_address = own
        self.peer_address = peer
        self.transport: WorldTransport | None = None
        self.sock: WorldSocket | None = None
        self.is_broken = False  # it was told so, or has said so
        self.refusal: OSError | None = None  # what a handshake over it comes to, if it comes to nothing
        self._link = link
        self._process: Process | None = process
        self._chance = chance
        self._unread: deque[bytes] = deque()
        self._end_arrived = False
        self._end_told = False
        self._end_sent = False
        self._closed = False
        self._off = False  # the machine has no power
        self._owes_reset = False
        self.into: Pipe
        self.out: Pipe

    @property
    def process(self) -> Process | None:
        return self._process

    @property
    def done(self) -> bool:
        """Whether nothing more will happen at this side."""
        return self._closed or self.is_broken

    def later(self, item: Item, after_ns: int = 0) -> None:
        """In a turn of its own; which of several connections comes first does not depend on who asked first."""
        self._link.scheduler.at(self._link.scheduler.now_ns + after_ns, self._process, item, self._chance.unit())

    # -- sending -----------------------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        return self.out.room

    def send(self, data: bytes) -> None:
        """No more than there is room for."""
        if not (self.done or self._end_sent or self._process is None):
            self._link.said(self, data)
            self.out.put(data)

    def send_end(self) -> None:
        """Nothing more will be sent."""
        if not (self._end_sent or self.is_broken or self._off):
            self._end_sent = True
            self.out.put_end()

    def made_room(self) -> None:
        """The other side has read: its word takes a while to get here."""
        scheduler = self._link.scheduler
        scheduler.at(scheduler.now_ns + self.into.delay_ns(), self._process, Call(self._flush), self._chance.unit())

    def _flush(self) -> None:
        if self.transport is not None and not self.done:
            self.transport.flush()

    # -- arriving ----------------------------------------------------------------------------------------------------------

    def arrived(self, data: bytes) -> None:
        """From the pipe."""
        if self._off:
            self._owes_reset = True
        elif self.done or self._process is None:
            self._refuse()
        elif self.transport is not None and self.transport.reads and not self._unread:
            self.into.read(len(data))
            self.transport.feed(data)
        else:
            self._unread.append(data)

    def arrived_end(self) -> None:
        """The other side sends nothing more."""
        self._end_arrived = True
        self._tell_end()

    def _tell_end(self) -> None:
        """Once, after everything else."""
        told = self._end_told or self.done or not self._end_arrived or self._unread
        if self.transport is not None and self.transport.reads and not told:
            self._end_told = True
            self.transport.feed_end()

    def arrived_reset(self) -> None:
        """The other side, or something in between, has broken the connection."""
        if self.is_broken:
            return
        was_closed, self.is_broken = self._closed, True
        self._unread.clear()
        if self.transport is not None and not was_closed:
            self.transport.lose(os_error(errno.ECONNRESET))
        self._link.settle()

    def read_on(self) -> None:
        """Somebody reads: everything that had to wait."""
        transport = self.transport
        assert transport is not None, "nobody reads without a transport"
        if self.is_broken:
            transport.lose(os_error(errno.ECONNRESET))
            return
        while self._unread and transport.reads:
            data = self._unread.popleft()
            self.into.read(len(data))
            transport.feed(data)
        self._tell_end()

    def _refuse(self) -> None:
        """What arrives for nobody is answered with a reset."""
        if not self.is_broken:
            self.is_broken = True
            self.out.put_reset()
            self._link.settle()

    # -- ending ------------------------------------------------------------------------------------------------------------

    def shut(self) -> None:
        """As ``shutdown(SHUT_RDWR)``: the other side sees an end, and so does this one."""
        self.send_end()
        self._end_arrived = True
        self.later(Call(self._tell_end))

    def close(self) -> None:
        """The socket is closed: what was not read is lost, and then the other side is told with a reset."""
        if self._closed:
            return
        if self._unread:
            self._refuse()
        self.send_end()
        self._closed = True
        self._link.settle()

    def kill(self, *, power: bool) -> None:
        """The process is no more. Its machine's system closes the socket, unless the machine has no power."""
        if self._process is None:
            return
        if self.transport is not None:
            self.transport.forget()
        self._process = self.transport = None
        if power:
            self._off = True
        elif not self.done:
            self.close()
        self.into.hand_over()

    def power_on(self) -> None:
        """The machine is back and knows nothing of the connection."""
        self._off = False
        if self._owes_reset:
            self._refuse()
        self._closed = True
        self._link.settle()


class Link:
    """See the module. ``number`` is its place in the order of attempts; ``label`` the first line that the client sent."""

    def __init__(
        self,
        number: int,
        scheduler: Scheduler,
        faults: NetFaults,
        seed: str,
        client: tuple[Process, tuple[str, int]],
        server: tuple[Process, tuple[str, int]],
        host: str,
    ) -> None:
        self.number = number
        self.scheduler = scheduler
        self.host = host
        self.label = ""
        self.opened_ns = scheduler.now_ns
        self.bytes = 0
        self.is_over = False
        self._coming: list[Call] = []  # faults that were drawn
        self._breaking: list[Call] = []  # ends of faults that have begun
        up, down = Chance(f"{seed}:{number}:up"), Chance(f"{seed}:{number}:down")
        self.client = End(self, client[0], client[1], server[1], Chance(f"{seed}:{number}:client"))
        self.server = End(self, server[0], server[1], client[1], Chance(f"{seed}:{number}:server"))
        to_server = Pipe(scheduler, up, faults, self.server, self.client.made_room)
        to_client = Pipe(scheduler, down, faults, self.client, self.server.made_room)
        self.client.out = self.server.into = to_server
        self.server.out = self.client.into = to_client

    def said(self, end: End, data: bytes) -> None:
        """What is sent, for the record."""
        self.bytes += len(data)
        if not self.label and end is self.client:
            self.label = data[:_LABEL_BYTES_MAX].partition(b"\r\n")[0].decode("latin-1")

    def settle(self) -> None:
        """Once both ends are done nothing more can befall it."""
        if self.client.done and self.server.done and not self.is_over:
            self.is_over = True
            self._call_off([*self._coming, *self._breaking])

    # -- faults ------------------------------------------------------------------------------------------------------------

    def await_fault(self, at_ns: int, call: Call) -> None:
        """Something will befall it, unless it is over before or the network relents."""
        self._coming.append(call)
        self.scheduler.at(at_ns, None, call, 0.5)

    def relent(self, faults: NetFaults) -> None:
        """What was to come does not; messages take what they take under ``faults``. What has begun goes on to its end."""
        self._call_off(self._coming)
        self._coming.clear()
        self.client.out.faults = self.server.out.faults = faults

    def _call_off(self, calls: list[Call]) -> None:
        for call in calls:
            if not call.is_over:
                call.cancel()
                self.scheduler.forget()

    def suffer(self, fault: NetFault) -> None:
        """One fault, from now on."""
        now_ns = self.scheduler.now_ns
        until_ns = now_ns + int(fault.seconds * _NS_PER_S)
        to_server, to_client = self.client.out, self.server.out
        kind = fault.kind
        if kind is NetFaultKind.RESET:
            self._break(mid_message=True)
        elif kind is NetFaultKind.CLOSED:
            self._close()
        elif kind is NetFaultKind.HALF_OPEN:
            to_server.silence(FOREVER_NS)
            to_client.silence(FOREVER_NS)
        elif kind is NetFaultKind.SILENCE:
            to_server.silence(until_ns)
            to_client.silence(until_ns)
        elif kind in (NetFaultKind.REPLIES_LOST, NetFaultKind.REQUESTS_LOST):
            (to_client if kind is NetFaultKind.REPLIES_LOST else to_server).silence(until_ns + 1)
            breaking = Call(self._break)
            self._breaking.append(breaking)
            self.scheduler.at(until_ns, None, breaking, 0.5)
        elif kind is NetFaultKind.DRIP:
            to_server.drip(until_ns, fault.value)
            to_client.drip(until_ns, fault.value)
        elif kind is NetFaultKind.SPIKE:
            to_server.delay(until_ns, int(fault.value * _NS_PER_S))
            to_client.delay(until_ns, int(fault.value * _NS_PER_S))
        else:
            assert kind is NetFaultKind.CHOKED, "a fault of a host befalls no connection"
            to_server.choke(until_ns)

    def _break(self, *, mid_message: bool = False) -> None:
        """Whatever is under way is lost, and both ends are told, each in a turn of its own."""
        for end in (self.server, self.client):
            end.into.cut_short(mid_message=mid_message)
            end.later(Call(end.arrived_reset), 1)

    def _close(self) -> None:
        """A box in between ends the connection in order, each way, after what is under way."""
        self.server.send_end()
        self.client.send_end()
