"""Fuzz for longer than a test run may: ``python tests/fuzz/run.py [--target NAME …] [--seconds N | --runs N] [--json]``.

With atheris (extra ``fuzz``) coverage of our own code guides the inputs; without it they come from seeds, one after the other, and
the runner says so. Either way inputs are made by the mutators of ``mutate.py`` and judged as in the tests. What fails is made
smaller and written into ``corpus/<target>/``, where every test run tries it again: commit it with the fix. The exit code is 1
if anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: ``fuzz`` is a package of the tests, as under pytest; this folder itself is none.
sys.path[0] = str(HERE.parent)
if importlib.util.find_spec("tickwright") is None:
    sys.path.insert(1, str(ROOT / "src"))

#: Inputs that atheris found worth keeping, grown from night to night; not committed.
GROWN = ROOT / ".fuzz"
#: A kept input is small, and a folder of them is read in one look.
KEPT_BYTES_MAX = 4_000
KEPT_FILES_MAX = 60
FINDINGS_MAX = 20
#: Inputs made from seeds, among which a corpus is chosen besides those that atheris found.
_TRIED = 2_000
#: Code that counts its own branches is slower.
_INSTRUMENTED_SLOWNESS = 10.0
_WIRE_MAX = 8_192


class Findings:
    """What went wrong, each way once."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._seen: set[str] = set()
        self.listed: list[dict[str, str]] = []

    def add(self, wire: bytes, error: BaseException) -> None:
        """Shrink and keep an input, unless one like it is kept."""
        from fuzz.target import CORPUS, shrunk

        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        if place in self._seen or len(self.listed) >= FINDINGS_MAX:
            return
        self._seen.add(place)
        small = shrunk(self._target, wire, error)
        path = keep(self._target, small, "found", CORPUS if len(small) < KEPT_BYTES_MAX else GROWN)
        self.listed.append({"error": f"{place}: {str(error)[:200]}", "file": str(path.relative_to(ROOT))})
        print(f"{self._target.name}: {place}: {str(error)[:200]}; kept in {path.relative_to(ROOT)}", file=sys.stderr, flush=True)


def keep(target: Any, wire: bytes, prefix: str, where: Path) -> Path:
    """Write an input into the corpus (or, too large for it, beside it: write a test), under a name that is its content's."""
    path = where / target.name / f"{prefix}-{hashlib.sha256(wire).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wire)
    return path


# -- without atheris -------------------------------------------------------------------------------------------------------


def run_seeded(target: Any, seconds: float, runs: int, seed: int) -> dict[str, Any]:
    """Inputs from consecutive seeds until the time or the number is up."""
    from fuzz.choices import Seeded
    from fuzz.target import run

    found = Findings(target)
    began = time.monotonic()
    done = parsed = 0
    for path in target.corpus():
        wire = path.read_bytes()
        try:
            run(target, wire)
        except Exception as error:
            found.add(wire, error)
    while (not runs or done < runs) and time.monotonic() - began < seconds:
        wire = target.make(Seeded(seed + done))
        done += 1
        parsed += target.is_past(wire)
        try:
            run(target, wire)
        except Exception as error:
            found.add(wire, error)
    spent_s = time.monotonic() - began
    return {
        "target": target.name,
        "inputs": done,
        "seconds": round(spent_s, 1),
        "parsed_share": round(parsed / max(1, done), 3),
        "findings": found.listed,
    }


# -- with atheris ----------------------------------------------------------------------------------------------------------


def run_guided(name: str, seconds: float, runs: int, seed: int) -> dict[str, Any]:
    """The same in a process of its own: libFuzzer ends the process when it is done."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        ask = [sys.executable, str(HERE / "run.py"), "--child", str(said), "--target", name, "--seed", str(seed)]
        ask += ["--runs", str(runs), "--seconds", str(seconds)]
        done = subprocess.run(ask, capture_output=True, text=True, errors="replace", check=False)
        if not said.exists():
            raise SystemExit(f"{name}: atheris ended with code {done.returncode}\n{done.stderr[-3000:]}")
        report: dict[str, Any] = json.loads(said.read_text())
    finding = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr)
    if finding:
        report["edges"], report["features"], report["grown"] = map(int, finding[-1])
    if done.returncode:
        report["findings"].append({"error": f"the process ended with code {done.returncode}: {done.stderr[-300:]}", "file": ""})
    return report


def child(name: str, said: Path, seconds: float, runs: int, seed: int) -> None:
    """One target under libFuzzer. Never returns."""
    import atheris  # not for every Python and every machine: looked for before

    with atheris.instrument_imports(include=["tickwright"]):
        from fuzz.choices import Seeded
        from fuzz.targets import TARGETS

    from fuzz.target import run

    target = TARGETS[name]
    found = Findings(target)
    began = time.monotonic()
    counted = {"inputs": 0, "parsed": 0}
    told = 0.0

    def tell() -> None:
        report = {
            "target": name,
            "inputs": counted["inputs"],
            "seconds": round(time.monotonic() - began, 1),
            "parsed_share": round(counted["parsed"] / max(1, counted["inputs"]), 3),
            "findings": found.listed,
        }
        said.write_text(json.dumps(report))

    def one(wire: bytes) -> None:
        nonlocal told
        counted["inputs"] += 1
        counted["parsed"] += target.is_past(wire)
        try:
            run(target, wire, _INSTRUMENTED_SLOWNESS)
        except Exception as error:
            found.add(wire, error)
        if time.monotonic() - told > 0.5 or counted["inputs"] == runs:
            told = time.monotonic()
            tell()

    def mutate(wire: bytes, size: int, number: int) -> bytes:
        choices = Seeded(number)
        if choices.one_in(10):
            made: bytes = atheris.Mutate(wire, size)
            return made
        return target.mutate(wire if not choices.one_in(4) else choices.pick(target.samples), choices, target.samples)[:size]

    folder = GROWN / name
    folder.mkdir(parents=True, exist_ok=True)
    for sample in target.samples:
        (folder / f"sample-{hashlib.sha256(sample).hexdigest()[:12]}").write_bytes(sample)
    where = [str(folder), *({str(path.parent) for path in target.corpus()})]
    options = [f"-max_total_time={max(1, round(seconds))}", f"-max_len={_WIRE_MAX}", f"-seed={seed % 2**31}", "-len_control=0"]
    options += ["-rss_limit_mb=2048", "-timeout=30", "-print_final_stats=0", f"-artifact_prefix={folder}/artifact-"]
    options += [f"-runs={runs}"] if runs else []
    atheris.Setup([sys.argv[0], *options, *where], one, custom_mutator=mutate)
    atheris.Fuzz()


# -- the corpus ------------------------------------------------------------------------------------------------------------


def minimise(target: Any) -> dict[str, Any]:
    """Keep the fewest small inputs that reach what any known input reaches; what once failed stays whatever it reaches."""
    from fuzz.choices import Seeded
    from fuzz.target import CORPUS

    grown = GROWN / target.name
    pool = {path.read_bytes() for path in [*target.corpus(), *(grown.iterdir() if grown.is_dir() else ())]}
    pool |= {target.make(Seeded(seed)) for seed in range(_TRIED)}
    found = {path.read_bytes() for path in target.corpus() if path.name.startswith("found-")}
    lines = {
        wire: _lines(target, wire) for wire in sorted(pool, key=lambda wire: (len(wire), wire)) if len(wire) < KEPT_BYTES_MAX
    }
    reached = set().union(*(_lines(target, wire) for wire in {*target.samples, *found}))
    kept: list[bytes] = []
    while len(kept) + len(found) < KEPT_FILES_MAX:
        best = max(lines, key=lambda wire: len(lines[wire] - reached), default=b"")
        if not lines or not lines[best] - reached:
            break
        reached |= lines[best]
        kept.append(best)
    for path in target.corpus():
        if not path.name.startswith("found-"):
            path.unlink()
    for wire in kept:
        keep(target, wire, "reaches", CORPUS)
    return {
        "target": target.name,
        "known": len(pool),
        "kept": len(kept) + len(found),
        "lines": len(reached),
    }


def _lines(target: Any, wire: bytes) -> frozenset[tuple[str, int, int]]:
    """Steps from line to line of the package that an input takes."""
    seen: set[tuple[str, int, int]] = set()

    def trace(frame: Any, event: str, _: object) -> Any:
        name = frame.f_code.co_filename
        if "tickwright" not in name:
            return None
        last = frame.f_lineno

        def local(inner: Any, what: str, __: object) -> Any:
            nonlocal last
            if what == "line":
                seen.add((name, last, inner.f_lineno))
                last = inner.f_lineno
            return local

        return local

    sys.settrace(trace)
    try:
        target.check(wire)
    except Exception:
        seen.add(("failed", 0, 0))
    finally:
        sys.settrace(None)
    return frozenset(seen)


# -- the command -----------------------------------------------------------------------------------------------------------


def main() -> int:
    """Everything that was asked for, one target after the other."""
    asked = _arguments()
    if asked.child:
        child(asked.target[0], Path(asked.child), asked.seconds, asked.runs, asked.seed)
    from fuzz.targets import TARGETS

    unknown = [name for name in asked.target if name not in TARGETS]
    if unknown:
        raise SystemExit(f"there is no target {unknown[0]!r}; the targets are {', '.join(TARGETS)}")
    chosen = asked.target or list(TARGETS)
    if asked.minimise:
        for name in chosen:
            print(json.dumps(minimise(TARGETS[name])))
        return 0
    guided = not asked.seeded and importlib.util.find_spec("atheris") is not None
    engine = f"atheris {importlib.metadata.version('atheris')}" if guided else "seeds"
    if not guided and not asked.seeded:
        print("atheris is not installed (pip install 'tickwright[fuzz]'): inputs come from seeds, unguided", file=sys.stderr)
    share_s = asked.seconds / len(chosen)
    reports = []
    for name in chosen:
        report = (
            run_guided(name, share_s, asked.runs, asked.seed)
            if guided
            else run_seeded(TARGETS[name], share_s, asked.runs, asked.seed)
        )
        reports.append(report)
        if not asked.json:
            print(_told(report), *(f"  {finding['error']}" for finding in report["findings"]), sep="\n", flush=True)
    total = {
        "engine": engine,
        "inputs": sum(report["inputs"] for report in reports),
        "seconds": round(sum(report["seconds"] for report in reports), 1),
        "findings": sum(len(report["findings"]) for report in reports),
        "targets": reports,
    }
    print(json.dumps(total) if asked.json else f"{engine}: {total['inputs']:,} inputs, {total['findings']} findings")
    return 1 if total["findings"] else 0


def _told(report: dict[str, Any]) -> str:
    guided = f", {report['edges']} edges" if "edges" in report else ""
    parsed = f"{100 * report['parsed_share']:.0f} % past the first parse"
    return f"{report['target']:<14}{report['inputs']:>12,} inputs in {report['seconds']:>6} s, {parsed}{guided}, {len(report['findings'])} findings"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", default=[], help="one target (may be repeated); all of them without")
    parser.add_argument("--seconds", type=float, default=120.0, help="in all, divided among the targets")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target, at most; 0: as many as the time allows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeded", action="store_true", help="without atheris, though it is there")
    parser.add_argument("--minimise", action="store_true", help="instead: make the committed corpus as small as it can be")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
