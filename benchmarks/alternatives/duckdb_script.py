"""DuckDB: SQL over the unzipped files. DuckDB reads no zips, so somebody unzips them first."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl

METRICS = "data/futures/um/daily/metrics"
FUNDING = "data/futures/um/monthly/fundingRate"

_OPEN_INTEREST = """
WITH samples AS (
  SELECT symbol, time_bucket(INTERVAL 5 MINUTES, create_time) AS moment,
    any_value(sum_open_interest) AS coin, any_value(sum_open_interest_value) AS usd
  FROM read_csv($files, header = true, auto_detect = false, columns = {
    create_time: 'TIMESTAMP', symbol: 'VARCHAR', sum_open_interest: 'DOUBLE',
    sum_open_interest_value: 'DOUBLE', count_toptrader_long_short_ratio: 'VARCHAR',
    sum_toptrader_long_short_ratio: 'VARCHAR', count_long_short_ratio: 'VARCHAR',
    sum_taker_long_short_vol_ratio: 'VARCHAR'})
  WHERE sum_open_interest > 0
  GROUP BY ALL
)
SELECT moment::DATE AS date, symbol, count(*) AS sample_count,
  max_by(coin, moment) * coins AS open_interest_coin_close,
  avg(coin) * coins AS open_interest_coin_mean,
  max_by(usd, moment) AS open_interest_usd_close
FROM (
  SELECT *, 10 ** length(regexp_extract(symbol, '^1(0{3,6})[^0-9]', 1)) AS coins FROM samples
)
WHERE moment::DATE BETWEEN $first AND $last
GROUP BY moment::DATE, symbol, coins
"""
_FUNDING = """
WITH settlements AS (
  SELECT split_part(filename, '/', -2) AS symbol,
    date_trunc('minute', epoch_ms(calc_time) + INTERVAL 30 SECONDS) AS moment,
    any_value(last_funding_rate) AS rate
  FROM read_csv($files, header = true, auto_detect = false, filename = true, columns = {
    calc_time: 'BIGINT', funding_interval_hours: 'VARCHAR', last_funding_rate: 'DOUBLE'})
  GROUP BY ALL
)
SELECT moment::DATE AS date, symbol, count(*) AS settlement_count, sum(rate) AS funding_rate_sum
FROM settlements WHERE moment::DATE BETWEEN $first AND $last GROUP BY ALL
"""


def open_interest_daily(unzipped: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the metrics files unzipped below `unzipped`."""
    return _asked(_OPEN_INTEREST, unzipped / METRICS, first, last)


def funding_daily(unzipped: Path, first: date, last: date) -> pl.DataFrame:
    """Of first … last (UTC, inclusive), from the fundingRate files unzipped below `unzipped`."""
    return _asked(_FUNDING, unzipped / FUNDING, first, last)


def _asked(sql: str, folder: Path, first: date, last: date) -> pl.DataFrame:
    with duckdb.connect() as connection:
        given = {"files": f"{folder}/*/*.csv", "first": first, "last": last}
        return connection.execute(sql, given).pl()
