"""Everything that reads bytes, fed with bytes that nobody recorded. For longer runs, guided by coverage: ``make fuzz``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fuzz.choices import FromBytes, Seeded
from fuzz.inputs import BATCH, INPUTS, PARSED_SHARE_MIN, PROFILE, batches
from fuzz.run import HERE, KEPT_BYTES_MAX, KEPT_FILES_MAX
from fuzz.target import Target, run, run_within_memory, shrunk
from fuzz.targets import TARGETS

#: A shared machine may be this much slower than the one that the limits are meant for.
SLOWNESS = 4.0
EACH_TARGET = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


def fine(target: Target, wire: bytes) -> None:
    """Run one input; what fails is shown as small as it gets, with what to do about it."""
    try:
        run(target, wire, SLOWNESS)
    except Exception as error:
        small = shrunk(target, wire, error)
        told = (
            f"{target.name}: {small!r}\nput these bytes into a file in tests/fuzz/corpus/{target.name}/ and mend what they break"
        )
        raise AssertionError(told) from error


@EACH_TARGET
def test_given_each_kept_input_when_run_again_then_it_is_fine(target: Target) -> None:
    """Each once failed, or reaches lines that others do not. They are few and small."""
    kept = target.corpus()
    assert len(kept) <= KEPT_FILES_MAX
    for path in kept:
        wire = path.read_bytes()
        assert len(wire) < KEPT_BYTES_MAX, f"{path.name} is too large for the corpus: write a unit test"
        fine(target, wire)
        run_within_memory(target, wire)


@EACH_TARGET
def test_given_the_recorded_wires_when_run_then_they_are_fine_and_no_choices_leave_them_as_they_are(target: Target) -> None:
    """What everything else is made from."""
    for wire in target.samples:
        fine(target, wire)
    assert target.make(FromBytes(b"")) == target.samples[0]


@EACH_TARGET
def test_given_wires_that_nobody_recorded_when_run_then_they_are_fine_and_most_get_past_the_first_parse(target: Target) -> None:
    """Made from seeds: in CI ten thousand for each decoder."""
    made = past = 0

    # Whatever fails is made smaller by ourselves: smaller seeds do not mean smaller inputs.
    @settings(max_examples=batches(target.share), phases=[Phase.reuse, Phase.generate])
    @given(seed=st.integers(0, 2**64 - 1))
    def many(seed: int) -> None:
        nonlocal made, past
        choices = Seeded(seed)
        for _ in range(BATCH):
            wire = target.make(choices)
            made += 1
            past += target.is_past(wire)
            fine(target, wire)

    many()
    assert past >= PARSED_SHARE_MIN * made, f"only {past} of {made} got past the first parse"


@EACH_TARGET
def test_given_any_bytes_as_choices_when_a_wire_is_made_then_it_is_fine(target: Target) -> None:
    """The same with every choice open to Hypothesis, so that it may vary and shrink them; and the bytes themselves."""

    @settings(max_examples=max(20, round(INPUTS[PROFILE] * target.share / 20)))
    @given(data=st.binary(max_size=64))
    def each(data: bytes) -> None:
        run(target, target.make(FromBytes(data)), SLOWNESS)
        run(target, data, SLOWNESS)

    each()


def test_given_the_runner_when_asked_for_one_target_then_it_reports_in_json() -> None:
    """Without atheris it says that it goes by seeds; a finding would be its exit code."""
    ask = [sys.executable, str(HERE / "run.py"), "--target", "market", "--runs", "50", "--seconds", "5", "--seeded", "--json"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["engine"], told["inputs"], told["findings"]) == ("seeds", 50, 0)
    assert told["targets"][0]["target"] == "market"
