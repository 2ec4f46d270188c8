"""The table itself: what is listed, what is not, and that the two cannot drift apart."""

from __future__ import annotations

import itertools

import pytest

from tickwright.orders.machine import ROWS, Evidence, Request, Status, next_state

# An independent copy of the table, one line a state and one column an evidence in the order of `Evidence`:
# the number of the row, or a dot where the pair cannot happen.
_TABLE = """
state               ACC REJ UNK R:O R:D R:S R:- F<  F=  F>  F.. ABS SIL LIF aC  C:A C:U C:R C:? aA  A:A A:+ A:U A:R A:? CON
NEW,SUBMIT          1   2   3   4   6   6   .   5   5   5   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
NEW,SUBMIT,doubt    .   .   .   4   6   6   .   5   5   5   .   7   .   .   24  25  25  25  25  .   .   .   .   .   .   .
LIVE,NONE           33  .   33  31  14  14  31  12  13  32  .   .   36  .   8   28  28  28  28  15  .   .   .   .   .   .
LIVE,NONE,doubt     33  .   33  19  14  14  31  12  13  32  14  23  36  .   26  28  28  28  28  .   .   .   .   .   .   .
LIVE,CANCEL         33  .   33  31  14  14  31  12  13  32  .   .   36  .   .   9   10  27  11  .   .   .   .   .   .   .
LIVE,CANCEL,doubt   33  .   33  19  14  14  31  12  13  32  14  23  36  .   11  9   10  27  11  .   .   .   .   .   .   .
LIVE,AMEND          33  .   33  31  14  14  31  12  13  32  .   .   .   .   .   28  28  28  28  .   16  30  29  17  18  .
LIVE,AMEND,doubt    33  .   33  19  14  14  31  12  13  32  14  23  .   .   26  28  28  28  28  .   16  30  29  17  18  .
DONE,NONE           34  34  34  22  22  22  22  20  20  20  .   .   .   21  .   35  35  35  35  .   35  35  35  35  35  .
"""
_GRID = {line.split()[0]: line.split()[1:] for line in _TABLE.strip().splitlines()}
_EVERY_STATE = list(itertools.product(Status, Request, (False, True)))


def _name(status: Status, request: Request, doubt: bool) -> str:
    return f"{status.name},{request.name}{',doubt' if doubt else ''}"


@pytest.mark.parametrize(("status", "request_", "doubt"), _EVERY_STATE)
def test_given_each_state_when_each_evidence_comes_then_exactly_the_listed_row_applies(
    status: Status, request_: Request, doubt: bool
) -> None:
    """All 24 states with all 26 kinds of evidence: the listed pairs give their row, every other one is refused."""
    expected = _GRID.get(_name(status, request_, doubt), ["."] * len(Evidence))
    for evidence in Evidence:
        row = next_state(status, request_, doubt, evidence)
        assert (str(row.number) if row is not None else ".") == expected[evidence], evidence.text


def test_given_the_grid_when_counted_then_it_has_a_cell_for_every_evidence() -> None:
    """The copy above is complete: a new kind of evidence cannot be forgotten in it."""
    assert all(len(line) == len(Evidence) for line in _GRID.values())


def test_given_the_table_when_numbers_are_listed_then_the_document_and_the_additions_are_complete() -> None:
    """Rows 1 to 23 are the reliability document's; ours follow without a hole."""
    assert sorted({row.number for row in ROWS}) == list(range(1, 37))


def test_given_a_new_order_when_all_evidence_is_followed_then_only_the_drawn_states_are_reached() -> None:
    """No row leads into a state that the grid does not know."""
    start = (Status.NEW, Request.SUBMIT, False)
    reached, todo = {start}, [start]
    while todo:
        status, request, doubt = todo.pop()
        for evidence in Evidence:
            row = next_state(status, request, doubt, evidence)
            if row is None:
                continue
            then = (
                status if row.to_status is None else row.to_status,
                request if row.to_request is None else row.to_request,
                doubt if row.to_doubt is None else row.to_doubt,
            )
            if then not in reached:
                reached.add(then)
                todo.append(then)
    assert {_name(*state) for state in reached} == set(_GRID) - {"state"}


def test_given_a_row_to_done_when_it_has_no_reason_then_a_report_brings_it() -> None:
    """An order never ends without a reason."""
    for row in ROWS:
        if row.to_status is Status.DONE and row.reason is None:
            assert set(row.evidence) <= {Evidence.REPORT_DONE, Evidence.FILLS_COMPLETE}


def test_given_a_row_that_judges_again_when_followed_then_the_second_judgement_is_listed() -> None:
    """A fill before the ack always finds a row for the same fill in the state it has led to."""
    for row in ROWS:
        if row.again and Evidence.LIFE not in row.evidence:
            for evidence in row.evidence:
                assert row.to_status is not None
                assert row.to_request is not None
                assert row.to_doubt is not None
                again = next_state(row.to_status, row.to_request, row.to_doubt, evidence)
                assert again is not None
                assert not again.again
