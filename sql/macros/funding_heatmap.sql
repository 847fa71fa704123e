-- Funding per 8 h (fraction) from start_date to end_date, both inclusive, in long form. Where
-- `venue` is NULL a row is an asset and day over all venues, weighted by open interest (filter
-- `venue IS NULL` for asset × day); else it is an asset, venue and day over that venue's
-- perpetuals. `weighted_by` says how: `open interest`, or `none` where no perpetual of it has any
-- and the rate is the plain mean. `funding_typical_8h` is what the asset usually pays over all
-- venues (median of 365 days; NULL with less than 14 known), `against_typical_8h` the distance
-- from it. A day without a rate is NULL; a venue's day without a row has none.
CREATE OR REPLACE MACRO funding_heatmap(start_date, end_date) AS TABLE
WITH paid AS (
  SELECT f.date, f.base_asset, f.venue, f.symbol, f.funding_rate_8h,
    CASE WHEN f.funding_rate_8h IS NOT NULL AND o.open_interest_usd_mean > 0
      AND coalesce(o.sample_count >= 0.01 * o.expected_sample_count, true)
      THEN o.open_interest_usd_mean END AS weight
  FROM funding_daily AS f LEFT JOIN open_interest_daily AS o
    ON o.date = f.date AND o.venue = f.venue AND o.symbol = f.symbol
  WHERE f.contract_kind = 'perpetual'
    AND f.date BETWEEN start_date::DATE AND end_date::DATE
), cells AS (
  SELECT date, base_asset, NULL::VARCHAR AS venue,
    coalesce(funding_rate_8h_oi_weighted, funding_rate_8h_mean) AS funding_rate_8h,
    CASE WHEN funding_rate_8h_oi_weighted IS NOT NULL THEN 'open interest'
      WHEN funding_rate_8h_mean IS NOT NULL THEN 'none' END AS weighted_by
  FROM market_daily
  WHERE date BETWEEN start_date::DATE AND end_date::DATE
  UNION ALL
  SELECT date, base_asset, venue,
    coalesce(sum(funding_rate_8h * weight ORDER BY symbol) / sum(weight ORDER BY symbol),
      avg(funding_rate_8h ORDER BY symbol)),
    CASE WHEN sum(weight) IS NOT NULL THEN 'open interest'
      WHEN count(funding_rate_8h) > 0 THEN 'none' END
  FROM paid
  GROUP BY date, base_asset, venue
)
SELECT c.date, c.base_asset, c.venue, c.funding_rate_8h, c.weighted_by, s.funding_typical_8h,
  c.funding_rate_8h - s.funding_typical_8h AS against_typical_8h
FROM cells AS c LEFT JOIN signals_daily AS s ON s.date = c.date AND s.base_asset = c.base_asset
ORDER BY c.date, c.base_asset, c.venue NULLS FIRST;
