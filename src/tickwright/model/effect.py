"""The closed union of everything that ``step`` can ask the shell to do. Performed in order, after they are journalled."""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.order import AmendTerms, NewOrder, OrderRef


class Submit(msgspec.Struct, frozen=True, tag_field="is", tag="submit"):
    """Send a new order. ``rules`` names the version of the limits that approved it."""

    venue: str
    order: NewOrder
    rules: str


class SubmitPair(msgspec.Struct, frozen=True, tag_field="is", tag="submit_pair"):
    """Send two approved orders of which one cancels the other, in one request: both are taken, or neither. ``limit`` waits for a
    better price, ``stop`` for a worse one; ``list_id`` names the pair at the venue.
    """

    venue: str
    limit: NewOrder
    stop: NewOrder
    list_id: str
    rules: str


class Cancel(msgspec.Struct, frozen=True, tag_field="is", tag="cancel"):
    """Send a cancel. It ends nothing: only a report does."""

    venue: str
    ref: OrderRef


class Amend(msgspec.Struct, frozen=True, tag_field="is", tag="amend"):
    """Send new terms of a working order, in place or by replacement, as the venue does it."""

    venue: str
    ref: OrderRef
    terms: AmendTerms


class Find(msgspec.Struct, frozen=True, tag_field="is", tag="find"):
    """Ask the venue about an order in doubt."""

    venue: str
    ref: OrderRef


class TakeSnapshot(msgspec.Struct, frozen=True, tag_field="is", tag="take_snapshot"):
    """Ask the venue for everything it holds for us. ``fills_since_ns`` bounds the trade history asked for."""

    venue: str
    fills_since_ns: int
    why: str


class Level(enum.Enum):
    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"


class Notice(msgspec.Struct, frozen=True, tag_field="is", tag="notice"):
    """Something for people: logged, shown, and sent to notifiers when it is an alert."""

    level: Level
    what: str
    text: str
    key: str = ""
    strategy: str = ""


class Watched(msgspec.Struct, frozen=True, tag_field="is", tag="watched"):
    """A value that the strategy wants shown."""

    strategy: str
    name: str
    value: str


class Valued(msgspec.Struct, frozen=True, tag_field="is", tag="valued"):
    """What the run's assets are worth: for the record. ``equity`` counts ``10**-18`` of ``currency``."""

    currency: str
    equity: int


class HaltChanged(msgspec.Struct, frozen=True, tag_field="is", tag="halt_changed"):
    """A scope moved on the halt ladder: for the record. ``by`` is who moved it down, "" where it went up by itself. A
    ``condition`` ends by itself and is not kept across a restart.
    """

    scope: str
    level: str
    reason: str
    text: str
    by: str = ""
    condition: bool = False


class CancelOwed(msgspec.Struct, frozen=True, tag_field="is", tag="cancel_owed"):
    """A cancel that the order cannot take yet, or that has to be sent again: for the record, so that a restart owes it too."""

    client_id: str


class Protected(msgspec.Struct, frozen=True, tag_field="is", tag="protected"):
    """A strategy wants its position in an instrument to have a stop at the venue: for the record, so that a restart wants it too.
    ``stop`` 0: no longer. ``limit`` None: at the market once the stop is touched.
    """

    strategy: str
    key: str
    stop: int
    limit: int | None


class Disagreement(msgspec.Struct, frozen=True):
    """One difference between a venue and us, in words; ``cause`` is "" where nothing explains it."""

    kind: str
    subject: str
    ours: str
    theirs: str
    cause: str


class Reconciled(msgspec.Struct, frozen=True, tag_field="is", tag="reconciled"):
    """A venue was compared with: for the record. It agrees where there are no differences."""

    venue: str
    why: str
    differences: tuple[Disagreement, ...]


class Stopped(msgspec.Struct, frozen=True, tag_field="is", tag="stopped"):
    """The engine has nothing left to do: every order is cancelled or left by policy, the last reconciliation is in."""

    clean: bool
    why: str


Effect = (
    Submit
    | SubmitPair
    | Cancel
    | Amend
    | Find
    | TakeSnapshot
    | Notice
    | Watched
    | Valued
    | HaltChanged
    | CancelOwed
    | Protected
    | Reconciled
    | Stopped
)


def submitted(effect: Effect) -> tuple[NewOrder, ...]:
    """The orders that an effect sends."""
    if isinstance(effect, Submit):
        return (effect.order,)
    return (effect.limit, effect.stop) if isinstance(effect, SubmitPair) else ()
