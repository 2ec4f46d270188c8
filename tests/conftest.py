"""Hypothesis profiles, chosen with TICKWRIGHT_HYPOTHESIS: ``default`` while working, ``ci`` on a pull request, ``nightly``."""

import itertools
import os

import pytest
from hypothesis import HealthCheck, settings

# No deadline: a shared machine stalls for longer than any deadline that would say something about the code.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("default", max_examples=100, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", max_examples=300, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile(os.environ.get("TICKWRIGHT_HYPOTHESIS", "default"))


@pytest.fixture(autouse=True)
def own_state_directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run leaves behind in one test is not found by another, nor in the user's own directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{next(_NUMBERS)}"))


_NUMBERS = itertools.count()
