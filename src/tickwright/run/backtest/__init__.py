"""The strategy class that trades live, on history: the same ``step``; only who feeds it and who performs its effects differ."""

from tickwright.run.backtest.command import on_data
from tickwright.run.backtest.loop import Assumptions, backtest
from tickwright.run.backtest.result import Result

__all__ = ["Assumptions", "Result", "backtest", "on_data"]
