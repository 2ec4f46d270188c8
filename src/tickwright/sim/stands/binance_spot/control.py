"""The stand's own endpoints, for tests, demos and audits: no part of the venue.

``GET /stand/state`` is the truth; ``GET|POST|DELETE /stand/faults`` shows, adds and clears faults; ``POST /stand/transfer`` moves
money in or out. The server listens on localhost only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tickwright.base.errors import ConfigError
from tickwright.base.numbers import money
from tickwright.sim.faults import parse_faults
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue, dump
from tickwright.sim.stands.server import HttpIn, HttpOut

if TYPE_CHECKING:
    from tickwright.sim.stands.binance_spot.stand import BinanceSpotStand

_ACCOUNT = "main"


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    asset: str
    amount: str


def answer(stand: BinanceSpotStand, request: HttpIn, at_ns: int) -> HttpOut:
    """One request to the stand itself."""
    asked = (request.method, request.path)
    if asked == ("GET", "/stand/state"):
        return HttpOut(body=dump(stand.state()))
    if asked == ("GET", "/stand/faults"):
        return HttpOut(body=msgspec.json.encode({"waiting": stand.faults.waiting, "happened": stand.faults.happened}))
    if asked == ("DELETE", "/stand/faults"):
        stand.faults.clear()
        return HttpOut()
    try:
        if asked == ("POST", "/stand/faults"):
            return _add_faults(stand, request.body)
        if asked == ("POST", "/stand/transfer"):
            moved = msgspec.json.decode(request.body, type=_Transfer)
            if stand.transfer(moved.asset, money(moved.amount), at_ns):
                return HttpOut()
            return _wrong("there is not enough of it")
    except (ConfigError, ValueError, RecursionError) as error:  # bytes that are no JSON, or no text, or no amount
        return _wrong(str(error))
    return HttpOut(status=404, body=dump({"error": "no such endpoint of the stand"}))


def _wrong(what: str) -> HttpOut:
    return HttpOut(status=400, body=dump({"error": what}))


def _add_faults(stand: BinanceSpotStand, body: bytes) -> HttpOut:
    """One fault, or ``{"fault": [...]}``."""
    data = msgspec.json.decode(body)
    plan = parse_faults(data if isinstance(data, dict) and "fault" in data else {"fault": [data]}, "request")
    for fault in plan.fault:
        stand.inject(fault)
    return HttpOut()


def state(stand: BinanceSpotStand) -> Json:
    """What is true at the venue. ``requests`` are all genuine requests about orders, in order of arrival."""
    exchange = stand.exchange
    instruments = stand.floor.by_key.values()
    requests: list[JsonValue] = list(stand.log)
    return {
        "balances": {
            asset: [render.money_text(free), render.money_text(locked)]
            for asset, (free, locked) in exchange.balances(_ACCOUNT).items()
        },
        "open_orders": [stand.orders.shown(order) for order in exchange.open_orders(_ACCOUNT)],
        "orders": [stand.orders.shown(order) for one in instruments for order in exchange.orders(_ACCOUNT, one.key)],
        "fills": [render.my_trade(fill, one) for one in instruments for fill in exchange.fills(_ACCOUNT, one.key)],
        "requests": requests,
        "faults": stand.faults.happened,
        "counts": {**stand.counts, "market_frames": stand.player.frames},
        "market_ms": stand.player.now_ms,
        "ended": stand.player.ended,
    }
