-- title: When did liquidations cascade?
-- answers: Hours in which an asset's liquidations were at least min_fraction of its open interest
--   at the end of the day before.
-- units: US dollars, one-sided; to_open_interest_fraction of open_interest_before_usd.
-- caveats: Hours of a day whose previous day has no open interest cannot be judged and are not
--   here. Where completeness is not complete the cascade was larger than this, or smaller ones are
--   not seen.
-- param start DATE = latest-29 : first UTC day
-- param stop DATE = latest : last UTC day, inclusive
-- param asset VARCHAR = NULL : only this base asset
-- param min_fraction DOUBLE = 0.005 : of the open interest
WITH hours AS (
  SELECT date, hour, base_asset, sum(long_usd ORDER BY venue, symbol) AS long_usd,
    sum(short_usd ORDER BY venue, symbol) AS short_usd
  FROM liquidations_hourly
  WHERE date BETWEEN $start::DATE AND $stop::DATE AND ($asset IS NULL OR base_asset = $asset)
  GROUP BY date, hour, base_asset
)
SELECT h.hour, h.base_asset, coalesce(h.long_usd, 0) + coalesce(h.short_usd, 0) AS total_usd,
  h.long_usd / nullif(total_usd, 0) AS long_share_fraction,
  b.open_interest_usd AS open_interest_before_usd,
  total_usd / b.open_interest_usd AS to_open_interest_fraction,
  m.liquidations_completeness AS completeness, b.open_interest_coverage
FROM hours AS h
JOIN market_daily AS b ON b.date = h.date - 1 AND b.base_asset = h.base_asset
LEFT JOIN market_daily AS m ON m.date = h.date AND m.base_asset = h.base_asset
WHERE b.open_interest_usd > 0 AND total_usd / b.open_interest_usd >= $min_fraction
ORDER BY h.hour, h.base_asset;
