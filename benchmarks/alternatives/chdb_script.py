"""chDB (ClickHouse in the process): SQL over the unzipped files. Its package reads no zips."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import chdb
import pyarrow as pa

METRICS = "data/futures/um/daily/metrics"
FUNDING = "data/futures/um/monthly/fundingRate"

_OPEN_INTEREST = """
WITH samples AS (
  SELECT symbol, toStartOfFiveMinutes(create_time) AS moment,
    any(sum_open_interest) AS coin, any(sum_open_interest_value) AS usd
  FROM file('{files}', 'CSVWithNames', $$create_time DateTime('UTC'), symbol LowCardinality(String),
    sum_open_interest Float64, sum_open_interest_value Float64$$)
  WHERE sum_open_interest > 0
  GROUP BY symbol, moment
)
SELECT toDate(moment) AS date, symbol::String AS symbol, count() AS sample_count,
  argMax(coin, moment) * coins AS open_interest_coin_close,
  avg(coin) * coins AS open_interest_coin_mean,
  argMax(usd, moment) AS open_interest_usd_close
FROM (
  SELECT *, pow(10, length(extract(symbol::String, '^1(0{{3,6}})[^0-9]'))) AS coins FROM samples
)
WHERE toDate(moment) BETWEEN '{first}' AND '{last}'
GROUP BY date, symbol, coins
SETTINGS input_format_skip_unknown_fields = 1
"""
_FUNDING = """
WITH settlements AS (
  SELECT splitByChar('/', _path)[-2] AS symbol,
    toStartOfMinute(fromUnixTimestamp64Milli(calc_time, 'UTC') + INTERVAL 30 SECOND) AS moment,
    any(last_funding_rate) AS rate
  FROM file('{files}', 'CSVWithNames', 'calc_time Int64, last_funding_rate Float64')
  GROUP BY symbol, moment
)
SELECT toDate(moment) AS date, symbol, count() AS settlement_count, sum(rate) AS funding_rate_sum
FROM settlements WHERE toDate(moment) BETWEEN '{first}' AND '{last}' GROUP BY date, symbol
SETTINGS input_format_skip_unknown_fields = 1
"""


def open_interest_daily(unzipped: Path, first: date, last: date) -> pa.Table:
    """Of first … last (UTC, inclusive), from the metrics files unzipped below `unzipped`."""
    return _asked(_OPEN_INTEREST, unzipped / METRICS, first, last)


def funding_daily(unzipped: Path, first: date, last: date) -> pa.Table:
    """Of first … last (UTC, inclusive), from the fundingRate files unzipped below `unzipped`."""
    return _asked(_FUNDING, unzipped / FUNDING, first, last)


def _asked(sql: str, folder: Path, first: date, last: date) -> pa.Table:
    return chdb.query(sql.format(files=f"{folder}/*/*.csv", first=first, last=last), "arrowtable")
