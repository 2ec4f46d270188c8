"""Decodes frames of the WebSocket API: answers, and the events of the account.

Guarantees: any bytes give events, an answer, or one ``WireError``; numbers are exact; the order's own client id is reported even
where the venue puts the cancel's id in its place; an execution comes before the report that counts it.
Kinds of event that are not used are counted; a *word* that is not known inside a known event (a new order state, say) is a
``WireError``, because what it means for money is not known: the adapter then reconciles.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import UNSET, Raw

from tickwright.base.errors import WireError
from tickwright.base.numbers import MONEY_EXP, parse_units
from tickwright.model.account import AccountDown, AccountEvent, Balance, Transfer
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import Fill, OrderReport, OrderType, ReportStatus, Tif
from tickwright.model.reason import Reason
from tickwright.venues.binance_spot import structs as wire
from tickwright.venues.binance_spot.market import UNREADABLE, Shutdown, stamp_ns
from tickwright.venues.binance_spot.rules import NAME, PRICE_EXP, QTY_EXP
from tickwright.venues.kit import SymbolMap


class Answer(msgspec.Struct, frozen=True):
    """An answer of the WebSocket API: ``body`` is the result, or the error as REST would put it."""

    id: int | str | None
    status: int
    body: bytes


SIDES: Mapping[str, Side] = MappingProxyType({"BUY": BUY, "SELL": SELL})
TYPES: Mapping[str, OrderType] = MappingProxyType(
    {
        "LIMIT": OrderType.LIMIT,
        "LIMIT_MAKER": OrderType.LIMIT,
        "MARKET": OrderType.MARKET,
        "STOP_LOSS": OrderType.STOP,
        "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
        "TAKE_PROFIT": OrderType.TAKE_PROFIT,
        "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
    }
)
TIFS: Mapping[str, Tif] = MappingProxyType({"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK})
WAITING_TYPES = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})

#: The venue's order states: None while the order is open, else why it ended.
STATES: Mapping[str, Reason | None] = MappingProxyType(
    {
        "NEW": None,
        "PENDING_NEW": None,
        "PARTIALLY_FILLED": None,
        "PENDING_CANCEL": None,
        "FILLED": Reason.FILLED,
        "CANCELED": Reason.CANCELED,
        "EXPIRED": Reason.EXPIRED,
        "EXPIRED_IN_MATCH": Reason.STP,
        "REJECTED": Reason.REJECTED,
    }
)


def units_or_none(text: str, exp: int) -> int | None:
    """Units of a price that the venue writes as zero where there is none."""
    return parse_units(text, exp) or None


def money_units(text: str) -> int:
    """An amount; "" (accounts that were never used) is zero."""
    return parse_units(text, MONEY_EXP) if text else 0


class AccountDecoder:
    """Frames of the WebSocket API to answers and account events. The only state is what was ignored."""

    def __init__(self, symbols: SymbolMap) -> None:
        self._symbols = symbols
        self.ignored: dict[str, int] = {}

    def decode_account(self, frame: bytes, at_ns: int) -> list[AccountEvent]:
        """The account events in a frame; an answer has none."""
        item = self.read(frame, at_ns)
        return item if isinstance(item, list) else []

    def read(self, frame: bytes, at_ns: int) -> list[AccountEvent] | Answer | Shutdown:
        """An answer, the events, or the notice that the connection will be closed. Raises ``WireError`` and nothing else."""
        try:
            head = _frame(frame)
            if head.event is not UNSET:
                return self._event(head.event, at_ns)
            if not head.status:
                raise ValueError("neither an event nor an answer")
            body = head.error if head.error is not UNSET else head.result
            return Answer(head.id, head.status, b"" if body is UNSET else bytes(body))
        except UNREADABLE as error:
            raise WireError(
                f"unreadable account frame of {len(frame)} bytes: {type(error).__name__}: {str(error)[:120]}"
            ) from None
        except KeyError as error:
            raise WireError(f"account frame with a word that is not known: {str(error)[:80]}") from None

    def _event(self, body: Raw, at_ns: int) -> list[AccountEvent] | Shutdown:
        kind = _event_name(body).e
        if kind == "executionReport":
            return self._execution(_execution(body), at_ns)
        if kind == "outboundAccountPosition":
            position = _position(body)
            venue_ns = stamp_ns(position.u)
            return [Balance(NAME, item.a, money_units(item.f), money_units(item.l), venue_ns, at_ns) for item in position.B]
        if kind == "balanceUpdate":
            moved = _balance_update(body)
            return [Transfer(NAME, moved.a, money_units(moved.d), stamp_ns(moved.T), at_ns)]
        if kind == "eventStreamTerminated":
            return [AccountDown(NAME, "the venue ended the event stream", at_ns)]
        if kind == "serverShutdown":
            return Shutdown(stamp_ns(_stamped(body).E))
        # listStatus says nothing that the reports of its orders do not say; externalLockUpdate is followed by a position.
        name = kind[:32] if kind in self.ignored or len(self.ignored) < 64 else "…"
        self.ignored[name] = self.ignored.get(name, 0) + 1
        return []

    def _execution(self, x: wire.ExecutionReport, at_ns: int) -> list[AccountEvent]:
        key = self._symbols.key(x.s)
        side = SIDES[x.S]
        kind = TYPES[x.o]
        reason = STATES[x.X]
        filled = parse_units(x.z, QTY_EXP)
        venue_ns = stamp_ns(x.T)
        # In a report about a cancel `c` is the cancel's id and `C` the order's; in one about an amend `c` is the id from now on.
        client_id = x.C if x.C and x.x not in ("REPLACED", "NEW") else x.c
        out: list[AccountEvent] = []
        if x.x == "TRADE" and x.t >= 0:
            qty = parse_units(x.l, QTY_EXP)
            if qty > 0:
                out.append(
                    Fill(
                        key=key,
                        client_id=client_id,
                        venue_id=str(x.i),
                        trade_id=str(x.t),
                        side=side,
                        price=parse_units(x.L, PRICE_EXP),
                        qty=qty,
                        fee=money_units(x.n or ""),
                        fee_asset=x.N or received_asset(key, side),
                        maker=x.m,
                        venue_ns=venue_ns,
                        recv_ns=at_ns,
                    )
                )
        out.append(
            OrderReport(
                key=key,
                client_id=client_id,
                venue_id=str(x.i),
                side=side,
                type=kind,
                status=ReportStatus.OPEN if reason is None else ReportStatus.DONE,
                qty=parse_units(x.q, QTY_EXP),
                filled=filled,
                price=units_or_none(x.p, PRICE_EXP),
                stop=units_or_none(x.P, PRICE_EXP),
                reason=reason,
                venue_ns=venue_ns,
                recv_ns=at_ns,
                tif=TIFS[x.f],
                replaces=x.C if x.x in ("REPLACED", "NEW") and x.C not in ("", x.c) else "",
                triggered=kind not in WAITING_TYPES or x.w or filled > 0,
            )
        )
        return out


def received_asset(key: str, side: Side) -> str:
    """The asset that a trade brings in, in which the venue charges unless it says otherwise."""
    base, _, quote = key.partition(":")[2].partition("/")
    return base if side is BUY else quote


_frame = msgspec.json.Decoder(wire.ApiFrame).decode
_event_name = msgspec.json.Decoder(wire.EventName).decode
_execution = msgspec.json.Decoder(wire.ExecutionReport).decode
_position = msgspec.json.Decoder(wire.AccountPosition).decode
_balance_update = msgspec.json.Decoder(wire.BalanceUpdate).decode
_stamped = msgspec.json.Decoder(wire.Stamped).decode
