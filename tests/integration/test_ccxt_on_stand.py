"""A client that nobody here wrote accepts the stand as Binance: ccxt, by REST and by websocket, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt.async_support as ccxt_rest
import ccxt.pro as ccxt_pro
import pytest

from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.stands.server import StandServer, serve

DEADLINE_S = 20
SYMBOL = "BTC/USDT"

# ccxt leaves sessions of its own to the collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def options(server: StandServer, stand: BinanceSpotStand) -> dict[str, Any]:
    """ccxt's settings for a stand."""
    rest, ws = server.rest_url, server.ws_url
    api = dict.fromkeys(("public", "private", "v1", "v3"), f"{rest}/api/v3")
    api |= {"sapi": f"{rest}/sapi/v1", "sapiV2": f"{rest}/sapi/v2", "sapiV3": f"{rest}/sapi/v3", "sapiV4": f"{rest}/sapi/v4"}
    api["ws"] = {"spot": f"{ws}/ws", "ws-api": {"spot": server.ws_api_url}}
    return {
        "apiKey": stand.api_key,
        "secret": stand.api_secret,
        "enableRateLimit": False,
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        "urls": {"api": api},
    }


@contextlib.asynccontextmanager
async def client(kind: type[Any]) -> AsyncIterator[tuple[Any, BinanceSpotStand]]:
    """A ccxt client on a fresh stand."""
    stand = BinanceSpotStand(StandConfig(seed=5))
    async with serve(stand) as server:
        exchange = kind(options(server, stand))
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield exchange, stand
        finally:
            await exchange.close()


async def heard(act: Callable[[], Awaitable[Any]], *futures: asyncio.Future[Any]) -> None:
    """Do something until all have heard of it: ccxt gives no sign that a subscription is in place."""
    while not all(future.done() for future in futures):
        await act()
        await asyncio.wait(futures, timeout=0.5)


def test_given_ccxt_when_it_trades_by_rest_then_every_answer_is_understood() -> None:
    """Markets, balance, book, trades, candles, a limit order and its cancel, a market order, open orders, own trades."""

    async def story() -> None:
        async with client(ccxt_rest.binance) as (exchange, stand):
            markets = await exchange.load_markets()
            assert markets[SYMBOL]["precision"]["price"] == 0.01
            before = await exchange.fetch_balance()
            assert before["USDT"]["free"] == 100_000
            book = await exchange.fetch_order_book(SYMBOL)
            bid, ask = book["bids"][0][0], book["asks"][0][0]
            assert bid < ask
            assert (await exchange.fetch_ticker(SYMBOL))["bid"] > 0

            order = await exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(bid * 0.95, 2))
            assert order["status"] == "open"
            assert [one["id"] for one in await exchange.fetch_open_orders(SYMBOL)] == [order["id"]]
            assert (await exchange.cancel_order(order["id"], SYMBOL))["status"] == "canceled"
            assert await exchange.fetch_open_orders(SYMBOL) == []

            taken = await exchange.create_order(SYMBOL, "market", "buy", 0.01)
            assert (taken["status"], taken["filled"]) == ("closed", 0.01)
            mine = await exchange.fetch_my_trades(SYMBOL)
            assert sum(trade["amount"] for trade in mine) == pytest.approx(0.01)
            assert (await exchange.fetch_balance())["BTC"]["total"] == pytest.approx(1.01 - 0.00001)
            assert stand.exchange.open_orders("main") == []
            with pytest.raises(ccxt_rest.InsufficientFunds):
                await exchange.create_order(SYMBOL, "limit", "buy", 100, round(bid * 0.9, 2))
            with pytest.raises(ccxt_rest.OrderNotFound):
                await exchange.cancel_order("999999", SYMBOL)
            assert len(await exchange.fetch_ohlcv(SYMBOL, "1s", limit=5)) >= 1
            assert len(await exchange.fetch_trades(SYMBOL, limit=5)) >= 1

    asyncio.run(story())


def test_given_ccxt_pro_when_it_watches_then_streams_and_user_events_arrive() -> None:
    """Book, trades and ticker streams; an order placed is told by the user stream, and so is what it did to the balance."""

    async def story() -> None:
        async with client(ccxt_pro.binance) as (exchange, _):
            await exchange.load_markets()
            book = await exchange.watch_order_book(SYMBOL)
            assert book["bids"][0][0] < book["asks"][0][0]
            assert (await exchange.watch_trades(SYMBOL))[0]["price"] > 0
            assert (await exchange.watch_ticker(SYMBOL))["symbol"] == SYMBOL
            bid = round(book["bids"][0][0] * 0.95, 2)
            orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
            balance = asyncio.ensure_future(exchange.watch_balance())
            await heard(lambda: exchange.create_order(SYMBOL, "limit", "buy", 0.01, bid), orders, balance)
            assert (orders.result()[-1]["price"], orders.result()[-1]["status"]) == (bid, "open")
            assert balance.result()["USDT"]["used"] > 0
            trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
            await heard(lambda: exchange.create_order(SYMBOL, "market", "buy", 0.01), trades)
            assert trades.result()[-1]["side"] == "buy"
            assert trades.result()[-1]["takerOrMaker"] == "taker"

    asyncio.run(story())


def test_given_ccxt_pro_when_it_orders_by_the_websocket_api_then_the_order_works_and_is_cancelled() -> None:
    """Order entry over the WebSocket API."""

    async def story() -> None:
        async with client(ccxt_pro.binance) as (exchange, stand):
            await exchange.load_markets()
            bid = (await exchange.fetch_order_book(SYMBOL))["bids"][0][0]
            order = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, round(bid * 0.95, 2))
            assert len(stand.exchange.open_orders("main")) == 1
            await exchange.cancel_order_ws(order["id"], SYMBOL)
            assert stand.exchange.open_orders("main") == []

    asyncio.run(story())
