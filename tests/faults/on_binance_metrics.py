"""Faults of Binance's five-minute metrics: open interest and long/short ratios."""

from __future__ import annotations

from tests.faults.binance_files import (
    ALL_METRICS,
    BTC_OI,
    BTC_POS,
    CM_METRICS,
    METRICS,
    OI,
    B,
    D,
    H,
    Q,
    R,
    W,
    cell,
    column_added,
    column_dropped,
    in_china,
    in_milliseconds,
    label_earlier,
    put,
    rows,
    text,
    times,
)
from tests.faults.fault import Fault
from tests.faults.moments import of_night


def _thousandfold(row: dict[str, str]) -> dict[str, str]:
    return row | {
        name: times(1000)(row[name]) for name in ("sum_open_interest", "sum_open_interest_value")
    }


FAULTS = (
    Fault(
        "binance-oi-thousandfold-hour",
        "Binance, metrics of BTCUSDT",
        "open interest × 1000 for an hour (coins and dollars)",
        rows(
            METRICS,
            lambda row: _thousandfold(row) if of_night(row, 8) else row,
        ),
        W,
        ("open_interest_daily.no_spike",),
        (BTC_OI,),
    ),
    Fault(
        "binance-oi-thousandfold-day",
        "Binance, metrics of BTCUSDT",
        "open interest × 1000 all day",
        rows(
            METRICS,
            _thousandfold,
        ),
        B,
        ("market_daily.open_interest_change_plausible",),
    ),
    Fault(
        "binance-oi-thousandfold-coins",
        "Binance, metrics of BTCUSDT",
        "coins × 1000 all day, dollars sound",
        cell(METRICS, "sum_open_interest", times(1000)),
        B,
        ("open_interest_daily.usd_fits_price",),
    ),
    Fault(
        "binance-oi-both-sides",
        "Binance, metrics of all USDⓈ-M symbols",
        "both sides counted",
        rows(
            ALL_METRICS,
            lambda row: (
                row
                | {
                    "sum_open_interest": times(2)(row["sum_open_interest"]),
                    "sum_open_interest_value": times(2)(row["sum_open_interest_value"]),
                }
            ),
        ),
        W,
        (
            "open_interest_daily.majors_level_steady",
            "market_daily.open_interest_change_usual",
        ),
        (OI,),
    ),
    Fault(
        "binance-oi-dollars-for-coins",
        "Binance, metrics of BTCUSDT",
        "dollars in the column of coins",
        rows(METRICS, lambda row: row | {"sum_open_interest": row["sum_open_interest_value"]}),
        B,
        ("open_interest_daily.usd_fits_price",),
    ),
    Fault(
        "binance-cm-oi-dollars-for-contracts",
        "Binance, metrics of BTCUSD_PERP",
        "dollars for contracts of 100 USD",
        cell(CM_METRICS, "sum_open_interest", times(100)),
        B,
        ("open_interest_daily.usd_fits_price",),
    ),
    Fault(
        "binance-oi-zero",
        "Binance, metrics of BTCUSDT",
        "zeros from 06:00 to 12:00: not reported",
        rows(
            METRICS,
            lambda row: (
                row | {"sum_open_interest": "0"}
                if of_night(row) and 6 <= int(row["create_time"][11:13]) < 12
                else row
            ),
        ),
        W,
        ("open_interest_daily.samples_there",),
        (BTC_OI,),
    ),
    Fault(
        "binance-oi-negative",
        "Binance, metrics of BTCUSDT",
        "negative from 06:00 to 12:00",
        cell(METRICS, "sum_open_interest", lambda v: f"-{v}", hour=range(6, 12)),
        Q,
        ("raw_files.hardly_any_quarantined",),
        (BTC_OI, BTC_POS),
    ),
    Fault(
        "binance-oi-text",
        "Binance, metrics of BTCUSDT",
        "n/a from 06:00 to 12:00",
        cell(METRICS, "sum_open_interest", put("n/a"), hour=range(6, 12)),
        Q,
        ("raw_files.hardly_any_quarantined",),
        (BTC_OI, BTC_POS),
    ),
    Fault(
        "binance-metrics-rows-twice",
        "Binance, metrics of BTCUSDT",
        "each row twice, as in 2020 and 2021",
        rows(METRICS, lambda row: [row, row]),
        D,
    ),
    Fault(
        "binance-metrics-hours-missing",
        "Binance, metrics of BTCUSDT",
        "no rows from 06:00 to 12:00",
        rows(
            METRICS,
            lambda row: None if of_night(row) and 6 <= int(row["create_time"][11:13]) < 12 else row,
        ),
        W,
        ("open_interest_daily.samples_there",),
        (BTC_OI, BTC_POS),
    ),
    Fault(
        "binance-metrics-label-changed",
        "Binance, metrics of BTCUSDT",
        "labels mark the start of the five minutes from the day on",
        rows(METRICS, label_earlier),
        W,
        ("raw_files.label_convention_steady",),
        (
            BTC_OI,
            BTC_POS,
        ),
    ),
    Fault(
        "binance-metrics-local-time",
        "Binance, metrics of BTCUSDT",
        "labels in UTC+8",
        rows(METRICS, in_china),
        W,
        ("open_interest_daily.samples_there",),
        (
            BTC_OI,
            BTC_POS,
        ),
    ),
    Fault(
        "binance-metrics-epoch-labels",
        "Binance, metrics of BTCUSDT",
        "labels in milliseconds since 1970",
        rows(METRICS, in_milliseconds),
        Q,
        (
            "raw_files.hardly_any_quarantined",
            "open_interest_daily.samples_there",
        ),
        (
            BTC_OI,
            BTC_POS,
        ),
    ),
    Fault(
        "binance-metrics-column-added",
        "Binance, metrics of BTCUSDT",
        "one column more",
        text(METRICS, column_added),
        H,
    ),
    Fault(
        "binance-metrics-column-dropped",
        "Binance, metrics of BTCUSDT",
        "the column of coins is gone",
        text(METRICS, column_dropped("sum_open_interest")),
        R,
        ("header lacks sum_open_interest",),
    ),
    Fault(
        "binance-ratio-percent",
        "Binance, metrics of BTCUSDT",
        "account ratio × 100",
        cell(METRICS, "count_long_short_ratio", times(100)),
        W,
        (
            "positioning_daily.ratios_steady",
            "positioning_daily.holders_ratios_believable",
            "positioning_daily.majors_ratios_believable",
        ),
        (BTC_POS,),
    ),
)
