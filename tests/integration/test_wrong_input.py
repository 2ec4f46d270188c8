"""Wrong input at the command line, in a process of its own: one clear line on stderr, the documented exit code, no traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tickwright.base.errors import ExitCode

DEADLINE_S = 60

QUIET = """
from tickwright import Strategy, trades


class Quiet(Strategy):
    last = trades()
"""

RAISES = """
from tickwright import DOWN, Strategy, quotes


class Raises(Strategy):
    best = quotes()

    def on_start(self):
        self.order_ = None

    def decide(self):
        if self.order_ is None:
            self.order_ = self.buy("0.01", limit=self.instrument.price(self.account.mid(self.instrument.key) * 0.98, DOWN))
        elif self.order_.state == "working":
            1 / 0
"""

OFF_THE_GRID = """
from decimal import Decimal

from tickwright import DOWN, Strategy, quotes


class OffTheGrid(Strategy):
    best = quotes()
    asked = False

    def decide(self):
        if not self.asked:
            self.asked = True
            price = self.instrument.price(self.account.mid(self.instrument.key) * 0.99, DOWN)
            self.buy("0.01", limit=price + Decimal("0.001"))
            self.buy("0.0000001", limit=price)
            self.buy("0.00001", limit=price)
"""


class Answer:
    """How a command ended. Whatever it was, it must not show a traceback."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        assert "Traceback" not in self.err + self.out, self.err

    def refused(self, code: ExitCode, *parts: str) -> None:
        """One line on stderr that has the parts in it, nothing on stdout."""
        assert self.code == code, self.err
        assert self.out == ""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        for part in parts:
            assert part in errors[0]

    @property
    def summary(self) -> dict[str, Any]:
        """What the run came to."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


class Desk:
    """An empty folder to run commands in, with nothing of the machine's own configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("TICKWRIGHT_")}
        # Where no keys are: neither a file nor a keyring of whoever runs the tests.
        self.environ |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def run(self, *arguments: str, **environ: str) -> Answer:
        command = [sys.executable, "-m", "tickwright.cli.main", "run", *arguments, "--json"]
        return Answer(
            subprocess.run(
                command,
                cwd=self.folder,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_given_a_misspelt_symbol_when_a_run_is_asked_for_then_the_right_one_is_suggested(desk: Desk) -> None:
    """The venue is asked what it lists; the nearest name is said."""
    strategy = desk.write("quiet.py", QUIET)
    desk.run(strategy, "--stand", "--symbol", "BTC/USDTT").refused(ExitCode.USAGE, "'BTC/USDTT'", "did you mean 'BTC/USDT'?")


def test_given_an_unknown_venue_when_a_run_is_asked_for_then_it_is_named(desk: Desk) -> None:
    """Before anything is connected."""
    strategy = desk.write("quiet.py", QUIET)
    desk.run(strategy, "--venue", "binance_sport", "--symbol", "BTC/USDT").refused(ExitCode.USAGE, "binance_spot")


def test_given_an_unknown_configuration_key_when_a_run_is_asked_for_then_file_and_key_are_named(desk: Desk) -> None:
    """With the nearest key that exists."""
    strategy, config = desk.write("quiet.py", QUIET), desk.write("mine.toml", '[run]\nvenu = "binance_spot"\n')
    answer = desk.run(strategy, "--config", config, "--stand")
    answer.refused(ExitCode.CONFIG, "mine.toml", "'venu'", "did you mean 'venue'?")


def test_given_no_secret_when_the_test_network_is_asked_for_then_it_is_said_where_keys_go(desk: Desk) -> None:
    """Neither the environment nor a file nor a keyring has one."""
    strategy = desk.write("quiet.py", QUIET)
    desk.run(strategy, "--testnet", "--symbol", "BTC/USDT").refused(ExitCode.CONFIG, "no API key", "_SECRET")


def test_given_a_key_without_its_secret_when_the_test_network_is_asked_for_then_the_missing_half_is_named(desk: Desk) -> None:
    """Half a pair is an error, not a run without keys; what is there is not repeated."""
    strategy = desk.write("quiet.py", QUIET)
    keys = {"TICKWRIGHT_BINANCE_SPOT_TESTNET_KEY": "abc123", "TICKWRIGHT_BINANCE_SPOT_KEY": "abc123"}
    answer = desk.run(strategy, "--testnet", "--symbol", "BTC/USDT", **keys)
    answer.refused(ExitCode.CONFIG, "_SECRET", "is not set")
    assert "abc123" not in answer.err


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param(None, "there is no such file", id="missing"),
        pytest.param("def decide(self:\n", "line 1", id="syntax"),
        pytest.param("import tickwrong\n", "No module named 'tickwrong'", id="import"),
        pytest.param("x = 1\n", "no subclass of tickwright.Strategy", id="none"),
    ],
)
def test_given_an_unreadable_strategy_when_it_is_run_then_file_and_fault_are_named(
    desk: Desk, text: str | None, part: str
) -> None:
    """Missing, no Python, an import that fails, no strategy in it."""
    if text is not None:
        desk.write("mine.py", text)
    desk.run("mine.py", "--stand").refused(ExitCode.STRATEGY, "mine.py", part)


def test_given_a_closed_port_when_a_run_is_asked_for_then_it_says_that_it_cannot_connect(desk: Desk) -> None:
    """Nobody listens at the configured address."""
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port meanwhile
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        lines = [
            f'rest_url = "http://127.0.0.1:{port}"',
            f'ws_url = "ws://127.0.0.1:{port}"',
            f'ws_api_url = "ws://127.0.0.1:{port}"',
        ]
        config = desk.write("mine.toml", "\n".join(["[venues.binance_spot]", *lines, ""]))
        strategy = desk.write("quiet.py", QUIET)
        answer = desk.run(strategy, "--config", config, "--symbol", "BTC/USDT")
    answer.refused(ExitCode.VENUE, "binance_spot", "cannot connect")


def test_given_no_confirmation_when_live_is_asked_for_then_it_is_refused(desk: Desk) -> None:
    """Limits and keys are there, nobody is at the terminal: nothing is connected, nothing sent."""
    strategy = desk.write("quiet.py", QUIET)
    config = desk.write("mine.toml", "[risk]\nmax_order_value = 100\nmax_order_qty = 1\n")
    keys = {"TICKWRIGHT_BINANCE_SPOT_KEY": "abc123", "TICKWRIGHT_BINANCE_SPOT_SECRET": "def456"}
    answer = desk.run(strategy, "--config", config, "--live", "--symbol", "BTC/USDT", **keys)
    answer.refused(ExitCode.REFUSED, "confirm")
    assert "def456" not in answer.err


def test_given_no_limits_when_live_is_asked_for_then_the_missing_one_is_named(desk: Desk) -> None:
    """Real money needs limits that somebody chose."""
    strategy = desk.write("quiet.py", QUIET)
    desk.run(strategy, "--live", "--symbol", "BTC/USDT").refused(ExitCode.CONFIG, "max_order_value")


def test_given_a_strategy_that_raises_when_it_is_run_then_its_order_is_cancelled_and_the_run_ends_in_order(desk: Desk) -> None:
    """It is halted with one line that says what, where and in which method; the run goes on to its end and both sides agree."""
    answer = desk.run(desk.write("raises.py", RAISES), "--stand", "--seconds", "3")
    assert answer.code == ExitCode.OK, answer.err
    told = [line for line in answer.err.splitlines() if "ZeroDivisionError" in line]
    assert len(told) == 1, answer.err
    assert "raises.py line 15, in decide" in told[0]
    summary = answer.summary
    assert summary["halts"] == ["halt.strategy_raised"]
    assert (summary["orders"], summary["open_orders"], summary["fills"]) == (1, 0, 0)
    assert summary["reconciled"]
    assert summary["balances"] == summary["balances_at_venue"]


def test_given_orders_off_the_venues_grid_when_they_are_asked_for_then_they_are_refused_before_they_are_sent(desk: Desk) -> None:
    """A price between two ticks, a quantity below the minimum, a value below it: each refusal has its reason in the summary."""
    answer = desk.run(desk.write("grid.py", OFF_THE_GRID), "--stand", "--seconds", "3")
    assert answer.code == ExitCode.OK, answer.err
    summary = answer.summary
    assert summary["refusals"] == {
        "refused.notional_too_small": 1,
        "refused.off_tick": 1,
        "refused.off_lot": 1,
    }, answer.err
    for sentence in ("is not a multiple of the tick", "is not a multiple of the lot", "below the minimum"):
        assert answer.err.count(sentence) == 1
    assert summary["orders"] == 0
    assert summary["reconciled"]
