"""Stands as processes: `tickwright stand`, and the one that `tickwright run --stand` starts for itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from tickwright.base.errors import UsageError, VenueError
from tickwright.base.secret import Secret
from tickwright.base.suggest import near_or_list
from tickwright.run.config import VenueSection
from tickwright.run.secrets import Credentials
from tickwright.sim.faults import Faults, load_faults
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.binance_spot.config import demo_tape
from tickwright.sim.stands.server import serve
from tickwright.sim.tape import Tape

STANDS = ("binance_spot",)
STARTS = ("now", "subscriber")
START_DEADLINE_S = 30.0


class StandOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Flags of `tickwright stand`."""

    name: str
    port: int = 0
    tape: Path | None = None
    speed: float = 1.0
    loop: bool = False
    seed: int = 1
    faults: Path | None = None
    start_on: str = "now"
    until_eof: bool = False


def run_stand(options: StandOptions, emit: Callable[[dict[str, Any]], None]) -> None:
    """Serve until a signal; ``emit`` is given the addresses and test keys once it listens."""
    if options.name not in STANDS:
        raise UsageError(f"there is no stand {options.name!r}", hint=near_or_list(options.name, STANDS))
    if options.speed < 0:
        raise UsageError("--speed must not be negative", hint="1 is the tape's own pace, 0 as fast as clients take it")
    if options.start_on not in STARTS:
        raise UsageError(f"--start-on {options.start_on!r} is not a choice", hint=near_or_list(options.start_on, STARTS))
    if options.tape is not None and not options.tape.is_file():
        raise UsageError("there is no such tape", where=str(options.tape))
    faults = load_faults(options.faults) if options.faults is not None else Faults()
    symbols = _symbols(options.tape) if options.tape is not None else StandConfig().symbols
    config = StandConfig(
        tape=options.tape,
        speed=options.speed,
        loop=options.loop,
        seed=options.seed,
        faults=faults,
        symbols=symbols,
        start_on=options.start_on,
    )
    asyncio.run(_serve(config, options, emit))


def _symbols(tape: Path) -> tuple[str, ...]:
    """The symbols that a tape speaks of, by a look at its beginning."""
    found: dict[str, None] = {}
    for number, line in enumerate(Tape(tape, lenient=True)):
        try:
            data = json.loads(line.payload)
        except ValueError:
            continue
        inner = data.get("data", data) if isinstance(data, dict) else {}
        symbol = inner.get("s") if isinstance(inner, dict) else None
        if isinstance(symbol, str) and symbol:
            found[symbol] = None
        if number > 2_000:
            break
    if not found:
        raise UsageError("the tape names no symbol in its first lines", where=str(tape))
    return tuple(found)


async def _serve(config: StandConfig, options: StandOptions, emit: Callable[[dict[str, Any]], None]) -> None:
    stand = BinanceSpotStand(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serve(stand, port=options.port) as server, contextlib.AsyncExitStack() as stack:
        if options.until_eof:
            await stack.enter_async_context(_at_eof(stopped.set))
        emit(
            {
                "venue": "binance_spot",
                "rest_url": f"http://{server.base}",
                "ws_url": f"ws://{server.base}",
                "ws_api_url": f"ws://{server.base}/ws-api/v3",
                "port": server.port,
                "api_key": stand.api_key,
                "api_secret": stand.api_secret,
                "symbols": list(config.symbols),
                "ed25519_key": stand.given["ed25519"].api_key,
                "ed25519_private_key": stand.given["ed25519"].secret,
                "rsa_key": stand.given["rsa"].api_key,
                "rsa_private_key": stand.given["rsa"].secret,
            }
        )
        await stopped.wait()


@contextlib.asynccontextmanager
async def _at_eof(then: Callable[[], None]) -> AsyncIterator[None]:
    """Call ``then`` when stdin is closed, whoever held its other end."""

    class Ended(asyncio.Protocol):
        def connection_lost(self, _exc: Exception | None) -> None:
            then()

    transport, _ = await asyncio.get_running_loop().connect_read_pipe(Ended, sys.stdin)
    try:
        yield
    finally:
        transport.close()


class StandProcess:
    """A stand in a process of its own, for as long as the block lasts.

    It is out of reach of Ctrl-C, which would take it from under a run that has yet to cancel its orders there. Should this
    process die, it ends too: its stdin closes.
    """

    def __init__(
        self,
        name: str,
        *,
        tape: Path | None,
        speed: float,
        start_on: str = "subscriber",
        seed: int = 1,
        faults: Path | None = None,
    ) -> None:
        if name not in STANDS:
            raise UsageError(f"there is no stand of {name!r}", hint=near_or_list(name, STANDS))
        self._arguments = ["--speed", str(speed), "--start-on", start_on, "--seed", str(seed), "--tape", str(tape or demo_tape())]
        if faults is not None:
            load_faults(faults)  # a mistake in it is told here and now
            self._arguments += ["--faults", str(faults)]
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self.info: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tickwright.cli.main", "stand", self._name, "--port", "0", "--json", "--until-eof",
            *self._arguments, start_new_session=True, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line.startswith(b"{"):
            await self._end()
            raise VenueError("the stand did not start", hint="run `tickwright stand binance_spot` to see why")
        self.info = json.loads(line)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5.0)
        except TimeoutError:
            process.kill()
            await process.wait()

    def section(self) -> VenueSection:
        """How an adapter reaches it."""
        return VenueSection(rest_url=self.info["rest_url"], ws_url=self.info["ws_url"], ws_api_url=self.info["ws_api_url"])

    def credentials(self) -> Credentials:
        return Credentials(self.info["api_key"], Secret(self.info["api_secret"].encode()), "stand")

    async def inject(self, fault: dict[str, Any]) -> None:
        """Have something go wrong."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.info['rest_url']}/stand/faults", data=json.dumps(fault)) as answer,
        ):
            answer.raise_for_status()

    async def state(self) -> dict[str, Any]:
        """The stand's own truth."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.info['rest_url']}/stand/state") as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found
