"""The instruments the simulated Binance lists, and its exchangeInfo answers.

The first twelve USDⓈ-M symbols cover every kind: perpetuals, multiplier names, 4-hour and hourly
funding, one whose interval changes, a USDC-quoted one and a dated one. After the named ones come
SYM0001USDT, SYM0002USDT and so on. Real coverage dates of single symbols are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.noise import keys, uniforms
from simulator.plan import Plan, Product

_NEVER_MS = 4_133_404_800_000
"""The delivery date Binance writes for perpetuals: 2100-12-25 08:00."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument.

    coin is the canonical base asset and names the shared price path; base is the asset as Binance
    writes it (1000PEPE), `multiplier` canonical coins each. price is US dollars per base unit at
    the reference; open_interest is base units (COIN-M: coins too, written as contracts).
    liquidation_weight is its share of what is liquidated in the market, before normalising.
    first_day..last_day: traded on these UTC days; on last_day, the delivery, until 08:00.
    """

    symbol: str
    product: Product
    pair: str
    coin: str
    base: str
    quote: str
    multiplier: int
    price: float
    open_interest: float
    liquidation_weight: float
    price_digits: int
    quantity_digits: int
    beta: float = 1.2
    funding_hours: int = 8
    changes_interval: bool = False
    contract_size: int = 1
    first_day: date = date(2019, 9, 25)
    last_day: date | None = None

    @property
    def dated(self) -> bool:
        """Whether it has a delivery date."""
        return self.last_day is not None

    def trades_on(self, day: date) -> bool:
        """Whether there is data of this UTC day."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)

    @property
    def delivery(self) -> datetime | None:
        """End of trading; None for a perpetual."""
        if self.last_day is None:
            return None
        return datetime(self.last_day.year, self.last_day.month, self.last_day.day, 8, tzinfo=UTC)


# symbol's base, coin, multiplier, price, OI in base units, weight, price digits, quantity digits,
# beta, funding hours
_UM: tuple[tuple[str, str, int, float, float, float, int, int, float, int], ...] = (
    ("BTC", "BTC", 1, 36_000.0, 70_000.0, 46.0, 2, 3, 1.0, 8),
    ("ETH", "ETH", 1, 1_200.0, 900_000.0, 22.0, 2, 3, 1.25, 8),
    ("SOL", "SOL", 1, 3.5, 40_000_000.0, 1.2, 4, 0, 1.4, 8),
    ("XRP", "XRP", 1, 0.29, 900_000_000.0, 4.0, 4, 1, 1.2, 8),
    ("BNB", "BNB", 1, 41.0, 2_500_000.0, 2.0, 3, 2, 1.1, 8),
    ("1000PEPE", "PEPE", 1000, 0.0125, 4_000_000_000.0, 0.9, 7, 0, 1.5, 8),
    ("ADA", "ADA", 1, 0.31, 500_000_000.0, 2.5, 5, 0, 1.3, 4),
    ("1000SHIB", "SHIB", 1000, 0.0085, 5_000_000_000.0, 0.7, 6, 0, 1.5, 8),
    ("AXS", "AXS", 1, 0.62, 60_000_000.0, 0.5, 5, 0, 1.4, 8),
    ("LRC", "LRC", 1, 0.43, 70_000_000.0, 0.5, 5, 0, 1.4, 1),
)
_UM_MORE: tuple[tuple[str, str, int, float, float, float, int, int, float, int], ...] = (
    ("DOGE", "DOGE", 1, 0.0095, 6_000_000_000.0, 1.0, 5, 0, 1.3, 8),
    ("LINK", "LINK", 1, 15.5, 9_000_000.0, 1.8, 3, 2, 1.3, 8),
    ("LTC", "LTC", 1, 145.0, 1_500_000.0, 2.5, 2, 3, 1.2, 8),
    ("DOT", "DOT", 1, 12.0, 15_000_000.0, 2.0, 3, 1, 1.4, 8),
    ("AVAX", "AVAX", 1, 11.0, 5_000_000.0, 0.6, 3, 0, 1.4, 8),
    ("BCH", "BCH", 1, 490.0, 300_000.0, 1.6, 2, 3, 1.2, 8),
    ("UNI", "UNI", 1, 7.5, 8_000_000.0, 0.7, 3, 0, 1.4, 8),
    ("TRX", "TRX", 1, 0.029, 2_000_000_000.0, 0.6, 5, 0, 1.1, 8),
)


def _perpetual(
    row: tuple[str, str, int, float, float, float, int, int, float, int], quote: str = "USDT"
) -> Listing:
    base, coin, multiplier, price, interest, weight, price_digits, quantity_digits, beta, hours = (
        row
    )
    return Listing(
        symbol=f"{base}{quote}",
        product="um",
        pair=f"{base}{quote}",
        coin=coin,
        base=base,
        quote=quote,
        multiplier=multiplier,
        price=price,
        open_interest=interest,
        liquidation_weight=weight,
        price_digits=price_digits,
        quantity_digits=quantity_digits,
        beta=beta,
        funding_hours=hours,
        changes_interval=base == "AXS",
    )


def _made_up(number: int) -> Listing:
    name = f"SYM{number:04d}"
    u = uniforms(keys(0, "made-up", [name]), np.arange(3, dtype=np.int64))
    price = round(float(10 ** (u[0] * 4 - 2)), 4)  # 0.01 to 100 dollars
    return Listing(
        symbol=f"{name}USDT",
        product="um",
        pair=f"{name}USDT",
        coin=name,
        base=name,
        quote="USDT",
        multiplier=1,
        price=price,
        open_interest=round(float(10 ** (5.5 + 1.5 * u[1])) / price),  # 0.3 to 10 million dollars
        liquidation_weight=0.005 + 0.02 * float(u[2]),
        price_digits=6,
        quantity_digits=0,
        beta=1.3,
        funding_hours=(8, 8, 4)[number % 3],
    )


def quarter_deliveries(first: date, last: date) -> list[tuple[date, date]]:
    """Quarterly contracts alive in first..last: (day after the one before expired, delivery)."""
    fridays: list[date] = []
    for year in range(first.year - 1, last.year + 2):
        for month in (3, 6, 9, 12):
            end = (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
            fridays.append(end - timedelta(days=(end.weekday() - 4) % 7))
    pairs = [(a + timedelta(days=1), b) for a, b in pairwise(fridays)]
    return [(start, delivery) for start, delivery in pairs if start <= last and delivery >= first]


def _um(plan: Plan) -> Iterator[Listing]:
    for row in _UM:
        yield _perpetual(row)
    yield _perpetual(("BTC", "BTC", 1, 36_000.0, 4_000.0, 1.5, 1, 3, 1.0, 8), "USDC")
    # All of its quarterly contracts count as one symbol of the plan.
    yield _perpetual(("BTC", "BTC", 1, 36_000.0, 6_000.0, 1.5, 1, 3, 1.0, 8))
    for row in _UM_MORE:
        yield _perpetual(row)
    for number in range(1, plan.symbols + 1):
        yield _made_up(number)


def _dated(like: Listing, first: date, last: date) -> list[Listing]:
    return [
        Listing(
            symbol=f"{like.pair}_{delivery:%y%m%d}",
            product=like.product,
            pair=like.pair,
            coin=like.coin,
            base=like.base,
            quote=like.quote,
            multiplier=1,
            price=like.price,
            open_interest=like.open_interest,
            liquidation_weight=like.liquidation_weight,
            price_digits=1,
            quantity_digits=like.quantity_digits,
            beta=like.beta,
            contract_size=like.contract_size,
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
