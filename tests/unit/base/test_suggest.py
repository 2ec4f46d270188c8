"""Near misses."""

from __future__ import annotations

from tickwright.base.suggest import near, near_or_list


def test_given_a_misspelt_name_when_asked_then_the_nearest_is_suggested_whatever_the_case() -> None:
    """The spelling shown is the one that works."""
    assert near("btc/usdt", ["BTC/USDT", "ETH/USDT"]) == "did you mean 'BTC/USDT'?"
    assert near("ema_fsat", ["ema_fast", "size"]) == "did you mean 'ema_fast'?"
    assert near("zzz", ["ema_fast"]) == ""


def test_given_nothing_near_when_asked_then_the_first_few_are_listed() -> None:
    """A list that ends says so."""
    assert near_or_list("zzz", "cab") == "known: a, b, c"
    assert near_or_list("zzz", [f"name{n}" for n in range(3)], limit=2) == "known: name0, name1, …"
    assert near_or_list("zzz", []) == ""
