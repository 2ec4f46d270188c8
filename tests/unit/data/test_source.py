"""Tables as market events: what is in them, strictly, or one line that says what is wrong and where."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from tickwright.base.errors import DataError
from tickwright.data.source import from_file, from_frame
from tickwright.model.market import BUY, SELL, Bar, Gap, Trade

KEY = "binance_spot:BTC/USDT"
MINUTE = 60 * 10**9
START = 1_640_995_200 * 10**9  # 2022-01-01
HEAD = "timestamp,open,high,low,close,volume\n"
BARS = (
    HEAD
    + "2022-01-01 00:00:00,100,110,90,105,5\n2022-01-01 00:01:00,105,106,104,104.5,2\n2022-01-01 00:02:00,104,104,103,103,1\n"
)


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def wrong(path: Path, **more: object) -> str:
    with pytest.raises(DataError) as caught:
        list(from_file(path, KEY, **more).events())  # type: ignore[arg-type]  # the test's own
    return str(caught.value)


def test_bars_with_a_header_are_guessed_and_the_guess_is_told(tmp_path: Path) -> None:
    table = from_file(write(tmp_path, BARS), KEY)
    assert table.kind == "bars"
    assert table.span_ns == MINUTE
    assert "time = timestamp" in table.describe()
    first, second, _ = table.events()
    assert first == Bar(KEY, START, START + MINUTE, 100.0, 110.0, 90.0, 105.0, 5.0, 0.0, 4, 0.0, START + MINUTE, "1m")
    assert isinstance(second, Bar)
    assert second.start_ns == START + MINUTE


@pytest.mark.parametrize(
    "stamp", ["1640995200", "1640995200000", "1640995200000000", "1640995200000000000", "2022-01-01T00:00:00+00:00", "2022-01-01"]
)
def test_every_way_to_write_a_time_is_the_same_time(tmp_path: Path, stamp: str) -> None:
    (trade,) = from_file(write(tmp_path, f"ts,price,size,side\n{stamp},100.5,0.25,buy\n"), KEY).events()
    assert trade == Trade(KEY, 100.5, 0.25, BUY, 1, START, START)


def test_public_dumps_without_a_header_are_told_by_their_columns(tmp_path: Path) -> None:
    """Aggregate trades, trades and candles of Binance's archive."""
    agg = write(tmp_path, "26129,0.01633102,4.70443515,27781,27781,1498793709153,true,true\n", "agg.csv")
    (trade,) = from_file(agg, KEY).events()
    assert trade == Trade(KEY, 0.01633102, 4.70443515, SELL, 26129, 1498793709153 * 10**6, 1498793709153 * 10**6)
    plain = write(tmp_path, "28457,4.00000100,12.00000000,48.000012,1499865549590,false,true\n", "trades.csv")
    (trade,) = from_file(plain, KEY).events()
    assert isinstance(trade, Trade)
    assert (trade.price, trade.qty, trade.side, trade.venue_ns) == (4.000001, 12.0, BUY, 1499865549590 * 10**6)
    row = "{},0.01634790,0.80000000,0.01575800,0.01577100,148976.11427815,1499644799999,2434.19,308,1756.8,28.46,0\n"
    candles = write(tmp_path, row.format(1499040000000) + row.format(1499040060000), "klines.csv")
    assert [bar.start_ns for bar in from_file(candles, KEY).events() if isinstance(bar, Bar)] == [
        1499040000000 * 10**6,
        1499040060000 * 10**6,
    ]


def test_gzip_and_zip_are_read_as_they_are(tmp_path: Path) -> None:
    plain = list(from_file(write(tmp_path, BARS), KEY).events())
    packed = tmp_path / "data.csv.gz"
    packed.write_bytes(gzip.compress(BARS.encode()))
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("inside.csv", BARS)
    assert list(from_file(packed, KEY).events()) == list(from_file(archive, KEY).events()) == plain


def test_frames_and_parquet_say_the_same_as_the_file(tmp_path: Path) -> None:
    plain = list(from_file(write(tmp_path, BARS), KEY).events())
    frame = pd.read_csv(tmp_path / "data.csv", parse_dates=["timestamp"])
    assert list(from_frame(frame, KEY).events()) == plain
    assert list(from_frame(frame.set_index("timestamp"), KEY).events()) == plain
    other = pl.read_csv(tmp_path / "data.csv", try_parse_dates=True)
    assert list(from_frame(other, KEY).events()) == plain
    other.write_parquet(tmp_path / "data.parquet")
    assert list(from_file(tmp_path / "data.parquet", KEY).events()) == plain


def test_a_missing_bar_is_a_gap(tmp_path: Path) -> None:
    text = BARS + "2022-01-01 00:05:00,104,104,103,103,1\n"
    events = list(from_file(write(tmp_path, text), KEY).events())
    assert [type(event) for event in events] == [Bar, Bar, Bar, Gap, Bar]


def test_without_a_side_the_tick_rule_decides(tmp_path: Path) -> None:
    rows = "time,price,qty\n1640995200,100,1\n1640995201,101,1\n1640995202,100,1\n1640995203,100,1\n"
    sides = [trade.side for trade in from_file(write(tmp_path, rows), KEY).events() if isinstance(trade, Trade)]
    assert sides == [BUY, BUY, SELL, BUY]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (HEAD, "no rows"),
        (BARS + "2022-01-01 00:01:00,104,104,103,103,1\n", "data.csv:5: earlier than the row above it"),
        (BARS + "2022-01-01 00:02:00,104,104,103,103,1\n", "data.csv:5: the same time as the row above it"),
        (BARS + "2022-01-01 00:03:00,104,nan,103,103,1\n", "data.csv:5: column high: 'nan' is not a finite number"),
        (BARS + "2022-01-01 00:03:00,104,x,103,103,1\n", "data.csv:5: column high"),
        (BARS + "2022-01-01 00:03:00,104\n", "data.csv:5: column high: the row is too short"),
        (BARS + "2022-01-01 00:03:00,104,103,105,103,1\n", "data.csv:5: open 104 and close 103 are not between"),
        (BARS + "2022-01-01 00:03:00,-1,104,-1,103,1\n", "data.csv:5: a price of -1"),
        (BARS + "2022-01-01 00:03:00,104,104,103,103,-1\n", "data.csv:5: a volume of -1"),
        (BARS + "yesterday,104,104,103,103,1\n", "data.csv:5: column timestamp"),
        ("when,a,b\n1,2,3\n", "no column of trades for time, price, qty"),
        ("time,open,close\n1,2,3\n", "no column of bars for high, low, volume"),
        ("1,2,3\n", "3 columns and no header"),
        ("time,price,qty,side\n1640995200,1,1,up\n", "data.csv:2: column side: 'up' is neither buy nor sell"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_row(tmp_path: Path, text: str, says: str) -> None:
    told = wrong(write(tmp_path, text))
    assert says in told
    assert "\n" not in told


def test_a_trade_that_is_there_twice_is_told(tmp_path: Path) -> None:
    assert "trade 7 is there twice" in wrong(write(tmp_path, "time,price,qty,id\n1640995200,1,1,7\n1640995200,1,1,7\n"))


def test_a_mapping_goes_before_a_guess_and_a_wrong_one_gets_a_suggestion(tmp_path: Path) -> None:
    path = write(tmp_path, "time,exchange_time,px,amount\n1,1640995200,100,1\n")
    (trade,) = from_file(path, KEY, {"time": "exchange_time"}).events()
    assert trade.recv_ns == START
    assert "exchange_time" in wrong(path, given={"time": "exchange_tim"})
    assert "there is no 'tim' to map" in wrong(path, given={"tim": "time"})


def test_a_file_that_is_not_there_or_breaks_off_is_told(tmp_path: Path) -> None:
    assert "no such file" in wrong(tmp_path / "none.csv")
    broken = tmp_path / "broken.csv.gz"
    rows = "".join(f"{1_640_995_200 + n},100,{n}\n" for n in range(5_000))
    broken.write_bytes(gzip.compress(f"time,price,qty\n{rows}".encode())[:-2_000])
    assert "cannot be read" in wrong(broken)
