"""Panic: what is meant, with whose keys, after which word; what it does is in ``test_sweep`` and, with processes, in ``test_guard``."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S, SystemClock
from tickwright.base.errors import ConfigError, RefusedError, TickwrightError, UsageError
from tickwright.run.config import Config, parse_config
from tickwright.run.guard import fence_ns
from tickwright.run.heartbeat import Heart, Life
from tickwright.run.logs import Redactor
from tickwright.run.panic import PanicOptions, _clear, _confirm, _keys, _Run, panic
from tickwright.run.state_dir import state_dir
from tickwright.run.sweep import Cleared
from tickwright.sim.venue_rules import sim_caps
from tickwright.sim.world import World
from unit.run.accountkit import ETH_KEY, FOREIGN, OURS, Account, order, ways_to
from unit.run.test_heartbeat import made

FENCE_S = fence_ns(sim_caps("sim")) / NS_PER_S
OPTIONS = PanicOptions(venue="binance_spot", testnet=True, symbols=("BTC/USDT",))


class Terminal(io.StringIO):
    """Somebody who types."""

    def __init__(self, text: str, *, there: bool = True) -> None:
        super().__init__(text)
        self._there = there

    def isatty(self) -> bool:
        return self._there


@pytest.fixture(autouse=True)
def nobodys_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, no keys, no keyring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def keys(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Variables with a key of that name in them."""
    for name in names:
        stem = f"TICKWRIGHT_BINANCE_SPOT_TESTNET{name}"
        monkeypatch.setenv(f"{stem}_KEY", f"key{name}")
        monkeypatch.setenv(f"{stem}_SECRET", "secret")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (PanicOptions(venue="binance_spot", symbols=("BTC/USDT",)), UsageError, "--testnet or --live"),
        (PanicOptions(venue="binance_spot", testnet=True), UsageError, "--all-symbols"),
        (PanicOptions(venue="binance_spot", testnet=True, all_symbols=True, symbols=("BTC/USDT",)), UsageError, "exclude"),
        (PanicOptions(venue="binance_spot", testnet=True, all_symbols=True, within_s=-1), UsageError, "--within"),
        (PanicOptions(venue="binance_spot", testnet=True, all_symbols=True, settle_s=float("nan")), UsageError, "--settle"),
        (PanicOptions(venue="binance_spot", testnet=True, all_symbols=True, profile="boss"), UsageError, "'boss'"),
        (PanicOptions(venue="binance_sopt", testnet=True, all_symbols=True), TickwrightError, "did you mean 'binance_spot'?"),
        (PanicOptions(venue="mine.py", testnet=True, all_symbols=True), UsageError, "by name"),
        (OPTIONS, ConfigError, "no API key for binance_spot (testnet)"),
    ],
)
def test_given_flags_that_make_no_sense_when_panic_is_asked_for_then_it_is_said(
    options: PanicOptions, error: type[TickwrightError], said: str
) -> None:
    """Before anything is connected or cancelled."""
    with pytest.raises(error) as caught:
        panic(options, lambda _: None)
    assert said in str(caught.value)


def test_given_no_word_when_panic_is_asked_for_then_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong word, and nobody there to type one."""
    keys(monkeypatch, "")
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    with pytest.raises(RefusedError, match="not confirmed"):
        panic(OPTIONS, lambda _: None)
    keys(monkeypatch, "")
    monkeypatch.setattr("sys.stdin", Terminal("panic\n", there=False))
    with pytest.raises(RefusedError, match="confirmation"):
        panic(OPTIONS, lambda _: None)


def test_given_the_word_when_it_is_typed_then_what_it_means_was_said_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The account, the instruments, and that it is everybody's."""
    monkeypatch.setattr("sys.stdin", Terminal("panic\n"))
    _confirm("binance_spot testnet", ("BTC/USDT", "ETH/USDT"))
    monkeypatch.setattr("sys.stdin", Terminal("panic\n"))
    _confirm("binance_spot mainnet", ())
    first, second = capsys.readouterr().err.split("Type")[:2]
    assert "every open order on BTC/USDT, ETH/USDT on binance_spot testnet, whoever made it" in first
    assert "every open order of the account on binance_spot mainnet" in second


def test_given_keys_of_a_guard_when_panic_needs_some_then_those_are_taken_else_the_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What matters is that it is done; whoever wants certain ones says so."""
    keys(monkeypatch, "", "_GUARD")
    assert _keys(Config(), "binance_spot", "testnet", "", Redactor()).key == "key_GUARD"
    assert _keys(Config(), "binance_spot", "testnet", "", Redactor()).key == "key"
    keys(monkeypatch, "", "_GUARD")
    assert _keys(Config(), "binance_spot", "testnet", "run", Redactor()).key == "key"
    assert _keys(Config(), "binance_spot", "testnet", "guard", Redactor()).key == "key_GUARD"
    file = tmp_path / "keys.toml"
    file.touch(0o600)
    file.write_text('[binance_spot.testnet]\nkey = "of-the-run"\nsecret = "s"\n')
    alone = parse_config({"venues": {"binance_spot": {"key_file": str(file)}}}, "test")
    assert _keys(alone, "binance_spot", "testnet", "", Redactor()).key == "of-the-run"


def test_given_a_run_that_is_alive_when_panic_is_called_then_it_is_warned_of() -> None:
    """It may place orders again. One that is over, or has long been silent, is not worth a word."""
    folder, clock = state_dir(Config(), "binance_spot", "testnet"), SystemClock()
    run = _Run(Config(), "binance_spot", "testnet")
    assert run.warnings(clock) == []
    heart = Heart(folder, "binance_spot", "testnet", clock, lambda _: None)
    heart.write(made(count=1, wall_ns=clock.wall_ns(), pid=4711))
    (warning,) = run.warnings(clock)
    assert "process 4711" in warning
    assert "stop it" in warning
    heart.write(made(count=2, wall_ns=clock.wall_ns() - 60 * NS_PER_S))
    assert run.warnings(clock) == []
    heart.write(made(count=3, wall_ns=time.time_ns(), life=Life.ENDED))
    assert run.warnings(clock) == []


def test_given_a_state_directory_that_is_of_no_use_when_panic_is_called_then_it_goes_on_without() -> None:
    """It is an emergency."""
    state_dir(Config(), "binance_spot", "testnet").chmod(0o777)
    assert _Run(Config(), "binance_spot", "testnet").warnings(SystemClock()) == []


def cleared(
    account: Account, options: PanicOptions, symbols: tuple[str, ...], interrupt_s: float = 0.0, **troubles: str
) -> tuple[Cleared, float]:
    """What comes of it at an account, in virtual time, and how long it takes."""
    with World(11) as world:
        node = world.node("outside")
        ways, desks = ways_to(account, node.clock)
        for desk in desks:
            desk.troubles |= troubles
        began = world.now_s
        story = _clear(ways, "sim", symbols, options, node.clock, Chance(1), lambda _: None)

        async def whole() -> Any:
            task = node.start(story)
            if interrupt_s:
                node.loop.call_later(interrupt_s, task.cancel)
            return await task

        result: Cleared = world.run(node, whole(), limit_s=1_000)
        assert all(desk.closed for desk in desks)
        return result, world.now_s - began


def test_given_symbols_when_cleared_then_everything_on_them_goes_and_the_rest_stays() -> None:
    """At once; done after the venue's own bound, or the one that was given."""
    for settle_s, least, most in ((None, FENCE_S, FENCE_S + 3), (1.0, 1.0, 4.0)):
        account = Account(order(OURS), order(FOREIGN), order("other", key=ETH_KEY))
        options = PanicOptions(settle_s=settle_s)
        result, took = cleared(account, options, ("BTC/USDT",))
        assert result.confirmed
        assert account.ids() == ["other"]
        assert all(at - account.cancels[0][0] < 0.1 for at, _ in account.cancels)
        assert least <= took < most


def test_given_the_whole_account_when_cleared_then_nothing_is_left() -> None:
    """On every instrument."""
    account = Account(order(OURS), order(FOREIGN))
    result, _ = cleared(account, PanicOptions(), ())
    assert (result.confirmed, account.ids()) == (True, [])


def test_given_a_key_that_is_refused_when_the_whole_account_is_meant_then_it_is_found_out_soon() -> None:
    """Although no listing says why it does not come."""
    account = Account(order(FOREIGN))
    result, took = cleared(account, PanicOptions(), (), snapshot="down", cancel="key")
    assert "-2015" in result.key_refused
    assert not result.listed
    assert took < 10


def test_given_a_time_limit_when_the_venue_does_not_answer_then_it_is_kept() -> None:
    """And nothing is called done."""
    account = Account(order(FOREIGN))
    result, took = cleared(account, PanicOptions(within_s=20), ("BTC/USDT",), **{"": "down"})
    assert (result.confirmed, result.listed, account.ids()) == (False, False, [FOREIGN])
    assert 20 <= took < 30


def test_given_an_interrupt_when_it_is_under_way_then_what_has_come_of_it_is_told() -> None:
    """Ctrl-C: the cancels are done, the confirmation is not."""
    account = Account(order(OURS), order(FOREIGN))
    result, took = cleared(account, PanicOptions(), ("BTC/USDT",), interrupt_s=5.0)
    assert not result.confirmed
    assert sorted(line.client_id for line in result.cancelled) == [FOREIGN, OURS]
    assert account.ids() == []
    assert took < 7
