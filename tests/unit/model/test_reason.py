"""Reasons: each has a stable name, a family and a sentence."""

from __future__ import annotations

import re

import pytest

from tickwright.model.reason import Reason


@pytest.mark.parametrize("reason", Reason)
def test_given_a_reason_when_shown_then_it_is_one_sentence_of_its_family(reason: Reason) -> None:
    """A capital, a full stop, no jargon in brackets."""
    assert re.fullmatch(r"[A-Z].*\.", reason.sentence)
    assert reason.family in {"refused", "risk", "halt", "venue", "done"}
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", reason.value)


def test_given_the_reasons_when_listed_then_no_two_share_a_name() -> None:
    """An alias would hide one behind another."""
    assert len(Reason.__members__) == len(list(Reason))
