"""Keys come from places that others cannot read, and nothing that is said about them gives them away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from tickwright.base.errors import ConfigError, ExitCode
from tickwright.run.config import VenueSection
from tickwright.run.secrets import Credentials, default_file, find_credentials, require_credentials

VENUE = "binance_spot"
CANARY = "canary-7d0f5c1e9b"


class FakeKeyring:
    """A keyring that holds what it is given, or raises."""

    def __init__(self, held: dict[str, str] | None = None, error: Exception | None = None) -> None:
        self.held = held or {}
        self.error = error
        self.asked: list[str] = []

    def get_password(self, service: str, name: str) -> str | None:
        assert service == "tickwright"
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        return self.held.get(name)


NONE = FakeKeyring(error=NoKeyringError())


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """A key file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def revealed(found: Credentials | None) -> tuple[str, bytes, str]:
    """Key, secret and source."""
    assert found is not None
    return found.key, found.secret.reveal(), found.source


def nowhere(tmp_path: Path, **more: str) -> dict[str, str]:
    """An environment whose configuration directory is empty."""
    return {"XDG_CONFIG_HOME": str(tmp_path), **more}


def test_given_variables_when_read_then_they_are_gone_from_the_environment(tmp_path: Path) -> None:
    """A child process inherits nothing."""
    environ = nowhere(tmp_path, TICKWRIGHT_BINANCE_SPOT_KEY="k", TICKWRIGHT_BINANCE_SPOT_SECRET=f"{CANARY}\n")
    ring = FakeKeyring()
    assert revealed(find_credentials(VENUE, VenueSection(), environ, keyring=ring)) == ("k", CANARY.encode(), "environment")
    assert environ == nowhere(tmp_path)
    assert ring.asked == []


def test_given_keys_of_two_environments_when_one_is_asked_for_then_it_is_that_one(tmp_path: Path) -> None:
    """A test network never gets the key of the main one."""
    environ = nowhere(
        tmp_path,
        TICKWRIGHT_BINANCE_SPOT_KEY="main",
        TICKWRIGHT_BINANCE_SPOT_SECRET="a",
        TICKWRIGHT_BINANCE_SPOT_TESTNET_KEY="test",
        TICKWRIGHT_BINANCE_SPOT_TESTNET_SECRET="b",
    )
    assert revealed(find_credentials(VENUE, VenueSection(), environ, environment="testnet"))[0] == "test"
    assert "TICKWRIGHT_BINANCE_SPOT_KEY" in environ
    assert find_credentials(VENUE, VenueSection(environment="demo"), environ, keyring=NONE) is None
    assert revealed(find_credentials(VENUE, VenueSection(), environ))[0] == "main"


@pytest.mark.parametrize("half", ["KEY", "SECRET"])
def test_given_half_a_pair_in_the_environment_when_read_then_the_other_is_named(tmp_path: Path, half: str) -> None:
    """And the half that is there is not shown."""
    environ = nowhere(tmp_path, **{f"TICKWRIGHT_BINANCE_SPOT_{half}": CANARY})
    with pytest.raises(ConfigError) as caught:
        find_credentials(VENUE, VenueSection(), environ)
    assert ("SECRET" if half == "KEY" else "KEY") in caught.value.where
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "environment", "key"),
    [
        (f'key = "a"\nsecret = "{CANARY}"\n', "mainnet", "a"),
        (f'[binance_spot]\nkey = "b"\nsecret = "{CANARY}"\n', "mainnet", "b"),
        (f'[binance_spot.testnet]\nkey = "c"\nsecret = "{CANARY}"\n', "testnet", "c"),
        (f'key = "x"\nsecret = "y"\n[testnet]\nkey = "d"\nsecret = "{CANARY}"\n', "testnet", "d"),
    ],
)
def test_given_a_private_file_when_configured_then_it_is_read(tmp_path: Path, text: str, environment: str, key: str) -> None:
    """One venue a file, or one table a venue."""
    path = write(tmp_path / "k.toml", text)
    section = VenueSection(key_file=str(path))
    assert revealed(find_credentials(VENUE, section, {}, environment=environment)) == (key, CANARY.encode(), str(path))


def test_given_a_pem_beside_the_key_file_when_named_then_its_bytes_are_the_secret(tmp_path: Path) -> None:
    """Relative to the key file, and as private."""
    write(tmp_path / "own.pem", CANARY)
    section = VenueSection(key_file=str(write(tmp_path / "k.toml", 'key = "a"\nsecret_file = "own.pem"\n')))
    assert revealed(find_credentials(VENUE, section, {}))[1] == CANARY.encode()
    (tmp_path / "own.pem").chmod(0o644)
    with pytest.raises(ConfigError, match=r"own\.pem: others can use the key file \(mode 0644\)\. chmod 600"):
        find_credentials(VENUE, section, {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o601, 0o777])
def test_given_a_file_that_others_can_use_when_read_then_it_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    """Reading, writing and executing, by the group and by everybody."""
    path = write(tmp_path / "k.toml", f'key = "a"\nsecret = "{CANARY}"\n', mode)
    with pytest.raises(ConfigError) as caught:
        find_credentials(VENUE, VenueSection(key_file=str(path)), {})
    assert caught.value.hint == f"chmod 600 {path}"
    assert caught.value.exit_code is ExitCode.CONFIG
    assert CANARY not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_given_a_file_of_somebody_else_when_read_then_it_is_refused(tmp_path: Path) -> None:
    """Its owner could change it at any time."""
    path = write(tmp_path / "k.toml", 'key = "a"\nsecret = "b"\n')
    os.chown(path, 12_345, -1)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        find_credentials(VENUE, VenueSection(key_file=str(path)), {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'key = "a"\nsecret = "{CANARY}', "not valid TOML"),
        (f"key = a\nsecret = {CANARY}", "not valid TOML (at line 1)"),
        ('[kraken]\nkey = "a"\nsecret = "b"\n', "there is no table [binance_spot]"),
        (f'secret = "{CANARY}"\n', "key is missing"),
        ('key = "a"\n', "secret is missing"),
        (f'key = "a"\nsecret = ["{CANARY}"]\n', "secret is missing, or is not text"),
    ],
)
def test_given_a_key_file_that_makes_no_sense_when_read_then_the_error_shows_nothing_of_it(
    tmp_path: Path, text: str, said: str
) -> None:
    """Not even the character that the parser stumbled over."""
    path = write(tmp_path / "k.toml", text)
    with pytest.raises(ConfigError) as caught:
        find_credentials(VENUE, VenueSection(key_file=str(path)), {})
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)


def test_given_things_that_are_no_files_when_read_then_they_are_refused_at_once(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, and nothing."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo, 0o600)
    for path, said in [(tmp_path, "not a file"), (fifo, "not a file"), (tmp_path / "none", "no such file")]:
        with pytest.raises(ConfigError, match=said):
            find_credentials(VENUE, VenueSection(key_file=str(path)), {})


def test_given_nothing_configured_when_looked_for_then_environment_file_and_keyring_in_this_order(tmp_path: Path) -> None:
    """What is nearest to this process wins; a configured file is the only place that is looked at."""
    environ = nowhere(tmp_path)
    ring = FakeKeyring({"binance_spot.key": "ring", "binance_spot.secret": "r"})
    assert revealed(find_credentials(VENUE, VenueSection(), environ, keyring=ring))[2] == "keyring"
    path = write(default_file(environ), '[binance_spot]\nkey = "file"\nsecret = "f"\n')
    assert revealed(find_credentials(VENUE, VenueSection(), environ, keyring=ring))[2] == str(path)
    environ |= {"TICKWRIGHT_BINANCE_SPOT_KEY": "env", "TICKWRIGHT_BINANCE_SPOT_SECRET": "e"}
    assert revealed(find_credentials(VENUE, VenueSection(keys="keyring"), environ, keyring=ring))[0] == "ring"
    assert revealed(find_credentials(VENUE, VenueSection(keys="file"), environ, keyring=ring))[0] == "file"
    assert revealed(find_credentials(VENUE, VenueSection(), environ, keyring=ring))[0] == "env"
    assert find_credentials(VENUE, VenueSection(keys="env"), environ, keyring=ring) is None
    own = write(tmp_path / "own.toml", 'key = "own"\nsecret = "o"\n')
    assert revealed(find_credentials(VENUE, VenueSection(key_file=str(own)), environ, keyring=ring))[0] == "own"


def test_given_a_locked_keyring_when_asked_then_that_is_not_taken_for_no_key(tmp_path: Path) -> None:
    """Could not ask is not "there is none"."""
    with pytest.raises(ConfigError, match="cannot be asked"):
        find_credentials(VENUE, VenueSection(), nowhere(tmp_path), keyring=FakeKeyring(error=KeyringLocked()))
    with pytest.raises(ConfigError, match="no keyring"):
        find_credentials(VENUE, VenueSection(keys="keyring"), nowhere(tmp_path), keyring=NONE)
    with pytest.raises(ConfigError, match=r"python -m keyring set tickwright binance_spot\.secret"):
        find_credentials(VENUE, VenueSection(), nowhere(tmp_path), keyring=FakeKeyring({"binance_spot.key": "a"}))


def test_given_no_key_anywhere_when_required_then_the_error_says_how_to_give_one(tmp_path: Path) -> None:
    """Names the variables of the environment that is meant."""
    with pytest.raises(ConfigError) as caught:
        require_credentials(VENUE, VenueSection(), nowhere(tmp_path), environment="testnet", keyring=NONE)
    assert "no API key for binance_spot (testnet)" in str(caught.value)
    assert "TICKWRIGHT_BINANCE_SPOT_TESTNET_KEY" in str(caught.value)


def test_given_a_profile_when_its_keys_are_asked_for_then_they_are_never_those_of_a_run(tmp_path: Path) -> None:
    """Whoever cancels from outside has keys of its own, in each of the places."""
    write(
        default_file(nowhere(tmp_path)),
        f'[binance_spot.guard]\nkey = "g"\nsecret = "{CANARY}"\n[binance_spot.testnet.guard]\nkey = "t"\nsecret = "{CANARY}"\n',
    )
    guards = find_credentials(VENUE, VenueSection(), nowhere(tmp_path), profile="guard")
    assert revealed(guards)[0] == "g"
    assert revealed(find_credentials(VENUE, VenueSection(), nowhere(tmp_path), environment="testnet", profile="guard"))[0] == "t"
    assert find_credentials(VENUE, VenueSection(), nowhere(tmp_path), keyring=NONE) is None
    assert find_credentials(VENUE, VenueSection(environment="demo"), nowhere(tmp_path), keyring=NONE, profile="guard") is None
    environ = nowhere(tmp_path, TICKWRIGHT_BINANCE_SPOT_GUARD_KEY="e", TICKWRIGHT_BINANCE_SPOT_GUARD_SECRET="s")
    assert revealed(find_credentials(VENUE, VenueSection(), environ, profile="guard")) == ("e", b"s", "environment")
    ring = FakeKeyring({"binance_spot.guard.key": "r", "binance_spot.guard.secret": "s"})
    assert revealed(find_credentials(VENUE, VenueSection(keys="keyring"), {}, profile="guard", keyring=ring))[0] == "r"


def test_given_no_keys_of_a_profile_when_they_are_required_then_it_is_said_what_they_are_called(tmp_path: Path) -> None:
    """Not what the run's are called."""
    environ = nowhere(tmp_path, TICKWRIGHT_BINANCE_SPOT_TESTNET_KEY="k", TICKWRIGHT_BINANCE_SPOT_TESTNET_SECRET="s")
    with pytest.raises(ConfigError) as caught:
        require_credentials(VENUE, VenueSection(), environ, environment="testnet", profile="guard", keyring=NONE)
    assert "guard" in caught.value.what
    assert "TICKWRIGHT_BINANCE_SPOT_TESTNET_GUARD_KEY" in caught.value.hint
