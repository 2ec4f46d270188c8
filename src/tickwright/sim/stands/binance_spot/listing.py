"""The instruments that a stand lists, with the filters of the venue's sample ``exchangeInfo``."""

from __future__ import annotations

from decimal import Decimal

from tickwright.base.numbers import money
from tickwright.model.instrument import Instrument, PriceBand
from tickwright.sim.stands.binance_spot.config import EXP, ONE
from tickwright.sim.stands.binance_spot.shapes import Json, JsonValue

_QUOTES = ("USDT", "FDUSD", "USDC", "TUSD", "USD1", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
#: Decimal places of price and quantity on the venue, where they are not the usual two and five.
_PLACES = {
    "ETHUSDT": (2, 4),
    "BNBUSDT": (2, 3),
    "SOLUSDT": (2, 3),
    "XRPUSDT": (4, 1),
    "DOGEUSDT": (5, 0),
    "ADAUSDT": (4, 1),
    "ETHBTC": (5, 4),
    "BNBBTC": (6, 3),
}
_USUAL_PLACES = (2, 5)

OPEN_ORDERS_MAX = 200
ORDER_LISTS_MAX = 20
OPEN_STOPS_MAX = 5
AMENDS_MAX = 10
ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def text(units: int) -> str:
    """Units of 10**-8 as the venue prints them."""
    return f"{units // ONE}.{units % ONE:08d}" if units >= 0 else f"-{text(-units)}"


def split(native: str) -> tuple[str, str]:
    """``BTCUSDT`` as base and quote asset."""
    for quote in _QUOTES:
        if native.endswith(quote) and len(native) > len(quote):
            return native[: -len(quote)], quote
    return native[:-4] or native, native[-4:]


def spot_instrument(native: str, places: tuple[int, int] | None = None) -> Instrument:
    """An instrument; ``places`` are decimals of price and quantity where the venue's usual ones are not meant."""
    base, quote = split(native)
    price_places, qty_places = places or _PLACES.get(native, _USUAL_PLACES)
    tick, lot = 10 ** (EXP - price_places), 10 ** (EXP - qty_places)
    small = quote in ("BTC", "ETH", "BNB")
    return Instrument(
        venue="binance_spot",
        symbol=f"{base}/{quote}",
        native=native,
        base=base,
        quote=quote,
        price_exp=EXP,
        qty_exp=EXP,
        tick_units=tick,
        lot_units=lot,
        price_min_units=tick,
        price_max_units=1_000_000 * ONE,
        qty_min_units=lot,
        qty_max_units=9_000 * ONE if qty_places > 2 else 9_000_000 * ONE,
        market_qty_max_units=81_52740000 if qty_places > 3 else 8_152_740 * ONE // 1_000,
        notional_min=money("0.0001" if small else "5"),
        notional_max=money("9000000"),
        price_band=PriceBand(Decimal(5), Decimal("0.2"), Decimal(5), Decimal("0.2")),
        open_orders_max=OPEN_ORDERS_MAX,
        open_stops_max=OPEN_STOPS_MAX,
    )


def listing(instrument: Instrument, *, permission_sets: bool = True) -> Json:
    """One symbol of ``exchangeInfo``."""
    shown: dict[str, JsonValue] = {
        "symbol": instrument.native,
        "status": "TRADING" if instrument.trading else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": EXP,
        "quoteAsset": instrument.quote,
        "quotePrecision": EXP,
        "quoteAssetPrecision": EXP,
        "baseCommissionPrecision": EXP,
        "quoteCommissionPrecision": EXP,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }
    if not permission_sets:
        del shown["permissionSets"]
    return shown


def filters(instrument: Instrument) -> list[Json]:
    """What an order of the symbol must keep to; ``orders.py`` checks the same figures."""
    tick, lot = text(instrument.tick_units), text(instrument.lot_units)
    grid = 10 ** (18 - EXP)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": text(instrument.price_max_units), "tickSize": tick},
        {
            "filterType": "LOT_SIZE",
            "minQty": text(instrument.qty_min_units),
            "maxQty": text(instrument.qty_max_units),
            "stepSize": lot,
        },
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": text(0),
            "maxQty": text(instrument.market_qty_max_units),
            "stepSize": text(0),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2_000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2_000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": text(instrument.notional_min // grid),
            "applyMinToMarket": True,
            "maxNotional": text(instrument.notional_max // grid),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.open_orders_max},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": ORDER_LISTS_MAX},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": instrument.open_stops_max},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": AMENDS_MAX},
    ]
