"""Strategies that fool their author are caught, each by what gives it away; honest ones are not."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path

import pytest

from tickwright.base.errors import MismatchError
from tickwright.data.source import from_file
from tickwright.run.backtest.check import Changed, CheckReport, check
from tickwright.run.backtest.command import BacktestOptions, instrument_for, run_check
from tickwright.run.load import load_strategy

START = 1_700_000_040
ROWS = 240

HONEST = {
    "averages": """
        fast = bars("1m").close >> ema(3)
        slow = bars("1m").close >> ema(8)

        def decide(self):
            self.target("0.01" if self.fast.value > self.slow.value else 0)
    """,
    "frame": """
        last = bars("1m") >> frame(10)

        def decide(self):
            seen = self.last.value
            self.target("0.01" if seen["close"].iloc[-1] > seen["close"].mean() else 0)
    """,
    "own stage": """
        high = bars("1m").high >> highest(5)
        close = bars("1m").close

        def decide(self):
            self.target("0.01" if self.close.value >= self.high.value * 0.999 else 0)
    """,
}
#: Ten ways to know what one cannot know, or not to know what one does. ``DATA`` is the path of the data.
TRICKS = {
    "reads the data when it is made": """
        close = bars("1m").close

        def on_start(self):
            with open(DATA) as file:
                self.future = [float(line.split(",")[4]) for line in file.readlines()[1:]]

        def decide(self):
            self.seen = getattr(self, "seen", 0) + 1
            self.target("0.01" if self.future[min(self.seen + 1, len(self.future) - 1)] > self.close.value else 0)
    """,
    "reads the data when it decides": """
        close = bars("1m").close

        def decide(self):
            import pandas as pd
            table = pd.read_csv(DATA)
            later = table[table["time"] * 10**9 > self.now_ns]["close"]
            self.target("0.01" if len(later) and later.iloc[0] > self.close.value else 0)
    """,
    "reads it by a descriptor": """
        close = bars("1m").close

        def decide(self):
            import os
            file = os.open(DATA, os.O_RDONLY)
            size = len(os.read(file, 10**6))
            os.close(file)
            self.target("0.01" if size % 2 else 0)
    """,
    "reads it by its path": """
        close = bars("1m").close

        def decide(self):
            from pathlib import Path
            self.target("0.01" if "6" in Path(DATA).read_text()[-50:] else 0)
    """,
    "remembers the last run in its class": """
        close = bars("1m").close
        memory = {}

        def decide(self):
            later = self.memory.get(self.now_ns + 60 * 10**9)
            self.memory[self.now_ns] = self.close.value
            self.target("0.01" if later is not None and later > self.close.value else 0)
    """,
    "remembers the last run in its module": """
        close = bars("1m").close

        def decide(self):
            later = MEMORY.get(self.now_ns + 60 * 10**9)
            MEMORY[self.now_ns] = self.close.value
            self.target("0.01" if later is not None and later > self.close.value else 0)
    """,
    "leaves itself a note": """
        close = bars("1m").close

        def decide(self):
            with open(DATA + ".note", "a+") as file:
                file.write(f"{self.now_ns},{self.close.value}\\n")
            self.target("0.01" if self.close.value % 2 > 1 else 0)
    """,
    "throws a coin": """
        close = bars("1m").close

        def decide(self):
            import random
            self.target("0.01" if random.random() > 0.5 else 0)
    """,
    "looks at the clock on the wall": """
        close = bars("1m").close

        def decide(self):
            import time
            self.target("0.01" if time.time_ns() // 1000 % 2 else 0)
    """,
    "finds the source in memory": """
        close = bars("1m").close

        def decide(self):
            import gc
            from tickwright.data.source import Table
            table = next(item for item in gc.get_objects() if isinstance(item, Table))
            later = [event.close for event in table.events() if getattr(event, "start_ns", 0) > self.now_ns]
            self.target("0.01" if later and later[0] > self.close.value else 0)
    """,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance, price, rows = random.Random(2), 60_000.0, ["time,open,high,low,close,volume"]
    for n in range(ROWS):
        close = round(price + chance.gauss(0, 40), 2)
        rows.append(f"{START + 60 * n},{price},{max(price, close) + 3:.2f},{min(price, close) - 3:.2f},{close},1")
        price = close
    path = tmp_path_factory.mktemp("check") / "bars.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def checked(folder: Path, data: Path, body: str, cuts: int = 6) -> CheckReport:
    file = folder / "strategy.py"
    head = f"from tickwright import Strategy, bars, ema, frame, highest\n\nDATA = {str(data)!r}\nMEMORY = {{}}\n\n\nclass Mine(Strategy):\n"
    file.write_text(head + textwrap.indent(textwrap.dedent(body), "    "))
    return run_check(BacktestOptions(strategy=file, data=data), cuts)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_strategy_passes(tmp_path: Path, data: Path, name: str) -> None:
    report = checked(tmp_path, data, HONEST[name], cuts=20)
    assert report.passed, report.findings
    assert report.orders > 5
    assert set(report.costs) == {"as given", "ten times the latency", "twice the fees"}
    assert report.costs["twice the fees"] < report.costs["as given"]


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_is_caught(tmp_path: Path, data: Path, name: str) -> None:
    report = checked(tmp_path, data, TRICKS[name])
    assert not report.passed, name


def test_a_strategy_that_depends_on_where_it_begins_is_caught(tmp_path: Path, data: Path) -> None:
    body = """
        close = bars("1m").close
        first = None

        def decide(self):
            self.first = self.first or self.close.value
            self.count = getattr(self, "count", 0) + 1
            self.target("0.01" if self.count // 7 % 2 else 0)
    """
    report = checked(tmp_path, data, body)
    assert [finding.name for finding in report.findings if not finding.passed] == ["warm-up"]


def test_a_changed_source_is_the_same_until_then_and_well_formed_after(data: Path) -> None:
    source = from_file(data, "sim:BTC/USDT")
    at = (START + 60 * 100) * 10**9
    ours, theirs = list(source.events()), list(Changed(source, at, 1).events())
    assert ours[:100] == theirs[:100]
    assert all(a != b for a, b in zip(ours[100:], theirs[100:], strict=True))
    assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in theirs)  # type: ignore[union-attr]  # they are bars


def test_the_command_ends_with_a_code_and_the_reason(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tickwright.cli.check import check as command

    file = tmp_path / "coin.py"
    file.write_text(
        "import random\n\nfrom tickwright import Strategy, bars\n\n\nclass Coin(Strategy):\n    close = bars('1m').close\n\n"
        "    def decide(self):\n        self.target('0.01' if random.random() > 0.5 else 0)\n"
    )
    with pytest.raises(MismatchError, match="repeatable"):
        command(
            file, data=data, name="", venue="binance_spot", symbol="BTC/USDT", param=None, column=None, cuts=2, seed=1, json=False
        )
    assert "FAIL repeatable" in capsys.readouterr().out
    strategy = load_strategy(file)
    source = from_file(data, "binance_spot:BTC/USDT")
    assert not check(strategy, source, instrument_for(BacktestOptions(strategy=file), source), cuts=1).passed
