"""Every reader of what others wrote, on inputs that are nearly right: values, or its one typed error, and soon.

Inputs that once broke something, and two to begin with, are in ``corpus/TARGET`` and are fed first, in every run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing.mutate import Tape, mutated
from fuzzing.targets import TARGETS

#: Inputs for each target: while working, in a pull request, by night.
INPUTS = {"default": 100, "ci": 2_000, "nightly": 100_000}
#: An input may take this long. The limit is 50 ms; more is granted here to a machine that is busy with other tests.
SECONDS_MAX = 1.0
#: Of the inputs at least so many get past the first parse: others test nothing but the parser of JSON.
SHARE_MIN = 0.6
CORPUS = Path(__file__).parent / "corpus"

targets = pytest.mark.parametrize("name", sorted(TARGETS))


@targets
def test_given_nearly_right_input_when_read_then_values_or_one_error(name: str) -> None:
    target, inputs = TARGETS[name], INPUTS[os.environ.get("TICKWRIGHT_HYPOTHESIS", "default")]
    parsed = fed = 0

    @given(st.binary(min_size=8, max_size=64))
    @settings(max_examples=inputs, deadline=None, database=None)
    def feed(data: bytes) -> None:
        nonlocal parsed, fed
        tape = Tape(data)
        body = mutated(tape, target.samples)
        began = time.perf_counter()
        parsed += target.feed(body, tape)
        fed += 1
        assert time.perf_counter() - began < SECONDS_MAX

    feed()
    assert fed >= inputs * 9 // 10
    assert parsed / fed >= SHARE_MIN, f"{parsed} of {fed} got past the first parse"


@targets
def test_given_noise_when_read_then_values_or_one_error(name: str) -> None:
    @given(st.binary(max_size=200))
    @settings(max_examples=INPUTS[os.environ.get("TICKWRIGHT_HYPOTHESIS", "default")] // 4, deadline=None, database=None)
    def feed(data: bytes) -> None:
        TARGETS[name].feed(data, Tape(data[::-1]))

    feed()


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_given_what_once_broke_something_when_read_then_values_or_one_error(path: Path) -> None:
    data = path.read_bytes()
    tape = Tape(data)
    target = TARGETS[path.parent.name]
    target.feed(mutated(tape, target.samples), tape)


def test_given_a_tape_when_used_twice_then_it_makes_the_same_input() -> None:
    for name, target in TARGETS.items():
        for n in range(50):
            data = n.to_bytes(2, "big") * 20
            assert mutated(Tape(data), target.samples) == mutated(Tape(data), target.samples), name
