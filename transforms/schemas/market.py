"""The published market tables: what all venues together show of an asset, and of everything.

What is not known of one instrument leaves it out of a sum or a mean and never blanks it; a total
is NULL only where nothing is known of any. Docs: docs/metrics.
"""

from __future__ import annotations

from enum import StrEnum

import dataframely as dy

from transforms.schemas.column import Completeness, choice, count, day, flag, moment, number, text


class Crowd(StrEnum):
    """The side that pays more than is usual to keep its positions."""

    LONG = "long"
    SHORT = "short"
    NONE = "none"


class SqueezeRisk(StrEnum):
    NONE = "none"
    BUILDING = "building"
    HIGH = "high"


_NO_FUNDING = "no perpetual has a rate per 8 h"
_NO_WEIGHT = "no perpetual has both a rate and a weight"
_NO_OI = "no instrument's open interest is known"
_NO_PAIR = "no instrument's change since the previous day is known"
_NO_FEED = "no liquidation feed, or no amount with a price"
_HISTORY = "fewer than 14 known days in the window, or today is not known"
_DAY_MISSING = "a day is missing inside"


class MarketTotalDaily(dy.Schema):
    """All venues and assets together, one row per UTC day."""

    date = day("UTC day", key=True)
    assets = count("Base assets with any data on the day", min=1)
    venues = count("Exchanges with any data on the day", min=1)
    instruments = count("Perpetuals with funding or open interest on the day")
    funding_venues = count("Exchanges behind the funding rates")
    open_interest_venues = count("Exchanges behind the open interest")
    liquidations_venues = count("Exchanges whose liquidation feed covered the day")
    funding_rate_8h_oi_weighted = number(
        "Funding per 8 h, weighted by open interest",
        "fraction per 8 h",
        null=_NO_WEIGHT,
        formula="Σ(open_interest_usd_mean · funding_rate_8h) / Σ open_interest_usd_mean over "
        "perpetuals with both",
    )
    funding_rate_8h_volume_weighted = number(
        "Funding per 8 h, weighted by traded volume",
        "fraction per 8 h",
        null=_NO_WEIGHT,
        formula="Σ(volume_usd · funding_rate_8h) / Σ volume_usd over perpetuals with both",
    )
    funding_rate_8h_mean = number(
        "Mean over perpetuals, each counted once", "fraction per 8 h", null=_NO_FUNDING
    )
    funding_rate_8h_median = number("Median over perpetuals", "fraction per 8 h", null=_NO_FUNDING)
    funding_rate_8h_min = number("Lowest perpetual", "fraction per 8 h", null=_NO_FUNDING)
    funding_rate_8h_max = number("Highest perpetual", "fraction per 8 h", null=_NO_FUNDING)
    funding_rate_annualised_oi_weighted = number(
        "The OI-weighted rate for a year, simple",
        "fraction per year",
        null=_NO_WEIGHT,
        formula="funding_rate_8h_oi_weighted × 3 × 365",
    )
    funding_cumulative_7d = number(
        "Paid by a long over 7 days at the OI-weighted rate",
        "fraction",
        null=_DAY_MISSING,
        formula="Σ of 3 × funding_rate_8h_oi_weighted over the 7 days ending here",
    )
    funding_cumulative_30d = number(
        "Paid by a long over 30 days at the OI-weighted rate",
        "fraction",
        null=_DAY_MISSING,
        formula="Σ of 3 × funding_rate_8h_oi_weighted over the 30 days ending here",
    )
    funding_compounded_30d = number(
        "The same with each day's payment on what the days before left",
        "fraction",
        null=_DAY_MISSING,
        formula="Π(1 + 3 × funding_rate_8h_oi_weighted) − 1 over the 30 days ending here",
    )
    open_interest_usd = number(
        "One-sided, at the day's end",
        "USD",
        null=_NO_OI,
        formula="Σ of open_interest_usd_close, perpetual and dated",
        min=0,
    )
    open_interest_usd_linear = number("Of linear contracts", "USD", null=_NO_OI, min=0)
    open_interest_usd_inverse = number("Of inverse contracts", "USD", null=_NO_OI, min=0)
    open_interest_usd_quanto = number("Of quanto contracts", "USD", null=_NO_OI, min=0)
    open_interest_change_usd = number(
        "Change over instruments present on both days",
        "USD",
        null=_NO_PAIR,
        formula="Σ of the instruments' open_interest_change_usd",
    )
    open_interest_change_pct = number(
        "Change over instruments present on both days, at the previous day's closing prices, so "
        "that a price move alone is no change",
        "fraction",
        null=_NO_PAIR,
        formula="Σ(previous open_interest_usd_close × change_coin / previous coin close) / "
        "Σ previous open_interest_usd_close",
    )
    liquidations_long_usd = number("Long positions liquidated", "USD", null=_NO_FEED, min=0)
    liquidations_short_usd = number("Short positions liquidated", "USD", null=_NO_FEED, min=0)
    liquidations_total_usd = number(
        "Positions liquidated",
        "USD",
        null=_NO_FEED,
        formula="liquidations_long_usd + liquidations_short_usd",
        min=0,
    )
    liquidations_max_24h_usd = number(
        "Largest total of all venues over a rolling 24 hours that ends on this day",
        "USD",
        null="no liquidation feed",
        formula="max over events t of Σ in (t − 24 h, t]; the window looks into the day before",
        min=0,
    )
    liquidations_max_24h_end = moment(
        "Event at which that window ends", null="nothing was liquidated, or nothing with a price"
    )
    liquidations_completeness = choice(
        Completeness,
        "The weakest among the instruments behind the number; partial where an amount has no price",
        null="no liquidation feed",
    )
    liquidations_to_open_interest = number(
        "Share of the positions that was liquidated",
        "fraction",
        null="no instrument has both a feed and open interest the day before",
        formula="Σ total_usd / Σ of the previous day's open_interest_usd_close, over instruments "
        "that have both",
        min=0,
    )
    long_short_account_ratio = number(
        "Accounts that are long ÷ short, weighted by open interest",
        "ratio",
        null="not reported",
        formula="Σ(open_interest_usd_mean · long_short_account_ratio_mean) / Σ "
        "open_interest_usd_mean",
    )
    taker_buy_sell_ratio = number(
        "Taker buys ÷ sells, weighted by volume",
        "ratio",
        null="not reported, or no volume",
        formula="Σ(volume_usd · taker_buy_sell_ratio_mean) / Σ volume_usd",
    )
    open_interest_coverage = number(
        "How much of the open interest the venues present stand for",
        "fraction",
        null="no open interest today nor in the 30 days before",
        formula="OI of the venues present / OI of these and the missing ones, on the last of the "
        "30 days before on which all were seen",
        min=0,
    )


class MarketDaily(dy.Schema):
    """All venues together, one row per UTC day and asset."""

    date = day("UTC day", key=True)
    base_asset = text("Canonical base asset", key=True)
    venues = MarketTotalDaily.venues
    instruments = MarketTotalDaily.instruments
    funding_venues = MarketTotalDaily.funding_venues
    open_interest_venues = MarketTotalDaily.open_interest_venues
    liquidations_venues = MarketTotalDaily.liquidations_venues
    funding_rate_8h_oi_weighted = MarketTotalDaily.funding_rate_8h_oi_weighted
    funding_rate_8h_volume_weighted = MarketTotalDaily.funding_rate_8h_volume_weighted
    funding_rate_8h_mean = MarketTotalDaily.funding_rate_8h_mean
    funding_rate_8h_median = MarketTotalDaily.funding_rate_8h_median
    funding_rate_8h_min = MarketTotalDaily.funding_rate_8h_min
    funding_rate_8h_max = MarketTotalDaily.funding_rate_8h_max
    funding_rate_annualised_oi_weighted = MarketTotalDaily.funding_rate_annualised_oi_weighted
    funding_cumulative_7d = MarketTotalDaily.funding_cumulative_7d
    funding_cumulative_30d = MarketTotalDaily.funding_cumulative_30d
    funding_compounded_30d = MarketTotalDaily.funding_compounded_30d
    open_interest_usd = MarketTotalDaily.open_interest_usd
    open_interest_coin = number(
        "One-sided, at the day's end",
        "coin",
        null=_NO_OI,
        formula="Σ of open_interest_coin_close, perpetual and dated",
        min=0,
    )
    open_interest_usd_linear = MarketTotalDaily.open_interest_usd_linear
    open_interest_usd_inverse = MarketTotalDaily.open_interest_usd_inverse
    open_interest_usd_quanto = MarketTotalDaily.open_interest_usd_quanto
    open_interest_change_usd = MarketTotalDaily.open_interest_change_usd
    open_interest_change_coin = number(
        "Change over instruments present on both days",
        "coin",
        null=_NO_PAIR,
        formula="Σ of the instruments' open_interest_change_coin",
    )
    open_interest_change_pct = number(
        "Change in coin over instruments present on both days, so that neither a price move nor a "
        "venue's arrival is a change",
        "fraction",
        null=_NO_PAIR,
        formula="open_interest_change_coin / Σ of their previous open_interest_coin_close",
    )
    liquidations_long_usd = MarketTotalDaily.liquidations_long_usd
    liquidations_short_usd = MarketTotalDaily.liquidations_short_usd
    liquidations_total_usd = MarketTotalDaily.liquidations_total_usd
    liquidations_max_24h_usd = MarketTotalDaily.liquidations_max_24h_usd
    liquidations_max_24h_end = MarketTotalDaily.liquidations_max_24h_end
    liquidations_completeness = MarketTotalDaily.liquidations_completeness
    liquidations_to_open_interest = MarketTotalDaily.liquidations_to_open_interest
    price_open = number(
        "Of the reference instrument", "USD per coin", null="no price in dollars", min_exclusive=0
    )
    price_high = number(
        "Of the reference instrument", "USD per coin", null="no price in dollars", min_exclusive=0
    )
    price_low = number(
        "Of the reference instrument", "USD per coin", null="no price in dollars", min_exclusive=0
    )
    price_close = number(
        "Of the reference instrument", "USD per coin", null="no price in dollars", min_exclusive=0
    )
    price_return = number(
        "Of the reference instrument", "fraction", null="its previous day has no price"
    )
    price_venue = text(
        "Exchange of the reference instrument: the perpetual with the largest mean open interest "
        "among those priced in dollars",
        null="no price in dollars",
    )
    price_symbol = text("Symbol of the reference instrument", null="no price in dollars")
    long_short_account_ratio = MarketTotalDaily.long_short_account_ratio
    taker_buy_sell_ratio = MarketTotalDaily.taker_buy_sell_ratio
    leverage_ratio = number(
        "Open interest against the coins exchanges hold",
        "ratio",
        null="no reserves of all exchanges for this asset",
        formula="open_interest_coin / reserve_coin",
        min=0,
    )
    open_interest_coverage = MarketTotalDaily.open_interest_coverage


class SignalsDaily(dy.Schema):
    """Today against an asset's own past. Ranks and medians are over the trailing days of
    `market_daily` that are known, today included; a signal needs 14 of them."""

    date = day("UTC day", key=True)
    base_asset = text("Canonical base asset", key=True)
    funding_history_days = count("Days of the trailing 90 with funding", unit="days")
    open_interest_history_days = count("Days of the trailing 90 with open interest", unit="days")
    liquidations_history_days = count(
        "Days of the trailing 90 with liquidations of today's completeness", unit="days"
    )
    funding_typical_8h = number(
        "What funding usually is",
        "fraction per 8 h",
        null=_HISTORY,
        formula="median of funding_rate_8h_oi_weighted over the trailing 365 days",
    )
    funding_percentile_90d = number(
        "Rank of today's OI-weighted funding",
        "fraction",
        null=_HISTORY,
        formula="(days below + ½ days equal) / known days of the trailing 90",
        min=0,
    )
    open_interest_percentile_90d = number(
        "Rank of today's open interest in coin, chained from daily changes so that a venue's "
        "arrival does not count",
        "fraction",
        null=_HISTORY,
        formula="as above, of the chained index",
        min=0,
    )
    liquidations_percentile_90d = number(
        "Rank of today's liquidations among days of the same completeness",
        "fraction",
        null=_HISTORY,
        formula="as above, of liquidations_total_usd",
        min=0,
    )
    crowded_side = choice(Crowd, "Who pays more than is usual", null="funding has no history")
    score_funding = number(
        "Part of the score: funding", "0 to 1", null="funding has no history", min=0
    )
    score_open_interest = number(
        "Part of the score: open interest", "0 to 1", null="open interest has no history", min=0
    )
    score_leverage = number(
        "Part of the score: leverage ratio", "0 to 1", null="leverage has no history", min=0
    )
    score_long_short = number(
        "Part of the score: accounts on the crowded side",
        "0 to 1",
        null="the ratio has no history",
        min=0,
    )
    score_liquidations = number(
        "Part of the score: liquidations to open interest",
        "0 to 1",
        null="liquidations have no history",
        min=0,
    )
    overheated_score = number(
        "How far positions are stretched, from 0 (usual) to 100",
        "0 to 100",
        null="funding or open interest has no history",
        formula="100 × Σ weight · part / max(75, Σ weight) over the known parts; weights: funding "
        "40, open interest 20, leverage 15, liquidations 15, long/short 10",
        min=0,
    )
    squeeze_risk = choice(
        SqueezeRisk,
        "Whether a squeeze of the crowded side is likely",
        null="funding or open interest has no history",
    )
    deleveraged = flag(
        "Open interest in coin fell by more than its normal daily move (twice the median of the "
        "absolute changes of the 90 days before) while liquidations were in their top decile",
        null="the change, its normal move, or the liquidations' rank is not known",
    )


MARKET_TABLES: dict[str, type[dy.Schema]] = {
    "market_daily": MarketDaily,
    "market_total_daily": MarketTotalDaily,
    "signals_daily": SignalsDaily,
}
