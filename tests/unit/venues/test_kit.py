"""Names of venues and symbols, and the events of a venue as an iterator."""

from __future__ import annotations

import asyncio

import pytest

from tickwright.base.errors import UsageError, VenueError
from tickwright.venues import VENUES, load
from tickwright.venues.binance_spot import CAPS, URLS
from tickwright.venues.binance_spot.catalog import instruments
from tickwright.venues.kit import SymbolMap
from tickwright.venues.streaming import pump


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


def collect(run, most: int = 100) -> list[int]:
    async def go() -> list[int]:
        return [event async for event in pump(run, most)]

    return asyncio.run(go())


def test_given_a_source_that_ends_when_iterated_then_everything_it_said_is_there():
    """In order, the last event included."""

    async def run(sink) -> None:
        for number in range(3):
            sink(number)
        await asyncio.sleep(0)
        sink(3)

    assert collect(run) == [0, 1, 2, 3]


def test_given_a_source_that_fails_or_floods_when_iterated_then_the_reader_is_told():
    """Neither ends in silence."""

    async def fails(sink) -> None:
        sink(1)
        raise ValueError("broken")

    async def floods(sink) -> None:
        for number in range(10):
            sink(number)

    with pytest.raises(ValueError, match="broken"):
        collect(fails)
    with pytest.raises(VenueError, match="fell behind"):
        collect(floods, 5)
