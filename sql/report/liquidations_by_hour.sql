-- title: When was the market liquidated?
-- answers: Longs and shorts of all venues and assets in each of the 24 hours of a day.
-- units: US dollars of positions, counts of orders; hour is its start, UTC.
-- caveats: An hour without an event is 0 where the feeds covered the day, and NULL where one of
--   them lacks hours (`partial`) or there was none. Amounts without a price are not in the sums and
--   are counted in unpriced_row_count.
-- param day DATE = latest : UTC day
WITH feeds AS (
  SELECT count(*) AS rows, bool_or(completeness = 'partial') AS holes
  FROM liquidations_daily WHERE date = $day::DATE
), seen AS (
  SELECT hour, sum(long_usd ORDER BY venue, symbol) AS long_usd,
    sum(short_usd ORDER BY venue, symbol) AS short_usd,
    sum(long_count)::BIGINT AS long_count, sum(short_count)::BIGINT AS short_count,
    count(*) FILTER (long_usd IS NULL OR short_usd IS NULL) AS unpriced_row_count
  FROM liquidations_hourly WHERE date = $day::DATE
  GROUP BY hour
), hours AS (
  SELECT $day::DATE + to_hours(n) AS hour FROM range(24) AS r(n)
)
SELECT h.hour,
  CASE WHEN s.hour IS NOT NULL THEN s.long_usd WHEN f.rows > 0 AND NOT f.holes THEN 0.0 END
    AS long_usd,
  CASE WHEN s.hour IS NOT NULL THEN s.short_usd WHEN f.rows > 0 AND NOT f.holes THEN 0.0 END
    AS short_usd,
  CASE WHEN s.hour IS NOT NULL THEN s.long_count WHEN f.rows > 0 AND NOT f.holes THEN 0 END
    AS long_count,
  CASE WHEN s.hour IS NOT NULL THEN s.short_count WHEN f.rows > 0 AND NOT f.holes THEN 0 END
    AS short_count,
  coalesce(s.unpriced_row_count, 0) AS unpriced_row_count
FROM hours AS h CROSS JOIN feeds AS f LEFT JOIN seen AS s ON s.hour = h.hour
ORDER BY h.hour;
