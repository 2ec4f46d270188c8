"""Stopping from outside, with processes and sockets: a stand, a run that is killed, a guard with a key of its own, and panic."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import SystemClock
from tickwright.base.errors import ExitCode
from tickwright.base.numbers import DOWN
from tickwright.base.secret import Secret
from tickwright.model.market import BUY
from tickwright.model.order import Accepted, NewOrder, OrderType, Tif
from tickwright.run.build import make_venue
from tickwright.run.config import VenueSection
from tickwright.run.secrets import Credentials

COMMAND = [sys.executable, "-m", "tickwright.cli.main"]
KEY = "binance_spot:BTC/USDT"
DEADLINE_S = 60.0
SILENCE_S = 2.0
#: On top of the silence: a beat, a look, a few round trips, and a machine that has other things to do.
SLACK_S = 4.0

RESTING = """
from tickwright import DOWN, Strategy, quotes


class Resting(Strategy):
    top = quotes()
    placed = None

    def decide(self):
        if self.placed is None and self.top.value.bid:
            self.placed = self.buy("0.01", limit=self.instrument.price(self.top.value.bid * 0.98, DOWN))
"""


def until(test: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> float:
    """Wait for something outside of this process to be so; how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < deadline_s:
        if test():
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline_s:g} s for {what}")


class Stand:
    """A `tickwright stand` process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "stand", "binance_spot", "--json", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.info: dict[str, Any] = json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()

    def working(self) -> list[str]:
        """Client ids of the orders that work, by its own truth."""
        with urllib.request.urlopen(f"{self.info['rest_url']}/stand/state") as answer:
            return [item["clientOrderId"] for item in json.load(answer)["open_orders"]]

    def place(self, *client_ids: str) -> None:
        """Orders that some person made by hand."""

        async def placed() -> None:
            section = VenueSection(rest_url=self.info["rest_url"], ws_url=self.info["ws_url"], ws_api_url=self.info["ws_api_url"])
            keys = Credentials(self.info["api_key"], Secret(self.info["api_secret"]), "test")
            venue = make_venue("binance_spot", section, keys, SystemClock(), Chance(1))
            await venue.open()
            try:
                (item,) = [one for one in await venue.instruments() if one.key == KEY]
                (trade, *_) = (await venue.bars(KEY, "1m", 0, time.time_ns()))[-1:]
                price = item.exact_price_units(item.price(trade.close * 0.97, DOWN))
                for client_id in client_ids:
                    order = NewOrder(
                        key=KEY, client_id=client_id, side=BUY, type=OrderType.LIMIT, qty=item.exact_qty_units("0.01"), price=price,
                        stop=None, tif=Tif.GTC, post_only=False, reduce_only=False,
                    )  # fmt: skip
                    outcome = await venue.submit(order)
                    assert isinstance(outcome, Accepted), outcome
            finally:
                await venue.close()

        asyncio.run(placed())


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    one = Stand()
    yield one
    one.close()


class Desk:
    """A folder with a configuration, in which commands are given."""

    def __init__(self, folder: Path, stand: Stand) -> None:
        self.folder = folder
        self.stand = stand
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("TICKWRIGHT_")}
        self.environ |= {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        addresses = "".join(f'{name} = "{stand.info[name]}"\n' for name in ("rest_url", "ws_url", "ws_api_url"))
        venue = f"[venues.binance_spot]\n{addresses}recv_window_ms = 1000\n"
        (folder / "tickwright.toml").write_text(
            f'[run]\nsymbols = ["BTC/USDT"]\n[risk]\nmax_order_value = 10000\nmax_order_qty = 1\n{venue}'
        )
        # The guard has a key of its own, of another kind: it knows nothing of the run's.
        (folder / "guard.toml").write_text(f'{venue}key_kind = "ed25519"\nkey_file = "guard-keys.toml"\n')
        self.secret_file("guard.pem", stand.info["ed25519_private_key"])
        self.secret_file(
            "guard-keys.toml", f'[binance_spot.guard]\nkey = "{stand.info["ed25519_key"]}"\nsecret_file = "guard.pem"\n'
        )
        (folder / "resting.py").write_text(RESTING)
        self.run_keys = {
            "TICKWRIGHT_BINANCE_SPOT_KEY": stand.info["api_key"],
            "TICKWRIGHT_BINANCE_SPOT_SECRET": stand.info["api_secret"],
        }

    def secret_file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)

    @contextlib.contextmanager
    def start(self, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        """A command, that is ended at the latest when the block is left."""
        with (self.folder / f"{arguments[0]}.err").open("a") as err:
            process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=self.folder, env={**self.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=err, text=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait(DEADLINE_S)
            assert process.stdout is not None
            process.stdout.close()

    def said(self, command: str) -> str:
        return (self.folder / f"{command}.err").read_text()

    def outcome(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """How it ended, and what it printed."""
        out, _ = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out


@pytest.fixture
def desk(tmp_path: Path, stand: Stand) -> Desk:
    return Desk(tmp_path, stand)


def test_given_a_run_that_is_killed_when_its_silence_is_over_then_the_guard_has_cancelled_its_order(desk: Desk) -> None:
    """While it lives the guard does nothing; a person's order stays; the guard cancels with its own key."""
    stand = desk.stand
    guard_flags = ("--live", "--config", "guard.toml", "--silence", str(SILENCE_S), "--json")
    with (
        desk.start("run", "resting.py", "--live", "--yes-really", "--json", **desk.run_keys) as run,
        desk.start("guard", *guard_flags) as guard,
    ):
        until(lambda: run.poll() is not None or stand.working(), "the run's order")
        assert run.poll() is None, desk.said("run")
        (ours,) = stand.working()
        stand.place("by-hand-1")
        beat = desk.folder / "state" / "tickwright" / "binance_spot-mainnet" / "heartbeat.json"
        seen = beat.stat().st_mtime_ns
        until(lambda: json.loads(beat.read_text())["life"] == "armed" and beat.stat().st_mtime_ns > seen, "the heartbeat")
        time.sleep(SILENCE_S + 0.5)  # the one thing that cannot be hurried: that nothing happens
        assert guard.poll() is None, desk.said("guard")
        assert sorted(stand.working()) == sorted([ours, "by-hand-1"])
        run.send_signal(signal.SIGKILL)
        took = until(lambda: ours not in stand.working(), "the guard to cancel")
        assert SILENCE_S - 1 < took < SILENCE_S + SLACK_S
        assert stand.working() == ["by-hand-1"]
        guard.send_signal(signal.SIGTERM)
        code, out = desk.outcome(guard)
        report = json.loads(out)
        assert (report["acted"], report["verdict"]) == (1, "dead")
        assert [line["client_id"] for line in report["cancelled"]] == [ours]
        assert report["cancelled"][0]["how"] == "done.canceled"
        # What the run may have sent last could still arrive: the guard was ended before it could know better.
        assert (code, report["confirmed"]) == (ExitCode.VENUE, False)
        assert "Traceback" not in desk.said("guard")
    until(lambda: stand.working() == ["by-hand-1"], "nothing else to happen")


def test_given_orders_of_anybody_when_panic_is_called_then_none_is_left(desk: Desk) -> None:
    """Ours, a person's, another program's; the run that made one of them need not be there."""
    stand = desk.stand
    left = set(stand.working())
    stand.place("by-hand-2", "tw0abcde00-1", "x-bot")
    flags = ("--live", "--symbol", "BTC/USDT", "--settle", "0.3", "--json")
    with desk.start("panic", *flags, **desk.run_keys) as panic:
        assert desk.outcome(panic) == (ExitCode.REFUSED, "")
    assert len(stand.working()) == 3 + len(left)
    with desk.start("panic", *flags, "--yes", **desk.run_keys) as panic:
        code, out = desk.outcome(panic)
    assert stand.working() == []
    assert code == ExitCode.OK, desk.said("panic")
    result = json.loads(out)
    assert {line["client_id"] for line in result["cancelled"]} == {"by-hand-2", "tw0abcde00-1", "x-bot"} | left
    assert {line["qty"] for line in result["cancelled"]} == {"0.01"}
    assert (result["confirmed"], result["working"], result["ended"], result["warnings"]) == (True, [], [], [])


def test_given_a_wrong_key_when_stopping_from_outside_then_it_is_one_line_and_a_code(desk: Desk) -> None:
    """For the guard when it starts, not when it is needed; nothing of the secret is in it."""
    secret = "canary-5e1d0c7a-not-the-secret"
    wrong = {"TICKWRIGHT_BINANCE_SPOT_GUARD_KEY": desk.stand.info["api_key"], "TICKWRIGHT_BINANCE_SPOT_GUARD_SECRET": secret}
    unknown = {"TICKWRIGHT_BINANCE_SPOT_KEY": "nobody", "TICKWRIGHT_BINANCE_SPOT_SECRET": secret}
    with (
        desk.start("guard", "--live", "--json", **wrong) as guard,
        desk.start("panic", "--live", "--all-symbols", "--yes", "--json", **unknown) as panic,
    ):
        assert desk.outcome(guard) == (ExitCode.VENUE, "")
        assert desk.outcome(panic) == (ExitCode.VENUE, "")
    for command, part in (("guard", "cannot cancel"), ("panic", "refuses the key")):
        lines = [line for line in desk.said(command).splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, desk.said(command)
        assert part in lines[0]
        assert "canary" not in desk.said(command)
        assert "Traceback" not in desk.said(command)


def test_given_no_key_of_its_own_when_a_guard_is_asked_for_then_it_is_said_what_it_is_called(desk: Desk) -> None:
    """It does not take the run's."""
    with desk.start("guard", "--live", **desk.run_keys) as guard:
        assert desk.outcome(guard)[0] == ExitCode.CONFIG
    assert "TICKWRIGHT_BINANCE_SPOT_GUARD_KEY" in desk.said("guard")


@pytest.mark.nightly
def test_given_once_when_a_run_is_killed_then_the_guard_ends_when_the_venue_has_confirmed(desk: Desk) -> None:
    """After the fence, with its own code; after an orderly end with none."""
    flags = ("--live", "--config", "guard.toml", "--silence", str(SILENCE_S), "--once", "--json")
    for number, code in ((signal.SIGKILL, ExitCode.ACTED), (signal.SIGTERM, ExitCode.OK)):
        with (
            desk.start("run", "resting.py", "--live", "--yes-really", "--json", **desk.run_keys) as run,
            desk.start("guard", *flags) as guard,
        ):
            until(lambda: run.poll() is not None or desk.stand.working(), "the run's order")
            time.sleep(SILENCE_S)
            run.send_signal(number)
            ended, out = desk.outcome(guard)
            assert ended == code, desk.said("guard")
            assert json.loads(out)["confirmed"]
            assert desk.stand.working() == []
