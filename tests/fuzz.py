"""How many inputs a decoder is fed: as many as a pull request must show in CI, more by night, few while working."""

from __future__ import annotations

import os

from hypothesis import settings

#: Inputs for each decoder. CI feeds ten thousand: what a decoder does with any bytes is a promise, not a property of a sample.
INPUTS = {"default": 200, "ci": 10_000, "nightly": 100_000}

fuzzed = settings(max_examples=INPUTS[os.environ.get("TICKWRIGHT_HYPOTHESIS", "default")], deadline=None)
