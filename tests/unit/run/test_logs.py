"""Whatever is logged, by whom and in which form, holds no secret."""

from __future__ import annotations

import base64
import json
import logging
import string
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.errors import ConfigError
from tickwright.base.secret import Secret
from tickwright.run.logs import CUT, LINE_BYTES_MAX, WINDOW, Redactor, setup_logs

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
QUJDREVGRw==
-----END PRIVATE KEY-----
"""
KEYS = st.text(string.ascii_letters + string.digits, min_size=16, max_size=64)


@pytest.fixture(autouse=True)
def undo() -> Iterator[None]:
    """Logging is the process's: leave it as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def knowing(*texts: str) -> Redactor:
    """A redactor that has learned these."""
    redactor = Redactor()
    for text in texts:
        redactor.learn(Secret(text))
    return redactor


def fail(text: str) -> None:
    """Raise what is caught by the caller."""
    raise ValueError(text)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        repr(SECRET.encode()),
        urlencode({"signature": SECRET}),
        json.dumps({"secret": SECRET}),
        base64.b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        SECRET[10:30],
    ],
)
def test_given_a_secret_in_any_form_when_cleaned_then_no_window_of_it_is_left(form: str) -> None:
    """Plain, quoted, encoded, or a piece of it."""
    cleaned = knowing(SECRET).clean(f"before {form} after")
    assert CUT in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert all(form[at : at + WINDOW] not in cleaned for at in range(len(form) - WINDOW) if form[at : at + WINDOW] in SECRET)


def test_given_a_private_key_when_cleaned_then_its_lines_go_and_its_frame_may_stay() -> None:
    """Each line for itself, because text gets wrapped and escaped."""
    redactor = knowing(PEM)
    for text in (PEM, repr(PEM), json.dumps(PEM), PEM.replace("\n", "")):
        cleaned = redactor.clean(text)
        assert "MC4CAQ" not in cleaned
        assert "QUJDREVG" not in cleaned
    assert redactor.clean("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_given_short_secrets_when_learned_then_they_are_cut_out_whole_or_not_at_all() -> None:
    """Three letters would be found everywhere."""
    assert knowing("s3cr3t").clean("the s3cr3t is out, s3cr3 is not") == f"the {CUT} is out, s3cr3 is not"
    assert knowing("abc", "").clean("abc") == "abc"


@given(KEYS, st.text(st.characters(), max_size=60), st.text(max_size=60))
def test_given_any_text_around_a_secret_when_cleaned_then_it_is_gone_and_cleaning_again_changes_nothing(
    secret: str, before: str, after: str
) -> None:
    """Redaction is complete and idempotent; text without secrets is left alone."""
    redactor = knowing(secret)
    cleaned = redactor.clean(f"{before}{secret}{after}")
    assert secret not in cleaned
    assert redactor.clean(cleaned) == cleaned
    assert Redactor().clean(before) == before


def test_given_an_endless_line_when_cleaned_then_it_is_cut_off() -> None:
    """Looking for secrets has a bound."""
    cleaned = knowing(SECRET).clean("x" * (2 * LINE_BYTES_MAX) + SECRET)
    assert len(cleaned) < LINE_BYTES_MAX + 10
    assert cleaned.endswith("[…]")


@pytest.mark.parametrize("form", ["json", "console"])
def test_given_logs_of_all_kinds_when_a_secret_is_in_them_then_stderr_does_not_show_it(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the text, in a field, in an object, in a traceback, and from a library."""
    setup_logs("debug", form).learn(Secret(SECRET))
    log = structlog.get_logger()
    log.info(SECRET, field=SECRET, nested={"a": [SECRET]}, raw=SECRET.encode(), held=Secret(SECRET))
    logging.getLogger("aiohttp").warning("library %s", SECRET)
    try:
        fail(f"in an error {SECRET}")
    except ValueError:
        log.exception("caught")
        logging.getLogger("asyncio").exception("caught there")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count(CUT) >= 6
    assert not any(SECRET[at : at + WINDOW] in err for at in range(len(SECRET) - WINDOW))
    assert "library" in err
    assert "ValueError" in err


def test_given_json_when_logged_then_every_line_is_an_object_with_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Also with an exception in it."""
    setup_logs("info", "json")
    log = structlog.get_logger()
    log.debug("not shown")
    log.warning("shown", key="binance_spot:BTC/USDT", odd=object())
    try:
        fail("boom")
    except ValueError:
        log.exception("caught")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (first["event"], first["level"], first["key"]) == ("shown", "warning", "binance_spot:BTC/USDT")
    assert first["timestamp"].endswith("Z")
    assert "boom" in second["exception"]


def test_given_no_terminal_when_the_format_is_auto_then_it_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Colours and columns are for people."""
    setup_logs()
    structlog.get_logger().info("hello")
    assert json.loads(capsys.readouterr().err)["event"] == "hello"


def test_given_a_stderr_that_is_gone_when_logged_then_nothing_happens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run does not end because nobody reads its log."""

    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise ValueError("closed")

        def isatty(self) -> bool:
            return False

    setup_logs("info", "json")
    monkeypatch.setattr("sys.stderr", Gone())
    structlog.get_logger().info("hello")
    logging.getLogger("asyncio").error("hello")


@pytest.mark.parametrize(("level", "form", "said"), [("inf", "json", "'info'"), ("info", "jsn", "'json'")])
def test_given_a_level_or_format_that_is_none_when_set_up_then_the_nearest_is_named(level: str, form: str, said: str) -> None:
    """As everywhere."""
    with pytest.raises(ConfigError, match=said):
        setup_logs(level, form)
