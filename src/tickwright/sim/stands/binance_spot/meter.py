"""Counts what a client uses up: weight by address, orders by account, connection attempts. Windows are aligned to the clock."""

from __future__ import annotations

from tickwright.sim.stands.binance_spot.config import StandConfig
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue, Params, Refusal

#: Requests over the limit that are answered 429 before the address is banned, and for how long it is.
PATIENCE = 10
BAN_S = 120

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_SPANS_S = (10, 86_400)
#: Of a number that is a number; longer ones are refused where they are read.
_DIGITS_MAX = 19
#: What a first fill takes off the count of unfilled orders.
_TAKER_CREDIT = 1
_MAKER_CREDIT = 5


def weight_of(base: int, name: str, params: Params) -> int:
    """What a call weighs with these parameters."""
    if name == "depth":
        word = params.get("limit", "")  # not yet checked: of any length
        asked = int(word) if word.isdecimal() and len(word) <= _DIGITS_MAX else 100
        return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (1 << 62, 250)) if min(asked, 5_000) <= most)
    if name == "day":
        if params.get("symbol"):
            return 2
        count = params["symbols"].count(",") + 1 if params.get("symbols") else 1 << 30
        return 2 if count <= 20 else 40 if count <= 100 else 80
    if name in ("price", "book_ticker"):
        return 2 if params.get("symbol") else 4
    if name == "open_orders":
        return 6 if params.get("symbol") else 80
    if name == "my_trades":
        return 5 if params.get("orderId") else 20
    if name == "test":
        return 20 if params.get("computeCommissionRates") == "true" else 1
    return base


class Meter:
    """Refuses what is over a limit, in the venue's words."""

    def __init__(self, config: StandConfig) -> None:
        self._config = config
        self._weights: dict[str, tuple[int, int]] = {}  # address -> minute, used
        self._over: dict[str, int] = {}
        self._banned_ms: dict[str, int] = {}
        self._orders: dict[tuple[str, int], tuple[int, int]] = {}  # account and span -> window, unfilled orders
        self._connects: dict[str, tuple[int, int]] = {}

    # -- weight ------------------------------------------------------------------------------------------------------

    def spend(self, address: str, weight: int, at_ns: int) -> None:
        """Count a request. Raises 429 over the limit, and 418 for those who go on."""
        now_ms = at_ns // _NS_PER_MS
        until = self._banned_ms.get(address, 0)
        if now_ms < until:
            raise banned(until, now_ms)
        minute = now_ms // 60_000
        used = self.used(address, at_ns) + weight
        self._weights[address] = (minute, used)
        limit = self._config.weight_limit
        if used <= limit:
            self._over.pop(address, None)
            return
        over = self._over[address] = self._over.get(address, 0) + 1
        if over > PATIENCE:
            self.ban(address, now_ms + BAN_S * 1_000)
            raise banned(now_ms + BAN_S * 1_000, now_ms)
        said = (
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        raise too_many(-1003, said, now_ms, (minute + 1) * 60_000)

    def give_back(self, address: str, weight: int, at_ns: int) -> None:
        """A successful order call costs nothing."""
        minute = at_ns // _NS_PER_MS // 60_000
        self._weights[address] = (minute, max(0, self.used(address, at_ns) - weight))

    def used(self, address: str, at_ns: int) -> int:
        """Weight used within this minute."""
        minute, used = self._weights.get(address, (0, 0))
        return used if minute == at_ns // _NS_PER_MS // 60_000 else 0

    def ban(self, address: str, until_ms: int) -> None:
        self._banned_ms[address] = until_ms

    # -- orders ------------------------------------------------------------------------------------------------------

    def check_orders(self, account: str, at_ns: int) -> None:
        """Refuse a new order when there are too many unfilled ones."""
        limits = (self._config.orders_per_10s, self._config.orders_per_day)
        for count, limit, span, words in zip(self.orders(account, at_ns), limits, _SPANS_S, ("10 SECOND", "1 DAY"), strict=True):
            if count >= limit:
                window_end_ms = (at_ns // (span * _NS_PER_S) + 1) * span * 1_000
                raise too_many(
                    -1015,
                    f"Too many new orders; current limit is {limit} orders per {words}.",
                    at_ns // _NS_PER_MS,
                    window_end_ms,
                )

    def note_orders(self, account: str, count: int, at_ns: int) -> None:
        """New orders were taken; a negative count takes off for a fill."""
        for span, now in zip(_SPANS_S, self.orders(account, at_ns), strict=True):
            self._orders[account, span] = (at_ns // (span * _NS_PER_S), max(0, now + count))

    def note_first_fill(self, account: str, at_ns: int, *, maker: bool) -> None:
        self.note_orders(account, -(_MAKER_CREDIT if maker else _TAKER_CREDIT), at_ns)

    def orders(self, account: str, at_ns: int) -> tuple[int, int]:
        """Unfilled orders counted within these ten seconds and today."""
        counts = []
        for span in _SPANS_S:
            window, count = self._orders.get((account, span), (0, 0))
            counts.append(count if window == at_ns // (span * _NS_PER_S) else 0)
        return counts[0], counts[1]

    def order_limits(self, account: str, at_ns: int) -> list[Json]:
        """The order limits with their counts."""
        ten, day = self.orders(account, at_ns)
        return [
            _limit("ORDERS", "SECOND", 10, self._config.orders_per_10s, ten),
            _limit("ORDERS", "DAY", 1, self._config.orders_per_day, day),
        ]

    def weight_limit(self, address: str, at_ns: int) -> Json:
        """The weight limit with its count."""
        return _limit("REQUEST_WEIGHT", "MINUTE", 1, self._config.weight_limit, self.used(address, at_ns))

    # -- connections -------------------------------------------------------------------------------------------------

    def connect(self, address: str, at_ns: int) -> bool:
        """Count an attempt to open a websocket; False when there were too many within these five minutes."""
        window = at_ns // (300 * _NS_PER_S)
        old, count = self._connects.get(address, (window, 0))
        count = count + 1 if old == window else 1
        self._connects[address] = (window, count)
        return count <= self._config.connects_per_5min


def _limit(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, JsonValue]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}


def too_many(code: int, text: str, now_ms: int, until_ms: int) -> Refusal:
    """A 429 that says when to come back."""
    retry_s = max(1, -(-(until_ms - now_ms) // 1_000))
    return Refusal(code, text, 429, {"serverTime": now_ms, "retryAfter": until_ms}, retry_s)


def banned(until_ms: int, now_ms: int) -> Refusal:
    """The 418 of an address that went on after its 429s."""
    said = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return Refusal(-1003, said, 418, {"serverTime": now_ms, "retryAfter": until_ms}, max(1, -(-(until_ms - now_ms) // 1_000)))
