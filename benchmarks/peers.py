"""Makes the environment of clients that are compared with but do not belong beside the development tools: ``make bench-peers``.

It is in ``.venv-peers``, made once. Where it cannot be made, a line says so, and benchmarks say "not run" for them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VENV = Path(__file__).parent.parent / ".venv-peers"
PYTHON = VENV / "bin" / "python"
WANTED = ("cryptofeed>=2.4,<3", "uvloop>=0.21")
DEADLINE_S = 600.0


def peers_python() -> Path | None:
    """The interpreter that has cryptofeed; None where there is none."""
    if not PYTHON.exists():
        return None
    found = subprocess.run([PYTHON, "-c", "import cryptofeed, uvloop"], capture_output=True, check=False)
    return PYTHON if found.returncode == 0 else None


def main() -> None:
    if peers_python() is not None:
        return
    print("installing cryptofeed into .venv-peers", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", PYTHON, "install", "-q", "--prefer-binary"]
    for command in ([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], [*pip, *WANTED]):
        try:
            code = subprocess.run(command, check=False, timeout=DEADLINE_S).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            code = str(error)
        if code:
            print(f"cryptofeed could not be installed ({code}): it is not run", file=sys.stderr)
            return


if __name__ == "__main__":
    main()
