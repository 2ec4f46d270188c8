"""Refusals that faults make, in the venue's words."""

from __future__ import annotations

from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.binance_spot.meter import Meter, banned, too_many
from tickwright.sim.stands.binance_spot.shapes import Refusal


def unknown_outcome() -> Refusal:
    """The venue itself does not know whether it carried the request out."""
    said = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    return Refusal(-1007, said, 504)


def before(fault: Fault, meter: Meter, address: str, at_ns: int) -> Refusal | None:
    """The refusal of a request that is not carried out; None for other faults."""
    now_ms = at_ns // 1_000_000
    until_ms = now_ms + int(fault.value * 1_000)
    if fault.kind is FaultKind.UNKNOWN_NOT_EXECUTED:
        return unknown_outcome()
    if fault.kind is FaultKind.OVERLOADED:
        return Refusal(-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503)
    if fault.kind is FaultKind.TOO_MANY:
        said = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. "
        return too_many(-1003, f"{said}Please use WebSocket Streams for live updates to avoid polling the API.", now_ms, until_ms)
    if fault.kind is FaultKind.BANNED:
        meter.ban(address, until_ms)
        return banned(until_ms, now_ms)
    return None
