"""API keys, from where they are least likely to leak: the system's keyring, a file only its owner can read, or the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path

import msgspec

from tickwright.base.errors import ConfigError
from tickwright.base.secret import Secret
from tickwright.run.config import VenueSection, read_toml


class Credentials(msgspec.Struct, frozen=True):
    """A key and its secret; ``source`` says where they were found."""

    key: str
    secret: Secret
    source: str


def find_credentials(venue: str, section: VenueSection, environ: MutableMapping[str, str] | None = None) -> Credentials | None:
    """The credentials of a venue, or None when there are none anywhere. Half of a pair is an error.

    Looked for in this order: ``key_file`` of the configuration, the environment (``TICKWRIGHT_BINANCE_SPOT_KEY`` and
    ``…_SECRET``, removed once read), the keyring (service ``tickwright``, names ``binance_spot.key`` and ``binance_spot.secret``).
    """
    if section.key_file:
        return _from_file(Path(section.key_file).expanduser())
    return _from_environment(venue, os.environ if environ is None else environ) or _from_keyring(venue)


def require_credentials(venue: str, section: VenueSection) -> Credentials:
    """The same; none is an error that says what to do."""
    found = find_credentials(venue, section)
    if found is None:
        stem = f"TICKWRIGHT_{venue.upper()}"
        raise ConfigError(
            f"no API key for {venue}",
            hint=f'set {stem}_KEY and {stem}_SECRET, or [venues.{venue}] key_file = "…" (mode 0600), or use the keyring',
        )
    return found


def _from_file(path: Path) -> Credentials:
    """A TOML file with ``key`` and ``secret``, mode 0600, owned by this user."""
    try:
        info = path.stat()
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    if stat.S_IMODE(info.st_mode) & 0o077:
        raise ConfigError("others can read the key file", where=str(path), hint=f"chmod 600 {path}")
    if info.st_uid != os.getuid():
        raise ConfigError("the key file belongs to somebody else", where=str(path), hint=f"chown {os.getuid()} {path}")
    data = read_toml(path)
    key, secret = data.get("key"), data.get("secret")
    if not isinstance(key, str) or not isinstance(secret, str) or not key or not secret:
        raise ConfigError("the key file needs key and secret, both text", where=str(path))
    return Credentials(key, Secret(secret.encode()), str(path))


def _from_environment(venue: str, environ: MutableMapping[str, str]) -> Credentials | None:
    stem = f"TICKWRIGHT_{venue.upper()}"
    key, secret = environ.pop(f"{stem}_KEY", ""), environ.pop(f"{stem}_SECRET", "")
    if bool(key) != bool(secret):
        missing = "SECRET" if key else "KEY"
        raise ConfigError(f"{stem}_{missing} is not set", where="environment", hint="a key and its secret come together")
    return Credentials(key, Secret(secret.encode()), "environment") if key else None


def _from_keyring(venue: str) -> Credentials | None:
    import keyring  # noqa: PLC0415 (slow to import, and most runs need no key)
    import keyring.errors  # noqa: PLC0415 (the same)

    try:
        key = keyring.get_password("tickwright", f"{venue}.key")
        secret = keyring.get_password("tickwright", f"{venue}.secret")
    except keyring.errors.KeyringError:  # no keyring on this machine
        return None
    if not key or not secret:
        return None
    return Credentials(key, Secret(secret.encode()), "keyring")
