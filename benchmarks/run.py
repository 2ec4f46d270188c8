"""Every speed claim, as ratios in one run: rounds interleaved, medians quoted, the work the same for all.

make bench                  all of it
python benchmarks/run.py --rounds 5 --json
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TAPE = HERE.parent / "src/tickwright/sim/stands/data/binance_spot_btcusdt_20240808.gz"
KINDS = ("trade", "bookTicker", "depth")
TOTALS = {"floor": 150_000, "tickwright": 150_000, "ccxt": 15_000}


def recorded() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Frames of each kind from the carried tape, and the answers that clients ask for before they stream."""
    from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
    from tickwright.sim.stands.server import HttpIn

    frames: dict[str, list[str]] = {kind: [] for kind in KINDS}
    snapshot = ""
    with gzip.open(TAPE, "rt") as file:
        for line in file:
            payload = line.partition(" ")[2].strip()
            if '"lastUpdateId"' in payload[:40]:
                snapshot = payload
                continue
            kind = "trade" if '@trade"' in payload[:60] else "depth" if "@depth" in payload[:60] else "bookTicker"
            frames[kind].append(payload)
    last = json.loads(snapshot)["lastUpdateId"]
    joined = [item for item in frames["depth"] if json.loads(item)["data"]["u"] > last]
    frames["depth"] = joined
    frames["trade"] = _longer(frames["trade"], "t")
    frames["bookTicker"] = _longer(frames["bookTicker"], "u")
    stand = BinanceSpotStand(StandConfig(symbols=("BTCUSDT",)))
    info = stand.on_request(HttpIn("GET", "/api/v3/exchangeInfo", "", b"", {}, "bench"), 1_700_000_000_000_000_000)
    replies = {
        "/api/v3/exchangeInfo": info.body.decode(),
        "/api/v3/depth": snapshot,
        "/api/v3/time": '{"serverTime":1700000000000}',
    }
    return frames, replies


def _longer(frames: list[str], name: str) -> list[str]:
    """The recorded frames over and over, their ids going on upwards: a client that drops what it has seen must read them all."""
    pattern = re.compile(rf'"{name}":(\d+)')
    ids = [int(match[1]) for match in map(pattern.search, frames) if match]
    span = ids[-1] - ids[0] + 1
    most = max(TOTALS.values())
    return [
        pattern.sub(f'"{name}":{ids[n % len(frames)] + span * (n // len(frames))}', frames[n % len(frames)], count=1)
        for n in range(most)
    ]


def blast(frames: list[str], replies: dict[str, str], total: int) -> tuple[subprocess.Popen[str], int]:
    """A server with its frames ready."""
    server = subprocess.Popen([sys.executable, str(HERE / "blast.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps({"frames": frames, "total": total, "replies": replies}) + "\n")
    server.stdin.flush()
    return server, json.loads(server.stdout.readline())["port"]


def measure(client: str, kind: str, frames: list[str], replies: dict[str, str]) -> float:
    """Frames a second of one client."""
    total = min(TOTALS[client], len(frames))  # a book cannot go round: its tape is played once
    server, port = blast(frames[:total], replies, total)
    try:
        done = subprocess.run(
            [sys.executable, str(HERE / "clients.py"), client, kind, str(port), str(total)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.kill()
        server.wait()
    if done.returncode:
        raise SystemExit(f"{client} on {kind} failed: {done.stderr.strip().splitlines()[-1:]}")
    result = json.loads(done.stdout.splitlines()[-1])
    return float(result["count"] / result["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    frames, replies = recorded()
    clients = ("floor", "tickwright", "ccxt")
    rates: dict[str, dict[str, list[float]]] = {kind: {client: [] for client in clients} for kind in KINDS}
    for number in range(given.rounds):
        for kind in KINDS:
            for client in clients:
                rates[kind][client].append(measure(client, kind, frames[kind], replies))
                print(f"round {number + 1}: {kind} {client} {rates[kind][client][-1]:,.0f}/s", file=sys.stderr)
    medians = {kind: {client: statistics.median(values) for client, values in found.items()} for kind, found in rates.items()}
    result = {
        "machine": f"{platform.machine()}, CPython {platform.python_version()}",
        "rounds": given.rounds,
        "frames_per_s": {kind: {client: round(rate) for client, rate in found.items()} for kind, found in medians.items()},
        "ratio_to_floor": {kind: round(found["tickwright"] / found["floor"], 3) for kind, found in medians.items()},
        "times_ccxt_pro": {kind: round(found["tickwright"] / found["ccxt"], 1) for kind, found in medians.items()},
    }
    if given.json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}, medians of {given.rounds} interleaved rounds, frames a second through a loopback websocket")
    for kind, found in medians.items():
        floor, ours, peer = found["floor"], found["tickwright"], found["ccxt"]
        print(f"{kind:>11}: floor {floor:>9,.0f}   tickwright {ours:>9,.0f}   ccxt.pro {peer:>8,.0f}", end="")
        print(f"   = {ours / floor:.2f} of the floor, {ours / peer:.1f} x ccxt.pro")


if __name__ == "__main__":
    main()
