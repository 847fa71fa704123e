-- title: Where is the crowd unusually long or short?
-- answers: Per asset the long/short account ratio of the day, its median and its rank among the
--   known days of the trailing 90, most extreme first.
-- units: ratio of accounts long ÷ short; long_short_percentile from 0 to 1, today included.
-- caveats: Accounts, not money; weighted by open interest over the venues that report it. Fewer
--   than 14 known days: no rank.
-- param day DATE = latest : UTC day
WITH known AS (
  SELECT base_asset, date, long_short_account_ratio AS ratio,
    max(CASE WHEN date = $day::DATE THEN long_short_account_ratio END) OVER (PARTITION BY base_asset)
      AS today
  FROM market_daily
  WHERE date BETWEEN $day::DATE - 89 AND $day::DATE AND long_short_account_ratio IS NOT NULL
)
SELECT base_asset, any_value(today) AS long_short_account_ratio, median(ratio) AS median_ratio,
  CASE WHEN count(*) >= 14
    THEN (count(*) FILTER (ratio < today) + 0.5 * count(*) FILTER (ratio = today)) / count(*)
  END AS long_short_percentile,
  count(*) AS history_days
FROM known
WHERE today IS NOT NULL
GROUP BY base_asset
ORDER BY abs(long_short_percentile - 0.5) DESC NULLS LAST, base_asset;
