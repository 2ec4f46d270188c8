"""What a trade costs: maker and taker rates, charged in the asset received or in a discount asset.

Fees are exact amounts on the venue's commission grid, rounded up (never in the trader's favour).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from tickwright.base.numbers import MONEY_EXP, POW10
from tickwright.model.account import FeeRates

#: Commission has eight decimal places on most venues.
FEE_EXP = 8

_PPM = 1_000_000


class Fee(NamedTuple):
    """``amount`` counts 10**-18 of ``asset``."""

    asset: str
    amount: int


class FeeModel(Protocol):
    """Prices one execution. Pure."""

    def rates(self, key: str) -> FeeRates:
        """What an account is told when it asks."""

    def fee(self, key: str, received_asset: str, received: int, maker: bool, free: Mapping[str, int]) -> Fee:
        """Fee of an execution that brings ``received`` of ``received_asset``; ``free`` is what the account could pay with.

        An amount in ``received_asset`` must not exceed ``received``; in another asset it must not exceed what is free.
        """


class FlatFees(msgspec.Struct, frozen=True, kw_only=True):
    """The same rates for everyone, in the asset received."""

    maker_ppm: int
    taker_ppm: int

    def rates(self, key: str) -> FeeRates:  # noqa: ARG002 (the protocol's; these rates are flat)
        return FeeRates(maker_ppm=self.maker_ppm, taker_ppm=self.taker_ppm)

    def fee(
        self,
        key: str,  # noqa: ARG002 (the protocol's; these rates are flat)
        received_asset: str,
        received: int,
        maker: bool,
        free: Mapping[str, int],  # noqa: ARG002 (paid from what is received)
    ) -> Fee:
        return Fee(received_asset, _share(received, self.maker_ppm if maker else self.taker_ppm))


class DiscountFees(msgspec.Struct, frozen=True, kw_only=True):
    """Charged in ``asset`` at ``discount_ppm`` of the standard rates while the account has enough of it free, else as
    :class:`FlatFees`. ``worth`` says how much of ``asset`` one whole unit of a received asset is (amounts of 10**-18).
    """

    maker_ppm: int
    taker_ppm: int
    asset: str
    discount_ppm: int  # 750_000: 25 % off
    worth: dict[str, int]

    def rates(self, key: str) -> FeeRates:  # noqa: ARG002 (the protocol's; these rates are flat)
        return FeeRates(maker_ppm=self.maker_ppm, taker_ppm=self.taker_ppm)

    def fee(
        self,
        key: str,  # noqa: ARG002 (the protocol's; these rates are flat)
        received_asset: str,
        received: int,
        maker: bool,
        free: Mapping[str, int],
    ) -> Fee:
        ppm = self.maker_ppm if maker else self.taker_ppm
        worth = POW10[MONEY_EXP] if received_asset == self.asset else self.worth.get(received_asset, 0)
        if worth > 0:
            amount = _share(received * worth // POW10[MONEY_EXP], ppm * self.discount_ppm // _PPM)
            if received_asset == self.asset or free.get(self.asset, 0) >= amount:
                return Fee(self.asset, amount)
        return Fee(received_asset, _share(received, ppm))


def _share(amount: int, ppm: int) -> int:
    """``ppm`` of ``amount`` on the commission grid, rounded up, never more than ``amount``; a rebate rounds towards zero."""
    grid = POW10[MONEY_EXP - FEE_EXP]
    steps = -(-amount * ppm // (_PPM * grid))
    return min(steps * grid, amount)
