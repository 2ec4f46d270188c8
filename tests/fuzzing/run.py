"""Feed the targets for a while, guided by what code is reached where atheris is installed, by chance where it is not.

    python -m fuzzing.run --target market --seconds 60 [--json]      from tests/, with the package importable

A tape that breaks something is written to ``corpus/TARGET`` and the run ends with an error; add it to the tests with the fix.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from pathlib import Path

from fuzzing.mutate import Tape, mutated

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="", help="one of them (default: all, one after another)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print their names")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    guided = None if given.list else _atheris()
    if guided is not None:
        with guided.instrument_imports(include=["tickwright"]):
            from fuzzing.targets import TARGETS
    else:
        from fuzzing.targets import TARGETS
    if given.list:
        sys.stdout.write("\n".join(sorted(TARGETS)) + "\n")
        return
    names = [given.target] if given.target else sorted(TARGETS)
    if not set(names) <= set(TARGETS):
        parser.error(f"--target takes {', '.join(sorted(TARGETS))}")
    if guided is not None and len(names) == 1:
        _guided(guided, TARGETS[names[0]], given.seconds)
        return
    told = {name: _by_chance(TARGETS[name], given.seconds, given.seed) for name in names}
    if given.json:
        sys.stdout.write(json.dumps({"guided": False, "inputs": told}) + "\n")


def _atheris() -> object:
    try:
        import atheris
    except ImportError:
        sys.stderr.write("atheris is not installed: inputs are drawn, not guided\n")
        return None
    return atheris


def _guided(atheris: object, target: object, seconds: float) -> None:
    def once(data: bytes) -> None:
        tape = Tape(data)
        target.feed(mutated(tape, target.samples), tape)  # type: ignore[attr-defined]  # a Target

    folder = CORPUS / target.name  # type: ignore[attr-defined]  # the same
    folder.mkdir(parents=True, exist_ok=True)
    flags = [
        sys.argv[0],
        f"-max_total_time={int(seconds)}",
        "-max_len=256",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup(flags, once)  # type: ignore[attr-defined]  # the module
    atheris.Fuzz()  # type: ignore[attr-defined]  # the same


def _by_chance(target: object, seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        data = chance.randbytes(chance.randrange(8, 96))
        tape = Tape(data)
        try:
            target.feed(mutated(tape, target.samples), tape)  # type: ignore[attr-defined]  # a Target
        except Exception:
            folder = CORPUS / target.name  # type: ignore[attr-defined]  # the same
            folder.mkdir(parents=True, exist_ok=True)
            (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
            raise
        count += 1
    sys.stderr.write(f"{target.name}: {count:,} inputs in {seconds:g} s, nothing found\n")  # type: ignore[attr-defined]  # the same
    return count


if __name__ == "__main__":
    main()
