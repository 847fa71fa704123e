-- title: Where is funding unusual for the venue that pays it?
-- answers: Of the n assets with the most open interest, per venue (and `all`, over the venues) the
--   day's rate, what that venue's rate of that asset usually is, and its rank among the 90 days.
-- units: fractions per 8 h; percentile_90d from 0 (lowest) to 1.
-- caveats: No rank and no typical rate with fewer than 14 known days. A venue that paid funding in
--   the 90 days but not on the day has NULL. missing_settlement_count > 0: the day lacks settlements
--   that were due.
-- param day DATE = latest : UTC day
-- param n BIGINT = 12 : assets
WITH largest AS (
  SELECT base_asset, row_number() OVER (ORDER BY open_interest_usd DESC NULLS LAST, base_asset)
    AS position
  FROM market_daily WHERE date = $day::DATE
  QUALIFY position <= $n
), cells AS (
  SELECT l.position, h.base_asset, coalesce(h.venue, 'all') AS venue, h.date, h.funding_rate_8h
  FROM funding_heatmap($day::DATE - 89, $day::DATE) AS h JOIN largest AS l
    ON l.base_asset = h.base_asset
  WHERE h.funding_rate_8h IS NOT NULL
), today AS (
  SELECT base_asset, venue, funding_rate_8h FROM cells WHERE date = $day::DATE
), ranked AS (
  SELECT c.position, c.base_asset, c.venue, any_value(t.funding_rate_8h) AS funding_rate_8h,
    count(*) AS history_days, median(c.funding_rate_8h) AS typical_8h,
    count(*) FILTER (c.funding_rate_8h < t.funding_rate_8h) AS below,
    count(*) FILTER (c.funding_rate_8h = t.funding_rate_8h) AS equal
  FROM cells AS c LEFT JOIN today AS t ON t.base_asset = c.base_asset AND t.venue = c.venue
  GROUP BY c.position, c.base_asset, c.venue
), missing AS (
  SELECT base_asset, venue,
    sum(greatest(expected_settlement_count - settlement_count, 0))::BIGINT AS settlements
  FROM funding_daily WHERE date = $day::DATE AND contract_kind = 'perpetual'
  GROUP BY base_asset, venue
)
SELECT r.base_asset, r.venue, r.funding_rate_8h,
  CASE WHEN r.history_days >= 14 THEN r.typical_8h END AS typical_8h,
  CASE WHEN r.history_days >= 14 AND r.funding_rate_8h IS NOT NULL
    THEN (r.below + 0.5 * r.equal) / r.history_days END AS percentile_90d,
  r.history_days,
  coalesce(CASE WHEN r.venue = 'all' THEN a.settlements ELSE m.settlements END, 0)
    AS missing_settlement_count
FROM ranked AS r LEFT JOIN missing AS m ON m.base_asset = r.base_asset AND m.venue = r.venue
LEFT JOIN (SELECT base_asset, sum(settlements)::BIGINT AS settlements FROM missing
  GROUP BY base_asset) AS a ON a.base_asset = r.base_asset
ORDER BY r.position, (r.venue <> 'all'), r.venue;
