"""Hypothesis profiles, chosen with TICKWRIGHT_HYPOTHESIS: ``default`` while working, ``ci`` on a pull request, ``nightly``."""

import os

from hypothesis import HealthCheck, settings

# No deadline: a shared machine stalls for longer than any deadline that would say something about the code.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("default", max_examples=100, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("ci", max_examples=300, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.register_profile("nightly", max_examples=10_000, deadline=None, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile(os.environ.get("TICKWRIGHT_HYPOTHESIS", "default"))
