"""The shell over real sockets: one port for all, what it does to slow, silent and unwanted clients, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tickwright.base.errors import VenueError
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import StandServer, serve
from unit.sim.stands.standkit import LINES, SNAPSHOT, SYMBOL, T0_MS, write_tape

DEADLINE_S = 20.0


def story(folder: Path, lines: list[dict[str, Any]], body: Callable[[StandServer, BinanceSpotStand, aiohttp.ClientSession], Awaitable[None]], **config: Any) -> None:  # fmt: skip
    """Tell a story on a served stand, within a deadline."""

    async def run() -> None:
        stand = BinanceSpotStand(StandConfig(tape=write_tape(folder / "tape", lines), start_on="subscriber", **config))
        async with asyncio.timeout(DEADLINE_S), serve(stand) as server, aiohttp.ClientSession(server.rest_url) as http:
            await body(server, stand, http)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def socket(server: StandServer, http: aiohttp.ClientSession, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:  # fmt: skip
    async with http.ws_connect(f"{server.ws_url}{path}", **options) as ws:
        yield ws


def test_given_one_port_when_used_for_everything_then_each_path_is_what_it_says(tmp_path: Path) -> None:
    """REST, streams and the WebSocket API; no compression is agreed to; other paths are not there."""

    async def body(server: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        async with http.get("/api/v3/time") as answer:
            assert answer.headers["Content-Type"].startswith("application/json")
            assert set(await answer.json()) == {"serverTime"}
        async with socket(server, http, "/ws/btcusdt@trade", compress=15) as ws:
            assert ws.compress == 0
            assert (await ws.receive_json())["e"] == "trade"
        async with http.ws_connect(server.ws_api_url) as ws:
            await ws.send_json({"id": 1, "method": "ping"})
            assert (await ws.receive_json())["status"] == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(f"{server.ws_url}/elsewhere")
        assert caught.value.status == 404
        assert server.about["api_key"] == server.api_key == stand.api_key
        assert server.api_secret == stand.api_secret

    story(tmp_path, LINES, body)


def test_given_a_client_that_answers_pings_when_another_does_not_then_only_that_one_is_cut(tmp_path: Path) -> None:
    """The server asks; silence past the deadline ends the connection without a close frame."""

    async def body(server: StandServer, _: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        async with socket(server, http, "/ws", autoping=False) as silent, socket(server, http, "/ws") as good:
            listening = asyncio.ensure_future(good.receive_json())  # answers pings while it waits
            assert (await silent.receive()).type is aiohttp.WSMsgType.PING
            while (await silent.receive()).type is aiohttp.WSMsgType.PING:
                pass
            assert silent.close_code == 1006
            await good.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            assert await listening == {"result": [], "id": 1}

    story(tmp_path, LINES, body, ping_s=0.05, pong_deadline_s=0.4, frames_per_s=1_000)


def test_given_a_ping_from_a_client_when_it_arrives_then_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """And counts as a message."""

    async def body(server: StandServer, _: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        async with socket(server, http, "/ws", autoping=False) as ws:
            await ws.ping(b"hello")
            pong = await ws.receive()
            assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"hello")
            for _ in range(6):
                await ws.ping()
            while (message := await ws.receive()).type is aiohttp.WSMsgType.PONG:
                pass
            assert (message.type, ws.close_code) == (aiohttp.WSMsgType.CLOSE, 1008) or ws.close_code == 1008

    story(tmp_path, LINES, body)


def test_given_a_client_that_reads_slowly_when_the_tape_plays_as_fast_as_it_can_then_nothing_is_lost(tmp_path: Path) -> None:
    """The stand waits for it."""
    count = 60_000  # more than may wait for a client
    lines = [SNAPSHOT, *({"e": "trade", "E": T0_MS + n, "s": SYMBOL, "t": n, "p": "60000.00", "q": "0.1", "T": T0_MS + n, "m": True} for n in range(count))]  # fmt: skip

    async def body(server: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        async with socket(server, http, "/ws/btcusdt@trade") as ws:
            for number in range(count):
                assert (await ws.receive_json())["t"] == number
                if number == 100:
                    await asyncio.sleep(0.3)  # everything that fits is under way by now
            assert stand.player.ended

    story(tmp_path, lines, body, speed=0.0)


@pytest.mark.parametrize(
    ("kind", "value"), [(FaultKind.LOST_REPLY, 0.0), (FaultKind.DROP, 0.05)], ids=lambda value: getattr(value, "value", "")
)
def test_given_a_reply_that_is_lost_when_it_was_asked_for_then_the_connection_ends_without_it(
    tmp_path: Path, kind: FaultKind, value: float
) -> None:
    """And the next request is answered."""

    async def body(_: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        stand.inject(Fault(kind=kind, on="POST /api/v3/nothing", value=value))
        with pytest.raises(aiohttp.ClientError):
            await http.post("/api/v3/nothing")
        assert (await http.get("/api/v3/time")).status == 200
        assert stand.faults.happened == {kind.value: 1}

    story(tmp_path, LINES, body)


def test_given_a_late_request_when_it_arrives_then_it_is_answered_as_of_then(tmp_path: Path) -> None:
    """Held up on its way; the fault does not strike twice."""

    async def body(_: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        stand.inject(Fault(kind=FaultKind.LATE, on="/time", value=0.2))
        before = (await (await http.get("/api/v3/ping")).json()) == {}
        first = (await (await http.get("/api/v3/time")).json())["serverTime"]
        second = (await (await http.get("/api/v3/time")).json())["serverTime"]
        assert before
        assert 0 <= second - first < 200

    story(tmp_path, LINES, body)


def test_given_a_half_open_connection_when_the_client_speaks_then_nothing_comes_back(tmp_path: Path) -> None:
    """Nothing that it says arrives; other connections live."""

    async def body(server: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        async with http.ws_connect(server.ws_api_url) as dead, http.ws_connect(server.ws_api_url) as good:
            ping = {"id": 1, "method": "ping"}
            for ws in (dead, good):
                await ws.send_json(ping)
                await ws.receive_json()
            stand.inject(Fault(kind=FaultKind.HALF_OPEN, on="time", nth=1))
            await dead.send_json({"id": 2, "method": "time"})
            while not stand.faults.happened:  # noqa: ASYNC110 (the stand has no event for it)
                await asyncio.sleep(0.005)
            frames = stand.counts["frames"]
            await dead.send_json(ping)
            await dead.ping()
            await good.send_json(ping)
            assert (await good.receive_json())["id"] == 1
            assert stand.counts["frames"] == frames + 1
            with pytest.raises(TimeoutError):
                await dead.receive(timeout=0.1)

    story(tmp_path, LINES, body)


def test_given_a_port_that_is_taken_when_served_then_one_line_says_so(tmp_path: Path) -> None:
    """And nothing stays behind."""

    async def body(server: StandServer, stand: BinanceSpotStand, _: aiohttp.ClientSession) -> None:
        with pytest.raises(VenueError, match=f"port {server.port} cannot be used"):
            async with serve(stand, port=server.port):
                pass

    story(tmp_path, LINES, body)


def test_given_open_connections_when_the_stand_stops_then_they_are_closed_in_order(tmp_path: Path) -> None:
    """With the code for going away."""

    async def run() -> None:
        stand = BinanceSpotStand(StandConfig(tape=write_tape(tmp_path / "tape", LINES)))
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as http:
            async with serve(stand) as server:
                sockets = [await http.ws_connect(f"{server.ws_url}{path}") for path in ("/ws", "/stream", "/ws-api/v3")]
                reading = [asyncio.ensure_future(ws.receive()) for ws in sockets]
                await asyncio.sleep(0)
            for ws, read in zip(sockets, reading, strict=True):
                await read
                assert ws.close_code == 1001

    asyncio.run(run())


def test_given_the_control_endpoints_when_used_over_sockets_then_a_fault_can_be_switched_on(tmp_path: Path) -> None:
    """As a demo in another process does it."""

    async def body(_: StandServer, stand: BinanceSpotStand, http: aiohttp.ClientSession) -> None:
        answer = await http.post("/stand/faults", data=json.dumps({"kind": "overloaded", "on": "ping"}))
        assert answer.status == 200
        assert (await http.get("/api/v3/ping")).status == 503
        assert (await http.get("/api/v3/ping")).status == 200
        state = await (await http.get("/stand/state")).json()
        assert (state["faults"], state["counts"]["requests"]) == ({"overloaded": 1}, 2)
        assert stand.faults.waiting == []

    story(tmp_path, LINES, body)
