"""A strategy from a user's file: found, imported, and explained when it cannot be."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path

from tickwright.base.errors import StrategyError
from tickwright.base.suggest import near
from tickwright.strategy.strategy import Strategy

#: What the module of a user's file is called, before the file's own name.
USER_MODULE = "tickwright_user_"


def load_strategy(path: Path, name: str = "") -> type[Strategy]:
    """The strategy class of the file at ``path``: the one called ``name``, or the only (else the last) one it defines."""
    if not path.exists():
        siblings = [item.name for item in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise StrategyError("there is no such file", where=str(path), hint=near(path.name, siblings))
    if not path.is_file():
        raise StrategyError("it is not a file", where=str(path), hint="give the path of a Python file with a Strategy class")
    found = _classes(path)
    if not found:
        raise StrategyError("it defines no subclass of tickwright.Strategy", where=str(path))
    if not name:
        return list(found.values())[-1]
    if name not in found:
        raise StrategyError(
            f"it defines no strategy {name!r}", where=str(path), hint=near(name, found) or f"it has: {', '.join(found)}"
        )
    return found[name]


def _classes(path: Path) -> dict[str, type[Strategy]]:
    module_name = f"{USER_MODULE}{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise StrategyError("it cannot be imported as Python", where=str(path), hint="its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # so that dataclasses and pickles of the file's own classes work
    try:
        spec.loader.exec_module(module)
    except StrategyError as error:
        raise StrategyError(error.what, where=str(path), hint=error.hint) from None
    except SyntaxError as error:
        raise StrategyError(f"line {error.lineno}: {error.msg}", where=str(path)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin call: importing runs the user's code)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        at = f"line {lines[-1]}: " if lines else ""
        raise StrategyError(f"{at}{type(error).__name__}: {error}", where=str(path)) from None
    return {
        name: item
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, Strategy) and item is not Strategy and item.__module__ == module_name
    }
