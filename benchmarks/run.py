"""Every speed claim, as ratios in one run: rounds interleaved, medians quoted, the work the same for all.

make bench                                     all of it
python benchmarks/run.py --rounds 5 --json     one JSON object instead of tables
python benchmarks/run.py --only trade,tick     parts of it: trade bookTicker depth depth20 tick journal
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from frames import KINDS, Recorded
from peers import peers_python

HERE = Path(__file__).parent
#: Clients of the throughput comparison, and how many frames of each kind they are given: enough for half a second or more.
BLAST = {
    "floor": {"trade": 150_000, "bookTicker": 150_000, "depth": 26_000, "depth20": 60_000},
    "tickwright": {"trade": 150_000, "bookTicker": 150_000, "depth": 26_000, "depth20": 60_000},
    "unrecorded": {"trade": 150_000, "bookTicker": 150_000, "depth": 26_000, "depth20": 60_000},
    "cryptofeed": {"trade": 100_000, "bookTicker": 100_000, "depth": 6_000, "depth20": 12_000},
    "ccxt": {"trade": 20_000, "bookTicker": 20_000, "depth": 6_000, "depth20": 10_000},
}
#: Clients of the latency comparison. Three of ours differ in what an order has survived before it is sent; the fourth is
#: ``process`` with an order rehearsed every millisecond.
TICK = ("floor", "off", "process", "power", "rehearsed", "ccxt")
SAMPLES, WARMUP = 400, 100
TICK_DEADLINE_S = 120.0
NOT_RUN = "not run"

Figures = dict[str, dict[str, list[float]]]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Server:
    """A server in its own process, given a job, which tells where it listens."""

    def __init__(self, script: str, job: Mapping[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        self.about = self.line()

    def line(self) -> dict[str, Any]:
        """The next object that it prints."""
        assert self.process.stdout
        found: dict[str, Any] = json.loads(self.process.stdout.readline() or "{}")
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Blasts:
    """The servers of the throughput comparison: one for each kind and number of frames, kept for all rounds."""

    def __init__(self, recorded: Recorded, folder: Path) -> None:
        self._recorded = recorded
        self._replies = recorded.replies()
        self._folder = folder
        self._files: dict[str, Path] = {}
        self._servers: dict[tuple[str, int], Server] = {}

    def port(self, kind: str, total: int) -> int:
        if (kind, total) not in self._servers:
            job = {"frames": str(self._file(kind)), "total": total, "replies": self._replies}
            self._servers[kind, total] = Server("blast.py", job)
        return int(self._servers[kind, total].about["port"])

    def _file(self, kind: str) -> Path:
        if kind not in self._files:
            most = max(totals.get(kind, totals["trade"]) for totals in BLAST.values())
            self._files[kind] = write_frames(self._folder / kind, self._recorded.frames(kind, most))
        return self._files[kind]

    def end(self) -> None:
        for server in self._servers.values():
            server.end()


def write_frames(path: Path, frames: list[str]) -> Path:
    path.write_text("\n".join(frames), "utf-8")
    return path


def throughput(client: str, kind: str, blasts: Blasts, python: str | Path) -> float:
    """Frames a second of one client."""
    total = BLAST[client][kind]
    sent = "aggTrade" if (client, kind) == ("cryptofeed", "trade") else kind  # what it subscribes to for trades
    command = [python, HERE / "clients.py", client, kind, str(blasts.port(sent, total)), str(total)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{client} on {kind} failed: {done.stderr.strip()[-2_000:]}")
    result = json.loads(done.stdout.splitlines()[-1])
    return float(result["count"] / result["seconds"])


def tick_to_order(client: str, frames: Path) -> list[float]:
    """Samples of one client in microseconds."""
    server = Server("tick.py", {"frames": str(frames), "samples": SAMPLES, "warmup": WARMUP})
    asked = subprocess.Popen([sys.executable, str(HERE / "tick_clients.py"), client, json.dumps(server.about)], text=True)
    deadline = threading.Timer(TICK_DEADLINE_S, server.process.kill)  # a client that died says so on stderr
    deadline.start()
    try:
        samples = server.line().get("us", [])
    finally:
        deadline.cancel()
        asked.kill()
        asked.wait()
        server.end()
    if not samples:
        raise SystemExit(f"{client}: no orders came within {TICK_DEADLINE_S:g} s")
    return [float(item) for item in samples]


def journal() -> dict[str, Any]:
    """What the journal takes by itself, from its own benchmark where there is one."""
    script = HERE / "journal.py"
    if not script.exists():
        return {}
    done = subprocess.run([sys.executable, script, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"journal failed: {done.stderr.strip()[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(rates: Mapping[str, list[float]]) -> dict[str, float]:
    return {client: statistics.median(values) for client, values in rates.items() if values}


def quantile(samples: list[float], share: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


def paired(above: list[float], below: list[float]) -> float:
    """The median of the rounds' ratios: what two clients have in common in a round, such as a busy machine, cancels."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


# -- the two comparisons -------------------------------------------------------------------------------------------------


def measure_blasts(kinds: list[str], rounds: int, recorded: Recorded, folder: Path) -> Figures:
    """Frames a second by kind and client, one figure a round."""
    peers = peers_python()
    if peers is None:
        say("cryptofeed: not run (make bench-peers installs it)")
    rates: Figures = {kind: {client: [] for client in BLAST} for kind in kinds}
    blasts = Blasts(recorded, folder)
    try:
        for number, kind, client in every(rounds, kinds, list(BLAST)):
            if client == "cryptofeed" and peers is None:
                continue
            python = peers if client == "cryptofeed" and peers is not None else sys.executable
            rate = throughput(client, kind, blasts, python)
            rates[kind][client].append(rate)
            say(f"round {number + 1}: {kind} {client} {rate:,.0f}/s")
    finally:
        blasts.end()
    return rates


def measure_ticks(rounds: int, recorded: Recorded, folder: Path) -> dict[str, list[list[float]]]:
    """Samples by client, one list a round."""
    frames = write_frames(folder / "tick", recorded.frames("bookTicker", 20_000))
    samples: dict[str, list[list[float]]] = {client: [] for client in TICK}
    for number, _, client in every(rounds, ["tick"], list(TICK)):
        found = tick_to_order(client, frames)
        samples[client].append(found)
        say(f"round {number + 1}: tick to order {client} p50 {quantile(found, 0.5):.0f} us, p99 {quantile(found, 0.99):.0f} us")
    return samples


def every(rounds: int, kinds: list[str], clients: list[str]) -> Iterator[tuple[int, str, str]]:
    """Rounds interleaved: a minute in which the machine is busy is everybody's minute. Every other round goes backwards."""
    for number in range(rounds):
        for kind in kinds:
            for client in clients[:: -1 if number % 2 else 1]:
                yield number, kind, client


def blast_summary(rates: Figures) -> dict[str, Any]:
    """Medians and ratios by kind."""
    found: dict[str, Any] = {}
    for kind, by_client in rates.items():
        ours = by_client["tickwright"]
        middle = medians(by_client)
        found[kind] = {
            "frames_per_s": {client: round(middle[client]) if client in middle else NOT_RUN for client in BLAST},
            "of_floor": round(paired(ours, by_client["floor"]), 3),
            "unrecorded_of_floor": round(paired(by_client["unrecorded"], by_client["floor"]), 3),
            "times_cryptofeed": round(paired(ours, by_client["cryptofeed"]), 1) if by_client["cryptofeed"] else NOT_RUN,
            "times_ccxt_pro": round(paired(ours, by_client["ccxt"]), 1),
        }
    return found


def tick_summary(samples: dict[str, list[list[float]]]) -> dict[str, Any]:
    """Quantiles of all samples, and ratios of the rounds' medians."""
    halves = {client: [quantile(found, 0.5) for found in rounds] for client, rounds in samples.items()}
    pooled = {client: [item for found in rounds for item in found] for client, rounds in samples.items()}
    return {
        "p50_us": {client: round(statistics.median(values)) for client, values in halves.items()},
        "p99_us": {client: round(quantile(values, 0.99)) for client, values in pooled.items()},
        "process_to_floor": round(paired(halves["process"], halves["floor"]), 2),
        "process_to_ccxt_pro": round(paired(halves["process"], halves["ccxt"]), 2),
        "process_to_off": round(paired(halves["process"], halves["off"]), 2),
        "rehearsed_to_floor": round(paired(halves["rehearsed"], halves["floor"]), 2),
        "rehearsed_to_ccxt_pro": round(paired(halves["rehearsed"], halves["ccxt"]), 2),
        "power_to_off": round(paired(halves["power"], halves["off"]), 2),
    }


# -- what is printed -----------------------------------------------------------------------------------------------------


def show_blasts(summary: dict[str, Any]) -> None:
    print("\nframes a second through a loopback websocket, from socket to decide(), journal on (durability process)")
    print(f"{'':>23} {'floor':>11} {'tickwright':>11} {'no journal':>11} {'cryptofeed':>11} {'ccxt.pro':>11}")
    for kind, found in summary.items():
        rates = [f"{rate:>11,}" if rate != NOT_RUN else f"{NOT_RUN:>11}" for rate in found["frames_per_s"].values()]
        print(f"{KINDS[kind]:>23} {' '.join(rates)}")
        crypto = found["times_cryptofeed"]
        beside = "cryptofeed not run" if crypto == NOT_RUN else f"{crypto} x cryptofeed"
        floor = f"{found['of_floor']:.2f} of the floor ({found['unrecorded_of_floor']:.2f} without the journal)"
        print(f"{'':>23}   = {floor}, {beside}, {found['times_ccxt_pro']} x ccxt.pro")


def show_ticks(summary: dict[str, Any], rounds: int) -> None:
    names = {
        "floor": "floor",
        "off": "tickwright, no journal",
        "process": "tickwright, process",
        "power": "tickwright, power",
        "rehearsed": "process, rehearsed",
    }
    print(f"\ntick to signed order over loopback, microseconds, {SAMPLES * rounds} samples each")
    print(f"{'':>23} {'p50':>7} {'p99':>7}")
    for client in TICK:
        print(f"{names.get(client, 'ccxt.pro, HTTP order'):>23} {summary['p50_us'][client]:>7,} {summary['p99_us'][client]:>7,}")
    ratios = f"{summary['process_to_floor']} x the floor, {summary['process_to_ccxt_pro']} of ccxt.pro"
    print(f"{'':>23}   = process is {ratios}, {summary['process_to_off']} x off; power is {summary['power_to_off']} x off")
    print(
        f"{'':>23}     rehearsed is {summary['rehearsed_to_floor']} x the floor, {summary['rehearsed_to_ccxt_pro']} of ccxt.pro"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="parts, with commas between")
    given = parser.parse_args()
    parts = [*KINDS, "tick", "journal"]
    chosen = given.only.split(",") if given.only else parts
    if not set(chosen) <= set(parts):
        parser.error(f"--only takes {', '.join(parts)}")
    result: dict[str, Any] = {"machine": f"{platform.machine()}, CPython {platform.python_version()}", "rounds": given.rounds}
    recorded = Recorded()
    kinds = [kind for kind in KINDS if kind in chosen]
    with tempfile.TemporaryDirectory() as folder:
        if kinds:
            result["throughput"] = blast_summary(measure_blasts(kinds, given.rounds, recorded, Path(folder)))
        if "tick" in chosen:
            result["tick_to_order"] = tick_summary(measure_ticks(given.rounds, recorded, Path(folder)))
    if "journal" in chosen and (found := journal()):
        result["journal"] = found
    if given.json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}: medians of {given.rounds} interleaved rounds, ratios are medians of the rounds' ratios")
    if kinds:
        show_blasts(result["throughput"])
    if "tick" in chosen:
        show_ticks(result["tick_to_order"], given.rounds)
    if "journal" in result:
        print(f"\njournal: {json.dumps(result['journal'])}")


if __name__ == "__main__":
    main()
