"""The market decoder: every sample message, both ways of decoding, and any bytes at all."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.base.errors import WireError
from tickwright.model.market import BUY, SELL, Bar, BookUpdate, Quote, Ticker, Trade
from tickwright.venues.binance_spot.market import Ack, MarketDecoder, Shutdown
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.kit import SymbolMap

KEY = "binance_spot:BTC/USDT"
AT = 1_788_249_600_500_000_000


def decoder() -> MarketDecoder:
    return MarketDecoder(SymbolMap(NAME, ("USDT", "BTC")))


def test_given_a_raw_trade_when_decoded_then_the_aggressor_sold_if_the_buyer_was_resting(sample):
    """`m` true means that the buyer was the maker."""
    expected = Trade(KEY, 61249.99, 0.0035, SELL, 4410022, 1788249600301000000, AT)
    assert expected == decoder().read(sample("ws_public/trade_raw"), AT)


def test_given_a_combined_trade_when_decoded_then_it_is_the_same_as_bare(sample):
    """The wrapper of /stream changes nothing."""
    expected = Trade(KEY, 61250.0, 0.01, BUY, 4410023, 1788249600401000000, AT)
    assert expected == decoder().read(sample("ws_public/trade_combined"), AT)


def test_given_a_book_ticker_when_decoded_then_it_is_a_quote_without_venue_time(sample):
    """bookTicker has no event type and no time."""
    assert Quote(KEY, 61249.99, 1.19, 61250.0, 0.815, 70500131, 0, AT) == decoder().read(sample("ws_public/book_ticker"), AT)


def test_given_a_depth_change_when_decoded_then_it_joins_what_ended_before_its_first_id(sample):
    """U and u become prev_seq = U - 1 and seq = u."""
    expected = BookUpdate(
        KEY, [(61249.99, 1.19), (61249.9, 0.0)], [(61250.0, 0.815)], 70500118, 70500124, False, 1788249600000000000, AT
    )
    assert expected == decoder().read(sample("ws_public/depth_diff_2_first_applied"), AT)


def test_given_a_partial_depth_when_bare_then_it_names_no_symbol_and_when_combined_it_does(sample):
    """depth5 carries no symbol: only the stream's name tells it."""
    body = sample("ws_public/partial_depth5")
    bare = decoder().read(body, AT)
    combined = decoder().read(b'{"stream":"btcusdt@depth5","data":%s}' % body, AT)
    assert isinstance(bare, BookUpdate)
    assert isinstance(combined, BookUpdate)
    assert (bare.key, combined.key, combined.snapshot, combined.seq, len(combined.bids)) == ("", KEY, True, 70500131, 5)


def test_given_a_closed_kline_when_decoded_then_it_is_a_bar_and_an_open_one_is_nothing(sample):
    """A bar exists only once closed; its end is exclusive."""
    bar = decoder().read(sample("ws_public/kline_closed"), AT)
    expected = Bar(
        KEY,
        1788249600000000000,
        1788249660000000000,
        61249.99,
        61264.0,
        61244.1,
        61263.4,
        9.4011,
        575890.12,
        278,
        5.0,
        AT,
        "1m",
    )
    assert expected == bar
    assert decoder().read(sample("ws_public/kline_open"), AT) is None


def test_given_a_ticker_when_the_market_never_traded_then_prices_are_none(sample):
    """A price of zero is no price."""
    full = decoder().read(sample("ws_public/ticker"), AT)
    assert Ticker(KEY, 61249.99, 61560.0, 62010.0, 60880.5, 14250.3312, 875009821.21, 1788249601000000000, AT) == full
    quiet = msgspec.json.decode(sample("ws_public/mini_ticker")) | dict.fromkeys("cohl", "0.00000000")
    ticker = decoder().read(msgspec.json.encode(quiet), AT)
    assert isinstance(ticker, Ticker)
    assert (ticker.last, ticker.open) == (None, None)


@pytest.mark.parametrize("name", ["server_shutdown_raw", "server_shutdown_combined"])
def test_given_a_shutdown_notice_when_decoded_then_it_is_no_market_event(sample, name):
    """The connection learns of it; the strategy does not."""
    reader = decoder()
    assert Shutdown(1788250100000000000) == reader.read(sample(f"ws_public/{name}"), AT)
    assert reader.decode_market(sample(f"ws_public/{name}"), AT) == []


def test_given_answers_to_subscribe_when_decoded_then_errors_are_told_from_success(sample):
    """An error has a code, a success has a result, both may have an id."""
    reader = decoder()
    assert Ack(1, "") == reader.read(sample("ws_public/subscribe_ack"), AT)
    assert Ack(3, "") == reader.read(sample("ws_public/list_subscriptions_ack"), AT)
    refused = reader.read(sample("ws_public/subscribe_error"), AT)
    assert isinstance(refused, Ack)
    assert refused.error.startswith("2 Invalid request")


def test_given_unused_kinds_when_decoded_then_they_are_counted_and_nothing_breaks(sample):
    """A venue adds kinds of message without asking."""
    reader = decoder()
    for frame in (sample("ws_public/agg_trade"), sample("ws_public/reference_price"), b'{"e":"somethingNew","x":1}', b"{}"):
        assert reader.decode_market(frame, AT) == []
    assert reader.decode_market(b'{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"}]}', AT) == []
    assert reader.ignored == {"aggTrade": 1, "referencePrice": 1, "somethingNew": 1, "other": 1, "!miniTicker@arr": 1}


def test_given_a_flood_of_new_kinds_when_decoded_then_the_count_of_names_is_bounded():
    """Names come from outside, so they cannot be kept without bound."""
    reader = decoder()
    for number in range(500):
        reader.read(b'{"e":"kind%d"}' % number, AT)
    assert len(reader.ignored) <= 65
    assert sum(reader.ignored.values()) == 500


def test_given_a_quote_with_an_empty_side_when_decoded_then_there_is_no_quote(sample):
    """A bid of zero is no bid, on the long way as on the short one."""
    reader = decoder()
    whole = b'{"stream":"btcusdt@bookTicker","data":%s}' % sample("ws_public/book_ticker")
    assert isinstance(reader.read(whole, AT), Quote)
    assert reader.read(whole.replace(b"61249.99000000", b"0.00000000"), AT) is None


def test_given_microsecond_stamps_when_decoded_then_nanoseconds_are_the_same(sample):
    """timeUnit=MICROSECOND changes the unit of every stamp, and nothing says so in the frame."""
    frame = sample("ws_public/trade_combined")
    reader = decoder()
    slow = reader.read(frame.replace(b"1788249600401", b"1788249600401123"), AT)
    fast = reader.read(frame.replace(b"1788249600401", b"1788249600401123"), AT)
    assert isinstance(slow, Trade)
    assert slow.venue_ns == 1788249600401123000
    assert slow == fast


@pytest.mark.parametrize("stream", ["trade", "bookTicker", "depth@100ms"])
def test_given_a_stream_seen_before_when_decoded_the_short_way_then_the_events_are_equal(sample, stream):
    """The short way is learned from the first frame and must not be told from the long one."""
    names = {"trade": "trade_raw", "bookTicker": "book_ticker", "depth@100ms": "depth_diff_3_next"}
    frame = b'{"stream":"btcusdt@%s","data":%s}' % (stream.encode(), sample(f"ws_public/{names[stream]}"))
    reader = decoder()
    first = reader.read(frame, AT)
    assert len(reader._routes) == 1
    assert first == reader.read(frame, AT)
    assert first == decoder().read(msgspec.json.format(frame, indent=2), AT)


def test_given_symbols_of_any_length_when_decoded_then_each_keeps_its_key(sample):
    """The first bytes of two streams may agree further than a name is long."""
    trade = msgspec.json.decode(sample("ws_public/trade_raw"))
    reader = decoder()
    for native in ("BTCUSDT", "BTCUSDTUSDT", "A", "X" * 15, "X" * 16, "X" * 17, "X" * 30, "测试USDT"):
        for _ in range(2):
            trade["s"] = native
            for kind, body in (("trade", trade), ("bookTicker", {"u": 1, "s": native, "b": "1", "B": "1", "a": "2", "A": "1"})):
                frame = msgspec.json.encode({"stream": f"{native.lower()}@{kind}", "data": body})
                item = reader.read(frame, AT)
                assert isinstance(item, (Trade, Quote))
                assert item.key == SymbolMap(NAME, ("USDT", "BTC")).key(native)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"trade"',
        b'{"e":"trade"}',
        b"\xff\xfe",
        b"{" * 5000,
        b"[" * 5000,
        b'{"e":"trade","s":"BTCUSDT","t":1,"p":"NaN","q":"1","T":1,"m":true}',
        b'{"e":"trade","s":"BTCUSDT","t":1,"p":"1e999","q":"1","T":1,"m":true}',
        b'{"e":"trade","s":"BTCUSDT","t":1,"p":"-1","q":"1","T":1,"m":true}',
        b'{"e":"trade","s":"BTCUSDT","t":1,"p":"1","q":"1","T":99999999999999999999,"m":true}',
        b'{"stream":"ethusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}}',
        b'{"stream":"btcusdt@trade","data":' + b"[" * 3000,
    ],
)
def test_given_garbage_when_decoded_then_it_is_a_wire_error(frame):
    """The one error a decoder may raise."""
    with pytest.raises(WireError):
        decoder().read(frame, AT)
