"""The market feed over connections that a test holds in its hand."""

from __future__ import annotations

import asyncio

import msgspec

from tickwright.base.clock import ManualClock
from tickwright.model.market import Bar, BookUpdate, Channel, FeedDown, FeedUp, Gap, Quote, Subscription, Trade
from tickwright.venues.binance_spot import market_feed
from tickwright.venues.binance_spot.market_feed import MarketFeed, Stream
from tickwright.venues.binance_spot.wire import Wire

KEY = "binance_spot:BTC/USDT"
SUBS = [
    Subscription("BTC/USDT", Channel.TRADES),
    Subscription("BTC/USDT", Channel.QUOTES),
    Subscription("BTC/USDT", Channel.BOOK),
    Subscription("BTC/USDT", Channel.BARS, "1m"),
]


class Watch:
    nudged = False


class Line:
    """One end of a connection: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict] = []
        self.is_open = True
        self.is_ready = False
        self.watches: dict[str, Watch] = {}
        self.seen: list[str] = []
        self.dropped = ""

    def send(self, payload, *, urgent=False) -> bool:
        self.sent.append(msgspec.json.decode(payload))
        return True

    def watch(self, name, *, floor_s, ceiling_s) -> None:
        self.watches[name] = Watch()

    def saw(self, name) -> None:
        self.seen.append(name)

    def read_by(self, on_frame) -> None:
        self.on_frame = on_frame

    def drop(self, why, *, hard=False) -> None:
        self.dropped = why
        self.is_open = False


class Session:
    """Notes what the feed asks of its session."""

    def __init__(self) -> None:
        self.readied: list[Line] = []
        self.rotations = 0

    def ready(self, conn) -> None:
        conn.is_ready = True
        self.readied.append(conn)

    def rotate_soon(self) -> None:
        self.rotations += 1


class Rig:
    """A feed, what it delivered, and which books wanted a snapshot."""

    def __init__(self, subs=SUBS) -> None:
        self.events: list[object] = []
        self.wanted: list[Stream] = []
        self.clock = ManualClock(1_000)
        self.wire = Wire()
        self.feed = MarketFeed(self.wire, subs, self.events.append, want_snapshot=self.wanted.append, now_ns=self.clock.wall_ns)
        self.feed.session = self.session = Session()

    def open(self) -> Line:
        line = Line()
        self.feed.on_open(line)
        return line

    def ack(self, line: Line) -> None:
        for frame in line.sent:
            self.say(line, {"result": None, "id": frame["id"]})

    def say(self, line: Line, frame: object) -> None:
        self.feed.on_frame(line, msgspec.json.encode(frame), self.clock.wall)

    def trade(self, line: Line, number: int) -> None:
        data = {"e": "trade", "E": 1, "s": "BTCUSDT", "t": number, "p": "100", "q": "1", "T": 1, "m": True}
        self.say(line, {"stream": "btcusdt@trade", "data": data})

    def quote(self, line: Line, number: int) -> None:
        self.say(line, {"u": number, "s": "BTCUSDT", "b": "100", "B": "1", "a": "101", "A": "1"})

    def change(self, line: Line, first: int, last: int) -> None:
        self.say(line, {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [], "a": []})

    def bar(self, line: Line, minute: int) -> None:
        start = minute * 60_000
        k = (
            {"t": start, "T": start + 59_999, "i": "1m", "n": 1, "x": True}
            | dict.fromkeys("ochl", "100")
            | dict.fromkeys("vqV", "1")
        )
        self.say(line, {"e": "kline", "s": "BTCUSDT", "k": k})

    def snapshot(self, seq: int) -> None:
        self.feed.on_snapshot(self.wanted[-1], BookUpdate(KEY, [(100.0, 1.0)], [(101.0, 1.0)], 0, seq, True, 0, 1))

    def of(self, *kinds: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kinds)]


def scenario(test):
    """Run a coroutine function as a test: timers need a loop."""

    def run() -> None:
        asyncio.run(test())

    run.__doc__ = test.__doc__
    run.__name__ = test.__name__
    return run


@scenario
async def test_given_a_connection_when_opened_then_everything_is_subscribed_to_and_watched():
    """One paced frame, a watch for each stream, and nothing is up before the venue has said so."""
    rig = Rig()
    line = rig.open()
    (frame,) = line.sent
    assert frame["method"] == "SUBSCRIBE"
    assert set(frame["params"]) == {"btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@kline_1m"}
    assert set(line.watches) == set(frame["params"])
    assert rig.events == []
    rig.ack(line)
    assert {event.channel for event in rig.of(FeedUp)} == {Channel.TRADES, Channel.QUOTES, Channel.BARS}
    rig.feed.stop()


@scenario
async def test_given_many_streams_when_subscribed_then_they_go_in_batches():
    """A frame has a bound."""
    rig = Rig([Subscription(f"A{n}/USDT", Channel.TRADES) for n in range(450)])
    assert [len(frame["params"]) for frame in rig.open().sent] == [200, 200, 50]


@scenario
async def test_given_changes_and_a_snapshot_when_they_join_then_the_book_is_up():
    """Snapshot, changes, FeedUp; after a gap Gap, FeedDown and another snapshot."""
    rig = Rig()
    line = rig.open()
    rig.change(line, 9, 11)
    assert [stream.key for stream in rig.wanted] == [KEY]
    rig.snapshot(10)
    assert [type(event) for event in rig.events] == [BookUpdate, BookUpdate, FeedUp]
    rig.change(line, 14, 15)
    assert [type(event) for event in rig.events[3:]] == [Gap, FeedDown]
    assert len(rig.wanted) == 2
    assert line.seen == ["btcusdt@depth@100ms"] * 2


@scenario
async def test_given_trades_when_numbers_jump_then_a_gap_is_told_and_repetitions_are_dropped():
    """Trade ids of a symbol follow one another."""
    rig = Rig()
    line = rig.open()
    rig.ack(line)
    for number in (5, 6, 6, 5, 9, 10):
        rig.trade(line, number)
    told = [event for event in rig.events if isinstance(event, (Trade, Gap))]
    assert [getattr(event, "trade_id", "gap") for event in told] == [5, 6, "gap", 9, 10]
    assert rig.of(Gap)[0].expected == 7
    rig.feed.stop()


@scenario
async def test_given_a_reconnect_when_trades_were_missed_then_the_first_one_tells_and_otherwise_not():
    """FeedDown at the loss, FeedUp at the new subscription, Gap only if something is missing."""
    rig = Rig()
    line = rig.open()
    rig.ack(line)
    rig.trade(line, 5)
    rig.feed.on_close(line, "reset", 1006)
    down = rig.of(FeedDown)
    assert {event.channel for event in down} == {Channel.TRADES, Channel.QUOTES, Channel.BARS}
    assert down[0].why == "reset"
    line.is_open = False
    second = rig.open()
    rig.ack(second)
    rig.trade(second, 6)
    assert rig.of(Gap) == []
    rig.feed.on_close(second, "reset", 1006)
    second.is_open = False
    third = rig.open()
    rig.trade(third, 9)
    assert [(event.expected, event.got) for event in rig.of(Gap)] == [(7, 9)]
    rig.feed.stop()


@scenario
async def test_given_a_venue_that_counts_anew_when_reconnected_then_its_trades_are_delivered():
    """Test networks are reset once a month."""
    rig = Rig()
    line = rig.open()
    rig.trade(line, 5_000_000)
    line.is_open = False
    second = rig.open()
    rig.trade(second, 1)
    rig.trade(second, 2)
    assert [event.trade_id for event in rig.of(Trade)] == [5_000_000, 1, 2]
    assert len(rig.of(Gap)) == 1


@scenario
async def test_given_two_connections_that_overlap_when_both_deliver_then_each_event_comes_once():
    """Whichever is first; the old one goes only when the new one has been taken for a while."""
    rig = Rig()
    old = rig.open()
    rig.ack(old)
    rig.change(old, 1, 5)
    rig.snapshot(5)
    new = rig.open()
    rig.ack(new)
    for line in (old, new, old):
        rig.trade(line, 5)
        rig.quote(line, 50)
        rig.change(line, 6, 7)
        rig.bar(line, 1)
    rig.trade(new, 6)
    rig.trade(old, 6)
    rig.quote(new, 51)
    rig.quote(old, 51)
    assert [event.trade_id for event in rig.of(Trade)] == [5, 6]
    assert [event.seq for event in rig.of(Quote)] == [50, 51]
    assert len(rig.of(BookUpdate)) == 2
    assert len(rig.of(Bar)) == 1
    assert rig.of(Gap) == []
    assert new not in rig.session.readied
    rig.feed.on_close(old, "rotation", 1000)
    assert rig.of(FeedDown) == []
    rig.feed.stop()


@scenario
async def test_given_a_successor_that_comes_to_nothing_when_it_closes_then_the_old_connection_is_still_the_one():
    """Nothing is down: the old one delivers, and a book that is lost is fetched for it."""
    rig = Rig()
    old = rig.open()
    rig.ack(old)
    rig.change(old, 1, 5)
    rig.snapshot(5)
    new = rig.open()
    new.is_open = False
    rig.feed.on_close(new, "reset", 1006)
    assert rig.of(FeedDown) == []
    rig.quote(old, 50)
    rig.change(old, 6, 7)
    assert [event.seq for event in rig.of(Quote)] == [50]
    assert len(rig.of(BookUpdate)) == 2
    assert rig.feed.connected
    old.is_open = False
    rig.feed.on_close(old, "reset", 1006)
    assert rig.of(FeedDown) != []
    assert not rig.feed.connected
    rig.feed.stop()


@scenario
async def test_given_bars_when_one_is_missing_then_a_gap_is_told():
    """A bar's end is the next one's start."""
    rig = Rig()
    line = rig.open()
    for minute in (1, 2, 2, 4):
        rig.bar(line, minute)
    assert [type(event) for event in rig.events] == [Bar, Bar, Gap, Bar]


@scenario
async def test_given_a_silent_stream_when_asked_again_in_vain_then_it_is_reconnected_with_more_patience():
    """First a new subscription, then a new connection; a quiet market must not be reconnected to for ever."""
    rig = Rig()
    line = rig.open()
    name = "btcusdt@bookTicker"
    before = rig.feed.streams[name].patience_s
    assert rig.feed.on_silent(line, name)
    assert line.sent[-1]["params"] == [name]
    line.watches[name].nudged = True
    assert not rig.feed.on_silent(line, name)
    assert rig.feed.streams[name].patience_s == 2 * before
    for _ in range(20):
        rig.feed.on_silent(line, name)
    assert rig.feed.streams[name].patience_s == market_feed.SILENCE_PATIENCE_S_MAX


@scenario
async def test_given_a_refused_subscription_or_a_shutdown_when_told_then_the_connection_is_replaced():
    """A refusal ends it at once, a notice in order."""
    rig = Rig()
    line = rig.open()
    rig.say(line, {"e": "serverShutdown", "E": 1})
    assert rig.session.rotations == 1
    rig.say(line, {"code": 2, "msg": "Invalid request"})
    assert "Invalid request" in line.dropped
    assert rig.feed.refused


@scenario
async def test_given_what_was_not_subscribed_to_when_it_arrives_then_it_is_not_delivered():
    """A shared test server may send more than was asked for."""
    rig = Rig([Subscription("ETH/USDT", Channel.TRADES)])
    line = rig.open()
    rig.trade(line, 1)
    rig.quote(line, 1)
    rig.change(line, 1, 1)
    rig.bar(line, 1)
    assert rig.events == []
