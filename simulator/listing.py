"""An instrument of the simulated market, whichever exchange lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from simulator.coins import Coin, price_digits, quantity_digits

Margin = Literal["linear", "inverse", "quanto"]


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument.

    venue: which exchange lists it; noise is drawn by venue and symbol, so that the same name at
        two exchanges is two contracts.
    product: the exchange's own word for the part of it this belongs to.
    coin is the canonical base asset and names the shared price path; base is the asset as the
    exchange writes it (1000PEPE), `multiplier` canonical coins each. price is US dollars per base
    unit at the reference; open_interest is base units, also where it is written as contracts.
    contract_size: per native unit, base units (linear), US dollars (inverse), or units of the
        settlement coin per point of the index (quanto, settled in BTC).
    liquidation_weight is its share of what is liquidated at its exchange, before normalising.
    funding_hours, funding_offset: settlements every so many hours, the first so many after 00:00.
    jitter_ms: the most a settlement's stamp is late.
    sampled_from: minutes after 00:00 of a day's first snapshot.
    first_day..last_day: traded on these UTC days; on last_day, the delivery, until 08:00.
    """

    symbol: str
    product: str
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
    funding_offset: int = 0
    changes_interval: bool = False
    contract_size: float = 1
    first_day: date = date(2019, 9, 25)
    last_day: date | None = None
    margin: Margin = "linear"
    venue: str = "binance"
    jitter_ms: int = 0
    sampled_from: int = 0

    @property
    def noise_name(self) -> str:
        """What its noise is drawn by."""
        return self.symbol if self.venue == "binance" else f"{self.venue}:{self.symbol}"

    @property
    def inverse(self) -> bool:
        """Whether its contracts are US dollars."""
        return self.margin == "inverse"

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


def perpetual(
    venue: str,
    symbol: str,
    coin: Coin,
    *,
    product: str,
    quote: str,
    scale: float,
    base: str = "",
    multiplier: int = 1,
    margin: Margin = "linear",
    contract_size: float = 1,
    contracts: bool = False,
    funding_hours: int = 8,
    funding_offset: int = 0,
    jitter_ms: int = 0,
) -> Listing:
    """A perpetual of an exchange.

    scale: its open interest against that of the coin at an exchange of the size of Binance.
    contracts: amounts are whole numbers.
    """
    price = coin.price * multiplier
    whole = contracts or margin != "linear"
    return Listing(
        symbol=symbol,
        product=product,
        pair=f"{base or coin.name}{quote}",
        coin=coin.name,
        base=base or coin.name,
        quote=quote,
        multiplier=multiplier,
        price=price,
        open_interest=coin.open_interest * scale / multiplier,
        liquidation_weight=coin.liquidation_weight * (1.0 if margin == "linear" else 0.2),
        price_digits=price_digits(price),
        quantity_digits=0 if whole else quantity_digits(price),
        beta=coin.beta,
        funding_hours=funding_hours,
        funding_offset=funding_offset,
        contract_size=contract_size,
        margin=margin,
        venue=venue,
        jitter_ms=jitter_ms,
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
