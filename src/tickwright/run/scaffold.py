"""`tickwright strategies`: a starting point that runs as it is, and what a folder has."""

from __future__ import annotations

import ast
import keyword
import re
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from tickwright.base.errors import UsageError
from tickwright.base.limits import CONFIG_BYTES_MAX

#: Files that are looked into, and no more.
FILES_MAX = 1_000

_TEXT = '''"""{title}: say here what it does and why it should work.

    tickwright run {file} --stand --seconds 30                      on a local exchange, with a recorded market
    tickwright run {file} --venue binance_spot --symbol BTC/USDT    on paper, with the market as it is now
"""

from tickwright import Strategy, bars, ema, param


class {title}(Strategy):
    """Long while the fast average is above the slow one, flat otherwise."""

    # The data it wants, in the format that it wants. Also: trades(), quotes(), book(depth=20), bars(volume(50)), …
    # and any stage behind it: sma, rsi, zscore, frame(200) for a pandas frame, or a function of your own.
    fast = bars("5s").close >> ema(5)
    slow = bars("5s").close >> ema(15)

    # Set from outside: --param size=0.02, or [params] in tickwright.toml. Text keeps it exact.
    size = param("0.01", unit="BTC")

    def decide(self):
        """Called after an event that changed `fast` or `slow`, once both are warm."""
        self.watch(fast=self.fast.value, slow=self.slow.value)

        # What should be true. The planner finds the smallest set of orders, and says it only once.
        # For single orders: self.buy("0.01", limit="60000"), self.sell(…), self.cancel(order).
        self.target(self.size if self.fast.value > self.slow.value else 0)

    def authorise(self, order, account):
        """Your own check of every order, after the built-in ones: True, False, or a reason to refuse it."""
        return True

    def on_fill(self, fill):
        """Called after each execution of one of its orders."""
        self.log(f"{{fill.side.value}} {{fill.qty}} at {{fill.price}}")
'''


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy class in a file."""

    file: str
    name: str
    says: str  # first line of its docstring


def new_strategy(name: str, folder: Path) -> Path:
    """Write ``<name>.py`` into ``folder``; never over something that is there."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name) or keyword.iskeyword(name.lower()):
        raise UsageError(f"{name!r} cannot be a strategy's name", hint="use letters, digits and _, beginning with a letter")
    title = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    path = folder / f"{name.lower()}.py"
    if title == "Strategy":
        raise UsageError("a strategy cannot be called Strategy", hint="that is what it is a subclass of")
    try:
        with path.open("x", encoding="utf-8") as file:  # "x": checked and made in one step
            file.write(_TEXT.format(title=title, file=path.name))
    except FileExistsError:
        raise UsageError("it is there already, and is left alone", where=str(path), hint="choose another name") from None
    except OSError as error:
        raise UsageError(f"it cannot be written: {error.strerror}", where=str(path)) from None
    return path


def list_strategies(folder: Path) -> list[Found]:
    """The classes with ``Strategy`` as a base in the Python files of ``folder``, by reading them only."""
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder))
    found: list[Found] = []
    for path in sorted(folder.glob("*.py"))[:FILES_MAX]:
        try:
            if path.stat().st_size > CONFIG_BYTES_MAX:
                continue
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # not a file that could be run, so no strategy of it could
        found += [
            Found(file=str(path), name=node.name, says=(ast.get_docstring(node) or "").partition("\n")[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and any(_is_strategy(base) for base in node.bases)
        ]
    return found


def _is_strategy(base: ast.expr) -> bool:
    return (base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")) == "Strategy"


def render(found: list[Found]) -> Table:
    """For a terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("file", "strategy", ""):
        table.add_column(heading)
    for item in found:
        table.add_row(*map(Text, (item.file, item.name, item.says)))
    return table
