"""Market stream connections: who listens to what, and in which form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.market import SPAN_MS, Frame, Player, SymbolMarket, agg_trade
from tickwright.sim.stands.server import Send


class _Listener:
    __slots__ = ("combined", "names")

    def __init__(self, *, combined: bool) -> None:
        self.combined = combined
        self.names: dict[str, None] = {}  # ordered


class Streams:
    """Subscriptions by connection, and the streams that are made by time rather than recorded."""

    def __init__(self, config: StandConfig, markets: dict[str, SymbolMarket], player: Player) -> None:
        self.config = config
        self.markets = {market.lower: market for market in markets.values()}
        self.player = player
        self._conns: dict[int, _Listener] = {}
        self._by_name: dict[str, dict[int, None]] = {}
        self._second = 0
        self._tenth = 0
        self._bars: dict[str, int] = {}

    def open(self, conn: int, path: str, query: str) -> list[str]:
        """A new connection; the streams that its address names."""
        combined = path == "/stream"
        names = parse_qs(query).get("streams", [""])[0].split("/") if combined else path.removeprefix("/ws").strip("/").split("/")
        self._conns[conn] = _Listener(combined=combined)
        chosen = [name for name in names if name]
        self._subscribe(conn, chosen)
        return chosen

    def close(self, conn: int) -> None:
        listener = self._conns.pop(conn, None)
        if listener is not None:
            for name in listener.names:
                self._by_name.get(name, {}).pop(conn, None)

    def combined(self, conn: int) -> bool:
        listener = self._conns.get(conn)
        return listener is not None and listener.combined

    def listens(self, conn: int, part: str) -> bool:
        """Whether a connection has a stream with ``part`` in its name."""
        listener = self._conns.get(conn)
        return listener is not None and any(part in name for name in listener.names)

    def listeners(self, name: str) -> list[int]:
        return list(self._by_name.get(name, ()))

    def _subscribe(self, conn: int, names: list[str]) -> None:
        listener = self._conns[conn]
        for name in names:
            listener.names[name] = None
            self._by_name.setdefault(name, {})[conn] = None

    def frame(self, conn: int, text: str) -> tuple[str, bool]:
        """A client's frame: the reply, and whether it subscribed to something."""
        try:
            asked = json.loads(text)
        except ValueError:
            return _error(3, "Invalid JSON: expected value at line 1 column 1", None), False
        if not isinstance(asked, dict) or "method" not in asked:
            return _error(
                2, "Invalid request: missing field `method`", asked.get("id") if isinstance(asked, dict) else None
            ), False
        number, params = asked.get("id"), asked.get("params", [])
        listener = self._conns[conn]
        method = asked["method"]
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
                return _error(2, "Invalid request: params must be a list of stream names", number), False
            if method == "UNSUBSCRIBE":
                for name in params:
                    listener.names.pop(name, None)
                    self._by_name.get(name, {}).pop(conn, None)
                return _result(None, number), False
            if len({*listener.names, *params}) > self.config.streams_max:
                return _error(2, f"Invalid request: more than {self.config.streams_max} streams", number), False
            self._subscribe(conn, params)
            return _result(None, number), True
        if method == "LIST_SUBSCRIPTIONS":
            return _result(list(listener.names), number), False
        if method == "SET_PROPERTY" and isinstance(params, list) and len(params) == 2 and params[0] == "combined":
            if not isinstance(params[1], bool):
                return _error(1, "Invalid value type: expected Boolean", number), False
            listener.combined = params[1]
            return _result(None, number), False
        if method == "GET_PROPERTY" and params == ["combined"]:
            return _result(listener.combined, number), False
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return _error(0, "Unknown property", number), False
        return _error(2, f"Invalid request: unknown variant `{method}`", number), False

    def send(self, name: str, payload: str) -> list[Send]:
        """One recorded frame to those who listen, and what is made of it at once."""
        sends = self._to(name, payload)
        if name.endswith("@trade"):
            other = name.removesuffix("trade") + "aggTrade"
            if self._by_name.get(other):
                sends += self._to(other, json.dumps(agg_trade(json.loads(payload)), separators=(",", ":")))
        return sends

    def _to(self, name: str, payload: str) -> list[Send]:
        conns = self._by_name.get(name)
        if not conns:
            return []
        wrapped = f'{{"stream":"{name}","data":{payload}}}'
        return [Send(conn, wrapped if self._conns[conn].combined else payload) for conn in conns]

    def timed(self, now_ms: int) -> list[Frame]:
        """Streams with a pace of their own, by the market's time."""
        frames: list[Frame] = []
        if now_ms // 100 != self._tenth:
            self._tenth = now_ms // 100
            for name in self._wanted("@depth"):
                self._partial(name, "@100ms", frames)
        if now_ms // 1_000 == self._second:
            return frames
        self._second = now_ms // 1_000
        for market in self.markets.values():
            slow = market.slow_depth()
            if slow is not None and self._by_name.get(f"{market.lower}@depth"):
                frames.append((f"{market.lower}@depth", _dump(slow)))
        for name in self._wanted("@depth"):
            self._partial(name, "", frames)
        for name in self._wanted("@"):
            self._each_second(name, now_ms, frames)
        for name, kind in (("!miniTicker@arr", "mini_event"), ("!ticker@arr", "ticker_event")):
            if self._by_name.get(name):
                frames.append(
                    (name, json.dumps([getattr(market, kind)(now_ms) for market in self.markets.values()], separators=(",", ":")))
                )
        return frames

    def _wanted(self, part: str) -> list[str]:
        return [name for name, conns in self._by_name.items() if conns and part in name and not name.startswith("!")]

    def _partial(self, name: str, pace: str, frames: list[Frame]) -> None:
        symbol, _, rest = name.partition("@depth")
        levels, _, speed = rest.partition("@")
        if levels.isdigit() and (f"@{speed}" if speed else "") in (pace, pace or "@1000ms"):
            market = self.markets.get(symbol)
            if market is not None:
                frames.append((name, _dump(market.depth(int(levels)))))

    def _each_second(self, name: str, now_ms: int, frames: list[Frame]) -> None:
        symbol, _, kind = name.partition("@")
        market = self.markets.get(symbol)
        if market is None:
            return
        if kind == "ticker":
            frames.append((name, _dump(market.ticker_event(now_ms))))
        elif kind == "miniTicker":
            frames.append((name, _dump(market.mini_event(now_ms))))
        elif kind == "avgPrice":
            frames.append(
                (name, _dump({"e": "avgPrice", "E": now_ms, "s": market.native, "i": "5m", "w": market.top()[0], "T": now_ms}))
            )
        elif kind.startswith("kline_") and kind.removeprefix("kline_") in SPAN_MS:
            self._bar(market, name, kind.removeprefix("kline_"), now_ms, frames)

    def _bar(self, market: SymbolMarket, name: str, span: str, now_ms: int, frames: list[Frame]) -> None:
        """The bar under way; and once, closed, the one before."""
        latest = market.bars(span, None, None, 2)
        if not latest:
            return
        told = self._bars.get(name)
        for bar in latest[:-1]:
            if told is not None and bar.start_ms >= told:
                event = market.kline(span, bar.start_ms + SPAN_MS[span], bar)
                if event is not None:
                    frames.append((name, _dump(event)))
        self._bars[name] = latest[-1].start_ms
        event = market.kline(span, min(now_ms, latest[-1].start_ms + SPAN_MS[span] - 1), latest[-1])
        if event is not None:
            frames.append((name, _dump(event)))


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))


def _result(value: Any, number: Any) -> str:
    return json.dumps({"result": value, "id": number}, separators=(",", ":"))


def _error(code: int, text: str, number: Any) -> str:
    return json.dumps({"code": code, "msg": text, **({} if number is None else {"id": number})}, separators=(",", ":"))
