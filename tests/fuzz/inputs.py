"""How many inputs a target is fed: as many as a pull request must show in CI, more by night, few while working."""

from __future__ import annotations

import os

#: Inputs for each decoder. CI feeds ten thousand: what a decoder does with any bytes is a promise, not a property of a sample.
INPUTS = {"default": 200, "ci": 10_000, "nightly": 100_000}

PROFILE = os.environ.get("TICKWRIGHT_HYPOTHESIS", "default")
#: Inputs that are made from one seed. Hypothesis chooses seeds; to let it choose every byte would cost more than the decoding.
BATCH = 50
#: No wire is longer: larger ones say nothing that smaller ones do not, and cost what many smaller ones would.
WIRE_BYTES_MAX = 64 * 1024
#: What one input may cost.
CPU_S_MAX = 0.05
MEMORY_BYTES_MAX = 64 * 1024 * 1024
#: Share of made inputs that must get past the first parse: an input that is no JSON tests no more than one line.
PARSED_SHARE_MIN = 0.6


def batches(inputs_share: float) -> int:
    """How many seeds a target takes that runs ``inputs_share`` of the usual number of inputs."""
    return max(2, round(INPUTS[PROFILE] * inputs_share / BATCH))
