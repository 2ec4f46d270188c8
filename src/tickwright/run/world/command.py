"""`tickwright world`: many seeds, each run twice, and what they came to."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec

import tickwright
from tickwright.base.clock import NS_PER_S, SystemClock
from tickwright.base.errors import UsageError
from tickwright.run.load import load_strategy
from tickwright.run.world.marks import expected
from tickwright.run.world.seed import SeedResult, reproduce
from tickwright.run.world.shrink import shrink
from tickwright.run.world.swarm import SAFETY_S, Draw, draw
from tickwright.run.world.worker import run_one

#: Seeds that one process runs.
CHUNK = 20
#: Violations that a report has in full.
TOLD_MAX = 20
#: The two surroundings that a seed is run in.
_SURROUNDINGS = ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland"})


class WorldOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run. ``seconds`` is how long faults are on in each seed, in virtual time."""

    seeds: int = 200
    first: int = 0
    seconds: float = SAFETY_S
    jobs: int = 0  # 0: one a core
    strategy: Path | None = None
    shrink: bool = False

    def check(self) -> None:
        """Refuse what makes no sense."""
        if self.seeds < 1 or self.first < 0:
            raise UsageError("there must be a seed to run", hint="--seeds 200 --first 0")
        if not 10 <= self.seconds <= 86_400:
            raise UsageError(f"--seconds must be from 10 to 86400, not {self.seconds:g}")
        if self.jobs < 0:
            raise UsageError("--jobs must not be negative")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One seed that is not as it should be, and how to see it again."""

    seed: int
    what: str
    text: str
    reproduce: str
    draw: Draw | None = None  # made smaller, where that was asked for


class WorldReport(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over all seeds. ``divergences``: seeds whose two runs were not equal. ``marks``: what was met how often."""

    version: str
    seeds: int
    first: int
    violations: int
    divergences: int
    failures: list[Failure]
    submissions: int
    duplicated: int
    lost: int
    orphaned: int
    fills: int
    lives: int
    crashes: int
    steps: int
    simulated_s: float
    seconds: float
    times_real: float
    marks: dict[str, int]
    not_met: list[str]


def run_world(
    options: WorldOptions, progress: Callable[[int], None] = lambda _: None, say: Callable[[str], None] = lambda _: None
) -> WorldReport:
    """Run every seed twice and sum up."""
    options.check()
    if options.strategy is not None:
        load_strategy(options.strategy)  # a file that is no strategy is told before anything is run
    clock = SystemClock()
    began_ns = clock.mono_ns()
    results: dict[int, list[SeedResult]] = {}
    for result in _all(options):
        pair = results.setdefault(result.seed, [])
        pair.append(result)
        progress(1)
        if len(pair) == 1 and result.violations:
            worst = result.violations[0]
            say(f"seed {result.seed}: {worst.what}: {worst.text[:300]}\n  {reproduce(draw(result.seed, options.seconds))}")
    return _report(options, results, (clock.mono_ns() - began_ns) / NS_PER_S, say)


def _all(options: WorldOptions) -> Iterator[SeedResult]:
    jobs = options.jobs or os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tickwright-world-"))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        tasks: list[Future[list[SeedResult]]] = []
        for start in range(options.first, options.first + options.seeds, CHUNK):
            count = min(CHUNK, options.first + options.seeds - start)
            tasks += [pool.submit(_run, options, start, count, env, folder) for env in _SURROUNDINGS]
        for task in as_completed(tasks):
            yield from task.result()


def _run(options: WorldOptions, start: int, count: int, env: dict[str, str], folder: str) -> list[SeedResult]:
    """One process, some seeds."""
    strategy = str(options.strategy.resolve()) if options.strategy is not None else ""
    command = [sys.executable, "-m", "tickwright.run.world.worker", str(start), str(count), str(options.seconds), strategy]
    where = folder if env["TZ"] != "UTC" else None
    done = subprocess.run(  # noqa: S603 (this program)
        command, env={**os.environ, **env}, cwd=where, capture_output=True, text=True, check=False
    )
    results = [msgspec.json.decode(line, type=SeedResult) for line in done.stdout.splitlines()]
    if len(results) < count:
        raise RuntimeError(f"seed {start + len(results)} ended its process with code {done.returncode}: {done.stderr[-1_000:]}")
    return results


def _report(
    options: WorldOptions, results: dict[int, list[SeedResult]], seconds: float, say: Callable[[str], None]
) -> WorldReport:
    firsts = [results[seed][0] for seed in sorted(results)]
    marks: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    failures: list[Failure] = []
    divergences = 0
    for result in firsts:
        marks.update(result.marks)
        kinds.update(violation.what for violation in result.violations)
        drawn = draw(result.seed, options.seconds)
        digests = {one.digest for one in results[result.seed]}
        if len(digests) > 1:
            divergences += 1
            text = f"two runs gave {' and '.join(sorted(digests))}"
            failures.append(Failure(seed=result.seed, what="divergence", text=text, reproduce=reproduce(drawn)))
        if result.violations:
            failures.append(_failure(options, result, drawn, say))
    simulated_s = sum(result.simulated_s for result in firsts)
    return WorldReport(
        version=tickwright.__version__,
        seeds=len(firsts),
        first=options.first,
        violations=sum(kinds.values()),
        divergences=divergences,
        failures=failures[:TOLD_MAX],
        submissions=sum(result.submissions for result in firsts),
        duplicated=kinds["duplicated"],
        lost=kinds["lost"],
        orphaned=kinds["orphaned"],
        fills=sum(result.fills for result in firsts),
        lives=sum(result.lives for result in firsts),
        crashes=sum(result.crashes for result in firsts),
        steps=sum(result.steps for result in firsts),
        simulated_s=round(simulated_s, 1),
        seconds=round(seconds, 1),
        times_real=round(2 * simulated_s / seconds, 1) if seconds else 0.0,
        marks=dict(sorted(marks.items())),
        not_met=[name for name in expected() if not marks[name]],
    )


def _failure(options: WorldOptions, result: SeedResult, drawn: Draw, say: Callable[[str], None]) -> Failure:
    worst = result.violations[0]
    smaller = None
    if options.shrink:
        strategy = str(options.strategy) if options.strategy is not None else ""

        def fails(candidate: Draw) -> bool:
            return any(violation.what == worst.what for violation in run_one(candidate, strategy).violations)

        smaller = shrink(drawn, fails, say)
    return Failure(seed=result.seed, what=worst.what, text=worst.text[:2_000], reproduce=reproduce(drawn), draw=smaller)


def describe(report: WorldReport) -> str:
    """For people."""
    verdict = "nothing went wrong" if not report.failures else f"{len(report.failures)} seeds are not as they should be"
    sent = f"of {report.submissions:,} orders sent {report.duplicated} duplicated, {report.lost} lost, {report.orphaned} orphaned"
    lived = f"{report.fills:,} executions, {report.lives:,} lives of the run, {report.crashes:,} crashes"
    lines = [
        f"{report.seeds} seeds, each run twice: {verdict}.",
        f"{report.violations} violations, {report.divergences} divergences; {sent}.",
        f"{lived}, {report.simulated_s:,.0f} simulated seconds, {report.times_real:,.0f} times real time.",
    ]
    if report.not_met:
        lines.append(f"Not met: {', '.join(report.not_met)}.")
    for failure in report.failures:
        lines.append(f"seed {failure.seed}: {failure.what}: {failure.text.splitlines()[0][:300]}")
        lines.append(f"  {failure.reproduce}")
        if failure.draw is not None:
            lines.append(f"  smaller: {msgspec.json.encode(failure.draw).decode()}")
    return "\n".join(lines)
