-- The assets of a day in which one side pays unusually much to keep its positions: `crowded_side`,
-- funding per 8 h weighted by open interest beside what is typical (fractions), its rank in 90
-- days, and what a year of it costs. Furthest from typical first. An asset without 14 known days
-- has no verdict and is not here.
CREATE OR REPLACE MACRO crowded(day) AS TABLE
SELECT s.base_asset, s.crowded_side, m.funding_rate_8h_oi_weighted, s.funding_typical_8h,
  m.funding_rate_8h_oi_weighted - s.funding_typical_8h AS against_typical_8h,
  s.funding_percentile_90d, m.funding_rate_annualised_oi_weighted, m.open_interest_usd,
  m.long_short_account_ratio, s.funding_history_days, m.open_interest_coverage
FROM signals_daily AS s JOIN market_daily AS m
  ON m.date = s.date AND m.base_asset = s.base_asset
WHERE s.date = day::DATE AND s.crowded_side IN ('long', 'short')
ORDER BY abs(against_typical_8h) DESC, s.base_asset;
