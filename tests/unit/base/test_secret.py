"""A secret cannot be shown by accident."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from tickwright.base.secret import Secret

RAW = b"canary-0123456789"


def test_given_a_secret_when_shown_in_any_way_then_the_bytes_are_not_in_it() -> None:
    """repr, str, format, f-strings, containers, tracebacks."""
    secret = Secret(RAW)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([secret]), repr({"k": secret}), str(vars(Secret))]
    shown += traceback.format_exception(ValueError(secret))
    assert not [text for text in shown if "canary" in text]


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_given_a_secret_when_copied_or_written_then_it_refuses(write: object) -> None:
    """There is one place where the bytes are."""
    assert callable(write)
    with pytest.raises(TypeError):
        write(Secret(RAW))


def test_given_a_secret_when_revealed_then_it_is_the_bytes_and_when_compared_then_only_itself() -> None:
    """Comparison cannot be used to guess."""
    secret = Secret(RAW)
    assert secret.reveal() == RAW
    assert secret != Secret(RAW)
    assert secret == secret  # noqa: PLR0124 (identity is what is tested)
    assert hash(secret) == hash(secret)
    assert (bool(secret), bool(Secret(b""))) == (True, False)
