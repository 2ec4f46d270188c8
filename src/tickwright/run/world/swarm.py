"""What a seed draws: which faults are on at all, how often they come, how clocks, disk and market behave. Frozen data.

Half of all kinds are off in a seed, so that rare things happen without noise around them. A draw can be printed, read back,
and made smaller until only what matters is left.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tickwright.base.chance import Chance
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.world import DiskFaults, NetFaults, Survival

SAFETY_S = 90.0
#: Bytes of a disk that is large enough.
NEVER_FULL = 1 << 40
#: Orders and amends as the WebSocket API names them, and as paths.
_ORDERS = "order"
_STREAMS = ("@trade", "@bookTicker", "@depth", "user@", "user@")


class Crash(msgspec.Struct, frozen=True):
    """The process is killed at a moment, or the machine loses power; it starts again after a while."""

    at_s: float
    power: bool
    down_s: float


class CrashCall(msgspec.Struct, frozen=True):
    """The process is killed, or the machine loses power, at one call of its disk: before it, or in the middle of a write."""

    call: int
    power: bool
    midway: bool


class ClockStep(msgspec.Struct, frozen=True):
    """The client's wall clock jumps."""

    at_s: float
    ms: int


class Pause(msgspec.Struct, frozen=True):
    """The client's process does not go on for so long."""

    at_s: float
    seconds: float


class Hand(msgspec.Struct, frozen=True):
    """Somebody uses the account by hand: buys or sells at the market, rests an order far from it, or cancels all there is."""

    at_s: float
    does: str  # buy, sell, rest or sweep


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """One seed's world."""

    seed: int
    seconds: float = SAFETY_S
    net: NetFaults = NetFaults()
    stand: tuple[Fault, ...] = ()
    disk: DiskFaults = DiskFaults()
    ahead_ms: int = 0
    drift_ppm: int = 0
    steps: tuple[ClockStep, ...] = ()
    pauses: tuple[Pause, ...] = ()
    crashes: tuple[Crash, ...] = ()
    hands: tuple[Hand, ...] = ()
    crash_calls: tuple[CrashCall, ...] = ()
    durability: str = "power"
    segment_bytes: int = 1_000_000
    pace_ms: float = 100.0
    life_s: float = 24 * 3_600.0
    raises_at: int = 0
    book: bool = False  # the strategy keeps a book
    broken: bool = False  # the venue breaks its word: what it was asked too late it does all the same

    def kinds(self) -> list[str]:
        """Names of what is on, for people and for counting."""
        found = [
            name for name in NetFaults.__struct_fields__ if name.endswith(("_per_hour", "_share")) and getattr(self.net, name)
        ]
        found = [name for name in found if name not in ("split_share", "merge_share")]
        found += [f"stand {fault.kind.value}" for fault in self.stand]
        for name in ("steps", "pauses", "crashes", "hands", "ahead_ms", "drift_ppm", "raises_at"):
            if getattr(self, name):
                found.append(name)
        found += [name for name in ("sync_fails_share", "write_fails_share") if getattr(self.disk, name)]
        return found + (["full disk"] if self.disk.bytes_max < NEVER_FULL else [])


#: Rates by the hour of one connection, and shares of attempts: what "on" means.
RATES = {
    "dns_fails_share": (0.02, 0.3),
    "refused_share": (0.02, 0.3),
    "tls_fails_share": (0.02, 0.3),
    "hangs_share": (0.02, 0.2),
    "reset_per_hour": (10, 120),
    "closed_per_hour": (10, 120),
    "half_open_per_hour": (10, 60),
    "silence_per_hour": (10, 120),
    "replies_lost_per_hour": (10, 90),
    "requests_lost_per_hour": (10, 90),
    "drip_per_hour": (5, 30),
    "spike_per_hour": (20, 200),
    "choked_per_hour": (5, 30),
}
_FRAMES = (FaultKind.GAP, FaultKind.DUPLICATE, FaultKind.OUT_OF_ORDER, FaultKind.GARBAGE, FaultKind.STALL)
_REQUESTS = (
    FaultKind.LATE,
    FaultKind.DELAY,
    FaultKind.DROP,
    FaultKind.LOST_REPLY,
    FaultKind.UNKNOWN_EXECUTED,
    FaultKind.UNKNOWN_NOT_EXECUTED,
    FaultKind.OVERLOADED,
    FaultKind.EVENTS_FIRST,
    FaultKind.LATE_EVENTS,
)
_CONNECTIONS = (FaultKind.DISCONNECT, FaultKind.HALF_OPEN, FaultKind.MUTE, FaultKind.SHUTDOWN)


def draw(seed: int, seconds: float = SAFETY_S, *, every: float = 0.5) -> Draw:
    """The draw of a seed. ``every`` is the share of kinds that are on."""
    chance = Chance(f"{seed}:swarm")

    def on(share: float = every) -> bool:
        return chance.happens(share)

    rates = {name: chance.between(low, high) for name, (low, high) in RATES.items() if on(every / 2)}
    latency = chance.pick((1.0, 5.0, 40.0))
    broken = on(0.05)
    return Draw(
        seed=seed,
        seconds=seconds,
        net=msgspec.structs.replace(NetFaults(latency_ms_min=latency / 2, latency_ms_mean=latency), **rates),
        stand=_stand(chance, seconds, every, broken=broken),
        disk=_disk(chance, on),
        ahead_ms=chance.pick((0, 0, -400, 400, -900, 900)) if on() else 0,
        drift_ppm=chance.pick((-200, 50, 200)) if on() else 0,
        steps=tuple(
            ClockStep(chance.between(5, seconds), chance.pick((-900, -300, 300, 900))) for _ in range(1 if on(0.2) else 0)
        ),
        pauses=tuple(Pause(chance.between(5, seconds), chance.pick((0.5, 5.0, 30.0))) for _ in range(2 if on(0.3) else 0)),
        crashes=tuple(
            Crash(chance.between(2, seconds), on(0.4), chance.between(0.5, 20)) for _ in range(1 + chance.below(3) if on() else 0)
        ),
        hands=tuple(_hand(chance, seconds) for _ in range(4 if on(0.3) else 0)),
        durability=chance.pick(("power", "power", "process")),
        segment_bytes=chance.pick((60_000, 1_000_000)),
        life_s=chance.pick((24 * 3_600.0, 24 * 3_600.0, 45.0)),
        raises_at=20 + chance.below(100) if on(0.1) else 0,
        book=on(0.35),
        broken=broken,
    )


def _step(chance: Chance, seconds: float) -> ClockStep:
    return ClockStep(chance.between(5, seconds), chance.pick((-900, -300, 300, 900)))


def _pause(chance: Chance, seconds: float) -> Pause:
    return Pause(chance.between(5, seconds), chance.pick((0.5, 5.0, 30.0)))


def _hand(chance: Chance, seconds: float) -> Hand:
    return Hand(chance.between(5, seconds), chance.pick(("buy", "sell", "rest", "sweep", "sweep")))


def _stand(chance: Chance, seconds: float, every: float, *, broken: bool) -> tuple[Fault, ...]:
    found: list[Fault] = []
    for kind in _FRAMES:
        if chance.happens(every):
            on = chance.pick(_STREAMS)
            often = 0.05 if on == "user@" else 0.01  # there are fewer of them
            found.append(Fault(kind=kind, on=on, probability=chance.between(0.0005, often), value=chance.between(0.5, 4.0)))
    worst = 0.5 if chance.happens(0.15) else 0.1
    found += [
        Fault(kind=kind, on=_ORDERS, probability=chance.between(0.005, worst), value=chance.between(0.3, 8.0))
        for kind in _REQUESTS
        if chance.happens(every)
    ]
    found += [
        Fault(kind=kind, at_s=chance.between(5, seconds), value=chance.between(1, 5))
        for kind in _CONNECTIONS
        if chance.happens(every / 2)
    ]
    if chance.happens(every / 2):
        found.append(Fault(kind=FaultKind.TOO_MANY, on=_ORDERS, probability=0.02, value=chance.between(1, 5)))
    if chance.happens(0.05):
        found.append(Fault(kind=FaultKind.BANNED, on=_ORDERS, nth=20, value=chance.between(3, 15)))
    if chance.happens(every):
        found.append(Fault(kind=FaultKind.STALE_SNAPSHOT, on="depth", probability=0.5))
    if chance.happens(every / 4):
        found.append(Fault(kind=FaultKind.CLOCK, at_s=chance.between(5, seconds), value=chance.pick((-0.9, -0.3, 0.3, 0.9))))
    if chance.happens(every / 5):
        found.append(Fault(kind=FaultKind.REVOKED, at_s=chance.between(20, seconds)))
    if chance.happens(every / 4):
        found.append(Fault(kind=FaultKind.ARCHIVED, at_s=chance.between(5, seconds)))
    if broken:
        found.append(Fault(kind=FaultKind.TAKEN_LATE, on="order.place", probability=0.05, value=chance.between(25, 40)))
    return tuple(found)


def _disk(chance: Chance, on: Callable[[float], bool]) -> DiskFaults:
    fails = on(0.1)
    return DiskFaults(
        survivals=(chance.pick(tuple(Survival)),),
        sync_fails_share=chance.between(0.0005, 0.005) if fails and on(0.5) else 0.0,
        write_fails_share=chance.between(0.0005, 0.005) if fails else 0.0,
        bytes_max=chance.pick((200_000, 600_000)) if on(0.1) else NEVER_FULL,
    )
