"""Structured logs on stderr: for people at a terminal, one JSON object a line elsewhere. Secrets are cut out by their bytes."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from tickwright.base.errors import ConfigError
from tickwright.base.secret import REDACTED, Secret
from tickwright.base.suggest import near_or_list

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS = ("auto", "console", "json")


class Redactor:
    """Replaces every secret it has been shown, wherever it turns up in an event."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def learn(self, secret: Secret) -> None:
        """From now on this one is cut out."""
        text = secret.reveal().decode("utf-8", "ignore").strip()
        if len(text) >= 8:
            self._known.append(text)

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            event[name] = self.clean(value)
        return event

    def clean(self, value: Any) -> Any:
        """``value`` without secrets."""
        if isinstance(value, Secret):
            return REDACTED
        if isinstance(value, str):
            for known in self._known:
                value = value.replace(known, REDACTED)
        return value


def setup_logs(level: str = "info", form: str = "auto") -> Redactor:
    """Configure logging for this process."""
    if level not in LEVELS:
        raise ConfigError(f"log.level = {level!r}", hint=near_or_list(level, LEVELS))
    if form not in FORMATS:
        raise ConfigError(f"log.format = {form!r}", hint=near_or_list(form, FORMATS))
    redactor = Redactor()
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redactor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return redactor
