"""Search over the parameters of a strategy, and what the best of them would have made on data that the search has not seen.

The data is cut in two: trials run on the first part, and the best of them once on the second, warmed up by the first. A search
finds what fits its data best, so the second figure is the one to look at. Trials are Optuna's (TPE), kept in an SQLite file:
a search that is stopped goes on from there, and several processes share it.
"""

from __future__ import annotations

import datetime as dt
import math
import multiprocessing
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tickwright.base.clock import NS_PER_S, SystemClock
from tickwright.base.errors import TickwrightError, UsageError
from tickwright.base.suggest import near_or_list
from tickwright.report.statistics import Statistics, statistics
from tickwright.run.backtest.command import BacktestOptions, extent, run_backtest

#: How often the parent looks at how far the processes are.
LOOK_S = 0.5
STUDY = "tickwright"
_DONE = "COMPLETE"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a parameter may be: whole numbers or numbers between two ends, or one of several words."""

    kind: str  # int, float or words
    low: float = 0.0
    high: float = 0.0
    words: tuple[str, ...] = ()


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One set of parameters and what it was worth; None where the objective is not defined."""

    params: dict[str, str]
    value: float | None


class SearchReport(msgspec.Struct, frozen=True, kw_only=True):
    """``best`` first. ``seen`` and ``unseen`` are the best one's statistics on either part of the data."""

    objective: str
    trials: int
    resumed: int  # trials that were in the file before
    seconds: float
    split: str  # where the second part begins
    best: list[Trial]
    seen: Statistics
    unseen: Statistics


def read_choice(name: str, text: str) -> Choice | None:
    """``5:50`` whole numbers, ``0.1:0.5`` numbers, ``a|b|c`` words; None for a plain value. Raises ``UsageError``."""
    if "|" in text:
        return Choice(kind="words", words=tuple(text.split("|")))
    low, colon, high = text.partition(":")
    if not colon:
        return None
    try:
        ends = float(low), float(high)
    except ValueError:
        raise UsageError(f"--param {name}={text}", hint="write 5:50, 0.1:0.5 or a|b|c") from None
    if not (math.isfinite(ends[0]) and math.isfinite(ends[1]) and ends[0] < ends[1]):
        raise UsageError(f"--param {name}={text}: the first end is below the second")
    whole = "." not in text and "e" not in text.lower()
    return Choice(kind="int" if whole else "float", low=ends[0], high=ends[1])


def search(
    options: BacktestOptions,
    space: Mapping[str, Choice],
    *,
    objective: str = "sharpe",
    trials: int = 100,
    jobs: int = 0,
    study: Path,
    split: float = 0.7,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchReport:
    """Run trials until the study has ``trials`` of them."""
    _check(space, objective, trials, split)
    optuna = _optuna()
    clock = SystemClock()
    began = clock.mono_ns()
    first, last = extent(options)
    cut_ns = first + int((last - first) * split)
    inside = msgspec.structs.replace(options, end=_text(cut_ns))
    storage = f"sqlite:///{study}"
    kept = optuna.create_study(study_name=STUDY, storage=storage, direction="maximize", load_if_exists=True)
    _same(kept, options, space, objective)
    before = _count(kept)
    job = _Job(inside, dict(space), objective, storage, trials)
    count = min(jobs or os.cpu_count() or 1, max(1, trials - before))
    _run(job, count, kept, trials, on_progress)
    found = sorted((one for one in kept.trials if one.state.name == _DONE and one.value is not None), key=lambda one: -one.value)
    if not found:
        raise UsageError(f"{objective} is defined for none of the trials", where=options.strategy.name, hint="do they trade?")
    best = {name: str(value) for name, value in found[0].params.items()}
    chosen = {**options.params, **best}
    seen = statistics(run_backtest(msgspec.structs.replace(inside, params=chosen)))
    unseen = statistics(run_backtest(msgspec.structs.replace(options, params=chosen, start=_text(cut_ns))))
    return SearchReport(
        objective=objective,
        trials=_count(kept),
        resumed=before,
        seconds=round((clock.mono_ns() - began) / NS_PER_S, 2),
        split=_text(cut_ns),
        best=[Trial(params={name: str(value) for name, value in one.params.items()}, value=one.value) for one in found[:10]],
        seen=seen,
        unseen=unseen,
    )


def _check(space: Mapping[str, Choice], objective: str, trials: int, split: float) -> None:
    numbers = [name for name in Statistics.__struct_fields__ if name not in ("period", "by_month", "by_hour", "by_side")]
    if objective not in numbers:
        raise UsageError(f"{objective!r} is no figure of a report", hint=near_or_list(objective, numbers))
    if not space:
        raise UsageError("there is nothing to search over", hint="give --param fast=5:50")
    if trials < 1:
        raise UsageError(f"--trials {trials} is below 1")
    if not 0.1 <= split <= 0.9:
        raise UsageError(f"--split {split} is not between 0.1 and 0.9")


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415 (optional, and slow to load)
    except ImportError:
        raise UsageError("a search needs optuna", hint="pip install 'tickwright[research]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _same(study: Any, options: BacktestOptions, space: Mapping[str, Choice], objective: str) -> None:
    """A study goes on with what it was begun with, or its trials could not be compared."""
    asked = msgspec.json.encode(
        (options.strategy.name, str(options.data), options.params, dict(sorted(space.items())), objective)
    ).decode()
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
    elif known != asked:
        raise UsageError("the study was begun with other data, parameters or another objective", hint="give it another --study")


def _count(study: Any) -> int:
    return sum(one.state.name == _DONE for one in study.get_trials(deepcopy=False))


class _Job(msgspec.Struct, frozen=True):
    """What a process is given."""

    options: BacktestOptions
    space: dict[str, Choice]
    objective: str
    storage: str
    trials: int


def _run(job: _Job, count: int, study: Any, trials: int, on_progress: Callable[[int, int], None] | None) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(job, number), daemon=True) for number in range(count)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        for worker in workers:
            worker.join(LOOK_S / count)
        if on_progress is not None:
            on_progress(min(trials, _count(study)), trials)
    told = study.user_attrs.get("error", "")
    if told and not _count(study):
        raise UsageError(f"no trial ended: {told}", where=job.options.strategy.name, hint="try it with tickwright backtest first")


def _work(job: _Job, number: int) -> None:
    """Trials in a process of its own until there are enough."""
    optuna = _optuna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its experimental parts say so at each start
        sampler = optuna.samplers.TPESampler(seed=job.options.seed * 1_000 + number, constant_liar=True)
    study = optuna.load_study(study_name=STUDY, storage=job.storage, sampler=sampler)

    def enough(kept: Any, _trial: Any) -> None:
        if _count(kept) >= job.trials:
            kept.stop()

    def once(trial: Any) -> float:
        params = {name: _suggest(trial, name, choice) for name, choice in job.space.items()}
        options = msgspec.structs.replace(job.options, params={**job.options.params, **params})
        value = getattr(statistics(run_backtest(options)), job.objective)
        if value is None:
            raise optuna.TrialPruned
        return float(value)

    try:
        if _count(study) < job.trials:
            study.optimize(once, n_trials=job.trials, callbacks=[enough])
    except TickwrightError as error:  # the parent tells it
        study.set_user_attr("error", str(error))


def _suggest(trial: Any, name: str, choice: Choice) -> str:
    if choice.kind == "words":
        return str(trial.suggest_categorical(name, list(choice.words)))
    if choice.kind == "int":
        return str(trial.suggest_int(name, int(choice.low), int(choice.high)))
    return repr(trial.suggest_float(name, choice.low, choice.high))


def _text(at_ns: int) -> str:
    return dt.datetime.fromtimestamp(at_ns // 10**9, dt.UTC).isoformat()
