"""Every reason an order can be refused, rejected or ended for, and every reason a run can be halted for.

One enum in families told by the prefix, each with a sentence for people. Venue error tables map onto it; nothing in
the system compares error text.
"""

from __future__ import annotations

import enum


class Reason(enum.Enum):
    """``Reason.COLLAR.value`` is the stable name used in journals and JSON; ``.sentence`` is for people."""

    # Refused here, before anything was sent: what was asked for makes no sense
    OFF_TICK = "refused.off_tick"
    OFF_LOT = "refused.off_lot"
    QTY_TOO_SMALL = "refused.qty_too_small"
    QTY_TOO_LARGE = "refused.qty_too_large"
    NOTIONAL_TOO_SMALL = "refused.notional_too_small"
    NOTIONAL_TOO_LARGE = "refused.notional_too_large"
    PRICE_OUT_OF_BAND = "refused.price_out_of_band"
    UNSUPPORTED = "refused.unsupported"
    UNKNOWN_INSTRUMENT = "refused.unknown_instrument"
    NOT_TRADING = "refused.not_trading"
    TOO_MANY_ORDERS = "refused.too_many_orders"
    NO_SUCH_ORDER = "refused.no_such_order"
    ORDER_BUSY = "refused.order_busy"
    KEY_OCCUPIED = "refused.key_occupied"
    BAD_NUMBER = "refused.bad_number"
    WOULD_CROSS_OWN = "refused.would_cross_own"

    # Refused here by a guard
    NO_LIMIT_SET = "risk.no_limit_set"
    COLLAR = "risk.collar"
    MAX_ORDER_VALUE = "risk.max_order_value"
    MAX_ORDER_QTY = "risk.max_order_qty"
    MAX_POSITION = "risk.max_position"
    INSUFFICIENT_FUNDS = "risk.insufficient_funds"
    SUBMIT_RATE = "risk.submit_rate"
    DUPLICATE = "risk.duplicate"
    DEPTH_SHARE = "risk.depth_share"
    STALE_BOOK = "risk.stale_book"
    NO_MARKET = "risk.no_market"
    HALTED_REDUCE = "risk.halted_reduce"
    HALTED_PAUSE = "risk.halted_pause"
    HALTED_PULL = "risk.halted_pull"
    HALTED_FLATTEN = "risk.halted_flatten"
    DISARMED = "risk.disarmed"
    NOT_REDUCING = "risk.not_reducing"
    USER_REFUSED = "risk.user_refused"
    STRATEGY_HALTED = "risk.strategy_halted"

    # Halts: why the ladder moved
    HALT_DAILY_LOSS = "halt.daily_loss"
    HALT_DRAWDOWN = "halt.drawdown"
    HALT_LOSS_SPEED = "halt.loss_speed"
    HALT_REJECT_STREAK = "halt.reject_streak"
    HALT_CLOCK_SKEW = "halt.clock_skew"
    HALT_CLOCK_STEP = "halt.clock_step"
    HALT_STALE_ACCOUNT = "halt.stale_account"
    HALT_STALE_BOOK = "halt.stale_book"
    HALT_DOUBT_AGE = "halt.doubt_age"
    HALT_IMPOSSIBLE_EVENT = "halt.impossible_event"
    HALT_OVERFILL = "halt.overfill"
    HALT_FENCE_WRONG = "halt.fence_wrong"
    HALT_UNEXPLAINED = "halt.unexplained_difference"
    HALT_STRATEGY_RAISED = "halt.strategy_raised"
    HALT_EVICTED = "halt.evicted"
    HALT_BANNED = "halt.banned"
    HALT_JOURNAL = "halt.journal"
    HALT_ROLLING_COLLAR = "halt.rolling_collar"
    HALT_INBOX = "halt.inbox"
    HALT_BY_PERSON = "halt.by_person"
    HALT_KEY_INVALID = "halt.key_invalid"
    HALT_DEAD_MAN = "halt.dead_man"

    # Rejected by the venue: definite, the order does not exist there
    VENUE_FUNDS = "venue.funds"
    VENUE_DUPLICATE_ID = "venue.duplicate_id"
    VENUE_WOULD_TAKE = "venue.would_take"
    VENUE_WOULD_TRIGGER = "venue.would_trigger"
    VENUE_MARKET_CLOSED = "venue.market_closed"
    VENUE_NOT_PERMITTED = "venue.not_permitted"
    VENUE_FILTER = "venue.filter"
    VENUE_MALFORMED = "venue.malformed"
    VENUE_UNKNOWN_SYMBOL = "venue.unknown_symbol"
    VENUE_UNKNOWN_ORDER = "venue.unknown_order"
    VENUE_NO_CHANGE = "venue.no_change"
    VENUE_CANCEL_RESTRICTED = "venue.cancel_restricted"
    VENUE_TIMESTAMP = "venue.timestamp"
    VENUE_SIGNATURE = "venue.signature"
    VENUE_KEY = "venue.key"
    VENUE_RATE_LIMIT = "venue.rate_limit"
    VENUE_BANNED = "venue.banned"
    VENUE_ORDER_LIMIT = "venue.order_limit"
    VENUE_OVERLOADED = "venue.overloaded"
    VENUE_OTHER = "venue.other"
    NOT_SENT = "venue.not_sent"

    # How an order ended
    FILLED = "done.filled"
    CANCELED = "done.canceled"
    EXPIRED = "done.expired"
    REJECTED = "done.rejected"
    STP = "done.self_trade_prevented"
    NEVER_REACHED = "done.never_reached"
    GONE = "done.gone"
    REPLACED = "done.replaced"

    @property
    def sentence(self) -> str:
        """One sentence for a person: what happened, without jargon."""
        return SENTENCES[self]

    @property
    def family(self) -> str:
        """``refused``, ``risk``, ``halt``, ``venue`` or ``done``."""
        return self.value.partition(".")[0]


SENTENCES: dict[Reason, str] = {
    Reason.OFF_TICK: "The price is not a multiple of the instrument's tick.",
    Reason.OFF_LOT: "The quantity is not a multiple of the instrument's lot.",
    Reason.QTY_TOO_SMALL: "The quantity is below the venue's minimum.",
    Reason.QTY_TOO_LARGE: "The quantity is above the venue's maximum.",
    Reason.NOTIONAL_TOO_SMALL: "Price times quantity is below the venue's minimum order value.",
    Reason.NOTIONAL_TOO_LARGE: "Price times quantity is above the venue's maximum order value.",
    Reason.PRICE_OUT_OF_BAND: "The price lies outside the band that the venue accepts around its average price.",
    Reason.UNSUPPORTED: "The venue does not offer what the order asks for.",
    Reason.UNKNOWN_INSTRUMENT: "The venue does not list this instrument.",
    Reason.NOT_TRADING: "The instrument is not open for trading.",
    Reason.TOO_MANY_ORDERS: "The venue's limit of open orders on this instrument is reached.",
    Reason.NO_SUCH_ORDER: "There is no working order that this call could act on.",
    Reason.ORDER_BUSY: "An earlier cancel or amend of this order has not been answered yet.",
    Reason.KEY_OCCUPIED: "An earlier order under this name is still in flight or in doubt.",
    Reason.BAD_NUMBER: "The price or quantity is not a positive finite number of the instrument's precision.",
    Reason.WOULD_CROSS_OWN: "The order would trade with another order of this account.",
    Reason.NO_LIMIT_SET: "A limit that has no default (order value or quantity) is not configured, so nothing may be sent.",
    Reason.COLLAR: "The price is too far from the market.",
    Reason.MAX_ORDER_VALUE: "The order is worth more than the configured maximum.",
    Reason.MAX_ORDER_QTY: "The order is larger than the configured maximum.",
    Reason.MAX_POSITION: "With all working orders filled, the position would exceed the configured maximum.",
    Reason.INSUFFICIENT_FUNDS: "The free balance, after reservations for working orders, does not cover the order.",
    Reason.SUBMIT_RATE: "Orders are being sent faster than the configured rate.",
    Reason.DUPLICATE: "The same order was sent a moment ago.",
    Reason.DEPTH_SHARE: "The order would take too large a share of the visible book.",
    Reason.STALE_BOOK: "The market data is too old to price the order against.",
    Reason.NO_MARKET: "There is no market price yet to check the order against.",
    Reason.HALTED_REDUCE: "Only orders that reduce the position are allowed at present.",
    Reason.HALTED_PAUSE: "New orders are paused.",
    Reason.HALTED_PULL: "Orders are being pulled; nothing new is sent.",
    Reason.HALTED_FLATTEN: "The account is being flattened; only its closing orders are sent.",
    Reason.DISARMED: "Trading is not armed.",
    Reason.NOT_REDUCING: "The order is marked reduce-only but would open or enlarge a position.",
    Reason.USER_REFUSED: "The strategy's own authorise() refused the order.",
    Reason.STRATEGY_HALTED: "The strategy is halted.",
    Reason.HALT_DAILY_LOSS: "The loss of the day reached its limit.",
    Reason.HALT_DRAWDOWN: "The fall from peak equity reached its limit.",
    Reason.HALT_LOSS_SPEED: "Half the daily loss limit was lost within five minutes.",
    Reason.HALT_REJECT_STREAK: "The venue rejected several orders in a row.",
    Reason.HALT_CLOCK_SKEW: "The local clock and the venue's differ by too much.",
    Reason.HALT_CLOCK_STEP: "The local wall clock jumped.",
    Reason.HALT_STALE_ACCOUNT: "The account stream is down or silent.",
    Reason.HALT_STALE_BOOK: "Market data of an instrument is stale.",
    Reason.HALT_DOUBT_AGE: "An order has been in doubt for too long.",
    Reason.HALT_IMPOSSIBLE_EVENT: "The venue reported something that the order table does not allow.",
    Reason.HALT_OVERFILL: "An order was filled for more than its quantity.",
    Reason.HALT_FENCE_WRONG: "An order that was given up as never received came to life.",
    Reason.HALT_UNEXPLAINED: "Our record and the venue's differ and nothing explains it.",
    Reason.HALT_STRATEGY_RAISED: "The strategy's code raised an exception.",
    Reason.HALT_EVICTED: "Another session took over this account's stream.",
    Reason.HALT_BANNED: "The venue has banned this address for a time.",
    Reason.HALT_JOURNAL: "The journal cannot be written.",
    Reason.HALT_ROLLING_COLLAR: "The strategy's own prices drifted too far within a minute.",
    Reason.HALT_INBOX: "Events arrive faster than they can be handled.",
    Reason.HALT_BY_PERSON: "A person asked for it.",
    Reason.HALT_KEY_INVALID: "The venue no longer accepts the API key.",
    Reason.HALT_DEAD_MAN: "The dead-man's switch at the venue could not be refreshed twice in a row.",
    Reason.VENUE_FUNDS: "The venue says that the balance does not cover the order.",
    Reason.VENUE_DUPLICATE_ID: "The venue already has an open order under this client id.",
    Reason.VENUE_WOULD_TAKE: "The order was post-only and would have traded at once.",
    Reason.VENUE_WOULD_TRIGGER: "The stop price would trigger at once.",
    Reason.VENUE_MARKET_CLOSED: "The venue says that the market is closed.",
    Reason.VENUE_NOT_PERMITTED: "The account may not trade this instrument.",
    Reason.VENUE_FILTER: "The order breaks one of the venue's filters.",
    Reason.VENUE_MALFORMED: "The venue could not read the request.",
    Reason.VENUE_UNKNOWN_SYMBOL: "The venue does not know the symbol.",
    Reason.VENUE_UNKNOWN_ORDER: "The venue does not know the order, or it has already ended.",
    Reason.VENUE_NO_CHANGE: "The request would change nothing.",
    Reason.VENUE_CANCEL_RESTRICTED: "The condition attached to the cancel did not hold.",
    Reason.VENUE_TIMESTAMP: "The request's time stamp was outside the venue's window.",
    Reason.VENUE_SIGNATURE: "The venue did not accept the signature.",
    Reason.VENUE_KEY: "The venue did not accept the API key, its address or its permissions.",
    Reason.VENUE_RATE_LIMIT: "The venue's request limit is used up.",
    Reason.VENUE_BANNED: "The venue has banned this address for a time.",
    Reason.VENUE_ORDER_LIMIT: "The venue's limit of new orders is used up.",
    Reason.VENUE_OVERLOADED: "The venue is overloaded and did not execute the request.",
    Reason.VENUE_OTHER: "The venue refused for a reason that is not in its error table.",
    Reason.NOT_SENT: "The request never left this machine.",
    Reason.FILLED: "The order was filled.",
    Reason.CANCELED: "The order was cancelled.",
    Reason.EXPIRED: "The venue ended the order.",
    Reason.REJECTED: "The venue rejected the order.",
    Reason.STP: "The venue ended the order to prevent a trade with oneself.",
    Reason.NEVER_REACHED: "The order never reached the venue.",
    Reason.GONE: "The venue no longer has the order and cannot say how it ended.",
    Reason.REPLACED: "The order was replaced by another.",
}

assert set(SENTENCES) == set(Reason), "every reason has a sentence"
