"""The command line from outside: exit codes, one line an error, nothing but the object on stdout with ``--json``."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tickwright import __version__
from tickwright.base.errors import ExitCode
from tickwright.cli.main import main

COMMAND = [sys.executable, "-m", "tickwright.cli.main"]
DEADLINE_S = 60


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own configuration, and no keyring."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKWRIGHT_")}
    return kept | {"XDG_CONFIG_HOME": str(folder), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"} | more


def called(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command, run in ``folder``."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if "TICKWRIGHT_DEBUG" not in more and "--debug" not in arguments:
        assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["rn"], ExitCode.USAGE, "there is no command 'rn'. did you mean 'run'?"),
        (["strategies", "nw"], ExitCode.USAGE, "did you mean 'new'?"),
        (["xyzzy"], ExitCode.USAGE, "see tickwright"),
        (["run", "--lvie", "x.py"], ExitCode.USAGE, "there is no flag --lvie. did you mean '--live'?"),
        (["--dbug"], ExitCode.USAGE, "did you mean '--debug'?"),
        (["stand"], ExitCode.USAGE, "Missing argument"),
        (["run", "x.py", "--seconds", "soon"], ExitCode.USAGE, "--seconds"),
        (["run", "x.py", "--seconds", "0"], ExitCode.USAGE, "above 0"),
        (["run", "x.py", "--seconds", "nan"], ExitCode.USAGE, "above 0"),
        (["run", "x.py", "--testnet", "--live"], ExitCode.USAGE, "exclude one another"),
        (["run", "x.py", "--tape", "t.gz"], ExitCode.USAGE, "--tape is for --stand"),
        (["run", "x.py", "--speed", "2"], ExitCode.USAGE, "--speed is for --stand"),
        (["run", "x.py", "--stand", "--speed", "-1"], ExitCode.USAGE, "not be negative"),
        (["run", "x.py", "--yes-really"], ExitCode.USAGE, "--yes-really is for --live"),
        (["run", "x.py", "--param", "size"], ExitCode.USAGE, "write name=value"),
        (["run"], ExitCode.USAGE, "no strategy was given"),
        (["run", "x.py", "--log-level", "loud"], ExitCode.CONFIG, "log.level"),
        (["run", "x.py", "--config", "none.toml"], ExitCode.CONFIG, "none.toml: no such file"),
        (["run", "x.py"], ExitCode.STRATEGY, "x.py: there is no such file"),
        (["run", "x.py", "--stand", "--faults", "f.toml"], ExitCode.STRATEGY, "x.py"),
        (["stand", "kraken"], ExitCode.USAGE, "there is no stand 'kraken'"),
        (["stand", "binance_spot", "--port", "70000"], ExitCode.USAGE, "--port"),
        (["stand", "binance_spot", "--start-on", "noww"], ExitCode.USAGE, "did you mean 'now'?"),
        (["stand", "binance_spot", "--speed", "-1"], ExitCode.USAGE, "--speed"),
        (["stand", "binance_spot", "--tape", "none.gz"], ExitCode.USAGE, "none.gz"),
        (["stand", "binance_spot", "--faults", "none.toml"], ExitCode.CONFIG, "none.toml"),
        (["demo", "--seconds", "1"], ExitCode.USAGE, "the demo takes"),
        (["conformance", "binance_sopt"], ExitCode.USAGE, "did you mean 'binance_spot'?"),
        (["tape", "check", "none.gz"], ExitCode.DATA, "none.gz"),
        (["tape", "check", ".", "--venue", "binance"], ExitCode.USAGE, "did you mean 'binance_spot'?"),
        (["strategies", "new", "3x"], ExitCode.USAGE, "'3x' cannot be a strategy's name"),
        (["strategies", "list", "nowhere"], ExitCode.USAGE, "there is no such folder"),
    ],
)
def test_given_something_wrong_when_called_then_one_line_and_the_documented_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: ExitCode,
    said: str,
) -> None:
    """On stderr; stdout stays empty. In this process, where it is quick."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == code, err
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "none.py", "--json"], ExitCode.STRATEGY),
        (["stand", "kraken", "--json"], ExitCode.USAGE),
        (["tape", "check", "none.gz", "--json"], ExitCode.DATA),
    ],
)
def test_given_something_wrong_when_called_as_a_process_then_it_is_the_same(
    tmp_path: Path, arguments: list[str], code: ExitCode
) -> None:
    """No object on stdout, no traceback on stderr."""
    done = called(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["strategies"], ["tape"]])
def test_given_no_command_when_called_then_the_help_is_shown(tmp_path: Path, arguments: list[str]) -> None:
    """On stderr, because nothing was done; with the code of wrong usage."""
    done = called(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "Usage:" in done.stderr
    assert "error:" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["version", "--json"], {"version"}),
        (["venues", "--json"], {"venues"}),
        (["doctor", "--offline", "--json"], {"ok", "checks"}),
        (["strategies", "list", "--json"], {"strategies"}),
    ],
)
def test_given_json_when_called_then_stdout_is_one_object_on_one_line(
    tmp_path: Path, arguments: list[str], keys: set[str]
) -> None:
    """And nothing else."""
    done = called(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert done.stdout.endswith("}\n")
    assert len(done.stdout.splitlines()) == 1
    assert set(json.loads(done.stdout)) == keys


def test_given_version_when_asked_in_three_ways_then_it_is_the_same(tmp_path: Path) -> None:
    """A flag, a command, an object."""
    assert called(tmp_path, "--version").stdout == called(tmp_path, "version").stdout == f"{__version__}\n"


def test_given_a_new_strategy_when_written_twice_then_the_second_is_refused_and_the_first_is_listed(tmp_path: Path) -> None:
    """Nothing of a user's is ever written over."""
    assert called(tmp_path, "strategies", "new", "Trend").returncode == ExitCode.OK
    (tmp_path / "trend.py").write_text((tmp_path / "trend.py").read_text() + "# mine\n")
    again = called(tmp_path, "strategies", "new", "Trend")
    assert again.returncode == ExitCode.USAGE
    assert "trend.py: it is there already" in again.stderr
    assert (tmp_path / "trend.py").read_text().endswith("# mine\n")
    found = json.loads(called(tmp_path, "strategies", "list", "--json").stdout)["strategies"]
    assert [(item["file"], item["name"]) for item in found] == [("trend.py", "Trend")]


def test_given_a_doctor_when_the_configuration_is_broken_then_its_code_is_that_of_the_check(tmp_path: Path) -> None:
    """The object is whole; the line names what failed."""
    (tmp_path / "tickwright.toml").write_text("[risk]\nmax_order_valu = 1\n")
    done = called(tmp_path, "doctor", "--offline", "--json")
    assert done.returncode == ExitCode.CONFIG
    answer = json.loads(done.stdout)
    assert not answer["ok"]
    failed = [check for check in answer["checks"] if check["verdict"] == "fail"]
    assert [check["name"] for check in failed] == ["configuration"]
    assert "did you mean 'max_order_value'?" in failed[0]["todo"]
    assert done.stderr.startswith("error: ")


def test_given_live_when_there_is_no_terminal_then_it_is_refused(tmp_path: Path) -> None:
    """Nothing is armed by a script that did not say so; nothing has been connected by then."""
    strategy = tmp_path / "s.py"
    strategy.write_text("from tickwright import Strategy, trades\nclass S(Strategy):\n    last = trades()\n")
    keys = {"TICKWRIGHT_BINANCE_SPOT_KEY": "k", "TICKWRIGHT_BINANCE_SPOT_SECRET": "s"}
    limits = {"TICKWRIGHT_RISK__MAX_ORDER_VALUE": "10", "TICKWRIGHT_RISK__MAX_ORDER_QTY": "1"}
    done = called(tmp_path, "run", "s.py", "--live", "--symbol", "BTC/USDT", **keys, **limits)
    assert done.returncode == ExitCode.REFUSED
    assert "live trading needs a confirmation" in done.stderr
    done = called(tmp_path, "run", "s.py", "--live", "--symbol", "BTC/USDT", **keys)
    assert done.returncode == ExitCode.CONFIG
    assert "max_order_value" in done.stderr
    done = called(tmp_path, "run", "s.py", "--live", "--symbol", "BTC/USDT", **limits)
    assert done.returncode == ExitCode.CONFIG
    assert "no API key for binance_spot (mainnet)" in done.stderr


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [("live", ExitCode.VENUE, "error: "), ("yes", ExitCode.REFUSED, "not confirmed"), ("", ExitCode.REFUSED, "not confirmed")],
)
def test_given_live_at_a_terminal_when_a_word_is_typed_then_only_the_right_one_goes_on(
    tmp_path: Path, typed: str, code: ExitCode, said: str
) -> None:
    """The venue's address leads nowhere, so that going on is seen by the error that follows."""
    (tmp_path / "s.py").write_text("from tickwright import Strategy, trades\nclass S(Strategy):\n    last = trades()\n")
    (tmp_path / "tickwright.toml").write_text(
        "[risk]\nmax_order_value = 10\nmax_order_qty = 1\n[venues.binance_spot]\n"
        'rest_url = "http://127.0.0.1:9"\nws_url = "ws://127.0.0.1:9"\nws_api_url = "ws://127.0.0.1:9/ws-api/v3"\n'
    )
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        done = subprocess.run(
            [*COMMAND, "run", "s.py", "--live", "--symbol", "BTC/USDT"],
            cwd=tmp_path,
            env=environment(tmp_path, TICKWRIGHT_BINANCE_SPOT_KEY="k", TICKWRIGHT_BINANCE_SPOT_SECRET="canary-secret"),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == code, done.stderr
    assert "This trades real money on binance_spot: BTC/USDT. Type 'live' to arm it:" in done.stderr
    assert said in done.stderr
    assert "canary" not in done.stderr + done.stdout


def test_given_a_defect_when_called_then_one_line_and_the_traceback_only_when_asked_for(tmp_path: Path) -> None:
    """Here a library that does not work."""
    (tmp_path / "rich.py").write_text("1 / 0\n")
    done = called(tmp_path, "venues")
    assert (done.returncode, done.stdout) == (ExitCode.INTERNAL, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ZeroDivisionError: ")
    assert "--debug" in done.stderr
    assert "rich.py" in called(tmp_path, "--debug", "venues").stderr


def test_given_debug_when_something_is_wrong_then_the_traceback_is_shown_before_the_line(tmp_path: Path) -> None:
    """By flag or by variable."""
    for done in (called(tmp_path, "--debug", "run", "x.py"), called(tmp_path, "run", "x.py", TICKWRIGHT_DEBUG="1")):
        assert done.returncode == ExitCode.STRATEGY
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("error: x.py")


def test_given_a_reader_that_goes_away_when_called_then_nothing_is_said(tmp_path: Path) -> None:
    """As in ``tickwright venues | head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, "venues"],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_given_a_stand_when_it_starts_then_its_first_line_is_an_object_and_a_signal_ends_it(tmp_path: Path, number: int) -> None:
    """Addresses and keys of every kind; the code is 0, because stopping is how it ends."""
    process = subprocess.Popen(
        [*COMMAND, "stand", "binance_spot", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        info: dict[str, Any] = json.loads(process.stdout.readline())
        assert info["rest_url"] == f"http://127.0.0.1:{info['port']}"
        assert {"ws_url", "ws_api_url", "api_key", "api_secret", "ed25519_private_key", "rsa_private_key", "symbols"} <= set(info)
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (ExitCode.OK, "", "")


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_given_a_run_on_a_stand_when_the_whole_group_is_interrupted_then_it_still_ends_in_agreement(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal's group; the stand must outlive the run that trades on it."""
    (tmp_path / "s.py").write_text(
        "from tickwright import Strategy, trades\nclass S(Strategy):\n    last = trades()\n"
        "    def decide(self):\n        self.watch(last=1)\n        self.target('0.001')\n"
        "    def on_fill(self, fill):\n        self.log('filled')\n"
    )
    process = started(tmp_path, "run", "s.py", "--stand", "--speed", "5", "--json", "--log-level", "info")
    try:
        assert process.stderr is not None
        assert any("filled" in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == ExitCode.OK, err
    summary = json.loads(out)
    assert summary["reconciled"]
    assert summary["open_orders"] == 0
    assert "Traceback" not in err


def test_given_a_stand_that_waits_for_the_end_of_stdin_when_it_closes_then_it_ends(tmp_path: Path) -> None:
    """Nobody is left behind by a run that was killed."""
    process = started(tmp_path, "stand", "binance_spot", "--json", "--until-eof")
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["port"]
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (ExitCode.OK, "", "")


def test_given_the_package_when_imported_then_it_takes_no_servers_and_no_frames_along() -> None:
    """Start-up time is what is imported: `import tickwright` and `tickwright --help` are to be quick."""
    code = "import sys, tickwright.cli.main; print(*(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"aiohttp", "picows", "cryptography", "keyring", "pandas", "polars", "pyarrow", "rich", "structlog"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(("content", "said"), [("not a recording\n", "no line of it is a message"), ("", "it holds nothing")])
def test_given_a_file_that_is_no_recording_when_checked_then_the_code_says_so(tmp_path: Path, content: str, said: str) -> None:
    """The report is printed all the same."""
    (tmp_path / "notes.txt").write_text(content)
    done = called(tmp_path, "tape", "check", "notes.txt", "--json")
    assert json.loads(done.stdout)["frames"] == 0
    assert done.returncode == ExitCode.DATA
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
