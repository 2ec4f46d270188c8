"""The tape check: what it compares, what it counts, and files that are not what they should be."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from tickwright.base.errors import DataError
from tickwright.run.tapecheck import TapeReport, check, check_file
from tickwright.sim.tape import TapeLine
from tickwright.venues.binance_spot import Decoder

BTC = "binance_spot:BTC/USDT"


def lines(*frames: object) -> list[TapeLine]:
    return [TapeLine(1000 + n, msgspec.json.encode(frame), n) for n, frame in enumerate(frames, 1)]


def diff(first: int, last: int, bids=(), asks=(), symbol: str = "BTCUSDT") -> dict[str, object]:
    return {"e": "depthUpdate", "E": 1, "s": symbol, "U": first, "u": last, "b": list(bids), "a": list(asks)}


def quote(seq: int, bid: str, bid_qty: str, ask: str, ask_qty: str, symbol: str = "BTCUSDT") -> dict[str, object]:
    return {"u": seq, "s": symbol, "b": bid, "B": bid_qty, "a": ask, "A": ask_qty}


def trade(number: int, symbol: str = "BTCUSDT") -> dict[str, object]:
    return {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "100", "q": "1", "T": 1, "m": True}


SNAPSHOT = {"lastUpdateId": 10, "bids": [["100", "1"]], "asks": [["101", "1"]]}


def run(*frames: object) -> TapeReport:
    return check(lines(*frames), Decoder())


def test_given_a_book_and_quotes_when_checked_then_changes_with_a_quote_of_their_own_are_compared():
    """A change is compared with the last quote that it covers; one without a quote of its own is not."""
    report = run(
        diff(9, 11, [["100", "2"]]),
        SNAPSHOT,
        quote(12, "100", "3", "101", "1"),
        diff(12, 12, [["100", "3"]]),
        diff(13, 14, [["99", "1"]]),
        quote(15, "100", "4", "101", "1"),
        quote(16, "100", "5", "101", "1"),
        diff(15, 17, [["100", "5"]]),
    )
    assert (report.comparisons, report.mismatches, report.gaps, report.snapshots) == (2, 0, 0, 1)
    assert report.kinds == {"book": 4, "quote": 3, "snapshot": 1}
    assert report.sound


def test_given_either_stream_ahead_when_checked_then_the_comparison_is_the_same():
    """Quotes and changes come on streams of their own: neither order is wrong."""
    changes = [diff(number, number, [["100", str(number)]]) for number in range(11, 15)]
    quotes = [quote(number, "100", str(number), "101", "1") for number in range(11, 15)]
    for frames in ([*changes, *quotes], [*quotes, *changes]):
        report = run(SNAPSHOT, diff(10, 10), *frames)
        assert (report.comparisons, report.mismatches) == (4, 0)


def test_given_a_wrong_size_when_checked_then_the_mismatch_says_where():
    """Price and size are both compared."""
    report = run(diff(9, 10), SNAPSHOT, diff(11, 11, [["100", "2"]]), quote(11, "100", "3", "101", "1"))
    assert report.mismatches == 1
    (example,) = report.examples
    assert (example.key, example.line, example.seq, example.book[1], example.quote[1]) == (BTC, 3, 11, 2.0, 3.0)
    assert not report.sound


def test_given_no_snapshot_when_checked_then_nothing_is_compared_but_gaps_are_seen():
    """Without a snapshot there is no book; the numbers still tell what is missing."""
    report = run(diff(11, 11), quote(11, "100", "1", "101", "1"), diff(12, 12), diff(15, 15))
    assert (report.comparisons, report.gaps, report.snapshots) == (0, 1, 0)


def test_given_a_gap_and_a_second_snapshot_when_checked_then_the_book_is_joined_again():
    """Lost changes make a gap; a later snapshot a resync, and comparisons go on."""
    again = {"lastUpdateId": 20, "bids": [["100", "7"]], "asks": [["101", "1"]]}
    report = run(
        SNAPSHOT,
        diff(11, 12),
        diff(15, 16),
        quote(16, "100", "9", "101", "1"),
        diff(17, 21, [["100", "8"]]),
        again,
        quote(22, "100", "9", "101", "1"),
        diff(22, 22, [["100", "9"]]),
    )
    assert (report.gaps, report.resyncs, report.comparisons, report.mismatches) == (1, 1, 1, 0)


def test_given_repetitions_and_wrong_order_when_checked_then_they_are_counted_and_do_no_harm():
    """Old changes, quotes and trades are dropped as the live feed would."""
    report = run(
        SNAPSHOT,
        diff(11, 11, [["100", "2"]]),
        diff(11, 11, [["100", "2"]]),
        quote(11, "100", "2", "101", "1"),
        quote(11, "100", "2", "101", "1"),
        trade(5),
        trade(5),
        trade(4),
        diff(12, 12),
    )
    assert (report.repeated, report.gaps, report.mismatches) == (4, 0, 0)


def test_given_several_symbols_when_checked_then_each_snapshot_goes_where_it_fits():
    """REST snapshots name no symbol: their number and their prices tell."""
    eth = {"lastUpdateId": 500, "bids": [["20", "1"]], "asks": [["21", "1"]]}
    report = run(
        diff(9, 11),
        diff(499, 501, symbol="ETHUSDT"),
        eth,
        SNAPSHOT,
        diff(12, 12, [["100", "2"]]),
        quote(12, "100", "2", "101", "1"),
        diff(502, 502, [["20", "3"]], symbol="ETHUSDT"),
        quote(502, "20", "3", "21", "1", symbol="ETHUSDT"),
    )
    assert report.instruments == [BTC, "binance_spot:ETH/USDT"]
    assert (report.comparisons, report.mismatches, report.snapshots_unused) == (2, 0, 0)


def test_given_symbols_whose_numbers_overlap_when_checked_then_the_price_tells_whose_snapshot_it_is():
    """The last quote of the right instrument is near the snapshot's best bid."""
    eth = {"lastUpdateId": 10, "bids": [["20", "1"]], "asks": [["21", "1"]]}
    report = run(
        quote(9, "100", "1", "101", "1"),
        quote(9, "20", "1", "21", "1", symbol="ETHUSDT"),
        diff(9, 11),
        diff(9, 11, symbol="ETHUSDT"),
        eth,
        SNAPSHOT,
        diff(12, 12, [["20", "2"]], symbol="ETHUSDT"),
        quote(12, "20", "2", "21", "1", symbol="ETHUSDT"),
    )
    assert (report.comparisons, report.mismatches) == (1, 0)


def test_given_a_snapshot_before_any_change_when_checked_then_it_waits_for_the_changes_it_fits():
    """A recorder may have asked for the snapshot first."""
    report = run(SNAPSHOT, diff(9, 11), diff(12, 12, [["100", "2"]]), quote(12, "100", "2", "101", "1"))
    assert (report.comparisons, report.mismatches, report.snapshots_unused) == (1, 0, 0)


def test_given_combined_frames_and_unused_kinds_when_checked_then_all_are_counted():
    """Partial books are no snapshot; acknowledgements are control."""
    report = run(
        {"stream": "btcusdt@trade", "data": trade(1)},
        {"stream": "btcusdt@depth5", "data": SNAPSHOT},
        {"e": "aggTrade", "s": "BTCUSDT"},
        {"result": None, "id": 1},
    )
    assert report.kinds == {"trade": 1, "partial depth": 1, "aggTrade": 1, "control": 1}
    assert sum(report.kinds.values()) == report.frames


def test_given_a_file_with_damaged_lines_when_checked_then_they_are_counted_with_the_first(tmp_path: Path):
    """Lines without a time, lines without a message, and messages that are not the venue's."""
    good = b"1000 " + msgspec.json.encode(trade(1))
    path = tmp_path / "tape"
    path.write_bytes(b"\n".join([good, b"garbage", b'1001 {"e":"trade"}', b"1002 {", b"", b"1003 [1]", good]))
    report = check_file(path, Decoder())
    assert (report.frames, report.garbage, report.first_garbage_line) == (4, 4, 2)
    assert report.kinds == {"trade": 2}


def test_given_an_empty_file_when_checked_then_the_report_is_empty(tmp_path: Path):
    """Nothing is not an error."""
    path = tmp_path / "tape"
    path.write_bytes(b"")
    report = check_file(path, Decoder())
    assert (report.frames, report.garbage, report.sound) == (0, 0, True)


def test_given_a_gzip_file_that_breaks_off_when_checked_then_what_is_there_is_reported(tmp_path: Path):
    """A recorder that was killed leaves such a file."""
    noise = random.Random(1)
    whole = gzip.compress(b"".join(b"%d %s\n" % (n, msgspec.json.encode(trade(noise.getrandbits(60)))) for n in range(1, 500)))
    path = tmp_path / "tape.gz"
    path.write_bytes(whole)
    assert check_file(path, Decoder()).frames == 499
    path.write_bytes(whole[: len(whole) // 2])
    report = check_file(path, Decoder())
    assert report.broken_off
    assert 0 < report.frames < 499


def test_given_no_file_when_checked_then_it_is_a_data_error(tmp_path: Path):
    """One clear line, with the path."""
    with pytest.raises(DataError, match="nowhere"):
        check_file(tmp_path / "nowhere", Decoder())


def test_given_a_report_when_encoded_then_it_is_json():
    """The command prints it as it is."""
    decoded = msgspec.json.decode(msgspec.json.encode(run(SNAPSHOT, diff(9, 11))))
    assert decoded["snapshots"] == 1
    assert isinstance(decoded["kinds"], dict)


def test_given_many_instruments_when_checked_then_what_waits_is_bounded():
    """A recording without quotes keeps no comparison for ever, one without changes no quote."""

    def endless() -> Iterable[TapeLine]:
        frame = quote(0, "100", "1", "101", "1")
        for number in range(1, 12_000):
            yield TapeLine(number, msgspec.json.encode(frame | {"u": number}), number)

    assert check(endless(), Decoder()).comparisons == 0
