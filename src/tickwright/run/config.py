"""Configuration: a TOML file, then the environment, then flags; the later wins. A name that does not exist is an error.

The environment is read as ``TICKWRIGHT_<SECTION>__<KEY>`` (``TICKWRIGHT_RISK__MAX_ORDER_VALUE=1000``). Whatever the bytes of the
file, the result is a :class:`Config` or a :class:`ConfigError` that names the file or variable, the key, and what was expected.

Secrets are not configuration: see ``run/secrets.py``. Every setting is described in ``docs/configuration.md``.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from tickwright.base.errors import ConfigError
from tickwright.base.limits import CONFIG_BYTES_MAX
from tickwright.base.suggest import near, near_or_list
from tickwright.risk.limits import Limits
from tickwright.venues import VENUES

DEFAULT_FILE = Path("tickwright.toml")
PREFIX = "TICKWRIGHT_"
ENVIRONMENTS = ("mainnet", "testnet", "demo")

Ppm = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
ParamValue = str | int | Decimal | bool


class RunSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[run]``"""

    strategy: str = ""  # a Python file; relative to the file that says so
    name: str = ""  # of the class in it, where it has several
    venue: str = "binance_spot"
    symbols: tuple[str, ...] = ()
    currency: str = ""  # "": the quote asset of the first instrument
    seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None  # None: until stopped
    cancel_on_stop: bool = True
    confirm_live: bool = False  # True: live needs no typed confirmation
    state_dir: str = ""  # what outlives a run; relative to the file that says so. "": in the user's state directory
    reconcile_s: Annotated[float, msgspec.Meta(ge=0)] = (
        60.0  # how often both sides are compared while it runs; 0: only when asked
    )
    rehearse_ms: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0.0  # how often an order is rehearsed; 0: never
    dead_man_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 30.0  # the switch at the venue, where it has one; 0: off


class VenueSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[venues.NAME]``. An address given here replaces the environment's."""

    environment: Literal["mainnet", "testnet", "demo"] = "mainnet"
    rest_url: str = ""
    ws_url: str = ""
    ws_api_url: str = ""
    keys: Literal["auto", "keyring", "file", "env"] = "auto"
    key_file: str = ""  # relative to the file that says so; "": keys.toml in the user's configuration directory
    key_kind: Literal["hmac", "ed25519", "rsa"] = "hmac"
    recv_window_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 5_000
    use_rest_orders: bool = False


class PaperSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[paper]``: the account that a paper run starts with, and what trading costs it."""

    balances: dict[str, Decimal] = {}
    quote: Decimal = Decimal(100_000)  # of the quote asset, where balances do not name it
    base: Decimal = Decimal(1)  # of the base asset, the same
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] = 50.0
    maker_ppm: Ppm = 1_000
    taker_ppm: Ppm = 1_000


class JournalSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[journal]``: the record of each run, and what it must survive before an order is sent."""

    folder: str = ""  # of one account; relative to the file that says so. "": in the state directory
    durability: Literal["auto", "none", "process", "power"] = "auto"  # auto: power where money is real, else process
    segment_mb: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 64
    keep_mb: Annotated[int, msgspec.Meta(ge=1)] = 4096  # of one run; the oldest closed parts go first


class LogSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[log]``"""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"  # auto: console at a terminal, else json


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured."""

    run: RunSection = RunSection()
    venues: dict[str, VenueSection] = {}
    risk: Limits = Limits()
    paper: PaperSection = PaperSection()
    journal: JournalSection = JournalSection()
    log: LogSection = LogSection()
    params: dict[str, ParamValue] = {}


#: The tables of the file, but for ``venues`` (one table a venue) and ``params`` (names are the strategy's).
SECTIONS: Mapping[str, type[msgspec.Struct]] = types.MappingProxyType(
    {"run": RunSection, "risk": Limits, "paper": PaperSection, "journal": JournalSection, "log": LogSection}
)
_TABLES = (*SECTIONS, "venues", "params")
_SECRET_NAMES = frozenset({"key", "secret", "api_key", "api_secret", "apikey", "password", "passphrase", "private_key", "token"})
_PATHS = frozenset({"strategy", "key_file", "folder", "state_dir"})
_EXPECTED: Mapping[object, str] = types.MappingProxyType(
    {
        int: "a whole number",
        float: "a number",
        Decimal: "a number",
        bool: "true or false",
        str: "text",
        tuple: "a list of texts",
        dict: "a table",
    }
)


class _Entry(NamedTuple):
    """One setting as it was found."""

    path: tuple[str, ...]
    value: object
    where: str  # for people
    text: bool  # from the environment: numbers are spelled as text
    folder: Path | None  # what a relative path is relative to


def load_config(
    path: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Config:
    """The configuration of this run. ``path`` None reads ``tickwright.toml`` here, if there is one."""
    entries: list[_Entry] = []
    if path is not None or DEFAULT_FILE.exists():
        chosen = path or DEFAULT_FILE
        entries += _flatten(read_toml(chosen), str(chosen), chosen.parent)
    entries += _from_environment(os.environ if environ is None else environ)
    entries += _flatten(flags or {}, "command line", None)
    return _assemble(entries)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain data, within bounds."""
    try:
        with path.open("rb") as file:
            raw = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(_lower(error.strerror or str(error)), where=str(path)) from None
    return parse_toml(raw, str(path))


def parse_toml(raw: bytes, where: str) -> dict[str, Any]:
    """Bytes of a TOML file as plain data, numbers exact; anything else is a :class:`ConfigError`."""
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigError(f"the file is larger than {CONFIG_BYTES_MAX} bytes", where=where)
    try:
        return tomllib.loads(raw.decode(), parse_float=Decimal)
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text", where=where) from None
    except RecursionError:
        raise ConfigError("it is nested too deeply", where=where) from None
    except ArithmeticError:
        raise ConfigError("a number in it is too large", where=where) from None
    except ValueError as error:
        raise ConfigError(f"not valid TOML: {_lower(str(error))}", where=where) from None


def parse_config(data: Mapping[str, object], where: str) -> Config:
    """Plain data as a configuration."""
    return _assemble(list(_flatten(data, where, None)))


def settings() -> list[tuple[str, str]]:
    """Every setting as ``(section, key)``, in the order of the documentation; ``venues.NAME`` stands for each venue."""
    return [(section, key) for section, struct in _all_sections().items() for key in struct.__struct_fields__]


def _all_sections() -> dict[str, type[msgspec.Struct]]:
    return {**SECTIONS, "venues.NAME": VenueSection}


# -- gathering -------------------------------------------------------------------------------------------------------------


def _flatten(data: Mapping[str, object], where: str, folder: Path | None) -> Iterator[_Entry]:
    """The settings of nested tables, each with its path."""
    for name, table in data.items():
        if name not in _TABLES:
            hint = near(name, _TABLES) or _elsewhere(name) or f"the tables are {', '.join(_TABLES)}"
            raise ConfigError(f"unknown {'table' if isinstance(table, Mapping) else 'key'} {name!r}", where=where, hint=hint)
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name} should be a table ([{name}])", where=where)
        for key, value in table.items():
            if name == "venues":
                if not isinstance(value, Mapping):
                    raise ConfigError(
                        f"venues.{_shown(key)} should be a table", where=where, hint=f"write [venues.{next(iter(VENUES))}]"
                    )
                for inner, content in value.items():
                    yield _entry((name, key, inner), content, where, folder)
            else:
                yield _entry((name, key), value, where, folder)


def _entry(path: tuple[str, ...], value: object, where: str, folder: Path | None) -> _Entry:
    return _Entry(path, value, f"{where}: {'.'.join(map(_shown, path))}", False, folder)


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Entry]:
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        parts = variable.removeprefix(PREFIX).split("__")
        folded = [part.lower() for part in parts]
        if len(parts) == 1:
            _refuse_single_underscore(variable, folded[0])
            continue
        if folded[0] not in _TABLES:
            raise ConfigError(f"there is no section {folded[0]!r}", where=variable, hint=near_or_list(folded[0], _TABLES))
        deep = 3 if folded[0] == "venues" or folded[:2] == ["paper", "balances"] else 2
        if len(parts) != deep or not all(parts):
            shape = "__".join(["<SECTION>", *["<NAME>"] * (deep - 2), "<KEY>"])
            raise ConfigError("it names no setting", where=variable, hint=f"the form is {PREFIX}{shape}")
        path = (*folded[:2], parts[2].upper()) if folded[0] == "paper" and deep == 3 else tuple(folded)
        yield _Entry(path, value, variable, True, None)


def _refuse_single_underscore(variable: str, name: str) -> None:
    """``TICKWRIGHT_RISK_DAILY_LOSS`` would be ignored in silence, and somebody relies on it."""
    for section, struct in SECTIONS.items():
        key = name.removeprefix(f"{section}_")
        if key != name and key in struct.__struct_fields__:
            raise ConfigError(
                "it names no setting", where=variable, hint=f"two underscores: {PREFIX}{section.upper()}__{key.upper()}"
            )


# -- checking --------------------------------------------------------------------------------------------------------------


def _assemble(entries: list[_Entry]) -> Config:
    leaves: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    venues: dict[str, dict[str, Any]] = {}
    params: dict[str, ParamValue] = {}
    for entry in entries:
        section, key = entry.path[0], entry.path[-1]
        if section == "params":
            params[key] = _param(entry)
        elif section == "venues":
            if entry.path[1] not in VENUES:  # its settings would be ignored, and somebody relies on them
                raise ConfigError(
                    f"there is no venue {entry.path[1]!r}", where=entry.where, hint=near_or_list(entry.path[1], VENUES)
                )
            venues.setdefault(entry.path[1], {})[key] = _leaf(entry, VenueSection, key)
        elif len(entry.path) == 3:
            balances = leaves[section].setdefault(entry.path[1], {})
            balances[key] = _convert(entry, Decimal)
        else:
            value = _leaf(entry, SECTIONS[section], key)
            if section == "risk":
                _check_limit(entry, key, value)
            leaves[section][key] = {**leaves[section].get(key, {}), **value} if isinstance(value, dict) else value
    return Config(
        run=RunSection(**leaves["run"]),
        venues={name: VenueSection(**values) for name, values in venues.items()},
        risk=Limits(**leaves["risk"]),
        paper=PaperSection(**leaves["paper"]),
        journal=JournalSection(**leaves["journal"]),
        log=LogSection(**leaves["log"]),
        params=params,
    )


def _leaf(entry: _Entry, struct: type[msgspec.Struct], key: str) -> Any:
    kinds = {field.name: field.type for field in msgspec.structs.fields(struct)}
    if key not in kinds:
        if key.lower() in _SECRET_NAMES:
            hint = "keys and secrets are not configuration: docs/configuration.md says where they go"
        else:
            hint = near(key, kinds) or _elsewhere(key) or near_or_list(key, kinds, limit=30)
        raise ConfigError(f"unknown key {key!r}", where=entry.where, hint=hint)
    value = _convert(entry, kinds[key])
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError("expected a finite number", where=entry.where)
    if (
        key.endswith("_url")
        and value
        and not value.startswith(("http://", "https://") if key == "rest_url" else ("ws://", "wss://"))
    ):
        raise ConfigError(f"expected an address that starts with {'https' if key == 'rest_url' else 'wss'}://", where=entry.where)
    if key in _PATHS and value and entry.folder is not None:
        return str(entry.folder / Path(value).expanduser())
    return value


def _check_limit(entry: _Entry, key: str, value: object) -> None:
    """Each limit is checked alone, so that the error names where it came from."""
    try:
        msgspec.structs.replace(Limits(), **{key: value})
    except OverflowError:
        raise ConfigError("the number is too large", where=entry.where) from None
    except ValueError as error:
        raise ConfigError(str(error).removeprefix(f"{key} "), where=entry.where) from None


def _check_amounts(entry: _Entry, values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, Decimal) and not (value.is_finite() and value >= 0):
            raise ConfigError("expected an amount that is not negative", where=entry.where)


def _param(entry: _Entry) -> ParamValue:
    if isinstance(entry.value, (str, int, Decimal, bool)):
        return entry.value
    raise ConfigError("a parameter is a number, a text, or true or false", where=entry.where)


def _convert(entry: _Entry, kind: Any) -> Any:
    """The value as the setting's type, or an error that says what was expected."""
    base, optional = _unwrap(kind)
    value = entry.value
    if optional and isinstance(value, str) and value.lower() == "none":
        return None  # TOML has no null
    if typing.get_origin(base) is Literal:
        choices = typing.get_args(base)
        if value not in choices:
            raise ConfigError(f"{_brief(value)} is not a choice", where=entry.where, hint=near_or_list(str(value), choices))
        return value
    if base == tuple[str, ...] and isinstance(value, str):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    if base is Decimal and isinstance(value, str) and not entry.text:
        entry = entry._replace(text=True)  # money may be quoted in the file, as people do to keep it exact
    if isinstance(value, bool) and base is not bool:
        raise _unexpected(entry, base, "")
    try:
        converted = msgspec.convert(value, kind, strict=not entry.text)
    except (ValueError, ArithmeticError) as error:  # the second: a number that no float can hold
        raise _unexpected(entry, base, str(error)) from None
    if converted is None and not (optional and entry.text):
        raise _unexpected(entry, base, "")
    if isinstance(converted, Decimal) and not converted.is_finite():
        raise ConfigError("expected a finite number", where=entry.where)
    if entry.path[0] == "paper":
        _check_amounts(entry, converted.values() if isinstance(converted, dict) else [converted])
    return converted


def _unexpected(entry: _Entry, base: Any, text: str) -> ConfigError:
    """``expected a whole number, got text``; where the type was right, the bound that was not kept."""
    origin = typing.get_origin(base)
    plain = typing.get_args(base)[0] if origin is Annotated else origin or base
    what = _EXPECTED.get(plain, "something else")
    bound = re.search(r"[<>]=? -?\d+(\.\d+)?", text)
    if bound is not None:
        return ConfigError(f"expected {what} {bound[0].removesuffix('.0')}", where=entry.where)
    if plain is tuple and isinstance(entry.value, list):
        return ConfigError(f"expected {what}: something else is in it", where=entry.where)
    got = f"{entry.value[:40]!r}" if entry.text and isinstance(entry.value, str) else _kind_name(entry.value)
    return ConfigError(f"expected {what}, got {got}", where=entry.where)


def _unwrap(kind: Any) -> tuple[Any, bool]:
    """The type without ``| None``, and whether it had it."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        inner = [item for item in typing.get_args(kind) if item is not type(None)]
        return inner[0], len(inner) < len(typing.get_args(kind))
    return kind, False


def _elsewhere(key: str) -> str:
    """Where a key belongs that was put into the wrong table."""
    for section, struct in _all_sections().items():
        if key in struct.__struct_fields__:
            return f"it belongs in [{section}]"
    return ""


def _kind_name(value: object) -> str:
    """What kind of value it is, in the words of :data:`_EXPECTED`."""
    if isinstance(value, list):
        return "a list"
    return _EXPECTED.get(type(value)) or f"a {type(value).__name__}"


def _brief(value: object) -> str:
    return repr(value)[:60]


def _shown(name: str) -> str:
    """A key as part of a path: quoted where TOML would have to quote it."""
    return name if name and name.isascii() and name.replace("_", "").replace("-", "").isalnum() else repr(name)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
