-- title: Where does one side pay unusually much?
-- answers: The assets in which longs or shorts are crowded, furthest from typical first.
-- units: fractions per 8 h and per year, US dollars, ratio; funding_percentile_90d from 0 to 1.
-- caveats: An asset without 14 known days of funding has no verdict and is not here.
-- param day DATE = latest : UTC day
SELECT base_asset, crowded_side, funding_rate_8h_oi_weighted, funding_typical_8h,
  against_typical_8h, funding_percentile_90d, funding_rate_annualised_oi_weighted,
  open_interest_usd, long_short_account_ratio, funding_history_days, open_interest_coverage
FROM crowded($day::DATE)
ORDER BY abs(against_typical_8h) DESC, base_asset;
