"""Make the private environment ``.venv`` and keep it current: ``python .ci/venv.py runtime`` or ``… dev``.

Needs nothing but Python 3.11. Does nothing when the last installation was of the same ``pyproject.toml`` by the same Python
in the same place. Two of these at once wait for one another.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
WHAT = {"runtime": ".", "dev": ".[research,dev]"}
#: An installation for development is one for running, too.
SERVES = {"runtime": ("runtime", "dev"), "dev": ("dev",)}


def say(text: str) -> None:
    """One line, at once."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 (a script that speaks to people)


def run(*command: str | Path) -> int:
    """Run it, what it prints shown; its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode


def fingerprint() -> str:
    """What an installation depends on: the project file, the interpreter, the place."""
    parts = ((ROOT / "pyproject.toml").read_bytes(), sys.version.encode(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def current(kind: str) -> bool:
    """Whether what is installed serves ``kind``."""
    stamps = [VENV / f"installed-{name}" for name in SERVES[kind]]
    return PYTHON.exists() and any(stamp.exists() and stamp.read_text("utf-8") == fingerprint() for stamp in stamps)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the environment while it is changed."""
    try:
        import fcntl  # noqa: PLC0415 (not on Windows)
    except ImportError:
        yield
        return
    with (ROOT / "pyproject.toml").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another installation into .venv")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create() -> None:
    """An empty environment with pip, or a line that says what is missing."""
    say(f"creating .venv with Python {sys.version.split()[0]}")
    if importlib.util.find_spec("ensurepip") is not None and run(sys.executable, "-m", "venv", "--clear", VENV) == 0:
        return
    # Debian and Ubuntu ship venv without ensurepip; a pip of the system can do its work.
    if importlib.util.find_spec("pip") is not None and importlib.util.find_spec("venv") is not None:
        made = run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
        if made == 0 and run(sys.executable, "-m", "pip", "--quiet", "--python", PYTHON, "install", "pip") == 0:
            return
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    say(f"error: {sys.executable} cannot make a virtual environment (no ensurepip).")
    say(f"On Debian or Ubuntu: apt install {name}-venv. Elsewhere: install Python from python.org, then make PYTHON=/path/to/it")
    sys.exit(1)


def works() -> bool:
    """Whether the environment is of this Python, and it and its pip run: an upgraded interpreter leaves one that does not."""
    if not PYTHON.exists():
        return False
    ask = [str(PYTHON), "-c", "import sys, pip; print(sys.version)"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.strip()


def main() -> None:
    """Bring ``.venv`` up to date for what is asked."""
    if len(sys.argv) != 2 or sys.argv[1] not in WHAT:
        sys.exit("usage: python .ci/venv.py runtime|dev")
    kind = sys.argv[1]
    if current(kind):
        return
    with alone():
        if current(kind):
            return  # the one waited for did it
        if not works():
            create()
        what = "the development tools" if kind == "dev" else "Tickwright"
        say(f"installing {what} into .venv; the first time takes a minute or two")
        began = time.monotonic()
        pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq", "--prefer-binary")
        if run(*pip, "--editable", WHAT[kind]) != 0:
            say("error: pip could not install; its own words are above. Nothing outside .venv was changed.")
            sys.exit(1)
        (VENV / f"installed-{kind}").write_text(fingerprint(), "utf-8")
        say(f"installed in {time.monotonic() - began:.0f} s")


main()
