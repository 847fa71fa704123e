"""Faults of Binance's monthly funding.

It is the largest of the simulated venues: a day of its that is taken out would leave nothing
larger, so what is unfit there blocks."""

from __future__ import annotations

from tests.faults.binance_files import (
    ALL_FUNDING,
    BTC_FUNDING,
    FUNDING,
    B,
    D,
    H,
    Q,
    R,
    W,
    body_reversed,
    cell,
    columns_turned,
    drop,
    put,
    rows,
    text,
    times,
)
from tests.faults.fault import Fault
from tests.faults.moments import of_night

FAULTS = (
    Fault(
        "binance-funding-percent",
        "Binance, fundingRate of all USDⓈ-M symbols",
        "percent instead of fractions on the day",
        cell(ALL_FUNDING, "last_funding_rate", times(100)),
        B,
        ("funding_daily.majors_plausible",),
    ),
    Fault(
        "binance-funding-annual",
        "Binance, fundingRate of BTCUSDT",
        "annual rates (× 1095)",
        cell(FUNDING, "last_funding_rate", times(1095)),
        B,
        ("funding_daily.rate_within_caps",),
    ),
    Fault(
        "binance-funding-above-cap",
        "Binance, fundingRate of BTCUSDT",
        "one settlement of 500 %",
        cell(FUNDING, "last_funding_rate", put("5.0"), hour=8),
        B,
        ("funding_daily.rate_within_caps",),
    ),
    Fault(
        "binance-funding-seconds",
        "Binance, fundingRate of BTCUSDT",
        "stamps in seconds",
        rows(FUNDING, lambda row: row | {"calc_time": row["calc_time"][:-3]}),
        H,
    ),
    Fault(
        "binance-funding-units-mixed",
        "Binance, fundingRate of BTCUSDT",
        "stamps of the day in seconds, others in milliseconds",
        cell(FUNDING, "calc_time", lambda v: v[:-3]),
        H,
    ),
    Fault(
        "binance-funding-rows-twice",
        "Binance, fundingRate of BTCUSDT",
        "each row of the day twice",
        rows(FUNDING, lambda row: [row, row] if of_night(row) else row),
        D,
    ),
    Fault(
        "binance-funding-twice-a-minute-apart",
        "Binance, fundingRate of BTCUSDT",
        "each settlement of the day again a minute later",
        rows(
            FUNDING,
            lambda row: (
                [row, row | {"calc_time": str(int(row["calc_time"]) + 60_000)}]
                if of_night(row)
                else row
            ),
        ),
        B,
        ("funding_daily.interval_plausible",),
    ),
    Fault(
        "binance-funding-two-rates",
        "Binance, fundingRate of BTCUSDT",
        "one settlement twice with two rates",
        rows(
            FUNDING,
            lambda row: (
                [row, row | {"last_funding_rate": "0.00030000"}] if of_night(row, 8) else row
            ),
        ),
        W,
        ("source_conflicts.hardly_any",),
        (BTC_FUNDING,),
    ),
    Fault(
        "binance-funding-settlement-missing",
        "Binance, fundingRate of BTCUSDT",
        "the settlement of 08:00 is not there",
        drop(FUNDING, hour=8),
        W,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
    ),
    Fault(
        "binance-funding-nan",
        "Binance, fundingRate of BTCUSDT",
        "NaN for a rate",
        cell(FUNDING, "last_funding_rate", put("NaN"), hour=8),
        Q,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
    ),
    Fault(
        "binance-funding-empty-cell",
        "Binance, fundingRate of BTCUSDT",
        "an empty rate",
        cell(FUNDING, "last_funding_rate", put(""), hour=8),
        Q,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
    ),
    Fault(
        "binance-funding-exponent",
        "Binance, fundingRate of BTCUSDT",
        "rates as 1e-4",
        cell(FUNDING, "last_funding_rate", lambda v: f"{float(v):.8e}"),
        H,
    ),
    Fault(
        "binance-funding-decimal-comma",
        "Binance, fundingRate of BTCUSDT",
        "rates with a decimal comma",
        cell(FUNDING, "last_funding_rate", lambda v: v.replace(".", ",")),
        Q,
        (
            "coverage_daily.none_partial",
            "funding_daily.nobody_gone",
        ),
        (BTC_FUNDING,),
        days_back=1,
    ),
    Fault(
        "binance-funding-interval-wrong",
        "Binance, fundingRate of BTCUSDT",
        "funding_interval_hours says 4 on a day of three settlements",
        cell(FUNDING, "funding_interval_hours", put("4")),
        W,
        ("funding_daily.none_missing",),
        (BTC_FUNDING,),
        days_back=1,
    ),
    Fault(
        "binance-funding-column-renamed",
        "Binance, fundingRate of BTCUSDT",
        "last_funding_rate is called rate",
        text(FUNDING, lambda t: t.replace("last_funding_rate", "rate")),
        R,
        ("BTCUSDT-fundingRate-2021-01", "header lacks last_funding_rate"),
    ),
    Fault(
        "binance-funding-columns-in-other-order",
        "Binance, fundingRate of BTCUSDT",
        "columns in reverse order, with the header",
        text(FUNDING, columns_turned),
        H,
    ),
    Fault(
        "binance-funding-no-header",
        "Binance, fundingRate of BTCUSDT",
        "without a header",
        text(FUNDING, lambda t: t.split("\n", 1)[1]),
        H,
    ),
    Fault(
        "binance-funding-bom-crlf",
        "Binance, fundingRate of BTCUSDT",
        "byte order mark and CRLF",
        text(FUNDING, lambda t: "\ufeff" + t.replace("\n", "\r\n")),
        H,
    ),
    Fault(
        "binance-funding-reversed",
        "Binance, fundingRate of BTCUSDT",
        "newest row first",
        text(FUNDING, body_reversed),
        H,
    ),
    Fault(
        "binance-funding-month-missing",
        "Binance, fundingRate of ETHUSDT",
        "the month's file replaced by its header",
        text(FUNDING.replace("BTC", "ETH"), lambda t: t.split("\n", 1)[0] + "\n"),
        W,
        ("funding_daily.due_where_open",),
        ("funding_daily/binance/ETHUSDT",),
        days_back=2,
    ),
    Fault(
        "binance-funding-future",
        "Binance, fundingRate of BTCUSDT",
        "a settlement of the year 2031",
        rows(
            FUNDING,
            lambda row: [row, row | {"calc_time": "1927584000000"}] if of_night(row, 8) else row,
        ),
        H,
        why="set aside; one record is below the share that warns",
    ),
)
