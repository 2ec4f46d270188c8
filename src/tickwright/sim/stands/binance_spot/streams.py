"""Market streams: who listens to what and in which form, and the streams that are made by time rather than recorded.

A well-formed but unknown stream may be subscribed to; nothing is ever sent on it. (So it is with the venue.)
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec

from tickwright.sim.stands.binance_spot import market as shown
from tickwright.sim.stands.binance_spot.bars import SPAN_MS, bar_end
from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.listing import text
from tickwright.sim.stands.binance_spot.market import SymbolMarket, TradeFrame, agg_row
from tickwright.sim.stands.binance_spot.player import Frame
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue, dump_text
from tickwright.sim.stands.binance_spot.time_unit import micros, wants_micros
from tickwright.sim.stands.server import Send

_PARTIAL = ("5", "10", "20")
_WINDOWS_MS = {"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
_ID_CHARS_MAX = 36
#: A trade may be told this long after its time; then its bar is final.
_CLOSE_AFTER_MS = 100
_BARS_BEHIND = 5


class _Listener:
    __slots__ = ("combined", "micros", "names")

    def __init__(self, *, combined: bool, in_micros: bool) -> None:
        self.combined = combined
        self.micros = in_micros
        self.names: dict[str, None] = {}  # in the order of subscription


class Streams:
    """Subscriptions by connection."""

    def __init__(self, config: StandConfig, markets: Mapping[str, SymbolMarket]) -> None:
        self._config = config
        self._markets = {market.lower: market for market in markets.values()}
        self._conns: dict[int, _Listener] = {}
        self._by_name: dict[str, dict[int, None]] = {}
        self._second = 0
        self._tenth = 0
        self._bars: dict[str, int] = {}  # where the first bar starts that was not yet told to be closed, by stream
        self._lasts: dict[str, int] = {}  # latest trade id told by the all-market streams, by stream and symbol

    # -- connections -------------------------------------------------------------------------------------------------

    def open(self, conn: int, path: str, query: str) -> bool:
        """A new connection; whether its address names streams. Raises for a time unit that does not exist."""
        combined = path == "/stream"
        asked = parse_qs(query)
        names = asked.get("streams", [""])[0] if combined else path.removeprefix("/ws").strip("/")
        self._conns[conn] = _Listener(combined=combined, in_micros=wants_micros(asked.get("timeUnit", [None])[0]))
        chosen = [name for name in names.split("/") if name]
        self._subscribe(conn, chosen)
        return bool(chosen)

    def close(self, conn: int) -> None:
        listener = self._conns.pop(conn, None)
        if listener is not None:
            self._drop(conn, list(listener.names))

    def is_combined(self, conn: int) -> bool:
        listener = self._conns.get(conn)
        return listener is not None and listener.combined

    def listens(self, conn: int, part: str) -> bool:
        """Whether a connection has a stream with ``part`` in its name."""
        listener = self._conns.get(conn)
        return listener is not None and any(part in name for name in listener.names)

    def _subscribe(self, conn: int, names: list[str]) -> None:
        listener = self._conns[conn]
        for name in names:
            listener.names[name] = None
            self._by_name.setdefault(name, {})[conn] = None

    def _drop(self, conn: int, names: list[str]) -> None:
        for name in names:
            listening = self._by_name.get(name)
            if listening is not None:
                listening.pop(conn, None)
                if not listening:
                    del self._by_name[name]
                    self._bars.pop(name, None)

    # -- requests ----------------------------------------------------------------------------------------------------

    def frame(self, conn: int, frame: str) -> tuple[str, bool]:
        """A client's frame: the reply, and whether it subscribed to something."""
        try:
            asked = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            return _error(3, "Invalid JSON: expected value at line 1 column 1"), False
        if not isinstance(asked, dict):
            return _error(2, "Invalid request: request must be a JSON object"), False
        number = asked.get("id")
        if not _is_id(number):
            return _error(2, "Invalid request: request ID must be an unsigned integer, a string of 36 or null"), False
        if "method" not in asked:
            return _error(2, "Invalid request: missing field `method` at line 1 column 40", number), False
        params = asked.get("params")
        return self._do(self._conns[conn], conn, str(asked["method"]), params if isinstance(params, list) else None, number)

    def _do(
        self, listener: _Listener, conn: int, method: str, params: list[object] | None, number: JsonValue
    ) -> tuple[str, bool]:
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            names = [name for name in params or () if isinstance(name, str) and name]
            if params is None or len(names) != len(params) or not names:
                return _error(2, "Invalid request: params must be an array of stream names", number), False
            if method == "UNSUBSCRIBE":
                for name in names:
                    listener.names.pop(name, None)
                self._drop(conn, names)
                return _result(None, number), False
            if len({*listener.names, *names}) > self._config.streams_max:
                return _error(2, f"Invalid request: a connection may have {self._config.streams_max} streams", number), False
            self._subscribe(conn, names)
            return _result(None, number), True
        if method == "LIST_SUBSCRIPTIONS":
            return _result(list(listener.names), number), False
        if method == "SET_PROPERTY" and params is not None and len(params) == 2 and params[0] == "combined":
            if not isinstance(params[1], bool):
                return _error(1, "Invalid value type: expected Boolean", number), False
            listener.combined = params[1]
            return _result(None, number), False
        if method == "GET_PROPERTY" and params == ["combined"]:
            return _result(listener.combined, number), False
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return _error(0, "Unknown property", number), False
        said = "expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
        return _error(2, f"Invalid request: unknown variant `{method[:40]}`, {said}", number), False

    # -- frames ------------------------------------------------------------------------------------------------------

    def send(self, name: str, payload: str) -> list[Send]:
        """One frame to everyone who listens."""
        conns = self._by_name.get(name)
        if not conns:
            return []
        sends = []
        in_micros = ""
        for conn in conns:
            listener = self._conns[conn]
            body = payload
            if listener.micros:
                in_micros = in_micros or dump_text(micros(msgspec.json.decode(payload)))
                body = in_micros
            sends.append(Send(conn, f'{{"stream":"{name}","data":{body}}}' if listener.combined else body))
        return sends

    def aggregated(self, name: str, payload: str) -> Frame | None:
        """The ``aggTrade`` of a ``trade``, when someone listens to it."""
        if not name.endswith("@trade"):
            return None
        other = f"{name.removesuffix('trade')}aggTrade"
        if other not in self._by_name:
            return None
        trade = msgspec.json.decode(payload, type=TradeFrame)
        return other, dump_text({"e": "aggTrade", "E": trade.E, "s": trade.s, **agg_row(trade)})

    def timed(self, now_ms: int) -> list[Frame]:
        """What is due by the market's time: partial books, slow diffs, bars, tickers, average prices."""
        frames: list[Frame] = []
        if now_ms // 100 != self._tenth:
            self._tenth = now_ms // 100
            for name in self._wanted("@100ms"):
                self._partial(name, "100ms", frames)
            self._close_bars(now_ms, frames)
        if now_ms // 1_000 == self._second:
            return frames
        self._second = now_ms // 1_000
        for market in self._markets.values():
            slow = market.slow_depth()
            if slow is not None:
                frames += [
                    (name, _encoded(slow)) for end in ("", "@1000ms") if (name := f"{market.lower}@depth{end}") in self._by_name
                ]
        for name in self._wanted("@"):
            self._each_second(name, now_ms, frames)
        self._all_markets(now_ms, frames)
        return frames

    def _wanted(self, part: str) -> list[str]:
        return [name for name in self._by_name if part in name and name[0] != "!"]

    def _partial(self, name: str, pace: str, frames: list[Frame]) -> None:
        symbol, _, rest = name.partition("@depth")
        levels, _, speed = rest.partition("@")
        market = self._markets.get(symbol)
        if market is not None and levels in _PARTIAL and (speed or "1000ms") == pace:
            frames.append((name, dump_text(market.depth(int(levels)))))

    def _each_second(self, name: str, now_ms: int, frames: list[Frame]) -> None:
        symbol, _, kind = name.partition("@")
        market = self._markets.get(symbol)
        if market is None:
            return
        told: Json | None = None
        if kind == "ticker":
            told = shown.ticker_event(market, now_ms)
        elif kind == "miniTicker":
            told = shown.mini_event(market, now_ms)
        elif kind == "avgPrice":
            told = {"e": "avgPrice", "E": now_ms, "s": market.native, "i": "5m", "w": text(market.average()), "T": market.now_ms}
        elif kind.startswith("ticker_") and (window := kind.removeprefix("ticker_")) in _WINDOWS_MS:
            told = shown.window_event(market, window, _WINDOWS_MS[window], now_ms)
        elif kind.startswith("kline_"):
            self._open_bar(market, name, now_ms, frames)
        elif kind.startswith("depth"):
            self._partial(name, "1000ms", frames)
        if told is not None:
            frames.append((name, dump_text(told)))

    def _open_bar(self, market: SymbolMarket, name: str, now_ms: int, frames: list[Frame]) -> None:
        """The bar under way."""
        found = _bar_stream(name)
        if found is None:
            return
        bars = market.bars.bars(found[0], None, None, 1, found[1])
        if bars and bars[0].start_ms >= self._bars.setdefault(name, bars[0].start_ms):
            frames.append((name, dump_text(market.kline_event(bars[0], found[0], now_ms, closed=False))))

    def _close_bars(self, now_ms: int, frames: list[Frame]) -> None:
        """Bars that have ended since the last time, each once and for good: late trades are waited for."""
        for name, told_ms in list(self._bars.items()):
            market = self._markets.get(name.partition("@")[0])
            found = _bar_stream(name)
            if market is None or found is None:
                continue
            for bar in market.bars.bars(found[0], None, None, _BARS_BEHIND, found[1]):
                end_ms = bar_end(bar.start_ms, found[0])
                if bar.start_ms >= told_ms and now_ms > end_ms + _CLOSE_AFTER_MS:
                    frames.append((name, dump_text(market.kline_event(bar, found[0], now_ms, closed=True))))
                    self._bars[name] = end_ms + 1

    def _all_markets(self, now_ms: int, frames: list[Frame]) -> None:
        """``!miniTicker@arr`` and ``!ticker_<window>@arr``: those that traded since the last time."""
        for name in [name for name in self._by_name if name[0] == "!"]:
            window = name.removeprefix("!ticker_").removesuffix("@arr")
            rows: list[JsonValue] = []
            for market in self._markets.values():
                last = market.trades[-1].t if market.trades else 0
                if self._lasts.get(f"{name} {market.native}") == last:
                    continue
                if name == "!miniTicker@arr":
                    rows.append(shown.mini_event(market, now_ms))
                elif name == f"!ticker_{window}@arr" and window in _WINDOWS_MS:
                    rows.append(shown.window_event(market, window, _WINDOWS_MS[window], now_ms))
                self._lasts[f"{name} {market.native}"] = last
            if rows:
                frames.append((name, dump_text(rows)))


def _bar_stream(name: str) -> tuple[str, int] | None:
    """Span and time zone of ``<symbol>@kline_<span>`` and ``<symbol>@kline_<span>@+08:00``."""
    span, _, zone = name.partition("@kline_")[2].partition("@")
    return (span, 8 * 3_600_000 if zone else 0) if span in SPAN_MS and zone in ("", "+08:00") else None


def _encoded(frame: msgspec.Struct) -> str:
    return msgspec.json.encode(frame).decode()


def _is_id(number: object) -> bool:
    if isinstance(number, str):
        return len(number) <= _ID_CHARS_MAX
    return number is None or (isinstance(number, int) and not isinstance(number, bool) and abs(number) < 1 << 63)


def _result(value: JsonValue, number: JsonValue) -> str:
    return dump_text({"result": value, "id": number})


def _error(code: int, said: str, number: JsonValue = None) -> str:
    return dump_text({"code": code, "msg": said, **({} if number is None else {"id": number})})
