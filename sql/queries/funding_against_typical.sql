-- title: How unusual is funding today?
-- answers: Per asset the day's rate beside what is typical (median of 365 days), its rank in 90
--   days, and which side is crowded.
-- units: fractions per 8 h; funding_percentile_90d from 0 (lowest) to 1.
-- caveats: NULL with fewer than 14 known days; history_days says how many there are.
-- param day DATE = latest : UTC day
SELECT m.base_asset, m.funding_rate_8h_oi_weighted, s.funding_typical_8h,
  m.funding_rate_8h_oi_weighted - s.funding_typical_8h AS against_typical_8h,
  s.funding_percentile_90d, s.crowded_side, m.funding_rate_8h_min, m.funding_rate_8h_max,
  s.funding_history_days AS history_days
FROM market_daily AS m LEFT JOIN signals_daily AS s
  ON s.date = m.date AND s.base_asset = m.base_asset
WHERE m.date = $day::DATE
ORDER BY abs(against_typical_8h) DESC NULLS LAST, m.base_asset;
