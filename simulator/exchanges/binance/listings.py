"""The instruments the simulated Binance lists, and its exchangeInfo answers.

The first twelve USDⓈ-M symbols cover every kind: perpetuals, multiplier names, 4-hour and hourly
funding, one whose interval changes, a USDC-quoted one and a dated one. After the named ones come
SYM0001USDT, SYM0002USDT and so on. Real coverage dates of single symbols are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from simulator.coins import made_up, named
from simulator.listing import Listing, quarter_deliveries
from simulator.plan import Plan, Product

_NEVER_MS = 4_133_404_800_000
"""The delivery date Binance writes for perpetuals: 2100-12-25 08:00."""


# base, coin, multiplier, price digits, quantity digits, funding hours
Row = tuple[str, str, int, int, int, int]
_UM: tuple[Row, ...] = (
    ("BTC", "BTC", 1, 2, 3, 8),
    ("ETH", "ETH", 1, 2, 3, 8),
    ("SOL", "SOL", 1, 4, 0, 8),
    ("XRP", "XRP", 1, 4, 1, 8),
    ("BNB", "BNB", 1, 3, 2, 8),
    ("1000PEPE", "PEPE", 1000, 7, 0, 8),
    ("ADA", "ADA", 1, 5, 0, 4),
    ("1000SHIB", "SHIB", 1000, 6, 0, 8),
    ("AXS", "AXS", 1, 5, 0, 8),
    ("LRC", "LRC", 1, 5, 0, 1),
)
_UM_MORE: tuple[Row, ...] = (
    ("DOGE", "DOGE", 1, 5, 0, 8),
    ("LINK", "LINK", 1, 3, 2, 8),
    ("LTC", "LTC", 1, 2, 3, 8),
    ("DOT", "DOT", 1, 3, 1, 8),
    ("AVAX", "AVAX", 1, 3, 0, 8),
    ("BCH", "BCH", 1, 2, 3, 8),
    ("UNI", "UNI", 1, 3, 0, 8),
    ("TRX", "TRX", 1, 5, 0, 8),
)
_JITTER_MS = 47
# USDⓈ-M metrics show the end of their five minutes.
_UM_SAMPLED_FROM = 5


def _perpetual(row: Row) -> Listing:
    base, name, multiplier, price_digits, quantity_digits, hours = row
    coin = named(name)
    return Listing(
        symbol=f"{base}USDT",
        product="um",
        pair=f"{base}USDT",
        coin=name,
        base=base,
        quote="USDT",
        multiplier=multiplier,
        price=coin.price * multiplier,
        open_interest=coin.open_interest / multiplier,
        liquidation_weight=coin.liquidation_weight,
        price_digits=price_digits,
        quantity_digits=quantity_digits,
        beta=coin.beta,
        funding_hours=hours,
        changes_interval=base == "AXS",
        jitter_ms=_JITTER_MS,
        sampled_from=_UM_SAMPLED_FROM,
    )


def _bitcoin(quote: str, open_interest: float) -> Listing:
    return replace(
        _perpetual(_UM[0]),
        symbol=f"BTC{quote}",
        pair=f"BTC{quote}",
        quote=quote,
        open_interest=open_interest,
        liquidation_weight=1.5,
        price_digits=1,
    )


def _made_up(number: int) -> Listing:
    coin = made_up(number)
    return Listing(
        symbol=f"{coin.name}USDT",
        product="um",
        pair=f"{coin.name}USDT",
        coin=coin.name,
        base=coin.name,
        quote="USDT",
        multiplier=1,
        price=coin.price,
        open_interest=coin.open_interest,
        liquidation_weight=coin.liquidation_weight,
        price_digits=6,
        quantity_digits=0,
        beta=coin.beta,
        funding_hours=(8, 8, 4)[number % 3],
        jitter_ms=_JITTER_MS,
        sampled_from=_UM_SAMPLED_FROM,
    )


def _um(plan: Plan) -> Iterator[Listing]:
    for row in _UM:
        yield _perpetual(row)
    yield _bitcoin("USDC", 4_000.0)
    # All of its quarterly contracts count as one symbol of the plan.
    yield _bitcoin("USDT", 6_000.0)
    for row in _UM_MORE:
        yield _perpetual(row)
    for number in range(1, plan.symbols + 1):
        yield _made_up(number)


def _dated(like: Listing, first: date, last: date) -> list[Listing]:
    return [
        replace(
            like,
            symbol=f"{like.pair}_{delivery:%y%m%d}",
            price_digits=1,
            first_day=start,
            last_day=delivery,
        )
        for start, delivery in quarter_deliveries(first, last)
    ]


def _inverse(coin: str, price: float, interest: float, weight: float, beta: float) -> Listing:
    return Listing(
        symbol=f"{coin}USD_PERP",
        product="cm",
        pair=f"{coin}USD",
        coin=coin,
        base=coin,
        quote="USD",
        multiplier=1,
        price=price,
        open_interest=interest,
        liquidation_weight=weight,
        price_digits=1 if coin == "BTC" else 2,
        quantity_digits=0,
        beta=beta,
        contract_size=100 if coin == "BTC" else 10,
        first_day=date(2020, 8, 10),
        margin="inverse",
        jitter_ms=_JITTER_MS,
    )


def listings(plan: Plan) -> list[Listing]:
    """Every instrument that trades on a day of the plan, USDⓈ-M first."""
    found: list[Listing] = []
    if "um" in plan.products:
        for number, listing in enumerate(_um(plan)):
            if number == plan.symbols:
                break
            if number == len(_UM) + 1:
                found += _dated(listing, plan.first, plan.last)
            else:
                found.append(listing)
    if "cm" in plan.products:
        btc = _inverse("BTC", 36_000.0, 18_000.0, 9.0, 1.0)
        found += [btc, _inverse("ETH", 1_200.0, 260_000.0, 4.0, 1.25)]
        quarter = _inverse("BTC", 36_000.0, 6_000.0, 2.0, 1.0)
        found += _dated(quarter, plan.first, plan.last)
    return found


def _milliseconds(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1000


def _symbol_info(listing: Listing) -> dict[str, Any]:
    um = listing.product == "um"
    kind = "CURRENT_QUARTER" if listing.dated else "PERPETUAL"
    tick = f"{10.0**-listing.price_digits:.{listing.price_digits}f}"
    step = f"{10.0**-listing.quantity_digits:.{listing.quantity_digits}f}"
    info: dict[str, Any] = {
        "symbol": listing.symbol,
        "pair": listing.pair,
        "contractType": kind,
        "deliveryDate": (
            _milliseconds(listing.last_day, 8) if listing.last_day is not None else _NEVER_MS
        ),
        "onboardDate": _milliseconds(listing.first_day, 8 if not listing.dated else 0),
        "status" if um else "contractStatus": "TRADING",
    }
    if not um:
        info["contractSize"] = listing.contract_size
    return info | {
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote if um else listing.base,
        "pricePrecision": listing.price_digits,
        "quantityPrecision": listing.quantity_digits,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "1000000",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "10000000", "stepSize": step},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def exchange_info(found: list[Listing], product: Product, now: datetime) -> dict[str, Any]:
    """The exchangeInfo answer of one side of the exchange, as of `now`."""
    answer: dict[str, Any] = {"timezone": "UTC", "serverTime": int(now.timestamp() * 1000)}
    if product == "um":
        answer["futuresType"] = "U_MARGINED"
    today = (now - timedelta(seconds=1)).date()
    return answer | {
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            }
        ],
        "exchangeFilters": [],
        "symbols": [
            _symbol_info(listing)
            for listing in found
            if listing.product == product and listing.trades_on(today)
        ],
    }
