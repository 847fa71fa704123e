"""The published tables of the venues: one row per UTC day (or hour), venue and symbol.

Column names are a contract with analysts' queries and dashboards.
"""

from __future__ import annotations

import dataframely as dy

from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    PriceSource,
    Side,
    choice,
    count,
    day,
    moment,
    number,
    text,
)


class VenueDay(dy.Schema):
    """The grain all venue tables share."""

    date = day("UTC day", key=True)
    venue = text("Exchange", key=True)
    symbol = text("Instrument name as the venue writes it", key=True)
    base_asset = text("Canonical base asset: 1000PEPE and kPEPE are PEPE")
    quote_asset = text("Asset the price is quoted in")
    margin_type = choice(Margin, "What profit and loss is computed in")
    contract_kind = choice(ContractKind, "Perpetual or with a delivery date")


class FundingDaily(VenueDay):
    """Funding paid on a day. A settlement stamped D 00:00 belongs to day D."""

    settlement_count = count("Settlements paid on this day", min=1)
    expected_settlement_count = count(
        "Settlements due, from the observed intervals",
        null="cannot be known: first or last day of the instrument, or a change of interval",
        formula="settlement_count + settlements that were due on this day and are missing",
    )
    interval_hours = number(
        "Interval of the last settlement of the day, as observed",
        "hours",
        null="no settlement before it and none declared",
        min_exclusive=0,
    )
    hours_covered = number(
        "Hours the day's settlements pay for",
        "hours",
        null="an interval is not known",
        formula="Σ of the observed intervals of the day's settlements",
        min_exclusive=0,
    )
    funding_rate_sum = number(
        "What a long paid for the day", "fraction", formula="Σ of settled rates"
    )
    funding_rate_8h = number(
        "The day's rate for eight hours, comparable across venues",
        "fraction per 8 h",
        null="hours_covered is not known",
        formula="funding_rate_sum × 8 / hours_covered",
    )
    funding_rate_annualised = number(
        "The day's rate for a year, simple",
        "fraction per year",
        null="hours_covered is not known",
        formula="funding_rate_8h × 3 × 365",
    )
    funding_rate_first = number("First settlement of the day, as paid", "fraction")
    funding_rate_last = number("Last settlement of the day, as paid", "fraction")
    funding_rate_min = number("Lowest settlement of the day, as paid", "fraction")
    funding_rate_max = number("Highest settlement of the day, as paid", "fraction")
    funding_cumulative_7d = number(
        "Paid by a long over 7 days",
        "fraction",
        null="a day is missing inside",
        formula="Σ of funding_rate_sum over the 7 days ending here",
    )
    funding_cumulative_30d = number(
        "Paid by a long over 30 days",
        "fraction",
        null="a day is missing inside",
        formula="Σ of funding_rate_sum over the 30 days ending here",
    )


_NO_COIN = "venue reports no amount that converts to coin"
_NO_USD = "no price within an hour of a snapshot"
_GAP = "no row for the previous day"


class OpenInterestDaily(VenueDay):
    """Open interest over a day's snapshots. One-sided: each contract counted once."""

    sample_count = count("Snapshots seen", min=1)
    expected_sample_count = count("Snapshots due", null="polled feed")
    open_interest_coin_open = number("First snapshot", "coin", null=_NO_COIN, min=0)
    open_interest_coin_high = number("Highest snapshot", "coin", null=_NO_COIN, min=0)
    open_interest_coin_low = number("Lowest snapshot", "coin", null=_NO_COIN, min=0)
    open_interest_coin_close = number("Last snapshot", "coin", null=_NO_COIN, min=0)
    open_interest_coin_mean = number("Mean of the snapshots", "coin", null=_NO_COIN, min=0)
    open_interest_usd_open = number("First snapshot, at its own price", "USD", null=_NO_USD, min=0)
    open_interest_usd_high = number(
        "Highest snapshot, each at its own price", "USD", null=_NO_USD, min=0
    )
    open_interest_usd_low = number(
        "Lowest snapshot, each at its own price", "USD", null=_NO_USD, min=0
    )
    open_interest_usd_close = number("Last snapshot, at its own price", "USD", null=_NO_USD, min=0)
    open_interest_usd_mean = number(
        "Mean of the snapshots, each at its own price", "USD", null=_NO_USD, min=0
    )
    open_interest_change_coin = number(
        "Change since the previous day's close",
        "coin",
        null=_GAP,
        formula="open_interest_coin_close − the previous day's",
    )
    open_interest_change_usd = number(
        "Change since the previous day's close",
        "USD",
        null=_GAP,
        formula="open_interest_usd_close − the previous day's",
    )
    open_interest_change_pct = number(
        "Change in coin, so that a price move alone is no change",
        "fraction",
        null=f"{_GAP}, or it closed at zero",
        formula="open_interest_change_coin / the previous day's open_interest_coin_close",
    )


class LiquidationsDaily(VenueDay):
    """Positions liquidated on a day. A row exists where the feed covered the day, with zeros
    if nothing was liquidated; there is no row where there was no feed."""

    long_usd = number("Long positions liquidated", "USD", null="an amount has no price", min=0)
    short_usd = number("Short positions liquidated", "USD", null="an amount has no price", min=0)
    total_usd = number(
        "Positions liquidated",
        "USD",
        null="an amount has no price",
        formula="long_usd + short_usd",
        min=0,
    )
    long_coin = number("Long positions liquidated", "coin", null="an amount has no price", min=0)
    short_coin = number("Short positions liquidated", "coin", null="an amount has no price", min=0)
    long_count = count("Orders that closed longs, duplicates removed")
    short_count = count("Orders that closed shorts, duplicates removed")
    largest_usd = number("The largest single one", "USD", null="none, or none with a price", min=0)
    largest_side = choice(Side, "Side of the largest", null="none, or none with a price")
    largest_at = moment("When the largest happened", null="none, or none with a price")
    max_24h_usd = number(
        "Largest total over a rolling 24 hours that ends on this day",
        "USD",
        null="an amount has no price",
        formula="max over events t of Σ in (t − 24 h, t]; the window looks into the day before",
        min=0,
    )
    max_24h_end = moment("Event at which that window ends", null="nothing was liquidated")
    max_1h_usd = number(
        "Largest total over a rolling hour that ends on this day",
        "USD",
        null="an amount has no price",
        formula="max over events t of Σ in (t − 1 h, t]",
        min=0,
    )
    max_1h_end = moment("Event at which that window ends", null="nothing was liquidated")
    priced_at_limit_count = count(
        "Orders valued at their limit price, because the message had no average price"
    )
    completeness = choice(
        Completeness,
        "How much of what was liquidated the feed shows; throttled and partial are lower bounds",
    )


class LiquidationsHourly(VenueDay):
    """Positions liquidated in an hour. There are rows only for hours with events: in the other
    hours of a day that `liquidations_daily` has a row for, none was seen, which is known to be none
    unless the day is `partial`."""

    hour = moment("Start of the hour", key=True)
    long_usd = number("Long positions liquidated", "USD", null="an amount has no price", min=0)
    short_usd = number("Short positions liquidated", "USD", null="an amount has no price", min=0)
    total_usd = number(
        "Positions liquidated",
        "USD",
        null="an amount has no price",
        formula="long_usd + short_usd",
        min=0,
    )
    long_coin = number("Long positions liquidated", "coin", null="an amount has no price", min=0)
    short_coin = number("Short positions liquidated", "coin", null="an amount has no price", min=0)
    long_count = count("Orders that closed longs, duplicates removed")
    short_count = count("Orders that closed shorts, duplicates removed")


class PositioningDaily(VenueDay):
    """Long/short and taker ratios over a day's samples."""

    sample_count = count("Samples with at least one ratio", min=1)
    long_short_account_ratio_mean = number("All accounts, mean", "ratio", null="not reported")
    long_short_account_ratio_close = number("All accounts, last", "ratio", null="not reported")
    top_trader_account_ratio_mean = number(
        "Top traders by account, mean", "ratio", null="not reported"
    )
    top_trader_account_ratio_close = number(
        "Top traders by account, last", "ratio", null="not reported"
    )
    top_trader_position_ratio_mean = number(
        "Top traders by size, mean", "ratio", null="not reported"
    )
    top_trader_position_ratio_close = number(
        "Top traders by size, last", "ratio", null="not reported"
    )
    taker_buy_sell_ratio_mean = number("Taker volume, mean", "ratio", null="not reported")
    taker_buy_sell_ratio_close = number("Taker volume, last", "ratio", null="not reported")


class PricesDaily(VenueDay):
    """Price and volume of a day, per canonical coin. Mark before index before last price."""

    price_open = number("First price", "quote per coin", min_exclusive=0)
    price_high = number("Highest price", "quote per coin", min_exclusive=0)
    price_low = number("Lowest price", "quote per coin", min_exclusive=0)
    price_close = number("Last price", "quote per coin", min_exclusive=0)
    price_source = choice(PriceSource, "What the price is")
    volume_coin = number("Traded", "coin", null="no bars of the traded price", min=0)
    volume_usd = number("Traded", "USD", null="no bars of the traded price", min=0)
    price_return = number(
        "Change of price",
        "fraction",
        null=f"{_GAP} from the same price source",
        formula="price_close / the previous day's price_close − 1",
    )


DAILY_TABLES: dict[str, type[VenueDay]] = {
    "funding_daily": FundingDaily,
    "open_interest_daily": OpenInterestDaily,
    "liquidations_daily": LiquidationsDaily,
    "liquidations_hourly": LiquidationsHourly,
    "positioning_daily": PositioningDaily,
    "prices_daily": PricesDaily,
}

SOURCE_DATASET: dict[str, str] = {
    "funding_daily": "funding_rates",
    "open_interest_daily": "open_interest",
    "liquidations_daily": "liquidations",
    "liquidations_hourly": "liquidations",
    "positioning_daily": "positioning",
    "prices_daily": "prices",
}
