"""Where a run can be killed, by name: each wraps one part of a real session and ends the process, with SIGKILL, from within.

The product knows nothing of it: what is wrapped are the disk, the venue and the shell's own inbox of a session that is
otherwise as it is in use.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tickwright.journal.disk import File, RealDisk, RealFile
from tickwright.model.account import AccountUp
from tickwright.model.effect import Submit
from tickwright.model.event import CancelOutcome, Command, SnapshotOutcome, SubmitOutcome, Verb
from tickwright.model.order import Fill
from tickwright.run.session import Session

#: Every named point, in the order of a request's life.
POINTS = (
    "before the record is written",
    "record written, not synced",
    "in the middle of the record",
    "record synced, nothing sent",
    "in the middle of sending",
    "sent, no reply",
    "reply there, not on record",
    "reply on record, not synced",
    "between two intents of one step",
    "in the middle of sending a cancel",
    "cancel sent, no reply",
    "in the middle of an amend",
    "fill there, not on record",
    "fill on record, effects not performed",
    "in the middle of a snapshot",
    "new file begun, not finished",
    "new file whole, old one not compressed",
    "in the middle of a rotation",
    "in the middle of reading the last run",
    "in the middle of asking about a doubt",
    "in the middle of comparing",
    "in the middle of arming",
    "in the middle of pulling orders",
    "in the middle of stopping",
)


class Bomb:
    """Goes off the ``nth`` time that its point is passed."""

    def __init__(self, point: str, nth: int) -> None:
        self.point = point
        self.left = nth

    def at(self, point: str) -> None:
        """The run is at a point."""
        if point == self.point:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class BombFile:
    """A real file that tells the bomb what is being done to it."""

    def __init__(self, inner: File, bomb: Bomb, disk: BombDisk) -> None:
        self.inner = inner
        self.bomb = bomb
        self.disk = disk

    def write(self, data: bytes) -> None:
        intent = b'"is":"submit"' in data
        outcome = b'"is":"submit_outcome"' in data
        if intent:
            self.bomb.at("before the record is written")
            if self.bomb.point == "in the middle of the record" and self.bomb.left <= 1:
                self.inner.write(data[: len(data) // 2])
            self.bomb.at("in the middle of the record")
        self.inner.write(data)
        if intent:
            self.bomb.at("record written, not synced")
        if outcome:
            self.bomb.at("reply on record, not synced")

    def sync(self) -> None:
        self.inner.sync()

    def close(self) -> None:
        self.inner.close()


class BombDisk(RealDisk):
    """The real disk, with a bomb on it."""

    def __init__(self, bomb: Bomb) -> None:
        self.bomb = bomb
        self.opened = 0

    def append(self, path: Path) -> File:
        self.opened += 1
        if self.opened > 1:
            self.bomb.at("in the middle of a rotation")
        file = RealFile(path)
        if self.opened > 1 and self.bomb.point == "new file begun, not finished":
            file.write(b"\xff\x01\x05")
        if self.opened > 1:
            self.bomb.at("new file begun, not finished")
        return BombFile(file, self.bomb, self)

    def read(self, path: Path) -> bytes:
        if self.opened:
            self.bomb.at("new file whole, old one not compressed")
        else:
            self.bomb.at("in the middle of reading the last run")
        return super().read(path)


class BombVenue:
    """A venue in front of which the process may die."""

    def __init__(self, inner: Any, bomb: Bomb) -> None:
        self.inner = inner
        self.bomb = bomb
        self.submits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def submit(self, order: Any) -> Any:
        self.bomb.at("record synced, nothing sent")
        answer = self.inner.submit(order)
        self.bomb.at("in the middle of sending")
        return answer

    def cancel(self, ref: Any) -> Any:
        self.bomb.at("in the middle of sending a cancel")
        return self.inner.cancel(ref)

    def amend(self, ref: Any, terms: Any) -> Any:
        self.bomb.at("in the middle of an amend")
        return self.inner.amend(ref, terms)

    def find(self, ref: Any) -> Any:
        self.bomb.at("in the middle of asking about a doubt")
        return self.inner.find(ref)

    def snapshot(self, keys: Any, since_ns: int) -> Any:
        self.bomb.at("in the middle of a snapshot")
        return self.inner.snapshot(keys, since_ns)


def plant(session: Session, bomb: Bomb) -> None:
    """Put the bomb into a prepared session."""
    shell = session.shell
    name = session.plan.venue.caps.venue
    shell.venues = {name: BombVenue(session.plan.venue, bomb)}  # type: ignore[dict-item]  # as much of a venue as is called
    _wrap_put(shell, bomb)
    _wrap_perform(shell, bomb)


def _wrap_put(shell: Any, bomb: Bomb) -> None:
    """Events, before they are handled."""
    inner: Callable[[Any], None] = shell.put

    def put(event: Any) -> None:
        kind = type(event)
        if kind is SubmitOutcome:
            bomb.at("sent, no reply")
            bomb.at("reply there, not on record")
        elif kind is CancelOutcome:
            bomb.at("cancel sent, no reply")
        elif kind is Fill:
            bomb.at("fill there, not on record")
        elif kind is SnapshotOutcome:
            bomb.at("in the middle of comparing")
        elif kind is AccountUp:
            bomb.at("in the middle of arming")
        elif kind is Command and event.verb is Verb.PULL:
            bomb.at("in the middle of pulling orders")
        inner(event)
        if kind is Command and event.verb is Verb.STOP:
            bomb.at("in the middle of stopping")

    shell.put = put


def _wrap_perform(shell: Any, bomb: Bomb) -> None:
    """Effects, once they are on record."""
    inner: Callable[[int, Any, Any], None] = shell._record

    def record(seq: int, event: Any, effects: Any) -> None:
        inner(seq, event, effects)
        if type(event) is Fill:
            bomb.at("fill on record, effects not performed")

    shell._record = record
    for kind, point in ((Submit, "between two intents of one step"),):
        perform = shell._perform[kind]

        def performed(effect: Any, cause: Any, perform: Any = perform, point: str = point) -> None:
            perform(effect, cause)
            bomb.at(point)

        shell._perform[kind] = performed
