"""The closed union of everything that ``step`` can be given."""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.account import AccountDown, AccountUp, Balance, Position, Snapshot, Transfer
from tickwright.model.instrument import Instrument
from tickwright.model.market import Bar, BookUpdate, FeedDown, FeedUp, Funding, Gap, Mark, Quote, Ticker, Trade
from tickwright.model.order import Accepted, CouldNotAsk, Fill, Finding, OrderRef, OrderReport, Rejected, Unknown
from tickwright.model.reason import Reason


class SubmitOutcome(msgspec.Struct, frozen=True, tag_field="is", tag="submit_outcome"):
    """The answer to :class:`~tickwright.model.effect.Submit`."""

    client_id: str
    outcome: Accepted | Rejected | Unknown
    recv_ns: int


class CancelOutcome(msgspec.Struct, frozen=True, tag_field="is", tag="cancel_outcome"):
    """The answer to a cancel."""

    client_id: str
    outcome: Accepted | Rejected | Unknown
    recv_ns: int


class AmendOutcome(msgspec.Struct, frozen=True, tag_field="is", tag="amend_outcome"):
    """The answer to an amend."""

    client_id: str
    outcome: Accepted | Rejected | Unknown
    recv_ns: int


class FindOutcome(msgspec.Struct, frozen=True, tag_field="is", tag="find_outcome"):
    """The answer to a question about an order in doubt."""

    ref: OrderRef
    finding: Finding
    recv_ns: int


class SnapshotOutcome(msgspec.Struct, frozen=True, tag_field="is", tag="snapshot_outcome"):
    """The answer to :class:`~tickwright.model.effect.TakeSnapshot`."""

    venue: str
    answer: Snapshot | CouldNotAsk
    recv_ns: int


class Listed(msgspec.Struct, frozen=True, tag_field="is", tag="listed"):
    """Instruments of a venue, or new rules of instruments already known."""

    venue: str
    instruments: tuple[Instrument, ...]
    recv_ns: int


class ClockMeasured(msgspec.Struct, frozen=True, tag_field="is", tag="clock_measured"):
    """Local clock minus the venue's is ``offset_ns``, give or take ``bound_ns``."""

    venue: str
    offset_ns: int
    bound_ns: int
    recv_ns: int


class Tick(msgspec.Struct, frozen=True, tag_field="is", tag="tick"):
    """Time passed: lets guards, timers and fences look at the clock that they cannot read."""

    recv_ns: int


class Verb(enum.Enum):
    """What a person, the shell or a signal can ask of a run."""

    ARM = "arm"
    DISARM = "disarm"
    REDUCE = "reduce"
    PAUSE = "pause"
    PULL = "pull"
    FLATTEN = "flatten"
    RESUME = "resume"
    STOP = "stop"
    ADOPT = "adopt"  # take over what nothing explains, or an order that is not ours


class Command(msgspec.Struct, frozen=True, tag_field="is", tag="command"):
    """An instruction from outside. ``scope`` is ``account``, ``venue:<name>``, ``instrument:<key>`` or ``strategy:<name>``; to
    adopt an order it is ``order:<client id>``. ``reason`` is why a halt is raised, where it is not a person who asks.
    """

    verb: Verb
    recv_ns: int
    scope: str = "account"
    why: str = ""
    reason: Reason = Reason.HALT_BY_PERSON


Event = (
    Trade
    | Quote
    | BookUpdate
    | Bar
    | Ticker
    | Mark
    | Funding
    | FeedUp
    | FeedDown
    | Gap
    | OrderReport
    | Fill
    | Balance
    | Transfer
    | Position
    | AccountUp
    | AccountDown
    | SubmitOutcome
    | CancelOutcome
    | AmendOutcome
    | FindOutcome
    | SnapshotOutcome
    | Listed
    | ClockMeasured
    | Tick
    | Command
)
