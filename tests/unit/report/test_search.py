"""A search shares one study among processes, goes on from where it was stopped, and is judged on what it has not seen."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from tickwright.base.errors import UsageError
from tickwright.report.search import Choice, read_choice, search
from tickwright.run.backtest.command import BacktestOptions

SPACE = {"fast": Choice(kind="int", low=2, high=8), "slow": Choice(kind="int", low=9, high=40)}


@pytest.fixture
def options(tmp_path: Path) -> BacktestOptions:
    chance, price, rows = random.Random(4), 60_000.0, ["time,open,high,low,close,volume"]
    for n in range(600):
        close = round(price + chance.gauss(0, 40) + (30 if n // 60 % 2 else -30), 2)
        rows.append(f"{1_700_000_040 + 60 * n},{price},{max(price, close) + 3:.2f},{min(price, close) - 3:.2f},{close},1")
        price = close
    data = tmp_path / "bars.csv"
    data.write_text("\n".join(rows) + "\n")
    file = tmp_path / "cross.py"
    file.write_text(
        "from tickwright import Strategy, bars, ema, param\n\n\nclass Cross(Strategy):\n    fast = param(3, low=2, high=50)\n"
        "    slow = param(9, low=3, high=99)\n    quick = bars('1m').close >> ema(fast)\n    lazy = bars('1m').close >> ema(slow)\n\n"
        "    def decide(self):\n        self.target('0.01' if self.quick.value > self.lazy.value else 0)\n"
    )
    return BacktestOptions(strategy=file, data=data, fees_bps="0,0")


def test_a_search_ends_with_the_best_goes_on_from_its_file_and_is_judged_on_the_rest(
    options: BacktestOptions, tmp_path: Path
) -> None:
    seen: list[int] = []
    study = tmp_path / "study.sqlite"
    first = search(
        options, SPACE, objective="total_return", trials=6, jobs=2, study=study, on_progress=lambda done, _: seen.append(done)
    )
    assert 6 <= first.trials <= 7, "two processes may each be in the middle of the last"
    assert first.resumed == 0
    assert seen[-1] == 6
    values = [trial.value for trial in first.best if trial.value is not None]
    assert values == sorted(values, reverse=True)
    assert first.seen.total_return == pytest.approx(values[0])
    assert first.unseen.trips > 0
    assert first.unseen.total_return != first.seen.total_return
    more = search(options, SPACE, objective="total_return", trials=9, jobs=1, study=study)
    assert more.resumed == first.trials
    assert more.trials == 9
    assert more.best[0].value is not None
    assert more.best[0].value >= values[0]


def test_a_study_is_not_gone_on_with_for_another_question(options: BacktestOptions, tmp_path: Path) -> None:
    study = tmp_path / "study.sqlite"
    search(options, SPACE, objective="total_return", trials=1, jobs=1, study=study)
    with pytest.raises(UsageError, match="another objective"):
        search(options, SPACE, objective="expectancy", trials=2, jobs=1, study=study)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("5:50", Choice(kind="int", low=5, high=50)),
        ("0.1:0.5", Choice(kind="float", low=0.1, high=0.5)),
        ("a|b|c", Choice(kind="words", words=("a", "b", "c"))),
        ("7", None),
    ],
)
def test_what_a_parameter_may_be_is_read_from_the_flag(text: str, choice: Choice | None) -> None:
    assert read_choice("n", text) == choice


def test_wrong_questions_are_told(options: BacktestOptions, tmp_path: Path) -> None:
    study = tmp_path / "study.sqlite"
    for text in ("50:5", "a:b", "1:inf"):
        with pytest.raises(UsageError):
            read_choice("n", text)
    with pytest.raises(UsageError, match="no figure"):
        search(options, SPACE, objective="sharp", study=study)
    with pytest.raises(UsageError, match="nothing to search"):
        search(options, {}, study=study)
    broken = msgspec.structs.replace(options, params={"nonsense": "1"})
    with pytest.raises(UsageError, match=r"no trial ended: .*nonsense"):
        search(broken, SPACE, objective="total_return", trials=1, jobs=1, study=study)
