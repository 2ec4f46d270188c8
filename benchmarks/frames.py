"""What the benchmarks send: frames of the tape that the package carries, and the answers that clients ask for before they stream.

Nothing is made up. The tape is played over and over with its numbers going on upwards, because a client that drops what it has
seen must read every frame; between two turns one frame puts the book back to where the tape begins.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

TAPE = Path(__file__).parent.parent / "src/tickwright/sim/stands/data/binance_spot_btcusdt_20240808.gz"
#: What is measured, and as what: the tape's own changes of the book (46 levels a frame on average, half of them below 22), and
#: the same changes ten a side, the size that published figures are given for.
KINDS = {"trade": "trade", "bookTicker": "book ticker", "depth": "depth as recorded", "depth20": "depth, 10 + 10 levels"}
#: Where the tape's own exchange information is a stand's.
_AT_NS = 1_700_000_000_000_000_000

Levels = list[list[str]]


class Recorded:
    """The tape's frames by kind, and the answers by path."""

    def __init__(self) -> None:
        self._tape: dict[str, list[str]] = {"trade": [], "bookTicker": [], "depth": []}
        self._snapshot = ""
        with gzip.open(TAPE, "rt") as file:
            for line in file:
                self._take(line.partition(" ")[2].strip())
        self._book = json.loads(self._snapshot)
        last = self._book["lastUpdateId"]
        self._changes = [data for data in (json.loads(item)["data"] for item in self._tape["depth"]) if data["u"] > last]

    def _take(self, payload: str) -> None:
        if '"lastUpdateId"' in payload[:40]:
            self._snapshot = payload
        else:
            kind = "trade" if '@trade"' in payload[:60] else "depth" if "@depth" in payload[:60] else "bookTicker"
            self._tape[kind].append(payload)

    def frames(self, kind: str, most: int) -> list[str]:
        """``most`` frames of a kind (``aggTrade``: the trades, in the form that one of the clients subscribes to)."""
        if kind in ("depth", "depth20"):
            turn = self._changes if kind == "depth" else self._tens()
            return list(islice(self._depth(turn), most))
        found = islice(self._numbered("bookTicker", "u") if kind == "bookTicker" else self._numbered("trade", "t"), most)
        return [_aggregated(item) for item in found] if kind == "aggTrade" else list(found)

    def replies(self) -> dict[str, str]:
        """What is asked for over HTTP before anything streams."""
        from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
        from tickwright.sim.stands.server import HttpIn

        stand = BinanceSpotStand(StandConfig(symbols=("BTCUSDT",)))
        info = stand.on_request(HttpIn("GET", "/api/v3/exchangeInfo", "", b"", {}, "bench"), _AT_NS)
        return {
            "/api/v3/exchangeInfo": info.body.decode(),
            "/api/v3/depth": self._snapshot,
            "/api/v3/time": json.dumps({"serverTime": _AT_NS // 1_000_000}),
        }

    def _numbered(self, kind: str, name: str) -> Iterator[str]:
        """The frames of a kind over and over, their ids going on upwards."""
        frames = self._tape[kind]
        pattern = re.compile(rf'"{name}":(\d+)')
        ids = [int(match[1]) for match in map(pattern.search, frames) if match]
        span = ids[-1] - ids[0] + 1
        for turn in count():
            for frame, number in zip(frames, ids, strict=True):
                yield pattern.sub(f'"{name}":{number + span * turn}', frame, count=1)

    def _tens(self) -> list[dict[str, Any]]:
        """The changes in their order, ten bids and ten asks a frame."""
        sides = [[level for data in self._changes for level in data[name]] for name in ("b", "a")]
        stamp = self._changes[0]["E"]
        return [
            {"E": stamp + number, "b": sides[0][at : at + 10], "a": sides[1][at : at + 10]}
            for number, at in enumerate(range(0, min(map(len, sides)) - 10, 10))
        ]

    def _depth(self, turn: list[dict[str, Any]]) -> Iterator[str]:
        """Changes of the book over and over, each of which follows on the one before."""
        back = {"E": turn[-1]["E"], **self._way_back(turn)}
        seq = self._book["lastUpdateId"]
        while True:
            for data in [*turn, back]:
                first, seq = seq + 1, seq + len(data["b"]) + len(data["a"])
                body = {"e": "depthUpdate", "E": data["E"], "s": "BTCUSDT", "U": first, "u": seq, "b": data["b"], "a": data["a"]}
                yield json.dumps({"stream": "btcusdt@depth@100ms", "data": body}, separators=(",", ":"))

    def _way_back(self, turn: list[dict[str, Any]]) -> dict[str, Levels]:
        """One change that makes the book at the end what it was at the beginning."""
        back: dict[str, Levels] = {}
        for name, side in (("b", "bids"), ("a", "asks")):
            begin = dict(self._book[side])
            end = dict(begin)
            for data in turn:
                end.update((price, qty) for price, qty in data[name])
            left = {price: qty for price, qty in end.items() if float(qty)}
            gone = [[price, "0.00000000"] for price in left if price not in begin]
            back[name] = gone + [[price, qty] for price, qty in begin.items() if left.get(price) != qty]
        return back


def _aggregated(frame: str) -> str:
    """A trade as an aggregated trade of one."""
    x = json.loads(frame)["data"]
    body = {"e": "aggTrade", "E": x["E"], "s": x["s"], "a": x["t"], "p": x["p"], "q": x["q"], "f": x["t"], "l": x["t"]}
    data = {**body, "T": x["T"], "m": x["m"], "M": True}
    return json.dumps({"stream": "btcusdt@aggTrade", "data": data}, separators=(",", ":"))
