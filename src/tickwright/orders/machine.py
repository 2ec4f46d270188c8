"""The order machine as data: what each piece of evidence does to an order in each state.

Guarantees: `TABLE` is the whole behaviour; a pair of state and evidence that is not in it is impossible, and
`next_state` says so with ``None``. No two rows claim the same pair. The document's 23 rows keep their numbers; rows from
24 on settle the races that they leave open (an answer overtaken by a report, a cancel that is sent again).

Does not: hold orders, know quantities or times. What an event means for one order (is this fill the last one?) is
decided by the store, which turns it into one `Evidence`.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.model.reason import Reason


class Status(enum.IntEnum):
    """How far an order has come: not known to exist at the venue, known to exist, known to have ended."""

    NEW = 0
    LIVE = 1
    DONE = 2


class Request(enum.IntEnum):
    """The request about the order that has not been settled."""

    NONE = 0
    SUBMIT = 1
    CANCEL = 2
    AMEND = 3


class Evidence(enum.IntEnum):
    """What an event means for the order that it concerns."""

    ACCEPTED = 0
    REJECTED = 1
    UNKNOWN = 2
    REPORT_OPEN = 3
    REPORT_DONE = 4
    REPORT_DONE_SHORT = 5
    REPORT_STALE = 6
    FILL_PART = 7
    FILL_ALL = 8
    FILL_OVER = 9
    FILLS_COMPLETE = 10
    ABSENT_TWICE = 11
    SILENCE = 12
    LIFE = 13
    ASK_CANCEL = 14
    CANCEL_ACCEPTED = 15
    CANCEL_UNKNOWN_ORDER = 16
    CANCEL_REJECTED = 17
    CANCEL_UNKNOWN = 18
    ASK_AMEND = 19
    AMEND_ACCEPTED = 20
    AMEND_REPLACED = 21
    AMEND_UNKNOWN_ORDER = 22
    AMEND_REJECTED = 23
    AMEND_UNKNOWN = 24
    CONTRADICTION = 25

    @property
    def text(self) -> str:
        """The evidence in words, as the diagram and the documentation write it."""
        return _TEXTS[self]


_TEXTS: tuple[str, ...] = (
    "accepted",
    "rejected",
    "unknown",
    "report: open",
    "report: done",
    "report: done, fills missing",
    "report overtaken by later news",
    "fill, cumulative < quantity",
    "fill, cumulative = quantity",
    "fill, cumulative > quantity",
    "the missing fills are in",
    "fenced, absent twice",
    "not named where it should be",
    "sign of life",
    "we ask to cancel",
    "cancel accepted",
    "cancel rejected: unknown order",
    "cancel rejected otherwise",
    "cancel unknown",
    "we ask to amend",
    "amend accepted",
    "amend accepted by replacement",
    "amend rejected: unknown order",
    "amend rejected otherwise",
    "amend unknown",
    "contradicts what is known",
)


class Row(msgspec.Struct, frozen=True):
    """One rule: in ``status`` with any of ``requests`` and ``doubts``, any of ``evidence`` leads to ``to_*``.

    ``to_*`` None keeps what the order has. ``reason`` None on the way to DONE means the report's own. ``again``: the order
    is moved first, then the same event is judged once more in its new state. ``halt``: the event is real and is applied,
    and the run must take no more risk.
    """

    number: int
    status: Status
    requests: tuple[Request, ...]
    doubts: tuple[bool, ...]
    evidence: tuple[Evidence, ...]
    to_status: Status | None
    to_request: Request | None
    to_doubt: bool | None
    reason: Reason | None = None
    again: bool = False
    halt: bool = False
    note: str = ""


_SURE = (False,)
_DOUBT = (True,)
_ANY = (False, True)
_SUBMIT = (Request.SUBMIT,)
_NONE = (Request.NONE,)
_CANCEL = (Request.CANCEL,)
_AMEND = (Request.AMEND,)
_NO_CANCEL = (Request.NONE, Request.AMEND)
_ALL = (Request.NONE, Request.CANCEL, Request.AMEND)

_NEW, _LIVE, _DONE = Status.NEW, Status.LIVE, Status.DONE
_E = Evidence
_R = Request
_FILLS = (_E.FILL_PART, _E.FILL_ALL, _E.FILL_OVER)
_CANCEL_ANSWERS = (_E.CANCEL_ACCEPTED, _E.CANCEL_UNKNOWN_ORDER, _E.CANCEL_REJECTED, _E.CANCEL_UNKNOWN)
_AMEND_ANSWERS = (_E.AMEND_ACCEPTED, _E.AMEND_REPLACED, _E.AMEND_UNKNOWN_ORDER, _E.AMEND_REJECTED, _E.AMEND_UNKNOWN)
_REPORTS = (_E.REPORT_OPEN, _E.REPORT_DONE, _E.REPORT_DONE_SHORT, _E.REPORT_STALE)

ROWS: tuple[Row, ...] = (
    # The document's 23. A number that appears twice is one rule with two cases.
    Row(1, _NEW, _SUBMIT, _SURE, (_E.ACCEPTED,), _LIVE, _R.NONE, False),
    Row(2, _NEW, _SUBMIT, _SURE, (_E.REJECTED,), _DONE, _R.NONE, False, Reason.REJECTED),
    Row(3, _NEW, _SUBMIT, _SURE, (_E.UNKNOWN,), None, None, True),
    Row(4, _NEW, _SUBMIT, _ANY, (_E.REPORT_OPEN,), _LIVE, _R.NONE, False),
    Row(5, _NEW, _SUBMIT, _ANY, _FILLS, _LIVE, _R.NONE, False, again=True, note="a fill before the ack"),
    Row(6, _NEW, _SUBMIT, _ANY, (_E.REPORT_DONE,), _DONE, _R.NONE, False),
    Row(6, _NEW, _SUBMIT, _ANY, (_E.REPORT_DONE_SHORT,), _LIVE, _R.NONE, True, note="ends when its fills are in"),
    Row(7, _NEW, _SUBMIT, _DOUBT, (_E.ABSENT_TWICE,), _DONE, _R.NONE, False, Reason.NEVER_REACHED),
    Row(8, _LIVE, _NONE, _SURE, (_E.ASK_CANCEL,), None, _R.CANCEL, None),
    Row(9, _LIVE, _CANCEL, _ANY, (_E.CANCEL_ACCEPTED,), None, None, None, note="stays until a report says done"),
    Row(10, _LIVE, _CANCEL, _ANY, (_E.CANCEL_UNKNOWN_ORDER,), None, None, True, note="never “it did not exist”"),
    Row(11, _LIVE, _CANCEL, _ANY, (_E.CANCEL_UNKNOWN,), None, None, True),
    Row(11, _LIVE, _CANCEL, _DOUBT, (_E.ASK_CANCEL,), None, None, None, note="sent again: it is idempotent"),
    Row(12, _LIVE, _ALL, _ANY, (_E.FILL_PART,), None, None, None, note="a doubt stays"),
    Row(13, _LIVE, _ALL, _ANY, (_E.FILL_ALL,), _DONE, _R.NONE, False, Reason.FILLED),
    Row(14, _LIVE, _ALL, _ANY, (_E.REPORT_DONE,), _DONE, _R.NONE, False),
    Row(14, _LIVE, _ALL, _ANY, (_E.REPORT_DONE_SHORT,), None, None, True, note="ends when its fills are in"),
    Row(14, _LIVE, _ALL, _DOUBT, (_E.FILLS_COMPLETE,), _DONE, _R.NONE, False),
    Row(15, _LIVE, _NONE, _SURE, (_E.ASK_AMEND,), None, _R.AMEND, None),
    Row(16, _LIVE, _AMEND, _ANY, (_E.AMEND_ACCEPTED,), None, _R.NONE, None, note="new terms"),
    Row(17, _LIVE, _AMEND, _ANY, (_E.AMEND_REJECTED,), None, _R.NONE, None, note="old terms"),
    Row(18, _LIVE, _AMEND, _ANY, (_E.AMEND_UNKNOWN,), None, None, True, note="worst case of both terms is reserved"),
    Row(19, _LIVE, _ALL, _DOUBT, (_E.REPORT_OPEN,), None, _R.NONE, False),
    Row(20, _DONE, _NONE, _SURE, (_E.FILL_PART, _E.FILL_ALL), None, None, None, note="filled grows"),
    Row(20, _DONE, _NONE, _SURE, (_E.FILL_OVER,), None, None, None, halt=True, note="filled grows"),
    Row(21, _DONE, _NONE, _SURE, (_E.LIFE,), _LIVE, _R.NONE, False, again=True, halt=True, note="adopted: our fence is wrong"),
    Row(22, _DONE, _NONE, _SURE, _REPORTS, None, None, None, note="repeated"),
    Row(23, _LIVE, _ALL, _DOUBT, (_E.ABSENT_TWICE,), _DONE, _R.NONE, False, Reason.GONE, note="fetch trade history, alert"),
    # Races that the document leaves open.
    Row(24, _NEW, _SUBMIT, _DOUBT, (_E.ASK_CANCEL,), None, None, None, note="a cancel sent into the doubt"),
    Row(25, _NEW, _SUBMIT, _DOUBT, _CANCEL_ANSWERS, None, None, None, note="proves nothing before the fence"),
    Row(26, _LIVE, _NO_CANCEL, _DOUBT, (_E.ASK_CANCEL,), None, _R.CANCEL, None, note="an amend in doubt stays reserved for"),
    Row(27, _LIVE, _CANCEL, _SURE, (_E.CANCEL_REJECTED,), None, _R.NONE, None, note="not cancelled, still working"),
    Row(27, _LIVE, _CANCEL, _DOUBT, (_E.CANCEL_REJECTED,), None, None, None, note="the earlier cancel stays in doubt"),
    Row(28, _LIVE, _NO_CANCEL, _ANY, (_E.CANCEL_ACCEPTED, _E.CANCEL_REJECTED, _E.CANCEL_UNKNOWN), None, None, None, note="late"),
    Row(28, _LIVE, _NONE, _ANY, (_E.CANCEL_UNKNOWN_ORDER,), None, None, True, note="late, but a hint that it ended"),
    Row(28, _LIVE, _AMEND, _ANY, (_E.CANCEL_UNKNOWN_ORDER,), None, None, None, note="late; the amend's own answer will tell"),
    Row(29, _LIVE, _AMEND, _ANY, (_E.AMEND_UNKNOWN_ORDER,), None, _R.NONE, True, note="as 10: a hint that it ended"),
    Row(30, _LIVE, _AMEND, _ANY, (_E.AMEND_REPLACED,), None, _R.CANCEL, None, note="the old order ends by its own report"),
    Row(31, _LIVE, _ALL, _SURE, (_E.REPORT_OPEN,), None, None, None, note="the usual confirmation"),
    Row(31, _LIVE, _ALL, _ANY, (_E.REPORT_STALE,), None, None, None),
    Row(32, _LIVE, _ALL, _ANY, (_E.FILL_OVER,), _DONE, _R.NONE, False, Reason.FILLED, halt=True),
    Row(33, _LIVE, _ALL, _ANY, (_E.ACCEPTED, _E.UNKNOWN), None, None, None, note="answer overtaken by the stream"),
    Row(34, _DONE, _NONE, _SURE, (_E.ACCEPTED, _E.REJECTED, _E.UNKNOWN), None, None, None, note="answer overtaken by the stream"),
    Row(35, _DONE, _NONE, _SURE, _CANCEL_ANSWERS + _AMEND_ANSWERS, None, None, None, note="answer overtaken by the stream"),
    Row(36, _LIVE, (Request.NONE, Request.CANCEL), _ANY, (_E.SILENCE,), None, None, True, note="find it"),
)

_STATES = len(Status) * len(Request) * 2
_EVIDENCE = len(Evidence)


def index(status: Status, request: Request, doubt: bool, evidence: Evidence) -> int:
    """Place of a pair in `TABLE`."""
    return ((status * 4 + request) * 2 + doubt) * _EVIDENCE + evidence


def _compiled(rows: tuple[Row, ...]) -> tuple[Row | None, ...]:
    table: list[Row | None] = [None] * (_STATES * _EVIDENCE)
    for row in rows:
        for request in row.requests:
            for doubt in row.doubts:
                for evidence in row.evidence:
                    at = index(row.status, request, doubt, evidence)
                    assert table[at] is None, f"rows {row.number} and {table[at]} claim the same pair"
                    table[at] = row
    return tuple(table)


TABLE: tuple[Row | None, ...] = _compiled(ROWS)


def next_state(status: Status, request: Request, doubt: bool, evidence: Evidence) -> Row | None:
    """The row that applies, or None: this cannot happen, and the run must halt if it does."""
    return TABLE[((status * 4 + request) * 2 + doubt) * _EVIDENCE + evidence]
