"""The published tables of what aggregators say: references beside our numbers, never in them."""

from __future__ import annotations

import dataframely as dy

from transforms.schemas.column import (
    ContractKind,
    Margin,
    ReferenceMetric,
    ReferenceUnit,
    choice,
    count,
    day,
    flag,
    number,
    text,
)

_SNAPSHOT = "a snapshot, which has no length"


class ProviderDay(dy.Schema):
    """The grain of the reference tables: one row per UTC day, provider and series."""

    date = day("UTC day", key=True)
    provider = text("Aggregator whose number it is", key=True)
    series = text("Series as the provider names it", key=True)
    base_asset = text("Canonical base asset")
    reference_venue = text(
        "Exchange it is about, named like our venues where it is one", null="all exchanges"
    )
    bucket_minutes = count("Length of the buckets", unit="minutes", null=_SNAPSHOT, min=1)
    bucket_count = count("Finished buckets of the day, or snapshots", min=1)
    expected_bucket_count = count(
        "Buckets of a day", null=_SNAPSHOT, formula="1440 / bucket_minutes", min=1
    )
    is_partial = flag(
        "Buckets of the day are missing, or were still forming when the provider was asked",
        null=_SNAPSHOT,
    )


class ReferenceDaily(ProviderDay):
    """What an aggregator says of a day. The last bucket of an answer, which was still forming, is
    left out. Coins, dollars and fractions stand in one column: `unit` says which."""

    metric = choice(ReferenceMetric, "What it is about", key=True)
    quote_asset = text("Contracts quoted in it only", null="all")
    margin_type = choice(Margin, "Contracts of this margin only", null="all")
    contract_kind = choice(ContractKind, "Contracts of this kind only", null="all")
    interval_hours = number(
        "What a funding rate is for",
        "hours",
        null="no funding rate, or the provider does not say",
        min_exclusive=0,
    )
    unit = choice(ReferenceUnit, "Unit of the value; percent became fractions")
    value = number(
        "The provider's number of the day",
        "see unit",
        formula="liquidations: Σ of the buckets; funding rates: mean of the buckets' closes; open "
        "interest and price: the last close",
    )


class ReservesDaily(ProviderDay):
    """Coins that exchanges hold at the end of a day, as an aggregator counts them on chain."""

    reserve_coin = number("Held, by the last finished bucket of the day", "coin", min=0)


REFERENCE_TABLES: dict[str, type[ProviderDay]] = {
    "reference_daily": ReferenceDaily,
    "reserves_daily": ReservesDaily,
}

REFERENCE_DATASET: dict[str, str] = {
    "reference_daily": "references",
    "reserves_daily": "reserves",
}
