-- The series of an asset's funding over all venues: per 8 h weighted by open interest, for a year
-- (× 1095), what is typical of it, its rank in 90 days, and what a long paid over 7 and 30 days.
-- Fractions; open interest in US dollars. `open_interest_coverage` below 1 says that venues which
-- were seen in the 30 days before are missing behind the weights. NULL: no perpetual has both a
-- rate and open interest.
CREATE OR REPLACE MACRO oi_weighted_funding(asset) AS TABLE
SELECT m.date, m.base_asset, m.funding_rate_8h_oi_weighted,
  m.funding_rate_annualised_oi_weighted, s.funding_typical_8h, s.funding_percentile_90d,
  m.funding_cumulative_7d, m.funding_cumulative_30d, m.funding_venues AS funding_venue_count,
  m.open_interest_usd, m.open_interest_coverage
FROM market_daily AS m LEFT JOIN signals_daily AS s
  ON s.date = m.date AND s.base_asset = m.base_asset
WHERE m.base_asset = asset
ORDER BY m.date;
