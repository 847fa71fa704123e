"""Normalised datasets: typed rows, one schema per dataset for all venues.

Partitioned by dataset, venue and UTC day of the row's own (rounded) timestamp, sorted by
`SORT[dataset]`. Every row says which raw file and record it came from.
"""

from __future__ import annotations

import dataframely as dy

from transforms.schemas.column import (
    ContractKind,
    Margin,
    PriceSource,
    ReferenceMetric,
    ReferenceUnit,
    Side,
    SourceKind,
    choice,
    count,
    exact_rate,
    flag,
    moment,
    number,
    text,
)


class Identified(dy.Schema):
    """What every normalised row says about the instrument and its origin."""

    venue = text("Exchange the instrument trades on", key=True)
    symbol = text("Instrument name as the venue writes it", key=True)
    base_asset = text("Canonical base asset: 1000PEPE and kPEPE are PEPE")
    quote_asset = text("Asset the price is quoted in")
    margin_type = choice(Margin, "What profit and loss is computed in")
    contract_kind = choice(ContractKind, "Perpetual or with a delivery date")
    listing = count("Which listing of a reused ticker this is, from 1", min=1, unit="ordinal")
    source = choice(SourceKind, "Kind of source of the raw file")
    raw_key = text("Object key of the raw file the row was read from")
    raw_row = count("Number of the record in the raw file, from 1, headers not counted", min=1)


class FundingRates(Identified):
    """Settled funding: one row per settlement actually paid."""

    settled_at = moment("Settlement, rounded to the nearest minute", key=True)
    settled_at_original = moment("Settlement as stamped by the venue")
    funding_rate = exact_rate("Settled rate for the interval that ends here; positive: longs pay")
    interval_hours_declared = number(
        "Length of the interval as the venue declares it", "hours", null="venue does not say"
    )
    mark_price = number(
        "Mark price at settlement, per symbol unit", "quote", null="not in the raw file"
    )


class OpenInterest(Identified):
    """Snapshots of open interest, one-sided, in coin and in USD."""

    sampled_at = moment("Moment the snapshot shows, on the grid of its series", key=True)
    sampled_at_original = moment("Stamp in the raw file")
    sample_interval_minutes = count(
        "Distance between samples of this series", unit="minutes", min=1, null="polled feed"
    )
    open_interest_native = number(
        "As the venue reports it, before any conversion", "native", null="not reported", min=0
    )
    open_interest_coin = number(
        "One-sided, canonical coins", "coin", null="see amount_null_reason", min=0
    )
    open_interest_usd = number("One-sided, US dollars", "USD", null="see amount_null_reason", min=0)
    amount_null_reason = text("Why an amount is NULL", null="both amounts are known")


class Liquidations(Identified):
    """Liquidated orders, one row per order (exact duplicates and repeats removed)."""

    liquidated_at = moment("Event time of the venue", key=True)
    side = choice(Side, "Position that was liquidated", key=True)
    event_ordinal = count(
        "Numbers distinct events of one symbol, side and instant, from 1", key=True, min=1
    )
    price = number(
        "Price the amount is valued at, per symbol unit",
        "quote",
        null="none in the message, nor within the hour before",
        min_exclusive=0,
    )
    price_kind = text(
        "What the price is: average, limit, bankruptcy, order, mark, index or last",
        null="no price is known",
    )
    amount_native = number("As the venue reports it", "native", min_exclusive=0)
    amount_coin = number("Canonical coins", "coin", null="see amount_null_reason", min=0)
    amount_usd = number("US dollars", "USD", null="see amount_null_reason", min=0)
    amount_null_reason = text("Why an amount is NULL", null="both amounts are known")
    order_status = text("Order status where the venue gives it", null="venue does not say")


class Positioning(Identified):
    """Long/short and taker ratios as sampled; ratios are long ÷ short or buy ÷ sell."""

    sampled_at = moment("Label of the sample, on the grid of its series", key=True)
    sampled_at_original = moment("Stamp in the raw file")
    long_short_account_ratio = number("All accounts", "ratio", null="not reported", min=0)
    top_trader_account_ratio = number(
        "Top traders, by account", "ratio", null="not reported", min=0
    )
    top_trader_position_ratio = number(
        "Top traders, by position size", "ratio", null="not reported", min=0
    )
    taker_buy_sell_ratio = number("Taker volume", "ratio", null="not reported", min=0)


class Prices(Identified):
    """Bars of mark, index and last price, per canonical coin, with volume of the last price."""

    opened_at = moment("Start of the bar", key=True)
    interval_minutes = count("Length of the bar", unit="minutes", key=True, min=1)
    price_source = choice(PriceSource, "What the bar shows", key=True)
    price_open = number("First price", "quote per coin")
    price_high = number("Highest price", "quote per coin")
    price_low = number("Lowest price", "quote per coin")
    price_close = number("Last price", "quote per coin")
    volume_coin = number("Traded, canonical coins", "coin", null="not a traded price", min=0)
    volume_usd = number("Traded, US dollars", "USD", null="not a traded price", min=0)
    taker_buy_volume_coin = number(
        "Bought by takers, canonical coins", "coin", null="not a traded price", min=0
    )


class InstrumentAnswers(dy.Schema):
    """Instruments as a venue listed them at one moment."""

    venue = text("Exchange", key=True)
    symbol = text("Instrument name as the venue writes it", key=True)
    observed_at = moment("When the venue gave this answer", key=True)
    base_asset = text("Canonical base asset")
    quote_asset = text("Asset the price is quoted in")
    settle_asset = text("Asset profit and loss is paid in")
    margin_type = choice(Margin, "What profit and loss is computed in")
    contract_kind = choice(ContractKind, "Perpetual or with a delivery date")
    contract_size = number("Size of one native unit", "coin or quote per contract", min_exclusive=0)
    base_multiplier = number(
        "Canonical coins in one base unit of the symbol", "coin", min_exclusive=0
    )
    valid_from = moment("Listing", null="venue does not say")
    valid_to = moment("Delivery or delisting", null="no end known")
    source = choice(SourceKind, "Kind of source of the raw file")
    raw_key = text("Object key of the raw file the row was read from")
    raw_row = count("Number of the record in the raw file, from 1", min=1)


class Bucketed(dy.Schema):
    """What every row of an aggregator says about its series and its origin."""

    venue = text("Provider: the aggregator whose number it is", key=True)
    symbol = text("Series as the provider names it", key=True)
    bucket_minutes = count(
        "Length of the bucket; 0: a snapshot, or an only bucket of unknown length",
        unit="minutes",
        key=True,
    )
    still_forming = flag("The last bucket of its answer: the value is not final")
    base_asset = text("Canonical base asset")
    reference_venue = text(
        "Exchange it is about, named like our venues where it is one", null="all exchanges"
    )
    source = choice(SourceKind, "Kind of source of the raw file")
    raw_key = text("Object key of the raw file the row was read from")
    raw_row = count("Number of the value in the raw file, from 1, headers not counted", min=1)


class References(Bucketed):
    """Numbers of aggregators, for comparison only: none of them enters a total of ours."""

    metric = choice(ReferenceMetric, "What it is about", key=True)
    bucket_at = moment("Start of the bucket, or moment of the snapshot", key=True)
    quote_asset = text("Contracts quoted in it only", null="all")
    margin_type = choice(Margin, "Contracts of this margin only", null="all")
    contract_kind = choice(ContractKind, "Contracts of this kind only", null="all")
    interval_hours = number(
        "What a funding rate is for", "hours", null="provider does not say", min_exclusive=0
    )
    unit = choice(ReferenceUnit, "Unit of the value; percent became fractions")
    value = number("Total or close of the bucket, or the snapshot", "see unit")


class Reserves(Bucketed):
    """Coins that exchanges hold, as an aggregator counts them on chain."""

    sampled_at = moment("Start of the bucket", key=True)
    reserve_coin = number("Held at the end of the bucket", "coin", min=0)


class Quarantine(dy.Schema):
    """A record that broke its contract: where it stands and why it was set aside."""

    dataset = text("Dataset the record was read for")
    venue = text("Exchange")
    raw_key = text("Object key of the raw file")
    raw_row = count("Number of the record in the raw file, from 1; 0: the file as a whole")
    reason = text("Which rule it broke, with the value")
    raw_text = text("The record as it stands in the file, shortened", null="not text")


class Conflicts(dy.Schema):
    """Two sources, or two rows of one, give different values for the same fact."""

    dataset = text("Dataset")
    venue = text("Exchange")
    symbol = text("Instrument")
    at = moment("Time of the fact")
    column_name = text("Which value differs")
    kept_value = text("Value of the row that was kept")
    other_value = text("Value of the row that was not")
    kept_raw_key = text("Raw file of the row that was kept")
    other_raw_key = text("Raw file of the row that was not")


class Accounting(dy.Schema):
    """Rows in = rows out + quarantined + deduplicated, per partition and raw file."""

    dataset = text("Dataset")
    venue = text("Exchange")
    raw_key = text("Object key of the raw file")
    symbol = text("The one instrument the file is about", null="file covers many instruments")
    hour = moment(
        "Start of the one hour the file is about", null="file covers the day, or does not say"
    )
    rows_read = count("Records in the file that fall on this day")
    rows_kept = count("Rows of the normalised partition that came from this file")
    rows_duplicate = count("Rows folded into an equal or better one")
    rows_quarantined = count("Records set aside")


class CorrectedRows(dy.Schema):
    """Records that a correction changed or dropped, per partition, instrument and raw file."""

    dataset = text("Dataset")
    venue = text("Exchange")
    correction = text("Which entry of the corrections file")
    action = text("What it did")
    symbol = text("Instrument")
    raw_key = text("Object key of the raw file")
    rows_changed = count("Records of which a value was changed")
    rows_dropped = count("Records that were set aside")


DATASETS: dict[str, type[dy.Schema]] = {
    "funding_rates": FundingRates,
    "open_interest": OpenInterest,
    "liquidations": Liquidations,
    "positioning": Positioning,
    "prices": Prices,
    "instruments": InstrumentAnswers,
    "references": References,
    "reserves": Reserves,
}

TIME_COLUMN: dict[str, str] = {
    "funding_rates": "settled_at",
    "open_interest": "sampled_at",
    "liquidations": "liquidated_at",
    "positioning": "sampled_at",
    "prices": "opened_at",
    "instruments": "observed_at",
    "references": "bucket_at",
    "reserves": "sampled_at",
}

UNLISTED = frozenset({"references", "reserves"})
"""Datasets whose rows say themselves what they are about: no instrument stands behind them, and
no venue owes them."""
