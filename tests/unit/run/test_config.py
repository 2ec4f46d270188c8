"""Configuration: three layers, one of them wins, and what is wrong is said with its place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tickwright.base.errors import ConfigError
from tickwright.base.limits import CONFIG_BYTES_MAX
from tickwright.risk.limits import Limits
from tickwright.run.config import Config, VenueSection, load_config, parse_config, parse_toml, settings

WHERE = "x.toml"


def parsed(text: str) -> Config:
    """The configuration that a file with this text means."""
    return parse_config(parse_toml(text.encode(), WHERE), WHERE)


def complaint(text: str) -> str:
    """What is said about a file with this text."""
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    return str(caught.value)


def outcome(read: Callable[[], Config]) -> str:
    """``fine``, or what is said; any other exception passes."""
    try:
        assert isinstance(read(), Config)
    except ConfigError as error:
        return str(error)
    return "fine"


def test_given_a_full_file_when_read_then_every_table_arrives() -> None:
    """Numbers of money are exact, whether they are quoted or not."""
    config = parsed(
        """
        [run]
        venue = "binance_spot"
        symbols = ["BTC/USDT", "ETH/USDT"]
        cancel_on_stop = false
        [venues.binance_spot]
        environment = "testnet"
        recv_window_ms = 2000
        [risk]
        max_order_value = 1000.10
        max_order_qty = "0.3"
        rolling_collar_ppm = "none"
        [paper]
        balances = { USDT = 500, BTC = "0.1" }
        [log]
        level = "debug"
        [params]
        size = 0.05
        """
    )
    assert config.run.symbols == ("BTC/USDT", "ETH/USDT")
    assert config.run.cancel_on_stop is False
    assert config.venues == {"binance_spot": VenueSection(environment="testnet", recv_window_ms=2000)}
    assert config.risk == Limits(max_order_value=Decimal("1000.10"), max_order_qty=Decimal("0.3"), rolling_collar_ppm=None)
    assert config.paper.balances == {"USDT": Decimal(500), "BTC": Decimal("0.1")}
    assert config.log.level == "debug"
    assert config.params == {"size": Decimal("0.05")}


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('[run]\nvenu = "x"', "x.toml: run.venu", "did you mean 'venue'?"),
        ("[rsk]\nopen_orders = 1", "x.toml", "did you mean 'risk'?"),
        ("[run]\nmax_order_value = 5", "x.toml: run.max_order_value", "it belongs in [risk]"),
        ("max_order_value = 5", "x.toml", "it belongs in [risk]"),
        ("run = 5", "x.toml", "run should be a table"),
        ('[venues.binance_spt]\nenvironment = "testnet"', "venues.binance_spt", "did you mean 'binance_spot'?"),
        ("[venues]\nbinance_spot = 1", "x.toml", "venues.binance_spot should be a table"),
        ('[venues.binance_spot]\napi_secret = "a"', "venues.binance_spot.api_secret", "not configuration"),
        ('[venues.binance_spot]\nenvironment = "tesnet"', "environment", "did you mean 'testnet'?"),
        ('[venues.binance_spot]\nrest_url = "api.binance.com"', "rest_url", "starts with https://"),
        ('[venues.binance_spot]\nws_url = "https://a"', "ws_url", "starts with wss://"),
        ("[venues.binance_spot]\nrecv_window_ms = 60001", "recv_window_ms", "expected a whole number <= 60000"),
        ("[run]\nseconds = 0", "run.seconds", "expected a number > 0"),
        ("[paper]\nlatency_ms = -1", "paper.latency_ms", "expected a number >= 0"),
        ("[risk]\nopen_orders = true", "risk.open_orders", "expected a whole number, got true or false"),
        ("[risk]\ncollar_ppm = 1.5", "risk.collar_ppm", "expected a whole number, got a number"),
        ("[risk]\ncollar_ppm = -1", "risk.collar_ppm", "must be at least 0, not -1"),
        ("[risk]\nmax_order_value = 1e-30", "risk.max_order_value", "more than 18 decimal places"),
        ('[risk]\nmax_order_value = "much"', "risk.max_order_value", "expected a number, got 'much'"),
        ("[risk]\nmax_order_value = inf", "risk.max_order_value", "finite"),
        ("[risk]\nstale_book_s = nan", "risk.stale_book_s", "finite"),
        ("[risk]\nloss_speed_s = 1e9", "risk.loss_speed_s", "at most 86400"),
        ("[risk]\ndaily_loss = 2026-01-01", "risk.daily_loss", "expected a number, got a date"),
        ("[run]\nsymbols = 5", "run.symbols", "expected a list of texts, got a whole number"),
        ('[run]\nsymbols = ["A/B", 5]', "run.symbols", "something else is in it"),
        ("[paper]\nbalances = 5", "paper.balances", "expected a table"),
        ("[paper]\nbalances = { USDT = -5 }", "paper.balances", "not negative"),
        ('[log]\nlevel = "verbose"', "log.level", "debug, error, info, warning"),
        ("[params]\nsize = [1]", "params.size", "a number, a text"),
        ("[run", "x.toml", "not valid TOML"),
        ("a = 1e99999999999999999999", "x.toml", "too large"),
        ("a = " + "[" * 5_000, "x.toml", "nested too deeply"),
        ("[risk]\ncollar_ppm = " + "9" * 400, "risk.collar_ppm", "too large"),
    ],
)
def test_given_something_wrong_when_read_then_the_error_says_where_and_what_was_expected(
    text: str, place: str, said: str
) -> None:
    """File and key path first, then what is wrong."""
    line = complaint(text)
    assert line.startswith(place) or place in line.split(": ")[1]
    assert said in line
    assert "\n" not in line


def test_given_a_secret_under_a_wrong_name_when_read_then_it_is_not_repeated() -> None:
    """An error about a key that is not a setting never shows its value."""
    assert "hunter2" not in complaint('[venues.binance_spot]\nsecret = "hunter2"')


def test_given_file_environment_and_flags_when_loaded_then_the_later_wins(tmp_path: Path) -> None:
    """Flags over environment over file; what only one of them says stays."""
    path = tmp_path / "t.toml"
    path.write_text('[log]\nlevel = "error"\nformat = "json"\n[risk]\nopen_orders = 7\ndaily_loss = 5\n[params]\na = 1\nb = 1\n')
    environ = {"TICKWRIGHT_LOG__LEVEL": "info", "TICKWRIGHT_RISK__OPEN_ORDERS": "8", "TICKWRIGHT_PARAMS__A": "2", "HOME": "/"}
    config = load_config(path, environ, {"log": {"level": "debug"}, "params": {"b": "3"}})
    assert (config.log.level, config.log.format) == ("debug", "json")
    assert (config.risk.open_orders, config.risk.daily_loss) == (8, Decimal(5))
    assert config.params == {"a": "2", "b": "3"}


def test_given_variables_when_loaded_then_their_text_becomes_the_settings_type() -> None:
    """Lists by comma, flags as true and false, none for nothing, assets in capitals."""
    environ = {
        "TICKWRIGHT_RUN__SYMBOLS": "BTC/USDT, ETH/USDT",
        "TICKWRIGHT_RUN__CANCEL_ON_STOP": "false",
        "TICKWRIGHT_RISK__ROLLING_COLLAR_PPM": "none",
        "TICKWRIGHT_RISK__STALE_BOOK_S": "2.5",
        "TICKWRIGHT_VENUES__BINANCE_SPOT__KEY_KIND": "ed25519",
        "TICKWRIGHT_PAPER__BALANCES__USDT": "12.5",
        "TICKWRIGHT_HYPOTHESIS": "ci",
    }
    config = load_config(None, environ)
    assert config.run.symbols == ("BTC/USDT", "ETH/USDT")
    assert config.run.cancel_on_stop is False
    assert config.risk == Limits(rolling_collar_ppm=None, stale_book_s=2.5)
    assert config.venues["binance_spot"].key_kind == "ed25519"
    assert config.paper.balances == {"USDT": Decimal("12.5")}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TICKWRIGHT_RISK__DAILY_LOS", "5", "did you mean 'daily_loss'?"),
        ("TICKWRIGHT_RSK__DAILY_LOSS", "5", "did you mean 'risk'?"),
        ("TICKWRIGHT_RISK_DAILY_LOSS", "5", "two underscores: TICKWRIGHT_RISK__DAILY_LOSS"),
        ("TICKWRIGHT_VENUES__BINANCE__ENVIRONMENT", "testnet", "did you mean 'binance_spot'?"),
        ("TICKWRIGHT_VENUES__ENVIRONMENT", "testnet", "TICKWRIGHT_<SECTION>__<NAME>__<KEY>"),
        ("TICKWRIGHT_RISK__DAILY_LOSS__X", "5", "TICKWRIGHT_<SECTION>__<KEY>"),
        ("TICKWRIGHT_RISK__", "5", "TICKWRIGHT_<SECTION>__<KEY>"),
        ("TICKWRIGHT_RISK__OPEN_ORDERS", "many", "expected a whole number, got 'many'"),
        ("TICKWRIGHT_RISK__DAILY_LOSS", "snan", "finite"),
        ("TICKWRIGHT_RUN__CANCEL_ON_STOP", "perhaps", "expected true or false"),
    ],
)
def test_given_a_variable_that_is_wrong_when_loaded_then_the_error_names_it(name: str, value: str, said: str) -> None:
    """A misspelt variable is never ignored, least of all one that limits losses."""
    with pytest.raises(ConfigError) as caught:
        load_config(None, {name: value})
    assert str(caught.value).startswith(name)
    assert said in str(caught.value)


def test_given_no_file_when_loaded_then_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``tickwright.toml`` is read when it is here, and only then."""
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}) == Config()
    (tmp_path / "tickwright.toml").write_text("[risk]\nopen_orders = 3\n")
    assert load_config(None, {}).risk.open_orders == 3


def test_given_relative_paths_when_loaded_then_they_are_relative_to_the_file(tmp_path: Path) -> None:
    """So that a configuration can be used from any folder."""
    path = tmp_path / "conf" / "t.toml"
    path.parent.mkdir()
    path.write_text('[run]\nstrategy = "../mine.py"\n[venues.binance_spot]\nkey_file = "/k.toml"\n')
    config = load_config(path, {})
    assert Path(config.run.strategy).resolve() == (tmp_path / "mine.py").resolve()
    assert config.venues["binance_spot"].key_file == "/k.toml"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe[run]"), "not UTF-8"),
        (lambda path: path.write_bytes(b"#" * (CONFIG_BYTES_MAX + 1)), "larger than"),
    ],
)
def test_given_a_file_that_cannot_be_read_when_loaded_then_the_error_names_it(tmp_path: Path, make: object, said: str) -> None:
    """Absent, a folder, binary, too large."""
    path = tmp_path / "t.toml"
    make(path)  # type: ignore[operator]  # parametrised callables
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"[risk]\nmax_order_value = 1e999999\n")
@example(b"[venues.a.b]\nc=1")
@example(b'[""]\n""=1')
@example(b"[params]\na = 1979-05-27T07:32:00Z")
def test_given_any_bytes_when_parsed_then_a_configuration_or_one_error(raw: bytes) -> None:
    """Nothing else escapes."""
    assert "\n" not in outcome(lambda: parse_config(parse_toml(raw, WHERE), WHERE))


KEYS = [f"{section}.{key}".replace("NAME", "binance_spot") for section, key in settings()]
VALUES = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.booleans(),
    st.text(max_size=10),
    st.none(),
    st.decimals(),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers() | st.decimals() | st.text(max_size=3), max_size=2),
)


@given(st.sampled_from(KEYS), VALUES)
def test_given_any_value_for_any_setting_when_parsed_then_a_configuration_or_an_error_that_names_it(
    key: str, value: object
) -> None:
    """The place is told by its full path."""
    data: object = value
    for part in reversed(key.split(".")):
        data = {part: data}
    assert isinstance(data, dict)
    assert outcome(lambda: parse_config(data, WHERE)).startswith(("fine", f"{WHERE}: {key}: "))


@given(st.sampled_from(KEYS), st.text(max_size=12))
def test_given_any_text_in_a_variable_when_loaded_then_a_configuration_or_an_error_that_names_it(key: str, value: str) -> None:
    """The same for the environment."""
    name = "TICKWRIGHT_" + key.upper().replace(".", "__")
    assert outcome(lambda: load_config(None, {name: value})).startswith(("fine", f"{name}: "))
