"""Instruments with their filters, history, fees, permissions."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tickwright.base.errors import WireError
from tickwright.base.numbers import money, to_units
from tickwright.model.account import FeeRates
from tickwright.model.market import BUY, SELL
from tickwright.venues.binance_spot import catalog

KEY = "binance_spot:BTC/USDT"


def test_given_exchange_info_when_read_then_every_filter_is_in_the_instrument(sample):
    """A limit of 0 is no limit; the grid is the filters', not the precisions'."""
    (item,) = catalog.instruments(sample("rest/exchange_info_btcusdt"))
    assert (item.key, item.native, item.trading) == (KEY, "BTCUSDT", True)
    assert (item.tick_units, item.lot_units) == (to_units("0.01", 8), to_units("0.00001", 8))
    assert (item.price_min_units, item.price_max_units) == (to_units("0.01", 8), to_units("1000000", 8))
    assert (item.qty_min_units, item.qty_max_units) == (to_units("0.00001", 8), to_units("9000", 8))
    assert (item.market_lot_units, item.market_qty_min_units, item.market_qty_max_units) == (0, 0, to_units("81.5274", 8))
    assert (item.notional_min, item.notional_max) == (money("5"), money("9000000"))
    assert (item.notional_min_on_market, item.notional_max_on_market) == (True, False)
    assert item.price_band is not None
    assert (item.price_band.bid_up, item.price_band.ask_down) == (Decimal(5), Decimal("0.2"))
    assert (item.open_orders_max, item.open_stops_max) == (200, 5)


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_given_a_status_other_than_trading_when_read_then_it_cannot_be_traded(sample, status):
    """A status that is not known is not one to trade in."""
    body = sample("rest/exchange_info_btcusdt").replace(b'"TRADING"', f'"{status}"'.encode())
    (item,) = catalog.instruments(body)
    assert not item.trading


def test_given_the_older_forms_of_filters_when_read_then_they_mean_the_same(sample):
    """MIN_NOTIONAL and PERCENT_PRICE are still found on test networks."""
    info = msgspec.json.decode(sample("rest/exchange_info_btcusdt"))
    filters = [item for item in info["symbols"][0]["filters"] if item["filterType"] not in ("NOTIONAL", "PERCENT_PRICE_BY_SIDE")]
    filters += [
        {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": True, "avgPriceMins": 5},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.5", "multiplierDown": "0.5", "avgPriceMins": 5},
    ]
    info["symbols"][0]["filters"] = filters
    (item,) = catalog.instruments(msgspec.json.encode(info))
    assert (item.notional_min, item.notional_min_on_market, item.notional_max) == (money("10"), True, 0)
    assert item.price_band is not None
    assert (item.price_band.bid_up, item.price_band.ask_down) == (Decimal("1.5"), Decimal("0.5"))


def test_given_one_symbol_that_makes_no_sense_when_read_then_the_others_are_there(sample):
    """One odd listing must not keep a run from starting."""
    info = msgspec.json.decode(sample("rest/exchange_info_btcusdt"))
    odd = msgspec.json.decode(msgspec.json.encode(info["symbols"][0]))
    odd["symbol"] = "ODDUSDT"
    odd["filters"][0]["tickSize"] = "lots"
    info["symbols"].append(odd)
    assert [item.native for item in catalog.instruments(msgspec.json.encode(info))] == ["BTCUSDT"]


def test_given_history_when_read_then_it_is_in_our_nouns(sample):
    """The end of a bar is exclusive here and inclusive there."""
    first, second = catalog.bars(sample("rest/klines_1m"), KEY, "1m", 9)
    assert (first.start_ns, first.end_ns, first.open, first.close) == (1788249480000000000, 1788249540000000000, 61230.0, 61244.2)
    assert (first.volume, first.notional, first.trades, first.buy_volume, first.span) == (18.4021, 1126911.55, 2140, 9.801, "1m")
    assert second.start_ns == first.end_ns
    body = b'[{"a":7,"p":"100.5","q":"2","f":70,"l":72,"T":1788249540000,"m":true,"M":true},{"a":8,"p":"1","q":"2","f":73,"l":73,"T":1,"m":false}]'
    sold, bought = catalog.trades(body, KEY, 9)
    assert (sold.trade_id, sold.price, sold.side, bought.side) == (72, 100.5, SELL, BUY)
    assert catalog.last_agg_id(body) == 8
    assert catalog.server_time_ns(sample("rest/time")) == 1788249600045000000


def test_given_the_account_when_read_then_empty_balances_are_left_out(sample):
    """Hundreds of assets were never held."""
    found = catalog.account(sample("rest/account").replace(b'"3.10000000"', b'""'))
    held = catalog.balances(found, 9)
    assert [(item.asset, item.free, item.locked) for item in held] == [
        ("BTC", money("0.52"), 0),
        ("USDT", money("24081.2485"), money("918.7515")),
    ]


def test_given_commissions_when_read_then_all_kinds_are_added_and_nothing_is_rounded_down(sample):
    """Standard, special and tax; the discount is not counted on."""
    assert catalog.fee_rates(sample("rest/account_commission")) == FeeRates(maker_ppm=1000, taker_ppm=1000)
    body = b'{"standardCommission":{"maker":"0.00010001","taker":"0.0004"},"taxCommission":{"maker":"0.0001","taker":"0.0001","buyer":"0.0002"}}'
    assert catalog.fee_rates(body) == FeeRates(maker_ppm=401, taker_ppm=700)


def test_given_key_restrictions_when_read_then_missing_words_count_as_the_dangerous_answer():
    """A key is trusted only where the venue says that it cannot withdraw."""
    safe = catalog.permissions(
        b'{"ipRestrict":true,"enableReading":true,"enableSpotAndMarginTrading":true,"enableWithdrawals":false,"enableInternalTransfer":false,"permitsUniversalTransfer":false}'
    )
    assert (safe.can_trade, safe.can_withdraw, safe.can_read, safe.address_bound, safe.note) == (True, False, True, True, "")
    assert catalog.permissions(b"{}").can_withdraw
    assert not catalog.permissions(b"{}").can_trade


@pytest.mark.parametrize(
    "read",
    [
        catalog.instruments,
        catalog.server_time_ns,
        lambda body: catalog.bars(body, KEY, "1m", 1),
        lambda body: catalog.trades(body, KEY, 1),
        catalog.account,
        catalog.fee_rates,
        catalog.permissions,
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"x"', b"\xff", b"[" * 2000])
def test_given_garbage_when_read_then_it_is_a_wire_error(read, body):
    """The one error that reading may raise."""
    with pytest.raises(WireError):
        read(body)
