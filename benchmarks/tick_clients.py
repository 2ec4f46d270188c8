"""One client that answers every twelfth tick with an order, until it is ended. ``tick.py`` measures it.

    python benchmarks/tick_clients.py CLIENT ADDRESSES-AS-JSON

Clients: ``floor`` (picows, msgspec and an HMAC, written by hand, an order over the websocket), ``off``, ``process`` and
``power`` (the whole engine: session, decode, step, transform, decide, risk gate, reservation, journal with that durability,
signature, order over the websocket), ``rehearsed`` (``process`` with an order rehearsed every millisecond), ``ccxt``
(ccxt.pro, an order over HTTP). All keep an average of the mid price and buy below the best bid.
"""

import asyncio
import json
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

#: The same as that of ``tick.py``.
ORDER_EVERY = 12
#: How often the ``rehearsed`` client rehearses an order.
REHEARSE_MS = 1.0


def due(number: int) -> bool:
    """Whether a tick is one that an order answers."""
    return number % ORDER_EVERY == 0


def quantity(number: int) -> str:
    """Of an order: every one is another for a while, or a guard against duplicates would be right to stop it."""
    return f"0.{100 + number % 400:05d}"


async def floor(about: dict[str, Any]) -> None:
    """What a careful person writes for one venue and one purpose."""
    import hmac

    import msgspec
    from picows import WSListener, WSMsgType, ws_connect

    class Quote(msgspec.Struct):
        u: int
        b: float
        B: float
        a: float
        A: float

    class Frame(msgspec.Struct):
        data: Quote

    decode = msgspec.json.Decoder(Frame, strict=False).decode
    encode = msgspec.json.Encoder().encode
    key, secret = about["api_key"], about["api_secret"].encode()
    state = {"ema": 0.0, "sent": 0}

    class Orders(WSListener):
        pass

    orders, _ = await ws_connect(Orders, about["ws_api_url"])

    class Market(WSListener):
        def on_ws_connected(self, transport: Any) -> None:
            subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1}
            transport.send(WSMsgType.TEXT, json.dumps(subscribe).encode())

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            payload = frame.get_payload_as_bytes()
            if payload.startswith(b'{"result"'):
                return
            quote = decode(payload).data
            state["ema"] += ((quote.b + quote.a) / 2 - state["ema"]) * 0.1
            if not due(quote.u):
                return
            state["sent"] = number = state["sent"] + 1
            params = {
                "apiKey": key,
                "newClientOrderId": f"floor-{number}",
                "price": f"{quote.b - 1:.2f}",
                "quantity": quantity(number),
                "recvWindow": 5000,
                "side": "BUY",
                "symbol": "BTCUSDT",
                "timeInForce": "IOC",
                "timestamp": time.time_ns() // 1_000_000,
                "type": "LIMIT",
            }
            text = "&".join([f"{name}={value}" for name, value in params.items()]).encode()
            params["signature"] = hmac.digest(secret, text, "sha256").hex()
            orders.send(WSMsgType.TEXT, encode({"id": number, "method": "order.place", "params": params}))

    await ws_connect(Market, f"{about['ws_url']}/stream")
    await asyncio.Event().wait()


async def tickwright(about: dict[str, Any], durability: str, *, rehearsed: bool = False) -> None:
    """A run as ``tickwright run`` makes it."""
    from tickwright import DOWN, Strategy, Tif, ema, quotes
    from tickwright.base.chance import Chance
    from tickwright.base.clock import SystemClock
    from tickwright.base.secret import Secret
    from tickwright.journal.writer import Durability
    from tickwright.risk.limits import Limits
    from tickwright.run.record import Recording
    from tickwright.run.rehearsal import rehearsal
    from tickwright.run.session import Plan, Session
    from tickwright.venues.binance_spot import Binance
    from tickwright.venues.kit import VenueConfig

    class Buy(Strategy):
        quote = quotes()
        mid = quotes() >> (lambda quote: (quote.bid + quote.ask) / 2) >> ema(20)
        sent = 0

        def decide(self) -> None:
            if not due(self.quote.value.seq):
                return
            self.sent += 1
            limit = self.instrument.price(self.quote.value.bid - 1, DOWN)
            self.buy(quantity(self.sent), limit=limit, tif=Tif.IOC)

    clock, chance = SystemClock(), Chance(1)
    venue = Binance(
        VenueConfig(
            rest_url=about["rest_url"],
            ws_url=about["ws_url"],
            ws_api_url=about["ws_api_url"],
            key=about["api_key"],
            secret=Secret(about["api_secret"].encode()),
            sandbox=True,
        ),
        clock,
        chance,
    )
    limits = Limits(
        max_order_value=Decimal(1_000), max_order_qty=Decimal(1), max_position=Decimal(1),
        submits_per_second=1_000, submits_per_minute=60_000,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(Path(folder), "bench", Durability(durability)) if durability != "off" else None
        keepers = rehearsal(REHEARSE_MS if rehearsed else 0.0)
        plan = Plan(
            strategy=Buy, params={}, venue=venue, symbols=["BTC/USDT"], limits=limits, recording=recording, keepers=keepers
        )
        session = Session(plan, clock, _complain)
        await session.prepare()
        await session.run()


def _complain(notice: Any) -> None:
    """What keeps an order from being sent would only show as a sample that is missing."""
    if notice.level.value != "info":
        print(notice.what, notice.text, file=sys.stderr)


async def ccxt(about: dict[str, Any]) -> None:
    """ccxt.pro as its manual has it: watch, then order."""
    import ccxt.pro

    rest = about["rest_url"]
    api: dict[str, Any] = dict.fromkeys(("public", "private", "v1", "v3"), f"{rest}/api/v3")
    api |= {"sapi": f"{rest}/sapi/v1", "sapiV2": f"{rest}/sapi/v2", "sapiV3": f"{rest}/sapi/v3", "sapiV4": f"{rest}/sapi/v4"}
    api["ws"] = {"spot": f"{about['ws_url']}/ws", "ws-api": {"spot": about["ws_api_url"]}}
    exchange = ccxt.pro.binance(
        {
            "apiKey": about["api_key"],
            "secret": about["api_secret"],
            "enableRateLimit": False,
            "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
            "urls": {"api": api},
        }
    )
    await exchange.load_markets()
    average, sent = 0.0, 0
    while True:
        quote = (await exchange.watch_bids_asks(["BTC/USDT"]))["BTC/USDT"]
        average += ((quote["bid"] + quote["ask"]) / 2 - average) * 0.1
        if not due(int(quote["info"]["u"])):
            continue
        sent += 1
        price, qty = quote["bid"] - 1, float(quantity(sent))
        await exchange.create_order("BTC/USDT", "limit", "buy", qty, price, {"timeInForce": "IOC"})


async def main() -> None:
    name, about = sys.argv[1], json.loads(sys.argv[2])
    if name in ("floor", "ccxt"):
        await {"floor": floor, "ccxt": ccxt}[name](about)
    elif name == "rehearsed":
        await tickwright(about, "process", rehearsed=True)
    else:
        await tickwright(about, name)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
