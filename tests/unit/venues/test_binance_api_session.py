"""The WebSocket API session over connections that a test holds in its hand."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tickwright.base.errors import WireError
from tickwright.base.secret import Secret
from tickwright.model.account import AccountDown, AccountUp, Balance
from tickwright.model.order import OrderRef
from tickwright.venues.binance_spot import requests
from tickwright.venues.binance_spot.api_session import ApiSession, Reply
from tickwright.venues.binance_spot.timing import Timing
from tickwright.venues.binance_spot.wire import Wire
from tickwright.venues.kit import HmacSigner

from .test_binance_market_feed import Line, Session, scenario

KEY = "binance_spot:BTC/USDT"
CANCEL = requests.cancel(OrderRef(KEY, "tw1-1"), "BTCUSDT")


class Clockwork:
    """What the session asks of its adapter."""

    def __init__(self) -> None:
        self.clock_refusals = 0

    def now_ns(self) -> int:
        return 2_000_000_000

    def venue_ns(self) -> int:
        return 1_788_249_600_123_000_000

    def clock_refused(self) -> None:
        self.clock_refusals += 1


class Rig:
    def __init__(self, *, can_log_on: bool = False, timing: Timing = Timing()) -> None:  # noqa: B008 (frozen data)
        self.events: list[object] = []
        self.late: list[Reply] = []
        self.clockwork = Clockwork()
        wire = Wire("key", HmacSigner(Secret(b"secret")), 5_000)
        self.api = ApiSession(
            wire,
            self.clockwork,
            self.events.append,
            can_log_on=can_log_on,
            on_late=lambda _, reply: self.late.append(reply),
            timing=timing,
        )
        self.api.session = self.session = Session()

    def open(self, *, up: bool = True) -> Line:
        line = Line()
        self.api.on_open(line)
        if up:
            self.answer(line, result={"subscriptionId": 0})
        return line

    def answer(self, line: Line, *, status: int = 200, **body: object) -> None:
        """Answer the last thing that was sent."""
        self.say(line, {"id": line.sent[-1]["id"], "status": status} | body)

    def say(self, line: Line, frame: object) -> None:
        self.api.on_frame(line, msgspec.json.encode(frame), 1)

    def balance(self, line: Line, free: str, subscription: int = 0) -> None:
        event = {"e": "outboundAccountPosition", "E": 1, "u": 1, "B": [{"a": "BTC", "f": free, "l": "0"}]}
        self.say(line, {"subscriptionId": subscription, "event": event})


@scenario
async def test_given_a_key_that_cannot_log_on_when_opened_then_it_subscribes_with_a_signature():
    """And orders go out only once the account's events flow."""
    rig = Rig()
    line = rig.open(up=False)
    assert line.sent[0]["method"] == "userDataStream.subscribe.signature"
    assert not rig.api.open_for_orders
    rig.answer(line, result={"subscriptionId": 0})
    assert rig.api.open_for_orders
    assert rig.session.readied == [line]
    assert [type(event) for event in rig.events] == [AccountUp]
    reply = rig.api.send(CANCEL, 1.0)
    assert line.sent[-1]["method"] == "order.cancel"
    assert "signature" in line.sent[-1]["params"]
    rig.api.stop()
    assert (await reply).why == "closed"


@scenario
async def test_given_a_key_that_can_log_on_when_opened_then_requests_need_no_signature():
    """session.logon, then userDataStream.subscribe."""
    rig = Rig(can_log_on=True)
    line = rig.open(up=False)
    assert line.sent[-1]["method"] == "session.logon"
    rig.answer(line, result={"apiKey": "key"})
    assert line.sent[-1] == {"id": 2, "method": "userDataStream.subscribe", "params": {}}
    rig.answer(line, result={"subscriptionId": 0})
    rig.api.send(CANCEL, 1.0)
    assert set(line.sent[-1]["params"]) == {"symbol", "origClientOrderId", "recvWindow", "timestamp"}
    rig.api.stop()


@scenario
async def test_given_answers_out_of_order_when_they_come_then_each_ends_its_own_request():
    """They are matched by number alone."""
    rig = Rig()
    line = rig.open()
    first, second = rig.api.send(CANCEL, 1.0), rig.api.send(CANCEL, 1.0)
    numbers = [frame["id"] for frame in line.sent[-2:]]
    rig.say(line, {"id": numbers[1], "status": 200, "result": {"n": 2}})
    rig.say(line, {"id": numbers[0], "status": 400, "error": {"code": -2011, "msg": "m"}})
    assert (await second) == Reply(200, b'{"n":2}', "", 1)
    assert (await first).status == 400
    assert rig.api.in_flight == 0


@scenario
async def test_given_a_lost_connection_when_requests_are_under_way_then_their_fate_is_unknown_and_the_account_down():
    """Sent, and no answer: not the same as not sent."""
    rig = Rig()
    line = rig.open()
    reply = rig.api.send(CANCEL, 1.0)
    rig.api.on_close(line, "reset", 1006)
    ended = await reply
    assert (ended.status, ended.sent) == (None, True)
    assert isinstance(rig.events[-1], AccountDown)
    after = await rig.api.send(CANCEL, 1.0)
    assert (after.status, after.sent) == (None, False)


@scenario
async def test_given_no_answer_when_the_deadline_passes_then_it_is_unknown_and_a_late_answer_is_still_told():
    """The request may have been executed; its answer is evidence whenever it comes."""
    rig = Rig()
    line = rig.open()
    ended = await rig.api.send(CANCEL, 0.0)
    assert (ended.status, ended.sent) == (None, True)
    rig.answer(line, result={})
    assert [reply.status for reply in rig.late] == [200]


@scenario
async def test_given_a_full_line_when_sending_then_it_is_not_sent():
    """The connection says that it takes nothing more."""
    rig = Rig()
    line = rig.open()
    line.send = lambda *_, **__: False
    ended = await rig.api.send(CANCEL, 1.0)
    assert not ended.sent


@scenario
async def test_given_an_unreadable_event_when_it_arrives_then_the_account_is_reconciled():
    """What it said is lost: down and up again, and the session counts it."""
    rig = Rig()
    line = rig.open()
    with pytest.raises(WireError):
        rig.say(line, {"subscriptionId": 0, "event": {"e": "executionReport"}})
    assert [type(event) for event in rig.events] == [AccountUp, AccountDown, AccountUp]
    assert rig.api.unreadable == 1


@scenario
async def test_given_the_end_of_the_event_stream_when_told_then_it_is_subscribed_to_again():
    """The connection lives on, and nothing more would come over it."""
    rig = Rig()
    line = rig.open()
    rig.say(line, {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
    assert isinstance(rig.events[-1], AccountDown)
    assert line.sent[-1]["method"] == "userDataStream.subscribe.signature"
    rig.answer(line, result={"subscriptionId": 1})
    assert isinstance(rig.events[-1], AccountUp)


@scenario
async def test_given_a_refused_log_on_when_told_then_the_reason_reaches_the_adapter():
    """A time stamp has the clock measured anew; either way the connection is made again, and says why it went."""
    rig = Rig()
    line = rig.open(up=False)
    rig.answer(line, status=400, error={"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    assert rig.clockwork.clock_refusals == 1
    assert "-1021" in line.dropped
    line = rig.open(up=False)
    rig.answer(line, status=401, error={"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    assert "-2015" in line.dropped
    assert rig.events == []


@scenario
async def test_given_a_key_that_dies_when_told_then_the_session_ends():
    """An answer to nothing with status 401."""
    rig = Rig()
    line = rig.open()
    rig.say(line, {"id": None, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}})
    assert "-2015" in line.dropped


@scenario
async def test_given_two_connections_that_overlap_when_both_deliver_then_each_event_comes_once():
    """The account is never down in between; new requests go to the new connection, and the old one ends its own first."""
    rig = Rig()
    old = rig.open()
    under_way = rig.api.send(CANCEL, 1.0)
    new = rig.open(up=False)
    rig.balance(old, "1")
    rig.answer(new, result={"subscriptionId": 0})
    assert rig.session.readied == [old]
    rig.balance(new, "1", subscription=0)
    rig.balance(new, "2")
    rig.balance(old, "2")
    rig.api.send(CANCEL, 1.0)
    assert new.sent[-1]["method"] == "order.cancel"
    rig.say(old, {"id": old.sent[-1]["id"], "status": 200, "result": {}})
    assert (await under_way).status == 200
    await asyncio.sleep(0.15)
    assert rig.session.readied == [old, new]
    rig.api.on_close(old, "rotation", 1000)
    assert [type(event) for event in rig.events] == [AccountUp, Balance, Balance]
    rig.api.stop()


@scenario
async def test_given_a_shutdown_notice_when_told_then_the_connection_is_rotated():
    """In order, before the venue ends it."""
    rig = Rig()
    line = rig.open()
    rig.say(line, {"event": {"e": "serverShutdown", "E": 1}})
    assert rig.session.rotations == 1


@scenario
async def test_given_an_account_that_says_nothing_when_it_is_asked_and_answers_then_the_connection_stays():
    """Again and again, and each question is a new one."""
    rig = Rig(timing=Timing(probe_every_s=0.02, probe_deadline_s=0.02))
    line = rig.open()
    for _ in range(3):
        before = len(line.sent)
        while len(line.sent) == before:  # noqa: ASYNC110 (the line tells nobody)
            await asyncio.sleep(0.005)
        assert line.sent[-1]["method"] == "ping"
        rig.answer(line, result={})
    assert line.dropped == ""
    assert len({frame["id"] for frame in line.sent}) == len(line.sent)
    rig.api.stop()


@scenario
async def test_given_a_connection_on_which_nothing_is_answered_when_it_was_asked_then_it_is_dropped():
    """The socket is there, the venue's pings may be answered, and it is of no use: a fill could be missed for hours."""
    rig = Rig(timing=Timing(probe_every_s=0.02, probe_deadline_s=0.02))
    line = rig.open()
    async with asyncio.timeout(5):
        while not line.dropped:  # noqa: ASYNC110 (the line tells nobody)
            await asyncio.sleep(0.005)
    assert "nothing was answered" in line.dropped
    rig.api.stop()
