"""How patient the adapter is, as data. The defaults are for the venue itself; a server next door may be given less."""

from __future__ import annotations

import msgspec

from tickwright.net.ws import WsPolicy
from tickwright.venues.binance_spot.rules import CAPS, CONNECTS_PER_5_MIN_MAX, MESSAGES_PER_S_MAX


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """The two sessions' policies, deadlines of requests, and the bounds that the fence of an order in doubt is made of."""

    market: WsPolicy = WsPolicy(
        sends_per_s=MESSAGES_PER_S_MAX - 1, sends_burst=MESSAGES_PER_S_MAX - 1, connects_max=CONNECTS_PER_5_MIN_MAX // 2
    )
    #: The WebSocket API counts request weight, not messages.
    api: WsPolicy = WsPolicy(sends_per_s=1_000, sends_burst=500, connects_max=CONNECTS_PER_5_MIN_MAX // 2)
    order_deadline_s: float = 5.0  # after it the outcome of an order request is unknown
    question_deadline_s: float = 10.0
    #: An account says nothing for hours, and its connection may answer pings and be of no use all the same: so it is asked
    #: something this often, and has this long to say anything at all.
    probe_every_s: float = 5.0
    probe_deadline_s: float = 4.0
    processing_ns: int = CAPS.processing_ns
    find_lag_ns: int = CAPS.find_lag_ns
