-- title: Which perpetuals paid most and least on a day?
-- answers: The n highest and the n lowest rates of the day over all venues, each brought to 8 h so
--   that hourly and 8-hourly contracts compare.
-- units: funding_rate_8h fraction per 8 h (positive: longs pay shorts), funding_rate_annualised
--   × 1095, open interest US dollars at the day's end.
-- caveats: A day whose hours are not known has no rate per 8 h and is left out. Fewer settlements
--   than expected: the rate is of the hours that were seen.
-- param day DATE = latest : UTC day
-- param asset VARCHAR = NULL : only this base asset
-- param n BIGINT = 10 : rows at each end
WITH ranked AS (
  SELECT f.venue, f.symbol, f.base_asset, f.funding_rate_8h, f.funding_rate_annualised,
    f.interval_hours, f.settlement_count, f.expected_settlement_count,
    row_number() OVER (ORDER BY f.funding_rate_8h DESC, f.venue, f.symbol) AS from_top,
    row_number() OVER (ORDER BY f.funding_rate_8h, f.venue, f.symbol) AS from_bottom
  FROM funding_daily AS f
  WHERE f.date = $day::DATE AND f.contract_kind = 'perpetual' AND f.funding_rate_8h IS NOT NULL
    AND ($asset IS NULL OR f.base_asset = $asset)
), ends AS (
  SELECT 'highest' AS extreme, from_top AS rank, * FROM ranked WHERE from_top <= $n
  UNION ALL
  SELECT 'lowest', from_bottom, * FROM ranked WHERE from_bottom <= $n
)
SELECT e.extreme, e.rank, e.venue, e.symbol, e.base_asset, e.funding_rate_8h,
  e.funding_rate_annualised, e.interval_hours, e.settlement_count, e.expected_settlement_count,
  o.open_interest_usd_close
FROM ends AS e LEFT JOIN open_interest_daily AS o
  ON o.date = $day::DATE AND o.venue = e.venue AND o.symbol = e.symbol
  AND coalesce(o.sample_count >= 0.01 * o.expected_sample_count, true)
ORDER BY e.extreme, e.rank;
