"""What a run came to, for people and for programs."""

from __future__ import annotations

import io
import json
import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tickwright.cli.output import print_json
from tickwright.run.summary import Latency, Summary, percentile, render

SUMMARY = Summary(
    strategy="Cross",
    venue="binance_spot",
    symbols=["BTC/USDT"],
    seconds=25.0,
    messages=12_345,
    bars=71,
    decisions=57,
    orders=3,
    fills=4,
    refusals={"risk.max_order_qty": 1},
    reconnects=1,
    reconciled=True,
    differences=[],
    halts=[],
    currency="USDT",
    pnl=Decimal("-2.20057107"),
    fees={"BTC": "0.00002"},
    position={"BTC/USDT": "0.00999"},
    position_at_venue={"BTC/USDT": "0.00999"},
    balances={"BTC": "1.00999"},
    balances_at_venue={"BTC": "1.00999"},
    open_orders=0,
    tick_to_order_us=Latency(581.1, 1083.2, 3),
    stopped="clean",
)


def shown(summary: Summary) -> str:
    """As plain text."""
    text = io.StringIO()
    Console(file=text, width=120).print(render(summary))
    return text.getvalue()


def test_given_a_summary_when_printed_as_json_then_programs_find_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    """Profit is a number, exact to its last place."""
    print_json(SUMMARY)
    found = json.loads(capsys.readouterr().out, parse_float=Decimal)
    wanted = {"messages", "bars", "decisions", "orders", "fills", "reconnects", "reconciled", "pnl", "tick_to_order_us"}
    assert wanted <= set(found)
    assert found["pnl"] == Decimal("-2.20057107")
    assert found["reconciled"] is True
    assert {"p50", "p99"} <= set(found["tick_to_order_us"])


def test_given_a_summary_when_shown_then_refusals_have_sentences_and_the_verdict_is_last() -> None:
    """Both sides' figures stand beside one another."""
    text = shown(SUMMARY)
    assert "1 ×  The order is larger than the configured maximum." in text
    assert "-2.20057107 USDT" in text
    assert text.splitlines()[-1] == "Both sides agree to the last unit."
    assert next(line for line in text.splitlines() if "position BTC/USDT" in line).split() == [
        "position",
        "BTC/USDT",
        "0.00999",
        "0.00999",
    ]


def test_given_two_sides_that_differ_when_shown_then_it_says_in_what() -> None:
    """Or, where nothing was compared, how the run ended."""
    differ = msgspec.structs.replace(SUMMARY, reconciled=False, differences=["balance BTC"], pnl=None)
    assert "do not agree: balance BTC" in shown(differ)
    assert "unknown" in shown(differ)
    assert "do not agree: cut short" in shown(msgspec.structs.replace(differ, differences=[], stopped="cut short"))


def test_given_no_order_when_shown_then_no_latency_is_claimed() -> None:
    """None of none."""
    assert percentile([], 0.5) is None
    assert "no order" in shown(msgspec.structs.replace(SUMMARY, tick_to_order_us=Latency(None, None, 0)))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([0.0, 0.5, 0.99, 1.0]))
def test_given_samples_when_a_percentile_is_taken_then_it_is_of_the_nearest_rank(samples: list[float], share: float) -> None:
    """At least that share of the samples is not above it, and it is one of them."""
    found = percentile(samples, share)
    assert found in [round(sample, 1) for sample in samples]
    assert found is not None
    assert sum(round(sample, 1) <= found for sample in samples) >= math.ceil(share * len(samples))
