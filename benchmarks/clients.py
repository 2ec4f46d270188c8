"""One client, one blast: connects, subscribes, reads ``total`` frames, prints a JSON line with the seconds it took.

    python benchmarks/clients.py CLIENT KIND PORT TOTAL

Clients: ``floor`` (picows and msgspec, written by hand, the book as two dicts), ``tickwright`` (the whole engine: session,
decode, step, one transform, decide), ``ccxt`` (ccxt.pro). Kinds: ``trade``, ``bookTicker``, ``depth``.
"""

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any

STREAMS = {"trade": "btcusdt@trade", "bookTicker": "btcusdt@bookTicker", "depth": "btcusdt@depth@100ms"}


class Timer:
    """Counts frames from the first to the last."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0
        self.began = 0.0
        self.took = 0.0
        self.done = asyncio.Event()

    def one(self, more: int = 1) -> None:
        if self.count == 0:
            self.began = time.perf_counter()
        self.count += more
        if self.count >= self.total and not self.took:
            self.took = time.perf_counter() - self.began
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

    data_type = {"trade": TradeData, "bookTicker": QuoteData, "depth": DepthData}[kind]

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


async def tickwright(kind: str, port: int, timer: Timer) -> None:
    """The engine as it runs: adapter, session, wire, shell, step, one transform, decide."""
    from tickwright import Strategy, book, ema, quotes, trades
    from tickwright.base.chance import Chance
    from tickwright.base.clock import SystemClock
    from tickwright.engine.build import attach
    from tickwright.engine.control import start
    from tickwright.engine.state import EngineConfig, State
    from tickwright.model.market import Channel, Subscription
    from tickwright.risk.limits import Limits
    from tickwright.run.shell import Shell
    from tickwright.sim.stands.binance_spot import spot_instrument
    from tickwright.venues.binance_spot import CAPS, Binance
    from tickwright.venues.kit import VenueConfig

    timer.total -= {"trade": 19, "bookTicker": 19, "depth": 0}[kind]  # decide is first called once the average is warm

    sources = {
        "trade": lambda: trades() >> (lambda trade: trade.price) >> ema(20),
        "bookTicker": lambda: quotes() >> (lambda quote: (quote.bid + quote.ask) / 2) >> ema(20),
        "depth": lambda: book() >> (lambda book: book.bid),
    }

    class Count(Strategy):
        value = sources[kind]()

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
    start(state)
    shell = Shell(state, {"binance_spot": venue}, {}, clock)
    channel = {"trade": Channel.TRADES, "bookTicker": Channel.QUOTES, "depth": Channel.BOOK}[kind]
    task = asyncio.create_task(venue.run_market([Subscription("BTC/USDT", channel)], shell.put))
    waiting = asyncio.create_task(timer.done.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    if shell.failure:
        raise shell.failure
    task.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
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
        "depth": exchange.watch_order_book,
    }[kind]

    async def keep() -> None:
        while True:
            await watch("BTC/USDT")

    task = asyncio.create_task(keep())
    await timer.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await exchange.close()


async def main() -> None:
    name, kind, port, total = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    timer = Timer(total)
    async with asyncio.timeout(120):
        await {"floor": floor, "tickwright": tickwright, "ccxt": ccxt}[name](kind, port, timer)
    print(json.dumps({"seconds": timer.took, "count": timer.count}))


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
