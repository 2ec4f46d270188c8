"""The doctor finds what is wrong, says what to do, and ends with the code of what it found first."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tickwright.base.clock import NS_PER_MS
from tickwright.base.errors import ExitCode
from tickwright.run.config import Config
from tickwright.run.doctor import (
    Check,
    check_clock,
    check_disk,
    check_instruments,
    check_libraries,
    check_limits,
    check_python,
    examine,
    first_failure,
)
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig, spot_instrument
from tickwright.sim.stands.server import serve

FULL = """
[risk]
max_order_value = 100
max_order_qty = 1
[venues.binance_spot]
rest_url = "http://{base}"
ws_url = "ws://{base}"
ws_api_url = "ws://{base}/ws-api/v3"
{keys}
"""


def examined(
    folder: Path, config: StandConfig, *, symbols: tuple[str, ...] = ("BTC/USDT",), with_key: bool = True
) -> list[Check]:
    """What the doctor says about an account on a stand, over sockets."""

    async def story() -> list[Check]:
        stand = BinanceSpotStand(config)
        async with serve(stand) as server:
            key_file = folder / "keys.toml"
            key_file.write_text(f'key = "{stand.api_key}"\nsecret = "{stand.api_secret}"\n')
            key_file.chmod(0o600)
            keys = 'key_file = "keys.toml"' if with_key else 'keys = "env"'
            path = folder / "t.toml"
            path.write_text(FULL.format(base=server.base, keys=keys))
            return await asyncio.to_thread(examine, path, "", symbols=symbols)

    return asyncio.run(story())


def verdicts(checks: list[Check]) -> dict[str, str]:
    """Name to verdict."""
    return {check.name: check.verdict for check in checks}


def test_given_a_stand_and_a_good_key_when_examined_then_all_is_well(tmp_path: Path) -> None:
    """Every part has been looked at; the key is told by its end only."""
    checks = examined(tmp_path, StandConfig(symbols=("BTCUSDT",)))
    assert {name: word for name, word in verdicts(checks).items() if word != "ok"} == {}
    assert first_failure(checks) is ExitCode.OK
    asked = {
        "configuration",
        "risk limits",
        "API key",
        "connection",
        "clock",
        "instruments",
        "BTC/USDT",
        "account",
        "market data",
    }
    assert asked <= set(verdicts(checks))
    key = next(check for check in checks if check.name == "API key")
    stand = BinanceSpotStand(StandConfig(symbols=("BTCUSDT",)))
    assert stand.api_key[-4:] in key.detail
    assert stand.api_key not in key.detail


def test_given_a_key_that_can_withdraw_when_examined_then_it_fails_as_refused(tmp_path: Path) -> None:
    """The rest is looked at all the same."""
    checks = examined(tmp_path, StandConfig(symbols=("BTCUSDT",), can_withdraw=True))
    assert verdicts(checks)["permissions"] == "fail"
    assert verdicts(checks)["market data"] == "ok"
    assert first_failure(checks) is ExitCode.REFUSED


def test_given_no_key_when_examined_then_that_is_a_warning_and_public_data_is_checked(tmp_path: Path) -> None:
    """Paper runs need none."""
    checks = examined(tmp_path, StandConfig(symbols=("BTCUSDT",)), with_key=False)
    assert verdicts(checks)["API key"] == "warn"
    assert verdicts(checks)["market data"] == "ok"
    assert "permissions" not in verdicts(checks)
    assert first_failure(checks) is ExitCode.OK


def test_given_a_misspelt_symbol_when_examined_then_the_nearest_is_named(tmp_path: Path) -> None:
    """With the code of wrong usage."""
    checks = examined(tmp_path, StandConfig(symbols=("BTCUSDT",)), symbols=("BTC/USD",))
    failed = next(check for check in checks if check.name == "BTC/USD")
    assert (failed.verdict, failed.todo) == ("fail", "did you mean 'BTC/USDT'?")
    assert first_failure(checks) is ExitCode.USAGE


def test_given_nobody_at_the_address_when_examined_then_the_connection_fails(tmp_path: Path) -> None:
    """One line; nothing hangs."""
    path = tmp_path / "t.toml"
    path.write_text(FULL.format(base="127.0.0.1:9", keys='keys = "env"'))
    checks = examine(path, "")
    assert verdicts(checks)["connection"] == "fail"
    assert first_failure(checks) is ExitCode.VENUE


def test_given_a_key_file_that_others_can_read_when_examined_then_the_remedy_is_said(tmp_path: Path) -> None:
    """It fails as configuration."""
    (tmp_path / "keys.toml").write_text('key = "a"\nsecret = "b"\n')
    (tmp_path / "keys.toml").chmod(0o644)
    path = tmp_path / "t.toml"
    path.write_text(FULL.format(base="127.0.0.1:9", keys='key_file = "keys.toml"'))
    checks = examine(path, "", offline=True)
    failed = next(check for check in checks if check.name == "API key")
    assert failed.todo == f"chmod 600 {tmp_path / 'keys.toml'}"
    assert first_failure(checks) is ExitCode.CONFIG


def test_given_a_configuration_that_is_wrong_when_examined_then_the_machine_is_checked_all_the_same(tmp_path: Path) -> None:
    """What needs it is left out."""
    path = tmp_path / "t.toml"
    path.write_text("[rsk]\na = 1\n")
    checks = examine(path, "")
    assert verdicts(checks)["disk"] in ("ok", "warn")
    assert checks[-1].name == "configuration"
    assert checks[-1].todo == "did you mean 'risk'?"
    assert first_failure(checks) is ExitCode.CONFIG


@pytest.mark.parametrize(
    ("offset_ms", "bound_ms", "verdict"),
    [(0, 5, "ok"), (250, 0, "ok"), (260, 20, "ok"), (-300, 5, "warn"), (750, 0, "warn"), (-800, 5, "fail"), (800, 100, "warn")],
)
def test_given_a_clock_when_checked_then_only_what_is_certain_counts(offset_ms: int, bound_ms: int, verdict: str) -> None:
    """The bound of the measurement is taken off."""
    assert check_clock(offset_ms * NS_PER_MS, bound_ms * NS_PER_MS, 750 * NS_PER_MS).verdict == verdict


@pytest.mark.parametrize(("free", "verdict"), [(5_000_000_000, "ok"), (500_000_000, "warn"), (50_000_000, "fail")])
def test_given_a_disk_when_checked_then_its_room_decides(tmp_path: Path, free: int, verdict: str) -> None:
    """A gigabyte is plenty, a tenth of one is not enough."""
    assert check_disk(tmp_path, free).verdict == verdict


def test_given_an_old_python_and_no_libraries_when_checked_then_what_to_install_is_said() -> None:
    """Python fails, libraries warn."""
    assert check_python((3, 10, 2)).verdict == "fail"
    assert check_python(sys.version_info[:3]).verdict == "ok"
    found = check_libraries(lambda _: False)
    assert {check.verdict for check in found} == {"warn"}
    assert "pip install pandas" in [check.todo for check in found]


def test_given_no_limits_or_no_instruments_when_checked_then_it_is_said() -> None:
    """A run for money would refuse to start; an empty list is the venue's fault."""
    assert check_limits(Config()).verdict == "warn"
    assert check_instruments([], ["BTC/USDT"])[0].code is ExitCode.VENUE
    found = check_instruments([spot_instrument("BTCUSDT")], ["binance_spot:BTC/USDT"])
    assert found[1].detail == "tick 0.01 USDT, lot 0.00001 BTC"
