"""One client, one blast: connects, subscribes, reads ``total`` frames, prints a JSON line with the seconds it took.

    python benchmarks/clients.py CLIENT KIND PORT TOTAL

Clients: ``floor`` (picows and msgspec, written by hand, the book as two dicts), ``tickwright`` (the whole engine: session,
decode, step, one transform, decide, and each step on record as a killed process leaves it), ``unrecorded`` (the same
without the journal), ``ccxt`` (ccxt.pro), ``cryptofeed``. Kinds are those of ``frames.py``.
"""

import asyncio
import json
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

STREAMS = {
    "trade": "btcusdt@trade",
    "bookTicker": "btcusdt@bookTicker",
    "depth": "btcusdt@depth@100ms",
    "depth20": "btcusdt@depth@100ms",
}


class Timer:
    """Counts frames from the first to the last, by the clock and by what this process had of the processor."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0
        self.began = self.began_cpu = 0.0
        self.took = self.took_cpu = 0.0
        self.done = asyncio.Event()

    def start(self) -> None:
        self.began, self.began_cpu = time.perf_counter(), time.process_time()

    def one(self) -> None:
        if not self.began:
            self.start()
        self.count += 1
        if self.count >= self.total and not self.took:
            self.took, self.took_cpu = time.perf_counter() - self.began, time.process_time() - self.began_cpu
            self.done.set()


async def floor(kind: str, port: int, timer: Timer) -> None:
    """What a careful person writes for one venue and one purpose."""
    import msgspec
    from picows import WSListener, WSMsgType, ws_connect

    class TradeData(msgspec.Struct):
        p: float
        q: float
        T: int
        t: int
        m: bool

    class QuoteData(msgspec.Struct):
        u: int
        b: float
        B: float
        a: float
        A: float

    class DepthData(msgspec.Struct):
        U: int
        u: int
        b: list[tuple[float, float]]
        a: list[tuple[float, float]]

    data_type = {"trade": TradeData, "bookTicker": QuoteData, "depth": DepthData, "depth20": DepthData}[kind]

    class Frame(msgspec.Struct):
        data: data_type  # type: ignore[valid-type]  # chosen at run time, to decode in one pass

    decoder = msgspec.json.Decoder(Frame, strict=False)
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    state = {"ema": 0.0}

    class Listener(WSListener):
        def on_ws_connected(self, transport: Any) -> None:
            transport.send(WSMsgType.TEXT, json.dumps({"method": "SUBSCRIBE", "params": [STREAMS[kind]], "id": 1}).encode())

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            payload = frame.get_payload_as_bytes()
            if payload.startswith(b'{"result"'):
                return
            data = decoder.decode(payload).data
            if kind == "trade":
                state["ema"] += (data.p - state["ema"]) * 0.1
            elif kind == "bookTicker":
                state["ema"] += ((data.b + data.a) / 2 - state["ema"]) * 0.1
            else:
                for levels, side in ((data.b, bids), (data.a, asks)):
                    for price, qty in levels:
                        if qty:
                            side[price] = qty
                        else:
                            side.pop(price, None)
            timer.one()

    transport, _ = await ws_connect(Listener, f"ws://127.0.0.1:{port}/stream")
    await timer.done.wait()
    transport.disconnect()


async def unrecorded(kind: str, port: int, timer: Timer) -> None:
    """The engine without its journal."""
    await _engine(kind, port, timer, None)


async def tickwright(kind: str, port: int, timer: Timer) -> None:
    """The engine as it runs."""
    with tempfile.TemporaryDirectory() as folder:
        await _engine(kind, port, timer, Path(folder))


async def _engine(kind: str, port: int, timer: Timer, folder: Path | None) -> None:
    """Adapter, session, wire, shell, step, one transform, decide; a journal if there is a folder for it."""
    from tickwright import Strategy, book, ema, quotes, trades
    from tickwright.base.chance import Chance
    from tickwright.base.clock import SystemClock
    from tickwright.engine.build import attach
    from tickwright.engine.control import start
    from tickwright.engine.state import EngineConfig, State
    from tickwright.journal.disk import RealDisk
    from tickwright.journal.writer import Durability, open_run
    from tickwright.model.market import Channel, Subscription
    from tickwright.risk.limits import Limits
    from tickwright.run.shell import Shell
    from tickwright.sim.stands.binance_spot import spot_instrument
    from tickwright.venues.binance_spot import CAPS, Binance
    from tickwright.venues.kit import VenueConfig

    if kind in ("trade", "bookTicker"):
        timer.total -= 19  # decide is first called once the average is warm

    sources = {
        "trade": lambda: trades() >> (lambda trade: trade.price) >> ema(20),
        "bookTicker": lambda: quotes() >> (lambda quote: (quote.bid + quote.ask) / 2) >> ema(20),
    }

    class Count(Strategy):
        value = sources.get(kind, lambda: book() >> (lambda book: book.bid))()

        def decide(self) -> None:
            timer.one()

    clock = SystemClock()
    url = f"ws://127.0.0.1:{port}"
    venue = Binance(VenueConfig(rest_url=f"http://127.0.0.1:{port}", ws_url=url, ws_api_url=url), clock, Chance(1))
    await venue.open()
    config = EngineConfig(
        currency="USDT",
        limits=Limits(max_order_value=Decimal(1), max_order_qty=Decimal(1)),
        id_prefix="twbench0-",
        auto_arm=False,
    )
    state = State(config, [CAPS], [spot_instrument("BTCUSDT")])
    state.traded = ["binance_spot:BTC/USDT"]
    attach(state, Count())
    journal = None
    if folder is not None:
        journal = open_run(folder, "bench", b"{}", Durability.PROCESS, disk=RealDisk(), checkpoint=lambda: b"{}")
    start(state)
    shell = Shell(state, {"binance_spot": venue}, {}, clock, journal=journal)
    channel = {"trade": Channel.TRADES, "bookTicker": Channel.QUOTES}.get(kind, Channel.BOOK)
    task = asyncio.create_task(venue.run_market([Subscription("BTC/USDT", channel)], shell.put))
    waiting = asyncio.create_task(timer.done.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    if shell.failure:
        raise shell.failure
    task.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    if journal is not None:
        journal.close()
    await venue.close()


async def ccxt(kind: str, port: int, timer: Timer) -> None:
    """ccxt.pro, counting in its own message handler."""
    import ccxt.pro

    class Counted(ccxt.pro.binance):  # type: ignore[misc]  # untyped library
        def handle_message(self, client: Any, message: Any) -> None:
            super().handle_message(client, message)
            if "data" in message or "e" in message or "u" in message:
                timer.one()

    exchange = Counted({"newUpdates": True, "enableRateLimit": False})
    for name in ("public", "private", "v1", "v3"):
        exchange.urls["api"][name] = f"http://127.0.0.1:{port}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/stream"
    exchange.options["fetchMarkets"] = {"types": ["spot"]}
    await exchange.load_markets()
    watch = {
        "trade": exchange.watch_trades,
        "bookTicker": lambda s: exchange.watch_bids_asks([s]),
    }.get(kind, exchange.watch_order_book)

    async def keep() -> None:
        while True:
            await watch("BTC/USDT")

    task = asyncio.create_task(keep())
    await timer.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await exchange.close()


async def cryptofeed(kind: str, port: int, timer: Timer) -> None:
    """cryptofeed, counting in the user's callback."""
    from cryptofeed import connection
    from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
    from cryptofeed.defines import L2_BOOK, TICKER, TRADES
    from cryptofeed.exchanges import Binance

    tls = connection.connect

    async def plain(address: str, **options: Any) -> Any:
        """It insists on an encrypted address, which would cost it more than it costs the others. What it reads before the first
        callback (megabytes of frames, kept in a queue) is part of its work: the clock starts here.
        """
        opened = await tls(address.replace("wss://", "ws://"), **options)
        timer.start()
        return opened

    async def one(_item: Any, _receipt: float) -> None:
        timer.one()

    connection.connect = plain
    routes = Routes("/api/v3/exchangeInfo", l2book="/api/v3/depth?symbol={}&limit={}")
    Binance.websocket_endpoints = [WebsocketEndpoint(f"wss://127.0.0.1:{port}")]
    Binance.rest_endpoints = [RestEndpoint(f"http://127.0.0.1:{port}", routes=routes)]
    channel = {"trade": TRADES, "bookTicker": TICKER}.get(kind, L2_BOOK)
    feed = Binance(symbols=["BTC-USDT"], channels=[channel], callbacks={channel: one}, depth_interval="100ms")
    feed.start(asyncio.get_running_loop())
    await timer.done.wait()
    feed.stop()
    await feed.shutdown()


CLIENTS = {"floor": floor, "tickwright": tickwright, "unrecorded": unrecorded, "ccxt": ccxt, "cryptofeed": cryptofeed}


async def main() -> None:
    name, kind, port, total = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    timer = Timer(total)
    async with asyncio.timeout(120):
        await CLIENTS[name](kind, port, timer)
    print(json.dumps({"seconds": timer.took, "cpu_seconds": timer.took_cpu, "count": timer.count}))


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
