-- title: Where was an asset liquidated on a day, and which side?
-- answers: Longs and shorts per venue, the share of longs, and the largest single order.
-- units: US dollars of positions, counts of orders, long_share_fraction of the total.
-- caveats: A venue without a feed has no row. completeness is the weakest of its instruments;
--   throttled and partial are lower bounds. An amount without a price is not in the sums and
--   makes them partial; NULL where none has a price.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = NULL : only this base asset
WITH venues AS (
  SELECT venue, sum(long_usd ORDER BY symbol) AS long_usd,
    sum(short_usd ORDER BY symbol) AS short_usd, sum(long_count)::BIGINT AS long_count,
    sum(short_count)::BIGINT AS short_count, max(largest_usd) AS largest_usd,
    count(*) AS instrument_count,
    max(greatest(list_position(['complete', 'throttled', 'partial', 'unknown'], completeness),
      CASE WHEN long_usd IS NULL OR short_usd IS NULL THEN 3 ELSE 1 END)) AS weakest
  FROM liquidations_daily
  WHERE date = $day::DATE AND ($asset IS NULL OR base_asset = $asset)
  GROUP BY venue
)
SELECT venue, long_usd, short_usd,
  CASE WHEN long_usd IS NOT NULL OR short_usd IS NOT NULL
    THEN coalesce(long_usd, 0) + coalesce(short_usd, 0) END AS total_usd,
  long_usd / nullif(total_usd, 0) AS long_share_fraction, long_count, short_count, largest_usd,
  instrument_count, ['complete', 'throttled', 'partial', 'unknown'][weakest] AS completeness
FROM venues
ORDER BY total_usd DESC NULLS LAST, venue;
