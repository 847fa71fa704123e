-- title: Which were the worst hours of liquidations?
-- answers: The n clock hours with the largest total over venues, of one asset or of all, with the
--   share of longs.
-- units: US dollars of positions; hour is the start of the hour, UTC.
-- caveats: completeness is the weakest of the day's instruments that had events in the hour. An
--   amount without a price is not in the sum, and makes it partial.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param asset VARCHAR = NULL : only this base asset
-- param n BIGINT = 10 : rows
WITH hours AS (
  SELECT h.hour, sum(h.long_usd ORDER BY h.venue, h.symbol) AS long_usd,
    sum(h.short_usd ORDER BY h.venue, h.symbol) AS short_usd,
    count(DISTINCT h.venue) AS venue_count, count(*) AS instrument_count,
    max(greatest(
      list_position(['complete', 'throttled', 'partial', 'unknown'], d.completeness),
      CASE WHEN h.long_usd IS NULL OR h.short_usd IS NULL THEN 3 ELSE 1 END)) AS weakest
  FROM liquidations_hourly AS h LEFT JOIN liquidations_daily AS d
    ON d.date = h.date AND d.venue = h.venue AND d.symbol = h.symbol
  WHERE h.date BETWEEN $start::DATE AND $stop::DATE AND ($asset IS NULL OR h.base_asset = $asset)
  GROUP BY h.hour
)
SELECT hour, coalesce(long_usd, 0) + coalesce(short_usd, 0) AS total_usd, long_usd, short_usd,
  long_usd / nullif(total_usd, 0) AS long_share_fraction, venue_count, instrument_count,
  ['complete', 'throttled', 'partial', 'unknown'][weakest] AS completeness
FROM hours
WHERE long_usd IS NOT NULL OR short_usd IS NOT NULL
ORDER BY total_usd DESC, hour
LIMIT $n;
