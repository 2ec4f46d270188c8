"""What may not be written, or only in one place. Each rule says what to write instead."""

from __future__ import annotations

import ast
import re
from collections import Counter

from tidy.source import Module, docstrings, modules, report

#: Where everything may be caught, how often, and why there: it is the top of something.
CATCHES_ALL = {
    "cli/main.py": 1,  # of the command line: one line instead of a traceback
    "engine/step.py": 2,  # of decide and of stages, both user code: it halts its strategy and nothing else
    "engine/plugin.py": 2,  # of user code: it halts its strategy and nothing else
    "venues/futures.py": 1,  # of one answer: handed on to whoever awaits it
    "net/reach.py": 1,  # of a connect that was cancelled: closes its socket, then raises again
    "run/build.py": 1,  # of a user's venue file: importing it runs their code
    "run/load.py": 1,  # of a user's strategy file: the same
    "net/ws.py": 1,  # of a callback of the session's user: run() raises it
    "net/ws_connection.py": 5,  # of callbacks from the event loop: the same
    "run/runner.py": 2,  # of a run: closes what was opened, then raises again
    "run/shell.py": 1,  # of the core: a defect ends the run
    "run/world/seed.py": 1,  # of a run that could not begin: closes what was opened, then raises again
    "run/world/worker.py": 1,  # of one seed: it is a violation of that seed, and the next one is run
    "sim/world/loop.py": 1,  # of a function given to an executor: handed on to whoever awaits it
    "sim/world/sockets.py": 2,  # of a protocol's callbacks, as asyncio's transports do; of a connect that was cancelled: raises again
    "sim/world/world.py": 1,  # of the code of a process that was killed: it reaches nobody
}
CLOCK = "base/clock.py"
CHANCE = "base/chance.py"
#: Where chance must not be reproducible: the key under which secrets are fingerprinted.
UNGUESSABLE = {("run/logs.py", "secrets")}
MODE_WORD = re.compile(r"(?<![a-z])(live|paper|backtest|dry[-_ ]?run)(?![a-z])", re.IGNORECASE)
#: Words that look like a mode and are not.
NOT_A_MODE = {
    ("orders", "LIVE"),  # the state between NEW and DONE in the order table
    ("orders", "_LIVE"),
}
#: Texts of an exchange that a stand repeats word for word.
VENUES_WORDS = "WebSocket Streams for live updates"


def test_given_every_task_when_it_is_made_then_somebody_keeps_it() -> None:
    """The loop keeps only a weak reference: a task whose result is dropped may vanish, and its exception with it."""
    found = []
    for module in modules():
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
                continue
            made = node.value.func
            name = made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", "")
            owner = made.value.id if isinstance(made, ast.Attribute) and isinstance(made.value, ast.Name) else ""
            if name in ("create_task", "ensure_future") and "group" not in owner:
                found.append(f"{module.at(node)} {ast.unparse(node.value)}")
    assert not found, report("Make tasks in an asyncio.TaskGroup named …group, or keep the task and await it.", found)


def test_given_every_except_when_it_catches_all_then_it_is_at_the_top_of_something() -> None:
    """Elsewhere an unknown exception is a defect, and a defect is seen."""
    seen: Counter[str] = Counter()
    where: dict[str, list[str]] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node):
                seen[module.path] += 1
                where.setdefault(module.path, []).append(module.at(node))
    found = [
        f"{path}: {seen[path]}, allowed {CATCHES_ALL.get(path, 0)} ({', '.join(where.get(path, []))})"
        for path in sorted({*seen, *CATCHES_ALL})
        if seen[path] != CATCHES_ALL.get(path, 0)
    ]
    assert not found, report("Catch what the call can raise, by name (the list of tops is CATCHES_ALL in this file).", found)


def _catches_all(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException") for kind in kinds)


def test_given_every_print_when_it_is_called_then_it_is_in_the_command_line() -> None:
    """A library that prints cannot be used by one that does not."""
    found = [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if module.room != "cli" and isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found, report("Return it, log it (structlog), or emit a Notice; only cli/ prints.", found)


def _imported(module: Module) -> list[tuple[ast.AST, str]]:
    """Every module that it imports, wherever."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node, node.module))
    return found


def test_given_the_time_when_it_is_read_then_it_is_read_from_a_clock() -> None:
    """One place reads the machine's clock, so that every other place can be given another one."""
    found = [
        module.at(node) for module in modules() if module.path != CLOCK for node, name in _imported(module) if name == "time"
    ]
    for module in modules():
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("now", "utcnow", "today")
            ):
                owner = ast.unparse(node.func.value)
                if owner.split(".")[-1] in ("datetime", "date"):
                    found.append(module.at(node))
    assert not found, report(
        "Take a base.clock.Clock (the core: the time stamped on the event) instead of reading the time.", found
    )


def test_given_chance_when_it_is_drawn_then_it_is_drawn_from_the_one_source() -> None:
    """One seed explains a run."""
    sources = {"random", "secrets", "uuid"}
    found = [
        f"{module.at(node)} {name}"
        for module in modules()
        if module.path != CHANCE
        for node, name in _imported(module)
        if name in sources and (module.path, name) not in UNGUESSABLE
    ]
    found += [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == "urandom"
    ]
    assert not found, report("Take a base.chance.Chance instead.", found)


def test_given_the_word_for_a_mode_when_it_is_below_run_then_something_there_knows_too_much() -> None:
    """Only run/ (and what is on top of it: reports, the command line) knows what kind of run this is."""
    found = []
    for module in modules():
        if module.room in ("run", "report", "cli"):
            continue
        if MODE_WORD.search(module.path):
            found.append(f"src/tickwright/{module.path}: the name of the file")
        prose = docstrings(module.tree)
        for node in ast.walk(module.tree):
            found += [
                f"{module.at(node)} {word!r}"
                for word in _words(node)
                if node not in prose
                and MODE_WORD.search(word.replace("_", " ") if "_" in word else word)
                and (module.room, word) not in NOT_A_MODE
                and VENUES_WORDS not in word
            ]
    rule = "Below run/ a word for a mode is a decision in the wrong room: name what differs (a venue, a clock, a flag of the config)."
    assert not found, report(rule, sorted(set(found)))


def _words(node: ast.AST) -> list[str]:
    """Names and texts of one node."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.keyword):
        return [node.arg or ""]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return []
