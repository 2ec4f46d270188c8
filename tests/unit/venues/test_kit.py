"""Names of venues and symbols, and the events of a venue as an iterator."""

from __future__ import annotations

import pytest

from tickwright.base.errors import UsageError
from tickwright.venues import VENUES, load
from tickwright.venues.binance_spot import CAPS, URLS
from tickwright.venues.binance_spot.catalog import instruments
from tickwright.venues.kit import SymbolMap


def test_given_a_name_when_loaded_then_the_module_offers_what_a_venue_must():
    """Every venue is used through the same names."""
    for name in VENUES:
        module = load(name)
        assert module.NAME == module.CAPS.venue == name
        assert callable(module.Adapter)
        assert callable(module.Decoder().decode_market)
        assert {"mainnet", "testnet"} <= set(module.URLS)


def test_given_a_misspelt_name_when_loaded_then_the_nearest_is_suggested():
    """One clear line."""
    with pytest.raises(UsageError, match="did you mean 'binance_spot'"):
        load("binance_sopt")


def test_given_real_and_test_urls_when_listed_then_only_the_test_ones_are_marked():
    """A run must know whether its money is money."""
    assert [name for name, urls in URLS.items() if not urls.sandbox] == ["mainnet"]
    assert CAPS.deadline_ns == 5_000_000_000


def test_given_listed_and_unlisted_symbols_when_mapped_then_both_have_keys(sample):
    """A tape has no list of instruments; an order of a person may be in any symbol."""
    symbols = SymbolMap("binance_spot", ("USDT", "BTC"))
    assert symbols.key("ETHBTC") == "binance_spot:ETH/BTC"
    assert symbols.key("BTC") == "binance_spot:BTC"
    assert symbols.instrument("binance_spot:BTC/USDT") is None
    symbols.learn(instruments(sample("rest/exchange_info_btcusdt")))
    found = symbols.instrument("binance_spot:BTC/USDT")
    assert found is not None
    assert symbols.native(found.key) == "BTCUSDT"
    assert symbols.native("binance_spot:SOL/USDT") == "SOLUSDT"
