-- title: What did holding a long cost over a day, a week and a month?
-- answers: Per asset the day's rate weighted by open interest, what it summed to over 7 and 30
--   days, and compounded, dearest month first.
-- units: fractions; funding_rate_8h_oi_weighted per 8 h, funding_day_fraction 3 × that.
-- caveats: A sum is NULL where a day is missing inside, so a young build has few of them.
-- param day DATE = latest : UTC day
SELECT base_asset, funding_rate_8h_oi_weighted,
  3 * funding_rate_8h_oi_weighted AS funding_day_fraction,
  funding_cumulative_7d AS funding_7d_fraction, funding_cumulative_30d AS funding_30d_fraction,
  funding_compounded_30d AS funding_compounded_30d_fraction,
  funding_rate_annualised_oi_weighted, funding_venues AS funding_venue_count,
  open_interest_coverage
FROM market_daily
WHERE date = $day::DATE
ORDER BY funding_30d_fraction DESC NULLS LAST, funding_rate_8h_oi_weighted DESC NULLS LAST,
  base_asset;
