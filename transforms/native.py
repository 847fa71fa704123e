"""Native frames: what parsers hand back, in the venue's own symbols, units and amounts.

Parsers only read; what an instrument is and how its amounts convert to coin and USD is decided
once for all venues (`transforms.amounts`). The columns below are in each frame; `raw_row` counts
records of the raw file from 1, headers not counted. `rank` says which row wins when two give the
same fact: lower first (a file's own day before a stray row of its neighbour).
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from transforms.schemas.column import RATE_PRECISION, RATE_SCALE

UTC_MICROS = pl.Datetime("us", "UTC")
EXACT_RATE = pl.Decimal(RATE_PRECISION, RATE_SCALE)


class Unit(StrEnum):
    """What one unit of a native amount is."""

    COIN = "coin"  # base units of the symbol (1000PEPE counts thousands of PEPE)
    CONTRACTS = "contracts"  # times the instrument's contract size
    USD = "usd"  # US dollars of face value


_ORIGIN: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "raw_key": pl.String(),
    "raw_row": pl.Int64(),
    "rank": pl.Int64(),
}

FUNDING_RATES: dict[str, pl.DataType] = _ORIGIN | {
    "settled_at": UTC_MICROS,  # rounded to the nearest minute
    "settled_at_original": UTC_MICROS,
    "funding_rate": EXACT_RATE,
    "interval_hours_declared": pl.Float64(),
    "mark_price": pl.Float64(),
}

OPEN_INTEREST: dict[str, pl.DataType] = _ORIGIN | {
    "sampled_at": UTC_MICROS,
    "sampled_at_original": UTC_MICROS,
    "sample_interval_minutes": pl.Int64(),
    "amount": pl.Float64(),  # NULL: not reported
    "unit": pl.String(),  # a Unit
    "sides": pl.Int64(),  # 2 where the venue counts both sides of a contract, else 1
    "price": pl.Float64(),  # of the snapshot, per symbol unit; NULL: none beside it
    "value_coin": pl.Float64(),  # in base units of the symbol, where the venue gives it
    "value_usd": pl.Float64(),  # where the venue gives it
}

LIQUIDATIONS: dict[str, pl.DataType] = _ORIGIN | {
    "liquidated_at": UTC_MICROS,
    "side": pl.String(),  # a Side: the position, whatever the venue writes
    "price": pl.Float64(),
    "price_kind": pl.String(),
    "amount": pl.Float64(),
    "unit": pl.String(),  # a Unit
    "order_price": pl.Float64(),  # limit price of the order, where given
    "order_quantity": pl.Float64(),  # original quantity of the order, where given
    "last_quantity": pl.Float64(),  # of the last fill, where given
    "order_status": pl.String(),
}

POSITIONING: dict[str, pl.DataType] = _ORIGIN | {
    "sampled_at": UTC_MICROS,
    "sampled_at_original": UTC_MICROS,
    "long_short_account_ratio": pl.Float64(),
    "top_trader_account_ratio": pl.Float64(),
    "top_trader_position_ratio": pl.Float64(),
    "taker_buy_sell_ratio": pl.Float64(),
}

PRICES: dict[str, pl.DataType] = _ORIGIN | {
    "opened_at": UTC_MICROS,
    "interval_minutes": pl.Int64(),
    "price_source": pl.String(),
    "price_open": pl.Float64(),  # per symbol unit
    "price_high": pl.Float64(),
    "price_low": pl.Float64(),
    "price_close": pl.Float64(),
    "volume": pl.Float64(),  # NULL: not a traded price
    "volume_unit": pl.String(),  # a Unit
    "volume_value_coin": pl.Float64(),  # base units of the symbol, where the venue gives it
    "volume_value_usd": pl.Float64(),  # where the venue gives it
    "taker_buy_volume": pl.Float64(),  # same unit as `volume`
}

INSTRUMENTS: dict[str, pl.DataType] = _ORIGIN | {
    "observed_at": UTC_MICROS,
    "base_asset": pl.String(),  # as the venue names it
    "quote_asset": pl.String(),
    "settle_asset": pl.String(),
    "margin_type": pl.String(),
    "contract_kind": pl.String(),
    "contract_size": pl.Float64(),
    "valid_from": UTC_MICROS,
    "valid_to": UTC_MICROS,
}

_BUCKET: dict[str, pl.DataType] = {
    "bucket_minutes": pl.Int64(),  # 0: a snapshot, or an only bucket of unknown length
    "still_forming": pl.Boolean(),  # the last bucket of its answer: not the final value
    "base_asset": pl.String(),  # canonical: the provider's file knows its names
    "reference_venue": pl.String(),  # as our venues are named; NULL: all exchanges
}

# `symbol` names the provider's series; no instrument stands behind it.
REFERENCES: dict[str, pl.DataType] = (
    _ORIGIN
    | {
        "metric": pl.String(),  # a ReferenceMetric
        "bucket_at": UTC_MICROS,  # start of the bucket, or moment of the snapshot
        "quote_asset": pl.String(),  # NULL: all
        "margin_type": pl.String(),  # NULL: all
        "contract_kind": pl.String(),  # NULL: all
        "interval_hours": pl.Float64(),  # what a funding rate is for; NULL: provider does not say
        "unit": pl.String(),  # a ReferenceUnit
        "value": pl.Float64(),
    }
    | _BUCKET
)

RESERVES: dict[str, pl.DataType] = (
    _ORIGIN
    | {
        "sampled_at": UTC_MICROS,  # start of the bucket
        "reserve_coin": pl.Float64(),
    }
    | _BUCKET
)

NATIVE_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "funding_rates": FUNDING_RATES,
    "open_interest": OPEN_INTEREST,
    "liquidations": LIQUIDATIONS,
    "positioning": POSITIONING,
    "prices": PRICES,
    "instruments": INSTRUMENTS,
    "references": REFERENCES,
    "reserves": RESERVES,
}
