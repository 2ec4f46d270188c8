"""What became of a request: never rejected when it may have been executed, never unknown when it was refused."""

from __future__ import annotations

import msgspec
import pytest

from tickwright.base.numbers import money, to_units
from tickwright.model.order import (
    Absent,
    Accepted,
    CouldNotAsk,
    Fill,
    Found,
    OrderRef,
    OrderReport,
    OrderType,
    Rejected,
    ReportStatus,
    Unknown,
)
from tickwright.model.reason import Reason
from tickwright.venues.binance_spot import answers, requests
from tickwright.venues.binance_spot.account import AccountDecoder
from tickwright.venues.binance_spot.rules import NAME
from tickwright.venues.kit import Request, SymbolMap

from .test_binance_requests import KEY, order

AT = 1_788_249_605_000_000_000
SYMBOLS = SymbolMap(NAME, ("USDT", "BTC"))
REF = OrderRef(KEY, "tw1-1")
SUBMIT = requests.submit(order(), "BTCUSDT")
CANCEL = requests.cancel(REF, "BTCUSDT")
CANCEL_ALL = requests.cancel_all(KEY, "BTCUSDT")
AMEND = requests.amend_qty(REF, 1, "BTCUSDT")
REPLACE = requests.replace(REF, order(client_id="tw1-2", price=to_units("61300", 8)), "BTCUSDT", only_new=True)
FIND = requests.find(REF, "BTCUSDT")


def classify(request: Request, status: int | None, body: bytes):
    return answers.classify(request, status, body, AT, SYMBOLS)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("error_insufficient_balance", 400, Reason.VENUE_FUNDS),
        ("error_duplicate_client_order_id", 400, Reason.VENUE_DUPLICATE_ID),
        ("error_post_only_would_cross", 400, Reason.VENUE_WOULD_TAKE),
        ("error_filter_lot_size", 400, Reason.VENUE_FILTER),
        ("error_filter_notional", 400, Reason.VENUE_FILTER),
        ("error_too_much_precision", 400, Reason.VENUE_FILTER),
        ("error_timestamp_outside_recv_window", 400, Reason.VENUE_TIMESTAMP),
        ("error_bad_signature", 400, Reason.VENUE_SIGNATURE),
        ("error_bad_key", 401, Reason.VENUE_KEY),
        ("error_too_many_orders", 429, Reason.VENUE_ORDER_LIMIT),
        ("error_too_much_weight", 429, Reason.VENUE_RATE_LIMIT),
        ("error_ip_banned", 418, Reason.VENUE_BANNED),
        ("error_cancel_unknown_order", 400, Reason.VENUE_UNKNOWN_ORDER),
        ("error_query_unknown_order", 400, Reason.VENUE_UNKNOWN_ORDER),
    ],
)
def test_given_each_sample_error_when_classified_then_it_is_rejected_for_our_reason(sample, name, status, reason):
    """Every one of these was refused before the matching engine."""
    outcome = classify(SUBMIT, status, sample(f"rest/{name}"))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (-2010, "Order would trigger immediately.", Reason.VENUE_WOULD_TRIGGER),
        (-2010, "Market is closed.", Reason.VENUE_MARKET_CLOSED),
        (-2010, "This symbol is not permitted for this account.", Reason.VENUE_NOT_PERMITTED),
        (-2010, "Something never seen before.", Reason.VENUE_OTHER),
        (-2011, "Order was not canceled due to cancel restrictions.", Reason.VENUE_CANCEL_RESTRICTED),
        (-2038, "The requested action would change no state; rejecting", Reason.VENUE_NO_CHANGE),
        (-2039, "Client order ID is not correct for this order ID.", Reason.VENUE_UNKNOWN_ORDER),
        (-1121, "Invalid symbol.", Reason.VENUE_UNKNOWN_SYMBOL),
        (-1106, "Parameter 'timeInForce' sent when not required.", Reason.VENUE_MALFORMED),
        (-9999, "A code of the future.", Reason.VENUE_OTHER),
    ],
)
def test_given_cases_that_share_a_code_when_classified_then_the_text_decides(code, text, reason):
    """The venue tells them apart by text alone; a code that is not known is still a refusal."""
    outcome = classify(SUBMIT, 400, msgspec.json.encode({"code": code, "msg": text}))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.code) == (reason, str(code))


@pytest.mark.parametrize("request_", [SUBMIT, CANCEL, CANCEL_ALL, AMEND, REPLACE])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (None, b""),
        (504, b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}'),
        (400, b'{"code":-1006,"msg":"An unexpected response was received from the message bus."}'),
        (400, b'{"code":-1000,"msg":"An unknown error occured while processing the request."}'),
        (500, b"<html>"),
        (502, b""),
        (503, b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}'),
        (400, b"<html>not ours</html>"),
        (200, b"<html>"),
        (200, b"{}"),
        (302, b""),
    ],
)
def test_given_an_answer_that_proves_nothing_when_classified_then_the_outcome_is_unknown(request_, status, body):
    """A timeout, a 5xx, an unreadable answer, even to a request that was taken."""
    assert isinstance(classify(request_, status, body), Unknown)


def test_given_an_overload_or_the_firewall_when_classified_then_it_is_a_definite_refusal():
    """-1008 says that nothing was executed, whatever the status; the firewall is in front of everything."""
    overload = classify(SUBMIT, 503, b'{"code":-1008,"msg":"Server is currently overloaded with other requests."}')
    assert isinstance(overload, Rejected)
    assert overload.reason is Reason.VENUE_OVERLOADED
    assert isinstance(classify(SUBMIT, 403, b"<html>Forbidden</html>"), Rejected)
    limited = classify(SUBMIT, 429, b"<html>")
    assert isinstance(limited, Rejected)
    assert limited.reason is Reason.VENUE_RATE_LIMIT


def test_given_a_limit_with_a_time_when_classified_then_it_says_how_long_to_wait(sample):
    """As data in the WebSocket API, in the text over REST."""
    for name, reason, wait_s in (
        ("order_place_error_rate_limit", Reason.VENUE_ORDER_LIMIT, 5),
        ("ip_banned", Reason.VENUE_BANNED, 295),
    ):
        answer = AccountDecoder(SYMBOLS).read(sample(f"ws_trade/{name}"), AT)
        outcome = classify(SUBMIT, answer.status, answer.body)
        assert isinstance(outcome, Rejected)
        assert (outcome.reason, outcome.retry_after_ns) == (reason, wait_s * 10**9)
    banned = classify(SUBMIT, 418, sample("rest/error_ip_banned"))
    assert isinstance(banned, Rejected)
    assert banned.retry_after_ns == 295 * 10**9


def test_given_the_three_forms_of_acceptance_when_classified_then_each_tells_what_it_says(sample):
    """ACK: the id. RESULT: the state. FULL: the fills besides, before the state."""
    ack = classify(SUBMIT, 200, sample("rest/order_ack"))
    assert ack == Accepted(venue_id="9001002", at_ns=AT)
    result = classify(SUBMIT, 200, sample("rest/order_result_new"))
    assert isinstance(result, Accepted)
    (report,) = result.reports
    assert isinstance(report, OrderReport)
    assert (report.client_id, report.status, report.qty, report.filled, report.venue_ns) == (
        "steer-000017",
        ReportStatus.OPEN,
        1_500_000,
        0,
        1788249600150000000,
    )
    full = classify(SUBMIT, 200, sample("rest/order_full_market_filled"))
    assert isinstance(full, Accepted)
    assert [type(item) for item in full.reports] == [Fill, Fill, OrderReport]
    first, _, done = full.reports
    assert (first.trade_id, first.qty, first.fee, first.fee_asset, first.maker) == (
        "4410030",
        1_500_000,
        money("0.000015"),
        "BTC",
        False,
    )
    assert (done.reason, done.filled, done.price, done.type) == (Reason.FILLED, 2_000_000, None, OrderType.MARKET)


def test_given_a_cancel_when_taken_then_the_report_is_under_the_orders_own_id(sample):
    """The answer puts the cancel's id first."""
    outcome = classify(CANCEL, 200, sample("rest/cancel_order"))
    assert isinstance(outcome, Accepted)
    (report,) = outcome.reports
    assert (report.client_id, report.reason) == ("steer-000017", Reason.CANCELED)


def test_given_a_cancel_all_when_taken_then_every_order_is_reported_and_nothing_open_is_fine(sample):
    """Lists are told with their orders inside; "Unknown order sent." means that there was nothing."""
    outcome = classify(CANCEL_ALL, 200, sample("rest/cancel_all"))
    assert [item.client_id for item in outcome.reports] == ["steer-000018"]
    single = sample("rest/cancel_all")[1:-1]
    nested = b'[{"orderListId":1,"contingencyType":"OCO","transactionTime":1,"orderReports":[%s,%s]},%s]' % (
        single,
        single,
        single,
    )
    assert len(classify(CANCEL_ALL, 200, nested).reports) == 3
    assert classify(CANCEL_ALL, 400, sample("rest/error_cancel_unknown_order")) == Accepted(venue_id="", at_ns=AT)
    assert isinstance(classify(CANCEL, 400, sample("rest/error_cancel_unknown_order")), Rejected)


def test_given_an_amend_when_taken_then_the_new_quantity_is_reported(sample):
    """Its answer has names of its own."""
    outcome = classify(AMEND, 200, sample("rest/amend_keep_priority"))
    (report,) = outcome.reports
    assert (report.client_id, report.qty, report.venue_ns) == ("steer-000021", 1_000_000, 1788249603300000000)


def test_given_a_replacement_when_both_halves_work_then_the_old_order_ends_as_replaced_and_the_new_names_it(sample):
    """One request, two orders."""
    body = b'{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":%s,"newOrderResponse":%s}'
    outcome = classify(REPLACE, 200, body % (sample("rest/cancel_order"), sample("rest/order_full_market_filled")))
    assert isinstance(outcome, Accepted)
    old, *_, new = outcome.reports
    assert (outcome.venue_id, old.client_id, old.reason) == ("9001003", "steer-000017", Reason.REPLACED)
    assert (new.client_id, new.replaces) == ("steer-000019", "steer-000017")


def test_given_a_replacement_when_only_the_cancel_works_then_both_orders_are_reported_as_ended(sample):
    """It has had an effect, so it is not rejected; the new order never came to be, and the report says why."""
    for body in (
        sample("rest/cancel_replace_partial_failure"),
        AccountDecoder(SYMBOLS).read(sample("ws_trade/order_cancel_replace_partial_failure"), AT).body,
    ):
        outcome = classify(REPLACE, 409, body)
        assert isinstance(outcome, Accepted)
        old, new = outcome.reports
        assert (old.client_id, old.status, old.reason) == ("steer-000020", ReportStatus.DONE, Reason.CANCELED)
        assert (new.client_id, new.status, new.reason) == ("tw1-2", ReportStatus.DONE, Reason.VENUE_WOULD_TAKE)
        assert (new.replaces, new.price, new.venue_id) == ("steer-000020", to_units("61300", 8), "")


def test_given_a_replacement_when_the_cancel_fails_then_nothing_has_happened():
    """STOP_ON_FAILURE: the new order is not attempted. Unless the cancel's own fate is unknown."""
    body = (
        b'{"code":-2022,"msg":"Order cancel-replace failed.","data":{"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED",'
        b'"cancelResponse":{"code":%d,"msg":"Unknown order sent."},"newOrderResponse":null}}'
    )
    outcome = classify(REPLACE, 400, body % -2011)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.VENUE_UNKNOWN_ORDER
    assert isinstance(classify(REPLACE, 400, body % -1007), Unknown)


def test_given_a_question_when_answered_then_only_the_venues_no_is_absent(sample):
    """What could not be asked is never absent."""

    def find(status: int | None, body: bytes):
        return answers.classify_find(FIND, status, body, AT, SYMBOLS)

    found = find(200, sample("rest/query_order_partially_filled"))
    assert isinstance(found, Found)
    assert (found.order.client_id, found.order.filled, found.fills_complete) == ("tw1-1", 600_000, False)
    expired = find(200, sample("rest/query_order_expired_fok"))
    assert isinstance(expired, Found)
    assert (expired.order.reason, expired.fills_complete) == (Reason.EXPIRED, True)
    assert isinstance(find(400, sample("rest/error_query_unknown_order")), Absent)
    for status, body in (
        (None, b""),
        (200, b"<html>"),
        (404, b"<html>"),
        (500, sample("rest/error_query_unknown_order")),
        (400, sample("rest/error_timestamp_outside_recv_window")),
        (429, sample("rest/error_too_much_weight")),
    ):
        assert isinstance(find(status, body), CouldNotAsk)


def test_given_the_error_of_a_cancel_replace_when_something_else_was_asked_then_nobody_knows(sample):
    """Found by fuzzing: the answer to a request of another kind says nothing of this one."""
    for asked in (CANCEL, CANCEL_ALL, AMEND):
        assert isinstance(classify(asked, 400, sample("rest/cancel_replace_partial_failure")), Unknown)
