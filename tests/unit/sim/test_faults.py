"""Fault plans: read from files with helpful refusals, and drawn at their time, their occasion or by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickwright.base.errors import ConfigError
from tickwright.sim.faults import Fault, FaultBox, FaultKind, Faults, load_faults, parse_faults


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan.toml", 'seed = 3\n[[fault]]\nkind = "gap"\non = "@depth"\nnth = 2\n'),
        ("plan.json", '{"seed": 3, "fault": [{"kind": "gap", "on": "@depth", "nth": 2}]}'),
    ],
)
def test_given_a_plan_in_a_file_when_loaded_then_it_is_the_plan(tmp_path: Path, name: str, text: str) -> None:
    """TOML or JSON, by the name of the file."""
    path = tmp_path / name
    path.write_text(text)
    assert load_faults(path) == Faults(seed=3, fault=(Fault(kind=FaultKind.GAP, on="@depth", nth=2),))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"sed": 1}, "did you mean 'seed'?"),
        ({"fault": [{"kind": "gap", "nht": 1}]}, "did you mean 'nth'?"),
        ({"fault": [{"kind": "lost_replay"}]}, "did you mean 'lost_reply'?"),
        ({"fault": [{}]}, "no fault is called None"),
        ({"fault": ["gap"]}, "a table is expected"),
        ({"fault": {"kind": "gap"}}, "Expected `array`"),
        ({"fault": [{"kind": "gap", "nth": "2"}]}, "Expected `int"),
        ({"fault": [{"kind": "gap", "nth": 0}]}, "start at 1"),
        ({"fault": [{"kind": "gap", "count": 0}]}, "start at 1"),
        ({"fault": [{"kind": "gap", "probability": 1.5}]}, "not between 0 and 1"),
        ({"fault": [{"kind": "delay", "value": -1.0}]}, "not a number of seconds"),
        ({"fault": [{"kind": "delay", "value": float("nan")}]}, "not a number of seconds"),
        ([], "Expected `object`"),
    ],
)
def test_given_a_wrong_plan_when_parsed_then_one_line_says_what_and_where(data: Any, said: str) -> None:
    """With the nearest name where one was misspelt."""
    with pytest.raises(ConfigError, match="plan") as caught:
        parse_faults(data, "plan")
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"fault = ["])
def test_given_a_file_that_is_no_plan_when_loaded_then_it_is_refused_or_empty(tmp_path: Path, content: bytes) -> None:
    """An empty TOML file is an empty plan; the rest is told."""
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    if not content:
        assert load_faults(path) == Faults()
        return
    with pytest.raises(ConfigError, match=r"plan\.toml"):
        load_faults(path)
    with pytest.raises(ConfigError, match="No such file"):
        load_faults(tmp_path / "none.toml")


def box(*faults: Fault, seed: int = 0) -> FaultBox:
    return FaultBox(Faults(seed=seed, fault=faults))


def test_given_a_fault_for_the_nth_when_occasions_come_then_it_happens_then_and_as_often_as_said() -> None:
    """Only occasions whose name fits are counted."""
    faults = box(Fault(kind=FaultKind.GAP, on="@depth", nth=2, count=2))
    met = [faults.frame(name) is not None for name in ("a@trade", "a@depth", "a@depth", "a@depth", "a@depth")]
    assert met == [False, False, True, True, False]
    assert faults.happened == {"gap": 2}
    assert faults.waiting == []


def test_given_a_fault_with_a_time_when_it_has_not_come_then_occasions_pass_it_by() -> None:
    """Times are since the market started."""
    faults = box(Fault(kind=FaultKind.DROP, at_s=2.0), Fault(kind=FaultKind.DISCONNECT, at_s=1.0))
    assert faults.due(0.5) == []
    assert faults.request("POST /order") is None
    assert [fault.kind for fault in faults.due(1.5)] == [FaultKind.DISCONNECT]
    assert faults.request("POST /order") is None
    assert faults.due(2.0) == []
    fault = faults.request("POST /order")
    assert fault is not None
    assert fault.kind is FaultKind.DROP
    assert faults.request("POST /order") is None


def test_given_a_rate_when_drawn_then_it_goes_on_and_the_seed_repeats_it() -> None:
    """About as often as it says."""

    def run(seed: int) -> list[bool]:
        faults = box(Fault(kind=FaultKind.DUPLICATE, probability=0.25), seed=seed)
        return [faults.frame("x") is not None for _ in range(400)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 60 < sum(run(1)) < 140


def test_given_a_fault_of_connections_when_it_names_an_occasion_then_it_waits_for_it() -> None:
    """By time only when it names none; kinds of frames and of requests do not mix."""
    faults = box(Fault(kind=FaultKind.DISCONNECT, on="order.place", nth=2), Fault(kind=FaultKind.GAP))
    assert faults.due(100.0) == []
    assert faults.request("order.place") is None
    fault = faults.request("order.place")
    assert fault is not None
    assert fault.kind is FaultKind.DISCONNECT
    assert faults.request("order.place") is None
    assert faults.frame("x") is not None
    faults.inject(Fault(kind=FaultKind.MUTE))
    faults.clear()
    assert faults.due(100.0) == []
