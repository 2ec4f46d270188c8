"""The simulated world: virtual time, a network, clocks and disks, in which the real code runs out of one seed.

``World`` makes it, ``serve_stand`` puts a venue into it, ``NetFaults`` says what goes wrong.
"""

from tickwright.sim.world.clocks import WorldClock
from tickwright.sim.world.disk import DiskFaultKind, DiskFaults, Survival, WorldDisk
from tickwright.sim.world.faults import NetFault, NetFaultKind, NetFaults
from tickwright.sim.world.guard import Escape
from tickwright.sim.world.scheduler import Deadlock, Gone
from tickwright.sim.world.server import WorldShell, serve_stand
from tickwright.sim.world.world import Node, World, WorldError

__all__ = [
    "Deadlock",
    "DiskFaultKind",
    "DiskFaults",
    "Escape",
    "Gone",
    "NetFault",
    "NetFaultKind",
    "NetFaults",
    "Node",
    "Survival",
    "World",
    "WorldClock",
    "WorldDisk",
    "WorldError",
    "WorldShell",
    "serve_stand",
]
