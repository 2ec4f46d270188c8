"""Structured logs on stderr: for people at a terminal, one JSON object a line elsewhere. Secrets are cut out by their bytes.

Guarantees: a line passes the :class:`Redactor` after it was rendered, whatever its parts and whoever wrote it (libraries that
use ``logging`` are routed here too); tracebacks show no values of variables; a stderr that is gone costs lines, never the run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus
from zlib import crc32

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tickwright.base.chance import Chance
from tickwright.base.errors import ConfigError
from tickwright.base.secret import Secret
from tickwright.base.suggest import near_or_list

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS = ("auto", "console", "json")
#: What stands in place of a secret, or of any piece of one as long as a window.
CUT = "[redacted]"
#: Bytes that are looked at together.
WINDOW = 8
#: A longer line is cut off: looking for secrets takes time in proportion.
LINE_BYTES_MAX = 64 * 1024


class Redactor:
    """Cuts every secret that it has learned out of text, and every piece of one of :data:`WINDOW` bytes or more.

    It keeps fingerprints (keyed hashes of each window, also of the usual encodings), not the secrets. What is shorter than a
    window is only cut out whole, and what is shorter than half of one not at all: it would be found everywhere.
    """

    __slots__ = ("_key", "_maybe", "_prints", "_seed")

    def __init__(self) -> None:
        chance = Chance(None)
        self._key = chance.below(1 << 128).to_bytes(16, "big")
        self._seed = chance.below(1 << 32)
        self._prints: dict[int, set[bytes]] = {}  # by length of window
        self._maybe = bytearray(1 << 16)  # a cheap checksum that rules out nearly every window before it is hashed

    def learn(self, secret: Secret | str) -> None:
        """From now on this one is cut out."""
        raw = secret.reveal() if isinstance(secret, Secret) else secret.encode()
        lines = [line.strip() for line in raw.splitlines()]
        body = [line for line in lines if not line.startswith(b"-----")]  # the frame of a PEM is no secret
        for line in [b"".join(body), *body]:
            for form in _encodings(line):
                self._add(form)

    def _add(self, form: bytes) -> None:
        size = min(WINDOW, len(form))
        if size < WINDOW // 2:
            return
        prints = self._prints.setdefault(size, set())
        for at in range(len(form) - size + 1):
            window = form[at : at + size]
            self._maybe[crc32(window, self._seed) & 0xFFFF] = 1
            prints.add(self._print(window))

    def _print(self, window: bytes) -> bytes:
        return hashlib.blake2b(window, digest_size=8, key=self._key).digest()

    def clean(self, text: str) -> str:
        """``text`` without secrets, and not longer than :data:`LINE_BYTES_MAX`."""
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > LINE_BYTES_MAX:
            raw = raw[:LINE_BYTES_MAX] + " […]".encode()
            text = raw.decode("utf-8", "replace")
        spans = self._spans(raw) if self._prints else []
        if not spans:
            return text
        parts = []
        at = 0
        for start, end in spans:
            parts += [raw[at:start], CUT.encode()]
            at = end
        parts.append(raw[at:])
        return b"".join(parts).decode("utf-8", "replace")

    def _spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Stretches of secret bytes, in order, those that touch joined."""
        maybe, seed = self._maybe, self._seed
        found = sorted(
            (at, at + size)
            for size, prints in self._prints.items()
            for at in range(len(raw) - size + 1)
            if maybe[crc32(raw[at : at + size], seed) & 0xFFFF] and self._print(raw[at : at + size]) in prints
        )
        spans: list[tuple[int, int]] = []
        for start, end in found:
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans


def _encodings(line: bytes) -> set[bytes]:
    """The forms in which bytes get into text."""
    text = line.decode("utf-8", "replace")
    plain = base64.b64encode(line)
    texts = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], quote_plus(line))
    return {line, plain.rstrip(b"="), line.hex().encode(), *(item.encode("utf-8", "replace") for item in texts)}


class _Stderr:
    """Writes lines to whatever stderr is at the moment: a live table puts itself in its place."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # gone or closed: there is nowhere left to say so, and a log line is not worth a run

    debug = info = warning = warn = error = critical = exception = fatal = log = failure = err = msg


class _Handler(logging.Handler):
    """Hands records of the standard library's ``logging`` to the same writer."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record))


def setup_logs(level: str = "info", form: str = "auto", *, redactor: Redactor | None = None) -> Redactor:
    """Configure logging for this process; the redactor is to be shown every secret before it is used."""
    if level not in LEVELS:
        raise ConfigError(f"{level!r} is not a choice", where="log.level", hint=near_or_list(level, LEVELS))
    if form not in FORMATS:
        raise ConfigError(f"{form!r} is not a choice", where="log.format", hint=near_or_list(form, FORMATS))
    redactor = redactor or Redactor()
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=True),
    ]
    last = _rendered(console, redactor)
    structlog.configure(
        processors=[*common, *([] if console else [structlog.processors.format_exc_info]), last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(common, last, console, max(LEVELS[level], logging.WARNING))
    return redactor


def _rendered(console: bool, redactor: Redactor) -> Processor:
    """The last step: a line of text, without secrets."""
    colours = console and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    render: Callable[[WrappedLogger, str, EventDict], str | bytes]
    if console:
        # The default would draw tracebacks with the values of variables.
        render = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0)
    else:
        render = structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)

    def last(logger: WrappedLogger, method: str, event: EventDict) -> str:
        rendered = render(logger, method, event)
        return redactor.clean(rendered if isinstance(rendered, str) else rendered.decode("utf-8", "replace"))

    return last


def _route_standard_logging(common: list[Processor], last: Processor, console: bool, level: int) -> None:
    """What aiohttp, asyncio and others say goes the same way."""
    handler = _Handler(_Stderr().msg)
    chain: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not console:
        chain.append(structlog.processors.format_exc_info)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=common, processors=[*chain, last]))
    root = logging.getLogger()
    for old in [item for item in root.handlers if isinstance(item, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
