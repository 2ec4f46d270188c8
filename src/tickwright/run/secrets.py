"""API keys, from where they are least likely to leak: the environment of this process, a file that only its owner can read,
or the system's keyring. Never from a flag and never from the configuration: those are seen by others.

Guarantees: a key file that anybody else could read or change is refused, with the command that mends it; variables are removed
from the environment once read, so that no child process inherits them (the system still shows what the process was started
with); half of a pair is an error; no error repeats what was found.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import MutableMapping
from pathlib import Path
from typing import Protocol

import msgspec

from tickwright.base.errors import ConfigError
from tickwright.base.limits import CONFIG_BYTES_MAX
from tickwright.base.secret import Secret
from tickwright.run.config import ENVIRONMENTS, VenueSection, parse_toml

SERVICE = "tickwright"
#: Keys of their own, beside those that a run trades with: of whoever cancels from outside.
PROFILES = ("guard",)


class Keyring(Protocol):
    """What is used of the system's keyring."""

    def get_password(self, service: str, name: str) -> str | None: ...


class Credentials(msgspec.Struct, frozen=True):
    """A key and its secret; ``source`` says where they were found."""

    key: str
    secret: Secret
    source: str


def find_credentials(
    venue: str,
    section: VenueSection,
    environ: MutableMapping[str, str] | None = None,
    *,
    environment: str = "",
    profile: str = "",
    keyring: Keyring | None = None,
) -> Credentials | None:
    """The credentials of a venue's environment (mainnet, testnet, …), or None when there are none. ``profile`` asks for keys
    of their own (``guard``: ``TICKWRIGHT_BINANCE_SPOT_GUARD_KEY``, table ``[binance_spot.guard]``), never for those of a run.

    Where ``section.keys`` does not name one place: the configured ``key_file`` alone if there is one, else the environment
    (``TICKWRIGHT_BINANCE_SPOT_KEY`` and ``…_SECRET``; ``TICKWRIGHT_BINANCE_SPOT_TESTNET_KEY`` for another than mainnet), the file
    ``~/.config/tickwright/keys.toml``, and the keyring (service ``tickwright``, names ``binance_spot.key`` and ``.secret``).
    """
    variables = os.environ if environ is None else environ
    path = _path(venue, environment or section.environment, profile)
    configured = Path(section.key_file).expanduser() if section.key_file else None
    place = "file" if section.keys == "auto" and configured else section.keys
    if place == "env":
        return _from_environment(path, variables)
    if place == "file":
        return _from_file(configured or default_file(variables), path, required=configured is not None)
    if place == "keyring":
        return _from_keyring(path, keyring, required=True)
    return (
        _from_environment(path, variables)
        or _from_file(default_file(variables), path, required=False)
        or _from_keyring(path, keyring, required=False)
    )


def require_credentials(
    venue: str,
    section: VenueSection,
    environ: MutableMapping[str, str] | None = None,
    *,
    environment: str = "",
    profile: str = "",
    keyring: Keyring | None = None,
) -> Credentials:
    """The same; none is an error that says what to do."""
    found = find_credentials(venue, section, environ, environment=environment, profile=profile, keyring=keyring)
    if found is not None:
        return found
    where = environment or section.environment
    stem = _stem(_path(venue, where, profile))
    raise ConfigError(
        f"no API key for {venue} ({where}{f', {profile}' if profile else ''})",
        hint=f"set {stem}_KEY and {stem}_SECRET, or write a key file (mode 0600), or use the keyring: docs/configuration.md",
    )


def _path(venue: str, environment: str, profile: str) -> str:
    return ".".join([venue, *([environment] if environment != "mainnet" else []), *([profile] if profile else [])])


def default_file(environ: MutableMapping[str, str]) -> Path:
    """Where a key file is looked for when none is configured."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(home) / "tickwright" / "keys.toml"


# -- the environment -------------------------------------------------------------------------------------------------------


def _stem(path: str) -> str:
    return "TICKWRIGHT_" + path.upper().replace(".", "_")


def _from_environment(path: str, environ: MutableMapping[str, str]) -> Credentials | None:
    stem = _stem(path)
    key, secret = environ.pop(f"{stem}_KEY", "").strip(), environ.pop(f"{stem}_SECRET", "").strip()
    if bool(key) != bool(secret):
        missing = "SECRET" if key else "KEY"
        raise ConfigError("it is not set", where=f"{stem}_{missing}", hint="a key and its secret come together")
    return Credentials(key, Secret(secret), "environment") if key else None


# -- a file ----------------------------------------------------------------------------------------------------------------


def _from_file(path: Path, name: str, *, required: bool) -> Credentials | None:
    """Table ``[binance_spot]`` or ``[binance_spot.testnet]`` of a file, or its top level when the file is of one venue only."""
    raw = _read_private(path, required=required)
    if raw is None:
        return None
    try:
        table: object = parse_toml(raw, str(path))
    except ConfigError as error:
        at = re.search(r"at line \d+", error.what)  # the rest of the text may hold a piece of the secret
        raise ConfigError(f"not valid TOML{f' ({at[0]})' if at else ''}", where=str(path)) from None
    if isinstance(table, dict) and ("key" in table or "secret" in table or "secret_file" in table):
        parts = name.split(".")[1:]
    else:
        parts = name.split(".")
    for part in parts:
        table = table.get(part) if isinstance(table, dict) else None
    if not isinstance(table, dict) or not (set(table) - {*ENVIRONMENTS, *PROFILES}):
        if required:
            raise ConfigError(f"there is no table [{name}] in it", where=str(path), hint="with key and secret")
        return None
    return _from_table(table, path, name)


def _from_table(table: dict[str, object], path: Path, name: str) -> Credentials:
    key, secret, pem = table.get("key"), table.get("secret"), table.get("secret_file")
    where = f"{path}: {name}"
    if not isinstance(key, str) or not key.strip():
        raise ConfigError("key is missing, or is not text", where=where)
    if isinstance(pem, str) and pem and secret is None:
        body = _read_private(path.parent / Path(pem).expanduser(), required=True)
        assert body is not None, "a required file is read or refused"
        return Credentials(key.strip(), Secret(body), str(path))
    if not isinstance(secret, str) or not secret.strip():
        raise ConfigError("secret is missing, or is not text", where=where, hint='or secret_file = "key.pem"')
    return Credentials(key.strip(), Secret(secret.strip()), str(path))


def _read_private(path: Path, *, required: bool) -> bytes | None:
    """The bytes of a file that belongs to this user and that nobody else can read; None if it is not there and need not be.

    What is checked is the file that was opened, so that it cannot be exchanged in between.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    except FileNotFoundError:
        if not required:
            return None
        raise ConfigError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise ConfigError(f"the key file cannot be opened: {error.strerror}", where=str(path)) from None
    try:
        _check_private(path, os.fstat(number))
        raw = os.read(number, CONFIG_BYTES_MAX + 1)
    finally:
        os.close(number)
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigError(f"the file is larger than {CONFIG_BYTES_MAX} bytes", where=str(path))
    return raw


def _check_private(path: Path, info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise ConfigError("it is not a file", where=str(path))
    if info.st_uid != os.geteuid():
        raise ConfigError("the key file belongs to somebody else", where=str(path), hint=f"chown {os.geteuid()} {path}")
    if stat.S_IMODE(info.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(info.st_mode):04o}"
        raise ConfigError(f"others can use the key file (mode {mode})", where=str(path), hint=f"chmod 600 {path}")


# -- the keyring -----------------------------------------------------------------------------------------------------------


def _from_keyring(path: str, chosen: Keyring | None, *, required: bool) -> Credentials | None:
    import keyring as library  # noqa: PLC0415 (slow to import, and most runs need no key)
    from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415 (the same)

    source: Keyring = chosen if chosen is not None else library
    try:
        key = source.get_password(SERVICE, f"{path}.key")
        secret = source.get_password(SERVICE, f"{path}.secret")
    except NoKeyringError:
        if required:
            raise ConfigError("this system has no keyring", hint='set keys = "file" or "env"') from None
        return None
    except KeyringError as error:  # there is one, and it may hold the key: going on without asking would be a guess
        kind = type(error).__name__
        raise ConfigError(f"the keyring cannot be asked ({kind})", hint='unlock it, or set keys = "file" or "env"') from None
    if bool(key) != bool(secret):
        missing = f"{path}.{'secret' if key else 'key'}"
        raise ConfigError(f"the keyring has no {missing}", hint=f"python -m keyring set {SERVICE} {missing}")
    return Credentials(key, Secret(secret), "keyring") if key and secret else None
