"""The account decoder: every sample message, exact numbers, whose id is whose, and any bytes at all."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.base.errors import WireError
from tickwright.base.numbers import money, to_units
from tickwright.model.account import AccountDown, Balance, Transfer
from tickwright.model.market import BUY
from tickwright.model.order import Fill, OrderReport, OrderType, ReportStatus, Tif
from tickwright.model.reason import Reason
from tickwright.venues.binance_spot.account import AccountDecoder, Answer
from tickwright.venues.binance_spot.market import Shutdown
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.kit import SymbolMap

KEY = "binance_spot:BTC/USDT"
AT = 1_788_249_601_000_000_000


def decoder() -> AccountDecoder:
    return AccountDecoder(SymbolMap(NAME, ("USDT", "BTC")))


def units(text: str) -> int:
    return to_units(text, 8)


def report(**terms) -> OrderReport:
    """The report of the samples' usual order, with other terms."""
    usual = {
        "key": KEY,
        "client_id": "steer-000017",
        "venue_id": "9001001",
        "side": BUY,
        "type": OrderType.LIMIT,
        "status": ReportStatus.OPEN,
        "qty": units("0.015"),
        "filled": 0,
        "price": units("61250.10"),
        "stop": None,
        "reason": None,
        "venue_ns": 1788249600150000000,
        "recv_ns": AT,
    }
    return OrderReport(**usual | terms)


def test_given_a_new_order_when_reported_then_it_is_open_with_exact_terms(sample):
    """Absent prices ("0.00000000") are None."""
    assert decoder().decode_account(sample("ws_private/execution_report_new"), AT) == [report()]


def test_given_a_trade_when_reported_then_the_fill_comes_before_the_report_that_counts_it(sample):
    """The report tells the cumulative quantity; the fill moves money."""
    fill = Fill(
        key=KEY,
        client_id="steer-000017",
        venue_id="9001001",
        trade_id="4410025",
        side=BUY,
        price=units("61250.10"),
        qty=units("0.006"),
        fee=money("0.000006"),
        fee_asset="BTC",
        maker=True,
        venue_ns=1788249600700000000,
        recv_ns=AT,
    )
    expected = [fill, report(filled=units("0.006"), venue_ns=1788249600700000000)]
    assert decoder().decode_account(sample("ws_private/execution_report_partial_fill"), AT) == expected
    last = decoder().decode_account(sample("ws_private/execution_report_filled"), AT)[1]
    assert last == report(status=ReportStatus.DONE, reason=Reason.FILLED, filled=units("0.015"), venue_ns=1788249601500000000)


@pytest.mark.parametrize(
    ("name", "client_id", "filled"),
    [("canceled", "steer-000017", "0"), ("canceled_after_partial", "steer-000023", "0.006")],
)
def test_given_a_cancel_when_reported_then_the_orders_own_id_is_told_and_what_was_filled(sample, name, client_id, filled):
    """`c` is the cancel request's id then, `C` the order's."""
    (event,) = decoder().decode_account(sample(f"ws_private/execution_report_{name}"), AT)
    told = (event.client_id, event.status, event.reason, event.filled)
    assert told == (client_id, ReportStatus.DONE, Reason.CANCELED, units(filled))


def test_given_orders_that_the_engine_ended_when_reported_then_the_reason_says_how(sample):
    """An IOC remainder expires; an order that met our own ends for that."""
    (ioc,) = decoder().decode_account(sample("ws_private/execution_report_expired_ioc"), AT)
    (stp,) = decoder().decode_account(sample("ws_private/execution_report_stp_expired_in_match"), AT)
    assert (ioc.reason, ioc.filled, ioc.tif) == (Reason.EXPIRED, units("0.005"), Tif.IOC)
    assert (stp.reason, stp.status) == (Reason.STP, ReportStatus.DONE)


def test_given_an_amend_when_reported_then_the_order_is_open_under_the_id_it_has_from_now_on(sample):
    """With the id kept nothing is replaced; with a new one the report says what it replaces."""
    frame = sample("ws_private/execution_report_replaced")
    (kept,) = decoder().decode_account(frame, AT)
    assert (kept.client_id, kept.replaces, kept.qty) == ("steer-000021", "", units("0.01"))
    (renamed,) = decoder().decode_account(frame.replace(b'"c":"steer-000021"', b'"c":"other-1"'), AT)
    assert (renamed.client_id, renamed.replaces) == ("other-1", "steer-000021")


def test_given_a_stop_that_was_not_touched_when_reported_then_it_is_not_triggered(sample):
    """`w` tells whether it is on the book."""
    frame = sample("ws_private/execution_report_new").replace(b'"o":"LIMIT"', b'"o":"STOP_LOSS_LIMIT"')
    waiting = frame.replace(b'"P":"0.00000000"', b'"P":"61300.00"').replace(b'"w":true', b'"w":false')
    (event,) = decoder().decode_account(waiting, AT)
    assert (event.type, event.stop, event.triggered) == (OrderType.STOP_LIMIT, units("61300"), False)
    (event,) = decoder().decode_account(waiting.replace(b'"w":false', b'"w":true'), AT)
    assert event.triggered


def test_given_a_trade_without_a_fee_when_reported_then_the_fee_is_zero_of_what_was_received(sample):
    """`N` is null and `n` "0" when nothing was charged."""
    frame = sample("ws_private/execution_report_filled").replace(b'"n":"0.00000900","N":"BTC"', b'"n":"0","N":null')
    fill = decoder().decode_account(frame, AT)[0]
    assert (fill.fee, fill.fee_asset) == (0, "BTC")


def test_given_a_trade_of_size_zero_when_reported_then_it_is_no_fill(sample):
    """Some venues send them; they move nothing."""
    frame = sample("ws_private/execution_report_filled").replace(b'"l":"0.00900000"', b'"l":"0.00000000"')
    assert [type(event) for event in decoder().decode_account(frame, AT)] == [OrderReport]


def test_given_balances_when_reported_then_they_are_absolute_and_empty_text_is_zero(sample):
    """Accounts that were never used have "" for a number."""
    frame = sample("ws_private/outbound_account_position_lock")
    expected = Balance(NAME, "USDT", money("24081.2485"), money("918.7515"), 1788249600150000000, AT)
    assert decoder().decode_account(frame, AT) == [expected]
    empty = decoder().decode_account(frame.replace(b'"918.75150000"', b'""'), AT)[0]
    assert isinstance(empty, Balance)
    assert empty.locked == 0
    fill = decoder().decode_account(sample("ws_private/outbound_account_position_fill"), AT)
    assert [event.asset for event in fill] == ["BTC", "USDT", "BNB"]


def test_given_a_deposit_when_reported_then_it_is_a_transfer(sample):
    """A signed change that no order explains."""
    expected = [Transfer(NAME, "USDT", money("500"), 1788249609000000000, AT)]
    assert decoder().decode_account(sample("ws_private/balance_update"), AT) == expected


def test_given_the_end_of_the_stream_when_reported_then_the_account_is_down(sample):
    """The connection may live on, but nothing more comes over it."""
    (event,) = decoder().decode_account(sample("ws_private/event_stream_terminated"), AT)
    assert isinstance(event, AccountDown)


def test_given_what_is_not_used_when_reported_then_it_is_counted(sample):
    """The orders of a list report for themselves."""
    reader = decoder()
    assert reader.decode_account(sample("ws_private/list_status_oco_started"), AT) == []
    assert reader.decode_account(b'{"subscriptionId":0,"event":{"e":"novelty"}}', AT) == []
    assert reader.ignored == {"listStatus": 1, "novelty": 1}


def test_given_answers_when_read_then_they_are_told_from_events_by_their_status(sample):
    """Result or error, as REST would put it; the notice of a shutdown is neither."""
    assert decoder().read(sample("ws_private/subscribe_ok"), AT) == Answer("uds-1", 200, b'{"subscriptionId":0}')
    error = decoder().read(sample("ws_private/subscribe_already_active"), AT)
    assert error == Answer("uds-3", 400, b'{"code":-2035,"msg":"User Data Stream subscription already active."}')
    revoked = decoder().read(sample("ws_private/session_key_revoked"), AT)
    assert isinstance(revoked, Answer)
    assert (revoked.id, revoked.status) == (None, 401)
    assert decoder().read(sample("ws_private/server_shutdown"), AT) == Shutdown(1788250100000000000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"X":"NEW"', b'"X":"NOVEL"'),
        (b'"S":"BUY"', b'"S":"HOLD"'),
        (b'"o":"LIMIT"', b'"o":"NOVEL"'),
        (b'"q":"0.01500000"', b'"q":"lots"'),
        (b'"q":"0.01500000"', b'"q":"NaN"'),
        (b'"q":"0.01500000"', b'"q":"0.015000001"'),
        (b'"q":"0.01500000"', b'"q":"1e-8000"'),
        (b'"z":"0.00000000"', b'"z":null'),
        (b'"i":9001001', b'"i":"9001001"'),
    ],
)
def test_given_a_word_or_number_that_makes_no_sense_when_read_then_it_is_a_wire_error(sample, old, new):
    """What it means for money is not known, so it must not pass as something else."""
    frame = sample("ws_private/execution_report_new")
    assert old in frame
    with pytest.raises(WireError):
        decoder().read(frame.replace(old, new), AT)


def test_given_every_sample_when_read_then_none_is_unreadable(sample_paths):
    """All that the venue documents can be read."""
    for folder in ("ws_private", "ws_trade"):
        for path in sample_paths[folder]:
            if "request" not in path.stem:
                decoder().read(msgspec.json.format(path.read_bytes(), indent=-1), AT)
