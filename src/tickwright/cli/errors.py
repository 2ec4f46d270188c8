"""Every way in which a command can end badly, as one line and an exit code."""

from __future__ import annotations

import re

from tickwright.base.errors import ExitCode, TickwrightError
from tickwright.base.suggest import near

LINE_CHARS_MAX = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


def explain(error: BaseException) -> tuple[str, ExitCode]:
    """What is said about an error, and what the process ends with."""
    if isinstance(error, TickwrightError):
        return _line(str(error)), error.exit_code
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return "interrupted", ExitCode.INTERRUPTED
    told = getattr(error, "format_message", None)  # typer keeps its own copies of click's errors: told by what they can do
    if callable(told):
        return _line(_usage(error, str(told()))), ExitCode.USAGE
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _line(f"{what}. This is a defect of Tickwright: --debug shows where"), ExitCode.INTERNAL


def _usage(error: BaseException, text: str) -> str:
    """A wrong flag or command, with the nearest that there is."""
    option = getattr(error, "option_name", None)
    context = getattr(error, "ctx", None)
    if isinstance(option, str) and text.startswith("No such option") and context is not None:
        known = [name for one in context.command.params for name in getattr(one, "opts", ()) if name.startswith("-")]
        return f"there is no flag {option}. {near(option, known) or _see_help(context)}"
    command = getattr(getattr(context, "command", None), "commands", None)
    match = re.match(r"No such command '(.*?)'", text)
    if match is not None and command:
        return f"there is no command {match[1]!r}. {near(match[1], command) or _see_help(context)}"
    return f"{text.rstrip('.')}. {_see_help(context)}" if context is not None else text


def _see_help(context: object) -> str:
    return f"see {getattr(context, 'command_path', 'tickwright')} --help"


def _line(text: str) -> str:
    """One line, whatever was in it, of a length that can be read."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= LINE_CHARS_MAX else line[: LINE_CHARS_MAX - 1] + "…"
