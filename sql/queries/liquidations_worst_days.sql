-- title: Which were the worst days of liquidations?
-- answers: The n days with the largest total, with the largest rolling 24 hours ending on them and
--   how much of it were longs; of one asset or, without one, of all.
-- units: US dollars; long_share_fraction of the day's total.
-- caveats: Days of different completeness do not compare: throttled and partial are lower bounds.
-- param asset VARCHAR = NULL : only this base asset; NULL: all assets together
-- param n BIGINT = 10 : rows
WITH days AS (
  SELECT date, liquidations_long_usd, liquidations_short_usd, liquidations_total_usd,
    liquidations_max_24h_usd, liquidations_max_24h_end, liquidations_completeness,
    liquidations_venues
  FROM market_total_daily WHERE $asset IS NULL
  UNION ALL
  SELECT date, liquidations_long_usd, liquidations_short_usd, liquidations_total_usd,
    liquidations_max_24h_usd, liquidations_max_24h_end, liquidations_completeness,
    liquidations_venues
  FROM market_daily WHERE base_asset = $asset
)
SELECT row_number() OVER (ORDER BY liquidations_total_usd DESC, date) AS rank, date,
  liquidations_total_usd,
  liquidations_long_usd / nullif(liquidations_total_usd, 0) AS long_share_fraction,
  liquidations_max_24h_usd, liquidations_max_24h_end,
  liquidations_completeness AS completeness, liquidations_venues AS venue_count
FROM days
WHERE liquidations_total_usd IS NOT NULL
ORDER BY rank
LIMIT $n;
