"""Questions about the account: balances, rates, limits, and what the wallet tells clients that ask when they start."""

from __future__ import annotations

from tickwright.sim.stands.binance_spot import params as read
from tickwright.sim.stands.binance_spot import render
from tickwright.sim.stands.binance_spot.floor import Floor
from tickwright.sim.stands.binance_spot.shapes import Ask, Json, JsonValue

_NO_RATES = {"maker": render.ZERO, "taker": render.ZERO, "buyer": render.ZERO, "seller": render.ZERO}
_UID = 100_200_300


class AccountDesk:
    """Answers that change nothing."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._updated_ns = 0

    def note_update(self, at_ns: int) -> None:
        """A balance changed."""
        self._updated_ns = at_ns

    def _rates(self) -> Json:
        config = self._floor.config
        return {**_NO_RATES, "maker": f"{config.maker_ppm / 1e6:.8f}", "taker": f"{config.taker_ppm / 1e6:.8f}"}

    def account(self, ask: Ask) -> JsonValue:
        config = self._floor.config
        held = self._floor.exchange.balances(ask.account)
        all_of_them = not read.boolean(ask.params, "omitZeroBalances", usual=False)
        return {
            "makerCommission": config.maker_ppm // 100,
            "takerCommission": config.taker_ppm // 100,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": self._rates(),
            "canTrade": config.can_trade,
            "canWithdraw": config.can_withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": render.ms(self._updated_ns),
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": render.money_text(free), "locked": render.money_text(locked)}
                for asset, (free, locked) in held.items()
                if all_of_them or free or locked
            ],
            "permissions": ["SPOT"],
            "uid": _UID,
        }

    def commission(self, ask: Ask) -> JsonValue:
        one = self._floor.instrument(ask.params)
        return {
            "symbol": one.native,
            "standardCommission": self._rates(),
            "specialCommission": _NO_RATES,
            "taxCommission": _NO_RATES,
            "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000"},
        }

    def order_counts(self, ask: Ask) -> JsonValue:
        return self._floor.meter.order_limits(ask.account, ask.at_ns)

    def my_filters(self, ask: Ask) -> JsonValue:
        self._floor.instrument(ask.params)
        return {"exchangeFilters": [], "symbolFilters": [], "assetFilters": []}

    def nothing(self, ask: Ask) -> JsonValue:
        """Something that this account never has any of."""
        return []

    # -- the wallet ----------------------------------------------------------------------------------------------------

    def restrictions(self, ask: Ask) -> JsonValue:
        """What the key may do."""
        config = self._floor.config
        return {
            "ipRestrict": True,
            "createTime": render.ms(ask.at_ns),
            "enableReading": True,
            "enableSpotAndMarginTrading": config.can_trade,
            "enableWithdrawals": config.can_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }

    def currencies(self, ask: Ask) -> JsonValue:
        held = self._floor.exchange.balances(ask.account)
        listed = self._floor.by_key.values()
        assets = sorted({*held, *(one.base for one in listed), *(one.quote for one in listed)})
        rows: list[Json] = []
        for asset in assets:
            free, locked = held.get(asset, (0, 0))
            rows.append(
                {
                    "coin": asset, "name": asset, "depositAllEnable": True, "withdrawAllEnable": False, "trading": True,
                    "isLegalMoney": False, "free": render.money_text(free), "locked": render.money_text(locked), "freeze": "0",
                    "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0", "networkList": [],
                }
            )  # fmt: skip
        return rows

    def assets(self, ask: Ask) -> JsonValue:
        held = self._floor.exchange.balances(ask.account)
        wanted = ask.params.get("asset")
        return [
            {
                "asset": asset, "free": render.money_text(free), "locked": render.money_text(locked), "freeze": "0",
                "withdrawing": "0", "ipoable": "0", "btcValuation": "0",
            }
            for asset, (free, locked) in held.items()
            if (free or locked) and wanted in (None, "", asset)
        ]  # fmt: skip

    def trade_fees(self, ask: Ask) -> JsonValue:
        chosen = [self._floor.instrument(ask.params)] if read.given(ask.params, "symbol") else self._floor.by_key.values()
        rates = self._rates()
        return [{"symbol": one.native, "makerCommission": rates["maker"], "takerCommission": rates["taker"]} for one in chosen]

    def system_status(self, ask: Ask) -> JsonValue:
        return {"status": 0, "msg": "normal"}

    def account_status(self, ask: Ask) -> JsonValue:
        return {"data": "Normal"}

    def trading_status(self, ask: Ask) -> JsonValue:
        return {"data": {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": render.ms(ask.at_ns)}}

    def account_info(self, ask: Ask) -> JsonValue:
        return {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": False}

    def bnb_burn(self, ask: Ask) -> JsonValue:
        return {"spotBNBBurn": False, "interestBNBBurn": False}
