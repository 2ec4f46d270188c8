"""The way of a frame from the stand to its listeners, and the faults that can befall it: lost, doubled, late, out of turn."""

from __future__ import annotations

from collections import deque

from tickwright.sim.faults import FRAME, Fault, FaultBox, FaultKind
from tickwright.sim.stands.server import Action, Send

#: A frame that breaks off.
GARBAGE = '{"e":"depthUpdate","E":17'
USER = "user@"


class Delivery:
    """Order within one stream is kept except where a fault says otherwise."""

    def __init__(self, faults: FaultBox) -> None:
        self._faults = faults
        self._overtaken: dict[str, list[Send]] = {}  # frames that the next one of their stream overtakes
        self._stalled: dict[str, tuple[int, list[Send]]] = {}  # streams that stand still: until when, and what waits
        self._users_until_ns = 0
        self._users: deque[Send] = deque()

    def hold_users(self, until_ns: int) -> None:
        """The accounts' events wait."""
        self._users_until_ns = max(self._users_until_ns, until_ns)

    def deliver(self, name: str, sends: list[Send], at_ns: int, out: list[Action]) -> Fault | None:
        """Put one frame out; a fault that is not the frame's own is returned for others to act on."""
        fault = self._faults.frame(name)
        kind = fault.kind if fault is not None and fault.kind in FRAME else None
        if kind is FaultKind.GAP:
            return None
        if fault is not None and kind is FaultKind.STALL and name not in self._stalled:
            self._stalled[name] = (at_ns + int(fault.value * 1e9), [])
        if kind is FaultKind.OUT_OF_ORDER and name not in self._overtaken:
            self._overtaken[name] = sends
            return None
        if kind is FaultKind.GARBAGE:
            sends = [*(Send(send.conn, GARBAGE) for send in sends), *sends]
        elif kind is FaultKind.DUPLICATE:
            sends = [*sends, *sends]
        sends = [*sends, *self._overtaken.pop(name, ())]
        stalled = self._stalled.get(name)
        if stalled is not None:
            stalled[1].extend(sends)
        elif name.startswith(USER) and (self._users or at_ns < self._users_until_ns):
            self._users.extend(sends)
        else:
            out.extend(sends)
        return None if fault is None or kind is not None else fault

    def due(self, at_ns: int) -> list[Send]:
        """What has waited long enough."""
        out: list[Send] = []
        for name in [name for name, (until_ns, _) in self._stalled.items() if until_ns <= at_ns]:
            out += self._stalled.pop(name)[1]
        if self._users and at_ns >= self._users_until_ns:
            out += self._users
            self._users.clear()
        return out
